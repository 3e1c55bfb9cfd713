//! Population Based Training of Neural Networks (arXiv 1711.09846).
//!
//! A population of networks is trained side by side, each with hyper-parameters of its own. Now and then a member that
//! does badly takes over the weights and the hyper-parameters of one that does well (exploit), changes the
//! hyper-parameters a little (explore), and goes on. With the steps of a random search this gives a better network, and
//! a schedule of hyper-parameters along the ancestry of its weights, selected by whatever it is judged by.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `member.rs` | what a population is made of |
//! | `population.rs` | the population: turns in random order, exploit and explore without a barrier |
//! | `selection.rs`, `explore.rs`, `hyper.rs` | who is copied; how hyper-parameters change; their ranges |
//! | `lineage.rs` | who was trained when and copied whom; ancestry, founders, schedule |
//! | `perceptron.rs`, `parameters.rs` | networks on one vector of weights; their optimisers |
//! | `toy.rs` | the toy problem |
//! | `cart_pole.rs`, `actor_critic.rs` | reinforcement learning |
//! | `dataset.rs`, `classifier.rs` | supervised learning |
//! | `ring.rs`, `inception.rs`, `gan.rs` | generative adversarial networks |
//! | `experiment.rs` | the arms |
//! | `settings.rs`, `verdicts.rs`, `figures.rs`, `ops.rs` | numbers of `paper.yaml`, rules of the claims, report, conformance |
//!
//! # Decisions
//! - **Asynchrony.** One trial trains one population in one process. In each round all members take a turn, in an order
//!   drawn anew; a member exploits at the end of its own turn, by what the others have published until then, so that it
//!   meets some of them one turn younger. Nobody waits for a generation to be complete.
//! - **Reproducibility.** Each turn of each member draws from streams named after purpose, member and turn. The order of
//!   other members' turns, the number of workers and an interruption cannot change what it draws, and a checkpoint keeps
//!   no position of a generator.
//! - **Networks.** All three tasks use one perceptron whose backward pass is written out in tensor operations that record
//!   no gradients. A population trains thousands of small batches; recording would take more time than computing. Members
//!   are not batched into one tensor, as they would then have to move in step.
//! - **Copies.** Weights, state of the optimiser, performance and the measurements behind it. Environments and step counts
//!   stay the member's own. Whoever is not copied has no better copy of itself: there is no backup of a replaced member.
//! - **Ablations.** *weights_only* keeps the member's own hyper-parameters and explores around them; *hypers_only* keeps the
//!   weights; *explore_only* perturbs the member's own hyper-parameters where it would have copied; *exploit_only* copies
//!   and changes nothing.
//! - **Selection.** Members are ranked, and the winner is chosen, by what the last turn was evaluated with, in all arms; the
//!   test uses data that nobody was ranked by. The best evaluation of earlier turns never counts.
//! - **Successive halving.** Twice the members for a quarter of the turns, the better half of them to half of the turns, the
//!   better half of those to the end: the same number of steps in all, the same number at most for one network.
//! - **Hand-tuned.** As many networks as in a population, all with values that a person would choose before any run.
//! - **t-test.** On the cart–pole a measurement is the return of an episode, elsewhere an evaluation; fewer than the asked ten
//!   are compared early on, and fewer than two are not.
//! - **Cart–pole.** An episode that reaches its last step counts as ended: no value is added beyond it. Rewards and
//!   advantages are not scaled, gradients not clipped.
//! - **Mode score.** "Outside" counts as a class of its own, so a generator that spends a ninth of its samples there would
//!   score above 8; shares inside and covered modes are recorded along.

use harness_core::prelude::*;

mod actor_critic;
mod cart_pole;
mod classifier;
mod dataset;
mod experiment;
mod explore;
mod figures;
mod gan;
mod hyper;
mod inception;
mod lineage;
mod member;
mod ops;
mod parameters;
mod perceptron;
mod population;
mod ring;
mod selection;
mod settings;
mod toy;
mod verdicts;

pub use explore::{explore_perturb, explore_resample};
pub use hyper::{Hyper, Perturbation, Scale, Space};
pub use inception::inception_score;
pub use lineage::{Copied, Lineage, Turn};
pub use member::{Evaluation, Member};
pub use population::{Exploit, Explore, Population, PopulationState, Rules};
pub use selection::{Comparison, binary_tournament, t_test, t_test_selection, truncation_selection};
pub use toy::{ToyMember, ToyState, toy_space, toy_steps};

use settings::{Arm, Cell, Settings};

static FILE: PaperFile = PaperFile::new("pbt/paper.yaml", include_str!("paper.yaml"));

/// The reproduction.
pub struct Pbt;

/// The entry in the list of the family.
pub static REPRODUCTION: Pbt = Pbt;

impl PaperReproduction for Pbt {
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
                Error::Input(format!("pbt/paper.yaml: profiles.{}.settings.{message}", trial.profile))
            }
            other => other,
        })?;
        let (arm, cell): (Arm, Cell) = (trial.arm_settings()?, trial.cell()?);
        cell.check(&arm, &settings)
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
