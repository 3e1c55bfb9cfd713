//! Mean-shift outlier scores: the reconstruction of a sample against its mean-shifted version.

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};
use harness_core::error::Result;

use super::apre::Apre;
use super::mean_shift::mean_shift;

/// What a table is scored against.
///
/// **Definition**: the score of x is Σ_d [α (x'_d − μ_d(x))² e^{−s_d(x)} + β s_d(x)], or mean_d (x'_d − μ_d(x))² for a
/// network without a variance. Here x' is x itself for plain scoring, and its mean-shifted version for mean-shift
/// scoring, while the reconstruction (μ, s) always is that of the *original* x. An outlier that the network happens to
/// reconstruct well is moved towards the inliers, and so away from its own reconstruction.
///
/// **Paper**: Tan, Yang, Chen, Rahardja, Rahardja 2023, arXiv 2304.00709: mean-shift outlier scoring, MSS-MSE.
///
/// **Differences**: no authors' code could be read. Neighbours are looked for in the table that is scored, which is also
/// the one trained on: the setting is unsupervised and transductive.
#[derive(Debug, Clone)]
pub struct Target(Tensor<2>);

impl Target {
    /// The samples themselves, `[rows, columns]` row-major.
    pub fn plain(values: &[f64], columns: usize, device: &Device) -> Self {
        let rows = values.len() / columns.max(1);
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        Target(Tensor::from_data(TensorData::new(values, [rows, columns]), device))
    }

    /// Their mean-shifted versions.
    ///
    /// # Errors
    /// As [`mean_shift`].
    pub fn shifted(values: &[f64], columns: usize, k: usize, iterations: usize, device: &Device) -> Result<Self> {
        Ok(Self::plain(&mean_shift(values, columns, k, iterations)?, columns, device))
    }

    /// The probabilistic score of each sample, `[n]`, from the reconstruction of the original samples.
    pub fn probabilistic(&self, error: &Apre, mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<1> {
        error.forward_no_reduction(self.0.clone(), mean, log_var)
    }

    /// The mean squared difference of each sample, `[n]`, from the reconstruction of the original samples.
    pub fn squared(&self, mean: Tensor<2>) -> Tensor<1> {
        (self.0.clone() - mean).square().mean_dim(1).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apre_outlier::ApreConfig;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    /// An outlier that the network reconstructs perfectly has the best plain score and the worst shifted one.
    #[test]
    fn a_perfectly_reconstructed_outlier_is_found_by_the_shift() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let values = [0.0, 0.2, -0.1, 0.1, 6.0];
        let mean = || Tensor::<2>::from_data([[0.05], [0.05], [0.05], [0.05], [6.0]], &device);
        let log_var = || Tensor::<2>::zeros([5, 1], &device);
        let error = ApreConfig::new().init().unwrap();
        let plain = Target::plain(&values, 1, &device);
        let shifted = Target::shifted(&values, 1, 3, 1, &device).unwrap();
        for (plain, shifted) in [
            (plain.squared(mean()), shifted.squared(mean())),
            (plain.probabilistic(&error, mean(), log_var()), shifted.probabilistic(&error, mean(), log_var())),
        ] {
            let (plain, shifted) = (read_f32(plain), read_f32(shifted));
            assert!(plain[..4].iter().all(|inlier| *inlier > plain[4]));
            assert!(shifted[..4].iter().all(|inlier| *inlier < shifted[4]));
        }
    }
}
