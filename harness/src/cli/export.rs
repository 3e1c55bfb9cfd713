//! `harness export`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::places::Places;
use super::{Failure, report};
use crate::export;
use crate::run::manifest::Manifest;
use crate::run::reproduce as session;

/// Options of `export`.
#[derive(Args)]
pub struct Arguments {
    /// Name of the run, a folder below reports/ [default: the latest].
    run: Option<String>,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    zip: PathBuf,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let id = report::choose(arguments.run.as_deref(), &places.reports)?;
    if !places.reports.join(&id).join("README.md").is_file() {
        let session_places = session::Places { reports: places.reports.clone(), store: places.store.clone() };
        session::report_again(&id, &session_places, None)?;
    }
    let manifest = Manifest::read(&places.reports, &id)?;
    export::write(&manifest, &places.reports, &places.store, &arguments.zip)?;
    let bytes = arguments.zip.metadata().map_or(0, |file| file.len());
    writeln!(anstream::stdout(), "{}: run {id}, {:.1} MB", arguments.zip.display(), bytes as f64 / 1e6)?;
    Ok(ExitCode::SUCCESS)
}
