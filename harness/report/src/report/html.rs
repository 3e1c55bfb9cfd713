//! Text made safe for HTML, and the environment of the site's templates.

use harness_core::Result;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use pulldown_cmark::{Alignment, CowStr, Event, Options, Parser, Tag, TagEnd};
use serde::Serialize;

use super::markdown::{FIELD, broken, figure, is_plain_https};
use crate::printable::{PARAGRAPH, WORD, escape_html, html_at_most, pieces, short};

/// The same between tags, where plain words between backticks are code.
fn rich(text: &str) -> String {
    let clean = short(text, PARAGRAPH, WORD);
    let shown = |(code, piece): (bool, &str)| {
        let safe = escape_html(piece);
        if code { format!("<code>{safe}</code>") } else { safe }
    };
    // Escaping takes white space from the ends of a piece.
    let spaced = |(code, piece): (bool, &str)| {
        let before = if piece.starts_with(' ') { " " } else { "" };
        let after = if piece.ends_with(' ') && piece.len() > 1 { " " } else { "" };
        format!("{before}{}{after}", shown((code, piece)))
    };
    pieces(&clean).into_iter().map(spaced).collect()
}

/// A link where the address is a plain https one, else the label alone.
fn link(label: &str, address: &str) -> Value {
    let label = html_at_most(label, FIELD);
    Value::from_safe_string(if is_plain_https(address) {
        format!("<a href=\"{}\" rel=\"noreferrer\">{label}</a>", escape_html(address))
    } else {
        label
    })
}

/// Markdown of our own documents as HTML. Raw HTML in it is shown, not done, and only links within the page and to plain
/// https addresses are kept.
pub(super) fn from_markdown(text: &str) -> String {
    let mut events: Vec<Event<'_>> = Vec::new();
    // Where the heading that is being read begins, and its text so far.
    let mut heading: Option<(usize, String)> = None;
    let mut links: Vec<bool> = Vec::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        let event = match event {
            Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
            Event::Start(Tag::Link { dest_url, link_type, title, id }) => {
                let kept = dest_url.starts_with('#') || is_plain_https(&dest_url);
                links.push(kept);
                if !kept {
                    continue;
                }
                Event::Start(Tag::Link { dest_url, link_type, title, id })
            }
            Event::End(TagEnd::Link) if links.pop() == Some(false) => continue,
            // Pictures are files that the site does not have; their text stays.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => continue,
            Event::Start(Tag::Table(alignments)) => {
                let frame = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">";
                events.push(Event::Html(CowStr::Borrowed(frame)));
                // Aligned cells would carry styles, which the policy of the pages refuses.
                Event::Start(Tag::Table(vec![Alignment::None; alignments.len()]))
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                Event::Html(CowStr::Borrowed("</div>"))
            }
            Event::Start(Tag::Heading { .. }) => {
                heading = Some((events.len(), String::new()));
                event
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((start, text)) = heading.take()
                    && let Some(Event::Start(Tag::Heading { id, .. })) = events.get_mut(start)
                {
                    *id = Some(crate::draw::file_name(&text).into());
                }
                event
            }
            Event::Text(piece) | Event::Code(piece) if heading.is_some() => {
                if let Some((_, text)) = &mut heading {
                    text.push_str(&piece);
                }
                Event::Text(piece)
            }
            other => other,
        };
        events.push(event);
    }
    let mut html = String::with_capacity(2 * text.len());
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    html
}

/// The environment in which the site's templates are rendered: every string is escaped.
fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().map_err(|error| broken("syntax", &error))?);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, _, value| {
        let shown = match value.as_str() {
            _ if value.is_safe() => value.to_string(),
            Some(text) => escape_html(text),
            None if value.kind() == ValueKind::None => "—".to_owned(),
            None if value.kind() == ValueKind::Number => value.to_string(),
            None => escape_html(&value.to_string()),
        };
        out.write_str(&shown).map_err(minijinja::Error::from)
    });
    environment.add_filter("rich", |text: &str| Value::from_safe_string(rich(text)));
    environment.add_filter("field", |text: &str| Value::from_safe_string(html_at_most(text, FIELD)));
    environment.add_filter("link", |label: &str, address: &str| link(label, address));
    // What we made ourselves: paths of files, intervals, style and script.
    environment.add_filter("plain", |text: &str| Value::from_safe_string(text.to_owned()));
    environment.add_filter("num", |value: &Value| figure(value));
    environment.add_filter("raw", |value: &Value| {
        let number = f64::try_from(value.clone()).ok().filter(|number| number.is_finite());
        Value::from_safe_string(number.map(|number| number.to_string()).unwrap_or_default())
    });
    for (name, text) in [
        ("base.html", include_str!("../../../../reports/template/site/base.html.j2")),
        ("parts.html", include_str!("../../../../reports/template/site/parts.html.j2")),
        ("index.html", include_str!("../../../../reports/template/site/index.html.j2")),
        ("paper.html", include_str!("../../../../reports/template/site/paper.html.j2")),
        ("changes.html", include_str!("../../../../reports/template/site/changes.html.j2")),
        ("notebooks.html", include_str!("../../../../reports/template/site/notebooks.html.j2")),
        ("statistics.html", include_str!("../../../../reports/template/site/statistics.html.j2")),
    ] {
        environment.add_template(name, text).map_err(|error| broken(name, &error))?;
    }
    Ok(environment)
}

/// Renders one of the site's templates.
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

    /// What a browser shows for text that holds nothing but our own entities.
    fn shown(html: &str) -> String {
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(html.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
    }

    #[test]
    fn only_plain_https_addresses_become_links() {
        assert_eq!(
            link("a<b", "https://a.b/?c=1&d").to_string(),
            "<a href=\"https://a.b/?c=1&amp;d\" rel=\"noreferrer\">a&lt;b</a>"
        );
        for address in ["javascript:alert(1)", "http://a.b", "https://a.b/\" onclick=\"x", "data:text/html,x"] {
            assert_eq!(link("paper", address).to_string(), "paper");
        }
    }

    #[test]
    fn markdown_keeps_its_form_and_none_of_its_html() {
        let html = from_markdown(
            "# Two words\n\n<script>x</script>\n\na <b>c</b> [d](javascript:x) [e](#two-words) ![f](g.png)\n\n| h |\n| ---: |\n| i |\n",
        );
        assert!(html.contains("<h1 id=\"two-words\">Two words</h1>"), "{html}");
        assert!(html.contains("&lt;script&gt;") && html.contains("&lt;b&gt;c&lt;/b&gt; d"), "{html}");
        assert!(html.contains("<a href=\"#two-words\">e</a>") && !html.contains("<img"), "{html}");
        assert!(html.contains("role=\"region\"") && html.contains("<td>i</td>"), "{html}");
    }

    proptest::proptest! {
        #[test]
        fn escaped_text_has_no_markup_and_shows_what_it_was(text in r#"[\PC\n<>&"'`=/ ]{0,200}"#) {
            let html = escape_html(&text);
            proptest::prop_assert!(!html.contains(['<', '>', '"', '\'', '\n']), "{}", html);
            proptest::prop_assert_eq!(shown(&html), short(&text, PARAGRAPH, WORD));
        }

        #[test]
        fn markdown_never_makes_a_script_or_a_foreign_link(text in r#"[a-z\n<>&"'`=/ \[\]():!#*_|-]{0,120}"#) {
            let html = from_markdown(&format!("{text}\n<script>\n\n[x](javascript:y)<img src=x onerror=y>{text}"));
            for bad in ["<script", "href=\"javascript", "<img", "<iframe"] {
                proptest::prop_assert!(!html.contains(bad), "{}", html);
            }
        }
    }
}
