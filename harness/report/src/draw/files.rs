//! The files of a figure: SVG, PNG and CSV.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use harness_core::Result;
use harness_core::figure::Figure;
use plotters::backend::{BitMapBackend, DrawingBackend as _};

use super::canvas::{Canvas, Fault, Kind};
use super::data::figure_table;
use super::page::Page;
use super::palette::Palette;
use super::{cannot_draw, draw_svg, encode_png};
use crate::tables::{self, write_atomic};

/// Pixels of the PNG file per point.
const PNG_SCALE: u32 = 2;
/// The rasterizer draws larger than this many times and averages, which smooths all edges alike …
const OVERSAMPLING: u32 = 2;
/// … unless the page would have more pixels than this.
const MOST_PIXELS: f64 = 4e7;

/// The files of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Vector drawing.
    pub svg: PathBuf,
    /// The same at two pixels per point.
    pub png: PathBuf,
    /// The numbers; see [`figure_table`].
    pub csv: PathBuf,
}

/// Draws a figure into `dir`, which is created where it is missing. Files of the same figure are replaced.
///
/// The files are named by the figure's `id`; series that the palette does not know get looks of their own.
///
/// # Errors
/// [`Error::Environment`](harness_core::Error::Environment) where a file cannot be written.
pub fn draw(figure: &Figure, palette: &Palette, dir: &Path) -> Result<Drawn> {
    let svg = draw_svg(figure, palette, dir)?;
    let mut palette = palette.clone();
    palette.add(figure);
    let drawn = Drawn { png: svg.with_extension("png"), csv: svg.with_extension("csv"), svg };
    let png = png(&Page::new(figure, &palette)).map_err(|fault| cannot_draw(&drawn.png, &fault))?;
    write_atomic(&drawn.png, |out| out.write_all(&png))?;
    tables::write_csv(&mut figure_table(figure)?, &drawn.csv)?;
    Ok(drawn)
}

fn png(page: &Page<'_>) -> Result<Vec<u8>, Fault> {
    let (width, height) = (page.size.0 as u32, page.size.1 as u32);
    let most = f64::from(PNG_SCALE * OVERSAMPLING).powi(2) * page.size.0 * page.size.1;
    let over = if most <= MOST_PIXELS { OVERSAMPLING } else { 1 };
    let scale = PNG_SCALE * over;
    let (wide, high) = (width * scale, height * scale);
    let mut pixels = vec![255; 3 * wide as usize * high as usize];
    {
        let mut backend = BitMapBackend::with_buffer(&mut pixels, (wide, high));
        page.draw(&mut Canvas::new(&mut backend, Kind::Pixels, f64::from(scale)))?;
        backend.present().map_err(|error| Fault(error.to_string()))?;
    }
    let size = (width * PNG_SCALE, height * PNG_SCALE);
    encode_png(size, &averaged(&pixels, wide as usize, over as usize))
}

/// The picture with every `over` × `over` pixels made one.
fn averaged(pixels: &[u8], width: usize, over: usize) -> Vec<u8> {
    if over == 1 {
        return pixels.to_vec();
    }
    let count = (over * over) as u32;
    let mut small = Vec::with_capacity(pixels.len() / (over * over));
    for rows in pixels.chunks_exact(3 * width * over) {
        for column in 0..width / over {
            for channel in 0..3 {
                let sum: u32 = (0..over)
                    .flat_map(|y| (0..over).map(move |x| 3 * (y * width + column * over + x) + channel))
                    .map(|at| rows.get(at).copied().map_or(0, u32::from))
                    .sum();
                small.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averaging_keeps_the_mean() {
        let pixels = [[0; 3], [200; 3], [100; 3], [100; 3]].concat();
        assert_eq!(averaged(&pixels, 2, 2), [100; 3]);
    }
}
