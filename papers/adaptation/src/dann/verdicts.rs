//! The rules of the claims that no declarative test expresses.

use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection, differences};
use papers_kit::verdict::majority;

/// Least difference of the proxy A-distances (C1).
const DISTANCE: f64 = 0.1;
/// Least differences of accuracies in points: images (C2), reviews (C3), moons (C4), retrieval (C5).
const POINTS: [f64; 4] = [2.0, 0.3, 2.0, 0.0];

/// Judges a claim whose test is `custom`.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    let [images, reviews, moons, retrieval] = POINTS;
    match claim.id.as_str() {
        "C1" => indiscriminate_features(results),
        "C2" => points(results, "images", "target_accuracy", images),
        "C3" => points(results, "reviews", "target_accuracy", reviews),
        "C4" => points(results, "moons", "target_accuracy", moons),
        "C5" => points(results, "reid", "rank1", retrieval),
        _ => claim.test.apply(results),
    }
}

/// The trials of an arm on a task. On reviews, those on counts of words: the auto-encoder is a second experiment.
pub fn of_task<'a>(results: &'a Results, arm: &str, task: &str) -> Selection<'a> {
    let selection = results.arm(arm).at("task", task);
    let encoded = selection.records().iter().any(|record| record.cell.get("features").is_some());
    if encoded { selection.at("features", "words") } else { selection }
}

fn by_seed(results: &Results, arm: &str, task: &str, metric: &str) -> Result<PerSeed> {
    of_task(results, arm, task).metric(metric)
}

/// C1: both parts must hold, on images.
fn indiscriminate_features(results: &Results) -> Result<Evidence> {
    let of = |arm: &str, metric: &str| by_seed(results, arm, "images", metric);
    let closer = differences(&of("source_only", "pad")?, &of("dann", "pad")?);
    let away = |arm: &str| -> Result<PerSeed> {
        Ok(of(arm, "domain_accuracy")?.into_iter().map(|(seed, share)| (seed, 100.0 * (share - 0.5).abs())).collect())
    };
    let blinder = differences(&away("source_only")?, &away("dann")?);
    Ok(Evidence::all_of(vec![
        majority("proxy A-distance, source_only − dann", &closer, DISTANCE),
        majority("distance of the domain classifier's accuracy from 50 % (points), source_only − dann", &blinder, 0.0),
    ]))
}

fn points(results: &Results, task: &str, metric: &str, least: f64) -> Result<Evidence> {
    let method = by_seed(results, "dann", task, metric)?;
    let baseline = by_seed(results, "source_only", task, metric)?;
    let gains: Vec<f64> = differences(&method, &baseline).into_iter().map(|gain| 100.0 * gain).collect();
    Ok(majority(format!("{} on {task} (points), dann − source_only", metric.replace('_', " ")), &gains, least))
}
