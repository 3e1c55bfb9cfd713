//! Text from papers, data and errors, made fit to be shown: one line, no characters that act on a terminal, a page or
//! the direction of reading, no word longer than a line.

/// Characters of a paragraph at most.
pub(crate) const PARAGRAPH: usize = 4000;
/// Characters of a word at most.
pub(crate) const WORD: usize = 90;

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

/// The text in pieces, each with whether it is code: what stands between two backticks and consists of characters that
/// mean nothing to Markdown or HTML.
///
/// ```
/// use harness_report::printable::pieces;
/// assert_eq!(pieces("see `--set a=1` or `<b>`"), [(false, "see "), (true, "--set a=1"), (false, " or `<b>`")]);
/// ```
pub fn pieces(text: &str) -> Vec<(bool, &str)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/=, +".contains(c);
    let mut found = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(open) = rest.get(from..).and_then(|tail| tail.find('`')).map(|at| from + at) {
        let inside = rest.get(open + 1..).unwrap_or_default();
        match inside.find('`') {
            Some(length) if length > 0 && inside.chars().take_while(|c| *c != '`').all(plain) => {
                let (before, _) = rest.split_at(open);
                let (code, after) = inside.split_at(length);
                if !before.is_empty() {
                    found.push((false, before));
                }
                found.push((true, code));
                rest = after.get(1..).unwrap_or_default();
                from = 0;
            }
            _ => from = open + 1,
        }
    }
    if !rest.is_empty() {
        found.push((false, rest));
    }
    found
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

/// The text without its end where it has more than `most` characters, cut between words where there are any.
///
/// ```
/// use harness_report::printable::cut;
/// assert_eq!(cut("one two 0.345", 10), "one two …");
/// assert_eq!(cut("abcdefghij", 7), "abcdef…");
/// assert_eq!(cut("abc", 7), "abc");
/// ```
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most.saturating_sub(1)).collect();
    match head.rsplit_once(' ') {
        Some((whole, _)) if !whole.is_empty() => format!("{whole} …"),
        _ => format!("{head}…"),
    }
}

/// [`printable`] text of at most `most` characters whose words have at most `word` characters each.
///
/// ```
/// use harness_report::printable::short;
/// assert_eq!(short("see\nxxxxxxxxxxxx now", 80, 5), "see xx…xx now");
/// ```
pub fn short(text: &str, most: usize, word: usize) -> String {
    let words: Vec<String> = printable(text).split(' ').map(|part| elide(part, word)).collect();
    cut(&words.join(" "), most)
}

/// One line of HTML that shows `text` and does nothing else, between tags and in attributes with double quotes: no
/// markup, entity or change of direction comes from it.
///
/// ```
/// use harness_report::printable::escape_html;
/// assert_eq!(escape_html("a <b>\n\"c\" & 'd'"), "a &lt;b&gt; &quot;c&quot; &amp; &#39;d&#39;");
/// ```
pub fn escape_html(text: &str) -> String {
    html_at_most(text, PARAGRAPH)
}

/// [`escape_html`] of at most so many characters.
pub(crate) fn html_at_most(text: &str, most: usize) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in short(text, most, WORD).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
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
        fn pieces_are_the_whole_text(text in "[a-z`<* ]{0,40}") {
            let whole: String =
                pieces(&text).iter().map(|(code, piece)| if *code { format!("`{piece}`") } else { (*piece).to_owned() }).collect();
            proptest::prop_assert_eq!(whole, text);
        }

        #[test]
        fn elided_text_fits(text: String, most in 1_usize..50) {
            proptest::prop_assert!(elide(&text, most).chars().count() <= most);
            proptest::prop_assert!(cut(&text, most).chars().count() <= most);
        }
    }
}
