//! How well fresh networks do that are trained on a set of images.

use harness_core::prelude::*;
use harness_core::stats;
use papers_kit::classify::{accuracy, correct, read_bools};
use papers_kit::image_set::ImageSize;
use papers_kit::siamese::{Transform, apply, changes};

use super::condense::batches;
use super::dataset::Uploaded;
use super::kernel::{kernel_velocity, last_layer_kernel};
use super::model::Model;
use super::settings::{EvaluationSettings, KernelSettings};

/// Test images per forward pass.
const TEST_BATCH: usize = 1000;

/// What sets are judged by.
pub struct Judge<'a> {
    /// The networks.
    pub model: &'a Model,
    /// Size of an image.
    pub size: ImageSize,
    /// What accuracies are taken of.
    pub test: &'a Uploaded,
    /// How many networks, and how they are trained.
    pub settings: EvaluationSettings,
    /// Where the kernel is looked at.
    pub kernel: KernelSettings,
    /// Kinds of change, where training images are augmented, each by a change of its own.
    pub augmentation: Option<&'a [Transform]>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Test accuracy of each network, in percent.
    pub accuracies: Vec<f64>,
    /// Kernel velocity at each of the first steps, mean over networks.
    pub velocities: Vec<f64>,
}

impl Found {
    /// Mean accuracy.
    pub fn mean(&self) -> f64 {
        self.accuracies.iter().sum::<f64>() / self.accuracies.len() as f64
    }

    /// Standard deviation of the accuracies; 0 for one network.
    pub fn deviation(&self) -> f64 {
        stats::std_dev(&self.accuracies).unwrap_or(0.0)
    }

    /// Mean velocity.
    pub fn velocity(&self) -> f64 {
        self.velocities.iter().sum::<f64>() / self.velocities.len() as f64
    }
}

impl Judge<'_> {
    /// Trains fresh networks, none of them one of condensation, on a set and tests them.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where the user asked to stop.
    pub fn evaluate(&self, set: &Uploaded, epochs: usize, lab: &mut Lab) -> Result<Found> {
        let mut accuracies = Vec::with_capacity(self.settings.networks);
        let mut velocities = vec![0.0; self.kernel.steps];
        let networks = self.settings.networks;
        for network in 0..networks {
            let mut kernels = Vec::with_capacity(self.kernel.steps + 1);
            let parameters = self.train(set, epochs, network, &mut kernels, lab)?;
            accuracies.push(100.0 * self.accuracy(&parameters)?);
            let probes = self.kernel.probes.min(self.test.len());
            for (velocity, pair) in velocities.iter_mut().zip(kernels.windows(2)) {
                *velocity += kernel_velocity(&pair[0], &pair[1], probes, 1.0)? / networks as f64;
            }
            lab.progress((network + 1) as u64, networks as u64)?;
        }
        Ok(Found { accuracies, velocities })
    }

    fn train(
        &self,
        set: &Uploaded,
        epochs: usize,
        network: usize,
        kernels: &mut Vec<Vec<f64>>,
        lab: &Lab,
    ) -> Result<Vec<Tensor<2>>> {
        let mut rng = lab.rng(&format!("evaluation {network}"));
        let mut parameters = self.model.initial(&mut rng, lab.device());
        let mut sgd = self.settings.sgd.init();
        let probes: Vec<usize> = (0..self.kernel.probes.min(self.test.len())).collect();
        let probes = self.test.select(&probes).columns();
        for epoch in 0..epochs {
            if epoch == epochs / 2 {
                sgd.set_lr(0.1 * self.settings.sgd.lr);
            }
            for batch in batches(set, self.settings.batch, &mut rng) {
                if kernels.len() <= self.kernel.steps {
                    let features = self.model.features(&parameters, probes.clone())?;
                    kernels.push(last_layer_kernel(features, self.model.classes));
                }
                let columns = match self.augmentation {
                    Some(kinds) => {
                        let changes = changes(kinds, self.size, batch.len(), &mut rng)?;
                        apply(&changes, batch.columns(), self.size)?
                    }
                    None => batch.columns(),
                };
                let gradients = self.model.training_gradients(&parameters, columns, batch.device_labels())?;
                parameters = sgd.step(parameters, gradients);
            }
        }
        Ok(parameters)
    }

    fn accuracy(&self, parameters: &[Tensor<2>]) -> Result<f64> {
        test_accuracy(self.model, parameters, self.test)
    }
}

/// Share of test images that a network classifies rightly.
///
/// # Errors
/// [`Error::Input`] where images do not fit the network.
pub fn test_accuracy(model: &Model, parameters: &[Tensor<2>], test: &Uploaded) -> Result<f64> {
    let mut right = Vec::with_capacity(test.len());
    let labels = test.device_labels();
    for start in (0..test.len()).step_by(TEST_BATCH) {
        let count = TEST_BATCH.min(test.len() - start);
        let columns = test.images.clone().narrow(0, start, count).transpose();
        let logits = model.network.output(parameters, columns)?.transpose();
        right.extend(read_bools(correct(logits, labels.clone().narrow(0, start, count))));
    }
    Ok(accuracy(&right))
}
