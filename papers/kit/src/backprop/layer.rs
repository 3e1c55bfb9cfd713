//! What a layer does, and the layers by name.

use harness_core::backend::Tensor;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{AveragePool, Convolution, Elementwise, FullyConnected, Norm, Over};
use crate::image_set::ImageSize;
use crate::nn::Conv;

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Multiplies inputs: the matrix of a linear layer or a convolution.
    Weight,
    /// Is added.
    Bias,
    /// Scales a normalised channel.
    Gain,
}

/// A parameter of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterSize {
    /// What it is for.
    pub role: Role,
    /// `[outputs, inputs]`; one column for biases and gains.
    pub shape: [usize; 2],
    /// Inputs of one output of the layer.
    pub fan_in: usize,
    /// Outputs that one input of the layer reaches.
    pub fan_out: usize,
}

/// What a layer keeps of its forward pass for the backward pass.
pub type Tape = Vec<Tensor<2>>;

/// A layer with a forward pass that keeps a tape and a backward pass of tensor operations. Both are differentiable in
/// everything that they are given: inputs, parameters and upstream.
///
/// `parameters` holds as many tensors as [`Layer::parameters`] names, of those shapes; [`super::Network`] sees to it.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// The parameters, in order.
    fn parameters(&self) -> Vec<ParameterSize> {
        Vec::new()
    }

    /// Size of the output of an example; a vector is channels of one pixel.
    fn output(&self) -> ImageSize;

    /// The output for `[features, n]`, and the tape.
    ///
    /// # Errors
    /// [`Error::Input`] where the number of parameters is wrong.
    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)>;

    /// ∂/∂x of ⟨`upstream`, output⟩.
    ///
    /// # Errors
    /// [`Error::Input`] where the number of parameters is wrong or the tape is of another layer.
    fn input_gradient(&self, parameters: &[Tensor<2>], tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>>;

    /// ∂/∂θ of ⟨`upstream`, output⟩, summed over examples.
    ///
    /// # Errors
    /// [`Error::Input`] where the tape is of another layer.
    fn parameter_gradients(&self, tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Vec<Tensor<2>>> {
        let _ = (tape, upstream);
        Ok(Vec::new())
    }
}

/// The first `N` tensors of a list that must have that many.
pub(super) fn exactly<const N: usize>(what: &str, tensors: &[Tensor<2>]) -> Result<[Tensor<2>; N]> {
    tensors
        .to_vec()
        .try_into()
        .map_err(|found: Vec<_>| Error::Input(format!("{} {what}, but the layer has {N}", found.len())))
}

/// A weight, and a bias where the layer has one.
pub(super) fn weight_and_bias(parameters: &[Tensor<2>], bias: bool) -> Result<(Tensor<2>, Option<Tensor<2>>)> {
    Ok(if bias {
        let [weight, bias] = exactly("parameters", parameters)?;
        (weight, Some(bias))
    } else {
        let [weight] = exactly("parameters", parameters)?;
        (weight, None)
    })
}

/// A layer as settings name it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerConfig {
    /// Each output is a weighted sum of all inputs.
    Linear {
        /// Number of outputs.
        outputs: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// A convolution with a square kernel.
    Convolution {
        /// Channels out.
        outputs: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Zeros added at each border.
        padding: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// max(x, 0).
    Relu,
    /// ln(1 + eˣ).
    Softplus,
    /// tanh x.
    Tanh,
    /// Means of squares that do not overlap; what fills no square is left out.
    AveragePool {
        /// Rows and columns of a square.
        size: usize,
    },
    /// Each channel of each image with mean 0 and variance 1, then scaled and shifted.
    InstanceNorm {
        /// Added to the variance.
        epsilon: f64,
    },
    /// Each channel with mean 0 and variance 1 over the batch, then scaled and shifted. There are no running statistics.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
    },
}

impl LayerConfig {
    /// The layer for inputs of this size.
    ///
    /// # Errors
    /// [`Error::Input`] where a number is impossible or the input is too small.
    pub fn init(self, input: ImageSize) -> Result<Box<dyn Layer>> {
        let refuse = |message: String| Err(Error::Input(message));
        Ok(match self {
            LayerConfig::Linear { outputs: 0, .. } | LayerConfig::Convolution { outputs: 0, .. } => {
                return refuse("a layer needs at least one output".into());
            }
            LayerConfig::Linear { outputs, bias } => Box::new(FullyConnected::new(input.values(), outputs, bias)),
            LayerConfig::Convolution { outputs, kernel, stride, padding, bias } => {
                let size = Conv { inputs: input.channels, outputs, kernel, stride, padding, bias };
                Box::new(Convolution::new(size, [input.height, input.width])?)
            }
            LayerConfig::Relu => Box::new(Elementwise::Relu(input)),
            LayerConfig::Softplus => Box::new(Elementwise::Softplus(input)),
            LayerConfig::Tanh => Box::new(Elementwise::Tanh(input)),
            LayerConfig::AveragePool { size } => Box::new(AveragePool::new(size, input)?),
            LayerConfig::InstanceNorm { epsilon } | LayerConfig::BatchNorm { epsilon }
                if !(epsilon.is_finite() && epsilon > 0.0) =>
            {
                return refuse(format!("epsilon of a norm must be a finite number above 0, got {epsilon}"));
            }
            LayerConfig::InstanceNorm { epsilon } => Box::new(Norm::new(Over::Instance, epsilon, input)),
            LayerConfig::BatchNorm { epsilon } => Box::new(Norm::new(Over::Batch, epsilon, input)),
        })
    }
}
