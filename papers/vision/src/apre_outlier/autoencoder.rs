//! The networks: one encoder and decoder for all, with heads and errors that tell them apart.
//!
//! D → width → h → width → D with h = max(2, ⌈D/4⌉), tanh after each hidden layer, a linear output. Networks with a
//! variance have a second linear output for its logarithm, bounded to the profile's range in training and scoring: with
//! a far lower bound, the tiny variances of inliers would blow up the error of shifted samples. The code of the
//! variational network is linear, as its prior asks.

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use burn::tensor::activation::tanh;
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::weights::Weights;
use papers_kit::nn::{Init, linear};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};

use super::apre::{Apre, ApreConfig};
use super::settings::{Network, Training};

/// The log-variance of the variational network's code is kept within ± this, so that no exponential overflows.
const CODE_LOG_VAR: f64 = 10.0;

/// How many points a loss curve has.
const CURVE_POINTS: usize = 20;

/// The code of a variational network.
struct Code {
    mean: Tensor<2>,
    log_var: Tensor<2>,
}

/// Encoder, decoder and heads.
#[derive(Module, Debug)]
struct Autoencoder<B: burn::tensor::backend::Backend = Backend> {
    encoder: Linear<B>,
    code: Linear<B>,
    decoder: Linear<B>,
    mean: Linear<B>,
    log_var: Option<Linear<B>>,
    code_log_var: Option<Linear<B>>,
}

impl Autoencoder {
    fn new(network: Network, columns: usize, width: usize, rng: &mut impl Rng, device: &Device) -> Self {
        let size = code_size(columns);
        let mut layer = |inputs, outputs| linear(inputs, outputs, true, Init::Glorot, rng, device);
        // What all networks have comes first, so that they start from the same weights.
        Autoencoder {
            encoder: layer(columns, width),
            code: layer(width, size),
            decoder: layer(size, width),
            mean: layer(width, columns),
            log_var: network.alpha().map(|_| layer(width, columns)),
            code_log_var: matches!(network, Network::Vae { .. }).then(|| layer(width, size)),
        }
    }

    /// The code, `[n, D]` to `[n, h]`; that of a variational network with its log-variance.
    fn encode(&self, x: Tensor<2>) -> (Tensor<2>, Option<Code>) {
        let hidden = tanh(self.encoder.forward(x));
        let code = self.code.forward(hidden.clone());
        match &self.code_log_var {
            None => (tanh(code), None),
            Some(head) => {
                let log_var = head.forward(hidden).clamp(-CODE_LOG_VAR, CODE_LOG_VAR);
                (code.clone(), Some(Code { mean: code, log_var }))
            }
        }
    }

    /// The mean, and the log-variance within `bounds` where the network has one.
    fn decode(&self, code: Tensor<2>, bounds: [f64; 2]) -> (Tensor<2>, Option<Tensor<2>>) {
        let hidden = tanh(self.decoder.forward(code));
        let log_var = self.log_var.as_ref().map(|head| head.forward(hidden.clone()).clamp(bounds[0], bounds[1]));
        (self.mean.forward(hidden), log_var)
    }
}

/// Width h of the code for D features.
pub fn code_size(columns: usize) -> usize {
    columns.div_ceil(4).max(2)
}

/// ½ Σ_j (μ² + e^s − 1 − s), averaged over samples: the divergence of the code from the standard normal distribution.
fn divergence(code: &Code) -> Tensor<1> {
    let terms = code.mean.clone().square() + code.log_var.clone().exp() - code.log_var.clone() - 1.0;
    terms.sum_dim(1).mean() * 0.5
}

/// The rows of each step: one permutation of all rows after the other, cut into equal parts.
fn batches(rows: usize, batch: usize, steps: usize, rng: &mut impl Rng) -> Vec<i64> {
    let mut order: Vec<i64> = (0..rows as i64).collect();
    let mut taken = Vec::with_capacity(batch * steps + rows);
    while taken.len() < batch * steps {
        order.shuffle(rng);
        taken.extend(&order);
    }
    taken.truncate(batch * steps);
    taken
}

fn noise(shape: [usize; 2], deviation: f64, rng: &mut impl Rng, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..shape[0] * shape[1])
        .map(|_| (deviation * Distribution::<f64>::sample(&StandardNormal, rng)) as f32)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Trains a network on a table and reconstructs the table with it.
///
/// Returns `mean` `[n, D]`, `log_var` `[n, D]` where the network has a variance, and the `steps` and `losses` of the
/// training curve, each the mean over the steps since the point before.
///
/// # Errors
/// [`Error::Cancelled`] where the user stops the run, [`Error::Failed`] where the reconstruction is not finite.
pub(super) fn reconstruct(
    network: Network,
    values: &[f64],
    columns: usize,
    training: &Training,
    lab: &mut Lab,
) -> Result<Weights> {
    let device = lab.device().clone();
    let rows = values.len() / columns;
    let batch = training.batch.min(rows);
    let mut model = Autoencoder::new(network, columns, training.width, &mut lab.rng("init"), &device);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let order = batches(rows, batch, training.steps, &mut lab.rng("batches"));
    let order = IntTensor::<1>::from_data(TensorData::new(order, [batch * training.steps]), &device);
    let table: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    let table = Tensor::<2>::from_data(TensorData::new(table, [rows, columns]), &device);
    let error = probabilistic(network)?;
    let mut draws = lab.rng("noise");

    let every = training.steps.div_ceil(CURVE_POINTS);
    let (mut points, mut losses) = (Vec::new(), Vec::new());
    let mut sum = Tensor::<1>::zeros([1], &device);
    let mut since = 0;
    for step in 0..training.steps {
        let x = table.clone().select(0, order.clone().narrow(0, step * batch, batch)); // [batch, D]
        let seen = match network {
            Network::Dae { noise: deviation } => x.clone() + noise([batch, columns], deviation, &mut draws, &device),
            _ => x.clone(),
        };
        let (point, code) = model.encode(seen);
        let point = match &code {
            Some(code) => {
                let drawn = noise(code.mean.dims(), 1.0, &mut draws, &device);
                code.mean.clone() + (code.log_var.clone() * 0.5).exp() * drawn
            }
            None => point,
        };
        let (mean, log_var) = model.decode(point, training.log_var);
        let mut loss = match (&error, log_var) {
            (Some(error), Some(log_var)) => error.forward(x, mean, log_var),
            _ => (x - mean).square().mean(),
        };
        if let (Network::Vae { divergence: weight }, Some(code)) = (network, &code) {
            loss = loss + divergence(code) * weight;
        }
        sum = sum + loss.clone().detach();
        since += 1;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(training.rate, model, gradients);
        let done = step + 1;
        if done.is_multiple_of(every) || done == training.steps {
            points.push(done as f32);
            losses.extend(read_f32(sum / f64::from(since)));
            sum = Tensor::zeros([1], &device);
            since = 0;
        }
        if done.is_multiple_of(10) || done == training.steps {
            lab.progress(done as u64, training.steps as u64)?;
        }
    }

    let (code, _) = model.encode(table);
    let (mean, log_var) = model.decode(code, training.log_var);
    let mut result = Weights::new();
    let count = points.len();
    result.put_floats("steps", &[count], points);
    result.put_floats("losses", &[count], losses);
    for (name, tensor) in [("mean", Some(mean)), ("log_var", log_var)] {
        let Some(tensor) = tensor else { continue };
        let values = read_f32(tensor);
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Failed(format!("diverged: the reconstruction has a `{name}` that is not finite")));
        }
        result.put_floats(name, &[rows, columns], values);
    }
    Ok(result)
}

/// The error of a network with a variance, in training and in scoring.
///
/// # Errors
/// As [`ApreConfig::init`].
pub(super) fn probabilistic(network: Network) -> Result<Option<Apre>> {
    network.alpha().map(|alpha| ApreConfig::new().with_alpha(alpha).with_beta(1.0 - alpha).init()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::rng::stream;

    #[test]
    fn codes_are_a_quarter_of_the_features_but_at_least_two() {
        assert_eq!([1, 8, 9, 32, 33].map(code_size), [2, 2, 3, 8, 9]);
    }

    #[test]
    fn every_row_comes_once_before_any_comes_twice() {
        let order = batches(10, 4, 5, &mut stream("t", "t", 0));
        assert_eq!(order.len(), 20);
        for epoch in order.chunks(10) {
            let mut rows = epoch.to_vec();
            rows.sort_unstable();
            assert_eq!(rows, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn networks_start_from_the_same_weights() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let first = |network| {
            let model = Autoencoder::new(network, 6, 8, &mut stream("t", "init", 0), &device);
            read_f32(model.mean.weight.val())
        };
        let plain = first(Network::Ae {});
        for network in [Network::Pre {}, Network::Vae { divergence: 1e-3 }, Network::Dae { noise: 0.1 }] {
            assert_eq!(first(network), plain);
        }
    }

    #[test]
    fn the_standard_normal_code_has_no_divergence() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let code = |mean: f64, log_var: f64| Code {
            mean: Tensor::full([3, 2], mean, &device),
            log_var: Tensor::full([3, 2], log_var, &device),
        };
        assert_eq!(read_f32(divergence(&code(0.0, 0.0))), [0.0]);
        let got = f64::from(read_f32(divergence(&code(1.0, -1.0)))[0]);
        assert!((got - (1.0 + (-1.0_f64).exp())).abs() < 1e-6, "{got}");
    }
}
