//! What attention does with queries, keys and values: the exchangeable part of a [`super::Gpt`].

use burn::tensor::TensorData;
use burn::tensor::activation::softmax;
use harness_core::backend::{Device, Tensor};

/// An attention operation. A model hands over its queries, keys and values, turned already where positions are rotary,
/// and goes on with what comes back; an operation may have weights of its own for each layer.
pub trait Attend {
    /// The weights with which queries look at keys: q and k `[batch, heads, tokens, width]` to
    /// `[batch, heads, tokens, slots]`; the last `tokens` of the slots are the keys.
    fn weights(&self, layer: usize, q: Tensor<4>, k: Tensor<4>) -> Tensor<4>;

    /// What the weights make of the values, `[batch, heads, tokens, width]`.
    fn output(&self, layer: usize, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4>;
}

/// Scaled dot-product attention in which a query sees its own and earlier keys: softmax(q·k/√d)·v.
#[derive(Debug, Clone)]
pub struct CausalSoftmax {
    /// 0 where a query sees a key, −∞ where it does not, `[1, tokens·tokens]`.
    mask: Tensor<2>,
}

impl CausalSoftmax {
    /// The operation for sequences of `tokens`. The device is that of the model's weights.
    pub fn new(tokens: usize, device: &Device) -> Self {
        let values = (0..tokens).flat_map(|i| (0..tokens).map(move |k| if k <= i { 0.0 } else { f32::NEG_INFINITY }));
        let data = TensorData::new(values.collect::<Vec<f32>>(), [1, tokens * tokens]);
        CausalSoftmax { mask: Tensor::from_data(data, device) }
    }

    fn scores(&self, q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
        let [batch, heads, tokens, width] = q.dims();
        let scores = q.matmul(k.swap_dims(2, 3)) / (width as f64).sqrt();
        // One row per head: the mask is the same for all of them.
        let rows = scores.reshape([batch * heads, tokens * tokens]) + self.mask.clone();
        rows.reshape([batch, heads, tokens, tokens])
    }
}

impl Attend for CausalSoftmax {
    fn weights(&self, _layer: usize, q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
        softmax(self.scores(q, k), 3)
    }

    fn output(&self, _layer: usize, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
        // Normalised after the product with the values, which is smaller than the weights.
        let scores = self.scores(q, k);
        let largest = scores.clone().detach().max_dim(3);
        let weights = (scores - largest).exp(); // [batch, heads, tokens, tokens]
        let total = weights.clone().sum_dim(3);
        weights.matmul(v) / total
    }
}
