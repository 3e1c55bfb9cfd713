//! Gradients of a perceptron with respect to its inputs.

use burn::tensor::activation::softmax;
use harness_core::backend::{IntTensor, Tensor};

use crate::classify::cross_entropy;
use crate::mlp::Mlp;

/// Losses and their gradients with respect to the inputs.
#[derive(Debug, Clone)]
pub struct InputGradient {
    /// Cross-entropy of each example, `[n]`.
    pub losses: Tensor<1>,
    /// ∂ℓᵢ/∂xᵢ, `[n, inputs]`, a differentiable function of parameters and inputs.
    pub gradient: Tensor<2>,
}

/// Cross-entropy of a perceptron and its input gradient, both recorded for reverse mode.
///
/// **Definition.** With pre-activations aₖ = hₖ₋₁Wₖ + bₖ, h = φ(a), logits z: u = softmax(z) − onehot(y), then downwards
/// u ← (u·Wₖᵀ) ⊙ φ′(aₖ₋₁), and at the bottom ∂ℓ/∂x = u·W₁ᵀ. The derivative of ReLU at 0 is 0, and its second
/// derivative is 0 everywhere, which is the mixed derivative that holds except where an activation is exactly 0.
///
/// **Arguments.** `x` `[n, inputs]`, `labels` `[n]` below the number of outputs. A model without layers gives the
/// gradient at its inputs, which are then the logits.
///
/// **Example.** ∂/∂θ ⟨v, ∂ℓ/∂x⟩ by one reverse pass:
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use papers_kit::backprop::input_gradient;
/// use papers_kit::mlp::{Activation, Mlp};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = Mlp::new(&[3, 5, 2], Activation::Relu, &mut rng, &device);
/// let x = Tensor::<2>::from_data([[0.2, 0.9, 0.4]], &device);
/// let found = input_gradient(&model, x, IntTensor::from_data([1], &device));
/// let v = found.gradient.clone().detach();
/// let derivatives = (found.gradient * v).sum().backward();
/// assert!(model.layers()[0].weight.grad(&derivatives).is_some());
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn input_gradient(model: &Mlp, x: Tensor<2>, labels: IntTensor<1>) -> InputGradient {
    let activation = model.activation();
    let last = model.layers().len().saturating_sub(1);
    let mut pre_activations = Vec::with_capacity(model.layers().len());
    let mut hidden = x; // [n, width of the layer]
    for (index, layer) in model.layers().iter().enumerate() {
        let a = layer.forward(hidden);
        hidden = if index < last { activation.forward(a.clone()) } else { a.clone() };
        pre_activations.push(a);
    }
    let logits = hidden;
    let [_, classes] = logits.dims();
    let probabilities = softmax(logits.clone(), 1);
    let is_label = labels.clone().one_hot::<2>(classes).equal_elem(1);
    let mut upstream = probabilities.clone() - probabilities.zeros_like().mask_fill(is_label, 1.0);
    for (index, layer) in model.layers().iter().enumerate().rev() {
        if let (true, Some(a)) = (index < last, pre_activations.get(index)) {
            upstream = upstream * activation.derivative(a.clone());
        }
        upstream = upstream.matmul(layer.weight.val().transpose()); // [n, inputs of the layer]
    }
    InputGradient { losses: cross_entropy(logits, labels), gradient: upstream }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack;
    use crate::mlp::Activation;
    use harness_core::backend::{Device, DeviceChoice};
    use harness_core::op::read_f32;

    fn setting(activation: Activation, device: &Device) -> (Mlp, Tensor<2>, IntTensor<1>) {
        let mut rng = harness_core::rng::stream("test", "backprop", 1);
        let model = Mlp::new(&[6, 9, 7, 4], activation, &mut rng, device);
        let x = crate::init::uniform([5, 6], 1.0, &mut rng, device);
        (model, x, IntTensor::from_data([0, 3, 1, 2, 2], device))
    }

    #[test]
    fn the_gradient_is_that_of_reverse_mode() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for activation in [Activation::Relu, Activation::Tanh, Activation::Sine, Activation::Swish] {
            let (model, x, labels) = setting(activation, &device);
            let expected =
                read_f32(attack::input_gradient(x.clone(), |x| cross_entropy(model.forward(x), labels.clone())));
            let found = input_gradient(&model, x.clone(), labels.clone());
            assert_eq!(read_f32(found.losses), read_f32(cross_entropy(model.forward(x), labels)));
            for (got, want) in read_f32(found.gradient).iter().zip(&expected) {
                assert!((got - want).abs() < 1e-6, "{activation:?}: {got} instead of {want}");
            }
        }
    }

    /// ∂/∂W of ⟨v, ∂ℓ/∂x⟩ against the same network in double precision, differentiated by central differences.
    #[test]
    fn the_mixed_derivative_is_that_of_double_precision() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for activation in [Activation::Relu, Activation::Tanh, Activation::Sine, Activation::Swish] {
            let (model, x, labels) = setting(activation, &device);
            let found = input_gradient(&model, x.clone(), labels);
            let v = found.gradient.clone().detach();
            let direction: Vec<f64> = read_f32(v.clone()).into_iter().map(f64::from).collect();
            let derivatives = (found.gradient * v).sum().backward();
            let mut reference = Reference::of(&model, activation, &x);
            for (layer, parameters) in model.layers().iter().enumerate() {
                let got = read_f32(layer_gradient(parameters, &derivatives));
                for (at, got) in got.iter().enumerate() {
                    let want = reference.derivative(layer, at, &direction);
                    assert!(
                        (f64::from(*got) - want).abs() < 1e-4,
                        "{activation:?} layer {layer} at {at}: {got}, {want}"
                    );
                }
            }
        }
    }

    fn layer_gradient(
        layer: &burn::nn::Linear<harness_core::backend::Backend>,
        gradients: &<harness_core::backend::Backend as burn::tensor::backend::AutodiffBackend>::Gradients,
    ) -> Tensor<2> {
        layer.weight.grad(gradients).unwrap()
    }

    /// The directional derivative of the summed losses along v, in double precision.
    struct Reference {
        weights: Vec<(Vec<f64>, usize, usize)>,
        x: Vec<f64>,
        activation: Activation,
    }

    impl Reference {
        fn of(model: &Mlp, activation: Activation, x: &Tensor<2>) -> Self {
            let weights = model
                .layers()
                .iter()
                .map(|layer| {
                    let [inputs, outputs] = layer.weight.dims();
                    (read_f32(layer.weight.val()).into_iter().map(f64::from).collect(), inputs, outputs)
                })
                .collect();
            Reference { weights, x: read_f32(x.clone()).into_iter().map(f64::from).collect(), activation }
        }

        fn derivative(&mut self, layer: usize, at: usize, v: &[f64]) -> f64 {
            let h = 1e-5;
            let original = self.weights[layer].0[at];
            self.weights[layer].0[at] = original + h;
            let up = self.directional(v);
            self.weights[layer].0[at] = original - h;
            let down = self.directional(v);
            self.weights[layer].0[at] = original;
            (up - down) / (2.0 * h)
        }

        /// Σᵢ d/dt ℓᵢ(xᵢ + t·vᵢ) at t = 0, by carrying the tangent forwards. Biases are 0.
        fn directional(&self, v: &[f64]) -> f64 {
            let labels = [0, 3, 1, 2, 2];
            let width = self.weights[0].1;
            (0..labels.len())
                .map(|row| {
                    let mut h: Vec<f64> = self.x[row * width..][..width].to_vec();
                    let mut t: Vec<f64> = v[row * width..][..width].to_vec();
                    for (index, (w, inputs, outputs)) in self.weights.iter().enumerate() {
                        let apply = |h: &[f64]| -> Vec<f64> {
                            (0..*outputs).map(|o| (0..*inputs).map(|i| h[i] * w[i * outputs + o]).sum()).collect()
                        };
                        let (a, da) = (apply(&h), apply(&t));
                        if index + 1 == self.weights.len() {
                            (h, t) = (a, da);
                            break;
                        }
                        let slope = |a: f64| match self.activation {
                            Activation::Relu => f64::from(u8::from(a > 0.0)),
                            Activation::Tanh => 1.0 - a.tanh().powi(2),
                            Activation::Sine => a.cos(),
                            Activation::Swish => {
                                let sigma = 1.0 / (1.0 + (-a).exp());
                                sigma + a * sigma * (1.0 - sigma)
                            }
                        };
                        t = a.iter().zip(&da).map(|(a, da)| slope(*a) * da).collect();
                        h = a
                            .iter()
                            .map(|a| match self.activation {
                                Activation::Relu => a.max(0.0),
                                Activation::Tanh => a.tanh(),
                                Activation::Sine => a.sin(),
                                Activation::Swish => a / (1.0 + (-a).exp()),
                            })
                            .collect();
                    }
                    let total: f64 = h.iter().map(|z| z.exp()).sum();
                    h.iter().zip(&t).map(|(z, dz)| z.exp() / total * dz).sum::<f64>() - t[labels[row]]
                })
                .sum()
        }
    }
}
