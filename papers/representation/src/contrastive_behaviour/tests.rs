//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::figure::Plot;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::number::Number;
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::ops::OPS;

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "contrastive_behaviour/vectors.json").unwrap();
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

fn good_params(op: &str) -> Value {
    match op {
        "hard_contrastive_loss" => json!({"tau": 0.2, "alpha": 0.5}),
        "simple_loss" => json!({"lambda": 0.5}),
        "uniformity" | "tolerance" => json!({}),
        _ => json!({"tau": 0.2}),
    }
}

#[test]
fn bad_similarities_are_refused() {
    for op in ["contrastive_loss", "relative_penalty", "hard_contrastive_loss", "simple_loss"] {
        let with = |array| call(op, vec![("sim", array)], good_params(op));
        assert!(with(floats(&[2, 2], vec![0.1, 0.2, 0.3, 0.4])).is_ok(), "{op}");
        for bad in [
            floats(&[1, 1], vec![0.1]),
            floats(&[0, 0], vec![]),
            floats(&[2, 3], vec![0.1; 6]),
            floats(&[3, 2], vec![0.1; 6]),
            floats(&[4], vec![0.1; 4]),
            floats(&[1, 2, 2], vec![0.1; 4]),
            floats(&[2, 2], vec![0.1, f32::NAN, 0.3, 0.4]),
            floats(&[2, 2], vec![0.1, f32::INFINITY, 0.3, 0.4]),
            Array { shape: vec![2, 2], values: Values::I64(vec![1; 4]) },
        ] {
            assert!(matches!(with(bad.clone()), Err(Error::Input(_))), "{op} took {bad:?}");
        }
        assert!(call(op, vec![], good_params(op)).is_err(), "{op}");
    }
}

#[test]
fn bad_parameters_are_refused() {
    let square = || vec![("sim", floats(&[2, 2], vec![0.1, 0.2, 0.3, 0.4]))];
    for tau in [json!(0), json!(-0.1), json!("x"), json!(null), json!(true)] {
        for op in ["contrastive_loss", "relative_penalty", "hard_contrastive_loss"] {
            assert!(call(op, square(), json!({"tau": tau, "alpha": 0.5})).is_err(), "{op} {tau}");
        }
    }
    for alpha in [json!(0), json!(-0.5), json!(1.5), json!("x")] {
        assert!(call("hard_contrastive_loss", square(), json!({"tau": 0.1, "alpha": alpha})).is_err(), "{alpha}");
        assert!(call("simple_loss", square(), json!({"lambda": 0.1, "alpha": alpha})).is_err(), "{alpha}");
    }
    assert!(call("hard_contrastive_loss", square(), json!({"tau": 0.1})).is_err());
    assert!(call("simple_loss", square(), json!({})).is_err());
}

#[test]
fn bad_features_are_refused() {
    let labels = || ints(vec![0, 0, 1]);
    for bad in [
        floats(&[0, 2], vec![]),
        floats(&[3, 0], vec![]),
        floats(&[3], vec![0.1; 3]),
        floats(&[3, 1], vec![0.1, f32::NAN, 0.2]),
    ] {
        assert!(call("uniformity", vec![("z", bad.clone())], json!({})).is_err(), "{bad:?}");
        assert!(call("tolerance", vec![("z", bad.clone()), ("labels", labels())], json!({})).is_err(), "{bad:?}");
    }
    let z = || floats(&[3, 2], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    assert!(call("uniformity", vec![("z", floats(&[1, 2], vec![1.0, 2.0]))], json!({})).is_err());
    assert!(call("uniformity", vec![("z", z())], json!({"t": 0})).is_err());
    assert!(call("tolerance", vec![("z", z()), ("labels", labels())], json!({})).is_ok());
    for bad in [ints(vec![0, 0]), ints(vec![0, 1, 2]), ints(vec![]), floats(&[3], vec![0.0; 3])] {
        assert!(call("tolerance", vec![("z", z()), ("labels", bad.clone())], json!({})).is_err(), "{bad:?}");
    }
    assert!(call("tolerance", vec![("z", z())], json!({})).is_err());
}

#[test]
fn negative_zero_huge_and_tiny_rows_are_measured() {
    let z = floats(&[4, 2], vec![3e30, 4e30, 3e-5, 4e-5, 0.0, 0.0, -0.6, -0.8]);
    let value = call("tolerance", vec![("z", z), ("labels", ints(vec![-5, -5, 9, 9]))], json!({})).unwrap();
    // One pair of equal directions, one with a zero row.
    let value = value.get("value").unwrap().values.to_f64()[0];
    assert!((value - 0.5).abs() < 1e-6, "{value}");
}

fn smoke_trial(arm: &str, tau: Option<f64>, seed: u64) -> Trial {
    let cell = tau.map_or_else(GridCell::new, |tau| GridCell::new().with("tau", tau));
    synthetic_trial(REPRODUCTION.paper(), Profile::Smoke, arm, cell, seed).unwrap()
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.check(trial).unwrap();
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

const SMOKE: [(&str, Option<f64>); 7] = [
    ("contrastive", Some(0.1)),
    ("contrastive", Some(1.0)),
    ("hard_contrastive", Some(0.1)),
    ("hard_contrastive", Some(1.0)),
    ("simple", None),
    ("hard_simple", None),
    ("untrained", None),
];

#[test]
fn the_smoke_profile_trains_and_measures() {
    for (arm, tau) in SMOKE {
        let notes = run(&smoke_trial(arm, tau, 0));
        let metric = |name: &str| notes.metrics[name].0;
        assert!(notes.metrics.values().all(|number| number.0.is_finite()), "{arm}: {:?}", notes.metrics);
        assert!((-8.0..=1e-4).contains(&metric("uniformity")), "{arm}: U = {}", metric("uniformity"));
        assert!((-1.0..=1.0).contains(&metric("tolerance")), "{arm}: T = {}", metric("tolerance"));
        // A quarter by chance.
        assert!(metric("probe_accuracy") > 35.0, "{arm}: {}", metric("probe_accuracy"));
        assert!(metric("positive_similarity") > metric("negative_similarity"), "{arm}");
        assert_eq!(notes.series.contains_key("train_loss"), arm != "untrained", "{arm}");
        assert_eq!(notes.steps, 3, "{arm}");
    }
}

#[test]
fn arms_of_a_seed_start_alike_and_metrics_repeat() {
    let first = run(&smoke_trial("contrastive", Some(0.1), 0));
    let again = run(&smoke_trial("contrastive", Some(0.1), 0));
    assert_eq!(first.metrics, again.metrics);
    assert_eq!(first.series, again.series);
    assert_ne!(first.metrics, run(&smoke_trial("contrastive", Some(0.1), 1)).metrics);
    // Without a step, all arms are the untrained one.
    let mut still = smoke_trial("simple", None, 0);
    still.settings["training"]["optimizer"] = json!({"sgd": {"lr": 1e-30, "momentum": 0.0, "weight_decay": 0.0}});
    assert_eq!(run(&still).metrics, run(&smoke_trial("untrained", None, 0)).metrics);
}

#[test]
fn longer_training_spreads_the_embeddings() {
    let mut trial = smoke_trial("contrastive", Some(0.1), 0);
    trial.settings["training"]["epochs"] = json!(30);
    let trained = run(&trial);
    let untrained = run(&smoke_trial("untrained", None, 0));
    let uniformity = |notes: &Notebook| notes.metrics["uniformity"].0;
    assert!(
        uniformity(&trained) < uniformity(&untrained) - 0.1,
        "{} and {}",
        uniformity(&trained),
        uniformity(&untrained)
    );
    let losses: Vec<f64> = trained.series["train_loss"].y.iter().map(|y| y.0).collect();
    assert!(losses[29] < losses[0], "{losses:?}");
}

#[test]
fn theory_holds_at_fixed_features() {
    for seed in 0..3 {
        let notes = run(&smoke_trial("fixed_features", None, seed));
        let metric = |name: &str| notes.metrics[name].0;
        assert!(metric("entropy_rise") > 0.0 && metric("gradient_gap") < 1e-5, "{:?}", notes.metrics);
        assert!(
            metric("small_temperature_gap") < 0.01 && metric("large_temperature_gap") < 0.01,
            "{:?}",
            notes.metrics
        );
        assert!(metric("small_temperature_gap") > 1e-6, "a limit is not the loss itself");
    }
}

/// A finished trial with metrics of our choice.
fn record(arm: &str, tau: Option<f64>, seed: u64, metrics: &[(&str, f64)]) -> Record {
    let trial = smoke_trial(arm, tau, seed);
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), Number(*value))).collect();
    Notebook { metrics, ..Notebook::default() }.into_record(&trial)
}

fn verdict(claim: &str, records: Vec<Record>) -> Verdict {
    let paper = REPRODUCTION.paper();
    let results = Results::new(&paper.slug, Profile::Smoke, records);
    harness_core::judge::judge(&REPRODUCTION, paper.claim(claim).unwrap(), &results).verdict
}

const TAUS: [f64; 5] = [0.05, 0.1, 0.2, 0.5, 1.0];

/// Three seeds of the contrastive loss over τ, with a metric given by τ and seed.
fn over_tau(metric: &str, value: impl Fn(usize, u64) -> f64) -> Vec<Record> {
    (0..3)
        .flat_map(|seed| (0..TAUS.len()).map(move |at| (seed, at)))
        .map(|(seed, at)| record("contrastive", Some(TAUS[at]), seed, &[(metric, value(at, seed))]))
        .collect()
}

#[test]
fn trends_need_a_strong_rank_correlation() {
    for (claim, metric) in [("C3", "uniformity"), ("C4", "tolerance")] {
        let of = |value: &dyn Fn(usize, u64) -> f64| verdict(claim, over_tau(metric, value));
        assert_eq!(of(&|at, seed| at as f64 + seed as f64), Verdict::Reproduced);
        // ρ = 1 − Σd²/20: 0.8 for two swaps of neighbours, 0.2 in the other order.
        assert_eq!(of(&|at, _| [1.0, 0.0, 2.0, 4.0, 3.0][at]), Verdict::Inconclusive);
        // Too weak for the rule, but not the other way round.
        assert_eq!(of(&|at, _| [0.0, 3.0, 4.0, 1.0, 2.0][at]), Verdict::Inconclusive);
        assert_eq!(of(&|at, _| -(at as f64)), Verdict::Contradicted);
        assert_eq!(of(&|_, _| 1.0), Verdict::Inconclusive);
        assert_eq!(of(&|at, seed| if seed == 1 { f64::NAN } else { at as f64 }), Verdict::Inconclusive);
        assert_eq!(verdict(claim, Vec::new()), Verdict::NotRun);
        // Two temperatures are not a trend.
        let mut two = over_tau(metric, |at, _| at as f64);
        two.retain(|record| record.cell.get("tau").and_then(|tau| tau.as_f64()).is_some_and(|tau| tau <= 0.1));
        assert_eq!(verdict(claim, two), Verdict::NotRun);
    }
}

#[test]
fn a_seed_without_all_temperatures_does_not_count_in_a_trend() {
    let mut records = over_tau("tolerance", |at, seed| if seed == 2 { -(at as f64) } else { at as f64 });
    records.retain(|record| record.seed != 2 || record.cell.get("tau") != Some(&0.5.into()));
    assert_eq!(verdict("C4", records), Verdict::Reproduced);
}

#[test]
fn the_dilemma_needs_an_interior_best_of_half_a_point() {
    let of =
        |values: [f64; 5]| verdict("C5", over_tau("probe_accuracy", move |at, seed| values[at] + 0.01 * seed as f64));
    assert_eq!(of([70.0, 71.0, 73.0, 72.0, 69.0]), Verdict::Reproduced);
    assert_eq!(of([70.0, 70.1, 70.3, 70.2, 69.0]), Verdict::Inconclusive);
    assert_eq!(of([70.0, 71.0, 72.0, 73.0, 74.0]), Verdict::Contradicted);
    assert_eq!(of([74.0, 73.0, 72.0, 71.0, 70.0]), Verdict::Contradicted);
    // Interior temperatures that win by chance, another one in each seed, do not make a dilemma.
    let chance = |at: usize, seed: u64| if at as u64 == seed + 1 { 70.6 } else { 70.0 };
    assert_ne!(verdict("C5", over_tau("probe_accuracy", chance)), Verdict::Reproduced);
}

#[test]
fn hard_negatives_are_judged_at_the_large_temperature() {
    let records = |hard: f64, plain: f64, hard_simple: f64| -> Vec<Record> {
        (0..3)
            .flat_map(|seed| {
                let metrics = |gain: f64| [("uniformity", -1.0 - gain), ("probe_accuracy", 70.0 + gain)];
                vec![
                    record("hard_contrastive", Some(1.0), seed, &metrics(hard)),
                    record("contrastive", Some(1.0), seed, &metrics(plain)),
                    record("contrastive", Some(0.1), seed, &metrics(9.0)),
                    record("hard_simple", None, seed, &metrics(hard_simple)),
                    record("simple", None, seed, &metrics(0.0)),
                ]
            })
            .collect()
    };
    assert_eq!(verdict("C6", records(1.0, 0.0, 0.0)), Verdict::Reproduced);
    assert_eq!(verdict("C6", records(0.04, 0.0, 0.0)), Verdict::Inconclusive);
    assert_eq!(verdict("C6", records(0.0, 1.0, 0.0)), Verdict::Contradicted);
    assert_eq!(verdict("C7", records(1.0, 0.0, 1.0)), Verdict::Reproduced);
    assert_eq!(verdict("C7", records(1.0, 0.0, -1.0)), Verdict::Contradicted, "both parts are needed");
    assert_eq!(verdict("C7", records(1.0, 0.0, 0.2)), Verdict::Inconclusive);
}

#[test]
fn theory_must_hold_in_every_seed() {
    let records = |rise: [f64; 3], gap: f64| -> Vec<Record> {
        (0..3)
            .map(|seed| {
                let metrics = [
                    ("entropy_rise", rise[seed as usize]),
                    ("gradient_gap", 1e-7),
                    ("small_temperature_gap", gap),
                    ("large_temperature_gap", 0.001),
                ];
                record("fixed_features", None, seed, &metrics)
            })
            .collect()
    };
    assert_eq!(verdict("C1", records([0.1, 0.2, 0.1], 0.001)), Verdict::Reproduced);
    assert_ne!(verdict("C1", records([0.1, -0.2, 0.1], 0.001)), Verdict::Reproduced);
    assert_eq!(verdict("C2", records([0.1, 0.2, 0.1], 0.009)), Verdict::Reproduced);
    assert_eq!(verdict("C2", records([0.1, 0.2, 0.1], 0.011)), Verdict::Contradicted);
}

#[test]
fn figures_come_out_with_all_and_without_any_trials() {
    let figures = |records| REPRODUCTION.figures(&Results::new("contrastive_behaviour", Profile::Smoke, records));
    assert_eq!(figures(Vec::new()).len(), 1, "only the exact curves need no trial");
    let mut records = Vec::new();
    for (arm, tau) in SMOKE.into_iter().chain([("fixed_features", None)]) {
        for seed in 0..2 {
            let notes = run(&smoke_trial(arm, tau, seed));
            let mut record = record(arm, tau, seed, &[]);
            (record.metrics, record.series) = (notes.metrics, notes.series);
            records.push(record);
        }
    }
    let all = figures(records.clone());
    assert_eq!(all.len(), 6);
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids.len(), 6);
    // −U is drawn, and U of anything but one point is below 0.
    let Plot::Lines(plot) = &all[0].panels[0].plot else { panic!("not lines") };
    for point in plot.lines.iter().flat_map(|line| &line.points) {
        let (low, high) = point.band.unwrap();
        assert!(low <= point.y && point.y <= high && point.y > 0.0, "{point:?}");
    }
    records.retain(|record| record.arm == "contrastive" && record.seed == 0);
    assert_eq!(figures(records).len(), 5, "all but the entropies");
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let refused = |path: &[&str], value: Value, named: &str| {
        let mut trial = smoke_trial("contrastive", Some(0.1), 0);
        let mut place = &mut trial.settings;
        for key in path {
            place = &mut place[*key];
        }
        *place = value;
        let message = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(message.contains(named), "{path:?}: {message}");
    };
    refused(&["training", "batch"], json!(1), "training.batch");
    refused(&["training", "batch"], json!(49), "training.batch");
    refused(&["training", "epochs"], json!(0), "training.epochs");
    refused(&["training", "epochs"], json!("many"), "epochs");
    refused(&["training", "optimizer"], json!({"adamw": {"lr": 0.0, "weight_decay": 0.0}}), "optimizer.lr");
    refused(&["training", "optimizer"], json!({"sgd": {"lr": 0.1, "momentum": 1.0, "weight_decay": 0.0}}), "momentum");
    refused(&["evaluation", "geometry"], json!(41), "evaluation.geometry");
    refused(&["evaluation", "views"], json!(1), "evaluation.views");
    refused(&["evaluation", "knn", "k"], json!(49), "evaluation.knn.k");
    refused(&["evaluation", "probe", "lr"], json!(-1.0), "probe.lr");
    refused(&["encoder"], json!({"mlp": {"widths": []}}), "mlp.widths");
    refused(&["augmentation"], json!([{"flip": {"probability": 2.0}}]), "probability");
    refused(&["fixed_features", "temperatures"], json!([0.5, 0.1]), "temperatures");
    refused(&["fixed_features", "small"], json!(0.0), "fixed_features.small");
    refused(&["images", "data"], json!("mnist"), "data");
    refused(&["head", "embedding"], json!(0), "head.embedding");
    refused(&["unknown"], json!(1), "unknown");
    for (arm, tau) in
        [("contrastive", None), ("simple", Some(0.1)), ("contrastive", Some(0.0)), ("untrained", Some(0.1))]
    {
        assert!(REPRODUCTION.check(&smoke_trial(arm, tau, 0)).is_err(), "{arm} {tau:?}");
    }
    let mut trial = smoke_trial("hard_simple", None, 0);
    trial.arm_settings = json!({"objective": {"hard_simple": {"alpha": 1.5}}});
    assert!(REPRODUCTION.check(&trial).unwrap_err().to_string().contains("alpha"));
}

#[test]
fn all_trials_of_all_profiles_pass_their_checks() {
    for profile in Profile::ALL {
        for trial in synthetic_trials(REPRODUCTION.paper(), profile, 0..1) {
            REPRODUCTION.check(&trial).unwrap();
        }
    }
}
