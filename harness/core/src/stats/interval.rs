//! Intervals, and the Student-t interval of a mean.

use serde::{Deserialize, Serialize};

use super::error::{StatsError, check_open_unit, check_result, check_values};
use super::student;
use super::summary::{mean, std_dev};

/// A two-sided interval for an unknown quantity, such as the 95 % interval of a mean.
///
/// It is made by a procedure that covers the true value in a share `level` of repeated experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end, in the unit of the quantity.
    pub low: f64,
    /// Upper end, in the unit of the quantity; never below `low`.
    pub high: f64,
    /// Confidence level, strictly between 0 and 1.
    pub level: f64,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Distance from end to end.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// The symmetric interval `centre ± half_width`.
    pub(super) fn around(centre: f64, half_width: f64, level: f64) -> Result<Self, StatsError> {
        Ok(Self { low: check_result(centre - half_width)?, high: check_result(centre + half_width)?, level })
    }
}

/// How many standard errors a two-sided t interval of `n` values reaches to either side: `t₍ₙ₋₁, ₍₁₊level₎⁄₂₎`.
///
/// # Errors
/// `n` below 2, or `level` not strictly between 0 and 1.
pub fn t_critical(n: usize, level: f64) -> Result<f64, StatsError> {
    if n < 2 {
        return Err(StatsError::TooFewValues { needed: 2, got: n });
    }
    check_open_unit("level", level)?;
    Ok(student::critical_two_sided(1.0 - level, n as f64 - 1.0))
}

/// Student-t interval of the mean of independent, roughly normal values.
///
/// `x̄ ± t₍ₙ₋₁, ₍₁₊level₎⁄₂₎ · s/√n` (Student, "The probable error of a mean", Biometrika 6, 1908). Equal values give
/// the degenerate interval `low = high = mean`: they say nothing about the spread, so read it together with `n`.
///
/// # Errors
/// Fewer than two values, a value that is not finite, `level` not strictly between 0 and 1, or overflow.
pub fn t_interval(values: &[f64], level: f64) -> Result<Interval, StatsError> {
    check_values(values, 2)?;
    check_open_unit("level", level)?;
    let count = values.len() as f64;
    let standard_error = std_dev(values)? / count.sqrt();
    Interval::around(mean(values)?, student::critical_two_sided(1.0 - level, count - 1.0) * standard_error, level)
}
