//! The functions that conformance vectors call. Floats are read as doubles.

use harness_core::op::{Inputs, Op, Outputs};
use harness_core::{Error, Result};

use super::bounds::iteration_bounds as bounds;
use super::logistic;
use super::methods::{self, Iterate, Method};
use super::samples::Samples;
use super::settings::MethodName;

/// All ops of the paper.
pub(super) static OPS: &[Op] = &[
    Op {
        name: "logistic_loss",
        about: "mean logistic loss of a linear classifier, its gradient, and the normalization beta",
        run: logistic_loss,
    },
    Op { name: "lr_gd_step", about: "one step of LR+GD or Normalized LR+GD", run: lr_gd_step },
    Op {
        name: "perceptron_step",
        about: "one step of the Batch or the Normalized Batch Perceptron",
        run: perceptron_step,
    },
    Op {
        name: "iterations_to_separate",
        about: "steps from 0 until a method separates the data, -1 where it does not within max_steps",
        run: iterations_to_separate,
    },
    Op { name: "iteration_bounds", about: "the theorems' upper bounds on the number of steps", run: iteration_bounds },
];

fn samples(inputs: &Inputs) -> Result<Samples> {
    let [n, d] = inputs.shape("a")?;
    let [labels] = inputs.shape("y")?;
    if labels != n {
        return Err(Error::Input(format!("`y` has {labels} labels, but `a` has {n} rows")));
    }
    Samples::new(&inputs.floats("a")?, &inputs.floats("y")?, d)
}

fn theta(inputs: &Inputs, samples: &Samples) -> Result<Vec<f64>> {
    let [_] = inputs.shape("theta")?;
    let theta = inputs.floats("theta")?;
    samples.check_theta(&theta)?;
    Ok(theta)
}

fn logistic_loss(inputs: &Inputs) -> Result<Outputs> {
    let samples = samples(inputs)?;
    let theta = theta(inputs, &samples)?;
    let found = logistic::logistic_loss(&samples, &theta)?;
    let shape = [samples.dim()];
    Ok(Outputs::new()
        .float("loss", found.loss)
        .float("beta", found.beta)
        .gradient("loss", "theta", &shape, found.gradient.clone())
        .floats("gradient", &shape, found.gradient))
}

fn lr_gd_step(inputs: &Inputs) -> Result<Outputs> {
    let samples = samples(inputs)?;
    let theta = theta(inputs, &samples)?;
    let step = inputs.float("step")?;
    let method =
        if inputs.bool_or("normalized", false)? { Method::NormalizedLrGd { step } } else { Method::LrGd { step } };
    let next = next(&samples, method, theta, 0)?;
    Ok(Outputs::new().floats("theta_next", &[next.len()], next))
}

fn perceptron_step(inputs: &Inputs) -> Result<Outputs> {
    let samples = samples(inputs)?;
    let theta = theta(inputs, &samples)?;
    let misclassified = samples.misclassified(&theta);
    let first = inputs.bool_or("first", false)?;
    let method =
        if inputs.bool_or("normalized", false)? { Method::NormalizedBatchPerceptron } else { Method::BatchPerceptron };
    let next = next(&samples, method, theta, u64::from(!first))?;
    Ok(Outputs::new().floats("theta_next", &[next.len()], next).int("misclassified", misclassified as i64))
}

/// `θ_{t+1}` from `θ_t`.
fn next(samples: &Samples, method: Method, theta: Vec<f64>, t: u64) -> Result<Vec<f64>> {
    let mut iterate = Iterate::at(samples, method, theta, t)?;
    iterate.look();
    iterate.step();
    iterate.check_finite()?;
    Ok(iterate.theta().to_vec())
}

fn iterations_to_separate(inputs: &Inputs) -> Result<Outputs> {
    let samples = samples(inputs)?;
    let name: MethodName = inputs
        .typed("method", "lr_gd, normalized_lr_gd, batch_perceptron, normalized_batch_perceptron or perceptron")?;
    let method = name.with_step(inputs.optional_float("step")?)?;
    let max_steps = inputs.int("max_steps")?;
    let max_steps = u64::try_from(max_steps)
        .map_err(|_| Error::Input(format!("`max_steps` is {max_steps}, expected at least 0")))?;
    let found = methods::iterations_to_separate(&samples, method, max_steps)?;
    let iterations = found.iterations.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1);
    Ok(Outputs::new().int("iterations", iterations).floats("theta", &[samples.dim()], found.theta))
}

fn iteration_bounds(inputs: &Inputs) -> Result<Outputs> {
    let n = inputs.int("n")?;
    let n = u64::try_from(n).map_err(|_| Error::Input(format!("`n` is {n}, expected at least 1")))?;
    let found = bounds(n, inputs.float("radius")?, inputs.float("margin")?, inputs.float("step")?)?;
    Ok(Outputs::new()
        .float("batch_perceptron", found.batch_perceptron)
        .float("normalized_batch_perceptron", found.normalized_batch_perceptron)
        .float("normalized_lr_gd", found.normalized_lr_gd))
}
