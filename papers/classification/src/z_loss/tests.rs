//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::ops::OPS;

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "z_loss/vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn floats(shape: &[usize], values: Vec<f32>) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values) }
}

fn ints(values: Vec<i64>) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values) }
}

fn call(op: &str, arrays: Vec<(&str, Array)>, params: Value) -> Result<Outputs> {
    let arrays: BTreeMap<String, Array> = arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    (OPS.iter().find(|candidate| candidate.name == op).unwrap().run)(&inputs)
}

fn numbers(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

/// Calls that must be refused, for an op of outputs and targets with otherwise good parameters.
fn refuses_bad_shapes(op: &str, params: Value) {
    let good = || floats(&[2, 3], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    let cases: Vec<Vec<(&str, Array)>> = vec![
        vec![],
        vec![("outputs", good())],
        vec![("outputs", floats(&[0, 3], vec![])), ("target", ints(vec![]))],
        vec![("outputs", floats(&[2, 1], vec![0.1, 0.2])), ("target", ints(vec![0, 0]))],
        vec![("outputs", floats(&[2, 0], vec![])), ("target", ints(vec![0, 0]))],
        vec![("outputs", good()), ("target", ints(vec![0]))],
        vec![("outputs", good()), ("target", ints(vec![0, 3]))],
        vec![("outputs", good()), ("target", ints(vec![-1, 0]))],
        vec![("outputs", floats(&[6], vec![0.0; 6])), ("target", ints(vec![0, 1]))],
        vec![("outputs", ints(vec![0, 1])), ("target", ints(vec![0, 1]))],
        vec![("outputs", good()), ("target", floats(&[2], vec![0.0, 1.0]))],
    ];
    assert!(call(op, vec![("outputs", good()), ("target", ints(vec![0, 2]))], params.clone()).is_ok());
    for (at, case) in cases.into_iter().enumerate() {
        assert!(matches!(call(op, case, params.clone()), Err(Error::Input(_))), "{op}: case {at} was taken");
    }
}

#[test]
fn bad_inputs_are_refused() {
    refuses_bad_shapes("z_loss", json!({"a": 0.5}));
    refuses_bad_shapes("spherical_loss", json!({"kind": "mse"}));
    refuses_bad_shapes("topk_error", json!({"k": 2}));
    let call_with = |op: &str, params: Value| {
        call(op, vec![("outputs", floats(&[1, 3], vec![0.1, 0.2, 0.3])), ("target", ints(vec![0]))], params)
    };
    for params in [json!({"a": 0}), json!({"a": -1}), json!({"a": "x"}), json!({"b": true}), json!({"eps": -1e-9})] {
        assert!(call_with("z_loss", params.clone()).is_err(), "{params}");
    }
    for params in [json!({}), json!({"kind": "softmax"}), json!({"kind": 1}), json!({"kind": "spherical", "eps": -1})] {
        assert!(call_with("spherical_loss", params.clone()).is_err(), "{params}");
    }
    for params in [json!({}), json!({"k": 0}), json!({"k": 4}), json!({"k": 1.5}), json!({"k": -1}), json!({"k": "1"})]
    {
        assert!(call_with("topk_error", params.clone()).is_err(), "{params}");
    }
}

#[test]
fn bad_factored_updates_are_refused() {
    let update = |w: Array, h: Array, target: Array, params: Value| {
        call("factored_update", vec![("w", w), ("h", h), ("target", target)], params)
    };
    let w = || floats(&[3, 2], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.7]);
    let h = || floats(&[1, 2], vec![1.0, -1.0]);
    let lr = || json!({"lr": 0.1});
    assert!(update(w(), h(), ints(vec![2]), lr()).is_ok());
    assert!(update(w(), floats(&[0, 2], vec![]), ints(vec![]), lr()).is_err());
    assert!(update(w(), floats(&[1, 3], vec![1.0; 3]), ints(vec![0]), lr()).is_err());
    assert!(update(w(), h(), ints(vec![0, 1]), lr()).is_err());
    assert!(update(w(), h(), ints(vec![3]), lr()).is_err());
    assert!(update(floats(&[1, 2], vec![1.0, 2.0]), h(), ints(vec![0]), lr()).is_err());
    assert!(update(floats(&[2, 0], vec![]), floats(&[1, 0], vec![]), ints(vec![0]), lr()).is_err());
    assert!(update(floats(&[3, 2], vec![f32::NAN; 6]), h(), ints(vec![0]), lr()).is_err());
    for params in [json!({}), json!({"lr": 0}), json!({"lr": -0.1}), json!({"lr": 0.1, "a": 0}), json!({"lr": "x"})] {
        assert!(update(w(), h(), ints(vec![0]), params.clone()).is_err(), "{params}");
    }
}

#[test]
fn a_target_is_wrong_where_its_rank_is_k_or_more() {
    let outputs = || floats(&[3, 4], vec![1.0, 2.0, 2.0, 0.0, 5.0, 5.0, 5.0, 5.0, 0.0, 1.0, 2.0, 3.0]);
    let result = call("topk_error", vec![("outputs", outputs()), ("target", ints(vec![2, 3, 0]))], json!({"k": 2}));
    let result = result.unwrap();
    assert_eq!(numbers(&result, "rank"), [1.0, 3.0, 3.0]);
    assert!((numbers(&result, "error")[0] - 2.0 / 3.0).abs() < 1e-12);
    let all = call("topk_error", vec![("outputs", outputs()), ("target", ints(vec![2, 3, 0]))], json!({"k": 4}));
    assert_eq!(numbers(&all.unwrap(), "error"), [0.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The claim of the title, over arbitrary rows.
    #[test]
    fn the_z_loss_is_invariant_and_bounded(
        row in prop::collection::vec(-5.0f32..5.0, 2..20),
        target in 0usize..20,
        alpha in 0.05f32..50.0,
        beta in -20.0f32..20.0,
        a in 0.05f64..3.0,
        b in -5.0f64..25.0,
    ) {
        let target = (target % row.len()) as i64;
        let classes = row.len();
        let spread = row.iter().fold(f32::MIN, |m, x| m.max(*x)) - row.iter().fold(f32::MAX, |m, x| m.min(*x));
        prop_assume!(spread > 0.5);
        let run = |values: Vec<f32>| {
            let arrays = vec![("outputs", floats(&[1, classes], values)), ("target", ints(vec![target]))];
            let outputs = call("z_loss", arrays, json!({"a": a, "b": b})).unwrap();
            (numbers(&outputs, "loss")[0], numbers(&outputs, "z")[0])
        };
        let (loss, z) = run(row.clone());
        let (moved, _) = run(row.iter().map(|x| alpha * x + beta).collect());
        // The moved outputs are themselves rounded, by up to 2⁻²⁴ of their size.
        let rounding = 4e-7 * f64::from(20.0 + 5.0 * alpha) / f64::from(alpha * spread) * (classes as f64);
        prop_assert!((loss - moved).abs() <= 1e-4 * loss.abs().max(1.0) + rounding, "{} {}", loss, moved);
        prop_assert!(z.abs() <= ((classes - 1) as f64).sqrt() * (1.0 + 1e-5));
    }
}

/// The trials of the smoke profile for one seed.
fn smoke_trials() -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), Profile::Smoke, 0..1)
}

fn trial(arm: &str, cell: GridCell) -> Trial {
    synthetic_trial(REPRODUCTION.paper(), Profile::Smoke, arm, cell, 0).unwrap()
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.check(trial).unwrap();
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

#[test]
fn the_smoke_profile_learns_and_measures() {
    for trial in smoke_trials() {
        let notes = run(&trial);
        let name = format!("{} {}", trial.arm, trial.cell);
        assert!(notes.metrics.values().all(|number| number.0.is_finite()), "{name}: {:?}", notes.metrics);
        if trial.cell.is_empty() {
            // Chance leaves 59 of 60 words wrong; each loss learns that some words are frequent.
            let error = notes.metrics["top1_error"].0;
            assert!(error < 0.97, "{name}: top-1 error {error}");
            let curve = &notes.series["train_loss_top1"];
            assert!(curve.y.last().unwrap().0 < curve.y.first().unwrap().0, "{name} did not learn");
        } else {
            assert!(notes.timings["ms_per_example"].0 > 0.0, "{name}");
        }
        // In every cell, or claim C1 would be judged by a part of them.
        if trial.arm == "z_loss" {
            assert!(notes.metrics["invariance_gap"].0 < 1e-4, "{:?}", notes.metrics);
        }
        if trial.arm == "z_loss_factored" {
            assert!(notes.metrics["factored_gap"].0 < 1e-3, "{:?}", notes.metrics);
            assert!(notes.metrics["weight_change"].0 > 10.0 * notes.metrics["factored_gap"].0);
        }
    }
}

/// Both declarative claims are judged from all cells of their arm, so that none may lack the metric.
#[test]
fn the_exact_claims_are_judged_from_the_smoke_profile() {
    let records: Vec<Record> = smoke_trials()
        .into_iter()
        .filter(|trial| trial.arm.starts_with("z_loss"))
        .flat_map(|trial| [0, 1].map(|seed| Trial { seed, ..trial.clone() }))
        .map(|trial| {
            let notes = run(&trial);
            notes.into_record(&trial)
        })
        .collect();
    let results = Results::new("z_loss", Profile::Smoke, records);
    for id in ["C1", "C6"] {
        let evidence = harness_core::judge::judge(&REPRODUCTION, REPRODUCTION.paper().claim(id).unwrap(), &results);
        assert_eq!(evidence.verdict, Verdict::Reproduced, "{id}: {}", evidence.summary);
    }
    let figures: Vec<String> = REPRODUCTION.figures(&results).into_iter().map(|figure| figure.id).collect();
    assert_eq!(figures, ["top-k-error", "a-b-grid", "time-per-example", "shape"]);
}

#[test]
fn metrics_are_the_same_from_run_to_run() {
    let trial = trial("z_loss", GridCell::new());
    let (first, second) = (run(&trial), run(&trial));
    assert_eq!(first.metrics, second.metrics);
    assert_eq!(first.series, second.series);
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let refused = |arm: &str, cell: GridCell, path: &[&str], value: Value| {
        let mut trial = trial(arm, cell);
        let mut place = &mut trial.settings;
        for key in path {
            place = &mut place[*key];
        }
        *place = value;
        let message = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(message.contains(path.last().copied().unwrap_or("")), "{path:?}: {message}");
    };
    let language = GridCell::new;
    refused("z_loss", language(), &["model", "order"], json!(1));
    refused("z_loss", language(), &["model", "hidden"], json!(0));
    refused("z_loss", language(), &["model", "hidden"], json!("wide"));
    refused("z_loss", language(), &["training", "clip"], json!(0.0));
    refused("z_loss", language(), &["training", "steps"], json!(0));
    refused("z_loss", language(), &["selection", "z_grid"], json!([]));
    refused("z_loss", language(), &["selection", "z_grid"], json!([{"a": 0.0, "b": 1.0}]));
    refused("z_loss", language(), &["selection", "learning_rates"], json!([0.1, -0.1]));
    refused("z_loss", language(), &["top_k"], json!([[1, 61]]));
    refused("z_loss", language(), &["top_k"], json!([[1], [1]]));
    refused("z_loss", language(), &["corpus", "synthetic_length"], json!(20));
    refused("z_loss", language(), &["unknown"], json!(1));
    let cell = |level: i64| GridCell::new().with("classes", level);
    for bad in [trial("taylor", cell(50)), trial("z_loss", cell(1)), trial("z_loss_factored", GridCell::new())] {
        assert!(REPRODUCTION.check(&bad).is_err(), "{} {}", bad.arm, bad.cell);
    }
}

#[test]
fn figures_come_out_with_all_and_without_any_trials() {
    let none = REPRODUCTION.figures(&Results::new("z_loss", Profile::Smoke, Vec::new()));
    assert_eq!(none.len(), 1, "only the exact curves need no trial");
}
