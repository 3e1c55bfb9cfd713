//! The immutable file that all tasks of a submission read.
//!
//! An envelope `{"version", "sha256", "plan"}`, whose digest is that of the plan's text. A task builds its trials from it
//! and checks that each has the key that the plan gives it, so that neither a changed file nor another binary can put a
//! result under the wrong key.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell;
use harness_core::grid::{Point, Sourced};
use harness_core::paper::{Paper, Profile};
use harness_core::trial::hex;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::pack::{Array, Task, TaskKind};
use crate::run::manifest::Manifest;
use crate::run::plan::{PaperPlan, Plan, PlannedTrial};
use crate::store::Store;

/// The version of [`PlanFile`] that this build writes, and the only one that it reads.
pub const PLAN_VERSION: u32 = 1;

/// A submission: what is to be run, and in which tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// Name of the run.
    pub run: String,
    /// Which submission of the run this is, from 1 on.
    pub submission: u32,
    /// Seconds since 1970 at which it was made.
    pub made_unix: u64,
    /// The sizes.
    pub profile: Profile,
    /// `cpu` or `cuda:INDEX`.
    pub device: String,
    /// The folder of reports.
    pub reports: PathBuf,
    /// The store.
    pub store: PathBuf,
    /// The data cache.
    pub cache: PathBuf,
    /// The papers.
    pub papers: Vec<PlanPaper>,
    /// What several trials share.
    pub stages: Vec<Stage>,
    /// The trials.
    pub trials: Vec<PlanTrial>,
    /// The tasks, those of one array side by side.
    pub tasks: Vec<Task>,
    /// The arrays in the order in which they are submitted.
    pub arrays: Vec<Array>,
}

/// A paper of a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPaper {
    /// `paper.yaml` with the overrides applied.
    pub paper: Paper,
    /// The overrides.
    pub overrides: Vec<String>,
    /// Digest of the code that its trials can reach.
    pub code: String,
    /// Where its data come from.
    pub data: Sourced,
}

/// A trial of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanTrial {
    /// Index of its paper.
    pub paper: usize,
    /// Where it stands in its paper's grid.
    pub point: Point,
    /// Its key.
    pub key: String,
}

/// What several trials share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its key in the store.
    pub key: String,
    /// Index of a trial that computes it on its way.
    pub leader: usize,
}

#[derive(Serialize)]
struct NewEnvelope<'a> {
    version: u32,
    sha256: String,
    plan: &'a RawValue,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    version: u32,
    sha256: String,
    #[serde(borrow)]
    plan: &'a RawValue,
}

impl PlanFile {
    /// Where the plan of a submission lies.
    pub fn path(reports: &Path, run: &str, submission: u32) -> PathBuf {
        Manifest::submitted_folder(reports, run).join(format!("plan-{submission}.json"))
    }

    /// The folder of what the tasks of a run print.
    pub fn logs(reports: &Path, run: &str) -> PathBuf {
        Manifest::submitted_folder(reports, run).join("logs")
    }

    /// Writes it, flushed, in whole or not at all. `false` where there is a plan of this number already, which stays.
    ///
    /// # Errors
    /// [`Error::Environment`] where it cannot be written.
    pub fn write(&self) -> Result<bool> {
        let path = Self::path(&self.reports, &self.run, self.submission);
        let refused = |error: io::Error| Error::Environment(format!("cannot write {}: {error}", path.display()));
        let text = serde_json::value::to_raw_value(self).map_err(|error| Error::Failed(error.to_string()))?;
        let sha256 = hex(&Sha256::digest(text.get().as_bytes()));
        let envelope = NewEnvelope { version: PLAN_VERSION, sha256, plan: &text };
        let bytes = serde_json::to_vec(&envelope).map_err(|error| Error::Failed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tmp-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any other file of the user: the umask still applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder).map_err(refused)?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(refused)?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(refused(error.error)),
        }
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
        Ok(true)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Input`] where it is no plan, is of another version, or is not what was written.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes =
            std::fs::read(path).map_err(|error| Error::Input(format!("the plan {name} cannot be read: {error}")))?;
        let envelope: Envelope = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Input(format!("{name} is not a plan of `harness submit` ({error})")))?;
        if envelope.version != PLAN_VERSION {
            return Err(Error::Input(format!(
                "the plan {name} has version {}, this build knows {PLAN_VERSION}: use the harness that submitted it, or \
                 submit again",
                envelope.version
            )));
        }
        let found = hex(&Sha256::digest(envelope.plan.get().as_bytes()));
        if found != envelope.sha256 {
            return Err(Error::Input(format!(
                "the plan {name} was changed: its content has the digest {found}, but {} was written; submit again",
                envelope.sha256
            )));
        }
        serde_json::from_str(envelope.plan.get())
            .map_err(|error| Error::Input(format!("the plan {name} cannot be read ({error}); submit again")))
    }

    /// The plans of a run, by submission.
    ///
    /// # Errors
    /// As [`PlanFile::read`].
    pub fn all(reports: &Path, run: &str) -> Result<Vec<Self>> {
        (1..)
            .map(|submission| Self::path(reports, run, submission))
            .take_while(|path| path.is_file())
            .map(|path| Self::read(&path))
            .collect()
    }

    /// Name of the jobs of an array in the queue.
    pub fn job_name(&self, array: usize) -> String {
        format!("harness-{}-{}-{array}", self.run, self.submission)
    }

    /// Name of the job that makes the report.
    pub fn report_job_name(&self) -> String {
        format!("harness-{}-{}-report", self.run, self.submission)
    }

    /// Checks that this binary would compute the same for the papers of these indices.
    ///
    /// # Errors
    /// [`Error::Input`] naming the paper and both digests.
    pub fn check_code(&self, papers: impl IntoIterator<Item = usize>) -> Result<()> {
        for index in papers {
            let Some(planned) = self.papers.get(index) else {
                return Err(Error::Input(format!("the plan of run {} has no paper {index}", self.run)));
            };
            let slug = &planned.paper.slug;
            if crate::catalog::find(slug).is_none() {
                return Err(Error::Input(format!("this build does not know the paper `{slug}` of the plan")));
            }
            let own = crate::catalog::code_digest(slug);
            if own != planned.code {
                return Err(Error::Input(format!(
                    "the plan of run {} was made by other code: the trials of `{slug}` reach code of the digest {}, that \
                     of this binary is {own}; use the binary that submitted the run, or submit again",
                    self.run, planned.code
                )));
            }
        }
        Ok(())
    }

    /// The plan of one task: its trials, or the trials that compute its stages and end there. Pending is what the store
    /// lacks.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such task, or the plan is not one of this binary.
    pub fn plan_of(&self, task: &Task, store: &Store) -> Result<Plan> {
        let stages: BTreeMap<usize, &str> = match task.kind {
            TaskKind::Stages => task
                .items
                .iter()
                .filter_map(|item| self.stages.get(*item))
                .map(|stage| (stage.leader, stage.key.as_str()))
                .collect(),
            TaskKind::Trials | TaskKind::Exclusive => BTreeMap::new(),
        };
        let trials: Vec<usize> = match task.kind {
            TaskKind::Stages => stages.keys().copied().collect(),
            TaskKind::Trials | TaskKind::Exclusive => task.items.clone(),
        };
        self.plan(&trials, |index, planned| match stages.get(&index) {
            Some(stage) => PlannedTrial {
                until_stage: Some((*stage).to_owned()),
                pending: !store.stage_path(stage).is_file(),
                ..planned
            },
            None => PlannedTrial {
                pending: !store.has(&planned.trial.paper, planned.trial.profile, &planned.key),
                ..planned
            },
        })
    }

    /// The plan of trials of these indices, each as `finish` leaves it.
    ///
    /// # Errors
    /// As [`PlanFile::plan_of`].
    pub fn plan(&self, trials: &[usize], finish: impl Fn(usize, PlannedTrial) -> PlannedTrial) -> Result<Plan> {
        let device: DeviceChoice = self.device.parse()?;
        let broken = || Error::Input(format!("the plan of run {} names a trial that it does not have", self.run));
        let mut of_paper: BTreeMap<usize, Vec<PlannedTrial>> = BTreeMap::new();
        let mut cells: BTreeMap<(usize, usize), Vec<Cell>> = BTreeMap::new();
        for index in trials {
            let entry = self.trials.get(*index).ok_or_else(broken)?;
            let planned = self.papers.get(entry.paper).ok_or_else(broken)?;
            let spec = planned.paper.profiles.get(self.profile);
            let point = entry.point;
            let block = spec.grid.get(point.block).ok_or_else(broken)?;
            let cell = cells
                .entry((entry.paper, point.block))
                .or_insert_with(|| block.cells())
                .get(point.cell)
                .ok_or_else(broken)?;
            let trial = point.trial(&planned.paper, self.profile, cell.clone(), &planned.data).ok_or_else(broken)?;
            if trial.key(&planned.code, device.class()) != entry.key {
                return Err(Error::Input(format!(
                    "the plan of run {} was made by another harness: its trial {} has another key here; use the binary \
                     that submitted the run, or submit again",
                    self.run, entry.key
                )));
            }
            let trial = PlannedTrial {
                trial,
                key: entry.key.clone(),
                code: planned.code.clone(),
                exclusive: block.exclusive,
                timeout: Duration::from_secs(spec.timeout_s),
                memory_mb: spec.memory_mb,
                pending: true,
                point,
                until_stage: None,
            };
            of_paper.entry(entry.paper).or_default().push(finish(*index, trial));
        }
        let mut papers = Vec::new();
        for (index, trials) in of_paper {
            let planned = self.papers.get(index).ok_or_else(broken)?;
            let slug = &planned.paper.slug;
            let reproduction = crate::catalog::find(slug)
                .ok_or_else(|| Error::Input(format!("this build does not know the paper `{slug}` of the plan")))?;
            papers.push(PaperPlan {
                reproduction,
                paper: planned.paper.clone(),
                overrides: planned.overrides.clone(),
                data: planned.data.clone(),
                trials,
            });
        }
        Ok(Plan { profile: self.profile, device, papers, stand_ins: BTreeMap::new() })
    }
}
