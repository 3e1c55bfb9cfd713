//! The attention of a model: operation, visibility and learnable biases, as the kit's GPT takes it.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::gpt::{Attend, GptConfig};
use papers_kit::init::normal;
use papers_kit::nn::{Init, linear};
use rand::Rng;

use super::key_bias::{key_bias_attention, key_bias_weights};
use super::mask::{Mask, Visibility};
use super::operation::{Operation, attention_weights};
use super::settings::{Arm, Bias};

/// Standard deviation of the initial biases.
const BIAS_STD: f64 = 0.02;

/// What an arm does between queries, keys and values, with the weights that it has of its own.
#[derive(Module, Debug)]
pub struct SinkAttention<B: burn::tensor::backend::Backend = Backend> {
    layers: Vec<LayerWeights<B>>,
    #[module(skip)]
    operation: Operation,
    #[module(skip)]
    normalize: bool,
    #[module(skip)]
    visibility: Visibility,
}

/// The weights that attention has of its own in one block.
#[derive(Module, Debug)]
struct LayerWeights<B: burn::tensor::backend::Backend = Backend> {
    /// k*, `[heads, d]`.
    key_bias: Option<Param<burn::tensor::Tensor<B, 2>>>,
    /// v*, `[heads, d]`.
    value_bias: Option<Param<burn::tensor::Tensor<B, 2>>>,
    /// The kernel's network, shared by queries, keys and heads.
    kernel: Option<KernelNetwork<B>>,
}

/// φ(x) = W₂ relu(W₁x).
#[derive(Module, Debug)]
struct KernelNetwork<B: burn::tensor::backend::Backend = Backend> {
    first: Linear<B>,
    second: Linear<B>,
}

impl KernelNetwork {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, heads, tokens, width] = x.dims();
        let rows = x.reshape([batch * heads * tokens, width]);
        self.second.forward(relu(self.first.forward(rows))).reshape([batch, heads, tokens, width])
    }
}

impl SinkAttention {
    /// The attention of `arm` for a model of `config`.
    pub fn new(arm: &Arm, config: &GptConfig, rng: &mut impl Rng, device: &Device) -> Self {
        let (heads, width) = (config.heads, config.head_width());
        let mut layer = || {
            let mut bias =
                |wanted: bool| wanted.then(|| Param::from_tensor(normal([heads, width], BIAS_STD, rng, device)));
            LayerWeights {
                key_bias: bias(matches!(arm.bias, Bias::Key | Bias::KeyValue)),
                value_bias: bias(matches!(arm.bias, Bias::Value | Bias::KeyValue)),
                kernel: (arm.operation == Operation::MlpKernel).then(|| KernelNetwork {
                    first: linear(width, width, false, Init::He, rng, device),
                    second: linear(width, width, false, Init::LeCun, rng, device),
                }),
            }
        };
        SinkAttention {
            layers: (0..config.layers).map(|_| layer()).collect(),
            operation: arm.operation,
            normalize: arm.normalize,
            visibility: arm.visibility,
        }
    }

    /// The operation for sequences of `tokens`.
    ///
    /// # Errors
    /// Those of [`Mask::new`].
    pub fn for_tokens(&self, tokens: usize) -> Result<MaskedAttention<'_>> {
        Ok(MaskedAttention { attention: self, mask: Mask::new(self.visibility, tokens)? })
    }

    /// Slots in front of the keys.
    pub fn slots(&self) -> usize {
        usize::from(self.layers.iter().any(|layer| layer.key_bias.is_some()))
    }

    /// Positions at the start whose predictions do not count.
    pub fn ignored(&self) -> usize {
        match self.visibility {
            Visibility::Prefix(prefix) => prefix,
            Visibility::Causal | Visibility::Window(_) => 0,
        }
    }
}

/// [`SinkAttention`] for sequences of one length.
pub struct MaskedAttention<'a> {
    attention: &'a SinkAttention,
    mask: Mask,
}

impl MaskedAttention<'_> {
    fn layer(&self, layer: usize) -> &LayerWeights {
        &self.attention.layers[layer]
    }
}

impl Attend for MaskedAttention<'_> {
    fn weights(&self, layer: usize, q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
        let own = self.layer(layer);
        if let Some(key_bias) = &own.key_bias {
            return key_bias_weights(q, k, key_bias.val(), &self.mask);
        }
        let (q, k) = match &own.kernel {
            Some(kernel) => (kernel.forward(q), kernel.forward(k)),
            None => (q, k),
        };
        attention_weights(q, k, &self.mask, self.attention.operation, self.attention.normalize)
    }

    fn output(&self, layer: usize, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
        let own = self.layer(layer);
        if let Some(key_bias) = &own.key_bias {
            let key_bias = key_bias.val();
            let value_bias = own.value_bias.as_ref().map_or_else(|| key_bias.zeros_like().detach(), |bias| bias.val());
            return key_bias_attention(q, k, v, key_bias, value_bias, &self.mask).1;
        }
        let output = self.weights(layer, q, k).matmul(v);
        match &own.value_bias {
            Some(bias) => {
                let [heads, width] = bias.dims();
                output + bias.val().reshape([1, heads, 1, width])
            }
            None => output,
        }
    }
}
