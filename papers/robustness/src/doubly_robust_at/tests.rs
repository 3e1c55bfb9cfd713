//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::synthetic_trials;
use harness_core::lab::{Notebook, QuietHost};
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::ops::OPS;
use super::settings::{Settings, Task, TaskSettings};

/// Small sizes for the tests of other files.
pub fn smoke_settings() -> TaskSettings {
    let settings: Settings = serde_json::from_value(REPRODUCTION.paper().profiles.smoke.settings.clone()).unwrap();
    settings.task(Task::Synthetic).unwrap().clone()
}

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "vectors.json").unwrap();
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

fn bools(values: Vec<bool>) -> Array {
    Array { shape: vec![values.len()], values: Values::Bool(values) }
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

#[test]
fn bad_inputs_are_refused() {
    let vector = |values: Vec<f32>| floats(&[values.len()], values);
    let losses = || vector(vec![0.5, 1.0]);
    type Refused = (&'static str, Vec<(&'static str, Array)>, Value);
    let cases: Vec<Refused> = vec![
        ("kl_dro_objective", vec![], json!({})),
        ("kl_dro_objective", vec![("losses", vector(vec![]))], json!({})),
        ("kl_dro_objective", vec![("losses", floats(&[], vec![1.0]))], json!({})),
        ("kl_dro_objective", vec![("losses", floats(&[2, 1], vec![1.0, 2.0]))], json!({})),
        ("kl_dro_objective", vec![("losses", ints(vec![1, 2]))], json!({})),
        ("kl_dro_objective", vec![("losses", vector(vec![f32::NAN]))], json!({})),
        ("kl_dro_objective", vec![("losses", vector(vec![f32::INFINITY, 1.0]))], json!({})),
        ("kl_dro_objective", vec![("losses", losses())], json!({"r": 0})),
        ("kl_dro_objective", vec![("losses", losses())], json!({"r": -1.0})),
        ("kl_dro_objective", vec![("losses", losses())], json!({"r": "one"})),
        ("moving_average_step", vec![("losses", losses())], json!({})),
        ("moving_average_step", vec![("losses", losses()), ("log_u_prev", vector(vec![0.0, 1.0]))], json!({})),
        ("moving_average_step", vec![("losses", losses()), ("log_u_prev", floats(&[], vec![f32::NAN]))], json!({})),
        ("moving_average_step", vec![("losses", losses())], json!({"first": true, "eta": 0})),
        ("moving_average_step", vec![("losses", losses())], json!({"first": true, "eta": 1.5})),
        ("moving_average_step", vec![("losses", losses())], json!({"first": true, "r": 0})),
        ("moving_average_step", vec![("losses", losses())], json!({"first": 1})),
        ("moving_average_step", vec![("losses", vector(vec![]))], json!({"first": true})),
        ("gairat_weights", vec![], json!({})),
        ("gairat_weights", vec![("kappa", ints(vec![]))], json!({})),
        ("gairat_weights", vec![("kappa", ints(vec![11]))], json!({})),
        ("gairat_weights", vec![("kappa", ints(vec![-1]))], json!({})),
        ("gairat_weights", vec![("kappa", ints(vec![0]))], json!({"steps": 0})),
        ("gairat_weights", vec![("kappa", vector(vec![1.0]))], json!({})),
        ("mail_weights", vec![("logits", floats(&[1, 2], vec![0.0, 1.0])), ("labels", ints(vec![2]))], json!({})),
        ("mail_weights", vec![("logits", floats(&[1, 2], vec![0.0, 1.0])), ("labels", ints(vec![-1]))], json!({})),
        ("mail_weights", vec![("logits", floats(&[1, 2], vec![0.0, 1.0])), ("labels", ints(vec![0, 1]))], json!({})),
        ("mail_weights", vec![("logits", floats(&[1, 1], vec![0.0])), ("labels", ints(vec![0]))], json!({})),
        ("mail_weights", vec![("logits", floats(&[0, 2], vec![])), ("labels", ints(vec![]))], json!({})),
        (
            "mail_weights",
            vec![("logits", floats(&[1, 2], vec![0.0, 1.0])), ("labels", ints(vec![0]))],
            json!({"beta": true}),
        ),
        ("tail_accuracy", vec![("correct", bools(vec![])), ("labels", ints(vec![]))], json!({})),
        ("tail_accuracy", vec![("correct", bools(vec![true])), ("labels", ints(vec![0, 1]))], json!({})),
        ("tail_accuracy", vec![("correct", bools(vec![true])), ("labels", ints(vec![10]))], json!({})),
        ("tail_accuracy", vec![("correct", ints(vec![1])), ("labels", ints(vec![0]))], json!({})),
        ("tail_accuracy", vec![("correct", bools(vec![true])), ("labels", ints(vec![0]))], json!({"classes": 0})),
        ("tail_accuracy", vec![("correct", bools(vec![true])), ("labels", ints(vec![0]))], json!({"fraction": -0.1})),
    ];
    for (op, arrays, params) in cases {
        let shown = format!("{op} {params} {arrays:?}");
        assert!(matches!(call(op, arrays, params), Err(Error::Input(_))), "was taken: {shown}");
    }
}

#[test]
fn losses_of_a_thousand_r_do_not_overflow() {
    let losses = || vec![("losses", floats(&[3], vec![1000.0, 999.0, 0.0])), ("log_u_prev", floats(&[], vec![990.0]))];
    let found = call("kl_dro_objective", losses(), json!({"r": 1.0})).unwrap();
    let expected = 1000.0 + (1.0 + (-1f64).exp()).ln() - 3f64.ln();
    assert!((numbers(&found, "objective")[0] - expected).abs() < 1e-3);
    let found = call("moving_average_step", losses(), json!({"r": 1.0, "eta": 0.5})).unwrap();
    let u = (0.5f64 * (-10f64).exp() + 0.5 * (1.0 + (-1f64).exp()) / 3.0).ln() + 1000.0;
    assert!((numbers(&found, "log_u")[0] - u).abs() < 1e-3);
    let weights = numbers(&found, "weights");
    assert!((weights[0] - (1000.0 - u).exp() / 3.0).abs() < 1e-4 && weights[2] == 0.0, "{weights:?}");
}

#[test]
fn eta_of_one_forgets_the_past() {
    let run = |previous: f32, params: Value| {
        let arrays = vec![("losses", floats(&[2], vec![0.5, 1.0])), ("log_u_prev", floats(&[], vec![previous]))];
        numbers(&call("moving_average_step", arrays, params).unwrap(), "log_u")
    };
    assert_eq!(run(50.0, json!({"eta": 1.0})), run(-3.0, json!({"eta": 1, "first": true})));
    assert_ne!(run(50.0, json!({})), run(-3.0, json!({})));
}

#[test]
fn margins_of_certain_and_of_tied_logits() {
    let arrays =
        vec![("logits", floats(&[3, 2], vec![80.0, -80.0, -80.0, 80.0, 3.0, 3.0])), ("labels", ints(vec![0; 3]))];
    let found = call("mail_weights", arrays, json!({})).unwrap();
    assert_eq!(numbers(&found, "margin"), [1.0, -1.0, 0.0]);
    assert!((numbers(&found, "weights").iter().sum::<f64>() - 3.0).abs() < 1e-5);
}

#[test]
fn one_example_has_its_whole_weight() {
    let weights = |op: &str, arrays| numbers(&call(op, arrays, json!({})).unwrap(), "weights");
    assert_eq!(weights("gairat_weights", vec![("kappa", ints(vec![10]))]), [1.0]);
    assert_eq!(weights("kl_dro_objective", vec![("losses", floats(&[1], vec![7.0]))]), [1.0]);
    let mail = vec![("logits", floats(&[1, 3], vec![1.0, 2.0, 3.0])), ("labels", ints(vec![1]))];
    assert_eq!(weights("mail_weights", mail), [1.0]);
}

/// The trials of a profile on the task named, with generated data.
fn trials(profile: Profile, task: &str, seed: u64) -> Vec<Trial> {
    let mut trials = synthetic_trials(REPRODUCTION.paper(), profile, seed..=seed);
    trials.retain(|trial| trial.cell.get("task").is_some_and(|level| level.to_string() == task));
    trials
}

fn run(trial: &Trial) -> Notebook {
    REPRODUCTION.check(trial).unwrap();
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.run(trial, &mut lab).unwrap_or_else(|error| panic!("{}: {error}", trial.arm));
    lab.finish()
}

#[test]
fn the_smoke_profile_runs_and_can_be_judged_and_drawn() {
    let mut records = Vec::new();
    for trial in trials(Profile::Smoke, "synthetic", 0).iter().chain(&trials(Profile::Smoke, "synthetic", 1)) {
        let notebook = run(trial);
        for (name, value) in &notebook.metrics {
            assert!(value.0.is_finite(), "{}: {name} is {}", trial.arm, value.0);
        }
        let metric = |name: &str| notebook.metrics[name].0;
        assert!(metric("robust_accuracy") <= metric("clean_accuracy") + 0.05, "{}", trial.arm);
        assert!(metric("robust_tail_accuracy") <= metric("robust_accuracy") + 1e-9);
        records.push(notebook.into_record(trial));
    }
    let results = Results::new("doubly_robust_at", Profile::Smoke, records);
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}", claim.id);
    }
    assert_eq!(REPRODUCTION.figures(&results).len(), 5);
    assert!(REPRODUCTION.figures(&Results::new("doubly_robust_at", Profile::Smoke, Vec::new())).is_empty());
}

#[test]
fn a_trial_repeats_to_the_bit_and_arms_differ() {
    let trials = trials(Profile::Smoke, "synthetic", 0);
    let arm = |name: &str| run(trials.iter().find(|trial| trial.arm == name).unwrap());
    let first = arm("drat_cid");
    assert_eq!(first, arm("drat_cid"));
    for other in ["drat", "drat_batch", "at", "drat_r1"] {
        assert_ne!(first.series["training_loss"], arm(other).series["training_loss"], "{other}");
    }
    // Same seed, same data and first batches: plain and burning-in arms start alike.
    assert_eq!(arm("gairat").series["training_loss"].y[0], arm("at").series["training_loss"].y[0]);
}

/// A residual network of the full profile, made small, through training, implicit term and both attacks.
#[test]
fn a_small_residual_network_runs() {
    let mut trial = trials(Profile::Full, "cifar10", 0).into_iter().find(|trial| trial.arm == "drat_cid").unwrap();
    let task = &mut trial.settings["tasks"]["cifar10"];
    task["model"] = json!({"resnet": {"stages": [2, 4], "blocks": 1}});
    (task["train"], task["validation"], task["test"]) = (json!(60), json!(20), json!(20));
    (task["training"]["epochs"], task["training"]["batch"]) = (json!(2), json!(20));
    task["training"]["attack"]["steps"] = json!(2);
    let notebook = run(&trial);
    assert!(notebook.metrics.contains_key("validation_robust_accuracy"));
    assert!(notebook.metrics.values().all(|value| value.0.is_finite()));
}

#[test]
fn impossible_settings_are_refused_with_their_key() {
    let good = trials(Profile::Smoke, "synthetic", 0).into_iter().find(|trial| trial.arm == "drat").unwrap();
    let refused = |change: &dyn Fn(&mut Trial), key: &str| {
        let mut trial = good.clone();
        change(&mut trial);
        let error = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(error.contains(key), "{error} does not name {key}");
    };
    refused(&|trial| trial.settings["tasks"]["synthetic"]["epsilon"] = json!(-0.1), "epsilon");
    refused(&|trial| trial.settings["tasks"]["synthetic"]["training"]["batch"] = json!(0), "training.batch");
    refused(&|trial| trial.settings["tasks"]["synthetic"]["validation"] = json!(200), "train");
    refused(&|trial| trial.settings["tasks"]["synthetic"]["bach"] = json!(0), "bach");
    refused(&|trial| trial.arm_settings["weighting"]["kl_dro"]["r"] = json!(0.0), "r must be");
    refused(&|trial| trial.arm_settings["weighting"]["kl_dro"]["implicit"] = json!(-1.0), "implicit");
    refused(&|trial| trial.arm_settings["attack"] = json!(false), "attack");
    refused(&|trial| trial.cell = GridCell::new().with("task", "cifar10"), "Cifar10");
}

/// Records with made-up metrics: (arm, seed, metric, value).
fn made_up(values: &[(&str, u64, &str, f64)]) -> Results {
    let mut records: BTreeMap<(String, u64), Record> = BTreeMap::new();
    let template = trials(Profile::Quick, "fashion_mnist", 0).remove(0);
    for (arm, seed, metric, value) in values {
        let entry = records.entry(((*arm).to_owned(), *seed)).or_insert_with(|| {
            let trial = Trial { arm: (*arm).to_owned(), seed: *seed, ..template.clone() };
            Notebook::default().into_record(&trial)
        });
        entry.metrics.insert((*metric).to_owned(), harness_core::number::Number(*value));
    }
    Results::new("doubly_robust_at", Profile::Quick, records.into_values().collect())
}

fn verdict(claim: &str, results: &Results) -> Verdict {
    REPRODUCTION.judge(REPRODUCTION.paper().claim(claim).unwrap(), results).unwrap().verdict
}

#[test]
fn the_rule_of_c1() {
    let with = |drat: [f64; 3], at: [f64; 3], mail: [f64; 3]| {
        let mut values = Vec::new();
        for seed in 0..3 {
            values.push(("drat", seed as u64, "robust_accuracy", drat[seed]));
            values.push(("at", seed as u64, "robust_accuracy", at[seed]));
            values.push(("gairat", seed as u64, "robust_accuracy", 0.1));
            values.push(("mail", seed as u64, "robust_accuracy", mail[seed]));
        }
        verdict("C1", &made_up(&values))
    };
    assert_eq!(with([0.60, 0.61, 0.59], [0.58; 3], [0.60; 3]), Verdict::Reproduced);
    // Half a point behind the best is allowed, more is not.
    assert_eq!(with([0.60; 3], [0.59; 3], [0.604; 3]), Verdict::Reproduced);
    assert_eq!(with([0.60; 3], [0.59; 3], [0.606; 3]), Verdict::Inconclusive);
    // Worse than plain adversarial training by less and by more than a point.
    assert_eq!(with([0.60; 3], [0.605; 3], [0.5; 3]), Verdict::Inconclusive);
    assert_eq!(with([0.60; 3], [0.62; 3], [0.5; 3]), Verdict::Contradicted);
}

#[test]
fn the_rules_of_c2_to_c5() {
    let tail = |differences: [f64; 3]| {
        let values: Vec<_> = differences
            .iter()
            .enumerate()
            .flat_map(|(seed, difference)| {
                [
                    ("drat", seed as u64, "robust_tail_accuracy", 0.2 + difference),
                    ("at", seed as u64, "robust_tail_accuracy", 0.2),
                ]
            })
            .collect();
        verdict("C2", &made_up(&values))
    };
    assert_eq!(tail([0.03, 0.02, -0.001]), Verdict::Reproduced);
    assert_eq!(tail([0.09, -0.01, -0.01]), Verdict::Inconclusive);
    assert_eq!(tail([0.005, 0.005, 0.005]), Verdict::Inconclusive);
    assert_eq!(tail([-0.02, 0.01, 0.0]), Verdict::Contradicted);

    let theory = |rival: f64, gap: f64| {
        let mut values = Vec::new();
        for seed in 0..3 {
            values.extend([
                ("drat", seed, "best_rival", rival),
                ("drat", seed, "objective_gap", 1e-7),
                ("drat", seed, "gradient_gap", gap),
            ]);
        }
        verdict("C3", &made_up(&values))
    };
    assert_eq!(theory(-1e-9, 1e-6), Verdict::Reproduced);
    assert_eq!(theory(1e-3, 1e-6), Verdict::Contradicted);
    assert_eq!(theory(-1e-9, 1e-3), Verdict::Contradicted);

    let falling = |last: f64, last_norm: f64| {
        let mut values = Vec::new();
        for seed in 0..3 {
            let (end, norm) = if seed == 2 { (last, last_norm) } else { (1.0, 0.5) };
            values.extend([
                ("drat", seed, "objective_start", 2.0),
                ("drat", seed, "objective_end", end),
                ("drat", seed, "gradient_norm_start", 1.0),
                ("drat", seed, "gradient_norm_end", norm),
            ]);
        }
        verdict("C4", &made_up(&values))
    };
    assert_eq!(falling(1.0, 0.5), Verdict::Reproduced);
    assert_eq!(falling(3.0, 0.5), Verdict::DirectionOnly);
    assert_eq!(falling(1.0, 1.5), Verdict::DirectionOnly);

    let spread = |values: [f64; 3]| {
        let values: Vec<_> =
            values.iter().enumerate().map(|(seed, value)| ("at", seed as u64, "robust_spread", *value)).collect();
        verdict("C5", &made_up(&values))
    };
    assert_eq!(spread([0.7, 0.71, 0.72]), Verdict::Reproduced);
    assert_eq!(spread([0.1, 0.11, 0.12]), Verdict::Contradicted);
}

#[test]
fn claims_without_trials_or_with_nan_are_not_judged() {
    let paper = REPRODUCTION.paper();
    let empty = Results::new("doubly_robust_at", Profile::Quick, Vec::new());
    let nan = made_up(&[("drat", 0, "robust_tail_accuracy", f64::NAN), ("at", 0, "robust_tail_accuracy", 0.1)]);
    for claim in &paper.claims {
        assert!(matches!(REPRODUCTION.judge(claim, &empty), Err(Error::Missing(_))), "{}", claim.id);
    }
    assert!(matches!(REPRODUCTION.judge(paper.claim("C2").unwrap(), &nan), Err(Error::Diverged(_))));
}
