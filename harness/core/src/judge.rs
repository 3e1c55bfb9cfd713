//! Applying declarative tests to results.

use crate::claim::{
    Across, BestOf, Better, Bound, CellFilter, Claim, Direction, Equivalence, Paired, RankOrder, Ratio, Test, Trend,
};
use crate::error::{Error, Result};
use crate::evidence::{Evidence, LEVEL, Verdict};
use crate::reproduction::PaperReproduction;
use crate::results::{PerSeed, Results, differences};
use crate::stats;
use crate::text::number;

impl Test {
    /// Applies the test.
    ///
    /// # Errors
    /// [`Error::Missing`] where trials or metrics are missing; [`Error::Failed`] for [`Test::Custom`], which the
    /// paper's module has to judge itself.
    pub fn apply(&self, results: &Results) -> Result<Evidence> {
        match self {
            Test::Paired(test) => paired(test, results),
            Test::Trend(test) => trend(test, results),
            Test::Bound(test) => bound(test, results),
            Test::BestOf(test) => best_of(test, results),
            Test::Equivalence(test) => equivalence(test, results),
            Test::Ratio(test) => ratio(test, results),
            Test::RankOrder(test) => rank_order(test, results),
            Test::AllOf(parts) => Ok(Evidence::all_of(apply_parts(parts, results))),
            Test::AnyOf(parts) => Ok(Evidence::any_of(apply_parts(parts, results))),
            Test::Custom => Err(Error::Failed(format!(
                "{}: a claim with the test `custom` is not judged by the paper's module",
                results.paper()
            ))),
        }
    }
}

/// Judges a claim; whatever keeps it from being judged becomes its evidence, so that a report has no holes.
pub fn judge(paper: &dyn PaperReproduction, claim: &Claim, results: &Results) -> Evidence {
    let evidence = match paper.judge(claim, results) {
        Ok(evidence) => evidence,
        Err(Error::Missing(reason)) => Evidence::not_run(reason),
        Err(Error::Diverged(reason)) => Evidence::inconclusive(results.seeds().len(), reason),
        Err(error) => Evidence::not_run(format!("the rule could not be applied: {error}")),
    };
    let evidence = if claim.test == Test::Custom { not_beyond_chance(evidence) } else { evidence };
    never_from_one_seed(evidence)
}

/// A paper's own rule may look at means alone. Whatever it says, a verdict that claims more than chance needs an interval
/// that does not contain 0.
fn not_beyond_chance(mut evidence: Evidence) -> Evidence {
    let Some(interval) = evidence.interval else { return evidence };
    let straddles = interval.low < 0.0 && interval.high > 0.0;
    let (weaker, words) = match evidence.verdict {
        Verdict::Reproduced => (Verdict::DirectionOnly, "the rule holds"),
        Verdict::Contradicted => (Verdict::Inconclusive, "the opposite was seen"),
        _ => return evidence,
    };
    if straddles {
        evidence.verdict = weaker;
        evidence.summary = format!("{}; {words}, but not beyond chance: the interval contains 0", evidence.summary);
    }
    evidence
}

/// One seed cannot show that an effect is more than chance.
fn never_from_one_seed(mut evidence: Evidence) -> Evidence {
    if evidence.n < 2 && evidence.verdict == Verdict::Reproduced {
        evidence.verdict = Verdict::DirectionOnly;
        evidence.summary = format!("{}; one seed cannot reproduce a claim", evidence.summary);
    }
    evidence
}

/// A part that cannot be applied counts as not run.
fn apply_parts(parts: &[Test], results: &Results) -> Vec<Evidence> {
    parts
        .iter()
        .map(|part| part.apply(results).unwrap_or_else(|error| Evidence::not_run(error.to_string())))
        .map(never_from_one_seed)
        .collect()
}

fn values(results: &Results, arm: &str, metric: &str, cells: &CellFilter, across: Across) -> Result<PerSeed> {
    let values = results.arm(arm).within(cells).metric_across(metric, across)?;
    match values.iter().find(|(_, value)| value.is_nan()) {
        Some((seed, _)) => Err(Error::Diverged(format!("diverged: `{metric}` of arm {arm}, seed {seed} is NaN"))),
        None => Ok(values),
    }
}

fn paired(test: &Paired, results: &Results) -> Result<Evidence> {
    let method = values(results, &test.method, &test.metric, &test.cells, test.across)?;
    let baseline = values(results, &test.baseline, &test.metric, &test.cells, test.across)?;
    Ok(compare(&test.metric, &test.method, &method, &test.baseline, &baseline, test.better, test.min_effect))
}

fn compare(
    metric: &str,
    method_name: &str,
    method: &PerSeed,
    baseline_name: &str,
    baseline: &PerSeed,
    better: Better,
    min_effect: f64,
) -> Evidence {
    let (quantity, effects) = match better {
        Better::Higher => (format!("{metric}, {method_name} − {baseline_name}"), differences(method, baseline)),
        Better::Lower => (format!("{metric}, {baseline_name} − {method_name}"), differences(baseline, method)),
    };
    Evidence::from_effects(quantity, &effects, min_effect)
}

fn best_of(test: &BestOf, results: &Results) -> Result<Evidence> {
    let method = values(results, &test.method, &test.metric, &test.cells, test.across)?;
    let mut best: Option<(f64, &str, PerSeed)> = None;
    for name in &test.baselines {
        let baseline = values(results, name, &test.metric, &test.cells, test.across)?;
        let mean = baseline.values().sum::<f64>() / baseline.len() as f64;
        let score = match test.better {
            Better::Higher => mean,
            Better::Lower => -mean,
        };
        if best.as_ref().is_none_or(|(leader, _, _)| score > *leader) {
            best = Some((score, name, baseline));
        }
    }
    let (_, name, baseline) = best.ok_or_else(|| Error::Missing("best_of without a baseline".into()))?;
    Ok(compare(&test.metric, &test.method, &method, name, &baseline, test.better, test.min_effect))
}

fn trend(test: &Trend, results: &Results) -> Result<Evidence> {
    let selection = results.arm(&test.arm).within(&test.cells);
    let mut effects = Vec::new();
    for seed in selection.seeds() {
        let mut x = Vec::new();
        let mut y = Vec::new();
        for record in selection.records().iter().filter(|record| record.seed == seed) {
            let level = record.cell.get(&test.over).and_then(|level| level.as_f64()).ok_or_else(|| {
                Error::Missing(format!("cell {} has no number for factor `{}`", record.cell, test.over))
            })?;
            let value = record
                .metric(&test.metric)
                .ok_or_else(|| Error::Missing(format!("seed {seed} did not record `{}`", test.metric)))?;
            if value.is_nan() {
                return Err(Error::Diverged(format!("diverged: `{}` is NaN in seed {seed}", test.metric)));
            }
            x.push(level);
            y.push(value);
        }
        // A metric that does not move at all has no trend, which counts as a rank correlation of 0.
        let correlation = stats::spearman(&x, &y).unwrap_or(0.0);
        effects.push(match test.direction {
            Direction::Increasing => correlation,
            Direction::Decreasing => -correlation,
        });
    }
    let direction = match test.direction {
        Direction::Increasing => "rank correlation",
        Direction::Decreasing => "negative rank correlation",
    };
    let quantity = format!("{direction} of {} with {} in {}", test.metric, test.over, test.arm);
    Ok(Evidence::from_effects(quantity, &effects, test.min_effect))
}

fn bound(test: &Bound, results: &Results) -> Result<Evidence> {
    let (limit, sign, words, worst) = match (test.at_most, test.at_least) {
        (Some(limit), _) => (limit, -1.0, "at most", Across::Max),
        (None, Some(limit)) => (limit, 1.0, "at least", Across::Min),
        (None, None) => return Err(Error::Failed("bound without a limit".into())),
    };
    let values = values(results, &test.arm, &test.metric, &test.cells, test.across.unwrap_or(worst))?;
    let list: Vec<f64> = values.values().copied().collect();
    // Positive where the limit is kept, with room to spare.
    let room: Vec<f64> = list.iter().map(|value| sign * (value - limit)).collect();
    let n = list.len();
    let mean = list.iter().sum::<f64>() / n as f64;
    let interval = stats::t_interval(&room, LEVEL).ok();
    let verdict = match interval {
        None if room.iter().all(|room| *room >= 0.0) => Verdict::DirectionOnly,
        None => Verdict::Inconclusive,
        Some(interval) if interval.low >= 0.0 => Verdict::Reproduced,
        Some(interval) if interval.high < 0.0 => Verdict::Contradicted,
        Some(_) if room.iter().all(|room| *room >= 0.0) => Verdict::DirectionOnly,
        Some(_) => Verdict::Inconclusive,
    };
    Ok(Evidence {
        verdict,
        quantity: format!("room of {} of {} to its limit", test.metric, test.arm),
        effect: Some(room.iter().sum::<f64>() / n as f64),
        interval,
        n,
        detectable: None,
        p_value: None,
        summary: format!("{} of {}: mean {}, {words} {} asked", test.metric, test.arm, number(mean), number(limit)),
        parts: Vec::new(),
    })
}

fn equivalence(test: &Equivalence, results: &Results) -> Result<Evidence> {
    let method = values(results, &test.method, &test.metric, &test.cells, test.across)?;
    let baseline = values(results, &test.baseline, &test.metric, &test.cells, test.across)?;
    let differences = differences(&method, &baseline);
    let quantity = format!("{}, {} − {}", test.metric, test.method, test.baseline);
    // Mean, interval and detectable effect are those of the difference; only the verdict is another.
    let mut evidence = Evidence::from_effects(quantity, &differences, 0.0);
    let (Some(mean), Some(interval)) = (evidence.effect, evidence.interval) else { return Ok(evidence) };
    let tost = stats::tost(&differences, test.margin, 1.0 - LEVEL)?;
    evidence.verdict = if tost.equivalent {
        Verdict::Reproduced
    } else if interval.low > test.margin || interval.high < -test.margin {
        Verdict::Contradicted
    } else if mean.abs() < test.margin {
        Verdict::DirectionOnly
    } else {
        Verdict::Inconclusive
    };
    evidence.p_value = Some(tost.p_value);
    evidence.summary = format!("{}; less than {} either way asked", evidence.summary, number(test.margin));
    Ok(evidence)
}

fn ratio(test: &Ratio, results: &Results) -> Result<Evidence> {
    let above = values(results, &test.numerator, &test.metric, &test.cells, test.across)?;
    let below = values(results, &test.denominator, &test.metric, &test.cells, test.across)?;
    let pairs: Vec<(f64, f64)> = above.iter().filter_map(|(seed, value)| Some((*value, *below.get(seed)?))).collect();
    let (above, below): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let quantity = format!("{}, {} / {}", test.metric, test.numerator, test.denominator);
    let (limit, words) = match (test.at_most, test.at_least) {
        (Some(limit), _) => (limit, "at most"),
        (None, Some(limit)) => (limit, "at least"),
        (None, None) => return Err(Error::Failed("ratio without a limit".into())),
    };
    let keeps = |value: f64| if test.at_most.is_some() { value <= limit } else { value >= limit };
    if pairs.is_empty() {
        return Err(Error::Missing(format!("no seed has both arms of {quantity}")));
    }
    if let Some(bad) = above.iter().chain(&below).find(|value| **value <= 0.0) {
        return Err(Error::Failed(format!("{quantity}: a ratio needs positive values, but one is {bad}")));
    }
    let logs: f64 = pairs.iter().map(|(above, below)| (above / below).ln()).sum();
    let mean = (logs / pairs.len() as f64).exp();
    let interval = stats::ratio_interval(&above, &below, LEVEL).ok().map(|estimate| estimate.interval);
    let verdict = match interval {
        None => Verdict::Inconclusive,
        Some(interval) if keeps(interval.low) && keeps(interval.high) => Verdict::Reproduced,
        Some(interval) if !keeps(interval.low) && !keeps(interval.high) => Verdict::Contradicted,
        Some(_) if keeps(mean) => Verdict::DirectionOnly,
        Some(_) => Verdict::Inconclusive,
    };
    let found = interval.map(|interval| format!(" {}", crate::evidence::bracket(interval))).unwrap_or_default();
    Ok(Evidence {
        verdict,
        summary: format!("{quantity}: {}{found}, {words} {} asked", number(mean), number(limit)),
        quantity,
        effect: Some(mean),
        interval,
        n: pairs.len(),
        detectable: None,
        p_value: None,
        parts: Vec::new(),
    })
}

fn rank_order(test: &RankOrder, results: &Results) -> Result<Evidence> {
    let measured: Vec<PerSeed> = test
        .order
        .iter()
        .map(|arm| values(results, arm, &test.metric, &test.cells, test.across))
        .collect::<Result<_>>()?;
    let claimed: Vec<f64> = (0..test.order.len()).map(|place| -(place as f64)).collect();
    let mut effects = Vec::new();
    for seed in results.seeds() {
        let Some(row) = measured.iter().map(|arm| arm.get(&seed).copied()).collect::<Option<Vec<f64>>>() else {
            continue;
        };
        let goodness: Vec<f64> = match test.better {
            Better::Higher => row,
            Better::Lower => row.into_iter().map(|value| -value).collect(),
        };
        // Arms that are all alike have no order, which counts as a rank correlation of 0.
        effects.push(stats::kendall_tau_b(&claimed, &goodness).unwrap_or(0.0));
    }
    let quantity = format!("rank correlation of {} with the order {}", test.metric, test.order.join(" > "));
    Ok(Evidence::from_effects(quantity, &effects, test.min_effect))
}
