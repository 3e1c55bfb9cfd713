//! The gradient reversal layer.

use harness_core::backend::Tensor;

/// The identity whose reverse pass multiplies the gradient by −λ.
///
/// **Definition.** R_λ(f) = f, ∂R_λ/∂f = −λI.
///
/// **Paper.** Section 4.2, equations 15 and 16 (JMLR 17, 2016).
///
/// **Arguments.** `features` of any shape; any finite λ: 0 hides the branch behind it from what is before, a negative
/// one trains both for the same goal.
///
/// **Differences.** None. Values pass bit by bit, and tensors that record no gradients pass as they are, so that a model
/// is evaluated with the layer in place.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_adaptation::dann::gradient_reversal;
/// let device = DeviceChoice::Cpu.open()?;
/// let features = Tensor::<1>::from_data([3.0, -2.0], &device).require_grad();
/// let reversed = gradient_reversal(features.clone(), 0.5);
/// assert_eq!(read_f32(reversed.clone()), [3.0, -2.0]);
/// let gradients = (reversed * 4.0).sum().backward();
/// assert_eq!(features.grad(&gradients).map(|gradient| gradient.into_data().iter::<f32>().collect()), Some(vec![-2.0, -2.0]));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn gradient_reversal<const D: usize>(features: Tensor<D>, lambda: f64) -> Tensor<D> {
    let value = features.clone().detach();
    // f − f is exactly 0, so the scaled difference carries a slope and no value.
    value.clone() + (features - value) * -lambda
}
