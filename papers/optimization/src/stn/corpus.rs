//! Text to predict word by word: the Penn Treebank, or a Markov chain in its place.

use harness_core::data::load;
use harness_core::prelude::*;
use papers_kit::ngram::FrequentWords;
use rand::{Rng, RngExt};

use super::settings::TaskSettings;

/// Data set of the language model.
const PTB: &str = "ptb-lm";

/// Three streams of word numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// An identifier of the registry, or `synthetic`.
    pub source: String,
    /// Size of the vocabulary.
    pub words: usize,
    /// What the weights are fitted to.
    pub train: Vec<i64>,
    /// What the hyper-parameters are fitted to.
    pub validation: Vec<i64>,
    /// What is reported.
    pub test: Vec<i64>,
}

/// The text that the settings ask for, with the `words` most frequent words; a Markov chain where it is not to be had.
///
/// # Errors
/// Those of the readers; [`Error::Input`] where the settings ask for more words than there are.
pub fn open(settings: &TaskSettings, words: usize, trial: &Trial, lab: &mut Lab) -> Result<Corpus> {
    if trial.data.contains_key(PTB)
        && let Data::Real(set) = lab.data(PTB)?
    {
        let text = load::ptb(&set)?;
        let select = |text: &[String], count: usize| -> Result<Vec<String>> {
            let first = text.get(..count).ok_or_else(|| {
                Error::Input(format!("{PTB}: {count} words are asked of {}: ask for fewer", text.len()))
            })?;
            Ok(first.to_vec())
        };
        let train = select(&text.train, settings.train)?;
        let frequent = FrequentWords::of(&train, words, "<unk>");
        return Ok(Corpus {
            source: PTB.to_owned(),
            words: frequent.size(),
            train: frequent.encode(&train),
            validation: frequent.encode(&select(&text.valid, settings.validation)?),
            test: frequent.encode(&select(&text.test, settings.test)?),
        });
    }
    Ok(chain(settings, words, &mut lab.rng("data")))
}

/// Chances of a word's successors.
const CHANCES: [f64; 3] = [0.6, 0.3, 0.1];

/// A Markov chain: each word has three successors, drawn anew for the whole text, with chances of 60, 30 and 10 %.
pub fn chain(settings: &TaskSettings, words: usize, rng: &mut impl Rng) -> Corpus {
    let count = words as i64;
    let successors: Vec<[i64; CHANCES.len()]> =
        (0..words).map(|_| std::array::from_fn(|_| rng.random_range(0..count))).collect();
    let mut word = 0i64;
    let mut draw = |length: usize| -> Vec<i64> {
        (0..length)
            .map(|_| {
                let mut chance: f64 = rng.random();
                let next = successors.get(word as usize).and_then(|row| {
                    row.iter().zip(CHANCES).find_map(|(next, share)| {
                        chance -= share;
                        (chance < 0.0).then_some(*next)
                    })
                });
                // The last chance may be missed by rounding.
                word = next.unwrap_or(0);
                word
            })
            .collect()
    };
    Corpus {
        source: "synthetic".to_owned(),
        words,
        train: draw(settings.train),
        validation: draw(settings.validation),
        test: draw(settings.test),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::TaskName;
    use super::super::tests::smoke_settings;
    use super::*;

    #[test]
    fn each_word_has_at_most_three_successors_and_one_is_likely() {
        let mut settings = smoke_settings(TaskName::Language);
        settings.train = 20_000;
        let text = chain(&settings, 25, &mut harness_core::rng::stream("test", "chain", 0));
        assert_eq!((text.train.len(), text.validation.len()), (20_000, settings.validation));
        let mut counts = vec![vec![0usize; 25]; 25];
        for pair in text.train.windows(2) {
            counts[pair[0] as usize][pair[1] as usize] += 1;
        }
        for row in &counts {
            let total: usize = row.iter().sum();
            assert!(row.iter().filter(|count| **count > 0).count() <= 3);
            if total > 500 {
                assert!(*row.iter().max().unwrap() as f64 > 0.55 * total as f64);
            }
        }
    }
}
