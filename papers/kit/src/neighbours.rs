//! Exact nearest neighbours by Euclidean distance.

use harness_core::{Error, Result};

/// Points whose distances are summed at a time: the sums stay in the processor's nearest cache.
const BLOCK: usize = 512;

/// The k nearest points of each query, nearest first; equally near ones by lower index.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    index: Vec<usize>,
    squared: Vec<f64>,
}

impl Neighbours {
    /// Number of neighbours of a query.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The neighbours of each query in turn: their indices and squared distances, both of length k.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[usize], &[f64])> {
        self.index.chunks_exact(self.k).zip(self.squared.chunks_exact(self.k))
    }

    /// Indices, `[queries, k]` row-major.
    pub fn index(&self) -> &[usize] {
        &self.index
    }

    /// Squared distances, `[queries, k]` row-major.
    pub fn squared(&self) -> &[f64] {
        &self.squared
    }
}

/// The k nearest *other* points of each point.
///
/// **Arguments**: `points` `[n, dimension]` row-major, finite; 1 ≤ k ≤ n − 1. A copy of a point is another point.
///
/// **Errors**: [`Error::Input`] where the values do not fill rows, one is not finite, or k is out of range.
///
/// ```
/// let near = papers_kit::neighbours::nearest_others(&[0.0, 1.0, 3.0], 1, 1)?;
/// assert_eq!(near.index(), [1, 0, 1]);
/// assert_eq!(near.squared(), [1.0, 1.0, 4.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn nearest_others(points: &[f64], dimension: usize, k: usize) -> Result<Neighbours> {
    let n = rows("points", points, dimension)?;
    if k == 0 || k >= n {
        return Err(Error::Input(format!(
            "k is {k}, expected 1 to {}: each of {n} points has {} others",
            n.saturating_sub(1).max(1),
            n.saturating_sub(1)
        )));
    }
    Ok(search(points, points, dimension, k, true))
}

/// The k nearest points of each query.
///
/// **Arguments**: `queries` `[m, dimension]` and `points` `[n, dimension]` row-major, finite; 1 ≤ k ≤ n.
///
/// **Errors**: [`Error::Input`] where the values do not fill rows, one is not finite, or k is out of range.
pub fn nearest(queries: &[f64], points: &[f64], dimension: usize, k: usize) -> Result<Neighbours> {
    rows("queries", queries, dimension)?;
    let n = rows("points", points, dimension)?;
    if k == 0 || k > n {
        return Err(Error::Input(format!("k is {k}, expected 1 to {n}: there are {n} points")));
    }
    Ok(search(queries, points, dimension, k, false))
}

/// Number of rows of a matrix.
fn rows(name: &str, values: &[f64], dimension: usize) -> Result<usize> {
    if dimension == 0 || !values.len().is_multiple_of(dimension) {
        return Err(Error::Input(format!("{} values of {name} do not fill rows of {dimension}", values.len())));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Error::Input(format!(
            "{name}, row {}, column {} is {}: distances need finite numbers",
            at / dimension,
            at % dimension,
            values[at]
        ))),
        None => Ok(values.len() / dimension),
    }
}

fn search(queries: &[f64], points: &[f64], dimension: usize, k: usize, skip_same_index: bool) -> Neighbours {
    let n = points.len() / dimension;
    // Feature-major, so that the inner loop runs over points: unlike a sum over features it needs no fixed order of
    // additions across lanes, and every distance is still summed in the order of the features.
    let mut by_feature = vec![0.0; points.len()];
    for (row, point) in points.chunks_exact(dimension).enumerate() {
        for (feature, value) in point.iter().enumerate() {
            by_feature[feature * n + row] = *value;
        }
    }
    let count = queries.len() / dimension;
    let (mut index, mut squared) = (Vec::with_capacity(count * k), Vec::with_capacity(count * k));
    let mut sums = vec![0.0; n];
    let mut candidates: Vec<(f64, usize)> = Vec::with_capacity(n);
    for (row, query) in queries.chunks_exact(dimension).enumerate() {
        for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
            sums.fill(0.0);
            let first = block * BLOCK;
            for (feature, at) in query.iter().enumerate() {
                let start = feature * n + first;
                let column = &by_feature[start..start + sums.len()];
                for (sum, value) in sums.iter_mut().zip(column) {
                    let difference = value - at;
                    *sum += difference * difference;
                }
            }
        }
        candidates.clear();
        candidates.extend(
            sums.iter().enumerate().filter(|(point, _)| !(skip_same_index && *point == row)).map(|(p, d)| (*d, p)),
        );
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if k < candidates.len() {
            candidates.select_nth_unstable_by(k - 1, order);
            candidates.truncate(k);
        }
        candidates.sort_unstable_by(order);
        for (distance, point) in &candidates {
            index.push(*point);
            squared.push(*distance);
        }
    }
    Neighbours { k, index, squared }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All distances, sorted.
    fn plainly(queries: &[f64], points: &[f64], dimension: usize, k: usize, skip: bool) -> Vec<Vec<(f64, usize)>> {
        queries
            .chunks(dimension)
            .enumerate()
            .map(|(row, query)| {
                let mut all: Vec<(f64, usize)> = points
                    .chunks(dimension)
                    .enumerate()
                    .filter(|(at, _)| !(skip && *at == row))
                    .map(|(at, point)| (query.iter().zip(point).map(|(a, b)| (b - a) * (b - a)).sum(), at))
                    .collect();
                all.sort_by(|a, b| a.partial_cmp(b).unwrap());
                all.truncate(k);
                all
            })
            .collect()
    }

    #[test]
    fn copies_are_others_and_ties_go_to_the_lower_index() {
        let near = nearest_others(&[2.0, 1.0, 1.0, 1.0, 3.0], 1, 2).unwrap();
        assert_eq!(near.index(), [1, 2, 2, 3, 1, 3, 1, 2, 0, 1]);
    }

    #[test]
    fn blocks_join_without_a_seam() {
        let points: Vec<f64> = (0..BLOCK * 2 + 7).map(|i| i as f64).collect();
        let near = nearest(&[BLOCK as f64 - 0.4], &points, 1, 3).unwrap();
        assert_eq!(near.index(), [BLOCK, BLOCK - 1, BLOCK + 1]);
    }

    #[test]
    fn impossible_input_is_refused() {
        assert!(nearest_others(&[1.0, 2.0], 1, 2).is_err());
        assert!(nearest_others(&[1.0, 2.0], 1, 0).is_err());
        assert!(nearest_others(&[], 1, 1).is_err());
        assert!(nearest_others(&[1.0, 2.0, 3.0], 2, 1).is_err());
        assert!(nearest_others(&[1.0], 0, 1).is_err());
        assert!(nearest_others(&[1.0, f64::NAN], 1, 1).is_err());
        assert!(nearest(&[1.0], &[1.0], 1, 2).is_err());
        assert!(nearest(&[1.0], &[1.0], 1, 1).is_ok());
    }

    proptest! {
        #[test]
        fn as_if_all_were_sorted(
            dimension in 1_usize..4,
            cells in prop::collection::vec(-3_i8..3, 12..90),
            k in 1_usize..4,
        ) {
            let n = cells.len() / dimension;
            let points: Vec<f64> = cells[..n * dimension].iter().map(|cell| f64::from(*cell)).collect();
            for (skip, near) in [
                (true, nearest_others(&points, dimension, k.min(n - 1)).unwrap()),
                (false, nearest(&points, &points, dimension, k.min(n - 1)).unwrap()),
            ] {
                let expected = plainly(&points, &points, dimension, k.min(n - 1), skip);
                for ((index, squared), expected) in near.iter().zip(expected) {
                    let got: Vec<(f64, usize)> = squared.iter().copied().zip(index.iter().copied()).collect();
                    prop_assert_eq!(got, expected);
                }
            }
        }
    }
}
