//! Linear probes: what a linear classifier makes of frozen features.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{Adam, AdamConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use burn::tensor::backend::Backend as _;
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::classify::{accuracy, correct, cross_entropy, read_bools};

/// How a probe is trained: full-batch Adam from weights of 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// Rate of Adam.
    pub lr: f64,
    /// Number of full-batch steps.
    pub steps: usize,
    /// Penalty on weights, as part of the gradient.
    pub weight_decay: f64,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        ProbeConfig { lr: 0.01, steps: 100, weight_decay: 0.0 }
    }
}

impl ProbeConfig {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::Input(format!("probe.lr must be a finite number above 0, but is {}", self.lr)));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            let found = self.weight_decay;
            return Err(Error::Input(format!(
                "probe.weight_decay must be a finite number of at least 0, but is {found}"
            )));
        }
        Ok(())
    }
}

/// Multinomial logistic regression on standardised features.
///
/// Mean and standard deviation are those of the training features, which are used for the test features too; a
/// feature that does not vary counts as 0.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::probe::{LinearProbe, ProbeConfig};
/// let device = DeviceChoice::Cpu.open()?;
/// let features = Tensor::<2>::from_data([[0.0, 5.0], [0.1, 5.0], [1.0, 5.0], [1.1, 5.0]], &device);
/// let probe = LinearProbe::fit(features.clone(), &[0, 0, 1, 1], 2, &ProbeConfig::default())?;
/// assert_eq!(probe.accuracy(features, &[0, 0, 1, 1])?, 1.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub struct LinearProbe {
    features: Tensor<2>,
    labels: IntTensor<1>,
    mean: Tensor<2>,
    deviation: Tensor<2>,
    layer: Linear<Backend>,
    optimizer: OptimizerAdaptor<Adam, Linear<Backend>, Backend>,
    lr: f64,
}

impl LinearProbe {
    /// An untrained probe for features `[n, d]`, with or without gradients, and labels below `classes`.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no example, a label per row is missing, or a label is not below `classes`.
    pub fn new(features: Tensor<2>, labels: &[usize], classes: usize, config: &ProbeConfig) -> Result<Self> {
        config.check()?;
        let [n, width] = features.dims();
        if n == 0 || n != labels.len() {
            return Err(Error::Input(format!(
                "a probe needs as many labels as rows, and one at least: {n} rows, {} labels",
                labels.len()
            )));
        }
        if let Some(label) = labels.iter().find(|label| **label >= classes) {
            return Err(Error::Input(format!("label {label} is not below the number of classes, {classes}")));
        }
        let features = constant(features);
        let device = features.device();
        let mean = features.clone().mean_dim(0);
        let deviation = (features.clone() - mean.clone()).square().mean_dim(0).sqrt();
        let constant = deviation.clone().lower_equal(mean.clone().abs() * 1e-6);
        // Infinity makes what does not vary 0.
        let deviation = deviation.mask_fill(constant, f32::INFINITY);
        let mut layer = LinearConfig::new(width, classes).init(&device);
        layer.weight = Param::from_tensor(Tensor::zeros([width, classes], &device));
        layer.bias = Some(Param::from_tensor(Tensor::zeros([classes], &device)));
        let decay = (config.weight_decay > 0.0).then(|| WeightDecayConfig::new(config.weight_decay as f32));
        Ok(LinearProbe {
            features: (features - mean.clone()) / deviation.clone(),
            labels: label_tensor(labels, &device),
            mean,
            deviation,
            layer,
            optimizer: AdamConfig::new().with_epsilon(1e-8).with_weight_decay(decay).init(),
            lr: config.lr,
        })
    }

    /// A probe after `config.steps` steps.
    ///
    /// # Errors
    /// As [`LinearProbe::new`].
    pub fn fit(features: Tensor<2>, labels: &[usize], classes: usize, config: &ProbeConfig) -> Result<Self> {
        let mut probe = LinearProbe::new(features, labels, classes, config)?;
        probe.train(config.steps);
        Ok(probe)
    }

    /// Takes `steps` more steps, each over all examples.
    pub fn train(&mut self, steps: usize) {
        for _ in 0..steps {
            let loss = cross_entropy(self.layer.forward(self.features.clone()), self.labels.clone()).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &self.layer);
            self.layer = self.optimizer.step(self.lr, self.layer.clone(), gradients);
        }
    }

    /// Logits of features `[m, d]`, `[m, classes]`.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        let features = (constant(features) - self.mean.clone()) / self.deviation.clone();
        self.layer.clone().no_grad().forward(features)
    }

    /// Share of the features `[m, d]` whose largest logit is that of their label; NaN for none.
    ///
    /// # Errors
    /// [`Error::Input`] where rows and labels are not as many.
    pub fn accuracy(&self, features: Tensor<2>, labels: &[usize]) -> Result<f64> {
        let [m, _] = features.dims();
        if m != labels.len() {
            return Err(Error::Input(format!("{m} rows of features have {} labels", labels.len())));
        }
        let labels = label_tensor(labels, &self.features.device());
        Ok(accuracy(&read_bools(correct(self.logits(features), labels))))
    }
}

/// Features as constants on a device that records gradients, wherever they come from.
fn constant(features: Tensor<2>) -> Tensor<2> {
    if Backend::ad_enabled(&features.device()) { features.detach() } else { Tensor::from_inner(features) }
}

fn label_tensor(labels: &[usize], device: &Device) -> IntTensor<1> {
    let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
    let count = labels.len();
    IntTensor::from_data(TensorData::new(labels, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::normal;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    /// Three clouds in eight dimensions, scaled very differently, and a constant feature.
    fn clouds(n: usize, seed: u64, device: &Device) -> (Tensor<2>, Vec<usize>) {
        let labels: Vec<usize> = (0..n).map(|at| at % 3).collect();
        let noise = read_f32(normal([n, 8], 1.0, &mut harness_core::rng::stream("test", "noise", seed), device));
        let values: Vec<f32> = (0..n * 9)
            .map(|at| match (at / 9, at % 9) {
                (_, 8) => 1234.5,
                (row, column) => {
                    let centre = if column % 3 == labels[row] { 1.5 } else { 0.0 };
                    (noise[row * 8 + column] + centre) * 10f32.powi(column as i32 - 4) + 7.0
                }
            })
            .collect();
        (Tensor::from_data(TensorData::new(values, [n, 9]), device), labels)
    }

    #[test]
    fn it_separates_clouds_whatever_their_scale() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (train, labels) = clouds(300, 0, &device);
        let (test, test_labels) = clouds(300, 1, &device);
        let probe = LinearProbe::fit(train, &labels, 3, &ProbeConfig::default()).unwrap();
        let accuracy = probe.accuracy(test, &test_labels).unwrap();
        assert!(accuracy > 0.85, "{accuracy}");
        assert!(read_f32(probe.layer.weight.val()).iter().all(|weight| weight.is_finite()));
    }

    #[test]
    fn it_starts_from_nothing_and_gets_better() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (train, labels) = clouds(60, 0, &device);
        let mut probe = LinearProbe::new(train.clone(), &labels, 3, &ProbeConfig::default()).unwrap();
        assert!(read_f32(probe.logits(train.clone())).iter().all(|logit| *logit == 0.0));
        let mut last = f32::MAX;
        for _ in 0..5 {
            probe.train(10);
            let logits = probe.logits(train.clone());
            let loss = read_f32(cross_entropy(logits, label_tensor(&labels, &device)).mean())[0];
            assert!(loss < last, "{loss} after {last}");
            last = loss;
        }
    }

    #[test]
    fn features_may_come_without_gradients() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (train, labels) = clouds(60, 0, &device);
        let config = ProbeConfig { steps: 5, ..ProbeConfig::default() };
        let with = LinearProbe::fit(train.clone(), &labels, 3, &config).unwrap();
        let without = LinearProbe::fit(train.clone().inner(), &labels, 3, &config).unwrap();
        let accuracies = (with.accuracy(train.clone().inner(), &labels), without.accuracy(train, &labels));
        assert_eq!(accuracies.0.unwrap(), accuracies.1.unwrap());
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (train, labels) = clouds(6, 0, &device);
        let config = ProbeConfig::default();
        assert!(LinearProbe::new(train.clone(), &labels[1..], 3, &config).is_err());
        assert!(LinearProbe::new(train.clone(), &labels, 2, &config).is_err());
        assert!(LinearProbe::new(train.clone(), &labels, 3, &ProbeConfig { lr: 0.0, ..config }).is_err());
        let probe = LinearProbe::new(train.clone(), &labels, 3, &config).unwrap();
        assert!(probe.accuracy(train, &labels[1..]).is_err());
    }
}
