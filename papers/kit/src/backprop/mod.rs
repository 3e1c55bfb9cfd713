//! Backward passes written out as tensor operations, so that reverse mode can run over them.
//!
//! burn has no second derivatives. A method that needs the derivative of a gradient writes the gradient down, layer by
//! layer, and differentiates that: exact, where a finite difference in single precision loses half of the digits.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `input.rs` | gradients of a perceptron with respect to its inputs |
//! | `network.rs` | networks of layers; gradients with respect to parameters and inputs |
//! | `layer.rs` | what a layer does, and the layers by name |
//! | `linear.rs`, `convolution.rs`, `activation.rs`, `pooling.rs`, `norm.rs` | the layers |
//! | `loss.rs` | cross-entropy and mean squared error with their gradients |
//! | `sgd.rs` | gradient descent on lists of parameters |
//!
//! In a [`Network`] examples stand side by side: activations are `[features, n]`, one example a column, and an image is
//! its planes row by row, `[channels·height·width, n]`. All parameters are matrices: weights `[outputs, inputs]` (the
//! inputs of a convolution being channels·kernel·kernel), biases and the gains of norms `[outputs, 1]`.
//!
//! The derivative of ReLU at 0 is 0, and its second derivative is 0 everywhere, which holds except where an activation is
//! exactly 0.

mod activation;
mod convolution;
mod input;
mod layer;
mod linear;
mod loss;
mod network;
mod norm;
mod pooling;
#[cfg(test)]
mod reference;
mod sgd;

pub use activation::Elementwise;
pub use convolution::Convolution;
pub use input::{InputGradient, input_gradient};
pub use layer::{Layer, LayerConfig, ParameterSize, Role, Tape};
pub use linear::FullyConnected;
pub use loss::{LossAndGradient, cross_entropy, label_mask, mean_squared_error};
pub use network::{Gradients, Network, Pass};
pub use norm::{Norm, Over};
pub use pooling::AveragePool;
pub use sgd::{Sgd, SgdConfig};
