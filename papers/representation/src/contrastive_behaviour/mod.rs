//! Understanding the behaviour of contrastive loss (F. Wang and H. Liu, CVPR 2021, arXiv 2012.09740).
//!
//! The softmax contrastive loss is hardness-aware: it spreads its penalty over the negatives like a Boltzmann
//! distribution, whose temperature says how much of it falls on the hardest. A small temperature makes features more
//! uniform on the sphere, but less tolerant of samples that are alike; a large one the other way round. The best features
//! lie between, and a loss that looks only at the hardest negatives stays uniform at large temperatures.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `negatives.rs` | which similarities are negatives, and which of them are the hardest |
//! | `contrastive.rs` | the contrastive loss, plain and hard; the relative penalty |
//! | `simple.rs` | the simple loss, plain and hard |
//! | `geometry.rs` | uniformity and tolerance |
//! | `fixed_features.rs` | the loss itself: entropy of penalties, gradient, limits |
//! | `train.rs`, `evaluate.rs` | data, model and training; what is measured afterwards |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Negatives** are the other second views of the mini-batch, and the memory bank where a profile has one; there are
//!   none within a view. The loss is averaged over both directions, view 1 → view 2 and back.
//! - **Memory bank**: second-view embeddings of earlier steps, used in both directions, filled from empty.
//! - **λ of the simple losses** is one over the number of kept negatives, so that positive and negatives pull alike.
//! - **The loss itself** (first two claims) is examined at independent random unit features of eight dimensions, where
//!   similarities fill most of [−1, 1]. Gradient differences are in units of 1/τ, the largest a gradient can be. The gap
//!   at a small temperature is relative to the limit, that at a large one to the part of the limit that depends on the
//!   features, without ln N, which alone would hide any fault. Both are sums over anchors.
//! - **The dilemma** compares one interior temperature, the best on the mean over seeds, with the better of the two ends
//!   in each seed: a maximum over more temperatures in each seed would win by chance alone.
//! - **A batch norm in the head** of the small profiles, without scale and offset. The paper's encoders have batch norms,
//!   the small ones have none: their embeddings share a large mean, the hardest negatives are nearer than the other view,
//!   and the hard losses shrink everything to one point.
//! - **The untrained encoder** sees the same views as the others, without a step, so that batch norms have statistics.
//! - **Nearest neighbours** vote with k = 200 and weight exp(s/0.1), on features before the head, as does the probe.
//! - **Crops** keep the proportions of the image, since the area alone is given.

use harness_core::prelude::*;

mod contrastive;
mod evaluate;
mod figures;
mod fixed_features;
mod geometry;
mod negatives;
mod ops;
mod settings;
mod simple;
mod train;
mod verdicts;

pub use contrastive::{ContrastiveLoss, ContrastiveLossConfig, relative_penalty};
pub use geometry::{tolerance, uniformity};
pub use negatives::Hardest;
pub use simple::{SimpleLoss, SimpleLossConfig};

use settings::{Arm, Cell, Objective, Settings};

static FILE: PaperFile = PaperFile::new("contrastive_behaviour/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct ContrastiveBehaviour;

/// The entry in the list of the family.
pub static REPRODUCTION: ContrastiveBehaviour = ContrastiveBehaviour;

impl PaperReproduction for ContrastiveBehaviour {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        settings.check()?;
        let named = settings.images.data.map(|id| id.name());
        if let Some(other) = trial.data.keys().find(|id| Some(id.as_str()) != named) {
            let expected = named.unwrap_or("no data set");
            return Err(Error::Input(format!(
                "grid block data: `{other}` is named, but settings.images.data is {expected}"
            )));
        }
        trial.arm_settings::<Arm>()?.objective.loss(&trial.cell()?)?;
        Ok(())
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        let settings: Settings = trial.settings()?;
        let objective = trial.arm_settings::<Arm>()?.objective;
        if objective == Objective::FixedFeatures {
            return fixed_features::run(&settings.fixed_features, lab);
        }
        let (train, test) = train::images(&settings, lab)?;
        let model = train::Model::new(&settings, train.size, lab);
        let loss = objective.loss(&trial.cell::<Cell>()?)?;
        let model = train::train(model, loss.as_ref(), &train, &settings, lab)?;
        evaluate::evaluate(&model, &train, &test, &settings, lab)
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
