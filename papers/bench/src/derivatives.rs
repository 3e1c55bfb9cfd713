//! A network trained on its second derivatives.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use harness_core::Result;
use harness_core::backend::{Device, Tensor};
use papers_kit::jet::{Direction, Jet};
use papers_kit::mlp::{Activation, Mlp};

use crate::perceptron::RATE;
use crate::{Step, Take, batch, flops};

const POINTS: usize = 1024;
const WIDTHS: [usize; 5] = [2, 64, 64, 64, 1];

pub const STEP: Step = Step {
    name: "jets",
    about: "tanh perceptron 2-64-64-64-1, residual of a Poisson equation at 1024 points, Adam",
    // The value and two derivatives along each of two axes: five blocks of rows.
    flops: || flops::training(5 * POINTS, &WIDTHS),
    build,
};

fn build(device: &Device) -> Result<Take> {
    let mut model = Mlp::new(&WIDTHS, Activation::Tanh, &mut batch::stream("init"), device);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let points: Tensor<2> = batch::pixels([POINTS, 2], device);
    let source = (points.clone() * std::f64::consts::PI).sin().sum_dim(1); // [points, 1]
    let input = Jet::input(points, &Direction::axes(2, 2))?;
    Ok(Box::new(move || {
        let u = model.jet(&input)?;
        let residual = u.derivative(0, 2)? + u.derivative(1, 2)? - source.clone();
        let loss = residual.square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
