//! Words and punctuation as tokens.

use std::collections::{BTreeMap, HashMap};

use harness_core::{Error, Result};

/// The token that stands for all words outside of the vocabulary.
pub const UNKNOWN: &str = "<unk>";

/// Lower-case words and single punctuation marks as tokens: special tokens first, in their order, then `<unk>`, then
/// the words by falling frequency, equals in alphabetical order.
///
/// ```
/// use papers_kit::gpt::WordTokenizer;
/// let words = WordTokenizer::of(["Who is A. Ora?", "Who is she?"], 2, &["<end>"])?;
/// assert_eq!(words.encode("Who is Ora?"), [4, 3, 1, 2]);
/// assert_eq!((words.id("<end>"), words.decode(&[4, 3, 1, 0])?.as_str()), (Some(0), "who is <unk> <end>"));
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTokenizer {
    words: Vec<String>,
    ids: HashMap<String, i64>,
    unknown: i64,
}

impl WordTokenizer {
    /// The words that appear at least `least` times in `texts`, behind the `special` tokens.
    ///
    /// # Errors
    /// [`Error::Input`] where a special token is named twice or is `<unk>`.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>, least: usize, special: &[&str]) -> Result<Self> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for word in texts.into_iter().flat_map(split_words) {
            *counts.entry(word).or_default() += 1;
        }
        let mut frequent: Vec<(String, usize)> = counts.into_iter().filter(|(_, count)| *count >= least).collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let head = special.iter().copied().chain([UNKNOWN]).map(str::to_owned);
        let mut tokenizer = WordTokenizer { words: Vec::new(), ids: HashMap::new(), unknown: special.len() as i64 };
        for word in head {
            if tokenizer.ids.contains_key(&word) {
                return Err(Error::Input(format!("the special token `{word}` is there twice")));
            }
            tokenizer.push(word);
        }
        for (word, _) in frequent {
            if !tokenizer.ids.contains_key(&word) {
                tokenizer.push(word);
            }
        }
        Ok(tokenizer)
    }

    fn push(&mut self, word: String) {
        self.ids.insert(word.clone(), self.words.len() as i64);
        self.words.push(word);
    }

    /// Number of different tokens.
    pub fn size(&self) -> usize {
        self.words.len()
    }

    /// The number of a word or special token that is in the vocabulary.
    pub fn id(&self, word: &str) -> Option<i64> {
        self.ids.get(word).copied()
    }

    /// A text as tokens, with `<unk>` for what is not known. A special token comes out of a text only where it is a word.
    pub fn encode(&self, text: &str) -> Vec<i64> {
        split_words(text).map(|word| self.id(&word).unwrap_or(self.unknown)).collect()
    }

    /// Tokens as words with spaces between them.
    ///
    /// # Errors
    /// [`Error::Input`] where a token is outside of 0..[`WordTokenizer::size`].
    pub fn decode(&self, ids: &[i64]) -> Result<String> {
        let decode = |id: &i64| {
            let word = usize::try_from(*id).ok().and_then(|at| self.words.get(at));
            word.map(String::as_str)
                .ok_or_else(|| Error::Input(format!("token {id} is not one of the {}", self.size())))
        };
        Ok(ids.iter().map(decode).collect::<Result<Vec<&str>>>()?.join(" "))
    }
}

/// The words of a text in lower case: runs of letters, digits and apostrophes, and every other character that is not
/// white space by itself.
pub fn split_words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let inside = |character: char| character.is_alphanumeric() || character == '\'';
        let end = if inside(first) {
            rest.find(|character| !inside(character)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.to_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_punctuation_are_apart() {
        let words: Vec<String> = split_words("  It's 1984—\"Ärger\", isn't it?\n").collect();
        assert_eq!(words, ["it's", "1984", "—", "\"", "ärger", "\"", ",", "isn't", "it", "?"]);
        assert_eq!(split_words(" \n").count(), 0);
    }

    #[test]
    fn rare_words_are_unknown_and_frequent_ones_come_first() {
        let words = WordTokenizer::of(["b a b", "a b c"], 2, &["<pad>", "<end>"]).unwrap();
        assert_eq!((words.size(), words.id(UNKNOWN), words.id("b"), words.id("a")), (5, Some(2), Some(3), Some(4)));
        assert_eq!(words.encode("A c b"), [4, 2, 3]);
        assert_eq!(words.decode(&[4, 0, 1]).unwrap(), "a <pad> <end>");
        assert!(words.decode(&[5]).is_err() && words.decode(&[-1]).is_err());
    }

    #[test]
    fn special_tokens_are_unique() {
        assert!(WordTokenizer::of([], 1, &["<a>", "<a>"]).is_err());
        assert!(WordTokenizer::of([], 1, &[UNKNOWN]).is_err());
        let words = WordTokenizer::of(["x <end> x"], 1, &["<end>"]).unwrap();
        assert_eq!(words.encode("<end>").len(), 3);
        // One that looks like a word is met with in texts, under its one number.
        let words = WordTokenizer::of(["end"], 1, &["end"]).unwrap();
        assert_eq!((words.size(), words.encode("end")), (2, vec![0]));
    }
}
