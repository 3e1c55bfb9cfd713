//! A small convolutional network.

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::tensor::activation::relu;
use harness_core::Result;
use harness_core::backend::{Backend, Device, Tensor};
use papers_kit::classify::cross_entropy;
use papers_kit::gather_conv::{GatherConv, as_columns, max_pool};
use papers_kit::image_set::ImageSize;
use papers_kit::nn::{Conv, Init, linear};

use crate::perceptron::RATE;
use crate::{Step, Take, batch, flops};

const BATCH: usize = 64;
const SIDE: usize = 28;
const CHANNELS: [usize; 2] = [32, 64];
const FEATURES: usize = CHANNELS[1] * SIDE * SIDE / 16;

pub const STEP: Step = Step {
    name: "cnn",
    about: "two 3x3 convolutions 32-64 with 2x2 max pools, linear head; 64 images of 28x28, cross-entropy, Adam",
    flops: || {
        2.0 * flops::convolution(BATCH, SIDE * SIDE, 1, 3, CHANNELS[0])
            + 3.0 * flops::convolution(BATCH, SIDE * SIDE / 4, CHANNELS[0], 3, CHANNELS[1])
            + 3.0 * flops::product(BATCH, FEATURES, 10)
    },
    build,
};

#[derive(Module, Debug)]
struct Model<B: burn::tensor::backend::Backend = Backend> {
    convolutions: Vec<GatherConv<B>>,
    head: Linear<B>,
}

impl Model {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.convolutions.iter().fold(as_columns(images), |maps, layer| {
            let [height, width] = layer.positions();
            max_pool(relu(layer.forward(maps)), ImageSize { channels: layer.outputs(), height, width })
        });
        self.head.forward(maps.swap_dims(0, 1)) // [n, features]
    }
}

fn build(device: &Device) -> Result<Take> {
    let mut rng = batch::stream("init");
    let mut layer = |inputs, outputs, side: usize| {
        let size = Conv { inputs, outputs, kernel: 3, stride: 1, padding: 1, bias: true };
        GatherConv::new(size, [side, side], Init::He, &mut rng, device)
    };
    let convolutions = vec![layer(1, CHANNELS[0], SIDE), layer(CHANNELS[0], CHANNELS[1], SIDE / 2)];
    let mut model = Model { convolutions, head: linear(FEATURES, 10, true, Init::LeCun, &mut rng, device) };
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let images: Tensor<4> = batch::pixels([BATCH, 1, SIDE, SIDE], device);
    let labels = batch::labels(BATCH, 10, device);
    Ok(Box::new(move || {
        let loss = cross_entropy(model.forward(images.clone()), labels.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
