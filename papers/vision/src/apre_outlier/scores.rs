//! The results by arm, seed and table, as verdicts and figures look at them.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::prelude::*;
use harness_core::record::Record;

use super::sets::SetName;

/// A metric by table.
pub(super) type BySet = BTreeMap<SetName, f64>;

/// Whether a trial ran in a cell of the comparison: with a table, and without another α or another shift.
fn compared(record: &Record) -> bool {
    record.cell.iter().all(|(factor, _)| factor == "set")
}

/// The table of a trial.
pub(super) fn set_of(record: &Record) -> Option<SetName> {
    SetName::try_from(record.cell.get("set")?.to_string()).ok()
}

/// A metric by seed and table of one arm's trials that `keep` admits.
pub(super) fn values(
    results: &Results,
    arm: &str,
    metric: &str,
    keep: impl Fn(&Record) -> bool,
) -> BTreeMap<u64, BySet> {
    let mut found: BTreeMap<u64, BySet> = BTreeMap::new();
    for record in results.arm(arm).records().iter().filter(|record| keep(record)) {
        if let (Some(set), Some(value)) = (set_of(record), record.metric(metric)) {
            found.entry(record.seed).or_default().insert(set, value);
        }
    }
    found
}

/// A metric by seed and table of one arm, in the cells of the comparison.
pub(super) fn main_values(results: &Results, arm: &str, metric: &str) -> BTreeMap<u64, BySet> {
    values(results, arm, metric, compared)
}

/// The tables of the comparison.
pub(super) fn sets(results: &Results) -> BTreeSet<SetName> {
    results.all().records().iter().filter(|record| compared(record)).filter_map(|record| set_of(record)).collect()
}

/// A metric of several arms on all tables of the comparison, for the seeds in which none of them is missing.
#[derive(Debug)]
pub(super) struct Scores {
    /// The tables, in the order of the values.
    pub sets: Vec<SetName>,
    /// By arm, then seed: one value per table.
    by_arm: BTreeMap<String, BTreeMap<u64, Vec<f64>>>,
    /// The seeds, ascending.
    pub seeds: Vec<u64>,
}

impl Scores {
    /// Collects them.
    ///
    /// # Errors
    /// [`Error::Missing`] where no seed is complete, [`Error::Diverged`] where a value is NaN.
    pub fn new(results: &Results, metric: &str, arms: &[&str]) -> Result<Self> {
        let sets: Vec<SetName> = sets(results).into_iter().collect();
        let mut by_arm = BTreeMap::new();
        let mut seeds: Option<BTreeSet<u64>> = None;
        for arm in arms {
            let complete: BTreeMap<u64, Vec<f64>> = main_values(results, arm, metric)
                .into_iter()
                .filter_map(|(seed, by_set)| {
                    Some((seed, sets.iter().map(|set| by_set.get(set).copied()).collect::<Option<Vec<f64>>>()?))
                })
                .collect();
            if complete.values().flatten().any(|value| value.is_nan()) {
                return Err(Error::Diverged(format!("diverged: `{metric}` of arm {arm} is NaN")));
            }
            let own: BTreeSet<u64> = complete.keys().copied().collect();
            seeds = Some(match seeds {
                None => own,
                Some(seeds) => seeds.intersection(&own).copied().collect(),
            });
            by_arm.insert((*arm).to_owned(), complete);
        }
        let seeds: Vec<u64> = seeds.unwrap_or_default().into_iter().collect();
        if seeds.is_empty() || sets.is_empty() {
            return Err(Error::Missing(format!("no seed has `{metric}` of {} on every table", arms.join(", "))));
        }
        Ok(Scores { sets, by_arm, seeds })
    }

    /// One value per table.
    pub fn of(&self, arm: &str, seed: u64) -> &[f64] {
        self.by_arm.get(arm).and_then(|by_seed| by_seed.get(&seed)).map_or(&[], Vec::as_slice)
    }

    /// Mean over tables.
    pub fn mean(&self, arm: &str, seed: u64) -> f64 {
        mean(self.of(arm, seed))
    }

    /// Mean over tables and seeds.
    pub fn grand_mean(&self, arm: &str) -> f64 {
        mean(&self.seeds.iter().map(|seed| self.mean(arm, *seed)).collect::<Vec<_>>())
    }
}

/// Mean of a list.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
