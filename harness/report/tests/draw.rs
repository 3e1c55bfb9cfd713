//! Figures of every kind and of odd numbers and texts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use harness_core::figure::{
    Axis, Bar, BarPlot, BarSeries, Figure, Heatmap, Histogram, ImageGrid, Line, LinePlot, Panel, Plot, Point,
    Reference, Scale, ScatterPlot, Table,
};
use harness_core::record::Image;
use harness_report::draw::{Drawn, Palette, draw, figure_table};
use proptest::prelude::*;

fn lines(lines: Vec<Line>) -> LinePlot {
    LinePlot { x: Axis::linear("step"), y: Axis::linear("loss"), lines, references: Vec::new() }
}

fn drawn(figure: &Figure) -> (tempfile::TempDir, Drawn, String) {
    let dir = tempfile::tempdir().unwrap();
    let drawn = draw(figure, &Palette::default(), dir.path()).unwrap();
    let svg = std::fs::read_to_string(&drawn.svg).unwrap();
    (dir, drawn, svg)
}

/// The text elements of an SVG file.
fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text").skip(1).filter_map(|rest| rest.split('>').nth(1)?.split('<').next()).map(str::trim).collect()
}

/// Text, abscissa and ordinate of the text elements of an SVG file.
fn placed_texts(svg: &str) -> Vec<(&str, f64, f64)> {
    let number = |element: &str, name: &str| -> f64 {
        element.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    let elements = svg.split("<text").skip(1).filter(|element| element.contains(" x=\""));
    elements
        .map(|element| {
            let text = element.split('>').nth(1).unwrap().split('<').next().unwrap().trim();
            (text, number(element, "x"), number(element, "y"))
        })
        .collect()
}

/// Width and height in the head of a PNG file.
fn png_size(path: &Path) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn the_name_of_a_limit_does_not_cover_numbers_of_bars() {
    // The numbers of the last bars stand where the name would be put first: at the right, above the line.
    let bars = (0..8).map(|index| Some(Bar { value: if index < 4 { 1.0 } else { 4.7 }, interval: None }));
    let plot = BarPlot {
        x: "arm".into(),
        y: Axis::linear("rank"),
        categories: (0..8).map(|index| format!("a{index}")).collect(),
        series: vec![BarSeries { label: "mean".into(), bars: bars.collect() }],
        references: vec![Reference { label: "critical".into(), at: 4.6, vertical: false }],
    };
    let (_dir, _, svg) = drawn(&Figure::new("bars", "t", "", Plot::Bars(plot)));
    let texts = placed_texts(&svg);
    let (_, x, y) = *texts.iter().find(|(text, ..)| *text == "critical").unwrap();
    // The drawing's unit is a tenth of a point; the name is 36 points wide and starts at `x`, numbers are centred.
    let covered = |at: f64, up: f64| at > x - 60.0 && at < x + 420.0 && (up - y).abs() < 80.0;
    let below: Vec<_> = texts.iter().filter(|(text, at, up)| *text == "4.7" && covered(*at, *up)).collect();
    assert!(below.is_empty(), "{below:?} is covered by the name at {x}, {y}");
}

#[test]
fn a_line_plot_has_its_labels_ticks_band_and_legend() {
    let runs = [vec![(0.0, 1.0), (10.0, 0.5)], vec![(0.0, 1.2), (10.0, 0.6)], vec![(0.0, 1.1), (10.0, 0.4)]];
    let plot = LinePlot {
        references: vec![Reference { label: "published".into(), at: 0.3, vertical: false }],
        ..lines(vec![Line::over_seeds("ours", &runs), Line::exact("bound", [(0.0, 0.9), (10.0, 0.2)]).dashed()])
    };
    let (_dir, drawn, svg) = drawn(&Figure::new("tiny", "The loss falls", "", Plot::Lines(plot)));
    let texts = texts(&svg);
    for expected in ["The loss falls", "step", "loss", "ours", "bound", "published", "0", "10"] {
        assert!(texts.contains(&expected), "{expected} is not among {texts:?}");
    }
    assert_eq!(svg.matches("<polygon").count(), 1, "one band: the exact curve has none");
    // Okabe–Ito blue and vermilion, in the order of the lines.
    assert!(svg.contains("#0072B2") && svg.contains("#D55E00"));
    let width = svg.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse::<u32>().unwrap();
    assert_eq!(png_size(&drawn.png).0, 2 * width);
    let csv = std::fs::read_to_string(&drawn.csv).unwrap();
    assert_eq!(csv.lines().count(), 1 + 4 + 1, "{csv}");
    assert!(csv.contains("1,line,bound,10,0.2,,,"), "{csv}");
    assert!(csv.contains("1,reference,published,,0.3,,,"), "{csv}");
}

#[test]
fn logarithmic_ticks_are_powers_of_ten_and_values_of_zero_are_named() {
    let plot = LinePlot {
        x: Axis::log("classes"),
        y: Axis::log("time (ms)"),
        ..lines(vec![Line::exact("full", [(0.0, 1.0), (10.0, 1e-3), (1e5, 1e3)])])
    };
    let (_dir, _, svg) = drawn(&Figure::new("log", "", "", Plot::Lines(plot)));
    let texts = texts(&svg);
    assert!(texts.contains(&"10⁻³") && texts.contains(&"10³") && texts.contains(&"10⁵"), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("1 value is left out")), "{texts:?}");
}

#[test]
fn a_plot_without_values_says_so() {
    let nan = lines(vec![Line::exact("a", [(0.0, f64::NAN), (f64::INFINITY, 1.0)])]);
    for plot in [
        Plot::Lines(lines(Vec::new())),
        Plot::Lines(nan),
        Plot::Bars(BarPlot {
            x: String::new(),
            y: Axis::linear(""),
            categories: vec!["a".into()],
            series: vec![BarSeries { label: "s".into(), bars: vec![None] }],
            references: Vec::new(),
        }),
        Plot::Heatmap(Heatmap {
            x: String::new(),
            y: String::new(),
            value: String::new(),
            columns: vec!["a".into()],
            rows: vec!["b".into()],
            values: vec![vec![f64::NAN]],
        }),
        Plot::Images(ImageGrid { columns: Vec::new(), rows: Vec::new() }),
        Plot::Table(Table { columns: Vec::new(), rows: Vec::new() }),
    ] {
        let (_dir, _, svg) = drawn(&Figure::new("empty", "", "", plot.clone()));
        assert!(texts(&svg).contains(&"no data"), "{plot:?}");
    }
    let (_dir, _, svg) = drawn(&Figure::of_panels("none", "", "", Vec::new()));
    assert!(texts(&svg).iter().any(|text| text.starts_with("no data")));
}

#[test]
fn hostile_text_is_shown_not_obeyed() {
    let label = "<script>alert('x')</script> \u{202e}\u{0000}&\"";
    let plot = LinePlot { x: Axis::linear(label), ..lines(vec![Line::exact(label, [(0.0, 1.0), (1.0, 2.0)])]) };
    let title = format!("{label} {}", "x".repeat(10_000));
    let figure = Figure::of_panels("../../up", title, "", vec![Panel::new(label, Plot::Lines(plot))]);
    let (dir, drawn, svg) = drawn(&figure);
    assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{0}'));
    assert!(svg.contains("&lt;script&gt;"));
    assert!(texts(&svg).iter().all(|text| text.len() < 2000));
    assert_eq!(drawn.svg, dir.path().join("up.svg"), "the name stays inside the folder");
}

#[test]
fn one_colour_per_key_in_all_figures() {
    let first = Figure::new(
        "a",
        "",
        "",
        Plot::Lines(lines(vec![Line::exact("x", [(0.0, 1.0)]), Line::exact("y", [(0.0, 2.0)])])),
    );
    let only_y =
        Figure::new("b", "", "", Plot::Lines(lines(vec![Line::exact("other name", [(0.0, 2.0)]).coloured_as("y")])));
    let mut palette = Palette::default();
    palette.add(&first);
    palette.add(&only_y);
    let dir = tempfile::tempdir().unwrap();
    let drawn = draw(&only_y, &palette, dir.path()).unwrap();
    let svg = std::fs::read_to_string(drawn.svg).unwrap();
    assert!(svg.contains("#D55E00") && !svg.contains("#0072B2"), "y is the second key, also where it stands alone");
}

#[test]
fn sixty_series_and_a_million_points_are_drawn() {
    let many = (0..60).map(|k| Line::exact(&format!("series {k}"), [(0.0, f64::from(k)), (1.0, 1.0)])).collect();
    let (_dir, _, svg) = drawn(&Figure::new("many", "", "", Plot::Lines(lines(many))));
    assert_eq!(texts(&svg).iter().filter(|text| text.starts_with("series")).count(), 60);
    let long = Line::exact("long", (0..1_000_000).map(|k| (f64::from(k), (f64::from(k) * 0.7).sin())));
    let figure = Figure::new("long", "", "", Plot::Lines(lines(vec![long])));
    let (_dir, _, svg) = drawn(&figure);
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    assert_eq!(figure_table(&figure).unwrap().height(), 1_000_000, "the CSV file has all points");
}

#[test]
fn pictures_are_part_of_the_svg_file() {
    let image = Image { height: 2, width: 3, channels: 1, pixels: vec![0, 50, 100, 150, 200, 250] };
    let grid = ImageGrid { columns: vec!["input".into()], rows: vec![("row".into(), vec![image])] };
    let (_dir, _, svg) = drawn(&Figure::new("pictures", "", "", Plot::Images(grid)));
    assert!(svg.contains("href=\"data:image/png;base64,iVBORw0KGgo"));
    assert!(svg.trim_end().ends_with("</svg>"));
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0,
        2 => any::<u64>().prop_map(f64::from_bits),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 1e308, -1e308, 5e-324, 1.0
        ]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,12}",
        1 => ".{0,40}",
        1 => Just("w".repeat(10_000)),
        1 => Just("<b>&\u{202e}\"\u{7}".to_owned()),
    ]
}

fn axis() -> impl Strategy<Value = Axis> {
    (text(), any::<bool>()).prop_map(|(label, log)| Axis { label, scale: if log { Scale::Log } else { Scale::Linear } })
}

fn interval() -> impl Strategy<Value = Option<(f64, f64)>> {
    prop::option::of((number(), number()))
}

fn references() -> impl Strategy<Value = Vec<Reference>> {
    let reference =
        (text(), number(), any::<bool>()).prop_map(|(label, at, vertical)| Reference { label, at, vertical });
    prop::collection::vec(reference, 0..4)
}

fn plot() -> impl Strategy<Value = Plot> {
    let point = (number(), number(), interval()).prop_map(|(x, y, band)| Point { x, y, band });
    let line = (text(), any::<(bool, bool)>(), prop::collection::vec(point, 0..30))
        .prop_map(|(label, (dashed, markers), points)| Line { label, colour_key: None, dashed, markers, points });
    let lines = (axis(), axis(), prop::collection::vec(line, 0..9), references())
        .prop_map(|(x, y, lines, references)| Plot::Lines(LinePlot { x, y, lines, references }));
    let bar = prop::option::of((number(), interval()).prop_map(|(value, interval)| Bar { value, interval }));
    let series = (text(), prop::collection::vec(bar, 0..8)).prop_map(|(label, bars)| BarSeries { label, bars });
    let bars =
        (text(), axis(), prop::collection::vec(text(), 0..12), prop::collection::vec(series, 0..5), references())
            .prop_map(|(x, y, categories, series, references)| {
                Plot::Bars(BarPlot { x, y, categories, series, references })
            });
    let heatmap = (
        (text(), text(), text()),
        prop::collection::vec(text(), 0..20),
        prop::collection::vec(text(), 0..20),
        prop::collection::vec(prop::collection::vec(number(), 0..20), 0..20),
    )
        .prop_map(|((x, y, value), columns, rows, values)| {
            Plot::Heatmap(Heatmap { x, y, value, columns, rows, values })
        });
    let cloud = (text(), prop::collection::vec((number(), number()), 0..60));
    let scatter = (axis(), axis(), prop::collection::vec(cloud, 0..5), any::<bool>())
        .prop_map(|(x, y, clouds, diagonal)| Plot::Scatter(ScatterPlot { x, y, clouds, diagonal }));
    let sample = (text(), prop::collection::vec(number(), 0..60));
    let histogram = (axis(), prop_oneof![0_usize..40, Just(usize::MAX)], prop::collection::vec(sample, 0..4))
        .prop_map(|(x, bins, samples)| Plot::Histogram(Histogram { x, bins, samples }));
    // Sizes that do not agree with the bytes, too.
    let image = (0_usize..9, 0_usize..9, 0_usize..5, prop::collection::vec(any::<u8>(), 0..64))
        .prop_map(|(height, width, channels, pixels)| Image { height, width, channels, pixels });
    let images = (
        prop::collection::vec(text(), 0..5),
        prop::collection::vec((text(), prop::collection::vec(image, 0..5)), 0..5),
    )
        .prop_map(|(columns, rows)| Plot::Images(ImageGrid { columns, rows }));
    let table = (prop::collection::vec(text(), 0..6), prop::collection::vec(prop::collection::vec(text(), 0..7), 0..9))
        .prop_map(|(columns, rows)| Plot::Table(Table { columns, rows }));
    prop_oneof![3 => lines, 2 => bars, 2 => heatmap, 2 => scatter, 2 => histogram, 1 => images, 1 => table]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_figure_is_drawn(
        title in text(),
        panels in prop::collection::vec((text(), plot()), 0..6),
    ) {
        let panels = panels.into_iter().map(|(title, plot)| Panel::new(title, plot)).collect();
        let (_dir, drawn, svg) = drawn(&Figure::of_panels("any", title, "", panels));
        prop_assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        let numbers = !svg.contains("=\"NaN") && !svg.contains("=\"inf");
        let direction = svg.contains('\u{202e}');
        prop_assert!(numbers && !direction);
        let tags = svg.matches('<').count();
        prop_assert_eq!(tags, svg.matches('>').count(), "markup is balanced");
        let (width, height) = png_size(&drawn.png);
        prop_assert!(width > 100 && height > 20);
    }
}
