//! Running the same trials again, in other circumstances, and comparing every number they leave behind.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use harness_core::backend::DeviceChoice;
use harness_core::data::Fetcher;
use harness_core::record::{Outcome, Record};
use harness_core::text::number;
use harness_core::{Error, Result};
use serde::Serialize;

use crate::run::executor::local::{self, Options};
use crate::run::plan::{Plan, Selection};
use crate::run::progress::Quiet;
use crate::store::Store;

/// One set of circumstances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circumstances {
    /// `cpu` or `cuda:INDEX`.
    pub device: String,
    /// Number of workers.
    pub workers: usize,
}

/// What an audit found.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// Slug of the paper.
    pub paper: String,
    /// Profile of the trials.
    pub profile: &'static str,
    /// Trials of each run.
    pub trials: usize,
    /// Comparisons of a run with the first one of its kind.
    pub comparisons: Vec<Compared>,
}

/// Two runs of the same trials.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// The circumstances of the first.
    pub first: Circumstances,
    /// The circumstances of the second.
    pub second: Circumstances,
    /// Whether equality is promised: both on the CPU.
    pub promised: bool,
    /// By trial.
    pub trials: Vec<TrialDifference>,
}

/// How a trial differs from its repetition.
#[derive(Debug, Serialize)]
pub struct TrialDifference {
    /// The arm.
    pub arm: String,
    /// The cell.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// Numbers that were compared: metrics, points of curves, pixels.
    pub numbers: usize,
    /// Numbers that differ.
    pub different: usize,
    /// The earliest point of a curve that differs: its curve and step; the name of a metric where no curve does.
    pub first: Option<(String, Option<f64>)>,
    /// The largest relative difference, and where it is.
    pub largest: Option<(String, f64)>,
    /// What cannot be compared: an outcome, a missing number, a text.
    pub other: Vec<String>,
}

impl TrialDifference {
    /// Whether nothing differs.
    pub fn equal(&self) -> bool {
        self.different == 0 && self.other.is_empty()
    }
}

impl Compared {
    /// Whether all trials are equal.
    pub fn equal(&self) -> bool {
        self.trials.iter().all(TrialDifference::equal)
    }
}

impl Audit {
    /// Whether everything that is promised to be equal is.
    pub fn passed(&self) -> bool {
        self.comparisons.iter().all(|compared| compared.equal() || !compared.promised)
    }
}

/// Where an audit gets what it needs.
pub struct Workbench<'a> {
    /// The data.
    pub fetcher: &'a Fetcher,
    /// The data cache.
    pub cache: std::path::PathBuf,
    /// How often the user has asked to stop.
    pub interrupts: Arc<AtomicU8>,
}

/// Runs the trials of a selection that `keep` keeps: twice with one worker and once with two, and twice on a GPU where
/// one is given. Every run has a store of its own, so that nothing is taken from an earlier one.
///
/// # Errors
/// What the user got wrong, what the disk refuses, and a run that was stopped.
pub fn audit(
    selection: &Selection,
    keep: &dyn Fn(&harness_core::Trial) -> bool,
    gpu: Option<DeviceChoice>,
    bench: &Workbench<'_>,
) -> Result<Audit> {
    let paper = selection.papers.first().ok_or_else(|| Error::Input("no paper is named".into()))?.paper();
    let on = |device: DeviceChoice, workers: usize| run(selection, keep, device, workers, bench);
    let cpu = DeviceChoice::Cpu;
    let first = on(cpu, 1)?;
    let mut comparisons = vec![compared((cpu, 1), &first, (cpu, 1), &on(cpu, 1)?)];
    comparisons.push(compared((cpu, 1), &first, (cpu, 2), &on(cpu, 2)?));
    if let Some(gpu) = gpu {
        let there = on(gpu, 1)?;
        comparisons.push(compared((gpu, 1), &there, (gpu, 1), &on(gpu, 1)?));
        comparisons.push(compared((cpu, 1), &first, (gpu, 1), &there));
    }
    Ok(Audit { paper: paper.slug.clone(), profile: selection.profile.name(), trials: first.len(), comparisons })
}

/// Trials by what they are, since a key differs between devices.
type Trials = BTreeMap<(String, String, u64), Record>;

fn run(
    selection: &Selection,
    keep: &dyn Fn(&harness_core::Trial) -> bool,
    device: DeviceChoice,
    workers: usize,
    bench: &Workbench<'_>,
) -> Result<Trials> {
    let folder = tempfile::tempdir().map_err(|error| Error::Environment(format!("no temporary folder: {error}")))?;
    let store = Store::at(folder.path());
    let selection = Selection { device, ..selection.clone() };
    let plan = Plan::new(&selection, &store, bench.fetcher)?.restricted(&store, |_, planned| keep(&planned.trial));
    if plan.trials().next().is_none() {
        return Err(Error::Input("no trial of this profile fits: look at `harness show` for arms and profiles".into()));
    }
    let options =
        Options { jobs: workers, cache: bench.cache.clone(), program: None, interrupts: Arc::clone(&bench.interrupts) };
    let summary = local::run(&plan, &store, &options, &mut Quiet)?;
    if summary.left > 0 {
        return Err(Error::Failed("the audit was stopped".into()));
    }
    let mut trials = Trials::new();
    for planned in plan.trials() {
        let trial = &planned.trial;
        let found = match store.read(&trial.paper, trial.profile, &planned.key)? {
            None => store.read_failed(&trial.paper, trial.profile, &planned.key)?,
            found => found,
        };
        let record = found.ok_or_else(|| Error::Failed(format!("{} left no record", planned.name())))?;
        trials.insert((trial.arm.clone(), trial.cell.to_string(), trial.seed), record);
    }
    Ok(trials)
}

fn compared(first: (DeviceChoice, usize), before: &Trials, second: (DeviceChoice, usize), after: &Trials) -> Compared {
    let circumstances =
        |(device, workers): (DeviceChoice, usize)| Circumstances { device: device.to_string(), workers };
    let trials = before.iter().filter_map(|(place, record)| Some(difference(record, after.get(place)?)));
    Compared {
        promised: first.0 == DeviceChoice::Cpu && second.0 == DeviceChoice::Cpu,
        trials: trials.collect(),
        first: circumstances(first),
        second: circumstances(second),
    }
}

/// Compares all that two runs of a trial recorded, but for times.
pub fn difference(a: &Record, b: &Record) -> TrialDifference {
    let mut found = Finder::default();
    for (name, x, y) in joined(&a.metrics, &b.metrics, "metric", &mut found.other) {
        found.compare(name, None, x.0, y.0);
    }
    for (name, x, y) in joined(&a.series, &b.series, "curve", &mut found.other) {
        if x.y.len() != y.y.len() {
            found.other.push(format!("curve {name} has {} points and {}", x.y.len(), y.y.len()));
        }
        for ((step, left), (at, right)) in x.points().zip(y.points()) {
            found.compare(name, Some(step), step, at);
            found.compare(name, Some(step), left, right);
        }
    }
    for (name, x, y) in joined(&a.images, &b.images, "picture", &mut found.other) {
        for (left, right) in x.pixels.iter().zip(&y.pixels) {
            found.compare(name, None, f64::from(*left), f64::from(*right));
        }
    }
    for (name, x, y) in joined(&a.texts, &b.texts, "text", &mut found.other) {
        if x != y {
            found.other.push(format!("text {name} differs"));
        }
    }
    let failed = matches!(a.outcome, Outcome::Failed { .. });
    if a.outcome != b.outcome || failed {
        let word = |outcome: &Outcome| match outcome {
            Outcome::Finished => "finished".to_owned(),
            Outcome::Skipped { reason } => format!("skipped: {reason}"),
            Outcome::Failed { reason } => {
                format!("failed: {}", reason.lines().next().unwrap_or_default())
            }
        };
        found.other.push(format!("{} and {}", word(&a.outcome), word(&b.outcome)));
    }
    TrialDifference {
        arm: a.arm.clone(),
        cell: a.cell.to_string(),
        seed: a.seed,
        numbers: found.numbers,
        different: found.different,
        first: found.first,
        largest: found.largest,
        other: found.other,
    }
}

/// What both have, by name; names that one lacks are noted.
fn joined<'m, T>(
    a: &'m BTreeMap<String, T>,
    b: &'m BTreeMap<String, T>,
    what: &str,
    other: &mut Vec<String>,
) -> Vec<(&'m str, &'m T, &'m T)> {
    for name in a.keys().filter(|name| !b.contains_key(*name)).chain(b.keys().filter(|name| !a.contains_key(*name))) {
        other.push(format!("{what} {name} is in one of them only"));
    }
    a.iter().filter_map(|(name, value)| Some((name.as_str(), value, b.get(name)?))).collect()
}

#[derive(Default)]
struct Finder {
    numbers: usize,
    different: usize,
    first: Option<(String, Option<f64>)>,
    largest: Option<(String, f64)>,
    other: Vec<String>,
}

impl Finder {
    /// Compares two numbers by their bits; NaN equals NaN.
    fn compare(&mut self, name: &str, step: Option<f64>, a: f64, b: f64) {
        self.numbers += 1;
        if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
            return;
        }
        self.different += 1;
        let earlier = match (&self.first, step) {
            (None, _) => true,
            (Some((_, None)), Some(_)) => true,
            (Some((_, Some(first))), Some(step)) => step < *first,
            (Some(_), None) => false,
        };
        if earlier {
            self.first = Some((name.to_owned(), step));
        }
        let relative = (a - b).abs() / a.abs().max(b.abs());
        let relative = if relative.is_nan() { f64::INFINITY } else { relative };
        if self.largest.as_ref().is_none_or(|(_, largest)| relative > *largest) {
            self.largest = Some((name.to_owned(), relative));
        }
    }
}

impl Audit {
    /// The findings as people read them.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{}, profile {}: {} trials in every run", self.paper, self.profile, self.trials);
        for compared in &self.comparisons {
            let word = |circumstances: &Circumstances| {
                let workers = if circumstances.workers == 1 {
                    "1 worker".to_owned()
                } else {
                    format!("{} workers", circumstances.workers)
                };
                format!("{}, {workers}", circumstances.device)
            };
            let (first, second) = (word(&compared.first), word(&compared.second));
            let pair = if first == second { format!("{first}, twice") } else { format!("{first} and {second}") };
            let numbers: usize = compared.trials.iter().map(|trial| trial.numbers).sum();
            let unequal: Vec<&TrialDifference> = compared.trials.iter().filter(|trial| !trial.equal()).collect();
            if unequal.is_empty() {
                let _ = writeln!(out, "equal      {pair}: all {numbers} numbers have the same bits");
                continue;
            }
            let head = if compared.promised { "DIFFERENT" } else { "different" };
            let _ = writeln!(out, "{head}  {pair}: {} of {} trials differ", unequal.len(), compared.trials.len());
            for trial in unequal {
                let _ = writeln!(out, "  {} [{}] seed {}: {}", trial.arm, trial.cell, trial.seed, trial.words());
            }
        }
        out
    }
}

impl TrialDifference {
    fn words(&self) -> String {
        let mut words = Vec::new();
        if self.different > 0 {
            words.push(format!("{} of {} numbers", self.different, self.numbers));
        }
        match &self.first {
            Some((name, Some(step))) => words.push(format!("first at step {} of {name}", number(*step))),
            Some((name, None)) => words.push(format!("first in {name}")),
            None => {}
        }
        if let Some((name, relative)) = &self.largest {
            words.push(format!("largest relative difference {} in {name}", number(*relative)));
        }
        words.extend(self.other.iter().cloned());
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_and_the_largest_difference_are_found() {
        let mut finder = Finder::default();
        finder.compare("accuracy", None, 0.5, 0.5);
        finder.compare("accuracy", None, 0.5, 0.6);
        finder.compare("loss", Some(20.0), 1.0, 1.1);
        finder.compare("loss", Some(10.0), 1.0, 1.0 + 1e-7);
        finder.compare("norm", Some(10.0), 2.0, 4.0);
        finder.compare("nan", Some(0.0), f64::NAN, f64::NAN);
        assert_eq!((finder.numbers, finder.different), (6, 4));
        assert_eq!(finder.first, Some(("loss".to_owned(), Some(10.0))));
        assert_eq!(finder.largest, Some(("norm".to_owned(), 0.5)));
    }
}
