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
    let (arm, rule): (_, fn(&On) -> Result<Evidence>) = match claim.id.as_str() {
        "C1" => ("grid", searches),
        "C2" => ("fixed", schedules),
        "C4" => ("default", starts),
        "C5" => ("shared", spread),
        _ => return claim.test.apply(results),
    };
    let tasks = planned(paper, results, arm);
    if let [task] = &tasks[..] {
        return rule(&On { results, task, named: false });
    }
    let parts = tasks.iter().map(|task| rule(&On { results, task, named: true })).collect::<Result<_>>()?;
    Ok(Evidence::all_of(parts))
}

/// The trials of one task.
struct On<'a> {
    results: &'a Results,
    task: &'a Level,
    /// Whether there are other tasks, so that numbers need the name of theirs.
    named: bool,
}

impl On<'_> {
    fn loss(&self, arm: &str) -> Result<PerSeed> {
        self.results.arm(arm).at("task", self.task.clone()).metric("test_loss")
    }

    fn quantity(&self, what: &str) -> String {
        if self.named { format!("{}: {what}", self.task) } else { what.to_owned() }
    }
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
fn searches(on: &On) -> Result<Evidence> {
    let stn = on.loss("stn")?;
    let parts = ["grid", "random"]
        .into_iter()
        .map(|arm| {
            let effects = differences(&on.loss(arm)?, &stn);
            Ok(above(&on.quantity(&format!("test loss (nats), {arm} − stn")), &effects, 0.0))
        })
        .collect::<Result<_>>()?;
    Ok(Evidence::all_of(parts))
}

/// C2: the method and its replayed schedule, each against the best fixed value.
fn schedules(on: &On) -> Result<Evidence> {
    let fixed = on.loss("fixed")?;
    let parts = ["stn", "replay"]
        .into_iter()
        .map(|arm| {
            let effects = differences(&fixed, &on.loss(arm)?);
            Ok(above(&on.quantity(&format!("test loss (nats), fixed − {arm}")), &effects, 0.0))
        })
        .collect::<Result<_>>()?;
    let evidence = Evidence::all_of(parts);
    // The rest of the published order stands beside the verdict.
    Ok(match on.loss("final") {
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
fn starts(on: &On) -> Result<Evidence> {
    let start = on.loss("default")?;
    let relative: Vec<f64> =
        on.loss("stn")?.iter().filter_map(|(seed, stn)| start.get(seed).map(|start| (start - stn) / start)).collect();
    Ok(above(&on.quantity("test loss, (default − stn) / default"), &relative, IMPROVEMENT))
}

/// C5: how much of the spread of the starts is gone at the end.
fn spread(on: &On) -> Result<Evidence> {
    let shared = on.results.arm("shared").at("task", on.task.clone());
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
    let quantity = on.quantity("share of the spread of the starts that is gone at the end");
    Ok(above(&quantity, &gone, 1.0 - SPREAD_LEFT))
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
