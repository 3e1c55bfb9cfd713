//! Draws the figures that papers describe, as SVG and PNG by the same code, with their numbers as CSV.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `canvas` | a page in points over any plotters backend: paths, bands, markers, text, pictures |
//! | `scale`, `axes` | places of values, ticks, labels, lines for published values |
//! | `palette`, `legend` | colours, dashes and markers; one legend per figure |
//! | `curves`, `bars`, `heatmap`, `scatter`, `histogram`, `grid` | the plots |
//! | `page` | title, panels in rows, legend |
//! | `data`, `files` | the numbers behind a figure; its files |
//!
//! Any input gives a figure: values that an axis cannot show are left out and said to be, a plot without any shows
//! `no data`, long texts are cut, and large plots are thinned to what can be seen.

mod axes;
mod bars;
mod canvas;
mod curves;
mod data;
#[cfg(feature = "report")]
mod files;
mod grid;
mod heatmap;
mod histogram;
mod legend;
mod page;
mod palette;
mod scale;
mod scatter;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use harness_core::figure::Figure;
use harness_core::record::Image;
use harness_core::{Error, Result};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};

use self::canvas::{Area, Canvas, Fault, Kind};
use self::page::Page;
use crate::tables::{self, write_atomic};

pub use data::figure_table;
#[cfg(feature = "report")]
pub use files::{Drawn, draw};
pub use palette::Palette;

/// Units of the SVG file per point: its coordinates are whole numbers, so a point is divided.
const SVG_UNITS: f64 = 10.0;
/// Draws a figure into `dir` as SVG alone and returns the file; otherwise as [`draw`].
///
/// # Errors
/// [`Error::Environment`] where the file cannot be written.
pub fn draw_svg(figure: &Figure, palette: &Palette, dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(|error| tables::cannot("create", dir, &error))?;
    let path = dir.join(format!("{}.svg", file_name(&figure.id)));
    let text = svg_text(figure, palette)?;
    write_atomic(&path, |out| out.write_all(text.as_bytes()))?;
    Ok(path)
}

/// The drawing of a figure as the text of an SVG file; otherwise as [`draw`].
///
/// # Errors
/// [`Error::Environment`] where the drawing library refuses.
pub fn svg_text(figure: &Figure, palette: &Palette) -> Result<String> {
    let mut palette = palette.clone();
    palette.add(figure);
    svg(&Page::new(figure, &palette)).map_err(|fault| cannot_draw(Path::new(&figure.id), &fault))
}

fn cannot_draw(path: &Path, fault: &Fault) -> Error {
    Error::Environment(format!("cannot draw {}: {fault}", path.display()))
}

/// A figure's identifier as a file name: lower-case letters, digits, `-`; anything else becomes `-`.
///
/// ```
/// use harness_report::draw::file_name;
/// assert_eq!(file_name("error-over-n"), "error-over-n");
/// assert_eq!(file_name("../Etc/passwd"), "etc-passwd");
/// assert_eq!(file_name("…"), "figure");
/// ```
pub fn file_name(id: &str) -> String {
    let name: String = id
        .chars()
        .take(80)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    match name.trim_matches('-') {
        "" => "figure".to_owned(),
        name => name.to_owned(),
    }
}

fn svg(page: &Page<'_>) -> Result<String, Fault> {
    let (width, height) = page.size;
    let units = |points: f64| (points * SVG_UNITS) as u32;
    let mut text = String::new();
    let mut pictures = Vec::new();
    {
        let mut backend = SVGBackend::with_string(&mut text, (units(width), units(height)));
        let mut canvas = Canvas::new(&mut backend, Kind::Vector, SVG_UNITS);
        page.draw(&mut canvas)?;
        pictures.append(&mut canvas.pictures);
        backend.present().map_err(|error| Fault(error.to_string()))?;
    }
    let pictures = pictures.iter().map(|(area, image)| svg_picture(area, image)).collect::<Result<String, Fault>>()?;
    // The backend gives the page the size of its units; pictures it cannot hold at all.
    let text = text.replacen(
        &format!("width=\"{}\" height=\"{}\"", units(width), units(height)),
        &format!("width=\"{width}\" height=\"{height}\""),
        1,
    );
    Ok(match text.rfind("</svg>") {
        Some(end) => format!("{}{pictures}{}", &text[..end], &text[end..]),
        None => text,
    })
}

fn svg_picture(area: &Area, image: &Image) -> Result<String, Fault> {
    let (width, height) = (image.width.clamp(1, 512), image.height.clamp(1, 512));
    let pixels: Vec<u8> = (0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .flat_map(|(row, column)| canvas::rgb(image, row * image.height / height, column * image.width / width))
        .collect();
    let png = encode_png((width as u32, height as u32), &pixels)?;
    let units = |points: f64| (points * SVG_UNITS).round();
    Ok(format!(
        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        units(area.left),
        units(area.top),
        units(area.width()),
        units(area.height()),
        base64(&png)
    ))
}

/// Encodes 3 bytes per pixel. The encoder of plotters writes files only.
fn encode_png(size: (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault(error.to_string());
    let file = tempfile::Builder::new().suffix(".png").tempfile().map_err(|error| failed(&error))?;
    {
        let mut backend = BitMapBackend::new(file.path(), size);
        backend.blit_bitmap((0, 0), size, pixels).map_err(|error| failed(&error))?;
        backend.present().map_err(|error| failed(&error))?;
    }
    std::fs::read(file.path()).map_err(|error| failed(&error))
}

/// RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (group >> (18 - 6 * digit)) & 63;
            let padding = digit > chunk.len();
            text.push(if padding { '=' } else { DIGITS.get(value as usize).map_or('=', |digit| char::from(*digit)) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        pairs.iter().for_each(|(plain, coded)| assert_eq!(&base64(plain.as_bytes()), coded));
    }
}
