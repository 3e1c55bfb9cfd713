//! How far the mean shift moves a point.

use harness_core::Result;

use crate::apre_outlier::mean_shift::mean_shift;

/// Distance of each row to its mean-shifted version ("mean-shift outlier detection", MOD).
///
/// **Source**: Yang, Rahardja, Fränti 2018 ("Mean-shift outlier detection"): three iterations of the mean shift.
///
/// **Arguments**: `values` `[rows, columns]` row-major, finite; 1 ≤ k ≤ rows − 1.
///
/// **Errors**: as [`mean_shift`].
///
/// ```
/// use papers_vision::apre_outlier::detectors::shift_distance;
/// assert_eq!(shift_distance(&[0.0, 1.0, 2.0, 9.0], 1, 2, 1)?, [1.5, 0.0, 1.5, 7.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn shift_distance(values: &[f64], columns: usize, k: usize, iterations: usize) -> Result<Vec<f64>> {
    let shifted = mean_shift(values, columns, k, iterations)?;
    Ok(values
        .chunks_exact(columns)
        .zip(shifted.chunks_exact(columns))
        .map(|(here, there)| here.iter().zip(there).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt())
        .collect())
}
