//! Counts of values.

use harness_core::figure::{Histogram, Scale};
use plotters::backend::DrawingBackend;

use super::axes::{self, Horizontal};
use super::canvas::{Area, At, Canvas, Drawing};
use super::palette::Palette;
use super::scale::{Range, extent, shows};

/// The counts of one sample per bin.
pub(crate) struct Counts<'a> {
    pub label: &'a str,
    pub counts: Vec<usize>,
}

/// Bins of equal width on the axis: their `n + 1` edges, and the counts of each sample. Empty where there is no value.
pub(crate) fn binned(plot: &Histogram) -> Option<(Range, Vec<f64>, Vec<Counts<'_>>)> {
    let scale = plot.x.scale;
    let all = plot.samples.iter().flat_map(|(_, values)| values.iter().copied());
    let range = Range::new(scale, extent(scale, all)?, 0.0);
    let bins = plot.bins.clamp(1, 500);
    let edges = (0..=bins).map(|edge| range.value_at(edge as f64 / bins as f64)).collect();
    let counts = plot
        .samples
        .iter()
        .map(|(label, values)| {
            let mut counts = vec![0; bins];
            for value in values.iter().filter(|value| shows(scale, **value)) {
                // The last bin holds its upper edge.
                let bin = ((range.place(*value) * bins as f64) as usize).min(bins - 1);
                if let Some(count) = counts.get_mut(bin) {
                    *count += 1;
                }
            }
            Counts { label, counts }
        })
        .collect();
    Some((range, edges, counts))
}

/// What is not drawn.
pub(crate) fn notes(plot: &Histogram) -> Vec<String> {
    let values = plot.samples.iter().flat_map(|(_, values)| values);
    let hidden = values.filter(|value| !shows(plot.x.scale, **value)).count();
    axes::left_out(hidden, plot.x.scale == Scale::Log).into_iter().collect()
}

/// Draws the plot into `outer`.
pub(crate) fn plot<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    outer: Area,
    plot: &Histogram,
    palette: &Palette,
) -> Drawing {
    let Some((x, edges, samples)) = binned(plot) else {
        return axes::no_data(canvas, outer);
    };
    let most = samples.iter().flat_map(|sample| &sample.counts).copied().max().unwrap_or(1).max(1) as f64;
    let y = Range::new(Scale::Linear, (0.0, most), 0.06).ending_at_zero((0.0, most));
    let inner = axes::axes(canvas, outer, (Horizontal::Numbers(x), &plot.x.label), (&y, "count"))?;
    let alpha = if samples.len() > 1 { 0.35 } else { 0.75 };
    let bins = edges.len().saturating_sub(1).max(1) as f64;
    for sample in &samples {
        let colour = palette.look(sample.label).colour;
        let mut outline: Vec<At> = vec![inner.at(0.0, 0.0)];
        for (bin, count) in sample.counts.iter().enumerate() {
            let height = y.place(*count as f64);
            let (from, to) = (inner.at(bin as f64 / bins, height), inner.at((bin + 1) as f64 / bins, height));
            if *count > 0 {
                let area = Area { left: from.0, top: from.1, right: to.0, bottom: inner.bottom };
                canvas.rect(area, colour, alpha)?;
            }
            outline.extend([from, to]);
        }
        outline.push(inner.at(1.0, 0.0));
        canvas.path(&outline, 1.2, colour, &[])?;
    }
    Ok(())
}
