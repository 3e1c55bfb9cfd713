//! From a paper's grid to its trials.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use common::paper;
use harness_core::Trial;
use harness_core::cell::Cell;
use harness_core::grid::{Point, Sourced, synthetic_trial, synthetic_trials, trials};
use harness_core::paper::Profile;
use harness_core::trial::DataSource;

#[test]
fn every_trial_stands_at_its_point_once() {
    for profile in Profile::ALL {
        let paper = paper();
        let all: Sourced = [("mnist".to_owned(), DataSource::Synthetic)].into();
        let found = trials(&paper, profile, 0..3, &all);
        let mut points: Vec<Point> = found.iter().map(|(point, _)| *point).collect();
        for (point, trial) in &found {
            assert_eq!(point.trial(&paper, profile, trial.cell.clone(), &all).as_ref(), Some(trial));
            let block = &paper.profiles.get(profile).grid[point.block];
            assert_eq!(block.cells()[point.cell], trial.cell);
            assert!(block.arms.as_ref().is_none_or(|arms| arms.contains(&trial.arm)));
            assert!(trial.data.keys().eq(block.data.iter().collect::<BTreeSet<_>>()));
        }
        let sorted = points.clone();
        points.sort();
        points.dedup();
        assert_eq!(points, sorted, "in order, and none twice");
    }
}

#[test]
fn a_trial_without_a_source_for_its_data_is_left_out() {
    let paper = paper();
    let with_data =
        synthetic_trials(&paper, Profile::Quick, 0..1).iter().filter(|trial| !trial.data.is_empty()).count();
    assert!(with_data > 0);
    let without = trials(&paper, Profile::Quick, 0..1, &Sourced::new());
    assert!(without.iter().all(|(_, trial)| trial.data.is_empty()));
}

#[test]
fn a_single_trial_is_that_of_the_grid() {
    let paper = paper();
    for trial in synthetic_trials(&paper, Profile::Smoke, 2..3) {
        let single = synthetic_trial(&paper, Profile::Smoke, &trial.arm, trial.cell.clone(), 2).unwrap();
        assert_eq!(Trial { data: trial.data.clone(), ..single }, trial);
    }
    assert!(synthetic_trial(&paper, Profile::Smoke, "no such arm", Cell::new(), 0).is_none());
}
