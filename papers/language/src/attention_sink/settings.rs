//! The numbers of `paper.yaml` as types, checked before the first trial.

use harness_core::prelude::*;
use papers_kit::gpt::{GptConfig, Positions};
use serde::{Deserialize, Serialize};

use super::back_copy::BackCopyConfig;
use super::mask::{Mask, Visibility};
use super::operation::Operation;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The back-copy language.
    pub back_copy: BackCopySettings,
    /// Character text; absent where the profile has none.
    pub text: Option<TextSettings>,
    /// What is measured.
    pub evaluation: Evaluation,
}

/// See [`Settings::back_copy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackCopySettings {
    /// The language.
    pub language: BackCopyConfig,
    /// Training sequences.
    pub pool: usize,
    /// Tokens that the model sees.
    pub tokens: usize,
    /// The model.
    pub model: GptConfig,
    /// Its training.
    pub training: Training,
}

/// See [`Settings::text`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSettings {
    /// Data sets, read one after the other.
    pub sets: Vec<TextSet>,
    /// Characters of the text that takes their place where they are not to be had.
    pub synthetic_length: usize,
    /// Tokens that the model sees.
    pub tokens: usize,
    /// The model.
    pub model: GptConfig,
    /// Its training.
    pub training: Training,
}

/// The texts that the trials can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextSet {
    /// Plays of Shakespeare.
    #[serde(rename = "tinyshakespeare")]
    TinyShakespeare,
    /// The Penn Treebank.
    #[serde(rename = "ptb-lm")]
    PennTreebank,
}

impl TextSet {
    /// Its identifier in the registry.
    pub fn name(self) -> &'static str {
        match self {
            TextSet::TinyShakespeare => "tinyshakespeare",
            TextSet::PennTreebank => "ptb-lm",
        }
    }
}

/// Training with AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Steps.
    pub steps: usize,
    /// Sequences per step.
    pub batch: usize,
    /// Learning rate after the warm-up, constant.
    pub learning_rate: f64,
    /// The rate of the arm with a small one.
    pub small_learning_rate: f64,
    /// Steps over which the rate grows from 0.
    pub warm_up: usize,
    /// β₁ and β₂.
    pub betas: [f64; 2],
    /// Weight decay of all arms that do not name theirs.
    pub weight_decay: f64,
    /// Largest norm of the gradient over all parameters.
    pub clip: f64,
}

/// See [`Settings::evaluation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Sequences that training does not see.
    pub sequences: usize,
    /// Sequences that are evaluated at a time.
    pub batch: usize,
    /// Steps from one evaluation to the next.
    pub every: usize,
    /// Last evaluations whose mean is recorded.
    pub averaged: usize,
}

/// What an arm does differently.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The attention operation.
    pub operation: Operation,
    /// Whether its weights are normalised.
    #[serde(default)]
    pub normalize: bool,
    /// The learnable biases.
    #[serde(default)]
    pub bias: Bias,
    /// The keys that a query sees.
    #[serde(default)]
    pub visibility: Visibility,
    /// Weight decay, where it is not that of the profile.
    #[serde(default)]
    pub weight_decay: Option<f64>,
    /// Whether the learning rate is the small one.
    #[serde(default)]
    pub small_learning_rate: bool,
    /// Where the token stands that all sequences share, from 1; the first token of the back-copy language, none of a text,
    /// where this is absent.
    #[serde(default)]
    pub fixed_token: Option<usize>,
    /// Positions a to b, b excluded and counted from 1, that hold random tokens.
    #[serde(default)]
    pub random_tokens: Option<[usize; 2]>,
    /// Whether the model goes without positions.
    #[serde(default)]
    pub no_positions: bool,
}

/// The learnable biases of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// None.
    #[default]
    None,
    /// A key with a value of 0.
    Key,
    /// A key and a value.
    KeyValue,
    /// A value, added to each output.
    Value,
}

/// A cell of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What is learned.
    pub task: Task,
    /// Training sequences, where the task varies them.
    #[serde(default)]
    pub pool: Option<usize>,
}

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The back-copy language.
    BackCopy,
    /// The back-copy language with a varied number of training sequences.
    DataAmount,
    /// Characters of a text.
    Text,
}

impl Settings {
    /// Model, tokens and training of a task.
    ///
    /// # Errors
    /// [`Error::Input`] where the profile has no text.
    pub fn of(&self, task: Task) -> Result<(&GptConfig, usize, &Training)> {
        match task {
            Task::BackCopy | Task::DataAmount => {
                let BackCopySettings { model, tokens, training, .. } = &self.back_copy;
                Ok((model, *tokens, training))
            }
            Task::Text => {
                let TextSettings { model, tokens, training, .. } = self.text()?;
                Ok((model, *tokens, training))
            }
        }
    }

    /// The text of the profile.
    ///
    /// # Errors
    /// [`Error::Input`] where there is none.
    pub fn text(&self) -> Result<&TextSettings> {
        self.text.as_ref().ok_or_else(|| Error::Input("the task `text` needs settings under `text`".into()))
    }

    /// Checks everything that does not depend on arm and cell.
    ///
    /// # Errors
    /// [`Error::Input`] naming what is impossible.
    pub fn check(&self) -> Result<()> {
        self.back_copy.language.check()?;
        at_least("back_copy.pool", self.back_copy.pool, 1)?;
        self.of(Task::BackCopy).and_then(check_task)?;
        if let Some(text) = &self.text {
            at_least("text.sets", text.sets.len(), 1)?;
            at_least("text.synthetic_length", text.synthetic_length, 20 * (text.tokens + 1))?;
            check_task((&text.model, text.tokens, &text.training))?;
        }
        let Evaluation { sequences, batch, every, averaged } = self.evaluation;
        for (name, value) in [("sequences", sequences), ("batch", batch), ("every", every), ("averaged", averaged)] {
            at_least(&format!("evaluation.{name}"), value, 1)?;
        }
        Ok(())
    }
}

fn check_task((model, tokens, training): (&GptConfig, usize, &Training)) -> Result<()> {
    model.check()?;
    // The metric at positions 1 to 5 is recorded.
    at_least("tokens", tokens, 5)?;
    at_least("training.steps", training.steps, 1)?;
    at_least("training.batch", training.batch, 1)?;
    for (name, value, least) in [
        ("learning_rate", training.learning_rate, f64::MIN_POSITIVE),
        ("small_learning_rate", training.small_learning_rate, f64::MIN_POSITIVE),
        ("weight_decay", training.weight_decay, 0.0),
        ("clip", training.clip, f64::MIN_POSITIVE),
    ] {
        if !(value.is_finite() && value >= least) {
            return Err(Error::Input(format!("training.{name} is {value}, which is too small or not finite")));
        }
    }
    if let Some(beta) = training.betas.iter().find(|beta| !(0.0..1.0).contains(*beta)) {
        return Err(Error::Input(format!("training.betas must be at least 0 and below 1, got {beta}")));
    }
    Ok(())
}

fn at_least(name: &str, value: usize, least: usize) -> Result<()> {
    if value < least {
        return Err(Error::Input(format!("`{name}` must be at least {least}, got {value}")));
    }
    Ok(())
}

impl Arm {
    /// Checks the arm for sequences of `tokens`.
    ///
    /// # Errors
    /// [`Error::Input`] naming what is impossible.
    pub fn check(&self, tokens: usize) -> Result<()> {
        Mask::new(self.visibility, tokens)?;
        if self.visibility == Visibility::Prefix(tokens) {
            return Err(Error::Input(format!("a prefix of all {tokens} tokens leaves nothing to predict")));
        }
        if matches!(self.bias, Bias::Key | Bias::KeyValue) && self.operation != Operation::Softmax {
            return Err(Error::Input("a key bias needs softmax attention".into()));
        }
        if let Some(decay) = self.weight_decay
            && !(decay.is_finite() && decay >= 0.0)
        {
            return Err(Error::Input(format!("weight_decay must be finite and not negative, got {decay}")));
        }
        if let Some(place) = self.fixed_token
            && !(1..=tokens).contains(&place)
        {
            return Err(Error::Input(format!("fixed_token must be from 1 to {tokens}, got {place}")));
        }
        if let Some([start, end]) = self.random_tokens
            && !(1 <= start && start < end && end <= tokens + 1)
        {
            return Err(Error::Input(format!(
                "random_tokens must be [a, b) within 1 to {tokens}, got [{start}, {end}]"
            )));
        }
        Ok(())
    }

    /// The model of the arm.
    pub fn model(&self, config: &GptConfig) -> GptConfig {
        let positions = if self.no_positions { Positions::None } else { config.positions };
        GptConfig { positions, ..*config }
    }

    /// The training of the arm.
    pub fn training(&self, training: &Training) -> Training {
        let learning_rate =
            if self.small_learning_rate { training.small_learning_rate } else { training.learning_rate };
        let weight_decay = self.weight_decay.unwrap_or(training.weight_decay);
        Training { learning_rate, weight_decay, ..*training }
    }
}

impl Cell {
    /// Checks the cell.
    ///
    /// # Errors
    /// [`Error::Input`] where the pool is missing or must not be there.
    pub fn check(&self) -> Result<()> {
        match (self.task, self.pool) {
            (Task::DataAmount, Some(1..)) | (Task::BackCopy | Task::Text, None) => Ok(()),
            (Task::DataAmount, _) => Err(Error::Input("the task `data_amount` needs a pool of at least 1".into())),
            _ => Err(Error::Input("only the task `data_amount` takes a pool".into())),
        }
    }
}
