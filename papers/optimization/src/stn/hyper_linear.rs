//! A fully connected layer that carries a linear model of its own best response to the hyper-parameters.

use burn::module::{Module, Param};
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::init;
use rand::Rng;

/// Standard deviation of the response matrix at the start: small, so that the layer starts as a plain one.
pub(super) const RESPONSE_STD: f64 = 0.01;

/// The tensors of a layer with I inputs, O outputs and H hyper-parameters.
#[derive(Debug, Clone)]
pub struct HyperWeights {
    /// Wᵉ, `[I, O]`.
    pub elem_weight: Tensor<2>,
    /// bᵉ, `[O]`.
    pub elem_bias: Tensor<1>,
    /// Wʰ, `[I, O]`.
    pub hyper_weight: Tensor<2>,
    /// bʰ, `[O]`.
    pub hyper_bias: Tensor<1>,
    /// V, `[H, 2O]`: the first O columns gate the weights, the others the bias.
    pub response: Tensor<2>,
    /// α, `[1]`.
    pub elem_scale: Tensor<1>,
}

/// A layer whose weights depend on hyper-parameters, one set of them per example.
///
/// **Definition.** y = α·(x Wᵉ + bᵉ) + (h̃ V)\[:, :O\] ⊙ (x Wʰ) + (h̃ V)\[:, O:\] ⊙ bʰ.
///
/// **Paper.** Section 2.3, equations 10 and 11 (arXiv 1903.03088); `hyperlinear.py` of the authors' code.
///
/// **Arguments.** `x` `[B, I]`; `h` h̃ `[B, H]`, unconstrained; all finite. Gives `[B, O]`.
///
/// **Differences.** Matrices are stored input-first, as burn's layers are; the authors' are output-first.
///
/// **Errors.** [`Error::Input`] where shapes do not agree or the batch is empty.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::HyperLinearConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let mut response = harness_core::rng::stream("example", "response", 0);
/// let layer = HyperLinearConfig::new(4, 2, 3).init(&mut rng, &mut response, &device);
/// let y = layer.forward(Tensor::zeros([5, 4], &device), Tensor::zeros([5, 3], &device))?;
/// assert_eq!(y.dims(), [5, 2]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn hyper_linear(x: Tensor<2>, h: Tensor<2>, weights: HyperWeights) -> Result<Tensor<2>> {
    let HyperWeights { elem_weight, elem_bias, hyper_weight, hyper_bias, response, elem_scale } = weights;
    let ([rows, inputs], [_, columns], [outputs]) = (x.dims(), h.dims(), elem_bias.dims());
    let shapes = [
        ("h", h.dims().to_vec(), vec![rows, columns]),
        ("elem_weight", elem_weight.dims().to_vec(), vec![inputs, outputs]),
        ("hyper_weight", hyper_weight.dims().to_vec(), vec![inputs, outputs]),
        ("hyper_bias", hyper_bias.dims().to_vec(), vec![outputs]),
        ("response", response.dims().to_vec(), vec![columns, 2 * outputs]),
        ("elem_scale", elem_scale.dims().to_vec(), vec![1]),
    ];
    if let Some((name, got, want)) = shapes.into_iter().find(|(_, got, want)| got != want) {
        return Err(Error::Input(format!("{name} has shape {got:?}, expected {want:?}")));
    }
    if [rows, inputs, outputs, columns].contains(&0) {
        return Err(Error::Input(
            "a hyper-linear layer needs at least one example, input, output, hyper-parameter".into(),
        ));
    }
    let gates = h.matmul(response); // [b, 2 o]
    let (weight_gate, bias_gate) = (gates.clone().narrow(1, 0, outputs), gates.narrow(1, outputs, outputs));
    let plain = x.clone().matmul(elem_weight) + elem_bias.unsqueeze(); // [b, o]
    Ok(plain * elem_scale.unsqueeze::<2>() + weight_gate * x.matmul(hyper_weight) + bias_gate * hyper_bias.unsqueeze())
}

/// Configuration of [`HyperLinear`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HyperLinearConfig {
    inputs: usize,
    outputs: usize,
    hyperparameters: usize,
    scaled: bool,
}

impl HyperLinearConfig {
    /// A layer of these sizes.
    pub fn new(inputs: usize, outputs: usize, hyperparameters: usize) -> Self {
        HyperLinearConfig { inputs, outputs, hyperparameters, scaled: true }
    }

    /// The same layer with α = 1 throughout, as in the authors' language model: one number that scales a whole layer
    /// would take most of a gradient that is clipped by its norm.
    pub fn without_scale(self) -> Self {
        HyperLinearConfig { scaled: false, ..self }
    }

    /// Draws Wᵉ, bᵉ from `rng` exactly as a plain layer does, so that both start alike; Wʰ, bʰ from the same
    /// distribution and V ~ N(0, 0.01²) from `response`. α = 1.
    pub fn init(self, rng: &mut impl Rng, response: &mut impl Rng, device: &Device) -> HyperLinear {
        let HyperLinearConfig { inputs, outputs, hyperparameters, scaled } = self;
        let bound = 1.0 / (inputs as f64).sqrt();
        let elem_weight = init::uniform([inputs, outputs], bound, rng, device);
        let elem_bias = init::uniform([outputs], bound, rng, device);
        let hyper_weight = init::uniform([inputs, outputs], bound, response, device);
        let hyper_bias = init::uniform([outputs], bound, response, device);
        let gates = init::normal([hyperparameters, 2 * outputs], RESPONSE_STD, response, device);
        HyperLinear {
            elem_weight: Param::from_tensor(elem_weight),
            elem_bias: Param::from_tensor(elem_bias),
            hyper_weight: Param::from_tensor(hyper_weight),
            hyper_bias: Param::from_tensor(hyper_bias),
            response: Param::from_tensor(gates),
            elem_scale: Param::from_tensor(Tensor::ones([1], device)).set_require_grad(scaled),
        }
    }
}

/// The module around [`hyper_linear`].
#[derive(Module, Debug)]
pub struct HyperLinear<B: burn::tensor::backend::Backend = Backend> {
    elem_weight: Param<burn::tensor::Tensor<B, 2>>,
    elem_bias: Param<burn::tensor::Tensor<B, 1>>,
    hyper_weight: Param<burn::tensor::Tensor<B, 2>>,
    hyper_bias: Param<burn::tensor::Tensor<B, 1>>,
    response: Param<burn::tensor::Tensor<B, 2>>,
    elem_scale: Param<burn::tensor::Tensor<B, 1>>,
}

impl HyperLinear {
    /// `x` `[B, I]` and the response input `[B, H]` to `[B, O]`.
    ///
    /// # Errors
    /// As [`hyper_linear`].
    pub fn forward(&self, x: Tensor<2>, h: Tensor<2>) -> Result<Tensor<2>> {
        hyper_linear(x, h, self.weights())
    }

    /// The tensors, for a caller that changes them before use, such as one that drops weights.
    pub fn weights(&self) -> HyperWeights {
        HyperWeights {
            elem_weight: self.elem_weight.val(),
            elem_bias: self.elem_bias.val(),
            hyper_weight: self.hyper_weight.val(),
            hyper_bias: self.hyper_bias.val(),
            response: self.response.val(),
            elem_scale: self.elem_scale.val(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use papers_kit::nn::{Init, linear};

    fn rng(name: &str) -> harness_core::rng::Stream {
        harness_core::rng::stream("test", name, 0)
    }

    #[test]
    fn without_hyperparameters_it_is_the_plain_layer_of_the_same_stream() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let layer = HyperLinearConfig::new(6, 4, 2).init(&mut rng("init"), &mut rng("response"), &device);
        let plain = linear(6, 4, true, Init::Uniform, &mut rng("init"), &device);
        let x = init::normal([3, 6], 1.0, &mut rng("x"), &device);
        let zeros = Tensor::zeros([3, 2], &device);
        let found = read_f32(layer.forward(x.clone(), zeros).unwrap());
        for (got, want) in found.into_iter().zip(read_f32(plain.forward(x))) {
            assert!((got - want).abs() < 1e-6, "{got} instead of {want}");
        }
    }

    /// Half of V gates the bias: with no input, only bᵉ and the gated bʰ are left.
    #[test]
    fn each_example_has_its_own_response_and_the_bias_is_gated_too() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let weights = HyperWeights {
            elem_weight: Tensor::zeros([1, 1], &device),
            elem_bias: Tensor::from_data([1.0], &device),
            hyper_weight: Tensor::from_data([[2.0]], &device),
            hyper_bias: Tensor::from_data([3.0], &device),
            response: Tensor::from_data([[5.0, 7.0]], &device),
            elem_scale: Tensor::from_data([0.5], &device),
        };
        let x = Tensor::from_data([[0.0], [0.0], [1.0]], &device);
        let h = Tensor::from_data([[0.0], [1.0], [2.0]], &device);
        assert_eq!(read_f32(hyper_linear(x, h, weights).unwrap()), [0.5, 0.5 + 21.0, 0.5 + 20.0 + 42.0]);
    }

    #[test]
    fn without_scale_alpha_has_no_gradient() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for scaled in [true, false] {
            let config = HyperLinearConfig::new(6, 4, 2);
            let config = if scaled { config } else { config.without_scale() };
            let layer = config.init(&mut rng("init"), &mut rng("response"), &device);
            let x = init::normal([3, 6], 1.0, &mut rng("x"), &device);
            let y = layer.forward(x, Tensor::ones([3, 2], &device)).unwrap();
            assert_eq!(layer.elem_scale.grad(&y.sum().backward()).is_some(), scaled);
        }
    }

    #[test]
    fn shapes_that_do_not_agree_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let layer = HyperLinearConfig::new(6, 4, 2).init(&mut rng("init"), &mut rng("response"), &device);
        let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
        assert!(layer.forward(zeros([3, 5]), zeros([3, 2])).is_err());
        assert!(layer.forward(zeros([3, 6]), zeros([2, 2])).is_err());
        assert!(layer.forward(zeros([3, 6]), zeros([3, 1])).is_err());
    }
}
