//! Doubly Robust Instance-Reweighted Adversarial Training (ICLR 2024, arXiv 2308.00311).
//!
//! Adversarial training treats all examples alike, and is far less robust on some classes than on others. Earlier
//! methods weight the examples by rules about their distance to the decision boundary. Here the weights solve a problem
//! of their own: an adversary over the *distribution* of the data maximises the weighted adversarial loss, less r times
//! the Kullback-Leibler divergence from uniform weights. Its solution is a softmax of the losses, so that training
//! minimises r·log of the mean of exp(ℓ/r) by a stochastic compositional method.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `dro.rs` | the objective in closed form, and its step with a moving average |
//! | `baselines.rs` | the weights of GAIRAT and MAIL |
//! | `training.rs` | the training step, the measurements |
//! | `network.rs`, `dataset.rs` | classifiers; images, and clusters in their place |
//! | `optimality.rs` | the problem over the weights in double precision, to check the closed form by search |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Algorithm.** No code was released. The average of the normaliser is kept in the log domain; the arm without the
//!   implicit term is the main method (`drat`), the arm with it is `drat_cid`. r is constant.
//! - **Implicit term.** Where the attack's problem is taken as λ-strongly concave, the derivative of the attack adds
//!   (1/λ)·Σ wᵢ ∇θ⟨vᵢ, ∇δ ℓᵢ⟩ to the gradient, v = M ⊙ ∇δ ℓ held constant. It is differentiated exactly, by one reverse
//!   pass over a backward pass that is written out as tensor operations, not by a finite difference, which loses
//!   about half of single precision's digits. Networks with batch norms take the term in evaluation behaviour, as the
//!   attack does.
//! - **κ of GAIRAT** is the number of attack steps before which the example was classified correctly, from 0 to K; steps
//!   after a first error can count again.
//! - **Margins of MAIL** are those of the training forward pass on the adversarial example.
//! - **Burn-in.** GAIRAT and MAIL start with uniform weights for half of the epochs, as their papers do; our arms do not.
//! - **Last iterate.** Attacks return their last point; no epoch is selected on any data.

use harness_core::prelude::*;

mod baselines;
mod dataset;
mod dro;
mod figures;
mod network;
mod ops;
mod optimality;
mod settings;
mod training;
mod verdicts;

pub use baselines::{MailWeights, gairat_weights, mail_weights};
pub use dro::{KlDro, KlDroConfig, MovingAverage, MovingAverageConfig, MovingAverageStep};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("doubly_robust_at/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct DoublyRobustAt;

/// The entry in the list of the family.
pub static REPRODUCTION: DoublyRobustAt = DoublyRobustAt;

impl PaperReproduction for DoublyRobustAt {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        let cell: Cell = trial.cell()?;
        let task = settings.task(cell.task)?;
        let named = |error: Error, context: String| match error {
            Error::Input(message) => Error::Input(format!("doubly_robust_at/paper.yaml: {context}: {message}")),
            other => other,
        };
        task.check().map_err(|error| named(error, format!("profiles.{}.settings.tasks", trial.profile)))?;
        let arm: Arm = trial.arm_settings()?;
        arm.check().map_err(|error| named(error, format!("arms.{}.settings", trial.arm)))
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        let settings: Settings = trial.settings()?;
        let cell: Cell = trial.cell()?;
        training::run(&trial.arm_settings()?, cell.task, settings.task(cell.task)?, lab)
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
