//! The names under which a trial keeps what was measured.

use harness_core::prelude::*;

use super::measure::Measurement;

/// Positions whose sink metric and importance are kept.
pub const POSITIONS: usize = 5;
/// What the sizes of [`Measurement::norms`] are sizes of.
pub const NORMS: [&str; 3] = ["hidden", "key", "value"];
/// Series of the attention map: the weights row by row.
pub const MAP: &str = "attention_map";

/// Name of the mean importance of the first position in a head, blocks and heads counted from 1.
pub fn head_metric(block: usize, head: usize) -> String {
    format!("importance_block_{block}_head_{head}")
}

/// Name of a mean norm in a block, counted from 1.
pub fn norm_metric(of: &str, block: usize, first: bool) -> String {
    format!("{of}_norm_{}_block_{block}", if first { "first" } else { "others" })
}

/// Keeps one evaluation as points of curves.
pub fn record_point(step: usize, found: &Measurement, lab: &mut Lab) {
    let step = step as f64;
    let first = |values: &[f64]| values.first().copied().unwrap_or(f64::NAN);
    lab.series("loss", step, found.loss);
    lab.series("sink_1", step, first(&found.sink[0]));
    lab.series("importance_1", step, first(&found.importance));
    lab.series("bias_slot", step, largest(found.heads.iter().map(|head| head.slot)));
}

/// Keeps the mean of the last `averaged` evaluations as final numbers; sizes and the attention map are those of the last.
pub fn record_final(found: &[Measurement], averaged: usize, lab: &mut Lab) {
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return };
    let kept = &found[found.len().saturating_sub(averaged)..];
    let mean = |of: &dyn Fn(&Measurement) -> f64| kept.iter().map(of).sum::<f64>() / kept.len() as f64;
    lab.record("initial_sink_1", first.sink[0].first().copied().unwrap_or(f64::NAN));
    lab.record("loss", mean(&|one| one.loss));
    let tokens = last.importance.len();
    lab.record("tokens", tokens as f64);
    let sink: Vec<f64> = (0..tokens).map(|at| mean(&|one| one.sink[0][at])).collect();
    let importance: Vec<f64> = (0..tokens).map(|at| mean(&|one| one.importance[at])).collect();
    for position in 1..=POSITIONS.min(tokens) {
        lab.record(&format!("sink_{position}"), sink[position - 1]);
        lab.record(&format!("importance_{position}"), importance[position - 1]);
    }
    lab.record("sink_1_at_0.2", mean(&|one| one.sink[1][0]));
    lab.record("sink_1_at_0.4", mean(&|one| one.sink[2][0]));
    // Of equal sinks, the one that gets more attention.
    let peak = (0..tokens)
        .max_by(|a, b| sink[*a].total_cmp(&sink[*b]).then(importance[*a].total_cmp(&importance[*b])))
        .unwrap_or(0);
    lab.record("sink_peak_position", (peak + 1) as f64);
    lab.record("sink_peak", sink[peak]);
    lab.record("bias_slot", largest((0..last.heads.len()).map(|at| mean(&|one| one.heads[at].slot))));
    let seen = |one: &Measurement| one.heads.iter().map(|head| head.first_where_seen).sum::<f64>();
    lab.record("first_weight_where_seen", mean(&seen) / last.heads.len() as f64);
    let heads = last.heads.len() / last.norms.len().max(1);
    for at in 0..last.heads.len() {
        lab.record(&head_metric(at / heads + 1, at % heads + 1), mean(&|one| one.heads[at].first));
    }
    for (block, norms) in last.norms.iter().enumerate() {
        for (of, norms) in NORMS.into_iter().zip(norms) {
            lab.record(&norm_metric(of, block + 1, true), norms.first);
            lab.record(&norm_metric(of, block + 1, false), norms.others);
        }
    }
    for (at, weight) in last.map.iter().flatten().enumerate() {
        lab.series(MAP, at as f64, f64::from(*weight));
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}
