//! The toy problem: an objective that no member can see, and surrogates that each show half of it.

use harness_core::rng::Stream;
use harness_core::{Error, Result};

use super::hyper::{Hyper, Perturbation, Scale, Space};
use super::member::{Evaluation, Member};

/// Where gradient ascent on the surrogate leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToyState {
    /// θ.
    pub theta: [f64; 2],
    /// Q(θ).
    pub objective: f64,
    /// Q̂(θ | h).
    pub surrogate: f64,
}

/// Gradient ascent on the surrogate of the toy problem.
///
/// **Definition.** Objective Q(θ) = 1.2 − θ₀² − θ₁², surrogate Q̂(θ | h) = 1.2 − h₀θ₀² − h₁θ₁². Each step is
/// θ ← θ + η∇Q̂ = θ − 2ηh ⊙ θ, so that `steps` of them multiply θⱼ by (1 − 2ηhⱼ)^steps.
///
/// **Paper.** Section 4 (figure 2).
///
/// **Arguments.** `theta`, `h`: a member's; `learning_rate` above 0; `steps` at least 0.
///
/// **Errors.** [`Error::Input`] for values that are not finite and for a learning rate that is not above 0;
/// [`Error::Diverged`] where the steps lead out of the numbers.
///
/// **Example.**
/// ```
/// use papers_control::pbt::toy_steps;
/// let found = toy_steps([0.9, 0.9], [0.0, 1.0], 0.01, 4)?;
/// assert_eq!(found.theta[0], 0.9);
/// assert!((found.theta[1] - 0.9 * 0.98f64.powi(4)).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn toy_steps(theta: [f64; 2], h: [f64; 2], learning_rate: f64, steps: u64) -> Result<ToyState> {
    if let Some(value) = theta.iter().chain(&h).find(|value| !value.is_finite()) {
        return Err(Error::Input(format!("theta and h must be finite, but hold {value}")));
    }
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        return Err(Error::Input(format!("lr must be above 0, but is {learning_rate}")));
    }
    let after = |theta: f64, h: f64| {
        if theta == 0.0 { 0.0 } else { theta * (1.0 - 2.0 * learning_rate * h).powf(steps as f64) }
    };
    let theta = [after(theta[0], h[0]), after(theta[1], h[1])];
    let square = [theta[0] * theta[0], theta[1] * theta[1]];
    let found = ToyState {
        theta,
        objective: 1.2 - square[0] - square[1],
        surrogate: 1.2 - h[0] * square[0] - h[1] * square[1],
    };
    if theta.iter().all(|value| value.is_finite()) && found.objective.is_finite() && found.surrogate.is_finite() {
        Ok(found)
    } else {
        Err(Error::Diverged(format!("{steps} steps of lr {learning_rate} lead out of the numbers: use smaller ones")))
    }
}

/// h₀ and h₁ in \[0, 1\], perturbed by normal noise of this standard deviation.
pub fn toy_space(std: f64) -> Space {
    let weight = Hyper { low: 0.0, high: 1.0, scale: Scale::Linear, floor: None, tuned: 0.5 };
    Space { hypers: vec![("h0", weight), ("h1", weight)], perturbation: Perturbation::Normal { std } }
}

/// A member on the toy problem. Its performance is the objective, which its training never sees.
#[derive(Debug, Clone, PartialEq)]
pub struct ToyMember {
    theta: [f64; 2],
    learning_rate: f64,
    steps: u64,
    path: Vec<[f64; 2]>,
}

impl ToyMember {
    /// A member at `theta` that takes `steps` steps a turn.
    pub fn new(theta: [f64; 2], learning_rate: f64, steps: u64) -> Self {
        ToyMember { theta, learning_rate, steps, path: vec![theta] }
    }

    /// θ at the start, after each turn, and after each copy.
    pub fn path(&self) -> &[[f64; 2]] {
        &self.path
    }
}

impl Member for ToyMember {
    type State = ([f64; 2], Vec<[f64; 2]>);

    fn train(&mut self, hyper: &[f64], _rng: &mut Stream) -> Result<()> {
        let &[first, second] = hyper else {
            return Err(Error::Input(format!("the toy problem has 2 hyper-parameters, not {}", hyper.len())));
        };
        self.theta = toy_steps(self.theta, [first, second], self.learning_rate, self.steps)?.theta;
        self.path.push(self.theta);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<Evaluation> {
        Ok(Evaluation::of(toy_steps(self.theta, [1.0; 2], self.learning_rate, 0)?.objective))
    }

    fn copy_weights(&mut self, source: &Self) {
        self.theta = source.theta;
        self.path.push(self.theta);
    }

    fn state(&self) -> Self::State {
        (self.theta, self.path.clone())
    }

    fn restore(&mut self, (theta, path): Self::State) -> Result<()> {
        (self.theta, self.path) = (theta, path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_that_of_single_steps() {
        let (mut theta, h) = ([0.9, -0.3], [0.7, -0.2]);
        for _ in 0..9 {
            theta = toy_steps(theta, h, 0.01, 1).unwrap().theta;
        }
        let at_once = toy_steps([0.9, -0.3], h, 0.01, 9).unwrap().theta;
        assert!(theta.iter().zip(at_once).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn steps_that_overshoot_change_the_sign() {
        let found = toy_steps([1.0, 1.0], [1.0, 1.0], 0.75, 3).unwrap();
        assert_eq!(found.theta, [-0.125, -0.125]);
        assert!(toy_steps([1.0, 0.0], [1.0, 1.0], 1e3, 1_000_000).is_err());
        assert_eq!(toy_steps([0.0, 0.0], [1.0, 1.0], 1e3, 1_000_000).unwrap().objective, 1.2);
    }

    #[test]
    fn a_surrogate_alone_ends_at_the_published_height() {
        let found = toy_steps([0.9, 0.9], [1.0, 0.0], 0.01, 10_000).unwrap();
        assert!((found.objective - 0.39).abs() < 1e-9 && (found.surrogate - 1.2).abs() < 1e-9);
    }
}
