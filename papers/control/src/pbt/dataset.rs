//! Images to classify, or sums of bumps in their place.

use harness_core::data::load::{self, Split};
use harness_core::prelude::*;
use papers_kit::bumps::bumps;
use papers_kit::image_set::ImageSet;

use super::settings::ClassifierSettings;

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

/// What a population trains on, selects by and is tested on: no image is in two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// An identifier of the registry, or `synthetic`.
    pub source: String,
    /// Values of an example.
    pub inputs: usize,
    /// Number of classes.
    pub classes: usize,
    /// What the weights are fitted to.
    pub train: Examples,
    /// What members are ranked by.
    pub validation: Examples,
    /// What is reported.
    pub test: Examples,
}

/// The images that the settings ask for, drawn by the seed and standardised by the training images; bumps where the data
/// set is not to be had.
///
/// # Errors
/// Those of the readers; [`Error::Input`] where the settings ask for more images than there are.
pub fn open(settings: &ClassifierSettings, trial: &Trial, lab: &mut Lab) -> Result<Dataset> {
    let mut rng = lab.rng("images");
    let fitted = settings.train + settings.validation;
    let (source, train, test) = match trial.data.contains_key(FASHION).then(|| lab.data(FASHION)).transpose()? {
        Some(Data::Real(set)) => (
            FASHION,
            ImageSet::draw(&load::mnist_like(&set, Split::Train)?, fitted, &mut rng)?,
            ImageSet::draw(&load::mnist_like(&set, Split::Test)?, settings.test, &mut rng)?,
        ),
        _ => {
            let side = settings.synthetic_side;
            let mut draw = |count| bumps(10, count, side, side, &mut rng);
            ("synthetic", draw(fitted), draw(settings.test))
        }
    };
    Ok(split(source, &train, &test, settings.train))
}

/// The first `count` images of `fitted` for training, the others for validation.
fn split(source: &str, fitted: &ImageSet, test: &ImageSet, count: usize) -> Dataset {
    let inputs = fitted.size.values();
    let (train, validation) = fitted.pixels.split_at(count * inputs);
    let (train_labels, validation_labels) = fitted.labels.split_at(count);
    let n = train.len().max(1) as f64;
    let mean = train.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let variance = train.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n;
    let std = variance.sqrt().max(f64::MIN_POSITIVE);
    let examples = |pixels: &[f32], labels: &[usize]| Examples {
        inputs: pixels.iter().map(|value| ((f64::from(*value) - mean) / std) as f32).collect(),
        labels: labels.to_vec(),
    };
    Dataset {
        source: source.to_owned(),
        inputs,
        classes: fitted.classes,
        train: examples(train, train_labels),
        validation: examples(validation, validation_labels),
        test: examples(&test.pixels, &test.labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papers_kit::image_set::ImageSize;

    #[test]
    fn the_scale_is_that_of_the_training_images_alone() {
        let size = ImageSize { channels: 1, height: 1, width: 2 };
        let fitted = ImageSet { pixels: vec![0.0, 0.2, 0.4, 0.6, 9.0, 9.0], labels: vec![0, 1, 1], size, classes: 2 };
        let data = split("x", &fitted, &fitted.first(1), 2);
        assert_eq!((data.train.labels.len(), data.validation.labels.len(), data.test.labels.len()), (2, 1, 1));
        let sum: f32 = data.train.inputs.iter().sum();
        let square: f32 = data.train.inputs.iter().map(|value| value * value).sum();
        assert!(sum.abs() < 1e-5 && (square - 4.0).abs() < 1e-4);
        assert!(data.validation.inputs[0] > 10.0);
    }
}
