//! From a selection, or from what a run still lacks, to a submission.

use harness_core::data::Fetcher;
use harness_core::{Error, Result};

use super::plan_file::PlanFile;
use super::status::{self, Status};
use crate::run::executor::slurm::{Slurm, Submission};
use crate::run::executor::{Executor, Summary};
use crate::run::manifest::{MANIFEST_VERSION, Manifest};
use crate::run::plan::{Plan, Selection};
use crate::run::progress::{Event, Sink};
use crate::run::reproduce::{self, Places};
use crate::run::{machine, versions};

/// What came of a submission.
pub struct Submitted {
    /// Name of the run.
    pub run: String,
    /// How many trials were handed over.
    pub summary: Summary,
    /// The jobs; none where there is nothing to run.
    pub submission: Option<Submission>,
}

/// Plans a selection, writes down what the run is, and submits what the store lacks.
///
/// # Errors
/// What the user got wrong (found before anything is written), and what disk and cluster refuse.
pub fn submit(
    selection: &Selection,
    places: &Places,
    fetcher: &Fetcher,
    slurm: &mut Slurm,
    command: &str,
    sink: &mut dyn Sink,
) -> Result<Submitted> {
    let plan = Plan::new(selection, &places.store, fetcher)?;
    for (set, reason) in &plan.stand_ins {
        sink.event(&Event::Warning(format!("data set {set} is generated, not real: {reason}")));
    }
    let manifest = manifest(&plan, command);
    if slurm.options.dry_run {
        slurm.run = "RUN".into();
    } else {
        let id = reproduce::claim_id(&places.reports, manifest.started_unix)?;
        let manifest = Manifest { id, ..manifest };
        manifest.write_submitted(&places.reports)?;
        slurm.run = manifest.id;
    }
    let summary = slurm.execute(&plan, &places.store, sink)?;
    Ok(Submitted { run: slurm.run.clone(), summary, submission: slurm.submission.take() })
}

/// Submits what a run lacks and the queue does not hold: trials that are missing, and trials that failed.
///
/// # Errors
/// As [`submit`]; [`Error::Input`] where the run was made by other code, [`Error::Environment`] where the queue cannot be
/// asked.
pub fn resume(run: &str, places: &Places, slurm: &mut Slurm, sink: &mut dyn Sink) -> Result<(Submitted, Status)> {
    let status = status::status(&places.reports, run, &places.store)?;
    if let Some(reason) = &status.queue_unknown {
        return Err(Error::Environment(format!(
            "what the queue holds of run {run} is not known, so that trials could be submitted twice: {reason}"
        )));
    }
    let mut plans = PlanFile::all(&places.reports, run)?;
    // What was submitted later was part of what was submitted first.
    let first = if plans.is_empty() { None } else { Some(plans.swap_remove(0)) };
    let first = first.ok_or_else(|| Error::Input(format!("run {run} was not submitted to a cluster")))?;
    first.check_code(0..first.papers.len())?;
    let trials: Vec<usize> = (0..first.trials.len())
        .filter(|index| first.trials.get(*index).is_some_and(|trial| status.open.contains(&trial.key)))
        .collect();
    slurm.run = run.to_owned();
    slurm.after = status.live_jobs.clone();
    let plan = first.plan(&trials, |_, planned| planned)?;
    let nothing = trials.is_empty();
    let summary = if nothing { Summary::default() } else { slurm.execute(&plan, &places.store, sink)? };
    Ok((Submitted { run: run.to_owned(), summary, submission: slurm.submission.take() }, status))
}

/// The latest submitted run of a selection.
///
/// # Errors
/// [`Error::Input`] where there is none; whatever planning refuses.
pub fn run_of(selection: &Selection, places: &Places, fetcher: &Fetcher) -> Result<String> {
    let papers = Plan::new(selection, &places.store, fetcher)?.manifest_papers();
    let fits = |run: &String| {
        Manifest::read(&places.reports, run)
            .is_ok_and(|manifest| manifest.papers == papers && manifest.device == selection.device.to_string())
    };
    Manifest::submitted(&places.reports).into_iter().rev().find(fits).ok_or_else(|| {
        Error::Input(format!(
            "no run of this selection, at the code of this binary, was submitted from {}: leave out --resume",
            places.reports.display()
        ))
    })
}

fn manifest(plan: &Plan, command: &str) -> Manifest {
    Manifest {
        version: MANIFEST_VERSION,
        id: String::new(),
        command: command.to_owned(),
        started_unix: machine::unix_now(),
        // Known once the report is made.
        wall_s: 0.0,
        profile: plan.profile,
        device: plan.device.to_string(),
        machine: format!("a cluster, submitted from {}", machine::describe()),
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        stand_ins: plan.stand_ins.clone(),
        dependencies: versions::of_this_build(),
        papers: plan.manifest_papers(),
    }
}
