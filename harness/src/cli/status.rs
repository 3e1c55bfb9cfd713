//! `harness status`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::places::Places;
use super::report::choose;
use crate::run::cluster::status::{PaperStatus, Status, status};

/// Options of `status`.
#[derive(Args)]
#[command(
    after_help = "A trial is done, of a task that runs, of a task that is queued, failed, or missing: of no task at \
all. `harness submit --resume` submits what failed and what is missing."
)]
pub struct Arguments {
    /// Name of the run, a folder below reports/ [default: the latest].
    run: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let run = choose(arguments.run.as_deref(), &places.reports)?;
    let status = status(&places.reports, &run, &places.store)?;
    let mut out = anstream::stdout();
    if arguments.json {
        let json = serde_json::to_string(&status).map_err(|error| Failure::failed(error.to_string()))?;
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{}", text(&status))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The status for a terminal.
fn text(status: &Status) -> String {
    let mut lines = vec![format!("run {}: {} on {}", status.run, status.profile, status.device)];
    let width = status.papers.iter().map(|paper| paper.paper.len()).max().unwrap_or(0).max("all papers".len());
    let row = |name: &str, cells: [String; 6]| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
        format!("{name:width$}{}", cells.concat())
    };
    lines.push(row("", ["trials", "done", "running", "queued", "failed", "missing"].map(str::to_owned)));
    let counts = |paper: &PaperStatus| {
        [paper.trials, paper.done, paper.running, paper.queued, paper.failed, paper.missing].map(|n| n.to_string())
    };
    lines.extend(status.papers.iter().map(|paper| row(&paper.paper, counts(paper))));
    let mut all = PaperStatus::default();
    for paper in &status.papers {
        all.trials += paper.trials;
        all.done += paper.done;
        all.running += paper.running;
        all.queued += paper.queued;
        all.failed += paper.failed;
        all.missing += paper.missing;
    }
    if status.papers.len() > 1 {
        lines.push(row("all papers", counts(&all)));
    }
    if let Some(reason) = &status.queue_unknown {
        lines.push(format!("what is queued is not known: {reason}"));
    } else if status.submissions > 0 {
        lines.push(format!("tasks: {} running, {} queued", status.tasks_running, status.tasks_waiting));
    }
    if !status.ended.is_empty() {
        let ends: Vec<String> = status.ended.iter().map(|(state, count)| format!("{count} {state}")).collect();
        lines.push(format!("tasks that did not complete: {}", ends.join(", ")));
    }
    lines.push(match (&status.report_job, status.report) {
        (Some(state), _) => format!("report: its job is {state}"),
        (None, true) => "report: made".into(),
        (None, false) => format!("report: not made; `harness report {}` makes it of what there is", status.run),
    });
    if status.queue_unknown.is_none() && all.failed + all.missing > 0 {
        lines.push(match status.submissions {
            0 => "the command of the run, given again, runs what is left".into(),
            _ => format!("`harness submit --resume --run {}` submits what failed or is missing", status.run),
        });
    }
    lines.join("\n") + "\n"
}
