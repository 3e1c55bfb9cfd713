//! What must be true of the whole paper: conformance, edge cases of the ops, the two steps, the smoke profile, the rules of
//! the claims.

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
use serde_json::{Map, Value, json};

use super::REPRODUCTION;
use super::corpus;
use super::dataset;
use super::image_task::ImageTask;
use super::ops::OPS;
use super::settings::{Model, Settings, TaskName, TaskSettings};
use super::strengths::{Strengths, Target};
use super::task::Task;
use super::text_task::TextTask;
use super::training::{Run, SelfTuning, fit_plain};
use super::tuned::Tuned;

/// Small sizes for the tests of other files.
pub fn smoke_settings(task: TaskName) -> TaskSettings {
    let mut settings: Settings = serde_json::from_value(REPRODUCTION.paper().profiles.smoke.settings.clone()).unwrap();
    settings.tasks.remove(&task).unwrap()
}

/// A lab to draw from.
pub fn with_lab(work: impl FnOnce(&mut Lab)) {
    let trial = trials(Profile::Smoke, 0).remove(0);
    let mut host = QuietHost;
    work(&mut Lab::new(&trial, DeviceChoice::Cpu.open().unwrap(), &mut host));
}

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

fn labels(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values.to_vec()) }
}

type Named<'a> = Vec<(&'a str, Array)>;

fn call(op: &str, arrays: Named, params: Value) -> Result<Outputs> {
    let arrays: BTreeMap<String, Array> = arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    (OPS.iter().find(|candidate| candidate.name == op).unwrap().run)(&inputs)
}

fn numbers(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

/// The inputs of `hyper_linear` with one of them replaced.
fn layer<'a>(name: &'a str, array: Array) -> Named<'a> {
    let mut inputs = vec![
        ("x", zeros(&[3, 4])),
        ("elem_weight", zeros(&[2, 4])),
        ("hyper_weight", zeros(&[2, 4])),
        ("elem_bias", zeros(&[2])),
        ("hyper_bias", zeros(&[2])),
        ("response", zeros(&[4, 3])),
        ("h", zeros(&[3, 3])),
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
    let one_range = || json!({"ranges": [[0, 1]], "discrete": [false]});
    let perturbation = |h: &[usize], scale: &[usize], noise: &[usize]| {
        vec![("htensor", zeros(h)), ("hscale", zeros(scale)), ("noise", zeros(noise))]
    };
    let loss =
        |logits: Array, targets: Array, scale: Array| vec![("logits", logits), ("labels", targets), ("hscale", scale)];
    let response = |x: Array, t: Array, lambda: Array| vec![("x", x), ("t", t), ("log_lambda", lambda)];
    let cases: Vec<(&str, Named, Value)> = vec![
        ("hyper_linear", vec![], json!({})),
        ("hyper_linear", layer("x", zeros(&[0, 4])), json!({})),
        ("hyper_linear", layer("x", zeros(&[3, 5])), json!({})),
        ("hyper_linear", layer("x", zeros(&[12])), json!({})),
        ("hyper_linear", layer("x", floats(&[3, 4], &[f32::NAN; 12])), json!({})),
        ("hyper_linear", layer("h", zeros(&[1, 3])), json!({})),
        ("hyper_linear", layer("h", zeros(&[3, 2])), json!({})),
        ("hyper_linear", layer("response", zeros(&[2, 3])), json!({})),
        ("hyper_linear", layer("response", zeros(&[3, 4])), json!({})),
        ("hyper_linear", layer("hyper_weight", zeros(&[4, 2])), json!({})),
        ("hyper_linear", layer("elem_weight", zeros(&[4, 2])), json!({})),
        ("hyper_linear", layer("hyper_bias", zeros(&[3])), json!({})),
        ("hyper_linear", layer("elem_bias", zeros(&[1])), json!({})),
        ("hyper_linear", layer("x", labels(&[1])), json!({})),
        ("hyper_linear", layer("", zeros(&[1])), json!({"elem_scale": "one"})),
        ("hparam_transform", vec![], one_range()),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 2]))], one_range()),
        ("hparam_transform", vec![("htensor", zeros(&[0, 1]))], one_range()),
        ("hparam_transform", vec![("htensor", zeros(&[1]))], one_range()),
        ("hparam_transform", vec![("htensor", floats(&[1, 1], &[f32::INFINITY]))], one_range()),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": [[1, 1]], "discrete": [false]})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": [[1, 0]], "discrete": [false]})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": [[0, 1]], "discrete": []})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": [[0]], "discrete": [false]})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": 3, "discrete": [false]})),
        ("hparam_transform", vec![("htensor", zeros(&[1, 1]))], json!({"ranges": [[0, 1]], "discrete": [1]})),
        ("perturb", perturbation(&[2], &[2], &[3, 2]), json!({})),
        ("perturb", perturbation(&[2], &[2], &[3, 2]), json!({"per_example": [true]})),
        ("perturb", perturbation(&[2], &[3], &[3, 2]), json!({"per_example": [true, true]})),
        ("perturb", perturbation(&[1], &[2], &[3, 2]), json!({"per_example": [true, true]})),
        ("perturb", perturbation(&[2], &[2], &[0, 2]), json!({"per_example": [true, true]})),
        ("perturb", perturbation(&[0], &[0], &[3, 0]), json!({"per_example": []})),
        ("perturbation_entropy", vec![], json!({})),
        ("perturbation_entropy", vec![("hscale", zeros(&[0]))], json!({})),
        ("perturbation_entropy", vec![("hscale", zeros(&[]))], json!({})),
        ("perturbation_entropy", vec![("hscale", floats(&[1], &[f32::NAN]))], json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[2]), zeros(&[1])), json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[-1]), zeros(&[1])), json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[0, 1]), zeros(&[1])), json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[0]), zeros(&[0])), json!({})),
        ("stn_loss", loss(zeros(&[0, 2]), labels(&[]), zeros(&[1])), json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), zeros(&[1]), zeros(&[1])), json!({})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[0]), zeros(&[1])), json!({"entropy_weight": -0.1})),
        ("stn_loss", loss(zeros(&[1, 2]), labels(&[0]), zeros(&[1])), json!({"entropy_weight": true})),
        ("exact_response", response(zeros(&[2, 1]), zeros(&[2]), zeros(&[1])), json!({})),
        ("exact_response", response(floats(&[1, 2], &[1.0, 2.0]), zeros(&[1]), zeros(&[1])), json!({})),
        ("exact_response", response(floats(&[2, 1], &[1.0, 2.0]), zeros(&[3]), zeros(&[1])), json!({})),
        ("exact_response", response(floats(&[2, 1], &[1.0, 2.0]), zeros(&[2]), zeros(&[0])), json!({})),
        ("exact_response", response(zeros(&[0, 0]), zeros(&[0]), zeros(&[1])), json!({})),
        ("exact_response", response(floats(&[2, 1], &[1.0, f32::NAN]), zeros(&[2]), zeros(&[1])), json!({})),
    ];
    for (op, arrays, params) in cases {
        let shown = format!("{op} {params} {arrays:?}");
        assert!(matches!(call(op, arrays, params), Err(Error::Input(_))), "was taken: {shown}");
    }
}

#[test]
fn huge_logits_and_scales_give_finite_losses() {
    let arrays = vec![
        ("logits", floats(&[2, 2], &[1e4, -1e4, -1e4, 1e4])),
        ("labels", labels(&[0, 0])),
        ("hscale", floats(&[2], &[-200.0, 1e4])),
    ];
    let found = call("stn_loss", arrays, json!({"entropy_weight": 0.5})).unwrap();
    assert!((numbers(&found, "cross_entropy")[0] - 1e4).abs() < 1.0);
    let entropy = -200.0 + 1e4f64.ln() + 2.0 * 1.4189385332046727;
    assert!((numbers(&found, "loss")[0] - (1e4 - 0.5 * entropy)).abs() < 1e-2);
}

#[test]
fn a_shared_hyperparameter_takes_the_first_row_and_large_scales_are_exact() {
    let arrays = vec![
        ("htensor", floats(&[2], &[1.0, 2.0])),
        ("hscale", floats(&[2], &[1000.0, 1000.0])),
        ("noise", floats(&[2, 2], &[0.5, 0.5, -0.5, -0.5])),
    ];
    let found = call("perturb", arrays, json!({"per_example": [true, false]})).unwrap();
    assert_eq!(numbers(&found, "value"), [501.0, 502.0, -499.0, 502.0]);
}

/// Runs the same checks on a task of images and on one of text.
macro_rules! on_each_task {
    (|$tuning:ident| $check:block, tune_scales: $tune_scales:expr) => {
        with_lab(|lab| {
            for name in [TaskName::Perceptron, TaskName::Images] {
                let settings = smoke_settings(name);
                let data = match settings.model {
                    Model::Perceptron { .. } => dataset::teacher(&settings, &mut lab.rng("data")),
                    _ => dataset::coloured_squares(&settings, &mut lab.rng("data")),
                };
                let task = ImageTask::new(&data, &settings, lab.device()).unwrap();
                let tuned = Tuned::new(&settings.hyperparameters, &settings.held).unwrap();
                let mut $tuning = SelfTuning::new(&task, &settings, &tuned, $tune_scales, lab).unwrap();
                $check
            }
            let settings = smoke_settings(TaskName::Language);
            let text = corpus::chain(&settings, 20, &mut lab.rng("data"));
            let task = TextTask::new(&text, 8, 5, &settings, lab.device()).unwrap();
            let tuned = Tuned::new(&settings.hyperparameters, &settings.held).unwrap();
            let mut $tuning = SelfTuning::new(&task, &settings, &tuned, $tune_scales, lab).unwrap();
            $check
        })
    };
}

#[test]
fn training_moves_weights_only_and_validation_hyperparameters_only() {
    on_each_task!(
        |tuning| {
            let start = (tuning.hyperparameters(), tuning.scales(), tuning.probe());
            tuning.train_step(0.05).unwrap();
            let trained = (tuning.hyperparameters(), tuning.scales(), tuning.probe());
            assert_eq!((&start.0, &start.1), (&trained.0, &trained.1), "the training loss moved hyper-parameters");
            assert_ne!(start.2, trained.2);
            tuning.validation_step().unwrap();
            let tuned = (tuning.hyperparameters(), tuning.scales(), tuning.probe());
            assert_eq!(trained.2, tuned.2, "the validation loss moved weights");
            assert!(trained.0.iter().zip(&tuned.0).all(|(before, after)| before != after));
            assert!(trained.1.iter().zip(&tuned.1).all(|(before, after)| before != after));
        },
        tune_scales: true
    );
}

#[test]
fn scales_rest_where_they_are_not_tuned() {
    on_each_task!(
        |tuning| {
            let (h, scales) = (tuning.hyperparameters(), tuning.scales());
            tuning.train_step(0.05).unwrap();
            tuning.validation_step().unwrap();
            assert_eq!(scales, tuning.scales());
            assert!(scales.iter().all(|scale| (scale - scales[0]).abs() < 1e-6));
            assert_ne!(h, tuning.hyperparameters());
        },
        tune_scales: false
    );
}

/// A chain with chances of 60, 30 and 10 % has 0.9 nats per word; its words alone, without their order, have over 2.
#[test]
fn the_language_model_learns_which_word_follows_which() {
    with_lab(|lab| {
        let mut settings = smoke_settings(TaskName::Language);
        (settings.train, settings.validation, settings.test) = (4000, 400, 400);
        (settings.epochs, settings.batch) = (2, 20);
        let text = corpus::chain(&settings, 12, &mut lab.rng("data"));
        let mut counts = [0.0f64; 12];
        text.test.iter().for_each(|word| counts[*word as usize] += 1.0 / 400.0);
        let alone: f64 = counts.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum();
        let task = TextTask::new(&text, 16, 5, &settings, lab.device()).unwrap();
        let run = Run::alone(6 * task.steps_per_epoch());
        let fit = fit_plain(&task, &settings, run, |_| Strengths::default(), lab).unwrap();
        assert!(fit.test_loss < 0.75 * alone, "{} of {alone} nats: {:?}", fit.test_loss, fit.curve);
    });
}

/// The trials of a profile, with generated data.
fn trials(profile: Profile, seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), profile, seed..=seed)
}

fn on(trial: &Trial, task: &str) -> bool {
    trial.cell.get("task") == Some(&task.into())
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
    for trial in trials(Profile::Smoke, 0).iter().chain(&trials(Profile::Smoke, 1)) {
        let notebook = run(trial);
        for (name, value) in &notebook.metrics {
            assert!(value.0.is_finite(), "{}: {name} is {}", trial.arm, value.0);
        }
        records.push(notebook.into_record(trial));
    }
    let of_task = |task: &str, arm: &str, name: &str| {
        let found = records.iter().find(|r| r.arm == arm && r.cell.get("task").is_none_or(|t| *t == task.into()));
        found.unwrap().metric(name).unwrap()
    };
    let metric = |arm: &str, name: &str| of_task("perceptron", arm, name);
    // 42 training steps and half as many validation steps after the first epoch; searches take no more.
    assert_eq!(metric("stn", "steps"), 60.0);
    assert_eq!((metric("grid", "steps"), metric("random", "steps")), (60.0, 56.0));
    assert_eq!(metric("replay", "steps"), 42.0);
    assert!(metric("default", "test_loss") < 1.1, "worse than chance: {}", metric("default", "test_loss"));
    assert!(metric("theory", "deviation") < 1e-9);
    // Images: 16 training steps, half as many validation steps after the first 4. Text: 41 words a row make 8 steps.
    assert_eq!((of_task("images", "stn", "steps"), of_task("images", "grid", "steps")), (22.0, 21.0));
    assert_eq!((of_task("language", "stn", "steps"), of_task("language", "random", "steps")), (44.0, 44.0));
    let (loss, perplexity) = ("test_loss", "test_perplexity");
    assert_eq!(of_task("language", "stn", loss).exp(), of_task("language", "stn", perplexity));
    assert!(of_task("language", "default", perplexity) < 20.0, "no better than chance");
    let results = Results::new("stn", Profile::Smoke, records);
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}", claim.id);
    }
    // Five for each of the tasks; that of a single rate has no arms for searches and retraining.
    let figures = REPRODUCTION.figures(&results);
    let mut names: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), figures.len()), (19, 19), "{names:?}");
    assert!(REPRODUCTION.figures(&Results::new("stn", Profile::Smoke, Vec::new())).is_empty());
}

/// Warm-up, then hyper-parameters that move at the second, fourth … training step; values of the start before that.
#[test]
fn the_schedule_rests_during_the_warm_up() {
    let trials = trials(Profile::Smoke, 0);
    let stn = run(trials.iter().find(|trial| trial.arm == "stn" && on(trial, "perceptron")).unwrap());
    for (name, start) in [("input_dropout", 0.05), ("cutout_length", 2.5)] {
        let values: Vec<f64> = stn.series[&format!("value_{name}")].points().map(|(_, value)| value).collect();
        assert_eq!(values.len(), 8);
        assert!((values[0] - start).abs() < 1e-6 && values[1] == values[0] && values[2] != values[1], "{values:?}");
    }
}

#[test]
fn a_trial_repeats_to_the_bit_and_arms_share_what_they_should() {
    for task in ["perceptron", "images", "language"] {
        let trials: Vec<Trial> = trials(Profile::Smoke, 0).into_iter().filter(|trial| on(trial, task)).collect();
        let arm = |name: &str| run(trials.iter().find(|trial| trial.arm == name).unwrap());
        let stn = arm("stn");
        let again = arm("stn");
        assert_eq!((&stn.metrics, &stn.series), (&again.metrics, &again.series), "{task}");
        assert_ne!(stn.metrics, arm("stn_fixed_scale").metrics, "{task}");
        // Until the warm-up ends, the replayed schedule is that of the start.
        let (default, replay, last) = (arm("default"), arm("replay"), arm("final"));
        let first = |notebook: &Notebook| notebook.series["validation_loss"].y[0].0;
        assert!((first(&default) - first(&replay)).abs() < 1e-5, "{task}");
        let after = |notebook: &Notebook| notebook.metrics["last_validation_loss"];
        assert_ne!(after(&default), after(&replay), "{task}");
        assert_ne!(after(&replay), after(&last), "{task}");
    }
}

/// What every profile tunes is tuned by its network, and text takes one value per batch where weights or the loss are meant.
#[test]
fn every_profile_tunes_what_its_networks_have() {
    for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
        for trial in trials(profile, 0) {
            REPRODUCTION.check(&trial).unwrap();
        }
    }
    let full: Settings = serde_json::from_value(REPRODUCTION.paper().profiles.full.settings.clone()).unwrap();
    let count = |task| full.tasks[&task].hyperparameters.len();
    assert_eq!((count(TaskName::Images), count(TaskName::Language), count(TaskName::LanguageOutput)), (15, 7, 1));
    let tuned = Tuned::new(&full.tasks[&TaskName::Language].hyperparameters, &[]).unwrap();
    assert_eq!(tuned.per_example(), [true, true, true, false, false, false, false]);
    let held = &full.tasks[&TaskName::LanguageOutput];
    let strengths = Tuned::new(&held.hyperparameters, &held.held).unwrap().with_dropout(0.6);
    assert_eq!((strengths.of(Target::OutputDropout), strengths.of(Target::InputDropout)), (0.6, 0.05));
}

#[test]
fn impossible_settings_are_refused_with_their_key() {
    let find = |arm: &str| trials(Profile::Smoke, 0).into_iter().find(|trial| trial.arm == arm).unwrap();
    let refused = |arm: &str, change: &dyn Fn(&mut Trial), key: &str| {
        let mut trial = find(arm);
        change(&mut trial);
        let error = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(error.contains(key), "{error} does not name {key}");
    };
    let cell = || GridCell::new().with("task", "perceptron");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["batch"] = json!(0), "tasks.perceptron.batch");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["warm_up"] = json!(7), "warm_up");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["scale"] = json!(0.0), "scale");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["momentum"] = json!(1.0), "momentum");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["entropy_weight"] = json!(-1.0), "entropy_weight");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["grid"] = json!([1.0]), "grid");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["hyperparameters"] = json!([]), "hyperparameters");
    refused(
        "stn",
        &|trial| trial.settings["tasks"]["perceptron"]["hyperparameters"][0]["start"] = json!(0.9),
        "input_dropout.start",
    );
    refused(
        "stn",
        &|trial| trial.settings["tasks"]["perceptron"]["hyperparameters"][0]["range"] = json!([0.0, 1.2]),
        "input_dropout.range",
    );
    refused(
        "stn",
        &|trial| trial.settings["tasks"]["perceptron"]["hyperparameters"][1]["target"] = json!("input_dropout"),
        "twice",
    );
    refused("stn", &|trial| trial.settings["theory"]["rows"] = json!(1), "theory.rows");
    refused("stn", &|trial| trial.settings["bach"] = json!(0), "bach");
    let perceptron = |trial: &mut Trial, key: &str, value: Value| trial.settings["tasks"]["perceptron"][key] = value;
    let hue = json!([{"target": "hue", "range": [0, 0.5], "start": 0.1}]);
    refused("stn", &|trial| perceptron(trial, "hyperparameters", hue.clone()), "hue does nothing");
    let endless = json!([{"target": "input_scaling", "range": [0, null], "start": 0.1}]);
    refused("stn", &|trial| perceptron(trial, "hyperparameters", endless.clone()), "input_scaling.draw");
    let wide = json!([{"target": "input_dropout", "range": [0, null], "start": 0.1, "draw": [0, 0.5]}]);
    refused("stn", &|trial| perceptron(trial, "hyperparameters", wide.clone()), "input_dropout.range");
    refused("stn", &|trial| perceptron(trial, "held", json!([{"target": "input_dropout", "value": 0.1}])), "twice");
    refused("stn", &|trial| perceptron(trial, "clip", json!(0.0)), "clip");
    refused("stn", &|trial| perceptron(trial, "decay", json!({"patience": 1, "divisor": 0.0})), "decay.divisor");
    refused("stn", &|trial| perceptron(trial, "model", json!({"perceptron": {"hidden": 0}})), "perceptron.hidden");
    refused("stn", &|trial| trial.settings["tasks"]["perceptron"]["shared"]["target"] = json!("hue"), "shared.target");
    refused("stn", &|trial| trial.cell = GridCell::new(), "task");
    refused("stn", &|trial| trial.cell = GridCell::new().with("task", "speech"), "speech");
    refused("theory", &|trial| trial.cell = GridCell::new().with("task", "images"), "task");
    refused("stn", &|trial| trial.arm_settings["method"] = json!("best"), "best");
    refused("stn", &|trial| trial.cell = cell().with("start", 0.5), "start");
    refused("shared", &|trial| trial.cell = cell(), "start");
    refused("shared", &|trial| trial.cell = cell().with("start", 0.95), "start");
}

/// Records with made-up metrics on the one task of the quick profile: (arm, start, seed, metric, value).
fn made_up(values: &[(&str, Option<f64>, u64, &str, f64)]) -> Results {
    let template = trials(Profile::Quick, 0).remove(0);
    let records = values
        .iter()
        .map(|(arm, start, seed, metric, value)| {
            let cell = if *arm == "theory" { GridCell::new() } else { GridCell::new().with("task", "perceptron") };
            let cell = match start {
                Some(start) => cell.with("start", *start),
                None => cell,
            };
            let trial = Trial { arm: (*arm).to_owned(), seed: *seed, cell, ..template.clone() };
            let mut record = Notebook::default().into_record(&trial);
            record.metrics.insert((*metric).to_owned(), Number(*value));
            record
        })
        .collect();
    Results::new("stn", Profile::Quick, records)
}

fn verdict(claim: &str, results: &Results) -> Verdict {
    REPRODUCTION.judge(REPRODUCTION.paper().claim(claim).unwrap(), results).unwrap().verdict
}

fn test_losses(arms: &[(&'static str, [f64; 3])]) -> Results {
    let values: Vec<_> = arms
        .iter()
        .flat_map(|(arm, losses)| (0..3).map(|seed| (*arm, None, seed as u64, "test_loss", losses[seed])))
        .collect();
    made_up(&values)
}

#[test]
fn the_rules_of_the_comparisons() {
    let c1 = |grid, random| verdict("C1", &test_losses(&[("stn", [0.50; 3]), ("grid", grid), ("random", random)]));
    assert_eq!(c1([0.52, 0.53, 0.51], [0.6; 3]), Verdict::Reproduced);
    assert_eq!(c1([0.52, 0.53, 0.499], [0.6; 3]), Verdict::Reproduced, "two of three seeds are enough");
    assert_eq!(c1([0.56, 0.499, 0.499], [0.6; 3]), Verdict::Inconclusive, "within one standard error");
    assert_eq!(c1([0.52; 3], [0.49, 0.48, 0.485]), Verdict::Contradicted);
    let c2 = |replay, fixed| verdict("C2", &test_losses(&[("stn", [0.50; 3]), ("replay", replay), ("fixed", fixed)]));
    assert_eq!(c2([0.505; 3], [0.52, 0.53, 0.525]), Verdict::Reproduced);
    assert_eq!(c2([0.54; 3], [0.52, 0.53, 0.525]), Verdict::Contradicted);
    let c4 = |default| verdict("C4", &test_losses(&[("stn", [0.98; 3]), ("default", default)]));
    assert_eq!(c4([1.1, 1.12, 1.09]), Verdict::Reproduced);
    assert_eq!(c4([0.985, 0.986, 0.987]), Verdict::DirectionOnly, "less than 2 %");
    assert_eq!(c4([0.9; 3]), Verdict::Contradicted);
}

#[test]
fn the_rules_of_theorem_and_starts() {
    let c3 = |worst: f64| {
        let values: Vec<_> =
            (0..3).map(|seed| ("theory", None, seed, "deviation", if seed == 2 { worst } else { 1e-12 })).collect();
        verdict("C3", &made_up(&values))
    };
    assert_eq!(c3(1e-7), Verdict::Reproduced);
    assert_ne!(c3(1e-5), Verdict::Reproduced);
    let c5 = |low: [f64; 3]| {
        let mut values = Vec::new();
        for (seed, low) in low.into_iter().enumerate() {
            for (start, last) in [(0.05, low), (0.3, 0.5), (0.7, 0.55)] {
                values.push(("shared", Some(start), seed as u64, "final_shared_dropout", last));
            }
        }
        verdict("C5", &made_up(&values))
    };
    assert_eq!(c5([0.45, 0.44, 0.46]), Verdict::Reproduced);
    assert_eq!(c5([0.2, 0.21, 0.19]), Verdict::DirectionOnly);
    assert_eq!(c5([-0.2, -0.21, -0.19]), Verdict::Contradicted, "the spread grew");
}

#[test]
fn claims_without_trials_or_with_nan_are_not_judged() {
    let paper = REPRODUCTION.paper();
    let empty = made_up(&[]);
    for claim in &paper.claims {
        let judged = REPRODUCTION.judge(claim, &empty);
        let not_run = judged.as_ref().is_ok_and(|evidence| evidence.verdict == Verdict::NotRun);
        assert!(not_run || matches!(judged, Err(Error::Missing(_))), "{}", claim.id);
    }
    let diverged = test_losses(&[("stn", [f64::NAN, 0.5, 0.5]), ("default", [1.0; 3])]);
    assert_eq!(verdict("C4", &diverged), Verdict::Inconclusive);
    let one = made_up(&[("stn", None, 0, "test_loss", 0.5), ("default", None, 0, "test_loss", 1.0)]);
    assert_eq!(verdict("C4", &one), Verdict::Inconclusive, "one seed never decides");
}

/// Test losses on tasks of the full profile: (task, arm, losses of three seeds).
fn full_losses(values: &[(&'static str, &'static str, [f64; 3])]) -> Results {
    let template = trials(Profile::Full, 0).remove(0);
    let records = values.iter().flat_map(|(task, arm, losses)| {
        let template = &template;
        losses.iter().zip(0..).map(move |(loss, seed)| {
            let cell = GridCell::new().with("task", *task);
            let trial = Trial { arm: (*arm).to_owned(), seed, cell, ..template.clone() };
            let mut record = Notebook::default().into_record(&trial);
            record.metrics.insert("test_loss".to_owned(), Number(*loss));
            record
        })
    });
    Results::new("stn", Profile::Full, records.collect())
}

#[test]
fn the_worst_task_decides_and_a_missing_one_is_missed() {
    let c4 = |images: [f64; 3], language: Option<[f64; 3]>| {
        let mut values = vec![("images", "stn", [0.9; 3]), ("images", "default", images)];
        if let Some(language) = language {
            values.extend([("language", "stn", [4.5; 3]), ("language", "default", language)]);
        }
        REPRODUCTION.judge(REPRODUCTION.paper().claim("C4").unwrap(), &full_losses(&values))
    };
    let good = [1.2, 1.21, 1.22];
    assert_eq!(c4(good, Some([5.0, 5.1, 4.9])).unwrap().verdict, Verdict::Reproduced);
    let worse = c4(good, Some([4.4, 4.41, 4.39])).unwrap();
    assert_eq!(worse.verdict, Verdict::Contradicted);
    assert!(matches!(c4(good, None), Err(Error::Missing(_))));
    let quantities: Vec<&str> = worse.parts.iter().map(|part| part.quantity.as_str()).collect();
    assert!(quantities[0].starts_with("images: ") && quantities[1].starts_with("language: "), "{quantities:?}");
    // C2 is judged on the cell with a single rate too.
    let three = |last: f64| {
        let arms =
            |task, stn: f64| [(task, "stn", [stn; 3]), (task, "replay", [stn; 3]), (task, "fixed", [1.0, 1.01, 1.02])];
        let values = [arms("images", 0.9), arms("language", 0.9), arms("language_output", last)].concat();
        REPRODUCTION.judge(REPRODUCTION.paper().claim("C2").unwrap(), &full_losses(&values)).unwrap().verdict
    };
    assert_eq!((three(0.9), three(1.1)), (Verdict::Reproduced, Verdict::Contradicted));
}
