//! Multi-layer perceptrons.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation;
use harness_core::backend::{Backend, Device, Tensor};
use rand::Rng;

use crate::nn::{Init, linear};

/// The function between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// tanh x.
    Tanh,
    /// sin x.
    Sine,
    /// x·sigmoid(x), also called SiLU.
    Swish,
}

impl Activation {
    /// Applies it element by element.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Activation::Relu => activation::relu(x),
            Activation::Tanh => activation::tanh(x),
            Activation::Sine => x.sin(),
            Activation::Swish => activation::silu(x),
        }
    }

    /// Its derivative at `x`, element by element; that of ReLU at 0 is 0. Differentiable where it is not constant.
    pub fn derivative<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            // Not a conversion of the switches, which forgets that the device records gradients.
            Activation::Relu => x.zeros_like().mask_fill(x.greater_elem(0.0), 1.0),
            Activation::Tanh => -(activation::tanh(x).square() - 1.0),
            Activation::Sine => x.cos(),
            Activation::Swish => {
                let sigma = activation::sigmoid(x.clone());
                sigma.clone() - sigma.clone() * x * (sigma - 1.0)
            }
        }
    }
}

/// Fully connected layers with an activation after each but the last.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::mlp::{Activation, Mlp};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = Mlp::new(&[784, 256, 10], Activation::Relu, &mut rng, &device);
/// assert_eq!(model.forward(Tensor::<2>::zeros([2, 784], &device)).dims(), [2, 10]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Mlp<B: burn::tensor::backend::Backend = Backend> {
    layers: Vec<Linear<B>>,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    /// Layers of the given widths, input first; He initialisation for ReLU and swish, Glorot for tanh and
    /// sine.
    pub fn new(widths: &[usize], activation: Activation, rng: &mut impl Rng, device: &Device) -> Self {
        let init = match activation {
            Activation::Relu | Activation::Swish => Init::He,
            Activation::Tanh | Activation::Sine => Init::Glorot,
        };
        Self::with_init(widths, activation, init, rng, device)
    }

    /// Layers of the given widths, drawn by `init`.
    pub fn with_init(
        widths: &[usize],
        activation: Activation,
        init: Init,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let layers = widths.windows(2).map(|pair| linear(pair[0], pair[1], true, init, rng, device)).collect();
        Mlp { layers, activation }
    }

    /// The outputs of the last layer, `[n, inputs]` to `[n, outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let hidden = self.penultimate(x);
        match self.layers.last() {
            Some(layer) => layer.forward(hidden),
            None => hidden,
        }
    }

    /// The activations before the last layer, `[n, widths[len − 2]]`.
    pub fn penultimate(&self, x: Tensor<2>) -> Tensor<2> {
        let count = self.layers.len().saturating_sub(1);
        self.layers.iter().take(count).fold(x, |x, layer| self.activation.forward(layer.forward(x)))
    }

    /// The function between layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The layers, for update rules that are written out.
    pub fn layers(&self) -> &[Linear<Backend>] {
        &self.layers
    }
}
