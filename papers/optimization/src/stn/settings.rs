//! The numbers of `paper.yaml` as types, and what makes them impossible.

use std::collections::BTreeMap;

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::hyperparameter::{Constraint, Range};
use super::objective::StnLossConfig;
use super::strengths::Target;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Networks and data that the arms run on.
    pub tasks: BTreeMap<TaskName, TaskSettings>,
    /// Problems on which the theorem is checked.
    pub theory: Theory,
}

/// What the arms run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    /// A perceptron on grey images.
    Perceptron,
    /// Convolutions on colour images.
    Images,
    /// An LSTM on text.
    Language,
    /// The same, of which only the output dropout is tuned.
    LanguageOutput,
}

impl TaskName {
    /// The name in cells.
    pub fn name(self) -> &'static str {
        match self {
            TaskName::Perceptron => "perceptron",
            TaskName::Images => "images",
            TaskName::Language => "language",
            TaskName::LanguageOutput => "language_output",
        }
    }
}

/// A network, its data, and how both are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSettings {
    /// The network.
    pub model: Model,
    /// Training examples, or words.
    pub train: usize,
    /// Validation examples, or words.
    pub validation: usize,
    /// Test examples, or words.
    pub test: usize,
    /// Examples per step, in training and in validation; of text the rows that are read side by side.
    pub batch: usize,
    /// Examples, or rows of text, per step of an evaluation.
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
    /// Largest norm of the gradient of all weights together; unlimited where absent.
    pub clip: Option<f64>,
    /// When the learning rate falls; never where absent.
    pub decay: Option<Decay>,
    /// Learning rate of Adam on the hyper-parameters and on their scales.
    pub hyper_learning_rate: f64,
    /// Standard deviation σ of the perturbation at the start.
    pub scale: f64,
    /// Weight τ of the entropy of the perturbation.
    pub entropy_weight: f64,
    /// What is tuned.
    pub hyperparameters: Vec<Hyperparameter>,
    /// What is on, but not tuned.
    #[serde(default)]
    pub held: Vec<Held>,
    /// Dropout rates that the grid search tries.
    pub grid: Vec<f64>,
    /// Draws of the random search.
    pub draws: usize,
    /// Runs with a single dropout rate from several starts.
    pub shared: SharedDropout,
}

/// The network of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// Two hidden layers, for Fashion-MNIST.
    Perceptron {
        /// Units of each hidden layer.
        hidden: usize,
    },
    /// Five convolutions and three fully connected layers, for CIFAR-10.
    Alexnet {
        /// Channels of each convolution.
        channels: [usize; 5],
        /// Units of both hidden fully connected layers.
        hidden: usize,
    },
    /// Two LSTM layers and a last layer that is tied to the word vectors, for the Penn Treebank.
    Lstm {
        /// Words of the vocabulary.
        words: usize,
        /// Units of each layer, and numbers of a word vector.
        units: usize,
        /// Words of each row in a step, through which gradients flow.
        steps: usize,
    },
}

impl Model {
    /// Whether a hyper-parameter does anything to this network.
    fn takes(&self, target: Target) -> bool {
        let common = matches!(target, Target::InputDropout | Target::SharedDropout);
        common
            || match self {
                Model::Perceptron { .. } => matches!(
                    target,
                    Target::HiddenDropout1 | Target::HiddenDropout2 | Target::InputScaling | Target::CutoutLength
                ),
                Model::Alexnet { .. } => {
                    Target::CONVOLUTIONS.contains(&target)
                        || matches!(
                            target,
                            Target::DenseDropout1
                                | Target::DenseDropout2
                                | Target::InputScaling
                                | Target::CutoutLength
                                | Target::CutoutHoles
                                | Target::Hue
                                | Target::Contrast
                                | Target::Saturation
                                | Target::Brightness
                        )
                }
                Model::Lstm { .. } => matches!(
                    target,
                    Target::HiddenDropout1
                        | Target::OutputDropout
                        | Target::EmbeddingDropout
                        | Target::WeightDrop
                        | Target::ActivationPenalty
                        | Target::SlownessPenalty
                ),
            }
    }

    fn sizes(&self) -> Vec<(&'static str, usize)> {
        match self {
            Model::Perceptron { hidden } => vec![("model.perceptron.hidden", *hidden)],
            Model::Alexnet { channels, hidden } => {
                let least = channels.iter().copied().min().unwrap_or_default();
                vec![("model.alexnet.channels", least), ("model.alexnet.hidden", *hidden)]
            }
            Model::Lstm { words, units, steps } => {
                vec![("model.lstm.words", *words), ("model.lstm.units", *units), ("model.lstm.steps", *steps)]
            }
        }
    }
}

/// See [`TaskSettings::decay`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decay {
    /// Epochs after which the learning rate falls where the validation loss is no better than the best before them.
    pub patience: usize,
    /// What it is divided by.
    pub divisor: f64,
}

/// A hyper-parameter that is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameter {
    /// What it controls.
    pub target: Target,
    /// Ends of the open interval in which it lies; without a second one there is no upper end.
    pub range: (f64, Option<f64>),
    /// Whether it is rounded down to whole numbers.
    #[serde(default)]
    pub discrete: bool,
    /// Value at the start.
    pub start: f64,
    /// Ends between which the random search draws; those of the range where absent.
    #[serde(default)]
    pub draw: Option<(f64, f64)>,
}

/// Something that is on, but not tuned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// What it controls.
    pub target: Target,
    /// Its value throughout.
    pub value: f64,
}

/// See [`TaskSettings::shared`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedDropout {
    /// What the single rate is that of.
    pub target: Target,
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
    /// What the arm runs on; none for the theorem.
    #[serde(default)]
    pub task: Option<TaskName>,
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
        let range = Range::new(Some(self.range.0), self.range.1)?;
        Ok(Constraint { range, discrete: self.discrete })
    }

    /// Ends between which the random search draws; `None` where only an infinite range says so.
    pub fn drawn(&self) -> Option<(f64, f64)> {
        self.draw.or_else(|| Some((self.range.0, self.range.1?)))
    }

    fn check(&self) -> Result<()> {
        let name = self.target.name();
        let constraint = self.constraint().map_err(|error| named(name, error))?;
        constraint.range.unconstrained(self.start).map_err(|error| named(&format!("{name}.start"), error))?;
        let (low, high) = self.range;
        if low < 0.0 || (self.target.is_rate() && high.is_none_or(|high| high > 1.0)) {
            return refuse(&format!("{name}.range"), "must lie above 0, and for dropout rates below 1");
        }
        let inside = |(from, to): (f64, f64)| low <= from && from < to && high.is_none_or(|high| to <= high);
        if !self.drawn().is_some_and(|ends| inside(ends) && ends.1.is_finite()) {
            return refuse(
                &format!("{name}.draw"),
                "must be two ascending numbers in the range; it may be absent where the range has an upper end",
            );
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
        for (name, task) in &self.tasks {
            task.check().map_err(|error| match error {
                Error::Input(message) => Error::Input(format!("tasks.{}.{message}", name.name())),
                other => other,
            })?;
        }
        for (key, count) in [("theory.problems", self.theory.problems), ("theory.columns", self.theory.columns)] {
            if count == 0 {
                return refuse(key, "must be at least 1, but is 0");
            }
        }
        if self.theory.rows < self.theory.columns {
            return refuse("theory.rows", "must be at least as many as the columns");
        }
        if self.theory.log_lambda.is_empty() || self.theory.log_lambda.iter().any(|lambda| !lambda.is_finite()) {
            return refuse("theory.log_lambda", "needs at least one finite number");
        }
        Ok(())
    }
}

impl TaskSettings {
    fn check(&self) -> Result<()> {
        let counts = [
            ("train", self.train),
            ("validation", self.validation),
            ("test", self.test),
            ("batch", self.batch),
            ("evaluation_batch", self.evaluation_batch),
            ("epochs", self.epochs),
            ("train_steps", self.train_steps),
            ("validation_steps", self.validation_steps),
            ("draws", self.draws),
            ("shared.epochs", self.shared.epochs),
        ];
        if let Some((key, _)) = counts.into_iter().chain(self.model.sizes()).find(|(_, count)| *count == 0) {
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
            ("clip", self.clip.unwrap_or(1.0)),
            ("decay.divisor", self.decay.map_or(1.0, |decay| decay.divisor)),
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
        for hyperparameter in &self.hyperparameters {
            hyperparameter.check().map_err(|error| named("hyperparameters", error))?;
        }
        for held in &self.held {
            let name = held.target.name();
            let high = if held.target.is_rate() { 1.0 } else { f64::INFINITY };
            if !(held.value >= 0.0 && held.value < high) {
                return refuse(
                    &format!("held.{name}"),
                    format!("{} must be at least 0, and a rate below 1", held.value),
                );
            }
        }
        let mut seen: Vec<Target> = Vec::new();
        let tuned = self.hyperparameters.iter().map(|one| one.target);
        for target in tuned.chain(self.held.iter().map(|one| one.target)) {
            if !self.model.takes(target) {
                return refuse("hyperparameters", format!("{} does nothing to this network", target.name()));
            }
            if seen.contains(&target) {
                return refuse("hyperparameters", format!("{} is listed twice", target.name()));
            }
            seen.push(target);
        }
        if self.grid.is_empty() || self.grid.iter().any(|rate| !(0.0..1.0).contains(rate)) {
            return refuse("grid", "needs at least one dropout rate, all of them in [0, 1)");
        }
        let shared = self.shared;
        if !(shared.high > 0.0 && shared.high <= 1.0) {
            return refuse("shared.high", format!("must be in (0, 1], but is {}", shared.high));
        }
        if !(shared.target.is_dropout() && self.model.takes(shared.target)) {
            return refuse("shared.target", format!("{} is no dropout rate of this network", shared.target.name()));
        }
        Ok(())
    }

    /// The single dropout rate of [`Method::Shared`].
    pub fn shared_dropout(&self, start: f64) -> Hyperparameter {
        let SharedDropout { target, high, .. } = self.shared;
        Hyperparameter { target, range: (0.0, Some(high)), discrete: false, start, draw: None }
    }

    /// Most squares that may be cut out of an image.
    pub fn most_holes(&self) -> usize {
        let tuned = self.hyperparameters.iter().find(|one| one.target == Target::CutoutHoles);
        tuned.and_then(|one| one.range.1).map_or(1, |high| high.ceil() as usize)
    }
}

impl Cell {
    /// Checks that the cell fits arm and settings, and gives the task, with its settings; none for [`Method::Theory`].
    ///
    /// # Errors
    /// [`Error::Input`] where a task is missing, superfluous or without settings.
    pub fn task<'a>(&self, arm: &Arm, settings: &'a Settings) -> Result<Option<&'a TaskSettings>> {
        match (arm.method, self.task) {
            (Method::Theory, None) => Ok(None),
            (Method::Theory, Some(_)) => refuse("task", "the theorem has none"),
            (_, None) => refuse("task", "all arms but the theorem need one"),
            (_, Some(task)) => match settings.tasks.get(&task) {
                Some(settings) => Ok(Some(settings)),
                None => refuse("task", format!("{} has no settings in this profile", task.name())),
            },
        }
    }

    /// Checks that the cell fits the arm, and gives the start of [`Method::Shared`].
    ///
    /// # Errors
    /// [`Error::Input`] where a start is missing, superfluous or outside of its range.
    pub fn start(&self, arm: &Arm, settings: &TaskSettings) -> Result<Option<f64>> {
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
