//! The finished trials as claims and figures look at them.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::record::Record;
use harness_core::results::{PerSeed, Results};
use harness_core::{Error, Paper, Result};

use super::methods::Method;
use super::settings::{self, Cell, Settings};
use super::tasks::Task;

/// How often a method had to step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Count {
    /// Steps taken.
    pub(super) iterations: f64,
    /// Whether the last iterate separates. If not, the count is the limit, and the true one is larger.
    pub(super) separated: bool,
}

/// Whether a statement about one seed is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// It is.
    Holds,
    /// It is not.
    Fails,
    /// The limit on steps keeps it open.
    Open,
}

impl From<bool> for Check {
    fn from(holds: bool) -> Self {
        if holds { Check::Holds } else { Check::Fails }
    }
}

impl Count {
    /// Whether this method needs fewer steps than the other, which has the same limit.
    pub(super) fn fewer_than(self, other: Count) -> Check {
        match (self.separated, other.separated) {
            (true, true) => (self.iterations < other.iterations).into(),
            (true, false) => Check::Holds,
            (false, true) => Check::Fails,
            (false, false) => Check::Open,
        }
    }
}

/// Results with the paper's arms.
pub(super) struct Study<'a> {
    pub(super) results: &'a Results,
    /// The records by cell, those of failed trials too, in the order of the results.
    by_cell: BTreeMap<Cell, Vec<&'a Record>>,
    /// Name, label and method of each arm, in the order of `paper.yaml`.
    pub(super) arms: Vec<(&'a str, &'a str, Method)>,
    judged_n: usize,
    /// The step at which losses are compared.
    pub(super) probe_step: f64,
}

impl<'a> Study<'a> {
    pub(super) fn new(paper: &'a Paper, results: &'a Results) -> Result<Self> {
        let settings: Settings = serde_json::from_value(paper.profiles.get(results.profile()).settings.clone())
            .map_err(|error| Error::Failed(format!("profiles.{}.settings: {error}", results.profile())))?;
        // Few cells have many records: each is read once.
        let mut known: Vec<(&harness_core::cell::Cell, Option<Cell>)> = Vec::new();
        let mut by_cell: BTreeMap<Cell, Vec<&Record>> = BTreeMap::new();
        for record in results.records() {
            let cell = match known.iter().find(|(cell, _)| **cell == record.cell) {
                Some((_, cell)) => *cell,
                None => {
                    let cell = cell_of(record);
                    known.push((&record.cell, cell));
                    cell
                }
            };
            if let Some(cell) = cell {
                by_cell.entry(cell).or_default().push(record);
            }
        }
        Ok(Study {
            results,
            by_cell,
            arms: settings::arms(paper)?,
            judged_n: settings.judged_n,
            probe_step: settings.probe_step as f64,
        })
    }

    /// Name of the arm that runs this method.
    pub(super) fn arm(&self, method: Method) -> Result<&'a str> {
        self.arms
            .iter()
            .find(|(_, _, other)| *other == method)
            .map(|(name, _, _)| *name)
            .ok_or_else(|| Error::Missing(format!("no arm runs {method:?}")))
    }

    /// The LR+GD arms with their step sizes, ascending.
    pub(super) fn lr_gd_arms(&self) -> Vec<(&'a str, f64)> {
        let mut arms: Vec<(&str, f64)> = self
            .arms
            .iter()
            .filter_map(|(name, _, method)| match method {
                Method::LrGd { step } => Some((*name, *step)),
                _ => None,
            })
            .collect();
        arms.sort_by(|a, b| a.1.total_cmp(&b.1));
        arms
    }

    /// All cells, those of failed trials too.
    pub(super) fn cells(&self) -> BTreeSet<Cell> {
        self.by_cell.keys().copied().collect()
    }

    /// The cell of a task at which claims are judged: that of the profile's size, else the largest.
    pub(super) fn judged_cell(&self, task: Task) -> Option<Cell> {
        let of_task = || self.cells().into_iter().filter(|cell| cell.task == task);
        of_task().find(|cell| cell.n == self.judged_n).or_else(|| of_task().next_back())
    }

    /// The judged cells of all tasks on real data that were planned.
    pub(super) fn real_cells(&self) -> Vec<Cell> {
        Task::REAL.into_iter().filter_map(|task| self.judged_cell(task)).collect()
    }

    /// The finished trials of an arm in a cell.
    pub(super) fn trials<'s>(&'s self, arm: &'s str, cell: Cell) -> impl Iterator<Item = &'a Record> + use<'s, 'a> {
        self.finished(cell).filter(move |record| record.arm == arm)
    }

    /// A metric by seed; seeds whose trial did not record it are left out.
    pub(super) fn metric(&self, arm: &str, cell: Cell, name: &str) -> PerSeed {
        self.trials(arm, cell).filter_map(|record| Some((record.seed, record.metric(name)?))).collect()
    }

    /// Iteration counts by seed.
    pub(super) fn counts(&self, arm: &str, cell: Cell) -> BTreeMap<u64, Count> {
        self.trials(arm, cell)
            .filter_map(|record| {
                let iterations = record.metric("iterations")?;
                Some((record.seed, Count { iterations, separated: record.metric("separated")? == 1.0 }))
            })
            .collect()
    }

    /// Whether any finished trial of a cell ran on generated points in place of images.
    pub(super) fn is_generated(&self, cell: Cell) -> bool {
        self.finished(cell).any(Record::synthetic)
    }

    fn finished(&self, cell: Cell) -> impl Iterator<Item = &'a Record> + use<'_, 'a> {
        self.by_cell.get(&cell).into_iter().flatten().copied().filter(|record| record.finished())
    }
}

/// The cell of a record, or none where it is not one of ours.
fn cell_of(record: &Record) -> Option<Cell> {
    serde_json::from_value(serde_json::to_value(&record.cell).ok()?).ok()
}
