//! The rules of the claims.

use harness_core::evidence::{Evidence, Verdict};
use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection};
use harness_core::stats;
use harness_core::text::number;

/// How many times smaller C1 and C2 ask the error to be.
const BETTER: f64 = 5.0;
/// Below this ratio, C1 and C2 are not reproduced.
const NOT_BETTER: f64 = 1.2;
/// Rank correlation that C4 asks for.
const CORRELATION: f64 = -0.5;

/// Judges a claim.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        // Where Allen–Cahn was not run, the Lorenz system takes its place.
        "C1" => match results.arm("causal").at("problem", "allen_cahn").records() {
            [] => accuracy(results, "lorenz"),
            _ => accuracy(results, "allen_cahn"),
        },
        "C2" => accuracy(results, "lorenz"),
        "C4" => {
            let found = arm(results, "causal", "lorenz").metric("convergence_rho")?;
            let values: Vec<f64> = found.values().copied().collect();
            if values.iter().any(|value| value.is_nan()) {
                return Err(Error::Diverged("diverged: an error or a weight is not finite at a checkpoint".into()));
            }
            let holds: Vec<bool> = values.iter().map(|value| *value <= CORRELATION).collect();
            let quantity = "rank correlation of log error and smallest weight";
            Ok(Evidence::from_checks(
                quantity,
                &holds,
                format!("{quantity}: {}; at most {CORRELATION} asked", listed(&values)),
            ))
        }
        "C5" => {
            let pairs = pairs(results, "marching", "lorenz")?;
            let (marching, causal): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let evidence = logarithms("marching / causal", &pairs);
            if evidence.effect.is_none() {
                return Ok(evidence);
            }
            let (marching, causal) = (stats::median(&marching)?, stats::median(&causal)?);
            let verdict = if causal <= marching { Verdict::Reproduced } else { Verdict::Contradicted };
            let summary = format!(
                "{}; median error of causal {}, of marching {}",
                evidence.summary,
                number(causal),
                number(marching)
            );
            Ok(Evidence { verdict, summary, ..evidence })
        }
        _ => claim.test.apply(results),
    }
}

fn arm<'a>(results: &'a Results, arm: &str, problem: &str) -> Selection<'a> {
    results.arm(arm).at("problem", problem)
}

fn listed(values: &[f64]) -> String {
    values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", ")
}

/// Errors of a baseline and of the causal arm by seed.
fn pairs(results: &Results, baseline: &str, problem: &str) -> Result<Vec<(f64, f64)>> {
    let baseline: PerSeed = arm(results, baseline, problem).metric("error")?;
    let causal = arm(results, "causal", problem).metric("error")?;
    Ok(baseline.iter().filter_map(|(seed, error)| Some((*error, *causal.get(seed)?))).collect())
}

/// The evidence of decimal logarithms of ratios, before a rule of its own.
fn logarithms(ratio: &str, pairs: &[(f64, f64)]) -> Evidence {
    let effects: Vec<f64> = pairs.iter().map(|(above, below)| (above / below).log10()).collect();
    Evidence::from_effects(format!("log10 of relative L2 error, {ratio}"), &effects, 0.0)
}

/// The median of q = error(plain)/error(causal) is at least 5, and causal is better in every seed.
fn accuracy(results: &Results, problem: &str) -> Result<Evidence> {
    let pairs = pairs(results, "plain", problem)?;
    let evidence = logarithms("plain / causal", &pairs);
    if evidence.effect.is_none() {
        return Ok(evidence);
    }
    let ratios: Vec<f64> = pairs.iter().map(|(plain, causal)| plain / causal).collect();
    let median = stats::median(&ratios)?;
    let verdict = if median >= BETTER && ratios.iter().all(|ratio| *ratio > 1.0) {
        Verdict::Reproduced
    } else if median <= 1.0 {
        Verdict::Contradicted
    } else if median < NOT_BETTER {
        Verdict::DirectionOnly
    } else {
        Verdict::Inconclusive
    };
    let (plain, causal): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let summary = format!(
        "{problem}: median ratio {}, at least {BETTER} asked; error of plain {}; of causal {}; {}",
        number(median),
        listed(&plain),
        listed(&causal),
        evidence.summary
    );
    Ok(Evidence { verdict, summary, ..evidence })
}
