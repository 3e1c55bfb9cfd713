//! burn's layers with weights drawn from named host streams.
//!
//! burn's own initialisers draw from a generator that is global to the process. Here the weights come from the
//! stream that the caller names, in the order in which the layers are built, so all arms of a seed start alike.

use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use harness_core::backend::{Backend, Device};
use rand::Rng;

use crate::init;

/// How weights are drawn. Biases start at 0, except for [`Init::Uniform`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// He: N(0, 2/fan_in), for layers followed by a ReLU.
    He,
    /// Glorot: N(0, 2/(fan_in + fan_out)), for tanh and linear layers.
    Glorot,
    /// LeCun: N(0, 1/fan_in).
    LeCun,
    /// PyTorch's default: weights and biases from U(−1/√fan_in, 1/√fan_in).
    Uniform,
    /// N(0, σ²).
    Normal(f64),
}

impl Init {
    fn std(self, fan_in: usize, fan_out: usize) -> f64 {
        match self {
            Init::He => (2.0 / fan_in as f64).sqrt(),
            Init::Glorot => (2.0 / (fan_in + fan_out) as f64).sqrt(),
            Init::LeCun | Init::Uniform => (1.0 / fan_in as f64).sqrt(),
            Init::Normal(std) => std,
        }
    }

    pub(crate) fn draw<const D: usize>(
        self,
        shape: [usize; D],
        fan_in: usize,
        fan_out: usize,
        rng: &mut impl Rng,
        device: &Device,
    ) -> harness_core::backend::Tensor<D> {
        match self {
            Init::Uniform => init::uniform(shape, self.std(fan_in, fan_out), rng, device),
            _ => init::normal(shape, self.std(fan_in, fan_out), rng, device),
        }
    }

    pub(crate) fn bias(
        self,
        size: usize,
        fan_in: usize,
        rng: &mut impl Rng,
        device: &Device,
    ) -> harness_core::backend::Tensor<1> {
        match self {
            Init::Uniform => init::uniform([size], self.std(fan_in, size), rng, device),
            _ => harness_core::backend::Tensor::zeros([size], device),
        }
    }
}

/// A fully connected layer, `[n, inputs]` to `[n, outputs]`.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::nn::{Init, linear};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let layer = linear(4, 3, true, Init::He, &mut rng, &device);
/// assert_eq!(layer.forward(Tensor::<2>::zeros([5, 4], &device)).dims(), [5, 3]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn linear(
    inputs: usize,
    outputs: usize,
    bias: bool,
    init: Init,
    rng: &mut impl Rng,
    device: &Device,
) -> Linear<Backend> {
    let mut layer = LinearConfig::new(inputs, outputs).with_bias(false).init(device);
    layer.weight = Param::from_tensor(init.draw([inputs, outputs], inputs, outputs, rng, device));
    layer.bias = bias.then(|| Param::from_tensor(init.bias(outputs, inputs, rng, device)));
    layer
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros added at each border.
    pub padding: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A convolution, `[n, inputs, h, w]` to `[n, outputs, h', w']`.
pub fn conv2d(size: Conv, init: Init, rng: &mut impl Rng, device: &Device) -> Conv2d<Backend> {
    let Conv { inputs, outputs, kernel, stride, padding, .. } = size;
    let mut layer = Conv2dConfig::new([inputs, outputs], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device);
    let (weight, bias) = conv_weights(size, init, rng, device);
    layer.weight = Param::from_tensor(weight);
    layer.bias = bias.map(Param::from_tensor);
    layer
}

/// Weight `[outputs, inputs, kernel, kernel]` and bias `[outputs]` of a convolution.
pub(crate) fn conv_weights(
    size: Conv,
    init: Init,
    rng: &mut impl Rng,
    device: &Device,
) -> (harness_core::backend::Tensor<4>, Option<harness_core::backend::Tensor<1>>) {
    let Conv { inputs, outputs, kernel, bias, .. } = size;
    let (fan_in, fan_out) = (inputs * kernel * kernel, outputs * kernel * kernel);
    let weight = init.draw([outputs, inputs, kernel, kernel], fan_in, fan_out, rng, device);
    (weight, bias.then(|| init.bias(outputs, fan_in, rng, device)))
}
