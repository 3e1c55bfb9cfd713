//! The rules of the claims, all judged on the back-copy language.

use harness_core::evidence::Verdict;
use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection, differences};
use harness_core::text::number;

/// Sink in per cent from which there is one.
const SINK: f64 = 10.0;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    if claim.id != "C1" && claim.id.starts_with('C') {
        let softmax = sink(results, "softmax")?;
        let mean = softmax.values().sum::<f64>() / softmax.len() as f64;
        // Not `mean < SINK`, so that a mean that is not a number is caught.
        if !(mean >= SINK) {
            return Ok(Evidence::inconclusive(
                softmax.len(),
                format!("softmax itself has a sink of {} %, below {SINK} %", number(mean)),
            ));
        }
    }
    match claim.id.as_str() {
        "C1" => emergence(results),
        "C2" => no_sink_at_equal_loss(results),
        "C3" => key_bias(results),
        "C4" => {
            let (with, without) = (sink(results, "value_bias")?, sink(results, "softmax")?);
            let holds = paired(&with, &without, |with, without| with >= 0.5 * without);
            let summary = format!("sink {} % with a value bias, {} % without", mean(&with), mean(&without));
            Ok(Evidence::from_checks("at least half of the sink stays", &holds, summary))
        }
        "C5" => {
            let (decayed, none) = (sink(results, "softmax")?, sink(results, "decay_0")?);
            let holds = paired(&decayed, &none, |decayed, none| decayed >= none);
            let mut summary = format!("sink {} % with a decay of 0.1, {} % with none", mean(&decayed), mean(&none));
            if let Ok(strong) = sink(results, "decay_1") {
                summary.push_str(&format!(", {} % with 1", mean(&strong)));
            }
            Ok(Evidence::from_checks("decay does not lower the sink", &holds, summary))
        }
        "C6" => prefix_and_window(results),
        "C7" => fixed_token(results),
        "C8" => {
            let gains = differences(&sink(results, "sigmoid_norm")?, &sink(results, "sigmoid")?);
            let holds: Vec<bool> = gains.iter().map(|gain| *gain > 0.0).collect();
            let each: Vec<String> = gains.iter().map(|gain| number(*gain)).collect();
            let summary = format!("sink, normalised − plain sigmoid (points): {}", each.join(", "));
            Ok(Evidence::from_checks("normalisation brings the sink back", &holds, summary))
        }
        _ => claim.test.apply(results),
    }
}

/// The trials of an arm on the back-copy language.
pub fn of<'a>(results: &'a Results, arm: &str) -> Selection<'a> {
    results.arm(arm).at("task", "back_copy")
}

fn sink(results: &Results, arm: &str) -> Result<PerSeed> {
    of(results, arm).metric("sink_1")
}

fn mean(values: &PerSeed) -> String {
    number(values.values().sum::<f64>() / values.len() as f64)
}

/// Whether something holds for the values of each seed that both have.
fn paired(a: &PerSeed, b: &PerSeed, holds: impl Fn(f64, f64) -> bool) -> Vec<bool> {
    a.iter().filter_map(|(seed, a)| Some(holds(*a, *b.get(seed)?))).collect()
}

/// C1: no sink before training, one after it, less than half of it with the small learning rate.
fn emergence(results: &Results) -> Result<Evidence> {
    let softmax = of(results, "softmax");
    let (start, end) = (softmax.metric("initial_sink_1")?, softmax.metric("sink_1")?);
    let small = sink(results, "lr_small")?;
    let holds: Vec<bool> = end
        .iter()
        .filter_map(|(seed, end)| {
            let (start, small) = (*start.get(seed)?, *small.get(seed)?);
            Some(start <= 2.0 && *end >= SINK && small < 0.5 * end)
        })
        .collect();
    let summary = format!(
        "sink {} % before and {} % after training, {} % with the small learning rate",
        mean(&start),
        mean(&end),
        mean(&small)
    );
    Ok(Evidence::from_checks("sinks emerge during training", &holds, summary))
}

/// C2: 10 points less sink at a loss within 2 %, in each seed.
fn no_sink_at_equal_loss(results: &Results) -> Result<Evidence> {
    let loss = |arm: &str| of(results, arm).metric("loss");
    let gaps = differences(&sink(results, "softmax")?, &sink(results, "sigmoid")?);
    let (softmax, sigmoid) = (loss("softmax")?, loss("sigmoid")?);
    let lost: Vec<f64> =
        sigmoid.iter().filter_map(|(seed, loss)| softmax.get(seed).map(|base| (loss - base).abs() / base)).collect();
    let fewer: Vec<bool> = gaps.iter().map(|gap| *gap >= SINK).collect();
    let alike: Vec<bool> = lost.iter().map(|lost| *lost <= 0.02).collect();
    let each =
        |values: &[f64], scale: f64| values.iter().map(|value| number(scale * value)).collect::<Vec<_>>().join(", ");
    let attention = of(results, "sigmoid")
        .metric("importance_1")
        .map_or(String::new(), |found| format!("; mean importance of the first token with sigmoid {}", mean(&found)));
    Ok(Evidence::all_of(vec![
        Evidence::from_checks(
            "softmax has at least 10 points more sink than sigmoid",
            &fewer,
            format!("sink, softmax − sigmoid (points): {}{attention}", each(&gaps, 1.0)),
        ),
        Evidence::from_checks("losses within 2 %", &alike, format!("losses differ by (%): {}", each(&lost, 100.0))),
    ]))
}

/// C3: the sink falls to 0.3 of that of softmax or less, and a head gives the bias at least 0.2.
fn key_bias(results: &Results) -> Result<Evidence> {
    let (with, without) = (sink(results, "key_bias")?, sink(results, "softmax")?);
    let slot = of(results, "key_bias").metric("bias_slot")?;
    let holds: Vec<bool> = with
        .iter()
        .filter_map(|(seed, with)| Some(*with <= 0.3 * without.get(seed)? && *slot.get(seed)? >= 0.2))
        .collect();
    let summary = format!(
        "sink {} % with a key bias, {} % without; mean weight of the bias {}",
        mean(&with),
        mean(&without),
        mean(&slot)
    );
    Ok(Evidence::from_checks("the sink moves into the bias", &holds, summary))
}

/// C6: within the prefix; first token for wide windows; no sink for small ones.
fn prefix_and_window(results: &Results) -> Result<Evidence> {
    let mut parts = Vec::new();
    for (arm, prefix) in [("prefix_2", 2.0), ("prefix_5", 5.0)] {
        let trials = of(results, arm);
        if !trials.records().is_empty() {
            parts.push(peak_within(&trials, &format!("{arm}: the largest sink is within the prefix"), 1.0, prefix)?);
        }
    }
    let softmax = sink(results, "softmax")?;
    for (arm, window) in [("window_4", 4.0), ("window_8", 8.0), ("window_32", 32.0)] {
        let trials = of(results, arm);
        if trials.records().is_empty() {
            continue;
        }
        let tokens = trials.mean("tokens")?;
        if 2.0 * window >= tokens {
            parts.push(peak_within(&trials, &format!("{arm}: the largest sink is the first token"), 1.0, 1.0)?);
        } else {
            let positions = (1..=super::record::POSITIONS).map(|position| trials.metric(&format!("sink_{position}")));
            let positions: Vec<PerSeed> = positions.collect::<Result<_>>()?;
            let largest: PerSeed = trials
                .seeds()
                .into_iter()
                .map(|seed| {
                    let values = positions.iter().filter_map(|position| position.get(&seed));
                    (seed, values.copied().fold(f64::NEG_INFINITY, f64::max))
                })
                .collect();
            let holds = paired(&largest, &softmax, |largest, softmax| largest < 0.5 * softmax);
            let where_seen = trials.metric("first_weight_where_seen")?;
            let summary = format!(
                "{arm}: largest sink of the first five positions {} %; weight of the first token where it is seen {}",
                mean(&largest),
                mean(&where_seen)
            );
            parts.push(two_thirds(&format!("{arm}: the small window prevents the sink"), &holds, summary));
        }
    }
    if parts.is_empty() {
        return Err(Error::Missing("no finished trial with a prefix or a window".into()));
    }
    Ok(Evidence::all_of(parts))
}

/// C7: the largest sink is where the fixed token is.
fn fixed_token(results: &Results) -> Result<Evidence> {
    let mut parts = Vec::new();
    for (arm, position) in [("fixed_token_2", 2.0), ("fixed_token_3", 3.0)] {
        let trials = of(results, arm);
        if !trials.records().is_empty() {
            parts.push(peak_within(&trials, &format!("{arm}: the largest sink is there"), position, position)?);
        }
    }
    if parts.is_empty() {
        return Err(Error::Missing("no finished trial with a fixed token behind the first position".into()));
    }
    Ok(Evidence::all_of(parts))
}

/// Whether the largest sink is at one of the positions and is one.
fn peak_within(trials: &Selection<'_>, quantity: &str, first: f64, last: f64) -> Result<Evidence> {
    let (position, size) = (trials.metric("sink_peak_position")?, trials.metric("sink_peak")?);
    let holds = paired(&position, &size, |position, size| (first..=last).contains(&position) && size >= SINK);
    let each: Vec<String> = position.values().map(|position| number(*position)).collect();
    let summary = format!("{quantity}; position by seed: {}, mean sink there {} %", each.join(", "), mean(&size));
    Ok(two_thirds(quantity, &holds, summary))
}

/// Evidence from yes-or-no checks of which two thirds must hold.
fn two_thirds(quantity: &str, holds: &[bool], summary: String) -> Evidence {
    let evidence = Evidence::from_checks(quantity, holds, summary);
    let held = holds.iter().filter(|held| **held).count();
    if holds.len() > 1 && 3 * held >= 2 * holds.len() {
        return Evidence { verdict: Verdict::Reproduced, ..evidence };
    }
    evidence
}
