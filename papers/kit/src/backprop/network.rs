//! Networks of layers with an explicit backward pass.

use harness_core::backend::{Device, Tensor};
use harness_core::{Error, Result};
use rand::Rng;

use super::layer::{Layer, LayerConfig, ParameterSize, Role, Tape};
use crate::image_set::ImageSize;
use crate::nn::Init;

/// Layers one after the other. It holds no parameters: they are given with each pass, so that a method can differentiate
/// by them or move them as it likes.
///
/// **Definition.** Forward xₖ = fₖ(xₖ₋₁, θₖ); backward uₖ₋₁ = (∂fₖ/∂x)ᵀuₖ and ∂/∂θₖ = (∂fₖ/∂θ)ᵀuₖ, from the gradient of
/// the loss with respect to the output down to the input.
///
/// **Arguments.** Inputs `[channels·height·width, n]`; parameters as [`Network::parameters`] lists them.
///
/// **Errors.** [`Error::Input`] where number or shape of parameters or inputs differ from those of the network.
///
/// **Example.** The derivative, with respect to the inputs, of the length of the parameters' gradient:
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use papers_kit::backprop::{LayerConfig, Network, cross_entropy};
/// use papers_kit::image_set::ImageSize;
/// use papers_kit::nn::Init;
/// let device = DeviceChoice::Cpu.open()?;
/// let network = Network::new(
///     ImageSize { channels: 1, height: 4, width: 4 },
///     &[
///         LayerConfig::Convolution { outputs: 3, kernel: 3, stride: 1, padding: 1, bias: true },
///         LayerConfig::InstanceNorm { epsilon: 1e-5 },
///         LayerConfig::Relu,
///         LayerConfig::AveragePool { size: 2 },
///         LayerConfig::Linear { outputs: 2, bias: true },
///     ],
/// )?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let parameters = network.initial(Init::Uniform, &mut rng, &device);
/// let x = papers_kit::init::normal([16, 5], 1.0, &mut rng, &device).require_grad();
/// let pass = network.forward(&parameters, x.clone())?;
/// let loss = cross_entropy(pass.output(), IntTensor::from_data([0, 1, 1, 0, 1], &device));
/// let gradients = pass.parameter_gradients(loss.gradient)?;
/// let length = gradients.into_iter().map(|gradient| gradient.square().sum()).reduce(|a, b| a + b);
/// let derivative = length.and_then(|length| x.grad(&length.backward()));
/// assert_eq!(derivative.map(|derivative| derivative.dims()), Some([16, 5]));
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Network {
    layers: Vec<Box<dyn Layer>>,
    input: ImageSize,
}

/// Gradients of a loss.
#[derive(Debug, Clone)]
pub struct Gradients {
    /// With respect to the inputs, `[features, n]`.
    pub input: Tensor<2>,
    /// With respect to the parameters, in their order.
    pub parameters: Vec<Tensor<2>>,
}

impl Network {
    /// The layers for images of this size.
    ///
    /// # Errors
    /// [`Error::Input`] where a layer does not fit, counted from 1.
    pub fn new(input: ImageSize, layers: &[LayerConfig]) -> Result<Self> {
        let mut size = input;
        let layers = layers
            .iter()
            .enumerate()
            .map(|(at, config)| {
                let layer = config.init(size).map_err(|error| Error::Input(format!("layer {}: {error}", at + 1)))?;
                size = layer.output();
                Ok(layer)
            })
            .collect::<Result<_>>()?;
        Ok(Network { layers, input })
    }

    /// Number of layers.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Size of an input.
    pub fn input(&self) -> ImageSize {
        self.input
    }

    /// The parameters, layer by layer.
    pub fn parameters(&self) -> Vec<ParameterSize> {
        self.layers.iter().flat_map(|layer| layer.parameters()).collect()
    }

    /// Parameters as a network starts with them: weights and biases by `init`, gains 1.
    pub fn initial(&self, init: Init, rng: &mut impl Rng, device: &Device) -> Vec<Tensor<2>> {
        let mut norm = false;
        self.parameters()
            .into_iter()
            .map(|ParameterSize { role, shape, fan_in, fan_out }| {
                let after_gain = std::mem::replace(&mut norm, role == Role::Gain);
                match role {
                    Role::Weight => init.draw(shape, fan_in, fan_out, rng, device),
                    Role::Gain => Tensor::ones(shape, device),
                    Role::Bias if after_gain => Tensor::zeros(shape, device),
                    Role::Bias => init.bias(shape[0], fan_in, rng, device).unsqueeze_dim(1),
                }
            })
            .collect()
    }

    /// The output alone.
    ///
    /// # Errors
    /// See the type.
    pub fn output(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<Tensor<2>> {
        self.hidden(parameters, x, self.depth())
    }

    /// The output of the first `depth` layers.
    ///
    /// # Errors
    /// See the type.
    pub fn hidden(&self, parameters: &[Tensor<2>], x: Tensor<2>, depth: usize) -> Result<Tensor<2>> {
        let own = self.split(parameters, &x)?;
        self.layers.iter().zip(own).take(depth).try_fold(x, |x, (layer, own)| Ok(layer.forward(own, x)?.0))
    }

    /// A forward pass that can go backward.
    ///
    /// # Errors
    /// See the type.
    pub fn forward<'a>(&'a self, parameters: &'a [Tensor<2>], x: Tensor<2>) -> Result<Pass<'a>> {
        let own = self.split(parameters, &x)?;
        let mut output = x;
        let mut steps = Vec::with_capacity(self.layers.len());
        for (layer, parameters) in self.layers.iter().zip(own) {
            let (y, tape) = layer.forward(parameters, output)?;
            output = y;
            steps.push(Step { layer: layer.as_ref(), parameters, tape });
        }
        Ok(Pass { steps, output })
    }

    /// The parameters of each layer, after a look at the shapes.
    fn split<'a>(&self, parameters: &'a [Tensor<2>], x: &Tensor<2>) -> Result<Vec<&'a [Tensor<2>]>> {
        let expected = self.parameters();
        if parameters.len() != expected.len() {
            let message = format!("{} parameters for a network that has {}", parameters.len(), expected.len());
            return Err(Error::Input(message));
        }
        for (at, (have, want)) in parameters.iter().zip(&expected).enumerate() {
            if have.dims() != want.shape {
                let message = format!("parameter {at} has shape {:?}, expected {:?}", have.dims(), want.shape);
                return Err(Error::Input(message));
            }
        }
        let [features, _] = x.dims();
        if features != self.input.values() {
            return Err(Error::Input(format!("inputs of {features} values, expected {}", self.input.values())));
        }
        let mut rest = parameters;
        Ok(self
            .layers
            .iter()
            .map(|layer| {
                let (own, others) = rest.split_at(layer.parameters().len());
                rest = others;
                own
            })
            .collect())
    }
}

/// A layer on its way.
#[derive(Debug)]
struct Step<'a> {
    layer: &'a dyn Layer,
    parameters: &'a [Tensor<2>],
    tape: Tape,
}

/// A forward pass with what it kept.
#[derive(Debug)]
pub struct Pass<'a> {
    steps: Vec<Step<'a>>,
    output: Tensor<2>,
}

impl Pass<'_> {
    /// The output of the last layer, `[outputs, n]`.
    pub fn output(&self) -> Tensor<2> {
        self.output.clone()
    }

    /// The gradients of a loss whose gradient with respect to the output is `upstream`.
    ///
    /// # Errors
    /// None for a pass of [`Network::forward`].
    pub fn backward(&self, upstream: Tensor<2>) -> Result<Gradients> {
        let (mut input, mut parameters) = (upstream, Vec::with_capacity(self.steps.len()));
        for step in self.steps.iter().rev() {
            parameters.push(step.layer.parameter_gradients(&step.tape, input.clone())?);
            input = step.layer.input_gradient(step.parameters, &step.tape, input)?;
        }
        Ok(Gradients { input, parameters: parameters.into_iter().rev().flatten().collect() })
    }

    /// As [`Pass::backward`], without the gradient with respect to the input, which saves the work of the first layer.
    ///
    /// # Errors
    /// None for a pass of [`Network::forward`].
    pub fn parameter_gradients(&self, upstream: Tensor<2>) -> Result<Vec<Tensor<2>>> {
        let (mut upstream, mut parameters) = (upstream, Vec::with_capacity(self.steps.len()));
        for (at, step) in self.steps.iter().enumerate().rev() {
            parameters.push(step.layer.parameter_gradients(&step.tape, upstream.clone())?);
            if at > 0 {
                upstream = step.layer.input_gradient(step.parameters, &step.tape, upstream)?;
            }
        }
        Ok(parameters.into_iter().rev().flatten().collect())
    }
}
