//! The Z-loss: a shift and scale invariant classification loss belonging to the spherical family
//! (A. de Brébisson and P. Vincent, arXiv 1604.08859, 2016).
//!
//! A softmax over D classes costs O(D·d) per example. A loss that depends on the outputs only through their sum, their
//! sum of squares and the target's output can be trained exactly in O(d²), whatever D. The Z-loss is such a loss: a
//! softplus of the target's z-score, with two hyper-parameters that fit it to a top-k error.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `loss.rs` | the Z-loss on dense outputs |
//! | `spherical.rs` | its predecessors: squared error, Taylor softmax, spherical softmax |
//! | `factored.rs` | the output layer with exact steps in O(d²) |
//! | `hierarchical.rs` | two-level softmax, to train with and to time |
//! | `model.rs`, `objective.rs`, `corpus.rs`, `language.rs` | next-word prediction: model, losses, text, tuning and training |
//! | `timing.rs` | one output layer by itself: times, and exactness of the factored step |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Ranking.** The k first classes are those of the largest outputs; for the Taylor and the spherical softmax those
//!   of the largest probability, which is not the same where outputs are negative. That makes the baselines stronger.
//! - **Tuning.** All arms try each of their hyper-parameters with each learning rate in short runs of equal length,
//!   and choose on the same validation words, once per group of k. Each choice gets a full run; groups that choose the
//!   same share it. So the Z-loss has several (a, b), and every other loss as many rates.
//! - **Embeddings** start from N(0, 1/√e) with e their width, so that a word's vector has a norm of about 1.
//! - **Best other spherical loss** (C2) is taken per seed, not on the mean: the stricter reading.
//! - **Times** (C5): the dense layers take the 50 examples as one mini-batch on burn, factored and two-level layers
//!   one by one in plain loops on the host.

use harness_core::prelude::*;

mod corpus;
mod factored;
mod figures;
mod hierarchical;
mod language;
mod loss;
mod model;
mod objective;
mod ops;
mod settings;
mod spherical;
mod timing;
mod verdicts;

pub use factored::{FactoredLayer, FactoredStep};
pub use hierarchical::{HierarchicalLayer, TwoLevels};
pub use loss::{ZLoss, ZLossConfig};
pub use spherical::{SphericalKind, SphericalLoss, SphericalLossConfig};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("z_loss/paper.yaml", include_str!("paper.yaml"));

/// The Z-loss paper.
pub struct ZLossPaper;

/// The entry in the list of the family.
pub static REPRODUCTION: ZLossPaper = ZLossPaper;

impl PaperReproduction for ZLossPaper {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        trial.settings::<Settings>()?.check()?;
        trial.arm_settings::<Arm>()?.check(&trial.cell()?)
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        let settings: Settings = trial.settings()?;
        let arm: Arm = trial.arm_settings()?;
        let cell: Cell = trial.cell()?;
        settings.check()?;
        arm.check(&cell)?;
        match cell.classes {
            None => language::run(&arm, trial, &settings, lab),
            Some(classes) => timing::run(&arm, classes, &settings.timing, lab),
        }
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
