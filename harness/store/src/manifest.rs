//! `run.json`: what a run was, so that its report can be made again from the store alone.
//!
//! That of a finished run lies in its report. A run that was submitted to a cluster has one from the start, beside its plans
//! in `cluster/<run>`: a report is replaced as a whole and holds nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness_core::paper::{Paper, Profile};
use harness_core::sequential::Schedule;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::atomic;

/// The version of [`Manifest`] that this build writes.
pub const MANIFEST_VERSION: u32 = 1;

/// The folder of submitted runs, below that of reports.
const SUBMITTED: &str = "cluster";

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this structure.
    pub version: u32,
    /// Name of the folder below `reports/`.
    pub id: String,
    /// The command as typed.
    pub command: String,
    /// Seconds since 1970 at its start.
    pub started_unix: u64,
    /// Seconds it took.
    pub wall_s: f64,
    /// The sizes.
    pub profile: Profile,
    /// `cpu` or `cuda:INDEX`.
    pub device: String,
    /// Operating system, processor and its cores.
    pub machine: String,
    /// Version of harness.
    pub harness: String,
    /// Data sets that were generated, and why.
    pub stand_ins: BTreeMap<String, String>,
    /// Versions of the dependencies that compute or draw numbers; empty in runs of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, String>,
    /// The papers.
    pub papers: Vec<ManifestPaper>,
}

/// A paper of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestPaper {
    /// `paper.yaml` with the overrides applied.
    pub paper: Paper,
    /// The overrides.
    pub overrides: Vec<String>,
    /// The keys of its trials.
    pub keys: Vec<String>,
    /// The looks of a run that added seeds until the claims were decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_decided: Option<UntilDecided>,
}

/// How seeds were added to a paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntilDecided {
    /// The looks.
    pub schedule: Schedule,
    /// Seeds at the latest look that was taken at each claim.
    pub claims: BTreeMap<String, u64>,
}

impl Manifest {
    /// Where a run's manifest lies.
    pub fn path(reports: &Path, id: &str) -> PathBuf {
        reports.join(id).join("run.json")
    }

    /// Where a submitted run keeps its manifest, its plans and what its tasks print.
    pub fn submitted_folder(reports: &Path, id: &str) -> PathBuf {
        reports.join(SUBMITTED).join(id)
    }

    /// Reads the manifest of a run, that of its report where there is one.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such run, or it was written by another version.
    pub fn read(reports: &Path, id: &str) -> Result<Self> {
        let path = Self::path(reports, id);
        let submitted = Self::submitted_folder(reports, id).join("run.json");
        let (path, text) = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && submitted.is_file() => {
                let text = std::fs::read_to_string(&submitted);
                (submitted, text)
            }
            text => (path, text),
        };
        let text =
            text.map_err(|error| Error::Input(format!("there is no run `{id}`: {}: {error}", path.display())))?;
        serde_json::from_str(&text).map_err(|error| {
            Error::Input(format!(
                "{} cannot be read ({error}); it may be of another version: run `harness reproduce` again",
                path.display()
            ))
        })
    }

    /// Writes it into a report, wherever that lies until it takes its place.
    ///
    /// # Errors
    /// [`Error::Environment`] where it cannot be written.
    pub fn write_beside(&self, report: &Path) -> Result<()> {
        self.write_to(&report.join("run.json"))
    }

    /// Writes it for a run that is submitted.
    ///
    /// # Errors
    /// [`Error::Environment`] where it cannot be written.
    pub fn write_submitted(&self, reports: &Path) -> Result<()> {
        self.write_to(&Self::submitted_folder(reports, &self.id).join("run.json"))
    }

    fn write_to(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::Failed(error.to_string()))?;
        atomic::write(path, &text)
            .map_err(|error| Error::Environment(format!("cannot write {}: {error}", path.display())))
    }

    /// The runs below a folder that have a report, oldest first.
    pub fn runs(reports: &Path) -> Vec<String> {
        names(reports, |id| Self::path(reports, id).is_file())
    }

    /// The runs that were submitted to a cluster, oldest first.
    pub fn submitted(reports: &Path) -> Vec<String> {
        let folder = reports.join(SUBMITTED);
        names(&folder, |id| folder.join(id).join("run.json").is_file())
    }

    /// All runs, those that were submitted and have no report yet too, oldest first.
    pub fn all(reports: &Path) -> Vec<String> {
        let mut all = Self::runs(reports);
        all.extend(Self::submitted(reports));
        all.sort();
        all.dedup();
        all
    }
}

/// The entries of a folder that fit, sorted.
fn names(folder: &Path, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| fits(name)).collect();
    names.sort();
    names
}
