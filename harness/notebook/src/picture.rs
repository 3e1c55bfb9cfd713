//! Plots in one line, drawn as those of the reports are.

use std::collections::BTreeSet;

use harness_core::figure::{
    Axis, Bar, BarPlot, BarSeries, Figure, Heatmap, Histogram, Line, LinePlot, Plot, ScatterPlot,
};
use harness_report::draw::{Palette, svg_text};

use crate::error::NotebookError;
use crate::html::display;
use crate::table::Table;

/// A drawing, as SVG.
#[derive(Clone)]
pub struct Picture {
    /// The drawing.
    pub svg: String,
    title: String,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "picture: {}", self.title)
    }
}

impl Picture {
    pub(crate) fn new(svg: String, title: String) -> Self {
        Picture { svg, title }
    }

    /// Shows the picture in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        display(&self.svg, &format!("{self:?}"));
    }
}

/// Draws a figure, such as one that a paper describes.
///
/// # Errors
/// Where it cannot be drawn.
pub fn show(figure: &Figure) -> Result<Picture, NotebookError> {
    let svg = svg_text(figure, &Palette::default())?;
    Ok(Picture { svg, title: figure.title.clone() })
}

fn figure(title: &str, plot: Plot) -> Result<Picture, NotebookError> {
    show(&Figure::new("figure", title, "", plot))
}

/// Curves over common axes: `lines("Loss", Axis::linear("step"), Axis::log("loss"), vec![Line::exact("adam", points)])`.
///
/// # Errors
/// Where they cannot be drawn.
pub fn lines(title: &str, x: Axis, y: Axis, lines: Vec<Line>) -> Result<Picture, NotebookError> {
    figure(title, Plot::Lines(LinePlot { x, y, lines, references: Vec::new() }))
}

/// One bar per name, with its interval where there is one: `bars("Effects", "claim", Axis::linear("effect"), rows)`.
///
/// # Errors
/// Where they cannot be drawn.
pub fn bars(
    title: &str,
    what: &str,
    y: Axis,
    rows: impl IntoIterator<Item = (String, f64, Option<(f64, f64)>)>,
) -> Result<Picture, NotebookError> {
    bar_per_name(title, what, y, rows.into_iter().map(|(name, value, interval)| (name, Some(Bar { value, interval }))))
}

/// One bar per name: the mean of its values, with their 95 % interval where there are at least two.
///
/// # Errors
/// Where they cannot be drawn.
pub fn bars_over_seeds(
    title: &str,
    what: &str,
    y: Axis,
    rows: impl IntoIterator<Item = (String, Vec<f64>)>,
) -> Result<Picture, NotebookError> {
    bar_per_name(title, what, y, rows.into_iter().map(|(name, values)| (name, Bar::over_seeds(values))))
}

fn bar_per_name(
    title: &str,
    what: &str,
    y: Axis,
    rows: impl Iterator<Item = (String, Option<Bar>)>,
) -> Result<Picture, NotebookError> {
    let (categories, bars) = rows.unzip();
    let series = vec![BarSeries { label: y.label.clone(), bars }];
    figure(title, Plot::Bars(BarPlot { x: what.to_owned(), y, categories, series, references: Vec::new() }))
}

/// Groups of bars from a table with a row per bar: `group` and `bar` name columns of texts, `value` one of numbers. Where
/// several rows have the same group and bar, the last one counts.
///
/// # Errors
/// Where there is no such column, a row lacks one of the three, or they cannot be drawn.
pub fn grouped_bars(title: &str, table: &Table, group: &str, bar: &str, value: &str) -> Result<Picture, NotebookError> {
    let (groups, names, values) = (table.texts(group)?, table.texts(bar)?, table.numbers(value)?);
    let height = table.height();
    if [groups.len(), names.len(), values.len()].iter().any(|length| *length != height) {
        return Err(NotebookError::new(format!(
            "a row lacks its `{group}`, `{bar}` or `{value}`: take such rows out first, with `drop_nulls`"
        )));
    }
    let categories: Vec<String> = groups.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let labels: BTreeSet<&String> = names.iter().collect();
    let series = labels.into_iter().map(|label| {
        let at = |category: &String| {
            let rows = groups.iter().zip(&names).zip(&values);
            rows.rev().find(|((group, name), _)| *group == category && *name == label)
        };
        let bars =
            categories.iter().map(|category| at(category).map(|(_, value)| Bar { value: *value, interval: None }));
        BarSeries { label: label.clone(), bars: bars.collect() }
    });
    let series = series.collect();
    let y = Axis::linear(value);
    figure(title, Plot::Bars(BarPlot { x: group.to_owned(), y, categories, series, references: Vec::new() }))
}

/// Clouds of points, each with a name.
///
/// # Errors
/// Where they cannot be drawn.
pub fn scatter(
    title: &str,
    x: Axis,
    y: Axis,
    clouds: Vec<(String, Vec<(f64, f64)>)>,
) -> Result<Picture, NotebookError> {
    figure(title, Plot::Scatter(ScatterPlot { x, y, clouds, diagonal: false }))
}

/// A value at each pair of two named levels, as a colour; `values` holds a row per entry of `rows`, and NaN leaves a
/// field empty.
///
/// # Errors
/// Where a row has not as many values as there are columns, there are not as many rows of values as names, or it cannot be
/// drawn.
pub fn heatmap(
    title: &str,
    value: &str,
    (x, columns): (&str, Vec<String>),
    (y, rows): (&str, Vec<String>),
    values: Vec<Vec<f64>>,
) -> Result<Picture, NotebookError> {
    if values.len() != rows.len() || values.iter().any(|row| row.len() != columns.len()) {
        let widths: Vec<usize> = values.iter().map(Vec::len).collect();
        return Err(NotebookError::new(format!(
            "a heatmap of {} rows and {} columns needs as many values, but got rows of {widths:?}",
            rows.len(),
            columns.len()
        )));
    }
    let plot = Heatmap { x: x.to_owned(), y: y.to_owned(), value: value.to_owned(), columns, rows, values };
    figure(title, Plot::Heatmap(plot))
}

/// How often values occur.
///
/// # Errors
/// Where it cannot be drawn.
pub fn histogram(title: &str, x: Axis, bins: usize, values: Vec<f64>) -> Result<Picture, NotebookError> {
    let samples = vec![(x.label.clone(), values)];
    figure(title, Plot::Histogram(Histogram { x, bins, samples }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{Column, DataFrame};

    #[test]
    fn each_kind_of_plot_is_an_svg_with_its_title() {
        let axis = || Axis::linear("value");
        let points = [(0.0, 1.0), (1.0, 3.0)];
        let pictures = [
            lines("A title", axis(), axis(), vec![Line::exact("a", points)]),
            bars("A title", "claim", axis(), [("C1".into(), 1.0, Some((0.5, 1.5))), ("C2".into(), -1.0, None)]),
            scatter("A title", axis(), axis(), vec![("a".into(), points.to_vec())]),
            histogram("A title", axis(), 4, vec![1.0, 2.0, 2.0]),
            bars_over_seeds("A title", "arm", axis(), [("a".into(), vec![1.0, 2.0]), ("b".into(), Vec::new())]),
            heatmap("A title", "loss", ("x", vec!["0".into()]), ("y", vec!["0".into()]), vec![vec![1.0]]),
            lines("A title", axis(), axis(), Vec::new()),
        ];
        for picture in pictures {
            let picture = picture.unwrap();
            assert!(picture.svg.starts_with("<svg") && picture.svg.trim_end().ends_with("</svg>"));
            assert!(picture.svg.contains("A title"));
        }
    }

    #[test]
    fn bars_are_grouped_by_two_columns() {
        let columns = |families: [Option<&str>; 3]| {
            let columns = vec![
                Column::new("family".into(), families),
                Column::new("verdict".into(), ["reproduced", "not_run", "reproduced"]),
                Column::new("claims".into(), [2_u32, 1, 4]),
            ];
            Table(DataFrame::new_infer_height(columns).unwrap())
        };
        let whole = columns([Some("theory"), Some("theory"), Some("vision")]);
        let svg = grouped_bars("Verdicts", &whole, "family", "verdict", "claims").unwrap().svg;
        assert!(["theory", "vision", "reproduced", "not_run"].iter().all(|word| svg.contains(word)), "{svg}");
        let error = grouped_bars("Verdicts", &columns([Some("theory"), None, None]), "family", "verdict", "claims");
        assert!(error.unwrap_err().to_string().contains("a row lacks its `family`"));
    }

    #[test]
    fn a_heatmap_with_missing_values_is_refused() {
        let names = || vec!["0".to_owned(), "1".to_owned()];
        let error = heatmap("A title", "loss", ("x", names()), ("y", names()), vec![vec![1.0, 2.0], vec![1.0]]);
        let said = error.unwrap_err().to_string();
        assert_eq!(said, "a heatmap of 2 rows and 2 columns needs as many values, but got rows of [2, 1]");
    }
}
