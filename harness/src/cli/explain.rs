//! `harness explain`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use harness_core::text::did_you_mean;

use super::layout::wrap;
use super::places::Places;
use super::{Failure, report};
use crate::explain;
use crate::run::judged::Judged;
use crate::run::manifest::Manifest;

/// Columns of a line.
const WIDE: usize = 100;
/// Columns of the label that a line begins with.
const LABEL: usize = 11;

/// Options of `explain`.
#[derive(Args)]
pub struct Arguments {
    /// Slug of the paper.
    paper: String,
    /// The claim, such as C2.
    #[arg(required_unless_present = "metric")]
    claim: Option<String>,
    /// Explain the table of measured numbers for this metric instead.
    #[arg(long, value_name = "NAME", conflicts_with = "claim")]
    metric: Option<String>,
    /// Only this arm of --metric.
    #[arg(long, value_name = "ARM", requires = "metric")]
    arm: Option<String>,
    /// Name of the run, a folder below reports/ [default: the latest that has the paper].
    #[arg(long)]
    run: Option<String>,
    /// Print all trials.
    #[arg(long)]
    all: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let id = choose(arguments, places)?;
    let mut manifest = Manifest::read(&places.reports, &id)?;
    if manifest.papers.iter().all(|entry| entry.paper.slug != arguments.paper) {
        let known = manifest.papers.iter().map(|entry| entry.paper.slug.as_str());
        let hint = did_you_mean(&arguments.paper, known);
        return Err(Failure::input(format!("run {id} does not have the paper `{}`{hint}", arguments.paper)));
    }
    manifest.papers.retain(|entry| entry.paper.slug == arguments.paper);
    let judged = Judged::from_store(&manifest, &places.store)?;
    let run = judged.of(&manifest, false);
    let Some(paper) = run.papers.first() else {
        return Err(Failure::input(format!("run {id} does not have the paper `{}`", arguments.paper)));
    };
    let mut out = anstream::stdout();
    if let Some(metric) = &arguments.metric {
        let rows = explain::explain_metric(paper, metric, arguments.arm.as_deref())?;
        if arguments.json {
            writeln!(std::io::stdout(), "{}", json(&rows)?)?;
        } else {
            write!(out, "{}", explain::metric_text(metric, &rows))?;
        }
    } else {
        let claim = arguments.claim.as_deref().unwrap_or_default();
        let explanation = explain::explain(&id, paper, claim)?;
        if arguments.json {
            writeln!(std::io::stdout(), "{}", json(&explanation)?)?;
        } else {
            for line in explanation.text(arguments.all).lines() {
                writeln!(out, "{}", laid_out(line))?;
            }
        }
    }
    match judged.damaged.first() {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => Err(Failure::failed(format!(
            "{} trial files cannot be used and are left out; the first: {first}",
            judged.damaged.len()
        ))),
    }
}

/// A line of at most a hundred columns; what goes on below it stands under the text, beside the label.
fn laid_out(line: &str) -> String {
    if line.chars().count() <= WIDE {
        return line.to_owned();
    }
    let label: String = line.chars().take(LABEL).collect();
    let text: String = line.chars().skip(LABEL).collect();
    let beside = " ".repeat(LABEL);
    format!("{label}{}", wrap(&format!("{beside}{text}"), &beside, WIDE).trim_start())
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::failed(error.to_string()))
}

/// The run that was named, or the latest that has the paper.
fn choose(arguments: &Arguments, places: &Places) -> Result<String, Failure> {
    if arguments.run.is_some() {
        return report::choose(arguments.run.as_deref(), &places.reports);
    }
    let has = |id: &String| {
        Manifest::read(&places.reports, id)
            .is_ok_and(|manifest| manifest.papers.iter().any(|entry| entry.paper.slug == arguments.paper))
    };
    let runs = Manifest::runs(&places.reports);
    if runs.is_empty() {
        return report::choose(None, &places.reports);
    }
    if let Some(id) = runs.into_iter().rev().find(has) {
        return Ok(id);
    }
    // Whether the name is wrong or the paper has not run.
    crate::catalog::select(std::slice::from_ref(&arguments.paper))?;
    Err(Failure::input(format!(
        "no run in {} has the paper `{}`: `harness reproduce {}` makes one",
        places.reports.display(),
        arguments.paper,
        arguments.paper
    )))
}
