//! Word vectors that carry a linear model of their own best response to the hyper-parameters.

use burn::tensor::module::embedding;
use harness_core::prelude::*;

/// The tensors of vectors of E numbers for N words, with H hyper-parameters.
#[derive(Debug, Clone)]
pub struct HyperEmbeddingWeights {
    /// Wᵉ, `[N, E]`.
    pub elem_weight: Tensor<2>,
    /// Wʰ, `[N, E]`.
    pub hyper_weight: Tensor<2>,
    /// V, `[H, E]`.
    pub response: Tensor<2>,
}

/// Vectors of words that depend on hyper-parameters, one set of them per text.
///
/// **Definition.** y_tb = Wᵉ\[w_tb\] + (h̃_b V) ⊙ Wʰ\[w_tb\].
///
/// **Paper.** Appendix on the language model (arXiv 1903.03088); `HyperEmbedding` in `hyperlstm.py` of the authors' code.
///
/// **Arguments.** `words` `[T, B]`, numbers in 0..N, texts in columns; `h` h̃ `[B, H]`, unconstrained. Gives `[T, B, E]`.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where shapes do not agree or something is empty. Numbers of words are not checked.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use papers_optimization::stn::{HyperEmbeddingWeights, hyper_embedding};
/// let device = DeviceChoice::Cpu.open()?;
/// let weights = HyperEmbeddingWeights {
///     elem_weight: Tensor::from_data([[1.0], [2.0]], &device),
///     hyper_weight: Tensor::from_data([[10.0], [20.0]], &device),
///     response: Tensor::from_data([[0.5]], &device),
/// };
/// let words = IntTensor::<2>::from_data([[1, 0]], &device);
/// let vectors = hyper_embedding(words, Tensor::from_data([[0.0], [2.0]], &device), weights)?;
/// let vectors: Vec<f32> = vectors.into_data().iter().collect();
/// assert_eq!(vectors, [2.0, 11.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn hyper_embedding(words: IntTensor<2>, h: Tensor<2>, weights: HyperEmbeddingWeights) -> Result<Tensor<3>> {
    let HyperEmbeddingWeights { elem_weight, hyper_weight, response } = weights;
    let ([steps, rows], [_, columns], [count, size]) = (words.dims(), h.dims(), elem_weight.dims());
    let shapes = [
        ("h", h.dims(), [rows, columns]),
        ("hyper_weight", hyper_weight.dims(), [count, size]),
        ("response", response.dims(), [columns, size]),
    ];
    if let Some((name, got, want)) = shapes.into_iter().find(|(_, got, want)| got != want) {
        return Err(Error::Input(format!("{name} has shape {got:?}, expected {want:?}")));
    }
    if [steps, rows, columns, count, size].contains(&0) {
        return Err(Error::Input("a hyper-embedding needs at least one word, text, hyper-parameter and number".into()));
    }
    let gates = h.matmul(response).unsqueeze_dim::<3>(0); // [1, b, e]
    Ok(embedding(elem_weight, words.clone()) + embedding(hyper_weight, words) * gates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn weights(device: &Device) -> HyperEmbeddingWeights {
        HyperEmbeddingWeights {
            elem_weight: Tensor::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], device),
            hyper_weight: Tensor::from_data([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], device),
            response: Tensor::from_data([[10.0, 100.0]], device),
        }
    }

    #[test]
    fn each_text_has_its_own_gates_and_words_stand_in_rows() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let words = IntTensor::<2>::from_data([[0, 2], [1, 0]], &device);
        let found = hyper_embedding(words, Tensor::from_data([[0.0], [1.0]], &device), weights(&device)).unwrap();
        assert_eq!(found.dims(), [2, 2, 2]);
        let want = [1.0, 2.0, 5.0 + 5.0, 6.0 + 60.0, 3.0, 4.0, 1.0 + 1.0, 2.0 + 20.0];
        assert!(read_f32(found).iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn shapes_that_do_not_agree_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let call = |words: [usize; 2], h: [usize; 2]| {
            hyper_embedding(IntTensor::zeros(words, &device), Tensor::zeros(h, &device), weights(&device))
        };
        assert!(call([4, 2], [2, 1]).is_ok());
        for (words, h) in [([4, 2], [3, 1]), ([4, 2], [2, 2]), ([0, 2], [2, 1]), ([4, 0], [0, 1])] {
            assert!(matches!(call(words, h), Err(Error::Input(_))), "{words:?} {h:?}");
        }
    }
}
