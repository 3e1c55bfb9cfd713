//! `harness bench`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use harness_core::backend::DeviceChoice;
use harness_core::paper::Profile;

use super::Failure;
use super::places::Places;
use crate::bench::simulate;
use crate::run::plan::{DataMode, Plan, Rerun, Selection};
use crate::store::Store;

/// Options of `bench`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill a folder of reports with made-up finished trials, drawn from the real ones below --reports.
    Simulate(Simulate),
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
        Command::Simulate(arguments) => simulated(arguments, places),
    }
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
