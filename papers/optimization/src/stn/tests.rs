//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::conformance::{Status, Vectors};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::trial::DataSource;

use super::REPRODUCTION;
use super::ops::OPS;
use super::settings::Settings;

/// Small sizes for the tests of other files.
pub fn smoke_settings() -> Settings {
    serde_json::from_value(REPRODUCTION.paper().profiles.smoke.settings.clone()).unwrap()
}

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The trials of a profile, with generated data.
fn trials(profile: Profile, seed: u64) -> Vec<Trial> {
    let paper = REPRODUCTION.paper();
    let spec = paper.profiles.get(profile);
    let mut found = Vec::new();
    for block in &spec.grid {
        for cell in block.cells() {
            for arm in paper.arms.iter().filter(|arm| block.arms.as_ref().is_none_or(|arms| arms.contains(&arm.name))) {
                found.push(Trial {
                    paper: paper.slug.clone(),
                    paper_version: paper.version,
                    profile,
                    arm: arm.name.clone(),
                    cell: cell.clone(),
                    seed,
                    settings: spec.settings.clone(),
                    arm_settings: arm.settings.clone(),
                    data: block.data.iter().map(|id| (id.clone(), DataSource::Synthetic)).collect(),
                });
            }
        }
    }
    found
}

fn run(trial: &Trial) -> Notebook {
    REPRODUCTION.check(trial).unwrap();
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.run(trial, &mut lab).unwrap_or_else(|error| panic!("{}: {error}", trial.arm));
    lab.finish()
}

#[test]
fn smoke() {
    for trial in trials(Profile::Smoke, 0) {
        let start = std::time::Instant::now();
        let notebook = run(&trial);
        println!("{} {} {:?} {:?} {:?}", trial.arm, trial.cell, start.elapsed(), notebook.metrics, notebook.timings);
    }
    let _: BTreeMap<u8, u8> = BTreeMap::new();
}
