//! Figures as papers describe them. `harness` draws them.

use std::collections::BTreeMap;

use crate::evidence::LEVEL;
use crate::record::Image;
use crate::stats;

/// A figure of one or more panels side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// File name without ending: lower-case letters, digits, `-`.
    pub id: String,
    /// The finding, or what is shown, as a sentence.
    pub title: String,
    /// What to look at, and what the bands are.
    pub caption: String,
    /// The panels.
    pub panels: Vec<Panel>,
}

/// A plot with its own title.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Title; may be empty where the figure's says all.
    pub title: String,
    /// What is drawn.
    pub plot: Plot,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Plot {
    /// Curves with bands over seeds.
    Lines(LinePlot),
    /// Groups of bars with intervals.
    Bars(BarPlot),
    /// A matrix of values as colours.
    Heatmap(Heatmap),
    /// Clouds of points.
    Scatter(ScatterPlot),
    /// Counts of values.
    Histogram(Histogram),
    /// Small pictures in rows and columns.
    Images(ImageGrid),
    /// Rows of text and numbers.
    Table(Table),
}

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By powers of ten; values of 0 and below are left out.
    Log,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit: `time per example (ms)`.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: &str) -> Self {
        Axis { label: label.to_owned(), scale: Scale::Linear }
    }

    /// A logarithmic axis.
    pub fn log(label: &str) -> Self {
        Axis { label: label.to_owned(), scale: Scale::Log }
    }
}

/// A value with an interval, at an abscissa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Abscissa.
    pub x: f64,
    /// Ordinate: the mean over seeds.
    pub y: f64,
    /// The interval over seeds, where there are at least two.
    pub band: Option<(f64, f64)>,
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Name in the legend.
    pub label: String,
    /// What gives it its colour: lines of the same key have the same colour in all figures of a paper. The label
    /// where absent.
    pub colour_key: Option<String>,
    /// Whether it is drawn broken (baselines, theory).
    pub dashed: bool,
    /// Whether its points are marked.
    pub markers: bool,
    /// Its points, by x.
    pub points: Vec<Point>,
}

impl Line {
    /// The mean over runs at each abscissa that any run has, with the t interval of the runs that have it.
    pub fn over_seeds(label: &str, runs: &[Vec<(f64, f64)>]) -> Self {
        let mut columns: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
        for (x, y) in runs.iter().flatten().filter(|(x, _)| x.is_finite()) {
            columns.entry(ordered_bits(*x)).or_insert_with(|| (*x, Vec::new())).1.push(*y);
        }
        let points = columns
            .into_values()
            .map(|(x, values)| Point {
                x,
                y: values.iter().sum::<f64>() / values.len() as f64,
                band: stats::t_interval(&values, LEVEL).ok().map(|interval| (interval.low, interval.high)),
            })
            .collect();
        Line { label: label.to_owned(), colour_key: None, dashed: false, markers: false, points }
    }

    /// A curve without bands, such as a theorem's.
    pub fn exact(label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| Point { x, y, band: None }).collect();
        Line { label: label.to_owned(), colour_key: None, dashed: false, markers: false, points }
    }

    /// Drawn broken.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// With its points marked.
    pub fn with_markers(mut self) -> Self {
        self.markers = true;
        self
    }

    /// In the colour of `key`.
    pub fn coloured_as(mut self, key: &str) -> Self {
        self.colour_key = Some(key.to_owned());
        self
    }
}

/// Bits of a finite double that order as the number does.
fn ordered_bits(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// A horizontal or vertical line for a published value or a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Name beside the line.
    pub label: String,
    /// Where.
    pub at: f64,
    /// Whether it is vertical (`x = at`) rather than horizontal.
    pub vertical: bool,
}

/// Curves with bands.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The curves.
    pub lines: Vec<Line>,
    /// Published values and limits.
    pub references: Vec<Reference>,
}

/// Groups of bars: one group per category, one bar per series in it.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPlot {
    /// What the categories are.
    pub x: String,
    /// Value axis.
    pub y: Axis,
    /// Names of the categories.
    pub categories: Vec<String>,
    /// The bars.
    pub series: Vec<BarSeries>,
    /// Published values and limits.
    pub references: Vec<Reference>,
}

/// One bar per category.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// Name in the legend, and colour key.
    pub label: String,
    /// Mean and interval per category; `None` leaves a gap.
    pub bars: Vec<Option<Bar>>,
}

/// A bar with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Mean over seeds.
    pub value: f64,
    /// Interval over seeds.
    pub interval: Option<(f64, f64)>,
}

impl Bar {
    /// The mean of values over seeds, with its t interval.
    pub fn over_seeds(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        if values.is_empty() {
            return None;
        }
        Some(Bar {
            value: values.iter().sum::<f64>() / values.len() as f64,
            interval: stats::t_interval(&values, LEVEL).ok().map(|interval| (interval.low, interval.high)),
        })
    }
}

/// A matrix of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// What the columns are.
    pub x: String,
    /// What the rows are.
    pub y: String,
    /// What the colour is, with its unit.
    pub value: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Values by row; NaN leaves the field empty.
    pub values: Vec<Vec<f64>>,
}

/// Clouds of points.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPlot {
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Name and points of each cloud.
    pub clouds: Vec<(String, Vec<(f64, f64)>)>,
    /// Whether the line x = y is drawn.
    pub diagonal: bool,
}

/// Counts of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// What is counted, with its unit.
    pub x: Axis,
    /// Number of bins.
    pub bins: usize,
    /// Name and values of each sample.
    pub samples: Vec<(String, Vec<f64>)>,
}

/// Small pictures in rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageGrid {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Name and pictures of each row.
    pub rows: Vec<(String, Vec<Image>)>,
}

/// Rows of text and numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column heads.
    pub columns: Vec<String>,
    /// Cells by row.
    pub rows: Vec<Vec<String>>,
}

impl Figure {
    /// A figure of one panel.
    pub fn new(id: &str, title: impl Into<String>, caption: impl Into<String>, plot: Plot) -> Self {
        let panels = vec![Panel { title: String::new(), plot }];
        Figure { id: id.to_owned(), title: title.into(), caption: caption.into(), panels }
    }

    /// A figure of several panels.
    pub fn of_panels(id: &str, title: impl Into<String>, caption: impl Into<String>, panels: Vec<Panel>) -> Self {
        Figure { id: id.to_owned(), title: title.into(), caption: caption.into(), panels }
    }
}

impl Panel {
    /// A titled plot.
    pub fn new(title: impl Into<String>, plot: Plot) -> Self {
        Panel { title: title.into(), plot }
    }
}
