//! Questions and answers as padded sequences on the device.

use burn::tensor::TensorData;
use harness_core::prelude::*;

use super::sequence::IGNORED;

/// Sequences of one padded length: a prompt, then an answer, which alone has labels.
#[derive(Debug, Clone)]
pub struct Sequences {
    tokens: IntTensor<2>,
    labels: IntTensor<2>,
    answer_tokens: Vec<usize>,
}

/// Some of them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[batch, length]`.
    pub tokens: IntTensor<2>,
    /// `[batch, length]`, [`IGNORED`] except for answers.
    pub labels: IntTensor<2>,
    /// Number of answer tokens in it.
    pub answer_tokens: usize,
}

impl Sequences {
    /// Uploads prompts with answers; `length` is at least that of the longest.
    pub fn new<'a>(pairs: impl Iterator<Item = (&'a [i64], &'a [i64])>, length: usize, device: &Device) -> Self {
        let (mut tokens, mut labels, mut answer_tokens) = (Vec::new(), Vec::new(), Vec::new());
        for (prompt, answer) in pairs {
            let padding = length.saturating_sub(prompt.len() + answer.len());
            tokens.extend(prompt.iter().chain(answer).copied().chain(std::iter::repeat_n(0, padding)));
            labels.extend(std::iter::repeat_n(IGNORED, prompt.len()));
            labels.extend(answer.iter().copied().chain(std::iter::repeat_n(IGNORED, padding)));
            answer_tokens.push(answer.len());
        }
        let shape = [answer_tokens.len(), length];
        let upload = |values: Vec<i64>| IntTensor::from_data(TensorData::new(values, shape), device);
        Sequences { tokens: upload(tokens), labels: upload(labels), answer_tokens }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.answer_tokens.len()
    }

    /// Number of answer tokens of each.
    pub fn answer_tokens(&self) -> &[usize] {
        &self.answer_tokens
    }

    /// Those of these numbers.
    pub fn select(&self, rows: &[usize]) -> Batch {
        let index: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
        let index = IntTensor::<1>::from_data(TensorData::new(index, [rows.len()]), &self.tokens.device());
        Batch {
            tokens: self.tokens.clone().select(0, index.clone()),
            labels: self.labels.clone().select(0, index),
            answer_tokens: rows.iter().filter_map(|row| self.answer_tokens.get(*row)).sum(),
        }
    }

    /// All of them, `batch` at a time.
    pub fn in_order(&self, batch: usize) -> impl Iterator<Item = Batch> + '_ {
        let rows: Vec<usize> = (0..self.count()).collect();
        (0..self.count()).step_by(batch.max(1)).map(move |start| {
            let end = (start + batch.max(1)).min(rows.len());
            self.select(rows.get(start..end).unwrap_or_default())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn only_answers_have_labels() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let pairs = [(&[5i64, 6][..], &[7i64][..]), (&[8], &[9, 4])];
        let sequences = Sequences::new(pairs.into_iter(), 4, &device);
        let all = sequences.select(&[1, 0]);
        let read = |ids: IntTensor<2>| ids.into_data().iter::<i64>().collect::<Vec<_>>();
        assert_eq!(read(all.tokens), [8, 9, 4, 0, 5, 6, 7, 0]);
        assert_eq!(read(all.labels), [IGNORED, 9, 4, IGNORED, IGNORED, IGNORED, 7, IGNORED]);
        assert_eq!((all.answer_tokens, sequences.answer_tokens(), sequences.count()), (3, &[1, 2][..], 2));
        let sizes: Vec<usize> = sequences.in_order(1).map(|batch| batch.answer_tokens).collect();
        assert_eq!(sizes, [1, 2]);
    }
}
