//! Systems of linear equations with a symmetric positive definite matrix.

use harness_core::{Error, Result};

/// Solves A·X = B by Cholesky's factorisation, for all columns of B at once.
///
/// **Arguments**: `matrix` A `[n, n]` row-major, of which the lower triangle is read; `right` B `[n, columns]`.
///
/// **Errors**: [`Error::Input`] where the sizes do not fit; [`Error::Failed`] where A is not positive definite in double
/// precision.
///
/// ```
/// let x = papers_kit::cholesky::solve_positive(vec![4.0, 0.0, 2.0, 3.0], vec![8.0, 7.0], 1)?;
/// assert!((x[0] - 1.25).abs() < 1e-12 && (x[1] - 1.5).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn solve_positive(matrix: Vec<f64>, right: Vec<f64>, columns: usize) -> Result<Vec<f64>> {
    let size = right.len().checked_div(columns).unwrap_or(0);
    if size == 0 || size * columns != right.len() || size.checked_mul(size) != Some(matrix.len()) {
        return Err(Error::Input(format!(
            "{} values are not a square matrix for {} values in {columns} columns",
            matrix.len(),
            right.len()
        )));
    }
    let lower = factorise(matrix, size)?;
    let mut x = right;
    // Whole rows at a time, which run along memory.
    for row in 0..size {
        let (above, from) = x.split_at_mut(row * columns);
        let here = &mut from[..columns];
        for (known, entry) in above.chunks_exact(columns).zip(&lower[row * size..row * size + row]) {
            for (here, known) in here.iter_mut().zip(known) {
                *here -= entry * known;
            }
        }
        for here in here {
            *here /= lower[row * size + row];
        }
    }
    for row in (0..size).rev() {
        let (above, from) = x.split_at_mut(row * columns);
        let here = &mut from[..columns];
        for here in here.iter_mut() {
            *here /= lower[row * size + row];
        }
        for (open, entry) in above.chunks_exact_mut(columns).zip(&lower[row * size..row * size + row]) {
            for (open, here) in open.iter_mut().zip(here.iter()) {
                *open -= entry * here;
            }
        }
    }
    Ok(x)
}

/// The lower triangle L of A = L·Lᵀ, in the lower triangle of the result.
fn factorise(matrix: Vec<f64>, size: usize) -> Result<Vec<f64>> {
    let mut lower = matrix;
    for row in 0..size {
        for column in 0..=row {
            let (above, from) = lower.split_at(row * size);
            let known = if column < row { &above[column * size..column * size + column] } else { &from[..row] };
            let dot: f64 = from[..column].iter().zip(known).map(|(a, b)| a * b).sum();
            let value = lower[row * size + column] - dot;
            lower[row * size + column] = if column < row {
                value / lower[column * size + column]
            } else if value > 0.0 {
                value.sqrt()
            } else {
                return Err(Error::Failed(format!("row {row} of the system is not positive definite: pivot {value}")));
            };
        }
    }
    Ok(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_solution_solves(
            entries in prop::collection::vec(-2.0f64..2.0, 16),
            right in prop::collection::vec(-5.0f64..5.0, 12),
        ) {
            // B·Bᵀ + I is positive definite; what stands above its diagonal does not matter.
            let product = |i: usize, j: usize| {
                (0..4).map(|k| entries[i * 4 + k] * entries[j * 4 + k]).sum::<f64>() + f64::from(u8::from(i == j))
            };
            let matrix = (0..16).map(|at| if at % 4 > at / 4 { f64::NAN } else { product(at / 4, at % 4) }).collect();
            let x = solve_positive(matrix, right.clone(), 3).unwrap();
            for (at, right) in right.iter().enumerate() {
                let (row, column) = (at / 3, at % 3);
                let left: f64 = (0..4).map(|k| product(row, k) * x[k * 3 + column]).sum();
                prop_assert!((left - right).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn what_cannot_be_solved_is_refused() {
        assert!(solve_positive(vec![1.0, 2.0], vec![1.0, 2.0], 1).is_err());
        assert!(solve_positive(vec![], vec![], 1).is_err());
        assert!(solve_positive(vec![1.0], vec![1.0], 0).is_err());
        assert!(solve_positive(vec![1.0, 0.0, 2.0, 1.0], vec![1.0, 2.0], 1).is_err(), "indefinite");
        assert!(solve_positive(vec![f64::NAN], vec![1.0], 1).is_err());
    }
}
