//! What the update rules need of a network and its data, whatever they are.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use harness_core::backend::Backend;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use papers_kit::classify::{accuracy, correct, cross_entropy, read_bools};

use super::strengths::Strengths;

/// burn's backend without gradients.
pub type Inner = <Backend as AutodiffBackend>::InnerBackend;

/// Which examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the weights are fitted to.
    Train,
    /// What the hyper-parameters are fitted to, and what runs and epochs are selected by.
    Validation,
    /// What is reported.
    Test,
}

/// How a batch is regularised.
pub struct Regularisation<'a> {
    /// Values of the hyper-parameters, one per example.
    pub strengths: &'a [Strengths],
    /// Where masks and noise come from.
    pub noise: &'a mut Stream,
}

/// What a network makes of a batch.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Logits `[n, classes]`.
    pub logits: Tensor<2>,
    /// Right classes `[n]`.
    pub labels: IntTensor<1>,
    /// What regularisation adds to the loss, `[1]`.
    pub penalty: Option<Tensor<1>>,
}

/// A network with its data.
pub trait Task {
    /// The network, plain or responding; the same type where no gradients are recorded.
    type Network: AutodiffModule<Backend, InnerModule = Self::Network>;
    /// A walk over the batches of a part, with what it hands on from batch to batch.
    type Walk;
    /// A batch without regularisation.
    type Batch;

    /// Whether words are predicted, so that losses are read as perplexities.
    const WORDS: bool;

    /// A plain network; `weights` gives the same numbers to [`Task::responding`].
    ///
    /// # Errors
    /// [`Error::Input`] where the sizes leave nothing of an input.
    fn plain(&self, weights: &mut Stream, device: &Device) -> Result<Self::Network>;

    /// A network that responds to `hyperparameters` numbers; `response` gives the weights that a plain one lacks.
    ///
    /// # Errors
    /// As [`Task::plain`].
    fn responding(
        &self,
        hyperparameters: usize,
        weights: &mut Stream,
        response: &mut Stream,
        device: &Device,
    ) -> Result<Self::Network>;

    /// Training batches in an epoch.
    fn steps_per_epoch(&self) -> usize;

    /// Walks over a part again and again; `rng` orders its examples where their order does not matter.
    fn walk(&self, part: Part, rng: Stream) -> Self::Walk;

    /// The next batch of a walk.
    fn next(&self, walk: &mut Self::Walk) -> Self::Batch;

    /// Number of examples in a batch, each of which may have its own hyper-parameters.
    fn rows(batch: &Self::Batch) -> usize;

    /// Applies a network to a batch of a walk, regularised or as it is. `response` is the response input `[rows, H]` of a
    /// network that responds.
    ///
    /// # Errors
    /// Where shapes do not agree.
    fn predict(
        &self,
        network: &Self::Network,
        walk: &mut Self::Walk,
        batch: Self::Batch,
        response: Option<Tensor<2>>,
        regularisation: Option<Regularisation>,
    ) -> Result<Prediction>;

    /// Mean loss and accuracy over a part without regularisation. `tested` records no gradients; `response` is the response
    /// input `[H]` of a network that responds.
    ///
    /// # Errors
    /// Where shapes do not agree.
    fn evaluate(&self, tested: &Self::Network, response: Option<Tensor<1>>, part: Part) -> Result<Score>;
}

/// How good predictions are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
}

/// Collects predictions, batch by batch.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    losses: Vec<f64>,
    right: Vec<bool>,
}

impl Tally {
    /// Adds logits `[n, classes]` with their labels `[n]`.
    pub fn add(&mut self, logits: Tensor<2>, labels: IntTensor<1>) {
        self.losses.extend(read_f32(cross_entropy(logits.clone(), labels.clone())).into_iter().map(f64::from));
        self.right.extend(read_bools(correct(logits, labels)));
    }

    /// The means over all.
    pub fn score(&self) -> Score {
        Score { loss: self.losses.iter().sum::<f64>() / self.losses.len() as f64, accuracy: accuracy(&self.right) }
    }
}

/// A response input `[H]` for each of `rows` examples.
pub fn for_each(response: Option<Tensor<1>>, rows: usize) -> Option<Tensor<2>> {
    response.map(|h| {
        let [columns] = h.dims();
        h.unsqueeze::<2>().expand([rows, columns])
    })
}
