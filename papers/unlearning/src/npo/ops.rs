//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::prelude::*;
use papers_kit::metrics::{self, Answer};

use super::combined::CombinedLossConfig;
use super::divergence;
use super::paired::{DpoLossConfig, Likelihoods};
use super::preference::NpoLossConfig;
use super::sequence::{self, IGNORED};

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op {
        name: "sequence_loss",
        about: "negative log-likelihood of the answers, summed over tokens",
        run: sequence_loss,
    },
    Op { name: "npo_loss", about: "negative preference optimisation", run: npo_loss },
    Op { name: "adaptive_weight", about: "share of the ascent gradient that the loss keeps", run: adaptive_weight },
    Op { name: "dpo_loss", about: "preference of a refusal over the answer to forget", run: dpo_loss },
    Op { name: "combined_loss", about: "NPO with a retain term", run: combined_loss },
    Op { name: "kl_retain", about: "mean divergence of rows from the reference model", run: kl_retain },
    Op { name: "truth_ratio", about: "probability of wrong answers over that of the right one", run: truth_ratio },
    Op { name: "ks_two_sample", about: "test of Kolmogorov and Smirnov", run: ks_two_sample },
    Op { name: "harmonic_mean", about: "the mean that one bad value pulls down", run: harmonic_mean },
];

fn sequence_loss(inputs: &Inputs) -> Result<Outputs> {
    let [batch, length, vocabulary] = inputs.shape("logits")?;
    let labels: [usize; 2] = inputs.shape("labels")?;
    if labels != [batch, length] {
        return Err(Error::Input(format!("input `labels` must have shape [{batch}, {length}], but has {labels:?}")));
    }
    if length < 2 {
        return Err(Error::Input(format!("sequences must have at least two positions, but have {length}")));
    }
    finite(inputs, "logits")?;
    if let Some(label) = inputs
        .ints("labels")?
        .iter()
        .find(|label| **label != IGNORED && !usize::try_from(**label).is_ok_and(|label| label < vocabulary))
    {
        return Err(Error::Input(format!(
            "input `labels` must hold tokens below {vocabulary} or {IGNORED}, but holds {label}"
        )));
    }
    let loss = sequence::sequence_loss(inputs.tensor("logits")?, inputs.int_tensor("labels")?);
    Ok(Outputs::new().tensor("nll", loss.nll).int_tensor("tokens", loss.tokens))
}

fn npo_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = NpoLossConfig::new().with_beta(inputs.float_or("beta", 0.1)?).init()?;
    let [nll, nll_ref] = vectors(inputs, ["nll", "nll_ref"])?;
    Ok(Outputs::new().scalar("loss", loss.forward(nll, nll_ref)))
}

fn adaptive_weight(inputs: &Inputs) -> Result<Outputs> {
    let loss = NpoLossConfig::new().with_beta(inputs.float_or("beta", 0.1)?).init()?;
    let [nll, nll_ref] = vectors(inputs, ["nll", "nll_ref"])?;
    Ok(Outputs::new().tensor("weight", loss.adaptive_weight(nll, nll_ref)))
}

fn dpo_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = DpoLossConfig::new().with_beta(inputs.float_or("beta", 0.1)?).init()?;
    let [win, win_ref, lose, lose_ref] = vectors(inputs, ["nll_win", "nll_win_ref", "nll_lose", "nll_lose_ref"])?;
    let preferred = Likelihoods { nll: win, nll_ref: win_ref };
    let rejected = Likelihoods { nll: lose, nll_ref: lose_ref };
    Ok(Outputs::new().scalar("loss", loss.forward(preferred, rejected)))
}

fn combined_loss(inputs: &Inputs) -> Result<Outputs> {
    let loss = CombinedLossConfig::new()
        .with_beta(inputs.float_or("beta", 0.1)?)
        .with_npo_coeff(inputs.float_or("npo_coeff", 1.0)?)
        .with_retain_coeff(inputs.float_or("retain_coeff", 1.0)?)
        .init()?;
    let [nll, nll_ref] = vectors(inputs, ["nll", "nll_ref"])?;
    finite(inputs, "retain_loss")?;
    let retain = inputs.tensor::<1>("retain_loss")?;
    if retain.dims() != [1] {
        return Err(Error::Input(format!("input `retain_loss` must be one value, but has {:?}", retain.dims())));
    }
    let (loss, forget) = loss.forward(nll, nll_ref, retain);
    Ok(Outputs::new().scalar("loss", loss).scalar("forget", forget))
}

fn kl_retain(inputs: &Inputs) -> Result<Outputs> {
    let (current, reference): ([usize; 2], [usize; 2]) = (inputs.shape("logits")?, inputs.shape("logits_ref")?);
    if current != reference {
        return Err(Error::Input(format!(
            "inputs `logits` and `logits_ref` must have one shape, but have {current:?} and {reference:?}"
        )));
    }
    finite(inputs, "logits")?;
    finite(inputs, "logits_ref")?;
    Ok(Outputs::new().scalar("kl", divergence::kl_retain(inputs.tensor("logits")?, inputs.tensor("logits_ref")?)))
}

fn truth_ratio(inputs: &Inputs) -> Result<Outputs> {
    let [n] = inputs.shape("nll_right")?;
    let [lengths] = inputs.shape("len_right")?;
    let [rows, wrong] = inputs.shape("nll_wrong")?;
    let lengths_wrong: [usize; 2] = inputs.shape("len_wrong")?;
    if n == 0 || lengths != n || rows != n || lengths_wrong != [n, wrong] {
        return Err(Error::Input(format!(
            "nll_right [{n}], len_right [{lengths}], nll_wrong [{rows}, {wrong}] and len_wrong {lengths_wrong:?} must have \
             one number of questions, at least 1, and of wrong answers"
        )));
    }
    let answers = |nll: &str, tokens: &str| -> Result<Vec<Answer>> {
        let pairs = inputs.floats(nll)?.into_iter().zip(inputs.floats(tokens)?);
        Ok(pairs.map(|(nll, tokens)| Answer { nll, tokens }).collect())
    };
    let right = answers("nll_right", "len_right")?;
    let all_wrong = answers("nll_wrong", "len_wrong")?;
    let ratios = right
        .into_iter()
        .enumerate()
        .map(|(at, right)| {
            let wrong: Vec<Answer> = all_wrong.iter().skip(at * wrong).take(wrong).copied().collect();
            metrics::truth_ratio(right, &wrong)
        })
        .collect::<Result<_>>()?;
    Ok(Outputs::new().floats("ratio", &[n], ratios))
}

fn ks_two_sample(inputs: &Inputs) -> Result<Outputs> {
    let ([_], [_]): ([usize; 1], [usize; 1]) = (inputs.shape("a")?, inputs.shape("b")?);
    let found = metrics::ks_two_sample(&inputs.floats("a")?, &inputs.floats("b")?)?;
    Ok(Outputs::new().float("statistic", found.statistic).float("p_value", found.p_value))
}

fn harmonic_mean(inputs: &Inputs) -> Result<Outputs> {
    let [_] = inputs.shape("values")?;
    Ok(Outputs::new().float("mean", metrics::harmonic_mean(&inputs.floats("values")?)?))
}

/// Vectors of one length, each finite.
fn vectors<const N: usize>(inputs: &Inputs, names: [&str; N]) -> Result<[Tensor<1>; N]> {
    let mut length = None;
    for name in names {
        let [found] = inputs.shape(name)?;
        let expected = *length.get_or_insert(found);
        if found != expected {
            return Err(Error::Input(format!("input `{name}` must have {expected} values, but has {found}")));
        }
        finite(inputs, name)?;
    }
    let tensors: Vec<Tensor<1>> = names.into_iter().map(|name| inputs.tensor(name)).collect::<Result<_>>()?;
    tensors.try_into().map_err(|_| Error::Failed("as many tensors as names were read".into()))
}

fn finite(inputs: &Inputs, name: &str) -> Result<()> {
    // As the device sees it: a double beyond single precision is infinite there.
    match inputs.floats(name)?.into_iter().find(|value| !(*value as f32).is_finite()) {
        Some(value) => Err(Error::Input(format!("input `{name}` must be finite, but holds {value}"))),
        None => Ok(()),
    }
}
