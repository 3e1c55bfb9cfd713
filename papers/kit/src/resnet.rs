//! Residual networks of basic blocks for small images (He et al. 2016, with the 3×3 stem that is usual for 32×32).

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::backend::Backend as _;
use harness_core::backend::{Backend, Device, Tensor};
use rand::Rng;

use crate::nn::{Conv, Init, conv2d, linear};

/// How batch norms behave. burn decides by the kind of tensor, which is wrong for an attack: it needs gradients *and*
/// running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch, which also move the running ones; on tensors that record gradients.
    Train,
    /// Running statistics, on any tensors.
    Evaluate,
}

/// Applies a batch norm in the named behaviour, `[n, channels, h, w]`.
///
/// As burn's layer, but with one row per image and channel, which is several times as fast on the processor.
pub fn batch_norm(layer: &BatchNorm<Backend>, x: Tensor<4>, mode: Mode) -> Tensor<4> {
    let shape @ [n, channels, height, width] = x.dims();
    let device = x.device();
    let rows = x.reshape([n * channels, height * width]);
    // A value per channel, `[1, channels]`, as one per row.
    let spread = |values: Tensor<2>| match n {
        1 => values.reshape([channels, 1]),
        _ => values.repeat_dim(0, n).reshape([n * channels, 1]),
    };
    let mean_of = |rows: Tensor<2>| match n {
        1 => rows.mean_dim(1).reshape([1, channels]),
        _ => rows.mean_dim(1).reshape([n, channels]).mean_dim(0),
    };
    let of_device = |values: Tensor<1>| values.to_device(&device).unsqueeze_dim::<2>(0);
    let (centred, variance) = match mode {
        // Tensors without gradients are evaluated, as by burn's layer.
        Mode::Train if Backend::ad_enabled(&device) => {
            let mean = mean_of(rows.clone());
            let centred = rows - spread(mean.clone());
            let variance = mean_of(centred.clone().square());
            for (state, new) in [(&layer.running_mean, mean), (&layer.running_var, variance.clone())] {
                let old = of_device(state.value_sync()) * (1.0 - layer.momentum);
                state.update((old + new.detach() * layer.momentum).reshape([channels]).detach());
            }
            (centred, variance)
        }
        Mode::Train | Mode::Evaluate => {
            let mean = of_device(layer.running_mean.value_sync());
            (rows - spread(mean), of_device(layer.running_var.value_sync()))
        }
    };
    let scale = layer.gamma.val().unsqueeze_dim::<2>(0) / (variance + layer.epsilon).sqrt();
    (centred * spread(scale) + spread(layer.beta.val().unsqueeze_dim(0))).reshape(shape)
}

/// γ/√(σ² + ε) and μ of the running statistics, `[1, channels, 1, 1]`, as tensors that mix with `x`.
fn running(layer: &BatchNorm<Backend>, x: &Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let channels = layer.gamma.dims()[0];
    let deviation = (layer.running_var.value_sync().to_device(&x.device()) + layer.epsilon).sqrt();
    let mean = layer.running_mean.value_sync().to_device(&x.device());
    let shape = [1, channels, 1, 1];
    (layer.gamma.val().reshape(shape) / deviation.reshape(shape), mean.reshape(shape))
}

/// x ↦ relu(x′ + norm(conv(relu(norm(conv x))))), x′ = x or its strided 1×1 projection.
#[derive(Module, Debug)]
struct BasicBlock<B: burn::tensor::backend::Backend = Backend> {
    first: Conv2d<B>,
    first_norm: BatchNorm<B>,
    second: Conv2d<B>,
    second_norm: BatchNorm<B>,
    projection: Option<Conv2d<B>>,
    projection_norm: Option<BatchNorm<B>>,
}

impl BasicBlock {
    fn new(inputs: usize, outputs: usize, stride: usize, rng: &mut impl Rng, device: &Device) -> Self {
        let conv3 = |inputs, stride| Conv { inputs, outputs, kernel: 3, stride, padding: 1, bias: false };
        let norm = || BatchNormConfig::new(outputs).init(device);
        let projects = stride != 1 || inputs != outputs;
        let conv1 = Conv { inputs, outputs, kernel: 1, stride, padding: 0, bias: false };
        BasicBlock {
            first: conv2d(conv3(inputs, stride), Init::He, rng, device),
            first_norm: norm(),
            second: conv2d(conv3(outputs, 1), Init::He, rng, device),
            second_norm: norm(),
            projection: projects.then(|| conv2d(conv1, Init::He, rng, device)),
            projection_norm: projects.then(norm),
        }
    }

    fn forward(&self, x: Tensor<4>, mode: Mode) -> Tensor<4> {
        let hidden = relu(batch_norm(&self.first_norm, self.first.forward(x.clone()), mode));
        let residual = batch_norm(&self.second_norm, self.second.forward(hidden), mode);
        let shortcut = match (&self.projection, &self.projection_norm) {
            (Some(conv), Some(norm)) => batch_norm(norm, conv.forward(x), mode),
            _ => x,
        };
        relu(shortcut + residual)
    }

    /// Output and its derivative along `v`, in evaluation behaviour.
    fn tangent(&self, x: Tensor<4>, v: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let (hidden, dv) = relu_tangent(conv_norm_tangent(&self.first, &self.first_norm, x.clone(), v.clone()));
        let (residual, dv) = conv_norm_tangent(&self.second, &self.second_norm, hidden, dv);
        let (shortcut, dx) = match (&self.projection, &self.projection_norm) {
            (Some(conv), Some(norm)) => conv_norm_tangent(conv, norm, x, v),
            _ => (x, v),
        };
        relu_tangent((shortcut + residual, dx + dv))
    }
}

/// A convolution without bias and its batch norm, with the derivative along `v`.
fn conv_norm_tangent(
    conv: &Conv2d<Backend>,
    norm: &BatchNorm<Backend>,
    x: Tensor<4>,
    v: Tensor<4>,
) -> (Tensor<4>, Tensor<4>) {
    let tangent = conv.forward(v);
    let (scale, _) = running(norm, &tangent);
    (batch_norm(norm, conv.forward(x), Mode::Evaluate), tangent * scale)
}

fn relu_tangent((x, v): (Tensor<4>, Tensor<4>)) -> (Tensor<4>, Tensor<4>) {
    (relu(x.clone()), v.mask_fill(x.lower_equal_elem(0.0), 0.0))
}

/// A residual network: 3×3 stem, stages of basic blocks (each stage after the first halves the image), mean over
/// positions, linear head. Two blocks in each of the stages 64, 128, 256, 512 make a ResNet-18.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::resnet::{Mode, ResNet};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = ResNet::new(3, &[4, 8], 2, 10, &mut rng, &device);
/// let logits = model.forward(Tensor::<4>::zeros([2, 3, 8, 8], &device), Mode::Train);
/// assert_eq!(logits.dims(), [2, 10]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct ResNet<B: burn::tensor::backend::Backend = Backend> {
    stem: Conv2d<B>,
    stem_norm: BatchNorm<B>,
    blocks: Vec<BasicBlock<B>>,
    head: Linear<B>,
}

impl ResNet {
    /// A network for images of `channels` planes; `stages` are the channels of each stage, `blocks` the blocks in each.
    pub fn new(
        channels: usize,
        stages: &[usize],
        blocks: usize,
        classes: usize,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let width = stages.first().copied().unwrap_or(channels);
        let stem = Conv { inputs: channels, outputs: width, kernel: 3, stride: 1, padding: 1, bias: false };
        let stem = conv2d(stem, Init::He, rng, device);
        let mut inputs = width;
        let mut list = Vec::with_capacity(stages.len() * blocks);
        for (stage, outputs) in stages.iter().enumerate() {
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                list.push(BasicBlock::new(inputs, *outputs, stride, rng, device));
                inputs = *outputs;
            }
        }
        ResNet {
            stem,
            stem_norm: BatchNormConfig::new(width).init(device),
            blocks: list,
            head: linear(inputs, classes, true, Init::LeCun, rng, device),
        }
    }

    /// Features before the head, `[n, channels, h, w]` to `[n, last stage]`.
    pub fn features(&self, x: Tensor<4>, mode: Mode) -> Tensor<2> {
        let x = relu(batch_norm(&self.stem_norm, self.stem.forward(x), mode));
        mean_over_positions(self.blocks.iter().fold(x, |x, block| block.forward(x, mode)))
    }

    /// Logits, `[n, channels, h, w]` to `[n, classes]`.
    pub fn forward(&self, x: Tensor<4>, mode: Mode) -> Tensor<2> {
        self.head.forward(self.features(x, mode))
    }

    /// Logits and their derivative along `v` (of the shape of `x`), in evaluation behaviour: forward-mode
    /// differentiation, so that reverse mode can run over the derivative. Slopes of ReLU are constants; its slope at 0
    /// is 0.
    pub fn forward_tangent(&self, x: Tensor<4>, v: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let stem = relu_tangent(conv_norm_tangent(&self.stem, &self.stem_norm, x, v));
        let (x, v) = self.blocks.iter().fold(stem, |(x, v), block| block.tangent(x, v));
        let tangent = mean_over_positions(v).matmul(self.head.weight.val());
        (self.head.forward(mean_over_positions(x)), tangent)
    }
}

fn mean_over_positions(x: Tensor<4>) -> Tensor<2> {
    let [n, channels, _, _] = x.dims();
    x.mean_dim(3).mean_dim(2).reshape([n, channels])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::input_gradient;
    use crate::init::uniform;
    use burn::module::AutodiffModule;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn trained_statistics(device: &Device) -> (ResNet, Tensor<4>) {
        let mut rng = harness_core::rng::stream("test", "resnet", 0);
        let model = ResNet::new(2, &[3, 5], 1, 4, &mut rng, device);
        let x = uniform([6, 2, 5, 5], 1.0, &mut rng, device);
        for _ in 0..20 {
            model.forward(x.clone(), Mode::Train);
        }
        (model, x)
    }

    #[test]
    fn evaluation_is_that_of_burn_on_tensors_without_gradients_and_leaves_statistics_alone() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (model, x) = trained_statistics(&device);
        let first = read_f32(model.forward(x.clone(), Mode::Evaluate));
        assert_eq!(first, read_f32(model.forward(x.clone(), Mode::Evaluate)));
        let inner = model.valid();
        for other in [inner.forward(x.clone().inner(), Mode::Train), inner.forward(x.clone().inner(), Mode::Evaluate)] {
            assert!(read_f32(other).iter().zip(&first).all(|(a, b)| (a - b).abs() < 1e-5));
        }
        assert_ne!(first, read_f32(model.forward(x, Mode::Train)));
    }

    #[test]
    fn the_derivative_along_v_is_the_gradient_times_v() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (model, x) = trained_statistics(&device);
        let v = uniform(x.dims(), 1.0, &mut harness_core::rng::stream("test", "v", 0), &device);
        let (logits, tangent) = model.forward_tangent(x.clone(), v.clone());
        let same = read_f32(model.forward(x.clone(), Mode::Evaluate));
        assert!(read_f32(logits).iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-6));
        let tangent = read_f32(tangent);
        for class in 0..4 {
            let gradient =
                input_gradient(x.clone(), |x| model.forward(x, Mode::Evaluate).narrow(1, class, 1).squeeze_dim(1));
            let products = read_f32((gradient * v.clone()).reshape([6, -1]).sum_dim(1));
            for (row, product) in products.iter().enumerate() {
                assert!(
                    (tangent[row * 4 + class] - product).abs() < 1e-4,
                    "{} and {product}",
                    tangent[row * 4 + class]
                );
            }
        }
    }
}
