//! Texts laid out for a terminal of 80 columns.

/// Characters of a line.
pub const WIDTH: usize = 80;

/// Breaks a text into lines of at most `width` characters, longer words apart; it begins with the spaces that it has, and
/// further lines begin with `indent`.
pub fn wrap(text: &str, indent: &str, width: usize) -> String {
    let leading: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut lines: Vec<String> = Vec::new();
    let mut line = leading;
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::wrap;

    proptest::proptest! {
        #[test]
        fn wrapping_keeps_every_word_and_the_width(words in proptest::collection::vec("[a-z]{1,12}", 0..60)) {
            let wrapped = wrap(&words.join(" "), "  ", 40);
            proptest::prop_assert!(wrapped.lines().all(|line| line.chars().count() <= 40));
            let back: Vec<&str> = wrapped.split_whitespace().collect();
            proptest::prop_assert_eq!(back, words);
        }
    }
}
