//! Word text as batches of n-grams: the context of n − 1 words predicts the next one.

use std::collections::HashMap;

use burn::tensor::TensorData;
use harness_core::backend::{Device, IntTensor};

/// The most frequent words of a text, numbered from 0 by falling frequency; all other words share one number.
#[derive(Debug, Clone)]
pub struct FrequentWords {
    ids: HashMap<String, i64>,
    unknown: i64,
    size: usize,
}

impl FrequentWords {
    /// The `size` most frequent words of `text`; words that are equally frequent are taken by their first appearance.
    ///
    /// `unknown` (such as `<unk>`) always is one of them, in the last place where it is not frequent enough by
    /// itself. A text with fewer distinct words gives a smaller vocabulary; `size` 0 counts as 1.
    pub fn of<S: AsRef<str>>(text: &[S], size: usize, unknown: &str) -> Self {
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        for (position, word) in text.iter().enumerate() {
            counts.entry(word.as_ref()).or_insert((0, position)).0 += 1;
        }
        let mut words: Vec<(&str, usize, usize)> =
            counts.into_iter().map(|(word, (count, first))| (word, count, first)).collect();
        words.sort_by(|a, b| b.1.cmp(&a.1).then(a.2.cmp(&b.2)));
        let mut kept: Vec<&str> = words.into_iter().map(|(word, _, _)| word).take(size.max(1)).collect();
        if !kept.contains(&unknown) {
            if kept.len() >= size.max(1) {
                kept.pop();
            }
            kept.push(unknown);
        }
        let size = kept.len();
        let ids: HashMap<String, i64> =
            kept.into_iter().enumerate().map(|(id, word)| (word.to_owned(), id as i64)).collect();
        let unknown = ids.get(unknown).copied().unwrap_or(0);
        FrequentWords { ids, unknown, size }
    }

    /// Number of words, the unknown one included.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The words of a text as their numbers.
    pub fn encode<S: AsRef<str>>(&self, text: &[S]) -> Vec<i64> {
        text.iter().map(|word| self.ids.get(word.as_ref()).copied().unwrap_or(self.unknown)).collect()
    }
}

/// All n-grams of a stream of words, gathered on the device.
#[derive(Debug, Clone)]
pub struct NGrams {
    stream: IntTensor<1>,
    order: usize,
    count: usize,
}

impl NGrams {
    /// The n-grams of `stream`, where `order` is n ≥ 1. There are `stream.len() − order + 1` of them, or none.
    pub fn new(stream: &[i64], order: usize, device: &Device) -> Self {
        let order = order.max(1);
        let count = (stream.len() + 1).saturating_sub(order);
        let stream = IntTensor::from_data(TensorData::new(stream.to_vec(), [stream.len()]), device);
        NGrams { stream, order, count }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The n-grams that start at `positions` `[batch]`, each below [`NGrams::count`]: contexts `[batch, n − 1]` and
    /// next words `[batch]`.
    pub fn batch(&self, positions: IntTensor<1>) -> (IntTensor<2>, IntTensor<1>) {
        let [batch] = positions.dims();
        let device = positions.device();
        let last = self.order - 1;
        let offsets = IntTensor::<1>::arange(0..last as i64, &device).unsqueeze_dim::<2>(0); // [1, n − 1]
        let places = positions.clone().unsqueeze_dim::<2>(1) + offsets; // [batch, n − 1]
        let contexts = self.stream.clone().select(0, places.reshape([batch * last])).reshape([batch, last]);
        (contexts, self.stream.clone().select(0, positions + last as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn frequent_words_are_numbered_by_frequency_and_the_rest_is_unknown() {
        let text = ["b", "a", "a", "c", "b", "a", "d"];
        let words = FrequentWords::of(&text, 3, "<unk>");
        assert_eq!(words.size(), 3);
        assert_eq!(words.encode(&["a", "b", "c", "d", "<unk>", "new"]), [0, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn the_unknown_word_keeps_its_own_place_where_it_is_frequent() {
        let words = FrequentWords::of(&["<unk>", "<unk>", "a", "b"], 2, "<unk>");
        assert_eq!(words.encode(&["<unk>", "a", "b"]), [0, 1, 0]);
        assert_eq!(FrequentWords::of(&["a"], 9, "<unk>").size(), 2);
    }

    #[test]
    fn a_batch_holds_contexts_and_their_next_words() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let grams = NGrams::new(&[10, 11, 12, 13, 14], 3, &device);
        assert_eq!(grams.count(), 3);
        let (contexts, next) = grams.batch(IntTensor::from_data([2, 0], &device));
        assert_eq!(contexts.into_data().iter::<i64>().collect::<Vec<_>>(), [12, 13, 10, 11]);
        assert_eq!(next.into_data().iter::<i64>().collect::<Vec<_>>(), [14, 12]);
        assert_eq!(NGrams::new(&[1, 2], 3, &device).count(), 0);
    }
}
