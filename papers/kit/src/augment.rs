//! Random views of images, made on the host from a named stream and uploaded batch by batch.
//!
//! A paper lists its steps in order, in `paper.yaml`:
//!
//! ```yaml
//! augmentation:
//!   - resized_crop: {area: [0.3, 1.0]}
//!   - flip: {probability: 0.5}
//!   - distort: {gain: [0.6, 1.4], offset: [-0.3, 0.3], probability: 0.8}
//!   - noise: {std: 0.05}
//! ```

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};
use harness_core::{Error, Result};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::image_set::{ImageSet, ImageSize};

/// One random change of an image. All of an image's planes change alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A part of the image, of its proportions and at a uniform place, enlarged to the whole by bilinear interpolation.
    ResizedCrop {
        /// Least and largest share of the area, in (0, 1].
        area: [f32; 2],
    },
    /// A move by whole pixels each way, zeros behind.
    Shift {
        /// Largest move.
        pixels: usize,
    },
    /// Left and right change places.
    Flip {
        /// How often.
        probability: f32,
    },
    /// Gaussian blur with a 5×5 window, pixels at the border repeated.
    Blur {
        /// Least and largest standard deviation in pixels.
        sigma: [f32; 2],
        /// How often.
        probability: f32,
    },
    /// Contrast and brightness: x ← clip(gain·(x − ½) + ½ + offset, 0, 1).
    Distort {
        /// Least and largest gain.
        gain: [f32; 2],
        /// Least and largest offset.
        offset: [f32; 2],
        /// How often.
        probability: f32,
    },
    /// Independent normal noise in every value, not clipped.
    Noise {
        /// Its standard deviation.
        std: f32,
    },
}

impl Step {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the step and the key.
    pub fn check(&self) -> Result<()> {
        let refuse = |key: &str, expected: &str| Err(Error::Input(format!("augmentation: {key} must be {expected}")));
        let range = |[low, high]: [f32; 2]| low.is_finite() && high.is_finite() && low <= high;
        let share = |probability: f32| (0.0..=1.0).contains(&probability);
        match *self {
            Step::ResizedCrop { area } if !(range(area) && area[0] > 0.0 && area[1] <= 1.0) => {
                refuse("resized_crop.area", "two ascending numbers in (0, 1]")
            }
            Step::Blur { sigma, .. } if !(range(sigma) && sigma[0] > 0.0) => {
                refuse("blur.sigma", "two ascending numbers above 0")
            }
            Step::Distort { gain, .. } if !range(gain) => refuse("distort.gain", "two ascending numbers"),
            Step::Distort { offset, .. } if !range(offset) => refuse("distort.offset", "two ascending numbers"),
            Step::Noise { std } if !(std.is_finite() && std >= 0.0) => refuse("noise.std", "a number of at least 0"),
            Step::Flip { probability } | Step::Blur { probability, .. } | Step::Distort { probability, .. }
                if !share(probability) =>
            {
                refuse("probability", "between 0 and 1")
            }
            _ => Ok(()),
        }
    }

    /// Changes `image`, `[channels, height, width]`; `spare` is memory of any content that it may use.
    fn apply(&self, image: &mut Vec<f32>, spare: &mut Vec<f32>, size: ImageSize, rng: &mut impl Rng) {
        match *self {
            Step::ResizedCrop { area } => {
                let side = between(area, rng).sqrt();
                let (down, right): (f32, f32) = (rng.random(), rng.random());
                let rows = sample_points(size.height, side, down);
                let columns = sample_points(size.width, side, right);
                spare.clear();
                for plane in image.chunks_exact((size.height * size.width).max(1)) {
                    for (above, below, y) in &rows {
                        let (above, below) = (&plane[above * size.width..], &plane[below * size.width..]);
                        spare.extend(columns.iter().map(|(left, right, x)| {
                            let upper = above[*left] + (above[*right] - above[*left]) * x;
                            let lower = below[*left] + (below[*right] - below[*left]) * x;
                            upper + (lower - upper) * y
                        }));
                    }
                }
                std::mem::swap(image, spare);
            }
            Step::Shift { pixels } => {
                // Moves of −pixels to pixels, counted from 0.
                let (down, right) = (rng.random_range(0..=2 * pixels), rng.random_range(0..=2 * pixels));
                spare.clear();
                for plane in image.chunks_exact((size.height * size.width).max(1)) {
                    for y in 0..size.height {
                        let row = (y + pixels).checked_sub(down).filter(|row| *row < size.height);
                        spare.extend((0..size.width).map(|x| {
                            let column = (x + pixels).checked_sub(right).filter(|column| *column < size.width);
                            row.zip(column).map_or(0.0, |(row, column)| plane[row * size.width + column])
                        }));
                    }
                }
                std::mem::swap(image, spare);
            }
            Step::Flip { probability } => {
                if happens(probability, rng) {
                    image.chunks_exact_mut(size.width.max(1)).for_each(<[f32]>::reverse);
                }
            }
            Step::Blur { sigma, probability } => {
                let (happens, sigma) = (happens(probability, rng), between(sigma, rng));
                if happens {
                    blur(image, spare, size, sigma);
                }
            }
            Step::Distort { gain, offset, probability } => {
                let (happens, gain, offset) = (happens(probability, rng), between(gain, rng), between(offset, rng));
                if happens {
                    image.iter_mut().for_each(|x| *x = (gain * (*x - 0.5) + 0.5 + offset).clamp(0.0, 1.0));
                }
            }
            Step::Noise { std } => image.iter_mut().for_each(|x| *x += std * rng.sample::<f32, _>(StandardNormal)),
        }
    }
}

fn happens(probability: f32, rng: &mut impl Rng) -> bool {
    rng.random::<f32>() < probability
}

fn between([low, high]: [f32; 2], rng: &mut impl Rng) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// For each of `side` pixels of a crop the two pixels that it lies between and its share of the second. Pixel i covers
/// [i, i + 1); the crop is `share`·side long and starts at `place` of the room that is left.
fn sample_points(side: usize, share: f32, place: f32) -> Vec<(usize, usize, f32)> {
    let start = (1.0 - share) * side as f32 * place;
    let last = side.saturating_sub(1);
    (0..side)
        .map(|at| {
            let centre = (start + (at as f32 + 0.5) * share - 0.5).clamp(0.0, last as f32);
            let low = (centre as usize).min(last);
            (low, (low + 1).min(last), centre - low as f32)
        })
        .collect()
}

fn blur(image: &mut [f32], spare: &mut Vec<f32>, size: ImageSize, sigma: f32) {
    let weight = |distance: f32| (-distance * distance / (2.0 * sigma * sigma)).exp();
    let (near, far) = (weight(1.0), weight(2.0));
    let total = 1.0 + 2.0 * (near + far);
    let window = [far / total, near / total, 1.0 / total, near / total, far / total];
    let (height, width) = (size.height, size.width);
    // The window is a product of two: first along rows, then along columns.
    let pass = |from: &[f32], to: &mut Vec<f32>, along_rows: bool| {
        to.clear();
        for plane in from.chunks_exact((height * width).max(1)) {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let value = window.iter().enumerate().map(|(offset, weight)| {
                    let moved = |at: usize, side: usize| (at + offset).saturating_sub(2).min(side - 1);
                    let (y, x) = if along_rows { (y, moved(x, width)) } else { (moved(y, height), x) };
                    weight * plane[y * width + x]
                });
                to.push(value.sum());
            }
        }
    };
    let mut between = Vec::with_capacity(image.len());
    pass(image, &mut between, true);
    pass(&between, spare, false);
    image.copy_from_slice(spare);
}

/// One random view of each image at `indices`, in that order, `[indices, channels, height, width]`. An index past the end
/// is left out.
///
/// ```
/// use harness_core::backend::DeviceChoice;
/// use papers_kit::augment::{Step, views};
/// let device = DeviceChoice::Cpu.open()?;
/// let set = papers_kit::bumps::bumps(4, 20, 12, 12, &mut harness_core::rng::stream("example", "images", 0));
/// let steps = [Step::ResizedCrop { area: [0.3, 1.0] }, Step::Flip { probability: 0.5 }];
/// let mut rng = harness_core::rng::stream("example", "views", 0);
/// assert_eq!(views(&set, &[3, 0], &steps, &mut rng, &device).dims(), [2, 1, 12, 12]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn views(set: &ImageSet, indices: &[usize], steps: &[Step], rng: &mut impl Rng, device: &Device) -> Tensor<4> {
    let pixels = view_pixels(set, indices, steps, rng);
    let ImageSize { channels, height, width } = set.size;
    let count = pixels.len() / set.size.values().max(1);
    Tensor::from_data(TensorData::new(pixels, [count, channels, height, width]), device)
}

/// The values of [`views`], on the host.
pub fn view_pixels(set: &ImageSet, indices: &[usize], steps: &[Step], rng: &mut impl Rng) -> Vec<f32> {
    let values = set.size.values();
    let mut pixels = Vec::with_capacity(indices.len() * values);
    let (mut image, mut spare) = (Vec::with_capacity(values), Vec::with_capacity(values));
    for index in indices {
        image.clear();
        image.extend_from_slice(set.image(*index));
        if image.is_empty() {
            continue;
        }
        for step in steps {
            step.apply(&mut image, &mut spare, set.size, rng);
        }
        pixels.extend_from_slice(&image);
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(pixels: Vec<f32>, channels: usize, height: usize, width: usize) -> ImageSet {
        let size = ImageSize { channels, height, width };
        let labels = vec![0; pixels.len() / size.values()];
        ImageSet { pixels, labels, size, classes: 1 }
    }

    fn apply(set: &ImageSet, steps: &[Step], seed: u64) -> Vec<f32> {
        let all: Vec<usize> = (0..set.len()).collect();
        view_pixels(set, &all, steps, &mut harness_core::rng::stream("test", "views", seed))
    }

    /// Two planes of a ramp in x and y, which bilinear interpolation reproduces exactly away from the border.
    fn ramp(height: usize, width: usize) -> ImageSet {
        let plane = |gain: f32| (0..height * width).map(move |at| gain * (at / width) as f32 + (at % width) as f32);
        set(plane(10.0).chain(plane(-1.0)).collect(), 2, height, width)
    }

    #[test]
    fn a_crop_of_a_ramp_is_a_flatter_ramp() {
        let ramp = ramp(16, 12);
        for seed in 0..5 {
            let view = apply(&ramp, &[Step::ResizedCrop { area: [0.25, 0.25] }], seed);
            for at in [(5, 5), (8, 3), (10, 9)] {
                let here = view[at.0 * 12 + at.1];
                assert!((view[at.0 * 12 + at.1 + 1] - here - 0.5).abs() < 1e-4, "half a step to the right");
                assert!((view[(at.0 + 1) * 12 + at.1] - here - 5.0).abs() < 1e-4, "half a step down");
            }
        }
        let whole = apply(&ramp, &[Step::ResizedCrop { area: [1.0, 1.0] }], 0);
        assert_eq!(whole, ramp.pixels);
    }

    #[test]
    fn crops_reach_both_ends_of_the_image() {
        let ramp = set((0..100).map(|at| (at % 10) as f32).collect(), 1, 10, 10);
        let firsts: Vec<f32> =
            (0..200).map(|seed| apply(&ramp, &[Step::ResizedCrop { area: [0.25, 0.25] }], seed)[0]).collect();
        let (low, high) = firsts.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        // The first pixel of a crop of half the side has its centre a quarter pixel before or up to 4.75 after pixel 0.
        assert!(low < 0.1 && (4.5..=4.76).contains(&high), "{low} to {high}");
    }

    #[test]
    fn a_flip_mirrors_each_row_of_each_plane() {
        let view = apply(&ramp(2, 3), &[Step::Flip { probability: 1.0 }], 0);
        assert_eq!(view, [2.0, 1.0, 0.0, 12.0, 11.0, 10.0, 2.0, 1.0, 0.0, 1.0, 0.0, -1.0]);
        assert_eq!(apply(&ramp(2, 3), &[Step::Flip { probability: 0.0 }], 0), ramp(2, 3).pixels);
    }

    #[test]
    fn a_shift_moves_by_at_most_its_pixels_and_fills_with_zeros() {
        let dot = set((0..49).map(|at| if at == 24 { 1.0 } else { 0.0 }).collect(), 1, 7, 7);
        let mut places = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let view = apply(&dot, &[Step::Shift { pixels: 2 }], seed);
            places.insert(view.iter().position(|x| *x == 1.0).unwrap());
            assert_eq!(view.iter().sum::<f32>(), 1.0);
        }
        assert_eq!(places.len(), 25);
        let ones = set(vec![1.0; 9], 1, 3, 3);
        assert_eq!(apply(&ones, &[Step::Shift { pixels: 0 }], 0), ones.pixels);
        let far: f32 = (0..50).map(|seed| apply(&ones, &[Step::Shift { pixels: 9 }], seed).iter().sum::<f32>()).sum();
        assert!(far < 450.0 * 0.5);
    }

    #[test]
    fn a_blur_spreads_a_dot_evenly_and_keeps_a_constant() {
        let steps = [Step::Blur { sigma: [0.8, 0.8], probability: 1.0 }];
        let dot = set((0..81).map(|at| if at == 40 { 1.0 } else { 0.0 }).collect(), 1, 9, 9);
        let view = apply(&dot, &steps, 0);
        assert!((view.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((view[39] - view[41]).abs() < 1e-7 && (view[31] - view[49]).abs() < 1e-7);
        assert!((view[41] / view[40] - (-0.5f32 / 0.64).exp()).abs() < 1e-5);
        assert!(apply(&set(vec![0.7; 81], 1, 9, 9), &steps, 0).iter().all(|x| (x - 0.7).abs() < 1e-6));
    }

    #[test]
    fn a_distortion_is_affine_until_it_clips() {
        let steps = [Step::Distort { gain: [2.0, 2.0], offset: [0.1, 0.1], probability: 1.0 }];
        let view = apply(&set(vec![0.5, 0.25, 1.0, 0.0], 1, 2, 2), &steps, 0);
        assert!(view.iter().zip([0.6, 0.1, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{view:?}");
    }

    #[test]
    fn noise_has_its_spread_and_probabilities_hold() {
        let noisy = apply(&set(vec![0.5; 10_000], 1, 100, 100), &[Step::Noise { std: 0.05 }], 0);
        let spread = (noisy.iter().map(|x| (x - 0.5).powi(2)).sum::<f32>() / 1e4).sqrt();
        assert!((spread - 0.05).abs() < 0.002, "{spread}");
        let images = set([1.0, 0.0].repeat(2000), 1, 1, 2);
        let flipped = apply(&images, &[Step::Flip { probability: 0.3 }], 0).chunks(2).filter(|c| c[0] == 0.0).count();
        assert!((500..700).contains(&flipped), "{flipped} of 2000");
    }

    #[test]
    fn impossible_steps_are_refused_by_name() {
        for (step, key) in [
            (Step::ResizedCrop { area: [0.0, 1.0] }, "resized_crop.area"),
            (Step::ResizedCrop { area: [0.8, 0.3] }, "resized_crop.area"),
            (Step::Flip { probability: 1.5 }, "probability"),
            (Step::Blur { sigma: [0.0, 1.0], probability: 0.5 }, "blur.sigma"),
            (Step::Distort { gain: [1.0, f32::NAN], offset: [0.0, 0.0], probability: 0.5 }, "distort.gain"),
            (Step::Noise { std: -1.0 }, "noise.std"),
        ] {
            assert!(step.check().unwrap_err().to_string().contains(key), "{step:?}");
        }
    }

    proptest! {
        /// No step reads past an image, whatever its size, and all but noise keep values within [0, 1].
        #[test]
        fn views_stay_in_range(
            height in 1usize..7,
            width in 1usize..7,
            channels in 1usize..4,
            seed in 0u64..1000,
            area in 0.01f32..1.0,
            pixels in 0usize..9,
        ) {
            let count = height * width * channels * 2;
            let images = set((0..count).map(|at| (at % 5) as f32 / 4.0).collect(), channels, height, width);
            let steps = [
                Step::ResizedCrop { area: [area, 1.0] },
                Step::Shift { pixels },
                Step::Flip { probability: 0.5 },
                Step::Blur { sigma: [0.3, 1.0], probability: 0.5 },
                Step::Distort { gain: [0.6, 1.4], offset: [-0.3, 0.3], probability: 0.8 },
            ];
            let view = apply(&images, &steps, seed);
            prop_assert_eq!(view.len(), count);
            prop_assert!(view.iter().all(|x| (-1e-6..=1.000_001).contains(x)));
        }
    }
}
