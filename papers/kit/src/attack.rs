//! Adversarial examples in an ℓ∞ ball: projected gradient ascent, and FGSM as its one-step case.

use burn::config::Config;
use burn::tensor::TensorData;
use harness_core::backend::Tensor;
use harness_core::{Error, Result};
use rand::Rng;

/// Configuration of [`Pgd`].
#[derive(Config, Debug)]
pub struct PgdConfig {
    /// Radius ε of the ball, in the unit of the inputs.
    pub epsilon: f64,
    /// Length α of a step.
    pub step: f64,
    /// Number of steps K.
    pub steps: usize,
    /// Smallest value of an input.
    #[config(default = 0.0)]
    pub low: f64,
    /// Largest value of an input.
    #[config(default = 1.0)]
    pub high: f64,
}

impl PgdConfig {
    /// The fast gradient sign method: one step of length ε, taken from the clean input.
    pub fn fgsm(epsilon: f64) -> Self {
        PgdConfig::new(epsilon, epsilon, 1)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] where ε or α is negative or not finite, or the range of inputs is empty.
    pub fn init(&self) -> Result<Pgd> {
        for (name, value) in [("epsilon", self.epsilon), ("step", self.step)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::Input(format!("attack: {name} must be a finite number of at least 0, got {value}")));
            }
        }
        // Written so that NaN is refused too.
        if !(self.low < self.high) {
            return Err(Error::Input(format!("attack: the range of inputs {} to {} is empty", self.low, self.high)));
        }
        Ok(Pgd { epsilon: self.epsilon, step: self.step, steps: self.steps, low: self.low, high: self.high })
    }
}

/// Projected gradient ascent on the losses of a batch, in the box {x′ : ‖x′ − x‖∞ ≤ ε, low ≤ x′ ≤ high}.
///
/// **Definition.** x′ ← clip(x′ + α·sign(∇ₓ′ Σᵢ ℓᵢ)), K times. sign(0) = 0.
///
/// **Paper.** Madry et al., ICLR 2018 (arXiv 1706.06083), section 2.1; Goodfellow et al., ICLR 2015 for one step.
///
/// **Arguments.** Inputs of any rank, the batch first. Tensors that go in must live on a device that records gradients
/// (any from [`harness_core::backend::DeviceChoice::open`]); those that come out are constants on it.
///
/// **Differences.** The sum of the losses is differentiated instead of their mean, which has the same sign and does not
/// underflow for well-classified examples. The last iterate is returned, not the worst.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::attack::PgdConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let clean = Tensor::<2>::from_data([[0.5, 0.95]], &device);
/// // The loss grows with both inputs; the second one meets the end of its range.
/// let attack = PgdConfig::new(0.1, 0.04, 5).init()?;
/// let adversarial = attack.attack(clean.clone(), clean, |x| x.sum_dim(1).squeeze_dim(1));
/// let values: Vec<f32> = adversarial.into_data().iter().collect();
/// assert!((values[0] - 0.6).abs() < 1e-6 && values[1] == 1.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pgd {
    epsilon: f64,
    step: f64,
    steps: usize,
    low: f64,
    high: f64,
}

impl Pgd {
    /// Number of steps K.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The inputs moved by U(−ε, ε) in each coordinate, clipped to the box. Draws come from the host's stream, in the
    /// order of the batch.
    pub fn random_start<const D: usize>(&self, clean: Tensor<D>, rng: &mut impl Rng) -> Tensor<D> {
        use rand_distr::{Distribution, Uniform};
        let shape = clean.dims();
        let Ok(noise) = Uniform::new_inclusive(-self.epsilon as f32, self.epsilon as f32) else {
            return clean; // only for an ε beyond the range of f32
        };
        let noise: Vec<f32> = (0..shape.iter().product()).map(|_| noise.sample(rng)).collect();
        let noise = Tensor::from_data(TensorData::new(noise, shape), &clean.device());
        self.project(clean.clone() + noise, clean)
    }

    /// The nearest point of the box around `clean`.
    pub fn project<const D: usize>(&self, x: Tensor<D>, clean: Tensor<D>) -> Tensor<D> {
        let lower = clean.clone() - self.epsilon;
        let upper = clean + self.epsilon;
        x.max_pair(lower).min_pair(upper).clamp(self.low, self.high)
    }

    /// One step: x + α·sign(gradient), clipped to the box around `clean`.
    pub fn ascend<const D: usize>(&self, x: Tensor<D>, clean: Tensor<D>, gradient: Tensor<D>) -> Tensor<D> {
        self.project(x + gradient.sign() * self.step, clean)
    }

    /// K steps from `start`. `losses` gives the loss of each example, which the attack raises; it is called once per
    /// step with inputs that record gradients. Parameters that record gradients only cost time: hand it a model
    /// without them (`model.clone().no_grad()`), in evaluation behaviour.
    pub fn attack<const D: usize>(
        &self,
        clean: Tensor<D>,
        start: Tensor<D>,
        mut losses: impl FnMut(Tensor<D>) -> Tensor<1>,
    ) -> Tensor<D> {
        let clean = clean.inner();
        let mut x = start.inner();
        for _ in 0..self.steps {
            let gradient = input_gradient(Tensor::from_inner(x.clone()), &mut losses);
            x = self.ascend(x, clean.clone(), gradient.inner());
        }
        Tensor::from_inner(x)
    }
}

/// ∇ₓ Σᵢ ℓᵢ(x), a constant of the shape of `x`; zeros where the losses do not depend on it.
pub fn input_gradient<const D: usize>(x: Tensor<D>, losses: impl FnOnce(Tensor<D>) -> Tensor<1>) -> Tensor<D> {
    let x = x.detach().require_grad();
    let gradients = losses(x.clone()).sum().backward();
    match x.grad(&gradients) {
        Some(gradient) => Tensor::from_inner(gradient),
        None => x.detach().zeros_like(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use proptest::prelude::*;

    fn row(values: &[f32]) -> Tensor<2> {
        let device = DeviceChoice::Cpu.open().unwrap();
        Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &device)
    }

    /// A concave loss with its top at `top`.
    fn hill(top: Tensor<2>) -> impl FnMut(Tensor<2>) -> Tensor<1> {
        move |x| -(x - top.clone()).square().sum_dim(1).squeeze_dim(1)
    }

    #[test]
    fn the_attack_finds_the_top_of_a_hill_inside_the_box_and_the_corner_otherwise() {
        let attack = PgdConfig::new(0.2, 0.01, 60).init().unwrap();
        let clean = row(&[0.5, 0.5, 0.9]);
        let found = read_f32(attack.attack(clean.clone(), clean, hill(row(&[0.6, -3.0, 9.0]))));
        assert!((found[0] - 0.6).abs() <= 0.0101 && (found[1] - 0.3).abs() < 1e-6 && found[2] == 1.0, "{found:?}");
    }

    #[test]
    fn a_zero_gradient_moves_nothing() {
        let attack = PgdConfig::new(0.2, 0.1, 1).init().unwrap();
        let x = row(&[0.3, 0.4]);
        assert_eq!(read_f32(attack.ascend(x.clone(), x.clone(), row(&[0.0, -0.0]))), [0.3, 0.4]);
        let constant = attack.attack(x.clone(), x, |x| row(&[1.0]).reshape([1]) + x.sum() * 0.0);
        assert_eq!(read_f32(constant), [0.3, 0.4]);
        assert_eq!(read_f32(input_gradient(row(&[1.0, 2.0]), |_| row(&[1.0]).require_grad().reshape([1]))), [0.0; 2]);
    }

    #[test]
    fn fgsm_is_one_step_to_the_corner() {
        let clean = row(&[0.5, 0.5]);
        let attack = PgdConfig::fgsm(0.1).init().unwrap();
        let found = read_f32(attack.attack(clean.clone(), clean, hill(row(&[0.51, 0.0]))));
        assert!((found[0] - 0.6).abs() < 1e-6 && (found[1] - 0.4).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(PgdConfig::new(-0.1, 0.1, 1).init().is_err());
        assert!(PgdConfig::new(0.1, f64::NAN, 1).init().is_err());
        assert!(PgdConfig::new(0.1, 0.1, 1).with_low(1.0).init().is_err());
        assert!(PgdConfig::new(0.0, 0.0, 0).init().is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever the gradient, no point leaves the box; starts fill it.
        #[test]
        fn points_stay_in_the_box(
            clean in prop::collection::vec(0.0f32..=1.0, 1..20),
            epsilon in 0.0f64..0.5,
            step in 0.0f64..1.0,
            seed in 0u64..1000,
        ) {
            let attack = PgdConfig::new(epsilon, step, 3).init().unwrap();
            let mut rng = harness_core::rng::stream("test", "attack", seed);
            let start = attack.random_start(row(&clean), &mut rng);
            let top: Vec<f32> = clean.iter().map(|value| 3.0 * value - 1.0).collect();
            let end = attack.attack(row(&clean), start.clone(), hill(row(&top)));
            for found in [read_f32(start), read_f32(end)] {
                for (x, clean) in found.iter().zip(&clean) {
                    prop_assert!((0.0..=1.0).contains(x) && f64::from((x - clean).abs()) <= epsilon + 1e-6);
                }
            }
        }
    }
}
