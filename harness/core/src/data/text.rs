//! UTF-8 text: lines, tokens and vocabularies.

use std::collections::HashMap;

use super::DataError;

/// The lines of a text, without their ends (`\n` or `\r\n`) and without a byte-order mark. `file` is only used in
/// messages.
///
/// # Errors
/// [`DataError::Line`] for the first line that is not UTF-8.
pub fn lines<'a>(bytes: &'a [u8], file: &str) -> Result<Vec<&'a str>, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        let message = format!("not UTF-8 from byte {} of the file on", error.valid_up_to());
        DataError::line(file, line, message)
    })?;
    Ok(text.lines().collect())
}

/// Tokens separated by blanks, with `end` after those of each line if it is given (`<eos>` for the Penn Treebank).
///
/// # Errors
/// As [`lines`].
pub fn tokens(bytes: &[u8], file: &str, end: Option<&str>) -> Result<Vec<String>, DataError> {
    let mut tokens = Vec::new();
    for line in lines(bytes, file)? {
        tokens.extend(line.split_whitespace().map(str::to_owned));
        tokens.extend(end.map(str::to_owned));
    }
    Ok(tokens)
}

/// Words numbered from 0 in the order of their first appearance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vocabulary {
    words: Vec<String>,
    ids: HashMap<String, usize>,
}

impl Vocabulary {
    /// The distinct words of a text.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vocabulary = Self::default();
        for word in words {
            if !vocabulary.ids.contains_key(word) {
                vocabulary.ids.insert(word.to_owned(), vocabulary.words.len());
                vocabulary.words.push(word.to_owned());
            }
        }
        vocabulary
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Number of a word.
    #[must_use]
    pub fn id(&self, word: &str) -> Option<usize> {
        self.ids.get(word).copied()
    }

    /// Word of a number.
    #[must_use]
    pub fn word(&self, id: usize) -> Option<&str> {
        self.words.get(id).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn line_ends_and_byte_order_mark_are_dropped() {
        let bytes = "\u{feff}a b\r\n\nü".as_bytes();
        assert_eq!(lines(bytes, "x").unwrap(), ["a b", "", "ü"]);
    }

    #[test]
    fn the_end_token_closes_each_line() {
        let bytes = b" the cat \n sat \n";
        assert_eq!(tokens(bytes, "x", Some("<eos>")).unwrap(), ["the", "cat", "<eos>", "sat", "<eos>"]);
        assert_eq!(tokens(bytes, "x", None).unwrap(), ["the", "cat", "sat"]);
    }

    #[test]
    fn bad_utf8_is_reported_by_line() {
        let error = lines(b"a\nb\n\xff\n", "f.txt").unwrap_err();
        assert_eq!(error.to_string(), "f.txt:3: not UTF-8 from byte 4 of the file on");
    }

    #[test]
    fn words_are_numbered_by_first_appearance() {
        let vocabulary = Vocabulary::of(["b", "a", "b"]);
        assert_eq!(vocabulary.len(), 2);
        assert_eq!((vocabulary.id("b"), vocabulary.id("a")), (Some(0), Some(1)));
        assert_eq!((vocabulary.word(1), vocabulary.id("c")), (Some("a"), None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(lines(&bytes, "x").is_ok(), std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn tokens_hold_no_blanks(text in "[ a-c\\n\\t]{0,40}") {
            for token in tokens(text.as_bytes(), "x", None).unwrap() {
                prop_assert!(!token.is_empty() && !token.contains(char::is_whitespace));
            }
        }
    }
}
