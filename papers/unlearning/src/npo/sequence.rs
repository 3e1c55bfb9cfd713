//! How likely a language model finds given answers.

use burn::tensor::activation::log_softmax;
use harness_core::backend::{IntTensor, Tensor};

/// The label of a position that no loss looks at: prompts and padding.
pub const IGNORED: i64 = -100;

/// What [`sequence_loss`] returns.
#[derive(Debug, Clone)]
pub struct SequenceLoss {
    /// −Σ_t log π(y_t | x, y_<t) of each sequence, in nats: a **sum** over its answer tokens, `[batch]`.
    pub nll: Tensor<1>,
    /// Number of answer tokens of each sequence, `[batch]`.
    pub tokens: IntTensor<1>,
}

/// The negative log-likelihood of the answer in each sequence.
///
/// **Definition**: nll_i = −Σ_t log softmax(z_{i,t})[y_{i,t+1}] over the positions t with y_{i,t+1} ≠ −100: logits at a
/// position predict the label of the **next** one, so that the first label and the last logits have no part.
///
/// **Paper**: Zhang, Lin, Bai and Mei, arXiv 2404.05868: the log-likelihood ratio of the NPO loss.
///
/// **Arguments**: logits `[batch, length, vocabulary]` with length ≥ 2; labels `[batch, length]`, each a token or
/// [`IGNORED`].
///
/// **Differences**: none; the released code shifts inside its batch loss and sums over tokens as well.
///
/// **Errors**: none; labels outside of the vocabulary are a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_unlearning::npo::{IGNORED, sequence_loss};
///
/// let device = DeviceChoice::Cpu.open()?;
/// let logits = Tensor::<3>::zeros([1, 3, 4], &device);
/// let labels = IntTensor::<2>::from_data([[IGNORED, 2, 0]], &device);
/// let loss = sequence_loss(logits, labels);
/// assert!((read_f32(loss.nll)[0] - 2.0 * 4f32.ln()).abs() < 1e-5);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn sequence_loss(logits: Tensor<3>, labels: IntTensor<2>) -> SequenceLoss {
    let [batch, length, vocabulary] = logits.dims();
    let steps = length.saturating_sub(1);
    let targets = labels.narrow(1, 1, steps); // [batch, length − 1]
    let ignored = targets.clone().equal_elem(IGNORED);
    let tokens = ignored.clone().bool_not().int().sum_dim(1).squeeze_dim(1);
    let log_probabilities = log_softmax(logits.slice([0..batch, 0..steps, 0..vocabulary]), 2);
    let chosen = log_probabilities
        .gather(2, targets.mask_fill(ignored.clone(), 0).unsqueeze_dim(2))
        .squeeze_dim::<2>(2)
        .mask_fill(ignored, 0.0); // [batch, length − 1]
    SequenceLoss { nll: -chosen.sum_dim(1).squeeze_dim::<1>(1), tokens }
}

/// The mean cross-entropy over all answer tokens of a batch, `[1]`: Σ nll / `tokens`, where `tokens` is their number.
///
/// Gradient ascent and the retain term are in this unit, the NPO loss in that of whole sequences.
pub fn token_mean(nll: Tensor<1>, tokens: usize) -> Tensor<1> {
    nll.sum() / tokens.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn logits() -> [[[f32; 3]; 3]; 1] {
        [[[0.0, 1.0, 2.0], [3.0, 0.0, -1.0], [9.0, -9.0, 4.0]]]
    }

    fn loss(labels: [[i64; 3]; 1]) -> (f32, i64) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let loss = sequence_loss(Tensor::from_data(logits(), &device), IntTensor::from_data(labels, &device));
        (read_f32(loss.nll)[0], loss.tokens.into_data().iter::<i64>().next().unwrap())
    }

    fn surprise(row: [f32; 3], token: usize) -> f32 {
        row.iter().map(|z| z.exp()).sum::<f32>().ln() - row[token]
    }

    #[test]
    fn logits_predict_the_next_label_and_tokens_are_summed() {
        let [[first, second, _]] = logits();
        let (nll, tokens) = loss([[0, 2, 1]]);
        assert!((nll - surprise(first, 2) - surprise(second, 1)).abs() < 1e-5);
        assert_eq!(tokens, 2, "the first label is predicted by nothing");
        let (nll, tokens) = loss([[0, IGNORED, 1]]);
        assert!((nll - surprise(second, 1)).abs() < 1e-5);
        assert_eq!(tokens, 1);
    }

    #[test]
    fn a_sequence_without_answer_costs_nothing() {
        assert_eq!(loss([[0, IGNORED, IGNORED]]), (0.0, 0));
    }

    #[test]
    fn ignored_positions_and_the_last_logits_have_no_gradient() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let logits = Tensor::<3>::from_data(logits(), &device).require_grad();
        let nll = sequence_loss(logits.clone(), IntTensor::from_data([[0, IGNORED, 1]], &device)).nll;
        let gradient = read_f32(logits.grad(&nll.sum().backward()).unwrap());
        assert!(gradient[..3].iter().chain(&gradient[6..]).all(|slope| *slope == 0.0), "{gradient:?}");
        assert!(gradient[4] < 0.0 && gradient[3] > 0.0);
    }
}
