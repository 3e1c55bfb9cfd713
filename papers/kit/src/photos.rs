//! Zipped photographs and drawings as grey images.

use std::io::Cursor;

use harness_core::data::CachedSet;
use harness_core::data::archive::{Limits, read_zip};
use harness_core::{Error, Result};
use image::imageops::{FilterType, resize};
use image::{GrayImage, ImageReader};
use rand::{Rng, RngExt};

/// A grey image of its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// Intensities in [0, 1], row by row.
    pub pixels: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Photo {
    fn new(image: &GrayImage) -> Self {
        Photo {
            pixels: image.as_raw().iter().map(|value| f32::from(*value) / 255.0).collect(),
            height: image.height() as usize,
            width: image.width() as usize,
        }
    }

    /// A part of `side` × `side` pixels at a uniform place; what lies outside of a smaller photograph is 0.
    ///
    /// ```
    /// use papers_kit::photos::Photo;
    /// let photo = Photo { pixels: vec![0.5; 12], height: 3, width: 4 };
    /// let mut rng = harness_core::rng::stream("example", "crops", 0);
    /// assert_eq!(photo.crop(2, &mut rng), [0.5; 4]);
    /// ```
    pub fn crop(&self, side: usize, rng: &mut impl Rng) -> Vec<f32> {
        let top = rng.random_range(0..=self.height.saturating_sub(side));
        let left = rng.random_range(0..=self.width.saturating_sub(side));
        (top..top + side)
            .flat_map(|y| (left..left + side).map(move |x| (y, x)))
            .map(
                |(y, x)| if x < self.width { self.pixels.get(y * self.width + x).copied().unwrap_or(0.0) } else { 0.0 },
            )
            .collect()
    }
}

/// Decodes the JPEG and PNG files of a zip for which `wanted` is true, in the order of their names, as grey images; each
/// is resized to `side` × `side` pixels where that is given. Colours become Rec. 709 luma.
///
/// # Errors
/// That of the archive; [`Error::Failed`] naming the member that is not an image.
pub fn read_photos(
    set: &CachedSet,
    archive: &str,
    side: Option<u32>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Photo)>> {
    let bytes = set.read(archive)?;
    let members = read_zip(Cursor::new(bytes), archive, Limits::default(), wanted)?;
    members
        .into_iter()
        .map(|(name, bytes)| {
            let photo = decode(&bytes, side).map_err(|reason| Error::Failed(format!("{archive}: {name}: {reason}")))?;
            Ok((name, photo))
        })
        .collect()
}

fn decode(bytes: &[u8], side: Option<u32>) -> std::result::Result<Photo, String> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let grey = reader.decode().map_err(|error| error.to_string())?.to_luma8();
    Ok(match side {
        Some(side) => Photo::new(&resize(&grey, side, side, FilterType::Triangle)),
        None => Photo::new(&grey),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder};

    fn png(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(pixels, width, height, ExtendedColorType::L8)
            .unwrap();
        bytes
    }

    #[test]
    fn pixels_keep_their_places_and_averages() {
        let bytes = png(&[0, 0, 255, 255, 0, 0, 255, 255], 4, 2);
        let photo = decode(&bytes, None).unwrap();
        assert_eq!((photo.height, photo.width), (2, 4));
        assert_eq!(photo.pixels, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        let small = decode(&bytes, Some(2)).unwrap();
        assert_eq!((small.height, small.width), (2, 2));
        assert!(small.pixels[0] < 0.3 && small.pixels[1] > 0.7, "{small:?}");
        assert!(decode(b"no image", None).is_err());
    }

    #[test]
    fn crops_are_parts() {
        let photo = Photo { pixels: (0..20).map(|value| value as f32).collect(), height: 4, width: 5 };
        let mut rng = harness_core::rng::stream("test", "crops", 0);
        let mut corners = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let crop = photo.crop(3, &mut rng);
            assert_eq!(crop[4], crop[0] + 6.0);
            corners.insert(crop[0] as usize);
        }
        assert_eq!(corners.into_iter().collect::<Vec<_>>(), [0, 1, 2, 5, 6, 7], "every place is met");
        assert_eq!(photo.crop(6, &mut rng).len(), 36);
    }
}
