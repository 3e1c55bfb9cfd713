//! The five methods of the paper as update rules of one iterate.

use harness_core::{Error, Result};

use super::logistic::{self, Pass, TINY_WEIGHT};
use super::samples::{Samples, add_scaled, dot, is_right};

/// A method with its step size.
///
/// **Definition**, with `uᵢ = yᵢ aᵢ`, `pᵢ = 1/(1 + exp(uᵢᵀθ))`, `S = {i : uᵢᵀθ ≤ 0}` and `θ₀ = 0`:
///
/// | method | update |
/// | --- | --- |
/// | LR+GD | `θ += γ (1/n) Σ pᵢ uᵢ` |
/// | Normalized LR+GD | `θ += γ Σ pᵢ uᵢ / Σ pᵢ` |
/// | Batch Perceptron | first `θ += (1/2n) Σ uᵢ`, then `θ += (1/n) Σ_S uᵢ` |
/// | Normalized Batch Perceptron | `θ += (1/∣S∣) Σ_S uᵢ` |
/// | Perceptron | `θ += uⱼ`, `j = min S` |
///
/// **Paper**: Tyurin (arXiv 2412.08424); the batch perceptron is the limit of LR+GD/γ as γ → ∞ (its halved first step
/// is that of weights `pᵢ = ½` at `θ₀ = 0`), the normalized one that of Normalized LR+GD/γ.
///
/// **Differences**: the perceptron may take any misclassified point; ours is the one of the smallest index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Gradient descent on the logistic loss.
    LrGd {
        /// Step size γ > 0.
        step: f64,
    },
    /// Gradient descent divided by the mean misclassification weight.
    NormalizedLrGd {
        /// Step size γ > 0.
        step: f64,
    },
    /// The sum over all misclassified points, divided by n.
    BatchPerceptron,
    /// The mean over all misclassified points.
    NormalizedBatchPerceptron,
    /// One misclassified point at a time.
    Perceptron,
}

impl Method {
    /// The step size, where the method has one.
    pub fn step(self) -> Option<f64> {
        match self {
            Method::LrGd { step } | Method::NormalizedLrGd { step } => Some(step),
            Method::BatchPerceptron | Method::NormalizedBatchPerceptron | Method::Perceptron => None,
        }
    }

    /// Refuses a step size that is not a positive finite number.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn check(self) -> Result<()> {
        match self.step() {
            Some(step) if !(step.is_finite() && step > 0.0) => {
                Err(Error::Input(format!("`step` is {step}, expected a finite number above 0")))
            }
            _ => Ok(()),
        }
    }
}

/// `θ_t` of a method on a data set, and what the next step needs.
///
/// [`Iterate::look`] reads the data once, [`Iterate::step`] not at all.
#[derive(Debug, Clone)]
pub struct Iterate<'a> {
    samples: &'a Samples,
    method: Method,
    theta: Vec<f64>,
    t: u64,
    /// The step's direction, up to `factor`.
    pull: Vec<f64>,
    factor: f64,
    logistic: Option<Pass>,
}

impl<'a> Iterate<'a> {
    /// `θ₀ = 0`.
    ///
    /// # Errors
    /// As [`Method::check`].
    pub fn new(samples: &'a Samples, method: Method) -> Result<Self> {
        Iterate::at(samples, method, vec![0.0; samples.dim()], 0)
    }

    /// Any `θ_t`. `t = 0` makes the next step of [`Method::BatchPerceptron`] its halved first one.
    ///
    /// # Errors
    /// As [`Method::check`] and [`Samples::check_theta`].
    pub fn at(samples: &'a Samples, method: Method, theta: Vec<f64>, t: u64) -> Result<Self> {
        method.check()?;
        samples.check_theta(&theta)?;
        let pull = vec![0.0; samples.dim()];
        Ok(Iterate { samples, method, theta, t, pull, factor: 0.0, logistic: None })
    }

    /// `θ_t`.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// `t`, the number of steps taken.
    pub fn t(&self) -> u64 {
        self.t
    }

    /// Loss and weights at `θ_t`, where the method computes them: LR+GD and Normalized LR+GD, after
    /// [`Iterate::look`]. The last value is `‖∇f(θ_t)‖`.
    pub fn logistic(&self) -> Option<(Pass, f64)> {
        // For tiny weights `pull` is a mean, and its factor holds the step size alone.
        let scale = |pass: Pass| match self.method {
            Method::NormalizedLrGd { .. } if pass.weight <= TINY_WEIGHT => pass.weight,
            _ => 1.0,
        };
        let length = dot(&self.pull, &self.pull).sqrt() / self.samples.len() as f64;
        self.logistic.map(|pass| (pass, scale(pass) * length))
    }

    /// Looks at the data from `θ_t` and prepares the next step. Returns whether `θ_t` separates.
    pub fn look(&mut self) -> bool {
        let n = self.samples.len() as f64;
        self.logistic = None;
        let misclassified = match self.method {
            Method::LrGd { step } => {
                let pass = logistic::pass(self.samples, &self.theta, &mut self.pull);
                self.factor = step / n;
                self.logistic = Some(pass);
                pass.misclassified
            }
            Method::NormalizedLrGd { step } => {
                let pass = logistic::pass(self.samples, &self.theta, &mut self.pull);
                self.factor = if pass.weight > TINY_WEIGHT {
                    step / pass.weight
                } else {
                    logistic::mean_pull_of_tiny_weights(self.samples, &self.theta, &mut self.pull);
                    step
                };
                self.logistic = Some(pass);
                pass.misclassified
            }
            Method::BatchPerceptron if self.t == 0 => {
                let misclassified = self.samples.misclassified(&self.theta);
                self.pull.fill(0.0);
                self.samples.rows().for_each(|row| add_scaled(&mut self.pull, 1.0, row));
                // An empty S ends the method, whatever t.
                self.factor = if misclassified == 0 { 0.0 } else { 0.5 / n };
                misclassified
            }
            Method::BatchPerceptron => {
                let misclassified = self.pull_of_misclassified();
                self.factor = 1.0 / n;
                misclassified
            }
            Method::NormalizedBatchPerceptron => {
                let misclassified = self.pull_of_misclassified();
                self.factor = 1.0 / misclassified.max(1) as f64;
                misclassified
            }
            Method::Perceptron => {
                self.factor = 1.0;
                match self.samples.rows().find(|row| !is_right(dot(row, &self.theta))) {
                    Some(row) => {
                        self.pull.copy_from_slice(row);
                        1
                    }
                    None => {
                        self.pull.fill(0.0);
                        0
                    }
                }
            }
        };
        misclassified == 0
    }

    /// `pull = Σ_S uᵢ`; returns `|S|`.
    fn pull_of_misclassified(&mut self) -> usize {
        self.pull.fill(0.0);
        let mut misclassified = 0;
        for row in self.samples.rows() {
            if !is_right(dot(row, &self.theta)) {
                add_scaled(&mut self.pull, 1.0, row);
                misclassified += 1;
            }
        }
        misclassified
    }

    /// Refuses an iterate that has grown past what a double holds.
    ///
    /// # Errors
    /// [`Error::Diverged`].
    pub fn check_finite(&self) -> Result<()> {
        if self.theta.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Error::Diverged(format!("the iterate is not finite at t = {}: use a smaller step", self.t)))
    }

    /// Takes the step that the last [`Iterate::look`] found.
    pub fn step(&mut self) {
        add_scaled(&mut self.theta, self.factor, &self.pull);
        self.t += 1;
    }
}

/// How a method ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Separation {
    /// The smallest `t ≥ 1` at which `θ_t` separates, or none up to the limit.
    pub iterations: Option<u64>,
    /// The last iterate, of length d.
    pub theta: Vec<f64>,
}

/// Runs a method from `θ₀ = 0` until it separates the data or has taken `max_steps` steps.
///
/// **Definition**: the number of iterations is the smallest `t ≥ 1` with `yᵢ aᵢᵀθ_t > 0` for all i.
///
/// **Paper**: Tyurin (arXiv 2412.08424), the quantity that its theorems bound and its tables list.
///
/// **Arguments**: `method` with a step size above 0 where it has one; `max_steps`, any.
///
/// # Errors
/// As [`Method::check`]; [`Error::Diverged`] where the iterate grows past what a double holds.
///
/// # Example
/// ```
/// use papers_theory::lr_perceptron::{Method, iterations_to_separate, worst_case};
///
/// let samples = worst_case(1000)?;
/// let slow = iterations_to_separate(&samples, Method::LrGd { step: 100.0 }, 5000)?;
/// let fast = iterations_to_separate(&samples, Method::NormalizedLrGd { step: 100.0 }, 5000)?;
/// assert_eq!((slow.iterations, fast.iterations), (Some(308), Some(2)));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn iterations_to_separate(samples: &Samples, method: Method, max_steps: u64) -> Result<Separation> {
    let mut iterate = Iterate::new(samples, method)?;
    // θ₀ = 0 separates nothing, so that counting starts at t = 1.
    let mut separated = iterate.look();
    while !separated && iterate.t < max_steps {
        iterate.step();
        separated = iterate.look();
    }
    iterate.check_finite()?;
    Ok(Separation { iterations: separated.then_some(iterate.t), theta: iterate.theta })
}

#[cfg(test)]
mod tests {
    use super::super::tasks::{two_point, worst_case};
    use super::*;

    fn count(n: usize, method: Method) -> Option<u64> {
        iterations_to_separate(&worst_case(n).unwrap(), method, 5000).unwrap().iterations
    }

    #[test]
    fn the_published_worst_case_counts_are_exact() {
        let normalized = |step| count(1000, Method::NormalizedLrGd { step });
        assert_eq!([100.0, 10.0, 1.0, 0.1].map(normalized), [Some(2), Some(2), Some(16), Some(157)]);
        assert_eq!(count(1000, Method::LrGd { step: 100.0 }), Some(308));
    }

    #[test]
    fn the_two_point_set_has_the_published_second_iterate() {
        let samples = two_point().unwrap();
        let mut iterate = Iterate::new(&samples, Method::BatchPerceptron).unwrap();
        assert!(!iterate.look());
        iterate.step();
        assert_eq!(iterate.theta(), [0.5, 0.75]);
        assert!(!iterate.look());
        iterate.step();
        assert_eq!(iterate.theta(), [1.0, 0.25]);
        assert!(iterate.look());
    }

    #[test]
    fn the_first_step_of_the_batch_perceptron_is_halved_and_that_of_the_normalized_one_is_not() {
        let samples = Samples::new(&[2.0, 0.0, 0.0, 4.0], &[1.0, 1.0], 2).unwrap();
        for (method, first) in [
            (Method::BatchPerceptron, [0.5, 1.0]),
            (Method::NormalizedBatchPerceptron, [1.0, 2.0]),
            (Method::Perceptron, [2.0, 0.0]),
        ] {
            let mut iterate = Iterate::new(&samples, method).unwrap();
            assert!(!iterate.look());
            iterate.step();
            assert_eq!(iterate.theta(), first, "{method:?}");
        }
    }

    #[test]
    fn a_separator_is_left_alone_by_perceptrons() {
        let samples = Samples::new(&[1.0, 2.0], &[1.0, 1.0], 1).unwrap();
        for method in [Method::BatchPerceptron, Method::NormalizedBatchPerceptron, Method::Perceptron] {
            for t in [0, 5] {
                let mut iterate = Iterate::at(&samples, method, vec![3.0], t).unwrap();
                assert!(iterate.look());
                iterate.step();
                assert_eq!(iterate.theta(), [3.0], "{method:?}");
            }
        }
    }

    #[test]
    fn a_normalized_step_survives_weights_that_underflow() {
        let samples = Samples::new(&[1.0, 3.0], &[1.0, 1.0], 1).unwrap();
        let mut iterate = Iterate::at(&samples, Method::NormalizedLrGd { step: 2.0 }, vec![2000.0], 1).unwrap();
        iterate.look();
        let (pass, gradient_norm) = iterate.logistic().unwrap();
        assert_eq!((pass.loss, gradient_norm), (0.0, 0.0));
        iterate.step();
        // The nearest point has all the weight.
        assert_eq!(iterate.theta(), [2002.0]);
    }

    #[test]
    fn a_limit_of_zero_or_one_is_kept() {
        let samples = worst_case(20).unwrap();
        let none = iterations_to_separate(&samples, Method::BatchPerceptron, 0).unwrap();
        assert_eq!((none.iterations, none.theta), (None, vec![0.0, 0.0]));
        let easy = Samples::new(&[1.0], &[-1.0], 1).unwrap();
        let one = iterations_to_separate(&easy, Method::LrGd { step: 1.0 }, 1).unwrap();
        assert_eq!((one.iterations, one.theta), (Some(1), vec![-0.5]));
    }

    #[test]
    fn steps_that_are_not_positive_and_iterates_that_overflow_are_refused() {
        let samples = worst_case(5).unwrap();
        for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(iterations_to_separate(&samples, Method::LrGd { step }, 5), Err(Error::Input(_))));
        }
        let huge = Samples::new(&[1e200, 1e200], &[1.0, -1.0], 1).unwrap();
        let overflow = iterations_to_separate(&huge, Method::NormalizedLrGd { step: 1e200 }, 5);
        assert!(overflow.is_ok(), "opposed points cancel: {overflow:?}");
        let huge = Samples::new(&[1e200, 1e-200], &[1.0, -1.0], 1).unwrap();
        assert!(iterations_to_separate(&huge, Method::LrGd { step: 1e200 }, 5).is_err());
    }
}
