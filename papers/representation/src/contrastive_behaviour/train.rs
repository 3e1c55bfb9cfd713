//! Model and contrastive training.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, GradientsParams, Optimizer, SgdConfig};
use harness_core::backend::{Backend, Device};
use harness_core::data::load::{Split, cifar10, mnist_like};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::augment::views;
use papers_kit::bumps::bumps;
use papers_kit::encoder::Encoder;
use papers_kit::image_set::{ImageSet, ImageSize};
use papers_kit::nn::{Init, linear};
use papers_kit::resnet::{Mode, batch_norm};
use papers_kit::schedule::cosine;
use papers_kit::similarity::normalize_rows;
use rand::seq::SliceRandom;

use super::settings::{DataId, HeadSettings, Loss, OptimizerSettings, Settings};

/// An encoder with a head on top, which only the loss sees.
#[derive(Module, Debug)]
pub struct Model<B: burn::tensor::backend::Backend = Backend> {
    encoder: Encoder<B>,
    head: Linear<B>,
    /// Its scale and offset stay 1 and 0.
    norm: Option<BatchNorm<B>>,
}

impl Model {
    /// A model for images of `size`: the same weights for all arms of a seed.
    pub fn new(settings: &Settings, size: ImageSize, lab: &Lab) -> Self {
        let mut rng = lab.rng("init");
        let encoder = settings.encoder.init(size, &mut rng, lab.device());
        let HeadSettings { embedding, batch_norm } = settings.head;
        // The batch norm would only subtract a bias again.
        let head = linear(settings.encoder.features(), embedding, !batch_norm, Init::LeCun, &mut rng, lab.device());
        let norm = batch_norm.then(|| BatchNormConfig::new(embedding).init(lab.device()).no_grad());
        Model { encoder, head, norm }
    }

    /// Features h, `[n, features]`, which probes judge.
    pub fn features(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        self.encoder.forward(images, mode)
    }

    /// Unit embeddings of features, `[n, embedding]`, which the loss compares.
    pub fn embed(&self, features: Tensor<2>, mode: Mode) -> Tensor<2> {
        let outputs = self.head.forward(features);
        let outputs = match &self.norm {
            Some(norm) => {
                let [n, width] = outputs.dims();
                batch_norm(norm, outputs.reshape([n, width, 1, 1]), mode).reshape([n, width])
            }
            None => outputs,
        };
        normalize_rows(outputs, 1e-12)
    }
}

/// Training and test images: the same for all arms of a seed.
///
/// # Errors
/// Where the data set cannot be read or has fewer images than the settings ask for.
pub fn images(settings: &Settings, lab: &mut Lab) -> Result<(ImageSet, ImageSet)> {
    let asked = &settings.images;
    let (mut train_rng, mut test_rng) = (lab.rng("training images"), lab.rng("test images"));
    let real = match asked.data {
        Some(id) => match lab.data(id.name())? {
            Data::Real(set) => Some((id, set)),
            Data::Synthetic => None,
        },
        None => None,
    };
    if let Some((id, set)) = real {
        let load = |split| match id {
            DataId::FashionMnist => mnist_like(&set, split),
            DataId::Cifar10 => cifar10(&set, split),
        };
        let train = ImageSet::draw(&load(Split::Train)?, asked.train, &mut train_rng)?;
        return Ok((train, ImageSet::draw(&load(Split::Test)?, asked.test, &mut test_rng)?));
    }
    let ImageSize { height, width, .. } = settings.synthetic_size();
    let draw = |count, rng| bumps(asked.synthetic_classes, count, height, width, rng);
    Ok((draw(asked.train, &mut train_rng), draw(asked.test, &mut test_rng)))
}

/// Trains a model with the named optimiser. Without a loss it takes no step: the views only settle the running statistics
/// of its batch norms.
///
/// # Errors
/// [`Error::Diverged`] where the loss is not finite, and what ends the trial.
pub fn train(
    model: Model,
    loss: Option<&Loss>,
    images: &ImageSet,
    settings: &Settings,
    lab: &mut Lab,
) -> Result<Model> {
    match settings.training.optimizer {
        OptimizerSettings::AdamW { weight_decay, .. } => {
            let optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(weight_decay as f32);
            fit(model, optimizer.init(), loss, images, settings, lab)
        }
        OptimizerSettings::Sgd { momentum, weight_decay, .. } => {
            let momentum = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0);
            let decay = (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32));
            let optimizer = SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(decay);
            fit(model, optimizer.init(), loss, images, settings, lab)
        }
    }
}

fn fit(
    mut model: Model,
    mut optimizer: impl Optimizer<Model, Backend>,
    loss: Option<&Loss>,
    images: &ImageSet,
    settings: &Settings,
    lab: &mut Lab,
) -> Result<Model> {
    let training = &settings.training;
    let device: Device = lab.device().clone();
    // Opened once: every arm sees the same batches and the same views.
    let (mut batch_rng, mut view_rng) = (lab.rng("batches"), lab.rng("views"));
    let mut order: Vec<usize> = (0..images.len()).collect();
    let steps_per_epoch = images.len() / training.batch;
    let total = training.epochs * steps_per_epoch;
    let mut bank = Bank::new(training.bank);
    for epoch in 0..training.epochs {
        order.shuffle(&mut batch_rng);
        let mut sum: Option<Tensor<1>> = None;
        for (at, batch) in order.chunks_exact(training.batch).enumerate() {
            let step = epoch * steps_per_epoch + at;
            // Two views of each image, first all first ones: [2·batch, channels, h, w].
            let pairs = [batch, batch].concat();
            let views = views(images, &pairs, &settings.augmentation, &mut view_rng, &device);
            let z = model.embed(model.features(views, Mode::Train), Mode::Train); // [2·batch, embedding]
            lab.progress(step as u64 + 1, total as u64)?;
            let Some(loss) = loss else {
                // Nobody wants these gradients, but the recorded passes of all steps would otherwise stay in memory.
                drop(z.sum().backward());
                continue;
            };
            let first = z.clone().narrow(0, 0, batch.len());
            let second = z.narrow(0, batch.len(), batch.len());

            let there = first.clone().matmul(bank.beside(second.clone()).transpose());
            let back = second.clone().matmul(bank.beside(first).transpose());
            let value = (loss.forward(there)? + loss.forward(back)?) / 2.0;
            bank.push(second);

            let kept = value.clone().inner();
            sum = Some(match sum {
                Some(sum) => sum + kept,
                None => kept,
            });
            let gradients = GradientsParams::from_grads(value.backward(), &model);
            model = optimizer.step(training.optimizer.lr() * cosine(step, total), model, gradients);
        }
        let Some(sum) = sum else { continue };
        let mean = f64::from(read_f32(sum).iter().sum::<f32>()) / steps_per_epoch as f64;
        if !mean.is_finite() {
            return Err(Error::Diverged(format!("the training loss is {mean} in epoch {}", epoch + 1)));
        }
        lab.series("train_loss", (epoch + 1) as f64, mean);
    }
    Ok(model)
}

/// Embeddings of earlier steps, without gradients, the newest first.
struct Bank {
    size: usize,
    rows: Option<Tensor<2>>,
}

impl Bank {
    fn new(size: usize) -> Self {
        Bank { size, rows: None }
    }

    /// `embeddings` followed by the bank.
    fn beside(&self, embeddings: Tensor<2>) -> Tensor<2> {
        match &self.rows {
            Some(rows) => Tensor::cat(vec![embeddings, rows.clone()], 0),
            None => embeddings,
        }
    }

    fn push(&mut self, embeddings: Tensor<2>) {
        if self.size > 0 {
            let rows = self.beside(embeddings.detach());
            let [have, _] = rows.dims();
            self.rows = Some(rows.narrow(0, 0, have.min(self.size)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn the_bank_keeps_the_newest_and_no_gradients() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let row = |value: f32| Tensor::<2>::from_data([[value], [value + 0.5]], &device);
        let mut bank = Bank::new(3);
        assert_eq!(read_f32(bank.beside(row(9.0))), [9.0, 9.5]);
        let tracked = row(1.0).require_grad();
        bank.push(tracked.clone());
        assert_eq!(read_f32(bank.beside(row(9.0))), [9.0, 9.5, 1.0, 1.5]);
        assert!(tracked.grad(&(bank.beside(row(9.0).require_grad()).sum().backward())).is_none());
        bank.push(row(2.0));
        assert_eq!(read_f32(bank.beside(row(9.0))), [9.0, 9.5, 2.0, 2.5, 1.0]);
        let mut none = Bank::new(0);
        none.push(row(1.0));
        assert_eq!(read_f32(none.beside(row(9.0))), [9.0, 9.5]);
    }
}
