//! The simple contrastive loss, which weighs all negatives alike, over all or over the hardest of them.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};

use super::negatives::{Hardest, positives};

/// The weight of negatives in the simple loss, and the share of them that it looks at.
#[derive(Config, Debug, PartialEq)]
pub struct SimpleLossConfig {
    /// λ: at least 0; multiplies the plain sum over the kept negatives.
    pub weight: f64,
    /// α: the share of negatives that is kept, hardest first, in (0, 1]; 1 keeps all.
    #[config(default = 1.0)]
    pub hardest: f64,
}

impl SimpleLossConfig {
    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Input`] where `weight` is not a finite number of at least 0 or `hardest` is not in (0, 1].
    pub fn init(&self) -> Result<SimpleLoss> {
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            let found = self.weight;
            return Err(Error::Input(format!("lambda must be a finite number of at least 0, but is {found}")));
        }
        Ok(SimpleLoss { weight: self.weight, hardest: Hardest::new(self.hardest)? })
    }
}

/// The simple contrastive loss: without a softmax, each kept negative is pushed away with the same force.
///
/// **Definition**: L_i = −s_ii + λ Σ_k s_ik over the kept negatives: all k ≠ i, or those with s_ik at least the
/// ⌈α(m − 1)⌉-th largest of the m − 1 negatives (equals are kept). Which negatives are kept has no gradient.
///
/// **Paper**: Wang and Liu, arXiv 2012.09740: the simple contrastive loss and its hard variant.
///
/// **Arguments**: similarities `[n, m]` with m ≥ n and m ≥ 2, row i an anchor, column i its positive, all other columns
/// negatives.
///
/// **Differences**: negatives are the other columns; there are none within a view.
///
/// **Errors**: none after [`SimpleLossConfig::init`]; a matrix of fewer columns than rows is a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_representation::contrastive_behaviour::SimpleLossConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let similarities = Tensor::<2>::from_data([[0.9, 0.1, 0.3], [0.1, 0.9, 0.3], [0.1, 0.3, 0.9]], &device);
/// let loss = SimpleLossConfig::new(0.5).init()?.forward(similarities);
/// assert!((read_f32(loss)[0] - (-0.9 + 0.5 * 0.4)).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimpleLoss {
    weight: f64,
    hardest: Hardest,
}

impl SimpleLoss {
    /// The mean loss over anchors, `[1]`.
    pub fn forward(&self, similarities: Tensor<2>) -> Tensor<1> {
        self.forward_no_reduction(similarities).mean()
    }

    /// The loss of each anchor, `[n]`.
    pub fn forward_no_reduction(&self, similarities: Tensor<2>) -> Tensor<1> {
        let dropped = self.hardest.kept(&similarities).bool_not();
        let positive = positives(&similarities); // [n, 1]
        let negatives = similarities.mask_fill(dropped, 0.0).sum_dim(1);
        (negatives * self.weight - positive).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn run(weight: f64, alpha: f64) -> (Vec<f32>, Vec<f32>) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let rows = [[0.9, 0.1, 0.4, 0.4], [0.2, 0.5, -0.3, 0.7], [0.0, 0.0, 0.0, -0.5]];
        let similarities = Tensor::<2>::from_data(rows, &device).require_grad();
        let loss = SimpleLossConfig::new(weight).with_hardest(alpha).init().unwrap();
        let losses = loss.forward_no_reduction(similarities.clone());
        let gradients = losses.clone().sum().backward();
        (read_f32(losses), read_f32(similarities.grad(&gradients).unwrap()))
    }

    #[test]
    fn all_negatives_have_the_same_gradient() {
        let (losses, gradients) = run(0.25, 1.0);
        let want = [-0.9 + 0.225, -0.5 + 0.15, -0.125];
        assert!(losses.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{losses:?}");
        assert_eq!(gradients, [-1.0, 0.25, 0.25, 0.25, 0.25, -1.0, 0.25, 0.25, 0.25, 0.25, -1.0, 0.25]);
    }

    #[test]
    fn only_the_hardest_are_pushed_away_and_equals_with_them() {
        let (losses, gradients) = run(0.5, 0.3);
        let want = [-0.9 + 0.4, -0.5 + 0.35, 0.0];
        assert!(losses.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{losses:?}");
        assert_eq!(gradients, [-1.0, 0.0, 0.5, 0.5, 0.0, -1.0, 0.0, 0.5, 0.5, 0.5, -1.0, 0.0]);
    }

    #[test]
    fn impossible_hyper_parameters_are_refused() {
        for config in [
            SimpleLossConfig::new(-1.0),
            SimpleLossConfig::new(f64::NAN),
            SimpleLossConfig::new(0.5).with_hardest(0.0),
            SimpleLossConfig::new(0.5).with_hardest(2.0),
        ] {
            assert!(matches!(config.init(), Err(Error::Input(_))), "{config:?}");
        }
    }
}
