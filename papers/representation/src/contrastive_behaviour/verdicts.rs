//! The rules of the claims.

use std::collections::BTreeMap;

use harness_core::cell::Level;
use harness_core::evidence::Verdict;
use harness_core::prelude::*;
use harness_core::results::{PerSeed, differences};
use harness_core::stats;
use harness_core::text::number;
use papers_kit::verdict::majority;

/// The temperature at which hard negatives are compared.
pub const LARGE_TAU: f64 = 1.0;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C1" => hardness_aware(results),
        "C2" => limits(results),
        "C3" => trend(results, "uniformity", "rank correlation of τ with U"),
        "C4" => trend(results, "tolerance", "rank correlation of τ with T"),
        "C5" => dilemma(results),
        "C6" => {
            // U itself, so that a lower one is the better.
            let (hard, plain) = (
                at_large_tau(results, "hard_contrastive", "uniformity")?,
                at_large_tau(results, "contrastive", "uniformity")?,
            );
            Ok(majority("−U at τ = 1, hard − plain", &differences(&plain, &hard), 0.05))
        }
        "C7" => hard_negatives(results),
        _ => claim.test.apply(results),
    }
}

/// C1: entropies rise at every step of τ and gradients agree, in every seed.
fn hardness_aware(results: &Results) -> Result<Evidence> {
    let trials = results.arm("fixed_features");
    let (rise, gap) = (trials.metric("entropy_rise")?, trials.metric("gradient_gap")?);
    let holds: Vec<bool> =
        rise.iter().filter_map(|(seed, rise)| Some(*rise > 0.0 && *gap.get(seed)? <= 1e-5)).collect();
    let summary = format!(
        "least rise of an anchor's entropy from one τ to the next {}, largest gradient difference {} of 1/τ",
        number(least(&rise)),
        number(largest(&gap))
    );
    Ok(Evidence::from_checks("entropy rises with τ, gradients agree", &holds, summary))
}

/// C2: both limit formulas hold within one per cent, in every seed.
fn limits(results: &Results) -> Result<Evidence> {
    let trials = results.arm("fixed_features");
    let (small, large) = (trials.metric("small_temperature_gap")?, trials.metric("large_temperature_gap")?);
    let holds: Vec<bool> =
        small.iter().filter_map(|(seed, small)| Some(*small <= 0.01 && *large.get(seed)? <= 0.01)).collect();
    let summary = format!(
        "largest gap {} % at the small and {} % at the large τ",
        number(100.0 * largest(&small)),
        number(100.0 * largest(&large))
    );
    Ok(Evidence::from_checks("limits within 1 %", &holds, summary))
}

fn least(values: &PerSeed) -> f64 {
    values.values().copied().fold(f64::INFINITY, f64::min)
}

fn largest(values: &PerSeed) -> f64 {
    values.values().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The metric of an arm by temperature, and by seed; only temperatures with a finished trial.
fn by_tau(results: &Results, arm: &str, metric: &str) -> Result<Vec<(f64, PerSeed)>> {
    let trials = results.arm(arm).having(metric);
    let mut levels: Vec<f64> = trials.levels("tau").iter().filter_map(Level::as_f64).collect();
    levels.sort_by(f64::total_cmp);
    if levels.is_empty() {
        return Err(Error::Missing(format!("no finished trial of {arm} recorded {metric}")));
    }
    levels.into_iter().map(|tau| Ok((tau, trials.clone().at("tau", tau).metric(metric)?))).collect()
}

/// C3, C4: Spearman's ρ of τ with a metric that grows with τ, of the seeds that have all temperatures.
fn trend(results: &Results, metric: &str, quantity: &str) -> Result<Evidence> {
    let columns = by_tau(results, "contrastive", metric)?;
    if columns.len() < 3 {
        return Err(Error::Missing(format!(
            "a trend needs at least 3 temperatures, but {} have trials",
            columns.len()
        )));
    }
    let mut seeds: BTreeMap<u64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (tau, values) in &columns {
        for (seed, value) in values {
            let (x, y) = seeds.entry(*seed).or_default();
            x.push(*tau);
            y.push(*value);
        }
    }
    seeds.retain(|_, (x, _)| x.len() == columns.len());
    // A metric that does not move at all has no trend.
    let correlations: Vec<f64> = seeds
        .values()
        .map(|(x, y)| if y.iter().all(|y| y.is_finite()) { stats::spearman(x, y).unwrap_or(0.0) } else { f64::NAN })
        .collect();
    let evidence = Evidence::from_effects(quantity, &correlations, 0.9);
    let Some(mean) = evidence.effect else { return Ok(evidence) };
    let verdict = if mean >= 0.9 {
        Verdict::Reproduced
    } else if mean >= 0.6 {
        Verdict::Inconclusive
    } else {
        Verdict::Contradicted
    };
    let each: Vec<String> = correlations.iter().map(|value| number(*value)).collect();
    let summary = format!("{} over {} temperatures; by seed: {}", evidence.summary, columns.len(), each.join(", "));
    Ok(Evidence { verdict, summary, ..evidence })
}

/// C5: the interior temperature that is best on the mean over seeds, against the better end of each seed.
fn dilemma(results: &Results) -> Result<Evidence> {
    let columns = by_tau(results, "contrastive", "probe_accuracy")?;
    let [(low_tau, low), interior @ .., (high_tau, high)] = columns.as_slice() else {
        return Err(Error::Missing("the dilemma needs at least 3 temperatures".into()));
    };
    let mean = |values: &PerSeed| values.values().sum::<f64>() / values.len() as f64;
    let Some((tau, best)) = interior.iter().max_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1))) else {
        return Err(Error::Missing("the dilemma needs at least 3 temperatures".into()));
    };
    let ends: PerSeed = low.iter().filter_map(|(seed, low)| Some((*seed, low.max(*high.get(seed)?)))).collect();
    let quantity = format!("probe accuracy (points), τ = {tau} − better of τ = {low_tau} and τ = {high_tau}");
    Ok(majority(quantity, &differences(best, &ends), 0.5))
}

fn at_large_tau(results: &Results, arm: &str, metric: &str) -> Result<PerSeed> {
    results.arm(arm).at("tau", LARGE_TAU).metric(metric)
}

/// C7: both the contrastive loss at τ = 1 and the simple loss gain by hard negatives.
fn hard_negatives(results: &Results) -> Result<Evidence> {
    let softmax = differences(
        &at_large_tau(results, "hard_contrastive", "probe_accuracy")?,
        &at_large_tau(results, "contrastive", "probe_accuracy")?,
    );
    let simple = differences(
        &results.arm("hard_simple").metric("probe_accuracy")?,
        &results.arm("simple").metric("probe_accuracy")?,
    );
    Ok(Evidence::all_of(vec![
        majority("probe accuracy (points) at τ = 1, hard − plain contrastive", &softmax, 0.5),
        majority("probe accuracy (points), hard − plain simple", &simple, 0.5),
    ]))
}
