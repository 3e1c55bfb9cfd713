//! Text made safe for Markdown, and the templates' environment.

use harness_core::text::number;
use harness_core::{Error, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::printable::{PARAGRAPH, WORD, pieces, short};

/// Characters of a table's field at most.
pub(super) const FIELD: usize = 240;

/// One line of Markdown that shows `text` and does nothing else: no link, table border, HTML or change of direction comes
/// from it, and no markup but that plain words between backticks are code. It works in paragraphs, table fields, link labels and alternative texts.
///
/// ```
/// use harness_report::report::escape;
/// assert_eq!(escape("a|b <i>*c*</i>\n[d](e)"), r"a\|b &lt;i&gt;\*c\*&lt;/i&gt; \[d\](e)");
/// assert_eq!(escape("z_loss"), "z_loss");
/// ```
pub fn escape(text: &str) -> String {
    escape_at_most(text, PARAGRAPH)
}

fn escape_at_most(text: &str, most: usize) -> String {
    let clean = short(text, most, WORD);
    let shown = |(code, piece): (bool, &str)| if code { format!("`{piece}`") } else { escape_piece(piece) };
    pieces(&clean).into_iter().map(shown).collect()
}

fn escape_piece(text: &str) -> String {
    let clean: Vec<char> = text.chars().collect();
    let at = |index: usize| clean.get(index).copied();
    let mut safe = String::with_capacity(clean.len() + 16);
    let leading_digits = clean.iter().take_while(|c| c.is_ascii_digit()).count();
    for (index, c) in clean.iter().copied().enumerate() {
        let before = index.checked_sub(1).and_then(at);
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // `name@host` becomes a link by itself.
            '@' => safe.push_str("&#64;"),
            // So do `https://…` and `www.…`.
            ':' if at(index + 1) == Some('/') && at(index + 2) == Some('/') => safe.push_str("&#58;"),
            '.' if (1..=3)
                .all(|back| index.checked_sub(back).and_then(at).is_some_and(|c| c.eq_ignore_ascii_case(&'w'))) =>
            {
                safe.push_str("&#46;");
            }
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            // Inside a word it is not markup.
            '_' if !(before.is_some_and(char::is_alphanumeric) && at(index + 1).is_some_and(char::is_alphanumeric)) => {
                safe.push_str("\\_");
            }
            // What begins a heading, a list, a rule or an underline at the start of a line.
            '#' | '+' | '-' | '=' if index == 0 && at(1).is_none_or(|next| next == ' ' || next == c) => {
                safe.push('\\');
                safe.push(c);
            }
            '.' | ')'
                if leading_digits > 0 && index == leading_digits && at(index + 1).is_none_or(|next| next == ' ') =>
            {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// Text as code where it consists of characters that are plain there, else escaped.
fn code(text: &str) -> Value {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/=, +".contains(c);
    let text = short(text, FIELD, WORD);
    Value::from_safe_string(if !text.is_empty() && text.chars().all(|c| plain(c) || c == '…') {
        format!("`{text}`")
    } else {
        escape(&text)
    })
}

/// A link where the address is a plain https one, else the label alone.
fn link(label: &str, address: &str) -> Value {
    let label = escape_at_most(label, FIELD);
    Value::from_safe_string(if is_plain_https(address) { format!("[{label}]({address})") } else { label })
}

/// Whether an address is an https one of characters that mean nothing to Markdown.
pub(super) fn is_plain_https(address: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/?#=&%+,:".contains(c);
    address.starts_with("https://") && address.len() <= 300 && address.chars().all(plain)
}

/// A number as people read it; `—` where there is none.
pub(super) fn figure(value: &Value) -> Value {
    let text = match f64::try_from(value.clone()) {
        Ok(value) => number(value),
        Err(_) => "—".to_owned(),
    };
    Value::from_safe_string(text)
}

/// The environment in which templates are rendered: every string is escaped.
fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().map_err(|error| broken("syntax", &error))?);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    environment.set_formatter(|out, _, value| {
        let shown = match value.as_str() {
            _ if value.is_safe() => value.to_string(),
            Some(text) => escape(text),
            None if value.kind() == ValueKind::None => "—".to_owned(),
            None if value.kind() == ValueKind::Number => value.to_string(),
            None => escape(&value.to_string()),
        };
        out.write_str(&shown).map_err(minijinja::Error::from)
    });
    environment.add_filter("code", |text: &str| code(text));
    environment.add_filter("field", |text: &str| Value::from_safe_string(escape_at_most(text, FIELD)));
    environment.add_filter("link", |label: &str, address: &str| link(label, address));
    // What we made ourselves of plain characters: paths of files, intervals.
    environment.add_filter("plain", |text: &str| Value::from_safe_string(text.to_owned()));
    environment.add_filter("num", |value: &Value| figure(value));
    for (name, text) in [
        ("run.md", include_str!("../../../../reports/template/run.md.j2")),
        ("paper.md", include_str!("../../../../reports/template/paper.md.j2")),
    ] {
        environment.add_template(name, text).map_err(|error| broken(name, &error))?;
    }
    Ok(environment)
}

pub(super) fn broken(name: &str, error: &minijinja::Error) -> Error {
    Error::Failed(format!("template {name}: {error:#}"))
}

/// Renders one of the two templates.
///
/// # Errors
/// [`Error::Failed`] where the template does not fit the values, which tests exclude.
pub(super) fn render(template: &str, values: impl Serialize) -> Result<String> {
    let environment = environment()?;
    let template = environment.get_template(template).map_err(|error| broken(template, &error))?;
    template.render(Serde(values)).map_err(|error| broken(template.name(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_not_done() {
        assert_eq!(escape("# head"), r"\# head");
        assert_eq!(escape("1. one"), r"1\. one");
        assert_eq!(escape("--- -"), r"\--- -");
        assert_eq!(escape("0.1 or -0.5"), "0.1 or -0.5");
        assert_eq!(escape("-0.5"), "-0.5");
        assert_eq!(escape("_a_ b_c"), r"\_a\_ b_c");
        assert_eq!(escape("see http://x.y and www.x.y"), "see http&#58;//x.y and www&#46;x.y");
        assert_eq!(escape("WWW.x.y, but not below."), "WWW&#46;x.y, but not below.");
        assert_eq!(escape("`a|b` $x$ ~~y~~"), r"\`a\|b\` \$x\$ \~\~y\~\~");
        assert_eq!(escape("`--set a=1`*b*"), r"`--set a=1`\*b\*");
        assert_eq!(escape("abc\u{202e}def\u{0007}"), "abcdef");
        assert!(escape(&"x".repeat(10_000)).chars().count() <= WORD);
    }

    #[test]
    fn only_plain_https_addresses_become_links() {
        assert_eq!(link("paper", "https://arxiv.org/abs/1.2").to_string(), "[paper](https://arxiv.org/abs/1.2)");
        for address in ["javascript:alert(1)", "http://a.b", "https://a.b/) [x](y", "https://a.b/<c>"] {
            assert_eq!(link("paper", address).to_string(), "paper");
        }
        assert_eq!(link("a](b", "https://a.b").to_string(), r"[a\](b](https://a.b)");
    }

    proptest::proptest! {
        #[test]
        fn an_escaped_field_never_breaks_its_row(text in r"[\PC\n\r|<>`\[\]\\*&]{0,200}") {
            let row = format!("| {} |", escape(&text));
            proptest::prop_assert!(!row.contains(['<', '>', '\n', '\r']));
            // A border is a bar before which stands an even number of backslashes.
            let mut borders = 0;
            let mut backslashes = 0;
            for c in row.chars() {
                match c {
                    '\\' => backslashes += 1,
                    other => {
                        if other == '|' && backslashes % 2 == 0 { borders += 1; }
                        backslashes = 0;
                    }
                }
            }
            proptest::prop_assert_eq!(borders, 2, "{}", row);
        }

        #[test]
        fn code_and_links_are_one_line(text in r"[\PC\n`|]{0,80}") {
            for shown in [code(&text).to_string(), link(&text, &text).to_string()] {
                proptest::prop_assert!(!shown.contains(['\n', '<']), "{}", shown);
            }
        }
    }
}
