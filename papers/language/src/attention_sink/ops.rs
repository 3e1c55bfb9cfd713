//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::prelude::*;

use super::key_bias;
use super::loss;
use super::mask::{Mask, Visibility};
use super::metric::{SinkMetric, importance};
use super::operation::{Operation, attention_weights};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "sink_metric", about: "how often each key is a sink, and its mean importance", run: sink_metric },
    Op { name: "attention", about: "causal attention with one of five operations", run: attention },
    Op { name: "key_bias_attention", about: "causal softmax attention with a bias key", run: key_bias_attention },
    Op { name: "attention_mask", about: "which keys a query sees", run: attention_mask },
    Op { name: "token_loss", about: "mean cross-entropy behind a prefix", run: token_loss },
];

fn sink_metric(inputs: &Inputs) -> Result<Outputs> {
    let shape @ [_, _, _, queries, tokens]: [usize; 5] = inputs.shape("attention")?;
    if queries != tokens {
        return Err(Error::Input(format!("input `attention` has {queries} queries, but {tokens} keys")));
    }
    if shape.contains(&0) {
        return Err(Error::Input(format!("input `attention` is empty: shape {shape:?}")));
    }
    let mut metric = SinkMetric::new(inputs.float_or("epsilon", 0.3)?)?;
    let weights: Vec<f32> = inputs.floats("attention")?.into_iter().map(|weight| weight as f32).collect();
    for matrix in weights.chunks_exact(tokens * tokens) {
        metric.add(&importance(matrix, tokens)?)?;
    }
    Ok(Outputs::new().floats("sink_percent", &[tokens], metric.percent()).floats(
        "importance",
        &[tokens],
        metric.importance(),
    ))
}

/// Queries, keys and values of one sequence, `[1, heads, tokens, d]`.
fn queries_keys_values(inputs: &Inputs) -> Result<[Tensor<4>; 3]> {
    let shape: [usize; 3] = inputs.shape("q")?;
    for name in ["k", "v"] {
        let other: [usize; 3] = inputs.shape(name)?;
        if other != shape {
            return Err(Error::Input(format!("input `{name}` must have shape {shape:?} as `q`, but has {other:?}")));
        }
    }
    let read = |name: &str| -> Result<Tensor<4>> { Ok(inputs.tensor::<3>(name)?.unsqueeze_dim(0)) };
    Ok([read("q")?, read("k")?, read("v")?])
}

fn attention(inputs: &Inputs) -> Result<Outputs> {
    let operation = Operation::named(&inputs.text("operation")?)?;
    let [q, k, v] = queries_keys_values(inputs)?;
    let [_, _, tokens, _] = q.dims();
    let normalize: bool = match operation {
        Operation::Softmax => inputs.bool_or("normalize", true)?,
        _ => inputs.typed("normalize", "true or false")?,
    };
    let weights = attention_weights(q, k, &Mask::new(Visibility::Causal, tokens)?, operation, normalize);
    let output = weights.clone().matmul(v);
    Ok(Outputs::new().tensor("weights", weights.squeeze_dim::<3>(0)).tensor("output", output.squeeze_dim::<3>(0)))
}

fn key_bias_attention(inputs: &Inputs) -> Result<Outputs> {
    let [q, k, v] = queries_keys_values(inputs)?;
    let [_, heads, tokens, width] = q.dims();
    for name in ["key_bias", "value_bias"] {
        let found: [usize; 2] = inputs.shape(name)?;
        if found != [heads, width] {
            return Err(Error::Input(format!("input `{name}` must have shape [{heads}, {width}], but has {found:?}")));
        }
    }
    let (key_bias, value_bias) = (inputs.tensor("key_bias")?, inputs.tensor("value_bias")?);
    let mask = Mask::new(Visibility::Causal, tokens)?;
    let (weights, output) = key_bias::key_bias_attention(q, k, v, key_bias, value_bias, &mask);
    Ok(Outputs::new().tensor("weights", weights.squeeze_dim::<3>(0)).tensor("output", output.squeeze_dim::<3>(0)))
}

fn attention_mask(inputs: &Inputs) -> Result<Outputs> {
    let count = |name: &str, value: i64| {
        usize::try_from(value)
            .map_err(|_| Error::Input(format!("parameter `{name}` must not be negative, got {value}")))
    };
    let tokens = count("tokens", inputs.int("tokens")?)?;
    let prefix = inputs.optional_int("prefix")?.map(|value| count("prefix", value)).transpose()?;
    let window = inputs.optional_int("window")?;
    if let Some(prefix) = prefix.filter(|prefix| *prefix > tokens) {
        return Err(Error::Input(format!("a prefix of {prefix} is longer than the {tokens} tokens")));
    }
    let missing = |name: &str| Error::Input(format!("parameter `{name}` is missing"));
    let visibility = match inputs.text("kind")?.as_str() {
        "causal" => Visibility::Causal,
        "prefix" => Visibility::Prefix(prefix.ok_or_else(|| missing("prefix"))?),
        "window" => Visibility::Window(count("window", window.ok_or_else(|| missing("window"))?)?),
        other => return Err(Error::Input(format!("unknown kind `{other}`: use causal, prefix or window"))),
    };
    let mask = Mask::new(visibility, tokens)?;
    Ok(Outputs::new().bools("mask", &[tokens, tokens], mask.rows().to_vec()))
}

fn token_loss(inputs: &Inputs) -> Result<Outputs> {
    let [rows, vocabulary] = inputs.shape("logits")?;
    let [count] = inputs.shape("targets")?;
    if rows != count {
        return Err(Error::Input(format!("input `logits` has {rows} rows, but `targets` has {count} tokens")));
    }
    inputs.classes("targets", vocabulary)?;
    let ignore = inputs.int_or("ignore", 0)?;
    let ignore = usize::try_from(ignore)
        .map_err(|_| Error::Input(format!("parameter `ignore` must not be negative, got {ignore}")))?;
    let logits = inputs.tensor::<2>("logits")?.unsqueeze_dim::<3>(0);
    let targets = inputs.int_tensor::<1>("targets")?.unsqueeze_dim::<2>(0);
    Ok(Outputs::new().scalar("loss", loss::token_loss(logits, targets, ignore)?))
}
