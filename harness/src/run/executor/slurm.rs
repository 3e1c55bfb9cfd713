//! A Slurm cluster: job arrays of tasks that run [`harness worker --plan`](crate::run::cluster::task), and a job that makes
//! the report once they have ended, however they ended.
//!
//! Nothing here waits for the jobs. Slurm's own commands are all that is used: `sbatch`, `squeue`, `scontrol` and, where
//! the cluster keeps account, `sacct`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use harness_core::backend::DeviceChoice;
use harness_core::paper::Profile;
use harness_core::{Error, Result};

use super::{Executor, Summary};
use crate::run::cluster::pack::{Array, Item, Packing, Task, TaskKind, pack};
use crate::run::cluster::plan_file::{PlanFile, PlanPaper, PlanTrial};
use crate::run::cluster::stages;
use crate::run::cluster::status::Queued;
use crate::run::machine;
use crate::run::plan::{Plan, PlannedTrial};
use crate::run::progress::{Event, Sink};
use crate::store::{Durations, Store};

/// Most tasks of an array where Slurm does not say: its default.
const MAX_ARRAY: usize = 1001;
/// How long before its time is up a task is asked to keep checkpoints, in seconds.
const WARNING_S: u64 = 120;

/// What the user asked of the cluster.
#[derive(Debug, Clone)]
pub struct SlurmOptions {
    /// `--partition` of Slurm.
    pub partition: Option<String>,
    /// `--account` of Slurm.
    pub account: Option<String>,
    /// `--gres` of Slurm, for the tasks that run trials.
    pub gres: Option<String>,
    /// `--time` of Slurm; from expected durations where absent.
    pub time: Option<String>,
    /// `--mem` of Slurm; from the papers' expected peak memory where absent.
    pub mem: Option<String>,
    /// Further options, passed on to `sbatch` as they are.
    pub further: Vec<String>,
    /// Most tasks that run at a time.
    pub array_limit: Option<usize>,
    /// How long a task should last.
    pub task_time: Duration,
    /// Trials at a time in a task, a core each.
    pub jobs: usize,
    /// Say what would be submitted and write nothing.
    pub dry_run: bool,
}

/// Submits to Slurm.
pub struct Slurm {
    /// How.
    pub options: SlurmOptions,
    /// The run that the trials belong to.
    pub run: String,
    /// The folder of reports.
    pub reports: PathBuf,
    /// The data cache.
    pub cache: PathBuf,
    /// Jobs that the report waits for too.
    pub after: BTreeSet<String>,
    /// What was submitted, for the user.
    pub submission: Option<Submission>,
}

/// What was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Trials, stages computed before them, and tasks.
    pub counts: [usize; 3],
    /// The jobs: `sbatch`'s number (its place in the list for a dry run), its options, and what it is.
    pub jobs: Vec<Submitted>,
}

/// A job that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its number.
    pub id: String,
    /// What it does.
    pub about: String,
    /// The options of `sbatch`.
    pub options: Vec<String>,
}

/// Checks that Slurm's commands can be found.
///
/// # Errors
/// [`Error::Environment`] where there is no `sbatch`.
pub fn check() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("sbatch").is_file()) {
        return Ok(());
    }
    Err(Error::Environment(
        "there is no `sbatch` on PATH: submit on a machine from which jobs of the Slurm cluster are submitted, or run here \
         with `harness reproduce`"
            .into(),
    ))
}

impl Executor for Slurm {
    fn execute(&mut self, plan: &Plan, store: &Store, sink: &mut dyn Sink) -> Result<Summary> {
        let pending: Vec<&PlannedTrial> = plan.trials().filter(|planned| planned.pending).collect();
        if pending.is_empty() {
            return Ok(Summary::default());
        }
        if !self.options.dry_run {
            store.claim()?;
        }
        let file = self.plan_file(plan, &pending, store)?;
        if self.options.gres.is_none() && matches!(plan.device, DeviceChoice::Cuda(_)) {
            sink.event(&Event::Warning("no --gres is given: the tasks may be given no GPU".into()));
        }
        self.submission = Some(self.submit(&file)?);
        Ok(Summary { submitted: pending.len(), ..Summary::default() })
    }

    fn parallel(&self) -> usize {
        self.options.array_limit.unwrap_or(1) * self.options.jobs.max(1)
    }
}

impl Slurm {
    /// Packs the pending trials, and writes the plan under the next free number.
    fn plan_file(&self, plan: &Plan, pending: &[&PlannedTrial], store: &Store) -> Result<PlanFile> {
        let started = |error: io::Error| Error::Environment(format!("no worker process could be started: {error}"));
        let found = stages::find(plan, pending, store, &self.cache).map_err(started)?;
        let durations = Durations::load(store);
        let mut items = Vec::new();
        for (index, planned) in pending.iter().enumerate() {
            let kind = if planned.exclusive { TaskKind::Exclusive } else { TaskKind::Trials };
            items.push(item(index, kind, found.needing.contains(&index), planned, &durations));
        }
        for (index, stage) in found.stages.iter().enumerate() {
            if let Some(leader) = pending.get(stage.leader) {
                items.push(item(index, TaskKind::Stages, false, leader, &durations));
            }
        }
        let packing = Packing {
            task_time: self.options.task_time,
            jobs: self.options.jobs,
            max_array: if self.options.dry_run { MAX_ARRAY } else { max_array() },
        };
        let (tasks, arrays) = pack(items, &packing);
        let slugs: BTreeMap<&str, usize> =
            plan.papers.iter().enumerate().map(|(at, paper)| (paper.paper.slug.as_str(), at)).collect();
        let absolute = |path: &Path| {
            let refused = |error| Error::Environment(format!("{} cannot be resolved: {error}", path.display()));
            std::path::absolute(path).map_err(refused)
        };
        let mut file = PlanFile {
            run: self.run.clone(),
            submission: 1,
            made_unix: machine::unix_now(),
            profile: plan.profile,
            device: plan.device.to_string(),
            reports: absolute(&self.reports)?,
            store: absolute(store.root())?,
            cache: absolute(&self.cache)?,
            papers: plan
                .papers
                .iter()
                .map(|paper| PlanPaper {
                    paper: paper.paper.clone(),
                    overrides: paper.overrides.clone(),
                    code: crate::catalog::code_digest(&paper.paper.slug).to_owned(),
                    data: paper.data.clone(),
                })
                .collect(),
            stages: found.stages,
            trials: pending
                .iter()
                .map(|planned| PlanTrial {
                    paper: slugs.get(planned.trial.paper.as_str()).copied().unwrap_or_default(),
                    point: planned.point,
                    key: planned.key.clone(),
                })
                .collect(),
            tasks,
            arrays,
        };
        // Of two that submit parts of one run at the same moment each gets a number of its own.
        while !self.options.dry_run && !file.write()? {
            file.submission += 1;
        }
        Ok(file)
    }

    fn submit(&self, file: &PlanFile) -> Result<Submission> {
        let mut jobs: Vec<Submitted> = Vec::new();
        let mut of_stages: Vec<String> = Vec::new();
        let logs = PlanFile::logs(&file.reports, &file.run);
        if !self.options.dry_run {
            let refused = |error| Error::Environment(format!("cannot write {}: {error}", logs.display()));
            std::fs::create_dir_all(&logs).map_err(refused)?;
        }
        for (index, array) in file.arrays.iter().enumerate() {
            let mut after: Vec<String> = if array.after_stages { of_stages.clone() } else { Vec::new() };
            if self.options.array_limit.is_some() {
                // The limit is one of all tasks, and an array knows only its own: one array after the other.
                after.extend(jobs.last().map(|job| job.id.clone()));
            }
            after.sort();
            after.dedup();
            let options = self.options_of(file, index, array, &after, &logs);
            let tasks = if array.count == 1 { "1 task".into() } else { format!("{} tasks", array.count) };
            let about = match (array.kind, array.after_stages) {
                (TaskKind::Stages, _) => format!("{tasks} of what trials share"),
                (TaskKind::Trials, false) => format!("{tasks} of trials"),
                (TaskKind::Trials, true) => format!("{tasks} of trials that share something"),
                (TaskKind::Exclusive, _) => format!("{tasks} of trials that measure time"),
            };
            let script = script(file, &format!("--index \"$(({} + SLURM_ARRAY_TASK_ID))\"", array.first))?;
            let id = self.sbatch(&options, &script, jobs.len())?;
            if array.kind == TaskKind::Stages {
                of_stages.push(id.clone());
            }
            jobs.push(Submitted { id, about, options });
        }
        let mut after: Vec<String> = jobs.iter().map(|job| job.id.clone()).chain(self.after.iter().cloned()).collect();
        after.sort();
        after.dedup();
        let mut options = vec![
            format!("--job-name={}", file.report_job_name()),
            format!("--output={}", logs.join("report.out").display()),
        ];
        options.extend(self.common(&after));
        options.extend(self.options.time.iter().map(|time| format!("--time={time}")));
        let id = self.sbatch(&options, &script(file, "--report")?, jobs.len())?;
        jobs.push(Submitted { id, about: "the report".into(), options });
        Ok(Submission { counts: [file.trials.len(), file.stages.len(), file.tasks.len()], jobs })
    }

    /// The options that all jobs have. Jobs wait until others have ended in whatever way: a trial computes itself what a
    /// lost task should have computed, and a report names what is missing.
    fn common(&self, after: &[String]) -> Vec<String> {
        let mut options = vec!["--parsable".to_owned(), "--requeue".to_owned(), "--open-mode=append".to_owned()];
        if !after.is_empty() {
            options.push(format!("--dependency=afterany:{}", after.join(":")));
        }
        options.extend(self.options.partition.iter().map(|name| format!("--partition={name}")));
        options.extend(self.options.account.iter().map(|name| format!("--account={name}")));
        options.extend(self.options.further.iter().cloned());
        options
    }

    fn options_of(&self, file: &PlanFile, index: usize, array: &Array, after: &[String], logs: &Path) -> Vec<String> {
        let tasks: Vec<&Task> = file.tasks.iter().skip(array.first).take(array.count).collect();
        let limit = self.options.array_limit.map(|limit| format!("%{limit}")).unwrap_or_default();
        let seconds = tasks.iter().map(|task| task.limit_s).max().unwrap_or(0);
        let minutes = seconds.div_ceil(60).max(1);
        // Half as much again as the papers expect, and what a scheduler process needs beside its workers.
        let mebibytes = tasks.iter().map(|task| task.memory_mb).max().unwrap_or(0) * 3 / 2 + 256;
        let mut options = vec![
            format!("--job-name={}", file.job_name(index)),
            format!("--array=0-{}{limit}", array.count - 1),
            format!("--cpus-per-task={}", self.options.jobs.max(1)),
            format!("--time={}", self.options.time.clone().unwrap_or_else(|| minutes.to_string())),
            format!("--mem={}", self.options.mem.clone().unwrap_or_else(|| format!("{mebibytes}M"))),
            // `B:` signals the shell of the script, in whose place harness stands.
            format!("--signal=B:USR1@{WARNING_S}"),
            format!("--output={}", logs.join(format!("{}-{index}-%a.out", file.submission)).display()),
        ];
        if array.kind == TaskKind::Exclusive {
            options.push("--exclusive".into());
        }
        options.extend(self.common(after));
        options.extend(self.options.gres.iter().map(|gres| format!("--gres={gres}")));
        options
    }

    /// Submits a job, and says its number.
    fn sbatch(&self, options: &[String], script: &str, submitted: usize) -> Result<String> {
        if self.options.dry_run {
            return Ok(format!("{}", submitted + 1));
        }
        let refused = |reason: String| {
            Error::Environment(format!(
                "sbatch refused a job: {reason}; {submitted} jobs of run {} are submitted, and `harness submit --resume \
                 --run {}` submits the rest",
                self.run, self.run
            ))
        };
        let mut child = Command::new("sbatch")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| refused(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Where it does not read its script, it says why.
            let _ = stdin.write_all(script.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| refused(error.to_string()))?;
        if !output.status.success() {
            return Err(refused(words(&output.stderr)));
        }
        // `123`, or `123;cluster`.
        let text = words(&output.stdout);
        let id = text.split(';').next().unwrap_or_default().trim().to_owned();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused(format!("it answered `{text}` instead of the number of a job")));
        }
        Ok(id)
    }
}

/// A trial or stage for the packing. Its time is that of another seed; where none is known, what its profile is meant for.
fn item(index: usize, kind: TaskKind, after_stages: bool, planned: &PlannedTrial, durations: &Durations) -> Item {
    let timeout_s = planned.timeout.as_secs();
    let expected = durations.expected(&planned.trial);
    let guessed = match planned.trial.profile {
        Profile::Smoke => 5.0,
        Profile::Quick => 60.0,
        Profile::Full => 600.0,
    };
    Item {
        index,
        kind,
        after_stages,
        seconds: expected.unwrap_or(guessed),
        // Machines of a cluster differ: four times what another one took.
        limit_s: expected.map_or(timeout_s, |seconds| ((4.0 * seconds).ceil() as u64 + 60).min(timeout_s)),
        memory_mb: planned.memory_mb,
    }
}

/// What a job runs. In the place of the shell, so that signals reach harness.
fn script(file: &PlanFile, arguments: &str) -> Result<String> {
    let program = std::env::current_exe()
        .map_err(|error| Error::Environment(format!("the file of this program is not known: {error}")))?;
    let plan = PlanFile::path(&file.reports, &file.run, file.submission);
    Ok(format!("#!/bin/sh\nexec {} worker --plan {} {arguments}\n", quoted(&program)?, quoted(&plan)?))
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::Input(format!("{} is not UTF-8, which a job script needs: use another folder", path.display()))
    })?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Most tasks of an array: an index must be below Slurm's `MaxArraySize`.
fn max_array() -> usize {
    let output = Command::new("scontrol").args(["show", "config"]).output();
    let configured = output.ok().filter(|output| output.status.success()).and_then(|output| {
        let text = words(&output.stdout);
        let line = text.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
        line.split('=').nth(1)?.trim().parse::<usize>().ok()
    });
    configured.filter(|size| *size > 0).unwrap_or(MAX_ARRAY)
}

/// The jobs of these names that are in the queue, each task of an array by itself.
///
/// # Errors
/// [`Error::Environment`] where the queue cannot be asked.
pub fn queue(names: &[&str]) -> Result<Vec<Queued>> {
    let output = Command::new("squeue")
        .args(["--noheader", "--array", "--format=%i|%T|%j"])
        .arg(format!("--name={}", names.join(",")))
        .output()
        .map_err(|error| Error::Environment(format!("squeue cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(Error::Environment(format!("squeue: {}", words(&output.stderr))));
    }
    let of_line = |line: &str| {
        let mut fields = line.trim().splitn(3, '|').map(str::to_owned);
        Some(Queued { id: fields.next()?, state: fields.next()?, name: fields.next()? })
    };
    Ok(words(&output.stdout).lines().filter_map(of_line).collect())
}

/// How many jobs of these names ended in which way other than complete; `None` where the cluster keeps no account.
pub fn ended(names: &[&str], since_unix: u64) -> Option<BTreeMap<String, usize>> {
    let since = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(since_unix)).to_string();
    let output = Command::new("sacct")
        .args(["--noheader", "--parsable2", "--allocations", "--format=State"])
        .arg(format!("--name={}", names.join(",")))
        .arg(format!("--starttime={}", since.trim_end_matches('Z')))
        .env("TZ", "UTC")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let mut counts = BTreeMap::new();
    for line in words(&output.stdout).lines() {
        // `CANCELLED by 1000`
        let state = line.split_whitespace().next().unwrap_or_default().to_lowercase();
        if !["", "completed", "pending", "running", "requeued"].contains(&state.as_str()) {
            *counts.entry(state).or_default() += 1;
        }
    }
    Some(counts)
}

/// Asks Slurm to run a job again, once this process is gone.
///
/// # Errors
/// [`Error::Environment`] with Slurm's reason.
pub fn requeue(job: &str) -> Result<()> {
    let refused = |reason: String| Error::Environment(format!("job {job} cannot be requeued: {reason}"));
    let output =
        Command::new("scontrol").args(["requeue", job]).output().map_err(|error| refused(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(refused(words(&output.stderr))) }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_words_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/it's")).unwrap(), r"'/a b/it'\''s'");
    }
}
