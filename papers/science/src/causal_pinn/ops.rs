//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::jet::{Direction, Jet, perceptron};
use papers_kit::mlp::Activation;

use super::allen_cahn::{self, AllenCahn};
use super::causal::{self, CausalLossConfig};
use super::lorenz::{self, Lorenz};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "causal_weights", about: "the weight of each time slab", run: causal_weights },
    Op { name: "causal_loss", about: "weighted residual loss with the initial condition", run: causal_loss },
    Op {
        name: "tanh_mlp_jet",
        about: "a network with its first and second derivatives by its inputs",
        run: tanh_mlp_jet,
    },
    Op { name: "lorenz_residual", about: "what is left of the Lorenz equations", run: lorenz_residual },
    Op { name: "allen_cahn_residual", about: "what is left of the Allen–Cahn equation", run: allen_cahn_residual },
    Op { name: "causal_stop", about: "whether all weights are above a limit", run: causal_stop },
];

/// A float input of `D` dimensions without NaN or infinity.
fn finite<const D: usize>(inputs: &Inputs, name: &str) -> Result<Tensor<D>> {
    let tensor = inputs.tensor(name)?;
    match read_f32(tensor.clone()).iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("input `{name}` must be finite, but holds {value}"))),
        None => Ok(tensor),
    }
}

/// A float input of `D` dimensions, finite and of at least 0.
fn not_negative<const D: usize>(inputs: &Inputs, name: &str) -> Result<Tensor<D>> {
    let tensor: Tensor<D> = finite(inputs, name)?;
    match read_f32(tensor.clone()).iter().find(|value| **value < 0.0) {
        Some(value) => Err(Error::Input(format!("input `{name}` is a loss, but holds {value}: expected at least 0"))),
        None => Ok(tensor),
    }
}

/// Refuses results beyond the range of single precision.
fn in_range(name: &str, tensor: &Tensor<1>) -> Result<()> {
    match read_f32(tensor.clone()).iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("the inputs are too large: `{name}` is {value} in single precision"))),
        None => Ok(()),
    }
}

fn causal_weights(inputs: &Inputs) -> Result<Outputs> {
    let losses = not_negative(inputs, "residual_losses")?;
    let initial = not_negative(inputs, "initial_loss")?;
    let weights = causal::causal_weights(losses, initial, inputs.float_or("epsilon", 1.0)?)?;
    Ok(Outputs::new().tensor("weights", weights))
}

fn causal_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = CausalLossConfig::new(inputs.float("epsilon")?)
        .with_ic_weight(inputs.float_or("ic_weight", 100.0)?)
        .with_ic_in_weights(inputs.bool_or("ic_in_weights", true)?)
        .init()?;
    let initial = not_negative::<1>(inputs, "initial_mse")?;
    if initial.dims() != [1] {
        return Err(Error::Input(format!("input `initial_mse` has shape {:?}, expected a scalar", initial.dims())));
    }
    let terms = loss.forward(finite(inputs, "residual")?, initial)?;
    in_range("loss", &terms.loss)?;
    let weights: Vec<f64> = read_f32(terms.weights.clone()).into_iter().map(f64::from).collect();
    let min_weight = causal::causal_stop(&weights, 1.0)?.min_weight;
    Ok(Outputs::new().scalar("loss", terms.loss).tensor("weights", terms.weights).float("min_weight", min_weight))
}

fn tanh_mlp_jet(inputs: &Inputs) -> Result<Outputs> {
    let points: Tensor<2> = finite(inputs, "points")?;
    let layer = |weight: &str, bias: &str| -> Result<(Tensor<2>, Option<Tensor<1>>)> {
        Ok((finite(inputs, weight)?, Some(finite(inputs, bias)?)))
    };
    let layers = [layer("w1", "b1")?, layer("w2", "b2")?, layer("w3", "b3")?];
    let [_, (square, _), _] = &layers;
    let [rows, columns] = square.dims();
    if rows != columns {
        return Err(Error::Input(format!("input `w2` has shape [{rows}, {columns}], expected a square")));
    }
    let [_, dimensions] = points.dims();
    let u = perceptron(&Jet::input(points, &Direction::axes(dimensions, 2))?, &layers, Activation::Tanh)?;
    let all = |order: usize| -> Result<Tensor<3>> {
        let along = (0..dimensions).map(|direction| u.derivative(direction, order)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::stack(along, 2)) // [points, outputs, dimensions]
    };
    Ok(Outputs::new().tensor("u", u.value()).tensor("du", all(1)?).tensor("d2u", all(2)?))
}

fn lorenz_residual(inputs: &Inputs) -> Result<Outputs> {
    let system = Lorenz { sigma: inputs.float("sigma")?, rho: inputs.float("rho")?, beta: inputs.float("beta")? };
    let residual = lorenz::lorenz_residual(finite(inputs, "state")?, finite(inputs, "dstate")?, system)?;
    in_range("residual", &residual.clone().flatten(0, 1))?;
    Ok(Outputs::new().tensor("residual", residual))
}

fn allen_cahn_residual(inputs: &Inputs) -> Result<Outputs> {
    let equation = AllenCahn { nu: inputs.float_or("nu", 1e-4)? };
    let (u, u_t, u_xx) = (finite::<1>(inputs, "u")?, finite(inputs, "u_t")?, finite(inputs, "u_xx")?);
    let residual = allen_cahn::allen_cahn_residual(u, u_t, u_xx, equation)?;
    in_range("residual", &residual)?;
    Ok(Outputs::new().tensor("residual", residual))
}

fn causal_stop(inputs: &Inputs) -> Result<Outputs> {
    let [_] = inputs.shape("weights")?;
    let found = causal::causal_stop(&inputs.floats("weights")?, inputs.float_or("delta", 0.99)?)?;
    Ok(Outputs::new().bools("stop", &[], vec![found.stop]).float("min_weight", found.min_weight))
}
