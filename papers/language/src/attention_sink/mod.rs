//! When attention sink emerges in language models: an empirical view (X. Gu, T. Pang, C. Du, Q. Liu, F. Zhang, C. Du,
//! Y. Wang, M. Lin, ICLR 2025; arXiv 2410.10781).
//!
//! Language models put much of their attention on the first token, whatever it is. The paper measures these sinks and
//! varies optimisation, data, loss and architecture: a sink is a key that soaks up attention which softmax has to spend
//! somewhere, and attention without normalisation has none.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `metric.rs` | importance of a key, sink metric |
//! | `operation.rs` | softmax, sigmoid, ELU and kernel attention, normalised or not |
//! | `key_bias.rs`, `mask.rs`, `loss.rs` | biases, prefixes and windows, the loss behind a prefix |
//! | `attention.rs`, `model.rs` | what an arm gives to the kit's GPT |
//! | `back_copy.rs`, `corpus.rs` | the synthetic language, sequences for training and evaluation |
//! | `train.rs`, `measure.rs`, `record.rs` | training, what is measured, under which names it is kept |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **The claims are judged on the back-copy language**, in which a head has something to do at some tokens only. Text of
//!   characters stands beside it.
//! - **Sequences** hold one token more than the model sees, so that every position predicts.
//! - **A fixed token at position k** of the back-copy language is its start symbol, moved there; ordinary tokens stand before
//!   it. In a text it is one more token, written over position k.
//! - **Attention that is not normalised** may have rows that sum to more than 1; importance has the same formula.
//! - **The importance of the key bias** is its mean weight over all queries; the metric is computed on the ordinary keys.
//! - **Prefixes**: what a prefix sees of later keys lies above the diagonal and is not counted in the importance.
//! - **Final numbers** are means over the last evaluations, because a sink comes and goes within hundreds of steps.

use harness_core::prelude::*;

mod attention;
mod back_copy;
mod corpus;
mod figures;
mod key_bias;
mod loss;
mod mask;
mod measure;
mod metric;
mod model;
mod operation;
mod ops;
mod record;
mod settings;
mod train;
mod verdicts;

pub use back_copy::{BackCopy, BackCopyConfig};
pub use key_bias::key_bias_attention;
pub use loss::token_loss;
pub use mask::{Mask, Visibility};
pub use metric::{SinkMetric, importance};
pub use operation::{Operation, attention_weights};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("attention_sink/paper.yaml", include_str!("paper.yaml"));

/// When attention sink emerges in language models.
pub struct AttentionSink;

/// When attention sink emerges in language models.
pub static REPRODUCTION: AttentionSink = AttentionSink;

impl PaperReproduction for AttentionSink {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        settings.check()?;
        let cell: Cell = trial.cell()?;
        cell.check()?;
        let (_, tokens, _) = settings.of(cell.task)?;
        trial.arm_settings::<Arm>()?.check(tokens)
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        train::run(&trial.arm_settings()?, &trial.cell()?, &trial.settings()?, lab)
    }

    fn judge(&self, claim: &Claim, results: &Results) -> Result<Evidence> {
        verdicts::judge(claim, results)
    }

    fn figures(&self, results: &Results) -> Vec<Figure> {
        figures::figures(self.paper(), results)
    }

    fn ops(&self) -> &'static [Op] {
        ops::OPS
    }

    fn vectors(&self) -> &'static str {
        include_str!("vectors.json")
    }
}

#[cfg(test)]
mod tests;
