//! The rules of the claims.
//!
//! Every effect is one number per seed: a mean or a share over the tables. Verdicts on generated tables stay
//! inconclusive: the claims are about real data.

use harness_core::evidence::Verdict;
use harness_core::prelude::*;
use harness_core::text::number;

use super::improvement::relative_improvement;
use super::scores::{Scores, mean, set_of, sets, values};
use super::sets::SetName;

/// The detectors without a network.
pub(super) const BASELINES: [&str; 5] = ["knn", "lof", "iforest", "mod", "pca"];

/// The networks by their plain arm, with the arm of mean-shift scoring.
pub(super) const PAIRS: [(&str, &str); 5] =
    [("ae", "ae_mss"), ("dae", "dae_mss"), ("vae", "vae_mss"), ("pre", "pre_mss"), ("apre", "apre_mss")];

/// The paper's method.
const METHOD: &str = "apre_mss";

/// Half-width of the band of C1 in which nothing is decided.
const BAND: f64 = 0.05;

/// Judges a claim of the paper.
pub(super) fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    let evidence = match claim.id.as_str() {
        "C1" => beats_the_best_baseline(results)?,
        "C2" => shift_improves_networks(results)?,
        "C3" => claim.test.apply(results)?,
        "C4" => adjustable_weights_help(results)?,
        "C5" => fewer_false_inliers(results)?,
        other => return Err(Error::Failed(format!("there is no rule for claim {other}"))),
    };
    Ok(on_real_tables(results, evidence))
}

/// Generated tables cannot decide a claim about real ones.
fn on_real_tables(results: &Results, mut evidence: Evidence) -> Evidence {
    let generated = sets(results).iter().any(|set| matches!(set, SetName::Generated(_)))
        || results.all().records().iter().any(|record| record.synthetic());
    if generated && evidence.verdict != Verdict::NotRun {
        evidence.verdict = Verdict::Inconclusive;
        evidence.summary = format!("on generated tables, which decide nothing: {}", evidence.summary);
    }
    evidence
}

/// Half of the smallest step that the area under the curve can take on each table: a baseline that is perfect there is
/// taken to miss perfection by as much, so that its relative improvement is defined (0 for a perfect method, far below
/// 0 for any other).
fn half_steps(results: &Results, sets: &[SetName]) -> Result<Vec<f64>> {
    sets.iter()
        .map(|set| {
            results
                .all()
                .records()
                .iter()
                .filter(|record| set_of(record) == Some(*set))
                .find_map(|record| {
                    let (rows, outliers) = (record.metric("rows")?, record.metric("outliers")?);
                    Some(0.5 / (outliers * (rows - outliers)))
                })
                .ok_or_else(|| Error::Missing(format!("no trial on table {} recorded its rows", set.name())))
        })
        .collect()
}

/// Mean relative improvement over the tables.
fn gain(method: &[f64], baseline: &[f64], half_steps: &[f64]) -> Result<f64> {
    let lowered = |scores: &[f64]| -> Vec<f64> {
        scores.iter().zip(half_steps).map(|(score, half)| score.min(1.0 - half)).collect()
    };
    // The method is lowered too: where both are perfect there is no gain.
    Ok(relative_improvement(&lowered(method), &lowered(baseline))?.relative)
}

fn beats_the_best_baseline(results: &Results) -> Result<Evidence> {
    let arms: Vec<&str> = BASELINES.into_iter().chain([METHOD]).collect();
    let scores = Scores::new(results, "auc", &arms)?;
    let best = BASELINES
        .into_iter()
        .max_by(|a, b| scores.grand_mean(a).total_cmp(&scores.grand_mean(b)))
        .ok_or_else(|| Error::Missing("there is no baseline".into()))?;
    let half = half_steps(results, &scores.sets)?;
    let effects: Vec<f64> = scores
        .seeds
        .iter()
        .map(|seed| gain(scores.of(METHOD, *seed), scores.of(best, *seed), &half))
        .collect::<Result<_>>()?;
    let wins: usize = scores
        .seeds
        .iter()
        .map(|seed| {
            scores.of(METHOD, *seed).iter().zip(scores.of(best, *seed)).filter(|(method, base)| method > base).count()
        })
        .sum();
    let evidence = Evidence::from_effects(format!("relative improvement of AUC, {METHOD} over {best}"), &effects, BAND);
    let precision = Scores::new(results, "average_precision", &[METHOD, best])?;
    let summary = format!(
        "{}; AUC {} against {} of {best}, better on {wins} of {} tables and seeds; average precision {} times the \
         baseline's",
        evidence.summary,
        number(scores.grand_mean(METHOD)),
        number(scores.grand_mean(best)),
        scores.sets.len() * scores.seeds.len(),
        number(precision.grand_mean(METHOD) / precision.grand_mean(best)),
    );
    let evidence = evidence.with_summary(summary);
    Ok(undecided_within(BAND, evidence))
}

/// The rule's band around 0, in which nothing is decided whatever the interval.
fn undecided_within(band: f64, mut evidence: Evidence) -> Evidence {
    if evidence.effect.is_some_and(|effect| effect.abs() <= band) && evidence.verdict != Verdict::NotRun {
        evidence.verdict = Verdict::Inconclusive;
    }
    evidence
}

fn shift_improves_networks(results: &Results) -> Result<Evidence> {
    let arms: Vec<&str> = PAIRS.into_iter().flat_map(|(plain, shifted)| [plain, shifted]).collect();
    let scores = Scores::new(results, "auc", &arms)?;
    let half = half_steps(results, &scores.sets)?;
    let mut gains = Vec::new();
    let mut wins = Vec::new();
    for seed in &scores.seeds {
        let each: Vec<f64> = PAIRS
            .iter()
            .map(|(plain, shifted)| gain(scores.of(shifted, *seed), scores.of(plain, *seed), &half))
            .collect::<Result<_>>()?;
        gains.push(mean(&each));
        let better = over_networks(&scores, *seed).into_iter().filter(|(plain, shifted)| shifted > plain).count();
        wins.push(better as f64 / scores.sets.len() as f64 - 0.5);
    }
    let each: Vec<String> = PAIRS
        .iter()
        .map(|(plain, shifted)| {
            format!("{plain} {} to {}", number(scores.grand_mean(plain)), number(scores.grand_mean(shifted)))
        })
        .collect();
    let relative = Evidence::from_effects("relative improvement of AUC by mean-shift scoring", &gains, 0.02);
    let summary = format!("{} (mean AUC: {})", relative.summary, each.join(", "));
    Ok(Evidence::all_of(vec![
        relative.with_summary(summary),
        Evidence::from_effects("share of tables where mean-shift scoring has the higher AUC, less ½", &wins, 0.0),
    ]))
}

/// By table: the means over networks of the plain and of the shifted arm.
fn over_networks(scores: &Scores, seed: u64) -> Vec<(f64, f64)> {
    (0..scores.sets.len())
        .map(|set| {
            let at = |arm: &str| scores.of(arm, seed).get(set).copied().unwrap_or(f64::NAN);
            let plain: Vec<f64> = PAIRS.iter().map(|(plain, _)| at(plain)).collect();
            let shifted: Vec<f64> = PAIRS.iter().map(|(_, shifted)| at(shifted)).collect();
            (mean(&plain), mean(&shifted))
        })
        .collect()
}

fn adjustable_weights_help(results: &Results) -> Result<Evidence> {
    let scores = Scores::new(results, "auc", &["pre", "apre"])?;
    let effects: Vec<f64> =
        scores.seeds.iter().map(|seed| scores.mean("apre", *seed) - scores.mean("pre", *seed)).collect();
    let evidence = Evidence::from_effects("AUC, apre with α = 0.9 − pre", &effects, 0.003);
    let summary = format!("{}{}", evidence.summary, best_weights(results, &scores));
    Ok(evidence.with_summary(summary))
}

/// What the best α would give, for all tables and for each: reported, never used to choose.
fn best_weights(results: &Results, scores: &Scores) -> String {
    // α to the mean AUC by table, over the seeds of the comparison.
    let by_set = |arm: &str| -> Vec<f64> {
        (0..scores.sets.len())
            .map(|set| {
                mean(&scores.seeds.iter().filter_map(|s| scores.of(arm, *s).get(set).copied()).collect::<Vec<_>>())
            })
            .collect()
    };
    let mut grid: Vec<(f64, Vec<f64>)> = vec![(0.5, by_set("pre")), (0.9, by_set("apre"))];
    for level in results.arm("apre").levels("alpha") {
        let Some(alpha) = level.as_f64() else { continue };
        let found = values(results, "apre", "auc", |record| record.cell.get("alpha") == Some(&level));
        let complete: Option<Vec<f64>> = scores
            .sets
            .iter()
            .map(|set| {
                let own: Option<Vec<f64>> =
                    scores.seeds.iter().map(|seed| found.get(seed)?.get(set).copied()).collect();
                own.map(|own| mean(&own))
            })
            .collect();
        if let Some(complete) = complete {
            grid.push((alpha, complete));
        }
    }
    let best = grid.iter().max_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
    let oracle: Vec<f64> = (0..scores.sets.len())
        .map(|set| grid.iter().map(|(_, by_set)| by_set[set]).fold(f64::NEG_INFINITY, f64::max))
        .collect();
    let alphas: Vec<String> = grid.iter().map(|(alpha, by_set)| format!("{alpha}: {}", number(mean(by_set)))).collect();
    best.map_or_else(String::new, |(alpha, by_set)| {
        format!(
            "; mean AUC by α: {}; best α for all tables {alpha} ({}), best α for each table {} (both chosen with labels)",
            alphas.join(", "),
            number(mean(by_set)),
            number(mean(&oracle)),
        )
    })
}

fn fewer_false_inliers(results: &Results) -> Result<Evidence> {
    let arms: Vec<&str> = PAIRS.into_iter().flat_map(|(plain, shifted)| [plain, shifted]).collect();
    let scores = Scores::new(results, "false_inliers", &arms)?;
    let mut effects = Vec::new();
    let (mut lower, mut higher, mut equal) = (0, 0, 0);
    for seed in &scores.seeds {
        let pairs = over_networks(&scores, *seed);
        let fewer = pairs.iter().filter(|(plain, shifted)| shifted < plain).count();
        let more = pairs.iter().filter(|(plain, shifted)| shifted > plain).count();
        effects.push(fewer as f64 / pairs.len() as f64 - 0.5);
        lower += fewer;
        higher += more;
        equal += pairs.len() - fewer - more;
    }
    let share = |arms: [&str; 5]| mean(&arms.map(|arm| scores.grand_mean(arm)));
    let evidence =
        Evidence::from_effects("share of tables with fewer false inliers by mean-shift scoring, less ½", &effects, 0.0);
    let summary = format!(
        "{}; false inliers {} of all outliers plain, {} shifted; fewer on {lower}, more on {higher}, as many on {equal} \
         tables and seeds",
        evidence.summary,
        number(share(PAIRS.map(|(plain, _)| plain))),
        number(share(PAIRS.map(|(_, shifted)| shifted))),
    );
    Ok(evidence.with_summary(summary))
}
