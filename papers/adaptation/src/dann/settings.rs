//! The numbers of `paper.yaml`, typed and checked.

use harness_core::{Error, Result};
use papers_kit::encoder::EncoderConfig;
use serde::{Deserialize, Serialize};

/// All numbers of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The deep network and its training.
    pub deep: Deep,
    /// Digits with and without a background.
    pub images: ImageSizes,
    /// Drawn characters with and without a background.
    pub reid: ReidSizes,
    /// Inter-twinning moons.
    pub moons: Moons,
    /// Sentiment of reviews.
    pub reviews: Reviews,
}

/// The deep network and its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deep {
    /// The feature extractor.
    pub encoder: EncoderConfig,
    /// Hidden units of the domain classifier.
    pub domain_hidden: usize,
    /// Source examples in a batch, and as many target examples.
    pub half_batch: usize,
    /// Passes over the images of a domain.
    pub epochs: usize,
    /// μ₀, α and β of the learning rate.
    pub learning_rate: LearningRate,
    /// Momentum.
    pub momentum: f64,
    /// γ of the strength of the reversal.
    pub gamma: f64,
    /// Test features of each domain between which the proxy A-distance is measured.
    pub distance_samples: usize,
}

/// μ_p = base / (1 + alpha·p)^beta.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningRate {
    /// μ₀.
    pub base: f64,
    /// α.
    pub alpha: f64,
    /// β.
    pub beta: f64,
}

/// Numbers of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSizes {
    /// Training images of each domain.
    pub train: usize,
    /// Test images of each domain.
    pub test: usize,
    /// Photographs that backgrounds are cut from: for training, and others for the test.
    pub photographs: [usize; 2],
}

/// Numbers of drawn characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReidSizes {
    /// Characters of the source, of the target in training, and of the test each; no character is in two of them.
    pub characters: usize,
    /// Drawings of each character.
    pub drawings: usize,
}

/// Inter-twinning moons and their shallow network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moons {
    /// Training points of each domain.
    pub points: usize,
    /// Test points of each domain.
    pub test: usize,
    /// Rotation of the target in degrees.
    pub rotation: f64,
    /// Hidden units.
    pub hidden: usize,
    /// μ.
    pub learning_rate: f64,
    /// λ.
    pub lambda: f64,
    /// Passes over the source points, one point a step.
    pub epochs: usize,
}

/// Sentiment of reviews and its shallow network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviews {
    /// Labelled source reviews.
    pub source: usize,
    /// Unlabelled target reviews.
    pub target: usize,
    /// Target reviews for the test, or all that are left where there are fewer.
    pub test: usize,
    /// Share of the source reviews that early stopping looks at.
    pub validation: f64,
    /// Hidden units.
    pub hidden: usize,
    /// μ.
    pub learning_rate: f64,
    /// λ.
    pub lambda: f64,
    /// Source reviews in a step, and as many target reviews.
    pub half_batch: usize,
    /// Passes over the source reviews.
    pub epochs: usize,
    /// The stacked auto-encoder of the cells with `features: msda`.
    pub msda: Msda,
}

/// A marginalised stacked denoising auto-encoder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Msda {
    /// Layers.
    pub layers: usize,
    /// Probability that an input is dropped.
    pub noise: f64,
    /// The most frequent words that are kept.
    pub words: usize,
    /// μ on these features.
    pub learning_rate: f64,
}

/// What an arm does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Source labels only; the domain classifier watches.
    SourceOnly,
    /// Domain-adversarial training.
    Dann,
    /// The domain classifier without the reversal.
    NoReversal,
    /// Target labels.
    TrainOnTarget,
    /// A linear classifier of the inputs.
    Linear,
}

/// An arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it does.
    pub method: Method,
    /// λ where it is fixed instead of scheduled, for `dann` on images.
    pub lambda: Option<f64>,
}

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Digits, deep.
    Images,
    /// Descriptors of drawn characters, deep.
    Reid,
    /// Moons, shallow.
    Moons,
    /// Reviews, shallow.
    Reviews,
}

impl Task {
    /// Whether it is one of images.
    pub fn is_deep(self) -> bool {
        matches!(self, Task::Images | Task::Reid)
    }
}

/// Inputs of the shallow network on reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Features {
    /// Counts of words.
    #[default]
    Words,
    /// Counts and the layers of a marginalised stacked denoising auto-encoder.
    Msda,
}

/// A point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What is learned.
    pub task: Task,
    /// Source and target of reviews, such as `books-kitchen`.
    pub pair: Option<String>,
    /// Inputs on reviews.
    #[serde(default)]
    pub features: Features,
}

/// The domains of the reviews.
pub const DOMAINS: [&str; 4] = ["books", "dvd", "electronics", "kitchen"];

impl Cell {
    /// Source and target as indices in [`DOMAINS`].
    ///
    /// # Errors
    /// [`Error::Input`] where there is no pair or it is not one of two different domains.
    pub fn domains(&self) -> Result<[usize; 2]> {
        let pair = self.pair.as_deref().unwrap_or("");
        let find = |name: &str| DOMAINS.iter().position(|domain| *domain == name);
        pair.split_once('-')
            .and_then(|(source, target)| Some([find(source)?, find(target)?]))
            .filter(|[source, target]| source != target)
            .ok_or_else(|| {
                let names = DOMAINS.join(", ");
                Error::Input(format!("pair: `{pair}` must be SOURCE-TARGET, two different ones of {names}"))
            })
    }

    /// Refuses a pair or features where there are none, and impossible pairs.
    ///
    /// # Errors
    /// [`Error::Input`] naming the factor.
    pub fn check(&self) -> Result<()> {
        match self.task {
            Task::Reviews => self.domains().map(|_| ()),
            _ if self.pair.is_some() || self.features != Features::default() => {
                Err(Error::Input("pair and features are factors of the task `reviews` only".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Arm {
    /// Refuses arms that the task of the cell does not have.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self, task: Task) -> Result<()> {
        if let Some(lambda) = self.lambda {
            if !(lambda.is_finite() && lambda >= 0.0) {
                return Err(Error::Input(format!("lambda must be a finite number of at least 0, but is {lambda}")));
            }
            if self.method != Method::Dann || !task.is_deep() {
                return Err(Error::Input("lambda can be fixed for the method `dann` on images only".into()));
            }
        }
        let known = match self.method {
            Method::SourceOnly | Method::Dann => true,
            Method::NoReversal | Method::TrainOnTarget => task.is_deep(),
            Method::Linear => task == Task::Reviews,
        };
        if !known {
            return Err(Error::Input(format!("method: {:?} is not defined for the task {task:?}", self.method)));
        }
        Ok(())
    }
}

fn at_least(key: &str, value: usize, least: usize) -> Result<()> {
    if value < least {
        return Err(Error::Input(format!("{key} must be at least {least}, but is {value}")));
    }
    Ok(())
}

fn positive(key: &str, value: f64) -> Result<()> {
    if !(value.is_finite() && value > 0.0) {
        return Err(Error::Input(format!("{key} must be a finite number above 0, but is {value}")));
    }
    Ok(())
}

fn not_negative(key: &str, value: f64) -> Result<()> {
    if !(value.is_finite() && value >= 0.0) {
        return Err(Error::Input(format!("{key} must be a finite number of at least 0, but is {value}")));
    }
    Ok(())
}

impl Settings {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let Deep { encoder, domain_hidden, half_batch, epochs, learning_rate, momentum, gamma, distance_samples } =
            &self.deep;
        encoder.check()?;
        at_least("deep.domain_hidden", *domain_hidden, 1)?;
        at_least("deep.half_batch", *half_batch, 1)?;
        at_least("deep.epochs", *epochs, 1)?;
        at_least("deep.distance_samples", *distance_samples, 2)?;
        positive("deep.learning_rate.base", learning_rate.base)?;
        not_negative("deep.learning_rate.alpha", learning_rate.alpha)?;
        not_negative("deep.learning_rate.beta", learning_rate.beta)?;
        not_negative("deep.gamma", *gamma)?;
        if !(0.0..1.0).contains(momentum) {
            return Err(Error::Input(format!("deep.momentum must lie in [0, 1), but is {momentum}")));
        }
        at_least("images.train", self.images.train, *half_batch)?;
        at_least("images.test", self.images.test, 2)?;
        at_least("images.photographs", self.images.photographs.into_iter().min().unwrap_or(0), 1)?;
        at_least("reid.characters", self.reid.characters, 2)?;
        at_least("reid.drawings", self.reid.drawings, 2)?;
        at_least("reid.characters × reid.drawings", self.reid.characters * self.reid.drawings, *half_batch)?;
        let Moons { points, test, rotation, hidden, learning_rate, lambda, epochs } = self.moons;
        at_least("moons.points", points, 2)?;
        at_least("moons.test", test, 4)?;
        at_least("moons.hidden", hidden, 1)?;
        at_least("moons.epochs", epochs, 1)?;
        positive("moons.learning_rate", learning_rate)?;
        not_negative("moons.lambda", lambda)?;
        if !rotation.is_finite() {
            return Err(Error::Input(format!("moons.rotation must be a finite number of degrees, but is {rotation}")));
        }
        self.reviews.check()
    }
}

impl Reviews {
    /// How many of the source reviews early stopping looks at.
    pub fn validation_count(&self) -> usize {
        (self.validation * self.source as f64).round() as usize
    }

    fn check(&self) -> Result<()> {
        if !(self.validation > 0.0 && self.validation < 1.0) {
            return Err(Error::Input(format!("reviews.validation must lie in (0, 1), but is {}", self.validation)));
        }
        let held_out = self.validation_count();
        at_least("reviews.validation × reviews.source", held_out, 1)?;
        at_least("reviews.half_batch", self.half_batch, 1)?;
        at_least("reviews.source", self.source, self.half_batch + held_out)?;
        at_least("reviews.target", self.target, self.half_batch.max(2))?;
        at_least("reviews.test", self.test, 2)?;
        at_least("reviews.hidden", self.hidden, 1)?;
        at_least("reviews.epochs", self.epochs, 1)?;
        positive("reviews.learning_rate", self.learning_rate)?;
        not_negative("reviews.lambda", self.lambda)?;
        at_least("reviews.msda.layers", self.msda.layers, 1)?;
        at_least("reviews.msda.words", self.msda.words, 1)?;
        positive("reviews.msda.learning_rate", self.msda.learning_rate)?;
        if !(0.0..1.0).contains(&self.msda.noise) {
            return Err(Error::Input(format!("reviews.msda.noise must lie in [0, 1), but is {}", self.msda.noise)));
        }
        Ok(())
    }
}
