//! The paper's objective: the worst case over weights of the examples, with a Kullback-Leibler penalty, in closed form;
//! and its stochastic form with a moving average of the normaliser.

use burn::config::Config;
use harness_core::prelude::*;

/// log((1/n) Σᵢ exp xᵢ) for x ≤ 0 with maximum 0, `[n]` to `[1]`.
///
/// Where all xᵢ are small (r → ∞), exp rounds to 1 and the mean of the losses would be lost in it. There the sum runs
/// over exp x − 1 = tanh(x/2)·(exp x + 1) instead.
fn log_mean_exp(x: Tensor<1>) -> Tensor<1> {
    let exponentials = x.clone().exp();
    let direct = exponentials.clone().mean().log();
    let excess = ((x * 0.5).tanh() * (exponentials + 1.0)).mean();
    let far = excess.clone().lower_elem(-0.5);
    // The clamp keeps the branch that is not taken finite, so that its gradient of 0 stays 0.
    excess.clamp_min(-0.9).log1p().mask_where(far, direct)
}

/// (ℓ − max ℓ)/r and max ℓ, the latter a constant.
fn centred(losses: Tensor<1>, r: f64) -> (Tensor<1>, Tensor<1>) {
    let largest = losses.clone().detach().max(); // [1]
    ((losses - largest.clone()) / r, largest)
}

fn check_r(r: f64) -> Result<()> {
    // In single precision, since that is what the losses are divided by.
    if r.is_finite() && r > 0.0 && (r as f32).is_normal() {
        Ok(())
    } else {
        Err(Error::Input(format!("r must be a number above 0 that single precision can hold, got {r}")))
    }
}

/// Configuration of [`KlDro`].
#[derive(Config, Debug)]
pub struct KlDroConfig {
    /// Price r of the divergence from uniform weights, in the unit of the losses.
    #[config(default = 1.0)]
    pub r: f64,
}

impl KlDroConfig {
    /// Checks the number.
    ///
    /// # Errors
    /// [`Error::Input`] where r is not above 0.
    pub fn init(&self) -> Result<KlDro> {
        check_r(self.r)?;
        Ok(KlDro { r: self.r })
    }
}

/// The largest weighted loss over all weights of the examples, less the price of leaving uniform weights.
///
/// **Definition.** L = max over w in the simplex of Σᵢ wᵢℓᵢ − r Σᵢ wᵢ log(n·wᵢ) = r·log((1/n) Σᵢ exp(ℓᵢ/r)), attained at
/// w = softmax(ℓ/r); ∂L/∂ℓ = w. r → ∞ gives the mean of the losses, r → 0 the largest.
///
/// **Paper.** The inner problem over the data distribution and its closed form (arXiv 2308.00311, section 3).
///
/// **Arguments.** Losses `[n]` with n ≥ 1, any finite size: the largest is taken out before exp.
///
/// **Differences.** None known; no code was released.
///
/// **Errors.** See [`KlDroConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_robustness::doubly_robust_at::KlDroConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let losses = Tensor::<1>::from_data([0.0, 3000.0], &device);
/// let loss = KlDroConfig::new().with_r(3.0).init()?.forward(losses);
/// assert!((loss.into_scalar() - (3000.0 - 3.0 * 2f32.ln())).abs() < 1e-3);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KlDro {
    r: f64,
}

impl KlDro {
    /// L, `[n]` to `[1]`.
    pub fn forward(&self, losses: Tensor<1>) -> Tensor<1> {
        let (x, largest) = centred(losses, self.r);
        log_mean_exp(x) * self.r + largest
    }

    /// The weights that attain the maximum, `[n]` with sum 1, as constants.
    pub fn weights(&self, losses: Tensor<1>) -> Tensor<1> {
        let exponentials = centred(losses.detach(), self.r).0.exp();
        exponentials.clone() / exponentials.sum()
    }
}

/// Configuration of [`MovingAverage`].
#[derive(Config, Debug)]
pub struct MovingAverageConfig {
    /// Price r of the divergence from uniform weights, in the unit of the losses.
    #[config(default = 1.0)]
    pub r: f64,
    /// Share η of a new batch in the average; 1 forgets all earlier batches.
    #[config(default = 0.1)]
    pub eta: f64,
}

impl MovingAverageConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] where r is not above 0 or η is not in (0, 1].
    pub fn init(&self) -> Result<MovingAverage> {
        check_r(self.r)?;
        if !(self.eta > 0.0 && self.eta <= 1.0) {
            return Err(Error::Input(format!("eta must be above 0 and at most 1, got {}", self.eta)));
        }
        Ok(MovingAverage { r: self.r, eta: self.eta })
    }
}

/// The stochastic form of [`KlDro`] on mini-batches: weights with a normaliser that is averaged over the steps.
///
/// **Definition.** With batch B: log g = logsumexp_B(ℓ/r) − log|B|; u ← (1 − η)·u + η·g, in the log domain, u = g at the
/// first step; wᵢ = exp(ℓᵢ/r − log u)/|B|; loss = Σ_B wᵢℓᵢ with w constant. Its gradient is the stochastic
/// compositional gradient of L. The weights sum to g/u, not to 1: a batch that is harder than the average counts for
/// more.
///
/// **Paper.** The compositional algorithm of section 4, as read here: first order, moving average of the inner function.
///
/// **Arguments.** Losses `[b]` with b ≥ 1; the log u of the step before `[1]`, `None` at the first step.
///
/// **Differences.** None known; no code was released.
///
/// **Errors.** See [`MovingAverageConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_robustness::doubly_robust_at::MovingAverageConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let average = MovingAverageConfig::new().init()?;
/// let easy = average.step(Tensor::<1>::from_data([0.1, 0.2], &device), None);
/// let hard = average.step(Tensor::<1>::from_data([2.1, 2.2], &device), Some(easy.log_u));
/// assert!((easy.weights.sum().into_scalar() - 1.0).abs() < 1e-5);
/// assert!(hard.weights.sum().into_scalar() > 4.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovingAverage {
    r: f64,
    eta: f64,
}

/// What a step of [`MovingAverage`] gives.
#[derive(Debug, Clone)]
pub struct MovingAverageStep {
    /// log u after the step, `[1]`, a constant.
    pub log_u: Tensor<1>,
    /// The weights wᵢ, `[b]`, constants of at most 1/η.
    pub weights: Tensor<1>,
    /// Σ wᵢℓᵢ, `[1]`; its gradient with respect to the losses is w.
    pub loss: Tensor<1>,
}

impl MovingAverage {
    /// One step.
    pub fn step(&self, losses: Tensor<1>, log_u: Option<Tensor<1>>) -> MovingAverageStep {
        let count = losses.dims()[0] as f64;
        let (x, largest) = centred(losses.clone().detach(), self.r);
        // All logarithms relative to max ℓ/r, whose own rounding then does not reach the weights.
        let offset = largest / self.r;
        let log_g = log_mean_exp(x.clone());
        let log_u = match log_u {
            Some(previous) if self.eta < 1.0 => {
                let previous = previous.detach() - offset.clone() + (1.0 - self.eta).ln();
                let new = log_g + self.eta.ln();
                let larger = previous.clone().max_pair(new.clone());
                larger + (-(previous - new).abs()).exp().log1p()
            }
            _ => log_g,
        };
        let weights = (x - log_u.clone()).exp() / count;
        MovingAverageStep { log_u: log_u + offset, loss: (losses * weights.clone()).sum(), weights }
    }
}

#[cfg(test)]
mod tests {
    use super::super::optimality;
    use super::*;
    use burn::tensor::TensorData;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use proptest::prelude::*;

    fn vector(values: &[f64]) -> Tensor<1> {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &DeviceChoice::Cpu.open().unwrap())
    }

    /// The losses as single precision holds them.
    fn rounded(values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| f64::from(*value as f32)).collect()
    }

    fn objective(losses: &[f64], r: f64) -> f64 {
        f64::from(KlDroConfig::new().with_r(r).init().unwrap().forward(vector(losses)).into_scalar())
    }

    #[test]
    fn large_r_is_the_mean_and_small_r_the_largest() {
        let losses = rounded(&[0.3, 1.2, 2.7]);
        assert!((objective(&losses, 1e6) - 1.4).abs() < 1e-5);
        assert!((objective(&losses, 1e-4) - 2.7).abs() < 1e-3);
        assert_eq!(objective(&losses[..1], 0.7), losses[0]);
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for r in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-60] {
            assert!(KlDroConfig::new().with_r(r).init().is_err(), "{r}");
            assert!(MovingAverageConfig::new().with_r(r).init().is_err(), "{r}");
        }
        for eta in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(MovingAverageConfig::new().with_eta(eta).init().is_err(), "{eta}");
        }
    }

    /// With normalised weights the average would have no effect; with a gradient through them the step would double.
    #[test]
    fn the_average_scales_the_step_and_only_the_losses_are_differentiated() {
        let losses = vector(&[1.0, 2.0]).require_grad();
        let step = MovingAverageConfig::new().init().unwrap().step(losses.clone(), Some(vector(&[0.0])));
        let weights = read_f32(step.weights);
        let g = (1f64.exp() + 2f64.exp()) / 2.0;
        let u = 0.9 + 0.1 * g;
        assert!((f64::from(weights.iter().sum::<f32>()) - g / u).abs() < 1e-5, "{weights:?}");
        let gradients = step.loss.backward();
        assert_eq!(read_f32(losses.grad(&gradients).unwrap()), weights);
    }

    #[test]
    fn extreme_losses_stay_finite() {
        let average = MovingAverageConfig::new().with_eta(0.01).init().unwrap();
        let mut log_u = None;
        for losses in [[0.0, 1000.0], [5000.0, 4999.0], [0.0, 0.0]] {
            let step = average.step(vector(&losses), log_u);
            let weights = read_f32(step.weights);
            assert!(weights.iter().all(|weight| (0.0..=100.0).contains(weight)), "{weights:?}");
            assert!(step.loss.into_scalar().is_finite());
            log_u = Some(step.log_u);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_and_gradients_are_those_of_double_precision(
            losses in prop::collection::vec(0.0f64..20.0, 1..50),
            log_r in -2.0f64..5.0,
        ) {
            let losses = rounded(&losses);
            let r = 10f64.powf(log_r);
            let expected = optimality::objective(&losses, r);
            let found = objective(&losses, r);
            prop_assert!((found - expected).abs() <= 1e-6 + 1e-5 * expected.abs(), "{found} instead of {expected}");
            let tensor = vector(&losses).require_grad();
            let dro = KlDroConfig::new().with_r(r).init().unwrap();
            let gradients = dro.forward(tensor.clone()).backward();
            let weights = optimality::weights(&losses, r);
            let by_gradient = read_f32(tensor.grad(&gradients).unwrap());
            for (found, want) in by_gradient.iter().chain(&read_f32(dro.weights(tensor))).zip(weights.iter().chain(&weights)) {
                prop_assert!((f64::from(*found) - want).abs() <= 1e-7 + 5e-5 * want, "{found} instead of {want}");
            }
        }

        #[test]
        fn steps_are_those_of_double_precision(
            losses in prop::collection::vec(0.0f64..20.0, 1..50),
            previous in -5.0f64..30.0,
            r in 0.2f64..50.0,
            eta in 0.01f64..=1.0,
        ) {
            let losses = rounded(&losses);
            let previous = f64::from(previous as f32);
            let g = losses.iter().map(|loss| (loss / r).exp()).sum::<f64>() / losses.len() as f64;
            let u = (1.0 - eta) * previous.exp() + eta * g;
            let average = MovingAverageConfig::new().with_r(r).with_eta(eta).init().unwrap();
            let step = average.step(vector(&losses), Some(vector(&[previous])));
            prop_assert!((f64::from(step.log_u.into_scalar()) - u.ln()).abs() <= 1e-6 + 2e-5 * u.ln().abs());
            for (found, loss) in read_f32(step.weights).iter().zip(&losses) {
                let want = (loss / r).exp() / u / losses.len() as f64;
                prop_assert!((f64::from(*found) - want).abs() <= 1e-7 + 1e-4 * want, "{found} instead of {want}");
            }
        }
    }
}
