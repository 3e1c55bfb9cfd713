//! `harness compare`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::places::Places;
use super::{Failure, report};
use crate::compare::{Comparison, Run};
use crate::store::Store;

/// Options of `compare`.
#[derive(Args)]
pub struct Arguments {
    /// The earlier run: a name below reports/, or the path of a run's folder that has its store beside it.
    a: String,
    /// The later run.
    b: String,
    /// Print as JSON instead of Markdown.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let (a, b) = (find(&arguments.a, places)?, find(&arguments.b, places)?);
    let comparison = Comparison::new(&a, &b)?;
    if arguments.json {
        let text = serde_json::to_string(&comparison).map_err(|error| Failure::failed(error.to_string()))?;
        writeln!(std::io::stdout(), "{text}")?;
    } else {
        write!(anstream::stdout(), "{}", comparison.markdown())?;
    }
    if let Some(first) = a.damaged().iter().chain(b.damaged()).next() {
        return Err(Failure::failed(format!("trial files cannot be used and are left out; the first: {first}")));
    }
    Ok(if comparison.worse() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A run by its name, or by the path of its folder.
fn find(name: &str, places: &Places) -> Result<Run, Failure> {
    let path = Path::new(name);
    if path.components().count() > 1 || path.is_absolute() {
        let reports = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let (Some(reports), Some(id)) = (reports, path.file_name().and_then(|id| id.to_str())) {
            if !path.join("run.json").is_file() {
                return Err(Failure::input(format!("{name} is not the folder of a run: it has no run.json")));
            }
            return Ok(Run::read(reports, &Store::at(reports.join("store")), id)?);
        }
    }
    let id = report::choose(Some(name), &places.reports)?;
    Ok(Run::read(&places.reports, &places.store, &id)?)
}
