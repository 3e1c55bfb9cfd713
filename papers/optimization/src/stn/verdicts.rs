//! The rules of the claims.

use harness_core::cell::Level;
use harness_core::claim::Across;
use harness_core::evidence::{Evidence, Verdict};
use harness_core::prelude::*;
use harness_core::results::{PerSeed, differences};
use harness_core::text::number;

/// Relative improvement over the values at the start that C4 asks for.
const IMPROVEMENT: f64 = 0.02;
/// Share of the spread of the starts that may be left at the end.
const SPREAD_LEFT: f64 = 1.0 / 3.0;
/// Metrics that hold the last value of a single dropout rate.
const FINAL_RATES: [&str; 2] = ["final_shared_dropout", "final_output_dropout"];

/// Judges a claim: on each task of the profile by itself, and the worst verdict among the tasks counts.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(paper: &Paper, claim: &Claim, results: &Results) -> Result<Evidence> {
    let (arm, rule): (_, fn(&Results, &Level) -> Result<Evidence>) = match claim.id.as_str() {
        "C1" => ("grid", searches),
        "C2" => ("fixed", schedules),
        "C4" => ("default", starts),
        "C5" => ("shared", spread),
        _ => return claim.test.apply(results),
    };
    let mut parts = planned(paper, results, arm)
        .into_iter()
        .map(|task| Ok((task.clone(), rule(results, &task)?)))
        .collect::<Result<Vec<_>>>()?;
    if parts.len() == 1
        && let Some((_, evidence)) = parts.pop()
    {
        return Ok(evidence);
    }
    let named = parts.into_iter().map(|(task, evidence)| {
        let summary = format!("{task}: {}", evidence.summary);
        evidence.with_summary(summary)
    });
    Ok(Evidence::all_of(named.collect()))
}

/// The tasks on which the profile runs an arm, whether or not all trials finished: a task that failed is missed, not left out.
fn planned(paper: &Paper, results: &Results, arm: &str) -> Vec<Level> {
    let mut tasks = Vec::new();
    for block in &paper.profiles.get(results.profile()).grid {
        if block.arms.as_ref().is_some_and(|arms| arms.iter().any(|name| name == arm)) {
            for cell in block.cells() {
                tasks.extend(cell.get("task").filter(|task| !tasks.contains(*task)).cloned());
            }
        }
    }
    tasks
}

/// C1: grid and random search, each against the method.
fn searches(results: &Results, task: &Level) -> Result<Evidence> {
    let stn = loss(results, "stn", task)?;
    let parts = ["grid", "random"]
        .into_iter()
        .map(|arm| {
            let effects = differences(&loss(results, arm, task)?, &stn);
            Ok(above(&format!("test loss (nats), {arm} − stn"), &effects, 0.0))
        })
        .collect::<Result<_>>()?;
    Ok(Evidence::all_of(parts))
}

/// C2: the method and its replayed schedule, each against the best fixed value.
fn schedules(results: &Results, task: &Level) -> Result<Evidence> {
    let fixed = loss(results, "fixed", task)?;
    let parts = ["stn", "replay"]
        .into_iter()
        .map(|arm| {
            let effects = differences(&fixed, &loss(results, arm, task)?);
            Ok(above(&format!("test loss (nats), fixed − {arm}"), &effects, 0.0))
        })
        .collect::<Result<_>>()?;
    let evidence = Evidence::all_of(parts);
    // The rest of the published order stands beside the verdict.
    Ok(match loss(results, "final", task) {
        Ok(last) => {
            let apart = differences(&last, &fixed);
            let mean = apart.iter().sum::<f64>() / apart.len() as f64;
            let summary = format!("{}; final − fixed: {} nats", evidence.summary, number(mean));
            evidence.with_summary(summary)
        }
        Err(_) => evidence,
    })
}

/// C4: the method against the values that it starts from.
fn starts(results: &Results, task: &Level) -> Result<Evidence> {
    let start = loss(results, "default", task)?;
    let relative: Vec<f64> = loss(results, "stn", task)?
        .iter()
        .filter_map(|(seed, stn)| start.get(seed).map(|start| (start - stn) / start))
        .collect();
    Ok(above("test loss, (default − stn) / default", &relative, IMPROVEMENT))
}

/// C5: how much of the spread of the starts is gone at the end.
fn spread(results: &Results, task: &Level) -> Result<Evidence> {
    let shared = results.arm("shared").at("task", task.clone());
    let starts: Vec<f64> = shared.levels("start").iter().filter_map(|level| level.as_f64()).collect();
    let spread_of_starts =
        starts.iter().copied().fold(f64::NEG_INFINITY, f64::max) - starts.iter().copied().fold(f64::INFINITY, f64::min);
    // The single rate is that of all layers, or that of the outputs of a language model.
    let recorded = |name: &&str| shared.records().iter().any(|record| record.metric(name).is_some());
    let rate = FINAL_RATES.into_iter().find(recorded).unwrap_or(FINAL_RATES[0]);
    let high = shared.metric_across(rate, Across::Max)?;
    let low = shared.metric_across(rate, Across::Min)?;
    if starts.len() < 2 || spread_of_starts <= 0.0 {
        return Err(Error::Missing("the runs with a single dropout rate have fewer than two starts".into()));
    }
    let gone: Vec<f64> = differences(&high, &low).iter().map(|spread| 1.0 - spread / spread_of_starts).collect();
    Ok(above("share of the spread of the starts that is gone at the end", &gone, 1.0 - SPREAD_LEFT))
}

fn loss(results: &Results, arm: &str, task: &Level) -> Result<PerSeed> {
    results.arm(arm).at("task", task.clone()).metric("test_loss")
}

/// Judges same-seed effects d, each positive where it goes the claimed way.
///
/// *Inconclusive*: one seed, a d that is not finite, or a mean that is closer to the least effect than one standard error.
/// *Reproduced*: the mean is above the least effect, and d is in at least two thirds of the seeds. Otherwise not
/// reproduced: *direction only* where the mean is above 0, *contradicted* where it is not.
fn above(quantity: &str, effects: &[f64], least: f64) -> Evidence {
    let evidence = Evidence::from_effects(quantity, effects, least);
    let (Some(mean), n) = (evidence.effect, effects.len()) else { return evidence };
    let seeds: Vec<String> = effects.iter().map(|d| number(*d)).collect();
    let summary = format!("{}; by seed: {}", evidence.summary, seeds.join(", "));
    if n < 2 {
        return Evidence { verdict: Verdict::Inconclusive, summary, ..evidence };
    }
    let variance = effects.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let most = 3 * effects.iter().filter(|d| **d > least).count() >= 2 * n;
    let verdict = if (mean - least).abs() < (variance / n as f64).sqrt() {
        Verdict::Inconclusive
    } else if mean > least && most {
        Verdict::Reproduced
    } else if mean > 0.0 {
        Verdict::DirectionOnly
    } else {
        Verdict::Contradicted
    };
    Evidence { verdict, summary, ..evidence }
}
