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
    /// p-value of the two-sided test where there is one.
    pub p_value: Option<f64>,
    /// What was found, in a sentence, with the numbers that stand beside the published ones.
    pub summary: String,
    /// The evidence of the parts of a composed rule.
    #[serde(default)]
    pub parts: Vec<Evidence>,
}

/// Level of all intervals.
pub const LEVEL: f64 = 0.95;

impl Evidence {
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
        let test = stats::paired_t(effects, LEVEL, stats::Alternative::TwoSided).ok();
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
            verdict,
            summary: format!("{quantity}: {found}{asked}"),
            quantity,
            effect: Some(mean),
            interval,
            n,
            detectable: test.as_ref().map(|test| test.detectable),
            p_value: test.as_ref().map(|test| test.p_value),
            parts: Vec::new(),
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
            verdict,
            quantity: quantity.into(),
            effect: Some(held as f64 / n as f64),
            interval: None,
            n,
            detectable: None,
            p_value: None,
            summary: format!("{} (holds in {held} of {n} seeds)", summary.into()),
            parts: Vec::new(),
        }
    }

    /// All parts must hold: the worst verdict among them.
    pub fn all_of(parts: Vec<Evidence>) -> Self {
        Evidence::composed(parts, "all of", |verdicts| verdicts.max())
    }

    /// One part must hold: the best verdict among them.
    pub fn any_of(parts: Vec<Evidence>) -> Self {
        Evidence::composed(parts, "any of", |verdicts| verdicts.min())
    }

    fn composed(
        parts: Vec<Evidence>,
        name: &str,
        choose: fn(&mut dyn Iterator<Item = Verdict>) -> Option<Verdict>,
    ) -> Self {
        let verdict = choose(&mut parts.iter().map(|part| part.verdict)).unwrap_or(Verdict::NotRun);
        // The part that decided lends its numbers; the others stand below it.
        let Some(decisive) = parts.iter().find(|part| part.verdict == verdict).cloned() else {
            return Evidence::not_run("a composed rule without parts");
        };
        let summaries: Vec<String> = parts.iter().map(|part| format!("{}: {}", part.verdict, part.summary)).collect();
        Evidence { summary: format!("{name} — {}", summaries.join("; ")), parts, ..decisive }
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
