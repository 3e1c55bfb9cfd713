//! Axes: grid, ticks, labels, and lines for published values.

use harness_core::figure::Reference;
use plotters::backend::DrawingBackend;

use super::canvas::{Align, Area, At, Canvas, DARK, Drawing, Fault, GREY, LIGHT, Type};
use super::scale::{Range, Tick};

/// What the horizontal axis shows.
pub(crate) enum Horizontal<'a> {
    Numbers(Range),
    Names(&'a [String]),
}

/// How the names of categories fit below their slots.
pub(crate) struct Names {
    lines: Vec<Vec<String>>,
    upright: bool,
    every: usize,
    height: f64,
}

/// Widest of some texts.
pub(crate) fn widest<'a>(font: Type, texts: impl IntoIterator<Item = &'a str>) -> f64 {
    texts.into_iter().map(|text| font.width(text)).fold(0.0, f64::max)
}

impl Names {
    pub(crate) fn new(names: &[String], slot: f64) -> Self {
        let font = Type::TICK;
        let whole = |name: &String| font.wrap(name, slot - 4.0, 2);
        let lines: Vec<Vec<String>> = names.iter().map(whole).collect();
        let complete = lines.iter().all(|lines| lines.iter().all(|line| !line.contains('…')));
        if complete && slot > 14.0 {
            let most = lines.iter().map(Vec::len).max().unwrap_or(1) as f64;
            return Names { lines, upright: false, every: 1, height: most * font.line() };
        }
        let lines: Vec<Vec<String>> = names.iter().map(|name| vec![font.fit(name, 120.0)]).collect();
        let height = widest(font, lines.iter().flatten().map(String::as_str));
        Names { lines, upright: true, every: (11.0 / slot.max(0.01)).ceil().max(1.0) as usize, height }
    }

    /// Height that the names take.
    pub(crate) fn height(&self) -> f64 {
        self.height
    }

    pub(crate) fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>, inner: Area, top: f64) -> Drawing {
        let slot = inner.width() / self.lines.len().max(1) as f64;
        for (index, lines) in self.lines.iter().enumerate().step_by(self.every) {
            let x = inner.left + (index as f64 + 0.5) * slot;
            for (row, line) in lines.iter().enumerate() {
                if self.upright {
                    canvas.text_up(line, (x, top), Align::Right, Type::TICK)?;
                } else {
                    let y = top + (row as f64 + 0.5) * Type::TICK.line();
                    canvas.text(line, (x, y), Align::Centre, Type::TICK)?;
                }
            }
        }
        Ok(())
    }
}

/// As many ticks as have room for their labels.
fn fitting_ticks(range: &Range, width: f64) -> Vec<Tick> {
    let mut wanted = (width / 50.0).clamp(2.0, 9.0) as usize;
    loop {
        let ticks = range.ticks(wanted);
        let apart = ticks.windows(2).all(|pair| {
            let [a, b] = pair else { return true };
            let needed = (Type::TICK.width(&a.label) + Type::TICK.width(&b.label)) / 2.0 + 6.0;
            (b.at - a.at) * width >= needed
        });
        if apart || wanted <= 2 {
            return ticks;
        }
        wanted -= 1;
    }
}

/// Draws grid, ticks and labels into `outer`, and returns the area that is left for data.
pub(crate) fn axes<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    outer: Area,
    (x, x_label): (Horizontal, &str),
    (y, y_label): (&Range, &str),
) -> Result<Area, Fault> {
    let y_ticks = y.ticks((outer.height() / 36.0) as usize);
    let y_width = widest(Type::TICK, y_ticks.iter().map(|tick| tick.label.as_str()));
    let left = outer.left + label_height(y_label) + y_width + 8.0;
    let right = outer.right - 14.0;
    let names = match &x {
        Horizontal::Names(names) => Some(Names::new(names, (right - left) / names.len().max(1) as f64)),
        Horizontal::Numbers(_) => None,
    };
    let tick_height = names.as_ref().map_or(Type::TICK.line(), |names| names.height);
    let bottom = outer.bottom - label_height(x_label) - tick_height - 7.0;
    let inner = Area { left, top: outer.top + 5.0, right, bottom };

    for at in y.minor() {
        tick_left(canvas, inner, at, 2.0)?;
    }
    for tick in &y_ticks {
        let (_, height) = inner.at(0.0, tick.at);
        canvas.path(&[(inner.left, height), (inner.right, height)], 0.6, LIGHT, &[])?;
        tick_left(canvas, inner, tick.at, 3.5)?;
        canvas.text(&tick.label, (inner.left - 6.0, height), Align::Right, Type::TICK)?;
    }
    let below = inner.bottom + 5.0;
    match (&x, names) {
        (Horizontal::Numbers(range), _) => {
            for at in range.minor() {
                tick_below(canvas, inner, at, 2.0)?;
            }
            for tick in fitting_ticks(range, inner.width()) {
                let (place, _) = inner.at(tick.at, 0.0);
                canvas.path(&[(place, inner.top), (place, inner.bottom)], 0.6, LIGHT, &[])?;
                tick_below(canvas, inner, tick.at, 3.5)?;
                canvas.text(&tick.label, (place, below + 0.5 * Type::TICK.line()), Align::Centre, Type::TICK)?;
            }
        }
        (Horizontal::Names(_), Some(names)) => names.draw(canvas, inner, below)?,
        (Horizontal::Names(_), None) => {}
    }
    spines(canvas, inner)?;
    label_below(canvas, x_label, inner, outer.bottom)?;
    label_left(canvas, y_label, inner, outer.left)?;
    Ok(inner)
}

/// Room that an axis label takes.
pub(crate) fn label_height(label: &str) -> f64 {
    if label.is_empty() { 0.0 } else { Type::LABEL.line() + 3.0 }
}

/// The label of a horizontal axis, whose lower edge is at `bottom`.
pub(crate) fn label_below<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    label: &str,
    inner: Area,
    bottom: f64,
) -> Drawing {
    let text = Type::LABEL.fit(label, inner.width() + 40.0);
    canvas.text(&text, (inner.centre().0, bottom - 0.5 * Type::LABEL.line()), Align::Centre, Type::LABEL)
}

/// The label of a vertical axis, whose left edge is at `left`.
pub(crate) fn label_left<DB: DrawingBackend>(canvas: &mut Canvas<DB>, label: &str, inner: Area, left: f64) -> Drawing {
    let text = Type::LABEL.fit(label, inner.height() + 30.0);
    canvas.text_up(&text, (left + 0.5 * Type::LABEL.line(), inner.centre().1), Align::Centre, Type::LABEL)
}

fn spines<DB: DrawingBackend>(canvas: &mut Canvas<DB>, inner: Area) -> Drawing {
    let corners = [(inner.left, inner.top), (inner.left, inner.bottom), (inner.right, inner.bottom)];
    canvas.path(&corners, 0.9, DARK, &[])
}

fn tick_left<DB: DrawingBackend>(canvas: &mut Canvas<DB>, inner: Area, at: f64, length: f64) -> Drawing {
    let (x, y) = inner.at(0.0, at);
    canvas.path(&[(x - length, y), (x, y)], 0.8, DARK, &[])
}

fn tick_below<DB: DrawingBackend>(canvas: &mut Canvas<DB>, inner: Area, at: f64, length: f64) -> Drawing {
    let (x, y) = inner.at(at, 0.0);
    canvas.path(&[(x, y), (x, y + length)], 0.8, DARK, &[])
}

/// Draws published values and limits with their names, each where it covers neither another name, nor another line, nor
/// any of the points `busy` of the data, as far as there is such a place.
pub(crate) fn references<DB: DrawingBackend>(
    canvas: &mut Canvas<DB>,
    inner: Area,
    x: Option<&Range>,
    y: &Range,
    references: &[Reference],
    busy: &[At],
) -> Drawing {
    let font = Type { size: 8.5, bold: false, colour: DARK };
    let mut taken: Vec<Area> = Vec::new();
    let mut names: Vec<(&Reference, Area)> = Vec::new();
    for reference in references.iter().filter(|reference| reference.at.is_finite()) {
        let range = if reference.vertical { x } else { Some(y) };
        let Some(place) = range.map(|range| range.place(reference.at)).filter(|place| (0.0..=1.0).contains(place))
        else {
            continue;
        };
        let (across, up) = inner.at(place, place);
        let line = if reference.vertical {
            Area { left: across, right: across, ..inner }
        } else {
            Area { top: up, bottom: up, ..inner }
        };
        canvas.path(&[(line.left, line.top), (line.right, line.bottom)], 1.0, GREY, &[4.0, 3.0])?;
        taken.push(line);
        names.push((reference, line));
    }
    let lines = taken.len();
    for (reference, line) in names {
        let text = font.fit(&reference.label, (0.6 * inner.width()).max(40.0));
        let (width, height) = (font.width(&text), font.line());
        let area = |left: f64, top: f64| Area { left, top, right: left + width, bottom: top + height };
        let candidates: Vec<Area> = (0..12)
            .flat_map(|step| {
                let step = f64::from(step);
                if reference.vertical {
                    let top = inner.top + step * height;
                    [area(line.left + 3.0, top), area(line.left - width - 3.0, top)]
                } else {
                    let left = inner.right - width - 3.0 - step * 0.07 * inner.width();
                    [area(left, line.top - height - 0.5), area(left, line.top + 1.0)]
                }
            })
            .collect();
        let free_of = |others: &[Area], area: &Area| {
            let inside = area.left >= inner.left && area.right <= inner.right + 1.0;
            let clear = |other: &Area| {
                area.left >= other.right
                    || other.left >= area.right
                    || area.top >= other.bottom
                    || other.top >= area.bottom
            };
            inside && area.top >= inner.top - 6.0 && area.bottom <= inner.bottom && others.iter().all(clear)
        };
        let uncovered = |area: &Area| {
            !busy.iter().any(|(x, y)| {
                *x > area.left - 2.0 && *x < area.right + 2.0 && *y > area.top - 1.0 && *y < area.bottom + 1.0
            })
        };
        let (_, labels) = taken.split_at(lines);
        // Rather on data or another line than nowhere; where even that has no room, the name is left to the CSV file.
        let best = candidates.iter().find(|area| free_of(&taken, area) && uncovered(area));
        let second = || candidates.iter().find(|area| free_of(&taken, area));
        let third = || candidates.iter().find(|area| free_of(labels, area));
        if let Some(area) = best.or_else(second).or_else(third) {
            canvas.rect(*area, super::canvas::WHITE, 0.75)?;
            canvas.text(&text, (area.left, area.centre().1), Align::Left, font)?;
            taken.push(*area);
        }
    }
    Ok(())
}

/// What a plot without data shows.
pub(crate) fn no_data<DB: DrawingBackend>(canvas: &mut Canvas<DB>, area: Area) -> Drawing {
    canvas.frame(area, 0.8, LIGHT)?;
    canvas.text("no data", area.centre(), Align::Centre, Type { colour: GREY, ..Type::PANEL })
}

/// `3 values that are NaN or infinite are left out`, where there are any.
pub(crate) fn left_out(count: usize, log: bool) -> Option<String> {
    let what = if log { "NaN, infinite, or 0 and below on a logarithmic axis" } else { "NaN or infinite" };
    match count {
        0 => None,
        1 => Some(format!("1 value is left out: {what}")),
        _ => Some(format!("{count} values are left out: {what}")),
    }
}
