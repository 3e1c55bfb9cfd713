//! The classifier: two hidden layers that respond to the hyper-parameters, or plain ones that start alike.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::nn::{Init, linear};
use rand::Rng;

use super::hyper_linear::{HyperLinear, HyperLinearConfig};

/// A hidden layer.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has two of them")]
enum Layer<B: burn::tensor::backend::Backend = Backend> {
    /// Its weights are what they are.
    Plain(Linear<B>),
    /// Its weights respond to the hyper-parameters.
    Hyper(HyperLinear<B>),
}

impl Layer {
    fn forward(&self, x: Tensor<2>, response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        match (self, response) {
            (Layer::Plain(layer), _) => Ok(layer.forward(x)),
            (Layer::Hyper(layer), Some(h)) => layer.forward(x, h.clone()),
            (Layer::Hyper(_), None) => {
                Err(Error::Failed("a layer that responds to hyper-parameters was called without them".into()))
            }
        }
    }
}

/// Inputs → hidden → ReLU → dropout → hidden → ReLU → dropout → classes; the last layer is always plain.
#[derive(Module, Debug)]
pub struct Network<B: burn::tensor::backend::Backend = Backend> {
    first: Layer<B>,
    second: Layer<B>,
    head: Linear<B>,
}

/// Sizes of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkSizes {
    /// Values of an input.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
    /// Number of classes.
    pub classes: usize,
}

impl Network {
    /// A plain network; `rng` gives the same weights to [`Network::responding`].
    pub fn plain(sizes: NetworkSizes, rng: &mut impl Rng, device: &Device) -> Self {
        let NetworkSizes { inputs, hidden, classes } = sizes;
        Network {
            first: Layer::Plain(linear(inputs, hidden, true, Init::Uniform, rng, device)),
            second: Layer::Plain(linear(hidden, hidden, true, Init::Uniform, rng, device)),
            head: linear(hidden, classes, true, Init::Uniform, rng, device),
        }
    }

    /// A network that responds to `hyperparameters` numbers; `response` gives the weights that a plain one lacks.
    pub fn responding(
        sizes: NetworkSizes,
        hyperparameters: usize,
        rng: &mut impl Rng,
        response: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let NetworkSizes { inputs, hidden, classes } = sizes;
        Network {
            first: Layer::Hyper(HyperLinearConfig::new(inputs, hidden, hyperparameters).init(rng, response, device)),
            second: Layer::Hyper(HyperLinearConfig::new(hidden, hidden, hyperparameters).init(rng, response, device)),
            head: linear(hidden, classes, true, Init::Uniform, rng, device),
        }
    }

    /// Logits `[B, inputs]` to `[B, classes]`. `dropout` holds the factors of the units of both hidden layers, `[B, hidden]`
    /// each, and is absent where nothing is dropped; `response` holds the response input, `[B, H]`.
    ///
    /// # Errors
    /// [`Error::Failed`] where a responding network gets no response input, [`Error::Input`] where its shape is wrong.
    pub fn logits(
        &self,
        x: Tensor<2>,
        dropout: Option<[Tensor<2>; 2]>,
        response: Option<Tensor<2>>,
    ) -> Result<Tensor<2>> {
        let mut hidden = x;
        let [first, second] = dropout.map_or([None, None], |[first, second]| [Some(first), Some(second)]);
        for (layer, factors) in [(&self.first, first), (&self.second, second)] {
            hidden = relu(layer.forward(hidden, response.as_ref())?);
            if let Some(factors) = factors {
                hidden = hidden * factors;
            }
        }
        Ok(self.head.forward(hidden))
    }
}
