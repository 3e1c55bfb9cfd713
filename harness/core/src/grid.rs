//! From a paper's grid to its trials.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::paper::{Arm, Paper, Profile};
use crate::trial::{DataSource, Trial};

/// The source of each data set.
pub type Sourced = BTreeMap<String, DataSource>;

/// A place in the grid of a paper's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Index of the block.
    pub block: usize,
    /// Index of the cell in its block.
    pub cell: usize,
    /// Index of the arm.
    pub arm: usize,
    /// The seed.
    pub seed: u64,
}

impl Point {
    /// The trial that stands there; `cell` is the cell of its index. `None` where the paper has no such place, or `data`
    /// lacks a data set of its block.
    pub fn trial(&self, paper: &Paper, profile: Profile, cell: Cell, data: &Sourced) -> Option<Trial> {
        let block = paper.profiles.get(profile).grid.get(self.block)?;
        let data = block.data.iter().map(|id| Some((id.clone(), data.get(id)?.clone()))).collect::<Option<_>>()?;
        Some(trial(paper, profile, paper.arms.get(self.arm)?, cell, self.seed, data))
    }
}

/// All places of a profile's grid with the trials that stand there, by block, cell, arm and seed.
///
/// A trial whose data `data` does not name is left out.
pub fn trials(
    paper: &Paper,
    profile: Profile,
    seeds: impl Iterator<Item = u64> + Clone,
    data: &Sourced,
) -> Vec<(Point, Trial)> {
    let mut trials = Vec::new();
    for (block_at, block) in paper.profiles.get(profile).grid.iter().enumerate() {
        for (cell_at, cell) in block.cells().into_iter().enumerate() {
            for (arm_at, arm) in paper.arms.iter().enumerate() {
                if block.arms.as_ref().is_some_and(|names| !names.contains(&arm.name)) {
                    continue;
                }
                let points = seeds.clone().map(|seed| Point { block: block_at, cell: cell_at, arm: arm_at, seed });
                trials
                    .extend(points.filter_map(|point| Some((point, point.trial(paper, profile, cell.clone(), data)?))));
            }
        }
    }
    trials
}

/// The trials of a profile's grid with generated data, by block, cell, arm and seed.
pub fn synthetic_trials(paper: &Paper, profile: Profile, seeds: impl Iterator<Item = u64> + Clone) -> Vec<Trial> {
    trials(paper, profile, seeds, &synthetic(paper, profile)).into_iter().map(|(_, trial)| trial).collect()
}

/// A trial with generated data in any cell, whether or not the grid has it. `None` where the paper has no such arm.
pub fn synthetic_trial(paper: &Paper, profile: Profile, arm: &str, cell: Cell, seed: u64) -> Option<Trial> {
    Some(trial(paper, profile, paper.arm(arm)?, cell, seed, synthetic(paper, profile)))
}

/// Every data set of a profile's grid, generated.
fn synthetic(paper: &Paper, profile: Profile) -> Sourced {
    let names = paper.profiles.get(profile).grid.iter().flat_map(|block| &block.data);
    names.map(|id| (id.clone(), DataSource::Synthetic)).collect()
}

fn trial(paper: &Paper, profile: Profile, arm: &Arm, cell: Cell, seed: u64, data: Sourced) -> Trial {
    Trial {
        paper: paper.slug.clone(),
        paper_version: paper.version,
        profile,
        arm: arm.name.clone(),
        cell,
        seed,
        settings: paper.profiles.get(profile).settings.clone(),
        arm_settings: arm.settings.clone(),
        data,
    }
}
