//! Adversarial training: ten steps of an attack, then one of the model.

use burn::module::Module;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, Optimizer, SgdConfig};
use harness_core::Result;
use harness_core::backend::{Device, Tensor};
use papers_kit::attack::PgdConfig;
use papers_kit::classify::cross_entropy;
use papers_kit::mlp::{Activation, Mlp};

use crate::perceptron::{BATCH, WIDTHS};
use crate::{Step, Take, batch, flops};

const STEPS: usize = 10;
const RATE: f64 = 0.05;

pub const STEP: Step = Step {
    name: "pgd",
    about: "PGD-10 against a perceptron 784-256-256-10, batch 128, then a step of SGD with momentum",
    // An attack goes forward and back to the inputs, without gradients of weights.
    flops: || STEPS as f64 * 2.0 * flops::layers(BATCH, &WIDTHS) + flops::training(BATCH, &WIDTHS),
    build,
};

fn build(device: &Device) -> Result<Take> {
    let mut model = Mlp::new(&WIDTHS, Activation::Relu, &mut batch::stream("init"), device);
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    let mut optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let attack = PgdConfig::new(0.02, 0.005, STEPS).init()?;
    let clean: Tensor<2> = batch::pixels([BATCH, WIDTHS[0]], device);
    let labels = batch::labels(BATCH, 10, device);
    Ok(Box::new(move || {
        let frozen = model.clone().no_grad();
        let x = attack.attack(clean.clone(), clean.clone(), |x| cross_entropy(frozen.forward(x), labels.clone()));
        let loss = cross_entropy(model.forward(x), labels.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
