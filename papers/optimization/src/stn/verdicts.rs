//! The rules of the claims.

use harness_core::claim::Across;
use harness_core::evidence::{Evidence, Verdict};
use harness_core::prelude::*;
use harness_core::results::{PerSeed, differences};
use harness_core::text::number;

/// Relative improvement over the values at the start that C4 asks for.
const IMPROVEMENT: f64 = 0.02;
/// Share of the spread of the starts that may be left at the end.
const SPREAD_LEFT: f64 = 1.0 / 3.0;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C1" => {
            let stn = loss(results, "stn")?;
            let parts = ["grid", "random"]
                .into_iter()
                .map(|arm| {
                    Ok(above(&format!("test loss (nats), {arm} − stn"), &differences(&loss(results, arm)?, &stn), 0.0))
                })
                .collect::<Result<_>>()?;
            Ok(Evidence::all_of(parts))
        }
        "C2" => {
            let fixed = loss(results, "fixed")?;
            let parts = ["stn", "replay"]
                .into_iter()
                .map(|arm| {
                    Ok(above(
                        &format!("test loss (nats), fixed − {arm}"),
                        &differences(&fixed, &loss(results, arm)?),
                        0.0,
                    ))
                })
                .collect::<Result<_>>()?;
            let evidence = Evidence::all_of(parts);
            // The rest of the published order stands beside the verdict.
            Ok(match loss(results, "final") {
                Ok(last) => {
                    let apart = differences(&last, &fixed);
                    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
                    let summary = format!("{}; final − fixed: {} nats", evidence.summary, number(mean));
                    evidence.with_summary(summary)
                }
                Err(_) => evidence,
            })
        }
        "C4" => {
            let start = loss(results, "default")?;
            let relative: Vec<f64> = loss(results, "stn")?
                .iter()
                .filter_map(|(seed, stn)| start.get(seed).map(|start| (start - stn) / start))
                .collect();
            Ok(above("test loss, (default − stn) / default", &relative, IMPROVEMENT))
        }
        "C5" => {
            let shared = results.arm("shared");
            let starts: Vec<f64> = shared.levels("start").iter().filter_map(|level| level.as_f64()).collect();
            let spread_of_starts = starts.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                - starts.iter().copied().fold(f64::INFINITY, f64::min);
            let high = shared.metric_across("final_shared_dropout", Across::Max)?;
            let low = shared.metric_across("final_shared_dropout", Across::Min)?;
            if starts.len() < 2 || spread_of_starts <= 0.0 {
                return Err(Error::Missing("the runs with a single dropout rate have fewer than two starts".into()));
            }
            let gone: Vec<f64> =
                differences(&high, &low).iter().map(|spread| 1.0 - spread / spread_of_starts).collect();
            Ok(above("share of the spread of the starts that is gone at the end", &gone, 1.0 - SPREAD_LEFT))
        }
        _ => claim.test.apply(results),
    }
}

fn loss(results: &Results, arm: &str) -> Result<PerSeed> {
    results.arm(arm).metric("test_loss")
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
