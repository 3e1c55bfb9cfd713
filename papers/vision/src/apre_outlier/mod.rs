//! Improving Autoencoder-based Outlier Detection with Adjustable Probabilistic Reconstruction Error and Mean-shift
//! Outlier Scoring (Tan, Yang, Chen, Rahardja, Rahardja 2023, arXiv 2304.00709; later versions: "MSS-PAE").
//!
//! Autoencoders tell outliers by their reconstruction error. Two things go wrong: the squared error does not know how
//! sure the network is, and some outliers happen to be reconstructed well. The paper lets the decoder predict a variance
//! and weights the two parts of the Gaussian likelihood (APRE), and it compares the reconstruction with the mean-shifted
//! sample (MSS): an outlier, moved towards the inliers, no longer matches its own reconstruction.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `apre` | the error, in training and scoring |
//! | `mean_shift`, `scoring` | moved points, and scores against them |
//! | `autoencoder` | the networks and their training |
//! | `detectors` | the baselines |
//! | `improvement` | relative improvement |
//! | `sets` | tables of ADBench and generated ones |
//! | `settings`, `experiment`, `scores`, `verdicts`, `figures`, `ops` | numbers of `paper.yaml`, trials, and what is made of them |
//!
//! # Decisions
//! No authors' code could be read; the equations are our reading of the abstract and of the titles of later versions.
//!
//! - **Log-variance**: kept within [−1, 10] by the network, in training and scoring alike. In a small trial on four
//!   tables a lower bound of −10 made mean-shift scoring much worse, since tiny variances of inliers blow up the shifted error.
//! - **Shift**: all points at once, a point not among its own neighbours, k = ⌈0.05 N⌉ within 5 and 50, one iteration.
//!   The reconstruction is that of the original sample.
//! - **α** is 0.9 by name, not by labels. α = ½ is the arm `pre`, so that the grid of α runs only the others.
//! - **Networks** differ in head and error only: same start, same batches, same steps. tanh also follows the code, but
//!   for the variational network, whose code is linear and drawn in training, its mean in scoring. Batches are always
//!   full: permutations follow each other without a gap. Adam's ε is 1e-8.
//! - **Scaling**: median and inter-quartile range. A feature whose middle half is one value is divided by its standard
//!   deviation instead; one that does not vary is dropped.
//! - **Tables of quick**: the thirteen that the plan names (breastw, cardio, glass, ionosphere, letter, lymphography,
//!   pima, satellite, thyroid, vertebral, vowels, wbc, wine) less the three smallest. Nothing else was looked at.
//! - **Where a baseline is perfect** on a table, the relative improvement is not defined. It is then taken to miss
//!   perfection by half of the smallest step that the AUC can take there, which favours no method.
//! - **C2, C5**: per table, the mean over the five networks decides who wins. A table on which neither has a false
//!   inlier counts as not improved.
//! - Plain and mean-shift arms of a network share its training.

pub mod detectors;

mod apre;
mod autoencoder;
mod experiment;
mod figures;
mod improvement;
mod mean_shift;
mod ops;
mod scores;
mod scoring;
mod sets;
mod settings;
mod verdicts;

use harness_core::prelude::*;

pub use apre::{Apre, ApreConfig};
pub use autoencoder::code_size;
pub use improvement::{Improvement, relative_improvement};
pub use mean_shift::{Neighbourhood, mean_shift};
pub use scoring::Target;
pub use sets::{Generated, SetName, Table};
pub use settings::{Arm, Cell, Network, Settings, Training};

static FILE: PaperFile = PaperFile::new("apre_outlier/paper.yaml", include_str!("paper.yaml"));

/// The paper as an executable experiment.
#[derive(Debug, Clone, Copy)]
pub struct ApreOutlier;

/// The entry in the list of the family.
pub static REPRODUCTION: ApreOutlier = ApreOutlier;

impl PaperReproduction for ApreOutlier {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        trial.settings::<Settings>()?.check()?;
        trial.arm_settings::<Arm>()?.at(&trial.cell()?)?;
        Ok(())
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        experiment::run(trial, lab)
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
