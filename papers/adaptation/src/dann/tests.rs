//! What must be true of the whole paper: conformance, edge cases of the ops, the shallow update against reverse mode, the
//! smoke profile.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use burn::tensor::activation::{log_softmax, sigmoid};
use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::op::{Array, Values, read_f32};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::ops::OPS;
use super::*;

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "dann/vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.to_vec()) }
}

fn ints(shape: &[usize], values: &[i64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::I64(values.to_vec()) }
}

fn call(op: &str, arrays: Vec<(&str, Array)>, params: Value) -> Result<Outputs> {
    let arrays: BTreeMap<String, Array> = arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    (OPS.iter().find(|candidate| candidate.name == op).unwrap().run)(&inputs)
}

fn number(outputs: &Outputs, name: &str) -> f64 {
    outputs.get(name).unwrap().values.to_f64()[0]
}

#[test]
fn scalar_ops_check_their_ranges() {
    for (op, good, bad) in [
        (
            "lambda_schedule",
            json!({"p": 0.0}),
            vec![json!({}), json!({"p": -0.1}), json!({"p": 1.1}), json!({"p": "1"})],
        ),
        ("learning_rate_schedule", json!({"p": 1}), vec![json!({}), json!({"p": 2}), json!({"p": 0.5, "base": -1.0})]),
        ("proxy_a_distance", json!({"error": 1.0}), vec![json!({}), json!({"error": -0.01}), json!({"error": 1.01})]),
    ] {
        assert!(call(op, vec![], good).is_ok(), "{op}");
        for params in bad {
            assert!(call(op, vec![], params.clone()).is_err(), "{op} took {params}");
        }
    }
    let distance = |error: f64| number(&call("proxy_a_distance", vec![], json!({"error": error})).unwrap(), "value");
    assert_eq!([distance(0.0), distance(0.5), distance(1.0)], [2.0, 0.0, -2.0]);
    // Small p, where 2/(1 + e^(−x)) − 1 loses its digits.
    let small = number(&call("lambda_schedule", vec![], json!({"p": 1e-9})).unwrap(), "lambda");
    assert!((small / 5e-9 - 1.0).abs() < 1e-9);
}

#[test]
fn the_reversal_passes_values_bit_by_bit_also_without_gradients() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let values = [1e30f32, -1e-30, 0.1, -7.3];
    for lambda in [0.0, 0.46, 1e6, -1.0] {
        let x = Tensor::<1>::from_data(values, &device).require_grad();
        let y = gradient_reversal(x.clone(), lambda);
        assert_eq!(read_f32(y.clone()), values);
        let gradient = read_f32(x.grad(&(y * 3.0).sum().backward()).unwrap());
        assert!(
            gradient.iter().all(|slope| (f64::from(*slope) + 3.0 * lambda).abs() <= 1e-6 * lambda.abs()),
            "{gradient:?}"
        );
        let plain = Tensor::<1>::from_data(values, &device).inner();
        assert_eq!(read_f32(gradient_reversal(plain, lambda)), values);
    }
}

#[test]
fn huge_logits_give_finite_losses_and_bad_inputs_are_refused() {
    let good = || {
        vec![
            ("class_logits", floats(&[2, 3], &[1e4, 0.0, -1e4, 5.0, 5.0, 5.0])),
            ("labels", ints(&[2], &[2, 0])),
            ("domain_logits", floats(&[3], &[1e4, -1e4, 0.0])),
            ("domains", ints(&[3], &[0, 1, 1])),
        ]
    };
    let losses = call("dann_loss", good(), json!({})).unwrap();
    assert!((number(&losses, "label_loss") - (2e4 + 3f64.ln()) / 2.0).abs() < 1e-2);
    assert!((number(&losses, "domain_loss") - (2e4 + 2f64.ln()) / 3.0).abs() < 1e-2);
    assert!((number(&losses, "loss") - number(&losses, "label_loss") - number(&losses, "domain_loss")).abs() < 1e-2);
    let changed = |name: &str, array: Array| {
        let mut arrays = good();
        arrays.retain(|(have, _)| *have != name);
        arrays.push((name, array));
        call("dann_loss", arrays, json!({}))
    };
    for (name, array) in [
        ("class_logits", floats(&[0, 3], &[])),
        ("class_logits", floats(&[2, 0], &[])),
        ("class_logits", floats(&[6], &[0.0; 6])),
        ("class_logits", floats(&[1, 3], &[0.0; 3])),
        ("labels", ints(&[2], &[0, 3])),
        ("labels", ints(&[2], &[0, -1])),
        ("labels", floats(&[2], &[0.0, 1.0])),
        ("domain_logits", floats(&[0], &[])),
        ("domain_logits", floats(&[2], &[0.0, 1.0])),
        ("domains", ints(&[3], &[0, 1, 2])),
        ("domains", ints(&[3], &[0, 1, -1])),
    ] {
        assert!(matches!(changed(name, array.clone()), Err(Error::Input(_))), "{name}: {array:?} was taken");
    }
    let mut empty = good();
    empty.retain(|(name, _)| name.starts_with("class"));
    empty.extend([("labels", ints(&[2], &[0, 0])), ("domain_logits", floats(&[0], &[])), ("domains", ints(&[0], &[]))]);
    assert!(call("dann_loss", empty, json!({})).is_err());
}

/// A small shallow problem: H = 3, D = 2, K = 2.
fn shallow_arrays() -> Vec<(&'static str, Array)> {
    vec![
        ("w", floats(&[3, 2], &[0.3, -0.7, 1.1, 0.2, -0.4, 0.9])),
        ("b", floats(&[3], &[0.1, -0.2, 0.3])),
        ("v", floats(&[2, 3], &[0.5, -0.6, 0.7, -0.1, 0.8, 0.2])),
        ("c", floats(&[2], &[0.05, -0.15])),
        ("u", floats(&[3], &[1.5, -0.5, 0.25])),
        ("d", floats(&[], &[0.4])),
        ("x_source", floats(&[2], &[1.0, -2.0])),
        ("label", ints(&[], &[1])),
        ("x_target", floats(&[2], &[0.0, 1.5])),
    ]
}

#[test]
fn bad_shallow_steps_are_refused() {
    let params = || json!({"learning_rate": 0.1, "lambda": 0.5});
    assert!(call("shallow_step", shallow_arrays(), params()).is_ok());
    for (name, array) in [
        ("w", floats(&[3, 3], &[0.0; 9])),
        ("w", floats(&[0, 2], &[])),
        ("w", floats(&[3, 0], &[])),
        ("b", floats(&[2], &[0.0; 2])),
        ("v", floats(&[3, 2], &[0.0; 6])),
        ("c", floats(&[0], &[])),
        ("u", floats(&[1], &[0.0])),
        ("d", floats(&[2], &[0.0; 2])),
        ("label", ints(&[], &[2])),
        ("label", ints(&[], &[-1])),
        ("label", ints(&[0], &[])),
        ("x_target", floats(&[3], &[0.0; 3])),
        ("x_source", ints(&[2], &[1, 2])),
    ] {
        let mut arrays = shallow_arrays();
        arrays.retain(|(have, _)| *have != name);
        arrays.push((name, array.clone()));
        assert!(matches!(call("shallow_step", arrays, params()), Err(Error::Input(_))), "{name}: {array:?} was taken");
    }
    for params in [
        json!({"learning_rate": -0.1, "lambda": 0.5}),
        json!({"learning_rate": 0.1, "lambda": -0.5}),
        json!({"lambda": 0.5}),
        json!({"learning_rate": 0.1, "lambda": 0.5, "adversarial": 1}),
    ] {
        assert!(call("shallow_step", shallow_arrays(), params.clone()).is_err(), "{params}");
    }
}

#[test]
fn without_lambda_the_domain_classifier_stays_and_without_rate_everything_does() {
    let before = shallow_arrays();
    let find = |name: &str| before.iter().find(|(have, _)| *have == name).unwrap().1.values.to_f64();
    let still = call("shallow_step", shallow_arrays(), json!({"learning_rate": 0.1, "lambda": 0.0})).unwrap();
    let passive = json!({"learning_rate": 0.1, "lambda": 0.7, "adversarial": false});
    let passive = call("shallow_step", shallow_arrays(), passive).unwrap();
    for name in ["u", "d"] {
        assert_eq!(still.get(name).unwrap().values.to_f64(), find(name));
        assert_ne!(passive.get(name).unwrap().values.to_f64(), find(name));
    }
    for name in ["w", "b", "v", "c"] {
        assert_eq!(still.get(name), passive.get(name), "{name}: a watching classifier has no say");
        assert_ne!(still.get(name).unwrap().values.to_f64(), find(name));
    }
    let none = call("shallow_step", shallow_arrays(), json!({"learning_rate": 0.0, "lambda": 0.7})).unwrap();
    for name in ["w", "b", "v", "c", "u", "d"] {
        assert_eq!(none.get(name).unwrap().values.to_f64(), find(name));
    }
}

/// The update written out is what reverse mode through the reversal layer gives, but for the factor λ on u and d.
#[test]
fn the_shallow_update_is_reverse_mode_through_the_reversal() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let leaf = |shape: [usize; 2], values: &[f32]| {
        Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device).require_grad()
    };
    let arrays = shallow_arrays();
    let values = |name: &str| -> Vec<f32> {
        arrays.iter().find(|(have, _)| *have == name).unwrap().1.values.to_f64().into_iter().map(|x| x as f32).collect()
    };
    let (w, b) = (leaf([3, 2], &values("w")), leaf([3, 1], &values("b")));
    let (v, c) = (leaf([2, 3], &values("v")), leaf([2, 1], &values("c")));
    let (u, d) = (leaf([1, 3], &values("u")), leaf([1, 1], &values("d")));
    let (lambda, rate) = (0.6, 0.1);
    let hidden = |x: &str| sigmoid(w.clone().matmul(leaf([2, 1], &values(x))) + b.clone());
    let (source, target) = (hidden("x_source"), hidden("x_target"));
    let label = -log_softmax(v.clone().matmul(source.clone()) + c.clone(), 0).narrow(0, 1, 1).sum();
    let domain = |h: Tensor<2>| u.clone().matmul(gradient_reversal(h, lambda)) + d.clone();
    let domain = papers_kit::softplus::softplus(-domain(source)) + papers_kit::softplus::softplus(domain(target));
    let gradients = (label + domain.sum()).backward();
    let stepped = call("shallow_step", shallow_arrays(), json!({"learning_rate": rate, "lambda": lambda})).unwrap();
    for (name, tensor, scale) in
        [("w", &w, 1.0), ("b", &b, 1.0), ("v", &v, 1.0), ("c", &c, 1.0), ("u", &u, lambda), ("d", &d, lambda)]
    {
        let gradient = read_f32(tensor.grad(&gradients).unwrap());
        let found = stepped.get(name).unwrap().values.to_f64();
        for ((before, gradient), found) in values(name).into_iter().zip(gradient).zip(found) {
            let want = f64::from(before) - rate * scale * f64::from(gradient);
            assert!((found - want).abs() < 1e-6, "{name}: {found}, expected {want}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A batch step is the mean of its pairs' steps, all taken from the old values.
    #[test]
    fn a_batch_averages_the_updates(
        inputs in prop::collection::vec(-2.0f32..2.0, 12),
        labels in prop::collection::vec(0usize..3, 3),
        adversarial in any::<bool>(),
    ) {
        let mut start = ShallowNetwork::new(2, 4, 3, &mut harness_core::rng::stream("test", "init", 1));
        let x = Rows::from_dense(2, &inputs);
        let rule = ShallowRule { learning_rate: 0.3, lambda: 0.8, adversarial };
        let pair = |at: usize| Pair { source: x.row(at), label: labels[at], target: x.row(at + 3) };
        start.step(&[pair(0)], &rule).unwrap(); // u and d are no longer 0
        let weights = |network: &ShallowNetwork| {
            let ShallowWeights { w, b, v, c, u, d } = network.weights();
            [w, b, v, c, u, vec![d]].concat()
        };
        let singles: Vec<Vec<f64>> = (0..3)
            .map(|at| {
                let mut network = start.clone();
                network.step(&[pair(at)], &rule).unwrap();
                weights(&network)
            })
            .collect();
        let mut batch = start.clone();
        batch.step(&[pair(0), pair(1), pair(2)], &rule).unwrap();
        for (at, found) in weights(&batch).into_iter().enumerate() {
            let want = singles.iter().map(|single| single[at]).sum::<f64>() / 3.0;
            prop_assert!((found - want).abs() < 1e-12);
        }
        let again = ShallowNetwork::from_weights(batch.weights()).unwrap();
        prop_assert_eq!(again.weights(), batch.weights());
    }

    /// Rows that were chosen, in order, are those that were given.
    #[test]
    fn rows_keep_their_entries(values in prop::collection::vec(-1.0f32..1.0, 0..30), order in prop::collection::vec(0usize..10, 0..8)) {
        let rows = Rows::from_dense(3, &values);
        prop_assert_eq!(rows.len(), values.len() / 3);
        let chosen = rows.select(&order);
        prop_assert_eq!(chosen.len(), order.len());
        for (row, at) in chosen.iter().zip(&order) {
            let mut dense = [0.0; 3];
            row.entries().for_each(|(column, value)| dense[column as usize] = value);
            let want = if *at < rows.len() { values[3 * at..3 * at + 3].to_vec() } else { vec![0.0; 3] };
            prop_assert_eq!(dense.to_vec(), want);
        }
    }
}

#[test]
fn domains_that_look_alike_have_no_distance() {
    let mut rng = harness_core::rng::stream("test", "distance", 0);
    let mut draw = |shift: f64| -> Vec<f64> {
        use rand::RngExt;
        (0..2000).map(|at| rng.random_range(0.0..1.0) + if at % 2 == 0 { shift } else { 0.0 }).collect()
    };
    let (same, other, half, far) = (draw(0.0), draw(0.0), draw(0.5), draw(3.0));
    assert!(distance_between(&same, &other, 2).unwrap() < 0.2);
    // Half of each uniform overlaps: an error of a quarter, a distance of 1.
    assert!((distance_between(&same, &half, 2).unwrap() - 1.0).abs() < 0.15);
    assert_eq!(distance_between(&same, &far, 2).unwrap(), 2.0);
    assert!(distance_between(&same[..2], &other, 2).is_err());
    assert!(distance_between(&same, &other[..3], 2).is_err());
    assert!(distance_between(&same, &other, 0).is_err());
}

/// The trials of the smoke profile for one seed.
fn smoke_trials(seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), Profile::Smoke, seed..=seed)
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
fn the_smoke_profile_measures_judges_and_draws() {
    let records: Vec<Record> = [0, 1]
        .into_iter()
        .flat_map(smoke_trials)
        .map(|trial| {
            let notes = run(&trial);
            let name = format!("{} {}", trial.arm, trial.cell);
            assert!(!notes.metrics.is_empty(), "{name}");
            assert!(notes.metrics.values().all(|number| number.0.is_finite()), "{name}: {:?}", notes.metrics);
            notes.into_record(&trial)
        })
        .collect();
    let results = Results::new("dann", Profile::Smoke, records.clone());
    for claim in &REPRODUCTION.paper().claims {
        let evidence = harness_core::judge::judge(&REPRODUCTION, claim, &results);
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}: {}", claim.id, evidence.summary);
        assert_eq!(evidence.n, 2, "{}", claim.id);
        if claim.id == "C6" {
            assert_eq!(evidence.verdict, Verdict::Reproduced, "{}", evidence.summary);
        }
    }
    let ids = |results: &Results| -> Vec<String> {
        REPRODUCTION.figures(results).into_iter().map(|figure| figure.id).collect()
    };
    assert_eq!(ids(&results), ["target-accuracy", "reviews", "moons", "features", "proxy-a-distance", "losses"]);
    assert!(ids(&Results::new("dann", Profile::Smoke, Vec::new())).is_empty());
    // One arm alone: what compares two arms is left out.
    let alone = records.into_iter().filter(|record| record.arm == "source_only").collect();
    let alone = Results::new("dann", Profile::Smoke, alone);
    assert_eq!(ids(&alone), ["target-accuracy", "reviews", "moons", "features", "losses"]);
    let c2 = REPRODUCTION.paper().claim("C2").unwrap();
    assert_eq!(harness_core::judge::judge(&REPRODUCTION, c2, &alone).verdict, Verdict::NotRun);
}

fn cell(task: &str) -> GridCell {
    GridCell::new().with("task", task)
}

#[test]
fn metrics_are_the_same_from_run_to_run() {
    for cell in [cell("images"), cell("moons"), cell("reviews").with("pair", "books-dvd")] {
        let trial = trial("dann", cell);
        let (first, second) = (run(&trial), run(&trial));
        assert_eq!(first.metrics, second.metrics);
        assert_eq!(first.series, second.series);
    }
}

/// At λ = 0 (a watching domain classifier) and at λ fixed to 0 the features learn the same.
#[test]
fn a_lambda_of_zero_is_the_baseline() {
    let baseline = run(&trial("source_only", cell("images")));
    let mut still = trial("lambda_1", cell("images"));
    still.arm_settings["lambda"] = json!(0.0);
    assert_eq!(run(&still).metrics, baseline.metrics);
    let adversarial = run(&trial("lambda_1", cell("images")));
    assert_ne!(adversarial.series["label_loss"], baseline.series["label_loss"]);
}

/// The toy problem of the paper, at a fifth of its size: the boundary that source labels alone give fails on the target.
#[test]
fn the_moons_are_adapted() {
    let at = |arm: &str| {
        let mut trial = trial(arm, cell("moons"));
        trial.settings["moons"] = json!({"points": 150, "test": 400, "rotation": 35.0, "hidden": 15,
            "learning_rate": 0.05, "lambda": 6.0, "epochs": 300});
        run(&trial).metrics["target_accuracy"].0
    };
    let (nn, dann) = (at("source_only"), at("dann"));
    assert!(dann > nn + 0.02 && dann > 0.85, "NN {nn}, DANN {dann}");
}

#[test]
fn impossible_settings_are_refused_by_name() {
    for (path, value) in [
        (["deep", "half_batch"], json!(0)),
        (["deep", "half_batch"], json!(25)),
        (["deep", "momentum"], json!(1.0)),
        (["deep", "encoder"], json!({"conv3": {"channels": [0, 1, 1], "features": 3, "relu": true}})),
        (["images", "test"], json!(1)),
        (["reid", "drawings"], json!(1)),
        (["moons", "hidden"], json!(0)),
        (["moons", "lambda"], json!(-1.0)),
        (["moons", "unknown"], json!(1)),
        (["reviews", "validation"], json!(1.0)),
        (["reviews", "half_batch"], json!(100)),
        (["reviews", "learning_rate"], json!("fast")),
    ] {
        let mut trial = trial("dann", cell("images"));
        trial.settings[path[0]][path[1]] = value.clone();
        let message = REPRODUCTION.check(&trial).unwrap_err().to_string();
        let key = if path[1] == "half_batch" && value == json!(25) { "images.train" } else { path[1] };
        let key = if path[0] == "reviews" && key == "half_batch" { "reviews.source" } else { key };
        assert!(message.contains(key), "{path:?}: {message}");
    }
    for bad in [
        trial("linear", cell("images")),
        trial("no_reversal", cell("moons")),
        trial("lambda_1", cell("reviews").with("pair", "books-dvd")),
        trial("dann", cell("reviews")),
        trial("dann", cell("reviews").with("pair", "books-books")),
        trial("dann", cell("reviews").with("pair", "books-cars")),
        trial("dann", cell("moons").with("pair", "books-dvd")),
        trial("dann", cell("dreams")),
    ] {
        assert!(REPRODUCTION.check(&bad).is_err(), "{} {}", bad.arm, bad.cell);
    }
}
