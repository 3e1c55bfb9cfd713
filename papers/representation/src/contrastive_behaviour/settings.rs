//! The numbers of `paper.yaml` as types, checked before the first trial.

use harness_core::prelude::*;
use papers_kit::augment::Step;
use papers_kit::encoder::EncoderConfig;
use papers_kit::image_set::ImageSize;
use papers_kit::knn::Knn;
use papers_kit::probe::ProbeConfig;
use serde::{Deserialize, Serialize};

use super::contrastive::ContrastiveLossConfig;
use super::negatives::Hardest;
use super::simple::SimpleLossConfig;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The images.
    pub images: ImageSettings,
    /// The encoder.
    pub encoder: EncoderConfig,
    /// What the losses see of the feature.
    pub head: HeadSettings,
    /// What makes a view of an image.
    pub augmentation: Vec<Step>,
    /// Contrastive training.
    pub training: TrainingSettings,
    /// What is measured afterwards.
    pub evaluation: EvaluationSettings,
    /// The features at which the loss itself is examined.
    pub fixed_features: FixedFeatures,
}

/// See [`Settings::images`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSettings {
    /// The data set; synthetic images where absent.
    pub data: Option<DataId>,
    /// Classes of the synthetic images.
    pub synthetic_classes: usize,
    /// Rows and columns of the synthetic images.
    pub synthetic_side: usize,
    /// Number of images for training without labels, and for the probes with labels.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
}

/// The data sets that the trials can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataId {
    /// 28×28 grey.
    #[serde(rename = "fashion-mnist")]
    FashionMnist,
    /// 32×32 colour.
    #[serde(rename = "cifar10")]
    Cifar10,
}

impl DataId {
    /// Its identifier in the registry.
    pub fn name(self) -> &'static str {
        match self {
            DataId::FashionMnist => "fashion-mnist",
            DataId::Cifar10 => "cifar10",
        }
    }
}

/// See [`Settings::head`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSettings {
    /// Width of the linear layer, whose unit outputs the losses compare.
    pub embedding: usize,
    /// Whether a batch norm without scale and offset follows the layer, for encoders that have none of their own.
    pub batch_norm: bool,
}

/// See [`Settings::training`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Images per step, two views of each.
    pub batch: usize,
    /// Embeddings of earlier steps that serve as further negatives.
    pub bank: usize,
    /// Passes over the images; the rest that fills no batch is left out of each.
    pub epochs: usize,
    /// The optimiser; its rate falls along half a cosine.
    pub optimizer: OptimizerSettings,
}

/// See [`TrainingSettings::optimizer`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerSettings {
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW {
        /// Initial rate.
        lr: f64,
        /// Weight decay.
        weight_decay: f64,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Initial rate.
        lr: f64,
        /// Momentum.
        momentum: f64,
        /// Weight decay.
        weight_decay: f64,
    },
}

impl OptimizerSettings {
    /// Initial rate.
    pub fn lr(self) -> f64 {
        match self {
            OptimizerSettings::AdamW { lr, .. } | OptimizerSettings::Sgd { lr, .. } => lr,
        }
    }
}

/// See [`Settings::evaluation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Test images of which uniformity and tolerance are taken.
    pub geometry: usize,
    /// Test images of which two views are compared.
    pub views: usize,
    /// The linear probe.
    pub probe: ProbeConfig,
    /// The nearest-neighbour classifier.
    pub knn: Knn,
}

/// See [`Settings::fixed_features`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedFeatures {
    /// Number of anchors, and of second views.
    pub rows: usize,
    /// Width of the random unit features.
    pub width: usize,
    /// Temperatures at which penalties and gradients are taken, ascending.
    pub temperatures: Vec<f64>,
    /// The temperature that is held against the limit τ → 0.
    pub small: f64,
    /// The temperature that is held against the limit τ → ∞.
    pub large: f64,
}

/// Settings of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What the encoder is trained with.
    pub objective: Objective,
}

/// What the encoder is trained with, or what else is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// The contrastive loss.
    Contrastive,
    /// The contrastive loss with the share `alpha` of hardest negatives.
    HardContrastive {
        /// The share.
        alpha: f64,
    },
    /// The simple loss; λ is one over the number of negatives.
    Simple,
    /// The simple loss with the share `alpha` of hardest negatives; λ is one over their number.
    HardSimple {
        /// The share.
        alpha: f64,
    },
    /// No training.
    Untrained,
    /// No encoder: the loss at random features.
    FixedFeatures,
}

/// A cell: the temperature where the objective has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// τ.
    pub tau: Option<f64>,
}

/// A loss with all its numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// With a softmax.
    Contrastive(super::ContrastiveLoss),
    /// Without, with the share of negatives that is kept.
    Simple(f64),
}

impl Loss {
    /// The mean loss of similarities `[n, m]`, `[1]`.
    ///
    /// # Errors
    /// None for settings that were checked.
    pub fn forward(&self, similarities: Tensor<2>) -> Result<Tensor<1>> {
        match self {
            Loss::Contrastive(loss) => Ok(loss.forward(similarities)),
            Loss::Simple(alpha) => {
                let [_, m] = similarities.dims();
                let weight = 1.0 / Hardest::new(*alpha)?.count(m.saturating_sub(1)) as f64;
                Ok(SimpleLossConfig::new(weight).with_hardest(*alpha).init()?.forward(similarities))
            }
        }
    }
}

impl Objective {
    /// The loss at the temperature of the cell; none where nothing is trained.
    ///
    /// # Errors
    /// [`Error::Input`] where a hyper-parameter is impossible, or a temperature is missing or has no meaning.
    pub fn loss(self, cell: &Cell) -> Result<Option<Loss>> {
        let tau = || {
            cell.tau.ok_or_else(|| Error::Input("grid factor tau: this arm needs a temperature in every cell".into()))
        };
        let contrastive = |alpha: f64| -> Result<Option<Loss>> {
            Ok(Some(Loss::Contrastive(ContrastiveLossConfig::new(tau()?).with_hardest(alpha).init()?)))
        };
        match self {
            Objective::Contrastive => contrastive(1.0),
            Objective::HardContrastive { alpha } => contrastive(alpha),
            _ if cell.tau.is_some() => Err(Error::Input("grid factor tau: this arm has no temperature".into())),
            Objective::Simple => Ok(Some(Loss::Simple(1.0))),
            Objective::HardSimple { alpha } => Hardest::new(alpha).map(|_| Some(Loss::Simple(alpha))),
            Objective::Untrained | Objective::FixedFeatures => Ok(None),
        }
    }
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("settings.{key}: {message}")))
}

impl Settings {
    /// Size of the synthetic images.
    pub fn synthetic_size(&self) -> ImageSize {
        ImageSize { channels: 1, height: self.images.synthetic_side, width: self.images.synthetic_side }
    }

    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("images.synthetic_classes", self.images.synthetic_classes),
            ("images.synthetic_side", self.images.synthetic_side),
            ("head.embedding", self.head.embedding),
            ("training.epochs", self.training.epochs),
            ("fixed_features.width", self.fixed_features.width),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1");
        }
        let (batch, train, test) = (self.training.batch, self.images.train, self.images.test);
        if !(2..=train).contains(&batch) {
            return refuse("training.batch", format!("must be from 2 to the number of training images, {train}"));
        }
        for (key, count) in
            [("evaluation.geometry", self.evaluation.geometry), ("evaluation.views", self.evaluation.views)]
        {
            if !(2..=test).contains(&count) {
                return refuse(key, format!("must be from 2 to the number of test images, {test}"));
            }
        }
        let knn = self.evaluation.knn;
        if !(1..=train).contains(&knn.k) {
            return refuse("evaluation.knn.k", format!("must be from 1 to the number of training images, {train}"));
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(knn.temperature) {
            return refuse("evaluation.knn.temperature", "must be a finite number above 0");
        }
        let (decay, momentum) = match self.training.optimizer {
            OptimizerSettings::AdamW { weight_decay, .. } => (weight_decay, 0.0),
            OptimizerSettings::Sgd { weight_decay, momentum, .. } => (weight_decay, momentum),
        };
        if !positive(self.training.optimizer.lr()) {
            return refuse("training.optimizer.lr", "must be a finite number above 0");
        }
        if !(decay.is_finite() && decay >= 0.0) {
            return refuse("training.optimizer.weight_decay", "must be a finite number of at least 0");
        }
        if !(0.0..1.0).contains(&momentum) {
            return refuse("training.optimizer.momentum", "must be at least 0 and below 1");
        }
        let fixed = &self.fixed_features;
        if fixed.rows < 3 {
            return refuse("fixed_features.rows", "must be at least 3: one negative has no entropy");
        }
        let ascending = fixed.temperatures.windows(2).all(|pair| pair[0] < pair[1]);
        if fixed.temperatures.len() < 2 || !ascending || !fixed.temperatures.iter().all(|tau| positive(*tau)) {
            return refuse("fixed_features.temperatures", "needs at least two finite numbers above 0, ascending");
        }
        for (key, tau) in [("fixed_features.small", fixed.small), ("fixed_features.large", fixed.large)] {
            if !positive(tau) {
                return refuse(key, "must be a finite number above 0");
            }
        }
        self.encoder.check()?;
        self.evaluation.probe.check()?;
        self.augmentation.iter().try_for_each(Step::check)
    }
}
