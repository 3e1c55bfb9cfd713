//! Text sets.

use crate::data::text::{Vocabulary, tokens};
use crate::data::{CachedSet, DataError};

/// Token that ends each sentence.
const END: &str = "<eos>";

/// The Penn Treebank as language-model papers use it (Mikolov et al. 2010): 10000 words, `<eos>` after each sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PtbText {
    /// 929589 tokens.
    pub train: Vec<String>,
    /// 73760 tokens.
    pub valid: Vec<String>,
    /// 82430 tokens.
    pub test: Vec<String>,
}

impl PtbText {
    /// The distinct tokens of the training text, numbered by first appearance; the other texts have no others.
    #[must_use]
    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary::of(self.train.iter().map(String::as_str))
    }
}

/// Reads the three texts of `ptb-lm`.
///
/// # Errors
/// [`DataError::UnknownFile`] if the set has other files, [`DataError::Io`], [`DataError::Line`].
pub fn ptb(set: &CachedSet) -> Result<PtbText, DataError> {
    let part = |name: &str| tokens(&set.read(name)?, name, Some(END));
    Ok(PtbText { train: part("ptb.train.txt.gz")?, valid: part("ptb.valid.txt.gz")?, test: part("ptb.test.txt.gz")? })
}
