//! t tests: paired, one-sample and Welch.

use serde::{Deserialize, Serialize};

use super::error::{StatsError, check_open_unit, check_pairs, check_result, check_values};
use super::interval::Interval;
use super::power::{DETECTABLE_POWER, detectable_effect};
use super::student;
use super::summary::{mean, std_dev, variance};

/// What a test looks for, against the null hypothesis of no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// An effect in either direction.
    TwoSided,
    /// An effect above the null value.
    Greater,
    /// An effect below the null value.
    Less,
}

/// Result of a one-sample or paired t test.
///
/// Without any variance the statistic is a limit: `t = ±∞` with `p_value` 0 (or 1, if a one-sided test looks the other
/// way) for a mean off the null value, and `t = 0` with `p_value = 1` for a mean on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    /// Number of values or pairs.
    pub n: usize,
    /// Mean of the values: the effect, in their unit.
    pub mean: f64,
    /// Sample standard deviation of the values.
    pub sd: f64,
    /// Standard error of the mean, `sd/√n`.
    pub se: f64,
    /// `(mean − null)/se`.
    pub t: f64,
    /// Degrees of freedom, `n − 1`.
    pub df: f64,
    /// Probability of a `t` at least this far towards the alternative, if there is no effect.
    pub p_value: f64,
    /// Two-sided interval of the mean, whatever the alternative: a reader wants both ends.
    pub interval: Interval,
    /// Smallest true effect that a two-sided test at `1 − level` shows with a probability of [`DETECTABLE_POWER`],
    /// given this `n` and taking this `sd` for the true one; 0 if `1 − level` is no smaller than that probability. See
    /// [`detectable_effect`].
    pub detectable: f64,
}

/// Result of Welch's t test for two independent groups.
///
/// Without any variance in either group the statistic is a limit, as for [`TTest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchTest {
    /// Number of values in the first group.
    pub n_first: usize,
    /// Number of values in the second group.
    pub n_second: usize,
    /// Mean of the first group less mean of the second.
    pub difference: f64,
    /// Standard error of the difference.
    pub se: f64,
    /// `difference/se`.
    pub t: f64,
    /// Degrees of freedom after Welch and Satterthwaite; not a whole number in general.
    pub df: f64,
    /// Probability of a `t` at least this far towards the alternative, if the means are equal.
    pub p_value: f64,
    /// Two-sided interval of the difference, whatever the alternative.
    pub interval: Interval,
}

/// Differences `first − second`, value by value: seed k of a method less seed k of its baseline.
///
/// # Errors
/// Unequal lengths, no values, a value that is not finite, or overflow.
pub fn paired_differences(first: &[f64], second: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_pairs(first, second, 1)?;
    first.iter().zip(second).map(|(first, second)| check_result(first - second)).collect()
}

/// Paired t test: is the mean of the differences off zero?
///
/// `t = d̄ / (s_d/√n)` with `n − 1` degrees of freedom. `differences` come from [`paired_differences`]; `level` is the
/// confidence level of the interval (0.95) and fixes the level `1 − level` behind [`TTest::detectable`].
///
/// # Errors
/// Fewer than two values, a value that is not finite, `level` not strictly between 0 and 1, or overflow.
pub fn paired_t(differences: &[f64], level: f64, alternative: Alternative) -> Result<TTest, StatsError> {
    one_sample_t(differences, 0.0, level, alternative)
}

/// One-sample t test: is the mean of the values off `null`?
///
/// `t = (x̄ − null) / (s/√n)` with `n − 1` degrees of freedom (Student, Biometrika 6, 1908).
///
/// # Errors
/// Fewer than two values, a value or `null` that is not finite, `level` not strictly between 0 and 1, or overflow.
pub fn one_sample_t(values: &[f64], null: f64, level: f64, alternative: Alternative) -> Result<TTest, StatsError> {
    check_values(values, 2)?;
    check_open_unit("level", level)?;
    if !null.is_finite() {
        return Err(StatsError::OutOfRange { name: "null value", range: "finite", got: null });
    }
    let alpha = 1.0 - level;
    let n = values.len();
    let df = n as f64 - 1.0;
    let (mean, sd) = (mean(values)?, std_dev(values)?);
    let se = sd / (n as f64).sqrt();
    let t = statistic(check_result(mean - null)?, se);
    Ok(TTest {
        n,
        mean,
        sd,
        se,
        t,
        df,
        p_value: p_value(t, se, df, alternative),
        interval: Interval::around(mean, student::critical_two_sided(alpha, df) * se, level)?,
        detectable: if alpha < DETECTABLE_POWER { detectable_effect(sd, n, alpha, DETECTABLE_POWER)? } else { 0.0 },
    })
}

/// Welch's t test: do two independent groups of unequal variance differ in their means?
///
/// With `vᵢ = sᵢ²/nᵢ`, `t = (x̄₁ − x̄₂)/√(v₁ + v₂)` and
/// `df = (v₁ + v₂)² / (v₁²/(n₁−1) + v₂²/(n₂−1))` (Welch, "The generalization of 'Student's' problem when several
/// different population variances are involved", Biometrika 34, 1947). Only for arms that share no seeds: for paired
/// ones [`paired_t`] sees smaller effects.
///
/// # Errors
/// Fewer than two values in a group, a value that is not finite, `level` not strictly between 0 and 1, or overflow.
pub fn welch_t(first: &[f64], second: &[f64], level: f64, alternative: Alternative) -> Result<WelchTest, StatsError> {
    check_values(first, 2)?;
    check_values(second, 2)?;
    check_open_unit("level", level)?;
    let (n_first, n_second) = (first.len() as f64, second.len() as f64);
    let difference = check_result(mean(first)? - mean(second)?)?;
    let (v_first, v_second) = (variance(first)? / n_first, variance(second)? / n_second);
    let total = check_result(v_first + v_second)?;
    // Shares of the total instead of the squares themselves: those of tiny variances would underflow.
    let df = if total > 0.0 {
        let (first, second) = (v_first / total, v_second / total);
        1.0 / (first * first / (n_first - 1.0) + second * second / (n_second - 1.0))
    } else {
        n_first + n_second - 2.0
    };
    let se = total.sqrt();
    let t = statistic(difference, se);
    Ok(WelchTest {
        n_first: first.len(),
        n_second: second.len(),
        difference,
        se,
        t,
        df,
        p_value: p_value(t, se, df, alternative),
        interval: Interval::around(difference, student::critical_two_sided(1.0 - level, df) * se, level)?,
    })
}

/// `effect/se`, with the limits for `se = 0`.
pub(super) fn statistic(effect: f64, se: f64) -> f64 {
    if effect == 0.0 { 0.0 } else { effect / se }
}

fn p_value(t: f64, se: f64, df: f64, alternative: Alternative) -> f64 {
    if se == 0.0 && t == 0.0 {
        // On the null value without variance: every repetition would give this very outcome.
        return 1.0;
    }
    match alternative {
        Alternative::TwoSided => student::two_sided_p(t, df),
        Alternative::Greater => student::upper_p(t, df),
        Alternative::Less => student::upper_p(-t, df),
    }
}
