//! The theorem: for a linear network with an L2 penalty of its Jacobian, the best response is a gate per hidden unit.

use harness_core::prelude::*;

use super::hyperparameter::logistic;

/// Ratio of the smallest to the largest singular value at and below which the inputs count as dependent.
pub const DEPENDENT: f64 = 1e-5;
/// Sweeps of the Jacobi method at most; it converges quadratically, in about ten.
const SWEEPS: usize = 60;

/// The best response of a linear network at several strengths of its penalty.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactResponse {
    /// β(λ), one row of D numbers per λ.
    pub coefficients: Vec<Vec<f64>>,
    /// sigmoid(2 log dᵢ − λ), one row of D numbers per λ, in descending order of the singular values.
    pub gates: Vec<Vec<f64>>,
}

/// The best response as gates in the basis of the principal components.
///
/// **Definition.** With X = U·diag(d)·Vᵀ: β(λ) = V·diag(sigmoid(2 log d − λ))·Vᵀβ_OLS, which minimises
/// ‖Xβ − t‖² + e^λ‖β‖², the loss of y = sᵀQx with the penalty (1/N) Σ e^λ‖∂y/∂x‖², since ∂y/∂x = Qᵀs = β.
///
/// **Paper.** Section 2.3, theorem on the exact best response of a shallow linear network (arXiv 1903.03088).
///
/// **Arguments.** `x` N rows of D numbers, row-major, N ≥ D; `t` N numbers; `log_lambda` λ, any finite size.
///
/// **Differences.** None. In double precision on the host, by a one-sided Jacobi decomposition.
///
/// **Errors.** [`Error::Input`] where sizes do not agree, N < D, a number is not finite, or the columns of X are
/// dependent: smallest / largest singular value ≤ 1e−5.
///
/// **Example**
/// ```
/// use papers_optimization::stn::exact_response;
/// let found = exact_response(&[2.0], 1, &[2.0], &[4f64.ln()])?;
/// assert!((found.gates[0][0] - 0.5).abs() < 1e-12 && (found.coefficients[0][0] - 0.5).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn exact_response(x: &[f64], columns: usize, t: &[f64], log_lambda: &[f64]) -> Result<ExactResponse> {
    check(x, columns, t, log_lambda)?;
    let components = principal_components(x, columns);
    let largest = components.first().map_or(0.0, |first| first.singular_value);
    let smallest = components.last().map_or(0.0, |last| last.singular_value);
    if !(largest > 0.0 && smallest / largest > DEPENDENT) {
        return Err(Error::Input(format!(
            "the columns of x are dependent: singular values from {largest:e} to {smallest:e}; leave some out"
        )));
    }
    // Coordinates of β_OLS: uᵢᵀt / dᵢ, where d u is what is at hand.
    let ols: Vec<f64> = components.iter().map(|c| dot(&c.image, t) / (c.singular_value * c.singular_value)).collect();
    let gates: Vec<Vec<f64>> = log_lambda
        .iter()
        .map(|lambda| components.iter().map(|c| logistic(2.0 * c.singular_value.ln() - lambda)).collect())
        .collect();
    let coefficients = gates
        .iter()
        .map(|gates: &Vec<f64>| {
            let mut beta = vec![0.0; columns];
            for ((component, gate), ols) in components.iter().zip(gates).zip(&ols) {
                for (beta, v) in beta.iter_mut().zip(&component.direction) {
                    *beta += v * gate * ols;
                }
            }
            beta
        })
        .collect();
    Ok(ExactResponse { coefficients, gates })
}

/// The same coefficients without gates: the solution of (XᵀX + e^λ I)β = Xᵀt by Cholesky's method.
///
/// # Errors
/// [`Error::Input`] where sizes do not agree or the matrix is not positive in double precision.
pub fn ridge(x: &[f64], columns: usize, t: &[f64], log_lambda: f64) -> Result<Vec<f64>> {
    check(x, columns, t, &[log_lambda])?;
    let mut gram = vec![vec![0.0; columns]; columns];
    let mut moment = vec![0.0; columns];
    for (row, t) in x.chunks_exact(columns).zip(t) {
        for ((line, moment), a) in gram.iter_mut().zip(&mut moment).zip(row) {
            *moment += a * t;
            for (entry, b) in line.iter_mut().zip(row) {
                *entry += a * b;
            }
        }
    }
    // Rows of the lower factor, and the solution of L z = Xᵀt as it grows.
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(columns);
    let mut z: Vec<f64> = Vec::with_capacity(columns);
    for (at, (line, moment)) in gram.iter().zip(&moment).enumerate() {
        let mut row: Vec<f64> = Vec::with_capacity(columns);
        for (above, entry) in factor.iter().zip(line) {
            let diagonal = above.last().copied().unwrap_or(1.0);
            row.push((entry - dot(&row, above)) / diagonal);
        }
        let square = line.get(at).copied().unwrap_or(0.0) + log_lambda.exp() - dot(&row, &row);
        if square <= 0.0 || !square.is_finite() {
            return Err(Error::Input("the matrix of the ridge problem is not positive: raise λ".into()));
        }
        z.push((moment - dot(&row, &z)) / square.sqrt());
        row.push(square.sqrt());
        factor.push(row);
    }
    // Lᵀβ = z from the last row up.
    let mut beta = z;
    for (at, row) in factor.iter().enumerate().rev() {
        let Some((diagonal, others)) = row.split_last() else { continue };
        let Some(value) = beta.get_mut(at) else { continue };
        *value /= diagonal;
        let value = *value;
        for (beta, entry) in beta.iter_mut().zip(others) {
            *beta -= entry * value;
        }
    }
    Ok(beta)
}

fn check(x: &[f64], columns: usize, t: &[f64], log_lambda: &[f64]) -> Result<()> {
    if columns == 0 || t.is_empty() || x.len() != columns * t.len() || log_lambda.is_empty() {
        return Err(Error::Input(format!(
            "{} inputs of {columns} columns for {} targets and {} strengths: expected rows of x as many as targets, and at \
             least one of each",
            x.len(),
            t.len(),
            log_lambda.len()
        )));
    }
    if t.len() < columns {
        return Err(Error::Input(format!("{} rows for {columns} columns: expected at least as many rows", t.len())));
    }
    match x.iter().chain(t).chain(log_lambda).find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("all numbers must be finite, got {value}"))),
        None => Ok(()),
    }
}

/// A singular value of X with its right vector v and X v.
struct Component {
    singular_value: f64,
    direction: Vec<f64>,
    image: Vec<f64>,
}

/// Singular values in descending order: the columns of X are rotated against each other until they are orthogonal.
fn principal_components(x: &[f64], columns: usize) -> Vec<Component> {
    let mut components: Vec<Component> = (0..columns)
        .map(|at| Component {
            singular_value: 0.0,
            direction: (0..columns).map(|other| if other == at { 1.0 } else { 0.0 }).collect(),
            image: x.iter().skip(at).step_by(columns).copied().collect(),
        })
        .collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for second in 1..columns {
            let (before, after) = components.split_at_mut(second);
            let Some(q) = after.first_mut() else { continue };
            for p in before {
                let (a, b, c) = (dot(&p.image, &p.image), dot(&q.image, &q.image), dot(&p.image, &q.image));
                if c.abs() <= 1e-15 * (a * b).sqrt() || c == 0.0 {
                    continue;
                }
                turned = true;
                let zeta = (b - a) / (2.0 * c);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = cosine * tangent;
                for (p, q) in [(&mut p.image, &mut q.image), (&mut p.direction, &mut q.direction)] {
                    for (p, q) in p.iter_mut().zip(q.iter_mut()) {
                        (*p, *q) = (cosine * *p - sine * *q, sine * *p + cosine * *q);
                    }
                }
            }
        }
        if !turned {
            break;
        }
    }
    for component in &mut components {
        component.singular_value = dot(&component.image, &component.image).sqrt();
    }
    components.sort_by(|a, b| b.singular_value.total_cmp(&a.singular_value));
    components
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gates_descend_and_reach_both_ends() {
        let x = [1.0, 0.0, 0.0, 100.0];
        let found = exact_response(&x, 2, &[3.0, 200.0], &[-80.0, 0.0, 80.0]).unwrap();
        assert_eq!(found.gates[0], [1.0, 1.0]);
        assert!((found.coefficients[0][0] - 3.0).abs() < 1e-12 && (found.coefficients[0][1] - 2.0).abs() < 1e-12);
        assert!((found.gates[1][0] - 1e4 / (1e4 + 1.0)).abs() < 1e-12 && (found.gates[1][1] - 0.5).abs() < 1e-12);
        assert!(found.gates[2].iter().all(|gate| *gate > 0.0 && *gate < 1e-29));
    }

    #[test]
    fn impossible_problems_are_refused() {
        assert!(exact_response(&[1.0, 2.0], 2, &[1.0], &[0.0]).is_err(), "fewer rows than columns");
        assert!(exact_response(&[1.0, 1.0, 2.0, 2.0], 2, &[1.0, 1.0], &[0.0]).is_err(), "dependent columns");
        assert!(exact_response(&[0.0, 0.0], 1, &[1.0, 1.0], &[0.0]).is_err(), "no input at all");
        assert!(exact_response(&[1.0, 0.0, 0.0, 1e-5], 2, &[1.0, 1.0], &[0.0]).is_err(), "the limit itself");
        assert!(exact_response(&[1.0, 0.0, 0.0, 2e-5], 2, &[1.0, 1.0], &[0.0]).is_ok());
        assert!(exact_response(&[f64::NAN], 1, &[1.0], &[0.0]).is_err());
        assert!(exact_response(&[1.0], 1, &[1.0], &[]).is_err());
        assert!(exact_response(&[], 0, &[], &[0.0]).is_err());
    }

    proptest! {
        #[test]
        fn gates_are_ridge(values in prop::collection::vec(-3.0f64..3.0, 40), lambda in -5.0f64..5.0) {
            let (x, t) = values.split_at(32);
            let Ok(found) = exact_response(x, 4, t, &[lambda]) else { return Ok(()) };
            let want = ridge(x, 4, t, lambda).unwrap();
            let size = dot(&want, &want).sqrt();
            for (got, want) in found.coefficients[0].iter().zip(&want) {
                prop_assert!((got - want).abs() <= 1e-9 * (1.0 + size), "{got} instead of {want}");
            }
            prop_assert!(found.gates[0].windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}
