//! A block: attention and an MLP, each behind a norm and added to the residual stream.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::TensorData;
use burn::tensor::activation::relu;
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use rand::Rng;

use super::attend::Attend;
use super::norm::Norm;
use super::rotary::Rotary;
use super::{GptConfig, MlpKind};
use crate::activation::{gelu, silu};
use crate::nn::{Init, linear};

/// One block of a [`super::Gpt`]. Rows are the tokens of all sequences, `[batch·tokens, width]`, so that each product is
/// one large one.
#[derive(Module, Debug)]
pub(super) struct Block<B: burn::tensor::backend::Backend = Backend> {
    before_attention: Norm<B>,
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    merge: Linear<B>,
    before_mlp: Norm<B>,
    expand: Linear<B>,
    /// W₃ of SwiGLU.
    gate: Option<Linear<B>>,
    contract: Linear<B>,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    mlp_kind: MlpKind,
}

/// Queries, keys and values of a block, `[batch, heads, tokens, head width]`.
pub(super) struct Heads {
    pub(super) q: Tensor<4>,
    pub(super) k: Tensor<4>,
    pub(super) v: Tensor<4>,
}

/// Which row of `[batch·tokens·heads, head width]` stands where in `[batch·heads·tokens, head width]`, and back. On the
/// processor whole rows are copied so several times as fast as by exchanging dimensions and making the result contiguous,
/// and the same holds for the gradients.
pub(super) struct HeadOrder {
    by_head: IntTensor<1>,
    by_token: IntTensor<1>,
}

impl HeadOrder {
    pub(super) fn new([batch, tokens]: [usize; 2], heads: usize, device: &Device) -> Self {
        // Of dimensions [batch, rows, columns], exchanged: the place of row i, column k is k·rows + i before.
        let exchanged = |rows: usize, columns: usize| {
            let places = (0..batch).flat_map(|b| {
                (0..columns).flat_map(move |k| (0..rows).map(move |i| ((b * rows + i) * columns + k) as i64))
            });
            let places: Vec<i64> = places.collect();
            let count = places.len();
            IntTensor::from_data(TensorData::new(places, [count]), device)
        };
        HeadOrder { by_head: exchanged(tokens, heads), by_token: exchanged(heads, tokens) }
    }
}

impl Block {
    pub(super) fn new(config: &GptConfig, rng: &mut impl Rng, device: &Device) -> Self {
        let GptConfig { layers, width, heads, mlp, mlp_kind, norm, bias, init_std, .. } = *config;
        let inside = Init::Normal(init_std);
        let residual = Init::Normal(init_std / (2.0 * layers as f64).sqrt());
        Block {
            before_attention: Norm::new(norm, width, bias, device),
            query: linear(width, width, bias, inside, rng, device),
            key: linear(width, width, bias, inside, rng, device),
            value: linear(width, width, bias, inside, rng, device),
            merge: linear(width, width, bias, residual, rng, device),
            before_mlp: Norm::new(norm, width, bias, device),
            expand: linear(width, mlp, bias, inside, rng, device),
            gate: (mlp_kind == MlpKind::SwiGlu).then(|| linear(width, mlp, bias, inside, rng, device)),
            contract: linear(mlp, width, bias, residual, rng, device),
            heads,
            mlp_kind,
        }
    }

    /// What the attention of this block sees of the residual stream.
    pub(super) fn heads(
        &self,
        x: Tensor<2>,
        [batch, tokens]: [usize; 2],
        order: &HeadOrder,
        rotary: Option<&Rotary>,
    ) -> Heads {
        let x = self.before_attention.forward(x);
        // Three products: slices of a joint one would each cost a copy of the whole on the way back.
        let split = |layer: &Linear<Backend>| {
            let [_, width] = layer.weight.dims();
            let rows = layer.forward(x.clone()).reshape([batch * tokens * self.heads, width / self.heads]);
            rows.select(0, order.by_head.clone()).reshape([batch, self.heads, tokens, width / self.heads])
        };
        let turn = |x| match rotary {
            Some(rotary) => rotary.turn(x),
            None => x,
        };
        Heads { q: turn(split(&self.query)), k: turn(split(&self.key)), v: split(&self.value) }
    }

    /// The residual stream after this block.
    pub(super) fn forward(
        &self,
        x: Tensor<2>,
        heads: Heads,
        layer: usize,
        order: &HeadOrder,
        attention: &dyn Attend,
    ) -> Tensor<2> {
        let Heads { q, k, v } = heads;
        let seen = attention.output(layer, q, k, v);
        let [batch, heads, tokens, width] = seen.dims();
        let seen = seen.reshape([batch * heads * tokens, width]).select(0, order.by_token.clone());
        let x = x.clone() + self.merge.forward(seen.reshape(x.dims()));
        x.clone() + self.mlp(self.before_mlp.forward(x))
    }

    pub(super) fn head_count(&self) -> usize {
        self.heads
    }

    fn mlp(&self, x: Tensor<2>) -> Tensor<2> {
        let expanded = self.expand.forward(x.clone());
        let inner = match self.mlp_kind {
            MlpKind::Gelu => gelu(expanded),
            MlpKind::Relu => relu(expanded),
            MlpKind::Silu | MlpKind::SwiGlu => silu(expanded),
        };
        let inner = match &self.gate {
            Some(gate) => inner * gate.forward(x),
            None => inner,
        };
        self.contract.forward(inner)
    }
}
