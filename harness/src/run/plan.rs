//! From a selection to the trials that are left to run.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use harness_core::backend::DeviceChoice;
use harness_core::data::{DataError, Fetcher};
use harness_core::grid::{self, Point, Sourced};
use harness_core::overrides::{self, Override};
use harness_core::paper::{Paper, Profile};
use harness_core::trial::{DataSource, Trial};
use harness_core::{Error, PaperReproduction, Result};

use crate::store::Store;
use crate::store::manifest::ManifestPaper;

/// What the user asked for.
#[derive(Clone)]
pub struct Selection {
    /// The papers.
    pub papers: Vec<&'static dyn PaperReproduction>,
    /// The sizes.
    pub profile: Profile,
    /// The number of seeds; the profile's where absent.
    pub seeds: Option<u64>,
    /// Real or generated data.
    pub data: DataMode,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Changed settings.
    pub overrides: Vec<Override>,
    /// Which trials to run.
    pub rerun: Rerun,
}

/// Real or generated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataMode {
    /// Real, and generated where the real set cannot be had.
    #[default]
    Auto,
    /// Real, or not at all.
    Real,
    /// Generated.
    Synthetic,
}

impl FromStr for DataMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(DataMode::Auto),
            "real" => Ok(DataMode::Real),
            "synthetic" => Ok(DataMode::Synthetic),
            _ => Err(Error::Input(format!("unknown data mode `{text}`: use auto, real or synthetic"))),
        }
    }
}

/// Which of the planned trials run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rerun {
    /// Those that have not finished.
    #[default]
    Unfinished,
    /// Those whose latest run failed.
    Failed,
    /// All, finished or not.
    All,
}

/// A trial of the plan.
#[derive(Debug, Clone)]
pub struct PlannedTrial {
    /// The trial.
    pub trial: Trial,
    /// Its key in the store.
    pub key: String,
    /// Digest of the code it can reach.
    pub code: String,
    /// Whether it must have the machine for itself.
    pub exclusive: bool,
    /// After which it is taken to hang.
    pub timeout: Duration,
    /// Expected peak memory in MiB.
    pub memory_mb: u64,
    /// Whether it is to be run.
    pub pending: bool,
    /// Where it stands in its paper's grid.
    pub point: Point,
    /// It is to end where the stage of this key is stored.
    pub until_stage: Option<String>,
}

impl PlannedTrial {
    /// `paper/arm [cell] seed n`.
    pub fn name(&self) -> String {
        let trial = &self.trial;
        if trial.cell.is_empty() {
            format!("{}/{} seed {}", trial.paper, trial.arm, trial.seed)
        } else {
            format!("{}/{} [{}] seed {}", trial.paper, trial.arm, trial.cell, trial.seed)
        }
    }
}

/// A paper of the plan.
pub struct PaperPlan {
    /// Its module.
    pub reproduction: &'static dyn PaperReproduction,
    /// `paper.yaml` with the overrides applied.
    pub paper: Paper,
    /// The overrides that fitted it, as `key=value`.
    pub overrides: Vec<String>,
    /// Where its data come from.
    pub data: Sourced,
    /// Its trials.
    pub trials: Vec<PlannedTrial>,
}

/// What will be run.
pub struct Plan {
    /// The sizes.
    pub profile: Profile,
    /// Where to compute.
    pub device: DeviceChoice,
    /// The papers.
    pub papers: Vec<PaperPlan>,
    /// Data sets that are generated because the real ones cannot be had, and why.
    pub stand_ins: BTreeMap<String, String>,
}

impl Plan {
    /// The papers and keys, as the manifest of the run keeps them.
    pub fn manifest_papers(&self) -> Vec<ManifestPaper> {
        self.papers
            .iter()
            .map(|planned| ManifestPaper {
                paper: planned.paper.clone(),
                overrides: planned.overrides.clone(),
                keys: planned.trials.iter().map(|trial| trial.key.clone()).collect(),
                until_decided: None,
            })
            .collect()
    }

    /// Turns a selection into trials: applies overrides, finds the data, lets each paper check each trial, and looks
    /// up what is finished.
    ///
    /// # Errors
    /// Whatever the user got wrong: unknown keys, wrong types, data that cannot be had although it was asked for, a
    /// damaged source.
    pub fn new(selection: &Selection, store: &Store, fetcher: &Fetcher) -> Result<Self> {
        let originals: Vec<&Paper> = selection.papers.iter().map(|reproduction| reproduction.paper()).collect();
        let resolved = overrides::apply(&originals, &selection.overrides, selection.profile)?;
        let mut sources = Sources { mode: selection.data, fetcher, found: BTreeMap::new(), stand_ins: BTreeMap::new() };
        let mut papers = Vec::new();
        for (reproduction, paper) in selection.papers.iter().zip(resolved) {
            papers.push(plan_paper(*reproduction, paper, selection, store, &mut sources)?);
        }
        let stand_ins = sources.stand_ins;
        Ok(Plan { profile: selection.profile, device: selection.device, papers, stand_ins })
    }

    /// The same plan with some of its trials, those of them pending that the store still lacks.
    pub fn restricted(&self, store: &Store, keep: impl Fn(&PaperPlan, &PlannedTrial) -> bool) -> Plan {
        let papers = self.papers.iter().map(|paper| {
            let kept = paper.trials.iter().filter(|planned| keep(paper, planned)).map(|planned| {
                let trial = &planned.trial;
                let pending = planned.pending && !store.has(&trial.paper, trial.profile, &planned.key);
                PlannedTrial { pending, ..planned.clone() }
            });
            PaperPlan {
                reproduction: paper.reproduction,
                paper: paper.paper.clone(),
                overrides: paper.overrides.clone(),
                data: paper.data.clone(),
                trials: kept.collect(),
            }
        });
        Plan { profile: self.profile, device: self.device, papers: papers.collect(), stand_ins: self.stand_ins.clone() }
    }

    /// All trials.
    pub fn trials(&self) -> impl Iterator<Item = &PlannedTrial> {
        self.papers.iter().flat_map(|paper| &paper.trials)
    }
}

fn plan_paper(
    reproduction: &'static dyn PaperReproduction,
    paper: Paper,
    selection: &Selection,
    store: &Store,
    sources: &mut Sources,
) -> Result<PaperPlan> {
    let profile = selection.profile;
    let spec = paper.profiles.get(profile);
    let seeds = selection.seeds.unwrap_or(spec.seeds);
    let code = crate::catalog::code_digest(&paper.slug);
    let mut trials = Vec::new();
    // One look at the folder: on a file system of a network a look at each file would take as long as the trials.
    let present = store.present(&paper.slug, profile)?;
    let mut data = Sourced::new();
    for id in spec.grid.iter().flat_map(|block| &block.data) {
        data.insert(id.clone(), sources.find(id)?);
    }
    for (point, trial) in grid::trials(&paper, profile, 0..seeds, &data) {
        if point.seed == 0 {
            reproduction.check(&trial)?;
        }
        let key = trial.key(code, selection.device.class());
        let pending = match selection.rerun {
            Rerun::All => true,
            Rerun::Unfinished => !present.finished.contains(&key),
            Rerun::Failed => !present.finished.contains(&key) && present.failed.contains(&key),
        };
        trials.push(PlannedTrial {
            trial,
            key,
            code: code.to_owned(),
            exclusive: spec.grid.get(point.block).is_some_and(|block| block.exclusive),
            timeout: Duration::from_secs(spec.timeout_s),
            memory_mb: spec.memory_mb,
            pending,
            point,
            until_stage: None,
        });
    }
    let overrides = selection
        .overrides
        .iter()
        .filter(|change| change.paper.as_ref().is_none_or(|slug| *slug == paper.slug))
        .filter(|change| paper != *reproduction.paper() || change.paper.is_some())
        .map(|change| format!("{}={}", change.path, change.value))
        .collect();
    Ok(PaperPlan { reproduction, paper, overrides, data, trials })
}

/// Where each data set comes from, looked up once.
struct Sources<'a> {
    mode: DataMode,
    fetcher: &'a Fetcher,
    found: BTreeMap<String, DataSource>,
    stand_ins: BTreeMap<String, String>,
}

impl Sources<'_> {
    fn find(&mut self, id: &str) -> Result<DataSource> {
        if let Some(source) = self.found.get(id) {
            return Ok(source.clone());
        }
        let source = match self.mode {
            DataMode::Synthetic => {
                self.stand_ins.insert(id.to_owned(), "asked for with --data synthetic".into());
                DataSource::Synthetic
            }
            DataMode::Auto | DataMode::Real => match self.fetcher.fetch(id) {
                Ok(set) => DataSource::Real { digest: set.digest },
                // Wrong bytes are an error, not an absence: somebody has to look at them.
                Err(DataError::Unavailable(unavailable))
                    if self.mode == DataMode::Auto && !unavailable.tried.iter().any(|attempt| attempt.wrong_bytes) =>
                {
                    let reasons: BTreeSet<String> = unavailable
                        .tried
                        .iter()
                        .map(|attempt| format!("{}: {}", attempt.source, attempt.reason))
                        .collect();
                    self.stand_ins.insert(id.to_owned(), reasons.into_iter().collect::<Vec<_>>().join("; "));
                    DataSource::Synthetic
                }
                Err(error) => return Err(error.into()),
            },
        };
        self.found.insert(id.to_owned(), source.clone());
        Ok(source)
    }
}
