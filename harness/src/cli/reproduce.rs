//! `harness reproduce`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::Args;
use harness_core::backend::DeviceChoice;

use super::Failure;
use super::places::Places;
use super::selection;
use crate::run::executor::local::{self, Local};
use crate::run::plan::Rerun;
use crate::run::progress::{self, Json, Sink};
use crate::run::{machine, planner, reproduce};

/// Options of `reproduce`.
#[derive(Args)]
pub struct Arguments {
    /// Slugs of papers, families, or `all`.
    #[arg(required = true, value_name = "PAPER|FAMILY|all")]
    papers: Vec<String>,
    #[command(flatten)]
    selection: selection::Arguments,
    /// Run finished trials again.
    #[arg(long, conflicts_with = "retry_failed")]
    force: bool,
    /// Add seeds where a claim is open, by a sequential test that keeps false verdicts at 5 % in all.
    #[arg(long, conflicts_with_all = ["seeds", "force", "retry_failed"])]
    until_decided: bool,
    /// The largest number of seeds of --until-decided [default: 20].
    #[arg(long, value_name = "N", requires = "until_decided", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(2..=1000))]
    max_seeds: Option<i64>,
    /// Start no further look of --until-decided that is expected to end later, such as `2h` or `30min`.
    #[arg(long, value_name = "TIME", requires = "until_decided", value_parser = humantime::parse_duration)]
    budget: Option<std::time::Duration>,
    /// Trials at a time [default: one per core; one on a GPU].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(1..=1024))]
    jobs: Option<i64>,
    /// Print events as JSON lines on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let mut selection = arguments.selection.of(&arguments.papers)?;
    if arguments.force {
        selection.rerun = Rerun::All;
    }
    selection.device.open()?;
    arguments.selection.device.tell();
    let jobs = match (arguments.jobs, selection.device) {
        (Some(jobs), _) => jobs.unsigned_abs() as usize,
        (None, DeviceChoice::Cpu) => machine::cores(),
        (None, DeviceChoice::Cuda(_)) => 1,
    };
    let options = local::Options { jobs, cache: places.fetch.cache.clone(), program: None, interrupts: on_signals()? };
    let mut executor = Local { options };
    let mut sink: Box<dyn Sink> = if arguments.json { Box::new(Json) } else { progress::for_people() };
    let run_places = reproduce::Places { reports: places.reports.clone(), store: places.store.clone() };
    let command = command_line();
    let until_decided = arguments.until_decided.then(|| planner::Limits {
        max_seeds: arguments.max_seeds.map_or(planner::MAX_SEEDS, i64::unsigned_abs),
        budget: arguments.budget,
    });
    let fetcher = places.fetcher();
    let outcome =
        reproduce::reproduce(&selection, &run_places, &fetcher, &mut executor, &command, until_decided, sink.as_mut())?;
    if arguments.json {
        Json::line(&outcome.json);
    } else {
        tell(&outcome)?;
    }
    conclude(&outcome)
}

/// Prints verdicts and where the report lies. That nobody reads them changes nothing about how the run went.
pub fn tell(outcome: &reproduce::Outcome) -> Result<(), Failure> {
    let report = outcome.report.join("README.md");
    match writeln!(anstream::stdout(), "{}\nreport: {}", outcome.verdicts.trim_end(), report.display()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What keeps a run from being a success, as the exit code and a last word.
pub fn conclude(outcome: &reproduce::Outcome) -> Result<ExitCode, Failure> {
    if let Some(first) = outcome.damaged.first() {
        return Err(Failure::failed(format!(
            "{} trial files cannot be used; the first: {first}",
            outcome.damaged.len()
        )));
    }
    if outcome.summary.left > 0 {
        return Err(Failure::failed(format!(
            "stopped with {} trials left: the same command goes on from here",
            outcome.summary.left
        )));
    }
    if outcome.failed > 0 {
        return Err(Failure::failed(format!(
            "{} trials failed; the report says why, and --retry-failed runs just those again",
            outcome.failed
        )));
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts how often the user asked to stop.
pub fn on_signals() -> Result<Arc<AtomicU8>, Failure> {
    let interrupts = Arc::new(AtomicU8::new(0));
    let counter = Arc::clone(&interrupts);
    ctrlc::set_handler(move || {
        let _ = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_add(1));
    })
    .map_err(|error| Failure::environment(format!("signals cannot be handled: {error}")))?;
    Ok(interrupts)
}

/// The command as typed, without the path of the program.
pub fn command_line() -> String {
    std::iter::once("harness".to_owned()).chain(std::env::args().skip(1)).collect::<Vec<_>>().join(" ")
}
