//! `harness show`.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use harness_core::paper::{Paper, Profile, ProfileSpec};

use super::Failure;
use super::layout::{WIDTH, wrap};
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
    let width = WIDTH;
    writeln!(out, "{bold}{}{bold:#}", wrap(&paper.title, "", width))?;
    let venue = paper.venue.as_deref().unwrap_or("no venue");
    let arxiv = paper.arxiv.as_ref().map(|id| format!(", arXiv {id}")).unwrap_or_default();
    writeln!(out, "{} · {} · version {}", paper.slug, paper.family, paper.version)?;
    let cited = format!("{} ({}). {venue}{arxiv}", paper.authors.join(", "), paper.year);
    writeln!(out, "{}", wrap(&cited, "", width))?;
    writeln!(out, "\n{}", wrap(&paper.summary, "", width))?;
    writeln!(out, "\n{bold}Claims{bold:#}")?;
    for claim in &paper.claims {
        named(&mut out, &claim.id, &claim.text)?;
        writeln!(out, "{}", wrap(&format!("    rule: {}", claim.rule), "          ", width))?;
    }
    writeln!(out, "\n{bold}Arms{bold:#}")?;
    for arm in &paper.arms {
        named(&mut out, &arm.name, &arm.about)?;
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
            let note = set.note.as_ref().map(|note| format!("{note} ")).unwrap_or_default();
            named(&mut out, &set.id, &format!("{note}else: {}", set.synthetic))?;
        }
    }
    writeln!(out, "\n{bold}Ops{bold:#}")?;
    for op in ops {
        named(&mut out, op.name, op.about)?;
    }
    if !paper.notes.is_empty() {
        writeln!(out, "\n{bold}Notes{bold:#}")?;
        for note in &paper.notes {
            writeln!(out, "{}", wrap(&format!("- {note}"), "  ", width))?;
        }
    }
    Ok(())
}

/// A name in cyan, and beside or below it what it stands for.
fn named(out: &mut impl Write, name: &str, text: &str) -> Result<(), Failure> {
    let cyan = AnsiColor::Cyan.on_default();
    let beside = format!("{}{text}", " ".repeat(name.chars().count() + 2));
    let wrapped = wrap(&beside, "    ", WIDTH);
    writeln!(out, "{cyan}{name}{cyan:#}  {}", wrapped.trim_start())?;
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
