//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::prelude::*;
use papers_kit::metrics;

use super::apre::{Apre, ApreConfig};
use super::improvement;
use super::mean_shift;
use super::scoring::Target;

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "apre", about: "adjustable probabilistic reconstruction error of each sample, and its mean", run: apre },
    Op { name: "mean_shift", about: "points moved to the means of their nearest others", run: shift },
    Op { name: "mss_score", about: "reconstructions against mean-shifted samples", run: mss_score },
    Op { name: "roc_auc", about: "area under the ROC curve, ties ½", run: roc_auc },
    Op {
        name: "relative_improvement",
        about: "share of the baseline's error that a method removes, and its wins",
        run: relative_improvement,
    },
];

fn error_of(inputs: &Inputs) -> Result<Apre> {
    ApreConfig::new().with_alpha(inputs.float_or("alpha", 0.5)?).with_beta(inputs.float_or("beta", 0.5)?).init()
}

/// A matrix `[n, D]` with at least one finite value.
fn matrix(inputs: &Inputs, name: &str) -> Result<(Vec<f64>, [usize; 2])> {
    let shape = inputs.shape::<2>(name)?;
    if shape.contains(&0) {
        return Err(Error::Input(format!("input `{name}` is empty: shape {shape:?}")));
    }
    Ok((finite(inputs, name)?, shape))
}

fn finite(inputs: &Inputs, name: &str) -> Result<Vec<f64>> {
    let values = inputs.floats(name)?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Error::Input(format!("input `{name}`[{at}] is {}, expected a finite number", values[at]))),
        None => Ok(values),
    }
}

/// Samples with their reconstructions, all `[n, D]`.
fn samples(inputs: &Inputs) -> Result<(Vec<f64>, [usize; 2])> {
    let (values, shape) = matrix(inputs, "x")?;
    for name in ["mean", "log_var"] {
        let (_, other) = matrix(inputs, name)?;
        if other != shape {
            return Err(Error::Input(format!("input `x` has shape {shape:?}, but `{name}` has {other:?}")));
        }
    }
    Ok((values, shape))
}

fn count(inputs: &Inputs, name: &str) -> Result<usize> {
    let value = inputs.int(name)?;
    usize::try_from(value).map_err(|_| Error::Input(format!("parameter `{name}` must be at least 0, but is {value}")))
}

fn apre(inputs: &Inputs) -> Result<Outputs> {
    let error = error_of(inputs)?;
    samples(inputs)?;
    let score = error.forward_no_reduction(inputs.tensor("x")?, inputs.tensor("mean")?, inputs.tensor("log_var")?);
    Ok(Outputs::new().scalar("loss", score.clone().mean()).tensor("score", score))
}

fn shift(inputs: &Inputs) -> Result<Outputs> {
    let (values, shape) = matrix(inputs, "x")?;
    let shifted = mean_shift::mean_shift(&values, shape[1], count(inputs, "k")?, count(inputs, "iterations")?)?;
    Ok(Outputs::new().floats("shifted", &shape, shifted))
}

fn mss_score(inputs: &Inputs) -> Result<Outputs> {
    let error = error_of(inputs)?;
    let (values, shape) = samples(inputs)?;
    let (k, iterations) = (count(inputs, "k")?, count(inputs, "iterations")?);
    let target = Target::shifted(&values, shape[1], k, iterations, inputs.device())?;
    let (mean, log_var) = (inputs.tensor::<2>("mean")?, inputs.tensor::<2>("log_var")?);
    Ok(Outputs::new()
        .tensor("mse_score", target.squared(mean.clone()))
        .tensor("score", target.probabilistic(&error, mean, log_var)))
}

fn roc_auc(inputs: &Inputs) -> Result<Outputs> {
    inputs.shape::<1>("score")?;
    inputs.shape::<1>("label")?;
    let outlier: Vec<bool> = inputs.classes("label", 2)?.into_iter().map(|label| label == 1).collect();
    Ok(Outputs::new().float("auc", metrics::roc_auc(&inputs.floats("score")?, &outlier)?))
}

fn relative_improvement(inputs: &Inputs) -> Result<Outputs> {
    inputs.shape::<1>("method")?;
    inputs.shape::<1>("baseline")?;
    let gain = improvement::relative_improvement(&inputs.floats("method")?, &inputs.floats("baseline")?)?;
    Ok(Outputs::new().float("relative", gain.relative).int("wins", gain.wins as i64))
}
