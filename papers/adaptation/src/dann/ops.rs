//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::prelude::*;

use super::distance;
use super::loss::DannLoss;
use super::reversal;
use super::schedule;
use super::shallow::{Pair, Rows, ShallowNetwork, ShallowRule, ShallowWeights};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "gradient_reversal", about: "identity whose gradient is −λ", run: gradient_reversal },
    Op {
        name: "dann_loss",
        about: "label loss of the source, domain loss of both domains, and their sum",
        run: dann_loss,
    },
    Op { name: "shallow_step", about: "one step of the shallow network on a pair of examples", run: shallow_step },
    Op { name: "lambda_schedule", about: "strength of the reversal at training progress p", run: lambda_schedule },
    Op { name: "learning_rate_schedule", about: "learning rate at training progress p", run: learning_rate_schedule },
    Op { name: "proxy_a_distance", about: "2(1 − 2ε) for a domain classifier's error ε", run: proxy_a_distance },
];

fn gradient_reversal(inputs: &Inputs) -> Result<Outputs> {
    let lambda = inputs.float_or("lambda", 1.0)?;
    Ok(Outputs::new().tensor("y", reversal::gradient_reversal(inputs.tensor::<2>("x")?, lambda)))
}

fn dann_loss(inputs: &Inputs) -> Result<Outputs> {
    let [rows, classes] = inputs.shape("class_logits")?;
    let [labels] = inputs.shape("labels")?;
    let [both] = inputs.shape("domain_logits")?;
    let [domains] = inputs.shape("domains")?;
    if rows != labels {
        return Err(Error::Input(format!("input `class_logits` has {rows} rows, but `labels` has {labels} classes")));
    }
    if both != domains {
        return Err(Error::Input(format!("input `domain_logits` has {both} values, but `domains` has {domains}")));
    }
    inputs.classes("labels", classes)?;
    inputs.classes("domains", 2)?;
    let losses = DannLoss::new().forward(
        inputs.tensor("class_logits")?,
        inputs.int_tensor("labels")?,
        inputs.tensor("domain_logits")?,
        inputs.int_tensor("domains")?,
    );
    Ok(Outputs::new()
        .scalar("label_loss", losses.label.clone())
        .scalar("domain_loss", losses.domain.clone())
        .scalar("loss", losses.total()))
}

fn shallow_step(inputs: &Inputs) -> Result<Outputs> {
    let [hidden, width] = inputs.shape("w")?;
    let [classes] = inputs.shape("c")?;
    for (name, expected) in [("b", hidden), ("u", hidden), ("x_source", width), ("x_target", width)] {
        let [found] = inputs.shape(name)?;
        if found != expected {
            return Err(Error::Input(format!("input `{name}` must have {expected} values, but has {found}")));
        }
    }
    let rows: [usize; 2] = inputs.shape("v")?;
    if rows != [classes, hidden] {
        return Err(Error::Input(format!("input `v` must have shape [{classes}, {hidden}]")));
    }
    let single = |name: &str, count: usize| -> Result<()> {
        if count == 1 {
            Ok(())
        } else {
            Err(Error::Input(format!("input `{name}` must be one value, but has {count}")))
        }
    };
    let d = inputs.floats("d")?;
    single("d", d.len())?;
    let labels = inputs.classes("label", classes)?;
    single("label", labels.len())?;
    let example = |name: &str| -> Result<Rows> {
        let values: Vec<f32> = inputs.floats(name)?.into_iter().map(|value| value as f32).collect();
        Ok(Rows::from_dense(width, &values))
    };
    let (source, target) = (example("x_source")?, example("x_target")?);
    let mut network = ShallowNetwork::from_weights(ShallowWeights {
        w: inputs.floats("w")?,
        b: inputs.floats("b")?,
        v: inputs.floats("v")?,
        c: inputs.floats("c")?,
        u: inputs.floats("u")?,
        d: d.first().copied().unwrap_or(0.0),
    })?;
    let rule = ShallowRule {
        learning_rate: inputs.float("learning_rate")?,
        lambda: inputs.float("lambda")?,
        adversarial: inputs.bool_or("adversarial", true)?,
    };
    let label = labels.first().copied().unwrap_or(classes);
    network.step(&[Pair { source: source.row(0), label, target: target.row(0) }], &rule)?;
    let ShallowWeights { w, b, v, c, u, d } = network.weights();
    Ok(Outputs::new()
        .floats("w", &[hidden, width], w)
        .floats("b", &[hidden], b)
        .floats("v", &[classes, hidden], v)
        .floats("c", &[classes], c)
        .floats("u", &[hidden], u)
        .float("d", d))
}

fn lambda_schedule(inputs: &Inputs) -> Result<Outputs> {
    let lambda = schedule::lambda_schedule(inputs.float("p")?, inputs.float_or("gamma", 10.0)?)?;
    Ok(Outputs::new().float("lambda", lambda))
}

fn learning_rate_schedule(inputs: &Inputs) -> Result<Outputs> {
    let rate = schedule::learning_rate_schedule(
        inputs.float("p")?,
        inputs.float_or("base", 0.01)?,
        inputs.float_or("alpha", 10.0)?,
        inputs.float_or("beta", 0.75)?,
    )?;
    Ok(Outputs::new().float("rate", rate))
}

fn proxy_a_distance(inputs: &Inputs) -> Result<Outputs> {
    Ok(Outputs::new().float("value", distance::proxy_a_distance(inputs.float("error")?)?))
}
