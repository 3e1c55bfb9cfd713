//! The model of an arm: the kit's GPT and the attention it is given.

use burn::module::Module;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::gpt::{Gpt, GptConfig, Trace};

use super::attention::SinkAttention;
use super::settings::Arm;

/// A GPT with the attention of an arm.
#[derive(Module, Debug)]
pub struct Model<B: burn::tensor::backend::Backend = Backend> {
    gpt: Gpt<B>,
    /// Operation, visibility and biases.
    pub attention: SinkAttention<B>,
}

impl Model {
    /// A model whose GPT starts with the same weights in all arms of a seed.
    ///
    /// # Errors
    /// Those of [`GptConfig::init`].
    pub fn new(arm: &Arm, config: &GptConfig, vocabulary: usize, tokens: usize, lab: &Lab) -> Result<Self> {
        let config = arm.model(config);
        Ok(Model {
            gpt: config.init(vocabulary, tokens, &mut lab.rng("init"), lab.device())?,
            attention: SinkAttention::new(arm, &config, &mut lab.rng("attention"), lab.device()),
        })
    }

    /// Logits, `[batch, tokens]` to `[batch, tokens, vocabulary]`.
    ///
    /// # Errors
    /// Those of [`SinkAttention::for_tokens`].
    pub fn forward(&self, ids: IntTensor<2>) -> Result<Tensor<3>> {
        let [_, tokens] = ids.dims();
        Ok(self.gpt.forward_with(ids, &self.attention.for_tokens(tokens)?))
    }

    /// Logits and everything on the way.
    ///
    /// # Errors
    /// Those of [`SinkAttention::for_tokens`].
    pub fn trace(&self, ids: IntTensor<2>) -> Result<(Tensor<3>, Trace)> {
        let [_, tokens] = ids.dims();
        Ok(self.gpt.trace(ids, &self.attention.for_tokens(tokens)?))
    }

    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.gpt.device()
    }
}
