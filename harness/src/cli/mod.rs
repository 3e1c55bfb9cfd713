//! The command line: thin. Each command is a file; exit codes are 0 (ok), 1 (something failed), 2 (bad usage or
//! input) and 3 (the environment).

mod audit;
mod bench;
mod calibrate;
mod compare;
mod data;
mod device;
mod doctor;
mod explain;
mod export;
mod failure;
mod layout;
mod list;
mod new_paper;
mod places;
mod report;
mod reproduce;
mod selection;
mod show;
mod status;
mod store;
mod submit;
mod verify;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// The claims of published machine-learning papers as executable, statistically judged experiments.
#[derive(Parser)]
#[command(name = "harness", version, propagate_version = true, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    places: places::Arguments,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 something failed, 2 bad usage or input, 3 environment (disk, network, \
device).\n\nEnvironment: HARNESS_DATA (cache folder), HARNESS_MIRROR (folders or URLs, separated by `;`), \
HARNESS_OFFLINE=1, NO_COLOR.";

#[derive(Subcommand)]
enum Command {
    /// List papers, their claims and what the store knows of them.
    List(list::Arguments),
    /// Show one paper: claims, arms, profiles, data, notes.
    Show(show::Arguments),
    /// Data sets: list, fetch, verify, path.
    Data(data::Arguments),
    /// Run experiments, judge claims and write a report.
    Reproduce(reproduce::Arguments),
    /// Run experiments on a Slurm cluster, as job arrays and a report job.
    Submit(submit::Arguments),
    /// Show how far a run is: trials done, running, queued, failed, missing.
    Status(status::Arguments),
    /// Make the report of a past run again from the store.
    Report(report::Arguments),
    /// Show the chain behind a verdict or a number: trials, seeds, differences, test, digests, machine.
    Explain(explain::Arguments),
    /// List what changed between two runs, and why; exit code 1 if a verdict got worse.
    Compare(compare::Arguments),
    /// Run trials again, with one worker and with two, on CPU and GPU, and compare every number.
    Audit(audit::Arguments),
    /// Simulate every kind of verdict on made-up experiments whose truth is known.
    CalibrateVerdicts(calibrate::Arguments),
    /// Measure training steps of the papers, and the tool itself.
    Bench(bench::Arguments),
    /// Pack a run with all that its report was made of into one archive.
    Export(export::Arguments),
    /// Run conformance vectors through the papers' ops.
    Verify(verify::Arguments),
    /// The store: verify, gc, export, merge.
    Store(store::Arguments),
    /// Look at cores, memory, disk, GPU, cache, mirrors and store.
    Doctor(doctor::Arguments),
    /// Add the skeleton of a paper to this project.
    NewPaper(new_paper::Arguments),
    /// Carry out a task of a submitted run (started by the cluster), or trials for a scheduler.
    Worker(worker::Arguments),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        // Started anywhere, it looks for no project.
        Command::Worker(arguments) => worker::run(arguments),
        command => arguments.places.resolve().and_then(|places| run(command, &places)),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command, places: &places::Places) -> Result<ExitCode, Failure> {
    match command {
        Command::List(arguments) => list::run(arguments, places),
        Command::Show(arguments) => show::run(arguments, places),
        Command::Data(arguments) => data::run(arguments, places),
        Command::Reproduce(arguments) => reproduce::run(arguments, places),
        Command::Submit(arguments) => submit::run(arguments, places),
        Command::Status(arguments) => status::run(arguments, places),
        Command::Report(arguments) => report::run(arguments, places),
        Command::Explain(arguments) => explain::run(arguments, places),
        Command::Compare(arguments) => compare::run(arguments, places),
        Command::Audit(arguments) => audit::run(arguments, places),
        Command::CalibrateVerdicts(arguments) => calibrate::run(arguments, places),
        Command::Bench(arguments) => bench::run(arguments, places),
        Command::Export(arguments) => export::run(arguments, places),
        Command::Verify(arguments) => verify::run(arguments, places),
        Command::Store(arguments) => store::run(arguments, places),
        Command::Doctor(arguments) => doctor::run(arguments, places),
        Command::NewPaper(arguments) => new_paper::run(arguments, places),
        Command::Worker(arguments) => worker::run(arguments),
    }
}
