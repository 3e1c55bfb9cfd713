//! Earlier members of the spherical family: losses that depend on the outputs only through their sum, their sum of
//! squares and the target's output.

use burn::config::Config;
use harness_core::backend::{IntTensor, Tensor};
use harness_core::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Which spherical loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SphericalKind {
    /// −ln of the Taylor softmax: the exponential replaced by 1 + o + o²/2.
    Taylor,
    /// −ln of the spherical softmax: the exponential replaced by o² + eps.
    Spherical,
    /// Squared distance between the outputs and the one-hot target.
    Mse,
}

/// Which spherical loss, and the guard of the spherical softmax.
#[derive(Config, Debug, PartialEq)]
pub struct SphericalLossConfig {
    /// Which one.
    pub kind: SphericalKind,
    /// Added to each squared output by the spherical softmax: at least 0. The others do not use it.
    #[config(default = 0.01)]
    pub eps: f64,
}

impl SphericalLossConfig {
    /// Checks the guard.
    ///
    /// # Errors
    /// [`Error::Input`] where `eps` is below 0 or not finite.
    pub fn init(&self) -> Result<SphericalLoss> {
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(Error::Input(format!("eps must be a finite number of at least 0, but is {}", self.eps)));
        }
        Ok(SphericalLoss { kind: self.kind, eps: self.eps })
    }
}

/// Mean squared error, Taylor softmax or spherical softmax.
///
/// **Definition**: for a row of outputs o with target c,
/// mse Σ_k o_k² − 2o_c + 1; taylor −ln[(1 + o_c + o_c²/2)/Σ_k(1 + o_k + o_k²/2)];
/// spherical −ln[(o_c² + eps)/Σ_k(o_k² + eps)].
///
/// **Paper**: the baselines of arXiv 1604.08859; the two softmaxes are those of de Brébisson and Vincent, arXiv
/// 1511.05042.
///
/// **Arguments**: outputs `[n, D]` with D ≥ 2; targets `[n]`, classes from 0 to D − 1.
///
/// **Differences**: the batch is averaged. 1 + o + o²/2 is computed as ((1 + o)² + 1)/2, which keeps its digits
/// near o = −1.
///
/// **Errors**: none after [`SphericalLossConfig::init`].
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use papers_classification::z_loss::{SphericalKind, SphericalLossConfig};
///
/// let device = DeviceChoice::Cpu.open()?;
/// let loss = SphericalLossConfig::new(SphericalKind::Mse).init()?;
/// let outputs = Tensor::<2>::from_data([[0.0, 1.0, 0.0]], &device);
/// let value = loss.forward(outputs, IntTensor::from_data([1], &device)).into_scalar();
/// assert_eq!(value, 0.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SphericalLoss {
    kind: SphericalKind,
    eps: f64,
}

impl SphericalLoss {
    /// The mean loss over the batch, `[1]`.
    pub fn forward(&self, outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        self.forward_no_reduction(outputs, targets).mean()
    }

    /// What classes are ranked by, `[n, D]`: the numerator of the softmax, which does not grow with the output where
    /// the output is negative; the output itself for the squared error.
    pub fn scores(&self, outputs: Tensor<2>) -> Tensor<2> {
        match self.kind {
            SphericalKind::Mse => outputs,
            SphericalKind::Taylor => (outputs + 1.0).square(),
            SphericalKind::Spherical => outputs.square(),
        }
    }

    /// The loss of each example, `[n]`.
    pub fn forward_no_reduction(&self, outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        let target = outputs.clone().gather(1, targets.unsqueeze_dim(1)); // [n, 1]
        let loss = match self.kind {
            SphericalKind::Mse => outputs.square().sum_dim(1) - target * 2.0 + 1.0,
            SphericalKind::Taylor => {
                let twice = |outputs: Tensor<2>| (outputs + 1.0).square() + 1.0;
                twice(outputs).sum_dim(1).log() - twice(target).log()
            }
            SphericalKind::Spherical => {
                let weight = |outputs: Tensor<2>| outputs.square() + self.eps;
                weight(outputs).sum_dim(1).log() - weight(target).log()
            }
        };
        loss.squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn loss(kind: SphericalKind, row: [f32; 3], target: i64) -> f32 {
        let device = DeviceChoice::Cpu.open().unwrap();
        let loss = SphericalLossConfig::new(kind).init().unwrap();
        let outputs = Tensor::<2>::from_data([row], &device);
        read_f32(loss.forward(outputs, IntTensor::from_data([target], &device)))[0]
    }

    #[test]
    fn the_three_definitions() {
        let row = [0.5f32, -1.0, 2.0];
        let close = |got: f32, want: f64| assert!((f64::from(got) - want).abs() < 1e-6 * want.abs().max(1.0));
        close(loss(SphericalKind::Mse, row, 2), 5.25 - 4.0 + 1.0);
        close(loss(SphericalKind::Taylor, row, 1), -(0.5f64 / (1.625 + 0.5 + 5.0)).ln());
        close(loss(SphericalKind::Spherical, row, 0), -(0.26f64 / (0.26 + 1.01 + 4.01)).ln());
    }

    #[test]
    fn taylor_stays_finite_far_out_and_spherical_at_zero() {
        assert!(loss(SphericalKind::Taylor, [1e4, -1e4, 0.0], 2).is_finite());
        assert!((loss(SphericalKind::Spherical, [0.0; 3], 1) - 3f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_negative_guard_is_refused() {
        assert!(SphericalLossConfig::new(SphericalKind::Spherical).with_eps(-0.1).init().is_err());
    }
}
