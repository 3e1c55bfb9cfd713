//! What the kernel is told to show.

use harness_core::evidence::Verdict;
use harness_report::printable::escape_html;

/// Prints `html` between the marks by which evcxr knows rich content, after the same in plain text for other front ends.
#[expect(clippy::print_stdout, reason = "standard output is how a cell shows something")]
pub(crate) fn display(html: &str, plain: &str) {
    println!("EVCXR_BEGIN_CONTENT text/html\n{html}\nEVCXR_END_CONTENT");
    println!("EVCXR_BEGIN_CONTENT text/plain\n{plain}\nEVCXR_END_CONTENT");
}

/// The word of a verdict on a ground of its colour; the word stays readable without colours.
pub(crate) fn badge(verdict: &str) -> String {
    let ground = match verdict {
        word if word == Verdict::Reproduced.name() => "#cfe8d5",
        word if word == Verdict::DirectionOnly.name() => "#d9e6f5",
        word if word == Verdict::Contradicted.name() => "#f6d5cf",
        word if word == Verdict::Inconclusive.name() => "#f3e8c5",
        _ => "#e4e4e4",
    };
    format!(
        "<span style=\"background:{ground};color:#111;padding:0 .5em;border-radius:.6em;white-space:nowrap\">{}</span>",
        escape_html(verdict)
    )
}
