//! Domain-adversarial training of neural networks (Y. Ganin, E. Ustinova, H. Ajakan, P. Germain, H. Larochelle,
//! F. Laviolette, M. Marchand, V. Lempitsky, JMLR 17, 2016; arXiv 1505.07818).
//!
//! Labels exist in a source domain only. Features are trained to predict them and, through a gradient reversal layer in
//! front of a domain classifier, not to tell the source from the unlabelled target domain.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `reversal.rs`, `loss.rs`, `schedule.rs` | the layer, the objective, λ and learning rate over a run |
//! | `network.rs`, `images.rs`, `deep.rs` | the deep version on digits and on drawn characters: network, data, training |
//! | `shallow.rs` | the shallow version of the released code, its update written out |
//! | `moons.rs`, `reviews.rs`, `msda.rs` | the shallow version on moons and on reviews, with or without an auto-encoder |
//! | `distance.rs` | the proxy A-distance |
//! | `projection.rs`, `figures.rs`, `verdicts.rs`, `settings.rs`, `ops.rs` | pictures, report, rules of the claims, numbers, conformance |
//!
//! # Decisions
//! - **λ in two places.** The shallow code scales the domain classifier's own update by λ; the deep version scales only
//!   what is reversed. Both are kept.
//! - **The baseline has a domain classifier too**, which watches (λ = 0 in the deep version, `adversarial = false` in the
//!   shallow one), so that domain accuracies compare like with like. It does not change the features.
//! - **One list of arms.** `source_only` and `dann` name the shallow networks too (the paper's NN and DANN).
//! - **No target label** chooses anything: the deep version takes its last weights, the shallow one on reviews those of the
//!   best source validation risk.
//! - **All measurements are on unseen examples** of both domains, the proxy A-distance too; the paper measures it on
//!   training examples.
//! - **Target digits** are |background − digit| in grey; digits and photographs of training and test are different ones.
//! - **Pixels** are standardised by one mean and one deviation over both domains, for all arms alike.
//! - **Re-identification** (C5): characters stand for persons. The target's are thickened and blended with a background;
//!   its test characters are new, half of their drawings are the gallery, the others the queries.
//! - **Reviews** take rows as lists of non-zero counts, which makes single passes cheap; mini-batches average the update
//!   of the pairs in them.

use harness_core::prelude::*;

mod deep;
mod distance;
mod figures;
mod images;
mod loss;
mod moons;
mod msda;
mod network;
mod ops;
mod projection;
mod reversal;
mod reviews;
mod schedule;
mod settings;
mod shallow;
mod verdicts;

pub use distance::{distance_between, proxy_a_distance};
pub use loss::{DannLoss, DannLosses};
pub use reversal::gradient_reversal;
pub use schedule::{lambda_schedule, learning_rate_schedule};
pub use shallow::{Pair, Row, Rows, ShallowNetwork, ShallowRule, ShallowWeights};

use settings::{Arm, Cell, Settings, Task};

static FILE: PaperFile = PaperFile::new("dann/paper.yaml", include_str!("paper.yaml"));

/// Domain-adversarial training of neural networks.
pub struct Dann;

/// Domain-adversarial training of neural networks.
pub static REPRODUCTION: Dann = Dann;

impl PaperReproduction for Dann {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        trial.settings::<Settings>()?.check()?;
        let cell: Cell = trial.cell()?;
        cell.check()?;
        trial.arm_settings::<Arm>()?.check(cell.task)
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        let settings: Settings = trial.settings()?;
        let arm: Arm = trial.arm_settings()?;
        let cell: Cell = trial.cell()?;
        match cell.task {
            Task::Images => {
                let domains = images::digits(&settings.images, trial, lab)?;
                deep::run(&arm, cell.task, &settings.deep, &domains, lab)
            }
            Task::Reid => {
                let domains = images::characters(&settings.reid, settings.images.photographs, trial, lab)?;
                deep::run(&arm, cell.task, &settings.deep, &domains, lab)
            }
            Task::Moons => moons::run(&arm, &settings.moons, lab),
            Task::Reviews => reviews::run(&arm, &cell, &settings.reviews, trial, lab),
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
