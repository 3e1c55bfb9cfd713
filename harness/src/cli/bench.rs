//! `harness bench`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use harness_core::backend::DeviceChoice;
use harness_core::paper::Profile;

use super::Failure;
use super::device::Asked;
use super::places::Places;
use crate::bench::outcome::{OUTCOME_VERSION, Outcome, Where};
use crate::bench::{entry, simulate, table};
use crate::run::plan::{DataMode, Plan, Rerun, Selection};
use crate::store::Store;

/// Options of `bench`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Only list what can be measured.
    #[arg(long)]
    list: bool,
    /// Measure only these, by name.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Repeat each for so long.
    #[arg(long, value_name = "S", default_value = "3", allow_negative_numbers = true, value_parser = seconds)]
    seconds: f64,
    /// Repeat each for half a second, and leave out what takes long.
    #[arg(long, conflicts_with = "seconds")]
    quick: bool,
    /// auto, cpu, cuda or cuda:INDEX; on a GPU only training steps are measured.
    #[arg(long, default_value = "cpu")]
    device: Asked,
    /// Write the result as JSON to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the result beside that of an earlier run.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Seconds of `--quick`.
const QUICK: f64 = 0.5;

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be seconds from 0 to 3600".into()),
    }
}

#[derive(Subcommand)]
enum Command {
    /// Fill a folder of reports with made-up finished trials, drawn from the real ones below --reports.
    Simulate(Simulate),
    /// Measure one thing in this process, and print it as JSON (started by `bench`).
    #[command(hide = true)]
    One(One),
}

#[derive(Args)]
struct One {
    name: String,
    #[arg(long)]
    device: DeviceChoice,
    #[arg(long, value_parser = seconds)]
    seconds: f64,
}

#[derive(Args)]
struct Simulate {
    /// Slugs of papers, families, or `all`.
    #[arg(default_value = "all", value_name = "PAPER|FAMILY|all")]
    papers: Vec<String>,
    /// At least so many trials in all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    trials: u64,
    /// The folder of reports to fill: not the one of real trials.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Which set of sizes: smoke, quick or full.
    #[arg(long, default_value = "smoke")]
    profile: Profile,
    /// auto (real where it can be had), real or synthetic: as the trials to draw from were run.
    #[arg(long, default_value = "synthetic")]
    data: DataMode,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Some(Command::Simulate(arguments)) => simulated(arguments, places),
        Some(Command::One(one)) => {
            json(&entry::measure(&one.name, one.seconds, one.device)?)?;
            Ok(ExitCode::SUCCESS)
        }
        None => measured(arguments),
    }
}

fn measured(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let device = arguments.device.choice;
    let entries = entry::select(&arguments.only, arguments.quick, device)?;
    if arguments.list {
        let mut out = anstream::stdout();
        for entry in entries {
            writeln!(out, "{:14} {}", entry.name, entry.about)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Read first: a wrong file is found before the minutes of measuring.
    let before = arguments.compare.as_deref().map(Outcome::read).transpose()?;
    device.open()?;
    arguments.device.tell();
    let place = Where::here(device);
    let seconds = if arguments.quick { QUICK } else { arguments.seconds };
    let mut measured = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        writeln!(anstream::stderr(), "{} of {}: {}", at + 1, entries.len(), entry.name)?;
        measured.extend(entry::measure_apart(entry.name, seconds, device)?);
    }
    let outcome = Outcome { version: OUTCOME_VERSION, place, measured };
    if let Some(path) = &arguments.output {
        outcome.write(path)?;
    }
    if arguments.json {
        json(&outcome)?;
    } else {
        write!(anstream::stdout(), "{}", table::show(&outcome, before.as_ref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn simulated(arguments: &Simulate, places: &Places) -> Result<ExitCode, Failure> {
    simulate::check_apart(&places.reports, &arguments.into)?;
    let selection = |seeds| -> Result<Selection, Failure> {
        Ok(Selection {
            papers: crate::catalog::select(&arguments.papers)?,
            profile: arguments.profile,
            seeds: Some(seeds),
            data: arguments.data,
            device: DeviceChoice::Cpu,
            overrides: Vec::new(),
            rerun: Rerun::Unfinished,
        })
    };
    let store = Store::at(arguments.into.join("store"));
    let per_seed = Plan::new(&selection(1)?, &store, &places.fetcher())?.trials().count();
    let seeds = simulate::seeds_for(usize::try_from(arguments.trials).unwrap_or(usize::MAX), per_seed);
    let plan = Plan::new(&selection(seeds)?, &store, &places.fetcher())?;
    let templates = simulate::Templates::of(&places.store)?;
    let total = plan.trials().count();
    let written = simulate::fill(&plan, &templates, &store, |written| {
        let _ = writeln!(anstream::stderr(), "{written} trials written");
    })?;
    writeln!(
        anstream::stdout(),
        "{total} trials of {} papers with {seeds} seeds in {}, {written} of them new; `harness --reports {} reproduce {} --profile {} --data {} --seeds {seeds}` finds all of them done",
        plan.papers.len(),
        arguments.into.display(),
        arguments.into.display(),
        arguments.papers.join(" "),
        arguments.profile,
        data_name(arguments.data),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn data_name(mode: DataMode) -> &'static str {
    match mode {
        DataMode::Auto => "auto",
        DataMode::Real => "real",
        DataMode::Synthetic => "synthetic",
    }
}
