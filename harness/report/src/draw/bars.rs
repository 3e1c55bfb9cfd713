//! Groups of bars with intervals.

use harness_core::figure::{Bar, BarPlot, Scale};
use harness_core::text::number;
use plotters::backend::DrawingBackend;

use super::axes::{self, Horizontal};
use super::canvas::{Align, Area, At, BLACK, Canvas, DARK, Drawing, Type};
use super::palette::Palette;
use super::scale::{Range, extent, extent_with_intervals, shows};

/// Categories beyond this number stand in the CSV file only.
const MOST: usize = 120;

fn drawn(plot: &BarPlot) -> impl Iterator<Item = &Bar> + Clone {
    plot.series
        .iter()
        .flat_map(|series| series.bars.iter().take(plot.categories.len().min(MOST)).flatten())
        .filter(|bar| shows(plot.y.scale, bar.value))
}

fn ordinates(plot: &BarPlot) -> Option<((f64, f64), bool)> {
    let (mut reach, mut cut) = extent_with_intervals(
        plot.y.scale,
        // On a linear axis bars start at 0, which belongs to the spread that intervals are measured by.
        drawn(plot)
            .map(|bar| (bar.value, bar.interval))
            .chain((plot.y.scale == Scale::Linear && drawn(plot).next().is_some()).then_some((0.0, None))),
    )?;
    if let Some((low, high)) = extent(plot.y.scale, plot.references.iter().map(|reference| reference.at)) {
        reach = (reach.0.min(low), reach.1.max(high));
        // A reference may make room for what was cut.
        let beyond = |(low, high): (f64, f64)| low < reach.0 || high > reach.1;
        cut &= drawn(plot).any(|bar| bar.interval.is_some_and(beyond));
    }
    Some((reach, cut))
}

/// Heights from one to another, closer to each other than a line of text is high.
fn along(from: f64, to: f64) -> impl Iterator<Item = f64> {
    let (low, high) = (from.min(to), from.max(to));
    let steps = ((high - low) / 4.0).ceil().clamp(1.0, 400.0) as u32;
    (0..=steps).map(move |step| low + (high - low) * f64::from(step) / f64::from(steps))
}

/// What is not drawn.
pub(crate) fn notes(plot: &BarPlot) -> Vec<String> {
    let bars = plot.series.iter().flat_map(|series| series.bars.iter().flatten());
    let hidden = bars.filter(|bar| !shows(plot.y.scale, bar.value)).count();
    let beyond = plot.categories.len().saturating_sub(MOST);
    let cut = ordinates(plot).is_some_and(|(_, cut)| cut);
    axes::left_out(hidden, plot.y.scale == Scale::Log)
        .into_iter()
        .chain(cut.then(|| "intervals are cut at the edge".to_owned()))
        .chain((beyond > 0).then(|| format!("{beyond} more categories are in the CSV file")))
        .collect()
}

/// Draws the plot into `outer`.
pub(crate) fn plot<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    outer: Area,
    plot: &BarPlot,
    palette: &Palette,
) -> Drawing {
    let Some((reach, _)) = ordinates(plot) else {
        return axes::no_data(canvas, outer);
    };
    let y = match plot.y.scale {
        Scale::Linear => Range::new(Scale::Linear, reach, 0.08).ending_at_zero(reach),
        // The smallest bar must have a length.
        Scale::Log => Range::new(Scale::Log, ((reach.0 / 2.0).max(f64::MIN_POSITIVE), reach.1), 0.08),
    };
    let categories: Vec<String> = plot.categories.iter().take(MOST).cloned().collect();
    let inner = axes::axes(canvas, outer, (Horizontal::Names(&categories), &plot.x), (&y, &plot.y.label))?;
    let slot = inner.width() / categories.len().max(1) as f64;
    let width = 0.8 * slot / plot.series.len().max(1) as f64;
    let zero = if plot.y.scale == Scale::Linear { y.place(0.0).clamp(0.0, 1.0) } else { 0.0 };
    let mut labels = Vec::new();
    // Places of bars, intervals and their numbers, which names of reference lines should not cover.
    let mut busy: Vec<At> = Vec::new();
    for (row, series) in plot.series.iter().enumerate() {
        let colour = palette.look(&series.label).colour;
        for (column, bar) in series.bars.iter().take(categories.len()).enumerate() {
            let Some(bar) = bar.filter(|bar| shows(plot.y.scale, bar.value)) else { continue };
            let left = inner.left + (column as f64 + 0.1) * slot + row as f64 * width;
            let gap = (0.06 * width).min(1.5);
            let top = inner.at(0.0, y.place(bar.value).clamp(0.0, 1.0)).1;
            let base = inner.at(0.0, zero).1;
            canvas.rect(Area { left: left + gap, top, right: left + width - gap, bottom: base }, colour, 0.9)?;
            let centre = left + width / 2.0;
            busy.extend(along(top, base).flat_map(|y| [(left + gap, y), (centre, y), (left + width - gap, y)]));
            let mut highest = top.min(base);
            if let Some((low, high)) = bar.interval.filter(|(low, high)| !low.is_nan() && !high.is_nan()) {
                let end = |value: f64| {
                    let place = if shows(plot.y.scale, value) { y.place(value) } else { 0.0 };
                    inner.at(0.0, place.clamp(0.0, 1.0)).1
                };
                let (low, high) = (end(low), end(high));
                let cap = (0.25 * width).min(4.0);
                canvas.path(&[(centre, low), (centre, high)], 1.0, BLACK, &[])?;
                canvas.path(&[(centre - cap, low), (centre + cap, low)], 1.0, BLACK, &[])?;
                canvas.path(&[(centre - cap, high), (centre + cap, high)], 1.0, BLACK, &[])?;
                busy.extend(along(high, low).map(|y| (centre, y)));
                highest = highest.min(high);
            }
            let text = number(bar.value);
            if Type::NOTE.width(&text) <= width + 2.0 && highest - Type::NOTE.line() > inner.top - 8.0 {
                let (half, y) = (Type::NOTE.width(&text) / 2.0, highest - 0.55 * Type::NOTE.line());
                busy.extend([(centre - half, y), (centre, y), (centre + half, y)]);
                labels.push((text, (centre, y)));
            }
        }
    }
    axes::references(canvas, inner, None, &y, &plot.references, &busy)?;
    for (text, at) in labels {
        canvas.text(&text, at, Align::Centre, Type { colour: DARK, ..Type::NOTE })?;
    }
    if plot.y.scale == Scale::Linear && zero > 0.0 {
        canvas.path(&[inner.at(0.0, zero), inner.at(1.0, zero)], 0.8, DARK, &[])?;
    }
    Ok(())
}
