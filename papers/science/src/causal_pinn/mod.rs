//! Respecting causality is all you need for training physics-informed neural networks (Computer Methods in Applied
//! Mechanics and Engineering 421, 2024, arXiv 2203.07404).
//!
//! A physics-informed network minimises the residual of an equation at all times at once. Nothing keeps gradient descent
//! from making late residuals small before early times are right, and then it settles on a wrong solution. The remedy
//! weights the residual of each time slab by exp(−ε · accumulated residual of all earlier slabs): a slab is trained once
//! everything before it is solved. The smallest weight tells whether all of them are.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `causal.rs` | weights, loss, stop |
//! | `lorenz.rs`, `allen_cahn.rs`, `kuramoto_sivashinsky.rs` | residuals, and solutions in double precision |
//! | `spectral.rs` | Fourier pseudo-spectral time stepping for the latter two |
//! | `equation.rs` | the equations behind one type |
//! | `grid.rs` | points as a network sees them, and the solution that it stands for |
//! | `network.rs` | perceptron and modified perceptron |
//! | `training.rs` | stages of a window |
//! | `causality.rs` | in which order slabs are solved |
//! | `experiment.rs` | windows of an arm |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Licence of the authors' code
//! The authors' code (PredictiveIntelligenceLab/CausalPINNs) is under CC BY-NC-SA 4.0, and its README states that the
//! algorithm is patented and forbids its commercial use. This module was written from the equations of the paper; no code
//! was copied. Whoever uses the algorithm has to look into the patent themselves.
//!
//! # Decisions
//! - **Derivatives.** Forward-mode jets of the kit: exact, and ordinary tensor operations, so that one reverse pass gives
//!   the gradient by the parameters.
//! - **Plain network.** It is the causal loss with ε = 0, all weights 1: the arms differ by the weights alone.
//! - **Stop.** A stage ends where all weights are above δ, looked at every so many steps, but not before the first of its
//!   steps. Only the arm with a list of ε stops early; it then takes fewer steps than the others, never more. The arms with
//!   one ε take all their steps.
//! - **Initial condition.** For the Lorenz system it holds by construction. For the others it is compared on the first slab,
//!   which lies at the start of the window.
//! - **Order of the slabs.** A slab is solved once its loss is below 1 % of its first value. Slabs that are not solved after
//!   20 % of the steps come last, all tied.
//! - **Convergence.** Correlations are those of the first window, whose initial state is exact.
//! - **Points.** Slabs are equally spaced in time from the start of the window on, points are equally spaced over the period;
//!   both rest. The authors draw random times and points for Kuramoto–Sivashinsky.
//! - **Seeds.** A seed decides the initial weights; each window draws its own.

use harness_core::prelude::*;

mod allen_cahn;
mod causal;
mod causality;
mod equation;
mod experiment;
mod figures;
mod grid;
mod kuramoto_sivashinsky;
mod lorenz;
mod network;
mod ops;
mod settings;
mod spectral;
mod training;
mod verdicts;

pub use allen_cahn::{AllenCahn, allen_cahn_residual};
pub use causal::{CausalLoss, CausalLossConfig, CausalStop, CausalTerms, causal_stop, causal_weights};
pub use kuramoto_sivashinsky::{Derivatives, KuramotoSivashinsky, kuramoto_sivashinsky_residual};
pub use lorenz::{Lorenz, lorenz_residual};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("causal_pinn/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct CausalPinn;

/// The entry in the list of the family.
pub static REPRODUCTION: CausalPinn = CausalPinn;

impl PaperReproduction for CausalPinn {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        let (arm, cell): (Arm, Cell) = (trial.arm_settings()?, trial.cell()?);
        let profile = trial.profile;
        let place = |error: Error, key: &str| match error {
            Error::Input(message) => Error::Input(format!("causal_pinn/paper.yaml: {key}.{message}")),
            other => other,
        };
        let key = format!("profiles.{profile}.settings");
        settings.check().map_err(|error| place(error, &key))?;
        arm.check().map_err(|error| place(error, &format!("arms.{}.settings", trial.arm)))?;
        settings.problem(&cell).and_then(|problem| problem.check_arm(&arm)).map_err(|error| place(error, &key))
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        let settings: Settings = trial.settings()?;
        experiment::run(&trial.arm_settings()?, settings.problem(&trial.cell()?)?, lab)
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
