//! What a figure shows, as numbers in a sentence: which arm lies highest and which lowest.

use harness_core::figure::{BarPlot, Figure, Heatmap, Line, LinePlot, Plot};
use harness_core::text::number;

/// Panels that are put into words at most.
const MOST_PANELS: usize = 4;

/// The extremes of each panel of curves, bars or colours, from the numbers drawn: `accuracy (%) at step = 600: highest 91.2
/// (stn), lowest 84 (random)`. Empty where the figure has no such panel, or nothing finite in it.
pub(super) fn findings(figure: &Figure) -> String {
    let found: Vec<String> = figure
        .panels
        .iter()
        .filter_map(|panel| {
            let words = match &panel.plot {
                Plot::Lines(plot) => lines(plot),
                Plot::Bars(plot) => bars(plot),
                Plot::Heatmap(plot) => heatmap(plot),
                Plot::Scatter(_) | Plot::Histogram(_) | Plot::Images(_) | Plot::Table(_) => None,
            }?;
            Some(if panel.title.is_empty() { words } else { format!("{}: {words}", panel.title) })
        })
        .collect();
    let more = found.len().saturating_sub(MOST_PANELS);
    let mut text = found.into_iter().take(MOST_PANELS).collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; {more} more panels"));
    }
    text
}

/// The curves where they end; those that end earlier than the longest are left out. Nothing where a curve turns back, as a
/// path in two dimensions does: its end has no abscissa in common with others.
fn lines(plot: &LinePlot) -> Option<String> {
    let turns = |line: &Line| line.points.windows(2).any(|pair| matches!(pair, [a, b] if b.x < a.x));
    if plot.lines.iter().any(turns) {
        return None;
    }
    let ends: Vec<(&str, f64, f64)> = plot
        .lines
        .iter()
        .filter_map(|line| {
            let end = line.points.iter().rfind(|point| point.x.is_finite() && point.y.is_finite())?;
            Some((line.label.as_str(), end.x, end.y))
        })
        .collect();
    let last = ends.iter().map(|(_, x, _)| *x).reduce(f64::max)?;
    let at_end = ends.iter().filter(|(_, x, _)| *x == last).map(|(label, _, y)| ((*label).to_owned(), *y));
    let words = extremes(at_end)?;
    Some(format!("{} at {} = {}: {words}", plot.y.label, plot.x.label, number(last)))
}

fn bars(plot: &BarPlot) -> Option<String> {
    let many = plot.series.len() > 1;
    let values = plot.series.iter().flat_map(|series| {
        let named = series.bars.iter().zip(&plot.categories);
        named.filter_map(move |(bar, category)| {
            let name = if many { format!("{}, {category}", series.label) } else { category.clone() };
            bar.map(|bar| (name, bar.value))
        })
    });
    Some(format!("{}: {}", plot.y.label, extremes(values)?))
}

/// Nothing where the colours are whole numbers, which are names or counts of places rather than amounts.
fn heatmap(plot: &Heatmap) -> Option<String> {
    if plot.values.iter().flatten().filter(|value| value.is_finite()).all(|value| value.fract() == 0.0) {
        return None;
    }
    let values = plot.values.iter().zip(&plot.rows).flat_map(|(values, row)| {
        values
            .iter()
            .zip(&plot.columns)
            .map(move |(value, column)| (format!("{} = {row}, {} = {column}", plot.y, plot.x), *value))
    });
    Some(format!("{}: {}", plot.value, extremes(values)?))
}

/// `highest 3 (a), lowest 1 (b)`, the first of equals; `3 (a)` of one value, `all 3` of equal ones.
fn extremes(values: impl Iterator<Item = (String, f64)>) -> Option<String> {
    let values: Vec<(String, f64)> = values.filter(|(_, value)| value.is_finite()).collect();
    let (first, rest) = values.split_first()?;
    if rest.is_empty() {
        return Some(format!("{} ({})", number(first.1), first.0));
    }
    let (mut high, mut low) = (first, first);
    for value in rest {
        if value.1 > high.1 {
            high = value;
        }
        if value.1 < low.1 {
            low = value;
        }
    }
    // As they are read: numbers that look equal are not ranked.
    let (high_text, low_text) = (number(high.1), number(low.1));
    Some(if high_text == low_text {
        format!("all {high_text}")
    } else {
        format!("highest {high_text} ({}), lowest {low_text} ({})", high.0, low.0)
    })
}

#[cfg(test)]
mod tests {
    use harness_core::figure::{Axis, Bar, BarSeries, Panel};

    use super::*;

    fn curves(lines: Vec<Line>) -> Plot {
        Plot::Lines(LinePlot { x: Axis::linear("step"), y: Axis::linear("loss"), lines, references: Vec::new() })
    }

    #[test]
    fn curves_are_compared_where_the_longest_end() {
        let plot = curves(vec![
            Line::exact("a", [(0.0, 9.0), (10.0, 1.0)]),
            Line::exact("b", [(0.0, 9.0), (10.0, 2.0), (11.0, f64::NAN)]),
            Line::exact("stopped", [(0.0, 9.0), (5.0, 7.0)]),
            Line::exact("baseline", [(0.0, 9.0), (10.0, 0.5)]).dashed(),
        ]);
        let figure = Figure::new("f", "title", "", plot);
        assert_eq!(findings(&figure), "loss at step = 10: highest 2 (b), lowest 0.5 (baseline)");
        let path = curves(vec![Line::exact("path", [(0.0, 1.0), (2.0, 2.0), (1.0, 3.0)])]);
        assert_eq!(findings(&Figure::new("f", "t", "", path)), "");
    }

    #[test]
    fn bars_are_named_by_series_and_category() {
        let bar = |value| Some(Bar { value, interval: None });
        let plot = |series| BarPlot {
            x: "data".into(),
            y: Axis::linear("error (%)"),
            categories: vec!["mnist".into(), "usps".into()],
            series,
            references: Vec::new(),
        };
        let a = BarSeries { label: "a".into(), bars: vec![bar(1.0), None] };
        let b = BarSeries { label: "b".into(), bars: vec![bar(3.0), bar(2.0)] };
        let figure = Figure::of_panels(
            "f",
            "t",
            "",
            vec![Panel::new("", Plot::Bars(plot(vec![a.clone(), b]))), Panel::new("one", Plot::Bars(plot(vec![a])))],
        );
        assert_eq!(
            findings(&figure),
            "error (%): highest 3 (b, mnist), lowest 1 (a, mnist); one: error (%): 1 (mnist)"
        );
    }

    #[test]
    fn equal_and_absent_numbers_are_not_ranked() {
        let equal = curves(vec![Line::exact("a", [(1.0, 0.5)]), Line::exact("b", [(1.0, 0.500_000_1)])]);
        assert_eq!(findings(&Figure::new("f", "t", "", equal)), "loss at step = 1: all 0.5");
        let none = curves(vec![Line::exact("a", [(1.0, f64::NAN)]), Line::exact("b", [])]);
        assert_eq!(findings(&Figure::new("f", "t", "", none)), "");
        let map = Heatmap {
            x: "x".into(),
            y: "y".into(),
            value: "gap".into(),
            columns: vec!["c".into(), "d".into()],
            rows: vec!["r".into()],
            values: vec![vec![f64::NEG_INFINITY, 4.5]],
        };
        assert_eq!(findings(&Figure::new("f", "t", "", Plot::Heatmap(map.clone()))), "gap: 4.5 (y = r, x = d)");
        let names = Heatmap { values: vec![vec![1.0, 8.0]], ..map };
        assert_eq!(findings(&Figure::new("f", "t", "", Plot::Heatmap(names))), "");
    }

    #[test]
    fn many_panels_are_not_all_told() {
        let panel = || Panel::new("", curves(vec![Line::exact("a", [(1.0, 1.0)])]));
        let figure = Figure::of_panels("f", "t", "", (0..6).map(|_| panel()).collect());
        assert!(findings(&figure).ends_with("; 2 more panels"));
    }
}
