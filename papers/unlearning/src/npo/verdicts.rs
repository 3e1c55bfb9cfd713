//! The rules of the claims that no declarative test expresses.

use harness_core::prelude::*;
use harness_core::results::{PerSeed, Selection, differences};
use harness_core::text::number;
use papers_kit::verdict::majority;

/// C1: least growth of the distance from the start that counts as linear or faster, most that counts as logarithmic.
const GROWTH: [f64; 2] = [4.0, 2.0];
/// C2: the share of the baseline's distance that the method may have.
const SHARE: f64 = 0.5;
/// C3 and C5: least difference of utilities.
const UTILITY: f64 = 0.05;
/// C4: least difference of the shares of grammatical answers.
const GRAMMATICAL: f64 = 0.1;
/// C5: least share of the original utility that the method keeps, and that the others do not.
const KEPT: f64 = 0.7;
/// Per cent of the authors that are forgotten in C3, and in C5.
pub const FORGOTTEN: [i64; 2] = [10, 50];
/// The baselines of C3.
const BASELINES: [&str; 2] = ["grad_diff", "ga"];
/// The variants of gradient ascent.
const ASCENT: [&str; 3] = ["ga", "ga_kl", "grad_diff"];
/// What C5 calls the others.
const OTHERS: [&str; 6] = ["ga", "ga_kl", "grad_diff", "idk_rt", "dpo", "dpo_rt"];

/// Judges a claim whose test is `custom`.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    let [few, half] = FORGOTTEN;
    match claim.id.as_str() {
        "C1" => divergence(results),
        "C2" => collapse(results),
        "C3" => utilities(results, few),
        "C4" => grammatical(results),
        "C5" => {
            let mut parts = vec![utilities(results, half)?, kept(results, "npo_rt", true)?];
            for other in OTHERS {
                parts.push(kept(results, other, false)?);
            }
            Ok(Evidence::all_of(parts))
        }
        _ => claim.test.apply(results),
    }
}

/// The trials of an arm on the mixture of separated clouds, at its own rate and β.
pub fn on_mixture<'a>(results: &'a Results, arm: &str) -> Selection<'a> {
    results.arm(arm).at("task", "mixture").at("alpha", 1.0)
}

/// The trials of an arm on generated facts.
pub fn on_facts<'a>(results: &'a Results, arm: &str, forget: i64) -> Selection<'a> {
    results.arm(arm).at("task", "facts").at("forget", forget)
}

/// C1: in every seed the distance from the start grows as claimed.
fn divergence(results: &Results) -> Result<Evidence> {
    let (ga, npo) = (on_mixture(results, "ga").metric("growth")?, on_mixture(results, "npo").metric("growth")?);
    let [least, most] = GROWTH;
    let holds: Vec<bool> = ga.iter().filter_map(|(seed, ga)| Some(*ga >= least && *npo.get(seed)? <= most)).collect();
    let fit = |arm: &str, law: &str| on_mixture(results, arm).mean(&format!("{law}_r2")).map_or("–".into(), number);
    let at_other_rates: Vec<String> = ["ga", "npo"]
        .into_iter()
        .filter_map(|arm| {
            let sweep = results.arm(arm).at("task", "mixture_sweep").at("alpha", 1.0);
            let rate = sweep.levels("rate").into_iter().next()?;
            let growth = sweep.at("rate", rate.clone()).mean("growth").ok()?;
            Some(format!("{arm} at the other's rate of {rate} {}", number(growth)))
        })
        .collect();
    let summary = format!(
        "growth of the distance from the start by seed: ga {} (at least {least} asked), npo {} (at most {most} asked); R² \
         of fits on t and on ln t: ga {} and {}, npo {} and {}; not judged: {}",
        listed(&ga),
        listed(&npo),
        fit("ga", "linear"),
        fit("ga", "logarithmic"),
        fit("npo", "linear"),
        fit("npo", "logarithmic"),
        if at_other_rates.is_empty() { "no other rate was run".into() } else { at_other_rates.join(", ") },
    );
    Ok(Evidence::from_checks("ga at least linear, npo at most logarithmic", &holds, summary))
}

fn listed(values: &PerSeed) -> String {
    values.values().map(|value| number(*value)).collect::<Vec<_>>().join(", ")
}

/// C2: final distances on retain inputs, as logarithms so that a ratio counts alike at any size.
fn collapse(results: &Results) -> Result<Evidence> {
    let part = |method: &str, baseline: &str| -> Result<Evidence> {
        let of = |arm: &str| on_mixture(results, arm).metric("final_retain_distance");
        let (method_distance, baseline_distance) = (of(method)?, of(baseline)?);
        let ratios: Vec<f64> = method_distance
            .iter()
            .filter_map(|(seed, distance)| Some((SHARE * baseline_distance.get(seed)? / distance).ln()))
            .collect();
        let mean = |arm: &str, metric: &str| on_mixture(results, arm).mean(metric).map_or("–".into(), number);
        let details = |arm: &str| {
            format!(
                "{arm}: final {}, mean over the path {}, best on forget inputs {}",
                mean(arm, "final_retain_distance"),
                mean(arm, "retain_area"),
                mean(arm, "best_forget_distance")
            )
        };
        let evidence = majority(
            format!("ln({SHARE} × {baseline} / {method}) of the final distance on retain inputs"),
            &ratios,
            0.0,
        );
        let summary = format!("{}; {}; {}", evidence.summary, details(method), details(baseline));
        Ok(evidence.with_summary(summary))
    };
    Ok(Evidence::all_of(vec![part("npo", "ga")?, part("npo_rt", "grad_diff")?]))
}

/// C3, and C5 with half of the authors: utility where the forget quality is that of the retrained model.
fn utilities(results: &Results, forget: i64) -> Result<Evidence> {
    let method = on_facts(results, "npo_rt", forget).metric("matched_utility")?;
    let mean = |arm: &str, metric: &str| on_facts(results, arm, forget).mean(metric).map_or("–".into(), number);
    let parts = BASELINES
        .into_iter()
        .map(|baseline| {
            let other = on_facts(results, baseline, forget).metric("matched_utility")?;
            let quantity =
                format!("utility at the retrained model's forget quality, {forget} % forgotten, npo_rt − {baseline}");
            let evidence = majority(quantity, &differences(&method, &other), UTILITY);
            let summary = format!(
                "{}; at the end of training: npo_rt {}, {baseline} {}",
                evidence.summary,
                mean("npo_rt", "utility"),
                mean(baseline, "utility")
            );
            Ok(evidence.with_summary(summary))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Evidence::all_of(parts))
}

/// C4: npo_rt against every variant of gradient ascent, over the whole path and both sizes of the forget set.
fn grammatical(results: &Results) -> Result<Evidence> {
    let of = |arm: &str, metric: &str| -> Result<PerSeed> { results.arm(arm).at("task", "facts").metric(metric) };
    let mean = |arm: &str, metric: &str| results.arm(arm).at("task", "facts").mean(metric).map_or("–".into(), number);
    let method = of("npo_rt", "mean_grammatical")?;
    let parts = ASCENT
        .into_iter()
        .map(|baseline| {
            let gains = differences(&method, &of(baseline, "mean_grammatical")?);
            let evidence = majority(
                format!("share of grammatical answers over the path, npo_rt − {baseline}"),
                &gains,
                GRAMMATICAL,
            );
            let details = |arm: &str| {
                format!("{arm} {} at the end, repetition {}", mean(arm, "grammatical"), mean(arm, "repetition"))
            };
            let summary = format!("{}; {}; {}", evidence.summary, details("npo_rt"), details(baseline));
            Ok(evidence.with_summary(summary))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Evidence::all_of(parts))
}

/// C5: how much of the original utility an arm has where its forget quality is that of the retrained model.
fn kept(results: &Results, arm: &str, at_least: bool) -> Result<Evidence> {
    let [_, half] = FORGOTTEN;
    let original = on_facts(results, "original", half).metric("utility")?;
    let matched = on_facts(results, arm, half).metric("matched_utility")?;
    let sign = if at_least { 1.0 } else { -1.0 };
    let gains: Vec<f64> =
        matched.iter().filter_map(|(seed, utility)| Some(sign * (utility / original.get(seed)? - KEPT))).collect();
    let what = if at_least { "share of the original utility − 0.7" } else { "0.7 − share of the original utility" };
    Ok(majority(format!("{what}, {half} % forgotten, {arm}"), &gains, 0.0))
}
