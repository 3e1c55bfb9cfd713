//! Distance to the nearest others.

use harness_core::Result;
use papers_kit::neighbours::nearest_others;

/// Mean distance to the k nearest other rows.
///
/// **Source**: Ramaswamy, Rastogi, Shim 2000 ("Efficient algorithms for mining outliers from large data sets"), in the
/// form with the mean of Angiulli and Pizzuti 2002.
///
/// **Arguments**: `values` `[rows, columns]` row-major, finite; 1 ≤ k ≤ rows − 1.
///
/// **Errors**: as [`nearest_others`].
///
/// ```
/// use papers_vision::apre_outlier::detectors::knn;
/// assert_eq!(knn(&[0.0, 1.0, 2.0, 9.0], 1, 2)?, [1.5, 1.0, 1.5, 7.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn knn(values: &[f64], columns: usize, k: usize) -> Result<Vec<f64>> {
    let near = nearest_others(values, columns, k)?;
    Ok(near.iter().map(|(_, squared)| squared.iter().map(|d| d.sqrt()).sum::<f64>() / k as f64).collect())
}
