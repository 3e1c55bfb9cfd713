//! What every classification experiment needs: cross-entropy per example, who is right, accuracy over all, per class
//! and over the worst classes, evaluation in batches.

use burn::tensor::activation::log_softmax;
use harness_core::backend::{BoolTensor, IntTensor, Tensor};
use harness_core::op::read_f32;
use harness_core::{Error, Result};

/// −log softmax(z)_y of each example: logits `[n, C]`, labels `[n]` in 0..C, to `[n]`.
///
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// let device = DeviceChoice::Cpu.open()?;
/// let logits = Tensor::<2>::from_data([[0.0, 0.0], [200.0, -200.0]], &device);
/// let losses = papers_kit::classify::cross_entropy(logits, IntTensor::from_data([0, 1], &device));
/// let losses: Vec<f32> = losses.into_data().iter().collect();
/// assert!((losses[0] - 2f32.ln()).abs() < 1e-6 && losses[1] == 400.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn cross_entropy(logits: Tensor<2>, labels: IntTensor<1>) -> Tensor<1> {
    -log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1)).squeeze_dim(1)
}

/// Whether the largest logit of each example is that of its label; of equal logits the first counts.
pub fn correct(logits: Tensor<2>, labels: IntTensor<1>) -> BoolTensor<1> {
    logits.argmax(1).squeeze_dim(1).equal(labels)
}

/// Applies `model` to `batch` examples at a time, `[n, …]` to `[n, C]`, so that memory does not grow with n. Hand it a
/// model and inputs that record no gradients (`model.valid()`, `x.inner()`). An empty input or batch counts as one
/// call.
pub fn logits_in_batches<const D: usize>(
    x: Tensor<D>,
    batch: usize,
    mut model: impl FnMut(Tensor<D>) -> Tensor<2>,
) -> Tensor<2> {
    let count = x.dims().first().copied().unwrap_or(0);
    if count <= batch || batch == 0 {
        return model(x);
    }
    let parts =
        (0..count).step_by(batch).map(|start| model(x.clone().narrow(0, start, batch.min(count - start)))).collect();
    Tensor::cat(parts, 0)
}

/// Reads switches back to the host.
pub fn read_bools(switches: BoolTensor<1>) -> Vec<bool> {
    // Through floats, because a device may store switches in any of several forms.
    read_f32(switches.float()).into_iter().map(|value| value != 0.0).collect()
}

/// Share of `true`; NaN without any.
pub fn accuracy(correct: &[bool]) -> f64 {
    correct.iter().filter(|correct| **correct).count() as f64 / correct.len() as f64
}

/// Accuracy of each class of 0..`classes`; `None` for a class without examples.
///
/// # Errors
/// [`Error::Input`] where the lengths differ or a label is outside.
pub fn per_class_accuracy(correct: &[bool], labels: &[usize], classes: usize) -> Result<Vec<Option<f64>>> {
    if correct.len() != labels.len() {
        return Err(Error::Input(format!("{} answers for {} labels: expected as many", correct.len(), labels.len())));
    }
    let mut counts = vec![(0usize, 0usize); classes];
    for (correct, label) in correct.iter().zip(labels) {
        let count = counts
            .get_mut(*label)
            .ok_or_else(|| Error::Input(format!("label {label} is outside of the {classes} classes")))?;
        count.0 += usize::from(*correct);
        count.1 += 1;
    }
    Ok(counts.into_iter().map(|(right, all)| (all > 0).then(|| right as f64 / all as f64)).collect())
}

/// Accuracy over all examples and over the worst classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailAccuracy {
    /// Share of examples that are right.
    pub average: f64,
    /// Mean accuracy of the worst classes.
    pub tail: f64,
}

/// The average of the k lowest class accuracies, k = max(1, ⌊fraction·classes + ½⌋), capped at the number of classes
/// that have examples.
///
/// ```
/// use papers_kit::classify::tail_accuracy;
/// let found = tail_accuracy(&[true, true, true, false], &[0, 0, 1, 1], 2, 0.5)?;
/// assert_eq!((found.average, found.tail), (0.75, 0.5));
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] where the lengths differ, there is no example, a label is outside, or `fraction` is negative or not
/// finite.
pub fn tail_accuracy(correct: &[bool], labels: &[usize], classes: usize, fraction: f64) -> Result<TailAccuracy> {
    if !fraction.is_finite() || fraction < 0.0 {
        return Err(Error::Input(format!("fraction must be a finite number of at least 0, got {fraction}")));
    }
    let mut accuracies: Vec<f64> = per_class_accuracy(correct, labels, classes)?.into_iter().flatten().collect();
    if accuracies.is_empty() {
        return Err(Error::Input("tail accuracy needs at least one example".into()));
    }
    accuracies.sort_by(f64::total_cmp);
    let worst = ((fraction * classes as f64 + 0.5).floor() as usize).clamp(1, accuracies.len());
    let tail = accuracies.iter().take(worst).sum::<f64>() / worst as f64;
    Ok(TailAccuracy { average: accuracy(correct), tail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use harness_core::backend::DeviceChoice;
    use proptest::prelude::*;

    #[test]
    fn the_gradient_of_cross_entropy_is_softmax_minus_one_hot() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let logits = Tensor::<2>::from_data([[1.0, 2.0, 0.5], [-3.0, 0.0, 80.0]], &device).require_grad();
        let labels = IntTensor::<1>::from_data([0, 1], &device);
        let gradients = cross_entropy(logits.clone(), labels).sum().backward();
        let found = read_f32(logits.grad(&gradients).unwrap());
        let total = 1f64.exp() + 2f64.exp() + 0.5f64.exp();
        let expected = [1f64.exp() / total - 1.0, 2f64.exp() / total, 0.5f64.exp() / total, 0.0, -1.0, 1.0];
        assert!(found.iter().zip(expected).all(|(got, want)| (f64::from(*got) - want).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn the_largest_logit_decides() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let logits = Tensor::<2>::from_data([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]], &device);
        let right = read_bools(correct(logits, IntTensor::from_data([1, 1, 0], &device)));
        assert_eq!(right, [true, false, true]);
    }

    #[test]
    fn batches_do_not_change_the_answer() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let x = Tensor::<2>::from_data(TensorData::new((0..14).map(|i| i as f32).collect::<Vec<_>>(), [7, 2]), &device);
        let mut calls = 0;
        let mut model = |x: Tensor<2>| {
            calls += 1;
            x * 2.0
        };
        let whole = read_f32(logits_in_batches(x.clone(), 7, &mut model));
        let parts = read_f32(logits_in_batches(x, 3, &mut model));
        assert_eq!(whole, parts);
        assert_eq!(calls, 4);
    }

    #[test]
    fn classes_without_examples_are_left_out() {
        let correct = [false, true, true, true, false];
        let labels = [0, 0, 2, 2, 4];
        assert_eq!(per_class_accuracy(&correct, &labels, 5).unwrap(), [Some(0.5), None, Some(1.0), None, Some(0.0)]);
        assert_eq!(tail_accuracy(&correct, &labels, 5, 0.4).unwrap().tail, 0.25);
        // More classes asked for than there are: the mean over all of them.
        assert_eq!(tail_accuracy(&correct, &labels, 5, 1.0).unwrap().tail, 0.5);
        assert_eq!(tail_accuracy(&correct, &labels, 5, 0.0).unwrap().tail, 0.0);
    }

    #[test]
    fn bad_inputs_are_refused() {
        assert!(tail_accuracy(&[], &[], 3, 0.3).is_err());
        assert!(tail_accuracy(&[true], &[], 3, 0.3).is_err());
        assert!(tail_accuracy(&[true], &[3], 3, 0.3).is_err());
        assert!(tail_accuracy(&[true], &[0], 0, 0.3).is_err());
        assert!(tail_accuracy(&[true], &[0], 3, f64::NAN).is_err());
    }

    proptest! {
        /// The worst classes are at most as good as the mean over classes, and the tail grows with the fraction.
        #[test]
        fn the_tail_is_monotone(rows in prop::collection::vec((any::<bool>(), 0usize..6), 1..60), a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let correct: Vec<bool> = rows.iter().map(|row| row.0).collect();
            let labels: Vec<usize> = rows.iter().map(|row| row.1).collect();
            let small = tail_accuracy(&correct, &labels, 6, a.min(b)).unwrap();
            let large = tail_accuracy(&correct, &labels, 6, a.max(b)).unwrap();
            prop_assert!(small.tail <= large.tail + 1e-12);
            prop_assert!((0.0..=1.0).contains(&small.tail) && small.average == large.average);
        }
    }
}
