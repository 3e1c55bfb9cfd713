//! The numbers of `paper.yaml` as types, and what makes them impossible.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::hyper::{Hyper, Perturbation, Space};
use super::population::{Exploit, Explore, Rules};
use super::ring::Ring;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Share of the population at either end of truncation selection.
    pub fraction: f64,
    /// Level of the t-test.
    pub alpha: f64,
    /// Latest measurements that it compares, at most.
    pub measurements: usize,
    /// Probability with which a hyper-parameter is drawn anew.
    pub resample: f64,
    /// Networks that are trained again with the schedule that was found, with its last and with its first values.
    pub retrained: usize,
    /// The toy problem.
    pub toy: ToySettings,
    /// The cart–pole.
    pub rl: ActorCriticSettings,
    /// The images.
    pub classifier: ClassifierSettings,
    /// The ring of Gaussians.
    pub gan: GanSettings,
}

/// See [`Settings::toy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToySettings {
    /// Turns of each member.
    pub turns: usize,
    /// Steps of a turn.
    pub steps: u64,
    /// The turn after which the claim is judged.
    pub judged_turn: usize,
    /// η.
    pub learning_rate: f64,
    /// θ at the start.
    pub start: [f64; 2],
    /// Standard deviation of what exploring adds to h.
    pub noise: f64,
}

/// See [`Settings::rl`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorCriticSettings {
    /// Turns of each member.
    pub turns: usize,
    /// Turns after which a member is ready.
    pub ready_every: usize,
    /// Updates of a turn.
    pub updates: usize,
    /// Environments side by side.
    pub environments: usize,
    /// Steps in each of them per update.
    pub unroll: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Episodes whose mean return is the performance.
    pub window: usize,
    /// ρ of RMSprop.
    pub rms_decay: f64,
    /// ε of RMSprop.
    pub rms_epsilon: f64,
    /// c_v.
    pub value_weight: f64,
    /// Fresh episodes of the final test.
    pub test_episodes: usize,
    /// How hyper-parameters are perturbed.
    pub perturbation: Perturbation,
    /// η.
    pub learning_rate: Hyper,
    /// c_e.
    pub entropy_weight: Hyper,
    /// 1 − γ.
    pub discount_complement: Hyper,
}

/// See [`Settings::classifier`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierSettings {
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
    /// Rows and columns of the images that take their place.
    pub synthetic_side: usize,
    /// Turns of each member, an epoch each.
    pub turns: usize,
    /// Turns after which a member is ready.
    pub ready_every: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Images per step.
    pub batch: usize,
    /// Images per step of an evaluation.
    pub evaluation_batch: usize,
    /// Share of the old step in the new one.
    pub momentum: f64,
    /// How hyper-parameters are perturbed.
    pub perturbation: Perturbation,
    /// η.
    pub learning_rate: Hyper,
    /// Factor of the weights in the gradient.
    pub weight_decay: Hyper,
    /// Share of hidden units that are dropped.
    pub dropout: Hyper,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: Hyper,
}

/// See [`Settings::gan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GanSettings {
    /// The data.
    pub ring: Ring,
    /// Turns of each member.
    pub turns: usize,
    /// Turns after which a member is ready.
    pub ready_every: usize,
    /// Steps of a turn.
    pub updates: usize,
    /// Dimensions of the latent.
    pub latent: usize,
    /// Units of each of two hidden layers.
    pub hidden: usize,
    /// Points per step, real and generated each.
    pub batch: usize,
    /// Decays of the moments of Adam.
    pub adam: [f64; 2],
    /// Generated points of an evaluation.
    pub samples: usize,
    /// Fresh generated points of the final test.
    pub test_samples: usize,
    /// How hyper-parameters are perturbed.
    pub perturbation: Perturbation,
    /// η of the generator.
    pub generator_rate: Hyper,
    /// η of the discriminator.
    pub discriminator_rate: Hyper,
}

impl ActorCriticSettings {
    /// What is tuned.
    pub fn space(&self) -> Space {
        Space {
            hypers: vec![
                ("learning_rate", self.learning_rate),
                ("entropy_weight", self.entropy_weight),
                ("discount_complement", self.discount_complement),
            ],
            perturbation: self.perturbation,
        }
    }
}

impl ClassifierSettings {
    /// What is tuned.
    pub fn space(&self) -> Space {
        Space {
            hypers: vec![
                ("learning_rate", self.learning_rate),
                ("weight_decay", self.weight_decay),
                ("dropout", self.dropout),
                ("label_smoothing", self.label_smoothing),
            ],
            perturbation: self.perturbation,
        }
    }
}

impl GanSettings {
    /// What is tuned.
    pub fn space(&self) -> Space {
        Space {
            hypers: vec![("generator_rate", self.generator_rate), ("discriminator_rate", self.discriminator_rate)],
            perturbation: self.perturbation,
        }
    }
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
    /// A population.
    Population {
        /// Hyper-parameters at the start.
        start: Start,
        /// Who is copied.
        exploit: Selection,
        /// What is copied.
        copy: Copying,
        /// What happens to hyper-parameters then.
        explore: Change,
    },
    /// Twice as many members, of which the worse half stops after a quarter of the turns, and again after half of them.
    Halving,
    /// Networks trained anew with hyper-parameters that truncation selection found.
    Retrained {
        /// Which ones.
        with: Found,
    },
}

/// See [`Method::Population`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    Prior,
    Tuned,
}

/// See [`Exploit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    None,
    Truncation,
    Tournament,
    TTest,
}

/// See [`Rules::copy_weights`] and [`Rules::copy_hyper`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Copying {
    Both,
    Weights,
    Hypers,
    Nothing,
}

/// See [`Explore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    None,
    Perturb,
    Resample,
}

/// See [`Method::Retrained`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The schedule along the ancestry of the winner's weights.
    Schedule,
    /// Its last values throughout.
    Final,
    /// Its first values throughout.
    Initial,
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The toy problem.
    Toy,
    /// Actor–critics on the cart–pole.
    Rl,
    /// Image classifiers.
    Classifier,
    /// Generative adversarial networks.
    Gan,
}

/// A cell of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What is trained.
    pub task: Task,
    /// Members.
    pub population: usize,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("{key}: {message}")))
}

impl Settings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let Settings { toy, rl, classifier, gan, .. } = self;
        let counts = [
            ("measurements", self.measurements),
            ("retrained", self.retrained),
            ("toy.turns", toy.turns),
            ("toy.judged_turn", toy.judged_turn),
            ("rl.updates", rl.updates),
            ("rl.environments", rl.environments),
            ("rl.unroll", rl.unroll),
            ("rl.hidden", rl.hidden),
            ("rl.window", rl.window),
            ("rl.test_episodes", rl.test_episodes),
            ("classifier.train", classifier.train),
            ("classifier.validation", classifier.validation),
            ("classifier.test", classifier.test),
            ("classifier.synthetic_side", classifier.synthetic_side),
            ("classifier.hidden", classifier.hidden),
            ("classifier.batch", classifier.batch),
            ("classifier.evaluation_batch", classifier.evaluation_batch),
            ("gan.updates", gan.updates),
            ("gan.latent", gan.latent),
            ("gan.hidden", gan.hidden),
            ("gan.batch", gan.batch),
            ("gan.samples", gan.samples),
            ("gan.test_samples", gan.test_samples),
            ("gan.ring.modes", gan.ring.modes),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1, but is 0");
        }
        if toy.judged_turn > toy.turns {
            return refuse("toy.judged_turn", format!("{} is after the last of {} turns", toy.judged_turn, toy.turns));
        }
        for (key, turns, ready_every) in [
            ("rl", rl.turns, rl.ready_every),
            ("classifier", classifier.turns, classifier.ready_every),
            ("gan", gan.turns, gan.ready_every),
        ] {
            if turns == 0 || !turns.is_multiple_of(4) || ready_every == 0 {
                return refuse(
                    key,
                    "turns must be a multiple of 4, for successive halving, and ready_every at least 1",
                );
            }
        }
        let above_zero = [
            ("toy.learning_rate", toy.learning_rate),
            ("toy.noise", toy.noise),
            ("rl.rms_epsilon", rl.rms_epsilon),
            ("rl.value_weight", rl.value_weight),
            ("gan.ring.radius", gan.ring.radius),
            ("gan.ring.std", gan.ring.std),
            ("gan.ring.outside", gan.ring.outside),
        ];
        if let Some((key, value)) = above_zero.into_iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
            return refuse(key, format!("must be above 0, but is {value}"));
        }
        for (key, value) in [
            ("rl.rms_decay", rl.rms_decay),
            ("classifier.momentum", classifier.momentum),
            ("gan.adam[0]", gan.adam[0]),
            ("gan.adam[1]", gan.adam[1]),
        ] {
            if !(0.0..1.0).contains(&value) {
                return refuse(key, format!("must be in [0, 1), but is {value}"));
            }
        }
        for (key, space) in [("rl", rl.space()), ("classifier", classifier.space()), ("gan", gan.space())] {
            space.check().or_else(|error| refuse(key, error))?;
        }
        Ok(())
    }
}

impl Cell {
    /// Checks that an arm can run in this cell.
    ///
    /// # Errors
    /// [`Error::Input`] with what does not fit.
    pub fn check(&self, arm: &Arm, settings: &Settings) -> Result<()> {
        if self.population < 2 {
            return refuse("population", "must be at least 2");
        }
        match (arm.method, self.task) {
            (Method::Population { start: Start::Tuned, .. } | Method::Halving, Task::Toy) => {
                refuse("task", "the toy problem has fixed starts: only populations that start at them run on it")
            }
            (Method::Halving, _) if !self.population.is_multiple_of(2) => {
                refuse("population", "must be even, for successive halving")
            }
            (Method::Retrained { .. }, Task::Toy | Task::Rl | Task::Gan) => {
                refuse("task", "networks are trained again on the classifier only")
            }
            (method, _) => self.rules(method, settings).check(),
        }
    }

    /// The rules of an arm's population in this cell.
    pub fn rules(&self, method: Method, settings: &Settings) -> Rules {
        let (turns, ready_every) = match self.task {
            Task::Toy => (settings.toy.turns, 1),
            Task::Rl => (settings.rl.turns, settings.rl.ready_every),
            Task::Classifier => (settings.classifier.turns, settings.classifier.ready_every),
            Task::Gan => (settings.gan.turns, settings.gan.ready_every),
        };
        let alone = Rules {
            turns,
            ready_every,
            exploit: Exploit::None,
            copy_weights: false,
            copy_hyper: false,
            explore: Explore::None,
            halve_after: Vec::new(),
        };
        match method {
            Method::Population { exploit, copy, explore, .. } => Rules {
                exploit: match exploit {
                    Selection::None => Exploit::None,
                    Selection::Truncation => Exploit::Truncation { fraction: settings.fraction },
                    Selection::Tournament => Exploit::Tournament,
                    Selection::TTest => Exploit::TTest { alpha: settings.alpha, measurements: settings.measurements },
                },
                copy_weights: matches!(copy, Copying::Both | Copying::Weights),
                copy_hyper: matches!(copy, Copying::Both | Copying::Hypers),
                explore: match explore {
                    Change::None => Explore::None,
                    Change::Perturb => Explore::Perturb,
                    Change::Resample => Explore::Resample { probability: settings.resample },
                },
                ..alone
            },
            Method::Halving => Rules { halve_after: vec![turns / 4, turns / 2], ..alone },
            Method::Retrained { .. } => alone,
        }
    }
}
