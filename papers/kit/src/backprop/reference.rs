//! The layers and losses once more, forward only, by loops in double precision: what central differences are taken of, and
//! the tests that compare the explicit backward passes with them.

use burn::tensor::TensorData;
use harness_core::backend::{Device, DeviceChoice, IntTensor, Tensor};
use harness_core::op::read_f32;
use rand::RngExt;

use super::*;
use crate::image_set::ImageSize;

/// Doubles as `[features, n]`, row-major.
#[derive(Debug, Clone)]
struct Columns {
    values: Vec<f64>,
    n: usize,
}

impl Columns {
    fn at(&self, feature: usize, example: usize) -> f64 {
        self.values[feature * self.n + example]
    }

    fn build(features: usize, n: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..features * n).map(|at| value(at / n, at % n)).collect();
        Columns { values, n }
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The output of a layer and its size.
fn forward(config: LayerConfig, size: ImageSize, own: &[Columns], x: &Columns) -> (ImageSize, Columns) {
    let n = x.n;
    let ImageSize { channels, height, width } = size;
    let pixel = |c: usize, y: usize, x: usize| (c * height + y) * width + x;
    let map = |f: fn(f64) -> f64| (size, Columns { values: x.values.iter().map(|v| f(*v)).collect(), n });
    match config {
        LayerConfig::Relu => map(|v| if v > 0.0 { v } else { 0.0 }),
        LayerConfig::Softplus => map(softplus),
        LayerConfig::Tanh => map(f64::tanh),
        LayerConfig::Linear { outputs, bias } => {
            let out = Columns::build(outputs, n, |o, j| {
                let sum: f64 = (0..size.values()).map(|i| own[0].at(0, o * size.values() + i) * x.at(i, j)).sum();
                sum + if bias { own[1].at(0, o) } else { 0.0 }
            });
            (ImageSize { channels: outputs, height: 1, width: 1 }, out)
        }
        LayerConfig::Convolution { outputs, kernel, stride, padding, bias } => {
            let side = |length: usize| (length + 2 * padding - kernel) / stride + 1;
            let (down, across) = (side(height), side(width));
            let out = Columns::build(outputs * down * across, n, |at, j| {
                let (o, i, k) = (at / (down * across), at / across % down, at % across);
                let mut sum = if bias { own[1].at(0, o) } else { 0.0 };
                for (c, ky, kx) in (0..channels * kernel * kernel)
                    .map(|at| (at / (kernel * kernel), at / kernel % kernel, at % kernel))
                {
                    let row = (i * stride + ky).wrapping_sub(padding);
                    let column = (k * stride + kx).wrapping_sub(padding);
                    if row < height && column < width {
                        let weight = own[0].at(0, ((o * channels + c) * kernel + ky) * kernel + kx);
                        sum += weight * x.at(pixel(c, row, column), j);
                    }
                }
                sum
            });
            (ImageSize { channels: outputs, height: down, width: across }, out)
        }
        LayerConfig::AveragePool { size: square } => {
            let (down, across) = (height / square, width / square);
            let out = Columns::build(channels * down * across, n, |at, j| {
                let (c, i, k) = (at / (down * across), at / across % down, at % across);
                let sum: f64 = (0..square * square)
                    .map(|s| x.at(pixel(c, i * square + s / square, k * square + s % square), j))
                    .sum();
                sum / (square * square) as f64
            });
            (ImageSize { channels, height: down, width: across }, out)
        }
        LayerConfig::InstanceNorm { epsilon } | LayerConfig::BatchNorm { epsilon } => {
            let plane = height * width;
            let out = Columns::build(size.values(), n, |at, j| {
                let c = at / plane;
                let examples = if matches!(config, LayerConfig::BatchNorm { .. }) { 0..n } else { j..j + 1 };
                let values: Vec<f64> = examples
                    .flat_map(|e| (0..plane).map(move |p| (p, e)))
                    .map(|(p, e)| x.at(c * plane + p, e))
                    .collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
                (x.at(at, j) - mean) / (variance + epsilon).sqrt() * own[0].at(0, c) + own[1].at(0, c)
            });
            (size, out)
        }
    }
}

/// What the output of a network is turned into a number with.
#[derive(Debug, Clone)]
enum Objective {
    /// ⟨u, output⟩; u is the last of the variables.
    Upstream,
    CrossEntropy(Vec<i64>),
    SquaredError(Vec<f64>),
}

/// Variables are the inputs, the parameters in order, and u where the objective has one.
struct Setting {
    input: ImageSize,
    layers: Vec<LayerConfig>,
    objective: Objective,
    variables: Vec<Columns>,
}

impl Setting {
    /// Random values, of which none lies near a kink of ReLU at the input.
    fn new(input: ImageSize, layers: &[LayerConfig], n: usize, objective: Objective, seed: u64) -> Self {
        let network = Network::new(input, layers).unwrap();
        let mut rng = harness_core::rng::stream("test", "reference", seed);
        let mut draw = |features: usize, n: usize| {
            let values = (0..features * n)
                .map(|_| {
                    let value: f64 = rng.random_range(-1.0..1.0);
                    // What the device sees, so that both compute with the same numbers.
                    f64::from((value + 0.1f64.copysign(value)) as f32)
                })
                .collect();
            Columns { values, n }
        };
        let mut variables = vec![draw(input.values(), n)];
        variables.extend(network.parameters().iter().map(|size| draw(1, size.shape[0] * size.shape[1])));
        if matches!(objective, Objective::Upstream) {
            let outputs = layers.iter().fold(input, |size, layer| layer.init(size).unwrap().output());
            variables.push(draw(outputs.values(), n));
        }
        Setting { input, layers: layers.to_vec(), objective, variables }
    }

    fn loss(&self, variables: &[Columns]) -> f64 {
        let (mut size, mut x) = (self.input, variables[0].clone());
        let mut rest = &variables[1..];
        for layer in &self.layers {
            let (own, others) = rest.split_at(layer.init(size).unwrap().parameters().len());
            (size, x) = forward(*layer, size, own, &x);
            rest = others;
        }
        match &self.objective {
            Objective::Upstream => x.values.iter().zip(&rest[0].values).map(|(y, u)| y * u).sum(),
            Objective::CrossEntropy(labels) => {
                let classes = size.values();
                let losses = labels.iter().enumerate().map(|(j, label)| {
                    let total: f64 = (0..classes).map(|c| x.at(c, j).exp()).sum();
                    total.ln() - x.at(*label as usize, j)
                });
                losses.sum::<f64>() / x.n as f64
            }
            Objective::SquaredError(targets) => {
                let total: f64 = x.values.iter().zip(targets).map(|(y, t)| (y - t).powi(2)).sum();
                total / targets.len() as f64
            }
        }
    }

    fn moved(&self, steps: &[(usize, usize, f64)], along: Option<(&[Columns], f64)>) -> f64 {
        let mut variables = self.variables.clone();
        if let Some((direction, step)) = along {
            for (variable, direction) in variables.iter_mut().zip(direction) {
                variable.values.iter_mut().zip(&direction.values).for_each(|(v, d)| *v += step * d);
            }
        }
        for (variable, at, step) in steps {
            variables[*variable].values[*at] += step;
        }
        self.loss(&variables)
    }

    /// ∂L by a central difference.
    fn slope(&self, variable: usize, at: usize) -> f64 {
        let h = 1e-5;
        (self.moved(&[(variable, at, h)], None) - self.moved(&[(variable, at, -h)], None)) / (2.0 * h)
    }

    /// ∂⟨q, ∇L⟩ by a mixed central difference.
    fn mixed(&self, variable: usize, at: usize, q: &[Columns]) -> f64 {
        let (h, k) = (1e-4, 1e-4);
        let value = |a: f64, b: f64| self.moved(&[(variable, at, a * h)], Some((q, b * k)));
        (value(1.0, 1.0) - value(1.0, -1.0) - value(-1.0, 1.0) + value(-1.0, -1.0)) / (4.0 * h * k)
    }

    /// The explicit gradients, and the reverse-mode derivative of ⟨q, gradients⟩, against double precision.
    fn check(&self, what: &str, device: &Device) {
        let network = Network::new(self.input, &self.layers).unwrap();
        let sizes = network.parameters();
        let upload = |columns: &Columns, shape: [usize; 2]| -> Tensor<2> {
            let values: Vec<f32> = columns.values.iter().map(|v| *v as f32).collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        let natural = |columns: &Columns| [columns.values.len() / columns.n, columns.n];
        let x = upload(&self.variables[0], natural(&self.variables[0])).require_grad();
        let parameters: Vec<Tensor<2>> =
            sizes.iter().zip(&self.variables[1..]).map(|(size, v)| upload(v, size.shape).require_grad()).collect();
        let pass = network.forward(&parameters, x.clone()).unwrap();
        let mut leaves = vec![x.clone()];
        leaves.extend(parameters.iter().cloned());
        let upstream = match &self.objective {
            Objective::Upstream => {
                let u = &self.variables[self.variables.len() - 1];
                let u = upload(u, natural(u)).require_grad();
                leaves.push(u.clone());
                u
            }
            Objective::CrossEntropy(labels) => {
                let found = cross_entropy(pass.output(), IntTensor::from_data(labels.as_slice(), device));
                close(what, "loss", read_f32(found.loss)[0], self.loss(&self.variables));
                found.gradient
            }
            Objective::SquaredError(targets) => {
                let targets = Columns { values: targets.clone(), n: x.dims()[1] };
                let found = mean_squared_error(pass.output(), upload(&targets, natural(&targets)));
                close(what, "loss", read_f32(found.loss)[0], self.loss(&self.variables));
                found.gradient
            }
        };
        let gradients = pass.backward(upstream.clone()).unwrap();
        let mut all = vec![gradients.input];
        all.extend(gradients.parameters.clone());
        for (variable, gradient) in all.iter().enumerate() {
            for (at, got) in read_f32(gradient.clone()).into_iter().enumerate() {
                close(what, &format!("gradient {variable} at {at}"), got, self.slope(variable, at));
            }
        }
        let alone = pass.parameter_gradients(upstream).unwrap();
        for (a, b) in alone.into_iter().zip(gradients.parameters) {
            assert_eq!(read_f32(a), read_f32(b));
        }
        let mut rng = harness_core::rng::stream("test", "direction", 0);
        let q: Vec<Columns> = self
            .variables
            .iter()
            .enumerate()
            .map(|(variable, like)| Columns {
                values: like
                    .values
                    .iter()
                    .map(|_| if variable < all.len() { f64::from(rng.random_range(-1.0f32..1.0)) } else { 0.0 })
                    .collect(),
                n: like.n,
            })
            .collect();
        let along = all
            .iter()
            .zip(&q)
            .map(|(gradient, q)| (gradient.clone() * upload(q, gradient.dims())).sum())
            .reduce(|a, b| a + b)
            .unwrap();
        let derivatives = along.backward();
        for (variable, leaf) in leaves.iter().enumerate() {
            let got = leaf.grad(&derivatives).map_or(vec![0.0; self.variables[variable].values.len()], read_f32);
            for (at, got) in got.into_iter().enumerate() {
                close(
                    what,
                    &format!("derivative of gradients by {variable} at {at}"),
                    got,
                    self.mixed(variable, at, &q),
                );
            }
        }
    }
}

fn close(what: &str, quantity: &str, got: f32, want: f64) {
    let got = f64::from(got);
    assert!((got - want).abs() < 2e-4 * (1.0 + want.abs()), "{what}: {quantity}: {got} instead of {want}");
}

fn device() -> Device {
    DeviceChoice::Cpu.open().unwrap()
}

const IMAGE: ImageSize = ImageSize { channels: 2, height: 5, width: 4 };

/// Every layer by itself, for odd sides, strides, paddings, with and without bias.
#[test]
fn every_layer_and_its_gradients_agree_with_double_precision() {
    let convolution =
        |outputs, kernel, stride, padding, bias| LayerConfig::Convolution { outputs, kernel, stride, padding, bias };
    for layer in [
        LayerConfig::Linear { outputs: 3, bias: true },
        LayerConfig::Linear { outputs: 1, bias: false },
        convolution(3, 3, 1, 1, true),
        convolution(2, 3, 2, 1, false),
        convolution(2, 2, 1, 0, true),
        convolution(1, 1, 3, 0, true),
        convolution(2, 4, 3, 2, true),
        LayerConfig::Relu,
        LayerConfig::Softplus,
        LayerConfig::Tanh,
        LayerConfig::AveragePool { size: 1 },
        LayerConfig::AveragePool { size: 2 },
        LayerConfig::AveragePool { size: 4 },
        LayerConfig::InstanceNorm { epsilon: 1e-5 },
        LayerConfig::BatchNorm { epsilon: 1e-3 },
    ] {
        for n in [1, 3] {
            Setting::new(IMAGE, &[layer], n, Objective::Upstream, 1).check(&format!("{layer:?}, n = {n}"), &device());
        }
    }
}

#[test]
fn both_losses_agree_with_double_precision() {
    let input = ImageSize { channels: 4, height: 1, width: 1 };
    let layers = [LayerConfig::Tanh, LayerConfig::Linear { outputs: 3, bias: true }];
    let labels = Objective::CrossEntropy(vec![2, 0, 2, 1, 0]);
    Setting::new(input, &layers, 5, labels, 2).check("cross-entropy", &device());
    let targets = Objective::SquaredError((0..15).map(|at| f64::from(at % 4) - 1.5).collect());
    Setting::new(input, &layers, 5, targets, 3).check("squared error", &device());
}

/// What condensation differentiates: a convolutional network with instance norm, ReLU, pooling and cross-entropy.
#[test]
fn a_convolutional_network_agrees_with_double_precision() {
    let block = [
        LayerConfig::Convolution { outputs: 3, kernel: 3, stride: 1, padding: 1, bias: true },
        LayerConfig::InstanceNorm { epsilon: 1e-5 },
        LayerConfig::Relu,
        LayerConfig::AveragePool { size: 2 },
    ];
    let mut layers = [block, block].concat();
    layers.push(LayerConfig::Linear { outputs: 3, bias: true });
    let input = ImageSize { channels: 1, height: 6, width: 5 };
    let labels = Objective::CrossEntropy(vec![2, 0]);
    Setting::new(input, &layers, 2, labels, 4).check("convolutional network", &device());
}

/// What force matching differentiates: energies of a smooth network by positions and parameters.
#[test]
fn a_smooth_network_agrees_with_double_precision() {
    let layers = [
        LayerConfig::Linear { outputs: 4, bias: true },
        LayerConfig::Softplus,
        LayerConfig::Linear { outputs: 3, bias: true },
        LayerConfig::BatchNorm { epsilon: 1e-3 },
        LayerConfig::Tanh,
        LayerConfig::Linear { outputs: 1, bias: false },
    ];
    let input = ImageSize { channels: 3, height: 1, width: 1 };
    let targets = Objective::SquaredError(vec![0.5, -1.0, 0.25, 2.0]);
    Setting::new(input, &layers, 4, targets, 5).check("smooth network", &device());
}

/// A perceptron in both forms: rows and columns, gradients of the inputs.
#[test]
fn input_gradients_agree_with_those_of_a_perceptron() {
    let device = device();
    let mut rng = harness_core::rng::stream("test", "perceptron", 0);
    let model = crate::mlp::Mlp::new(&[4, 6, 3], crate::mlp::Activation::Relu, &mut rng, &device);
    let parameters: Vec<Tensor<2>> = model
        .layers()
        .iter()
        .flat_map(|layer| {
            let bias = layer.bias.as_ref().unwrap().val().unsqueeze_dim(1);
            [layer.weight.val().transpose(), bias]
        })
        .collect();
    let layers = [
        LayerConfig::Linear { outputs: 6, bias: true },
        LayerConfig::Relu,
        LayerConfig::Linear { outputs: 3, bias: true },
    ];
    let network = Network::new(ImageSize { channels: 4, height: 1, width: 1 }, &layers).unwrap();
    let x = crate::init::uniform([5, 4], 1.0, &mut rng, &device);
    let labels = IntTensor::from_data([0, 2, 1, 1, 0], &device);
    let want = input_gradient(&model, x.clone(), labels.clone());
    let pass = network.forward(&parameters, x.transpose()).unwrap();
    let found = cross_entropy(pass.output(), labels);
    let gradient = read_f32(pass.backward(found.gradient).unwrap().input.transpose() * 5.0);
    for (got, want) in gradient.iter().zip(read_f32(want.gradient)) {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
}

#[test]
fn it_works_without_gradients_recorded() {
    let device = device();
    let layers = [
        LayerConfig::Convolution { outputs: 2, kernel: 3, stride: 1, padding: 1, bias: true },
        LayerConfig::InstanceNorm { epsilon: 1e-5 },
        LayerConfig::Relu,
        LayerConfig::AveragePool { size: 3 },
        LayerConfig::Linear { outputs: 3, bias: true },
    ];
    let network = Network::new(IMAGE, &layers).unwrap();
    let mut rng = harness_core::rng::stream("test", "plain", 0);
    let parameters = network.initial(crate::nn::Init::Uniform, &mut rng, &device);
    let x = crate::init::uniform([IMAGE.values(), 2], 1.0, &mut rng, &device);
    let labels = || IntTensor::<1>::from_data([2, 0], &device);
    let gradients = |parameters: &[Tensor<2>], x: Tensor<2>| {
        let pass = network.forward(parameters, x).unwrap();
        let loss = cross_entropy(pass.output(), labels());
        pass.parameter_gradients(loss.gradient).unwrap().into_iter().flat_map(read_f32).collect::<Vec<f32>>()
    };
    let inner: Vec<Tensor<2>> = parameters.iter().map(|parameter| parameter.clone().inner()).collect();
    assert_eq!(gradients(&inner, x.clone().inner()), gradients(&parameters, x));
}

/// A single class, whose probability is always 1: no loss and no gradient.
#[test]
fn one_class_has_nothing_to_learn() {
    let device = device();
    let found = cross_entropy(Tensor::from_data([[3.0, -2.0]], &device), IntTensor::from_data([0, 0], &device));
    assert_eq!((read_f32(found.loss), read_f32(found.gradient)), (vec![0.0], vec![0.0; 2]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = device();
    for layer in [
        LayerConfig::Linear { outputs: 0, bias: true },
        LayerConfig::Convolution { outputs: 1, kernel: 0, stride: 1, padding: 0, bias: true },
        LayerConfig::Convolution { outputs: 1, kernel: 3, stride: 0, padding: 0, bias: true },
        LayerConfig::Convolution { outputs: 1, kernel: 6, stride: 1, padding: 0, bias: true },
        LayerConfig::AveragePool { size: 0 },
        LayerConfig::AveragePool { size: 5 },
        LayerConfig::InstanceNorm { epsilon: 0.0 },
        LayerConfig::BatchNorm { epsilon: f64::NAN },
    ] {
        assert!(
            Network::new(IMAGE, &[LayerConfig::Relu, layer]).unwrap_err().to_string().contains("layer 2"),
            "{layer:?}"
        );
    }
    let network = Network::new(IMAGE, &[LayerConfig::Linear { outputs: 2, bias: true }]).unwrap();
    let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
    let good = vec![zeros([2, 40]), zeros([2, 1])];
    assert!(network.forward(&good, zeros([40, 1])).is_ok());
    assert!(network.forward(&good[..1], zeros([40, 1])).is_err());
    assert!(network.forward(&[zeros([40, 2]), zeros([2, 1])], zeros([40, 1])).is_err());
    assert!(network.forward(&good, zeros([39, 1])).is_err());
}

#[test]
fn initial_parameters_have_unit_gains_and_bounded_weights() {
    let device = device();
    let layers = [
        LayerConfig::Convolution { outputs: 8, kernel: 3, stride: 1, padding: 1, bias: true },
        LayerConfig::InstanceNorm { epsilon: 1e-5 },
        LayerConfig::Linear { outputs: 3, bias: true },
    ];
    let network = Network::new(IMAGE, &layers).unwrap();
    let mut rng = harness_core::rng::stream("test", "init", 0);
    let values: Vec<Vec<f32>> =
        network.initial(crate::nn::Init::Uniform, &mut rng, &device).into_iter().map(read_f32).collect();
    let bound = 1.0 / 18f32.sqrt();
    assert!(values[0].iter().all(|w| w.abs() <= bound) && values[0].iter().any(|w| w.abs() > 0.9 * bound));
    assert!(values[1].iter().any(|b| *b != 0.0) && values[1].iter().all(|b| b.abs() <= bound));
    assert_eq!((values[2].clone(), values[3].clone()), (vec![1.0; 8], vec![0.0; 8]));
}
