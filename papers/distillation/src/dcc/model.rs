//! The networks that images are condensed with and judged by.

use harness_core::prelude::*;
use papers_kit::backprop::{LayerConfig, Network, cross_entropy};
use papers_kit::image_set::ImageSize;
use papers_kit::nn::Init;
use rand::Rng;

use super::gradients::{Groups, group_gradients, perceptron_gradients};
use super::settings::{NetworkKind, NetworkSettings};

/// A network and which way its gradients are taken.
#[derive(Debug)]
pub struct Model {
    /// The layers.
    pub network: Network,
    /// Number of classes.
    pub classes: usize,
    kind: NetworkKind,
}

impl Model {
    /// A network for images of `size`.
    ///
    /// # Errors
    /// [`Error::Input`] where the images are too small for its blocks.
    pub fn new(kind: NetworkKind, settings: NetworkSettings, size: ImageSize, classes: usize) -> Result<Self> {
        let mut layers = Vec::new();
        match kind {
            NetworkKind::Mlp => {
                layers.extend([LayerConfig::Linear { outputs: settings.hidden, bias: true }, LayerConfig::Relu]);
            }
            NetworkKind::Convnet => {
                for _ in 0..settings.blocks {
                    layers.extend([
                        LayerConfig::Convolution {
                            outputs: settings.channels,
                            kernel: 3,
                            stride: 1,
                            padding: 1,
                            bias: true,
                        },
                        LayerConfig::InstanceNorm { epsilon: 1e-5 },
                        LayerConfig::Relu,
                        LayerConfig::AveragePool { size: 2 },
                    ]);
                }
            }
        }
        layers.push(LayerConfig::Linear { outputs: classes, bias: true });
        Ok(Model { network: Network::new(size, &layers)?, classes, kind })
    }

    /// Fresh random parameters, without recorded gradients.
    pub fn initial(&self, rng: &mut impl Rng, device: &Device) -> Vec<Tensor<2>> {
        self.network.initial(Init::Uniform, rng, device).into_iter().map(Tensor::inner).collect()
    }

    /// Gradients of the weights for each group: by formula for the perceptron, by layers otherwise.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes do not fit.
    pub fn gradients(&self, parameters: &[Tensor<2>], groups: Groups) -> Result<Vec<Tensor<3>>> {
        match self.kind {
            NetworkKind::Mlp => perceptron_gradients(parameters, groups),
            NetworkKind::Convnet => self.layer_gradients(parameters, groups),
        }
    }

    /// As [`Model::gradients`], by layers whatever the network.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes do not fit.
    pub fn layer_gradients(&self, parameters: &[Tensor<2>], groups: Groups) -> Result<Vec<Tensor<3>>> {
        group_gradients(&self.network, parameters, groups)
    }

    /// Gradients of all parameters of the mean cross-entropy of images `[values, n]`.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes do not fit.
    pub fn training_gradients(
        &self,
        parameters: &[Tensor<2>],
        columns: Tensor<2>,
        labels: IntTensor<1>,
    ) -> Result<Vec<Tensor<2>>> {
        let pass = self.network.forward(parameters, columns)?;
        pass.parameter_gradients(cross_entropy(pass.output(), labels).gradient)
    }

    /// What enters the last layer, `[width, n]`.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes do not fit.
    pub fn features(&self, parameters: &[Tensor<2>], columns: Tensor<2>) -> Result<Tensor<2>> {
        self.network.hidden(parameters, columns, self.network.depth() - 1)
    }
}
