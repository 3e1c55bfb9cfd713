//! Measuring the tool itself: what a trial, a step and a stored trial cost besides their work.

use std::sync::Arc;
use std::time::Instant;

use harness_core::backend::DeviceChoice;
use harness_core::data::{FetchOptions, Fetcher};
use harness_core::paper::Profile;
use harness_core::{Error, PaperReproduction, Result};
use tempfile::TempDir;

use super::measured::Measured;
use super::{repeated, simulate};
use crate::run::executor::local;
use crate::run::judged::Judged;
use crate::run::manifest::Manifest;
use crate::run::plan::{DataMode, Plan, Rerun, Selection};
use crate::run::progress::Quiet;
use crate::run::reproduce::{self, Places};
use crate::run::{machine, worker};
use crate::store::Store;

/// The paper with the fastest trials, of the normal build and of the one with fixtures.
const PAPERS: [&str; 2] = ["lr_perceptron", "passes"];
/// Trials of one measurement of the scheduler.
const TRIALS: usize = 100;
/// Reports of progress in one measurement of a step.
const STEPS: u64 = 100_000;

/// A folder of its own for reports, store and cache.
struct Place {
    folder: TempDir,
    places: Places,
}

impl Place {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::Environment(format!("no folder for made-up trials can be made: {error}")))?;
        let reports = folder.path().join("reports");
        let places = Places { store: Store::at(reports.join("store")), reports };
        Ok(Place { folder, places })
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(FetchOptions { offline: true, ..FetchOptions::new(self.folder.path().join("cache")) })
    }

    fn plan(&self, selection: &Selection) -> Result<Plan> {
        Plan::new(selection, &self.places.store, &self.fetcher())
    }

    fn reproduce(&self, selection: &Selection) -> Result<reproduce::Outcome> {
        let command = "harness bench";
        let mut executor = local::Local { options: options() };
        reproduce::reproduce(selection, &self.places, &self.fetcher(), &mut executor, command, None, &mut Quiet)
    }
}

fn options() -> local::Options {
    local::Options { jobs: 1, cache: std::env::temp_dir(), program: None, interrupts: Arc::default() }
}

fn paper() -> Result<&'static dyn PaperReproduction> {
    let found = PAPERS.iter().find_map(|slug| crate::catalog::find(slug));
    found.ok_or_else(|| Error::Failed(format!("this build has none of the papers {}", PAPERS.join(", "))))
}

fn selection(seeds: u64) -> Result<Selection> {
    Ok(Selection {
        papers: vec![paper()?],
        profile: Profile::Smoke,
        seeds: Some(seeds),
        data: DataMode::Synthetic,
        device: DeviceChoice::Cpu,
        overrides: Vec::new(),
        rerun: Rerun::Unfinished,
    })
}

/// What a trial costs besides its work: starting a worker, messages, and storing the result durably.
///
/// # Errors
/// Where a trial fails or the disk refuses.
pub fn trials(seconds: f64) -> Result<Vec<Measured>> {
    let times = repeated(seconds, 2, || {
        let place = Place::new()?;
        let per_seed = place.plan(&selection(1)?)?.trials().count();
        let plan = place.plan(&selection(simulate::seeds_for(TRIALS, per_seed))?)?;
        let start = Instant::now();
        local::run(&plan, &place.places.store, &options(), &mut Quiet)?;
        let elapsed = start.elapsed().as_secs_f64();
        let records = place.places.store.contents()?.records;
        let finished = records.iter().filter(|record| record.finished()).count();
        if finished < plan.trials().count() {
            return Err(Error::Failed(format!("only {finished} of {} trials finished", plan.trials().count())));
        }
        let work: f64 = records.iter().map(|record| record.cost.wall_s).sum();
        Ok((elapsed - work) / finished as f64)
    })?;
    let about = "a trial of one worker besides its own work, on the mean of 100, start of the worker included";
    Ok(vec![Measured::new("trial", about, &times)])
}

/// What a report of progress costs inside a worker.
///
/// # Errors
/// Where `/dev/null` cannot be written.
pub fn steps(seconds: f64) -> Result<Vec<Measured>> {
    let plan = Place::new()?.plan(&selection(1)?)?;
    let planned = plan.trials().next().ok_or_else(|| Error::Failed("the plan has no trial".into()))?;
    let times = repeated(seconds, 3, || Ok(worker::time_progress(&planned.trial, STEPS)? / STEPS as f64))?;
    Ok(vec![Measured::new("step", "a report of progress inside a worker, on the mean of 100,000", &times)])
}

/// Planning, judging and reporting so many stored trials, and the command that finds all of them done.
///
/// # Errors
/// Where a trial fails or the disk refuses.
pub fn stored(count: usize, seconds: f64) -> Result<Vec<Measured>> {
    let (real, place) = (Place::new()?, Place::new()?);
    let templates = real.plan(&selection(1)?)?;
    let per_seed = templates.trials().count();
    local::run(&templates, &real.places.store, &options(), &mut Quiet)?;
    let selection = selection(simulate::seeds_for(count, per_seed))?;
    let templates = simulate::Templates::of(&real.places.store)?;
    simulate::fill(&place.plan(&selection)?, &templates, &place.places.store, |_| {})?;
    place.reproduce(&selection)?;
    let id = Manifest::runs(&place.places.reports).pop().unwrap_or_default();
    let manifest = Manifest::read(&place.places.reports, &id)?;

    let about = |what: &str| format!("{what} {count} stored trials of {}", PAPERS[0]);
    let mut all = Vec::new();
    let mut measure = |what: &str, about: String, work: &dyn Fn() -> Result<()>| -> Result<()> {
        let times = repeated(seconds, 2, || {
            let start = Instant::now();
            work()?;
            Ok(start.elapsed().as_secs_f64())
        })?;
        all.push(Measured::new(&format!("{what} {count}"), &about, &times));
        Ok(())
    };
    measure("plan", about("planning"), &|| place.plan(&selection).map(drop))?;
    measure("judge", about("reading and judging"), &|| {
        let judged = Judged::from_store(&manifest, &place.places.store)?;
        std::hint::black_box(judged.of(&manifest, false));
        Ok(())
    })?;
    measure("report", about("reading, judging and reporting"), &|| {
        reproduce::report_of(&manifest, &place.places, None).map(drop)
    })?;
    measure("nothing to do", about("the whole command over"), &|| place.reproduce(&selection).map(drop))?;
    let peak_mb = machine::status_mb("self", "VmHWM");
    for measured in &mut all {
        measured.peak_mb = peak_mb;
    }
    Ok(all)
}
