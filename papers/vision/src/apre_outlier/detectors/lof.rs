//! Local outlier factor.

use harness_core::Result;
use papers_kit::neighbours::nearest_others;

/// Local outlier factor: how much denser a row's neighbours are than the row itself.
///
/// **Definition**: with N(p) the k nearest others of p and k-distance(o) the distance of the last of them to o,
/// lrd(p) = 1 / mean_{o ∈ N(p)} max(k-distance(o), d(p, o)) and LOF(p) = mean_{o ∈ N(p)} lrd(o) / lrd(p).
///
/// **Source**: Breunig, Kriegel, Ng, Sander 2000 ("LOF: identifying density-based local outliers"), definitions 3 to 7.
///
/// **Arguments**: `values` `[rows, columns]` row-major, finite; 1 ≤ k ≤ rows − 1.
///
/// **Differences**: exactly k neighbours even where more are equally near, and 1e-10 is added to the mean distance, so
/// that copies have a finite density; both as in scikit-learn.
///
/// **Errors**: as [`nearest_others`].
///
/// ```
/// use papers_vision::apre_outlier::detectors::lof;
/// let score = lof(&[0.0, 1.0, 2.0, 3.0, 20.0], 1, 2)?;
/// assert!(score[4] > 5.0 && score[..4].iter().all(|inlier| *inlier < 1.5));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn lof(values: &[f64], columns: usize, k: usize) -> Result<Vec<f64>> {
    let near = nearest_others(values, columns, k)?;
    let reach: Vec<f64> = near.iter().map(|(_, squared)| squared.last().map_or(0.0, |d| d.sqrt())).collect();
    let density: Vec<f64> = near
        .iter()
        .map(|(index, squared)| {
            let sum: f64 = index.iter().zip(squared).map(|(other, d)| d.sqrt().max(reach[*other])).sum();
            1.0 / (sum / k as f64 + 1e-10)
        })
        .collect();
    Ok(near
        .iter()
        .zip(&density)
        .map(|((index, _), own)| index.iter().map(|other| density[*other]).sum::<f64>() / k as f64 / own)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand for 0, 1, 3 and k = 1: neighbours 1, 0, 1; k-distances 1, 1, 2; densities 1, 1, 1/2.
    #[test]
    fn three_points_by_hand() {
        let score = lof(&[0.0, 1.0, 3.0], 1, 1).unwrap();
        for (got, want) in score.iter().zip([1.0, 1.0, 2.0]) {
            assert!((got - want).abs() < 1e-8, "{score:?}");
        }
    }

    #[test]
    fn copies_have_finite_factors() {
        assert!(lof(&[1.0, 1.0, 1.0, 1.0, 2.0], 1, 2).unwrap().iter().all(|score| score.is_finite()));
    }
}
