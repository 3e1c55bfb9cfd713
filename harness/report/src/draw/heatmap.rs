//! A matrix of values as colours.

use harness_core::figure::{Heatmap, Scale};
use harness_core::text::number;
use plotters::backend::DrawingBackend;

use super::axes::{self, label_below, label_height, label_left, no_data, widest};
use super::canvas::{Align, Area, BLACK, Canvas, DARK, Drawing, Type, WHITE};
use super::palette::Colour;
use super::scale::{Range, extent};

/// Rows and columns that are drawn at most; larger matrices are drawn by every k-th row and column.
const MOST: usize = 160;

/// Viridis (van der Walt and Smith, 2015) at nine even steps: read alike with any colour vision and in grey.
const VIRIDIS: [Colour; 9] = [
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
];

/// Blue over white to red for values on both sides of 0 (after Brewer's RdBu, 2002).
const AROUND_ZERO: [Colour; 5] = [(33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43)];

fn colour_at(colours: &[Colour], place: f64) -> Colour {
    let scaled = place.clamp(0.0, 1.0) * (colours.len().saturating_sub(1)) as f64;
    let index = (scaled as usize).min(colours.len().saturating_sub(2));
    let share = scaled - index as f64;
    match (colours.get(index), colours.get(index + 1)) {
        (Some(a), Some(b)) => {
            let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
            (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
        }
        _ => BLACK,
    }
}

/// Black or white, whichever is read better on the colour.
fn ink(on: Colour) -> Colour {
    let luminance = 0.299 * f64::from(on.0) + 0.587 * f64::from(on.1) + 0.114 * f64::from(on.2);
    if luminance > 140.0 { BLACK } else { WHITE }
}

/// A way to write a value.
type Format = fn(f64) -> String;

/// Ways to write values that spread over `span`, from the longest to the shortest that still tells them apart.
fn formats(span: f64) -> Vec<Format> {
    let shorter: [(f64, Format); 4] = [
        (0.01, |value| format!("{value:.3}")),
        (0.1, |value| format!("{value:.2}")),
        (1.0, |value| format!("{value:.1}")),
        (10.0, |value| format!("{value:.0}")),
    ];
    std::iter::once(number as Format)
        .chain(shorter.into_iter().filter(|(least, _)| span >= *least).map(|(_, write)| write))
        .collect()
}

/// Height that the plot takes well.
pub(crate) fn height(plot: &Heatmap, width: f64) -> f64 {
    let rows = plot.rows.len().max(1) as f64;
    (rows * 30.0).clamp(90.0, 0.75 * width) + 70.0
}

/// The fields that are drawn, as (row, column, value).
fn fields(plot: &Heatmap) -> impl Iterator<Item = (usize, usize, f64)> {
    let columns = plot.columns.len();
    plot.rows.iter().zip(&plot.values).enumerate().flat_map(move |(row, (_, values))| {
        values.iter().take(columns).enumerate().map(move |(column, value)| (row, column, *value))
    })
}

/// What is not drawn.
pub(crate) fn notes(plot: &Heatmap) -> Vec<String> {
    let finite = fields(plot).filter(|(_, _, value)| value.is_finite()).count();
    let empty = plot.rows.len().saturating_mul(plot.columns.len()).saturating_sub(finite);
    let large = plot.rows.len() > MOST || plot.columns.len() > MOST;
    (empty > 0)
        .then(|| "grey fields have no finite value".to_owned())
        .into_iter()
        .chain(large.then(|| "not every row and column is drawn; all values are in the CSV file".to_owned()))
        .collect()
}

/// Draws the plot into `outer`.
pub(crate) fn plot<DB: DrawingBackend>(canvas: &mut Canvas<DB>, outer: Area, plot: &Heatmap) -> Drawing {
    let Some((low_value, high_value)) = extent(Scale::Linear, fields(plot).map(|(_, _, value)| value)) else {
        return no_data(canvas, outer);
    };
    let both_sides = low_value < 0.0 && high_value > 0.0;
    let reach = low_value.abs().max(high_value.abs());
    let range = if both_sides { (-reach, reach) } else { (low_value, high_value) };
    let range = Range::new(Scale::Linear, range, 0.0);
    let colours: &[Colour] = if both_sides { &AROUND_ZERO } else { &VIRIDIS };

    let names: Vec<String> = plot.rows.iter().map(|name| Type::TICK.fit(name, 0.28 * outer.width())).collect();
    let ticks = range.ticks(5);
    let bar_text = widest(Type::TICK, ticks.iter().map(|tick| tick.label.as_str()));
    let left = outer.left + label_height(&plot.y) + widest(Type::TICK, names.iter().map(String::as_str)) + 7.0;
    let right = outer.right - bar_text - 34.0 - label_height(&plot.value);
    let columns = axes::Names::new(&plot.columns, (right - left) / plot.columns.len().max(1) as f64);
    let bottom = outer.bottom - columns.height() - label_height(&plot.x) - 5.0;
    let inner = Area { left, top: outer.top + 4.0, right, bottom };

    let (wide, high) =
        (inner.width() / plot.columns.len().max(1) as f64, inner.height() / plot.rows.len().max(1) as f64);
    let step = |count: usize| count.div_ceil(MOST).max(1);
    let (row_step, column_step) = (step(plot.rows.len()), step(plot.columns.len()));
    canvas.rect(inner, (215, 215, 215), 1.0)?;
    let font = Type { size: 9.0_f64.min(0.62 * high), bold: false, colour: BLACK };
    let few = plot.rows.len().saturating_mul(plot.columns.len()) <= 900 && font.size >= 6.0;
    let write = formats(high_value - low_value)
        .into_iter()
        .find(|write| {
            let texts: Vec<String> = fields(plot).take(900).map(|(_, _, value)| write(value)).collect();
            widest(font, texts.iter().map(String::as_str)) <= wide - 3.0
        })
        .filter(|_| few);
    for (row, column, value) in fields(plot) {
        if !value.is_finite() || row % row_step != 0 || column % column_step != 0 {
            continue;
        }
        let (x, y) = (inner.left + column as f64 * wide, inner.top + row as f64 * high);
        let area = Area {
            left: x,
            top: y,
            right: (x + wide * column_step as f64).min(inner.right),
            bottom: (y + high * row_step as f64).min(inner.bottom),
        };
        let colour = colour_at(colours, range.place(value));
        canvas.rect(area, colour, 1.0)?;
        if let Some(write) = write {
            canvas.text(&write(value), area.centre(), Align::Centre, Type { colour: ink(colour), ..font })?;
        }
    }
    canvas.frame(inner, 0.8, DARK)?;
    for (row, name) in names.iter().enumerate().step_by((11.0 / high).ceil().max(1.0) as usize) {
        let y = inner.top + (row as f64 + 0.5) * high;
        canvas.text(name, (inner.left - 5.0, y), Align::Right, Type::TICK)?;
    }
    columns.draw(canvas, inner, inner.bottom + 4.0)?;
    label_below(canvas, &plot.x, inner, outer.bottom)?;
    label_left(canvas, &plot.y, inner, outer.left)?;

    let bar = Area { left: inner.right + 10.0, right: inner.right + 21.0, ..inner };
    let steps = 64;
    for k in 0..steps {
        let (from, to) = (f64::from(k) / f64::from(steps), f64::from(k + 1) / f64::from(steps));
        let area = Area { top: bar.at(0.0, to).1, bottom: bar.at(0.0, from).1, ..bar };
        canvas.rect(area, colour_at(colours, (from + to) / 2.0), 1.0)?;
    }
    canvas.frame(bar, 0.8, DARK)?;
    for tick in ticks {
        let (_, y) = bar.at(0.0, tick.at);
        canvas.path(&[(bar.right, y), (bar.right + 3.0, y)], 0.8, DARK, &[])?;
        canvas.text(&tick.label, (bar.right + 5.0, y), Align::Left, Type::TICK)?;
    }
    label_left(canvas, &plot.value, bar, bar.right + 9.0 + bar_text)
}
