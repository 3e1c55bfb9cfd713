//! Logistic regression with two classes on the host, by Newton's method: exact enough that regularisations can be
//! compared, and without a learning rate to choose.

use harness_core::{Error, Result};

use crate::cholesky::solve_positive;

/// Newton steps after which the fit is taken as it is; fewer than twenty are usual.
const MOST_STEPS: usize = 60;

/// A linear classifier of two classes.
///
/// **Definition.** w, b minimise ½‖w‖² + C·Σᵢ ln(1 + exp(−yᵢ(w·xᵢ + b))) with yᵢ = ±1; the bias is not penalised.
///
/// ```
/// use papers_kit::logistic::Logistic;
/// let rows = [-2.0, -1.0, 1.0, 2.0];
/// let model = Logistic::fit(&rows, 1, &[false, false, true, true], 1.0, None)?;
/// assert_eq!(model.error(&rows, &[false, false, true, true])?, 0.0);
/// assert!(model.logit(&[3.0]) > model.logit(&[1.0]));
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// Weights w, then the bias b.
    weights: Vec<f64>,
}

impl Logistic {
    /// Fits rows `[n, width]` and their classes for the strength of fit `c` > 0, from `start` where another fit of the
    /// same width is near.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no row, rows and classes do not fit, a value is not finite or `c` is not a finite
    /// number above 0; [`Error::Failed`] where the curvature is numerically singular.
    pub fn fit(rows: &[f64], width: usize, classes: &[bool], c: f64, start: Option<&Logistic>) -> Result<Self> {
        check(rows, width, classes)?;
        if !(c.is_finite() && c > 0.0) {
            return Err(Error::Input(format!("logistic regression: c must be a finite number above 0, got {c}")));
        }
        if rows.iter().any(|value| !value.is_finite()) {
            return Err(Error::Input("logistic regression: a row has a value that is not finite".into()));
        }
        let problem = Problem { rows, width, classes, c };
        let mut weights = match start {
            Some(start) if start.weights.len() == width + 1 => start.weights.clone(),
            _ => vec![0.0; width + 1],
        };
        let mut objective = problem.objective(&weights);
        for _ in 0..MOST_STEPS {
            let (gradient, curvature) = problem.derivatives(&weights);
            let step = solve_positive(curvature, gradient.clone(), 1)?;
            let slope: f64 = step.iter().zip(&gradient).map(|(step, gradient)| step * gradient).sum();
            // Half the decrement is what the quadratic model expects to gain.
            if slope <= 1e-10 * (1.0 + objective) {
                break;
            }
            let mut length = 1.0;
            let mut moved = false;
            while length > 1e-8 {
                let trial: Vec<f64> = weights.iter().zip(&step).map(|(weight, step)| weight - length * step).collect();
                let value = problem.objective(&trial);
                if value <= objective - 1e-4 * length * slope {
                    (weights, objective, moved) = (trial, value, true);
                    break;
                }
                length *= 0.5;
            }
            if !moved {
                break;
            }
        }
        Ok(Logistic { weights })
    }

    /// w·x + b; missing values count as 0.
    pub fn logit(&self, row: &[f64]) -> f64 {
        logit(&self.weights, row)
    }

    /// Share of rows `[n, width]` on the wrong side; a logit of 0 counts as class `false`.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no row, or rows and classes do not fit.
    pub fn error(&self, rows: &[f64], classes: &[bool]) -> Result<f64> {
        let width = self.weights.len().saturating_sub(1);
        check(rows, width, classes)?;
        let wrong = row_by_row(rows, width, classes).filter(|(row, class)| (self.logit(row) > 0.0) != *class).count();
        Ok(wrong as f64 / classes.len() as f64)
    }
}

fn check(rows: &[f64], width: usize, classes: &[bool]) -> Result<()> {
    if width == 0 || classes.is_empty() || width.checked_mul(classes.len()) != Some(rows.len()) {
        return Err(Error::Input(format!(
            "logistic regression: {} values are not {} rows of {width}, at least one of each",
            rows.len(),
            classes.len()
        )));
    }
    Ok(())
}

fn row_by_row<'a>(rows: &'a [f64], width: usize, classes: &'a [bool]) -> impl Iterator<Item = (&'a [f64], bool)> {
    rows.chunks_exact(width.max(1)).zip(classes.iter().copied())
}

fn logit(weights: &[f64], row: &[f64]) -> f64 {
    let bias = weights.last().copied().unwrap_or(0.0);
    bias + weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
}

struct Problem<'a> {
    rows: &'a [f64],
    width: usize,
    classes: &'a [bool],
    c: f64,
}

impl Problem<'_> {
    fn objective(&self, weights: &[f64]) -> f64 {
        let penalty: f64 = weights.iter().take(self.width).map(|weight| 0.5 * weight * weight).sum();
        let loss: f64 = row_by_row(self.rows, self.width, self.classes)
            .map(|(row, class)| {
                let margin = if class { logit(weights, row) } else { -logit(weights, row) };
                (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
            })
            .sum();
        penalty + self.c * loss
    }

    /// Gradient `[width + 1]` and the lower triangle of the curvature `[width + 1, width + 1]`.
    fn derivatives(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let size = self.width + 1;
        let mut gradient: Vec<f64> = weights.to_vec();
        gradient[self.width] = 0.0;
        let mut curvature = vec![0.0; size * size];
        let mut extended = vec![1.0; size];
        for (row, class) in row_by_row(self.rows, self.width, self.classes) {
            extended[..self.width].copy_from_slice(row);
            let probability = 1.0 / (1.0 + (-logit(weights, row)).exp());
            let slope = self.c * (probability - f64::from(u8::from(class)));
            let bend = self.c * probability * (1.0 - probability);
            for (at, value) in extended.iter().enumerate() {
                gradient[at] += slope * value;
                let scaled = bend * value;
                // Features behind a ReLU are zero half of the time.
                if scaled != 0.0 {
                    for (entry, other) in curvature[at * size..=at * size + at].iter_mut().zip(&extended) {
                        *entry += scaled * other;
                    }
                }
            }
        }
        for at in 0..self.width {
            curvature[at * size + at] += 1.0;
        }
        // Where all probabilities are 0 or 1 the bias has no curvature left; this keeps the system solvable.
        curvature[size * size - 1] += 1e-9;
        (gradient, curvature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// At the optimum w = −C·Σ (p − y)·x and Σ (p − y) = 0.
    fn stationarity(model: &Logistic, rows: &[f64], width: usize, classes: &[bool], c: f64) -> f64 {
        let problem = Problem { rows, width, classes, c };
        problem.derivatives(&model.weights).0.iter().map(|g| g.abs()).fold(0.0, f64::max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn the_gradient_vanishes_at_the_fit(
            rows in prop::collection::vec(-3.0f64..3.0, 36),
            mut classes in prop::collection::vec(any::<bool>(), 12),
            power in -5i32..4,
        ) {
            classes[0] = true;
            classes[1] = false;
            let c = 10f64.powi(power);
            let model = Logistic::fit(&rows, 3, &classes, c, None).unwrap();
            prop_assert!(stationarity(&model, &rows, 3, &classes, c) < 1e-3 * (1.0 + c), "c = {}", c);
        }
    }

    #[test]
    fn the_start_does_not_change_the_fit_and_one_class_alone_is_fitted() {
        let rows = [0.1, -0.5, 2.0, 1.5, -1.0, 0.3];
        let classes = [true, false, true, true, false, false];
        let cold = Logistic::fit(&rows, 1, &classes, 2.0, None).unwrap();
        let far = Logistic { weights: vec![-3.0, 4.0] };
        let warm = Logistic::fit(&rows, 1, &classes, 2.0, Some(&far)).unwrap();
        assert!(cold.weights.iter().zip(&warm.weights).all(|(a, b)| (a - b).abs() < 1e-4), "{cold:?} {warm:?}");
        let one = Logistic::fit(&rows, 1, &[true; 6], 1.0, None).unwrap();
        assert_eq!(one.error(&rows, &[true; 6]).unwrap(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Logistic::fit(&[], 1, &[], 1.0, None).is_err());
        assert!(Logistic::fit(&[1.0], 0, &[true], 1.0, None).is_err());
        assert!(Logistic::fit(&[1.0, 2.0], 1, &[true], 1.0, None).is_err());
        assert!(Logistic::fit(&[f64::NAN], 1, &[true], 1.0, None).is_err());
        assert!(Logistic::fit(&[1.0], 1, &[true], 0.0, None).is_err());
    }
}
