//! The classifiers that are trained, behind one interface on flat inputs.

use burn::module::Module;
use burn::tensor::activation::softmax;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::backprop;
use papers_kit::mlp::{Activation, Mlp};
use papers_kit::resnet::{Mode, ResNet};
use rand::Rng;

use super::dataset::ImageSize;
use super::settings::ModelSettings;

/// A residual network that takes images as rows.
#[derive(Module, Debug)]
pub struct FlatResNet<B: burn::tensor::backend::Backend = Backend> {
    network: ResNet<B>,
    channels: usize,
    height: usize,
    width: usize,
}

/// A classifier of rows `[n, inputs]`.
#[expect(clippy::large_enum_variant, reason = "a trial holds one")]
#[derive(Module, Debug)]
pub enum Network<B: burn::tensor::backend::Backend = Backend> {
    /// A perceptron with ReLU.
    Mlp(Mlp<B>),
    /// A residual network.
    ResNet(FlatResNet<B>),
}

impl FlatResNet {
    fn images(&self, x: Tensor<2>) -> Tensor<4> {
        let [n, _] = x.dims();
        x.reshape([n, self.channels, self.height, self.width])
    }
}

impl Network {
    /// A network with weights from the stream.
    pub fn new(model: &ModelSettings, size: ImageSize, classes: usize, rng: &mut impl Rng, device: &Device) -> Self {
        match model {
            ModelSettings::Mlp { hidden } => {
                let widths: Vec<usize> =
                    std::iter::once(size.values()).chain(hidden.iter().copied()).chain([classes]).collect();
                Network::Mlp(Mlp::new(&widths, Activation::Relu, rng, device))
            }
            ModelSettings::Resnet { stages, blocks } => Network::ResNet(FlatResNet {
                network: ResNet::new(size.channels, stages, *blocks, classes, rng, device),
                channels: size.channels,
                height: size.height,
                width: size.width,
            }),
        }
    }

    /// Logits `[n, inputs]` to `[n, classes]`, with batch norms, where there are any, in the named behaviour.
    pub fn logits(&self, x: Tensor<2>, mode: Mode) -> Tensor<2> {
        match self {
            Network::Mlp(model) => model.forward(x),
            Network::ResNet(model) => model.network.forward(model.images(x), mode),
        }
    }

    /// ⟨vᵢ, ∂ℓᵢ/∂xᵢ⟩ with vᵢ = `free`ᵢ ⊙ ∂ℓᵢ/∂xᵢ held constant, in evaluation behaviour, `[n]`, recorded for reverse
    /// mode over the parameters.
    ///
    /// A perceptron's input gradient is written out layer by layer. Through a residual network the same number is
    /// taken as the derivative of the loss along v.
    pub fn squared_input_gradient(&self, x: Tensor<2>, labels: IntTensor<1>, free: Tensor<2>) -> Tensor<1> {
        match self {
            Network::Mlp(model) => {
                let gradient = backprop::input_gradient(model, x, labels).gradient;
                let v = gradient.clone().detach() * free;
                (gradient * v).sum_dim(1).squeeze_dim(1)
            }
            Network::ResNet(model) => {
                let frozen = self.clone().no_grad();
                let gradient = papers_kit::attack::input_gradient(x.clone(), |x| {
                    papers_kit::classify::cross_entropy(frozen.logits(x, Mode::Evaluate), labels.clone())
                });
                let (logits, tangent) = model.network.forward_tangent(model.images(x), model.images(gradient * free));
                // d/dt of logsumexp(z) − z_y along the tangent of z.
                let mean = (softmax(logits, 1) * tangent.clone()).sum_dim(1);
                (mean - tangent.gather(1, labels.unsqueeze_dim(1))).squeeze_dim(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    /// Both ways of taking the derivative give ‖M ⊙ ∂ℓ/∂x‖².
    #[test]
    fn the_value_is_the_squared_norm_of_the_free_gradient() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let size = ImageSize { channels: 1, height: 4, width: 4 };
        let models =
            [ModelSettings::Mlp { hidden: vec![12, 8] }, ModelSettings::Resnet { stages: vec![3, 4], blocks: 1 }];
        for model in models {
            let mut rng = harness_core::rng::stream("test", "network", 0);
            let network = Network::new(&model, size, 3, &mut rng, &device);
            let x = papers_kit::init::uniform([5, 16], 1.0, &mut rng, &device);
            network.logits(x.clone(), Mode::Train);
            let labels = IntTensor::<1>::from_data([0, 1, 2, 0, 1], &device);
            let free = x.clone().zeros_like().mask_fill(x.clone().greater_elem(-0.2), 1.0);
            let gradient = papers_kit::attack::input_gradient(x.clone(), |x| {
                papers_kit::classify::cross_entropy(network.logits(x, Mode::Evaluate), labels.clone())
            });
            let expected = read_f32((gradient.square() * free.clone()).sum_dim(1).squeeze_dim::<1>(1));
            let found = network.squared_input_gradient(x, labels, free);
            let values = read_f32(found.clone());
            for (got, want) in values.iter().zip(&expected) {
                assert!((got - want).abs() <= 1e-6 + 1e-4 * want, "{model:?}: {got} instead of {want}");
            }
            // It reaches the parameters.
            let gradients = burn::optim::GradientsParams::from_grads(found.sum().backward(), &network);
            assert!(!gradients.is_empty());
        }
    }
}
