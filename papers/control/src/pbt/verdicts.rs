//! The rules of the claims.

use harness_core::evidence::{Evidence, Verdict};
use harness_core::prelude::*;
use harness_core::results::{PerSeed, differences};
use harness_core::text::number;

/// Objective that the population has to reach on the toy problem.
const REACHED: f64 = 1.1;
/// Objective that fixed values may not exceed there.
const STUCK: f64 = 0.4;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C1" => {
            let evidence = best_against_random("rl", "mean return of the best member, pbt − random", results)?;
            let area = differences(
                &metric(results, "pbt_truncation", "rl", "area")?,
                &metric(results, "random", "rl", "area")?,
            );
            let mean = area.iter().sum::<f64>() / area.len().max(1) as f64;
            let summary = format!("{}; mean height of the best-return curve: {} apart", evidence.summary, number(mean));
            Ok(evidence.with_summary(summary))
        }
        "C2" => best_against_random("classifier", "test accuracy of the best member, pbt − random", results),
        "C3" => best_against_random("gan", "mode score of the best member, pbt − random", results),
        "C4" => {
            let schedule = metric(results, "schedule", "classifier", "test_score")?;
            both("schedule", &schedule, ["final_values", "initial_values"], false, results)
        }
        "C5" => {
            let full = metric(results, "pbt_truncation", "classifier", "test_score")?;
            both("pbt", &full, ["weights_only", "hypers_only"], true, results)
        }
        "C6" => {
            let population = metric(results, "pbt_truncation", "toy", "judged_objective")?;
            let grid = metric(results, "grid", "toy", "judged_objective")?;
            let pairs: Vec<(f64, f64)> =
                population.iter().filter_map(|(seed, q)| Some((*q, *grid.get(seed)?))).collect();
            let holds: Vec<bool> = pairs.iter().map(|(q, grid)| *q >= REACHED && *grid <= STUCK).collect();
            let list = |values: Vec<f64>| values.into_iter().map(number).collect::<Vec<_>>().join(", ");
            let (q, grid): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let summary = format!("Q by seed: population {}; fixed values {}", list(q), list(grid));
            Ok(Evidence::from_checks("share of seeds with Q ≥ 1.1, and ≤ 0.4 for fixed values", &holds, summary))
        }
        _ => claim.test.apply(results),
    }
}

/// A metric by seed in the largest comparison of the arms on a task: where an arm ran with several sizes of population,
/// the size that all arms have.
fn metric(results: &Results, arm: &str, task: &str, name: &str) -> Result<PerSeed> {
    let own = results.arm(arm).at("task", task);
    let common = results.arm("random").at("task", task).levels("population");
    match common.first() {
        Some(population) => own.at("population", population.clone()).metric(name),
        None => own.metric(name),
    }
}

/// Reproduced where the mean difference is above 0 and so is the difference in at least two thirds of the seeds; not
/// reproduced where the mean is below −1 standard error; else these trials cannot tell.
fn best_against_random(task: &str, quantity: &str, results: &Results) -> Result<Evidence> {
    let score = |arm: &str| metric(results, arm, task, "test_score");
    let effects = differences(&score("pbt_truncation")?, &score("random")?);
    let most = 3 * effects.iter().filter(|d| **d > 0.0).count() >= 2 * effects.len();
    Ok(decide(quantity, &effects, |mean| mean > 0.0 && most))
}

/// One arm against two others: its mean must be above that of each, or equal where `ties` are allowed.
fn both(name: &str, score: &PerSeed, others: [&str; 2], ties: bool, results: &Results) -> Result<Evidence> {
    let parts = others
        .into_iter()
        .map(|other| {
            let effects = differences(score, &metric(results, other, "classifier", "test_score")?);
            let quantity = format!("test accuracy, {name} − {other}");
            Ok(beyond_chance(decide(&quantity, &effects, |mean| mean > 0.0 || (ties && mean == 0.0))))
        })
        .collect::<Result<_>>()?;
    Ok(Evidence::all_of(parts))
}

/// Reproduced where the mean of the effects keeps the rule; contradicted where it is below −1 standard error.
fn decide(quantity: &str, effects: &[f64], holds: impl Fn(f64) -> bool) -> Evidence {
    let evidence = Evidence::from_effects(quantity, effects, 0.0);
    let (Some(mean), n) = (evidence.effect, effects.len()) else { return evidence };
    let seeds: Vec<String> = effects.iter().map(|d| number(*d)).collect();
    let summary = format!("{}; by seed: {}", evidence.summary, seeds.join(", "));
    let variance = effects.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n.saturating_sub(1).max(1) as f64;
    let verdict = if n < 2 {
        Verdict::Inconclusive
    } else if holds(mean) {
        Verdict::Reproduced
    } else if mean < -(variance / n as f64).sqrt() {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    };
    Evidence { verdict, summary, ..evidence }
}

/// The part of a composed rule claims no more than its interval allows, as the report sees to for rules as a whole.
fn beyond_chance(evidence: Evidence) -> Evidence {
    let Some(interval) = evidence.interval else { return evidence };
    let verdict = match evidence.verdict {
        Verdict::Reproduced if interval.low < 0.0 && interval.high > 0.0 => Verdict::DirectionOnly,
        Verdict::Contradicted if interval.high >= 0.0 => Verdict::Inconclusive,
        verdict => verdict,
    };
    Evidence { verdict, ..evidence }
}
