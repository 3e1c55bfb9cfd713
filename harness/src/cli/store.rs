//! `harness store`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Failure;
use super::places::Places;
use crate::run::manifest::Manifest;
use crate::store::{Merged, Store};

/// Options of `store`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read every trial file and compare its digest.
    Verify,
    /// Remove what no run below reports/ refers to: trials of old code or settings, checkpoints, stages.
    Gc {
        /// Only say what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy all whole trial files to another folder.
    Export {
        /// The folder, which becomes a store.
        to: PathBuf,
    },
    /// Take in the trials of another store. Neither order nor repetition matters.
    Merge {
        /// The other store's folder.
        from: PathBuf,
    },
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Verify => verify(places),
        Command::Gc { dry_run } => gc(*dry_run, places),
        Command::Export { to } => merge(&places.store, &Store::at(to), "exported"),
        Command::Merge { from } => {
            if !from.is_dir() {
                return Err(Failure::input(format!("there is no folder {}", from.display())));
            }
            merge(&Store::at(from), &places.store, "merged")
        }
    }
}

fn verify(places: &Places) -> Result<ExitCode, Failure> {
    let contents = places.store.contents()?;
    let mut out = anstream::stdout();
    for damage in &contents.damaged {
        writeln!(out, "damaged  {damage}")?;
    }
    writeln!(out, "{} trial files ok, {} damaged", contents.records.len(), contents.damaged.len())?;
    if contents.damaged.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::failed("damaged trial files never enter a report; delete them to run those trials again"))
    }
}

fn gc(dry_run: bool, places: &Places) -> Result<ExitCode, Failure> {
    let mut keep = BTreeSet::new();
    for id in Manifest::all(&places.reports) {
        // A run that cannot be read may refer to anything: nothing is removed on a guess.
        let manifest = Manifest::read(&places.reports, &id)?;
        keep.extend(manifest.papers.into_iter().flat_map(|paper| paper.keys));
    }
    let mut out = anstream::stdout();
    let unused = places.store.unused(&keep)?;
    let bytes: u64 = unused.iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    for path in &unused {
        if !dry_run {
            std::fs::remove_file(path)
                .map_err(|error| Failure::environment(format!("cannot remove {}: {error}", path.display())))?;
        }
        writeln!(out, "{}", path.display())?;
    }
    let word = if dry_run { "would be removed" } else { "removed" };
    writeln!(out, "{} files, {:.1} MB {word}", unused.len(), bytes as f64 / 1e6)?;
    Ok(ExitCode::SUCCESS)
}

fn merge(from: &Store, to: &Store, word: &str) -> Result<ExitCode, Failure> {
    to.claim()?;
    let contents = from.contents()?;
    let mut merged = Merged::default();
    for record in &contents.records {
        merged.add(to.take_in(record)?);
    }
    let mut out = anstream::stdout();
    for damage in &contents.damaged {
        writeln!(out, "left out  {damage}")?;
    }
    writeln!(
        out,
        "{word} {} trials, {} were there already, {} files left out",
        merged.taken,
        merged.present,
        contents.damaged.len()
    )?;
    Ok(if contents.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
