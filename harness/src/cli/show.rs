//! `harness show`.

use std::io::Write;
use std::process::ExitCode;

use anstyle::Style;
use clap::Args;
use harness_core::paper::{Paper, Profile, ProfileSpec};

use super::Failure;
use super::places::Places;
use crate::catalog;

/// Options of `show`.
#[derive(Args)]
pub struct Arguments {
    /// Slug of the paper.
    paper: String,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, _places: &Places) -> Result<ExitCode, Failure> {
    let chosen = catalog::select(std::slice::from_ref(&arguments.paper))?;
    let [reproduction] = chosen.as_slice() else {
        return Err(Failure::input(format!("`{}` is more than one paper: name one slug", arguments.paper)));
    };
    let paper = reproduction.paper();
    if arguments.json {
        let json = serde_json::to_string(paper).map_err(|error| Failure::failed(error.to_string()))?;
        writeln!(std::io::stdout(), "{json}")?;
    } else {
        print(paper, reproduction.ops())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(paper: &Paper, ops: &[harness_core::op::Op]) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    let bold = Style::new().bold();
    let width = 78;
    writeln!(out, "{bold}{}{bold:#}", paper.title)?;
    let venue = paper.venue.as_deref().unwrap_or("no venue");
    let arxiv = paper.arxiv.as_ref().map(|id| format!(", arXiv {id}")).unwrap_or_default();
    writeln!(out, "{} · {} · version {}", paper.slug, paper.family, paper.version)?;
    writeln!(out, "{} ({}). {venue}{arxiv}", paper.authors.join(", "), paper.year)?;
    writeln!(out, "\n{}", wrap(&paper.summary, "", width))?;
    writeln!(out, "\n{bold}Claims{bold:#}")?;
    for claim in &paper.claims {
        writeln!(out, "{}", wrap(&format!("{}  {}", claim.id, claim.text), "    ", width))?;
        writeln!(out, "{}", wrap(&format!("    rule: {}", claim.rule), "          ", width))?;
    }
    writeln!(out, "\n{bold}Arms{bold:#}")?;
    for arm in &paper.arms {
        writeln!(out, "{}", wrap(&format!("{}: {}", arm.name, arm.about), "    ", width))?;
    }
    writeln!(out, "\n{bold}Profiles{bold:#}")?;
    for profile in Profile::ALL {
        let spec = paper.profiles.get(profile);
        writeln!(out, "{profile:<6} {} seeds, {} trials", spec.seeds, trials(paper, spec))?;
        for deviation in &spec.deviations {
            let text = format!("       {}: {} (paper: {})", deviation.kind, deviation.here, deviation.paper);
            writeln!(out, "{}", wrap(&text, "         ", width))?;
        }
    }
    if !paper.data.is_empty() {
        writeln!(out, "\n{bold}Data{bold:#}")?;
        for set in &paper.data {
            let note = set.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            writeln!(out, "{}", wrap(&format!("{}{note}; else {}", set.id, set.synthetic), "    ", width))?;
        }
    }
    writeln!(out, "\n{bold}Ops{bold:#}")?;
    for op in ops {
        writeln!(out, "{}", wrap(&format!("{}: {}", op.name, op.about), "    ", width))?;
    }
    if !paper.notes.is_empty() {
        writeln!(out, "\n{bold}Notes{bold:#}")?;
        for note in &paper.notes {
            writeln!(out, "{}", wrap(&format!("- {note}"), "  ", width))?;
        }
    }
    Ok(())
}

/// Trials of one profile.
fn trials(paper: &Paper, spec: &ProfileSpec) -> u64 {
    let cells: usize = spec
        .grid
        .iter()
        .map(|block| block.cells().len() * block.arms.as_ref().map_or(paper.arms.len(), Vec::len))
        .sum();
    cells as u64 * spec.seeds
}

/// Breaks a text into lines of at most `width` characters; further lines begin with `indent`.
fn wrap(text: &str, indent: &str, width: usize) -> String {
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
