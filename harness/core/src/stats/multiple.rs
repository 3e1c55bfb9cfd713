//! Adjusting p-values when several claims are judged together.

use super::error::StatsError;

/// Holm's step-down adjustment: controls the probability of even one false rejection.
///
/// With p-values sorted ascending, `p̃₍ᵢ₎ = max_{j≤i} min(1, (m − j + 1) p₍ⱼ₎)`; reject where the adjusted value is at
/// most alpha. Valid under any dependence (Holm, "A simple sequentially rejective multiple test procedure",
/// Scandinavian J. Statistics 6, 1979). Returned in the order of the input; empty for empty input.
///
/// # Errors
/// A p-value that is NaN or outside of `[0, 1]`.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let order = ascending(p_values)?;
    let count = p_values.len();
    let mut adjusted = vec![0.0; count];
    let mut largest = 0.0_f64;
    for (position, index) in order.into_iter().enumerate() {
        largest = largest.max(((count - position) as f64 * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

/// Benjamini and Hochberg's step-up adjustment: controls the expected share of false ones among the rejections.
///
/// With p-values sorted ascending, `p̃₍ᵢ₎ = min_{j≥i} min(1, (m/j) p₍ⱼ₎)`. Valid for independent or positively
/// dependent tests (Benjamini and Hochberg, "Controlling the false discovery rate", J. Royal Statistical Society B 57,
/// 1995). For screening many cells; claims are adjusted by [`holm`]. Returned in the order of the input; empty for
/// empty input.
///
/// # Errors
/// A p-value that is NaN or outside of `[0, 1]`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    let order = ascending(p_values)?;
    let count = p_values.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (position, index) in order.into_iter().enumerate().rev() {
        // The factor m/j is formed first: it is at least 1, so the product never rounds below p.
        smallest = smallest.min(p_values[index] * (count / (position as f64 + 1.0)));
        adjusted[index] = smallest;
    }
    Ok(adjusted)
}

/// Indices of the p-values in ascending order, once all are known to be probabilities.
fn ascending(p_values: &[f64]) -> Result<Vec<usize>, StatsError> {
    for &p_value in p_values {
        if !(0.0..=1.0).contains(&p_value) {
            return Err(StatsError::OutOfRange { name: "p-values", range: "between 0 and 1", got: p_value });
        }
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&left, &right| p_values[left].total_cmp(&p_values[right]));
    Ok(order)
}
