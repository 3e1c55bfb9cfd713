//! How far a run is, by its store and the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness_core::{Error, Result};
use serde::Serialize;

use super::pack::TaskKind;
use super::plan_file::PlanFile;
use crate::run::executor::slurm;
use crate::run::manifest::Manifest;
use crate::store::Store;

/// How far a run is.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Name of the run.
    pub run: String,
    /// `smoke`, `quick` or `full`.
    pub profile: &'static str,
    /// `cpu` or `cuda:INDEX`.
    pub device: String,
    /// How often parts of it were submitted to a cluster; none for a run on one machine.
    pub submissions: usize,
    /// By paper.
    pub papers: Vec<PaperStatus>,
    /// Tasks that run.
    pub tasks_running: usize,
    /// Tasks that wait.
    pub tasks_waiting: usize,
    /// State of the job that makes the report.
    pub report_job: Option<String>,
    /// Whether there is a report.
    pub report: bool,
    /// Why the queue could not be asked.
    pub queue_unknown: Option<String>,
    /// How jobs ended that did not complete, by Slurm's word for it, where Slurm keeps account.
    pub ended: BTreeMap<String, usize>,
    /// Keys of the trials that are neither finished nor in the queue.
    #[serde(skip)]
    pub open: BTreeSet<String>,
    /// Jobs that are in the queue.
    #[serde(skip)]
    pub live_jobs: BTreeSet<String>,
}

/// How far a paper of a run is, in trials.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct PaperStatus {
    /// Its slug.
    pub paper: String,
    /// In all.
    pub trials: usize,
    /// Finished or skipped.
    pub done: usize,
    /// Of tasks that run.
    pub running: usize,
    /// Of tasks that wait.
    pub queued: usize,
    /// Failed, and in no task of the queue.
    pub failed: usize,
    /// None of these.
    pub missing: usize,
}

/// A task in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// As `123` or `123_4`.
    pub id: String,
    /// Slurm's word, such as `PENDING`.
    pub state: String,
    /// Name of the job.
    pub name: String,
}

impl Queued {
    /// Number of the job, and index of the task in its array.
    fn job(&self) -> (&str, Option<usize>) {
        match self.id.split_once('_') {
            Some((job, task)) => (job, task.parse().ok()),
            None => (&self.id, None),
        }
    }

    fn waits(&self) -> bool {
        ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"].contains(&self.state.as_str())
    }
}

/// Looks at the store and, for a run that was submitted, at the queue.
///
/// # Errors
/// [`Error::Input`] where there is no such run, or a plan of it cannot be read.
pub fn status(reports: &Path, run: &str, store: &Store) -> Result<Status> {
    let manifest = Manifest::read(reports, run)?;
    let plans = PlanFile::all(reports, run)?;
    let mut names: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut report_names = BTreeSet::new();
    for (at, plan) in plans.iter().enumerate() {
        names.extend((0..plan.arrays.len()).map(|array| (plan.job_name(array), (at, array))));
        report_names.insert(plan.report_job_name());
    }
    let all_names: Vec<&str> = names.keys().chain(&report_names).map(String::as_str).collect();
    let (queue, queue_unknown) = match plans.is_empty() {
        true => (Vec::new(), None),
        false => match slurm::queue(&all_names) {
            Ok(queue) => (queue, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        },
    };
    // The trials of tasks in the queue: whether the task runs.
    let mut of_task: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut tasks_running, mut tasks_waiting, mut report_job) = (0, 0, None);
    let mut live_jobs = BTreeSet::new();
    for queued in &queue {
        let (job, task) = queued.job();
        live_jobs.insert(job.to_owned());
        if report_names.contains(&queued.name) {
            report_job = Some(queued.state.to_lowercase());
            continue;
        }
        let Some((plan, array)) = names.get(&queued.name).and_then(|(plan, array)| {
            let plan = plans.get(*plan)?;
            Some((plan, plan.arrays.get(*array)?))
        }) else {
            continue;
        };
        if queued.waits() {
            tasks_waiting += 1;
        } else {
            tasks_running += 1;
        }
        let Some(task) = task.and_then(|task| plan.tasks.get(array.first + task)) else { continue };
        if task.kind != TaskKind::Stages {
            for trial in task.items.iter().filter_map(|item| plan.trials.get(*item)) {
                *of_task.entry(&trial.key).or_default() |= !queued.waits();
            }
        }
    }
    let mut papers = Vec::new();
    let mut open = BTreeSet::new();
    for entry in &manifest.papers {
        let slug = &entry.paper.slug;
        let present = store.present(slug, manifest.profile)?;
        let mut counts = PaperStatus { paper: slug.clone(), trials: entry.keys.len(), ..PaperStatus::default() };
        for key in &entry.keys {
            match of_task.get(key.as_str()) {
                _ if present.finished.contains(key) => counts.done += 1,
                Some(true) => counts.running += 1,
                Some(false) => counts.queued += 1,
                None => {
                    open.insert(key.clone());
                    if present.failed.contains(key) {
                        counts.failed += 1;
                    } else {
                        counts.missing += 1;
                    }
                }
            }
        }
        papers.push(counts);
    }
    let ended = match (open.is_empty(), plans.first()) {
        (false, Some(first)) => slurm::ended(&all_names, first.made_unix).unwrap_or_default(),
        _ => BTreeMap::new(),
    };
    Ok(Status {
        run: run.to_owned(),
        profile: manifest.profile.name(),
        device: manifest.device,
        submissions: plans.len(),
        papers,
        tasks_running,
        tasks_waiting,
        report_job,
        report: reports.join(run).join("README.md").is_file(),
        queue_unknown,
        ended,
        open,
        live_jobs,
    })
}

/// The run that `--run` names, or the latest that was submitted.
///
/// # Errors
/// [`Error::Input`] where there is none.
pub fn choose_submitted(run: Option<&str>, reports: &Path) -> Result<String> {
    let runs = Manifest::submitted(reports);
    match run {
        Some(run) if runs.iter().any(|known| known == run) => Ok(run.to_owned()),
        Some(run) => {
            let hint = harness_core::text::did_you_mean(run, runs.iter().map(String::as_str));
            Err(Error::Input(format!("no run `{run}` was submitted from {}{hint}", reports.display())))
        }
        None => runs.into_iter().next_back().ok_or_else(|| {
            Error::Input(format!("no run was submitted from {}: leave out --resume", reports.display()))
        }),
    }
}
