//! A contrastive step: two views of each image, each to find the other.

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use harness_core::Result;
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use papers_kit::classify::cross_entropy;
use papers_kit::encoder::{Conv3Bn, Conv3BnConfig};
use papers_kit::image_set::ImageSize;
use papers_kit::nn::{Init, linear};
use papers_kit::resnet::Mode;
use papers_kit::similarity::normalize_rows;

use crate::perceptron::RATE;
use crate::{Step, Take, batch, flops};

const BATCH: usize = 128;
const SIDE: usize = 28;
const FEATURES: usize = 64;
const EMBEDDING: usize = 64;
const TEMPERATURE: f64 = 0.5;

pub const STEP: Step = Step {
    name: "simclr",
    about: "three strided 3x3 convolutions 16-32-64 with batch norms, head 64-64, both views of 128 images of 28x28, NT-Xent, Adam",
    flops: || {
        let n = 2 * BATCH;
        2.0 * flops::convolution(n, 14 * 14, 1, 3, 16)
            + 3.0 * flops::convolution(n, 7 * 7, 16, 3, 32)
            + 3.0 * flops::convolution(n, 4 * 4, 32, 3, 64)
            + 3.0 * flops::product(n, FEATURES, EMBEDDING)
            + 3.0 * flops::product(n, EMBEDDING, n)
    },
    build,
};

#[derive(Module, Debug)]
struct Model<B: burn::tensor::backend::Backend = Backend> {
    encoder: Conv3Bn<B>,
    head: Linear<B>,
}

fn build(device: &Device) -> Result<Take> {
    let mut rng = batch::stream("init");
    let size = ImageSize { channels: 1, height: SIDE, width: SIDE };
    let mut model = Model {
        encoder: Conv3Bn::new(&Conv3BnConfig::default(), size, &mut rng, device),
        head: linear(FEATURES, EMBEDDING, true, Init::LeCun, &mut rng, device),
    };
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let n = 2 * BATCH;
    let views: Tensor<4> = batch::pixels([n, 1, SIDE, SIDE], device);
    // The other view of image i is i + BATCH and the other way round; a view is never its own partner.
    let partners: Vec<i64> = (0..n).map(|at| ((at + BATCH) % n) as i64).collect();
    let partners = IntTensor::from_data(TensorData::new(partners, [n]), device);
    let own: Vec<f32> = (0..n * n).map(|at| if at / n == at % n { f32::NEG_INFINITY } else { 0.0 }).collect();
    let own: Tensor<2> = Tensor::from_data(TensorData::new(own, [n, n]), device);
    Ok(Box::new(move || {
        let features = model.encoder.features(views.clone(), Mode::Train);
        let z = normalize_rows(model.head.forward(features), 1e-12); // [2·batch, embedding]
        let logits = z.clone().matmul(z.transpose()) / TEMPERATURE + own.clone();
        let loss = cross_entropy(logits, partners.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
