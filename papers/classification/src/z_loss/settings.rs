//! The numbers of `paper.yaml` as types, checked before the first trial.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::hierarchical::TwoLevels;
use super::loss::ZLossConfig;
use super::model::ModelSettings;
use super::objective::Objective;
use super::spherical::{SphericalKind, SphericalLossConfig};

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The words.
    pub corpus: CorpusSettings,
    /// The network under the output layer.
    pub model: ModelSettings,
    /// Final runs.
    pub training: TrainingSettings,
    /// How hyper-parameters are chosen.
    pub selection: SelectionSettings,
    /// The k of top-k errors that are reported, in groups: each group of k has hyper-parameters of its own.
    pub top_k: Vec<Vec<usize>>,
    /// Number of test n-grams; all where there are fewer.
    pub test_examples: usize,
    /// Times and exactness of one output layer by itself.
    pub timing: TimingSettings,
}

/// See [`Settings::corpus`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusSettings {
    /// Size of the vocabulary.
    pub words: usize,
    /// Length of the synthetic stream.
    pub synthetic_length: usize,
    /// Successors of each synthetic word.
    pub synthetic_successors: usize,
}

/// See [`Settings::training`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Examples per step.
    pub batch: usize,
    /// Number of steps; the rate is halved after a half and after three quarters of them.
    pub steps: usize,
    /// Largest joint norm of the gradients.
    pub clip: f64,
}

/// See [`Settings::selection`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionSettings {
    /// Steps of each candidate's short run.
    pub steps: usize,
    /// Number of validation n-grams that candidates are compared on.
    pub examples: usize,
    /// The rates that every arm tries.
    pub learning_rates: Vec<f64>,
    /// The hyper-parameters that the Z-loss tries, with each of the rates.
    pub z_grid: Vec<ZPoint>,
}

/// A pair of hyper-parameters of the Z-loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZPoint {
    /// Sharpness.
    pub a: f64,
    /// Location of the bend.
    pub b: f64,
}

/// See [`Settings::timing`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingSettings {
    /// Width of the layer's input.
    pub hidden: usize,
    /// Number of examples that are timed together.
    pub examples: usize,
    /// Untimed passes over the examples.
    pub warmup: usize,
    /// Timed passes, of which the median counts.
    pub repeats: usize,
    /// Rate of the steps.
    pub lr: f64,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The output layer and its loss.
    pub output: OutputLayer,
    /// Guard of the spherical softmax.
    pub eps: Option<f64>,
}

/// The output layer and its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLayer {
    LogSoftmax,
    ZLoss,
    Taylor,
    Spherical,
    Mse,
    TwoLevels,
    FactoredZLoss,
}

/// A cell: the language model, or one output layer by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Number of classes of a layer that is timed by itself; absent where the language model is trained.
    pub classes: Option<usize>,
}

/// What a short run tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The loss.
    pub objective: Objective,
    /// Its hyper-parameters, where it is the Z-loss.
    pub z: Option<ZPoint>,
    /// The rate.
    pub lr: f64,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("settings.{key}: {message}")))
}

impl Settings {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("corpus.synthetic_length", self.corpus.synthetic_length),
            ("corpus.synthetic_successors", self.corpus.synthetic_successors),
            ("model.embedding", self.model.embedding),
            ("model.hidden", self.model.hidden),
            ("training.batch", self.training.batch),
            ("training.steps", self.training.steps),
            ("selection.steps", self.selection.steps),
            ("selection.examples", self.selection.examples),
            ("test_examples", self.test_examples),
            ("timing.hidden", self.timing.hidden),
            ("timing.examples", self.timing.examples),
            ("timing.repeats", self.timing.repeats),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1");
        }
        if self.corpus.words < 2 {
            return refuse("corpus.words", "must be at least 2");
        }
        if self.model.order < 2 {
            return refuse("model.order", "must be at least 2: one word of context and the next one");
        }
        // A tenth of the synthetic stream must hold at least one n-gram.
        if self.corpus.synthetic_length / 10 < self.model.order {
            return refuse("corpus.synthetic_length", format!("must be at least {}", 10 * self.model.order));
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        for (key, value) in [("training.clip", self.training.clip), ("timing.lr", self.timing.lr)] {
            if !positive(value) {
                return refuse(key, format!("must be a finite number above 0, but is {value}"));
            }
        }
        let rates = &self.selection.learning_rates;
        if rates.is_empty() || !rates.iter().all(|rate| positive(*rate)) {
            return refuse("selection.learning_rates", "needs finite numbers above 0");
        }
        if self.selection.z_grid.is_empty() {
            return refuse("selection.z_grid", "needs at least one pair of a and b");
        }
        for point in &self.selection.z_grid {
            if let Err(error) = point.config().init() {
                return refuse("selection.z_grid", error);
            }
        }
        let all: Vec<usize> = self.top_k.iter().flatten().copied().collect();
        if self.top_k.is_empty() || self.top_k.iter().any(Vec::is_empty) {
            return refuse("top_k", "needs at least one group of at least one k");
        }
        if let Some(k) = all.iter().find(|k| !(1..=self.corpus.words).contains(*k)) {
            return refuse("top_k", format!("{k} is not between 1 and the number of words, {}", self.corpus.words));
        }
        if let Some(k) = all.iter().enumerate().find_map(|(at, k)| all.iter().take(at).find(|other| *other == k)) {
            return refuse("top_k", format!("{k} is there twice"));
        }
        Ok(())
    }
}

impl ZPoint {
    /// The loss with these hyper-parameters.
    pub fn config(&self) -> ZLossConfig {
        ZLossConfig::new().with_a(self.a).with_b(self.b)
    }
}

impl Arm {
    /// Refuses a guard where none is used, and a cell in which the arm has no meaning.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self, cell: &Cell) -> Result<()> {
        match (self.output, self.eps) {
            (OutputLayer::Spherical, Some(eps)) if eps.is_finite() && eps >= 0.0 => {}
            (OutputLayer::Spherical, _) => return refuse("eps", "the spherical softmax needs a number of at least 0"),
            (_, Some(_)) => return refuse("eps", "only the spherical softmax has it"),
            (_, None) => {}
        }
        let Some(classes) = cell.classes else {
            return match self.output {
                OutputLayer::FactoredZLoss => Err(Error::Input(
                    "the factored layer is timed by itself: its grid block needs the factor `classes`".into(),
                )),
                _ => Ok(()),
            };
        };
        if classes < 2 {
            return Err(Error::Input(format!("grid factor classes: {classes} must be at least 2")));
        }
        match self.output {
            OutputLayer::Taylor | OutputLayer::Spherical | OutputLayer::Mse => Err(Error::Input(
                "grid factor classes: this arm is not timed, use log_softmax, z_loss, h_softmax or z_loss_factored"
                    .into(),
            )),
            _ => Ok(()),
        }
    }

    /// What the arm tries on a vocabulary of `words` words: each rate with each of its losses.
    ///
    /// # Errors
    /// [`Error::Input`] where a loss cannot be had.
    pub fn candidates(&self, words: usize, selection: &SelectionSettings) -> Result<Vec<Candidate>> {
        let spherical = |kind| -> Result<_> {
            let config = SphericalLossConfig::new(kind).with_eps(self.eps.unwrap_or(0.01));
            Ok(vec![(Objective::Spherical(config.init()?), None)])
        };
        let losses: Vec<(Objective, Option<ZPoint>)> = match self.output {
            OutputLayer::LogSoftmax => vec![(Objective::LogSoftmax, None)],
            OutputLayer::ZLoss | OutputLayer::FactoredZLoss => selection
                .z_grid
                .iter()
                .map(|point| Ok((Objective::ZLoss(point.config().init()?), Some(*point))))
                .collect::<Result<_>>()?,
            OutputLayer::Taylor => spherical(SphericalKind::Taylor)?,
            OutputLayer::Spherical => spherical(SphericalKind::Spherical)?,
            OutputLayer::Mse => spherical(SphericalKind::Mse)?,
            OutputLayer::TwoLevels => vec![(Objective::TwoLevels(TwoLevels::new(words)?), None)],
        };
        Ok(losses
            .into_iter()
            .flat_map(|(objective, z)| {
                selection.learning_rates.iter().map(move |lr| Candidate { objective, z, lr: *lr })
            })
            .collect())
    }

    /// The groups of k that this arm reports: only top-1 for the two-level softmax, which the paper compares in time.
    pub fn top_k(&self, settings: &Settings) -> Vec<Vec<usize>> {
        match self.output {
            OutputLayer::TwoLevels => vec![vec![1]],
            _ => settings.top_k.clone(),
        }
    }
}
