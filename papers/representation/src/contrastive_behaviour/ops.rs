//! The pure functions that conformance vectors call.

use harness_core::prelude::*;

use super::contrastive::{ContrastiveLossConfig, relative_penalty};
use super::geometry::{tolerance, uniformity};
use super::simple::SimpleLossConfig;

/// All ops.
pub static OPS: &[Op] = &[
    Op {
        name: "contrastive_loss",
        about: "Mean contrastive loss over the rows of square similarities.",
        run: |inputs| {
            let loss = ContrastiveLossConfig::new(inputs.float("tau")?).init()?;
            Ok(Outputs::new().scalar("loss", loss.forward(similarities(inputs)?)))
        },
    },
    Op {
        name: "relative_penalty",
        about: "How the penalty of each anchor spreads over its negatives.",
        run: |inputs| Ok(Outputs::new().tensor("r", relative_penalty(similarities(inputs)?, inputs.float("tau")?)?)),
    },
    Op {
        name: "hard_contrastive_loss",
        about: "Mean contrastive loss with the hardest negatives only.",
        run: |inputs| {
            let config = ContrastiveLossConfig::new(inputs.float("tau")?).with_hardest(inputs.float("alpha")?);
            Ok(Outputs::new().scalar("loss", config.init()?.forward(similarities(inputs)?)))
        },
    },
    Op {
        name: "simple_loss",
        about: "Mean simple loss with all or with the hardest negatives.",
        run: |inputs| {
            let config = SimpleLossConfig::new(inputs.float("lambda")?).with_hardest(inputs.float_or("alpha", 1.0)?);
            Ok(Outputs::new().scalar("loss", config.init()?.forward(similarities(inputs)?)))
        },
    },
    Op {
        name: "uniformity",
        about: "How evenly features fill the sphere.",
        run: |inputs| Ok(Outputs::new().scalar("value", uniformity(features(inputs)?, inputs.float_or("t", 2.0)?)?)),
    },
    Op {
        name: "tolerance",
        about: "Mean similarity of features with equal labels.",
        run: |inputs| {
            inputs.shape::<1>("labels")?;
            Ok(Outputs::new().scalar("value", tolerance(features(inputs)?, inputs.ints("labels")?)?))
        },
    },
];

/// Square finite similarities of at least two anchors.
fn similarities(inputs: &Inputs) -> Result<Tensor<2>> {
    let [n, m] = inputs.shape("sim")?;
    if n != m || n < 2 {
        return Err(Error::Input(format!("input `sim` must be square with at least two rows, but is [{n}, {m}]")));
    }
    finite(inputs, "sim")?;
    inputs.tensor("sim")
}

fn features(inputs: &Inputs) -> Result<Tensor<2>> {
    finite(inputs, "z")?;
    inputs.tensor("z")
}

fn finite(inputs: &Inputs, name: &str) -> Result<()> {
    // As the device sees it: a double beyond single precision is infinite there.
    match inputs.floats(name)?.into_iter().find(|value| !(*value as f32).is_finite()) {
        Some(value) => Err(Error::Input(format!("input `{name}` must be finite, but holds {value}"))),
        None => Ok(()),
    }
}
