//! Images and labels as every image reader returns them.

use super::DataError;

/// Images of one size, 8 bits per channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Intensities, shape `[count, channels, height, width]`, row-major.
    pub pixels: Vec<u8>,
    /// Number of images.
    pub count: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Planes of an image: 1 for grey, 3 for red, green, blue.
    pub channels: usize,
}

/// Class of each image, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(pub Vec<u8>);

/// Images with their classes; as many labels as images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImages {
    /// The images.
    pub images: Images,
    /// The class of each image, below `classes`.
    pub labels: Labels,
    /// Number of classes.
    pub classes: usize,
}

impl Images {
    /// Values of one image.
    #[must_use]
    pub fn image_size(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Image `index` as `[channels, height, width]`, or none past the end.
    #[must_use]
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        if index >= self.count {
            return None;
        }
        let size = self.image_size();
        self.pixels.get(index * size..(index + 1) * size)
    }

    /// Intensities divided by 255, in `0.0..=1.0`, shape `[count, channels, height, width]`.
    #[must_use]
    pub fn scaled(&self) -> Vec<f32> {
        self.pixels.iter().map(|&p| f32::from(p) / 255.0).collect()
    }

    /// Mean and population standard deviation per channel of the intensities divided by 255, for normalisation. NaN if
    /// there are no pixels.
    #[must_use]
    pub fn channel_statistics(&self) -> Vec<(f64, f64)> {
        let plane = self.height * self.width;
        let mut sums = vec![(0_u64, 0_u64); self.channels];
        if plane > 0 && self.channels > 0 {
            for (index, values) in self.pixels.chunks_exact(plane).enumerate() {
                if let Some(sum) = sums.get_mut(index % self.channels) {
                    // Integers, so that the result does not depend on the order of summation.
                    sum.0 += values.iter().map(|&v| u64::from(v)).sum::<u64>();
                    sum.1 += values.iter().map(|&v| u64::from(v) * u64::from(v)).sum::<u64>();
                }
            }
        }
        let n = (self.count * plane) as f64;
        sums.into_iter()
            .map(|(sum, squares)| {
                let mean = sum as f64 / n;
                let variance = squares as f64 / n - mean * mean;
                (mean / 255.0, variance.max(0.0).sqrt() / 255.0)
            })
            .collect()
    }
}

impl LabelledImages {
    /// Joins images and labels.
    ///
    /// # Errors
    /// [`DataError::Format`] if their numbers differ; `file` names the labels.
    pub fn new(images: Images, labels: Labels, classes: usize, file: &str) -> Result<Self, DataError> {
        if images.count != labels.0.len() {
            return Err(DataError::format(file, 4, format!("{} labels for {} images", labels.0.len(), images.count)));
        }
        Ok(Self { images, labels, classes })
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.count
    }

    /// Whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.count == 0
    }

    /// Number of images of each class.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for &label in &self.labels.0 {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
        counts
    }

    /// The images at `indices`, in that order, with their labels; none if an index is past the end.
    #[must_use]
    pub fn subset(&self, indices: &[usize]) -> Option<Self> {
        let mut pixels = Vec::with_capacity(indices.len() * self.images.image_size());
        let mut labels = Vec::with_capacity(indices.len());
        for &index in indices {
            pixels.extend_from_slice(self.images.image(index)?);
            labels.push(*self.labels.0.get(index)?);
        }
        Some(Self {
            images: Images { pixels, count: indices.len(), ..self.images.shape() },
            labels: Labels(labels),
            classes: self.classes,
        })
    }
}

impl Images {
    /// No images of this size.
    fn shape(&self) -> Self {
        Self { pixels: Vec::new(), count: 0, height: self.height, width: self.width, channels: self.channels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of two channels, 1x2 each.
    fn example() -> LabelledImages {
        let images =
            Images { pixels: vec![0, 255, 10, 10, 255, 0, 10, 10], count: 2, height: 1, width: 2, channels: 2 };
        LabelledImages::new(images, Labels(vec![1, 0]), 3, "x").unwrap()
    }

    #[test]
    fn statistics_are_per_channel() {
        let statistics = example().images.channel_statistics();
        assert_eq!(statistics.len(), 2);
        assert!((statistics[0].0 - 0.5).abs() < 1e-12 && (statistics[0].1 - 0.5).abs() < 1e-12);
        assert!((statistics[1].0 - 10.0 / 255.0).abs() < 1e-12 && statistics[1].1 < 1e-9);
    }

    #[test]
    fn a_subset_keeps_order_and_labels() {
        let subset = example().subset(&[1, 0, 1]).unwrap();
        assert_eq!(subset.len(), 3);
        assert_eq!(subset.labels, Labels(vec![0, 1, 0]));
        assert_eq!(subset.images.image(1), example().images.image(0));
        assert_eq!(subset.class_counts(), [2, 1, 0]);
        assert_eq!(example().subset(&[2]), None);
    }

    #[test]
    fn numbers_of_images_and_labels_must_agree() {
        let images = example().images;
        let error = LabelledImages::new(images, Labels(vec![0]), 3, "y.gz").unwrap_err();
        assert_eq!(error.to_string(), "y.gz: at byte 4: 1 labels for 2 images");
    }
}
