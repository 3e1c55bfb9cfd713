//! The theorems' bounds on the number of iterations.

use harness_core::{Error, Result};

/// Upper bounds on the iterations that separate the data from `θ₀ = 0`. Real numbers, not rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IterationBounds {
    /// Batch Perceptron: `n R²/μ²`.
    pub batch_perceptron: f64,
    /// Normalized Batch Perceptron, and Perceptron: `R²/μ²`.
    pub normalized_batch_perceptron: f64,
    /// Normalized LR+GD: `R²/μ² + 2 log(2n − 1)/(γ μ²)`.
    pub normalized_lr_gd: f64,
}

/// Bounds on the number of iterations.
///
/// **Definition**: see [`IterationBounds`].
///
/// **Paper**: Tyurin (arXiv 2412.08424), theorems 3.3 (batch perceptron), 5.3 (normalized batch perceptron; the classical
/// bound of the perceptron is the same) and 6.1 (Normalized LR+GD). There is none for LR+GD.
///
/// **Arguments**: `n ≥ 1` points; `radius` R = maxᵢ‖aᵢ‖ ≥ 0; `margin` μ > 0; `step` γ > 0. Where `margin` is only a
/// lower bound of the true one, so are the results valid upper bounds.
///
/// # Errors
/// [`Error::Input`] where an argument is out of its range or a bound exceeds the largest double.
///
/// # Example
/// ```
/// use papers_theory::lr_perceptron::iteration_bounds;
///
/// let bounds = iteration_bounds(20, 1.5, 0.25, 10.0)?;
/// assert_eq!((bounds.batch_perceptron, bounds.normalized_batch_perceptron), (720.0, 36.0));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn iteration_bounds(n: u64, radius: f64, margin: f64, step: f64) -> Result<IterationBounds> {
    if n < 1 {
        return Err(Error::Input("`n` is 0, expected at least 1 point".into()));
    }
    if !(radius.is_finite() && radius >= 0.0) {
        return Err(Error::Input(format!("`radius` is {radius}, expected a finite number of at least 0")));
    }
    for (name, value) in [("margin", margin), ("step", step)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(Error::Input(format!("`{name}` is {value}, expected a finite number above 0")));
        }
    }
    let n = n as f64;
    let ratio = (radius / margin).powi(2);
    let bounds = IterationBounds {
        batch_perceptron: n * ratio,
        normalized_batch_perceptron: ratio,
        normalized_lr_gd: ratio + 2.0 * (2.0 * n - 1.0).ln() / step / margin / margin,
    };
    if bounds.batch_perceptron.is_finite() && bounds.normalized_lr_gd.is_finite() {
        Ok(bounds)
    } else {
        Err(Error::Input(format!("a margin of {margin} is too small: the bounds exceed the largest double")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_theorems() {
        let bounds = iteration_bounds(1000, 1.25f64.sqrt(), 0.5, 0.1).unwrap();
        assert!((bounds.batch_perceptron - 5000.0).abs() < 1e-9);
        assert!((bounds.normalized_batch_perceptron - 5.0).abs() < 1e-12);
        assert!((bounds.normalized_lr_gd - (5.0 + 80.0 * 1999f64.ln())).abs() < 1e-9);
        let single = iteration_bounds(1, 2.0, 1.0, 1e-9).unwrap();
        assert_eq!(single.normalized_lr_gd, 4.0);
    }

    #[test]
    fn impossible_arguments_are_refused() {
        for (n, radius, margin, step) in [
            (0, 1.0, 1.0, 1.0),
            (1, -1.0, 1.0, 1.0),
            (1, f64::NAN, 1.0, 1.0),
            (1, 1.0, 0.0, 1.0),
            (1, 1.0, -1.0, 1.0),
            (1, 1.0, 1.0, 0.0),
            (1, 1.0, 1.0, f64::INFINITY),
            (1, 1.0, 1e-300, 1.0),
        ] {
            assert!(iteration_bounds(n, radius, margin, step).is_err(), "{n} {radius} {margin} {step}");
        }
    }
}
