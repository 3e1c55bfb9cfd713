//! Negative Preference Optimization: from catastrophic collapse to effective unlearning (R. Zhang, L. Lin, Y. Bai, S. Mei,
//! COLM 2024, arXiv 2404.05868).
//!
//! Gradient ascent on unwanted data forgets it and then destroys the model. Negative preference optimisation treats each
//! unwanted answer as a rejected one without a preferred partner: its gradient is that of ascent times a weight that fades
//! once the answer has become unlikely, so that the model diverges exponentially more slowly.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `sequence.rs`, `preference.rs`, `paired.rs`, `divergence.rs`, `combined.rs` | likelihoods of answers; the losses |
//! | `objective.rs` | what each arm minimises |
//! | `mixture.rs` | the paper's synthetic experiment |
//! | `tofu.rs`, `corpus.rs`, `batches.rs` | generated facts and TOFU, as tokens |
//! | `learning.rs`, `language.rs`, `exam.rs` | a language model learns, unlearns and is asked: forget quality, utility |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Units.** NPO and DPO take likelihoods summed over the tokens of an answer; ascent, refusals and the retain term take
//!   means over tokens, as in the released code.
//! - **The mixture's labels** are drawn from the teacher's probabilities; weights start at 0; refusals are labels drawn
//!   evenly.
//! - **Divergence (C1)** is judged with every arm at its own rate, those of the paper. Growth at the other arm's rate stands
//!   beside it.
//! - **Forget quality of the retrained model (C3, C5)** is reached where the truth ratios cannot be told from the retrained
//!   model's at the 5 % level. An arm's utility there is the best along its path, and 0 where it never gets there. So arms
//!   are not compared at one step only.
//! - **Sensible answers (C4)** are counted over all looks after the start and over both sizes of the forget set.
//! - **What is learned**: answers only; questions, of any wording, are given. World facts are always learned and never in a
//!   retain batch, as in TOFU.
//! - **Accuracy** on generated facts counts an answer as a whole, on TOFU the share of its tokens.
//! - **TOFU's truth ratio** compares wrong answers with the paraphrased right one, which is worded like them, as its authors
//!   do.
//! - **Rates on text** were chosen on seed 0 from {1e-4, 3e-4, 1e-3} for each arm and size of the forget set: the forget
//!   answers' probability must come within 0.05 of the retrained model's, then the best utility along the path counts.

use harness_core::prelude::*;

mod batches;
mod combined;
mod corpus;
mod divergence;
mod exam;
mod figures;
mod language;
mod learning;
mod mixture;
mod objective;
mod ops;
mod paired;
mod preference;
mod sequence;
mod settings;
mod tofu;
mod verdicts;

pub use combined::{CombinedLoss, CombinedLossConfig};
pub use divergence::kl_retain;
pub use objective::{Answers, Forget, Objective, Retain, Terms};
pub use paired::{DpoLoss, DpoLossConfig, Likelihoods};
pub use preference::{NpoLoss, NpoLossConfig};
pub use sequence::{IGNORED, SequenceLoss, sequence_loss, token_mean};

use settings::{Arm, Run, Settings, Task};

static FILE: PaperFile = PaperFile::new("npo/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct Npo;

/// The entry in the list of the family.
pub static REPRODUCTION: Npo = Npo;

impl PaperReproduction for Npo {
    fn paper(&self) -> &Paper {
        FILE.paper()
    }

    fn yaml(&self) -> &'static str {
        FILE.text()
    }

    fn check(&self, trial: &Trial) -> Result<()> {
        trial.settings::<Settings>()?.check()?;
        trial.arm_settings::<Arm>()?.in_cell(&trial.cell()?)?;
        Ok(())
    }

    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()> {
        self.check(trial)?;
        let settings: Settings = trial.settings()?;
        match trial.arm_settings::<Arm>()?.in_cell(&trial.cell()?)? {
            Run::Mixture { objective, arm } => mixture::run(objective, &arm, &settings.mixture, lab),
            Run::Text { task, forget, method, rate, beta } => {
                let real = task == Task::Tofu && trial.data.contains_key("tofu");
                let mut settings = settings.text(task).clone();
                settings.unlearning.beta = beta.unwrap_or(settings.unlearning.beta);
                language::run(method, rate, forget, real, &settings, lab)
            }
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
