//! A step of dataset condensation: gradients of real images, gradients of synthetic ones that are differentiable in
//! them, a step of the images, a step of the network.

use burn::tensor::TensorData;
use harness_core::backend::{Device, IntTensor, Tensor};
use harness_core::{Error, Result};
use papers_distillation::dcc::{Groups, Matching, group_gradients, matching_loss};
use papers_kit::backprop::{LayerConfig, Network, SgdConfig, cross_entropy};
use papers_kit::image_set::ImageSize;
use papers_kit::nn::Init;

use crate::{Step, Take, batch, flops};

const CLASSES: usize = 10;
/// Real images per class.
const REAL: usize = 16;
const SIDE: usize = 14;
const CHANNELS: usize = 16;
const RATE_IMAGES: f64 = 0.1;
const RATE_NETWORK: f64 = 0.01;

pub const STEP: Step = Step {
    name: "condense",
    about: "contrastive gradient matching of 10 synthetic and 160 real images of 14x14 by a network of two 3x3 convolutions of 16 with instance norms, SGD",
    // Forward and gradients of weights for the real ones and for training on the synthetic ones; these again, and
    // their backward pass, which is twice as much, for the matching.
    flops: || {
        let pass = |n: usize| {
            let first = flops::convolution(n, SIDE * SIDE, 1, 3, CHANNELS);
            let second = flops::convolution(n, SIDE * SIDE / 4, CHANNELS, 3, CHANNELS);
            let head = flops::product(n, CHANNELS * 9, CLASSES);
            2.0 * first + 3.0 * (second + head)
        };
        pass(CLASSES * REAL) + 4.0 * pass(CLASSES)
    },
    build,
};

fn build(device: &Device) -> Result<Take> {
    let mut layers = Vec::new();
    for _ in 0..2 {
        layers.extend([
            LayerConfig::Convolution { outputs: CHANNELS, kernel: 3, stride: 1, padding: 1, bias: true },
            LayerConfig::InstanceNorm { epsilon: 1e-5 },
            LayerConfig::Relu,
            LayerConfig::AveragePool { size: 2 },
        ]);
    }
    layers.push(LayerConfig::Linear { outputs: CLASSES, bias: true });
    let network = Network::new(ImageSize { channels: 1, height: SIDE, width: SIDE }, &layers)?;
    let mut rng = batch::stream("init");
    let parameters = network.initial(Init::Uniform, &mut rng, device);
    let mut parameters: Vec<Tensor<2>> = parameters.into_iter().map(Tensor::inner).collect();
    let values = SIDE * SIDE;
    let labels = |each: usize| {
        let labels: Vec<i64> = (0..CLASSES * each).map(|at| (at / each) as i64).collect();
        IntTensor::<2>::from_data(TensorData::new(labels, [1, CLASSES * each]), device)
    };
    let real: Tensor<3> = batch::pixels([1, CLASSES * REAL, values], device).inner();
    let mut images = real.clone().reshape([CLASSES, REAL, values]).narrow(1, 0, 1).reshape([CLASSES, values]);
    let (real_labels, labels) = (labels(REAL), labels(1));
    let mut sgd = SgdConfig { lr: RATE_NETWORK, momentum: 0.0, weight_decay: 0.0 }.init();
    Ok(Box::new(move || {
        let groups = Groups { images: real.clone(), labels: real_labels.clone() };
        let goal = group_gradients(&network, &parameters, groups)?;
        let leaf = Tensor::<2>::from_inner(images.clone()).require_grad();
        let tracked: Vec<Tensor<2>> = parameters.iter().cloned().map(Tensor::from_inner).collect();
        let groups = Groups { images: leaf.clone().unsqueeze_dim(0), labels: labels.clone() };
        let found = group_gradients(&network, &tracked, groups)?;
        let mut loss: Option<Tensor<1>> = None;
        for (found, goal) in found.into_iter().zip(goal) {
            let layer = matching_loss(found, Tensor::from_inner(goal), Matching::Contrastive)?;
            loss = Some(match loss {
                Some(sum) => sum + layer,
                None => layer,
            });
        }
        let missing = || Error::Failed("the matching loss does not depend on the images".into());
        let loss = loss.ok_or_else(missing)?;
        let gradient = leaf.grad(&loss.backward()).ok_or_else(missing)?;
        images = images.clone() - gradient * RATE_IMAGES;
        let pass = network.forward(&parameters, images.clone().transpose())?;
        let error = cross_entropy(pass.output(), labels.clone().reshape([CLASSES])).gradient;
        let gradients = pass.parameter_gradients(error)?;
        drop(pass);
        parameters = sgd.step(std::mem::take(&mut parameters), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
