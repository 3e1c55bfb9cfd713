//! The rules of the claims.

use harness_core::evidence::Verdict;
use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection, differences};
use harness_core::text::number;
use papers_kit::verdict::majority;

use super::settings::Task;

/// The amplitude of the background task at which claims are judged.
pub const AMPLITUDE: f64 = 1.5;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C1" => {
            let apart = between(results, "random", "dc", Task::Background, "accuracy")?;
            Ok(beyond("accuracy (points) with backgrounds, random − dc", &apart, 1.0))
        }
        "C2" => {
            let over_dc = between(results, "dcc", "dc", Task::Background, "accuracy")?;
            let over_random = between(results, "dcc", "random", Task::Background, "accuracy")?;
            Ok(Evidence::all_of(vec![
                majority("accuracy (points) with backgrounds, dcc − dc", &over_dc, 2.0),
                majority("accuracy (points) with backgrounds, dcc − random", &over_random, 0.0),
            ]))
        }
        "C3" => {
            let apart = between(results, "dcc", "dc", Task::Fine, "accuracy")?;
            Ok(beyond("accuracy (points) on classes that are much alike, dcc − dc", &apart, 1.0))
        }
        "C4" => {
            let apart = between(results, "dcc", "dc", Task::Plain, "accuracy")?;
            Ok(beyond("accuracy (points) on the plain task, dcc − dc", &apart, 1.0))
        }
        "C5" => warmup(results),
        "C6" => {
            let apart = between(results, "dcc", "dc", Task::Plain, "kernel_velocity")?;
            Ok(majority("kernel velocity on the plain task, dcc − dc", &apart, 0.0))
        }
        "C7" => {
            let parts = ["dc", "random"]
                .into_iter()
                .map(|baseline| {
                    let apart = between(results, "dcc", baseline, Task::Continual, "final_accuracy")?;
                    Ok(majority(format!("accuracy (points) after the last task, dcc − {baseline}"), &apart, 0.0))
                })
                .collect::<Result<_>>()?;
            Ok(Evidence::all_of(parts))
        }
        _ => claim.test.apply(results),
    }
}

/// The trials of an arm in a task; at the amplitude of the claims where there are backgrounds.
pub fn of_task<'a>(results: &'a Results, arm: &str, task: Task) -> Selection<'a> {
    let trials = results.arm(arm);
    match task {
        Task::Plain => trials.at("task", "plain"),
        Task::Background => trials.at("task", "background").at("amplitude", AMPLITUDE),
        Task::Fine => trials.at("task", "fine"),
        Task::Continual => trials.at("task", "continual"),
    }
}

/// Same-seed differences of two arms; several cells of a task become their mean.
fn between(results: &Results, arm: &str, baseline: &str, task: Task, metric: &str) -> Result<Vec<f64>> {
    let of = |arm: &str| of_task(results, arm, task).metric(metric);
    Ok(differences(&of(arm)?, &of(baseline)?))
}

/// Judges the mean of same-seed differences, each positive where it goes the claimed way.
///
/// *Reproduced*: above the margin. *Contradicted*: below minus the margin. *Inconclusive*: within, one seed, or any
/// difference that is not finite.
fn beyond(quantity: &str, apart: &[f64], margin: f64) -> Evidence {
    let evidence = Evidence::from_effects(quantity, apart, margin);
    let Some(mean) = evidence.effect else { return evidence };
    let verdict = if apart.len() < 2 || mean.abs() <= margin {
        Verdict::Inconclusive
    } else if mean > 0.0 {
        Verdict::Reproduced
    } else {
        Verdict::Contradicted
    };
    let seeds: Vec<String> = apart.iter().map(|d| number(*d)).collect();
    let summary = format!("{}; by seed: {}", evidence.summary, seeds.join(", "));
    Evidence { verdict, summary, ..evidence }
}

/// C5: a smaller spread over evaluation networks or a higher mean with the warm-up, in at least two thirds of the seeds; the
/// mean over the tasks and numbers of images in which both arms ran.
fn warmup(results: &Results) -> Result<Evidence> {
    let tasks = [Task::Plain, Task::Background, Task::Fine];
    let mean = |arm: &str, metric: &str| -> Result<PerSeed> {
        let by_task = tasks.map(|task| of_task(results, arm, task).metric(metric));
        let mut total = PerSeed::new();
        for (at, values) in by_task.into_iter().enumerate() {
            let values = values?;
            if at == 0 {
                total = values;
            } else {
                total.retain(|seed, _| values.contains_key(seed));
                total.iter_mut().for_each(|(seed, sum)| *sum += values[seed]);
            }
        }
        total.values_mut().for_each(|sum| *sum /= tasks.len() as f64);
        Ok(total)
    };
    let higher = differences(&mean("dcc", "accuracy")?, &mean("dcc_nowarm", "accuracy")?);
    let steadier = differences(&mean("dcc_nowarm", "accuracy_std")?, &mean("dcc", "accuracy_std")?);
    let holds: Vec<bool> =
        higher.iter().zip(&steadier).map(|(higher, steadier)| *higher > 0.0 || *steadier > 0.0).collect();
    let evidence = Evidence::from_checks("steadier or better with the warm-up", &holds, "");
    let held = holds.iter().filter(|held| **held).count();
    let finite = higher.iter().chain(&steadier).all(|value| value.is_finite());
    let verdict = match holds.len() {
        0 => Verdict::NotRun,
        1 => Verdict::Inconclusive,
        _ if !finite => Verdict::Inconclusive,
        n if 3 * held >= 2 * n => Verdict::Reproduced,
        n if 3 * (n - held) >= 2 * n => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    let each = |values: &[f64]| values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", ");
    let summary = format!(
        "dcc against dcc without warm-up, by seed: accuracy higher by {} points, standard deviation over networks lower by {} \
         points (holds in {held} of {} seeds)",
        each(&higher),
        each(&steadier),
        holds.len()
    );
    Ok(Evidence { verdict, summary, ..evidence })
}
