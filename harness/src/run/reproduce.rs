//! Carrying out a selection from plan to report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, io};

use harness_core::data::Fetcher;
use harness_core::{Error, Result};

use super::executor::{Executor, Summary};
use super::judged::Judged;
use super::manifest::{MANIFEST_VERSION, Manifest, ManifestPaper};
use super::plan::{Plan, Selection};
use super::progress::Sink;
use super::{machine, planner, versions};
use crate::report::{self, Earlier, RunReport};
use crate::store::Store;
use crate::tables;

/// Where things lie.
pub struct Places {
    /// Folder of the reports.
    pub reports: PathBuf,
    /// The store.
    pub store: Store,
}

/// What came of a run.
pub struct Outcome {
    /// What became of the pending trials.
    pub summary: Summary,
    /// The report's folder; absent where the run was stopped before any report could be made.
    pub report: PathBuf,
    /// The table of verdicts for the terminal.
    pub verdicts: String,
    /// Verdicts as JSON.
    pub json: serde_json::Value,
    /// Trials of the plan whose latest run failed.
    pub failed: usize,
    /// Trial files that are damaged.
    pub damaged: Vec<String>,
}

/// Plans, runs, judges and reports.
///
/// # Errors
/// What the user got wrong (found before the first trial), and what the disk refuses.
pub fn reproduce(
    selection: &Selection,
    places: &Places,
    fetcher: &Fetcher,
    executor: &mut dyn Executor,
    command: &str,
    until_decided: Option<planner::Limits>,
    sink: &mut dyn Sink,
) -> Result<Outcome> {
    let start = Instant::now();
    let started_unix = machine::unix_now();
    let mut plan = match &until_decided {
        None => Plan::new(selection, &places.store, fetcher)?,
        Some(limits) => Plan::new(&planner::widest(selection, limits), &places.store, fetcher)?,
    };
    for (set, reason) in &plan.stand_ins {
        sink.event(&super::progress::Event::Warning(format!("data set {set} is generated, not real: {reason}")));
    }
    let (summary, looks) = match &until_decided {
        None => (executor.execute(&plan, &places.store, sink)?, BTreeMap::new()),
        Some(limits) => {
            let ran = planner::run(plan, selection, limits, &places.store, executor, sink)?;
            plan = ran.plan;
            (ran.summary, ran.looks)
        }
    };
    let mut papers = plan.manifest_papers();
    for paper in &mut papers {
        paper.until_decided = looks.get(&paper.paper.slug).cloned();
    }
    let manifest = Manifest {
        version: MANIFEST_VERSION,
        id: String::new(),
        command: command.to_owned(),
        started_unix,
        wall_s: start.elapsed().as_secs_f64(),
        profile: plan.profile,
        device: plan.device.to_string(),
        machine: machine::describe(),
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        stand_ins: plan.stand_ins.clone(),
        dependencies: versions::of_this_build(),
        papers,
    };
    // A run that found everything done has the report of the run that did it.
    let fresh = summary == Summary::default();
    let manifest = match Manifest::runs(&places.reports).last().map(|id| Manifest::read(&places.reports, id)) {
        Some(Ok(last)) if fresh && same_run(&last, &manifest) => last,
        _ => Manifest { id: claim_id(&places.reports, started_unix)?, ..manifest },
    };
    let written = places.reports.join(&manifest.id).join("README.md").is_file();
    let judged = Judged::from_store(&manifest, &places.store)?;
    // A report that was made before a trial file was damaged still shows its numbers.
    let write = !written || !judged.damaged.is_empty();
    let outcome = report(&judged, &judged.of(&manifest, write), &manifest, &places.reports, write)?;
    Ok(Outcome { summary, ..outcome })
}

/// Makes the report of a past run again from the store, and a static site of it where a folder for it is given.
///
/// # Errors
/// Where there is no such run, or the disk refuses.
pub fn report_again(id: &str, places: &Places, site: Option<&Path>) -> Result<Outcome> {
    report_of(&Manifest::read(&places.reports, id)?, places, site)
}

/// Makes the report of a run whose trials are in the store; otherwise as [`report_again`].
///
/// # Errors
/// Where the run has a paper that this build does not know, or the disk refuses.
pub fn report_of(manifest: &Manifest, places: &Places, site: Option<&Path>) -> Result<Outcome> {
    let judged = Judged::from_store(manifest, &places.store)?;
    let run = judged.of(manifest, true);
    let outcome = report(&judged, &run, manifest, &places.reports, true)?;
    if let Some(site) = site {
        report::write_site(&run, &earlier(manifest, &places.reports), &places.reports.join("notebooks"), site)?;
    }
    Ok(outcome)
}

/// What the latest earlier run of the same profile that has the paper said of it, for every paper of a run.
fn earlier(manifest: &Manifest, reports: &Path) -> Vec<Earlier> {
    let mut runs: Vec<Manifest> =
        Manifest::runs(reports).iter().filter_map(|id| Manifest::read(reports, id).ok()).collect();
    runs.retain(|run| run.profile == manifest.profile && run.id != manifest.id);
    runs.retain(|run| (run.started_unix, &run.id) < (manifest.started_unix, &manifest.id));
    runs.sort_by(|a, b| (b.started_unix, &b.id).cmp(&(a.started_unix, &a.id)));
    let of_paper = |entry: &ManifestPaper| {
        let slug = &entry.paper.slug;
        let Some(run) = runs.iter().find(|run| run.papers.iter().any(|paper| paper.paper.slug == *slug)) else {
            return Earlier::None;
        };
        match tables::read_verdicts(&reports.join(&run.id).join("verdicts.csv"), slug) {
            Ok(verdicts) => Earlier::Found { run: run.id.clone(), verdicts },
            Err(error) => Earlier::Unreadable { run: run.id.clone(), reason: error.to_string() },
        }
    };
    manifest.papers.iter().map(of_paper).collect()
}

fn same_run(a: &Manifest, b: &Manifest) -> bool {
    a.profile == b.profile && a.device == b.device && a.papers == b.papers && a.harness == b.harness
}

/// Makes the folder of a run under a name that sorts by time: `2026-11-25T17-26-02Z`. Of two runs that start in the
/// same second each gets its own.
///
/// # Errors
/// [`Error::Environment`] where the folder cannot be made.
pub fn claim_id(reports: &Path, started_unix: u64) -> Result<String> {
    let time = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(started_unix));
    let time = time.to_string().replace(':', "-");
    let refused = |error: io::Error| {
        let reports = reports.display();
        Error::Environment(format!("cannot write to {reports}: {error}; choose another folder with --reports"))
    };
    fs::create_dir_all(reports).map_err(refused)?;
    let mut count = 1;
    loop {
        let id = if count == 1 { time.clone() } else { format!("{time}-{count}") };
        match fs::create_dir(reports.join(&id)) {
            Ok(()) => return Ok(id),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
            Err(error) => return Err(refused(error)),
        }
    }
}

/// Writes the report of a judged run, where it is asked for, and says what came of it.
fn report(judged: &Judged, run: &RunReport<'_>, manifest: &Manifest, reports: &Path, write: bool) -> Result<Outcome> {
    let folder = reports.join(&manifest.id);
    if write {
        report::write_with(run, &folder, |fresh| manifest.write_beside(fresh))?;
    }
    Ok(Outcome {
        summary: Summary::default(),
        verdicts: report::summary(run),
        json: verdicts_json(run),
        report: folder,
        failed: judged.papers.iter().map(|paper| paper.failed).sum(),
        damaged: judged.damaged.clone(),
    })
}

fn verdicts_json(run: &RunReport<'_>) -> serde_json::Value {
    let papers: Vec<serde_json::Value> = run
        .papers
        .iter()
        .map(|paper| {
            let claims: Vec<serde_json::Value> = paper
                .judgements
                .iter()
                .map(|(claim, evidence)| serde_json::json!({"claim": claim, "evidence": evidence}))
                .collect();
            serde_json::json!({
                "paper": paper.paper.slug,
                "profile": paper.profile,
                "claims": claims,
                "deviations": paper.deviation_words(),
            })
        })
        .collect();
    serde_json::json!({"event": "report", "id": run.id, "papers": papers})
}
