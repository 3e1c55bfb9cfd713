//! What one task of a cluster does: the trials of its part of a plan that the store lacks.
//!
//! The task runs them as a run on one machine does, in worker processes of its own. Asked to go by USR1, because its time
//! is nearly up or a more urgent job wants the place, it keeps checkpoints and asks Slurm to run it again; asked by TERM it
//! keeps checkpoints and goes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use harness_core::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::plan_file::PlanFile;
use crate::run::executor::local::{Local, Options};
use crate::run::executor::{Executor, Summary};
use crate::run::machine;
use crate::run::manifest::Manifest;
use crate::run::progress::Sink;
use crate::run::reproduce::{self, Outcome, Places};
use crate::store::Store;

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What became of its pending trials.
    pub summary: Summary,
    /// Whether it is to run again, because it was asked to make room.
    pub requeue: bool,
}

/// Carries out the task of this index.
///
/// # Errors
/// [`Error::Input`] where the plan is not one that this binary can carry out; what the machine refuses.
pub fn run(plan: &Path, index: usize, sink: &mut dyn Sink) -> Result<Ended> {
    let file = PlanFile::read(plan)?;
    let task = file.tasks.get(index).ok_or_else(|| {
        Error::Input(format!("the plan {} has {} tasks, none of index {index}", plan.display(), file.tasks.len()))
    })?;
    let papers = task.items.iter().filter_map(|item| file.trials.get(*item)).map(|trial| trial.paper);
    match task.kind {
        super::pack::TaskKind::Stages => {
            let leaders = task.items.iter().filter_map(|item| file.stages.get(*item));
            file.check_code(leaders.filter_map(|stage| file.trials.get(stage.leader)).map(|trial| trial.paper))?;
        }
        _ => file.check_code(papers)?,
    }
    let store = Store::at(&file.store);
    let plan = file.plan_of(task, &store)?;
    plan.device.open()?;
    let asked = Asked::listen()?;
    let options = Options {
        jobs: cores_given(),
        cache: file.cache.clone(),
        program: None,
        interrupts: Arc::clone(&asked.interrupts),
    };
    let summary = Local { options }.execute(&plan, &store, sink)?;
    let requeue = summary.left > 0 && asked.room.load(Ordering::SeqCst);
    Ok(Ended { summary, requeue })
}

/// Makes the report of the run that a plan belongs to.
///
/// # Errors
/// As [`reproduce::report_of`].
pub fn report(plan: &Path) -> Result<Outcome> {
    let file = PlanFile::read(plan)?;
    let manifest = Manifest::read(&file.reports, &file.run)?;
    let wall_s = machine::unix_now().saturating_sub(manifest.started_unix) as f64;
    let places = Places { reports: file.reports.clone(), store: Store::at(&file.store) };
    reproduce::report_of(&Manifest { wall_s, ..manifest }, &places, None)
}

/// Name of the job in which this process runs, as Slurm's commands take it.
pub fn slurm_job() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(task)) => Some(format!("{job}_{task}")),
        _ => variable("SLURM_JOB_ID"),
    }
}

/// Cores that the cluster gave to this task, a trial each; one where it does not say.
fn cores_given() -> usize {
    std::env::var("SLURM_CPUS_PER_TASK").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// What this process was asked by signals. However often it is asked, trials keep their checkpoints: who wants it gone
/// at once kills it.
struct Asked {
    interrupts: Arc<AtomicU8>,
    room: Arc<AtomicBool>,
}

impl Asked {
    fn listen() -> Result<Self> {
        let refused = |error| Error::Environment(format!("signals cannot be handled: {error}"));
        let asked = Asked { interrupts: Arc::default(), room: Arc::default() };
        let (interrupts, room) = (Arc::clone(&asked.interrupts), Arc::clone(&asked.room));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1]).map_err(refused)?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if signal == SIGUSR1 {
                    room.store(true, Ordering::SeqCst);
                }
                interrupts.store(1, Ordering::SeqCst);
            }
        });
        Ok(asked)
    }
}
