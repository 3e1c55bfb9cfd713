//! Negative preference optimisation.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};
use papers_kit::softplus::softplus;

/// The inverse temperature of [`NpoLoss`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct NpoLossConfig {
    /// β > 0. Towards 0 the loss becomes gradient ascent.
    #[config(default = 0.1)]
    pub beta: f64,
}

impl NpoLossConfig {
    /// Checks β.
    ///
    /// # Errors
    /// [`Error::Input`] where β is not a finite number above 0.
    pub fn init(&self) -> Result<NpoLoss> {
        Ok(NpoLoss { beta: positive_beta(self.beta)? })
    }
}

pub(super) fn positive_beta(beta: f64) -> Result<f64> {
    if beta.is_finite() && beta > 0.0 {
        Ok(beta)
    } else {
        Err(Error::Input(format!("beta must be a finite number above 0, but is {beta}")))
    }
}

/// The loss that makes unwanted sequences less likely than a frozen reference model finds them.
///
/// **Definition**: L = (2/β) mean_i softplus(−β (nll_i − nll_ref,i)) = −(2/β) mean_i log σ(β (nll_i − nll_ref,i)). Its
/// derivative with respect to nll_i is −W_i/n with the adaptive weight W_i = 2σ(−β (nll_i − nll_ref,i)) =
/// 2π_θ^β/(π_θ^β + π_ref^β) in (0, 2): gradient ascent with a weight that fades once a sequence has become unlikely.
///
/// **Paper**: Zhang, Lin, Bai and Mei, arXiv 2404.05868: the NPO loss, and the lemma on its gradient. L − (2/β) ln 2
/// tends to the loss of gradient ascent, −mean(nll − nll_ref), as β → 0.
///
/// **Arguments**: negative log-likelihoods **summed** over the tokens of each sequence, `[n]`, of the trained and of the
/// reference model; those of the reference record no gradients.
///
/// **Differences**: none from the released code.
///
/// **Errors**: none after [`NpoLossConfig::init`]; lengths that differ are a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_unlearning::npo::NpoLossConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let loss = NpoLossConfig::new().init()?; // β = 0.1
/// let nll = Tensor::<1>::from_data([3.0, 7.0], &device);
/// // At the start the trained model is the reference.
/// let start = read_f32(loss.forward(nll.clone(), nll.clone()))[0];
/// assert!((start - 20.0 * 2f32.ln()).abs() < 1e-4);
/// // Less likely sequences cost less, and weigh less.
/// let forgotten = nll.clone() + 50.0;
/// assert!(read_f32(loss.forward(forgotten.clone(), nll.clone()))[0] < start);
/// assert!(read_f32(loss.adaptive_weight(forgotten, nll))[0] < 0.02);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NpoLoss {
    beta: f64,
}

impl NpoLoss {
    /// The mean loss of the batch, `[1]`.
    pub fn forward(&self, nll: Tensor<1>, nll_ref: Tensor<1>) -> Tensor<1> {
        self.forward_no_reduction(nll, nll_ref).mean()
    }

    /// The loss of each sequence, `[n]`.
    pub fn forward_no_reduction(&self, nll: Tensor<1>, nll_ref: Tensor<1>) -> Tensor<1> {
        softplus((nll - nll_ref) * -self.beta) * (2.0 / self.beta)
    }

    /// W of each sequence, in (0, 2), `[n]`: its share of the gradient of ascent.
    pub fn adaptive_weight(&self, nll: Tensor<1>, nll_ref: Tensor<1>) -> Tensor<1> {
        // σ(−x) = exp(−softplus(x)) keeps its digits where it is small.
        softplus((nll - nll_ref) * self.beta).neg().exp() * 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    /// Loss, gradient with respect to nll, and weight.
    fn run(beta: f64, nll: &[f32], reference: &[f32]) -> (f32, Vec<f32>, Vec<f32>) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let nll = Tensor::<1>::from_floats(nll, &device).require_grad();
        let reference = Tensor::<1>::from_floats(reference, &device);
        let loss = NpoLossConfig::new().with_beta(beta).init().unwrap();
        let value = loss.forward(nll.clone(), reference.clone());
        let gradient = read_f32(nll.grad(&value.clone().backward()).unwrap());
        (read_f32(value)[0], gradient, read_f32(loss.adaptive_weight(nll, reference)))
    }

    #[test]
    fn a_step_against_the_gradient_forgets() {
        let (_, gradient, weight) = run(0.1, &[7.0, 1.0, 40.0], &[2.0, 2.5, 0.5]);
        assert!(gradient.iter().all(|slope| *slope < 0.0), "a positive slope would memorise: {gradient:?}");
        for (slope, weight) in gradient.iter().zip(weight) {
            assert!((3.0 * slope + weight).abs() < 1e-6, "{slope} against −{weight}/3");
        }
    }

    #[test]
    fn the_weight_fades_as_a_sequence_becomes_unlikely() {
        let (_, _, weight) = run(1.0, &[0.0, 5.0, 10.0, 15.0], &[5.0; 4]);
        assert!(weight.windows(2).all(|pair| pair[0] > pair[1]), "{weight:?}");
        assert!((weight[1] - 1.0).abs() < 1e-6 && weight[0] > 1.9 && weight[3] < 1e-4);
    }

    #[test]
    fn the_limit_of_a_small_beta_is_gradient_ascent() {
        let (nll, reference) = ([7.0f32, 1.0, 40.0], [2.0f32, 2.5, 0.5]);
        let ascent = -nll.iter().zip(&reference).map(|(a, b)| f64::from(a - b)).sum::<f64>() / 3.0;
        let (value, gradient, _) = run(1e-3, &nll, &reference);
        assert!((f64::from(value) - 2e3 * 2f64.ln() - ascent).abs() < 0.2, "{value} against {ascent}");
        assert!(gradient.iter().all(|slope| (slope + 1.0 / 3.0).abs() < 0.01), "{gradient:?}");
    }

    #[test]
    fn ratios_of_800_are_finite() {
        for beta in [0.01, 0.1, 1.0, 10.0] {
            let (value, gradient, weight) = run(beta, &[800.0, 0.0], &[0.0, 800.0]);
            assert!(value.is_finite() && gradient.iter().chain(&weight).all(|number| number.is_finite()));
            assert!(
                (gradient[1] + 1.0).abs() < 1e-3,
                "what is still likely has nearly twice the weight of ascent: {gradient:?}"
            );
        }
    }

    #[test]
    fn impossible_betas_are_refused() {
        for beta in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(NpoLossConfig::new().with_beta(beta).init(), Err(Error::Input(_))), "{beta}");
        }
    }
}
