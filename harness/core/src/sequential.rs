//! Adding seeds until a claim is decided, without more false verdicts than a fixed number of seeds would give.
//!
//! Looking at the results after every few seeds and stopping at the first good look finds an effect where there is none
//! far more often than 5 % of the time. A [`Schedule`] fixes the looks beforehand and gives each a share of the 5 %, in
//! proportion to the seeds it adds (Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70,
//! 1983, with the linear spending function of Kim and DeMets 1987). The shares add up to 5 %, so that by the union bound
//! the probability that *any* look rejects a true null hypothesis is at most 5 %: for every kind of test, whatever its
//! distribution at three seeds, and however the looks depend on each other. Boundaries computed from the joint
//! distribution of the looks would need fewer seeds, but rest on that distribution, which is known for a normal mean and
//! not for a rank correlation, a best of several baselines or a composed rule.

use crate::claim::{Claim, Test};
use crate::evidence::{Evidence, LEVEL, Look, Verdict};
#[cfg(feature = "compute")]
use crate::judge::judge;
use crate::outlook;
#[cfg(feature = "compute")]
use crate::reproduction::PaperReproduction;
use crate::results::Results;
use crate::text::number;

use serde::{Deserialize, Serialize};

/// The looks of a sequential test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seeds at each look, ascending; the last is the largest number of seeds.
    pub looks: Vec<u64>,
}

impl Schedule {
    /// Looks at `first` seeds (two at least), then each time at half as many again, up to `max`. A look close to the last
    /// one is left out, so that the last one has enough to spend.
    pub fn new(first: u64, max: u64) -> Self {
        let max = max.max(2);
        let mut looks = vec![first.clamp(2, max)];
        while let Some(last) = looks.last().copied()
            && last < max
        {
            let next = last + last.div_ceil(2);
            looks.push(if next.saturating_mul(5) < max.saturating_mul(4) { next } else { max });
        }
        Schedule { looks }
    }

    /// The largest number of seeds.
    pub fn max_seeds(&self) -> u64 {
        self.looks.last().copied().unwrap_or(0)
    }

    /// The level of the test at each look. They add up to 5 %.
    pub fn alphas(&self) -> Vec<f64> {
        let total = self.max_seeds() as f64;
        let before = std::iter::once(0).chain(self.looks.iter().copied());
        before.zip(&self.looks).map(|(before, seeds)| (1.0 - LEVEL) * (seeds - before) as f64 / total).collect()
    }

    /// The look at which there are this many seeds; `None` before the first.
    pub fn latest(&self, seeds: u64) -> Option<usize> {
        self.looks.iter().rposition(|look| *look <= seeds)
    }
}

/// Judges a claim at every look up to `seeds` seeds; the first that settles it has the last word.
///
/// The interval is the *repeated* interval of that look (Jennison and Turnbull, "Interim analyses: the repeated
/// confidence interval approach", J. Royal Statistical Society B 51, 1989): those of all looks together cover the true
/// effect with 95 %, and so does the one at which the test happens to stop. The p-value is the smallest total level at
/// which some look up to this one would have rejected, `min p·α/αₖ`.
///
/// A claim that the last look would hardly decide ([`outlook::hopeless`]) is given up: that rejects nothing, and so spends
/// nothing.
#[cfg(feature = "compute")]
pub fn judge_sequentially(
    paper: &dyn PaperReproduction,
    claim: &Claim,
    results: &Results,
    schedule: &Schedule,
    seeds: u64,
) -> Evidence {
    look_by_look(&|results: &Results| judge(paper, claim, results), &claim.test, results, schedule, seeds)
}

/// As [`judge_sequentially`], with any way to judge the results of a look at their level.
pub fn look_by_look(
    judge: &dyn Fn(&Results) -> Evidence,
    test: &Test,
    results: &Results,
    schedule: &Schedule,
    seeds: u64,
) -> Evidence {
    let alphas = schedule.alphas();
    let Some(latest) = schedule.latest(seeds) else { return judge(results) };
    let mut smallest: Option<f64> = None;
    let mut last = Evidence::not_run("no look was taken");
    for (index, (look, alpha)) in schedule.looks.iter().zip(&alphas).enumerate().take(latest + 1) {
        let mut evidence = judge(&results.first_seeds(*look).at_level(1.0 - alpha));
        let spent = evidence.p_value.map(|p_value| (p_value * (1.0 - LEVEL) / alpha).min(1.0));
        smallest = match (smallest, spent) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
        evidence.p_value = smallest;
        let is_last = *look >= schedule.max_seeds();
        let settled = outlook::settled(&evidence, test);
        let at_the_end = alphas.last().copied().unwrap_or(*alpha);
        let hopeless = !settled && !is_last && outlook::hopeless(&evidence, test, schedule.max_seeds(), at_the_end);
        evidence.look = Some(Look {
            number: index + 1,
            of: schedule.looks.len(),
            seeds: *look,
            max_seeds: schedule.max_seeds(),
            alpha: *alpha,
            early: (settled || hopeless) && !is_last,
            hopeless,
        });
        evidence.summary = format!("{}; {}", evidence.summary, in_words(&evidence));
        last = evidence;
        if settled || hopeless {
            break;
        }
    }
    last
}

/// Whether no further seed is to be spent on a claim judged by [`judge_sequentially`].
pub fn decided(claim: &Claim, evidence: &Evidence) -> bool {
    outlook::settled(evidence, &claim.test) || evidence.look.is_some_and(|look| look.hopeless)
}

fn in_words(evidence: &Evidence) -> String {
    let Some(look) = evidence.look else { return String::new() };
    let stopped = match (look.early, evidence.verdict) {
        (true, Verdict::NotRun) => "no seed was added".to_owned(),
        (true, _) if look.hopeless => {
            format!("stopped early at {} seeds: {} would hardly decide it", look.seeds, look.max_seeds)
        }
        (true, _) => format!("stopped early at {} of at most {} seeds", look.seeds, look.max_seeds),
        (false, _) => format!("at {} of at most {} seeds", look.seeds, look.max_seeds),
    };
    format!("{stopped} (look {} of {}, level {})", look.number, look.of, number(look.alpha))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_by_half_and_spend_all_of_alpha() {
        assert_eq!(Schedule::new(3, 20).looks, [3, 5, 8, 12, 20]);
        assert_eq!(Schedule::new(1, 1).looks, [2]);
        assert_eq!(Schedule::new(5, 4).looks, [4]);
        for (first, max) in [(3, 20), (2, 2), (1, 100), (7, 9)] {
            let schedule = Schedule::new(first, max);
            assert!(schedule.looks.windows(2).all(|pair| pair[0] < pair[1]), "{schedule:?}");
            let spent: f64 = schedule.alphas().iter().sum();
            assert!((spent - 0.05).abs() < 1e-12, "{spent}");
            assert!(schedule.alphas().iter().all(|alpha| *alpha > 0.0));
        }
        assert_eq!(Schedule::new(3, 20).latest(2), None);
        assert_eq!(Schedule::new(3, 20).latest(7), Some(1));
    }
}
