//! Words to predict: the Penn Treebank, or a Markov chain in its place.

use std::collections::BTreeSet;

use harness_core::prelude::*;
use papers_kit::ngram::FrequentWords;
use rand::Rng;
use rand_distr::{Distribution, weighted::WeightedIndex};

/// Three streams of word numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// Size of the vocabulary.
    pub words: usize,
    /// What is learned from.
    pub train: Vec<i64>,
    /// What hyper-parameters are chosen on.
    pub validation: Vec<i64>,
    /// What is reported.
    pub test: Vec<i64>,
}

/// Exponent of the marginal from which successors are drawn.
const MARGINAL: f64 = 1.1;
/// Exponent of the weights of a word's successors.
const TRANSITIONS: f64 = 1.0;

impl Corpus {
    /// The `size` most frequent words of the training text; all others are `<unk>`.
    pub fn of_text<S: AsRef<str>>(train: &[S], validation: &[S], test: &[S], size: usize) -> Self {
        let words = FrequentWords::of(train, size, "<unk>");
        Corpus {
            words: words.size(),
            train: words.encode(train),
            validation: words.encode(validation),
            test: words.encode(test),
        }
    }

    /// A Markov chain of order 1 over `words` words: each has `successors` distinct successors (or all words, where
    /// there are no more), drawn by a Zipf(1.1) marginal, with Zipf(1) weights in the order of their drawing. The
    /// stream of `length` words is split 80/10/10 in its order.
    ///
    /// # Errors
    /// [`Error::Input`] where a number is 0.
    pub fn synthetic(words: usize, successors: usize, length: usize, rng: &mut impl Rng) -> Result<Self> {
        let marginal = zipf(words, MARGINAL)?;
        let successors = successors.min(words);
        let weights = zipf(successors, TRANSITIONS)?;
        let table: Vec<Vec<usize>> = (0..words)
            .map(|_| {
                let mut seen = BTreeSet::new();
                let mut row = Vec::with_capacity(successors);
                while row.len() < successors {
                    let word = marginal.sample(rng);
                    if seen.insert(word) {
                        row.push(word);
                    }
                }
                row
            })
            .collect();
        let mut word = marginal.sample(rng);
        let mut stream = Vec::with_capacity(length);
        for _ in 0..length {
            stream.push(word as i64);
            let row = table.get(word).map_or(&[][..], Vec::as_slice);
            word = row.get(weights.sample(rng)).copied().unwrap_or(0);
        }
        let test = stream.split_off(length * 9 / 10);
        let validation = stream.split_off(length * 8 / 10);
        Ok(Corpus { words, train: stream, validation, test })
    }
}

fn zipf(count: usize, exponent: f64) -> Result<WeightedIndex<f64>> {
    WeightedIndex::new((1..=count).map(|rank| (rank as f64).powf(-exponent)))
        .map_err(|error| Error::Input(format!("a Zipf law over {count} words: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::rng;

    #[test]
    fn the_chain_has_few_successors_and_a_skewed_marginal() {
        let corpus = Corpus::synthetic(60, 5, 20_000, &mut rng::stream("z_loss", "chain", 1)).unwrap();
        assert_eq!((corpus.train.len(), corpus.validation.len(), corpus.test.len()), (16_000, 2_000, 2_000));
        let mut successors = vec![BTreeSet::new(); 60];
        let mut counts = vec![0usize; 60];
        for pair in corpus.train.windows(2) {
            successors[pair[0] as usize].insert(pair[1]);
            counts[pair[0] as usize] += 1;
        }
        assert!(successors.iter().all(|row| row.len() <= 5));
        let first: usize = counts[..6].iter().sum();
        let last: usize = counts[54..].iter().sum();
        assert!(first > 5 * last.max(1), "{counts:?}");
    }

    #[test]
    fn no_words_are_refused() {
        assert!(Corpus::synthetic(0, 5, 10, &mut rng::stream("z_loss", "chain", 1)).is_err());
        assert!(Corpus::synthetic(5, 0, 10, &mut rng::stream("z_loss", "chain", 1)).is_err());
    }

    #[test]
    fn rare_words_of_a_text_become_unknown() {
        let corpus = Corpus::of_text(&["a", "b", "a", "<unk>", "c"], &["c", "b"], &["a"], 2);
        assert_eq!(corpus, Corpus { words: 2, train: vec![0, 1, 0, 1, 1], validation: vec![1, 1], test: vec![0] });
    }
}
