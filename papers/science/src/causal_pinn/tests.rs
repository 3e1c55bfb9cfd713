//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::synthetic_trials;
use harness_core::lab::{Notebook, QuietHost};
use harness_core::number::Number;
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::equation::periodic_grid;
use super::experiment::relative_l2;
use super::ops::OPS;
use super::settings::{Arm, Settings, Stage};

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.to_vec()) }
}

fn zeros(shape: &[usize]) -> Array {
    floats(shape, &vec![0.0; shape.iter().product()])
}

type Named<'a> = Vec<(&'a str, Array)>;

fn call_with_inputs(op: &str, arrays: Named, params: Value) -> (Result<Outputs>, Inputs) {
    let arrays: BTreeMap<String, Array> = arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    ((OPS.iter().find(|candidate| candidate.name == op).unwrap().run)(&inputs), inputs)
}

fn call(op: &str, arrays: Named, params: Value) -> Result<Outputs> {
    call_with_inputs(op, arrays, params).0
}

fn numbers(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

/// A small network with one of its inputs replaced.
fn network<'a>(name: &'a str, array: Array) -> Named<'a> {
    let mut inputs = vec![
        ("points", zeros(&[3, 2])),
        ("w1", zeros(&[2, 4])),
        ("b1", zeros(&[4])),
        ("w2", zeros(&[4, 4])),
        ("b2", zeros(&[4])),
        ("w3", zeros(&[4, 1])),
        ("b3", zeros(&[1])),
    ];
    for input in &mut inputs {
        if input.0 == name {
            input.1 = array.clone();
        }
    }
    inputs
}

#[test]
fn bad_inputs_are_refused() {
    let weights = |losses: Array, initial: Array| vec![("residual_losses", losses), ("initial_loss", initial)];
    let loss = |residual: Array, mse: Array| vec![("residual", residual), ("initial_mse", mse)];
    let state = |state: Array, derivative: Array| vec![("state", state), ("dstate", derivative)];
    let field = |u: Array, u_t: Array, u_xx: Array| vec![("u", u), ("u_t", u_t), ("u_xx", u_xx)];
    let scalar = || zeros(&[]);
    let lorenz = || json!({"sigma": 10, "rho": 28, "beta": 2.5});
    let one = || json!({"epsilon": 1});
    let whole = || Array { shape: vec![2], values: Values::I64(vec![0, 1]) };
    let cases: Vec<(&str, Named, Value)> = vec![
        ("causal_weights", vec![], json!({})),
        ("causal_weights", weights(zeros(&[0]), scalar()), json!({})),
        ("causal_weights", weights(zeros(&[2, 2]), scalar()), json!({})),
        ("causal_weights", weights(floats(&[2], &[1.0, -1e-9]), scalar()), json!({})),
        ("causal_weights", weights(floats(&[2], &[1.0, f32::NAN]), scalar()), json!({})),
        ("causal_weights", weights(floats(&[2], &[1.0, f32::INFINITY]), scalar()), json!({})),
        ("causal_weights", weights(zeros(&[2]), floats(&[], &[-1.0])), json!({})),
        ("causal_weights", weights(zeros(&[2]), floats(&[], &[f32::NAN])), json!({})),
        ("causal_weights", weights(zeros(&[2]), zeros(&[2])), json!({})),
        ("causal_weights", weights(zeros(&[2]), scalar()), json!({"epsilon": -0.1})),
        ("causal_weights", weights(zeros(&[2]), scalar()), json!({"epsilon": "1"})),
        ("causal_weights", weights(whole(), scalar()), json!({})),
        ("causal_loss", loss(zeros(&[0, 4]), scalar()), one()),
        ("causal_loss", loss(zeros(&[4, 0]), scalar()), one()),
        ("causal_loss", loss(zeros(&[4]), scalar()), one()),
        ("causal_loss", loss(zeros(&[2, 2]), zeros(&[2])), one()),
        ("causal_loss", loss(zeros(&[2, 2]), floats(&[], &[-0.1])), one()),
        ("causal_loss", loss(floats(&[1, 2], &[f32::NAN, 0.0]), scalar()), one()),
        ("causal_loss", loss(floats(&[2, 1], &[1e30, 1e30]), scalar()), one()),
        ("causal_loss", loss(zeros(&[2, 2]), scalar()), json!({})),
        ("causal_loss", loss(zeros(&[2, 2]), scalar()), json!({"epsilon": -1})),
        ("causal_loss", loss(zeros(&[2, 2]), scalar()), json!({"epsilon": 1, "ic_weight": -1})),
        ("causal_loss", loss(zeros(&[2, 2]), scalar()), json!({"epsilon": 1, "ic_weight": "a"})),
        ("causal_loss", loss(zeros(&[2, 2]), scalar()), json!({"epsilon": 1, "ic_in_weights": 1})),
        ("tanh_mlp_jet", vec![], json!({})),
        ("tanh_mlp_jet", network("points", zeros(&[0, 2])), json!({})),
        ("tanh_mlp_jet", network("points", zeros(&[3, 3])), json!({})),
        ("tanh_mlp_jet", network("points", zeros(&[6])), json!({})),
        ("tanh_mlp_jet", network("points", floats(&[1, 2], &[f32::NAN, 0.0])), json!({})),
        ("tanh_mlp_jet", network("b1", zeros(&[3])), json!({})),
        ("tanh_mlp_jet", network("b2", zeros(&[1])), json!({})),
        ("tanh_mlp_jet", network("b3", zeros(&[2])), json!({})),
        ("tanh_mlp_jet", network("w2", zeros(&[4, 3])), json!({})),
        ("tanh_mlp_jet", network("w2", zeros(&[3, 3])), json!({})),
        ("tanh_mlp_jet", network("w3", zeros(&[1, 4])), json!({})),
        ("lorenz_residual", state(zeros(&[0, 3]), zeros(&[0, 3])), lorenz()),
        ("lorenz_residual", state(zeros(&[2, 4]), zeros(&[2, 4])), lorenz()),
        ("lorenz_residual", state(zeros(&[2, 3]), zeros(&[3, 3])), lorenz()),
        ("lorenz_residual", state(zeros(&[3]), zeros(&[3])), lorenz()),
        ("lorenz_residual", state(floats(&[1, 3], &[1e30; 3]), zeros(&[1, 3])), lorenz()),
        ("lorenz_residual", state(zeros(&[1, 3]), floats(&[1, 3], &[f32::NAN; 3])), lorenz()),
        ("lorenz_residual", state(zeros(&[2, 3]), zeros(&[2, 3])), json!({"sigma": 1, "rho": 1})),
        ("lorenz_residual", state(zeros(&[2, 3]), zeros(&[2, 3])), json!({"sigma": true, "rho": 1, "beta": 1})),
        ("allen_cahn_residual", field(zeros(&[0]), zeros(&[0]), zeros(&[0])), json!({})),
        ("allen_cahn_residual", field(zeros(&[2]), zeros(&[3]), zeros(&[2])), json!({})),
        ("allen_cahn_residual", field(zeros(&[2]), zeros(&[2]), zeros(&[1])), json!({})),
        ("allen_cahn_residual", field(zeros(&[2]), zeros(&[2]), zeros(&[2])), json!({"nu": -1})),
        ("allen_cahn_residual", field(zeros(&[2]), zeros(&[2]), zeros(&[2])), json!({"nu": []})),
        ("allen_cahn_residual", field(floats(&[1], &[1e20]), zeros(&[1]), zeros(&[1])), json!({})),
        ("causal_stop", vec![], json!({})),
        ("causal_stop", vec![("weights", zeros(&[0]))], json!({})),
        ("causal_stop", vec![("weights", zeros(&[2, 1]))], json!({})),
        ("causal_stop", vec![("weights", floats(&[2], &[1.0, f32::NAN]))], json!({})),
        ("causal_stop", vec![("weights", zeros(&[2]))], json!({"delta": 1.5})),
        ("causal_stop", vec![("weights", whole())], json!({})),
    ];
    for (op, arrays, params) in cases {
        let shown = format!("{op} {params} {arrays:?}");
        assert!(matches!(call(op, arrays, params), Err(Error::Input(_))), "was taken: {shown}");
    }
}

#[test]
fn extreme_losses_have_weights_without_nan() {
    let arrays = || vec![("residual_losses", floats(&[3], &[3e38, 3e38, 1.0])), ("initial_loss", zeros(&[]))];
    assert_eq!(numbers(&call("causal_weights", arrays(), json!({})).unwrap(), "weights"), [1.0, 0.0, 0.0]);
    assert_eq!(numbers(&call("causal_weights", arrays(), json!({"epsilon": 0})).unwrap(), "weights"), [1.0; 3]);
    let one = vec![("residual_losses", floats(&[1], &[7.0])), ("initial_loss", floats(&[], &[0.5]))];
    let found = call("causal_weights", one, json!({"epsilon": 2})).unwrap();
    assert!((numbers(&found, "weights")[0] - (-1.0_f64).exp()).abs() < 1e-7);
}

/// One unit per layer: u = c·tanh(b·tanh(a·x)), with derivatives by x in closed form.
#[test]
fn a_narrow_network_has_its_closed_form_and_gradients_reach_all_inputs() {
    let (a, b, c, x) = (0.5_f64, -1.25_f64, 2.0_f64, 0.75_f64);
    let one = |value: f64| floats(&[1, 1], &[value as f32]);
    let arrays = vec![
        ("points", one(x)),
        ("w1", one(a)),
        ("b1", zeros(&[1])),
        ("w2", one(b)),
        ("b2", zeros(&[1])),
        ("w3", one(c)),
        ("b3", floats(&[1], &[3.0])),
    ];
    let (found, inputs) = call_with_inputs("tanh_mlp_jet", arrays, json!({}));
    let found = found.unwrap();
    let (p, q) = ((a * x).tanh(), (b * (a * x).tanh()).tanh());
    let (dp, dq) = (a * (1.0 - p * p), 1.0 - q * q);
    let d2p = -2.0 * a * p * dp;
    let second = c * dq * (b * d2p - 2.0 * q * (b * dp).powi(2));
    for (name, want) in [("u", c * q + 3.0), ("du", c * dq * b * dp), ("d2u", second)] {
        let got = numbers(&found, name)[0];
        assert!((got - want).abs() < 1e-6 * want.abs().max(1.0), "{name}: {got} instead of {want}");
    }
    assert_eq!(found.get("d2u").unwrap().shape, [1, 1, 1]);
    let gradients = found.gradients("d2u", &inputs, &["points", "w1", "w3", "b3"]).unwrap();
    assert!((gradients["w3"].values.to_f64()[0] - second / c).abs() < 1e-5);
    assert_eq!(gradients["b3"].values.to_f64(), [0.0]);
    assert!(gradients["points"].values.to_f64()[0] != 0.0 && gradients["w1"].values.to_f64()[0] != 0.0);
}

fn trials(profile: Profile, seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), profile, seed..=seed)
}

fn find(profile: Profile, problem: &str, arm: &str) -> Trial {
    let on = |trial: &Trial| trial.arm == arm && trial.cell == GridCell::new().with("problem", problem);
    trials(profile, 0).into_iter().find(on).unwrap()
}

fn run(trial: &Trial) -> Notebook {
    REPRODUCTION.check(trial).unwrap();
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.run(trial, &mut lab).unwrap_or_else(|error| panic!("{} {}: {error}", trial.arm, trial.cell));
    lab.finish()
}

#[test]
fn the_smoke_profile_runs_and_can_be_judged_and_drawn() {
    let mut records = Vec::new();
    for trial in trials(Profile::Smoke, 0).iter().chain(&trials(Profile::Smoke, 1)) {
        let notebook = run(trial);
        for (name, value) in &notebook.metrics {
            assert!(value.0.is_finite(), "{} {}: {name} is {}", trial.arm, trial.cell, value.0);
        }
        records.push(notebook.into_record(trial));
    }
    let metric = |problem: &str, arm: &str, name: &str| {
        let cell = GridCell::new().with("problem", problem);
        records.iter().find(|record| record.arm == arm && record.cell == cell).unwrap().metric(name).unwrap()
    };
    // All arms take as many steps, whatever the number of stages and windows.
    for arm in ["plain", "causal", "marching", "causal_eps_small", "causal_eps_large"] {
        assert_eq!(metric("lorenz", arm, "steps"), 80.0, "{arm}");
    }
    assert_eq!(metric("kuramoto_sivashinsky", "plain", "steps"), 40.0, "two windows");
    assert_eq!(metric("kuramoto_sivashinsky", "marching", "steps"), 40.0, "four windows");
    assert_eq!(metric("lorenz", "plain", "min_weight"), 1.0);
    assert_eq!(metric("lorenz", "causal", "checkpoints"), 9.0, "of the last of two stages, without its first step");
    let results = Results::new("causal_pinn", Profile::Smoke, records);
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}", claim.id);
    }
    let figures = REPRODUCTION.figures(&results);
    let mut names: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), figures.len()), (16, 16), "five per problem and one: {names:?}");
    assert!(REPRODUCTION.figures(&Results::new("causal_pinn", Profile::Smoke, Vec::new())).is_empty());
}

#[test]
fn a_trial_repeats_to_the_bit_and_arms_differ_by_their_weights_alone() {
    let (plain, causal) =
        (run(&find(Profile::Smoke, "lorenz", "plain")), run(&find(Profile::Smoke, "lorenz", "causal")));
    let again = run(&find(Profile::Smoke, "lorenz", "causal"));
    assert_eq!((&causal.metrics, &causal.series), (&again.metrics, &again.series));
    assert_eq!(plain.series["slab_loss_start"], causal.series["slab_loss_start"], "the same network at the start");
    assert_ne!(plain.metrics["error"], causal.metrics["error"]);
    // A weighting that hardly weights is the plain network.
    let mut trial = find(Profile::Smoke, "lorenz", "causal_eps_small");
    trial.arm_settings = json!({"weighting": {"fixed": {"epsilon": 1e-30}}});
    assert_eq!(run(&trial).metrics["error"], plain.metrics["error"]);
}

/// With a loss that starts below what ε asks for, every stage ends at its first look.
#[test]
fn a_stage_ends_where_all_weights_are_above_delta() {
    let mut trial = find(Profile::Smoke, "lorenz", "causal");
    trial.settings["problems"]["lorenz"]["training"]["epsilons"] = json!([1e-12, 1e-11]);
    let found = run(&trial);
    assert_eq!(found.metrics["steps"], Number(40.0), "20 of 40 steps in each of two stages");
    trial.settings["problems"]["lorenz"]["training"]["delta"] = json!(1.0);
    assert_eq!(run(&trial).metrics["steps"], Number(80.0), "a weight is never above 1");
    trial.arm_settings = json!({"weighting": {"fixed": {"epsilon": 1e-12}}});
    assert_eq!(run(&trial).metrics["steps"], Number(80.0), "one ε takes all steps");
}

/// The error falls far below that of the start: the residual, its derivatives and the reference belong to one equation.
#[test]
fn a_short_time_is_solved_accurately() {
    let mut trial = find(Profile::Smoke, "lorenz", "causal");
    let problem = &mut trial.settings["problems"]["lorenz"];
    problem["horizon"] = json!(0.05);
    problem["window"] = json!(0.05);
    problem["training"]["steps"] = json!(1200);
    let error = run(&trial).metrics["error"].0;
    assert!(error < 0.01, "{error}");
}

/// The same for both equations in space, measured by what a solution that stays at its start would get.
#[test]
fn short_times_of_the_equations_in_space_are_solved() {
    for (problem, horizon) in [("allen_cahn", 0.1), ("kuramoto_sivashinsky", 0.01)] {
        let mut trial = find(Profile::Smoke, problem, "plain");
        let settings = &mut trial.settings["problems"][problem];
        (settings["horizon"], settings["window"]) = (json!(horizon), json!(horizon));
        settings["training"]["steps"] = json!(1500);
        // Fewer points would let residuals be small at the points and large between them.
        settings["points"] = json!(64);
        let error = run(&trial).metrics["error"].0;
        let settings: Settings = trial.settings().unwrap();
        let (equation, times) = (settings.problems[problem].equation, 11);
        let x = periodic_grid(64);
        let reference: Vec<f64> = equation.reference(&x, horizon / 10.0, times, 1e-4).concat();
        let resting = relative_l2(&equation.start(&x).repeat(times), &reference);
        assert!(error < 0.5 * resting, "{problem}: {error}, {resting} at rest");
    }
}

#[test]
fn windows_and_stages_are_those_of_the_arm() {
    let settings: Settings = serde_json::from_value(REPRODUCTION.paper().profiles.quick.settings.clone()).unwrap();
    let problem = &settings.problems["lorenz"];
    let arm = |name: &str| -> Arm {
        serde_json::from_value(REPRODUCTION.paper().arm(name).unwrap().settings.clone()).unwrap()
    };
    let stage = |epsilon, steps, stops| Stage { epsilon, steps, stops };
    assert_eq!(problem.windows(&arm("plain")), (1, 0.5));
    assert_eq!(problem.windows(&arm("marching")), (2, 0.25));
    assert_eq!(problem.stages(&arm("plain")), [stage(0.0, 8000, false)]);
    assert_eq!(problem.stages(&arm("marching")), [stage(0.0, 4000, false)]);
    assert_eq!(
        problem.stages(&arm("causal")),
        [stage(0.001, 2666, true), stage(0.01, 2666, true), stage(0.1, 2666, true)]
    );
    assert_eq!(problem.stages(&arm("causal_eps_large")), [stage(10.0, 8000, false)]);
}

#[test]
fn impossible_settings_are_refused_with_their_key() {
    for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
        trials(profile, 0).iter().for_each(|trial| REPRODUCTION.check(trial).unwrap());
    }
    let refused = |change: &dyn Fn(&mut Trial), key: &str| {
        let mut trial = find(Profile::Smoke, "lorenz", "causal");
        change(&mut trial);
        let error = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(error.contains(key), "{error} does not name {key}");
    };
    let lorenz = |key: &'static str, value: Value| {
        move |trial: &mut Trial| trial.settings["problems"]["lorenz"][key] = value.clone()
    };
    let training = |key: &'static str, value: Value| {
        move |trial: &mut Trial| trial.settings["problems"]["lorenz"]["training"][key] = value.clone()
    };
    refused(&lorenz("horizon", json!(0.0)), "lorenz.horizon");
    refused(&lorenz("window", json!(0.15)), "lorenz.window");
    refused(&lorenz("overhang", json!(-0.1)), "lorenz.overhang");
    refused(&lorenz("slabs", json!(1)), "lorenz.slabs");
    refused(&lorenz("points", json!(2)), "lorenz.points");
    refused(&lorenz("condition", json!({"soft": {"modes": 3, "weight": 1.0, "in_weights": true}})), "lorenz.condition");
    refused(&lorenz("network", json!({"hidden": []})), "lorenz.network.hidden");
    refused(&lorenz("network", json!({"hidden": [4, 5], "modified": true})), "lorenz.network.hidden");
    refused(&lorenz("reference", json!({"step": 0.0, "times": 5, "points": 1})), "lorenz.reference.step");
    refused(&lorenz("slab", json!(1)), "slab");
    refused(&training("epsilons", json!([])), "training.epsilons");
    refused(&training("epsilons", json!([0.0])), "training.epsilons");
    refused(&training("delta", json!(2.0)), "training.delta");
    refused(&training("steps", json!(1)), "training.steps");
    refused(&training("check_every", json!(0)), "training.check_every");
    refused(&training("learning_rate", json!(-1.0)), "training.learning_rate");
    refused(&|trial| trial.arm_settings = json!({"weighting": "none", "parts": 0}), "parts");
    refused(&|trial| trial.arm_settings = json!({"weighting": "none", "parts": 81}), "reference.times");
    refused(&|trial| trial.arm_settings = json!({"weighting": {"fixed": {"epsilon": 0.0}}}), "weighting.fixed.epsilon");
    refused(&|trial| trial.arm_settings = json!({"weighting": "some"}), "weighting");
    refused(&|trial| trial.cell = GridCell::new().with("problem", "pendulum"), "pendulum");
    refused(&|trial| trial.cell = GridCell::new(), "problem");
}

#[test]
fn the_relative_error_is_that_of_norms() {
    assert_eq!(relative_l2(&[3.0, 4.0], &[0.0, 4.0]), 0.75);
    assert!(relative_l2(&[f64::NAN], &[1.0]).is_nan());
}

/// Records of arms on the Lorenz system with given metrics by seed.
fn results(arms: &[(&str, &str, &[f64])]) -> Results {
    let mut records: Vec<Record> = Vec::new();
    for (arm, metric, values) in arms {
        for (seed, value) in values.iter().enumerate() {
            let mut trial = find(Profile::Quick, "lorenz", arm);
            trial.seed = seed as u64;
            let mut notebook = Notebook::default();
            notebook.metrics.insert((*metric).to_owned(), Number(*value));
            records.push(notebook.into_record(&trial));
        }
    }
    Results::new("causal_pinn", Profile::Quick, records)
}

fn verdict(id: &str, results: &Results) -> Verdict {
    harness_core::judge::judge(&REPRODUCTION, REPRODUCTION.paper().claim(id).unwrap(), results).verdict
}

#[test]
fn accuracy_is_judged_by_the_median_ratio_and_every_seed() {
    let judged = |plain: &[f64], causal: &[f64]| {
        let results = results(&[("plain", "error", plain), ("causal", "error", causal)]);
        assert_eq!(verdict("C1", &results), verdict("C2", &results), "both rest on the Lorenz system here");
        verdict("C2", &results)
    };
    assert_eq!(judged(&[0.9, 0.8, 1.0], &[0.01, 0.02, 0.01]), Verdict::Reproduced);
    assert_eq!(judged(&[0.9, 0.8, 1.0], &[0.3, 0.3, 0.3]), Verdict::Inconclusive, "only three times better");
    assert_eq!(judged(&[0.9, 0.8, 1.0], &[0.01, 0.02, 1.1]), Verdict::Inconclusive, "one seed is worse");
    assert_eq!(judged(&[1.0, 1.1, 1.1], &[1.0, 1.0, 1.0]), Verdict::DirectionOnly);
    assert_eq!(judged(&[0.5, 0.5, 0.6], &[1.0, 1.0, 1.0]), Verdict::Contradicted);
    assert_eq!(judged(&[f64::NAN, 0.9, 0.9], &[0.01, 0.01, 0.01]), Verdict::Inconclusive, "diverged");
    assert_eq!(judged(&[0.9], &[0.01]), Verdict::DirectionOnly, "one seed");
}

#[test]
fn order_and_convergence_are_judged_by_seed() {
    let order = |plain: &[f64], causal: &[f64]| {
        verdict("C3", &results(&[("plain", "order_tau", plain), ("causal", "order_tau", causal)]))
    };
    assert_eq!(order(&[0.1, 0.0, -0.1], &[0.9, 0.9, 0.8]), Verdict::Reproduced);
    assert_eq!(order(&[0.1, 0.0, 0.9], &[0.9, 0.9, 0.8]), Verdict::Inconclusive);
    let convergence = |rho: &[f64]| verdict("C4", &results(&[("causal", "convergence_rho", rho)]));
    assert_eq!(convergence(&[-0.5, -0.9, -1.0]), Verdict::Reproduced);
    assert_eq!(convergence(&[-0.49, -0.9, -1.0]), Verdict::DirectionOnly);
    assert_eq!(convergence(&[0.2, 0.3, 0.0]), Verdict::Contradicted);
    assert_eq!(convergence(&[f64::NAN, -0.9, -1.0]), Verdict::Inconclusive);
    assert_eq!(verdict("C4", &results(&[])), Verdict::NotRun);
}

#[test]
fn the_ablation_compares_medians() {
    let judged = |marching: &[f64], causal: &[f64]| {
        verdict("C5", &results(&[("marching", "error", marching), ("causal", "error", causal)]))
    };
    assert_eq!(judged(&[0.5, 0.6, 0.4], &[0.01, 0.01, 0.02]), Verdict::Reproduced);
    assert_eq!(judged(&[0.01, 0.01, 0.02], &[0.5, 0.6, 0.4]), Verdict::Contradicted);
    assert_eq!(judged(&[0.5, 0.01, 0.4], &[0.01, 0.5, 0.02]), Verdict::DirectionOnly, "better, but not beyond chance");
}
