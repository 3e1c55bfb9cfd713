//! What `paper.yaml` says, as types.

use harness_core::{Error, Paper, Result};
use serde::{Deserialize, Serialize};

use super::methods::Method;
use super::tasks::Task;

/// The numbers of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Most steps of a trial.
    pub limit: u64,
    /// The same on the worst-case set.
    pub worst_case_limit: u64,
    /// Features of the Gaussian points.
    pub synthetic_dim: usize,
    /// By how much Gaussian points are moved away from their plane.
    pub synthetic_margin: f64,
    /// Share of the frequent class of the imbalanced task.
    pub majority_share: f64,
    /// The step T at which the loss is compared with the iterations still to go.
    pub probe_step: u64,
    /// Relative gap at which the margin is known well enough.
    pub margin_tolerance: f64,
    /// Most sweeps of the margin's solver.
    pub margin_sweeps: u64,
    /// The number of points at which claims on real sets are judged; other sizes are for the figures.
    pub judged_n: usize,
}

impl Settings {
    /// Refuses values with which no trial makes sense.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let refuse = |key: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(Error::Input(format!("lr_perceptron: `{key}` is {value}, expected {expected}")))
        };
        for (key, value) in [("limit", self.limit), ("worst_case_limit", self.worst_case_limit)] {
            if value == 0 {
                return refuse(key, &value, "at least 1 step");
            }
        }
        if self.synthetic_dim == 0 {
            return refuse("synthetic_dim", &0, "at least 1 feature");
        }
        if !(self.synthetic_margin.is_finite() && self.synthetic_margin > 0.0) {
            return refuse("synthetic_margin", &self.synthetic_margin, "a finite number above 0");
        }
        if !(self.majority_share > 0.5 && self.majority_share < 1.0) {
            return refuse("majority_share", &self.majority_share, "a share between 0.5 and 1");
        }
        if !(self.margin_tolerance.is_finite() && self.margin_tolerance > 0.0) {
            return refuse("margin_tolerance", &self.margin_tolerance, "a finite number above 0");
        }
        for (key, value) in [("probe_step", self.probe_step), ("margin_sweeps", self.margin_sweeps)] {
            if value == 0 {
                return refuse(key, &value, "at least 1");
            }
        }
        if self.judged_n == 0 {
            return refuse("judged_n", &0, "at least 1 point");
        }
        Ok(())
    }

    /// Most steps on a task.
    pub fn limit_of(&self, task: Task) -> u64 {
        if task == Task::WorstCase { self.worst_case_limit } else { self.limit }
    }

    /// Points of the frequent class among `n`.
    pub fn majority(&self, n: usize) -> usize {
        (self.majority_share * n as f64).round() as usize
    }
}

/// A method by its name in `paper.yaml` and in vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in `Method`")]
pub enum MethodName {
    LrGd,
    NormalizedLrGd,
    BatchPerceptron,
    NormalizedBatchPerceptron,
    Perceptron,
}

impl MethodName {
    /// The method of this name with its step size.
    ///
    /// # Errors
    /// [`Error::Input`] where LR+GD has no step size, or one that is not a positive finite number.
    pub fn with_step(self, step: Option<f64>) -> Result<Method> {
        let needed = || step.ok_or_else(|| Error::Input("`step` is missing: LR+GD needs a step size above 0".into()));
        let method = match self {
            MethodName::LrGd => Method::LrGd { step: needed()? },
            MethodName::NormalizedLrGd => Method::NormalizedLrGd { step: needed()? },
            MethodName::BatchPerceptron => Method::BatchPerceptron,
            MethodName::NormalizedBatchPerceptron => Method::NormalizedBatchPerceptron,
            MethodName::Perceptron => Method::Perceptron,
        };
        method.check()?;
        Ok(method)
    }
}

/// What distinguishes an arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The method.
    pub method: MethodName,
    /// Its step size γ; only LR+GD and Normalized LR+GD have one.
    pub step: Option<f64>,
}

impl Arm {
    /// The arm's method.
    ///
    /// # Errors
    /// [`Error::Input`] as [`MethodName::with_step`], and where a perceptron is given a step size.
    pub fn method(&self) -> Result<Method> {
        let method = self.method.with_step(self.step)?;
        if method.step() != self.step {
            return Err(Error::Input("`step` is given, but perceptrons have no step size: leave it out".into()));
        }
        Ok(method)
    }
}

/// The arms of the paper with their methods, in the order of `paper.yaml`.
///
/// # Errors
/// [`Error::Failed`] where an arm's settings are not an [`Arm`].
pub(super) fn arms(paper: &Paper) -> Result<Vec<(&str, &str, Method)>> {
    paper
        .arms
        .iter()
        .map(|arm| {
            let read: Arm = serde_json::from_value(arm.settings.clone())
                .map_err(|error| Error::Failed(format!("arms.{}.settings: {error}", arm.name)))?;
            Ok((arm.name.as_str(), arm.label.as_str(), read.method()?))
        })
        .collect()
}

/// A point of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The task.
    pub task: Task,
    /// Its number of points.
    pub n: usize,
}

impl Cell {
    /// Refuses sizes that the task cannot have.
    ///
    /// # Errors
    /// [`Error::Input`] naming the factor.
    pub fn check(&self, settings: &Settings) -> Result<()> {
        let imbalanced = self.task.images().is_some_and(|pair| pair.imbalanced);
        match (self.task, self.n) {
            (Task::TwoPoint, 2) => Ok(()),
            (Task::TwoPoint, n) => {
                Err(Error::Input(format!("lr_perceptron: `n` is {n}, but task two_point has 2 points")))
            }
            (task, n) if n < 2 => Err(Error::Input(format!(
                "lr_perceptron: `n` is {n}, expected at least 2 points for task {}",
                task.name()
            ))),
            (_, n) if imbalanced && settings.majority(n) >= n => Err(Error::Input(format!(
                "lr_perceptron: `n` is {n}, too few for a point of the rare class at `majority_share` {}",
                settings.majority_share
            ))),
            _ => Ok(()),
        }
    }
}
