//! The logistic loss, its gradient and the normalization `β` of Normalized LR+GD.

use harness_core::Result;

use super::samples::{Samples, add_scaled, dot, is_right};

/// What one pass over the data finds at `θ`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// `f(θ)`.
    pub loss: f64,
    /// `Σ pᵢ`, the total misclassification weight.
    pub weight: f64,
    /// Number of points with a margin of at most 0.
    pub misclassified: usize,
}

/// Logistic loss with its gradient and `β`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticLoss {
    /// `f(θ)`, in nats.
    pub loss: f64,
    /// `∇f(θ)`, of length d.
    pub gradient: Vec<f64>,
    /// `β = n / Σ pᵢ`, at least 1.
    pub beta: f64,
}

/// Logistic loss of a linear classifier without bias.
///
/// **Definition**: with margins `mᵢ = yᵢ aᵢᵀθ` and `pᵢ = 1/(1 + exp(mᵢ))`,
/// `f(θ) = (1/n) Σ log(1 + exp(−mᵢ))`, `∇f(θ) = −(1/n) Σ pᵢ yᵢ aᵢ` and `β = [(1/n) Σ pᵢ]⁻¹`.
///
/// **Paper**: Tyurin (arXiv 2412.08424), the logistic regression problem and the Normalized LR+GD method.
///
/// **Arguments**: `samples`, n points in d dimensions; `theta`, of length d. Any margin that a double holds is fine:
/// sigmoid and softplus are computed in the form that does not overflow.
///
/// **Differences**: where every point is so far on the right side that `β` exceeds the largest double, it is the
/// largest double rather than infinite.
///
/// # Errors
/// [`harness_core::Error::Input`] where `theta` has another length or a value that is not finite.
///
/// # Example
/// ```
/// use papers_theory::lr_perceptron::{Samples, logistic_loss};
///
/// let samples = Samples::new(&[1.0, -1.0, -1.0, -4.0], &[1.0, -1.0], 2)?;
/// let at_zero = logistic_loss(&samples, &[0.0, 0.0])?;
/// assert!((at_zero.loss - 2f64.ln()).abs() < 1e-15);
/// assert_eq!(at_zero.gradient, [-0.5, -0.75]);
/// assert_eq!(at_zero.beta, 2.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn logistic_loss(samples: &Samples, theta: &[f64]) -> Result<LogisticLoss> {
    samples.check_theta(theta)?;
    let mut gradient = vec![0.0; samples.dim()];
    let pass = pass(samples, theta, &mut gradient);
    let n = samples.len() as f64;
    // `+ 0.0` turns −0 into 0.
    gradient.iter_mut().for_each(|value| *value = -*value / n + 0.0);
    Ok(LogisticLoss { loss: pass.loss, gradient, beta: beta(samples, theta, &pass) })
}

/// One pass over the data: loss, weights, and `pull = Σ pᵢ uᵢ = −n ∇f(θ)`, which is overwritten.
///
/// The row is used for its margin and for the gradient while it is still in the cache: one read of the data.
pub fn pass(samples: &Samples, theta: &[f64], pull: &mut [f64]) -> Pass {
    pull.fill(0.0);
    let (mut loss, mut weight, mut misclassified) = (0.0, 0.0, 0);
    for row in samples.rows() {
        let margin = dot(row, theta);
        let (softplus, p) = softplus_and_weight(margin);
        loss += softplus;
        weight += p;
        misclassified += usize::from(!is_right(margin));
        // With large steps most weights are exactly 0.
        if p != 0.0 {
            add_scaled(pull, p, row);
        }
    }
    Pass { loss: loss / samples.len() as f64, weight, misclassified }
}

/// `pull = Σ pᵢ uᵢ / Σ pᵢ` where [`pass`] found weights so small that their sum is not to be divided by: the weights
/// relative to the largest one, as in a softmax.
pub(super) fn mean_pull_of_tiny_weights(samples: &Samples, theta: &[f64], pull: &mut [f64]) {
    let largest = samples.rows().map(|row| log_weight(dot(row, theta))).fold(f64::NEG_INFINITY, f64::max);
    pull.fill(0.0);
    let mut total = 0.0;
    for row in samples.rows() {
        let relative = (log_weight(dot(row, theta)) - largest).exp();
        total += relative;
        add_scaled(pull, relative, row);
    }
    pull.iter_mut().for_each(|value| *value /= total);
}

/// Below this sum of weights a division would lose digits or overflow.
pub(super) const TINY_WEIGHT: f64 = 1e-290;

fn beta(samples: &Samples, theta: &[f64], pass: &Pass) -> f64 {
    let n = samples.len() as f64;
    let beta = if pass.weight > TINY_WEIGHT {
        n / pass.weight
    } else {
        let logs = || samples.rows().map(|row| log_weight(dot(row, theta)));
        let largest = logs().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logs().map(|log| (log - largest).exp()).sum();
        (n.ln() - largest - total.ln()).exp()
    };
    beta.min(f64::MAX)
}

/// `log(1 + exp(−m))` and `1/(1 + exp(m))`, from one exponential of a number that is at most 0.
fn softplus_and_weight(margin: f64) -> (f64, f64) {
    let small = (-margin.abs()).exp();
    let rest = small.ln_1p();
    if margin >= 0.0 { (rest, small / (1.0 + small)) } else { (rest - margin, 1.0 / (1.0 + small)) }
}

/// `log pᵢ`, finite however small `pᵢ` is.
fn log_weight(margin: f64) -> f64 {
    -(-margin.abs()).exp().ln_1p() - margin.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn margins_of_plus_and_minus_800_are_finite() {
        let samples = Samples::new(&[1.0, -1.0], &[1.0, 1.0], 1).unwrap();
        let both = logistic_loss(&samples, &[800.0]).unwrap();
        assert_eq!(both.loss, 400.0);
        assert_eq!(both.gradient, [0.5]);
        assert_eq!(both.beta, 2.0);
        let right = Samples::new(&[1.0], &[1.0], 1).unwrap();
        let right = logistic_loss(&right, &[800.0]).unwrap();
        assert_eq!((right.loss, right.gradient), (0.0, vec![0.0]));
        assert_eq!(right.beta, f64::MAX);
    }

    #[test]
    fn beta_does_not_round_to_infinity_before_it_must() {
        // p is the subnormal exp(−705) · …; β = 1 + exp(705) still is a double.
        let samples = Samples::new(&[1.0], &[1.0], 1).unwrap();
        let beta = logistic_loss(&samples, &[705.0]).unwrap().beta;
        assert!((beta / 705f64.exp() - 1.0).abs() < 1e-12, "{beta}");
    }

    proptest! {
        #[test]
        fn the_gradient_is_the_slope_of_the_loss(
            values in proptest::collection::vec(-2.0..2.0f64, 15),
            theta in proptest::collection::vec(-3.0..3.0f64, 3),
        ) {
            let samples = Samples::new(&values, &[1.0, -1.0, -1.0, 1.0, -1.0], 3).unwrap();
            let found = logistic_loss(&samples, &theta).unwrap();
            for k in 0..3 {
                let shifted = |by: f64| {
                    let mut theta = theta.clone();
                    theta[k] += by;
                    logistic_loss(&samples, &theta).unwrap().loss
                };
                let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                prop_assert!((slope - found.gradient[k]).abs() < 1e-8);
            }
        }

        #[test]
        fn weight_and_softplus_agree_with_their_definitions(margin in -30.0..30.0f64) {
            let (softplus, p) = softplus_and_weight(margin);
            prop_assert!((p - 1.0 / (1.0 + margin.exp())).abs() <= 1e-15);
            prop_assert!((softplus - (1.0 + (-margin).exp()).ln()).abs() <= 1e-14 * (1.0 + softplus));
            prop_assert!((log_weight(margin) - p.ln()).abs() <= 1e-12 * (1.0 + margin.abs()));
        }
    }
}
