//! One legend for all panels of a figure, below them.

use harness_core::figure::{Figure, Plot};
use plotters::backend::DrawingBackend;

use super::canvas::{Align, Area, Canvas, Drawing, Type};
use super::palette::{Look, Palette};

/// How an entry is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sample {
    Line { broken: bool, marked: bool },
    Patch,
    Dot,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    label: String,
    look: Look,
    sample: Sample,
}

/// The entries of all panels, each once, with their places.
pub(crate) struct Legend {
    entries: Vec<Entry>,
    rows: usize,
    /// Width of each column.
    columns: Vec<f64>,
}

/// Width of the sample and the gap after it.
const SAMPLE: f64 = 28.0;
const COLUMN_GAP: f64 = 18.0;

impl Legend {
    pub(crate) fn new(figure: &Figure, palette: &Palette, width: f64) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut add = |label: &str, key: &str, sample: Sample| {
            let label = Type::TICK.fit(label, 0.45 * width);
            let look = palette.look(key);
            let marked = matches!(sample, Sample::Line { marked: true, .. });
            let sample = match sample {
                Sample::Line { broken, .. } => Sample::Line { broken, marked: marked || look.repeats },
                other => other,
            };
            let entry = Entry { label, look, sample };
            if !entry.label.is_empty() && !entries.contains(&entry) {
                entries.push(entry);
            }
        };
        for panel in &figure.panels {
            match &panel.plot {
                Plot::Lines(plot) => {
                    for line in &plot.lines {
                        let key = line.colour_key.as_deref().unwrap_or(&line.label);
                        let marked = line.markers || line.points.len() == 1;
                        add(&line.label, key, Sample::Line { broken: line.dashed, marked });
                    }
                }
                Plot::Bars(plot) => {
                    plot.series.iter().for_each(|series| add(&series.label, &series.label, Sample::Patch));
                }
                Plot::Scatter(plot) => plot.clouds.iter().for_each(|(label, _)| add(label, label, Sample::Dot)),
                Plot::Histogram(plot) => plot.samples.iter().for_each(|(label, _)| add(label, label, Sample::Patch)),
                Plot::Heatmap(_) | Plot::Images(_) | Plot::Table(_) => {}
            }
        }
        // As few rows as the width allows.
        let columns_of = |rows: usize| -> Vec<f64> {
            let widest =
                |column: &[Entry]| column.iter().map(|entry| Type::TICK.width(&entry.label)).fold(0.0, f64::max);
            entries.chunks(rows).map(|column| SAMPLE + widest(column) + COLUMN_GAP).collect()
        };
        let rows = (1..=entries.len().max(1))
            .find(|rows| columns_of(*rows).iter().sum::<f64>() <= width)
            .unwrap_or(entries.len().max(1));
        Legend { columns: columns_of(rows), rows, entries }
    }

    pub(crate) fn height(&self) -> f64 {
        if self.entries.is_empty() { 0.0 } else { 15.0 * self.rows as f64 + 10.0 }
    }

    /// Draws the legend, column by column, in the middle of `area`.
    pub(crate) fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>, area: Area) -> Drawing {
        let taken = self.columns.iter().sum::<f64>() - COLUMN_GAP;
        let left = area.centre().0 - taken / 2.0;
        for (index, entry) in self.entries.iter().enumerate() {
            let (column, row) = (index / self.rows, index % self.rows);
            let x = left + self.columns.iter().take(column).sum::<f64>();
            let y = area.top + 13.0 + 15.0 * row as f64;
            let end = x + SAMPLE - 5.0;
            let middle = (x + end) / 2.0;
            let colour = entry.look.colour;
            match entry.sample {
                Sample::Line { broken, marked } => {
                    let ends = [(x, y), (end, y)];
                    canvas.path(&ends, 1.8, colour, entry.look.dashes(broken))?;
                    if marked {
                        canvas.marker((middle, y), entry.look.marker, 2.8, colour, 1.0)?;
                    }
                }
                Sample::Patch => {
                    let patch = Area { left: end - 13.0, top: y - 4.5, right: end, bottom: y + 4.5 };
                    canvas.rect(patch, colour, 0.9)?;
                }
                Sample::Dot => canvas.marker((end - 4.0, y), entry.look.marker, 3.2, colour, 0.9)?,
            }
            canvas.text(&entry.label, (x + SAMPLE, y), Align::Left, Type::TICK)?;
        }
        Ok(())
    }
}
