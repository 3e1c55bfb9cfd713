//! `harness report`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use harness_core::text::did_you_mean;

use super::places::Places;
use super::{Failure, reproduce};
use crate::run::manifest::Manifest;
use crate::run::reproduce as session;

/// Options of `report`.
#[derive(Args)]
pub struct Arguments {
    /// Name of the run, a folder below reports/ [default: the latest].
    run: Option<String>,
    /// List the runs instead.
    #[arg(long)]
    list: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let runs = Manifest::runs(&places.reports);
    let mut out = anstream::stdout();
    if arguments.list {
        for run in &runs {
            writeln!(out, "{run}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let id = match &arguments.run {
        Some(id) if runs.contains(id) => id,
        Some(id) => {
            let hint = did_you_mean(id, runs.iter().map(String::as_str));
            return Err(Failure::input(format!("there is no run `{id}` in {}{hint}", places.reports.display())));
        }
        None => runs.last().ok_or_else(|| {
            Failure::input(format!("there is no run in {}: `harness reproduce` makes one", places.reports.display()))
        })?,
    };
    let session_places = session::Places { reports: places.reports.clone(), store: places.store.clone() };
    let outcome = session::report_again(id, &session_places)?;
    reproduce::tell(&outcome)?;
    reproduce::conclude(&outcome)
}
