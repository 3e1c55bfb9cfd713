//! Colours, dashes and markers that tell series apart.

use harness_core::figure::{Figure, Plot};
use harness_core::paper::Paper;

/// Red, green, blue.
pub(crate) type Colour = (u8, u8, u8);

/// The colours of Okabe and Ito ("Color Universal Design", 2008), which people with any common colour blindness can
/// tell apart. Yellow is left out: it does not show on white.
const COLOURS: [Colour; 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (60, 60, 60)];

/// Lengths of strokes and gaps in points, by turn of the colours; the first turn is unbroken.
const DASHES: [&[f64]; 4] = [&[], &[9.0, 2.5, 2.0, 2.5], &[1.8, 2.2], &[12.0, 4.0]];
/// The same for lines that a paper asks to be broken.
const BROKEN: [&[f64]; 4] = [&[6.0, 3.0], &[6.0, 2.5, 1.5, 2.5, 1.5, 2.5], &[3.0, 3.0], &[10.0, 6.0]];

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Cross,
}

const MARKERS: [Marker; 6] =
    [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Down, Marker::Cross];

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub colour: Colour,
    pub marker: Marker,
    dashes: &'static [f64],
    broken: &'static [f64],
    /// Whether colour alone does not tell this series from an earlier one.
    pub repeats: bool,
}

impl Look {
    /// The look of the series at `index`: seven colours and six markers share no divisor, so 42 pairs differ, and with
    /// the dashes 84 looks.
    pub(crate) fn at(index: usize) -> Self {
        let turn = index / COLOURS.len();
        Look {
            colour: COLOURS[index % COLOURS.len()],
            marker: MARKERS[index % MARKERS.len()],
            dashes: DASHES[turn % DASHES.len()],
            broken: BROKEN[turn % BROKEN.len()],
            repeats: turn > 0,
        }
    }

    /// Strokes and gaps in points; none where the line is unbroken.
    pub(crate) fn dashes(&self, broken: bool) -> &'static [f64] {
        if broken { self.broken } else { self.dashes }
    }
}

/// Which series has which look: the same key has the same colour in all figures of a paper.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// Names that share a look, in the order of looks.
    keys: Vec<Vec<String>>,
}

impl Palette {
    /// The palette of a paper: its arms in their order (each by its name and its label), then whatever else its
    /// figures show, in the order in which they show it.
    pub fn new(paper: &Paper, figures: &[Figure]) -> Self {
        let keys = paper.arms.iter().map(|arm| vec![arm.name.clone(), arm.label.clone()]).collect();
        let mut palette = Palette { keys };
        figures.iter().for_each(|figure| palette.add(figure));
        palette
    }

    /// Gives a look to every series of a figure that has none yet.
    pub fn add(&mut self, figure: &Figure) {
        for panel in &figure.panels {
            match &panel.plot {
                Plot::Lines(plot) => {
                    plot.lines.iter().for_each(|line| self.add_key(line.colour_key.as_deref().unwrap_or(&line.label)));
                }
                Plot::Bars(plot) => plot.series.iter().for_each(|series| self.add_key(&series.label)),
                Plot::Scatter(plot) => plot.clouds.iter().for_each(|(label, _)| self.add_key(label)),
                Plot::Histogram(plot) => plot.samples.iter().for_each(|(label, _)| self.add_key(label)),
                Plot::Heatmap(_) | Plot::Images(_) | Plot::Table(_) => {}
            }
        }
    }

    fn add_key(&mut self, key: &str) {
        if self.position(key).is_none() {
            self.keys.push(vec![key.to_owned()]);
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|names| names.iter().any(|name| name == key))
    }

    /// The look of a key; that of the first series where it was never added.
    pub(crate) fn look(&self, key: &str) -> Look {
        Look::at(self.position(key).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_series_look_different() {
        let looks: Vec<Look> = (0..60).map(Look::at).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "series {index} looks like an earlier one");
        }
    }
}
