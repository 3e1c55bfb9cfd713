//! A store of made-up trials, to measure how the tool behaves with many of them.
//!
//! Each trial of a plan gets a record: that of a real trial of the same paper, arm and cell, with every final number
//! moved a little. So the files have the size and the shape of real ones, and claims and figures find what they look
//! for. The records name `simulated` as the version and the machine that they come from, and belong into a folder of
//! their own.

use std::collections::BTreeMap;
use std::path::Path;

use harness_core::cell::Cell;
use harness_core::number::Number;
use harness_core::record::Record;
use harness_core::rng;
use harness_core::{Error, Result};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::run::plan::{Plan, PlannedTrial};
use crate::store::Store;

/// What stands in place of version and machine in the provenance of a made-up record.
pub const SIMULATED: &str = "simulated";
/// Standard deviation of the factor by which final numbers are moved.
const SPREAD: f64 = 0.01;

/// Real records by paper, arm and cell, from which made-up ones are drawn.
pub struct Templates(BTreeMap<(String, String), Vec<(Cell, Record)>>);

impl Templates {
    /// The finished trials of a store.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn of(store: &Store) -> Result<Self> {
        let mut templates: BTreeMap<_, Vec<(Cell, Record)>> = BTreeMap::new();
        for record in store.contents()?.records.into_iter().filter(Record::finished) {
            let of_arm = templates.entry((record.paper.clone(), record.arm.clone())).or_default();
            of_arm.push((record.cell.clone(), record));
        }
        Ok(Templates(templates))
    }

    fn find(&self, planned: &PlannedTrial) -> Result<&Record> {
        let trial = &planned.trial;
        let of_arm = self.0.get(&(trial.paper.clone(), trial.arm.clone()));
        let of_cell = of_arm
            .into_iter()
            .flatten()
            .filter(|(cell, record)| *cell == trial.cell && record.profile == trial.profile);
        of_cell.map(|(_, record)| record).min_by_key(|record| &record.key).ok_or_else(|| {
            Error::Input(format!(
                "no finished trial of {}/{} [{}] in profile {} to draw from: run `harness reproduce {} --profile {}` with the same --reports first",
                trial.paper, trial.arm, trial.cell, trial.profile, trial.paper, trial.profile
            ))
        })
    }

    /// A made-up record for a planned trial: the same for the same trial.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no real trial to draw from.
    pub fn draw(&self, planned: &PlannedTrial) -> Result<Record> {
        let mut record = self.find(planned)?.clone();
        let mut rng = rng::stream(&planned.key, SIMULATED, planned.trial.seed);
        for number in record.metrics.values_mut().chain(record.timings.values_mut()) {
            let noise: f64 = StandardNormal.sample(&mut rng);
            *number = Number(number.0 * (1.0 + SPREAD * noise));
        }
        record.key = planned.key.clone();
        record.seed = planned.trial.seed;
        record.provenance.code = planned.code.clone();
        record.provenance.settings = planned.trial.settings_digest();
        record.provenance.harness = SIMULATED.to_owned();
        record.provenance.machine = SIMULATED.to_owned();
        Ok(record)
    }
}

/// Fills `store` with a made-up record for every trial of `plan` that it lacks; the number of them. A run that was
/// stopped goes on where it was. `progress` is told how many are written.
///
/// # Errors
/// Where a trial has no template, or the disk refuses.
pub fn fill(plan: &Plan, templates: &Templates, store: &Store, progress: impl Fn(usize) + Sync) -> Result<usize> {
    store.claim()?;
    let missing: Vec<&PlannedTrial> =
        plan.trials().filter(|planned| !store.has(&planned.trial.paper, plan.profile, &planned.key)).collect();
    for planned in &missing {
        templates.find(planned)?;
    }
    const PIECE: usize = 1000;
    for (at, piece) in missing.chunks(PIECE).enumerate() {
        piece
            .par_iter()
            .try_for_each(|planned| -> Result<()> { Ok(store.write_unflushed(&templates.draw(planned)?)?) })?;
        progress((at * PIECE + piece.len()).min(missing.len()));
    }
    Ok(missing.len())
}

/// The number of seeds with which a plan of `per_seed` trials has at least `trials`.
pub fn seeds_for(trials: usize, per_seed: usize) -> u64 {
    trials.div_ceil(per_seed.max(1)).max(1) as u64
}

/// Refuses the folder that the templates come from: made-up trials never lie beside real ones.
///
/// # Errors
/// [`Error::Input`] where both are the same folder.
pub fn check_apart(from: &Path, into: &Path) -> Result<()> {
    let same = match (from.canonicalize(), into.canonicalize()) {
        (Ok(from), Ok(into)) => from == into,
        // What does not exist has no other name than the one it is given.
        _ => std::path::absolute(from).ok() == std::path::absolute(into).ok(),
    };
    if same {
        return Err(Error::Input(format!(
            "made-up trials may not lie beside real ones: choose another folder than {}",
            into.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_reach_the_number_asked_for() {
        assert_eq!([seeds_for(10, 3), seeds_for(9, 3), seeds_for(1, 100), seeds_for(5, 0)], [4, 3, 1, 5]);
    }

    #[test]
    fn the_folder_of_real_trials_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(".");
        assert!(check_apart(folder.path(), &odd).unwrap_err().to_string().contains("beside real ones"));
        assert!(check_apart(folder.path(), &folder.path().join("other")).is_ok());
    }
}
