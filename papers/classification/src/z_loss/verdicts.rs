//! The rules of the claims that no declarative test expresses.

use std::collections::BTreeMap;

use harness_core::evidence::{LEVEL, Verdict};
use harness_core::prelude::*;
use harness_core::results::{PerSeed, differences};
use harness_core::stats::{self, Alternative};
use harness_core::text::number;

/// The k at which the paper's claims are judged.
pub const KS: [usize; 6] = [1, 5, 10, 20, 50, 100];
/// The earlier members of the spherical family.
const SPHERICAL: [&str; 3] = ["mse", "spherical", "taylor"];

/// Judges a claim whose test is `custom`.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing.
pub fn judge(claim: &Claim, results: &Results) -> Result<Evidence> {
    match claim.id.as_str() {
        "C2" => better_than_spherical(results),
        "C3" => better_than_softmax_somewhere(results),
        "C4" => adapts_to_k(results),
        "C5" => faster(results),
        _ => claim.test.apply(results),
    }
}

/// The top-k error of the language model by seed.
fn errors(results: &Results, arm: &str, k: usize) -> Result<PerSeed> {
    let metric = format!("top{k}_error");
    let selection = results.arm(arm).having(&metric);
    if selection.records().is_empty() {
        return Err(Error::Missing(format!("no finished trial of {arm} recorded {metric}")));
    }
    selection.metric(&metric)
}

/// C2: the difference to the best other spherical loss *of each seed*, at each k.
fn better_than_spherical(results: &Results) -> Result<Evidence> {
    let mut parts = Vec::new();
    let mut sums = PerSeed::new();
    for k in KS {
        let method = errors(results, "z_loss", k)?;
        let others = SPHERICAL.iter().map(|arm| errors(results, arm, k)).collect::<Result<Vec<_>>>()?;
        // Only seeds in which all three ran: the best of two would be an easier opponent.
        let best: PerSeed = method
            .keys()
            .filter_map(|seed| {
                let of_seed: Option<Vec<f64>> = others.iter().map(|other| other.get(seed).copied()).collect();
                Some((*seed, of_seed?.into_iter().fold(f64::INFINITY, f64::min)))
            })
            .collect();
        for (seed, best) in &best {
            *sums.entry(*seed).or_insert(0.0) += best - method.get(seed).copied().unwrap_or(f64::NAN);
        }
        let quantity = format!("top-{k} error, best of mse, spherical, taylor − z_loss");
        parts.push(Evidence::from_effects(quantity, &differences(&best, &method), 0.0));
    }
    if parts.iter().any(|part| part.n == 0) {
        return Err(Error::Missing("no seed has all four spherical losses".into()));
    }
    let better = parts.iter().filter(|part| part.effect.is_some_and(|effect| effect > 0.0)).count();
    let means: Vec<f64> = sums.values().map(|sum| sum / KS.len() as f64).collect();
    let mut evidence =
        Evidence::from_effects("top-k error averaged over k, best other spherical − z_loss", &means, 0.0);
    evidence.verdict = match (better, evidence.verdict) {
        (5.., _) => Verdict::Reproduced,
        (4, _) => Verdict::DirectionOnly,
        (0..=2, Verdict::Contradicted) => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    let list: Vec<String> = parts.iter().zip(KS).map(|(part, k)| format!("k={k}: {}", effect_text(part))).collect();
    evidence.summary =
        format!("z_loss has the lower mean top-k error at {better} of {} k, 5 asked ({})", KS.len(), list.join("; "));
    evidence.parts = parts;
    Ok(evidence)
}

fn effect_text(part: &Evidence) -> String {
    let effect = part.effect.map_or("—".to_owned(), number);
    part.interval.map_or(effect.clone(), |interval| format!("{effect} {}", harness_core::evidence::bracket(interval)))
}

/// C3: some k ≥ 5 at which the Z-loss beats the log-softmax.
fn better_than_softmax_somewhere(results: &Results) -> Result<Evidence> {
    let mut parts = Vec::new();
    let mut statistics = Vec::new();
    for k in KS {
        let effects = differences(&errors(results, "log_softmax", k)?, &errors(results, "z_loss", k)?);
        statistics.push(stats::paired_t(&effects, LEVEL, Alternative::TwoSided).ok().map(|test| test.t));
        parts.push(Evidence::from_effects(format!("top-{k} error, log_softmax − z_loss"), &effects, 0.0));
    }
    if parts.iter().any(|part| part.n == 0) {
        return Err(Error::Missing("no seed has both log_softmax and z_loss".into()));
    }
    let effect = |part: &Evidence| part.effect.unwrap_or(f64::NAN);
    let passes = |at: usize, part: &Evidence| {
        let t = statistics.get(at).copied().flatten().unwrap_or(0.0);
        KS.get(at).is_some_and(|k| *k >= 5) && effect(part) > 0.0 && t > 1.0
    };
    let passed: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(at, part)| passes(*at, part))
        .filter_map(|(at, _)| KS.get(at).map(ToString::to_string))
        .collect();
    let verdict = if !passed.is_empty() {
        Verdict::Reproduced
    } else if parts.iter().all(|part| effect(part) < -0.005) {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    };
    let list: Vec<String> = parts.iter().zip(KS).map(|(part, k)| format!("k={k}: {}", effect_text(part))).collect();
    let found = if passed.is_empty() { "at no k ≥ 5".to_owned() } else { format!("at k = {}", passed.join(", ")) };
    // The k with the clearest difference lends its numbers.
    let clearest = parts
        .iter()
        .zip(&statistics)
        .zip(KS)
        .filter(|(_, k)| *k >= 5)
        .max_by(|((_, a), _), ((_, b), _)| a.unwrap_or(f64::MIN).total_cmp(&b.unwrap_or(f64::MIN)))
        .map(|((part, _), _)| part.clone())
        .unwrap_or_else(|| Evidence::not_run("no k of at least 5"));
    Ok(Evidence {
        verdict,
        summary: format!("z_loss is better beyond t = 1 {found}; log_softmax − z_loss ({})", list.join("; ")),
        parts,
        ..clearest
    })
}

/// The (a, b) with the least validation error at k, as the ends of metric names; several where they tie.
fn best_points(metrics: &BTreeMap<String, harness_core::number::Number>, k: usize) -> Vec<String> {
    let prefix = format!("validation_top{k}_error_");
    let points: Vec<(&str, f64)> =
        metrics.iter().filter_map(|(name, error)| Some((name.strip_prefix(&prefix)?, error.0))).collect();
    let least = points.iter().map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
    points.into_iter().filter(|(_, error)| *error == least).map(|(point, _)| point.to_owned()).collect()
}

/// C4: the best (a, b) for k = 1 is not among the best for k = 100.
fn adapts_to_k(results: &Results) -> Result<Evidence> {
    let mut holds = Vec::new();
    let mut found = Vec::new();
    for record in results.arm("z_loss").records() {
        let (first, hundredth) = (best_points(&record.metrics, 1), best_points(&record.metrics, 100));
        if first.is_empty() || hundredth.is_empty() {
            continue;
        }
        holds.push(!first.iter().any(|point| hundredth.contains(point)));
        found.push(format!("seed {}: {} and {}", record.seed, first.join("="), hundredth.join("=")));
    }
    if holds.is_empty() {
        return Err(Error::Missing("no trial of z_loss recorded validation errors at k = 1 and k = 100".into()));
    }
    let summary = format!("best (a, b) for top-1 and for top-100 ({})", found.join("; "));
    Ok(Evidence::from_checks("best (a, b) differs between k = 1 and k = 100", &holds, summary))
}

/// Time per example by seed and number of classes.
fn times(results: &Results, arm: &str) -> Result<BTreeMap<u64, Vec<(f64, f64)>>> {
    let mut by_seed: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for record in results.arm(arm).having("ms_per_example").records() {
        let classes = record.cell.get("classes").and_then(|level| level.as_f64());
        if let (Some(classes), Some(ms)) = (classes, record.metric("ms_per_example")) {
            by_seed.entry(record.seed).or_default().push((classes, ms));
        }
    }
    if by_seed.is_empty() {
        return Err(Error::Missing(format!("no finished trial of {arm} measured ms_per_example")));
    }
    let complete = by_seed.values().map(Vec::len).max().unwrap_or(0);
    by_seed.retain(|_, times| times.len() == complete);
    for times in by_seed.values_mut() {
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(by_seed)
}

/// C5: flat in D for the factored layer, linear for the dense ones, at least ten times faster at the largest D.
fn faster(results: &Results) -> Result<Evidence> {
    let mut parts = Vec::new();
    for (arm, limit) in [("z_loss_factored", 0.2), ("log_softmax", 0.7), ("z_loss", 0.7)] {
        let mut slopes = Vec::new();
        for times in times(results, arm)?.values() {
            let (classes, ms): (Vec<f64>, Vec<f64>) = times.iter().copied().unzip();
            let fit = stats::log_log_slope(&classes, &ms, LEVEL)
                .map_err(|error| Error::Missing(format!("slope of the time of {arm} over D: {error}")))?;
            slopes.push(fit.slope);
        }
        let flat = arm == "z_loss_factored";
        let holds: Vec<bool> = slopes.iter().map(|slope| if flat { *slope < limit } else { *slope > limit }).collect();
        let asked = if flat { "below" } else { "above" };
        let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
        parts.push(Evidence::from_checks(
            format!("log-log slope of the time of {arm} over D {asked} {limit}"),
            &holds,
            format!("log-log slope of the time of {arm} over D: mean {}, {asked} {limit} asked", number(mean)),
        ));
    }

    let factored = times(results, "z_loss_factored")?;
    let dense = times(results, "log_softmax")?;
    let two_levels = times(results, "h_softmax").unwrap_or_default();
    let pairs: Vec<Vec<(f64, f64)>> = factored.iter().filter_map(|(seed, f)| paired(dense.get(seed)?, f)).collect();
    let speed_ups: Vec<f64> = pairs.iter().filter_map(|pair| Some(pair.last()?.1)).collect();
    let mut part = Evidence::from_checks(
        "speed-up over log_softmax at the largest D of at least 10",
        &speed_ups.iter().map(|speed_up| *speed_up >= 10.0).collect::<Vec<bool>>(),
        "",
    );
    if speed_ups.is_empty() {
        return Err(Error::Missing("no seed timed both log_softmax and z_loss_factored at the same D".into()));
    }
    let at = pairs.iter().filter_map(|pair| Some(pair.last()?.0)).fold(0.0, f64::max);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let grows = pairs.iter().filter(|pair| pair.windows(2).all(|step| matches!(step, [a, b] if b.1 > a.1))).count();
    let over_two_levels: Vec<f64> =
        factored.iter().filter_map(|(seed, f)| Some(paired(two_levels.get(seed)?, f)?.last()?.1)).collect();
    let beside = if over_two_levels.is_empty() { "not measured".to_owned() } else { number(mean(&over_two_levels)) };
    part.summary = format!(
        "at D = {}: {} times faster than log_softmax, 10 asked (published: 40 at D = 793471); {beside} times faster than \
         the two-level softmax (published: more than 4); the speed-up grows with D in {grows} of {} seeds",
        number(at),
        number(mean(&speed_ups)),
        pairs.len()
    );
    part.effect = Some(mean(&speed_ups));
    part.interval = stats::t_interval(&speed_ups, LEVEL).ok();
    let (effect, interval) = (part.effect, part.interval);
    parts.push(part);
    let mut evidence = Evidence::all_of(parts);
    evidence.quantity = "speed-up of the factored Z-loss over log_softmax at the largest D".into();
    evidence.effect = effect;
    evidence.interval = interval;
    Ok(evidence)
}

/// (D, slow/fast) at each D that both have.
fn paired(slow: &[(f64, f64)], fast: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let ratios: Vec<(f64, f64)> = fast
        .iter()
        .filter_map(|(classes, ms)| {
            let (_, other) = slow.iter().find(|(other, _)| other == classes)?;
            Some((*classes, other / ms))
        })
        .collect();
    (!ratios.is_empty()).then_some(ratios)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::z_loss::REPRODUCTION;
    use harness_core::cell::Cell;
    use harness_core::number::Number;
    use harness_core::paper::Profile;
    use harness_core::record::{Cost, Outcome, Provenance, RECORD_VERSION, Record};

    fn record(arm: &str, seed: u64, classes: Option<i64>, metrics: &[(&str, f64)]) -> Record {
        let numbers: BTreeMap<String, Number> =
            metrics.iter().map(|(name, value)| ((*name).to_owned(), Number(*value))).collect();
        let (metrics, timings) =
            if classes.is_some() { (BTreeMap::new(), numbers) } else { (numbers, BTreeMap::new()) };
        Record {
            version: RECORD_VERSION,
            key: String::new(),
            paper: "z_loss".into(),
            paper_version: 1,
            profile: Profile::Quick,
            arm: arm.into(),
            cell: classes.map_or(Cell::new(), |classes| Cell::new().with("classes", classes)),
            seed,
            outcome: Outcome::Finished,
            metrics,
            timings,
            series: BTreeMap::new(),
            images: BTreeMap::new(),
            texts: BTreeMap::new(),
            cost: Cost::default(),
            provenance: Provenance::default(),
        }
    }

    fn judged(id: &str, records: Vec<Record>) -> Result<Evidence> {
        judge(REPRODUCTION.paper().claim(id).unwrap(), &Results::new("z_loss", Profile::Quick, records))
    }

    /// Top-k errors of an arm: `base` plus an offset per k, with noise by seed that all arms share.
    fn arm(name: &str, seed: u64, offsets: [f64; 6]) -> Record {
        let names: Vec<String> = KS.iter().map(|k| format!("top{k}_error")).collect();
        let metrics: Vec<(&str, f64)> = names
            .iter()
            .zip(offsets)
            .map(|(name, offset)| (name.as_str(), 0.5 + 0.01 * seed as f64 + offset * (1.0 + 0.1 * seed as f64)))
            .collect();
        record(name, seed, None, &metrics)
    }

    fn with_rivals(z: [f64; 6]) -> Vec<Record> {
        (0..3)
            .flat_map(|seed| {
                [
                    arm("z_loss", seed, z),
                    arm("mse", seed, [0.1; 6]),
                    arm("spherical", seed, [0.0; 6]),
                    arm("taylor", seed, [0.05; 6]),
                    arm("log_softmax", seed, [0.0; 6]),
                ]
            })
            .collect()
    }

    #[test]
    fn c2_asks_for_five_of_six_k_against_the_best_rival() {
        let verdict = |z| judged("C2", with_rivals(z)).unwrap().verdict;
        assert_eq!(verdict([-0.02; 6]), Verdict::Reproduced);
        assert_eq!(verdict([0.02, -0.02, -0.02, -0.02, -0.02, -0.02]), Verdict::Reproduced);
        assert_eq!(verdict([0.02, 0.02, -0.02, -0.02, -0.02, -0.02]), Verdict::DirectionOnly);
        assert_eq!(verdict([0.02, 0.02, 0.02, -0.02, -0.02, -0.02]), Verdict::Inconclusive);
        assert_eq!(verdict([0.02, 0.02, 0.02, 0.02, 0.02, -0.02]), Verdict::Contradicted);
        // Better than mse and taylor, worse than spherical.
        assert_eq!(verdict([0.02; 6]), Verdict::Contradicted);
        let evidence = judged("C2", with_rivals([-0.02; 6])).unwrap();
        assert!((evidence.effect.unwrap() - 0.022).abs() < 1e-9);
        assert_eq!((evidence.parts.len(), evidence.n), (6, 3));
    }

    #[test]
    fn c3_ignores_k_1_and_asks_for_half_a_point_everywhere_to_contradict() {
        let verdict = |z| judged("C3", with_rivals(z)).unwrap().verdict;
        assert_eq!(verdict([0.02, 0.02, 0.02, 0.02, 0.02, -0.01]), Verdict::Reproduced);
        assert_eq!(verdict([-0.02, 0.02, 0.02, 0.02, 0.02, 0.02]), Verdict::Inconclusive);
        assert_eq!(verdict([0.02, 0.02, 0.02, 0.02, 0.02, 0.004]), Verdict::Inconclusive);
        assert_eq!(verdict([0.02; 6]), Verdict::Contradicted);
    }

    #[test]
    fn missing_trials_are_named() {
        let only_z: Vec<Record> = (0..3).map(|seed| arm("z_loss", seed, [0.0; 6])).collect();
        for id in ["C2", "C3", "C4", "C5"] {
            assert!(matches!(judged(id, only_z.clone()), Err(Error::Missing(_))), "{id}");
        }
    }

    #[test]
    fn c4_counts_a_shared_optimum_as_the_same() {
        let seed = |seed, at_100: f64| {
            record(
                "z_loss",
                seed,
                None,
                &[
                    ("validation_top1_error_a1_b1", 0.8),
                    ("validation_top1_error_a1_b4", 0.7),
                    ("validation_top100_error_a1_b1", 0.2),
                    ("validation_top100_error_a1_b4", at_100),
                ],
            )
        };
        let verdict =
            |values: [f64; 3]| judged("C4", (0..3).map(|at| seed(at, values[at as usize])).collect()).unwrap().verdict;
        assert_eq!(verdict([0.3, 0.3, 0.3]), Verdict::Reproduced);
        assert_eq!(verdict([0.3, 0.3, 0.2]), Verdict::DirectionOnly);
        assert_eq!(verdict([0.1, 0.1, 0.2]), Verdict::Contradicted);
    }

    fn timed(factored: f64, dense: f64, scale: f64) -> Vec<Record> {
        (0..3)
            .flat_map(|seed| [1000i64, 4000, 16000, 64000].map(|classes| (seed, classes)))
            .flat_map(|(seed, classes)| {
                let grown = classes as f64 / 1000.0;
                [
                    ("z_loss_factored", 0.02 * grown.powf(factored)),
                    ("log_softmax", scale * grown.powf(dense)),
                    ("z_loss", 0.2 * grown),
                    ("h_softmax", 0.05 * grown.sqrt()),
                ]
                .map(|(arm, ms)| record(arm, seed, Some(classes), &[("ms_per_example", ms)]))
            })
            .collect()
    }

    #[test]
    fn c5_needs_flat_factored_linear_dense_and_a_speed_up_of_ten() {
        let verdict = |factored, dense, scale| judged("C5", timed(factored, dense, scale)).unwrap().verdict;
        assert_eq!(verdict(0.0, 1.0, 0.1), Verdict::Reproduced);
        assert_eq!(verdict(0.5, 1.0, 0.1), Verdict::Contradicted);
        assert_eq!(verdict(0.0, 0.5, 0.1), Verdict::Contradicted);
        assert_eq!(verdict(0.0, 1.0, 0.001), Verdict::Contradicted);
        let evidence = judged("C5", timed(0.0, 1.0, 0.1)).unwrap();
        assert!((evidence.effect.unwrap() - 320.0).abs() < 1e-6);
        assert!(evidence.summary.contains("20 times faster than"), "{}", evidence.summary);
    }
}
