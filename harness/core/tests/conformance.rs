//! Vectors through ops: what passes, what fails, and that nothing panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use harness_core::backend::DeviceChoice;
use harness_core::conformance::{CaseResult, Status, Vectors};
use harness_core::op::{Op, Outputs};

const OPS: &[Op] = &[
    Op {
        name: "square",
        about: "x² and its sum",
        run: |inputs| {
            let x = inputs.tensor::<1>("x")?;
            let square = x.clone() * x;
            Ok(Outputs::new().scalar("sum", square.clone().sum()).tensor("square", square))
        },
    },
    Op { name: "nan", about: "NaN", run: |_| Ok(Outputs::new().float("value", f64::NAN)) },
    Op { name: "panics", about: "panics", run: |_| panic!("on purpose") },
];

fn run(cases: &str) -> Vec<CaseResult> {
    let text = format!(r#"{{"paper": "x", "origin": {{"kind": "independent"}}, "cases": [{cases}]}}"#);
    Vectors::parse(&text, "x.json").unwrap().run(OPS, &DeviceChoice::Cpu.open().unwrap())
}

fn square(outputs: &str, gradient: &str) -> CaseResult {
    run(&format!(
        r#"{{"op": "square", "name": "s", "inputs": {{"x": {{"dtype": "f32", "shape": [2], "data": [1.0, 3.0]}}}},
           "outputs": {outputs}, "gradient_of": "sum",
           "gradients": {{"x": {{"dtype": "f32", "shape": [2], "data": {gradient}}}}}}}"#
    ))
    .remove(0)
}

#[test]
fn values_and_gradients_are_compared() {
    let good = r#"{"sum": {"dtype": "f32", "shape": [], "data": [10.0]}}"#;
    let passed = square(good, "[2.0, 6.0]");
    assert_eq!((passed.status, passed.max_abs), (Status::Pass, Some(0.0)), "{}", passed.message);
    let wrong_value = square(r#"{"sum": {"dtype": "f32", "shape": [], "data": [10.1]}}"#, "[2.0, 6.0]");
    assert_eq!(wrong_value.status, Status::Fail);
    assert!(wrong_value.message.contains("`sum`[0] is 10, expected 10.1"), "{}", wrong_value.message);
    let wrong_gradient = square(good, "[2.0, 6.1]");
    assert!(wrong_gradient.message.contains("gradient of x"), "{}", wrong_gradient.message);
    let wrong_shape = square(r#"{"sum": {"dtype": "f32", "shape": [1], "data": [10.0]}}"#, "[2.0, 6.0]");
    assert!(wrong_shape.message.contains("shape"), "{}", wrong_shape.message);
    let missing = square(r#"{"total": {"dtype": "f32", "shape": [], "data": [10.0]}}"#, "[2.0, 6.0]");
    assert!(missing.message.contains("`total` is missing"), "{}", missing.message);
}

#[test]
fn nan_panics_unknown_ops_and_missing_errors_fail() {
    let results =
        run(r#"{"op": "nan", "name": "a", "outputs": {"value": {"dtype": "f32", "shape": [], "data": ["NaN"]}}},
           {"op": "panics", "name": "b"},
           {"op": "panics", "name": "c", "error": true},
           {"op": "absent", "name": "d"},
           {"op": "nan", "name": "e", "error": true},
           {"op": "square", "name": "f", "inputs": {"x": {"dtype": "i64", "shape": [1], "data": [1]}}}"#);
    assert!(results.iter().all(|result| result.status == Status::Fail), "{results:?}");
    assert!(results[1].message.contains("on purpose"));
}

#[test]
fn refusals_pass_where_they_are_asked_for() {
    let results = run(r#"{"op": "square", "name": "missing", "error": true},
           {"op": "square", "name": "rank", "error": true,
            "inputs": {"x": {"dtype": "f32", "shape": [1, 1], "data": [1.0]}}},
           {"op": "square", "name": "empty", "error": true,
            "inputs": {"x": {"dtype": "f32", "shape": [0], "data": []}}}"#);
    assert!(results.iter().all(|result| result.status == Status::Pass), "{results:?}");
}

#[test]
fn a_file_whose_shape_and_data_disagree_is_refused() {
    for (data, words) in [
        (r#"{"dtype": "f32", "shape": [3], "data": [1.0]}"#, "does not hold"),
        (r#"{"dtype": "f32", "shape": [99999999999, 99999999999], "data": [1.0]}"#, "does not hold"),
        (r#"{"dtype": "f16", "shape": [1], "data": [1.0]}"#, "unknown dtype"),
        (r#"{"dtype": "i64", "shape": [1], "data": [1.5]}"#, "not a whole number"),
    ] {
        let text = format!(
            r#"{{"paper": "x", "origin": {{"kind": "independent"}}, "cases": [{{"op": "o", "name": "n", "inputs": {{"x": {data}}}}}]}}"#
        );
        let message = Vectors::parse(&text, "x.json").unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("x.json") && message.contains("`n`"), "{message}");
    }
}
