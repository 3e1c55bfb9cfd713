//! A multi-layer perceptron on one vector of weights, with its backward pass written out.
//!
//! Populations train thousands of networks of a few thousand weights each. There, recording gradients costs more than
//! computing them: the backward pass as plain tensor operations takes less than half of the time of reverse mode. One
//! vector holds all weights, so that a copy, an optimiser's step and a checkpoint are each one operation.

use burn::tensor::{TensorData, activation};
use harness_core::backend::{Device, Tensor};
use rand::RngExt;
use rand_distr::StandardNormal;

use harness_core::rng::Stream;

/// The same device without recording of gradients.
pub fn plain_device(device: &Device) -> Device {
    Tensor::<1>::zeros([1], device).inner().device()
}

/// The function between layers. Its derivative follows from its value, which is all that a pass keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// tanh x.
    Tanh,
}

impl Activation {
    fn forward(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Activation::Relu => activation::relu(x),
            Activation::Tanh => activation::tanh(x),
        }
    }

    /// `upstream` times the derivative where the value is `h`.
    fn backward(self, h: Tensor<2>, upstream: Tensor<2>) -> Tensor<2> {
        match self {
            // max(x, 0) is 0 where x is, and that is where its derivative is.
            Activation::Relu => upstream.mask_fill(h.lower_equal_elem(0.0), 0.0),
            Activation::Tanh => upstream * (-(h.square() - 1.0)),
        }
    }
}

/// The sizes of a perceptron; its weights are given to every call.
#[derive(Debug, Clone, PartialEq)]
pub struct Perceptron {
    widths: Vec<usize>,
    activation: Activation,
}

/// Weights `[inputs, outputs]` and bias `[1, outputs]` of each layer, cut out of one vector.
#[derive(Debug, Clone)]
pub struct Layers(Vec<(Tensor<2>, Tensor<2>)>);

/// What a forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Outputs of the last layer, `[n, outputs]`.
    pub output: Tensor<2>,
    /// Inputs of each layer, masked where there is a mask.
    inputs: Vec<Tensor<2>>,
    /// Activations of the last hidden layer before its mask.
    last_hidden: Option<Tensor<2>>,
    mask: Option<Tensor<2>>,
}

impl Perceptron {
    /// Layers of these widths, input first, with an activation after each but the last.
    pub fn new(widths: &[usize], activation: Activation) -> Self {
        Perceptron { widths: widths.to_vec(), activation }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.widths.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// Initial weights: N(0, 2/fan_in) for ReLU, N(0, 2/(fan_in + fan_out)) for tanh, biases 0.
    pub fn draw(&self, rng: &mut Stream) -> Vec<f32> {
        let mut weights = Vec::new();
        for (inputs, outputs) in self.pairs() {
            let fan = match self.activation {
                Activation::Relu => inputs,
                Activation::Tanh => inputs + outputs,
            };
            let std = (2.0 / fan as f64).sqrt();
            weights.extend((0..inputs * outputs).map(|_| (std * rng.sample::<f64, _>(StandardNormal)) as f32));
            weights.extend(std::iter::repeat_n(0.0, outputs));
        }
        weights
    }

    /// Cuts the layers out of a vector of all weights.
    pub fn layers(&self, weights: &Tensor<1>) -> Layers {
        let mut at = 0;
        let mut cut = |rows: usize, columns: usize| {
            let part = weights.clone().narrow(0, at, rows * columns).reshape([rows, columns]);
            at += rows * columns;
            part
        };
        Layers(self.pairs().map(|(inputs, outputs)| (cut(inputs, outputs), cut(1, outputs))).collect())
    }

    /// Outputs for `x` `[n, inputs]`. A `mask` `[n, width]` multiplies the activations of the last hidden layer (dropout).
    pub fn forward(&self, layers: &Layers, x: Tensor<2>, mask: Option<Tensor<2>>) -> Pass {
        let last = layers.0.len().saturating_sub(1);
        let mut inputs = Vec::with_capacity(layers.0.len());
        let mut last_hidden = None;
        let mut h = x;
        for (index, (weight, bias)) in layers.0.iter().enumerate() {
            inputs.push(h.clone());
            let a = h.matmul(weight.clone()) + bias.clone();
            h = if index < last { self.activation.forward(a) } else { a };
            if index + 1 == last {
                last_hidden = Some(h.clone());
                if let Some(mask) = &mask {
                    h = h * mask.clone();
                }
            }
        }
        Pass { output: h, inputs, last_hidden, mask }
    }

    /// The gradient of all weights as one vector, for the gradient `upstream` `[n, outputs]` of the outputs.
    pub fn weight_gradient(&self, layers: &Layers, pass: &Pass, upstream: Tensor<2>) -> Tensor<1> {
        let mut parts = Vec::with_capacity(2 * layers.0.len());
        self.backward(layers, pass, upstream, true, |input, upstream| {
            parts.push(upstream.clone().sum_dim(0).reshape([-1]));
            parts.push(input.transpose().matmul(upstream).reshape([-1]));
        });
        parts.reverse();
        Tensor::cat(parts, 0)
    }

    /// The gradient of the inputs, `[n, inputs]`, for the gradient `upstream` of the outputs.
    pub fn input_gradient(&self, layers: &Layers, pass: &Pass, upstream: Tensor<2>) -> Tensor<2> {
        self.backward(layers, pass, upstream, false, |_, _| {})
    }

    /// Visits each layer from the last to the first with its inputs and the gradient of its outputs. Gives the gradient
    /// of the inputs of the lowest layer that it reaches: with `stop` it does not pass through the first layer.
    fn backward(
        &self,
        layers: &Layers,
        pass: &Pass,
        upstream: Tensor<2>,
        stop: bool,
        mut visit: impl FnMut(Tensor<2>, Tensor<2>),
    ) -> Tensor<2> {
        let mut upstream = upstream;
        let last = layers.0.len().saturating_sub(1);
        for (index, ((weight, _), input)) in layers.0.iter().zip(&pass.inputs).enumerate().rev() {
            visit(input.clone(), upstream.clone());
            if index == 0 && stop {
                break;
            }
            upstream = upstream.matmul(weight.clone().transpose());
            if index > 0 {
                let masked = index == last;
                if let (true, Some(mask)) = (masked, &pass.mask) {
                    upstream = upstream * mask.clone();
                }
                let h = pass.last_hidden.clone().filter(|_| masked).unwrap_or_else(|| input.clone());
                upstream = self.activation.backward(h, upstream);
            }
        }
        upstream
    }
}

/// A matrix on a device, row-major.
pub fn matrix(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn normals(count: usize, rng: &mut Stream) -> Vec<f32> {
        (0..count).map(|_| rng.sample::<f64, _>(StandardNormal) as f32).collect()
    }

    #[test]
    fn the_written_gradients_are_those_of_reverse_mode() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let mut rng = harness_core::rng::stream("test", "perceptron", 0);
        for (widths, activation) in [
            (vec![3, 5, 4, 2], Activation::Relu),
            (vec![3, 5, 4, 2], Activation::Tanh),
            (vec![3, 4], Activation::Relu),
            (vec![3, 6, 1], Activation::Tanh),
        ] {
            let network = Perceptron::new(&widths, activation);
            let weights = network.draw(&mut rng);
            let outputs = widths[widths.len() - 1];
            let hidden = widths[widths.len() - 2];
            let (x, upstream) = (normals(7 * 3, &mut rng), normals(7 * outputs, &mut rng));
            for masked in [false, true] {
                let dropped: Vec<f32> = (0..7 * hidden).map(|at| if at % 3 == 0 { 0.0 } else { 1.5 }).collect();
                let mask = |device: &Device| masked.then(|| matrix(dropped.clone(), [7, hidden], device));
                let flat = |device: &Device| -> Tensor<1> {
                    Tensor::from_data(TensorData::new(weights.clone(), [weights.len()]), device)
                };
                let leaf = flat(&device).require_grad();
                let inputs = matrix(x.clone(), [7, 3], &device).require_grad();
                let output = network.forward(&network.layers(&leaf), inputs.clone(), mask(&device)).output;
                let gradients = (output * matrix(upstream.clone(), [7, outputs], &device)).sum().backward();

                let plain = plain_device(&device);
                let layers = network.layers(&flat(&plain));
                let pass = network.forward(&layers, matrix(x.clone(), [7, 3], &plain), mask(&plain));
                let upstream = matrix(upstream.clone(), [7, outputs], &plain);
                let found = read_f32(network.weight_gradient(&layers, &pass, upstream.clone()));
                let below = read_f32(network.input_gradient(&layers, &pass, upstream));
                let expected = read_f32(leaf.grad(&gradients).unwrap());
                let expected_below = read_f32(inputs.grad(&gradients).unwrap());
                assert_eq!(found.len(), weights.len());
                for (got, want) in found.iter().zip(&expected).chain(below.iter().zip(&expected_below)) {
                    assert!((got - want).abs() < 1e-4, "{widths:?} {activation:?} {masked}: {got} instead of {want}");
                }
            }
        }
    }

    #[test]
    fn biases_start_at_zero_and_weights_at_their_scale() {
        let network = Perceptron::new(&[200, 300, 1], Activation::Relu);
        let weights = network.draw(&mut harness_core::rng::stream("test", "draw", 0));
        assert_eq!(weights.len(), 200 * 300 + 300 + 300 + 1);
        assert!(weights[60_000..60_300].iter().all(|bias| *bias == 0.0));
        let square = weights[..60_000].iter().map(|w| f64::from(w * w)).sum::<f64>() / 60_000.0;
        assert!((square - 0.01).abs() < 3e-4, "{square}");
    }
}
