//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::backend::{IntTensor, Tensor};
use harness_core::prelude::*;
use papers_kit::topk;

use super::factored::FactoredLayer;
use super::loss::{ZLoss, ZLossConfig};
use super::spherical::{SphericalKind, SphericalLossConfig};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "z_loss", about: "Z-loss averaged over the batch, and the z-score of each target", run: z_loss },
    Op {
        name: "spherical_loss",
        about: "Taylor softmax, spherical softmax or mean squared error",
        run: spherical_loss,
    },
    Op {
        name: "topk_error",
        about: "share of targets not among the k largest outputs, and their ranks",
        run: topk_error,
    },
    Op {
        name: "factored_update", about: "exact steps of the output layer in O(d²) per example", run: factored_update
    },
];

/// Outputs `[n, D]` and targets `[n]`, checked against each other.
fn outputs_and_targets(inputs: &Inputs) -> Result<(Tensor<2>, IntTensor<1>)> {
    let [rows, classes] = inputs.shape("outputs")?;
    let [targets] = inputs.shape("target")?;
    if classes < 2 {
        return Err(Error::Input(format!("input `outputs` needs at least 2 classes, but has {classes}")));
    }
    if rows != targets {
        return Err(Error::Input(format!("input `outputs` has {rows} rows, but `target` has {targets} classes")));
    }
    inputs.classes("target", classes)?;
    Ok((inputs.tensor("outputs")?, inputs.int_tensor("target")?))
}

fn z_loss_of(inputs: &Inputs) -> Result<ZLoss> {
    ZLossConfig::new()
        .with_a(inputs.float_or("a", 1.0)?)
        .with_b(inputs.float_or("b", 0.0)?)
        .with_eps(inputs.float_or("eps", 1e-8)?)
        .init()
}

fn z_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = z_loss_of(inputs)?;
    let (outputs, targets) = outputs_and_targets(inputs)?;
    let z = loss.z_scores(outputs, targets);
    Ok(Outputs::new().scalar("loss", loss.of_z_scores(z.clone()).mean()).tensor("z", z))
}

fn spherical_loss(inputs: &Inputs) -> Result<Outputs> {
    let kind = match inputs.text("kind")?.as_str() {
        "taylor" => SphericalKind::Taylor,
        "spherical" => SphericalKind::Spherical,
        "mse" => SphericalKind::Mse,
        other => {
            return Err(Error::Input(format!(
                "parameter `kind` must be `taylor`, `spherical` or `mse`, but is `{other}`"
            )));
        }
    };
    let loss = SphericalLossConfig::new(kind).with_eps(inputs.float_or("eps", 1e-2)?).init()?;
    let (outputs, targets) = outputs_and_targets(inputs)?;
    Ok(Outputs::new().scalar("loss", loss.forward(outputs, targets)))
}

fn topk_error(inputs: &Inputs) -> Result<Outputs> {
    let (outputs, targets) = outputs_and_targets(inputs)?;
    let [rows, classes] = outputs.dims();
    let k = inputs.int("k")?;
    let k = usize::try_from(k).ok().filter(|k| (1..=classes).contains(k)).ok_or_else(|| {
        Error::Input(format!("parameter `k` must be from 1 to the number of classes, {classes}, but is {k}"))
    })?;
    let ranks: Vec<i64> = topk::ranks(outputs, targets).into_data().iter::<i64>().collect();
    Ok(Outputs::new().float("error", topk::error(&ranks, k)).ints("rank", &[rows], ranks))
}

fn factored_update(inputs: &Inputs) -> Result<Outputs> {
    let [classes, width] = inputs.shape("w")?;
    let [steps, hidden_width] = inputs.shape("h")?;
    let [targets] = inputs.shape("target")?;
    if steps == 0 {
        return Err(Error::Input("input `h` is empty: at least one example is needed".into()));
    }
    if hidden_width != width || targets != steps {
        return Err(Error::Input(format!(
            "inputs do not fit: `w` [{classes}, {width}], `h` [{steps}, {hidden_width}], `target` [{targets}]"
        )));
    }
    let single =
        |name: &str| -> Result<Vec<f32>> { Ok(inputs.floats(name)?.into_iter().map(|value| value as f32).collect()) };
    let loss = z_loss_of(inputs)?;
    let lr = inputs.float("lr")?;
    let mut layer = FactoredLayer::new(&single("w")?, classes, width)?;
    let targets = inputs.classes("target", classes)?;
    let mut losses = Vec::with_capacity(steps);
    let mut hidden_gradients = Vec::with_capacity(steps * width);
    for (hidden, target) in single("h")?.chunks_exact(width).zip(targets) {
        let step = layer.update(hidden, target, lr, &loss)?;
        losses.push(step.loss);
        hidden_gradients.extend(step.hidden_gradient);
    }
    Ok(Outputs::new()
        .floats("losses", &[steps], losses)
        .floats("grad_h", &[steps, width], hidden_gradients)
        .floats("w", &[classes, width], layer.weights())
        .floats("q", &[width, width], layer.gram().to_vec())
        .floats("w_bar", &[width], layer.column_sums().to_vec()))
}
