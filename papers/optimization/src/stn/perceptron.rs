//! The small classifier: two hidden layers and a plain last one.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::nn::{Init, linear};
use rand::Rng;

use super::layer::{Dense, WeightSource};

/// Inputs → hidden → ReLU → dropout → hidden → ReLU → dropout → classes; the last layer is always plain.
#[derive(Module, Debug)]
pub struct Perceptron<B: burn::tensor::backend::Backend = Backend> {
    first: Dense<B>,
    second: Dense<B>,
    head: Linear<B>,
}

impl Perceptron {
    /// A network of these sizes.
    pub fn new<R: Rng>(inputs: usize, hidden: usize, classes: usize, weights: &mut WeightSource<'_, R>) -> Self {
        Perceptron {
            first: Dense::new(inputs, hidden, weights),
            second: Dense::new(hidden, hidden, weights),
            head: linear(hidden, classes, true, Init::Uniform, weights.rng, weights.device),
        }
    }

    /// Logits `[B, inputs]` to `[B, classes]`. `dropout` holds the factors of the units of both hidden layers, `[B, hidden]`
    /// each, and is empty where nothing is dropped; `response` holds the response input, `[B, H]`.
    ///
    /// # Errors
    /// [`Error::Failed`] where a responding network gets no response input, [`Error::Input`] where its shape is wrong.
    pub fn logits(&self, x: Tensor<2>, dropout: &[Tensor<2>], response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        let mut hidden = x;
        for (at, layer) in [&self.first, &self.second].into_iter().enumerate() {
            hidden = relu(layer.forward(hidden, response)?);
            if let Some(factors) = dropout.get(at) {
                hidden = hidden * factors.clone();
            }
        }
        Ok(self.head.forward(hidden))
    }
}
