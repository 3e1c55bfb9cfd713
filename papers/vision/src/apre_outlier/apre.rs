//! The adjustable probabilistic reconstruction error.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};

/// The two weights of the adjustable probabilistic reconstruction error.
#[derive(Config, Debug, PartialEq)]
pub struct ApreConfig {
    /// Weight α of the bias, the squared error in units of the predicted deviation: at least 0.
    #[config(default = 0.5)]
    pub alpha: f64,
    /// Weight β of the uncertainty, the logarithm of the predicted variance: at least 0.
    #[config(default = 0.5)]
    pub beta: f64,
}

impl ApreConfig {
    /// Checks the weights.
    ///
    /// # Errors
    /// [`Error::Input`] where a weight is below 0 or not finite.
    pub fn init(&self) -> Result<Apre> {
        for (name, weight) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::Input(format!("{name} must be a finite number of at least 0, but is {weight}")));
            }
        }
        Ok(Apre { alpha: self.alpha, beta: self.beta })
    }
}

/// Adjustable probabilistic reconstruction error: a Gaussian log-likelihood whose two parts have weights.
///
/// **Definition**: Σ_d [α (x_d − μ_d)² e^{−s_d} + β s_d] with the predicted mean μ and log-variance s of each feature.
/// α = β = ½ is the probabilistic reconstruction error (PRE), the negative log-likelihood up to a constant.
///
/// **Paper**: Tan, Yang, Chen, Rahardja, Rahardja 2023, arXiv 2304.00709, the weighted negative log-likelihood of the
/// abstract, as the module's documentation reads it.
///
/// **Arguments**: `x`, `mean`, `log_var` `[n, D]` in the unit of the features. Higher is more outlying.
///
/// **Differences**: no authors' code could be read. Nothing is clamped here: a network's log-variance is bounded where it
/// is computed, see `autoencoder.rs`. The exponential is taken of −s/2 and squared with the difference, which is
/// the same in exact arithmetic and over- or underflows later.
///
/// **Errors**: none after [`ApreConfig::init`]; shapes that do not fit are a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_vision::apre_outlier::ApreConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let error = ApreConfig::new().init()?;
/// let x = Tensor::<2>::from_data([[1.0, 3.0]], &device);
/// let (mean, log_var) = (Tensor::zeros([1, 2], &device), Tensor::zeros([1, 2], &device));
/// assert_eq!(read_f32(error.forward_no_reduction(x, mean, log_var)), [5.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apre {
    alpha: f64,
    beta: f64,
}

impl Apre {
    /// The mean over samples, `[1]`: what a network is trained with.
    pub fn forward(&self, x: Tensor<2>, mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<1> {
        self.forward_no_reduction(x, mean, log_var).mean()
    }

    /// The error of each sample, `[n]`: what an outlier is known by.
    pub fn forward_no_reduction(&self, x: Tensor<2>, mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<1> {
        let deviations = (x - mean) * (log_var.clone() * -0.5).exp(); // [n, D]
        (deviations.square() * self.alpha + log_var * self.beta).sum_dim(1).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn weights_must_be_sensible() {
        for (alpha, beta) in [(-0.1, 0.5), (0.5, -0.1), (f64::NAN, 0.5), (0.5, f64::INFINITY)] {
            assert!(ApreConfig::new().with_alpha(alpha).with_beta(beta).init().is_err());
        }
    }

    /// β s + α e² e^{−s} is smallest where e^s = α e²/β: weights other than ½ move the variance that is learnt.
    #[test]
    fn the_weights_move_the_best_variance() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for alpha in [0.1_f64, 0.5, 0.9] {
            let error = ApreConfig::new().with_alpha(alpha).with_beta(1.0 - alpha).init().unwrap();
            let best = (alpha * 4.0 / (1.0 - alpha)).ln();
            let at = |s: f64| {
                let tensor = |value: f64| Tensor::<2>::full([1, 1], value, &device);
                f64::from(read_f32(error.forward(tensor(2.0), tensor(0.0), tensor(s)))[0])
            };
            assert!(at(best) < at(best - 0.1) && at(best) < at(best + 0.1), "alpha {alpha}");
        }
    }

    #[test]
    fn a_tiny_variance_and_a_small_error_stay_finite() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let tensor = |value: f64| Tensor::<2>::full([1, 1], value, &device);
        let error = ApreConfig::new().init().unwrap();
        // e^{100} alone is beyond 32-bit floats.
        let got = f64::from(read_f32(error.forward(tensor(1e-20), tensor(0.0), tensor(-100.0)))[0]);
        let want = 0.5 * 1e-40 * 100.0_f64.exp() - 50.0;
        assert!((got - want).abs() < 1e-4 * want.abs(), "{got} {want}");
    }
}
