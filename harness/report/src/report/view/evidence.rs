//! A verdict, with its numbers and words.

use std::collections::BTreeMap;

use harness_core::evidence::{Evidence, Verdict, bracket};
use harness_core::text::number;
use serde::Serialize;

/// The verdicts, each with its meaning.
pub(in crate::report) const LEGEND: [(Verdict, &str); 5] = [
    (Verdict::Reproduced, "the effect is there, beyond chance and as large as the rule asks"),
    (Verdict::DirectionOnly, "it points the claimed way, but is smaller than the rule asks or not beyond chance"),
    (Verdict::Inconclusive, "these trials cannot tell"),
    (
        Verdict::Contradicted,
        "the opposite was measured, or the bar that the rule states was missed: beyond chance, or in every seed",
    ),
    (Verdict::NotRun, "there are no trials to judge by"),
];

#[derive(Serialize)]
pub(super) struct EvidenceView {
    pub(super) verdict: &'static str,
    pub(super) mark: &'static str,
    /// Place of the verdict in the legend.
    rank: usize,
    quantity: String,
    effect: Option<f64>,
    interval: Option<String>,
    n: usize,
    /// Effect and interval, or in how many seeds the rule holds, in words.
    effect_words: String,
    /// In how many of the seeds a rule holds that holds or fails exactly; absent for other rules.
    holds_in: Option<usize>,
    detectable: Option<f64>,
    p_value: Option<f64>,
    adjusted_p: Option<f64>,
    /// How many more seeds would probably decide it, in words.
    outlook: Option<String>,
    /// Whether the experiment is smaller than the paper's, where the verdict says anything about the claim.
    reduced: bool,
    /// Whether a sequential test had its last word before its last look.
    early: bool,
    summary: String,
    /// What stands beside effect and interval where there is little room.
    brief: String,
}

impl EvidenceView {
    pub(super) fn new(evidence: &Evidence, reduced: bool) -> Self {
        EvidenceView {
            reduced,
            early: evidence.look.is_some_and(|look| look.early),
            adjusted_p: evidence.adjusted_p,
            outlook: evidence.outlook_in_words(),
            verdict: evidence.verdict.name(),
            mark: mark(evidence.verdict),
            rank: LEGEND.iter().position(|(verdict, _)| *verdict == evidence.verdict).unwrap_or(LEGEND.len()),
            quantity: evidence.quantity.clone(),
            effect: evidence.effect,
            interval: evidence.interval.map(bracket),
            n: evidence.n,
            effect_words: effect_words(evidence),
            holds_in: evidence.holds_in(),
            detectable: evidence.detectable,
            p_value: evidence.p_value,
            summary: measured(evidence),
            brief: brief(evidence),
        }
    }
}

fn effect_words(evidence: &Evidence) -> String {
    if let Some(seeds) = evidence.holds_in() {
        return format!("holds in {seeds} of {} seeds", evidence.n);
    }
    let effect = evidence.effect.map_or_else(|| "—".to_owned(), number);
    match evidence.interval {
        Some(interval) => format!("{effect} {}", bracket(interval)),
        None => effect,
    }
}

/// A verdict as a sign, for where a word is too long.
pub(super) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reproduced => "✓",
        Verdict::DirectionOnly => "↗",
        Verdict::Inconclusive => "?",
        Verdict::Contradicted => "✗",
        Verdict::NotRun => "–",
    }
}

/// What was found, without what the parts of a composed rule say below it anyway.
fn measured(evidence: &Evidence) -> String {
    let told = evidence.parts.iter().all(|part| evidence.summary.contains(&part.summary));
    match evidence.parts.as_slice() {
        [] => return evidence.summary.clone(),
        [only] if evidence.composed.is_some() => return measured(only),
        _ if evidence.composed.is_none() && !told => return evidence.summary.clone(),
        _ => {}
    }
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for part in &evidence.parts {
        *counts.entry(part.verdict).or_default() += 1;
    }
    if let [(verdict, count)] = counts.iter().collect::<Vec<_>>().as_slice() {
        let all = if **count == 2 { "both parts".to_owned() } else { format!("all {count} parts") };
        return format!("{all}: {verdict}");
    }
    let words: Vec<String> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    format!("of {} parts: {}", evidence.parts.len(), words.join(", "))
}

/// What was found, in few words: what the effect is of where an interval stands beside it, else the findings.
fn brief(evidence: &Evidence) -> String {
    match (evidence.interval, evidence.parts.is_empty()) {
        (Some(_), true) if !evidence.quantity.is_empty() => evidence.quantity.clone(),
        (Some(_), false) if !evidence.quantity.is_empty() => {
            format!("{}; effect: {}", measured(evidence), evidence.quantity)
        }
        _ => measured(evidence),
    }
}
