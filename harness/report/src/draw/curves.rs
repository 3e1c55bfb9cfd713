//! Curves with bands.

use harness_core::figure::{Line, LinePlot, Point, Scale};
use plotters::backend::DrawingBackend;

use super::axes::{self, Horizontal};
use super::canvas::{Area, At, Canvas, Drawing};
use super::palette::{Look, Palette};
use super::scale::{Range, extent, extent_with_intervals, shows};

/// The unbroken runs of points that the axes can show: a value left out leaves a gap.
fn runs<'a>(plot: &LinePlot, line: &'a Line) -> Vec<&'a [Point]> {
    line.points.split(|point| !shown(plot, point)).filter(|run| !run.is_empty()).collect()
}

fn shown(plot: &LinePlot, point: &Point) -> bool {
    shows(plot.x.scale, point.x) && shows(plot.y.scale, point.y)
}

fn points(plot: &LinePlot) -> impl Iterator<Item = &Point> + Clone {
    plot.lines.iter().flat_map(|line| &line.points).filter(|point| shown(plot, point))
}

/// Values with their bands, and references, which the vertical axis holds.
fn ordinates(plot: &LinePlot) -> Option<((f64, f64), bool)> {
    let (mut reach, cut) = extent_with_intervals(plot.y.scale, points(plot).map(|point| (point.y, point.band)))?;
    let references = plot.references.iter().filter(|reference| !reference.vertical).map(|reference| reference.at);
    if let Some((low, high)) = extent(plot.y.scale, references) {
        reach = (reach.0.min(low), reach.1.max(high));
    }
    Some((reach, cut))
}

/// What is not drawn.
pub(crate) fn notes(plot: &LinePlot) -> Vec<String> {
    let hidden = plot.lines.iter().flat_map(|line| &line.points).filter(|point| !shown(plot, point)).count();
    let log = plot.x.scale == Scale::Log || plot.y.scale == Scale::Log;
    let cut = ordinates(plot).is_some_and(|(_, cut)| cut);
    axes::left_out(hidden, log).into_iter().chain(cut.then(|| "bands are cut at the edge".to_owned())).collect()
}

/// Draws the plot into `outer`.
pub(crate) fn plot<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    outer: Area,
    plot: &LinePlot,
    palette: &Palette,
) -> Drawing {
    let (Some(mut abscissae), Some((ordinates, _))) =
        (extent(plot.x.scale, points(plot).map(|point| point.x)), ordinates(plot))
    else {
        return axes::no_data(canvas, outer);
    };
    let vertical = plot.references.iter().filter(|reference| reference.vertical).map(|reference| reference.at);
    if let Some((low, high)) = extent(plot.x.scale, vertical) {
        abscissae = (abscissae.0.min(low), abscissae.1.max(high));
    }
    let x = Range::new(plot.x.scale, abscissae, 0.02);
    let y = Range::new(plot.y.scale, ordinates, 0.05);
    let inner = axes::axes(canvas, outer, (Horizontal::Numbers(x), &plot.x.label), (&y, &plot.y.label))?;
    let look = |line: &Line| palette.look(line.colour_key.as_deref().unwrap_or(&line.label));

    let banded = plot.lines.iter().filter(|line| line.points.iter().any(|point| point.band.is_some())).count();
    let alpha = if banded > 6 { 0.09 } else { 0.17 };
    for line in &plot.lines {
        for run in runs(plot, line) {
            let mut edges: Vec<(f64, f64, f64)> = run
                .iter()
                .filter_map(|point| {
                    let (low, high) = point.band.filter(|(low, high)| !low.is_nan() && !high.is_nan())?;
                    let edge = |value: f64| inner.at(0.0, clipped(&y, plot.y.scale, value)).1;
                    Some((inner.at(x.place(point.x), 0.0).0, edge(high), edge(low)))
                })
                .collect();
            edges.sort_by(|a, b| a.0.total_cmp(&b.0));
            canvas.band(&widest_per_column(&edges), look(line).colour, alpha)?;
        }
    }
    let mut strokes: Vec<(&Line, Vec<At>)> = Vec::new();
    for line in &plot.lines {
        for run in runs(plot, line) {
            strokes.push((line, run.iter().map(|point| inner.at(x.place(point.x), y.place(point.y))).collect()));
        }
    }
    let busy: Vec<At> = strokes.iter().flat_map(|(_, path)| dense(&thinned(path))).collect();
    axes::references(canvas, inner, Some(&x), &y, &plot.references, &busy)?;
    // The first lines are the paper's methods: they lie on top.
    for (line, path) in strokes.iter().rev() {
        let look = look(line);
        canvas.path(&thinned(path), 1.6, look.colour, look.dashes(line.dashed))?;
        for at in marked(path, line, look) {
            canvas.marker(at, look.marker, 2.8, look.colour, 1.0)?;
        }
    }
    Ok(())
}

/// The path with points at most about 6 points apart.
fn dense(path: &[At]) -> Vec<At> {
    let between = path.windows(2).flat_map(|pair| {
        let steps = match pair {
            [a, b] => ((b.0 - a.0).hypot(b.1 - a.1) / 6.0).min(200.0) as usize,
            _ => 0,
        };
        (1..=steps).filter_map(move |step| {
            let (&[a, b], share) = (pair, step as f64 / (steps + 1) as f64) else { return None };
            Some((a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1)))
        })
    });
    path.iter().copied().chain(between).collect()
}

fn clipped(range: &Range, scale: Scale, value: f64) -> f64 {
    if scale == Scale::Log && value <= 0.0 { 0.0 } else { range.place(value).clamp(0.0, 1.0) }
}

/// Where markers stand: at every point where the paper asks for them and they have room; at a few where colour alone
/// does not tell the line; at single points, which have no line.
fn marked(path: &[At], line: &Line, look: Look) -> Vec<At> {
    let most = match (path.len(), line.markers, look.repeats) {
        (0 | 1, _, _) | (2..=60, true, _) => return path.to_vec(),
        (_, true, _) => 30,
        (_, false, true) => 6,
        (_, false, false) => return Vec::new(),
    };
    path.iter().copied().step_by(path.len().div_ceil(most)).collect()
}

/// At most four points per column of a point's width: the first, the lowest, the highest and the last, which draw the
/// same stroke as all. Paths that turn back are drawn whole up to 20 000 points, beyond that at even steps.
fn thinned(path: &[At]) -> Vec<At> {
    if path.len() <= 4000 {
        return path.to_vec();
    }
    let onward = path.windows(2).all(|pair| matches!(pair, [a, b] if a.0 <= b.0));
    if !onward {
        return path.iter().copied().step_by(path.len().div_ceil(20_000)).chain(path.last().copied()).collect();
    }
    path.chunk_by(|a, b| a.0.floor() == b.0.floor())
        .flat_map(|column| {
            let by_height = |a: &usize, b: &usize| height(column, *a).total_cmp(&height(column, *b));
            let top = (0..column.len()).min_by(by_height).unwrap_or(0);
            let bottom = (0..column.len()).max_by(by_height).unwrap_or(0);
            let mut kept = [0, top, bottom, column.len() - 1];
            kept.sort_unstable();
            kept.into_iter().filter_map(|index| column.get(index).copied()).collect::<Vec<At>>()
        })
        .collect()
}

fn height(column: &[At], index: usize) -> f64 {
    column.get(index).map_or(0.0, |at| at.1)
}

/// Bands of more than 4000 points, thinned to their outline per column.
fn widest_per_column(edges: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
    if edges.len() <= 4000 {
        return edges.to_vec();
    }
    edges
        .chunk_by(|a, b| a.0.floor() == b.0.floor())
        .filter_map(|column| {
            let (x, upper, lower) = *column.first()?;
            Some(
                column
                    .iter()
                    .fold((x, upper, lower), |(x, upper, lower), edge| (x, upper.min(edge.1), lower.max(edge.2))),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_points_keep_their_outline() {
        let path: Vec<At> = (0..1_000_000)
            .map(|k| (f64::from(k) / 2000.0, if k == 777_777 { -40.0 } else { f64::from(k % 7) }))
            .collect();
        let thin = thinned(&path);
        assert!(thin.len() <= 4 * 501, "{} points", thin.len());
        assert!(thin.iter().any(|at| at.1 == -40.0), "the one low point is kept");
        assert_eq!((thin.first(), thin.last()), (path.first(), path.last()));
    }
}
