//! The numbers of `paper.yaml` as types, and what makes them impossible.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::hyperparameter::{Constraint, Range};
use super::objective::StnLossConfig;
use super::regularise::Target;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Training examples.
    pub train: usize,
    /// Validation examples.
    pub validation: usize,
    /// Test examples.
    pub test: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Examples per step, in training and in validation.
    pub batch: usize,
    /// Examples per step of an evaluation.
    pub evaluation_batch: usize,
    /// Epochs over the training examples.
    pub epochs: usize,
    /// Epochs at the beginning in which the hyper-parameters rest.
    pub warm_up: usize,
    /// Training steps before each round of validation steps.
    pub train_steps: usize,
    /// Validation steps in a round.
    pub validation_steps: usize,
    /// Learning rate of the weights.
    pub learning_rate: f64,
    /// Share of the old step in the new one.
    pub momentum: f64,
    /// Epochs after which the learning rate falls to a tenth where the validation loss is no better than the best before
    /// them; never where absent.
    pub patience: Option<usize>,
    /// Learning rate of Adam on the hyper-parameters and on their scales.
    pub hyper_learning_rate: f64,
    /// Standard deviation σ of the perturbation at the start.
    pub scale: f64,
    /// Weight τ of the entropy of the perturbation.
    pub entropy_weight: f64,
    /// What is tuned.
    pub hyperparameters: Vec<Hyperparameter>,
    /// Dropout rates that the grid search tries.
    pub grid: Vec<f64>,
    /// Draws of the random search.
    pub draws: usize,
    /// Runs with a single dropout rate from several starts.
    pub shared: SharedDropout,
    /// Problems on which the theorem is checked.
    pub theory: Theory,
}

/// A hyper-parameter that is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameter {
    /// What it controls.
    pub target: Target,
    /// Ends of the open interval in which it lies.
    pub range: (f64, f64),
    /// Whether it is rounded down to whole numbers.
    #[serde(default)]
    pub discrete: bool,
    /// Value at the start.
    pub start: f64,
}

/// See [`Settings::shared`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedDropout {
    /// Epochs over the training examples.
    pub epochs: usize,
    /// Epochs at the beginning in which the rate rests.
    pub warm_up: usize,
    /// Upper end of the rate.
    pub high: f64,
}

/// See [`Settings::theory`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theory {
    /// Random problems.
    pub problems: usize,
    /// Examples of each.
    pub rows: usize,
    /// Inputs of each.
    pub columns: usize,
    /// Logarithms of the strength of the penalty.
    pub log_lambda: Vec<f64>,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it does.
    pub method: Method,
}

/// What an arm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// A plain network with the values at the start.
    Default,
    /// Plain networks with each dropout rate of the grid, the best by validation.
    Grid,
    /// Plain networks with values drawn uniformly, the best by validation.
    Random,
    /// The paper's method.
    Stn {
        /// Whether the scales of the perturbation are tuned too; else they rest, and τ is 0.
        tune_scales: bool,
    },
    /// A plain network with the schedule that the paper's method found.
    Replay,
    /// A plain network with the last values that the paper's method found.
    Final,
    /// A plain network, trained in full, with the values that won the grid search.
    Fixed,
    /// Plain networks with the last values of the paper's method, shifted by one scale down and up.
    Retrained,
    /// The paper's method on a single dropout rate, from the start that the cell names.
    Shared,
    /// The theorem in double precision.
    Theory,
}

/// A cell of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Dropout rate at the start, for the runs with a single rate.
    #[serde(default)]
    pub start: Option<f64>,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("{key}: {message}")))
}

impl Hyperparameter {
    /// Its range.
    ///
    /// # Errors
    /// [`Error::Input`] where it is empty.
    pub fn constraint(&self) -> Result<Constraint> {
        let range = Range::new(Some(self.range.0), Some(self.range.1))?;
        Ok(Constraint { range, discrete: self.discrete })
    }

    fn check(&self) -> Result<()> {
        let name = self.target.name();
        let constraint = self.constraint().map_err(|error| named(name, error))?;
        constraint.range.unconstrained(self.start).map_err(|error| named(&format!("{name}.start"), error))?;
        let (low, high) = self.range;
        if low < 0.0 || (self.target.is_dropout() && high > 1.0) {
            return refuse(&format!("{name}.range"), "must lie above 0, and for dropout rates below 1");
        }
        Ok(())
    }
}

fn named(key: &str, error: Error) -> Error {
    match error {
        Error::Input(message) => Error::Input(format!("{key}: {message}")),
        other => other,
    }
}

impl Settings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("train", self.train),
            ("validation", self.validation),
            ("test", self.test),
            ("hidden", self.hidden),
            ("batch", self.batch),
            ("evaluation_batch", self.evaluation_batch),
            ("epochs", self.epochs),
            ("train_steps", self.train_steps),
            ("validation_steps", self.validation_steps),
            ("draws", self.draws),
            ("shared.epochs", self.shared.epochs),
            ("theory.problems", self.theory.problems),
            ("theory.columns", self.theory.columns),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1, but is 0");
        }
        for (key, warm_up, epochs) in
            [("warm_up", self.warm_up, self.epochs), ("shared.warm_up", self.shared.warm_up, self.shared.epochs)]
        {
            if warm_up >= epochs {
                return refuse(key, format!("{warm_up} must be less than the {epochs} epochs"));
            }
        }
        for (key, value) in [
            ("learning_rate", self.learning_rate),
            ("hyper_learning_rate", self.hyper_learning_rate),
            ("scale", self.scale),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return refuse(key, format!("must be above 0, but is {value}"));
            }
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse("momentum", format!("must be in [0, 1), but is {}", self.momentum));
        }
        StnLossConfig::new().with_entropy_weight(self.entropy_weight).init()?;
        if self.hyperparameters.is_empty() {
            return refuse("hyperparameters", "needs at least one");
        }
        for (at, hyperparameter) in self.hyperparameters.iter().enumerate() {
            hyperparameter.check().map_err(|error| named("hyperparameters", error))?;
            if self.hyperparameters.iter().take(at).any(|other| other.target == hyperparameter.target) {
                return refuse("hyperparameters", format!("{} is listed twice", hyperparameter.target.name()));
            }
        }
        if self.grid.is_empty() || self.grid.iter().any(|rate| !(0.0..1.0).contains(rate)) {
            return refuse("grid", "needs at least one dropout rate, all of them in [0, 1)");
        }
        if !(self.shared.high > 0.0 && self.shared.high <= 1.0) {
            return refuse("shared.high", format!("must be in (0, 1], but is {}", self.shared.high));
        }
        if self.theory.rows < self.theory.columns {
            return refuse("theory.rows", "must be at least as many as the columns");
        }
        if self.theory.log_lambda.is_empty() || self.theory.log_lambda.iter().any(|lambda| !lambda.is_finite()) {
            return refuse("theory.log_lambda", "needs at least one finite number");
        }
        Ok(())
    }

    /// The single dropout rate of [`Method::Shared`].
    pub fn shared_dropout(&self, start: f64) -> Hyperparameter {
        Hyperparameter { target: Target::SharedDropout, range: (0.0, self.shared.high), discrete: false, start }
    }

    /// Steps of an epoch over the training examples.
    pub fn steps_per_epoch(&self) -> usize {
        self.train.div_ceil(self.batch)
    }

    /// Training and validation steps of the paper's method, which the searches share among their runs.
    pub fn budget(&self) -> usize {
        let (training, warm_up) = (self.epochs * self.steps_per_epoch(), self.warm_up * self.steps_per_epoch());
        training + (training - warm_up) / self.train_steps * self.validation_steps
    }
}

impl Cell {
    /// Checks that the cell fits the arm, and gives the start of [`Method::Shared`].
    ///
    /// # Errors
    /// [`Error::Input`] where a start is missing, superfluous or outside of its range.
    pub fn start(&self, arm: &Arm, settings: &Settings) -> Result<Option<f64>> {
        match (arm.method, self.start) {
            (Method::Shared, Some(start)) => {
                settings.shared_dropout(start).check().map_err(|error| named("start", error))?;
                Ok(Some(start))
            }
            (Method::Shared, None) => refuse("start", "the runs with a single dropout rate need one"),
            (_, Some(_)) => refuse("start", "only the runs with a single dropout rate have one"),
            (_, None) => Ok(None),
        }
    }
}
