//! Dataset condensation with contrastive signals (ICML 2022, arXiv 2202.02916).
//!
//! A few synthetic images per class are learned whose training gradients match those of real images. Matched class by class
//! (DC), the gradients are dominated by whatever all images have in common, and what distinguishes classes is lost. Summed
//! over classes before they are matched (DCC), common parts cancel and the contrast between classes remains.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `matching.rs` | distance of gradients, class by class or contrastive |
//! | `warmup.rs` | when contrastive signals are used |
//! | `gradients.rs` | gradients that are differentiable in the images, by layers and by formula |
//! | `linear.rs` | all of it for softmax regression |
//! | `condense.rs` | the algorithm |
//! | `kernel.rs` | velocity of the tangent kernel |
//! | `dataset.rs`, `model.rs`, `selection.rs` | images and tasks, networks, sets of real images |
//! | `evaluate.rs`, `continual.rs`, `experiment.rs` | what networks make of a set; classes that come one after the other; the arms |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Second order.** The gradient of the network is written out as tensor operations and differentiated once more. For the
//!   perceptron by formula for all classes at once; for any network by the kit's layer-wise backward pass. Both ways are
//!   compared at the first step of every trial with a perceptron, and in a test with finite differences of the images'
//!   gradient in double precision.
//! - **Contrastive gradients** of the synthetic images are those of one mean loss over all of them, which is the mean of the
//!   class gradients, because all classes have equally many.
//! - **Warm-up** is an *or* of both loops, as in the released code.
//! - **Biases and gains** are not matched. They are trained.
//! - **Fresh networks** in each outer iteration and in evaluation, of streams of their own; all arms see the same ones, the
//!   same real batches and the same random images at the start, which are the arm `random`.
//! - **Kernel**: of the logits' Jacobian with respect to weights and biases of the last layer, traced over classes, on the
//!   first 64 test images, at the first steps of training on the set.
//! - **Continual learning**: each task's classes are condensed by themselves. A step sees equally many images of each class
//!   seen so far: real ones of the present task, kept ones of the earlier tasks.
//! - **Herding** picks images whose running mean is nearest to the mean of the class, in pixels.
//! - **Augmentation** (full profile): one change per class and step for real and synthetic images alike; in evaluation one
//!   kind per step and a change for each image.

use harness_core::prelude::*;

mod condense;
mod continual;
mod dataset;
mod evaluate;
mod experiment;
mod figures;
mod gradients;
mod kernel;
mod linear;
mod matching;
mod model;
mod ops;
mod selection;
mod settings;
mod verdicts;
mod warmup;

pub use gradients::{Groups, group_gradients, perceptron_gradients};
pub use kernel::{kernel_velocity, last_layer_kernel};
pub use linear::{Labelled, linear_matching};
pub use matching::{Matching, layer_distance, matching_loss};
pub use warmup::{Warmup, use_contrast};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("dcc/paper.yaml", include_str!("paper.yaml"));

/// Dataset condensation with contrastive signals.
pub struct Dcc;

/// The entry in the list of the family.
pub static REPRODUCTION: Dcc = Dcc;

impl PaperReproduction for Dcc {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        settings.check()?;
        trial.cell::<Cell>()?.check(&trial.arm_settings::<Arm>()?, &settings)
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        experiment::run(&trial.arm_settings()?, &trial.cell()?, &trial.settings()?, trial, lab)
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
