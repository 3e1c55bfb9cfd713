//! `harness report`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use harness_core::text::did_you_mean;

use super::places::Places;
use super::{Failure, reproduce};
use crate::export;
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
    /// Make a static site of it too, in this folder, with the pages of reports/notebooks where there are any.
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    site: Option<PathBuf>,
    /// Take in the run of an archive that `harness export` made, and report that.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "run"])]
    from: Option<PathBuf>,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let mut out = anstream::stdout();
    if arguments.list {
        for run in Manifest::all(&places.reports) {
            writeln!(out, "{run}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let session_places = session::Places { reports: places.reports.clone(), store: places.store.clone() };
    let site = arguments.site.as_deref();
    let outcome = match &arguments.from {
        Some(file) => {
            let manifest = export::take_in(file, &places.reports, &places.store)?;
            session::report_of(&manifest, &session_places, site)?
        }
        None => session::report_again(&choose(arguments.run.as_deref(), &places.reports)?, &session_places, site)?,
    };
    reproduce::tell(&outcome)?;
    if let Some(site) = site {
        writeln!(out, "site: {}", site.join("index.html").display())?;
    }
    reproduce::conclude(&outcome)
}

/// The run that a user named, or the latest.
pub fn choose(run: Option<&str>, reports: &Path) -> Result<String, Failure> {
    let mut runs = Manifest::all(reports);
    match run {
        Some(id) if runs.iter().any(|run| run == id) => Ok(id.to_owned()),
        Some(id) => {
            let hint = did_you_mean(id, runs.iter().map(String::as_str));
            Err(Failure::input(format!("there is no run `{id}` in {}{hint}", reports.display())))
        }
        None => runs.pop().ok_or_else(|| {
            Failure::input(format!("there is no run in {}: `harness reproduce` makes one", reports.display()))
        }),
    }
}
