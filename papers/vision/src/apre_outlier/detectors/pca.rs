//! Reconstruction from the leading principal components.

use harness_core::{Error, Result};
use papers_kit::eigen::symmetric_eigen;

/// Squared distance of each row to the space of the leading principal components.
///
/// **Definition**: Σ over the left-out components of the squared projection of x − x̄. Left out are the smallest
/// components whose variances together are at most 1 − `variance` of all.
///
/// **Source**: Shyu, Chen, Sarinnapakorn, Chang 2003 ("A novel anomaly detection scheme based on principal component
/// classifier"), in the form of a reconstruction error.
///
/// **Arguments**: `values` `[rows, columns]` row-major, finite, at least two rows; `variance` above 0 and at most 1.
///
/// **Errors**: [`Error::Input`] where the values do not fill rows, there are fewer than two, one is not finite, or
/// `variance` is out of range.
///
/// ```
/// use papers_vision::apre_outlier::detectors::pca;
/// // The last row leaves the diagonal on which all others lie.
/// let score = pca(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 1.0], 2, 0.9)?;
/// assert!(score[..5].iter().all(|inlier| *inlier < score[5]));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn pca(values: &[f64], columns: usize, variance: f64) -> Result<Vec<f64>> {
    if columns == 0 || !values.len().is_multiple_of(columns) || values.len() / columns < 2 {
        return Err(Error::Input(format!("{} values are not two or more rows of {columns}", values.len())));
    }
    if !(variance > 0.0 && variance <= 1.0) {
        return Err(Error::Input(format!("the share of variance is {variance}, expected above 0 and at most 1")));
    }
    let rows = (values.len() / columns) as f64;
    let mut mean = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / rows);
    }
    let centred: Vec<f64> =
        values.chunks_exact(columns).flat_map(|row| row.iter().zip(&mean).map(|(x, m)| x - m)).collect();
    let mut covariance = vec![0.0; columns * columns];
    for row in centred.chunks_exact(columns) {
        for (at, sums) in covariance.chunks_exact_mut(columns).enumerate() {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += row[at] * value / rows);
        }
    }
    let eigen = symmetric_eigen(&covariance, columns)?;
    let total: f64 = eigen.values.iter().map(|value| value.max(0.0)).sum();
    let mut reached = 0.0;
    let kept = eigen
        .values
        .iter()
        .take_while(|value| {
            let open = reached < variance * total * (1.0 - 1e-12);
            reached += value.max(0.0);
            open
        })
        .count();
    let left_out = eigen.vectors.get(kept..).unwrap_or_default();
    Ok(centred
        .chunks_exact(columns)
        .map(|row| {
            left_out
                .iter()
                .map(|vector| {
                    let projection: f64 = row.iter().zip(vector).map(|(x, v)| x * v).sum();
                    projection * projection
                })
                .sum()
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_reach_the_share_of_variance() {
        // Variances 9, 1 and 0.25 along the axes: 0.9 of 10.25 needs the first two, 0.85 only the first.
        let values: Vec<f64> = [[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]]
            .iter()
            .flat_map(|axis| [axis.to_vec(), axis.iter().map(|x| -x).collect()])
            .flatten()
            .collect();
        let close = |got: Vec<f64>, want: [f64; 6]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?} {want:?}");
        };
        close(pca(&values, 3, 0.9).unwrap(), [0.0, 0.0, 0.0, 0.0, 0.25, 0.25]);
        close(pca(&values, 3, 0.85).unwrap(), [0.0, 0.0, 1.0, 1.0, 0.25, 0.25]);
        close(pca(&values, 3, 1.0).unwrap(), [0.0; 6]);
    }

    #[test]
    fn impossible_input_is_refused() {
        assert!(pca(&[1.0, 2.0], 2, 0.9).is_err());
        assert!(pca(&[1.0, 2.0, 3.0], 2, 0.9).is_err());
        assert!(pca(&[1.0, 2.0], 1, 0.0).is_err());
        assert!(pca(&[1.0, 2.0], 1, 1.1).is_err());
        assert!(pca(&[1.0, f64::NAN], 1, 0.9).is_err());
    }
}
