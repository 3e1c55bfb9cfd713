//! The numbers of `paper.yaml` as types, checked before the first trial.

use std::collections::BTreeMap;

use harness_core::prelude::*;
use papers_kit::attack::{Pgd, PgdConfig};
use serde::{Deserialize, Serialize};

use super::dro::{KlDroConfig, MovingAverageConfig};

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Sizes of each task of the grid.
    pub tasks: BTreeMap<Task, TaskSettings>,
}

/// What is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Ten clusters, two of them close to each other three times.
    Synthetic,
    /// Articles of clothing.
    FashionMnist,
    /// Colour photographs.
    Cifar10,
}

/// Sizes of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSettings {
    /// Number of training examples, those for validation included.
    pub train: usize,
    /// Training examples held out; 0 for none.
    pub validation: usize,
    /// Number of test examples.
    pub test: usize,
    /// The classifier.
    pub model: ModelSettings,
    /// Radius ε of the attack in the ℓ∞ norm.
    pub epsilon: f64,
    /// How it is trained.
    pub training: TrainingSettings,
    /// Attack on the test examples.
    pub evaluation: AttackSettings,
    /// Examples at a time wherever nothing is trained.
    pub evaluation_batch: usize,
    /// Random weights that the closed form has to beat.
    pub rivals: usize,
}

/// The classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModelSettings {
    /// Fully connected layers with ReLU.
    Mlp {
        /// Widths between inputs and logits.
        hidden: Vec<usize>,
    },
    /// A residual network of basic blocks.
    Resnet {
        /// Channels of each stage.
        stages: Vec<usize>,
        /// Blocks in each stage.
        blocks: usize,
    },
}

/// See [`TaskSettings::training`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples per step.
    pub batch: usize,
    /// Rate of gradient descent.
    pub learning_rate: f64,
    /// Epochs, counted from 0, at whose start the rate falls to a tenth.
    pub drops: Vec<usize>,
    /// Share of the old step in the new one.
    pub momentum: f64,
    /// Weight decay, on all parameters.
    pub weight_decay: f64,
    /// Attack on the training examples.
    pub attack: AttackSettings,
}

/// Projected gradient ascent from a random start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackSettings {
    /// Length α of a step.
    pub step: f64,
    /// Number K of steps.
    pub steps: usize,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Whether training examples are attacked.
    pub attack: bool,
    /// How examples are weighted.
    pub weighting: Weighting,
}

/// How the losses of a batch are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Weighting {
    /// All alike.
    Uniform,
    /// By the number of attack steps that they withstand.
    Gairat {
        /// Shift λ of the weights.
        lambda: f64,
        /// Share of the epochs, at the beginning, with uniform weights.
        burn_in: f64,
    },
    /// By their probability margin.
    Mail {
        /// Sharpness γ.
        gamma: f64,
        /// Margin β of half weight.
        beta: f64,
        /// Share of the epochs, at the beginning, with uniform weights.
        burn_in: f64,
    },
    /// By the paper's closed form.
    KlDro {
        /// Price r of the divergence from uniform weights.
        r: f64,
        /// Share η of a new batch in the average of the normaliser.
        eta: f64,
        /// Strong concavity λ of the attack's problem, where its implicit term is added to the gradient.
        implicit: Option<f64>,
    },
}

/// A cell of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What is classified.
    pub task: Task,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("{key}: {message}")))
}

fn at_least_one(key: &str, value: usize) -> Result<()> {
    if value == 0 { refuse(key, "must be at least 1, but is 0") } else { Ok(()) }
}

impl Settings {
    /// The sizes of a task.
    ///
    /// # Errors
    /// [`Error::Input`] where the profile has none.
    pub fn task(&self, task: Task) -> Result<&TaskSettings> {
        self.tasks
            .get(&task)
            .ok_or_else(|| Error::Input(format!("tasks: the grid asks for {task:?}, which has no settings")))
    }
}

impl TaskSettings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        at_least_one("test", self.test)?;
        at_least_one("evaluation_batch", self.evaluation_batch)?;
        at_least_one("training.epochs", self.training.epochs)?;
        at_least_one("training.batch", self.training.batch)?;
        if self.train <= self.validation {
            return refuse("train", format!("{} must be more than the {} for validation", self.train, self.validation));
        }
        match &self.model {
            ModelSettings::Mlp { hidden } if hidden.contains(&0) => return refuse("model.mlp.hidden", "a width is 0"),
            ModelSettings::Resnet { stages, blocks } if stages.is_empty() || stages.contains(&0) || *blocks == 0 => {
                return refuse("model.resnet", "needs at least one stage, block and channel");
            }
            _ => {}
        }
        let training = &self.training;
        if !(training.learning_rate > 0.0 && training.learning_rate.is_finite()) {
            return refuse("training.learning_rate", format!("must be above 0, but is {}", training.learning_rate));
        }
        if !(0.0..1.0).contains(&training.momentum) {
            return refuse("training.momentum", format!("must be in [0, 1), but is {}", training.momentum));
        }
        if !(training.weight_decay >= 0.0 && training.weight_decay.is_finite()) {
            return refuse("training.weight_decay", format!("must be at least 0, but is {}", training.weight_decay));
        }
        self.training_attack()?;
        self.test_attack()?;
        Ok(())
    }

    /// The attack on training examples.
    ///
    /// # Errors
    /// [`Error::Input`] where a number is impossible.
    pub fn training_attack(&self) -> Result<Pgd> {
        PgdConfig::new(self.epsilon, self.training.attack.step, self.training.attack.steps).init()
    }

    /// The attack on test examples.
    ///
    /// # Errors
    /// As [`TaskSettings::training_attack`].
    pub fn test_attack(&self) -> Result<Pgd> {
        PgdConfig::new(self.epsilon, self.evaluation.step, self.evaluation.steps).init()
    }
}

impl Arm {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let share = |burn_in: f64| {
            if (0.0..=1.0).contains(&burn_in) {
                Ok(())
            } else {
                refuse("weighting.burn_in", format!("must be a share of the epochs, but is {burn_in}"))
            }
        };
        if !self.attack && self.weighting != Weighting::Uniform {
            return refuse("attack", "weights are defined on adversarial examples: use uniform weights without attack");
        }
        match self.weighting {
            Weighting::Uniform => Ok(()),
            Weighting::Gairat { lambda, burn_in } => {
                share(burn_in)?;
                if lambda.is_finite() { Ok(()) } else { refuse("weighting.gairat.lambda", "must be finite") }
            }
            Weighting::Mail { gamma, beta, burn_in } => {
                share(burn_in)?;
                if gamma.is_finite() && beta.is_finite() {
                    Ok(())
                } else {
                    refuse("weighting.mail", "gamma and beta must be finite")
                }
            }
            Weighting::KlDro { r, eta, implicit } => {
                KlDroConfig::new().with_r(r).init()?;
                MovingAverageConfig::new().with_r(r).with_eta(eta).init()?;
                match implicit {
                    Some(lambda) if !(lambda > 0.0 && lambda.is_finite()) => {
                        refuse("weighting.kl_dro.implicit", format!("must be above 0, but is {lambda}"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}
