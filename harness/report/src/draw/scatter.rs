//! Clouds of points.

use std::collections::HashSet;

use harness_core::figure::{Axis, Scale, ScatterPlot};
use plotters::backend::DrawingBackend;

use super::axes::{self, Horizontal};
use super::canvas::{Area, At, Canvas, Drawing, GREY};
use super::palette::Palette;
use super::scale::{Range, extent, shows};

/// Points of one cloud that are drawn at most; points that would cover each other count once.
const MOST: usize = 6000;

fn shown(plot: &ScatterPlot, (x, y): (f64, f64)) -> bool {
    shows(plot.x.scale, x) && shows(plot.y.scale, y)
}

fn points(plot: &ScatterPlot) -> impl Iterator<Item = (f64, f64)> {
    plot.clouds.iter().flat_map(|(_, points)| points.iter().copied()).filter(|point| shown(plot, *point))
}

/// What is not drawn.
pub(crate) fn notes(plot: &ScatterPlot) -> Vec<String> {
    let all: usize = plot.clouds.iter().map(|(_, points)| points.len()).sum();
    let log = plot.x.scale == Scale::Log || plot.y.scale == Scale::Log;
    axes::left_out(all - points(plot).count(), log).into_iter().collect()
}

/// Draws the plot into `outer`.
pub(crate) fn plot<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    outer: Area,
    plot: &ScatterPlot,
    palette: &Palette,
) -> Drawing {
    let (Some(mut across), Some(mut up)) =
        (extent(plot.x.scale, points(plot).map(|(x, _)| x)), extent(plot.y.scale, points(plot).map(|(_, y)| y)))
    else {
        return axes::no_data(canvas, outer);
    };
    if plot.diagonal && plot.x.scale == plot.y.scale {
        // The same range on both axes, so that distances from the diagonal can be read.
        let both = (across.0.min(up.0), across.1.max(up.1));
        (across, up) = (both, both);
    }
    let range = |axis: &Axis, extent| Range::new(axis.scale, extent, 0.05);
    let (x, y) = (range(&plot.x, across), range(&plot.y, up));
    let inner = axes::axes(canvas, outer, (Horizontal::Numbers(x), &plot.x.label), (&y, &plot.y.label))?;
    if plot.diagonal {
        let path: Vec<At> = (0..=200)
            .map(|k| x.value_at(f64::from(k) / 200.0))
            .filter(|value| shows(plot.y.scale, *value) && (0.0..=1.0).contains(&y.place(*value)))
            .map(|value| inner.at(x.place(value), y.place(value)))
            .collect();
        canvas.path(&path, 1.0, GREY, &[4.0, 3.0])?;
    }
    for (label, cloud) in &plot.clouds {
        let look = palette.look(label);
        let mut seen = HashSet::new();
        let distinct: Vec<At> = cloud
            .iter()
            .filter(|point| shown(plot, **point))
            .map(|(across, up)| inner.at(x.place(*across), y.place(*up)))
            .filter(|at| seen.insert((at.0.round() as i64, at.1.round() as i64)))
            .collect();
        let (radius, alpha) = if distinct.len() > 300 { (1.7, 0.5) } else { (2.6, 0.75) };
        for at in distinct.iter().step_by(distinct.len().div_ceil(MOST).max(1)) {
            canvas.marker(*at, look.marker, radius, look.colour, alpha)?;
        }
    }
    Ok(())
}
