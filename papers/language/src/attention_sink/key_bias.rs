//! A learnable key, with or without a value, that every query sees.

use burn::tensor::activation::softmax;
use harness_core::prelude::*;

use super::mask::Mask;
use super::operation::scores;

/// Softmax attention with one more key per head, in front of the others.
///
/// **Definition.** Keys (k*, k₁, …, k_T) and values (v*, v₁, …, v_T); softmax of q·k/√d over k* and the keys that the
/// query sees. With v* = 0 the slot takes weight and contributes nothing.
///
/// **Paper.** Section 7, attention biases: "KV biases" with a learnable v*, "K biases" with v* = 0.
///
/// **Arguments.** `q`, `k`, `v`: `[batch, heads, tokens, d]`; `key_bias`, `value_bias`: `[heads, d]`, which no rotary
/// position turns. Gives weights `[batch, heads, tokens, 1 + tokens]`, whose first column is the slot of k*, and the output
/// `[batch, heads, tokens, d]`.
///
/// **Differences.** None known.
///
/// **Errors.** None; sizes that differ are a programming error and panic.
///
/// **Example.**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_language::attention_sink::{Mask, Visibility, key_bias_attention};
/// let device = DeviceChoice::Cpu.open()?;
/// let ones = || Tensor::<4>::ones([1, 1, 1, 2], &device);
/// let bias = |value| Tensor::<2>::full([1, 2], value, &device);
/// let mask = Mask::new(Visibility::Causal, 1)?;
/// let (weights, output) = key_bias_attention(ones(), ones(), ones(), bias(1.0), bias(0.0), &mask);
/// assert_eq!((read_f32(weights), read_f32(output)), (vec![0.5, 0.5], vec![0.5, 0.5]));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn key_bias_attention(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    key_bias: Tensor<2>,
    value_bias: Tensor<2>,
    mask: &Mask,
) -> (Tensor<4>, Tensor<4>) {
    let weights = key_bias_weights(q, k, key_bias, mask);
    let output = weights.clone().matmul(with_slot(value_bias, v));
    (weights, output)
}

/// The weights of [`key_bias_attention`].
pub(super) fn key_bias_weights(q: Tensor<4>, k: Tensor<4>, key_bias: Tensor<2>, mask: &Mask) -> Tensor<4> {
    let mask = mask.additive(1, &q.device());
    softmax(scores(q, with_slot(key_bias, k)) + mask, 3)
}

/// `rows` `[batch, heads, tokens, d]` behind one more row per head.
fn with_slot(row: Tensor<2>, rows: Tensor<4>) -> Tensor<4> {
    let [batch, heads, _, width] = rows.dims();
    let first = row.reshape([1, heads, 1, width]).expand([batch, heads, 1, width]);
    Tensor::cat(vec![first, rows], 2)
}
