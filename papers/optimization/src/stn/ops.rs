//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::op::read_f32;
use harness_core::prelude::*;

use super::hyper_linear::{HyperWeights, hyper_linear as forward};
use super::hyperparameter::{self, Constraint, Range};
use super::objective::StnLossConfig;
use super::response;

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "hyper_linear", about: "a layer whose weights respond to hyper-parameters", run: hyper_linear },
    Op { name: "hparam_transform", about: "free numbers to values in their ranges", run: hparam_transform },
    Op { name: "perturb", about: "hyper-parameters with noise, one row per example", run: perturb },
    Op { name: "perturbation_entropy", about: "entropy of that noise", run: perturbation_entropy },
    Op { name: "stn_loss", about: "cross-entropy less the weighted entropy", run: stn_loss },
    Op { name: "exact_response", about: "ridge coefficients as gates of principal components", run: exact_response },
];

/// A float input of `D` dimensions without NaN or infinity.
fn finite<const D: usize>(inputs: &Inputs, name: &str) -> Result<Tensor<D>> {
    let _: [usize; D] = inputs.shape(name)?;
    let tensor = inputs.tensor(name)?;
    match read_f32(tensor.clone()).iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("input `{name}` must be finite, but holds {value}"))),
        None => Ok(tensor),
    }
}

fn switches(inputs: &Inputs, name: &str) -> Result<Vec<bool>> {
    inputs.typed(name, "a list of true and false")
}

fn hyper_linear(inputs: &Inputs) -> Result<Outputs> {
    let x: Tensor<2> = finite(inputs, "x")?;
    let scale = inputs.float_or("elem_scale", 1.0)?;
    let weights = HyperWeights {
        // The authors' matrices are output-first.
        elem_weight: finite::<2>(inputs, "elem_weight")?.transpose(),
        elem_bias: finite(inputs, "elem_bias")?,
        hyper_weight: finite::<2>(inputs, "hyper_weight")?.transpose(),
        hyper_bias: finite(inputs, "hyper_bias")?,
        response: finite::<2>(inputs, "response")?.transpose(),
        elem_scale: Tensor::full([1], scale, &x.device()),
    };
    Ok(Outputs::new().tensor("output", forward(x, finite(inputs, "h")?, weights)?))
}

fn hparam_transform(inputs: &Inputs) -> Result<Outputs> {
    let ranges: Vec<(Option<f64>, Option<f64>)> = inputs.typed("ranges", "a list of [low or null, high or null]")?;
    let discrete = switches(inputs, "discrete")?;
    if discrete.len() != ranges.len() {
        return Err(Error::Input(format!("{} switches for {} ranges: expected as many", discrete.len(), ranges.len())));
    }
    let constraints = ranges
        .into_iter()
        .zip(discrete)
        .map(|((low, high), discrete)| Ok(Constraint { range: Range::new(low, high)?, discrete }))
        .collect::<Result<Vec<_>>>()?;
    Ok(Outputs::new().tensor("value", hyperparameter::transform(finite(inputs, "htensor")?, &constraints)?))
}

fn perturb(inputs: &Inputs) -> Result<Outputs> {
    let (h, scale) = (finite(inputs, "htensor")?, finite(inputs, "hscale")?);
    let per_example = switches(inputs, "per_example")?;
    Ok(Outputs::new().tensor("value", hyperparameter::perturb(h, scale, finite(inputs, "noise")?, &per_example)?))
}

fn perturbation_entropy(inputs: &Inputs) -> Result<Outputs> {
    Ok(Outputs::new().scalar("entropy", hyperparameter::perturbation_entropy(finite(inputs, "hscale")?)?))
}

fn stn_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = StnLossConfig::new().with_entropy_weight(inputs.float_or("entropy_weight", 1e-3)?).init()?;
    let logits: Tensor<2> = finite(inputs, "logits")?;
    let [rows, classes] = logits.dims();
    let [count] = inputs.shape("labels")?;
    if count != rows {
        return Err(Error::Input(format!("{count} labels for {rows} rows of logits: expected as many")));
    }
    inputs.classes("labels", classes)?;
    let labels: IntTensor<1> = inputs.int_tensor("labels")?;
    let cross_entropy = loss.forward_no_reduction(logits.clone(), labels.clone()).mean();
    let value = loss.forward(logits, labels, finite(inputs, "hscale")?)?;
    Ok(Outputs::new().scalar("loss", value).scalar("cross_entropy", cross_entropy))
}

fn exact_response(inputs: &Inputs) -> Result<Outputs> {
    let [rows, columns] = inputs.shape("x")?;
    let [targets] = inputs.shape("t")?;
    let [strengths] = inputs.shape("log_lambda")?;
    if rows != targets {
        return Err(Error::Input(format!("{targets} targets for {rows} rows of x: expected as many")));
    }
    let found =
        response::exact_response(&inputs.floats("x")?, columns, &inputs.floats("t")?, &inputs.floats("log_lambda")?)?;
    let shape = [strengths, columns];
    Ok(Outputs::new().floats("coefficients", &shape, found.coefficients.concat()).floats(
        "gates",
        &shape,
        found.gates.concat(),
    ))
}
