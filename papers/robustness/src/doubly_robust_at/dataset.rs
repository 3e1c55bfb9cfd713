//! Images to classify, or ten clusters in their place.

use harness_core::data::LabelledImages;
use harness_core::data::load::{self, Split};
use harness_core::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::settings::{Task, TaskSettings};

/// Number of classes of every data set of this paper.
pub const CLASSES: usize = 10;

/// Size of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    /// Planes.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageSize {
    /// Values of an input.
    pub fn values(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Examples in the range 0 to 1, one after the other, with their classes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examples {
    /// Values, row-major `[n, size]`.
    pub inputs: Vec<f32>,
    /// Classes.
    pub labels: Vec<usize>,
}

/// What a trial trains and tests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Where the examples come from: an identifier of the registry, or `synthetic`.
    pub source: String,
    /// Size of an input.
    pub size: ImageSize,
    /// What is trained on.
    pub train: Examples,
    /// Held out of the training examples; empty where the settings ask for none.
    pub validation: Examples,
    /// What is reported.
    pub test: Examples,
}

/// The examples of a task; the generator's where the data set is not to be had.
///
/// # Errors
/// Those of the readers; [`Error::Input`] where the settings ask for more training examples than there are.
pub fn open(task: Task, settings: &TaskSettings, lab: &mut Lab) -> Result<Dataset> {
    let candidates: &[&str] = match task {
        Task::Synthetic => &[],
        Task::FashionMnist => &["fashion-mnist"],
        // The canonical set where it is there, else the subset of the project's mirror.
        Task::Cifar10 => &["cifar10", "cifar10-subset"],
    };
    for id in candidates {
        if let Data::Real(set) = lab.data(id)? {
            let read = |split| match *id {
                "cifar10" => load::cifar10(&set, split),
                "cifar10-subset" => load::cifar10_subset(&set, split),
                _ => load::mnist_like(&set, split),
            };
            let (train, test) = (read(Split::Train)?, read(Split::Test)?);
            return of_images(id, &train, &test, settings, &mut lab.rng("data"));
        }
    }
    synthetic(settings, &mut lab.rng("data"))
}

/// The first training images after a shuffle, of which the last are for validation, and the first test images.
fn of_images(
    id: &str,
    train: &LabelledImages,
    test: &LabelledImages,
    settings: &TaskSettings,
    rng: &mut impl Rng,
) -> Result<Dataset> {
    let mut order: Vec<usize> = (0..train.len()).collect();
    order.shuffle(rng);
    order.truncate(settings.train);
    let kept = order.len().saturating_sub(settings.validation);
    let validation = order.split_off(kept);
    let test_order: Vec<usize> = (0..test.len().min(settings.test)).collect();
    if order.is_empty() || test_order.is_empty() {
        return Err(Error::Input(format!(
            "{id}: {} training images of which {} are for validation, and {} test images, leave nothing to train or test on",
            train.len().min(settings.train),
            settings.validation,
            test_order.len()
        )));
    }
    let select = |images: &LabelledImages, order: &[usize]| -> Result<Examples> {
        let subset = images.subset(order).ok_or_else(|| Error::Failed(format!("{id}: an index is past the end")))?;
        Ok(Examples {
            inputs: subset.images.scaled(),
            labels: subset.labels.0.iter().map(|label| usize::from(*label)).collect(),
        })
    };
    let images = &train.images;
    Ok(Dataset {
        source: id.to_owned(),
        size: ImageSize { channels: images.channels, height: images.height, width: images.width },
        train: select(train, &order)?,
        validation: select(train, &validation)?,
        test: select(test, &test_order)?,
    })
}

/// Side of a synthetic input, taken as an image.
const SIDE: usize = 8;
/// Distance of the class means from the middle in each coordinate.
const AMPLITUDE: f64 = 0.22;
/// Standard deviation around a class mean.
const NOISE: f64 = 0.12;
/// Coordinates in which a hard class differs from its easy twin.
const FLIPPED: usize = 12;

/// Ten balanced clusters in 64 dimensions: means 0.5 + 0.22·s with s ∈ {±1}⁶⁴, noise N(0, 0.12²), clipped to 0 to 1.
/// Classes 7, 8 and 9 have the s of 0, 1 and 2 with 12 coordinates flipped, so six classes are hard to tell apart.
fn synthetic(settings: &TaskSettings, rng: &mut impl Rng) -> Result<Dataset> {
    let size = ImageSize { channels: 1, height: SIDE, width: SIDE };
    let mut signs: Vec<Vec<f64>> =
        (0..7).map(|_| (0..size.values()).map(|_| if rng.random_bool(0.5) { 1.0 } else { -1.0 }).collect()).collect();
    for twin in 0..CLASSES - 7 {
        let mut sign = signs.get(twin).cloned().unwrap_or_default();
        let mut coordinates: Vec<usize> = (0..size.values()).collect();
        coordinates.shuffle(rng);
        for coordinate in coordinates.into_iter().take(FLIPPED) {
            if let Some(value) = sign.get_mut(coordinate) {
                *value = -*value;
            }
        }
        signs.push(sign);
    }
    let mut draw = |count: usize| {
        let mut examples = Examples::default();
        for (class, sign) in signs.iter().enumerate().cycle().take(count) {
            examples.labels.push(class);
            examples.inputs.extend(sign.iter().map(|sign| {
                let noise: f64 = StandardNormal.sample(rng);
                (0.5 + AMPLITUDE * sign + NOISE * noise).clamp(0.0, 1.0) as f32
            }));
        }
        examples
    };
    let kept = settings.train.saturating_sub(settings.validation);
    let (train, validation, test) = (draw(kept), draw(settings.validation), draw(settings.test));
    Ok(Dataset { source: "synthetic".to_owned(), size, train, validation, test })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::data::{Images, Labels};

    fn settings(train: usize, validation: usize, test: usize) -> TaskSettings {
        let mut settings = super::super::tests::smoke_settings();
        (settings.train, settings.validation, settings.test) = (train, validation, test);
        settings
    }

    #[test]
    fn hard_classes_are_near_their_twins_and_others_far() {
        let data = synthetic(&settings(2000, 0, 10), &mut harness_core::rng::stream("test", "data", 0)).unwrap();
        assert!(data.train.inputs.iter().all(|value| (0.0..=1.0).contains(value)));
        let d = data.size.values();
        let mut means = vec![vec![0.0f64; d]; CLASSES];
        for (row, label) in data.train.inputs.chunks_exact(d).zip(&data.train.labels) {
            for (mean, value) in means[*label].iter_mut().zip(row) {
                *mean += f64::from(*value) / 200.0;
            }
        }
        let differing =
            |a: usize, b: usize| means[a].iter().zip(&means[b]).filter(|(a, b)| (*a - *b).abs() > 0.2).count();
        for twin in 0..3 {
            assert_eq!(differing(twin, twin + 7), FLIPPED);
        }
        assert!(differing(0, 1) > 16 && differing(3, 4) > 16);
    }

    #[test]
    fn validation_images_are_not_trained_on() {
        let images = Images { pixels: (0..20).collect(), count: 20, height: 1, width: 1, channels: 1 };
        let all = LabelledImages::new(images, Labels((0..20).map(|i| i % 10).collect()), 10, "x").unwrap();
        let mut rng = harness_core::rng::stream("test", "data", 0);
        let data = of_images("x", &all, &all, &settings(12, 4, 5), &mut rng).unwrap();
        assert_eq!((data.train.labels.len(), data.validation.labels.len(), data.test.labels.len()), (8, 4, 5));
        assert!(data.validation.inputs.iter().all(|value| !data.train.inputs.contains(value)));
        assert_eq!(data.test.inputs[1], 1.0 / 255.0);
        assert!(of_images("x", &all, &all, &settings(4, 4, 5), &mut rng).is_err());
    }
}
