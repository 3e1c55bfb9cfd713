//! What an arm minimises, over the same outputs.

use burn::tensor::activation::log_softmax;
use harness_core::backend::{IntTensor, Tensor};

use super::hierarchical::TwoLevels;
use super::loss::ZLoss;
use super::model::ModelOutputs;
use super::spherical::SphericalLoss;

/// The loss of an arm with its hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Cross-entropy of the softmax.
    LogSoftmax,
    /// The Z-loss.
    ZLoss(ZLoss),
    /// An earlier spherical loss.
    Spherical(SphericalLoss),
    /// Cross-entropy of the two-level softmax.
    TwoLevels(TwoLevels),
}

impl Objective {
    /// The mean loss over the batch, `[1]`.
    pub fn loss(&self, outputs: ModelOutputs, targets: IntTensor<1>) -> Tensor<1> {
        match (self, outputs.groups) {
            (Objective::ZLoss(loss), _) => loss.forward(outputs.words, targets),
            (Objective::Spherical(loss), _) => loss.forward(outputs.words, targets),
            (Objective::TwoLevels(levels), Some(groups)) => levels.loss(groups, outputs.words, targets).mean(),
            (Objective::LogSoftmax | Objective::TwoLevels(_), _) => cross_entropy(outputs.words, targets),
        }
    }

    /// What words are ranked by, `[n, words]`.
    pub fn scores(&self, outputs: ModelOutputs) -> Tensor<2> {
        match (self, outputs.groups) {
            (Objective::TwoLevels(levels), Some(groups)) => levels.log_probabilities(groups, outputs.words),
            // The Taylor and the spherical softmax give a very negative output a high probability: they are ranked by
            // their own probability, since ranking them by outputs would make weak baselines of them.
            (Objective::Spherical(loss), _) => loss.scores(outputs.words),
            (_, _) => outputs.words,
        }
    }
}

/// −ln softmax(outputs)[target], averaged over the batch, `[1]`.
pub fn cross_entropy(outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
    log_softmax(outputs, 1).gather(1, targets.unsqueeze_dim(1)).mean().neg()
}
