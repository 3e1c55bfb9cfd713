//! Ranks, and how strongly two lists go together.

use super::error::{StatsError, check_pairs, check_result, check_values};
use super::summary::mean;

/// Ranks from 1 to n, smallest value first; equal values share the mean of their ranks.
///
/// The ranks always sum to `n(n+1)/2`.
///
/// # Errors
/// No values, or a value that is not finite.
pub fn ranks(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_values(values, 1)?;
    let order = ascending(values);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&left, &right| values[left] == values[right]) {
        // Mean of the ranks before + 1, …, before + tied.len().
        let rank = before as f64 + 0.5 * (tied.len() as f64 + 1.0);
        for &index in tied {
            ranks[index] = rank;
        }
        before += tied.len();
    }
    Ok(ranks)
}

/// Pearson's correlation coefficient, in `[-1, 1]`.
///
/// `r = Σ(xᵢ−x̄)(yᵢ−ȳ) / √(Σ(xᵢ−x̄)² · Σ(yᵢ−ȳ)²)`: how close the pairs are to a straight line.
///
/// # Errors
/// Unequal lengths, fewer than two pairs, a value that is not finite, a list without variance, or overflow.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64, StatsError> {
    check_pairs(x, y, 2)?;
    let moments = Moments::new(x, y)?;
    if moments.xx == 0.0 {
        return Err(StatsError::ZeroVariance { what: "x values" });
    }
    if moments.yy == 0.0 {
        return Err(StatsError::ZeroVariance { what: "y values" });
    }
    Ok((moments.xy / (moments.xx.sqrt() * moments.yy.sqrt())).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation, in `[-1, 1]`: [`pearson`] of the [`ranks`].
///
/// How close the pairs are to *any* increasing (or decreasing) curve (Spearman, American J. Psychology 15, 1904).
///
/// # Errors
/// As [`pearson`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, StatsError> {
    check_pairs(x, y, 2)?;
    pearson(&ranks(x)?, &ranks(y)?)
}

/// Kendall's tau-b, in `[-1, 1]`.
///
/// `τ_b = (P − Q) / √((N − T_x)(N − T_y))` over the `N = n(n−1)/2` pairs of points: `P` run the same way in x and y,
/// `Q` the opposite way, `T_x` and `T_y` are tied in x and in y (Kendall, "The treatment of ties in ranking problems",
/// Biometrika 33, 1945). Takes time quadratic in n.
///
/// # Errors
/// Unequal lengths, fewer than two pairs, a value that is not finite, or a list without variance.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, StatsError> {
    check_pairs(x, y, 2)?;
    let (mut score, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
    for (index, (x_first, y_first)) in x.iter().zip(y).enumerate() {
        for (x_second, y_second) in x.iter().zip(y).skip(index + 1) {
            let along_x = direction(*x_first, *x_second);
            let along_y = direction(*y_first, *y_second);
            score += along_x * along_y;
            untied_x += along_x.abs();
            untied_y += along_y.abs();
        }
    }
    if untied_x == 0.0 {
        return Err(StatsError::ZeroVariance { what: "x values" });
    }
    if untied_y == 0.0 {
        return Err(StatsError::ZeroVariance { what: "y values" });
    }
    Ok((score / (f64::sqrt(untied_x) * f64::sqrt(untied_y))).clamp(-1.0, 1.0))
}

/// Sums of squares and products around the means.
pub(super) struct Moments {
    pub x_mean: f64,
    pub y_mean: f64,
    pub xx: f64,
    pub yy: f64,
    pub xy: f64,
}

impl Moments {
    pub fn new(x: &[f64], y: &[f64]) -> Result<Self, StatsError> {
        let (x_mean, y_mean) = (mean(x)?, mean(y)?);
        let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
        for (x, y) in x.iter().zip(y) {
            let (x, y) = (x - x_mean, y - y_mean);
            xx += x * x;
            yy += y * y;
            xy += x * y;
        }
        Ok(Self { x_mean, y_mean, xx: check_result(xx)?, yy: check_result(yy)?, xy: check_result(xy)? })
    }
}

/// How many values share each distinct value.
pub(super) fn tie_sizes(values: &[f64]) -> impl Iterator<Item = f64> {
    let order = ascending(values);
    let sizes: Vec<f64> =
        order.chunk_by(|&left, &right| values[left] == values[right]).map(|tied| tied.len() as f64).collect();
    sizes.into_iter()
}

/// Indices of the values in ascending order.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&left, &right| values[left].total_cmp(&values[right]));
    order
}

/// 1 upwards, −1 downwards, 0 on a tie.
fn direction(first: f64, second: f64) -> f64 {
    f64::from(i8::from(second > first) - i8::from(second < first))
}
