//! Equivalence: showing that a difference is small, which a large p-value of a t test does not.

use super::error::{StatsError, check_open_unit, check_values};
use super::interval::{Interval, t_interval};
use super::noncentral;
use super::student;
use super::summary::{mean, std_dev};
use super::t_test::statistic;

/// Result of two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// Number of pairs.
    pub n: usize,
    /// Mean difference.
    pub mean: f64,
    /// Standard error of the mean difference.
    pub se: f64,
    /// Degrees of freedom, `n − 1`.
    pub df: f64,
    /// Differences within `±margin` count as none.
    pub margin: f64,
    /// p-value against "the true difference is at or below `−margin`".
    pub p_lower: f64,
    /// p-value against "the true difference is at or above `margin`".
    pub p_upper: f64,
    /// The larger of the two: the p-value against "not equivalent".
    pub p_value: f64,
    /// Interval of the mean difference at level `1 − 2·alpha`. It lies within `±margin` exactly if `equivalent`.
    pub interval: Interval,
    /// Whether `p_value < alpha`.
    pub equivalent: bool,
}

/// Two one-sided paired t tests: is the true mean difference within `±margin`?
///
/// `t_lower = (d̄ + margin)/se` against the upper tail and `t_upper = (d̄ − margin)/se` against the lower one; the
/// claim of equivalence needs both (Schuirmann, "A comparison of the two one-sided tests procedure and the power
/// approach for assessing the equivalence of average bioavailability", J. Pharmacokinetics and Biopharmaceutics 15,
/// 1987). The margin must be chosen before looking at the values. Without any variance both p-values are 0 or 1, by
/// whether the mean lies strictly within the margin.
///
/// # Errors
/// Fewer than two values, a value that is not finite, a margin that is not above 0 and finite, `alpha` not strictly
/// between 0 and 0.5, or overflow.
pub fn tost(differences: &[f64], margin: f64, alpha: f64) -> Result<Equivalence, StatsError> {
    check_values(differences, 2)?;
    check_open_unit("alpha", alpha)?;
    if alpha >= 0.5 {
        return Err(StatsError::OutOfRange { name: "alpha", range: "below 0.5", got: alpha });
    }
    if !(margin.is_finite() && margin > 0.0) {
        return Err(StatsError::OutOfRange { name: "margin", range: "finite and above 0", got: margin });
    }
    let n = differences.len();
    let df = n as f64 - 1.0;
    let mean = mean(differences)?;
    let se = std_dev(differences)? / (n as f64).sqrt();
    let tail = |distance: f64| {
        if se == 0.0 && distance == 0.0 { 1.0 } else { student::upper_p(statistic(distance, se), df) }
    };
    let (p_lower, p_upper) = (tail(mean + margin), tail(margin - mean));
    let p_value = p_lower.max(p_upper);
    Ok(Equivalence {
        n,
        mean,
        se,
        df,
        margin,
        p_lower,
        p_upper,
        p_value,
        interval: t_interval(differences, 1.0 - 2.0 * alpha)?,
        equivalent: p_value < alpha,
    })
}

/// Power of [`tost`] at a true difference `effect` with standard deviation `sd` of the differences.
///
/// Bonferroni's lower bound of the exact power, `P(T(δ₁) > c) + P(T(δ₂) > c) − 1` with `δ = (margin ± effect)·√n/sd`
/// and `c` the one-sided critical value; close where the power is high, and 0 where it is not positive.
///
/// # Errors
/// `n` below 2, an effect that is not finite, `sd` negative or not finite, a margin that is not above 0 and finite, or
/// `alpha` not strictly between 0 and 0.5.
pub fn tost_power(effect: f64, sd: f64, margin: f64, n: usize, alpha: f64) -> Result<f64, StatsError> {
    check_values(&[effect, sd], 2)?;
    check_open_unit("alpha", alpha)?;
    if n < 2 {
        return Err(StatsError::TooFewValues { needed: 2, got: n });
    }
    if sd < 0.0 || !(margin.is_finite() && margin > 0.0) || alpha >= 0.5 {
        return Err(StatsError::OutOfRange { name: "sd, margin and alpha", range: "in their ranges", got: margin });
    }
    if sd == 0.0 {
        return Ok(f64::from(effect.abs() < margin));
    }
    let df = n as f64 - 1.0;
    let critical = student::critical_two_sided(2.0 * alpha, df);
    let root = (n as f64).sqrt() / sd;
    let below = noncentral::upper_p(critical, df, (margin + effect) * root);
    let above = noncentral::upper_p(critical, df, (margin - effect) * root);
    Ok((below + above - 1.0).max(0.0))
}
