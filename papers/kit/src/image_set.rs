//! Images with labels on the host, from files or from a generator.

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};
use harness_core::data::LabelledImages;
use harness_core::{Error, Result};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSize {
    /// Planes: 1 for grey, 3 for colour.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// Numbers per image.
    pub fn values(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Images of one size with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSet {
    /// Intensities, mostly in [0, 1], `[n, channels, height, width]` row-major.
    pub pixels: Vec<f32>,
    /// Class of each image.
    pub labels: Vec<usize>,
    /// Size of an image.
    pub size: ImageSize,
    /// Number of classes.
    pub classes: usize,
}

impl ImageSet {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `count` different images of a stored set in an order drawn from `rng`, intensities divided by 255.
    ///
    /// # Errors
    /// [`Error::Input`] where the set has fewer.
    pub fn draw(set: &LabelledImages, count: usize, rng: &mut impl Rng) -> Result<Self> {
        if count > set.len() {
            return Err(Error::Input(format!(
                "{count} images are asked of a set that has {}: ask for fewer",
                set.len()
            )));
        }
        let mut order: Vec<usize> = (0..set.len()).collect();
        order.shuffle(rng);
        order.truncate(count);
        let drawn = set.subset(&order).ok_or_else(|| Error::Failed("the image set is torn".into()))?;
        Ok(ImageSet {
            pixels: drawn.images.scaled(),
            labels: drawn.labels.0.iter().map(|label| usize::from(*label)).collect(),
            size: ImageSize { channels: drawn.images.channels, height: drawn.images.height, width: drawn.images.width },
            classes: drawn.classes,
        })
    }

    /// The values of an image; empty past the end.
    pub fn image(&self, index: usize) -> &[f32] {
        let values = self.size.values();
        self.pixels.get(index * values..(index + 1) * values).unwrap_or_default()
    }

    /// The first `count` images, or all where there are fewer.
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.len());
        ImageSet {
            pixels: self.pixels.iter().take(count * self.size.values()).copied().collect(),
            labels: self.labels.iter().take(count).copied().collect(),
            ..*self
        }
    }

    /// All images on a device, `[n, channels, height, width]`.
    pub fn tensor(&self, device: &Device) -> Tensor<4> {
        let ImageSize { channels, height, width } = self.size;
        Tensor::from_data(TensorData::new(self.pixels.clone(), [self.len(), channels, height, width]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::data::{Images, Labels};

    #[test]
    fn drawn_images_keep_their_labels_and_do_not_repeat() {
        let images = Images { pixels: (0..40).collect(), count: 10, height: 2, width: 2, channels: 1 };
        let set = LabelledImages::new(images, Labels((0..10).collect()), 10, "x").unwrap();
        let draw = |seed| ImageSet::draw(&set, 6, &mut harness_core::rng::stream("test", "split", seed)).unwrap();
        let drawn = draw(0);
        assert_eq!(drawn, draw(0));
        assert_ne!(drawn.labels, draw(1).labels);
        let mut labels = drawn.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), 6);
        for (at, label) in drawn.labels.iter().enumerate() {
            assert_eq!(drawn.image(at)[0], (4 * label) as f32 / 255.0);
        }
        assert_eq!(drawn.first(2).labels, drawn.labels[..2]);
        assert_eq!(drawn.first(2).pixels.len(), 8);
        assert!(ImageSet::draw(&set, 11, &mut harness_core::rng::stream("test", "split", 0)).is_err());
    }
}
