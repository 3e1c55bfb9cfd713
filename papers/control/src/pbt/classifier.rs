//! A regularised image classifier.

use burn::tensor::TensorData;
use burn::tensor::activation::softmax;
use harness_core::backend::{Device, IntTensor, Tensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::dataset::{Dataset, Examples};
use super::hyper::Space;
use super::member::{Evaluation, Member};
use super::parameters::{Optimiser, Parameters, ParametersState};
use super::perceptron::{Activation, Perceptron, matrix};
use super::settings::ClassifierSettings;

/// Examples on a device.
#[derive(Debug, Clone)]
struct Uploaded {
    inputs: Tensor<2>,
    /// 1 at the class, `[n, classes]`.
    targets: Tensor<2>,
    labels: Vec<usize>,
}

impl Uploaded {
    fn new(examples: &Examples, inputs: usize, classes: usize, device: &Device) -> Self {
        let n = examples.labels.len();
        let mut targets = vec![0.0; n * classes];
        for (row, label) in targets.chunks_exact_mut(classes).zip(&examples.labels) {
            row[*label] = 1.0;
        }
        Uploaded {
            inputs: matrix(examples.inputs.clone(), [n, inputs], device),
            targets: matrix(targets, [n, classes], device),
            labels: examples.labels.clone(),
        }
    }
}

/// What all members of a population train on, select by and are tested on.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    settings: &'a ClassifierSettings,
    network: Perceptron,
    train: Uploaded,
    validation: Uploaded,
    test: Uploaded,
    classes: usize,
    device: Device,
}

impl<'a> Problem<'a> {
    /// Uploads the data once.
    pub fn new(settings: &'a ClassifierSettings, data: &Dataset, device: &Device) -> Self {
        let upload = |examples: &Examples| Uploaded::new(examples, data.inputs, data.classes, device);
        Problem {
            settings,
            network: Perceptron::new(&[data.inputs, settings.hidden, data.classes], Activation::Relu),
            train: upload(&data.train),
            validation: upload(&data.validation),
            test: upload(&data.test),
            classes: data.classes,
            device: device.clone(),
        }
    }

    /// What is tuned.
    pub fn space(&self) -> Space {
        self.settings.space()
    }

    fn accuracy(&self, parameters: &Parameters, data: &Uploaded) -> f64 {
        let layers = self.network.layers(parameters.weights());
        let mut right = 0usize;
        for start in (0..data.labels.len()).step_by(self.settings.evaluation_batch) {
            let length = self.settings.evaluation_batch.min(data.labels.len() - start);
            let inputs = data.inputs.clone().narrow(0, start, length);
            let logits = read_f32(self.network.forward(&layers, inputs, None).output);
            right += logits
                .chunks_exact(self.classes)
                .zip(&data.labels[start..start + length])
                .filter(|(row, label)| is_largest(row, **label))
                .count();
        }
        right as f64 / data.labels.len() as f64
    }
}

/// Whether the logit of `label` is above all others; logits that are no numbers are wrong.
fn is_largest(row: &[f32], label: usize) -> bool {
    row.iter().enumerate().all(|(class, value)| class == label || *value < row[label])
}

/// A network with its optimiser. Dropout, weight decay and label smoothing are its population's to choose.
#[derive(Debug, Clone)]
pub struct Classifier<'a> {
    problem: &'a Problem<'a>,
    parameters: Parameters,
}

impl<'a> Classifier<'a> {
    /// A network with initial weights from a stream.
    pub fn new(problem: &'a Problem<'a>, weights: &mut Stream) -> Self {
        let optimiser = Optimiser::Momentum { share: problem.settings.momentum };
        let parameters = Parameters::new(problem.network.draw(weights), optimiser, &problem.device);
        Classifier { problem, parameters }
    }

    /// Share of test examples that are classified correctly.
    pub fn test(&self) -> f64 {
        self.problem.accuracy(&self.parameters, &self.problem.test)
    }

    /// A step on the examples of these indices: cross-entropy with smoothed targets, decay added to the gradient.
    fn step(&mut self, indices: &[i64], hyper: [f64; 4], rng: &mut Stream) {
        let [learning_rate, weight_decay, dropout, smoothing] = hyper;
        let Problem { network, train, classes, device, settings, .. } = self.problem;
        let n = indices.len();
        let index = IntTensor::<1>::from_data(TensorData::new(indices.to_vec(), [n]), device);
        let kept = (1.0 / (1.0 - dropout)) as f32;
        let mask: Vec<f32> =
            (0..n * settings.hidden).map(|_| if rng.random::<f32>() < dropout as f32 { 0.0 } else { kept }).collect();
        let layers = network.layers(self.parameters.weights());
        let mask = matrix(mask, [n, settings.hidden], device);
        let pass = network.forward(&layers, train.inputs.clone().select(0, index.clone()), Some(mask));
        let targets = train.targets.clone().select(0, index) * (1.0 - smoothing) + smoothing / *classes as f64;
        let upstream = (softmax(pass.output.clone(), 1) - targets) / n as f64;
        let gradient = network.weight_gradient(&layers, &pass, upstream);
        let decay = self.parameters.weights().clone() * weight_decay;
        self.parameters.step(gradient + decay, learning_rate);
    }
}

impl Member for Classifier<'_> {
    type State = ParametersState;

    /// One epoch with these: learning rate, weight decay, dropout rate, label smoothing.
    fn train(&mut self, hyper: &[f64], rng: &mut Stream) -> Result<()> {
        let hyper: [f64; 4] = hyper
            .try_into()
            .map_err(|_| Error::Input(format!("a classifier has 4 hyper-parameters, not {}", hyper.len())))?;
        let mut order: Vec<i64> = (0..self.problem.train.labels.len() as i64).collect();
        order.shuffle(rng);
        for batch in order.chunks(self.problem.settings.batch) {
            self.step(batch, hyper, rng);
        }
        Ok(())
    }

    /// Accuracy on the validation examples.
    fn evaluate(&mut self) -> Result<Evaluation> {
        Ok(Evaluation::of(self.problem.accuracy(&self.parameters, &self.problem.validation)))
    }

    fn copy_weights(&mut self, source: &Self) {
        self.parameters = source.parameters.clone();
    }

    fn state(&self) -> ParametersState {
        self.parameters.state()
    }

    fn restore(&mut self, state: ParametersState) -> Result<()> {
        self.parameters.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_and_no_numbers_are_wrong() {
        assert!(is_largest(&[0.0, 1.0, -1.0], 1));
        assert!(!is_largest(&[1.0, 1.0], 0) && !is_largest(&[1.0, 1.0], 1));
        assert!(!is_largest(&[f32::NAN, 1.0], 1) && !is_largest(&[f32::NAN, f32::NAN], 0));
    }
}
