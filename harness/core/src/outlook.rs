//! How many more seeds would probably decide an open verdict.

use crate::claim::Test;
use crate::evidence::{Composed, Evidence, LEVEL, MOST_SEEDS, Outlook, Verdict};
use crate::stats::{self, DETECTABLE_POWER};

/// Adds the outlook to evidence that is open, and to its parts; `alpha` is the level of the test.
///
/// It takes the measured mean and spread for the true ones and asks for 80 % power. Evidence without an interval has no
/// outlook: one seed shows no spread, and more seeds do not help a rule that failed exactly. Nor has an effect of exactly 0 in
/// every seed, which says nothing about the spread of others.
pub fn add(evidence: &mut Evidence, test: &Test, alpha: f64) {
    if let Some(composed) = evidence.composed {
        let parts = test.parts();
        for (index, part) in evidence.parts.iter_mut().enumerate() {
            add(part, parts.get(index).unwrap_or(&Test::Custom), alpha);
        }
        evidence.outlook = open(evidence).then(|| of_parts(&evidence.parts, composed)).flatten();
    } else {
        evidence.outlook = if open(evidence) { of_leaf(evidence, test, alpha) } else { None };
    }
}

fn open(evidence: &Evidence) -> bool {
    matches!(evidence.verdict, Verdict::Inconclusive | Verdict::DirectionOnly)
}

/// All open parts must be decided, or the first of them.
fn of_parts(parts: &[Evidence], composed: Composed) -> Option<Outlook> {
    let needed = parts.iter().filter(|part| open(part)).map(|part| part.outlook);
    let rank = |outlook: &Outlook| match outlook {
        Outlook::MoreSeeds(more) => *more,
        Outlook::OutOfReach => u64::MAX,
    };
    match composed {
        Composed::AllOf => needed.collect::<Option<Vec<_>>>()?.into_iter().max_by_key(rank),
        Composed::AnyOf => needed.flatten().min_by_key(rank),
    }
}

fn of_leaf(evidence: &Evidence, test: &Test, alpha: f64) -> Option<Outlook> {
    let (effect, interval, n) = (evidence.effect?, evidence.interval?, evidence.n);
    if effect == 0.0 && interval.width() == 0.0 {
        return None;
    }
    let critical = stats::t_critical(n, interval.level).ok()?;
    let root = (n as f64).sqrt();
    let most = usize::try_from(MOST_SEEDS).unwrap_or(usize::MAX);
    let seeds = |distance: f64, sd: f64| stats::seeds_needed(distance, sd, alpha, DETECTABLE_POWER, most).ok();
    let needed = match test {
        Test::Ratio(test) => {
            let sd = 0.5 * (interval.high.ln() - interval.low.ln()) / critical * root;
            let limit = test.at_most.or(test.at_least)?;
            seeds(effect.ln() - limit.ln(), sd)?
        }
        Test::Equivalence(test) => {
            let sd = 0.5 * interval.width() / critical * root;
            let room = effect.abs() - test.margin;
            if room > 0.0 {
                seeds(room, sd)?
            } else {
                (2..=most).find(|n| {
                    stats::tost_power(effect, sd, test.margin, *n, alpha).is_ok_and(|power| power >= DETECTABLE_POWER)
                })
            }
        }
        _ if interval.low > 0.0 && effect < test.min_effect() => {
            // Beyond chance but small: decided once the interval lies below what is asked.
            let sd = 0.5 * interval.width() / critical * root;
            seeds(test.min_effect() - effect, sd)?
        }
        _ => seeds(effect, 0.5 * interval.width() / critical * root)?,
    };
    Some(match needed {
        Some(total) => Outlook::MoreSeeds(total.saturating_sub(n).max(1) as u64),
        None => Outlook::OutOfReach,
    })
}

/// Whether more seeds could still change what is said; see [`crate::sequential`].
pub fn settled(evidence: &Evidence, test: &Test) -> bool {
    if let Some(composed) = evidence.composed {
        let parts = || {
            evidence
                .parts
                .iter()
                .enumerate()
                .map(|(index, part)| (part, settled(part, test.parts().get(index).unwrap_or(&Test::Custom))))
        };
        return match (evidence.verdict, composed) {
            (Verdict::Reproduced | Verdict::Contradicted | Verdict::NotRun, _) => true,
            // One part that will not be reproduced any more keeps the whole from it.
            (_, Composed::AllOf) => parts().any(|(part, settled)| settled && part.verdict != Verdict::Reproduced),
            (_, Composed::AnyOf) => parts().all(|(_, settled)| settled),
        };
    }
    match (evidence.verdict, evidence.interval) {
        (Verdict::Reproduced | Verdict::Contradicted | Verdict::NotRun, _) => true,
        // A rule that failed exactly, or a value that is not a number: neither heals.
        (_, None) => evidence.n >= 2,
        (_, Some(interval)) => interval.low > 0.0 && interval.high < test.min_effect(),
    }
}

/// Whether `max` seeds would hardly decide an open claim, at the level `alpha` of the look at that number: not even if the
/// true effect were at the far end of its 95 % interval. Stopping there costs little power and no level, since it claims
/// nothing.
pub fn hopeless(evidence: &Evidence, test: &Test, max: u64, alpha: f64) -> bool {
    if let Some(composed) = evidence.composed {
        let parts = evidence.parts.iter().enumerate().filter(|(_, part)| open(part));
        let mut hopeless_parts =
            parts.map(|(index, part)| hopeless(part, test.parts().get(index).unwrap_or(&Test::Custom), max, alpha));
        return match composed {
            Composed::AllOf => hopeless_parts.any(|hopeless| hopeless),
            Composed::AnyOf => hopeless_parts.all(|hopeless| hopeless),
        };
    }
    let (Some(effect), Some(interval)) = (evidence.effect, evidence.interval) else { return false };
    // A few seeds know little of their spread, and equivalence is shown by the absence of an effect.
    if evidence.n < FEWEST_TO_GIVE_UP || matches!(test, Test::Equivalence(_)) {
        return false;
    }
    let (centre, half) = match test {
        Test::Ratio(test) => {
            let Some(limit) = test.at_most.or(test.at_least) else { return false };
            (effect.ln() - limit.ln(), 0.5 * (interval.high.ln() - interval.low.ln()))
        }
        _ => (effect, 0.5 * interval.width()),
    };
    let (Ok(critical), Ok(usual)) =
        (stats::t_critical(evidence.n, interval.level), stats::t_critical(evidence.n, LEVEL))
    else {
        return false;
    };
    let error = half / critical;
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let shown = stats::detectable_effect(error * (evidence.n as f64).sqrt(), max, alpha, DETECTABLE_POWER);
    shown.is_ok_and(|shown| centre.abs() + usual * error < shown)
}

/// Seeds before which no claim is given up.
const FEWEST_TO_GIVE_UP: usize = 5;
