//! The weights of two earlier methods, which depend on how near an example is to the decision boundary.

use burn::tensor::activation::{log_sigmoid, softmax};
use harness_core::prelude::*;

/// Weights proportional to exp of `log_weights` `[n]`, scaled to sum to n. In the log domain, so that weights which all
/// underflow still have a ratio.
fn scaled_to_count(log_weights: Tensor<1>) -> Tensor<1> {
    let count = log_weights.dims()[0] as f64;
    softmax(log_weights, 0) * count
}

/// Geometry-aware weights: the fewer attack steps an example withstands, the more it counts.
///
/// **Definition.** ωᵢ = (1 + tanh(λ + 5·(1 − 2κᵢ/K)))/2, divided by its mean over the batch.
///
/// **Paper.** Zhang et al., ICLR 2021 (arXiv 2010.01736), equation 6. (1 + tanh z)/2 is computed as σ(2z).
///
/// **Arguments.** `kappa` `[n]`, the number of attack steps before which the example was classified correctly, from 0 to
/// `steps` = K ≥ 1; `lambda` any number.
///
/// **Differences.** None in the weights; [`super`] says how κ is counted.
///
/// **Errors.** None: the callers check `steps`.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// let device = DeviceChoice::Cpu.open()?;
/// let kappa = Tensor::<1>::from_data([0.0, 10.0], &device);
/// let weights: Vec<f32> = papers_robustness::doubly_robust_at::gairat_weights(kappa, 10, -1.0).into_data().iter().collect();
/// assert!(weights[0] > 1.99 && weights[1] < 0.01);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn gairat_weights(kappa: Tensor<1>, steps: usize, lambda: f64) -> Tensor<1> {
    let z = kappa * (-10.0 / steps as f64) + (5.0 + lambda);
    scaled_to_count(log_sigmoid(z * 2.0))
}

/// Margins and weights of [`mail_weights`].
#[derive(Debug, Clone)]
pub struct MailWeights {
    /// Probability margin of each example, in [−1, 1], `[n]`.
    pub margin: Tensor<1>,
    /// Weights of sum n, `[n]`.
    pub weights: Tensor<1>,
}

/// Margin-aware weights: the smaller the probability margin of an adversarial example, the more it counts.
///
/// **Definition.** mᵢ = p_y − max_{j≠y} p_j; wᵢ = σ(−γ·(mᵢ − β)), divided by its mean over the batch.
///
/// **Paper.** Liu et al., NeurIPS 2021 (arXiv 2106.07904), MAIL with the margin of the adversarial example.
///
/// **Arguments.** `logits` `[n, C]` with C ≥ 2, `labels` `[n]` in 0..C; `gamma` and `beta` any numbers.
///
/// **Differences.** None known. Call it with constants where weights must not be differentiated.
///
/// **Errors.** None: the callers check the shapes.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// let device = DeviceChoice::Cpu.open()?;
/// let logits = Tensor::<2>::from_data([[4.0, 0.0], [0.0, 4.0]], &device);
/// let labels = IntTensor::<1>::from_data([0, 0], &device);
/// let found = papers_robustness::doubly_robust_at::mail_weights(logits, labels, 10.0, 0.5);
/// let margin: Vec<f32> = found.margin.into_data().iter().collect();
/// let weights: Vec<f32> = found.weights.into_data().iter().collect();
/// assert!(margin[0] > 0.9 && margin[1] < -0.9 && weights[0] < 0.1 && weights[1] > 1.9);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn mail_weights(logits: Tensor<2>, labels: IntTensor<1>, gamma: f64, beta: f64) -> MailWeights {
    let classes = logits.dims()[1];
    let probabilities = softmax(logits, 1);
    let of_label: Tensor<1> = probabilities.clone().gather(1, labels.clone().unsqueeze_dim(1)).squeeze_dim(1);
    let is_label = labels.one_hot::<2>(classes).equal_elem(1);
    let rival: Tensor<1> = probabilities.mask_fill(is_label, -1.0).max_dim(1).squeeze_dim(1);
    let margin = of_label - rival;
    MailWeights { weights: scaled_to_count(log_sigmoid((margin.clone() - beta) * -gamma)), margin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use proptest::prelude::*;

    #[test]
    fn weights_that_underflow_keep_their_ratio() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let weights = read_f32(gairat_weights(Tensor::from_data([10.0, 10.0, 9.0], &device), 10, -200.0));
        let ratio = 2f64.exp();
        assert!((f64::from(weights[2] / weights[0]) - ratio).abs() < 1e-3, "{weights:?}");
        assert!((weights.iter().sum::<f32>() - 3.0).abs() < 1e-5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn gairat_is_that_of_double_precision(kappa in prop::collection::vec(0usize..=10, 1..30), lambda in -3.0f64..3.0) {
            let device = DeviceChoice::Cpu.open().unwrap();
            let omega: Vec<f64> =
                kappa.iter().map(|kappa| (1.0 + (lambda + 5.0 * (1.0 - *kappa as f64 / 5.0)).tanh()) / 2.0).collect();
            let mean = omega.iter().sum::<f64>() / omega.len() as f64;
            let kappa: Vec<f32> = kappa.iter().map(|kappa| *kappa as f32).collect();
            let found = read_f32(gairat_weights(Tensor::from_data(kappa.as_slice(), &device), 10, lambda));
            for (found, omega) in found.iter().zip(&omega) {
                prop_assert!((f64::from(*found) - omega / mean).abs() <= 1e-6 + 5e-5 * omega / mean);
            }
        }
    }
}
