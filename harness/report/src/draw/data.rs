//! The numbers behind a figure as a table.

use harness_core::Result;
use harness_core::figure::{Figure, Plot, Reference};
use polars::prelude::{Column, DataFrame};

use super::histogram;
use crate::tables;

#[derive(Default)]
struct Rows {
    panel: Vec<u32>,
    kind: Vec<&'static str>,
    series: Vec<String>,
    x: Vec<Option<String>>,
    y: Vec<Option<f64>>,
    low: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
    text: Vec<Option<String>>,
}

impl Rows {
    fn push(&mut self, panel: usize, kind: &'static str, series: &str, x: X<'_>, y: Option<f64>) {
        self.panel.push(panel as u32 + 1);
        self.kind.push(kind);
        self.series.push(tables::defused(series));
        self.x.push(match x {
            X::None => None,
            X::Number(value) => Some(value.to_string()),
            X::Name(name) => Some(tables::defused(name)),
        });
        self.y.push(y);
        self.low.push(None);
        self.high.push(None);
        self.text.push(None);
    }

    fn interval(&mut self, interval: Option<(f64, f64)>) {
        if let (Some((low, high)), Some(last_low), Some(last_high)) =
            (interval, self.low.last_mut(), self.high.last_mut())
        {
            (*last_low, *last_high) = (Some(low), Some(high));
        }
    }

    fn text(&mut self, text: String) {
        if let Some(last) = self.text.last_mut() {
            *last = Some(text);
        }
    }

    fn references(&mut self, panel: usize, references: &[Reference]) {
        for reference in references {
            let (x, y) =
                if reference.vertical { (X::Number(reference.at), None) } else { (X::None, Some(reference.at)) };
            self.push(panel, "reference", &reference.label, x, y);
        }
    }
}

enum X<'a> {
    None,
    Number(f64),
    Name(&'a str),
}

/// All numbers of a figure, one a row, whether they are drawn or not.
///
/// Columns: `panel` (from 1), `kind`, `series`, `x` (number or name), `y`, `low` and `high` (the interval), `text`.
/// Heatmaps: `series` is the row, `x` the column. Histograms: `y` is the count, `low` and `high` the bin. Tables and
/// pictures: `text` is the cell, or height x width x channels and the bytes in hexadecimal digits.
///
/// # Errors
/// Where the table cannot be built.
pub fn figure_table(figure: &Figure) -> Result<DataFrame> {
    let mut rows = Rows::default();
    for (panel, content) in figure.panels.iter().enumerate() {
        match &content.plot {
            Plot::Lines(plot) => {
                for line in &plot.lines {
                    for point in &line.points {
                        rows.push(panel, "line", &line.label, X::Number(point.x), Some(point.y));
                        rows.interval(point.band);
                    }
                }
                rows.references(panel, &plot.references);
            }
            Plot::Bars(plot) => {
                for series in &plot.series {
                    for (category, bar) in plot.categories.iter().zip(&series.bars) {
                        rows.push(panel, "bar", &series.label, X::Name(category), bar.map(|bar| bar.value));
                        rows.interval(bar.and_then(|bar| bar.interval));
                    }
                }
                rows.references(panel, &plot.references);
            }
            Plot::Heatmap(plot) => {
                for (row, values) in plot.rows.iter().zip(&plot.values) {
                    for (column, value) in plot.columns.iter().zip(values) {
                        rows.push(panel, "heatmap", row, X::Name(column), Some(*value));
                    }
                }
            }
            Plot::Scatter(plot) => {
                for (label, points) in &plot.clouds {
                    points.iter().for_each(|(x, y)| rows.push(panel, "scatter", label, X::Number(*x), Some(*y)));
                }
            }
            Plot::Histogram(plot) => {
                let (_, edges, samples) = match histogram::binned(plot) {
                    Some(binned) => binned,
                    None => continue,
                };
                for sample in samples {
                    for (count, bin) in sample.counts.iter().zip(edges.windows(2)) {
                        let &[low, high] = bin else { continue };
                        rows.push(panel, "bin", sample.label, X::Number(low / 2.0 + high / 2.0), Some(*count as f64));
                        rows.interval(Some((low, high)));
                    }
                }
            }
            Plot::Images(grid) => {
                for (name, images) in &grid.rows {
                    for (index, image) in images.iter().enumerate() {
                        let column =
                            grid.columns.get(index).map_or(X::Number(index as f64 + 1.0), |name| X::Name(name));
                        rows.push(panel, "image", name, column, None);
                        let bytes = harness_core::trial::hex(&image.pixels);
                        rows.text(format!("{}x{}x{} {bytes}", image.height, image.width, image.channels));
                    }
                }
            }
            Plot::Table(table) => {
                for (index, cells) in table.rows.iter().enumerate() {
                    for (column, cell) in table.columns.iter().zip(cells) {
                        rows.push(panel, "table", &(index + 1).to_string(), X::Name(column), None);
                        rows.text(tables::defused(cell));
                    }
                }
            }
        }
    }
    tables::frame(vec![
        Column::new("panel".into(), rows.panel),
        Column::new("kind".into(), rows.kind),
        Column::new("series".into(), rows.series),
        Column::new("x".into(), rows.x),
        Column::new("y".into(), rows.y),
        Column::new("low".into(), rows.low),
        Column::new("high".into(), rows.high),
        Column::new("text".into(), rows.text),
    ])
}
