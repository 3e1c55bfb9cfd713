//! The numbers of `paper.yaml` as types, and what makes them impossible.

use std::collections::BTreeMap;

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::equation::Equation;
use super::grid::Condition;
use super::network::NetworkConfig;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Problems by the name that cells use.
    pub problems: BTreeMap<String, Problem>,
}

/// An equation, and how it is solved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The equation.
    pub equation: Equation,
    /// How the solution meets the initial state.
    pub condition: Condition,
    /// The network of each window.
    pub network: NetworkConfig,
    /// Time until which the solution is wanted.
    pub horizon: f64,
    /// Length of a window, each of which has a network of its own.
    pub window: f64,
    /// Share of a window by which its slabs reach past its end.
    pub overhang: f64,
    /// Time slabs of a window.
    pub slabs: usize,
    /// Points of a slab; 1 where there is no space.
    pub points: usize,
    /// Training in a window.
    pub training: Training,
    /// The solution that counts as exact.
    pub reference: Reference,
}

/// Training in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Steps of Adam.
    pub steps: usize,
    /// Learning rate at the start.
    pub learning_rate: f64,
    /// Factor by which it falls every `decay_steps`, continuously.
    pub decay: f64,
    /// See `decay`.
    pub decay_steps: f64,
    /// The causal arm's ε, stage by stage; the stages share the steps equally.
    pub epsilons: Vec<f64>,
    /// The smallest weight above which a stage ends early.
    pub delta: f64,
    /// Steps between looks at the smallest weight.
    pub check_every: usize,
    /// Steps between checkpoints of error and smallest weight, from the start of a stage on.
    pub checkpoint_every: usize,
    /// Steps between looks at the losses of all slabs.
    pub trace_every: usize,
}

/// See [`Problem::reference`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Longest step of the solver.
    pub step: f64,
    /// Equally spaced times from 0 to the horizon at which solutions are compared.
    pub times: usize,
    /// Points in space at which they are compared, which are the modes of the solver; 1 where there is no space.
    pub points: usize,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// How slabs are weighted.
    pub weighting: Weighting,
    /// Parts into which each window is cut; they share its steps.
    #[serde(default = "one")]
    pub parts: usize,
}

fn one() -> usize {
    1
}

/// How slabs are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Weighting {
    /// All alike.
    None,
    /// Causally, with the ε of the problem stage by stage.
    Schedule,
    /// Causally, with one ε for all steps.
    Fixed {
        /// ε.
        epsilon: f64,
    },
}

/// A cell of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Name of the problem.
    pub problem: String,
}

/// Steps with one ε.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// ε.
    pub epsilon: f64,
    /// Steps at most.
    pub steps: usize,
    /// Whether it ends early where all weights are above δ.
    pub stops: bool,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("{key}: {message}")))
}

fn positive(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { refuse(key, format!("{value} must be above 0")) }
}

fn at_least(key: &str, value: usize, least: usize) -> Result<()> {
    if value >= least { Ok(()) } else { refuse(key, format!("{value} must be at least {least}")) }
}

impl Settings {
    /// The problem of a cell.
    ///
    /// # Errors
    /// [`Error::Input`] where there is none of this name.
    pub fn problem(&self, cell: &Cell) -> Result<&Problem> {
        self.problems.get(&cell.problem).ok_or_else(|| {
            let names: Vec<&str> = self.problems.keys().map(String::as_str).collect();
            Error::Input(format!("problems: there is no `{}` among {}", cell.problem, names.join(", ")))
        })
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] with the key.
    pub fn check(&self) -> Result<()> {
        self.problems.iter().try_for_each(|(name, problem)| {
            problem.check().map_err(|error| Error::Input(format!("problems.{name}.{error}")))
        })
    }
}

impl Problem {
    fn check(&self) -> Result<()> {
        positive("horizon", self.horizon)?;
        positive("window", self.window)?;
        let windows = self.horizon / self.window;
        if windows < 0.5 || (windows - windows.round()).abs() > 1e-6 {
            return refuse("window", format!("{} windows fit into the horizon, expected a whole number", windows));
        }
        if !(self.overhang.is_finite() && self.overhang >= 0.0) {
            return refuse("overhang", format!("{} must be at least 0", self.overhang));
        }
        at_least("slabs", self.slabs, 2)?;
        at_least("points", self.points, 1)?;
        at_least("reference.points", self.reference.points, 1)?;
        at_least("reference.times", self.reference.times, 2)?;
        positive("reference.step", self.reference.step)?;
        match (self.condition, self.equation.is_ordinary()) {
            (Condition::Hard { output_scale, .. }, true) => positive("condition.hard.output_scale", output_scale)?,
            (Condition::Soft { modes, weight, .. }, false) => {
                at_least("condition.soft.modes", modes, 1)?;
                positive("condition.soft.weight", weight)?;
            }
            _ => return refuse("condition", "ordinary differential equations take `hard`, all others `soft`"),
        }
        if self.equation.is_ordinary() && (self.points, self.reference.points) != (1, 1) {
            return refuse("points", "must be 1 where there is no space");
        }
        let hidden = &self.network.hidden;
        let differ = hidden.windows(2).any(|pair| pair[0] != pair[1]);
        if hidden.is_empty() || hidden.contains(&0) || (self.network.modified && differ) {
            return refuse("network.hidden", format!("{hidden:?} are no widths, or none that gates can share"));
        }
        let training = &self.training;
        positive("training.learning_rate", training.learning_rate)?;
        positive("training.decay", training.decay)?;
        positive("training.decay_steps", training.decay_steps)?;
        at_least("training.steps", training.steps, training.epsilons.len().max(1))?;
        if training.epsilons.is_empty() {
            return refuse("training.epsilons", "need at least one ε");
        }
        training.epsilons.iter().try_for_each(|epsilon| positive("training.epsilons", *epsilon))?;
        if !(0.0..=1.0).contains(&training.delta) {
            return refuse("training.delta", format!("{} must be from 0 to 1", training.delta));
        }
        for (key, every) in [
            ("training.check_every", training.check_every),
            ("training.checkpoint_every", training.checkpoint_every),
            ("training.trace_every", training.trace_every),
        ] {
            at_least(key, every, 1)?;
        }
        Ok(())
    }

    /// Checks what depends on the arm.
    ///
    /// # Errors
    /// [`Error::Input`] with the key.
    pub fn check_arm(&self, arm: &Arm) -> Result<()> {
        let (windows, _) = self.windows(arm);
        // Otherwise a window has no time at which it is compared.
        at_least("reference.times", self.reference.times, windows + 1)?;
        match self.stages(arm).iter().find(|stage| stage.steps == 0) {
            Some(_) => {
                refuse("training.steps", format!("{} do not suffice for all windows and stages", self.training.steps))
            }
            None => Ok(()),
        }
    }

    /// Windows of an arm, and the length of each.
    pub fn windows(&self, arm: &Arm) -> (usize, f64) {
        let windows = (self.horizon / self.window).round().max(1.0) as usize * arm.parts;
        (windows, self.horizon / windows as f64)
    }

    /// Stages of an arm in each of its windows.
    pub fn stages(&self, arm: &Arm) -> Vec<Stage> {
        let steps = self.training.steps / arm.parts;
        match arm.weighting {
            Weighting::None => vec![Stage { epsilon: 0.0, steps, stops: false }],
            Weighting::Fixed { epsilon } => vec![Stage { epsilon, steps, stops: false }],
            Weighting::Schedule => {
                let steps = steps / self.training.epsilons.len().max(1);
                self.training.epsilons.iter().map(|epsilon| Stage { epsilon: *epsilon, steps, stops: true }).collect()
            }
        }
    }
}

impl Arm {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] with the key.
    pub fn check(&self) -> Result<()> {
        at_least("parts", self.parts, 1)?;
        match self.weighting {
            Weighting::Fixed { epsilon } => positive("weighting.fixed.epsilon", epsilon),
            _ => Ok(()),
        }
    }
}
