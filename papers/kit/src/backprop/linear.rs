//! Fully connected layers.

use harness_core::Result;
use harness_core::backend::Tensor;

use super::layer::{Layer, ParameterSize, Role, Tape, exactly, weight_and_bias};
use crate::image_set::ImageSize;

/// y = Wx + b, `[inputs, n]` to `[outputs, n]`; ∂/∂x = Wᵀu, ∂/∂W = uxᵀ, ∂/∂b = Σ u.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullyConnected {
    inputs: usize,
    outputs: usize,
    bias: bool,
}

impl FullyConnected {
    /// A layer of these sizes.
    pub fn new(inputs: usize, outputs: usize, bias: bool) -> Self {
        FullyConnected { inputs, outputs, bias }
    }
}

impl Layer for FullyConnected {
    fn parameters(&self) -> Vec<ParameterSize> {
        let size = |role, columns| ParameterSize {
            role,
            shape: [self.outputs, columns],
            fan_in: self.inputs,
            fan_out: self.outputs,
        };
        let mut sizes = vec![size(Role::Weight, self.inputs)];
        sizes.extend(self.bias.then(|| size(Role::Bias, 1)));
        sizes
    }

    fn output(&self) -> ImageSize {
        ImageSize { channels: self.outputs, height: 1, width: 1 }
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)> {
        let (weight, bias) = weight_and_bias(parameters, self.bias)?;
        let y = weight.matmul(x.clone());
        let y = match bias {
            Some(bias) => y + bias,
            None => y,
        };
        Ok((y, vec![x]))
    }

    fn input_gradient(&self, parameters: &[Tensor<2>], _tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>> {
        let (weight, _) = weight_and_bias(parameters, self.bias)?;
        Ok(weight.transpose().matmul(upstream))
    }

    fn parameter_gradients(&self, tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Vec<Tensor<2>>> {
        let [x] = exactly("tensors on the tape", tape)?;
        let mut gradients = vec![upstream.clone().matmul(x.transpose())];
        gradients.extend(self.bias.then(|| upstream.sum_dim(1)));
        Ok(gradients)
    }
}
