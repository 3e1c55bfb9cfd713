//! Text from papers, data and errors, made fit to be shown: one line, no characters that act on a terminal, a page or
//! the direction of reading, no word longer than a line.

/// The text on one line, without control, direction, invisible and non-characters. Runs of white space become one
/// space.
///
/// ```
/// use harness_report::printable::printable;
/// assert_eq!(printable("a\u{202e}b\x1b[31m\n\n c"), "ab[31m c");
/// ```
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = true;
        } else if !acts(c) {
            if space && !clean.is_empty() {
                clean.push(' ');
            }
            space = false;
            clean.push(c);
        }
    }
    clean
}

/// Whether a character does something other than showing itself. Line ends are such characters too.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of direction.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Soft hyphen, zero-width characters, word joiner, invisible operators, byte order mark.
            | '\u{00ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        // Not allowed in XML.
        || (c as u32) & 0xfffe == 0xfffe
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

/// The text with its middle left out where it has more than `most` characters.
///
/// ```
/// use harness_report::printable::elide;
/// assert_eq!(elide("abcdefghij", 7), "abc…hij");
/// assert_eq!(elide("abc", 7), "abc");
/// ```
pub fn elide(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    format!("{head}…{tail}")
}

/// [`printable`] text of at most `most` characters whose words have at most `word` characters each.
///
/// ```
/// use harness_report::printable::short;
/// assert_eq!(short("see\nxxxxxxxxxxxx now", 80, 5), "see xx…xx now");
/// ```
pub fn short(text: &str, most: usize, word: usize) -> String {
    let words: Vec<String> = printable(text).split(' ').map(|part| elide(part, word)).collect();
    elide(&words.join(" "), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn nothing_that_acts_is_left(text: String) {
            let clean = printable(&text);
            proptest::prop_assert!(!clean.chars().any(acts));
            proptest::prop_assert!(!clean.contains("  ") && clean.trim() == clean);
            proptest::prop_assert_eq!(printable(&clean), clean);
        }

        #[test]
        fn elided_text_fits(text: String, most in 1_usize..50) {
            proptest::prop_assert!(elide(&text, most).chars().count() <= most);
        }
    }
}
