//! Characters as tokens.

use std::collections::BTreeSet;

use harness_core::{Error, Result};

/// One token for each different character of a text, numbered in the order of Unicode.
///
/// ```
/// use papers_kit::gpt::CharTokenizer;
/// let characters = CharTokenizer::of("hello");
/// assert_eq!((characters.size(), characters.encode("hole")?), (4, vec![1, 3, 2, 0]));
/// assert_eq!(characters.decode(&[1, 0])?, "he");
/// assert!(characters.encode("help").is_err());
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharTokenizer {
    characters: Vec<char>,
}

impl CharTokenizer {
    /// The characters of `text`.
    pub fn of(text: &str) -> Self {
        CharTokenizer { characters: text.chars().collect::<BTreeSet<char>>().into_iter().collect() }
    }

    /// Number of different tokens.
    pub fn size(&self) -> usize {
        self.characters.len()
    }

    /// A text as tokens.
    ///
    /// # Errors
    /// [`Error::Input`] where a character is not known.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encode = |character: char| match self.characters.binary_search(&character) {
            Ok(id) => Ok(id as i64),
            Err(_) => Err(Error::Input(format!("the character {character:?} is not one of the known ones"))),
        };
        text.chars().map(encode).collect()
    }

    /// Tokens as a text.
    ///
    /// # Errors
    /// [`Error::Input`] where a token is outside of 0..[`CharTokenizer::size`].
    pub fn decode(&self, ids: &[i64]) -> Result<String> {
        let decode = |id: &i64| {
            let character = usize::try_from(*id).ok().and_then(|at| self.characters.get(at));
            character.ok_or_else(|| Error::Input(format!("token {id} is not one of the {}", self.size())))
        };
        ids.iter().map(decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back(text in ".{0,40}") {
            let characters = CharTokenizer::of(&text);
            prop_assert_eq!(characters.decode(&characters.encode(&text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn unknown_tokens_are_refused() {
        let characters = CharTokenizer::of("ab");
        assert!(characters.decode(&[2]).is_err() && characters.decode(&[-1]).is_err());
        assert!(characters.encode("c").is_err());
        assert_eq!(CharTokenizer::of("").size(), 0);
    }
}
