//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::lab::{Notebook, QuietHost};
use harness_core::number::Number;
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::{Outcome, Record};
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::ops::OPS;
use super::settings::{Arm, Settings};

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
