//! From Logistic Regression to the Perceptron Algorithm: gradient descent with large step sizes.
//!
//! On linearly separable data, gradient descent on the logistic loss finds a separator even with absurdly large steps.
//! Tyurin (AAAI 2025, arXiv 2412.08424) explains it: divided by the step size γ, its iterates tend to those of a *batch
//! perceptron* as γ → ∞. Larger steps have a higher, chaotic loss and yet separate sooner, so that the loss misleads.
//! The batch perceptron needs Ω(n) steps on a bad data set; dividing the gradient by the mean misclassification weight,
//! *Normalized LR+GD*, has a bound without the factor n.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `samples` | labelled points |
//! | `logistic` | the logistic loss, its gradient and β |
//! | `methods` | the five methods and their iteration counts |
//! | `bounds`, `margin` | the theorems' bounds, and the margin that they need |
//! | `tasks`, `settings` | data sets; `paper.yaml` as types |
//! | `experiment`, `study`, `judge`, `figures`, `ops` | trials, and what is made of them |
//!
//! # Decisions
//! No authors' code was found; the paper's text is the source.
//!
//! - All arithmetic is 64 bit on the host: near-zero margins times γ ≥ 10⁴ drown in 32-bit round-off.
//! - Images are flattened and divided by 255; there is no bias. The paper's pre-processing is not printed in the part we
//!   read. Classes: MNIST 3/8, Fashion-MNIST 0/1, CIFAR-10 0/1; the first of them is labelled +1.
//! - Images of both classes in file order are permuted with the seed and the first n taken. For the imbalanced task the
//!   permutation is filled up to 90 % of the first class and 10 % of the second (the paper's ratio is unknown).
//! - The perceptron takes the misclassified point of the smallest index.
//! - A count is the smallest t ≥ 1 at which θ_t separates strictly. A run that does not separate within the limit is
//!   *censored*: its count is the limit, and a comparison of two such runs stays open.
//! - "Largest loss" is over all iterates from θ₀ = 0 (loss log 2) to the separator.
//! - C1 compares over t ≤ 20. "Decreasing in γ" is a fall with every factor of ten in every seed. Distances below 1e-12
//!   are round-off, among which no fall is asked for. The theorem is about the limit and allows a rise on the way (a margin
//!   near zero at an early iterate): such a seed does not keep the rule all the same.
//! - C3's pair of step sizes is searched among runs that are still at work at step `probe_step`, whose losses there are
//!   compared.
//! - C5 compares the two methods at the same γ.
//! - C6: the margin comes from a hard-margin solver that encloses it. A violation is called only against the bound from
//!   its certified lower bound, which can be too large but not too small; how many runs keep the bound from the upper
//!   bound too is reported. Data that were not shown to be separable are left out, with that reason.
//! - Claims about real sets are judged at `judged_n` points; other sizes are for figures. Where a data set cannot be had,
//!   Gaussian points of the same shape and class shares are run in its place, and such claims stay inconclusive.
//! - An empty S ends the batch perceptron whatever t, so that the halved first step is not taken from a separator.

mod bounds;
mod experiment;
mod figures;
mod judge;
mod logistic;
mod margin;
mod methods;
mod ops;
mod samples;
mod settings;
mod study;
mod tasks;

use harness_core::prelude::*;

pub use bounds::{IterationBounds, iteration_bounds};
pub use experiment::distance_to_perceptron;
pub use logistic::{LogisticLoss, Pass, logistic_loss, pass};
pub use margin::{HardMargin, hard_margin};
pub use methods::{Iterate, Method, Separation, iterations_to_separate};
pub use samples::Samples;
pub use settings::{Arm, Cell, MethodName, Settings};
pub use tasks::{ImagePair, Task, from_images, gaussian, two_point, worst_case};

static FILE: PaperFile = PaperFile::new("lr_perceptron/paper.yaml", include_str!("paper.yaml"));

/// The paper as an executable experiment.
#[derive(Debug, Clone, Copy)]
pub struct LrPerceptron;

/// The entry in the list of the family.
pub static REPRODUCTION: LrPerceptron = LrPerceptron;

impl PaperReproduction for LrPerceptron {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        settings.check()?;
        trial.arm_settings::<Arm>()?.method()?;
        trial.cell::<Cell>()?.check(&settings)
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        experiment::run(trial, lab)
    }

    fn judge(&self, claim: &Claim, results: &Results) -> Result<Evidence> {
        judge::judge(self.paper(), claim, results)
    }

    fn figures(&self, results: &Results) -> Vec<Figure> {
        // Only a paper.yaml that does not fit its own types fails here, and a test reads it.
        figures::figures(self.paper(), results).unwrap_or_default()
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
