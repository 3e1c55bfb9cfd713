//! Ratios of paired positive values, such as speed-ups or error ratios.

use super::error::{StatsError, check_pairs, check_positive};
use super::interval::{Interval, t_interval};
use super::summary::mean;

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioEstimate {
    /// Geometric mean of the ratios; 1 means no difference.
    pub ratio: f64,
    /// Interval of that ratio. Symmetric around it on a logarithmic scale, hence always positive.
    pub interval: Interval,
}

/// Interval of `numerator / denominator`, paired value by value, by Student's t on the logarithms.
///
/// With `ℓᵢ = ln aᵢ − ln bᵢ` the estimate is `exp(ℓ̄)` and the interval `exp(ℓ̄ ± t₍ₙ₋₁₎ · s_ℓ/√n)`. This is the
/// interval of the *geometric mean of the ratios*, not that of the ratio of means for which Fieller's theorem (J. Royal
/// Statistical Society B 16, 1954) is made: the pairs share a seed, their ratio is the quantity of interest, its
/// reciprocal gets the reciprocal interval, and the interval can never be unbounded.
///
/// # Errors
/// Unequal lengths, fewer than two pairs, a value that is not finite or not above 0, `level` not strictly between 0 and
/// 1.
pub fn ratio_interval(numerator: &[f64], denominator: &[f64], level: f64) -> Result<RatioEstimate, StatsError> {
    check_pairs(numerator, denominator, 2)?;
    check_positive(numerator)?;
    check_positive(denominator)?;
    let logs: Vec<f64> = numerator.iter().zip(denominator).map(|(above, below)| above.ln() - below.ln()).collect();
    let interval = t_interval(&logs, level)?;
    Ok(RatioEstimate {
        ratio: mean(&logs)?.exp(),
        interval: Interval { low: interval.low.exp(), high: interval.high.exp(), level },
    })
}
