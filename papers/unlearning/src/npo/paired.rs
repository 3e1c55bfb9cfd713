//! Direct preference optimisation between a refusal and the answer that is to be forgotten.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::Result;
use papers_kit::softplus::softplus;

use super::preference::positive_beta;

/// The inverse temperature of [`DpoLoss`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct DpoLossConfig {
    /// β > 0.
    #[config(default = 0.1)]
    pub beta: f64,
}

impl DpoLossConfig {
    /// Checks β.
    ///
    /// # Errors
    /// [`Error::Input`](harness_core::Error::Input) where β is not a finite number above 0.
    pub fn init(&self) -> Result<DpoLoss> {
        Ok(DpoLoss { beta: positive_beta(self.beta)? })
    }
}

/// Negative log-likelihoods of one answer per question, summed over tokens, under the trained and the reference model.
#[derive(Debug, Clone)]
pub struct Likelihoods {
    /// Under the trained model, `[n]`.
    pub nll: Tensor<1>,
    /// Under the frozen reference model, `[n]`.
    pub nll_ref: Tensor<1>,
}

/// The preference of one answer over another, against that of a frozen reference model.
///
/// **Definition**: L = −(2/β) mean_i log σ(β [(w_ref − w)_i − (l_ref − l)_i]), where w and l are the negative
/// log-likelihoods of the preferred and of the rejected answer.
///
/// **Paper**: Rafailov et al., arXiv 2305.18290, with the factor 2/β by which the NPO paper (arXiv 2404.05868) makes the
/// two losses comparable: dropping w − w_ref gives its NPO loss.
///
/// **Arguments**: two pairs of `[n]`; those of the reference record no gradients.
///
/// **Differences**: none from the released code.
///
/// **Errors**: none after [`DpoLossConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_unlearning::npo::{DpoLossConfig, Likelihoods};
///
/// let device = DeviceChoice::Cpu.open()?;
/// let pair = |nll: f32, nll_ref: f32| Likelihoods {
///     nll: Tensor::from_data([nll], &device),
///     nll_ref: Tensor::from_data([nll_ref], &device),
/// };
/// let loss = DpoLossConfig::new().with_beta(1.0).init()?;
/// let start = read_f32(loss.forward(pair(9.0, 9.0), pair(1.0, 1.0)))[0];
/// let later = read_f32(loss.forward(pair(2.0, 9.0), pair(8.0, 1.0)))[0];
/// assert!((start - 2.0 * 2f32.ln()).abs() < 1e-6 && later < 1e-4);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DpoLoss {
    beta: f64,
}

impl DpoLoss {
    /// The mean loss of the batch, `[1]`.
    pub fn forward(&self, preferred: Likelihoods, rejected: Likelihoods) -> Tensor<1> {
        self.forward_no_reduction(preferred, rejected).mean()
    }

    /// The loss of each question, `[n]`.
    pub fn forward_no_reduction(&self, preferred: Likelihoods, rejected: Likelihoods) -> Tensor<1> {
        let margin = (preferred.nll_ref - preferred.nll) - (rejected.nll_ref - rejected.nll);
        softplus(margin * -self.beta) * (2.0 / self.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npo::NpoLossConfig;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn the_preferred_answer_becomes_likelier_and_the_rejected_one_less() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let of = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
        let (w, l) = (of([9.0, 3.0]).require_grad(), of([1.0, 900.0]).require_grad());
        let loss = DpoLossConfig::new().init().unwrap();
        let value = loss.forward(
            Likelihoods { nll: w.clone(), nll_ref: of([8.0, 4.0]) },
            Likelihoods { nll: l.clone(), nll_ref: of([1.0, 2.0]) },
        );
        let gradients = value.backward();
        let (of_w, of_l) = (read_f32(w.grad(&gradients).unwrap()), read_f32(l.grad(&gradients).unwrap()));
        assert!(of_w[0] > 0.2 && of_l[0] < -0.2, "{of_w:?} {of_l:?}");
        assert!(of_w.iter().zip(&of_l).all(|(a, b)| (a + b).abs() < 1e-7 && a.is_finite()));
    }

    #[test]
    fn a_preferred_answer_that_stays_as_it_was_leaves_the_npo_loss() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let of = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
        let still = Likelihoods { nll: of([4.0, 5.0]), nll_ref: of([4.0, 5.0]) };
        let rejected = Likelihoods { nll: of([2.0, 7.0]), nll_ref: of([1.0, 9.0]) };
        let npo = NpoLossConfig::new().init().unwrap();
        let alone = npo.forward_no_reduction(rejected.nll.clone(), rejected.nll_ref.clone());
        let paired = DpoLossConfig::new().init().unwrap().forward_no_reduction(still, rejected);
        assert!(read_f32(alone).iter().zip(read_f32(paired)).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn impossible_betas_are_refused() {
        assert!(DpoLossConfig::new().with_beta(0.0).init().is_err());
    }
}
