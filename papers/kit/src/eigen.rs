//! Eigenvalues and eigenvectors of symmetric matrices.

use harness_core::{Error, Result};

/// Sweeps after which a matrix that has not become diagonal is given up; five to ten are usual.
const MOST_SWEEPS: usize = 60;

/// Eigenvalues in descending order with their eigenvectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// Eigenvalues, largest first.
    pub values: Vec<f64>,
    /// The unit eigenvector of each, in the same order. Signs are arbitrary.
    pub vectors: Vec<Vec<f64>>,
}

/// Decomposes a symmetric matrix by Jacobi's method: rotations that make one off-diagonal element after another zero
/// (Golub and Van Loan, *Matrix Computations*, section 8.5). Slow but accurate: seconds from about 500 rows on.
///
/// **Arguments**: `matrix` `[size, size]` row-major, finite and symmetric; the upper triangle is read.
///
/// **Errors**: [`Error::Input`] where the matrix is empty, not square or not finite; [`Error::Failed`] where it does not
/// become diagonal.
///
/// ```
/// let eigen = papers_kit::eigen::symmetric_eigen(&[2.0, 1.0, 1.0, 2.0], 2)?;
/// assert!((eigen.values[0] - 3.0).abs() < 1e-12 && (eigen.values[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn symmetric_eigen(matrix: &[f64], size: usize) -> Result<Eigen> {
    if size == 0 || size.checked_mul(size) != Some(matrix.len()) {
        return Err(Error::Input(format!("{} values are not a square matrix of {size} rows", matrix.len())));
    }
    if let Some(at) = matrix.iter().position(|value| !value.is_finite()) {
        return Err(Error::Input(format!("row {}, column {} is {}", at / size, at % size, matrix[at])));
    }
    let mut a = matrix.to_vec();
    for row in 0..size {
        for column in 0..row {
            a[row * size + column] = a[column * size + row];
        }
    }
    // Rows are the vectors, so that a rotation runs along memory.
    let mut vectors = vec![0.0; size * size];
    for at in 0..size {
        vectors[at * size + at] = 1.0;
    }
    let scale = a.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let negligible = f64::EPSILON * scale;
    for _ in 0..MOST_SWEEPS {
        let mut rotated = false;
        for p in 0..size {
            for q in p + 1..size {
                if a[p * size + q].abs() > negligible {
                    rotate(&mut a, &mut vectors, size, p, q);
                    rotated = true;
                }
            }
        }
        if !rotated {
            let mut order: Vec<usize> = (0..size).collect();
            order.sort_by(|x, y| a[y * size + y].total_cmp(&a[x * size + x]));
            return Ok(Eigen {
                values: order.iter().map(|at| a[at * size + at]).collect(),
                vectors: order.iter().map(|at| vectors[at * size..(at + 1) * size].to_vec()).collect(),
            });
        }
    }
    Err(Error::Failed(format!("a matrix of {size} rows did not become diagonal in {MOST_SWEEPS} sweeps")))
}

/// Makes the element (p, q) zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], size: usize, p: usize, q: usize) {
    let (app, aqq, apq) = (a[p * size + p], a[q * size + q], a[p * size + q]);
    let theta = (aqq - app) / (2.0 * apq);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    turn_rows(a, size, p, q, cosine, sine);
    for row in 0..size {
        let (x, y) = (a[row * size + p], a[row * size + q]);
        a[row * size + p] = cosine * x - sine * y;
        a[row * size + q] = sine * x + cosine * y;
    }
    a[p * size + q] = 0.0;
    a[q * size + p] = 0.0;
    turn_rows(vectors, size, p, q, cosine, sine);
}

fn turn_rows(matrix: &mut [f64], size: usize, p: usize, q: usize, cosine: f64, sine: f64) {
    let (upper, lower) = matrix.split_at_mut(q * size);
    for (x, y) in upper[p * size..(p + 1) * size].iter_mut().zip(&mut lower[..size]) {
        let (old_x, old_y) = (*x, *y);
        *x = cosine * old_x - sine * old_y;
        *y = sine * old_x + cosine * old_y;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn impossible_matrices_are_refused() {
        assert!(symmetric_eigen(&[], 0).is_err());
        assert!(symmetric_eigen(&[1.0, 2.0], 2).is_err());
        assert!(symmetric_eigen(&[f64::NAN], 1).is_err());
    }

    #[test]
    fn the_zero_matrix_has_only_zeros() {
        assert_eq!(symmetric_eigen(&[0.0; 9], 3).unwrap().values, [0.0; 3]);
    }

    proptest! {
        #[test]
        fn the_decomposition_gives_the_matrix_back(
            size in 1_usize..8, cells in prop::collection::vec(-10.0_f64..10.0, 64)
        ) {
            let mut matrix = vec![0.0; size * size];
            for row in 0..size {
                for column in 0..=row {
                    matrix[row * size + column] = cells[row * 8 + column];
                    matrix[column * size + row] = cells[row * 8 + column];
                }
            }
            let eigen = symmetric_eigen(&matrix, size).unwrap();
            for row in 0..size {
                for column in 0..size {
                    let back: f64 = eigen.values.iter().zip(&eigen.vectors).map(|(l, v)| l * v[row] * v[column]).sum();
                    prop_assert!((back - matrix[row * size + column]).abs() < 1e-9);
                    let product: f64 = eigen.vectors[row].iter().zip(&eigen.vectors[column]).map(|(x, y)| x * y).sum();
                    prop_assert!((product - f64::from(u8::from(row == column))).abs() < 1e-9);
                }
            }
            prop_assert!(eigen.values.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}
