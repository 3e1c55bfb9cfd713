//! Functions that are applied element by element.

use burn::tensor::activation;
use harness_core::Result;
use harness_core::backend::Tensor;

use super::layer::{Layer, Tape, exactly};
use crate::image_set::ImageSize;
use crate::softplus::softplus;

/// An activation, for inputs of a size; ∂/∂x = φ′(x) ⊙ u.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elementwise {
    /// max(x, 0).
    Relu(ImageSize),
    /// ln(1 + eˣ).
    Softplus(ImageSize),
    /// tanh x.
    Tanh(ImageSize),
}

impl Layer for Elementwise {
    fn output(&self) -> ImageSize {
        match *self {
            Elementwise::Relu(size) | Elementwise::Softplus(size) | Elementwise::Tanh(size) => size,
        }
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)> {
        let [] = exactly("parameters", parameters)?;
        Ok(match self {
            Elementwise::Relu(_) => (activation::relu(x.clone()), vec![x]),
            Elementwise::Softplus(_) => (softplus(x.clone()), vec![x]),
            Elementwise::Tanh(_) => {
                let y = activation::tanh(x);
                (y.clone(), vec![y])
            }
        })
    }

    fn input_gradient(&self, _parameters: &[Tensor<2>], tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>> {
        let [kept] = exactly("tensors on the tape", tape)?;
        Ok(match self {
            Elementwise::Relu(_) => upstream.mask_fill(kept.lower_equal_elem(0.0), 0.0),
            Elementwise::Softplus(_) => upstream * activation::sigmoid(kept),
            Elementwise::Tanh(_) => -(kept.square() - 1.0) * upstream,
        })
    }
}
