//! The numbers of `paper.yaml` as types, checked before the first trial.

use harness_core::prelude::*;
use papers_kit::author_facts::{MOST_AUTHORS, MOST_WORLD_FACTS};
use papers_kit::gpt::GptConfig;
use serde::{Deserialize, Serialize};

use super::objective::Objective;
use super::preference::positive_beta;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The mixture of two Gaussian clouds.
    pub mixture: MixtureSettings,
    /// Generated facts about authors.
    pub facts: LanguageSettings,
    /// The text of TOFU.
    pub tofu: LanguageSettings,
}

/// See [`Settings::mixture`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureSettings {
    /// Width of the inputs.
    pub dim: usize,
    /// Number of random features.
    pub features: usize,
    /// Training examples that are retained.
    pub retain: usize,
    /// Training examples to forget.
    pub forget: usize,
    /// Test examples of either cloud.
    pub test: usize,
    /// Rate of the gradient descent that makes the models.
    pub pretraining_rate: f64,
    /// Its steps.
    pub pretraining_steps: usize,
    /// Steps of unlearning.
    pub steps: usize,
    /// Steps between two looks at the model.
    pub look_every: usize,
    /// The two steps whose distances from the start are compared.
    pub growth: [usize; 2],
    /// The first step of the fits of the distance from the start.
    pub fit_from: usize,
}

/// See [`Settings::facts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageSettings {
    /// The text.
    pub corpus: CorpusSettings,
    /// The transformer.
    pub model: ModelSettings,
    /// Learning the text.
    pub pretraining: PretrainingSettings,
    /// Unlearning a part of it.
    pub unlearning: UnlearningSettings,
    /// What is measured on the way.
    pub evaluation: EvaluationSettings,
}

/// See [`LanguageSettings::corpus`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusSettings {
    /// Number of authors; of TOFU the last ones.
    pub authors: usize,
    /// Number of facts about the world, which are learned and never forgotten.
    pub world: usize,
    /// Wrong answers per question in the truth ratio.
    pub wrong: usize,
    /// Most tokens of a sequence; longer answers are cut.
    pub length: usize,
}

/// See [`LanguageSettings::model`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Attention heads, which divide the width.
    pub heads: usize,
}

impl ModelSettings {
    /// The transformer: learned positions, norms before attention and MLP, an MLP of four times the width, a head tied to
    /// the embedding.
    pub fn config(&self) -> GptConfig {
        GptConfig::new(self.layers, self.width, self.heads)
    }
}

/// See [`LanguageSettings::pretraining`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainingSettings {
    /// Passes over the text.
    pub epochs: usize,
    /// Sequences per step.
    pub batch: usize,
    /// Initial rate of AdamW, which falls along half a cosine.
    pub rate: f64,
    /// Its weight decay.
    pub weight_decay: f64,
}

/// See [`LanguageSettings::unlearning`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlearningSettings {
    /// Passes over the forget set.
    pub epochs: usize,
    /// Forget sequences per step, and retain sequences where there is a retain term.
    pub batch: usize,
    /// Weight decay of AdamW.
    pub weight_decay: f64,
    /// β of NPO and DPO.
    pub beta: f64,
}

/// See [`LanguageSettings::evaluation`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Looks at the model after the start, spread evenly over the epochs.
    pub looks: usize,
    /// Most questions of each kind that a look asks.
    pub questions: usize,
    /// Most forget questions that a look lets the model answer in words.
    pub answers: usize,
    /// Most words of such an answer.
    pub words: usize,
    /// Whether an answer counts as right only as a whole; otherwise the share of its tokens counts.
    pub whole_answers: bool,
    /// Sequences per forward pass.
    pub batch: usize,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What is done to the model.
    pub method: Method,
    /// Rates and β on the mixture, one entry per α.
    #[serde(default)]
    pub mixture: Vec<MixtureArm>,
    /// Rates on text.
    #[serde(default)]
    pub text: Vec<TextRate>,
}

/// What an arm does to the pretrained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Nothing.
    Original,
    /// It is trained anew without the forget set.
    Retrain,
    /// It is trained on further.
    Unlearn(Objective),
}

/// See [`Arm::mixture`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureArm {
    /// Distance of either cloud's centre from 0 in every coordinate.
    pub alpha: f64,
    /// Rate of gradient descent.
    pub rate: f64,
    /// β; without meaning for arms other than NPO and DPO.
    #[serde(default = "one")]
    pub beta: f64,
}

fn one() -> f64 {
    1.0
}

/// See [`Arm::text`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRate {
    /// The text.
    pub task: Task,
    /// Per cent of the authors that are forgotten.
    pub forget: u32,
    /// Rate of AdamW.
    pub rate: f64,
}

/// What is learned and unlearned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Two Gaussian clouds.
    Mixture,
    /// The same with another β or rate than the arm's.
    MixtureSweep,
    /// Generated facts about authors.
    Facts,
    /// The same with another β than the profile's.
    FactsSweep,
    /// The text of TOFU.
    Tofu,
}

impl Task {
    fn on_mixture(self) -> bool {
        matches!(self, Task::Mixture | Task::MixtureSweep)
    }

    fn sweeps(self) -> bool {
        matches!(self, Task::MixtureSweep | Task::FactsSweep)
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The task.
    pub task: Task,
    /// α of the mixture.
    pub alpha: Option<f64>,
    /// β in place of the arm's on the mixture, or of the profile's on text.
    pub beta: Option<f64>,
    /// Rate in place of the arm's.
    pub rate: Option<f64>,
    /// Per cent of the authors that are forgotten, on text.
    pub forget: Option<u32>,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("{key}: {message}")))
}

fn positive(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { refuse(key, "must be a finite number above 0") }
}

fn counts(prefix: &str, counts: &[(&str, usize)]) -> Result<()> {
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((key, _)) => refuse(&format!("settings.{prefix}.{key}"), "must be at least 1"),
        None => Ok(()),
    }
}

impl Settings {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        self.mixture.check()?;
        self.facts.check("facts", MOST_AUTHORS)?;
        self.tofu.check("tofu", 200)
    }

    /// The settings of a text.
    pub fn text(&self, task: Task) -> &LanguageSettings {
        if task == Task::Tofu { &self.tofu } else { &self.facts }
    }
}

impl MixtureSettings {
    fn check(&self) -> Result<()> {
        let MixtureSettings { dim, features, retain, forget, test, steps, look_every, .. } = *self;
        counts(
            "mixture",
            &[
                ("dim", dim),
                ("features", features),
                ("retain", retain),
                ("forget", forget),
                ("test", test),
                ("steps", steps),
                ("look_every", look_every),
                ("fit_from", self.fit_from),
            ],
        )?;
        positive("settings.mixture.pretraining_rate", self.pretraining_rate)?;
        let [early, late] = self.growth;
        let looked_at = |step: usize| step > 0 && step <= steps && step.is_multiple_of(look_every);
        if early >= late || !looked_at(early) || !looked_at(late) {
            return refuse("settings.mixture.growth", "must be two steps, ascending, at which the model is looked at");
        }
        if steps.saturating_sub(self.fit_from) / look_every < 3 {
            return refuse("settings.mixture.fit_from", "must leave at least 3 looks for the fits");
        }
        Ok(())
    }
}

impl LanguageSettings {
    fn check(&self, task: &str, most_authors: usize) -> Result<()> {
        let LanguageSettings { corpus, model, pretraining, unlearning, evaluation } = self;
        counts(
            task,
            &[
                ("corpus.wrong", corpus.wrong),
                ("pretraining.epochs", pretraining.epochs),
                ("pretraining.batch", pretraining.batch),
                ("unlearning.epochs", unlearning.epochs),
                ("unlearning.batch", unlearning.batch),
                ("evaluation.looks", evaluation.looks),
                ("evaluation.questions", evaluation.questions),
                ("evaluation.answers", evaluation.answers),
                ("evaluation.words", evaluation.words),
                ("evaluation.batch", evaluation.batch),
            ],
        )?;
        let key = |name: &str| format!("settings.{task}.{name}");
        if !(2..=most_authors).contains(&corpus.authors) {
            return refuse(&key("corpus.authors"), format!("must be from 2 to {most_authors}"));
        }
        if !(1..=MOST_WORLD_FACTS).contains(&corpus.world) {
            return refuse(&key("corpus.world"), format!("must be from 1 to {MOST_WORLD_FACTS}"));
        }
        if corpus.length < 16 {
            return refuse(&key("corpus.length"), "must be at least 16");
        }
        if let Err(error) = model.config().check() {
            return refuse(&key("model"), error);
        }
        positive(&key("pretraining.rate"), pretraining.rate)?;
        positive_beta(unlearning.beta)?;
        for (name, decay) in [
            ("pretraining.weight_decay", pretraining.weight_decay),
            ("unlearning.weight_decay", unlearning.weight_decay),
        ] {
            if !(decay.is_finite() && decay >= 0.0) {
                return refuse(&key(name), "must be a finite number of at least 0");
            }
        }
        if evaluation.looks > unlearning.epochs {
            return refuse(&key("evaluation.looks"), "must be at most the number of epochs of unlearning");
        }
        Ok(())
    }
}

/// A trial as checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// On the mixture.
    Mixture {
        /// None for the start itself.
        objective: Option<Objective>,
        /// Rate, β and α.
        arm: MixtureArm,
    },
    /// On text.
    Text {
        /// Which text.
        task: Task,
        /// Per cent of the authors to forget.
        forget: u32,
        /// What is done.
        method: Method,
        /// Rate of AdamW; without meaning where nothing is unlearned.
        rate: f64,
        /// β in place of the profile's.
        beta: Option<f64>,
    },
}

impl Arm {
    /// What this arm does in a cell.
    ///
    /// # Errors
    /// [`Error::Input`] where the cell asks for what the arm has no numbers for.
    pub fn in_cell(&self, cell: &Cell) -> Result<Run> {
        if let Some(rate) = cell.rate {
            positive("grid factor rate", rate)?;
        }
        let another = cell.beta.is_some() || (cell.rate.is_some() && cell.task.on_mixture());
        if another != cell.task.sweeps() {
            return refuse("grid factors", "another beta, and on the mixture another rate, is what the sweeps are for");
        }
        match (cell.alpha, cell.forget) {
            (Some(alpha), None) if cell.task.on_mixture() => self.on_mixture(alpha, cell),
            (None, Some(forget)) if !cell.task.on_mixture() => self.on_text(forget, cell),
            _ => {
                refuse("grid factors", "the mixture needs alpha and has no forget; text needs forget and has no alpha")
            }
        }
    }

    fn on_mixture(&self, alpha: f64, cell: &Cell) -> Result<Run> {
        let objective = match self.method {
            Method::Original => None,
            Method::Unlearn(objective) => Some(objective),
            Method::Retrain => {
                return refuse("grid arms", "the retrained model is what the mixture's distances are measured from");
            }
        };
        let own = self.mixture.iter().find(|arm| arm.alpha == alpha).copied();
        let rate = cell.rate.or(own.map(|own| own.rate));
        let arm = match (objective, rate) {
            (None, _) => MixtureArm { alpha, rate: 0.0, beta: 1.0 },
            (Some(_), Some(rate)) => {
                MixtureArm { alpha, rate, beta: cell.beta.or(own.map(|own| own.beta)).unwrap_or(1.0) }
            }
            (Some(_), None) => return refuse("arms settings mixture", format!("no rate for alpha {alpha}")),
        };
        positive_beta(arm.beta)?;
        Ok(Run::Mixture { objective, arm })
    }

    fn on_text(&self, forget: u32, cell: &Cell) -> Result<Run> {
        if !(1..=99).contains(&forget) {
            return refuse("grid factor forget", "must be from 1 to 99 per cent");
        }
        let task = cell.task;
        let own = self.text.iter().find(|rate| rate.task == task && rate.forget == forget);
        let rate = match (self.method, cell.rate.or(own.map(|own| own.rate))) {
            (Method::Unlearn(_), None) => {
                return refuse("arms settings text", format!("no rate for {task:?} with {forget} per cent"));
            }
            (_, rate) => rate.unwrap_or(0.0),
        };
        let beta = cell.beta.map(positive_beta).transpose()?;
        Ok(Run::Text { task, forget, method: self.method, rate, beta })
    }
}
