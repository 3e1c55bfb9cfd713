//! A small paper and records of it, for tests.
// Each test file uses its part.
#![allow(dead_code)]

use std::collections::BTreeMap;

use harness_core::Paper;
use harness_core::cell::Cell;
use harness_core::number::Number;
use harness_core::paper::Profile;
use harness_core::record::{Cost, Outcome, Provenance, RECORD_VERSION, Record};

/// A valid `paper.yaml`.
pub const YAML: &str = r#"slug: example
family: theory
version: 1
title: "An example"
authors: ["A. Nobody"]
year: 2020
venue: "nowhere"
code: {note: "none"}
checklist: {reference: "none", checked: "none", stands_beside: "none"}
licence_note: "none"
summary: "A paper."
data:
  - {id: mnist, role: stand_in, synthetic: "noise"}
arms:
  - {name: ours_0.1, label: ours, role: method, about: "ours", settings: {rate: 0.1, mode: fast}}
  - {name: theirs, label: theirs, role: baseline, about: "theirs", settings: {rate: 1, mode: slow}}
profiles:
  smoke:
    seeds: 1
    timeout_s: 10
    memory_mb: 10
    settings: {steps: 5, widths: [4, 4], deep: {decay: 0.5}}
    grid: [{}]
  quick:
    seeds: 3
    timeout_s: 10
    memory_mb: 10
    settings: {steps: 50, widths: [4, 4], deep: {decay: 0.5}}
    grid:
      - {factors: {n: [10, 100], task: [easy, hard]}, data: [mnist]}
      - {factors: {task: [timing]}, arms: [theirs], exclusive: true}
  full:
    seeds: 5
    timeout_s: 10
    memory_mb: 10
    settings: {steps: 500, widths: [4, 4], deep: {decay: 0.5}}
    grid: [{}]
claims:
  - id: C1
    text: "Ours is better."
    published: {text: "+2 points", source: "Table 1", value: 2.0}
    measure: "accuracy"
    rule: "better"
    test: {paired: {metric: accuracy, method: ours_0.1, baseline: theirs, better: higher}}
"#;

/// The parsed example.
pub fn paper() -> Paper {
    Paper::parse(YAML, "example/paper.yaml").unwrap()
}

/// A finished trial of the example with one metric.
pub fn record(arm: &str, cell: Cell, seed: u64, metric: &str, value: f64) -> Record {
    Record {
        version: RECORD_VERSION,
        key: format!("{arm} {cell} {seed}"),
        paper: "example".into(),
        paper_version: 1,
        profile: Profile::Quick,
        arm: arm.into(),
        cell,
        seed,
        outcome: Outcome::Finished,
        metrics: BTreeMap::from([(metric.to_owned(), Number(value))]),
        timings: BTreeMap::new(),
        series: BTreeMap::new(),
        images: BTreeMap::new(),
        texts: BTreeMap::new(),
        cost: Cost::default(),
        provenance: Provenance::default(),
    }
}
