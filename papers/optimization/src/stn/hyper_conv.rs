//! A convolution that carries a linear model of its own best response to the hyper-parameters.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::init;
use papers_kit::nn::Conv;
use rand::Rng;

use super::hyper_linear::RESPONSE_STD;

/// The tensors of a convolution with I channels in, O channels out, a k×k kernel and H hyper-parameters.
#[derive(Debug, Clone)]
pub struct HyperConvWeights {
    /// Wᵉ, `[O, I, k, k]`.
    pub elem_weight: Tensor<4>,
    /// bᵉ, `[O]`.
    pub elem_bias: Tensor<1>,
    /// Wʰ, `[O, I, k, k]`.
    pub hyper_weight: Tensor<4>,
    /// bʰ, `[O]`.
    pub hyper_bias: Tensor<1>,
    /// V, `[H, 2O]`: the first O columns gate the weights, the others the bias.
    pub response: Tensor<2>,
    /// α, `[1]`.
    pub elem_scale: Tensor<1>,
    /// Step of the kernel, at least 1.
    pub stride: usize,
    /// Zeros at each border.
    pub padding: usize,
}

/// A convolution whose weights depend on hyper-parameters, one set of them per image.
///
/// **Definition.** y = α·(x ∗ Wᵉ + bᵉ) + (h̃ V)\[:, :O\] ⊙ (x ∗ Wʰ) + (h̃ V)\[:, O:\] ⊙ bʰ; the gates of an image multiply
/// all positions of a channel alike.
///
/// **Paper.** Section 2.4, the response of convolutional layers (arXiv 1903.03088); `hyperconv2d.py` of the authors' code.
///
/// **Arguments.** `x` `[B, I, h, w]`; `h` h̃ `[B, H]`, unconstrained; all finite. Gives `[B, O, h', w']`,
/// h' = ⌊(h + 2·padding − k)/stride⌋ + 1.
///
/// **Differences.** None. Both kernels run in one convolution.
///
/// **Errors.** [`Error::Input`] where shapes do not agree, something is empty, the stride is 0, or the kernel is larger
/// than the padded image.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::nn::Conv;
/// use papers_optimization::stn::HyperConvConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let mut response = harness_core::rng::stream("example", "response", 0);
/// let size = Conv { inputs: 3, outputs: 8, kernel: 3, stride: 2, padding: 1, bias: true };
/// let layer = HyperConvConfig::new(size, 5).init(&mut rng, &mut response, &device);
/// let y = layer.forward(Tensor::zeros([2, 3, 32, 32], &device), Tensor::zeros([2, 5], &device))?;
/// assert_eq!(y.dims(), [2, 8, 16, 16]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn hyper_conv(x: Tensor<4>, h: Tensor<2>, weights: HyperConvWeights) -> Result<Tensor<4>> {
    let HyperConvWeights { elem_weight, elem_bias, hyper_weight, hyper_bias, response, elem_scale, stride, padding } =
        weights;
    let ([rows, inputs, height, width], [_, columns]) = (x.dims(), h.dims());
    let ([outputs], [_, _, kernel, _]) = (elem_bias.dims(), elem_weight.dims());
    let shapes = [
        ("h", h.dims().to_vec(), vec![rows, columns]),
        ("elem_weight", elem_weight.dims().to_vec(), vec![outputs, inputs, kernel, kernel]),
        ("hyper_weight", hyper_weight.dims().to_vec(), vec![outputs, inputs, kernel, kernel]),
        ("hyper_bias", hyper_bias.dims().to_vec(), vec![outputs]),
        ("response", response.dims().to_vec(), vec![columns, 2 * outputs]),
        ("elem_scale", elem_scale.dims().to_vec(), vec![1]),
    ];
    if let Some((name, got, want)) = shapes.into_iter().find(|(_, got, want)| got != want) {
        return Err(Error::Input(format!("{name} has shape {got:?}, expected {want:?}")));
    }
    if [rows, inputs, outputs, columns, kernel, stride].contains(&0) {
        return Err(Error::Input(
            "a hyper-convolution needs at least one image, channel in and out, hyper-parameter, and a kernel and a stride \
             of at least 1"
                .into(),
        ));
    }
    if height.min(width) + 2 * padding < kernel {
        return Err(Error::Input(format!(
            "a kernel of {kernel}×{kernel} is larger than the image of {height}×{width} with a padding of {padding}"
        )));
    }
    let gates = h.matmul(response).unsqueeze_dims::<4>(&[2, 3]); // [b, 2 o, 1, 1]
    let (weight_gate, bias_gate) = (gates.clone().narrow(1, 0, outputs), gates.narrow(1, outputs, outputs));
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    let both = conv2d(x, Tensor::cat(vec![elem_weight, hyper_weight], 0), None, options); // [b, 2 o, h', w']
    let (elem, hyper) = (both.clone().narrow(1, 0, outputs), both.narrow(1, outputs, outputs));
    let of_channels = |bias: Tensor<1>| bias.reshape([1, outputs, 1, 1]);
    let plain = (elem + of_channels(elem_bias)) * elem_scale.reshape([1, 1, 1, 1]);
    Ok(plain + hyper * weight_gate + bias_gate * of_channels(hyper_bias))
}

/// Configuration of [`HyperConv`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HyperConvConfig {
    size: Conv,
    hyperparameters: usize,
}

impl HyperConvConfig {
    /// A convolution of this size, which always has a bias.
    pub fn new(size: Conv, hyperparameters: usize) -> Self {
        HyperConvConfig { size, hyperparameters }
    }

    /// Draws Wᵉ, bᵉ from `rng` exactly as [`papers_kit::nn::conv2d`] with uniform weights does, so that both start
    /// alike; Wʰ, bʰ from the same distribution and V ~ N(0, 0.01²) from `response`. α = 1.
    pub fn init(self, rng: &mut impl Rng, response: &mut impl Rng, device: &Device) -> HyperConv {
        let Conv { inputs, outputs, kernel, stride, padding, .. } = self.size;
        let shape = [outputs, inputs, kernel, kernel];
        let bound = 1.0 / ((inputs * kernel * kernel) as f64).sqrt();
        let elem_weight = init::uniform(shape, bound, rng, device);
        let elem_bias = init::uniform([outputs], bound, rng, device);
        let hyper_weight = init::uniform(shape, bound, response, device);
        let hyper_bias = init::uniform([outputs], bound, response, device);
        let gates = init::normal([self.hyperparameters, 2 * outputs], RESPONSE_STD, response, device);
        HyperConv {
            elem_weight: Param::from_tensor(elem_weight),
            elem_bias: Param::from_tensor(elem_bias),
            hyper_weight: Param::from_tensor(hyper_weight),
            hyper_bias: Param::from_tensor(hyper_bias),
            response: Param::from_tensor(gates),
            elem_scale: Param::from_tensor(Tensor::ones([1], device)),
            stride,
            padding,
        }
    }
}

/// The module around [`hyper_conv`].
#[derive(Module, Debug)]
pub struct HyperConv<B: burn::tensor::backend::Backend = Backend> {
    elem_weight: Param<burn::tensor::Tensor<B, 4>>,
    elem_bias: Param<burn::tensor::Tensor<B, 1>>,
    hyper_weight: Param<burn::tensor::Tensor<B, 4>>,
    hyper_bias: Param<burn::tensor::Tensor<B, 1>>,
    response: Param<burn::tensor::Tensor<B, 2>>,
    elem_scale: Param<burn::tensor::Tensor<B, 1>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
}

impl HyperConv {
    /// `x` `[B, I, h, w]` and the response input `[B, H]` to `[B, O, h', w']`.
    ///
    /// # Errors
    /// As [`hyper_conv`].
    pub fn forward(&self, x: Tensor<4>, h: Tensor<2>) -> Result<Tensor<4>> {
        let weights = HyperConvWeights {
            elem_weight: self.elem_weight.val(),
            elem_bias: self.elem_bias.val(),
            hyper_weight: self.hyper_weight.val(),
            hyper_bias: self.hyper_bias.val(),
            response: self.response.val(),
            elem_scale: self.elem_scale.val(),
            stride: self.stride,
            padding: self.padding,
        };
        hyper_conv(x, h, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use papers_kit::nn::{Init, conv2d as plain_conv};

    const SIZE: Conv = Conv { inputs: 2, outputs: 3, kernel: 3, stride: 2, padding: 1, bias: true };

    fn rng(name: &str) -> harness_core::rng::Stream {
        harness_core::rng::stream("test", name, 0)
    }

    fn device() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    fn weights(device: &Device) -> HyperConvWeights {
        let mut rng = rng("weights");
        HyperConvWeights {
            elem_weight: init::normal([3, 2, 3, 3], 1.0, &mut rng, device),
            elem_bias: init::normal([3], 1.0, &mut rng, device),
            hyper_weight: init::normal([3, 2, 3, 3], 1.0, &mut rng, device),
            hyper_bias: init::normal([3], 1.0, &mut rng, device),
            response: init::normal([4, 6], 1.0, &mut rng, device),
            elem_scale: Tensor::from_data([0.7], device),
            stride: 2,
            padding: 1,
        }
    }

    fn close(found: &[f32], want: &[f32]) {
        assert_eq!(found.len(), want.len());
        for (got, want) in found.iter().zip(want) {
            assert!((got - want).abs() < 1e-4 * (1.0 + want.abs()), "{got} instead of {want}");
        }
    }

    /// For each image a plain convolution with α·Wᵉ + g ⊙ Wʰ and α·bᵉ + g' ⊙ bʰ, with the gates of that image.
    #[test]
    fn it_is_the_plain_convolution_whose_weights_are_the_gated_sum() {
        let device = device();
        let w = weights(&device);
        let x = init::normal([3, 2, 5, 6], 1.0, &mut rng("x"), &device);
        let h = init::normal([3, 4], 1.0, &mut rng("h"), &device);
        let found = hyper_conv(x.clone(), h.clone(), w.clone()).unwrap();
        assert_eq!(found.dims(), [3, 3, 3, 3]);
        for image in 0..3 {
            let gates = h.clone().narrow(0, image, 1).matmul(w.response.clone()).reshape([6]);
            let (gate, bias_gate) = (gates.clone().narrow(0, 0, 3), gates.narrow(0, 3, 3));
            let weight = w.elem_weight.clone() * 0.7 + w.hyper_weight.clone() * gate.reshape([3, 1, 1, 1]);
            let bias = w.elem_bias.clone() * 0.7 + w.hyper_bias.clone() * bias_gate;
            let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
            let want = conv2d(x.clone().narrow(0, image, 1), weight, Some(bias), options);
            close(&read_f32(found.clone().narrow(0, image, 1)), &read_f32(want));
        }
    }

    #[test]
    fn without_hyperparameters_it_is_the_plain_layer_of_the_same_stream() {
        let device = device();
        let layer = HyperConvConfig::new(SIZE, 4).init(&mut rng("init"), &mut rng("response"), &device);
        let plain = plain_conv(SIZE, Init::Uniform, &mut rng("init"), &device);
        let x = init::normal([2, 2, 6, 6], 1.0, &mut rng("x"), &device);
        let found = layer.forward(x.clone(), Tensor::zeros([2, 4], &device)).unwrap();
        close(&read_f32(found), &read_f32(plain.forward(x)));
    }

    /// ∂Σ(y ⊙ r)/∂h has closed form: row b is Σ_o V[:, o]·Σ_positions r·(x ∗ Wʰ) + V[:, O + o]·bʰ_o·Σ_positions r. Without
    /// the gated terms it would be 0.
    #[test]
    fn the_gradient_reaches_the_hyperparameters_through_the_gates_only() {
        let device = device();
        let w = weights(&device);
        let x = init::normal([2, 2, 4, 4], 1.0, &mut rng("x"), &device);
        let h = init::normal([2, 4], 1.0, &mut rng("h"), &device).require_grad();
        let r = init::normal([2, 3, 2, 2], 1.0, &mut rng("r"), &device);
        let y = hyper_conv(x.clone(), h.clone(), w.clone()).unwrap();
        let found = read_f32(Tensor::<2>::from_inner(h.grad(&(y * r.clone()).sum().backward()).unwrap()));
        let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
        let hyper = conv2d(x.clone(), w.hyper_weight.clone(), None, options);
        let through_weights = (hyper * r.clone()).sum_dim(3).sum_dim(2).reshape([2, 3]);
        let through_bias = r.sum_dim(3).sum_dim(2).reshape([2, 3]) * w.hyper_bias.clone().unsqueeze();
        let want = Tensor::cat(vec![through_weights, through_bias], 1).matmul(w.response.clone().transpose());
        close(&found, &read_f32(want));
        // With closed gates nothing is left of it.
        let h = Tensor::ones([2, 4], &device).require_grad();
        let closed = HyperConvWeights { response: Tensor::zeros([4, 6], &device), ..w };
        let y = hyper_conv(x, h.clone(), closed).unwrap();
        let none = h.grad(&y.sum().backward()).unwrap();
        assert!(read_f32(Tensor::<2>::from_inner(none)).iter().all(|slope| *slope == 0.0));
    }

    #[test]
    fn a_larger_batch_does_not_mix_images() {
        let device = device();
        let w = weights(&device);
        let x = init::normal([2, 2, 4, 4], 1.0, &mut rng("x"), &device);
        let h = init::normal([2, 4], 1.0, &mut rng("h"), &device);
        let both = hyper_conv(x.clone(), h.clone(), w.clone()).unwrap();
        let second = hyper_conv(x.narrow(0, 1, 1), h.narrow(0, 1, 1), w).unwrap();
        close(&read_f32(both.narrow(0, 1, 1)), &read_f32(second));
    }

    #[test]
    fn shapes_that_do_not_agree_are_refused() {
        let device = device();
        let call = |x: [usize; 4], h: [usize; 2], change: &dyn Fn(&mut HyperConvWeights)| {
            let mut w = weights(&device);
            change(&mut w);
            hyper_conv(Tensor::zeros(x, &device), Tensor::zeros(h, &device), w)
        };
        let nothing = |_: &mut HyperConvWeights| {};
        assert!(call([2, 2, 4, 4], [2, 4], &nothing).is_ok());
        for (x, h) in [
            ([0, 2, 4, 4], [0, 4]),
            ([2, 3, 4, 4], [2, 4]),
            ([2, 2, 4, 4], [1, 4]),
            ([2, 2, 4, 4], [2, 3]),
            ([2, 2, 0, 0], [2, 4]),
        ] {
            assert!(matches!(call(x, h, &nothing), Err(Error::Input(_))), "{x:?} {h:?}");
        }
        let changes: [&dyn Fn(&mut HyperConvWeights); 6] = [
            &|w| w.stride = 0,
            &|w| w.elem_scale = Tensor::zeros([2], &device),
            &|w| w.hyper_bias = Tensor::zeros([4], &device),
            &|w| w.response = Tensor::zeros([4, 3], &device),
            &|w| w.hyper_weight = Tensor::zeros([3, 2, 5, 5], &device),
            &|w| w.elem_weight = Tensor::from_data(TensorData::zeros::<f32, _>([3, 2, 3, 2]), &device),
        ];
        for change in changes {
            assert!(matches!(call([2, 2, 4, 4], [2, 4], change), Err(Error::Input(_))));
        }
    }
}
