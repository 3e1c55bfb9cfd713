//! Judging a claim of a paper: by its declarative test, or by the paper's own rule, which is not trusted blindly.

use crate::claim::{Claim, Test};
use crate::error::Error;
use crate::evidence::{Evidence, Verdict};
use crate::judge::never_from_one_seed;
use crate::outlook;
use crate::reproduction::PaperReproduction;
use crate::results::Results;
use crate::stats::{self, Interval};

/// Judges a claim; whatever keeps it from being judged becomes its evidence, so that a report has no holes.
pub fn judge(paper: &dyn PaperReproduction, claim: &Claim, results: &Results) -> Evidence {
    let evidence = match paper.judge(claim, results) {
        Ok(evidence) => evidence,
        Err(Error::Missing(reason)) => Evidence::not_run(reason),
        Err(Error::Diverged(reason)) => Evidence::inconclusive(results.seeds().len(), reason),
        Err(error) => Evidence::not_run(format!("the rule could not be applied: {error}")),
    };
    let evidence = if claim.test == Test::Custom { guarded(evidence, results.level()) } else { evidence };
    let mut evidence = never_from_one_seed(evidence);
    outlook::add(&mut evidence, &claim.test, 1.0 - results.level());
    evidence
}

/// A paper's own rule may look at means alone, and knows one level. Whatever it says, a verdict that claims more than
/// chance needs an interval, at the level asked for, that does not contain 0. Parts are looked at one by one, and the
/// whole is composed of them anew.
fn guarded(mut evidence: Evidence, level: f64) -> Evidence {
    if let Some(composed) = evidence.composed
        && !evidence.parts.is_empty()
    {
        let said = evidence.verdict;
        let parts: Vec<Evidence> = evidence.parts.iter().map(|part| guarded(part.clone(), level)).collect();
        if parts == evidence.parts {
            return not_beyond_chance(evidence).corrected_for_parts(1.0 - level);
        }
        let anew = Evidence::composed(parts, composed, 1.0 - level);
        // The paper may have said less than its parts do; it is never made to say more.
        let verdict = weaker_of(said, anew.verdict);
        let summary = if verdict == said { evidence.summary } else { anew.summary.clone() };
        return Evidence { verdict, summary, ..anew };
    }
    if let Some(interval) = evidence.interval {
        evidence.interval = Some(widened(interval, evidence.n, level));
        evidence.detectable = evidence.detectable.map(|effect| effect * harder(evidence.n, interval.level, level));
    }
    not_beyond_chance(evidence)
}

/// Of two verdicts the one that claims less; what is said about nothing run stays.
fn weaker_of(said: Verdict, anew: Verdict) -> Verdict {
    match (said, anew) {
        (Verdict::Reproduced | Verdict::Contradicted, anew) => anew,
        (said, _) => said,
    }
}

/// A t interval at a stricter level.
fn widened(interval: Interval, n: usize, level: f64) -> Interval {
    let factor = |level| stats::t_critical(n, level);
    match (factor(interval.level), factor(level)) {
        (Ok(old), Ok(new)) if level > interval.level => {
            let centre = 0.5 * (interval.low + interval.high);
            let half = 0.5 * interval.width() * new / old;
            Interval { low: centre - half, high: centre + half, level }
        }
        _ => interval,
    }
}

/// How many times as large an effect has to be to be shown at a stricter level.
fn harder(n: usize, from: f64, to: f64) -> f64 {
    let shown = |level: f64| stats::detectable_effect(1.0, n, 1.0 - level, stats::DETECTABLE_POWER);
    match (shown(from), shown(to)) {
        (Ok(before), Ok(after)) if to > from && before > 0.0 => after / before,
        _ => 1.0,
    }
}

fn not_beyond_chance(mut evidence: Evidence) -> Evidence {
    let Some(interval) = evidence.interval else { return evidence };
    let (weaker, words, chance) = match evidence.verdict {
        // A rule may ask for no more than that a difference is absent: an effect of exactly 0 can keep it.
        Verdict::Reproduced => (Verdict::DirectionOnly, "the rule holds", interval.low < 0.0 && interval.high > 0.0),
        Verdict::Contradicted if evidence.effect == Some(0.0) => {
            (Verdict::Inconclusive, "no difference was seen", interval.high >= 0.0)
        }
        Verdict::Contradicted => (Verdict::Inconclusive, "the opposite was seen", interval.high >= 0.0),
        _ => return evidence,
    };
    if chance {
        evidence.verdict = weaker;
        let why = if interval.low > 0.0 {
            "it falls short of the rule, but points the claimed way".to_owned()
        } else if evidence.effect == Some(0.0) {
            words.to_owned()
        } else {
            format!("{words}, but not beyond chance: the interval contains 0")
        };
        evidence.summary = format!("{}; {why}", evidence.summary);
    }
    evidence
}
