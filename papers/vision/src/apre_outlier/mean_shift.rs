//! Moving points towards where their neighbours are.

use harness_core::error::{Error, Result};
use papers_kit::neighbours::nearest_others;
use serde::{Deserialize, Serialize};

/// Replaces every point by the mean of its k nearest other points, some times over.
///
/// **Definition**: x_i ← (1/k) Σ_{j ∈ N_k(i)} x_j for all i at once, where N_k(i) holds the k points nearest to x_i at
/// their current positions, x_i itself excluded, equally near ones by lower index.
///
/// **Paper**: Tan, Yang, Chen, Rahardja, Rahardja 2023, arXiv 2304.00709: x^MS(m, k) with m iterations.
///
/// **Arguments**: `points` `[n, dimension]` row-major, finite; 1 ≤ k ≤ n − 1. No iteration leaves the points as they are.
///
/// **Differences**: no authors' code could be read; whether the paper counts a point among its own neighbours is not
/// known. Here it does not, as otherwise an outlier holds itself back.
///
/// **Errors**: [`Error::Input`] where the values do not fill rows, one is not finite, or k is out of range.
///
/// **Example**
/// ```
/// use papers_vision::apre_outlier::mean_shift;
/// assert_eq!(mean_shift(&[0.0, 1.0, 2.0, 9.0], 1, 2, 1)?, [1.5, 1.0, 0.5, 1.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn mean_shift(points: &[f64], dimension: usize, k: usize, iterations: usize) -> Result<Vec<f64>> {
    if iterations == 0 {
        // The same refusals, whatever the number of iterations.
        check(points, dimension, k)?;
    }
    let mut current = points.to_vec();
    for _ in 0..iterations {
        let near = nearest_others(&current, dimension, k)?;
        let mut shifted = vec![0.0; current.len()];
        for ((index, _), sum) in near.iter().zip(shifted.chunks_exact_mut(dimension)) {
            for neighbour in index {
                let start = neighbour * dimension;
                for (sum, value) in sum.iter_mut().zip(&current[start..start + dimension]) {
                    *sum += value;
                }
            }
            sum.iter_mut().for_each(|sum| *sum /= k as f64);
        }
        current = shifted;
    }
    Ok(current)
}

fn check(points: &[f64], dimension: usize, k: usize) -> Result<()> {
    let n = points.len().checked_div(dimension).unwrap_or(0);
    if n * dimension != points.len() || dimension == 0 {
        return Err(Error::Input(format!("{} values do not fill rows of {dimension}", points.len())));
    }
    if k == 0 || k >= n {
        return Err(Error::Input(format!("k is {k}, but must be at least 1 and smaller than the {n} points")));
    }
    match points.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("a coordinate is {value}: distances need finite numbers"))),
        None => Ok(()),
    }
}

/// How many neighbours a table gets: a share of its rows within limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbourhood {
    /// Share of the rows, above 0 and at most 1.
    pub share: f64,
    /// At least so many neighbours.
    pub least: usize,
    /// At most so many.
    pub most: usize,
}

impl Neighbourhood {
    /// ⌈share · rows⌉ within the limits, and never more than the other rows.
    pub fn size(&self, rows: usize) -> usize {
        // A product such as 0.05 · 100 must not be rounded over a whole number.
        let wanted = (self.share * rows as f64 - 1e-9).ceil().max(0.0) as usize;
        wanted.clamp(self.least, self.most.max(self.least)).min(rows.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_not_its_own_neighbour_and_all_move_at_once() {
        // With itself counted, the first point would stay at 0 for k = 1; one after the other, the second would follow it.
        assert_eq!(mean_shift(&[0.0, 10.0, 11.0], 1, 1, 1).unwrap(), [10.0, 11.0, 10.0]);
    }

    #[test]
    fn later_iterations_look_at_the_current_positions() {
        // After one step the points are 1, 0, 1, 2.5: the last one's nearest is now the first of two equally near.
        let once = mean_shift(&[0.0, 1.0, 2.5, 4.0], 1, 1, 1).unwrap();
        assert_eq!(once, [1.0, 0.0, 1.0, 2.5]);
        assert_eq!(mean_shift(&[0.0, 1.0, 2.5, 4.0], 1, 1, 2).unwrap(), mean_shift(&once, 1, 1, 1).unwrap());
        assert_eq!(mean_shift(&[0.0, 1.0, 2.5, 4.0], 1, 1, 2).unwrap(), [1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn an_outlier_moves_far_and_an_inlier_hardly() {
        let shifted = mean_shift(&[0.0, 0.1, 0.2, 0.3, 5.0], 1, 2, 1).unwrap();
        assert!((shifted[4] - 5.0).abs() > 4.5 && (shifted[1] - 0.1).abs() < 0.2);
    }

    #[test]
    fn refusals_do_not_depend_on_the_iterations() {
        for iterations in [0, 1] {
            assert!(mean_shift(&[1.0, 2.0], 1, 2, iterations).is_err());
            assert!(mean_shift(&[1.0, 2.0], 1, 0, iterations).is_err());
            assert!(mean_shift(&[1.0, 2.0, 3.0], 2, 1, iterations).is_err());
            assert!(mean_shift(&[1.0, 2.0], 0, 1, iterations).is_err());
            assert!(mean_shift(&[], 1, 1, iterations).is_err());
            assert!(mean_shift(&[1.0, f64::NAN], 1, 1, iterations).is_err());
        }
        assert_eq!(mean_shift(&[1.0, 2.0], 1, 1, 0).unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn neighbourhoods_are_a_share_within_limits() {
        let neighbourhood = Neighbourhood { share: 0.05, least: 5, most: 50 };
        let sizes: Vec<usize> = [3, 80, 100, 120, 121, 600, 3000].map(|rows| neighbourhood.size(rows)).to_vec();
        assert_eq!(sizes, [2, 5, 5, 6, 7, 30, 50]);
    }
}
