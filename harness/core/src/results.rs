//! The finished trials of one paper in one profile, as claims and figures look at them.

use std::collections::{BTreeMap, BTreeSet};

use crate::cell::{Cell, Level};
use crate::claim::{Across, CellFilter};
use crate::error::{Error, Result};
use crate::evidence::LEVEL;
use crate::figure::Line;
use crate::paper::Profile;
use crate::record::{Record, Series};

/// The trials of one paper in one profile.
#[derive(Debug, Clone)]
pub struct Results {
    paper: String,
    profile: Profile,
    records: Vec<Record>,
    level: f64,
}

/// Values by seed.
pub type PerSeed = BTreeMap<u64, f64>;

impl Results {
    /// Collects records; those of other papers or profiles are refused by being left out.
    pub fn new(paper: &str, profile: Profile, records: Vec<Record>) -> Self {
        let records = records.into_iter().filter(|record| record.paper == paper && record.profile == profile).collect();
        Results { paper: paper.to_owned(), profile, records, level: LEVEL }
    }

    /// The same trials, to be judged at another confidence level, as a look of a sequential test does.
    pub fn at_level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// The confidence level of intervals, and with it the level of every test.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The trials of the first `count` seeds.
    pub fn first_seeds(&self, count: u64) -> Self {
        let records = self.records.iter().filter(|record| record.seed < count).cloned().collect();
        Results { paper: self.paper.clone(), profile: self.profile, records, level: self.level }
    }

    /// Slug of the paper.
    pub fn paper(&self) -> &str {
        &self.paper
    }

    /// Profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// All records, failed and skipped ones too.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The finished trials.
    pub fn all(&self) -> Selection<'_> {
        Selection { what: self.paper.clone(), records: self.records.iter().filter(|r| r.finished()).collect() }
    }

    /// The finished trials of an arm.
    pub fn arm(&self, arm: &str) -> Selection<'_> {
        let mut selection = self.all();
        selection.records.retain(|record| record.arm == arm);
        selection.what = format!("arm {arm}");
        selection
    }

    /// The seeds of the finished trials.
    pub fn seeds(&self) -> Vec<u64> {
        self.all().seeds()
    }
}

/// Some of the finished trials.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    what: String,
    records: Vec<&'a Record>,
}

impl<'a> Selection<'a> {
    /// Only the trials in which `factor` has this level.
    pub fn at(mut self, factor: &str, level: impl Into<Level>) -> Self {
        let level = level.into();
        self.records.retain(|record| {
            record.cell.get(factor).is_some_and(|have| *have == level || both_numbers_equal(have, &level))
        });
        self.what = format!("{}, {factor}={level}", self.what);
        self
    }

    /// Only the trials in the cells that the filter admits.
    pub fn within(mut self, cells: &CellFilter) -> Self {
        self.records.retain(|record| admits(cells, &record.cell));
        for (factor, levels) in cells {
            let names: Vec<String> = levels.iter().map(ToString::to_string).collect();
            self.what = format!("{}, {factor} in {{{}}}", self.what, names.join(", "));
        }
        self
    }

    /// Only the trials that recorded this metric.
    pub fn having(mut self, metric: &str) -> Self {
        self.records.retain(|record| record.metric(metric).is_some());
        self
    }

    /// The trials.
    pub fn records(&self) -> &[&'a Record] {
        &self.records
    }

    /// The seeds, ascending.
    pub fn seeds(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.seed).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The levels of a factor that occur, in the order of their first occurrence.
    pub fn levels(&self, factor: &str) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for level in self.records.iter().filter_map(|record| record.cell.get(factor)) {
            if !levels.contains(level) {
                levels.push(level.clone());
            }
        }
        levels
    }

    /// A metric by seed; several cells of one seed become their mean.
    ///
    /// # Errors
    /// [`Error::Missing`] where no trial is selected or one did not record the metric.
    pub fn metric(&self, name: &str) -> Result<PerSeed> {
        self.metric_across(name, Across::Mean)
    }

    /// A metric by seed; `across` says how several cells of one seed become one number. NaN stays NaN.
    ///
    /// # Errors
    /// As [`Selection::metric`].
    pub fn metric_across(&self, name: &str, across: Across) -> Result<PerSeed> {
        if self.records.is_empty() {
            return Err(Error::Missing(format!("no finished trial of {}", self.what)));
        }
        let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        let mut cells: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for record in &self.records {
            let value = record.metric(name).ok_or_else(|| {
                Error::Missing(format!(
                    "arm {}, cell {}, seed {} did not record `{name}`",
                    record.arm, record.cell, record.seed
                ))
            })?;
            by_seed.entry(record.seed).or_default().push(value);
            cells.entry(record.seed).or_default().insert(format!("{} {}", record.arm, record.cell));
        }
        // A seed of which some cells failed would compare different cells: it is left out.
        let complete = cells.values().map(BTreeSet::len).max().unwrap_or(0);
        by_seed.retain(|seed, _| cells.get(seed).is_some_and(|have| have.len() == complete));
        Ok(by_seed
            .into_iter()
            .map(|(seed, values)| {
                let value = if values.iter().any(|value| value.is_nan()) {
                    f64::NAN
                } else {
                    match across {
                        Across::Mean => values.iter().sum::<f64>() / values.len() as f64,
                        Across::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
                        Across::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    }
                };
                (seed, value)
            })
            .collect())
    }

    /// The mean of a metric over seeds.
    ///
    /// # Errors
    /// As [`Selection::metric`].
    pub fn mean(&self, name: &str) -> Result<f64> {
        let values = self.metric(name)?;
        Ok(values.values().sum::<f64>() / values.len() as f64)
    }

    /// A curve of every selected trial that recorded it, in the order of seeds.
    pub fn series(&self, name: &str) -> Vec<(u64, &'a Series)> {
        let mut found: Vec<(u64, &Series)> =
            self.records.iter().filter_map(|record| Some((record.seed, record.series.get(name)?))).collect();
        found.sort_by_key(|(seed, _)| *seed);
        found
    }

    /// A curve over seeds as a line with its band; empty where no trial recorded it.
    pub fn line(&self, name: &str, label: &str) -> Line {
        let runs: Vec<Vec<(f64, f64)>> =
            self.series(name).into_iter().map(|(_, series)| series.points().collect()).collect();
        Line::over_seeds(label, &runs)
    }

    /// A metric against a numeric factor as a line with its band over seeds.
    pub fn line_over(&self, factor: &str, metric: &str, label: &str) -> Line {
        let mut runs: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
        for record in &self.records {
            if let (Some(x), Some(y)) = (record.cell.get(factor).and_then(Level::as_f64), record.metric(metric)) {
                runs.entry(record.seed).or_default().push((x, y));
            }
        }
        let runs: Vec<Vec<(f64, f64)>> = runs
            .into_values()
            .map(|mut run| {
                run.sort_by(|a, b| a.0.total_cmp(&b.0));
                run
            })
            .collect();
        Line::over_seeds(label, &runs)
    }
}

/// Same-seed differences `a − b`; seeds that only one side has are left out.
pub fn differences(a: &PerSeed, b: &PerSeed) -> Vec<f64> {
    a.iter().filter_map(|(seed, value)| Some(value - b.get(seed)?)).collect()
}

/// Whether a filter admits a cell.
pub(crate) fn admits(filter: &CellFilter, cell: &Cell) -> bool {
    filter.iter().all(|(factor, levels)| {
        cell.get(factor).is_some_and(|have| levels.iter().any(|level| have == level || both_numbers_equal(have, level)))
    })
}

fn both_numbers_equal(a: &Level, b: &Level) -> bool {
    matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}
