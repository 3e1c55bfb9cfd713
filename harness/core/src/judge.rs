//! Applying declarative tests to results.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::claim::{BestOf, Bound, Equivalence, Paired, PairedTest, Ratio, Tasks, Test};
use crate::error::{Error, Result};
use crate::evidence::{Composed, Evidence, Verdict, bracket};
use crate::measured::{Measured, measure, task_scores};
use crate::results::Results;
use crate::stats::{self, Alternative, Interval, RankCorrelation, StatsError};
use crate::text::number;

#[cfg(feature = "compute")]
pub use crate::guard::judge;

/// Replicates of a bootstrap over tasks.
const REPLICATES: usize = 2000;

impl Test {
    /// Applies the test at the level of the results.
    ///
    /// # Errors
    /// [`Error::Missing`] where trials or metrics are missing; [`Error::Failed`] for [`Test::Custom`], which the
    /// paper's module has to judge itself.
    pub fn apply(&self, results: &Results) -> Result<Evidence> {
        let level = results.level();
        match self {
            Test::Paired(test) => Ok(paired(test, &measure(self, results)?, level)),
            Test::Trend(test) => {
                Ok(ranked(&measure(self, results)?, test.min_effect, RankCorrelation::Spearman, level))
            }
            Test::Bound(test) => Ok(bound(test, &measure(self, results)?, level)),
            Test::BestOf(test) => Ok(best_of(test, &measure(self, results)?, level)),
            Test::Equivalence(test) => equivalence(test, &measure(self, results)?, level),
            Test::Tasks(test) => tasks(test, results),
            Test::Ratio(test) => ratio(test, &measure(self, results)?, level),
            Test::RankOrder(test) => {
                Ok(ranked(&measure(self, results)?, test.min_effect, RankCorrelation::Kendall, level))
            }
            Test::AllOf(parts) => Ok(Evidence::composed(apply_parts(parts, results), Composed::AllOf, 1.0 - level)),
            Test::AnyOf(parts) => Ok(Evidence::composed(apply_parts(parts, results), Composed::AnyOf, 1.0 - level)),
            Test::Custom => measure(self, results).map(|_| Evidence::not_run("a custom claim")),
        }
    }
}

/// Holm's adjustment of the p-values of a paper's claims, written into their evidence. The family is all claims: one
/// without a p-value counts as one that shows nothing, so that a claim that did not run makes no other look better.
pub fn adjust(claims: &mut [Evidence]) {
    let p_values: Vec<f64> = claims.iter().map(|evidence| evidence.p_value.unwrap_or(1.0)).collect();
    let Ok(adjusted) = stats::holm(&p_values) else { return };
    for (evidence, adjusted) in claims.iter_mut().zip(adjusted) {
        evidence.adjusted_p = evidence.p_value.map(|_| adjusted);
    }
}

/// One seed cannot show that an effect is more than chance, nor that its opposite is.
pub(crate) fn never_from_one_seed(mut evidence: Evidence) -> Evidence {
    let (weaker, done) = match evidence.verdict {
        Verdict::Reproduced => (Verdict::DirectionOnly, "reproduce"),
        Verdict::Contradicted => (Verdict::Inconclusive, "contradict"),
        _ => return evidence,
    };
    if evidence.n < 2 {
        evidence.verdict = weaker;
        evidence.summary = format!("{}; one seed cannot {done} a claim", evidence.summary);
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

fn paired(test: &Paired, measured: &Measured, level: f64) -> Evidence {
    let effects = measured.list();
    let evidence = Evidence::from_effects_at(&measured.quantity, &effects, test.min_effect, level);
    match test.by {
        PairedTest::T => evidence,
        PairedTest::Wilcoxon => {
            let ranked = stats::wilcoxon_signed_rank(&effects, Alternative::TwoSided);
            // Its asymptotic relative efficiency for normal differences.
            let efficiency = 3.0 / std::f64::consts::PI;
            by_ranks(
                evidence,
                test.min_effect,
                level,
                "Wilcoxon's test",
                efficiency,
                ranked.map(|test| (test.p_value, test.w_plus.total_cmp(&test.w_minus))),
            )
        }
        PairedTest::Sign => {
            let signs = stats::sign_test(&effects, Alternative::TwoSided);
            let efficiency = 2.0 / std::f64::consts::PI;
            by_ranks(
                evidence,
                test.min_effect,
                level,
                "the sign test",
                efficiency,
                signs.map(|test| (test.p_value, test.positive.cmp(&test.negative))),
            )
        }
    }
}

/// Lets a rank test decide in place of the t interval, which stays beside it. Too few seeds to reach the level with any
/// values can show no effect of any size.
fn by_ranks(
    mut evidence: Evidence,
    min_effect: f64,
    level: f64,
    name: &str,
    efficiency: f64,
    found: std::result::Result<(f64, std::cmp::Ordering), StatsError>,
) -> Evidence {
    let (Ok((p_value, side)), Some(mean)) = (found, evidence.effect) else { return evidence };
    let alpha = 1.0 - level;
    let all_positive = evidence.verdict == Verdict::DirectionOnly || evidence.verdict == Verdict::Reproduced;
    evidence.verdict = match side {
        std::cmp::Ordering::Greater if p_value <= alpha && mean > 0.0 && mean >= min_effect => Verdict::Reproduced,
        std::cmp::Ordering::Greater if p_value <= alpha || all_positive => Verdict::DirectionOnly,
        std::cmp::Ordering::Less if p_value <= alpha => Verdict::Contradicted,
        _ => Verdict::Inconclusive,
    };
    evidence.p_value = Some(p_value);
    let reachable = evidence.n > 1 && 0.5_f64.powi(evidence.n as i32 - 1) <= alpha;
    evidence.detectable = evidence.detectable.filter(|_| reachable).map(|effect| effect / efficiency.sqrt());
    evidence.summary = format!("{}; by {name}, p = {}", evidence.summary, number(p_value));
    evidence
}

fn best_of(test: &BestOf, measured: &Measured, level: f64) -> Evidence {
    let mut evidence = Evidence::from_effects_at(&measured.quantity, &measured.list(), test.min_effect, level);
    // The best of several baselines is ahead of an equally good method more often than one of them.
    let count = test.baselines.len() as f64;
    if evidence.verdict == Verdict::Contradicted
        && let Some(p_value) = evidence.p_value
    {
        let corrected = (count * p_value).min(1.0);
        evidence.p_value = Some(corrected);
        if corrected > 1.0 - level {
            evidence.verdict = Verdict::Inconclusive;
            evidence.summary = format!("{}; not beyond chance for the best of {count} baselines", evidence.summary);
        }
    }
    evidence
}

/// Judges rank correlations. A few points have few correlations, so that several seeds may agree by chance and leave a
/// t interval without width: the claimed (or the opposite) order also has to pass an exact test over all orders.
fn ranked(measured: &Measured, min_effect: f64, kind: RankCorrelation, level: f64) -> Evidence {
    let mut evidence = Evidence::from_effects_at(&measured.quantity, &measured.list(), min_effect, level);
    let (Some(p_value), Ok(exact)) = (evidence.p_value, stats::rank_correlations_p(&measured.points, kind)) else {
        return evidence;
    };
    evidence.p_value = Some(p_value.max(exact));
    if exact > 1.0 - level {
        let weaker = match evidence.verdict {
            Verdict::Reproduced => Verdict::DirectionOnly,
            Verdict::Contradicted => Verdict::Inconclusive,
            other => other,
        };
        if weaker != evidence.verdict {
            evidence.summary = format!(
                "{}; that many seeds agree in an order of {} by chance with p = {}",
                evidence.summary,
                measured.points.first().map_or(0, |(x, _)| x.len()),
                number(exact)
            );
        }
        evidence.verdict = weaker;
    }
    evidence
}

fn bound(test: &Bound, measured: &Measured, level: f64) -> Evidence {
    let room = measured.list();
    let n = room.len();
    let tested = stats::paired_t(&room, level, Alternative::TwoSided).ok();
    let kept = room.iter().all(|room| *room >= 0.0);
    let interval = tested.as_ref().map(|test| test.interval);
    let verdict = match interval {
        None if kept => Verdict::DirectionOnly,
        None => Verdict::Inconclusive,
        Some(interval) if interval.low >= 0.0 => Verdict::Reproduced,
        Some(interval) if interval.high < 0.0 => Verdict::Contradicted,
        Some(_) if kept => Verdict::DirectionOnly,
        Some(_) => Verdict::Inconclusive,
    };
    let (limit, words) = match (test.at_most, test.at_least) {
        (Some(limit), _) => (limit, "at most"),
        (None, limit) => (limit.unwrap_or(f64::NAN), "at least"),
    };
    let mean = measured.sides.iter().flat_map(|side| side.values.values()).sum::<f64>() / n as f64;
    Evidence {
        verdict,
        quantity: measured.quantity.clone(),
        effect: Some(room.iter().sum::<f64>() / n as f64),
        interval,
        n,
        detectable: tested.as_ref().map(|test| test.detectable),
        p_value: tested.as_ref().map(|test| test.p_value),
        summary: format!("{} of {}: mean {}, {words} {} asked", test.metric, test.arm, number(mean), number(limit)),
        ..Evidence::not_run("")
    }
}

fn equivalence(test: &Equivalence, measured: &Measured, level: f64) -> Result<Evidence> {
    let differences = measured.list();
    // Mean, interval and detectable effect are those of the difference; only the verdict is another.
    let mut evidence = Evidence::from_effects_at(&measured.quantity, &differences, 0.0, level);
    let (Some(mean), Some(interval)) = (evidence.effect, evidence.interval) else { return Ok(evidence) };
    let tost = stats::tost(&differences, test.margin, 1.0 - level)?;
    evidence.p_value = Some(tost.p_value);
    evidence.verdict = if tost.equivalent {
        Verdict::Reproduced
    } else if interval.low > test.margin || interval.high < -test.margin {
        // The p-value of what is said: that the difference is beyond the margin.
        let beyond = stats::one_sample_t(&differences, test.margin.copysign(mean), level, Alternative::TwoSided)?;
        evidence.p_value = Some(beyond.p_value);
        Verdict::Contradicted
    } else if mean.abs() < test.margin {
        Verdict::DirectionOnly
    } else {
        Verdict::Inconclusive
    };
    evidence.summary = format!("{}; less than {} either way asked", evidence.summary, number(test.margin));
    Ok(evidence)
}

fn tasks(test: &Tasks, results: &Results) -> Result<Evidence> {
    let (ours, theirs) = task_scores(test, results)?;
    let (above, below, names) = match test.better {
        crate::claim::Better::Higher => (&ours, &theirs, (&test.method, &test.baseline)),
        crate::claim::Better::Lower => (&theirs, &ours, (&test.baseline, &test.method)),
    };
    let quantity =
        format!("interquartile mean of {} over {} tasks, {} − {}", test.metric, ours.len(), names.0, names.1);
    let n = ours.iter().map(Vec::len).min().unwrap_or(0);
    if n == 0 {
        return Err(Error::Missing(format!("a task of {quantity} has no seed with both arms")));
    }
    if n < 2 {
        let mut evidence = Evidence::inconclusive(n, format!("{quantity}: one seed in a task has no interval"));
        evidence.quantity = quantity;
        return Ok(evidence);
    }
    // The same trials give the same interval, whatever else is judged.
    let mut rng = ChaCha12Rng::seed_from_u64(0);
    let found = stats::tasks_difference(above, below, REPLICATES, &mut rng, results.level())?;
    let interval = found.interval;
    let verdict = if interval.low > 0.0 && found.difference >= test.min_effect {
        Verdict::Reproduced
    } else if interval.low > 0.0 {
        Verdict::DirectionOnly
    } else if interval.high < 0.0 {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    };
    // Normal quantiles at 80 % power: over many tasks the interquartile mean is close to normal.
    let reach = 0.5 * interval.width() + 0.841_621 * found.se;
    Ok(Evidence {
        verdict,
        summary: format!("{quantity}: {} {}", number(found.difference), bracket(interval)),
        quantity,
        effect: Some(found.difference),
        interval: Some(interval),
        n,
        detectable: Some(reach),
        p_value: Some(found.p_value),
        ..Evidence::not_run("")
    })
}

fn ratio(test: &Ratio, measured: &Measured, level: f64) -> Result<Evidence> {
    let logs = measured.list();
    let (limit, words) = match (test.at_most, test.at_least) {
        (Some(limit), _) => (limit, "at most"),
        (None, Some(limit)) => (limit, "at least"),
        (None, None) => return Err(Error::Failed("ratio without a limit".into())),
    };
    let keeps = |value: f64| if test.at_most.is_some() { value <= limit } else { value >= limit };
    let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    let tested = stats::one_sample_t(&logs, limit.ln(), level, Alternative::TwoSided).ok();
    let interval = tested.as_ref().map(|test| Interval {
        low: test.interval.low.exp(),
        high: test.interval.high.exp(),
        level: test.interval.level,
    });
    let verdict = match interval {
        None => Verdict::Inconclusive,
        Some(interval) if keeps(interval.low) && keeps(interval.high) => Verdict::Reproduced,
        Some(interval) if !keeps(interval.low) && !keeps(interval.high) => Verdict::Contradicted,
        Some(_) if keeps(mean) => Verdict::DirectionOnly,
        Some(_) => Verdict::Inconclusive,
    };
    let found = interval.map(|interval| format!(" {}", bracket(interval))).unwrap_or_default();
    Ok(Evidence {
        verdict,
        summary: format!("{}: {}{found}, {words} {} asked", measured.quantity, number(mean), number(limit)),
        quantity: measured.quantity.clone(),
        effect: Some(mean),
        interval,
        n: logs.len(),
        // A factor away from the limit.
        detectable: tested.as_ref().map(|test| test.detectable.exp()),
        p_value: tested.as_ref().map(|test| test.p_value),
        ..Evidence::not_run("")
    })
}
