//! Numbers that summarise one list of values.

use super::error::{StatsError, check_positive, check_result, check_values};

/// Arithmetic mean.
///
/// `x̄ = (1/n) Σ xᵢ`, summed relative to the first value, so that equal values give exactly that value.
///
/// # Errors
/// No values, a value that is not finite, or overflow.
pub fn mean(values: &[f64]) -> Result<f64, StatsError> {
    check_values(values, 1)?;
    let origin = values[0];
    let offset: f64 = values.iter().map(|value| value - origin).sum();
    check_result(origin + offset / values.len() as f64)
}

/// Sample variance, with `n − 1` in the denominator.
///
/// `s² = 1/(n−1) · Σ (xᵢ − x̄)²`, in two passes with the correction term of Chan, Golub and LeVeque, "Algorithms for
/// computing the sample variance" (The American Statistician 37, 1983), eq. 1.7. Equal values give exactly 0.
///
/// # Errors
/// Fewer than two values, a value that is not finite, or overflow.
pub fn variance(values: &[f64]) -> Result<f64, StatsError> {
    check_values(values, 2)?;
    let count = values.len() as f64;
    let mean = mean(values)?;
    let (mut squares, mut rest) = (0.0, 0.0);
    for value in values {
        let deviation = value - mean;
        squares += deviation * deviation;
        rest += deviation;
    }
    // Rounding can push the difference of two equal numbers just below zero.
    check_result(((squares - rest * rest / count) / (count - 1.0)).max(0.0))
}

/// Sample standard deviation: the square root of [`variance`], in the unit of the values.
///
/// # Errors
/// As [`variance`].
pub fn std_dev(values: &[f64]) -> Result<f64, StatsError> {
    variance(values).map(f64::sqrt)
}

/// Median: the middle value, or the mean of the two middle values. Equal to [`quantile`] at 0.5.
///
/// # Errors
/// No values, or a value that is not finite.
pub fn median(values: &[f64]) -> Result<f64, StatsError> {
    quantile(values, 0.5)
}

/// Quantile by linear interpolation between order statistics.
///
/// With `h = (n − 1) q` the result is `x₍⌊h⌋₎ + (h − ⌊h⌋)(x₍⌊h⌋₊₁₎ − x₍⌊h⌋₎)`, counting sorted values from 0: type 7 of
/// Hyndman and Fan, "Sample quantiles in statistical packages" (The American Statistician 50, 1996), the default of
/// NumPy and R. `q` is in `[0, 1]`.
///
/// # Errors
/// No values, a value that is not finite, or `q` outside of `[0, 1]`.
pub fn quantile(values: &[f64], q: f64) -> Result<f64, StatsError> {
    check_values(values, 1)?;
    if !(0.0..=1.0).contains(&q) {
        return Err(StatsError::OutOfRange { name: "q", range: "between 0 and 1", got: q });
    }
    Ok(quantile_of_sorted(&sorted(values), q))
}

/// Type 7 quantile of a sorted list with at least one value, `q` in `[0, 1]`.
pub(super) fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = last as f64 * q;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let weight = position - below as f64;
    // A weighted sum rather than `low + weight (high - low)`: the difference of two finite values can overflow.
    if sorted[below] == sorted[above] { sorted[below] } else { (1.0 - weight) * sorted[below] + weight * sorted[above] }
}

/// Interquartile mean: the mean of the middle half of the values.
///
/// Drops `⌊n/4⌋` values at either end and averages the rest, as `scipy.stats.trim_mean(x, 0.25)` does: the aggregate
/// that Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (NeurIPS 2021,
/// section 4.3) recommend over the mean (outliers) and the median (wastes data).
///
/// # Errors
/// No values, a value that is not finite, or overflow.
pub fn interquartile_mean(values: &[f64]) -> Result<f64, StatsError> {
    check_values(values, 1)?;
    let sorted = sorted(values);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// Geometric mean: `exp((1/n) Σ ln xᵢ)`, for factors such as speed-ups.
///
/// # Errors
/// No values, a value that is not finite, or a value that is not above 0.
pub fn geometric_mean(values: &[f64]) -> Result<f64, StatsError> {
    check_values(values, 1)?;
    check_positive(values)?;
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    mean(&logs).map(f64::exp)
}

/// Ascending copy.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
