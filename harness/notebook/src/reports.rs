//! A folder of reports, as `harness reproduce` leaves it, and the runs in it.

use std::path::{Path, PathBuf};

use harness_core::text::did_you_mean;
use harness_report::tables::results_table;
use harness_store::Store;
use harness_store::manifest::Manifest;
use polars::prelude::{Column, DataFrame};

use crate::error::NotebookError;
use crate::run::Run;
use crate::table::Table;

/// A folder of reports.
#[derive(Debug, Clone)]
pub struct Reports {
    folder: PathBuf,
}

/// Opens a folder of reports, such as `reports`, or the store in it, `reports/store`.
///
/// # Errors
/// Where there is no run in it; the message says how to make one.
pub fn open_store(path: impl AsRef<Path>) -> Result<Reports, NotebookError> {
    let path = path.as_ref();
    let folder = match path.file_name() {
        Some(name) if name == "store" => path.parent().unwrap_or(path),
        _ => path,
    };
    // The folder of a run is an easy mistake: its parent is meant.
    if folder.join("run.json").is_file() {
        let parent = folder.parent().unwrap_or(folder).display().to_string();
        return Err(NotebookError::new(format!(
            "{} is one run: open the folder that it lies in, `open_store({parent:?})`",
            folder.display()
        )));
    }
    if Manifest::runs(folder).is_empty() {
        return Err(NotebookError::new(format!(
            "there is no run in {}{}\nmake one in about a minute: cargo run -p harness -- reproduce all --profile smoke",
            folder.display(),
            seen_from(folder)
        )));
    }
    Ok(Reports { folder: folder.to_owned() })
}

/// Where a relative path starts, which in a notebook is the notebook's own folder.
fn seen_from(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(here) if path.is_relative() => format!(", as seen from {}", here.display()),
        _ => String::new(),
    }
}

impl Reports {
    /// The names of the runs, oldest first.
    pub fn runs(&self) -> Vec<String> {
        Manifest::runs(&self.folder)
    }

    /// The latest run.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn latest(&self) -> Result<Run, NotebookError> {
        match self.runs().pop() {
            Some(id) => self.run(&id),
            None => Err(NotebookError::new(format!("there is no run in {}", self.folder.display()))),
        }
    }

    /// The latest run of a profile that has a paper, such as `reports.latest_of("z_loss", "smoke")?`.
    ///
    /// # Errors
    /// Where there is none; the message says how to make one.
    pub fn latest_of(&self, slug: &str, profile: &str) -> Result<Run, NotebookError> {
        for id in self.runs().iter().rev() {
            let run = self.run(id)?;
            if run.manifest().profile.name() == profile && run.papers().contains(&slug) {
                return Ok(run);
            }
        }
        Err(NotebookError::new(format!(
            "no run in {} has the paper `{slug}` in the profile `{profile}`\n\
             make one: cargo run -p harness -- reproduce {slug} --profile {profile}",
            self.folder.display()
        )))
    }

    /// The run of this name.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn run(&self, id: &str) -> Result<Run, NotebookError> {
        let runs = self.runs();
        if !runs.iter().any(|run| run == id) {
            let hint = did_you_mean(id, runs.iter().map(String::as_str));
            return Err(NotebookError::new(format!(
                "there is no run `{id}` in {}; runs are {}{hint}",
                self.folder.display(),
                runs.join(", ")
            )));
        }
        Ok(Run::new(self.folder.clone(), Manifest::read(&self.folder, id)?))
    }

    /// Every number of every stored trial, of all runs and profiles; columns as in [`Run::results`].
    ///
    /// # Errors
    /// Where the store cannot be listed, or holds a damaged file, which is named.
    pub fn trials(&self) -> Result<Table, NotebookError> {
        let contents = Store::at(self.folder.join("store")).contents()?;
        if let Some(damaged) = contents.damaged.into_iter().next() {
            return Err(damaged.into());
        }
        Ok(results_table(&contents.records)?.into())
    }

    /// The runs as a table: `run`, `profile`, `device`, `papers`, `command`. One whose description cannot be read is left
    /// out; [`Reports::run`] says what is wrong with it.
    ///
    /// # Errors
    /// Where the table cannot be built.
    pub fn overview(&self) -> Result<Table, NotebookError> {
        let runs: Vec<Manifest> = self.runs().iter().filter_map(|id| Manifest::read(&self.folder, id).ok()).collect();
        let column = |name: &str, get: &dyn Fn(&Manifest) -> String| {
            Column::new(name.into(), runs.iter().map(get).collect::<Vec<_>>())
        };
        let slugs = |run: &Manifest| {
            let slugs: Vec<&str> = run.papers.iter().map(|entry| entry.paper.slug.as_str()).collect();
            slugs.join(", ")
        };
        Ok(Table(DataFrame::new_infer_height(vec![
            column("run", &|run| run.id.clone()),
            column("profile", &|run| run.profile.name().to_owned()),
            column("device", &|run| run.device.clone()),
            column("papers", &slugs),
            column("command", &|run| run.command.clone()),
        ])?))
    }

    /// Shows the runs in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        if let Ok(table) = self.overview() {
            table.evcxr_display();
        }
    }
}
