//! Attention operations: how similar a key is to a query, and whether the weights of a query are normalised.

use burn::tensor::activation::{sigmoid, softmax};
use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::mask::Mask;

/// Added to the sum of a row before it divides the row.
const EPSILON: f64 = 1e-8;

/// How weights come from queries and keys; see [`attention_weights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Softmax over the keys that a query sees.
    Softmax,
    /// σ(s).
    Sigmoid,
    /// elu(s) + 1.
    Elu,
    /// A product of features elu(q) + 1 and elu(k) + 1.
    EluKernel,
    /// The product of q and k itself, which may be negative.
    LinearKernel,
    /// A product of features that a network made of q and k.
    MlpKernel,
}

impl Operation {
    /// The operation of this name in `paper.yaml` and in the vectors, save the one that needs a network.
    ///
    /// # Errors
    /// [`Error::Input`] for any other name.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "softmax" => Operation::Softmax,
            "sigmoid" => Operation::Sigmoid,
            "elu" => Operation::Elu,
            "elu_kernel" => Operation::EluKernel,
            "linear_kernel" => Operation::LinearKernel,
            _ => {
                return Err(Error::Input(format!(
                    "unknown operation `{name}`: use softmax, sigmoid, elu, elu_kernel or linear_kernel"
                )));
            }
        })
    }
}

/// The weights with which queries look at keys.
///
/// **Definition.** With s = q·k/√d and the mask m: softmax over the visible s; σ(s)·m; (elu(s) + 1)·m; or
/// φ(q)·φ(k)/√d · m with φ = elu + 1, the identity, or a network that was applied to q and k before. All but softmax may
/// be normalised: divided by the sum of the row + 1e-8, or, for the last two kernels, whose weights may be negative, by
/// max(|sum of the row|, 1).
///
/// **Paper.** Section 7, equations of generalised attention.
///
/// **Arguments.** `q`, `k`: `[batch, heads, tokens, d]`, turned before where positions are rotary. `normalize` is without
/// effect for softmax. The result is `[batch, heads, tokens, tokens]`, one row a query.
///
/// **Differences.** None known.
///
/// **Errors.** None; a mask for another number of tokens is a programming error and panics.
///
/// **Example.** Without normalisation, a row of sigmoid weights may sum to more than 1:
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_language::attention_sink::{Mask, Operation, Visibility, attention_weights};
/// let device = DeviceChoice::Cpu.open()?;
/// let (q, k) = (Tensor::<4>::ones([1, 1, 2, 4], &device), Tensor::<4>::ones([1, 1, 2, 4], &device) * 3.0);
/// let mask = Mask::new(Visibility::Causal, 2)?;
/// let weights = read_f32(attention_weights(q, k, &mask, Operation::Sigmoid, false));
/// assert!(weights[1] == 0.0 && weights[2] + weights[3] > 1.9);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn attention_weights(q: Tensor<4>, k: Tensor<4>, mask: &Mask, operation: Operation, normalize: bool) -> Tensor<4> {
    let device = q.device();
    let weights = match operation {
        Operation::Softmax => return softmax(scores(q, k) + mask.additive(0, &device), 3),
        Operation::Sigmoid => sigmoid(scores(q, k)),
        Operation::Elu => elu_plus_one(scores(q, k)),
        Operation::EluKernel => scores(elu_plus_one(q), elu_plus_one(k)),
        Operation::LinearKernel | Operation::MlpKernel => scores(q, k),
    };
    let weights = weights * mask.factor(&device);
    if !normalize {
        return weights;
    }
    let total = weights.clone().sum_dim(3);
    let total = match operation {
        Operation::LinearKernel | Operation::MlpKernel => total.abs().clamp_min(1.0),
        _ => total + EPSILON,
    };
    weights / total
}

/// q·k/√d, `[batch, heads, tokens, d]` to `[batch, heads, queries, keys]`.
pub(super) fn scores(q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
    let [_, _, _, width] = q.dims();
    (q / (width as f64).sqrt()).matmul(k.swap_dims(2, 3))
}

/// elu(x) + 1: x + 1 above 0, eˣ elsewhere, with a slope of 1 at 0.
fn elu_plus_one(x: Tensor<4>) -> Tensor<4> {
    // Each branch is 0 where the other one counts, so that an exponential that overflows reaches no gradient.
    let positive = x.clone().greater_elem(0.0);
    x.clone().mask_fill(positive.clone().bool_not(), 0.0) + x.mask_fill(positive, 0.0).exp()
}
