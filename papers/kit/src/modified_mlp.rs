//! The modified perceptron, in which two encodings of the input gate every hidden layer.

use burn::module::Module;
use burn::nn::Linear;
use harness_core::backend::{Backend, Device, Tensor};
use harness_core::error::{Error, Result};
use rand::Rng;

use crate::jet::Jet;
use crate::mlp::Activation;
use crate::nn::{Init, linear};

/// A perceptron whose hidden layers mix two encodings of the input.
///
/// **Definition.** U = φ(xW_U + b_U), V = φ(xW_V + b_V); each hidden layer has g = φ(hW + b) and passes on
/// h ← g ⊙ U + (1 − g) ⊙ V; the last layer is linear.
///
/// **Paper.** Wang, Teng, Perdikaris: Understanding and mitigating gradient flow pathologies in physics-informed neural
/// networks (SIAM Journal on Scientific Computing 43, 2021), section 2.6.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::jet::{Direction, Jet};
/// use papers_kit::mlp::Activation;
/// use papers_kit::modified_mlp::ModifiedMlp;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = ModifiedMlp::new(&[2, 16, 16, 1], Activation::Tanh, &mut rng, &device)?;
/// let x = Jet::input(Tensor::zeros([5, 2], &device), &Direction::axes(2, 4))?;
/// assert_eq!(model.jet(&x)?.derivative(1, 4)?.dims(), [5, 1]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct ModifiedMlp<B: burn::tensor::backend::Backend = Backend> {
    encoders: Vec<Linear<B>>,
    layers: Vec<Linear<B>>,
    #[module(skip)]
    activation: Activation,
}

impl ModifiedMlp {
    /// Layers of the given widths, input first, by Glorot's initialisation; the hidden ones are equally wide.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no hidden layer, or hidden layers differ in width.
    pub fn new(widths: &[usize], activation: Activation, rng: &mut impl Rng, device: &Device) -> Result<Self> {
        let (inputs, hidden) = match widths {
            [inputs, hidden @ .., _] if !hidden.is_empty() => (*inputs, hidden),
            _ => return Err(Error::Input(format!("widths {widths:?} have no hidden layer"))),
        };
        let width = hidden.first().copied().unwrap_or_default();
        if hidden.iter().any(|other| *other != width) {
            return Err(Error::Input(format!(
                "hidden widths {hidden:?} differ, but one pair of encodings gates them all"
            )));
        }
        let mut layer = |inputs, outputs| linear(inputs, outputs, true, Init::Glorot, rng, device);
        let encoders = (0..2).map(|_| layer(inputs, width)).collect();
        let layers = widths.windows(2).map(|pair| layer(pair[0], pair[1])).collect();
        Ok(ModifiedMlp { encoders, layers, activation })
    }

    /// The outputs of the last layer, `[n, inputs]` to `[n, outputs]`.
    ///
    /// # Errors
    /// As [`ModifiedMlp::jet`].
    pub fn forward(&self, x: Tensor<2>) -> Result<Tensor<2>> {
        Ok(self.jet(&Jet::constant(x))?.value())
    }

    /// The outputs with their derivatives.
    ///
    /// # Errors
    /// [`Error::Input`] where the input has another width than the first layer takes.
    pub fn jet(&self, input: &Jet) -> Result<Jet> {
        let through = |jet: &Jet, layer: &Linear<Backend>| {
            jet.linear(layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()))
        };
        let encodings: Vec<Jet> = self
            .encoders
            .iter()
            .map(|layer| Ok(through(input, layer)?.activation(self.activation)))
            .collect::<Result<_>>()?;
        let ([u, v], Some((last, hidden_layers))) = (encodings.as_slice(), self.layers.split_last()) else {
            return Err(Error::Failed("a modified perceptron without layers".into()));
        };
        let apart = u.sub(v)?;
        let mut hidden = input.clone();
        for layer in hidden_layers {
            // g ⊙ U + (1 − g) ⊙ V with one product.
            hidden = through(&hidden, layer)?.activation(self.activation).mul(&apart)?.add(v)?;
        }
        through(&hidden, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jet::Direction;
    use crate::jet::reference::{Layer, Series, flat, host_layer};
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn model(activation: Activation, device: &Device) -> ModifiedMlp {
        let mut rng = harness_core::rng::stream("test", "modified", 0);
        let mut model = ModifiedMlp::new(&[2, 6, 6, 6, 2], activation, &mut rng, device).unwrap();
        for layer in model.encoders.iter_mut().chain(&mut model.layers) {
            let [_, outputs] = layer.weight.dims();
            let bias = crate::init::uniform([outputs], 0.5, &mut rng, device);
            layer.bias = Some(burn::module::Param::from_tensor(bias));
        }
        model
    }

    fn reference(model: &ModifiedMlp, x: &[Series]) -> Vec<Series> {
        let host = |layers: &[Linear<Backend>]| -> Vec<Layer> { layers.iter().map(host_layer).collect() };
        let (encoders, layers) = (host(&model.encoders), host(&model.layers));
        let through = |layer: &Layer, x: &[Series]| -> Vec<Series> {
            layer.forward(x).into_iter().map(|z| z.activation(model.activation)).collect()
        };
        let (u, v) = (through(&encoders[0], x), through(&encoders[1], x));
        let mut hidden = x.to_vec();
        let (last, others) = layers.split_last().unwrap();
        for layer in others {
            let gates = through(layer, &hidden);
            hidden = gates
                .iter()
                .zip(u.iter().zip(&v))
                .map(|(g, (u, v))| g.mul(*u).add(Series::constant(1.0).sub(*g).mul(*v)))
                .collect();
        }
        last.forward(&hidden)
    }

    #[test]
    fn all_derivatives_are_those_of_a_taylor_series_in_double_precision() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let points = [[0.3, -0.8], [1.1, 0.4], [-0.6, 0.9]];
        let directions = [Direction { vector: vec![1.0, 0.5], order: 4 }, Direction::axis(1, 2, 2)];
        for activation in [Activation::Tanh, Activation::Sine, Activation::Swish] {
            let model = model(activation, &device);
            let input = Jet::input(Tensor::from_data(points, &device), &directions).unwrap();
            let found = model.jet(&input).unwrap();
            assert_eq!(read_f32(model.forward(input.value()).unwrap()), read_f32(found.value()));
            for (at, direction) in directions.iter().enumerate() {
                let series: Vec<Vec<Series>> = points
                    .iter()
                    .map(|point| {
                        let x: Vec<Series> = point
                            .iter()
                            .zip(&direction.vector)
                            .map(|(x, v)| Series::line(f64::from(*x as f32), *v))
                            .collect();
                        reference(&model, &x)
                    })
                    .collect();
                for order in 1..=direction.order {
                    let want = flat(&series, order);
                    let scale = want.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
                    for (got, want) in read_f32(found.derivative(at, order).unwrap()).into_iter().zip(want) {
                        let error = (f64::from(got) - want).abs() / scale;
                        assert!(error < 2e-6, "{activation:?}, order {order}: {got} instead of {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn widths_that_cannot_be_gated_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let mut rng = harness_core::rng::stream("test", "modified", 0);
        let mut new = |widths: &[usize]| ModifiedMlp::new(widths, Activation::Tanh, &mut rng, &device);
        assert!(new(&[2, 6, 5, 1]).is_err() && new(&[2, 1]).is_err() && new(&[2]).is_err() && new(&[]).is_err());
        let model = new(&[2, 6, 1]).unwrap();
        assert!(model.forward(Tensor::zeros([4, 3], &device)).is_err());
    }
}
