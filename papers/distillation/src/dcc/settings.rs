//! The numbers of `paper.yaml` as types, checked before the first trial.

use std::collections::BTreeMap;

use harness_core::prelude::*;
use papers_kit::backprop::SgdConfig;
use papers_kit::siamese::Transform;
use serde::{Deserialize, Serialize};

use super::warmup::Warmup;

/// Settings of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Images of all tasks but the fine-grained one.
    pub images: ImageSettings,
    /// Images of the fine-grained task.
    pub fine: FineSettings,
    /// The networks.
    pub networks: NetworkSettings,
    /// How images are condensed.
    pub condensation: CondensationSettings,
    /// How a set of images is judged.
    pub evaluation: EvaluationSettings,
    /// Where the kernel is looked at.
    pub kernel: KernelSettings,
    /// Class-incremental learning.
    pub continual: ContinualSettings,
    /// The kinds of change that arms with augmentation draw from.
    pub augmentation: Vec<Transform>,
}

/// The data sets that the trials can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataId {
    /// 28×28 grey, 10 classes.
    #[serde(rename = "fashion-mnist")]
    FashionMnist,
    /// 32×32 colour, 10 classes; the registry's subset where the canonical set is not supplied.
    #[serde(rename = "cifar10")]
    Cifar10,
    /// 32×32 colour, 100 classes.
    #[serde(rename = "cifar100")]
    Cifar100,
}

/// See [`Settings::images`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSettings {
    /// The data set; Gaussian classes where absent or not to be had.
    pub set: Option<DataId>,
    /// Number of training images, or all where there are fewer.
    pub train: usize,
    /// Number of test images, or all where there are fewer.
    pub test: usize,
    /// Side of the squares that become one pixel.
    pub pool: usize,
}

/// See [`Settings::fine`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FineSettings {
    /// The images from which groups are taken.
    pub images: ImageSettings,
    /// Classes that are much alike, by the name of their group.
    pub groups: BTreeMap<String, Vec<usize>>,
}

/// See [`Settings::networks`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// Hidden units of the perceptron.
    pub hidden: usize,
    /// Channels of each convolution.
    pub channels: usize,
    /// Blocks of convolution, instance norm, ReLU and average pooling.
    pub blocks: usize,
}

/// See [`Settings::condensation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CondensationSettings {
    /// Numbers that depend on the images per class.
    pub schedules: Vec<Schedule>,
    /// Inner iterations after which contrastive signals are used during the warm-up too.
    pub inner_warmup: usize,
    /// Real images per class and step.
    pub real_batch: usize,
    /// Step of the images.
    pub lr_images: f64,
    /// Share of the images' last direction that is kept.
    pub momentum_images: f64,
    /// Step of the networks between two steps of the images.
    pub lr_network: f64,
    /// Synthetic images per step of a network.
    pub network_batch: usize,
}

/// Lengths of the loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Images per class that it is for.
    pub ipc: usize,
    /// Fresh networks.
    pub outer: usize,
    /// Steps of the images per network.
    pub inner: usize,
    /// Passes of the network over the images after each of them but the last.
    pub epochs: usize,
    /// Fresh networks before contrastive signals are used.
    pub outer_warmup: usize,
}

impl CondensationSettings {
    /// The loops for a number of images per class.
    ///
    /// # Errors
    /// [`Error::Input`] where there are none.
    pub fn schedule(&self, ipc: usize) -> Result<Schedule> {
        self.schedules.iter().find(|schedule| schedule.ipc == ipc).copied().ok_or_else(|| {
            Error::Input(format!("settings.condensation.schedules has none for {ipc} images per class: add one"))
        })
    }

    /// The warm-up of a schedule.
    pub fn warmup(&self, schedule: Schedule) -> Warmup {
        Warmup { outer: schedule.outer_warmup, inner: self.inner_warmup }
    }
}

/// See [`Settings::evaluation`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Fresh networks, each trained on the set.
    pub networks: usize,
    /// Passes over the set.
    pub epochs: usize,
    /// Passes where the arm augments.
    pub epochs_augmented: usize,
    /// Passes over the whole training data in the arm that uses all of it.
    pub epochs_full: usize,
    /// Images per step.
    pub batch: usize,
    /// The optimiser; its step falls to a tenth after half of the passes.
    pub sgd: SgdConfig,
}

/// See [`Settings::kernel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelSettings {
    /// Test images of which the kernel is taken.
    pub probes: usize,
    /// Steps, from the first, over which its velocity is averaged.
    pub steps: usize,
}

/// See [`Settings::continual`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinualSettings {
    /// New classes in each task.
    pub classes_per_task: usize,
    /// Training steps per task.
    pub steps: usize,
    /// Images of each class seen so far in a step: real ones of the task's classes, kept ones of the others.
    pub per_class: usize,
    /// Networks trained through all tasks.
    pub networks: usize,
    /// How each task's images are condensed.
    pub schedule: Schedule,
}

/// Settings of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Where its images come from.
    pub method: Method,
}

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// Random real ones.
    Random,
    /// Real ones whose mean is nearest to that of their class.
    Herding,
    /// All real ones.
    Full,
    /// Condensed.
    Condense {
        /// What is matched.
        signals: Signals,
        /// Whether real and synthetic images are augmented alike, and images in evaluation too.
        augmentation: bool,
    },
}

/// What is matched in the course of condensation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signals {
    /// Class gradients throughout (DC).
    ClassWise,
    /// Contrastive signals after a warm-up (DCC).
    Contrastive,
    /// Contrastive signals from the start.
    ContrastiveAtOnce,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The network.
    pub network: NetworkKind,
    /// What is learned.
    pub task: Task,
    /// Images per class.
    pub ipc: usize,
    /// Size of the backgrounds, in the background task.
    pub amplitude: Option<f64>,
    /// The group of classes, in the fine-grained task.
    pub group: Option<String>,
}

/// See [`Cell::network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// One hidden layer.
    Mlp,
    /// Convolutions with instance norm.
    Convnet,
}

/// See [`Cell::task`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The images as they are.
    Plain,
    /// With a background that does not depend on the class.
    Background,
    /// Classes that are much alike.
    Fine,
    /// Classes that come one task after the other.
    Continual,
}

fn refuse<T>(key: &str, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::Input(format!("settings.{key}: {message}")))
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

impl Settings {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        let (networks, condensation, evaluation) = (self.networks, &self.condensation, self.evaluation);
        let counts = [
            ("images.train", self.images.train),
            ("images.test", self.images.test),
            ("images.pool", self.images.pool),
            ("fine.images.train", self.fine.images.train),
            ("fine.images.test", self.fine.images.test),
            ("fine.images.pool", self.fine.images.pool),
            ("networks.hidden", networks.hidden),
            ("networks.channels", networks.channels),
            ("networks.blocks", networks.blocks),
            ("condensation.real_batch", condensation.real_batch),
            ("condensation.network_batch", condensation.network_batch),
            ("evaluation.networks", evaluation.networks),
            ("evaluation.epochs", evaluation.epochs),
            ("evaluation.epochs_augmented", evaluation.epochs_augmented),
            ("evaluation.epochs_full", evaluation.epochs_full),
            ("evaluation.batch", evaluation.batch),
            ("kernel.probes", self.kernel.probes),
            ("kernel.steps", self.kernel.steps),
            ("continual.classes_per_task", self.continual.classes_per_task),
            ("continual.steps", self.continual.steps),
            ("continual.per_class", self.continual.per_class),
            ("continual.networks", self.continual.networks),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "must be at least 1");
        }
        let epochs = [evaluation.epochs, evaluation.epochs_augmented, evaluation.epochs_full];
        if epochs.iter().any(|epochs| *epochs <= self.kernel.steps) {
            return refuse("kernel.steps", "must be below the numbers of passes in settings.evaluation");
        }
        for schedule in condensation.schedules.iter().chain([&self.continual.schedule]) {
            if schedule.ipc == 0 || schedule.outer == 0 || schedule.inner == 0 {
                return refuse("condensation.schedules", "ipc, outer and inner must be at least 1");
            }
        }
        let momentum = |value: f64| (0.0..1.0).contains(&value);
        let numbers = [
            ("condensation.lr_images", positive(condensation.lr_images)),
            ("condensation.lr_network", positive(condensation.lr_network)),
            ("evaluation.sgd.lr", positive(evaluation.sgd.lr)),
            ("condensation.momentum_images", momentum(condensation.momentum_images)),
            ("evaluation.sgd.momentum", momentum(evaluation.sgd.momentum)),
            ("evaluation.sgd.weight_decay", momentum(evaluation.sgd.weight_decay)),
        ];
        if let Some((key, _)) = numbers.into_iter().find(|(_, sound)| !sound) {
            return refuse(key, "steps must be finite and above 0, momentum and weight decay at least 0 and below 1");
        }
        for (name, classes) in &self.fine.groups {
            let mut sorted = classes.clone();
            sorted.sort_unstable();
            sorted.dedup();
            if sorted.len() < 2 || sorted.len() != classes.len() {
                return refuse(&format!("fine.groups.{name}"), "needs at least two classes, each once");
            }
        }
        self.augmentation.iter().try_for_each(Transform::check)
    }
}

impl Cell {
    /// Refuses cells that make no sense for an arm.
    ///
    /// # Errors
    /// [`Error::Input`] naming the factor.
    pub fn check(&self, arm: &Arm, settings: &Settings) -> Result<()> {
        let refuse = |message: &str| Err(Error::Input(format!("grid: {message}")));
        if self.ipc == 0 {
            return refuse("factor ipc: must be at least 1");
        }
        match (self.task, self.amplitude) {
            (Task::Background, Some(amplitude)) if amplitude.is_finite() && amplitude >= 0.0 => {}
            (Task::Background, _) => {
                return refuse("factor amplitude: the background task needs a number of at least 0");
            }
            (_, Some(_)) => return refuse("factor amplitude: only the background task has one"),
            (_, None) => {}
        }
        match (self.task, &self.group) {
            (Task::Fine, Some(group)) if settings.fine.groups.contains_key(group) => {}
            (Task::Fine, _) => return refuse("factor group: the fine task needs one of settings.fine.groups"),
            (_, Some(_)) => return refuse("factor group: only the fine task has one"),
            (_, None) => {}
        }
        match (arm.method, self.task) {
            (Method::Full, Task::Continual) => {
                refuse("factor task: an arm that keeps all images has no continual task")
            }
            (Method::Condense { augmentation: true, .. }, _) if settings.augmentation.is_empty() => {
                refuse("an arm with augmentation needs settings.augmentation")
            }
            (_, Task::Continual) if settings.continual.schedule.ipc != self.ipc => {
                refuse("factor ipc: the continual task has that of settings.continual.schedule")
            }
            (Method::Condense { .. }, Task::Plain | Task::Background | Task::Fine) => {
                settings.condensation.schedule(self.ipc).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}
