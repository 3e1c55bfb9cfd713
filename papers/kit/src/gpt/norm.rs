//! Layer norm and root-mean-square norm of rows.

use burn::module::{Module, Param};
use harness_core::backend::{Backend, Device, Tensor};

use super::NormKind;

/// ε of both norms.
const EPSILON: f64 = 1e-5;

/// A normalisation of rows with a learned gain and, for layer norm, offset.
#[derive(Module, Debug)]
pub(super) struct Norm<B: burn::tensor::backend::Backend = Backend> {
    gain: Param<burn::tensor::Tensor<B, 1>>,
    offset: Option<Param<burn::tensor::Tensor<B, 1>>>,
    #[module(skip)]
    kind: NormKind,
}

impl Norm {
    /// Gain 1, offset 0.
    pub(super) fn new(kind: NormKind, width: usize, bias: bool, device: &Device) -> Self {
        let bias = bias && kind == NormKind::LayerNorm;
        Norm {
            gain: Param::from_tensor(Tensor::ones([width], device)),
            offset: bias.then(|| Param::from_tensor(Tensor::zeros([width], device))),
            kind,
        }
    }

    /// `[n, width]` to the same.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = match self.kind {
            NormKind::LayerNorm => x.clone() - x.mean_dim(1),
            NormKind::RmsNorm => x,
        };
        let scale = (x.clone().square().mean_dim(1) + EPSILON).sqrt().recip(); // [n, 1]
        let x = x * scale * self.gain.val().unsqueeze_dim(0);
        match &self.offset {
            Some(offset) => x + offset.val().unsqueeze_dim(0),
            None => x,
        }
    }
}
