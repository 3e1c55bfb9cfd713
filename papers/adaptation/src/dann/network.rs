//! The deep network: features, label predictor, domain classifier.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use harness_core::backend::{Backend, Device, Tensor};
use papers_kit::encoder::Encoder;
use papers_kit::image_set::ImageSize;
use papers_kit::nn::{Init, linear};
use papers_kit::resnet::Mode;
use rand::Rng;

use super::reversal::gradient_reversal;
use super::settings::Deep;

/// G_f, G_y and G_d.
#[derive(Module, Debug)]
pub struct DannNetwork<B: burn::tensor::backend::Backend = Backend> {
    /// G_f, images to features.
    pub encoder: Encoder<B>,
    label: Linear<B>,
    domain_hidden: Linear<B>,
    domain_output: Linear<B>,
}

impl DannNetwork {
    /// A network for images of `size` and `classes` classes, weights drawn in the order of the fields.
    pub fn new(settings: &Deep, size: ImageSize, classes: usize, rng: &mut impl Rng, device: &Device) -> Self {
        let width = settings.encoder.features();
        DannNetwork {
            encoder: settings.encoder.init(size, rng, device),
            label: linear(width, classes, true, Init::LeCun, rng, device),
            domain_hidden: linear(width, settings.domain_hidden, true, Init::He, rng, device),
            domain_output: linear(settings.domain_hidden, 1, true, Init::LeCun, rng, device),
        }
    }

    /// f = G_f(x), `[n, channels, h, w]` to `[n, features]`.
    pub fn features(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        self.encoder.forward(images, mode)
    }

    /// Class logits G_y(f), `[n, classes]`.
    pub fn classes(&self, features: Tensor<2>) -> Tensor<2> {
        self.label.forward(features)
    }

    /// Domain logits G_d(R_λ(f)), `[n]`, above 0 for the source.
    pub fn domains(&self, features: Tensor<2>, lambda: f64) -> Tensor<1> {
        let hidden = relu(self.domain_hidden.forward(gradient_reversal(features, lambda)));
        self.domain_output.forward(hidden).squeeze_dim(1)
    }
}
