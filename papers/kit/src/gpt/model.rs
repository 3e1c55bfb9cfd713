//! The model: embeddings, blocks, head.

use burn::module::{Module, Param};
use burn::nn::Linear;
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use rand::Rng;

use super::attend::{Attend, CausalSoftmax};
use super::block::{Block, HeadOrder};
use super::norm::Norm;
use super::rotary::Rotary;
use super::{GptConfig, Positions};
use crate::init::normal;
use crate::nn::{Init, linear};

/// A decoder-only transformer with norms before attention and MLP (Radford et al. 2019).
///
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor};
/// use papers_kit::gpt::{GptConfig, log_probs};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = GptConfig::new(2, 16, 2).init(10, 8, &mut rng, &device)?;
/// let ids = IntTensor::<2>::from_data([[3, 1, 4, 1, 5]], &device);
/// let logits = model.forward(ids.clone().narrow(1, 0, 4));
/// assert_eq!(logits.dims(), [1, 4, 10]);
/// let loss = -log_probs(logits, ids.narrow(1, 1, 4)).mean();
/// let gradients = loss.backward();
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Gpt<B: burn::tensor::backend::Backend = Backend> {
    /// `[vocabulary, width]`.
    tokens: Param<burn::tensor::Tensor<B, 2>>,
    /// `[context, width]`.
    positions: Option<Param<burn::tensor::Tensor<B, 2>>>,
    blocks: Vec<Block<B>>,
    norm: Norm<B>,
    /// `None` where the head is tied to the tokens' embedding.
    head: Option<Linear<B>>,
    #[module(skip)]
    context: usize,
    /// Width of a head where positions are rotary.
    #[module(skip)]
    rotary: Option<usize>,
}

/// What a forward pass went through.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Attention weights of each block, `[batch, heads, tokens, slots]`.
    pub weights: Vec<Tensor<4>>,
    /// Keys of each block, `[batch, heads, tokens, head width]`.
    pub keys: Vec<Tensor<4>>,
    /// Values of each block, `[batch, heads, tokens, head width]`.
    pub values: Vec<Tensor<4>>,
    /// The residual stream after each block, `[batch, tokens, width]`.
    pub hidden: Vec<Tensor<3>>,
}

impl Gpt {
    pub(super) fn new(
        config: &GptConfig,
        vocabulary: usize,
        context: usize,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let GptConfig { layers, width, norm, bias, init_std, .. } = *config;
        let tokens = normal([vocabulary, width], config.token_std.unwrap_or(init_std), rng, device);
        let blocks = (0..layers).map(|_| Block::new(config, rng, device)).collect();
        let head = (!config.tied).then(|| linear(width, vocabulary, false, Init::Normal(init_std), rng, device));
        // Drawn last, so that models with other positions start with the same weights.
        let positions =
            (config.positions == Positions::Learned).then(|| normal([context, width], init_std, rng, device));
        Gpt {
            tokens: Param::from_tensor(tokens),
            positions: positions.map(Param::from_tensor),
            blocks,
            norm: Norm::new(norm, width, bias, device),
            head,
            context,
            rotary: (config.positions == Positions::Rotary).then(|| config.head_width()),
        }
    }

    /// The longest sequence, in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Number of tokens that the model knows.
    pub fn vocabulary(&self) -> usize {
        self.tokens.dims()[0]
    }

    /// Logits of the next token at each position, ids `[batch, tokens]` to `[batch, tokens, vocabulary]`; there are at
    /// most [`Gpt::context`] tokens. A model that records no gradients (`model.valid()`) takes ids from anywhere.
    pub fn forward(&self, ids: IntTensor<2>) -> Tensor<3> {
        let [_, tokens] = ids.dims();
        self.forward_with(ids, &CausalSoftmax::new(tokens, &self.device()))
    }

    /// As [`Gpt::forward`], with another attention operation.
    pub fn forward_with(&self, ids: IntTensor<2>, attention: &dyn Attend) -> Tensor<3> {
        self.pass(ids, attention, None)
    }

    /// As [`Gpt::forward_with`], and everything on the way.
    pub fn trace(&self, ids: IntTensor<2>, attention: &dyn Attend) -> (Tensor<3>, Trace) {
        let mut trace = Trace::default();
        let logits = self.pass(ids, attention, Some(&mut trace));
        (logits, trace)
    }

    fn pass(&self, ids: IntTensor<2>, attention: &dyn Attend, mut trace: Option<&mut Trace>) -> Tensor<3> {
        let size @ [batch, tokens] = ids.dims();
        let rotary = self.rotary.map(|width| Rotary::new(tokens, width, &self.device()));
        let x = self.tokens.val().select(0, ids.reshape([batch * tokens])); // [batch·tokens, width]
        let [_, width] = x.dims();
        let mut x = match &self.positions {
            Some(positions) => {
                let here = positions.val().narrow(0, 0, tokens).reshape([1, tokens * width]);
                (x.reshape([batch, tokens * width]) + here).reshape([batch * tokens, width])
            }
            None => x,
        };
        let order = self.blocks.first().map(|block| HeadOrder::new(size, block.head_count(), &self.device()));
        for (layer, block) in self.blocks.iter().enumerate() {
            let Some(order) = &order else { break };
            let heads = block.heads(x.clone(), size, order, rotary.as_ref());
            if let Some(trace) = &mut trace {
                trace.weights.push(attention.weights(layer, heads.q.clone(), heads.k.clone()));
                trace.keys.push(heads.k.clone());
                trace.values.push(heads.v.clone());
            }
            x = block.forward(x, heads, layer, order, attention);
            if let Some(trace) = &mut trace {
                trace.hidden.push(x.clone().reshape([batch, tokens, width]));
            }
        }
        let x = self.norm.forward(x);
        let logits = match &self.head {
            Some(head) => head.forward(x),
            None => x.matmul(self.tokens.val().transpose()),
        };
        logits.reshape([batch, tokens, self.vocabulary()])
    }

    /// Where the weights are, with or without gradients.
    pub fn device(&self) -> Device {
        self.tokens.val().device()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt::{MlpKind, NormKind, log_probs};
    use crate::module_weights::{to_weights, with_weights};
    use burn::module::AutodiffModule;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn variants() -> Vec<GptConfig> {
        let plain = GptConfig { init_std: 0.3, ..GptConfig::new(2, 12, 3) };
        vec![
            plain,
            GptConfig {
                norm: NormKind::RmsNorm,
                mlp_kind: MlpKind::SwiGlu,
                positions: Positions::Rotary,
                bias: false,
                ..plain
            },
            GptConfig { tied: false, mlp_kind: MlpKind::Silu, positions: Positions::None, ..plain },
        ]
    }

    fn build(config: &GptConfig, seed: u64) -> Gpt {
        let device = DeviceChoice::Cpu.open().unwrap();
        config.init(11, 8, &mut harness_core::rng::stream("test", "init", seed), &device).unwrap()
    }

    fn ids(rows: [[i64; 6]; 2], model: &Gpt) -> IntTensor<2> {
        IntTensor::from_data(rows, &model.device())
    }

    #[test]
    fn no_position_sees_later_tokens_or_other_sequences() {
        for config in variants() {
            let model = build(&config, 0).valid();
            let before = read_f32(model.forward(ids([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]], &model)));
            let after = read_f32(model.forward(ids([[1, 2, 3, 0, 5, 6], [7, 8, 9, 10, 0, 1]], &model)));
            let changed = |t: usize| before[t * 11..][..11] != after[t * 11..][..11];
            assert_eq!((0..12).map(changed).collect::<Vec<_>>(), [&[false; 3][..], &[true; 3], &[false; 6]].concat());
        }
    }

    /// Without positions, the order of earlier tokens does not matter; with them, it does.
    #[test]
    fn positions_matter_where_there_are_any() {
        for config in variants() {
            let model = build(&GptConfig { layers: 1, ..config }, 0).valid();
            let logits = read_f32(model.forward(ids([[1, 2, 3, 4, 5, 6], [3, 2, 5, 1, 4, 6]], &model)));
            let last = |row: usize| &logits[(row * 6 + 5) * 11..][..11];
            let gap = last(0).iter().zip(last(1)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(gap > 1e-3, config.positions != Positions::None, "{:?}: {gap}", config.positions);
        }
    }

    #[test]
    fn a_trace_shows_the_same_pass() {
        for config in variants() {
            let model = build(&config, 0).valid();
            let ids = ids([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]], &model);
            let attention = CausalSoftmax::new(6, &model.device());
            let (logits, trace) = model.trace(ids.clone(), &attention);
            assert_eq!(read_f32(logits), read_f32(model.forward(ids)));
            assert_eq!((trace.weights.len(), trace.hidden.len()), (2, 2));
            assert_eq!((trace.hidden[1].dims(), trace.keys[0].dims()), ([2, 6, 12], [2, 3, 6, 4]));
            let weights = read_f32(trace.weights[1].clone());
            for (row, weights) in weights.chunks_exact(6).enumerate() {
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                assert!(weights.iter().enumerate().all(|(k, weight)| (*weight > 0.0) == (k <= row % 6)), "{weights:?}");
            }
            // The output is what the weights make of the values.
            let product = read_f32(trace.weights[0].clone().matmul(trace.values[0].clone()));
            let (q, k) = (trace.keys[1].clone(), trace.keys[0].clone());
            assert_eq!(product.len(), 2 * 3 * 6 * 4);
            let weighted = read_f32(attention.weights(0, q.clone(), k.clone()).matmul(trace.values[0].clone()));
            let output = read_f32(attention.output(0, q, k, trace.values[0].clone()));
            assert!(weighted.iter().zip(&output).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn every_parameter_learns_and_is_kept() {
        for config in variants() {
            let model = build(&config, 0);
            let batch = ids([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]], &model);
            let gradients = (-log_probs(model.forward(batch.clone()), batch.clone()).mean()).backward();
            let found = burn::optim::GradientsParams::from_grads(gradients, &model);
            let weights = to_weights(&model);
            assert_eq!(found.len(), model_parameters(&config), "{config:?}");
            let copy = with_weights(build(&config, 1), &weights).unwrap();
            assert_eq!(read_f32(copy.forward(batch.clone())), read_f32(model.forward(batch)));
        }
    }

    /// Parameter tensors of a model, counted by hand.
    fn model_parameters(config: &GptConfig) -> usize {
        let norms = 1 + usize::from(config.bias && config.norm == NormKind::LayerNorm);
        let linears = 6 + usize::from(config.mlp_kind == MlpKind::SwiGlu);
        let block = 2 * norms + linears * (1 + usize::from(config.bias));
        1 + usize::from(config.positions == Positions::Learned)
            + config.layers * block
            + norms
            + usize::from(!config.tied)
    }
}
