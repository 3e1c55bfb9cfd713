//! `harness data`.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use harness_core::data::{FileState, Registry};

use super::Failure;
use super::layout::{WIDTH, wrap};
use super::places::Places;

/// Options of `data`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the registered data sets and which of them are in the cache.
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetch data sets into the cache.
    Fetch {
        /// Identifiers, or `all`.
        #[arg(required = true)]
        sets: Vec<String>,
    },
    /// Read every cached file again and compare its digest.
    Verify {
        /// Identifiers [default: all that are in the cache].
        sets: Vec<String>,
    },
    /// Print the folder of the cache, or where the files of a set lie.
    Path {
        /// Identifier.
        set: Option<String>,
    },
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::List { json } => list(*json, places),
        Command::Fetch { sets } => fetch(sets, places),
        Command::Verify { sets } => verify(sets, places),
        Command::Path { set } => path(set.as_deref(), places),
    }
}

fn list(json: bool, places: &Places) -> Result<ExitCode, Failure> {
    let fetcher = places.fetcher();
    let mut rows = Vec::new();
    for set in Registry::builtin().sets() {
        let files = fetcher.status(&set.id)?;
        let cached =
            files.iter().filter(|file| !matches!(file.state, FileState::Missing | FileState::Corrupt { .. })).count();
        rows.push((set, cached, files.len()));
    }
    if json {
        let sets: Vec<serde_json::Value> = rows
            .iter()
            .map(|(set, cached, files)| {
                serde_json::json!({
                    "id": set.id, "title": set.title, "license": set.license, "citation": set.citation,
                    "bytes": set.bytes(), "files": files, "cached": cached,
                })
            })
            .collect();
        writeln!(std::io::stdout(), "{}", serde_json::Value::Array(sets))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bold = Style::new().bold();
    let cyan = AnsiColor::Cyan.on_default();
    let green = AnsiColor::Green.on_default();
    let mut out = anstream::stdout();
    writeln!(out, "{bold}{:<40}{:>12}  files in the cache{bold:#}", "data set", "MB")?;
    for (set, cached, files) in rows {
        let megabytes = set.bytes() as f64 / 1e6;
        let style = if cached == files { green } else { Style::new() };
        writeln!(out, "{cyan}{:<40}{cyan:#}{megabytes:>12.1}  {style}{cached} of {files}{style:#}", set.id)?;
        writeln!(out, "{}", wrap(&format!("    {}", set.title), "    ", WIDTH))?;
        writeln!(out, "{}", wrap(&format!("    licence: {}", set.license), "      ", WIDTH))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The sets that names stand for.
fn chosen(names: &[String]) -> Result<Vec<String>, Failure> {
    let registry = Registry::builtin();
    if names.iter().any(|name| name == "all") {
        return Ok(registry.sets().iter().map(|set| set.id.clone()).collect());
    }
    // Every name is looked at before the first byte is fetched.
    Ok(names.iter().map(|name| registry.get(name).map(|set| set.id.clone())).collect::<Result<_, _>>()?)
}

fn fetch(names: &[String], places: &Places) -> Result<ExitCode, Failure> {
    let fetcher = places.fetcher();
    let mut out = anstream::stdout();
    let mut failures = Vec::new();
    for id in chosen(names)? {
        match fetcher.fetch(&id) {
            Ok(set) => writeln!(out, "{id}: {} files in {}", set.files.len(), set.dir.display())?,
            Err(error) => failures.push(error.to_string()),
        }
    }
    if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Failure::environment(failures.join("\n"))) }
}

fn verify(names: &[String], places: &Places) -> Result<ExitCode, Failure> {
    let fetcher = places.fetcher();
    let everything = names.is_empty();
    let names = if everything { vec!["all".to_owned()] } else { names.to_vec() };
    let mut out = anstream::stdout();
    let (mut good, mut bad) = (0, 0);
    for id in chosen(&names)? {
        for file in fetcher.verify(&id)? {
            match &file.state {
                FileState::Missing if everything => {}
                FileState::Missing => {
                    bad += 1;
                    writeln!(out, "missing  {id}/{}", file.name)?;
                }
                FileState::Corrupt { expected, found } => {
                    bad += 1;
                    writeln!(out, "damaged  {id}/{}: sha256 is {found}, expected {expected}", file.name)?;
                }
                _ => {
                    good += 1;
                    writeln!(out, "ok       {id}/{}", file.name)?;
                }
            }
        }
    }
    writeln!(out, "{good} ok, {bad} missing or damaged")?;
    if bad > 0 {
        return Err(Failure::failed("some files are missing or damaged: `harness data fetch ID` gets them anew"));
    }
    Ok(ExitCode::SUCCESS)
}

fn path(set: Option<&str>, places: &Places) -> Result<ExitCode, Failure> {
    let mut out = anstream::stdout();
    let Some(id) = set else {
        writeln!(out, "{}", places.fetch.cache.display())?;
        return Ok(ExitCode::SUCCESS);
    };
    let fetcher = places.fetcher();
    fetcher.registry().get(id)?;
    match fetcher.locate(id)? {
        Some(set) => {
            for file in set.files.values() {
                writeln!(out, "{}", file.path.display())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        None => Err(Failure::failed(format!("{id} is not in the cache: `harness data fetch {id}` gets it"))),
    }
}
