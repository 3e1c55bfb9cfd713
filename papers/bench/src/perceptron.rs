//! A perceptron on images.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use harness_core::Result;
use harness_core::backend::{Device, Tensor};
use papers_kit::classify::cross_entropy;
use papers_kit::mlp::{Activation, Mlp};

use crate::{Step, Take, batch, flops};

pub const BATCH: usize = 128;
pub const WIDTHS: [usize; 4] = [784, 256, 256, 10];
pub const RATE: f64 = 1e-3;

pub const STEP: Step = Step {
    name: "mlp",
    about: "perceptron 784-256-256-10, batch 128, cross-entropy, Adam",
    flops: || flops::training(BATCH, &WIDTHS),
    build,
};

fn build(device: &Device) -> Result<Take> {
    let mut model = Mlp::new(&WIDTHS, Activation::Relu, &mut batch::stream("init"), device);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let x: Tensor<2> = batch::pixels([BATCH, WIDTHS[0]], device);
    let labels = batch::labels(BATCH, 10, device);
    Ok(Box::new(move || {
        let loss = cross_entropy(model.forward(x.clone()), labels.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
