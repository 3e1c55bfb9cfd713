//! The retain term that keeps a model's predictions near those of the reference model.

use burn::tensor::activation::log_softmax;
use harness_core::backend::Tensor;

/// Mean over rows of KL(reference ‖ current), in nats, `[1]`.
///
/// **Definition**: (1/n) Σ_i Σ_v p_ref(v|i) (log p_ref(v|i) − log p(v|i)), where p and p_ref are the softmax of the rows.
///
/// **Paper**: Zhang, Lin, Bai and Mei, arXiv 2404.05868: the retain term of GA+KL, DPO+KL and NPO+KL.
///
/// **Arguments**: logits `[n, classes]` of the trained and of the reference model; those of the reference record no
/// gradients. For a language model the rows are all positions of the retain batch.
///
/// **Differences**: none; the released code takes every position of the padded batch too.
///
/// **Errors**: none; shapes that differ are a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_unlearning::npo::kl_retain;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let reference = Tensor::<2>::from_data([[0.0, 3f32.ln()]], &device); // 1/4, 3/4
/// let even = Tensor::<2>::zeros([1, 2], &device);
/// assert_eq!(read_f32(kl_retain(reference.clone(), reference.clone()))[0], 0.0);
/// let expected = 0.25 * 0.5f32.ln() + 0.75 * 1.5f32.ln();
/// assert!((read_f32(kl_retain(even, reference))[0] - expected).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn kl_retain(logits: Tensor<2>, logits_ref: Tensor<2>) -> Tensor<1> {
    let [rows, _] = logits.dims();
    let reference = log_softmax(logits_ref, 1);
    // A class without probability in the reference adds nothing: 0·(−∞ − log p) would be NaN.
    let probabilities = reference.clone().exp();
    let nothing = probabilities.clone().equal_elem(0.0);
    let terms = probabilities * (reference - log_softmax(logits, 1));
    terms.mask_fill(nothing, 0.0).sum() / rows.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn the_direction_is_reference_to_current() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let sure = Tensor::<2>::from_data([[10.0, 0.0]], &device);
        let even = Tensor::<2>::zeros([1, 2], &device);
        let (small, large) = (read_f32(kl_retain(even.clone(), sure.clone()))[0], read_f32(kl_retain(sure, even))[0]);
        assert!((small - 2f32.ln()).abs() < 1e-2 && large > 4.0, "{small} {large}");
    }

    #[test]
    fn huge_logits_are_finite_and_the_gradient_is_the_difference_of_probabilities() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let logits = Tensor::<2>::from_data([[1e4, -1e4], [0.0, 0.0]], &device).require_grad();
        let reference = Tensor::<2>::from_data([[-1e4, 1e4], [3f32.ln(), 0.0]], &device);
        let kl = kl_retain(logits.clone(), reference);
        let gradient = read_f32(logits.grad(&kl.clone().backward()).unwrap());
        assert!(read_f32(kl)[0].is_finite());
        let want = [0.5, -0.5, (0.5 - 0.75) / 2.0, (0.5 - 0.25) / 2.0];
        assert!(gradient.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{gradient:?}");
    }
}
