//! The cart–pole simulation.

use harness_core::number::Number;
use harness_core::rng::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

const GRAVITY: f64 = 9.8;
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
/// Half of the pole's length.
const HALF_LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
/// Seconds of an Euler step.
const TIME_STEP: f64 = 0.02;
const POSITION_LIMIT: f64 = 2.4;
/// 12 degrees.
const ANGLE_LIMIT: f64 = std::f64::consts::PI / 15.0;
/// Steps after which an episode ends in any case.
pub const EPISODE: u32 = 500;

/// A pole on a cart that is pushed left or right, one reward a step until it falls or the cart leaves the track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartPole {
    /// Position, velocity, angle, angular velocity.
    state: [f64; 4],
    steps: u32,
}

impl CartPole {
    /// A new episode: each part of the state from U(−0.05, 0.05).
    pub fn start(rng: &mut Stream) -> Self {
        CartPole { state: std::array::from_fn(|_| rng.random_range(-0.05..0.05)), steps: 0 }
    }

    /// Position, velocity, angle, angular velocity.
    pub fn state(&self) -> [f64; 4] {
        self.state
    }

    /// Steps, which are rewards, of this episode.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Pushes the cart and gives whether the episode has ended.
    ///
    /// With F = ±10 N, m the pole's mass, M that of both, l half of the length: u = (F + m·l·θ̇²·sin θ)/M,
    /// θ̈ = (g·sin θ − u·cos θ)/(l·(4/3 − m·cos²θ/M)), ẍ = u − m·l·θ̈·cos θ/M. Positions move by the old velocities.
    pub fn push(&mut self, right: bool) -> bool {
        let [x, velocity, angle, spin] = self.state;
        let force = if right { FORCE } else { -FORCE };
        let mass = CART_MASS + POLE_MASS;
        let (sin, cos) = angle.sin_cos();
        let u = (force + POLE_MASS * HALF_LENGTH * spin * spin * sin) / mass;
        let spin_change = (GRAVITY * sin - u * cos) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / mass));
        let acceleration = u - POLE_MASS * HALF_LENGTH * spin_change * cos / mass;
        self.state = [
            x + TIME_STEP * velocity,
            velocity + TIME_STEP * acceleration,
            angle + TIME_STEP * spin,
            spin + TIME_STEP * spin_change,
        ];
        self.steps += 1;
        self.state[0].abs() > POSITION_LIMIT || self.state[2].abs() > ANGLE_LIMIT || self.steps >= EPISODE
    }
}

/// Mean of the latest returns, and the returns since the last look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returns {
    window: usize,
    latest: Vec<Number>,
    new: usize,
}

impl Returns {
    /// No episode yet; the mean is over at most `window`.
    pub fn new(window: usize) -> Self {
        Returns { window, latest: Vec::new(), new: 0 }
    }

    /// An episode has ended with this return.
    pub fn push(&mut self, value: f64) {
        self.latest.push(Number(value));
        self.new += 1;
        // Those that nobody has looked at stay.
        let keep = self.window.max(self.new);
        self.latest.drain(..self.latest.len().saturating_sub(keep));
    }

    /// Mean of the latest returns; `None` where no episode has ended.
    pub fn mean(&self) -> Option<f64> {
        let latest = &self.latest[self.latest.len().saturating_sub(self.window)..];
        (!latest.is_empty()).then(|| latest.iter().map(|one| one.0).sum::<f64>() / latest.len() as f64)
    }

    /// The returns that came since the last call.
    pub fn take_new(&mut self) -> Vec<f64> {
        let new = self.latest[self.latest.len() - self.new..].iter().map(|one| one.0).collect();
        self.new = 0;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_from_rest_is_that_of_the_equations() {
        let mut cart = CartPole { state: [0.0; 4], steps: 0 };
        assert!(!cart.push(true));
        // u = 10/1.1, θ̈ = −u/(½(4/3 − 0.1/1.1)), ẍ = u − 0.05θ̈/1.1.
        let u = 10.0 / 1.1;
        let spin = -u / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
        let expected = [0.0, 0.02 * (u - 0.05 * spin / 1.1), 0.0, 0.02 * spin];
        assert!(cart.state.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{:?}", cart.state);
        assert!(cart.state[1] > 0.19 && cart.state[3] < -0.29);
    }

    #[test]
    fn left_and_right_mirror_each_other() {
        let mut rng = harness_core::rng::stream("test", "cart", 0);
        let start = CartPole::start(&mut rng);
        assert!(start.state.iter().all(|value| value.abs() < 0.05));
        let (mut a, mut b) = (start.clone(), CartPole { state: start.state.map(|value| -value), steps: 0 });
        for step in 0..8 {
            assert_eq!(a.push(step % 3 == 0), b.push(step % 3 != 0));
            assert!(a.state.iter().zip(b.state).all(|(a, b)| (a + b).abs() < 1e-12));
        }
    }

    #[test]
    fn episodes_end_at_the_limits() {
        let ends = |state: [f64; 4], steps: u32| CartPole { state, steps }.push(true);
        assert!(ends([2.401, 0.0, 0.0, 0.0], 0) && ends([-2.5, 0.0, 0.0, 0.0], 0));
        assert!(ends([0.0, 0.0, 0.2095, 0.0], 0) && !ends([0.0, 0.0, 0.2093, 0.0], 0));
        assert!(ends([0.0; 4], 499) && !ends([0.0; 4], 498));
        // Pushing one way only, the pole falls within about ten steps.
        let mut cart = CartPole { state: [0.0; 4], steps: 0 };
        while !cart.push(true) {}
        assert!((8..12).contains(&cart.steps()), "{}", cart.steps());
    }

    #[test]
    fn the_mean_is_of_the_latest_and_every_return_is_seen_once() {
        let mut returns = Returns::new(3);
        assert_eq!(returns.mean(), None);
        (1..=5).for_each(|value| returns.push(f64::from(value)));
        assert_eq!(returns.mean(), Some(4.0));
        assert_eq!(returns.take_new(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        returns.push(6.0);
        assert_eq!((returns.mean(), returns.take_new()), (Some(5.0), vec![6.0]));
        assert!(returns.take_new().is_empty());
        assert_eq!(returns.mean(), Some(5.0));
    }
}
