//! Isolation forest.

use harness_core::{Error, Result};
use rand::Rng;
use rand::RngExt;
use rand::seq::index;

/// Sizes of an isolation forest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forest {
    /// Number of trees.
    pub trees: usize,
    /// Rows that a tree is grown from, at least 2; all where there are fewer.
    pub samples: usize,
}

/// A node: a split, or a leaf with the number of rows that reached it.
enum Node {
    Split { feature: usize, at: f64, below: usize, above: usize },
    Leaf { rows: usize },
}

/// Isolation forest: rows that few random splits set apart are outliers.
///
/// **Definition**: 2^{−E[h(x)]/c(ψ)} with h the number of splits on the way of x down a tree plus c(size) of the leaf
/// where growing stopped, ψ the rows per tree and c(n) = 2(H_{n−1}) − 2(n − 1)/n the mean path of an unsuccessful
/// search. A tree splits a random feature that varies at a uniform value and stops at depth ⌈log₂ ψ⌉.
///
/// **Source**: Liu, Ting, Zhou 2008 ("Isolation forest"), algorithms 1 to 3 and equations 1 and 2.
///
/// **Arguments**: `values` `[rows, columns]` row-major, finite, at least two rows.
///
/// **Differences**: the harmonic number is exact rather than ln n + γ; a split is drawn among the features that vary in
/// its node, so that no split is wasted.
///
/// **Errors**: [`Error::Input`] where the values do not fill rows, there are fewer than two, one is not finite, there is
/// no tree, or a tree has fewer than two rows.
///
/// ```
/// use papers_vision::apre_outlier::detectors::{Forest, isolation_forest};
/// let values: Vec<f64> = (0..50).map(f64::from).chain([500.0]).collect();
/// let mut rng = harness_core::rng::stream("example", "forest", 0);
/// let score = isolation_forest(&values, 1, Forest { trees: 50, samples: 32 }, &mut rng)?;
/// assert!(score[..50].iter().all(|inlier| *inlier < score[50]));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn isolation_forest(values: &[f64], columns: usize, size: Forest, rng: &mut impl Rng) -> Result<Vec<f64>> {
    if columns == 0 || !values.len().is_multiple_of(columns) || values.len() / columns < 2 {
        return Err(Error::Input(format!("{} values are not two or more rows of {columns}", values.len())));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::Input("a value is not finite: it cannot be split at".into()));
    }
    if size.trees == 0 || size.samples < 2 {
        return Err(Error::Input(format!("{size:?}: a forest needs a tree, and a tree at least 2 rows")));
    }
    let rows = values.len() / columns;
    let samples = size.samples.min(rows);
    let deepest = (samples as f64).log2().ceil() as usize;
    let mut depth = vec![0.0; rows];
    for _ in 0..size.trees {
        let mut chosen = index::sample(rng, rows, samples).into_vec();
        let mut tree = Vec::new();
        grow(values, columns, &mut chosen, deepest, &mut tree, rng);
        for (row, depth) in values.chunks_exact(columns).zip(&mut depth) {
            *depth += path(&tree, row);
        }
    }
    let usual = size.trees as f64 * mean_path(samples);
    Ok(depth.into_iter().map(|depth| (-depth / usual).exp2()).collect())
}

/// Adds the tree over `rows` to `tree` and returns the place of its root.
fn grow(
    values: &[f64],
    columns: usize,
    rows: &mut [usize],
    levels: usize,
    tree: &mut Vec<Node>,
    rng: &mut impl Rng,
) -> usize {
    let place = tree.len();
    tree.push(Node::Leaf { rows: rows.len() });
    if levels == 0 || rows.len() < 2 {
        return place;
    }
    let ranges: Vec<(usize, f64, f64)> = (0..columns)
        .filter_map(|feature| {
            let (low, high) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| {
                let value = values[row * columns + feature];
                (low.min(value), high.max(value))
            });
            (low < high).then_some((feature, low, high))
        })
        .collect();
    if ranges.is_empty() {
        return place;
    }
    let (feature, low, high) = ranges[rng.random_range(0..ranges.len())];
    // Rows at or above the split go up; above the lowest value, so that neither side is empty.
    let at = (low + (high - low) * (1.0 - rng.random::<f64>())).clamp(low, high);
    let at = if at > low { at } else { high };
    let mut middle = 0;
    for place in 0..rows.len() {
        if values[rows[place] * columns + feature] < at {
            rows.swap(place, middle);
            middle += 1;
        }
    }
    let (lower, upper) = rows.split_at_mut(middle);
    let below = grow(values, columns, lower, levels - 1, tree, rng);
    let above = grow(values, columns, upper, levels - 1, tree, rng);
    tree[place] = Node::Split { feature, at, below, above };
    place
}

/// Splits on the way of a row, plus what an unfinished leaf would still take.
fn path(tree: &[Node], row: &[f64]) -> f64 {
    let (mut place, mut length) = (0, 0.0);
    loop {
        match &tree[place] {
            Node::Leaf { rows } => return length + mean_path(*rows),
            Node::Split { feature, at, below, above } => {
                place = if row[*feature] < *at { *below } else { *above };
                length += 1.0;
            }
        }
    }
}

/// c(n): the mean path of an unsuccessful search in a binary search tree of n rows.
fn mean_path(rows: usize) -> f64 {
    if rows < 2 {
        return 0.0;
    }
    let harmonic: f64 = (1..rows).map(|i| 1.0 / i as f64).sum();
    2.0 * harmonic - 2.0 * (rows - 1) as f64 / rows as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::rng::stream;

    #[test]
    fn mean_paths_are_those_of_small_search_trees() {
        assert_eq!(mean_path(1), 0.0);
        assert_eq!(mean_path(2), 1.0);
        assert!((mean_path(3) - 5.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn two_rows_are_set_apart_by_one_split() {
        let score =
            isolation_forest(&[0.0, 1.0], 1, Forest { trees: 7, samples: 256 }, &mut stream("t", "t", 0)).unwrap();
        assert_eq!(score, [0.5, 0.5]);
    }

    #[test]
    fn equal_rows_cannot_be_set_apart() {
        let score = isolation_forest(&[3.0; 20], 2, Forest { trees: 3, samples: 8 }, &mut stream("t", "t", 0)).unwrap();
        assert!(score.iter().all(|score| (score - 0.5).abs() < 1e-12), "{score:?}");
    }

    #[test]
    fn impossible_input_is_refused() {
        let mut rng = stream("t", "t", 0);
        let size = Forest { trees: 1, samples: 2 };
        assert!(isolation_forest(&[1.0], 1, size, &mut rng).is_err());
        assert!(isolation_forest(&[1.0, f64::NAN], 1, size, &mut rng).is_err());
        assert!(isolation_forest(&[1.0, 2.0], 1, Forest { trees: 0, samples: 2 }, &mut rng).is_err());
        assert!(isolation_forest(&[1.0, 2.0], 1, Forest { trees: 1, samples: 1 }, &mut rng).is_err());
    }
}
