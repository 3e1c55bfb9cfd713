//! The algorithm: images whose gradients match those of real ones, over many fresh networks.

use burn::tensor::TensorData;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::backprop::SgdConfig;
use papers_kit::image_set::ImageSize;
use papers_kit::siamese::{Change, Transform, apply, shared_change};
use rand::Rng;
use rand::seq::SliceRandom;
use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

use super::dataset::Uploaded;
use super::gradients::Groups;
use super::matching::{Matching, matching_loss};
use super::model::Model;
use super::settings::{CondensationSettings, Schedule, Signals};
use super::warmup::Warmup;

/// What is condensed, and how.
pub struct Condensation<'a> {
    /// The network whose gradients are matched.
    pub model: &'a Model,
    /// Real images with classes 0..`model.classes`, each of which has at least one.
    pub real: &'a Uploaded,
    /// Size of an image.
    pub size: ImageSize,
    /// Lengths of the loops.
    pub schedule: Schedule,
    /// What is matched.
    pub signals: Signals,
    /// Kinds of change that real and synthetic images share, where they are augmented.
    pub augmentation: Option<&'a [Transform]>,
    /// All else.
    pub settings: &'a CondensationSettings,
    /// Name of the random streams.
    pub stream: &'a str,
}

/// Between two networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Networks done.
    pub outer: usize,
    /// The images, row-major `[classes·ipc, values]`, class by class.
    pub images: Vec<f32>,
    /// Their last direction; empty before the first step.
    pub velocity: Vec<f32>,
}

impl State {
    /// Before the first network, from random real images.
    pub fn start(images: Vec<f32>) -> Self {
        State { outer: 0, images, velocity: Vec::new() }
    }
}

impl Condensation<'_> {
    fn matching(&self, outer: usize, inner: usize) -> Matching {
        match self.signals {
            Signals::ClassWise => Matching::ClassWise,
            Signals::Contrastive => self.settings.warmup(self.schedule).matching(outer, inner),
            Signals::ContrastiveAtOnce => Warmup::NONE.matching(outer, inner),
        }
    }

    /// Matches the gradients of one fresh network over all inner iterations; the state afterwards, and the matching loss
    /// before the last step of the images.
    ///
    /// # Errors
    /// [`Error::Diverged`] where an image is not finite any more.
    pub fn network(&self, state: State, lab: &Lab) -> Result<(State, f64)> {
        let mut rng = lab.rng(&format!("{} {}", self.stream, state.outer));
        let device = lab.device();
        let (classes, values) = (self.model.classes, self.size.values());
        let ipc = state.images.len() / (classes * values);
        let upload = |data: Vec<f32>| -> Tensor<2> {
            Tensor::<2>::from_data(TensorData::new(data, [classes * ipc, values]), device).inner()
        };
        let mut velocity = (!state.velocity.is_empty()).then(|| upload(state.velocity));
        let mut images = upload(state.images);
        let labels: Vec<usize> = (0..classes * ipc).map(|at| at / ipc).collect();
        let mut parameters = self.model.initial(&mut rng, device);
        let by_class = self.real.by_class(classes);
        let mut last = f64::NAN;
        for inner in 0..self.schedule.inner {
            let matching = self.matching(state.outer, inner);
            let changes = self.changes(&mut rng)?;
            let real = self.augmented(self.real_groups(&by_class, &mut rng), changes.as_deref())?;
            let real = self.model.gradients(&parameters, real)?;
            let leaf = Tensor::from_inner(images.clone()).require_grad();
            let loss = self.loss(&parameters, leaf.clone(), changes.as_deref(), real, matching)?;
            let gradient = leaf
                .grad(&loss.backward())
                .ok_or_else(|| Error::Failed("the matching loss does not depend on the images".into()))?;
            let direction = match velocity {
                Some(velocity) => velocity * self.settings.momentum_images + gradient,
                None => gradient,
            };
            images = images - direction.clone() * self.settings.lr_images;
            velocity = Some(direction);
            if inner + 1 == self.schedule.inner {
                last = f64::from(loss.into_scalar());
            } else {
                let set = Uploaded { images: images.clone(), labels: labels.clone() };
                parameters = self.train(parameters, &set, &mut rng)?;
            }
        }
        let velocity = velocity.map(read_f32).unwrap_or_default();
        let state = State { outer: state.outer + 1, images: read_f32(images), velocity };
        if state.images.iter().any(|value| !value.is_finite()) {
            return Err(Error::Diverged(format!(
                "condensation: an image is not finite after {} networks",
                state.outer
            )));
        }
        Ok((state, last))
    }

    /// One change per class, where images are augmented.
    fn changes(&self, rng: &mut impl Rng) -> Result<Option<Vec<Vec<Change>>>> {
        let Some(kinds) = self.augmentation else { return Ok(None) };
        (0..self.model.classes).map(|_| shared_change(kinds, self.size, rng)).collect::<Result<_>>().map(Some)
    }

    /// Random real images, equally many of each class, `[classes, batch, values]`.
    fn real_groups(&self, by_class: &[Vec<usize>], rng: &mut impl Rng) -> Groups {
        let least = by_class.iter().map(Vec::len).min().unwrap_or(0);
        let batch = self.settings.real_batch.min(least);
        let rows: Vec<usize> = by_class
            .iter()
            .flat_map(|of_class| sample(rng, of_class.len(), batch).into_iter().map(|at| of_class[at]))
            .collect();
        self.groups(self.real.select(&rows).images)
    }

    /// Images class by class as groups, `[classes·n, values]` to `[classes, n, values]`.
    fn groups(&self, images: Tensor<2>) -> Groups {
        let classes = self.model.classes;
        let [count, values] = images.dims();
        let each = count / classes;
        let labels: Vec<i64> = (0..count).map(|at| (at / each) as i64).collect();
        let labels = IntTensor::from_data(TensorData::new(labels, [classes, each]), &images.device());
        Groups { images: images.reshape([classes, each, values]), labels }
    }

    fn augmented(&self, groups: Groups, changes: Option<&[Vec<Change>]>) -> Result<Groups> {
        let Some(changes) = changes else { return Ok(groups) };
        let [_, each, values] = groups.images.dims();
        let images = changes
            .iter()
            .enumerate()
            .map(|(class, change)| {
                let rows = groups.images.clone().narrow(0, class, 1).reshape([each, values]);
                Ok(apply(change, rows.transpose(), self.size)?.transpose())
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Groups { images: Tensor::stack(images, 0), labels: groups.labels })
    }

    /// The matching loss, differentiable in `images`, which record gradients.
    fn loss(
        &self,
        parameters: &[Tensor<2>],
        images: Tensor<2>,
        changes: Option<&[Vec<Change>]>,
        real: Vec<Tensor<3>>,
        matching: Matching,
    ) -> Result<Tensor<1>> {
        let parameters = tracked(parameters);
        let groups = self.augmented(self.groups(images), changes)?;
        let groups = match matching {
            Matching::ClassWise => groups,
            // Equally many images per class: the gradient of the mean loss over all is the mean of the class gradients.
            Matching::Contrastive => groups.joined(),
        };
        summed(self.model.gradients(&parameters, groups)?, real, matching)
    }

    /// Passes of a network over the images.
    fn train(&self, mut parameters: Vec<Tensor<2>>, set: &Uploaded, rng: &mut impl Rng) -> Result<Vec<Tensor<2>>> {
        let mut sgd = SgdConfig { lr: self.settings.lr_network, momentum: 0.0, weight_decay: 0.0 }.init();
        for _ in 0..self.schedule.epochs {
            for batch in batches(set, self.settings.network_batch, rng) {
                let columns = batch.columns();
                let columns = match self.augmentation {
                    Some(kinds) => apply(&shared_change(kinds, self.size, rng)?, columns, self.size)?,
                    None => columns,
                };
                let gradients = self.model.training_gradients(&parameters, columns, batch.device_labels())?;
                parameters = sgd.step(parameters, gradients);
            }
        }
        Ok(parameters)
    }

    /// Largest difference, relative to the largest value, between the image gradients by formula and by layers, at the
    /// images and the first network of a state.
    ///
    /// # Errors
    /// As [`Condensation::network`].
    pub fn second_order_gap(&self, state: &State, matching: Matching, lab: &Lab) -> Result<f64> {
        let mut rng = lab.rng("second order");
        let device = lab.device();
        let (classes, values) = (self.model.classes, self.size.values());
        let count = state.images.len() / values;
        let parameters = self.model.initial(&mut rng, device);
        let groups = self.real_groups(&self.real.by_class(classes), &mut rng);
        let gradient = |by_layers: bool| -> Result<Vec<f32>> {
            let gradients = |parameters: &[Tensor<2>], groups: Groups| {
                if by_layers {
                    self.model.layer_gradients(parameters, groups)
                } else {
                    self.model.gradients(parameters, groups)
                }
            };
            let real = gradients(&parameters, groups.clone())?;
            let data = TensorData::new(state.images.clone(), [count, values]);
            let leaf = Tensor::<2>::from_data(data, device).require_grad();
            let syn = gradients(&tracked(&parameters), self.groups(leaf.clone()))?;
            let loss = summed(syn, real, matching)?;
            Ok(leaf.grad(&loss.backward()).map(read_f32).unwrap_or_default())
        };
        let (by_formula, by_layers) = (gradient(false)?, gradient(true)?);
        let largest = by_layers.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let apart = by_formula.iter().zip(&by_layers).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        Ok(f64::from(apart / largest))
    }
}

/// Parameters as constants beside tensors that record gradients.
fn tracked(parameters: &[Tensor<2>]) -> Vec<Tensor<2>> {
    parameters.iter().map(|parameter| Tensor::from_inner(parameter.clone())).collect()
}

/// The matching loss summed over weights; real gradients come without records and are constants.
fn summed(syn: Vec<Tensor<3>>, real: Vec<Tensor<3>>, matching: Matching) -> Result<Tensor<1>> {
    let distances = syn.into_iter().zip(real).map(|(syn, real)| matching_loss(syn, Tensor::from_inner(real), matching));
    let sum = distances.reduce(|a, b| Ok(a? + b?));
    sum.unwrap_or_else(|| Err(Error::Failed("the network has no weights to match".into())))
}

/// A set in random batches; the whole set where it fits in one.
pub fn batches(set: &Uploaded, size: usize, rng: &mut impl Rng) -> Vec<Uploaded> {
    if set.len() <= size {
        return vec![set.clone()];
    }
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.shuffle(rng);
    order.chunks(size).map(|batch| set.select(batch)).collect()
}
