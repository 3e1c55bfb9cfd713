//! A page measured in points, over any backend of plotters.

use std::sync::OnceLock;

use harness_core::record::Image;
use plotters::backend::DrawingBackend;
use plotters::prelude::{Color as _, FontStyle, FontTransform, IntoFont, RGBAColor, RGBColor, TextStyle};
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Colour, Marker};

/// The font of PNG files and of all measuring. Verdana is as wide as DejaVu Sans, and stands in where a reader of an
/// SVG file lacks it.
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// Ascent and descent of DejaVu Sans in em: the rasterizer takes their sum as the size of a font.
const HEIGHT_EM: f64 = 1.164;

pub(crate) const BLACK: Colour = (30, 30, 30);
pub(crate) const DARK: Colour = (70, 70, 70);
pub(crate) const GREY: Colour = (120, 120, 120);
pub(crate) const LIGHT: Colour = (228, 228, 228);
pub(crate) const WHITE: Colour = (255, 255, 255);

/// What a backend could not do, in its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub String);

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault(error.to_string())
}

pub(crate) type Drawing = Result<(), Fault>;

/// A point of the page: right and down from its upper left corner.
pub(crate) type At = (f64, f64);

/// A rectangle of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(crate) fn centre(&self) -> At {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// The point of a place on either axis, each from 0 to 1, up being positive.
    pub(crate) fn at(&self, x: f64, y: f64) -> At {
        (self.left + x * self.width(), self.bottom - y * self.height())
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// Size, weight and colour of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Type {
    /// Size of an em in points.
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
}

impl Type {
    pub(crate) const TITLE: Type = Type { size: 13.0, bold: true, colour: BLACK };
    pub(crate) const PANEL: Type = Type { size: 11.0, bold: true, colour: BLACK };
    pub(crate) const LABEL: Type = Type { size: 10.5, bold: false, colour: BLACK };
    pub(crate) const TICK: Type = Type { size: 9.0, bold: false, colour: DARK };
    pub(crate) const NOTE: Type = Type { size: 8.5, bold: false, colour: GREY };

    /// Width of a text in points.
    pub(crate) fn width(self, text: &str) -> f64 {
        register();
        // Measured large, because the rasterizer returns whole pixels.
        let font = (FONT, 100.0 * HEIGHT_EM, style(self.bold)).into_font();
        match font.layout_box(text) {
            Ok(((low, _), (high, _))) => f64::from(high - low) * self.size / 100.0,
            Err(_) => 0.6 * self.size * text.chars().count() as f64,
        }
    }

    /// Distance from line to line.
    pub(crate) fn line(self) -> f64 {
        1.3 * self.size
    }

    /// From the middle of a line of text down to its baseline.
    fn middle_to_baseline(self) -> f64 {
        0.36 * self.size
    }

    /// The text with its middle left out where it is wider than `width` points.
    pub(crate) fn fit(self, text: &str, width: f64) -> String {
        // Longer than anything that fits: spares measuring 10 kB.
        let mut text = crate::printable::short(text, 400, 400);
        let mut most = text.chars().count();
        while most > 1 && self.width(&text) > width {
            most = ((most as f64 * (width / self.width(&text)).clamp(0.5, 0.97)) as usize).max(1);
            text = crate::printable::elide(&text, most);
        }
        text
    }

    /// The text in lines of at most `width` points, at most `lines` of them.
    pub(crate) fn wrap(self, text: &str, width: f64, lines: usize) -> Vec<String> {
        let text = crate::printable::short(text, 1000, 1000);
        let mut wrapped: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let word = self.fit(word, width);
            let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
            if self.width(&longer) <= width {
                line = longer;
            } else {
                wrapped.push(std::mem::replace(&mut line, word));
            }
        }
        if !line.is_empty() {
            wrapped.push(line);
        }
        if wrapped.len() > lines {
            let rest = wrapped.split_off(lines.saturating_sub(1)).join(" ");
            wrapped.push(self.fit(&rest, width));
        }
        wrapped
    }
}

fn style(bold: bool) -> FontStyle {
    if bold { FontStyle::Bold } else { FontStyle::Normal }
}

/// Gives plotters its fonts, once.
fn register() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        // The fonts are part of the program: they parse, or texts are left out.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font(FONT, FontStyle::Bold, dejavu::sans::bold());
    });
}

/// What is different about a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vector,
    #[cfg_attr(not(feature = "report"), expect(dead_code, reason = "pixels are drawn for files alone"))]
    Pixels,
}

/// A page of a backend.
pub(crate) struct Canvas<'a, DB: DrawingBackend> {
    backend: &'a mut DB,
    kind: Kind,
    /// Units of the backend per point.
    scale: f64,
    /// Pictures, for a vector format that holds them as files.
    pub pictures: Vec<(Area, Image)>,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    pub(crate) fn new(backend: &'a mut DB, kind: Kind, scale: f64) -> Self {
        register();
        Canvas { backend, kind, scale, pictures: Vec::new() }
    }

    fn unit(&self, points: f64) -> i32 {
        // Far off the page rather than beyond the backend's integers.
        (points * self.scale).clamp(-1e6, 1e6).round() as i32
    }

    fn point(&self, at: At) -> (i32, i32) {
        (self.unit(at.0), self.unit(at.1))
    }

    fn width_of(&self, points: f64) -> u32 {
        self.unit(points).max(1) as u32
    }

    /// A filled rectangle.
    pub(crate) fn rect(&mut self, area: Area, colour: Colour, alpha: f64) -> Drawing {
        let (a, b) = (self.point((area.left, area.top)), self.point((area.right, area.bottom)));
        let (low, high) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
        // A rectangle thinner than a pixel would vanish.
        let high = (high.0.max(low.0 + 1), high.1.max(low.1 + 1));
        self.backend.draw_rect(low, high, &shade(colour, alpha), true).map_err(fault)
    }

    /// The outline of a rectangle.
    pub(crate) fn frame(&mut self, area: Area, width: f64, colour: Colour) -> Drawing {
        let corners = [
            (area.left, area.top),
            (area.right, area.top),
            (area.right, area.bottom),
            (area.left, area.bottom),
            (area.left, area.top),
        ];
        self.path(&corners, width, colour, &[])
    }

    /// A line from point to point, broken by `dashes` (lengths of strokes and gaps in points).
    pub(crate) fn path(&mut self, path: &[At], width: f64, colour: Colour, dashes: &[f64]) -> Drawing {
        if dashes.is_empty() {
            return self.stroke(path, width, colour);
        }
        for stroke in broken(path, dashes) {
            self.stroke(&stroke, width, colour)?;
        }
        Ok(())
    }

    fn stroke(&mut self, path: &[At], width: f64, colour: Colour) -> Drawing {
        let mut points: Vec<(i32, i32)> = path.iter().map(|at| self.point(*at)).collect();
        points.dedup();
        if points.len() < 2 {
            return Ok(());
        }
        let stroke = shade(colour, 1.0).stroke_width(self.width_of(width));
        if self.kind == Kind::Vector {
            return self.backend.draw_path(points, &stroke).map_err(fault);
        }
        // The rasterizer of whole paths fills wrongly where a wide path crosses itself: one convex piece per segment.
        let half = f64::from(self.width_of(width)) / 2.0;
        for pair in points.windows(2) {
            let &[(x0, y0), (x1, y1)] = pair else { continue };
            let (dx, dy) = (f64::from(x1 - x0), f64::from(y1 - y0));
            let length = dx.hypot(dy);
            if dx == 0.0 || dy == 0.0 {
                let (h, extra) = (half, i32::from(half > 1.0) * half as i32);
                let ends = |a: i32, b: i32| (a.min(b), a.max(b));
                let ((left, right), (top, bottom)) = (ends(x0, x1), ends(y0, y1));
                let (low, high) = if dy == 0.0 {
                    ((left - extra, top - h.floor() as i32), (right + extra, top + h.ceil() as i32))
                } else {
                    ((left - h.floor() as i32, top - extra), (left + h.ceil() as i32, bottom + extra))
                };
                self.backend.draw_rect(low, high, &shade(colour, 1.0), true).map_err(fault)?;
                continue;
            }
            let (nx, ny) = (-dy / length * half, dx / length * half);
            let corner = |x: i32, y: i32, sign: f64| {
                ((f64::from(x) + sign * nx).round() as i32, (f64::from(y) + sign * ny).round() as i32)
            };
            let quad = [corner(x0, y0, 1.0), corner(x1, y1, 1.0), corner(x1, y1, -1.0), corner(x0, y0, -1.0)];
            self.backend.fill_polygon(quad, &shade(colour, 1.0)).map_err(fault)?;
        }
        if half >= 2.0 && points.len() > 2 {
            for joint in points.iter().skip(1).take(points.len() - 2) {
                self.backend.draw_circle(*joint, half as u32, &shade(colour, 1.0), true).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// The area between two curves over the same, ascending abscissae: (x, upper y, lower y) in points.
    pub(crate) fn band(&mut self, edges: &[(f64, f64, f64)], colour: Colour, alpha: f64) -> Drawing {
        if edges.len() < 2 {
            return Ok(());
        }
        if self.kind == Kind::Vector {
            let upper = edges.iter().map(|(x, upper, _)| self.point((*x, *upper)));
            let lower = edges.iter().rev().map(|(x, _, lower)| self.point((*x, *lower)));
            let outline: Vec<(i32, i32)> = upper.chain(lower).collect();
            return self.backend.fill_polygon(outline, &shade(colour, alpha)).map_err(fault);
        }
        // Column by column, so that no pixel is blended twice.
        for pair in edges.windows(2) {
            let &[(x0, upper0, lower0), (x1, upper1, lower1)] = pair else { continue };
            let (from, to) = (self.unit(x0), self.unit(x1));
            for column in from..to {
                let share = f64::from(column - from) / f64::from(to - from);
                let top = self.unit(upper0 + share * (upper1 - upper0));
                let bottom = self.unit(lower0 + share * (lower1 - lower0)).max(top + 1);
                self.backend
                    .draw_rect((column, top), (column + 1, bottom), &shade(colour, alpha), true)
                    .map_err(fault)?;
            }
        }
        Ok(())
    }

    /// A marker of `radius` points.
    pub(crate) fn marker(&mut self, at: At, marker: Marker, radius: f64, colour: Colour, alpha: f64) -> Drawing {
        let (x, y) = at;
        let polygon = |canvas: &mut Self, corners: &[At]| {
            let corners: Vec<(i32, i32)> = corners.iter().map(|at| canvas.point(*at)).collect();
            canvas.backend.fill_polygon(corners, &shade(colour, alpha)).map_err(fault)
        };
        match marker {
            Marker::Circle => {
                let (centre, radius) = (self.point(at), self.width_of(radius));
                self.backend.draw_circle(centre, radius, &shade(colour, alpha), true).map_err(fault)
            }
            Marker::Square => {
                let half = 0.88 * radius;
                self.rect(Area { left: x - half, top: y - half, right: x + half, bottom: y + half }, colour, alpha)
            }
            Marker::Triangle | Marker::Down => {
                let up = if marker == Marker::Triangle { 1.0 } else { -1.0 };
                let (tip, base, half) = (y - 1.2 * radius * up, y + 0.8 * radius * up, 1.15 * radius);
                polygon(self, &[(x, tip), (x + half, base), (x - half, base)])
            }
            Marker::Diamond => {
                let half = 1.25 * radius;
                polygon(self, &[(x, y - half), (x + half, y), (x, y + half), (x - half, y)])
            }
            Marker::Cross => {
                let (long, thin) = (1.15 * radius, 0.4 * radius);
                self.rect(Area { left: x - long, top: y - thin, right: x + long, bottom: y + thin }, colour, alpha)?;
                self.rect(Area { left: x - thin, top: y - long, right: x + thin, bottom: y - thin }, colour, alpha)?;
                self.rect(Area { left: x - thin, top: y + thin, right: x + thin, bottom: y + long }, colour, alpha)
            }
        }
    }

    /// A line of text whose vertical middle is at the point.
    pub(crate) fn text(&mut self, text: &str, at: At, align: Align, font: Type) -> Drawing {
        let baseline = at.1 + font.middle_to_baseline();
        let top = baseline - self.baseline_below_top(font);
        self.write(text, (at.0, top), align, font, FontTransform::None)
    }

    /// A line of text that reads upwards, with its horizontal middle at the point.
    pub(crate) fn text_up(&mut self, text: &str, at: At, align: Align, font: Type) -> Drawing {
        let baseline = at.0 + font.middle_to_baseline();
        let left = baseline - self.baseline_below_top(font);
        self.write(text, (left, at.1), align, font, FontTransform::Rotate270)
    }

    /// How far below the anchor `VPos::Top` the backends put the baseline.
    fn baseline_below_top(&self, font: Type) -> f64 {
        match self.kind {
            Kind::Vector => 0.76 * font.size,
            Kind::Pixels => HEIGHT_EM * font.size / 2.0,
        }
    }

    fn write(&mut self, text: &str, at: At, align: Align, font: Type, turn: FontTransform) -> Drawing {
        if text.is_empty() {
            return Ok(());
        }
        // The vector backend divides by 1.24 what it takes as the size.
        let size = font.size * self.scale * if self.kind == Kind::Vector { 1.24 } else { HEIGHT_EM };
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let colour = shade(font.colour, 1.0);
        let style = TextStyle::from((FONT, size, style(font.bold)).into_font().transform(turn))
            .pos(Pos::new(horizontal, VPos::Top))
            .color(&colour);
        let at = self.point(at);
        self.backend.draw_text(text, &style, at).map_err(fault)
    }

    /// A small picture that fills the area.
    pub(crate) fn picture(&mut self, area: Area, image: &Image) -> Drawing {
        if self.kind == Kind::Vector {
            self.pictures.push((area, image.clone()));
            return Ok(());
        }
        let ((left, top), (right, bottom)) = (self.point((area.left, area.top)), self.point((area.right, area.bottom)));
        let (width, height) = ((right - left).max(1) as usize, (bottom - top).max(1) as usize);
        let mut pixels = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            for x in 0..width {
                pixels.extend(rgb(image, y * image.height / height, x * image.width / width));
            }
        }
        self.backend.blit_bitmap((left, top), (width as u32, height as u32), &pixels).map_err(fault)
    }
}

/// The colour of a pixel; grey where the picture has fewer bytes than it says.
pub(crate) fn rgb(image: &Image, row: usize, column: usize) -> [u8; 3] {
    let channels = image.channels.max(1);
    let start = (row * image.width + column) * channels;
    let byte = |offset: usize| image.pixels.get(start + offset).copied().unwrap_or(127);
    if channels >= 3 { [byte(0), byte(1), byte(2)] } else { [byte(0); 3] }
}

fn shade(colour: Colour, alpha: f64) -> RGBAColor {
    RGBColor(colour.0, colour.1, colour.2).mix(alpha)
}

/// The strokes of a broken line.
fn broken(path: &[At], dashes: &[f64]) -> Vec<Vec<At>> {
    let mut strokes = Vec::new();
    let (mut index, mut left) = (0, dashes.first().copied().unwrap_or(1.0));
    let mut current: Vec<At> = path.first().copied().into_iter().collect();
    for pair in path.windows(2) {
        let &[mut from, to] = pair else { continue };
        loop {
            let rest = (to.0 - from.0).hypot(to.1 - from.1);
            if rest <= left {
                left -= rest;
                if index % 2 == 0 {
                    current.push(to);
                }
                break;
            }
            let share = left / rest;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if index % 2 == 0 {
                current.push(from);
                strokes.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            index += 1;
            left = dashes.get(index % dashes.len()).copied().unwrap_or(1.0).max(0.5);
        }
    }
    if index % 2 == 0 {
        strokes.push(current);
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_as_long_as_its_strokes_and_gaps() {
        let strokes = broken(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[3.0, 2.0]);
        let ends: Vec<(At, At)> = strokes.iter().map(|stroke| (stroke[0], *stroke.last().unwrap())).collect();
        assert_eq!(
            ends,
            [
                ((0.0, 0.0), (3.0, 0.0)),
                ((5.0, 0.0), (8.0, 0.0)),
                ((10.0, 0.0), (10.0, 3.0)),
                ((10.0, 5.0), (10.0, 8.0))
            ]
        );
    }

    #[test]
    fn long_text_is_cut_to_its_width() {
        let long = "word ".repeat(2000);
        assert!(Type::TICK.width(&Type::TICK.fit(&long, 120.0)) <= 120.0);
        let lines = Type::TITLE.wrap(&long, 300.0, 3);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| Type::TITLE.width(line) <= 300.0));
        assert_eq!(Type::TITLE.wrap(&"x".repeat(10_000), 300.0, 3).len(), 1);
    }
}
