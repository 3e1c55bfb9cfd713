//! The neural language model under the output layer, and its training step.

use harness_core::backend::{Device, IntTensor, Tensor};
use papers_kit::gradient_clip::clip_global_norm;
use papers_kit::init;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Sizes of the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// n of the n-grams: n − 1 words predict the next one.
    pub order: usize,
    /// Numbers per word.
    pub embedding: usize,
    /// Width of both hidden layers.
    pub hidden: usize,
}

/// Embedding, two hidden layers of rectified units, and one output per word without bias.
#[derive(Debug, Clone)]
pub struct LanguageModel {
    embedding: Tensor<2>,
    first: Tensor<2>,
    first_bias: Tensor<2>,
    second: Tensor<2>,
    second_bias: Tensor<2>,
    output: Tensor<2>,
    /// Only the two-level softmax has it: one output per group of words.
    groups: Option<Tensor<2>>,
}

/// What the model puts out.
pub struct ModelOutputs {
    /// One number per word, `[n, words]`.
    pub words: Tensor<2>,
    /// One number per group of words, `[n, groups]`, where there are groups.
    pub groups: Option<Tensor<2>>,
}

impl LanguageModel {
    /// A fresh model: weights from N(0, 1/√fan-in), where the fan-in of an embedding is its width, and biases of 0.
    /// The layers that all arms share are drawn first, so that arms of one seed start alike.
    pub fn new(
        words: usize,
        groups: Option<usize>,
        sizes: &ModelSettings,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let mut draw = |inputs: usize, outputs: usize, fan_in: usize| {
            init::normal([inputs, outputs], 1.0 / (fan_in as f64).sqrt(), rng, device)
        };
        let context = (sizes.order - 1) * sizes.embedding;
        let bias = || Tensor::<2>::zeros([1, sizes.hidden], device);
        LanguageModel {
            embedding: draw(words, sizes.embedding, sizes.embedding),
            first: draw(context, sizes.hidden, context),
            first_bias: bias(),
            second: draw(sizes.hidden, sizes.hidden, sizes.hidden),
            second_bias: bias(),
            output: draw(sizes.hidden, words, sizes.hidden),
            groups: groups.map(|groups| draw(sizes.hidden, groups, sizes.hidden)),
        }
        .map(Tensor::require_grad)
    }

    /// The outputs for contexts `[n, order − 1]`.
    pub fn forward(&self, contexts: IntTensor<2>) -> ModelOutputs {
        let [rows, context] = contexts.dims();
        let [_, width] = self.embedding.dims();
        let words = self.embedding.clone().select(0, contexts.reshape([rows * context]));
        let layer = |input: Tensor<2>, weight: &Tensor<2>, bias: &Tensor<2>| {
            burn::tensor::activation::relu(input.matmul(weight.clone()) + bias.clone())
        };
        let hidden = layer(words.reshape([rows, context * width]), &self.first, &self.first_bias);
        let hidden = layer(hidden, &self.second, &self.second_bias); // [n, hidden]
        ModelOutputs {
            groups: self.groups.as_ref().map(|groups| hidden.clone().matmul(groups.clone())),
            words: hidden.matmul(self.output.clone()),
        }
    }

    /// One step of plain stochastic gradient descent: θ ← θ − lr · g, the gradients g clipped to a joint norm.
    pub fn step(self, loss: Tensor<1>, lr: f64, clip: f64) -> Self {
        let gradients = loss.backward();
        let slopes = self
            .parameters()
            .map(|parameter| parameter.grad(&gradients).unwrap_or_else(|| parameter.clone().inner().zeros_like()))
            .collect();
        let mut slopes = clip_global_norm(slopes, clip).into_iter();
        self.map(|parameter| match slopes.next() {
            Some(slope) => Tensor::from_inner(parameter.inner() - slope * lr).require_grad(),
            None => parameter,
        })
    }

    /// The same model without a record for gradients: for scoring.
    pub fn frozen(&self) -> Self {
        self.clone().map(Tensor::inner)
    }

    fn parameters(&self) -> impl Iterator<Item = &Tensor<2>> {
        [&self.embedding, &self.first, &self.first_bias, &self.second, &self.second_bias, &self.output]
            .into_iter()
            .chain(&self.groups)
    }

    /// Applies `change` to each parameter, in the order of [`LanguageModel::parameters`].
    fn map(self, mut change: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        LanguageModel {
            embedding: change(self.embedding),
            first: change(self.first),
            first_bias: change(self.first_bias),
            second: change(self.second),
            second_bias: change(self.second_bias),
            output: change(self.output),
            groups: self.groups.map(change),
        }
    }
}
