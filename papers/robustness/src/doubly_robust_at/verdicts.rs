//! The rules of the claims.

use harness_core::cell::Level;
use harness_core::evidence::Verdict;
use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection, differences};
use harness_core::text::number;

/// The tasks by rank: claims are judged on the first that has trials.
const TASKS: [&str; 3] = ["cifar10", "fashion_mnist", "synthetic"];
/// The paper's method.
const METHOD: &str = "drat";
/// What it is compared with.
const BASELINES: [&str; 3] = ["at", "gairat", "mail"];
/// Largest error of the closed form.
const TOLERANCE: f64 = 1e-5;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing; [`Error::Diverged`] where one is NaN or infinite.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C1" => average_robustness(results),
        "C2" => tail_robustness(results),
        "C3" => optimal_weights(results),
        "C4" => convergence(results),
        "C5" => spread(results),
        _ => claim.test.apply(results),
    }
}

/// The task that the claims are judged on: photographs where they were run, else clothing, else clusters.
pub fn main_task(results: &Results) -> Option<&'static str> {
    TASKS.into_iter().find(|task| !results.all().at("task", Level::from(*task)).records().is_empty())
}

/// The finished trials of an arm on the main task.
fn trials<'a>(results: &'a Results, arm: &str) -> Result<Selection<'a>> {
    let task = main_task(results).ok_or_else(|| Error::Missing("no finished trial".into()))?;
    Ok(results.arm(arm).at("task", Level::from(task)))
}

/// A metric of an arm on the main task by seed, in hundredths.
fn points(results: &Results, arm: &str, metric: &str) -> Result<PerSeed> {
    Ok(values(results, arm, metric)?.into_iter().map(|(seed, value)| (seed, 100.0 * value)).collect())
}

fn values(results: &Results, arm: &str, metric: &str) -> Result<PerSeed> {
    let values = trials(results, arm)?.metric(metric)?;
    match values.iter().find(|(_, value)| !value.is_finite()) {
        Some((seed, value)) => {
            Err(Error::Diverged(format!("diverged: `{metric}` of arm {arm}, seed {seed} is {value}")))
        }
        None => Ok(values),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn list(names: &[(&str, f64)]) -> String {
    names.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect::<Vec<_>>().join(", ")
}

/// C1: against the best baseline *of each seed*, the stricter reading.
fn average_robustness(results: &Results) -> Result<Evidence> {
    let metric = "robust_accuracy";
    let method = points(results, METHOD, metric)?;
    let baselines = BASELINES.iter().map(|arm| points(results, arm, metric)).collect::<Result<Vec<_>>>()?;
    let best: PerSeed = method
        .keys()
        .filter_map(|seed| {
            // Only seeds in which all ran: the best of fewer would be an easier opponent.
            let of_seed: Option<Vec<f64>> = baselines.iter().map(|baseline| baseline.get(seed).copied()).collect();
            Some((*seed, of_seed?.into_iter().fold(f64::NEG_INFINITY, f64::max)))
        })
        .collect();
    let leads = differences(&method, &best);
    let [plain, ..] = baselines.as_slice() else { return Err(Error::Missing("no baseline".into())) };
    let over_plain = differences(&method, plain);
    let mut evidence =
        Evidence::from_effects("robust accuracy in points, drat − best of at, gairat, mail per seed", &leads, 0.0);
    if leads.is_empty() {
        return Ok(evidence);
    }
    evidence.verdict = match (mean(&leads), mean(&over_plain)) {
        _ if leads.len() < 2 => Verdict::Inconclusive,
        (lead, over_plain) if lead > -0.5 && over_plain > 0.0 => Verdict::Reproduced,
        (_, over_plain) if over_plain < -1.0 => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    let means: Vec<(&str, f64)> = std::iter::once((METHOD, &method))
        .chain(BASELINES.into_iter().zip(&baselines))
        .map(|(arm, values)| (arm, mean(&values.values().copied().collect::<Vec<_>>())))
        .collect();
    let summary =
        format!("{}; drat − at: {}; means over seeds: {}", evidence.summary, number(mean(&over_plain)), list(&means));
    Ok(evidence.with_summary(summary))
}

/// C2.
fn tail_robustness(results: &Results) -> Result<Evidence> {
    let metric = "robust_tail_accuracy";
    let effects = differences(&points(results, METHOD, metric)?, &points(results, "at", metric)?);
    let mut evidence = Evidence::from_effects(
        "robust accuracy over the worst 30 % of the classes in points, drat − at",
        &effects,
        1.0,
    );
    if effects.is_empty() {
        return Ok(evidence);
    }
    let positive = effects.iter().filter(|effect| **effect > 0.0).count();
    evidence.verdict = match mean(&effects) {
        _ if effects.len() < 2 => Verdict::Inconclusive,
        effect if effect > 1.0 && 3 * positive >= 2 * effects.len() => Verdict::Reproduced,
        effect if effect < 0.0 => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    let summary = format!("{}; above 0 in {positive} of {} seeds", evidence.summary, effects.len());
    Ok(evidence.with_summary(summary))
}

/// C3.
fn optimal_weights(results: &Results) -> Result<Evidence> {
    let columns = ["best_rival", "objective_gap", "gradient_gap"]
        .map(|metric| values(results, METHOD, metric))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let worst: Vec<f64> =
        columns.iter().map(|column| column.values().copied().fold(f64::NEG_INFINITY, f64::max)).collect();
    let seeds: Vec<u64> = columns.first().map(|column| column.keys().copied().collect()).unwrap_or_default();
    let holds: Vec<bool> = seeds
        .iter()
        .map(|seed| columns.iter().all(|column| column.get(seed).is_some_and(|value| *value <= TOLERANCE)))
        .collect();
    let parts: Vec<(&str, f64)> =
        ["lead of the best rival", "relative error of L", "relative error of ∂L/∂ℓ"].into_iter().zip(worst).collect();
    Ok(Evidence::from_checks(
        "closed form of the weights within 1e-5",
        &holds,
        format!("largest over seeds: {}", list(&parts)),
    ))
}

/// C4.
fn convergence(results: &Results) -> Result<Evidence> {
    let read = |metric: &str| values(results, METHOD, metric);
    let (start, end) = (read("objective_start")?, read("objective_end")?);
    let (norm_start, norm_end) = (read("gradient_norm_start")?, read("gradient_norm_end")?);
    let falls = |before: &PerSeed, after: &PerSeed, seed: &u64| matches!((before.get(seed), after.get(seed)), (Some(before), Some(after)) if after < before);
    let holds: Vec<bool> =
        start.keys().map(|seed| falls(&start, &end, seed) && falls(&norm_start, &norm_end, seed)).collect();
    let average = |values: &PerSeed| number(mean(&values.values().copied().collect::<Vec<_>>()));
    let summary = format!(
        "means over seeds from start to end: L {} → {}, norm of its gradient {} → {}",
        average(&start),
        average(&end),
        average(&norm_start),
        average(&norm_end)
    );
    Ok(Evidence::from_checks("L and the norm of its gradient below their values at the start", &holds, summary))
}

/// C5: the interval of the spread must lie above 20 points, the stricter reading.
fn spread(results: &Results) -> Result<Evidence> {
    let spread = points(results, "at", "robust_spread")?;
    let room: Vec<f64> = spread.values().map(|spread| spread - 20.0).collect();
    let evidence =
        Evidence::from_effects("spread of robust accuracy over classes under at, less 20 points", &room, 0.0);
    let summary = format!("{}; spread {}", evidence.summary, number(mean(&room) + 20.0));
    Ok(evidence.with_summary(summary))
}
