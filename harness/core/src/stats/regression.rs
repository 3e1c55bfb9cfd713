//! Straight lines by least squares.

use serde::{Deserialize, Serialize};

use super::correlation::Moments;
use super::error::{StatsError, check_open_unit, check_pairs, check_positive, check_result};
use super::interval::Interval;
use super::student;

/// A straight line `y = intercept + slope · x` fitted by ordinary least squares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearFit {
    /// Number of points.
    pub n: usize,
    /// Change of y for one unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// Share of the variance of y that the line explains, in `[0, 1]`; 0 if y does not vary.
    pub r2: f64,
    /// Standard error of the slope.
    pub slope_se: f64,
    /// Student-t interval of the slope, `n − 2` degrees of freedom.
    pub slope_interval: Interval,
}

/// Fits a straight line to points `(xᵢ, yᵢ)`.
///
/// `slope = S_xy/S_xx`, `intercept = ȳ − slope·x̄`, `se² = (Σ eᵢ²/(n−2)) / S_xx` with residuals `eᵢ`, and the interval
/// `slope ± t₍ₙ₋₂₎ · se` (Draper and Smith, *Applied regression analysis*, chapter 1). Residuals are taken to be
/// independent: several seeds at one x are, points along one training curve are not.
///
/// # Errors
/// Unequal lengths, fewer than three points, a value that is not finite, x values that do not vary, `level` not
/// strictly between 0 and 1, or overflow.
pub fn linear_fit(x: &[f64], y: &[f64], level: f64) -> Result<LinearFit, StatsError> {
    check_pairs(x, y, 3)?;
    check_open_unit("level", level)?;
    let Moments { x_mean, y_mean, xx, yy, xy } = Moments::new(x, y)?;
    if xx == 0.0 {
        return Err(StatsError::ZeroVariance { what: "x values" });
    }
    let slope = check_result(xy / xx)?;
    let df = x.len() as f64 - 2.0;
    // Residuals themselves: S_yy − slope·S_xy would cancel to noise on a good fit.
    let residual: f64 = x
        .iter()
        .zip(y)
        .map(|(x, y)| {
            let error = (y - y_mean) - slope * (x - x_mean);
            error * error
        })
        .sum();
    let slope_se = check_result((residual / df).sqrt() / xx.sqrt())?;
    Ok(LinearFit {
        n: x.len(),
        slope,
        intercept: check_result(y_mean - slope * x_mean)?,
        r2: if yy == 0.0 { 0.0 } else { (1.0 - residual / yy).clamp(0.0, 1.0) },
        slope_se,
        slope_interval: Interval::around(slope, student::critical_two_sided(1.0 - level, df) * slope_se, level)?,
    })
}

/// Fits `y = c · x^k`: a straight line through `(ln xᵢ, ln yᵢ)`, whose slope is the exponent `k` and whose intercept is
/// `ln c`.
///
/// For rates: an error that falls as `1/√n` has slope −1/2. Errors count relative to y here, not absolute.
///
/// # Errors
/// As [`linear_fit`], and a value that is not above 0.
pub fn log_log_slope(x: &[f64], y: &[f64], level: f64) -> Result<LinearFit, StatsError> {
    check_pairs(x, y, 3)?;
    check_positive(x)?;
    check_positive(y)?;
    let log = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value.ln()).collect() };
    linear_fit(&log(x), &log(y), level)
}
