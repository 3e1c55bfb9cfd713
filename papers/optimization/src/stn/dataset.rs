//! Images to classify, or a teacher's labels in their place.

use burn::tensor::TensorData;
use harness_core::data::LabelledImages;
use harness_core::data::load::{self, Split};
use harness_core::prelude::*;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::settings::Settings;

/// The data set of the quick and full profiles.
pub const FASHION: &str = "fashion-mnist";

/// Examples on the host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examples {
    /// Values, row-major `[n, inputs]`.
    pub inputs: Vec<f32>,
    /// Classes.
    pub labels: Vec<usize>,
}

/// What a trial trains, tunes and tests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// An identifier of the registry, or `synthetic`.
    pub source: String,
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

/// The examples that the settings ask for; the teacher's where the data set is not to be had.
///
/// # Errors
/// Those of the readers; [`Error::Input`] where the settings ask for more images than there are.
pub fn open(settings: &Settings, trial: &Trial, lab: &mut Lab) -> Result<Dataset> {
    if trial.data.contains_key(FASHION)
        && let Data::Real(set) = lab.data(FASHION)?
    {
        let (train, test) = (load::mnist_like(&set, Split::Train)?, load::mnist_like(&set, Split::Test)?);
        return of_images(&train, &test, settings);
    }
    Ok(teacher(settings, &mut lab.rng("data")))
}

/// The first training images, the validation images after them, and the first test images; pixels/255 − ½.
fn of_images(train: &LabelledImages, test: &LabelledImages, settings: &Settings) -> Result<Dataset> {
    let select = |images: &LabelledImages, from: usize, count: usize| -> Result<Examples> {
        let subset = images.subset(&(from..from + count).collect::<Vec<_>>()).ok_or_else(|| {
            Error::Input(format!("{FASHION}: {} images are asked of {}: ask for fewer", from + count, images.len()))
        })?;
        Ok(Examples {
            inputs: subset.images.scaled().into_iter().map(|value| value - 0.5).collect(),
            labels: subset.labels.0.iter().map(|label| usize::from(*label)).collect(),
        })
    };
    Ok(Dataset {
        source: FASHION.to_owned(),
        height: train.images.height,
        width: train.images.width * train.images.channels,
        classes: train.classes,
        train: select(train, 0, settings.train)?,
        validation: select(train, settings.train, settings.validation)?,
        test: select(test, 0, settings.test)?,
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
fn teacher(settings: &Settings, rng: &mut impl Rng) -> Dataset {
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

/// Examples on the device.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// `[n, inputs]`.
    pub inputs: Tensor<2>,
    /// `[n]`.
    pub labels: IntTensor<1>,
    count: usize,
}

impl Uploaded {
    /// Uploads examples once.
    pub fn new(examples: &Examples, inputs: usize, device: &Device) -> Self {
        let count = examples.labels.len();
        let labels: Vec<i64> = examples.labels.iter().map(|label| *label as i64).collect();
        Uploaded {
            inputs: Tensor::from_data(TensorData::new(examples.inputs.clone(), [count, inputs]), device),
            labels: IntTensor::from_data(TensorData::new(labels, [count]), device),
            count,
        }
    }

    /// Number of examples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The examples of these indices.
    pub fn batch(&self, indices: &[i64]) -> (Tensor<2>, IntTensor<1>) {
        let index = TensorData::new(indices.to_vec(), [indices.len()]);
        let index = IntTensor::<1>::from_data(index, &self.inputs.device());
        (self.inputs.clone().select(0, index.clone()), self.labels.clone().select(0, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::data::{Images, Labels};

    #[test]
    fn training_validation_and_test_images_are_different_ones() {
        let images = Images { pixels: (0..20).collect(), count: 20, height: 1, width: 1, channels: 1 };
        let all = LabelledImages::new(images, Labels((0..20).map(|i| i % 10).collect()), 10, "x").unwrap();
        let mut settings = super::super::tests::smoke_settings();
        (settings.train, settings.validation, settings.test) = (12, 4, 5);
        let data = of_images(&all, &all, &settings).unwrap();
        assert_eq!((data.train.labels.len(), data.validation.labels.len(), data.test.labels.len()), (12, 4, 5));
        assert_eq!(data.validation.inputs[0], 12.0 / 255.0 - 0.5);
        settings.validation = 9;
        assert!(of_images(&all, &all, &settings).is_err());
    }

    #[test]
    fn the_teacher_uses_all_classes() {
        let settings = super::super::tests::smoke_settings();
        let data = teacher(&settings, &mut harness_core::rng::stream("test", "data", 0));
        for class in 0..CLASSES {
            let share = data.train.labels.iter().filter(|label| **label == class).count();
            assert!(share * 10 > data.train.labels.len(), "class {class}: {share}");
        }
        assert_ne!(data.train.inputs[..20], data.validation.inputs[..20]);
    }
}
