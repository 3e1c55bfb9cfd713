//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::op::{Values, read_f32};
use harness_core::prelude::*;
use papers_kit::classify;

use super::baselines;
use super::dro::{KlDroConfig, MovingAverageConfig};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op {
        name: "kl_dro_objective", about: "r·log of the mean of exp(ℓ/r), and softmax(ℓ/r)", run: kl_dro_objective
    },
    Op {
        name: "moving_average_step",
        about: "weights of a batch with a normaliser averaged over the steps",
        run: moving_average_step,
    },
    Op { name: "gairat_weights", about: "weights by the attack steps that examples withstand", run: gairat_weights },
    Op { name: "mail_weights", about: "probability margins, and weights by them", run: mail_weights },
    Op { name: "tail_accuracy", about: "accuracy over all examples and over the worst classes", run: tail_accuracy },
];

fn bad(message: impl Into<String>) -> Error {
    Error::Input(message.into())
}

/// A float input of `D` dimensions without NaN or infinity.
fn finite<const D: usize>(inputs: &Inputs, name: &str) -> Result<Tensor<D>> {
    let tensor = inputs.tensor(name)?;
    // As the device holds them: a double may be too large for single precision.
    match read_f32(tensor.clone()).iter().find(|value| !value.is_finite()) {
        Some(value) => Err(bad(format!("input `{name}` must be finite, but holds {value}"))),
        None => Ok(tensor),
    }
}

/// A non-empty vector of losses.
fn losses(inputs: &Inputs) -> Result<Tensor<1>> {
    let [_] = inputs.shape("losses")?;
    finite(inputs, "losses")
}

fn kl_dro_objective(inputs: &Inputs) -> Result<Outputs> {
    let dro = KlDroConfig::new().with_r(inputs.float_or("r", 1.0)?).init()?;
    let losses = losses(inputs)?;
    Ok(Outputs::new().scalar("objective", dro.forward(losses.clone())).tensor("weights", dro.weights(losses)))
}

fn moving_average_step(inputs: &Inputs) -> Result<Outputs> {
    let average =
        MovingAverageConfig::new().with_r(inputs.float_or("r", 1.0)?).with_eta(inputs.float_or("eta", 0.1)?).init()?;
    let losses = losses(inputs)?;
    let previous = if inputs.bool_or("first", false)? {
        None
    } else {
        let previous: Tensor<1> = finite(inputs, "log_u_prev")?;
        if previous.dims() != [1] {
            return Err(bad(format!("input `log_u_prev` must be a scalar, but has {} values", previous.dims()[0])));
        }
        Some(previous)
    };
    let step = average.step(losses, previous);
    Ok(Outputs::new().scalar("log_u", step.log_u).tensor("weights", step.weights).scalar("loss", step.loss))
}

fn gairat_weights(inputs: &Inputs) -> Result<Outputs> {
    let [count] = inputs.shape("kappa")?;
    let steps = inputs.int_or("steps", 10)?;
    let lambda = inputs.float_or("lam", -1.0)?;
    let kappa = inputs.ints("kappa")?;
    if count == 0 {
        return Err(bad("input `kappa` is empty: at least one example is needed"));
    }
    // Counts are exact in single precision up to 2²⁴.
    let steps = usize::try_from(steps).ok().filter(|steps| (1..=1 << 24).contains(steps)).ok_or_else(|| {
        bad(format!("parameter `steps` must be a number of attack steps of at least 1, but is {steps}"))
    })?;
    if let Some(outside) = kappa.iter().find(|kappa| !(0..=steps as i64).contains(*kappa)) {
        return Err(bad(format!("input `kappa` must count steps from 0 to {steps}, but holds {outside}")));
    }
    let kappa: Vec<f32> = kappa.iter().map(|kappa| *kappa as f32).collect();
    let kappa = Tensor::<1>::from_data(kappa.as_slice(), inputs.device());
    Ok(Outputs::new().tensor("weights", baselines::gairat_weights(kappa, steps, lambda)))
}

fn mail_weights(inputs: &Inputs) -> Result<Outputs> {
    let [rows, classes] = inputs.shape("logits")?;
    let [labels] = inputs.shape("labels")?;
    if rows != labels {
        return Err(bad(format!("input `logits` has {rows} rows, but `labels` has {labels} classes")));
    }
    if classes < 2 {
        return Err(bad(format!("input `logits` needs at least 2 classes for a margin, but has {classes}")));
    }
    inputs.classes("labels", classes)?;
    let (gamma, beta) = (inputs.float_or("gamma", 10.0)?, inputs.float_or("beta", 0.5)?);
    let found = baselines::mail_weights(finite(inputs, "logits")?, inputs.int_tensor("labels")?, gamma, beta);
    Ok(Outputs::new().tensor("margin", found.margin).tensor("weights", found.weights))
}

fn tail_accuracy(inputs: &Inputs) -> Result<Outputs> {
    let [_] = inputs.shape("correct")?;
    let [_] = inputs.shape("labels")?;
    let classes = inputs.int_or("classes", 10)?;
    let classes = usize::try_from(classes).ok().filter(|classes| (1..=1 << 24).contains(classes)).ok_or_else(|| {
        bad(format!("parameter `classes` must be a number of classes of at least 1, but is {classes}"))
    })?;
    let Values::Bool(correct) = &inputs.array("correct")?.values else {
        return Err(bad("input `correct` must hold bool"));
    };
    let labels = inputs.classes("labels", classes)?;
    let found = classify::tail_accuracy(correct, &labels, classes, inputs.float_or("fraction", 0.3)?)?;
    Ok(Outputs::new().float("average", found.average).float("tail", found.tail))
}
