//! Log-probabilities of tokens.

use crate::classify::cross_entropy;
use harness_core::backend::{IntTensor, Tensor};

/// log p of each label: logits `[batch, tokens, vocabulary]`, labels `[batch, tokens]` in 0..vocabulary, to
/// `[batch, tokens]`.
///
/// Nothing is shifted: the label beside the logits at position t is the token that they predict, which for a language
/// model is that at position t + 1 of its input. The mean negative one is the language-model loss.
pub fn log_probs(logits: Tensor<3>, labels: IntTensor<2>) -> Tensor<2> {
    let [batch, tokens, vocabulary] = logits.dims();
    let rows = batch * tokens;
    -cross_entropy(logits.reshape([rows, vocabulary]), labels.reshape([rows])).reshape([batch, tokens])
}

/// What a batch of sequences `[batch, tokens]` of at least two tokens is trained on: the inputs, which lack the last
/// token, and the labels, which lack the first one.
pub fn inputs_and_labels(ids: IntTensor<2>) -> (IntTensor<2>, IntTensor<2>) {
    let [_, tokens] = ids.dims();
    (ids.clone().narrow(1, 0, tokens - 1), ids.narrow(1, 1, tokens - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn each_token_has_the_log_probability_of_its_label() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let logits =
            Tensor::<3>::from_data([[[0.0, 1f32.ln()], [2f32.ln(), 0.0]], [[0.0, 3f32.ln()], [0.0, 0.0]]], &device);
        let labels = IntTensor::<2>::from_data([[1, 0], [1, 1]], &device);
        let found: Vec<f32> = read_f32(log_probs(logits, labels)).into_iter().map(f32::exp).collect();
        let expected = [0.5, 2.0 / 3.0, 0.75, 0.5];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn labels_are_the_inputs_one_ahead() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (inputs, labels) = inputs_and_labels(IntTensor::from_data([[1, 2, 3], [4, 5, 6]], &device));
        assert_eq!(inputs.into_data().iter::<i64>().collect::<Vec<_>>(), [1, 2, 4, 5]);
        assert_eq!(labels.into_data().iter::<i64>().collect::<Vec<_>>(), [2, 3, 5, 6]);
    }
}
