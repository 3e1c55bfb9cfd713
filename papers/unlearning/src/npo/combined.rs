//! The NPO loss together with a retain term.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};

use super::preference::{NpoLoss, NpoLossConfig};

/// β and the coefficients of [`CombinedLoss`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct CombinedLossConfig {
    /// β of the NPO loss.
    #[config(default = 0.1)]
    pub beta: f64,
    /// Coefficient of the NPO loss.
    #[config(default = 1.0)]
    pub npo_coeff: f64,
    /// Coefficient of the retain term.
    #[config(default = 1.0)]
    pub retain_coeff: f64,
}

impl CombinedLossConfig {
    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Input`] where β is not a finite number above 0, or a coefficient is not finite.
    pub fn init(&self) -> Result<CombinedLoss> {
        for (name, value) in [("npo_coeff", self.npo_coeff), ("retain_coeff", self.retain_coeff)] {
            if !value.is_finite() {
                return Err(Error::Input(format!("{name} must be a finite number, but is {value}")));
            }
        }
        let npo = NpoLossConfig::new().with_beta(self.beta).init()?;
        Ok(CombinedLoss { npo, npo_coeff: self.npo_coeff, retain_coeff: self.retain_coeff })
    }
}

/// NPO+RT or NPO+KL: forgetting and retaining at once.
///
/// **Definition**: c_npo · L_NPO + c_retain · R, where R is the mean token cross-entropy of a retain batch (RT) or its
/// divergence from the reference model (KL, [`kl_retain`](super::kl_retain)).
///
/// **Paper**: Zhang, Lin, Bai and Mei, arXiv 2404.05868; both coefficients are 1 there.
///
/// **Arguments**: as of [`NpoLoss`], and the retain term `[1]`.
///
/// **Differences**: none from the released code.
///
/// **Errors**: none after [`CombinedLossConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_unlearning::npo::CombinedLossConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let nll = Tensor::<1>::from_data([2.0, 5.0], &device);
/// let retain = Tensor::<1>::from_data([0.5], &device);
/// let (loss, forget) = CombinedLossConfig::new().init()?.forward(nll.clone(), nll, retain);
/// assert!((read_f32(loss)[0] - read_f32(forget)[0] - 0.5).abs() < 1e-5);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CombinedLoss {
    npo: NpoLoss,
    npo_coeff: f64,
    retain_coeff: f64,
}

impl CombinedLoss {
    /// The whole loss and the NPO loss in it (without its coefficient), each `[1]`.
    pub fn forward(&self, nll: Tensor<1>, nll_ref: Tensor<1>, retain: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
        let forget = self.npo.forward(nll, nll_ref);
        (forget.clone() * self.npo_coeff + retain * self.retain_coeff, forget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn coefficients_scale_their_own_term_only() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let nll = Tensor::<1>::from_data([2.0, 5.0], &device);
        let reference = Tensor::<1>::from_data([1.0, 1.0], &device);
        let retain = Tensor::<1>::from_data([7.0], &device);
        let run = |npo: f64, kept: f64| {
            let config = CombinedLossConfig::new().with_npo_coeff(npo).with_retain_coeff(kept);
            let (loss, forget) = config.init().unwrap().forward(nll.clone(), reference.clone(), retain.clone());
            (read_f32(loss)[0], read_f32(forget)[0])
        };
        let (_, forget) = run(1.0, 1.0);
        assert_eq!(run(0.0, 1.0), (7.0, forget));
        assert_eq!(run(1.0, 0.0), (forget, forget));
        assert!((run(2.0, 3.0).0 - 2.0 * forget - 21.0).abs() < 1e-5);
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(CombinedLossConfig::new().with_beta(-1.0).init().is_err());
        assert!(CombinedLossConfig::new().with_npo_coeff(f64::NAN).init().is_err());
        assert!(CombinedLossConfig::new().with_retain_coeff(f64::INFINITY).init().is_err());
    }
}
