//! Verdicts and the evidence they rest on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::{self, Interval};

/// What became of a claim. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The effect is there, beyond chance and as large as the rule asks.
    Reproduced,
    /// It points the claimed way, but smaller than the rule asks or not beyond chance.
    DirectionOnly,
    /// These trials cannot tell.
    Inconclusive,
    /// The opposite is the case, beyond chance.
    Contradicted,
    /// There are no trials to judge by.
    NotRun,
}

impl Verdict {
    /// The name used in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::DirectionOnly => "direction_only",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Contradicted => "contradicted",
            Verdict::NotRun => "not_run",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The verdict.
    pub verdict: Verdict,
    /// What the effect is, with its unit: `top-1 error, taylor − z_loss`.
    pub quantity: String,
    /// The effect, positive where it goes the claimed way.
    pub effect: Option<f64>,
    /// 95 % interval of the effect; absent for n = 1 and for rules that hold or fail exactly.
    pub interval: Option<Interval>,
    /// Number of seeds.
    pub n: usize,
    /// The smallest effect that n seeds would show with 80 % power.
    pub detectable: Option<f64>,
    /// p-value where there is a test: two-sided, but for an equivalence.
    pub p_value: Option<f64>,
    /// The same after Holm's adjustment over all claims of the paper.
    #[serde(default)]
    pub adjusted_p: Option<f64>,
    /// How many more seeds would probably decide an open verdict; see [`Outlook`].
    #[serde(default)]
    pub outlook: Option<Outlook>,
    /// How the parts of a composed rule belong together.
    #[serde(default)]
    pub composed: Option<Composed>,
    /// The look of a sequential test that the verdict comes from.
    #[serde(default)]
    pub look: Option<Look>,
    /// What was found, in a sentence, with the numbers that stand beside the published ones.
    pub summary: String,
    /// The evidence of the parts of a composed rule.
    #[serde(default)]
    pub parts: Vec<Evidence>,
}

/// Level of all intervals.
pub const LEVEL: f64 = 0.95;

/// Beyond so many seeds in all no number of further ones is named.
pub const MOST_SEEDS: u64 = 1000;

/// What it would take to decide an open verdict, if mean and spread are as measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// So many more seeds decide it with 80 % power.
    MoreSeeds(u64),
    /// More than [`MOST_SEEDS`] in all: the effect is too small against its spread.
    OutOfReach,
}

/// How parts make a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composed {
    /// All must hold.
    AllOf,
    /// One must hold.
    AnyOf,
}

impl Composed {
    /// The verdict that one of many parts gives easily by chance, and what it becomes where it does.
    fn easy_by_chance(self) -> (Verdict, Verdict) {
        match self {
            Composed::AllOf => (Verdict::Contradicted, Verdict::Inconclusive),
            Composed::AnyOf => (Verdict::Reproduced, Verdict::DirectionOnly),
        }
    }
}

/// A look of a sequential test: which it was, and what it was allowed to spend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Which look, from 1.
    pub number: usize,
    /// Looks in all.
    pub of: usize,
    /// Seeds at this look.
    pub seeds: u64,
    /// Seeds at the last look.
    pub max_seeds: u64,
    /// The level of this look's test.
    pub alpha: f64,
    /// Whether this was the last word before the last look.
    pub early: bool,
    /// Whether it was because the last look would hardly decide it either.
    pub hopeless: bool,
}

impl Evidence {
    /// In how many seeds a rule holds that holds or fails exactly: the effect is then their share, and has neither
    /// interval nor p-value.
    pub fn holds_in(&self) -> Option<usize> {
        let share = self.effect.filter(|effect| (0.0..=1.0).contains(effect))?;
        if self.interval.is_some() || self.p_value.is_some() || self.detectable.is_none() || self.n == 0 {
            return None;
        }
        let seeds = share * self.n as f64;
        ((seeds - seeds.round()).abs() < 1e-9).then_some(seeds.round() as usize)
    }

    /// There are no trials to judge by.
    pub fn not_run(reason: impl Into<String>) -> Self {
        Evidence::bare(Verdict::NotRun, 0, reason)
    }

    /// These trials cannot tell.
    pub fn inconclusive(n: usize, reason: impl Into<String>) -> Self {
        Evidence::bare(Verdict::Inconclusive, n, reason)
    }

    fn bare(verdict: Verdict, n: usize, summary: impl Into<String>) -> Self {
        Evidence {
            verdict,
            quantity: String::new(),
            effect: None,
            interval: None,
            n,
            detectable: None,
            p_value: None,
            adjusted_p: None,
            outlook: None,
            composed: None,
            look: None,
            summary: summary.into(),
            parts: Vec::new(),
        }
    }

    /// Judges the mean of per-seed effects, each positive where it goes the claimed way.
    ///
    /// `reproduced`: the interval lies above 0 and the mean is at least `min_effect`. `contradicted`: the interval
    /// lies below 0. `direction_only`: the interval lies above 0 but the mean is too small, or every seed points the
    /// claimed way. `inconclusive`: all else, one seed, and any effect that is NaN or infinite.
    pub fn from_effects(quantity: impl Into<String>, effects: &[f64], min_effect: f64) -> Self {
        Evidence::from_effects_at(quantity, effects, min_effect, LEVEL)
    }

    /// As [`Evidence::from_effects`], with an interval of this level.
    pub fn from_effects_at(quantity: impl Into<String>, effects: &[f64], min_effect: f64, level: f64) -> Self {
        let quantity = quantity.into();
        if effects.is_empty() {
            return Evidence::not_run("no seed has all the values that the rule compares");
        }
        if let Some(bad) = effects.iter().find(|effect| !effect.is_finite()) {
            let mut evidence = Evidence::inconclusive(effects.len(), format!("diverged: an effect is {bad}"));
            evidence.quantity = quantity;
            return evidence;
        }
        let n = effects.len();
        let test = stats::paired_t(effects, level, stats::Alternative::TwoSided).ok();
        let mean = effects.iter().sum::<f64>() / n as f64;
        let interval = test.as_ref().map(|test| test.interval);
        let verdict = match interval {
            None => Verdict::Inconclusive,
            Some(interval) if interval.low > 0.0 && mean >= min_effect => Verdict::Reproduced,
            Some(interval) if interval.low > 0.0 => Verdict::DirectionOnly,
            Some(interval) if interval.high < 0.0 => Verdict::Contradicted,
            Some(_) if effects.iter().all(|effect| *effect > 0.0) => Verdict::DirectionOnly,
            Some(_) => Verdict::Inconclusive,
        };
        let found = match interval {
            Some(interval) => format!("{} {}", number(mean), bracket(interval)),
            None => format!("{} in one seed: no interval", number(mean)),
        };
        let asked = if min_effect > 0.0 { format!(", at least {} asked", number(min_effect)) } else { String::new() };
        Evidence {
            quantity: quantity.clone(),
            effect: Some(mean),
            interval,
            detectable: test.as_ref().map(|test| test.detectable),
            p_value: test.as_ref().map(|test| test.p_value),
            ..Evidence::bare(verdict, n, format!("{quantity}: {found}{asked}"))
        }
    }

    /// Judges a rule that holds or fails in each seed, such as an exact number or a theorem's bound.
    ///
    /// `reproduced`: it holds in every seed; `contradicted`: in none; `direction_only`: in more than half;
    /// `inconclusive`: in half of them or fewer. One seed never gives `reproduced`: it is `direction_only` where the
    /// rule holds.
    pub fn from_checks(quantity: impl Into<String>, holds: &[bool], summary: impl Into<String>) -> Self {
        let n = holds.len();
        let held = holds.iter().filter(|held| **held).count();
        if n == 0 {
            return Evidence::not_run("no seed has all the values that the rule looks at");
        }
        let verdict = match (n, held) {
            (1, 1) => Verdict::DirectionOnly,
            (1, _) => Verdict::Inconclusive,
            (n, held) if held == n => Verdict::Reproduced,
            (_, 0) => Verdict::Contradicted,
            (n, held) if 2 * held > n => Verdict::DirectionOnly,
            _ => Verdict::Inconclusive,
        };
        Evidence {
            quantity: quantity.into(),
            effect: Some(held as f64 / n as f64),
            // A share of failing seeds of which n seeds show at least one with 80 % power.
            detectable: Some(1.0 - (1.0 - stats::DETECTABLE_POWER).powf(1.0 / n as f64)),
            ..Evidence::bare(verdict, n, format!("{} (holds in {held} of {n} seeds)", summary.into()))
        }
    }

    /// All parts must hold: the worst verdict among them.
    ///
    /// One part of many fails easily by chance: what [`crate::judge::judge`] lets stand as `contradicted` needs a part
    /// whose p-value passes Bonferroni's correction for the number of parts.
    pub fn all_of(parts: Vec<Evidence>) -> Self {
        Evidence::compose(parts, Composed::AllOf)
    }

    /// One part must hold: the best verdict among them.
    ///
    /// One part of many holds easily by chance: what [`crate::judge::judge`] lets stand as `reproduced` needs a part whose
    /// p-value passes Bonferroni's correction for the number of parts.
    pub fn any_of(parts: Vec<Evidence>) -> Self {
        Evidence::compose(parts, Composed::AnyOf)
    }

    fn compose(parts: Vec<Evidence>, composed: Composed) -> Self {
        let verdicts = parts.iter().map(|part| part.verdict);
        let (chosen, name) = match composed {
            Composed::AllOf => (verdicts.max(), "all of"),
            Composed::AnyOf => (verdicts.min(), "any of"),
        };
        let chosen = chosen.unwrap_or(Verdict::NotRun);
        // The part that decided lends its numbers: of several that could be chance the most certain one, where a part
        // without a p-value is exact, else the first.
        let certainty = |part: &&Evidence| part.p_value.unwrap_or(0.0);
        let mut decisive = parts.iter().filter(|part| part.verdict == chosen);
        let decisive = if chosen == composed.easy_by_chance().0 {
            decisive.min_by(|a, b| certainty(a).total_cmp(&certainty(b)))
        } else {
            decisive.next()
        };
        let Some(decisive) = decisive.cloned() else {
            return Evidence::not_run("a composed rule without parts");
        };
        let tested: Vec<f64> = parts.iter().filter_map(|part| part.p_value).collect();
        let corrected = |p_value: f64| (tested.len() as f64 * p_value).min(1.0);
        let p_value = match composed {
            _ if chosen == composed.easy_by_chance().0 => decisive.p_value.map(corrected),
            // A part that does not hold exactly has no p-value, and so has the whole.
            Composed::AllOf
                if parts.iter().any(|part| part.p_value.is_none() && part.verdict != Verdict::Reproduced) =>
            {
                None
            }
            Composed::AllOf => tested.iter().copied().reduce(f64::max),
            Composed::AnyOf => tested.iter().copied().reduce(f64::min).map(corrected),
        };
        let summaries: Vec<String> = parts.iter().map(|part| format!("{}: {}", part.verdict, part.summary)).collect();
        Evidence {
            summary: format!("{name} — {}", summaries.join("; ")),
            composed: Some(composed),
            p_value,
            parts,
            ..decisive
        }
    }

    /// Composes parts anew at the level `alpha`, with the correction for their number.
    pub(crate) fn composed(parts: Vec<Evidence>, composed: Composed, alpha: f64) -> Self {
        Evidence::compose(parts, composed).corrected_for_parts(alpha)
    }

    /// Takes back what one of many parts may say by chance.
    pub(crate) fn corrected_for_parts(mut self, alpha: f64) -> Self {
        let Some((extreme, weaker)) = self.composed.map(Composed::easy_by_chance) else { return self };
        if self.verdict == extreme && self.p_value.is_some_and(|p_value| p_value > alpha) {
            self.verdict = weaker;
            self.summary = format!("{}; not beyond chance for so many parts", self.summary);
        }
        self
    }

    /// What the outlook says, in words.
    pub fn outlook_in_words(&self) -> Option<String> {
        Some(match self.outlook? {
            Outlook::MoreSeeds(1) => "1 more seed would probably decide it".to_owned(),
            Outlook::MoreSeeds(more) => format!("about {more} more seeds would probably decide it"),
            Outlook::OutOfReach => {
                format!("more than {MOST_SEEDS} seeds would be needed: the effect is small against its spread")
            }
        })
    }

    /// The same evidence with another sentence.
    pub fn with_summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }
}

use crate::text::number;

/// `[low, high]` as people read it.
pub fn bracket(interval: Interval) -> String {
    format!("[{}, {}]", number(interval.low), number(interval.high))
}
