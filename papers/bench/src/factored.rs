//! Exact steps of an output layer of many classes.

use harness_core::Result;
use harness_core::backend::Device;
use papers_classification::z_loss::{FactoredLayer, ZLossConfig};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::{Step, Take, batch};

const CLASSES: usize = 100_000;
const WIDTH: usize = 64;
const EXAMPLES: usize = 50;
const RATE: f64 = 0.1;

pub const STEP: Step = Step {
    name: "factored",
    about: "Z-loss layer of 100,000 classes and width 64, 50 examples one after the other, SGD",
    // Of each example: five products of a matrix of the width with a vector, and four outer products.
    flops: || (EXAMPLES * 9 * 2 * WIDTH * WIDTH) as f64,
    build,
};

fn build(_device: &Device) -> Result<Take> {
    let mut rng = batch::stream("init");
    let mut draw = |count: usize, scale: f32| -> Vec<f32> {
        (0..count).map(|_| scale * Distribution::<f32>::sample(&StandardNormal, &mut rng)).collect()
    };
    let mut layer = FactoredLayer::new(&draw(CLASSES * WIDTH, 0.1), CLASSES, WIDTH)?;
    let hidden: Vec<Vec<f32>> = (0..EXAMPLES).map(|_| draw(WIDTH, 0.3)).collect();
    let mut rng = batch::stream("labels");
    let targets: Vec<usize> = (0..EXAMPLES).map(|_| rng.random_range(0..CLASSES)).collect();
    let loss = ZLossConfig::new().init()?;
    Ok(Box::new(move || {
        let mut sum = 0.0;
        for (hidden, target) in hidden.iter().zip(&targets) {
            sum += layer.update(hidden, *target, RATE, &loss)?.loss;
        }
        Ok(sum / EXAMPLES as f64)
    }))
}
