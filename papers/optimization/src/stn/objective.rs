//! The objective of both levels: cross-entropy less a bonus for uncertain hyper-parameters.

use burn::config::Config;
use harness_core::prelude::*;
use papers_kit::classify::cross_entropy;

use super::hyperparameter::perturbation_entropy;

/// Configuration of [`StnLoss`].
#[derive(Config, Debug)]
pub struct StnLossConfig {
    /// Weight τ of the entropy, at least 0.
    #[config(default = 1e-3)]
    pub entropy_weight: f64,
}

impl StnLossConfig {
    /// Checks the weight.
    ///
    /// # Errors
    /// [`Error::Input`] where it is negative or not finite.
    pub fn init(&self) -> Result<StnLoss> {
        if self.entropy_weight >= 0.0 && self.entropy_weight.is_finite() {
            Ok(StnLoss { entropy_weight: self.entropy_weight })
        } else {
            Err(Error::Input(format!("entropy_weight must be at least 0 and finite, got {}", self.entropy_weight)))
        }
    }
}

/// Cross-entropy with a bonus for wide perturbations.
///
/// **Definition.** L = −(1/B) Σ_b log softmax(z_b)_{y_b} − τ·Σᵢ log(softplus(sᵢ)·√(2πe)).
///
/// **Paper.** Section 3.1: the variational form in which the scales of the perturbation are learnt.
///
/// **Arguments.** Logits `[B, K]`, labels `[B]` in 0..K, scales s `[H]` unconstrained; B, H ≥ 1.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] without a scale, and see [`StnLossConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use papers_optimization::stn::StnLossConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let loss = StnLossConfig::new().with_entropy_weight(0.0).init()?;
/// let value = loss.forward(Tensor::zeros([1, 2], &device), IntTensor::from_data([1], &device), Tensor::zeros([1], &device))?;
/// assert!((value.into_scalar() - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StnLoss {
    entropy_weight: f64,
}

impl StnLoss {
    /// L, `[1]`.
    ///
    /// # Errors
    /// As [`perturbation_entropy`].
    pub fn forward(&self, logits: Tensor<2>, labels: IntTensor<1>, scale: Tensor<1>) -> Result<Tensor<1>> {
        let loss = self.forward_no_reduction(logits, labels).mean();
        Ok(loss - perturbation_entropy(scale)? * self.entropy_weight)
    }

    /// The cross-entropy of each example, `[B]`.
    pub fn forward_no_reduction(&self, logits: Tensor<2>, labels: IntTensor<1>) -> Tensor<1> {
        cross_entropy(logits, labels)
    }
}
