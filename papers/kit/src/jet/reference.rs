//! What the tests compare with: truncated Taylor series in double precision, by recurrences rather than by the chain rule.

use burn::nn::Linear;
use harness_core::backend::Backend;
use harness_core::op::read_f32;

use crate::mlp::Activation;

const TERMS: usize = super::MAX_ORDER + 1;

/// Coefficients f⁽ᵏ⁾/k!.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series([f64; TERMS]);

impl Series {
    /// x + s·v as a function of s.
    pub(crate) fn line(x: f64, v: f64) -> Self {
        let mut terms = [0.0; TERMS];
        (terms[0], terms[1]) = (x, v);
        Series(terms)
    }

    pub(crate) fn constant(value: f64) -> Self {
        Series::line(value, 0.0)
    }

    pub(crate) fn derivative(&self, order: usize) -> f64 {
        self.0[order] * (1..=order).product::<usize>() as f64
    }

    pub(crate) fn add(self, other: Self) -> Self {
        Series(std::array::from_fn(|k| self.0[k] + other.0[k]))
    }

    pub(crate) fn sub(self, other: Self) -> Self {
        Series(std::array::from_fn(|k| self.0[k] - other.0[k]))
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        Series(std::array::from_fn(|k| (0..=k).map(|j| self.0[j] * other.0[k - j]).sum()))
    }

    /// The solution of a′ = slope(a)·z′ that starts at `start`.
    fn solve(self, start: f64, slope: impl Fn(Self) -> Self) -> Self {
        let mut a = Series::constant(start);
        for k in 1..TERMS {
            let slope = slope(a);
            a.0[k] = (1..=k).map(|j| j as f64 * self.0[j] * slope.0[k - j]).sum::<f64>() / k as f64;
        }
        a
    }

    pub(crate) fn activation(self, activation: Activation) -> Self {
        let one = Series::constant(1.0);
        match activation {
            Activation::Relu if self.0[0] > 0.0 => self,
            Activation::Relu => Series::constant(0.0),
            Activation::Tanh => self.solve(self.0[0].tanh(), |a| one.sub(a.mul(a))),
            Activation::Sine => {
                let (mut sine, mut cosine) = (Series::constant(self.0[0].sin()), Series::constant(self.0[0].cos()));
                for k in 1..TERMS {
                    let sum = |of: &Series| -> f64 {
                        (1..=k).map(|j| j as f64 * self.0[j] * of.0[k - j]).sum::<f64>() / k as f64
                    };
                    (sine.0[k], cosine.0[k]) = (sum(&cosine), -sum(&sine));
                }
                sine
            }
            Activation::Swish => {
                let sigmoid = self.solve(1.0 / (1.0 + (-self.0[0]).exp()), |a| a.mul(one.sub(a)));
                self.mul(sigmoid)
            }
        }
    }
}

/// A fully connected layer on the host.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// `[inputs, outputs]`, row-major.
    pub(crate) weight: Vec<f64>,
    pub(crate) bias: Vec<f64>,
}

impl Layer {
    pub(crate) fn forward(&self, x: &[Series]) -> Vec<Series> {
        let outputs = self.bias.len();
        (0..outputs)
            .map(|o| {
                x.iter().enumerate().fold(Series::constant(self.bias[o]), |sum, (i, x)| {
                    sum.add(x.mul(Series::constant(self.weight[i * outputs + o])))
                })
            })
            .collect()
    }
}

/// A copy of burn's layer on the host.
pub(crate) fn host_layer(layer: &Linear<Backend>) -> Layer {
    let double = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
    Layer { weight: double(read_f32(layer.weight.val())), bias: double(read_f32(layer.bias.as_ref().unwrap().val())) }
}

/// Layers with an activation after each but the last.
pub(crate) fn perceptron(layers: &[Layer], x: &[Series], activation: Activation) -> Vec<Series> {
    let (last, others) = layers.split_last().unwrap();
    let hidden = others
        .iter()
        .fold(x.to_vec(), |x, layer| layer.forward(&x).into_iter().map(|z| z.activation(activation)).collect());
    last.forward(&hidden)
}

/// A derivative of all outputs of all points, row-major.
pub(crate) fn flat(series: &[Vec<Series>], order: usize) -> Vec<f64> {
    series.iter().flatten().map(|series| series.derivative(order)).collect()
}
