//! Images to classify, or generated examples in their place.

use harness_core::data::LabelledImages;
use harness_core::data::load::{self, Split};
use harness_core::prelude::*;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::settings::{Model, TaskSettings};

/// Examples on the host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examples {
    /// Values, row-major `[n, channels·height·width]`.
    pub inputs: Vec<f32>,
    /// Classes.
    pub labels: Vec<usize>,
}

/// What a trial trains, tunes and tests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// An identifier of the registry, or `synthetic`.
    pub source: String,
    /// Planes of an input.
    pub channels: usize,
    /// Rows of an input, taken as an image.
    pub height: usize,
    /// Columns of an input.
    pub width: usize,
    /// Number of classes.
    pub classes: usize,
    /// What the weights are fitted to.
    pub train: Examples,
    /// What the hyper-parameters are fitted to.
    pub validation: Examples,
    /// What is reported.
    pub test: Examples,
}

/// The examples that the settings ask for; generated ones where the data set is not to be had.
///
/// # Errors
/// Those of the readers; [`Error::Input`] where the settings ask for more images than there are.
pub fn open(settings: &TaskSettings, trial: &Trial, lab: &mut Lab) -> Result<Dataset> {
    let colour = matches!(settings.model, Model::Alexnet { .. });
    // The canonical set where it is there, else the subset of the project's mirror.
    let candidates: &[&str] = if colour { &["cifar10", "cifar10-subset"] } else { &["fashion-mnist"] };
    for id in candidates {
        if !trial.data.contains_key(*id) {
            continue;
        }
        if let Data::Real(set) = lab.data(id)? {
            let read = |split| match *id {
                "cifar10" => load::cifar10(&set, split),
                "cifar10-subset" => load::cifar10_subset(&set, split),
                _ => load::mnist_like(&set, split),
            };
            return of_images(id, &read(Split::Train)?, &read(Split::Test)?, settings);
        }
    }
    let mut rng = lab.rng("data");
    Ok(if colour { coloured_squares(settings, &mut rng) } else { teacher(settings, &mut rng) })
}

/// The first training images, the validation images after them, and the first test images. Colour images are in 0 to 1,
/// grey ones are pixels/255 − ½. Of a subset that is smaller than what the settings ask for, all images are taken, with the
/// share of validation images that the settings have.
fn of_images(id: &str, train: &LabelledImages, test: &LabelledImages, settings: &TaskSettings) -> Result<Dataset> {
    let offset = if train.images.channels == 1 { 0.5 } else { 0.0 };
    let select = |images: &LabelledImages, from: usize, count: usize| -> Result<Examples> {
        let subset = images.subset(&(from..from + count).collect::<Vec<_>>()).ok_or_else(|| {
            Error::Input(format!("{id}: {} images are asked of {}: ask for fewer", from + count, images.len()))
        })?;
        Ok(Examples {
            inputs: subset.images.scaled().into_iter().map(|value| value - offset).collect(),
            labels: subset.labels.0.iter().map(|label| usize::from(*label)).collect(),
        })
    };
    let (asked, mut counts) =
        (settings.train + settings.validation, [settings.train, settings.validation, settings.test]);
    if id == "cifar10-subset" {
        let all = asked.min(train.len());
        let fitted = settings.train * all / asked;
        counts = [fitted, all - fitted, settings.test.min(test.len())];
    }
    let [fitted, validation, tested] = counts;
    Ok(Dataset {
        source: id.to_owned(),
        channels: train.images.channels,
        height: train.images.height,
        width: train.images.width,
        classes: train.classes,
        train: select(train, 0, fitted)?,
        validation: select(train, fitted, validation)?,
        test: select(test, 0, tested)?,
    })
}

/// Inputs of the teacher.
const INPUTS: usize = 20;
/// Hidden units of the teacher.
const UNITS: usize = 10;
/// Classes of the teacher.
const CLASSES: usize = 3;
/// Share of labels that are drawn anew.
const NOISE: f64 = 0.2;

/// x ~ N(0, I) in 20 dimensions, taken as an image of one row; the class is the largest output of a two-layer tanh network
/// with normal weights, and one of all classes at random in 20 % of the examples.
pub fn teacher(settings: &TaskSettings, rng: &mut impl Rng) -> Dataset {
    let mut normal = |count: usize| -> Vec<f64> { StandardNormal.sample_iter(&mut *rng).take(count).collect() };
    let (inner, outer) = (normal(UNITS * INPUTS), normal(CLASSES * UNITS));
    let mut draw = |count: usize| {
        let mut examples = Examples::default();
        for _ in 0..count {
            let x: Vec<f64> = StandardNormal.sample_iter(&mut *rng).take(INPUTS).collect();
            let hidden: Vec<f64> = inner.chunks_exact(INPUTS).map(|row| dot(row, &x).tanh()).collect();
            let scores = outer.chunks_exact(UNITS).map(|row| dot(row, &hidden));
            let class = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class);
            let (noisy, other) = (rng.random_bool(NOISE), rng.random_range(0..CLASSES));
            examples.labels.push(if noisy { other } else { class });
            examples.inputs.extend(x.iter().map(|value| *value as f32));
        }
        examples
    };
    Dataset {
        source: "synthetic".to_owned(),
        channels: 1,
        height: 1,
        width: INPUTS,
        classes: CLASSES,
        train: draw(settings.train),
        validation: draw(settings.validation),
        test: draw(settings.test),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Side of a generated colour image.
const SIDE: usize = 16;
/// Side of its square.
const SQUARE: usize = 6;
/// How much brighter the square is.
const BRIGHTER: f32 = 0.25;
/// Standard deviation of its noise.
const SPREAD: f32 = 0.12;

/// Grey images of 16×16 with noise, and a square of 6×6 at a random place that is brighter in one of the three planes: which
/// one is the class, and one of all classes at random in 20 % of the examples.
pub fn coloured_squares(settings: &TaskSettings, rng: &mut impl Rng) -> Dataset {
    let mut draw = |count: usize| {
        let mut examples = Examples::default();
        for _ in 0..count {
            let class = rng.random_range(0..CLASSES);
            let corner: [usize; 2] = std::array::from_fn(|_| rng.random_range(0..=SIDE - SQUARE));
            let inside = |at: usize, from: usize| (from..from + SQUARE).contains(&at);
            for plane in 0..CLASSES {
                for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
                    let bright = plane == class && inside(y, corner[0]) && inside(x, corner[1]);
                    let noise: f32 = StandardNormal.sample(rng);
                    let value = 0.5 + SPREAD * noise + if bright { BRIGHTER } else { 0.0 };
                    examples.inputs.push(value.clamp(0.0, 1.0));
                }
            }
            let (noisy, other) = (rng.random_bool(NOISE), rng.random_range(0..CLASSES));
            examples.labels.push(if noisy { other } else { class });
        }
        examples
    };
    Dataset {
        source: "synthetic".to_owned(),
        channels: CLASSES,
        height: SIDE,
        width: SIDE,
        classes: CLASSES,
        train: draw(settings.train),
        validation: draw(settings.validation),
        test: draw(settings.test),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::TaskName;
    use super::super::tests::smoke_settings;
    use super::*;
    use harness_core::data::{Images, Labels};

    fn images(count: usize, channels: usize) -> LabelledImages {
        let pixels = (0..count * channels).map(|at| (at / channels) as u8).collect();
        let images = Images { pixels, count, height: 1, width: 1, channels };
        LabelledImages::new(images, Labels((0..count).map(|i| (i % 10) as u8).collect()), 10, "x").unwrap()
    }

    #[test]
    fn training_validation_and_test_images_are_different_ones() {
        let all = images(20, 1);
        let mut settings = smoke_settings(TaskName::Perceptron);
        (settings.train, settings.validation, settings.test) = (12, 4, 5);
        let data = of_images("fashion-mnist", &all, &all, &settings).unwrap();
        assert_eq!((data.train.labels.len(), data.validation.labels.len(), data.test.labels.len()), (12, 4, 5));
        assert_eq!(data.validation.inputs[0], 12.0 / 255.0 - 0.5);
        settings.validation = 9;
        assert!(of_images("fashion-mnist", &all, &all, &settings).is_err());
    }

    #[test]
    fn a_small_subset_keeps_the_share_of_validation_images() {
        let mut settings = smoke_settings(TaskName::Images);
        (settings.train, settings.validation, settings.test) = (40, 10, 50);
        let data = of_images("cifar10-subset", &images(30, 3), &images(7, 3), &settings).unwrap();
        assert_eq!((data.train.labels.len(), data.validation.labels.len(), data.test.labels.len()), (24, 6, 7));
        assert_eq!(data.validation.inputs[..4], [24.0 / 255.0, 24.0 / 255.0, 24.0 / 255.0, 25.0 / 255.0]);
        assert!(of_images("cifar10", &images(30, 3), &images(7, 3), &settings).is_err());
    }

    #[test]
    fn generated_examples_use_all_classes() {
        let mut rng = harness_core::rng::stream("test", "data", 0);
        let settings = smoke_settings(TaskName::Perceptron);
        for data in [teacher(&settings, &mut rng), coloured_squares(&settings, &mut rng)] {
            for class in 0..CLASSES {
                let share = data.train.labels.iter().filter(|label| **label == class).count();
                assert!(share * 10 > data.train.labels.len(), "class {class}: {share}");
            }
            assert_ne!(data.train.inputs[..20], data.validation.inputs[..20]);
        }
    }

    #[test]
    fn the_plane_of_the_square_tells_the_class() {
        let mut rng = harness_core::rng::stream("test", "data", 0);
        let mut settings = smoke_settings(TaskName::Images);
        settings.train = 500;
        let data = coloured_squares(&settings, &mut rng);
        let right = data.train.inputs.chunks_exact(3 * SIDE * SIDE).zip(&data.train.labels).filter(|(image, label)| {
            let sums: Vec<f32> = image.chunks_exact(SIDE * SIDE).map(|plane| plane.iter().sum()).collect();
            (0..CLASSES).max_by(|a, b| sums[*a].total_cmp(&sums[*b])) == Some(**label)
        });
        let share = right.count() as f64 / 500.0;
        assert!((0.8..0.93).contains(&share), "{share}: 80 % of the labels, and a third of the others");
    }
}
