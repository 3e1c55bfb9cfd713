//! A perceptron on jets.

use harness_core::backend::Tensor;
use harness_core::error::Result;

use super::Jet;
use crate::mlp::{Activation, Mlp};

/// Fully connected layers `(weight [inputs, outputs], bias [outputs])` with an activation after each but the last.
///
/// **Example.** ∂u/∂x of a line:
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::jet::{Direction, Jet, perceptron};
/// use papers_kit::mlp::Activation;
/// let device = DeviceChoice::Cpu.open()?;
/// let x = Jet::input(Tensor::from_data([[2.0]], &device), &Direction::axes(1, 1))?;
/// let layer = (Tensor::from_data([[5.0]], &device), Some(Tensor::from_data([1.0], &device)));
/// let u = perceptron(&x, &[layer], Activation::Tanh)?;
/// assert_eq!((read_f32(u.value())[0], read_f32(u.derivative(0, 1)?)[0]), (11.0, 5.0));
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`harness_core::Error::Input`] where the shapes do not fit.
pub fn perceptron(input: &Jet, layers: &[(Tensor<2>, Option<Tensor<1>>)], activation: Activation) -> Result<Jet> {
    let mut hidden = input.clone(); // [n, width of the layer]
    for (index, (weight, bias)) in layers.iter().enumerate() {
        hidden = hidden.linear(weight.clone(), bias.clone())?;
        if index + 1 < layers.len() {
            hidden = hidden.activation(activation);
        }
    }
    Ok(hidden)
}

impl Mlp {
    /// The outputs with their derivatives.
    ///
    /// # Errors
    /// [`harness_core::Error::Input`] where the input has another width than the first layer takes.
    pub fn jet(&self, input: &Jet) -> Result<Jet> {
        let layers: Vec<_> = self
            .layers()
            .iter()
            .map(|layer| (layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val())))
            .collect();
        perceptron(input, &layers, self.activation())
    }
}
