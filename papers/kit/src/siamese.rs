//! Differentiable augmentation of images on the device, the same for a pair of batches or different for each image.
//!
//! A transform is drawn on the host and then is a linear map of the pixels, so that images can be optimised through it.
//! One draw can be applied to several batches (siamese augmentation, Zhao and Bilen, arXiv 2102.08259): real and synthetic
//! images then meet under the same change of view.

use burn::tensor::TensorData;
use harness_core::backend::{IntTensor, Tensor};
use harness_core::{Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::image_set::ImageSize;

/// A kind of random change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// Brightness x + brightness·(r − ½), then saturation m + saturation·r·(x − m) around the mean m of a pixel's channels,
    /// then contrast m + (contrast + r)·(x − m) around the mean of the image; each r ~ U(0, 1).
    Colour {
        /// Range of what is added.
        brightness: f32,
        /// Largest factor of the distance to grey.
        saturation: f32,
        /// Least factor of the distance to the mean.
        contrast: f32,
    },
    /// A shift by up to this share of each side; what comes in is 0.
    Crop {
        /// The share.
        share: f32,
    },
    /// A rectangle of this share of each side is set to 0; it may stick out.
    Cutout {
        /// The share.
        share: f32,
    },
    /// Left and right change places.
    Flip {
        /// How often.
        probability: f32,
    },
    /// Rows and columns are stretched by factors of 1/ratio to ratio, bilinearly.
    Scale {
        /// The largest factor.
        ratio: f32,
    },
    /// A turn by up to this many degrees, bilinearly.
    Rotate {
        /// The angle.
        degrees: f32,
    },
}

impl Transform {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the value.
    pub fn check(&self) -> Result<()> {
        let finite = |value: f32, low: f32, high: f32| value >= low && value <= high;
        let sound = match *self {
            Transform::Colour { brightness, saturation, contrast } => {
                [brightness, saturation, contrast].iter().all(|value| finite(*value, 0.0, 1e3))
            }
            Transform::Crop { share } | Transform::Cutout { share } => finite(share, 0.0, 1.0),
            Transform::Flip { probability } => finite(probability, 0.0, 1.0),
            Transform::Scale { ratio } => finite(ratio, 1.0, 1e3),
            Transform::Rotate { degrees } => finite(degrees, 0.0, 360.0),
        };
        if sound {
            Ok(())
        } else {
            Err(Error::Input(format!("augmentation {self:?}: a number is outside of its range")))
        }
    }

    /// Draws the change of one image.
    pub fn draw(&self, size: ImageSize, rng: &mut impl Rng) -> Change {
        let ImageSize { height, width, .. } = size;
        let mut unit = || rng.random::<f32>();
        match *self {
            Transform::Colour { brightness, saturation, contrast } => Change::Colour {
                offset: brightness * (unit() - 0.5),
                saturation: saturation * unit(),
                contrast: contrast + unit(),
            },
            Transform::Crop { share } => {
                let mut shift = |side: usize| {
                    let most = (side as f32 * share + 0.5).floor();
                    (unit() * (2.0 * most + 1.0)).floor().min(2.0 * most) - most
                };
                let (down, right) = (shift(height), shift(width));
                Change::Moved { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [down, right] }
            }
            Transform::Cutout { share } => {
                let mut range = |side: usize| {
                    let length = (side as f32 * share + 0.5) as usize;
                    let places = (side + 1 - length % 2) as f32;
                    let centre = (unit() * places).floor().min(places - 1.0) as usize;
                    let start = centre.saturating_sub(length / 2);
                    [start, (centre + length - length / 2).min(side).max(start)]
                };
                let (rows, columns) = (range(height), range(width));
                Change::Cut { rows, columns }
            }
            Transform::Flip { probability } => {
                let along = if unit() < probability { -1.0 } else { 1.0 };
                Change::Moved { matrix: [[1.0, 0.0], [0.0, along]], shift: [0.0; 2] }
            }
            Transform::Scale { ratio } => {
                let mut factor = || 1.0 / ratio + (ratio - 1.0 / ratio) * unit();
                let (down, across) = (factor(), factor());
                Change::Moved { matrix: [[down, 0.0], [0.0, across]], shift: [0.0; 2] }
            }
            Transform::Rotate { degrees } => {
                let (sin, cos) = (degrees * (2.0 * unit() - 1.0)).to_radians().sin_cos();
                Change::Moved { matrix: [[cos, -sin], [sin, cos]], shift: [0.0; 2] }
            }
        }
    }
}

/// A change that was drawn for an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// See [`Transform::Colour`].
    Colour {
        /// Added to all pixels.
        offset: f32,
        /// Factor of the distance to the mean of a pixel's channels.
        saturation: f32,
        /// Factor of the distance to the mean of the image.
        contrast: f32,
    },
    /// The pixel at p (from the centre, in halves of the image) comes from matrix·p plus a shift in whole pixels; 0 where
    /// that is outside.
    Moved {
        /// Rows: where the row and the column of the source come from.
        matrix: [[f32; 2]; 2],
        /// Pixels down and right.
        shift: [f32; 2],
    },
    /// Rows and columns, from and up to, that become 0.
    Cut {
        /// Of the rows.
        rows: [usize; 2],
        /// Of the columns.
        columns: [usize; 2],
    },
}

/// Draws one of the kinds and, of it, one change for all images.
///
/// # Errors
/// [`Error::Input`] where there is no kind.
pub fn shared_change(kinds: &[Transform], size: ImageSize, rng: &mut impl Rng) -> Result<Vec<Change>> {
    changes(kinds, size, 1, rng)
}

/// Draws one of the kinds and, of it, a change for each of `count` images.
///
/// # Errors
/// [`Error::Input`] where there is no kind.
pub fn changes(kinds: &[Transform], size: ImageSize, count: usize, rng: &mut impl Rng) -> Result<Vec<Change>> {
    let at = if kinds.is_empty() { 0 } else { rng.random_range(0..kinds.len()) };
    let kind = kinds.get(at).ok_or_else(|| Error::Input("augmentation without any kind of change".into()))?;
    Ok((0..count).map(|_| kind.draw(size, rng)).collect())
}

/// Applies changes to images `[channels·height·width, n]`: one change to all of them, or one to each. The changes are of
/// one kind.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::image_set::ImageSize;
/// use papers_kit::siamese::{Change, apply};
/// let device = DeviceChoice::Cpu.open()?;
/// let image = Tensor::<2>::from_data([[1.0], [2.0], [3.0]], &device); // one row of three pixels
/// let flip = Change::Moved { matrix: [[1.0, 0.0], [0.0, -1.0]], shift: [0.0, 0.0] };
/// let flipped = apply(&[flip], image, ImageSize { channels: 1, height: 1, width: 3 })?;
/// assert_eq!(read_f32(flipped), [3.0, 2.0, 1.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] where the changes are neither one nor one per image, or of several kinds, or the images of another size.
pub fn apply(changes: &[Change], images: Tensor<2>, size: ImageSize) -> Result<Tensor<2>> {
    let [features, n] = images.dims();
    if features != size.values() || (changes.len() != 1 && changes.len() != n) {
        return Err(Error::Input(format!(
            "{} changes for images [{features}, {n}] of {} values: expected one change, or one per image",
            changes.len(),
            size.values()
        )));
    }
    let mixed = || Error::Input("changes of several kinds in one batch: expected one kind".into());
    let each = changes.len();
    let device = images.device();
    let row = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [1, each]), &device);
    match changes.first() {
        None => Ok(images),
        Some(Change::Colour { .. }) => {
            let mut factors = [Vec::new(), Vec::new(), Vec::new()];
            for change in changes {
                let Change::Colour { offset, saturation, contrast } = *change else { return Err(mixed()) };
                factors.iter_mut().zip([offset, saturation, contrast]).for_each(|(to, value)| to.push(value));
            }
            let [offset, saturation, contrast] = factors.map(row);
            let plane = size.height * size.width;
            let bright = (images + offset).reshape([size.channels, plane, n]);
            let grey = bright.clone().mean_dim(0);
            let coloured = grey.clone() + (bright - grey) * saturation.unsqueeze_dim(0);
            let coloured = coloured.reshape([features, n]);
            let mean = coloured.clone().mean_dim(0);
            Ok(mean.clone() + (coloured - mean) * contrast)
        }
        Some(Change::Cut { .. }) => {
            let mut kept = vec![1.0; size.values() * each];
            for (image, change) in changes.iter().enumerate() {
                let Change::Cut { rows, columns } = *change else { return Err(mixed()) };
                for channel in 0..size.channels {
                    for (y, x) in (rows[0]..rows[1]).flat_map(|y| (columns[0]..columns[1]).map(move |x| (y, x))) {
                        let pixel = (channel * size.height + y) * size.width + x;
                        if let Some(kept) = kept.get_mut(pixel * each + image) {
                            *kept = 0.0;
                        }
                    }
                }
            }
            Ok(images * Tensor::<2>::from_data(TensorData::new(kept, [features, each]), &device))
        }
        Some(Change::Moved { .. }) => {
            let mut corners: [(Vec<i64>, Vec<f32>); 4] =
                std::array::from_fn(|_| (vec![0; features * each], vec![0.0; features * each]));
            for (image, change) in changes.iter().enumerate() {
                let Change::Moved { matrix, shift } = *change else { return Err(mixed()) };
                for pixel in 0..features {
                    for (corner, (source, weight)) in sources(pixel, size, matrix, shift).into_iter().enumerate() {
                        let (index, weights) = &mut corners[corner];
                        index[pixel * each + image] = source as i64;
                        weights[pixel * each + image] = weight;
                    }
                }
            }
            let parts = corners.into_iter().filter(|(_, weights)| weights.iter().any(|weight| *weight != 0.0)).map(
                |(index, weights)| {
                    let weights = Tensor::<2>::from_data(TensorData::new(weights, [features, each]), &device);
                    let sampled = if each == 1 {
                        images.clone().select(0, IntTensor::<1>::from_data(TensorData::new(index, [features]), &device))
                    } else {
                        let index = IntTensor::<2>::from_data(TensorData::new(index, [features, each]), &device);
                        images.clone().gather(0, index)
                    };
                    sampled * weights
                },
            );
            Ok(parts.reduce(|a, b| a + b).unwrap_or_else(|| images.zeros_like()))
        }
    }
}

/// The four pixels that a pixel is interpolated from, with their weights; weight 0 outside of the image.
fn sources(pixel: usize, size: ImageSize, matrix: [[f32; 2]; 2], shift: [f32; 2]) -> [(usize, f32); 4] {
    let ImageSize { height, width, .. } = size;
    let (channel, y, x) = (pixel / (height * width), pixel / width % height, pixel % width);
    // From the centre of the image; the centres of the first and the last pixel are at −1 and 1.
    let half = [(height - 1) as f32 / 2.0, (width - 1) as f32 / 2.0];
    let from_centre = |at: usize, half: f32| if half > 0.0 { at as f32 / half - 1.0 } else { 0.0 };
    let (v, u) = (from_centre(y, half[0]), from_centre(x, half[1]));
    let place = |row: usize| (matrix[row][0] * v + matrix[row][1] * u) * half[row] + half[row] + shift[row];
    // Rounding would otherwise blur a whole shift or a flip by a hair.
    let snapped = |place: f32| if (place - place.round()).abs() < 1e-4 { place.round() } else { place };
    let (down, across) = (snapped(place(0)), snapped(place(1)));
    let (top, left) = (down.floor(), across.floor());
    let mut found = [(0, 0.0); 4];
    for (corner, found) in found.iter_mut().enumerate() {
        let (row, column) = (top + (corner / 2) as f32, left + (corner % 2) as f32);
        let weight = (1.0 - (down - row).abs()).max(0.0) * (1.0 - (across - column).abs()).max(0.0);
        if row >= 0.0 && column >= 0.0 && row < height as f32 && column < width as f32 {
            *found = ((channel * height + row as usize) * width + column as usize, weight);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::{Device, DeviceChoice};
    use harness_core::op::read_f32;

    const SIZE: ImageSize = ImageSize { channels: 2, height: 4, width: 5 };

    fn device() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    /// Two different images, `[40, 2]`.
    fn images(device: &Device) -> Tensor<2> {
        let values: Vec<f32> = (0..80).map(|at| ((at * 37) % 23) as f32 / 10.0 - 1.0).collect();
        Tensor::from_data(TensorData::new(values, [40, 2]), device)
    }

    const KINDS: [Transform; 6] = [
        Transform::Colour { brightness: 1.0, saturation: 2.0, contrast: 0.5 },
        Transform::Crop { share: 0.3 },
        Transform::Cutout { share: 0.5 },
        Transform::Flip { probability: 0.5 },
        Transform::Scale { ratio: 1.2 },
        Transform::Rotate { degrees: 15.0 },
    ];

    /// A change for all is the same as that change for each, in value and gradient.
    #[test]
    fn one_change_for_all_is_the_same_change_for_each() {
        let device = device();
        for kind in KINDS {
            for seed in 0..4 {
                let change = kind.draw(SIZE, &mut harness_core::rng::stream("test", "siamese", seed));
                let run = |changes: &[Change]| {
                    let x = images(&device).require_grad();
                    let y = apply(changes, x.clone(), SIZE).unwrap();
                    let gradient = (y.clone() * images(&device).flip([0])).sum().backward();
                    (read_f32(y), read_f32(x.grad(&gradient).unwrap()))
                };
                let ((all, all_slope), (each, each_slope)) = (run(&[change]), run(&[change, change]));
                for (a, b) in all.iter().chain(&all_slope).zip(each.iter().chain(&each_slope)) {
                    assert!((a - b).abs() < 1e-5, "{change:?}: {a} {b}");
                }
            }
        }
    }

    /// Every change is affine in the pixels, so that its gradient is the change of the value along any direction.
    #[test]
    fn gradients_are_those_of_an_affine_map() {
        let device = device();
        for kind in KINDS {
            let change = kind.draw(SIZE, &mut harness_core::rng::stream("test", "siamese", 7));
            let x = images(&device).require_grad();
            let direction = images(&device).flip([0, 1]);
            let weights = images(&device).flip([1]);
            let value = |x: Tensor<2>| (apply(&[change], x, SIZE).unwrap() * weights.clone()).sum();
            let gradient = x.grad(&value(x.clone()).backward()).unwrap();
            let slope = (gradient * direction.clone().inner()).sum().into_scalar();
            let moved = value(x.clone().detach() + direction).into_scalar() - value(x.detach()).into_scalar();
            assert!((slope - moved).abs() < 1e-3 * (1.0 + moved.abs()), "{change:?}: {slope} {moved}");
        }
    }

    #[test]
    fn flips_and_shifts_move_whole_pixels() {
        let device = device();
        let size = ImageSize { channels: 1, height: 2, width: 3 };
        let image = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &device).unsqueeze_dim::<2>(1);
        let run = |change| read_f32(apply(&[change], image.clone(), size).unwrap());
        let identity = [[1.0, 0.0], [0.0, 1.0]];
        assert_eq!(run(Change::Moved { matrix: identity, shift: [0.0, 0.0] }), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(run(Change::Moved { matrix: identity, shift: [1.0, 0.0] }), [4.0, 5.0, 6.0, 0.0, 0.0, 0.0]);
        assert_eq!(run(Change::Moved { matrix: identity, shift: [0.0, -2.0] }), [0.0, 0.0, 1.0, 0.0, 0.0, 4.0]);
        let turned = [[-1.0, 0.0], [0.0, -1.0]];
        assert_eq!(run(Change::Moved { matrix: turned, shift: [0.0, 0.0] }), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        // Half the size of the steps in the source: the image is enlarged around its centre.
        let enlarged = run(Change::Moved { matrix: [[1.0, 0.0], [0.0, 0.5]], shift: [0.0, 0.0] });
        assert_eq!(enlarged, [1.5, 2.0, 2.5, 4.5, 5.0, 5.5]);
        assert_eq!(run(Change::Cut { rows: [1, 2], columns: [0, 2] }), [1.0, 2.0, 3.0, 0.0, 0.0, 6.0]);
    }

    #[test]
    fn colours_change_around_their_means() {
        let device = device();
        let size = ImageSize { channels: 2, height: 1, width: 2 };
        let image = Tensor::<1>::from_data([1.0, 2.0, 3.0, 6.0], &device).unsqueeze_dim::<2>(1);
        let run = |offset, saturation, contrast| {
            let change = Change::Colour { offset, saturation, contrast };
            read_f32(apply(&[change], image.clone(), size).unwrap())
        };
        assert_eq!(run(1.0, 1.0, 1.0), [2.0, 3.0, 4.0, 7.0]);
        assert_eq!(run(0.0, 0.0, 1.0), [2.0, 4.0, 2.0, 4.0]);
        assert_eq!(run(0.0, 1.0, 0.0), [3.0; 4]);
        assert_eq!(run(0.0, 2.0, 1.0), [0.0, 0.0, 4.0, 8.0]);
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        let mut rng = harness_core::rng::stream("test", "siamese", 0);
        let size = ImageSize { channels: 1, height: 8, width: 8 };
        let mut shifts = std::collections::BTreeSet::new();
        let mut flipped = 0;
        for _ in 0..400 {
            match (Transform::Crop { share: 0.125 }).draw(size, &mut rng) {
                Change::Moved { shift, .. } => shifts.insert(shift.map(|s| s as i64)),
                other => panic!("{other:?}"),
            };
            if let Change::Cut { rows, columns } = (Transform::Cutout { share: 0.5 }).draw(size, &mut rng) {
                assert!(rows[1] - rows[0] <= 4 && columns[1] - columns[0] <= 4 && rows[1] <= 8 && columns[1] <= 8);
                assert!(rows[1] - rows[0] >= 2, "{rows:?}");
            }
            if let Change::Moved { matrix, .. } = (Transform::Scale { ratio: 1.2 }).draw(size, &mut rng) {
                assert!((0.83..=1.2001).contains(&matrix[0][0]) && (0.83..=1.2001).contains(&matrix[1][1]));
            }
            if let Change::Moved { matrix, .. } = (Transform::Flip { probability: 0.3 }).draw(size, &mut rng) {
                flipped += u32::from(matrix[1][1] < 0.0);
            }
        }
        assert_eq!(shifts.len(), 9, "one pixel each way");
        assert!((80..160).contains(&flipped), "{flipped} of 400");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let device = device();
        let cut = Change::Cut { rows: [0, 1], columns: [0, 1] };
        let moved = Change::Moved { matrix: [[1.0, 0.0], [0.0, 1.0]], shift: [0.0; 2] };
        assert!(apply(&[cut, cut, cut], images(&device), SIZE).is_err());
        assert!(apply(&[cut, moved], images(&device), SIZE).is_err());
        assert!(apply(&[moved, cut], images(&device), SIZE).is_err());
        assert!(apply(&[cut], images(&device), ImageSize { channels: 1, ..SIZE }).is_err());
        assert!(changes(&[], SIZE, 1, &mut harness_core::rng::stream("test", "siamese", 0)).is_err());
        for kind in [
            Transform::Crop { share: 1.5 },
            Transform::Flip { probability: f32::NAN },
            Transform::Scale { ratio: 0.5 },
            Transform::Colour { brightness: -1.0, saturation: 1.0, contrast: 1.0 },
        ] {
            assert!(kind.check().is_err(), "{kind:?}");
        }
        assert!(KINDS.iter().all(|kind| kind.check().is_ok()));
    }
}
