//! Losses with their gradients.

use burn::tensor::activation::log_softmax;
use harness_core::backend::{BoolTensor, IntTensor, Tensor};

/// A loss, and its gradient with respect to the predictions, a differentiable function of them.
#[derive(Debug, Clone)]
pub struct LossAndGradient {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// ∂loss/∂predictions, `[features, n]`.
    pub gradient: Tensor<2>,
}

/// Mean cross-entropy of logits `[classes, n]` and labels `[n]` in 0..classes; the gradient is
/// (softmax(z) − onehot(y))/n.
///
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::backprop::cross_entropy;
/// let device = DeviceChoice::Cpu.open()?;
/// let logits = Tensor::<2>::from_data([[0.0, 0.0], [0.0, 0.0]], &device); // two classes, two examples
/// let found = cross_entropy(logits, IntTensor::from_data([0, 1], &device));
/// assert_eq!(read_f32(found.gradient), [-0.25, 0.25, 0.25, -0.25]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn cross_entropy(logits: Tensor<2>, labels: IntTensor<1>) -> LossAndGradient {
    let [classes, n] = logits.dims();
    let log_probabilities = log_softmax(logits, 0);
    // A mask keeps the kind of tensor, where a conversion of integers forgets that the device records gradients.
    let target = log_probabilities.zeros_like().mask_fill(label_mask(labels, classes), 1.0);
    let loss = -(log_probabilities.clone() * target.clone()).sum() / n as f64;
    LossAndGradient { loss, gradient: (log_probabilities.exp() - target) / n as f64 }
}

/// Where the class of a row is the label of a column, `[classes, n]`, for labels `[n]`.
pub fn label_mask(labels: IntTensor<1>, classes: usize) -> BoolTensor<2> {
    let [n] = labels.dims();
    let rows = IntTensor::<1>::arange(0..classes as i64, &labels.device()).unsqueeze_dim::<2>(1).expand([classes, n]);
    rows.equal(labels.unsqueeze_dim::<2>(0).expand([classes, n]))
}

/// The mean over all elements of (prediction − target)²; the gradient is 2(prediction − target) over their number.
pub fn mean_squared_error(predictions: Tensor<2>, targets: Tensor<2>) -> LossAndGradient {
    let [features, n] = predictions.dims();
    let apart = predictions - targets;
    LossAndGradient { loss: apart.clone().square().mean(), gradient: apart * (2.0 / (features * n) as f64) }
}
