//! Colours, dashes and markers that tell series apart.

use harness_core::figure::{Figure, Plot};
use harness_core::paper::Paper;

/// Red, green, blue.
pub(crate) type Colour = (u8, u8, u8);

/// Fifteen colours that differ from each other. The first seven are those of Okabe and Ito ("Color Universal Design",
/// 2008), which people with any common colour blindness can tell apart; yellow is left out, since it does not show on
/// white. The others are from the muted set of Tol ("Colour schemes", SRON/EPS/TN/09-002, 2021), with a brown in place
/// of those that are close to the first seven or to white.
const COLOURS: [Colour; 15] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (60, 60, 60),
    (51, 34, 136),
    (120, 70, 20),
    (153, 153, 51),
    (136, 34, 85),
    (17, 119, 51),
    (170, 68, 153),
    (204, 102, 119),
    (150, 150, 150),
];
/// How many of them everyone can tell apart; the others come with markers.
const SAFE: usize = 7;

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
    /// Whether colour alone does not tell this series from every other.
    pub repeats: bool,
}

impl Look {
    /// The look of the colour at `colour` in its `turn`-th use. Markers differ between neighbouring colours and between
    /// the turns of one colour, and so do dashes between turns.
    fn of(colour: usize, turn: usize) -> Self {
        Look {
            colour: COLOURS[colour % COLOURS.len()],
            marker: MARKERS[(colour + turn) % MARKERS.len()],
            dashes: DASHES[turn % DASHES.len()],
            broken: BROKEN[turn % BROKEN.len()],
            repeats: turn > 0 || colour >= SAFE,
        }
    }

    /// Strokes and gaps in points; none where the line is unbroken.
    pub(crate) fn dashes(&self, broken: bool) -> &'static [f64] {
        if broken { self.broken } else { self.dashes }
    }
}

/// A series that has a look.
#[derive(Debug, Clone)]
struct Entry {
    /// Names that share the look.
    names: Vec<String>,
    colour: usize,
    turn: usize,
}

/// Which series has which look: the same key has the same colour in all figures of a paper.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    entries: Vec<Entry>,
}

impl Palette {
    /// The palette of a paper: its arms in their order (each by its name and its label), then whatever else its
    /// figures show, in the order in which they show it. Series that stand in one figure have different colours as
    /// long as the colours suffice.
    pub fn new(paper: &Paper, figures: &[Figure]) -> Self {
        let shown: Vec<Vec<&str>> = figures.iter().map(keys).collect();
        let mut palette = Palette::default();
        for arm in &paper.arms {
            palette.add_key(&[&arm.name, &arm.label], &shown);
        }
        for key in shown.iter().flatten() {
            palette.add_key(&[key], &shown);
        }
        palette
    }

    /// Gives a look to every series of a figure that has none yet.
    pub fn add(&mut self, figure: &Figure) {
        let shown = [keys(figure)];
        for key in shown.iter().flatten() {
            self.add_key(&[key], &shown);
        }
    }

    /// `shown` holds the keys of each figure.
    fn add_key(&mut self, names: &[&str], shown: &[Vec<&str>]) {
        if names.first().is_none_or(|name| self.position(name).is_some()) {
            return;
        }
        let mut uses = [0_usize; COLOURS.len()];
        let mut neighbours = [0_usize; COLOURS.len()];
        for entry in &self.entries {
            let together = |figure: &&Vec<&str>| {
                figure.iter().any(|key| names.contains(key)) && figure.iter().any(|key| entry.is(key))
            };
            uses[entry.colour] += 1;
            neighbours[entry.colour] += shown.iter().filter(together).count();
        }
        // A colour of its own, else one that none of its figures has yet, else the one used least.
        let rank = |colour: &usize| (neighbours[*colour], uses[*colour], *colour);
        let colour = (0..COLOURS.len()).min_by_key(rank).unwrap_or(0);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.entries.push(Entry { names, colour, turn: uses[colour] });
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.is(key))
    }

    /// The look of a key; that of the first series where it was never added.
    pub(crate) fn look(&self, key: &str) -> Look {
        let entry = self.position(key).and_then(|index| self.entries.get(index));
        entry.map_or(Look::of(0, 0), |entry| Look::of(entry.colour, entry.turn))
    }
}

impl Entry {
    fn is(&self, key: &str) -> bool {
        self.names.iter().any(|name| name == key)
    }
}

/// The keys of the series that a figure shows, in its order.
fn keys(figure: &Figure) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for panel in &figure.panels {
        match &panel.plot {
            Plot::Lines(plot) => {
                keys.extend(plot.lines.iter().map(|line| line.colour_key.as_deref().unwrap_or(&line.label)));
            }
            Plot::Bars(plot) => keys.extend(plot.series.iter().map(|series| series.label.as_str())),
            Plot::Scatter(plot) => keys.extend(plot.clouds.iter().map(|(label, _)| label.as_str())),
            Plot::Histogram(plot) => keys.extend(plot.samples.iter().map(|(label, _)| label.as_str())),
            Plot::Heatmap(_) | Plot::Images(_) | Plot::Table(_) => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use harness_core::figure::{Axis, Line, LinePlot};

    use super::*;

    fn figure(names: &[String]) -> Figure {
        let lines = names.iter().map(|name| Line::exact(name, [(0.0, 1.0)])).collect();
        let plot = LinePlot { x: Axis::linear("x"), y: Axis::linear("y"), lines, references: Vec::new() };
        Figure::new("f", "title", "caption", Plot::Lines(plot))
    }

    fn names(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|index| format!("s{index}")).collect()
    }

    /// CIE L*a*b*, in which the distance of two colours is about how different they look (2.3 is just noticeable).
    fn lab(colour: Colour) -> [f64; 3] {
        let linear = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let (red, green, blue) = (linear(colour.0), linear(colour.1), linear(colour.2));
        let root = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let x = root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047);
        let y = root(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let z = root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    #[test]
    fn fifteen_colours_look_different_and_show_on_white() {
        let distance =
            |a: Colour, b: Colour| lab(a).iter().zip(lab(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        for (index, colour) in COLOURS.iter().enumerate() {
            assert!(distance(*colour, (255, 255, 255)) > 30.0, "{colour:?} does not show on white");
            for other in &COLOURS[..index] {
                assert!(distance(*colour, *other) > 20.0, "{colour:?} and {other:?} are {}", distance(*colour, *other));
            }
        }
    }

    #[test]
    fn sixty_series_look_different() {
        let mut palette = Palette::default();
        palette.add(&figure(&names(0..60)));
        let looks: Vec<Look> = names(0..60).iter().map(|name| palette.look(name)).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "series {index} looks like an earlier one");
        }
    }

    #[test]
    fn series_of_one_figure_do_not_share_a_colour_while_others_are_free() {
        let first = figure(&names(0..14));
        // Shows the first two again, among thirteen that no other figure shows.
        let second = figure(&[names(0..2), names(14..27)].concat());
        let mut palette = Palette::default();
        let shown = [keys(&first), keys(&second)];
        for key in shown.iter().flatten() {
            palette.add_key(&[key], &shown);
        }
        for figure in [&first, &second] {
            let colours: Vec<Colour> = keys(figure).iter().map(|key| palette.look(key).colour).collect();
            for (index, colour) in colours.iter().enumerate() {
                assert!(!colours[..index].contains(colour), "series {index} shares the colour of an earlier one");
            }
        }
    }
}
