//! Self-Tuning Networks: Bilevel Optimization of Hyperparameters using Structured Best-Response Functions (ICLR 2019,
//! arXiv 1903.03088).
//!
//! The best weights of a network depend on its hyper-parameters. Here every hidden layer has a second weight matrix whose
//! share is gated by a linear function of the hyper-parameters, so that one network approximates its own best response
//! around their current values. Training alternates: on training batches the hyper-parameters are perturbed example by
//! example and the weights are fitted for all of them; on validation batches the hyper-parameters, which reach the loss
//! through the gates only, take a gradient step. The training loss is never differentiated by a hyper-parameter, so
//! dropout rates, augmentation and whole numbers can be tuned, within a single run that also yields a schedule.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `hyper_linear.rs`, `hyper_conv.rs`, `hyper_embedding.rs` | layers that respond |
//! | `hyperparameter.rs` | ranges, perturbation, entropy |
//! | `objective.rs` | the loss of both levels |
//! | `response.rs` | the theorem: gates are exact for a linear network |
//! | `layer.rs` | layers that respond, or plain ones that start alike |
//! | `perceptron.rs`, `alexnet.rs`, `lstm.rs` | networks of such layers |
//! | `strengths.rs`, `tuned.rs` | what hyper-parameters control; those that a run tunes |
//! | `regularise.rs`, `colour.rs` | dropout, scaled inputs, cutout and colours with strengths of each example's own |
//! | `task.rs`, `image_task.rs`, `text_task.rs` | what training needs of a network and its data |
//! | `training.rs` | training and validation step, their alternation, plain training |
//! | `dataset.rs`, `corpus.rs` | images and text, and what is generated in their place |
//! | `experiment.rs` | the arms |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Gates.** Those of the theorem are sigmoids, those of the network are linear, as in the authors' code.
//! - **Response input.** The layers see the unconstrained, perturbed values h̃, as in the code, never the constrained or
//!   rounded ones.
//! - **Validation step.** It perturbs where scales are tuned, as the code does; where they rest (the ablation), τ is 0 and
//!   h itself is the response input. Nothing is dropped, cut or scaled.
//! - **Evaluation.** Losses are those of the epoch with the lowest validation loss, for all arms alike; the response input
//!   is h without noise. There is no early stop, so all arms take the steps that they were given.
//! - **Budget.** The searches share the training and validation steps of the method among their runs. For C2 the winner of
//!   the grid search is trained once more in full (`fixed`), so that fixed values get as many training steps as the
//!   schedule does.
//! - **Searches.** The grid varies one dropout rate for inputs and units of all layers; all else, dropped words and weights of
//!   the language model too, rests at its start.
//!   The random search draws all values uniformly from their ranges.
//! - **Replay.** Each training step takes the values that the method had at that step, without noise.
//! - **Scaling.** The factor is drawn uniformly from 1/(1 + a) to 1 + a, one per example.
//! - **Cutout.** Squares, set to 0 (mid-grey, or the mean colour); their centres are uniform over the image, so they may stick
//!   out. The perceptron's images have one.
//! - **Language model.** The validation loss has no penalty of activations: nothing is regularised there, as for images. Scales
//!   are tuned by `stn` and rest in `stn_fixed_scale`; the authors' code tunes them for images only.
//! - **Single rate.** The runs from several starts tune one dropout rate for inputs and units of all layers, and in text that
//!   of the outputs; what is not held is off.
//! - **Tasks.** A claim is judged on each task of the profile by itself, and the worst verdict counts.
//! - **Seeds.** Images and words are the first ones of the files; a seed decides weights, batches, noise and the random search.

use harness_core::prelude::*;

mod alexnet;
mod colour;
mod corpus;
mod dataset;
mod experiment;
mod figures;
mod hyper_conv;
mod hyper_embedding;
mod hyper_linear;
mod hyperparameter;
mod image_task;
mod layer;
mod lstm;
mod objective;
mod ops;
mod perceptron;
mod regularise;
mod response;
mod settings;
mod strengths;
mod task;
mod text_task;
mod training;
mod tuned;
mod verdicts;

pub use colour::{ColourChange, change_colours};
pub use hyper_conv::{HyperConv, HyperConvConfig, HyperConvWeights, hyper_conv};
pub use hyper_embedding::{HyperEmbeddingWeights, hyper_embedding};
pub use hyper_linear::{HyperLinear, HyperLinearConfig, HyperWeights, hyper_linear};
pub use hyperparameter::{Constraint, Range, perturb, perturbation_entropy, transform};
pub use lstm::activation_penalty;
pub use objective::{StnLoss, StnLossConfig};
pub use response::{ExactResponse, exact_response, ridge};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("stn/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct Stn;

/// The entry in the list of the family.
pub static REPRODUCTION: Stn = Stn;

impl PaperReproduction for Stn {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        let settings: Settings = trial.settings()?;
        settings.check().map_err(|error| match error {
            Error::Input(message) => {
                Error::Input(format!("stn/paper.yaml: profiles.{}.settings.{message}", trial.profile))
            }
            other => other,
        })?;
        let (arm, cell): (Arm, Cell) = (trial.arm_settings()?, trial.cell()?);
        match cell.task(&arm, &settings)? {
            Some(task) => cell.start(&arm, task).map(|_| ()),
            None => Ok(()),
        }
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        experiment::run(&trial.arm_settings()?, &trial.cell()?, &trial.settings()?, trial, lab)
    }

    fn judge(&self, claim: &Claim, results: &Results) -> Result<Evidence> {
        verdicts::judge(self.paper(), claim, results)
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
