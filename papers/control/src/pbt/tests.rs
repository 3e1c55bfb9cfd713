//! What must be true of the whole paper: conformance, edge cases of the ops, interruption, the smoke profile, the rules of
//! the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::data::CachedSet;
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Host, Interrupt, Notebook, QuietHost};
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

fn ints(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values.to_vec()) }
}

fn bools(shape: &[usize], values: &[bool]) -> Array {
    Array { shape: shape.to_vec(), values: Values::Bool(values.to_vec()) }
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

#[test]
fn bad_inputs_are_refused() {
    let truncation = |performance: Array, draw: Array| vec![("performance", performance), ("draw", draw)];
    let tournament = |performance: Array, opponent: Array| vec![("performance", performance), ("opponent", opponent)];
    let t_test = |history: Array, opponent: Array| vec![("history", history), ("opponent", opponent)];
    let perturb = |hyper: &[usize], up: &[usize]| {
        let switches = bools(up, &vec![true; up.iter().product()]);
        vec![("hyper", zeros(hyper)), ("up", switches)]
    };
    let factors = || json!({"down_factor": 0.8, "up_factor": 1.2});
    let resample = |hyper: &[usize], fresh: &[usize], switches: &[usize]| {
        let switches = bools(switches, &vec![true; switches.iter().product()]);
        vec![("hyper", zeros(hyper)), ("fresh", zeros(fresh)), ("resample", switches)]
    };
    let toy = |theta: &[usize], h: &[usize]| vec![("theta", zeros(theta)), ("h", zeros(h))];
    let cases: Vec<(&str, Named, Value)> = vec![
        ("truncation_selection", vec![], json!({})),
        ("truncation_selection", truncation(zeros(&[1]), ints(&[0])), json!({})),
        ("truncation_selection", truncation(zeros(&[0]), ints(&[])), json!({})),
        ("truncation_selection", truncation(zeros(&[3]), ints(&[0, 0])), json!({})),
        ("truncation_selection", truncation(zeros(&[2]), ints(&[0, -1])), json!({})),
        ("truncation_selection", truncation(zeros(&[2]), zeros(&[2])), json!({})),
        ("truncation_selection", truncation(zeros(&[1, 2]), ints(&[0, 0])), json!({})),
        ("truncation_selection", truncation(floats(&[2], &[f32::NAN, 0.0]), ints(&[0, 0])), json!({})),
        ("truncation_selection", truncation(zeros(&[2]), ints(&[0, 0])), json!({"fraction": 0.0})),
        ("truncation_selection", truncation(zeros(&[2]), ints(&[0, 0])), json!({"fraction": 0.51})),
        ("truncation_selection", truncation(zeros(&[2]), ints(&[0, 0])), json!({"fraction": "half"})),
        ("binary_tournament", tournament(zeros(&[0]), ints(&[])), json!({})),
        ("binary_tournament", tournament(zeros(&[2]), ints(&[0])), json!({})),
        ("binary_tournament", tournament(zeros(&[2]), ints(&[0, 2])), json!({})),
        ("binary_tournament", tournament(zeros(&[2]), ints(&[0, -1])), json!({})),
        ("binary_tournament", tournament(floats(&[2], &[f32::NAN, 0.0]), ints(&[0, 1])), json!({})),
        ("t_test_selection", t_test(zeros(&[2, 1]), ints(&[1, 0])), json!({})),
        ("t_test_selection", t_test(zeros(&[2, 0]), ints(&[1, 0])), json!({})),
        ("t_test_selection", t_test(zeros(&[0, 3]), ints(&[])), json!({})),
        ("t_test_selection", t_test(zeros(&[2, 3]), ints(&[2, 0])), json!({})),
        ("t_test_selection", t_test(zeros(&[2, 3]), ints(&[1])), json!({})),
        ("t_test_selection", t_test(zeros(&[6]), ints(&[1, 0])), json!({})),
        ("t_test_selection", t_test(zeros(&[2, 3]), ints(&[1, 0])), json!({"alpha": 1.5})),
        ("t_test_selection", t_test(floats(&[1, 2], &[f32::INFINITY, 0.0]), ints(&[0])), json!({})),
        ("explore_perturb", perturb(&[2, 2], &[2, 2]), json!({})),
        ("explore_perturb", perturb(&[2, 2], &[2, 1]), factors()),
        ("explore_perturb", perturb(&[2, 2], &[4]), factors()),
        ("explore_perturb", perturb(&[0, 2], &[0, 2]), factors()),
        ("explore_perturb", perturb(&[1, 2], &[1, 2]), json!({"down_factor": -0.8, "up_factor": 1.2})),
        ("explore_perturb", perturb(&[1, 2], &[1, 2]), json!({"down_factor": 0.8, "up_factor": 1.2, "lower": [0.0]})),
        ("explore_perturb", perturb(&[1, 1], &[1, 1]), json!({"down_factor": 0.8, "up_factor": 1.2, "lower": 0.0})),
        ("explore_perturb", perturb(&[1, 1], &[1, 1]), json!({"down_factor": 0.8, "up_factor": 1.2, "upper": "none"})),
        (
            "explore_perturb",
            perturb(&[1, 1], &[1, 1]),
            json!({"down_factor": 0.8, "up_factor": 1.2, "lower": [2.0], "upper": [1.0]}),
        ),
        ("explore_perturb", vec![("hyper", zeros(&[1, 1])), ("up", zeros(&[1, 1]))], factors()),
        ("explore_resample", resample(&[2, 2], &[2, 1], &[2, 2]), json!({})),
        ("explore_resample", resample(&[2, 2], &[2, 2], &[1, 2]), json!({})),
        ("explore_resample", resample(&[2, 0], &[2, 0], &[2, 0]), json!({})),
        ("toy_steps", toy(&[2, 2], &[2, 2]), json!({"lr": 0.01})),
        ("toy_steps", toy(&[2, 2], &[2, 2]), json!({"steps": 1})),
        ("toy_steps", toy(&[2, 2], &[1, 2]), json!({"lr": 0.01, "steps": 1})),
        ("toy_steps", toy(&[2, 3], &[2, 3]), json!({"lr": 0.01, "steps": 1})),
        ("toy_steps", toy(&[2, 2], &[2, 2]), json!({"lr": 0.0, "steps": 1})),
        ("toy_steps", toy(&[2, 2], &[2, 2]), json!({"lr": 0.01, "steps": -1})),
        ("toy_steps", toy(&[2, 2], &[2, 2]), json!({"lr": 0.01, "steps": 1.5})),
        ("toy_steps", toy(&[0, 2], &[0, 2]), json!({"lr": 0.01, "steps": 1})),
        ("inception_score", vec![("probs", zeros(&[2, 2]))], json!({})),
        ("inception_score", vec![("probs", zeros(&[0, 2]))], json!({})),
        ("inception_score", vec![("probs", zeros(&[2, 0]))], json!({})),
        ("inception_score", vec![("probs", floats(&[1, 2], &[1.5, -0.5]))], json!({})),
        ("inception_score", vec![("probs", floats(&[1, 2], &[0.5, 0.4998]))], json!({})),
        ("inception_score", vec![("probs", floats(&[2], &[0.5, 0.5]))], json!({})),
    ];
    for (at, (op, arrays, params)) in cases.into_iter().enumerate() {
        let shown = format!("case {at}: {op} {params}");
        let Err(error) = call(op, arrays, params) else { panic!("{shown} was accepted") };
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn ops_at_their_edges() {
    let lone = call("binary_tournament", vec![("performance", zeros(&[1])), ("opponent", ints(&[0]))], json!({}));
    assert_eq!(numbers(&lone.unwrap(), "source"), [0.0]);
    let constant = vec![("history", floats(&[2, 2], &[1.0, 1.0, 2.0, 2.0])), ("opponent", ints(&[1, 0]))];
    let constant = call("t_test_selection", constant, json!({})).unwrap();
    assert_eq!(numbers(&constant, "source"), [1.0, 1.0]);
    assert_eq!((numbers(&constant, "t"), numbers(&constant, "p")), (vec![0.0, 0.0], vec![0.0, 0.0]));
    let no_bounds = vec![("hyper", floats(&[1, 2], &[1.0, -1.0])), ("up", bools(&[1, 2], &[true, false]))];
    let no_bounds = call("explore_perturb", no_bounds, json!({"down_factor": 0.5, "up_factor": 2.0, "lower": null}));
    assert_eq!(numbers(&no_bounds.unwrap(), "hyper"), [2.0, -0.5]);
    let still = vec![("theta", floats(&[1, 2], &[0.5, -0.5])), ("h", floats(&[1, 2], &[1.0, 0.0]))];
    let still = call("toy_steps", still, json!({"lr": 0.1, "steps": 0})).unwrap();
    assert_eq!(numbers(&still, "theta"), [0.5, -0.5]);
    assert!((numbers(&still, "objective")[0] - 0.7).abs() < 1e-12 && numbers(&still, "surrogate") == [0.95]);
    let one = call("inception_score", vec![("probs", floats(&[1, 1], &[1.0]))], json!({})).unwrap();
    assert_eq!(numbers(&one, "score"), [1.0]);
    let sharp = vec![("probs", floats(&[2, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))];
    assert!((numbers(&call("inception_score", sharp, json!({})).unwrap(), "score")[0] - 2.0).abs() < 1e-9);
}

fn trial(profile: Profile, arm: &str, cell: &GridCell, seed: u64) -> Trial {
    synthetic_trial(REPRODUCTION.paper(), profile, arm, cell.clone(), seed).unwrap()
}

/// The trials of a profile for one seed.
fn trials(profile: Profile, seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), profile, seed..=seed)
}

fn run(trial: &Trial, host: &mut dyn Host) -> Result<Notebook> {
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), host);
    REPRODUCTION.run(trial, &mut lab)?;
    Ok(lab.finish())
}

#[test]
fn every_planned_trial_has_settings_that_fit() {
    for profile in Profile::ALL {
        for trial in trials(profile, 0) {
            REPRODUCTION.check(&trial).unwrap();
        }
    }
}

/// Stops the user's run after some rounds, keeps its checkpoint, and hands it to the next run.
#[derive(Default)]
struct Stopping {
    rounds: usize,
    stop_after: Option<usize>,
    kept: Option<Vec<u8>>,
    stages: BTreeMap<String, Vec<u8>>,
}

impl Host for Stopping {
    fn open(&mut self, id: &str) -> Result<CachedSet> {
        Err(Error::Missing(id.to_owned()))
    }
    fn progress(&mut self, _done: u64, _total: u64) {
        self.rounds += 1;
    }
    fn interrupt(&self) -> Interrupt {
        if self.stop_after.is_some_and(|rounds| self.rounds >= rounds) { Interrupt::Drain } else { Interrupt::None }
    }
    fn save_checkpoint(&mut self, state: &[u8]) -> Result<()> {
        self.kept = Some(state.to_vec());
        Ok(())
    }
    fn load_checkpoint(&mut self) -> Option<Vec<u8>> {
        self.kept.clone()
    }
    fn stage_scope(&self) -> String {
        String::new()
    }
    fn load_stage(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.stages.get(key).cloned())
    }
    fn store_stage(&mut self, key: &str, result: Option<&[u8]>) -> Result<()> {
        if let Some(bytes) = result {
            self.stages.insert(key.to_owned(), bytes.to_vec());
        }
        Ok(())
    }
}

#[test]
fn an_interrupted_trial_resumes_to_the_same_bits() {
    for trial in trials(Profile::Smoke, 1) {
        let (arm, cell) = (&trial.arm, &trial.cell);
        let whole = run(&trial, &mut QuietHost).unwrap();
        // In the retrained arms the first four rounds are those of the population, the next ones their own.
        for stop_after in [1, 3, 5] {
            let mut host = Stopping { stop_after: Some(stop_after), ..Stopping::default() };
            match run(&trial, &mut host) {
                Err(Error::Cancelled) => {}
                Ok(_) if stop_after == 5 => continue,
                other => panic!("{arm} in {cell} was not stopped after {stop_after} rounds: {other:?}"),
            }
            assert!(host.kept.is_some());
            host.stop_after = None;
            let resumed = run(&trial, &mut host).unwrap();
            let text = |notebook: &Notebook| serde_json::to_string(&(&notebook.metrics, &notebook.series)).unwrap();
            assert_eq!(text(&resumed), text(&whole), "{arm} in {cell}, stopped after {stop_after} rounds");
        }
    }
}

#[test]
fn the_smoke_profile_runs_and_can_be_judged_and_drawn() {
    let mut records = Vec::new();
    for seed in 0..2 {
        for trial in trials(Profile::Smoke, seed) {
            let (arm, cell) = (&trial.arm, &trial.cell);
            let notebook = run(&trial, &mut QuietHost).unwrap();
            for (name, value) in &notebook.metrics {
                assert!(value.0.is_finite(), "{arm} in {cell}: {name} is {}", value.0);
            }
            records.push(notebook.into_record(&trial));
        }
    }
    let on = |arm: &str, task: &str| -> &Record {
        let task = harness_core::cell::Level::from(task);
        let four = harness_core::cell::Level::from(4);
        let fits = |one: &&Record| one.cell.get("task") == Some(&task) && one.cell.get("population") == Some(&four);
        records.iter().filter(fits).find(|one| one.arm == arm).unwrap()
    };
    // Whatever an arm does, its networks take the same number of steps in all.
    for (task, steps) in [("rl", 4.0 * 200.0), ("classifier", 4.0 * 400.0), ("gan", 4.0 * 20.0)] {
        for arm in ["random", "hand_tuned", "halving", "pbt_truncation", "pbt_tournament", "pbt_ttest"] {
            assert_eq!(on(arm, task).metric("steps"), Some(steps), "{arm} on {task}");
        }
    }
    // All arms start from the same draws.
    for name in ["learning_rate_2", "dropout_3"] {
        // The population that is kept as a stage is so in single precision.
        let first = |arm: &str| on(arm, "classifier").series[name].y[0].0 as f32;
        assert_eq!(first("random"), first("pbt_truncation"));
        assert_ne!(first("random"), first("hand_tuned"));
    }
    assert_eq!(on("random", "classifier").metric("copies"), Some(0.0));
    assert!(on("pbt_truncation", "classifier").metric("copies").unwrap() > 0.0);
    assert!(on("random", "gan").metric("test_score").unwrap() >= 1.0);
    let results = Results::new("pbt", Profile::Smoke, records);
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}", claim.id);
    }
    assert_eq!(REPRODUCTION.figures(&results).len(), 8);
    assert!(REPRODUCTION.figures(&Results::new("pbt", Profile::Smoke, Vec::new())).is_empty());
}

#[test]
fn the_arms_that_retrain_take_the_values_that_were_found() {
    let cell = GridCell::new().with("task", "classifier").with("population", 4);
    let mut host = Stopping::default();
    let mut winner = |arm: &str| -> Vec<f64> {
        let notebook = run(&trial(Profile::Smoke, arm, &cell, 0), &mut host).unwrap();
        notebook.series["winner_learning_rate"].points().map(|(_, value)| value).collect()
    };
    let found = winner("pbt_truncation");
    assert_eq!(winner("schedule"), found);
    assert_eq!(winner("final_values"), vec![found[found.len() - 1]; found.len()]);
    assert_eq!(winner("initial_values"), vec![found[0]; found.len()]);
    assert_eq!(host.stages.len(), 1, "the population is trained once for all of them");
}

#[test]
fn impossible_settings_are_refused_with_their_key() {
    let cell = GridCell::new().with("task", "classifier").with("population", 4);
    let refused = |arm: &str, change: &dyn Fn(&mut Trial), key: &str| {
        let mut trial = trial(Profile::Smoke, arm, &cell, 0);
        change(&mut trial);
        let error = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(error.contains(key), "{error} does not name {key}");
    };
    refused("random", &|trial| trial.settings["classifier"]["batch"] = json!(0), "classifier.batch");
    refused("random", &|trial| trial.settings["classifier"]["turns"] = json!(6), "classifier");
    refused("random", &|trial| trial.settings["classifier"]["momentum"] = json!(1.0), "classifier.momentum");
    refused("random", &|trial| trial.settings["classifier"]["dropout"]["high"] = json!(1.0), "dropout");
    refused("random", &|trial| trial.settings["rl"]["learning_rate"]["low"] = json!(0.0), "learning_rate");
    refused("random", &|trial| trial.settings["gan"]["perturbation"]["factors"]["up"] = json!(0.0), "perturbation");
    refused("random", &|trial| trial.settings["gan"]["ring"]["std"] = json!(0.0), "gan.ring.std");
    refused("random", &|trial| trial.settings["toy"]["judged_turn"] = json!(26), "toy.judged_turn");
    refused("random", &|trial| trial.settings["clasifier"] = json!(0), "clasifier");
    refused("pbt_truncation", &|trial| trial.settings["fraction"] = json!(0.6), "fraction");
    refused("pbt_ttest", &|trial| trial.settings["alpha"] = json!(0.0), "alpha");
    refused("pbt_resample", &|trial| trial.settings["resample"] = json!(1.5), "probability");
    refused("random", &|trial| trial.arm_settings["method"] = json!("best"), "best");
    refused("random", &|trial| trial.cell = cell.clone().with("population", 1), "population");
    refused("random", &|trial| trial.cell = cell.clone().with("task", "chess"), "task");
    refused("halving", &|trial| trial.cell = cell.clone().with("population", 5), "population");
    refused("halving", &|trial| trial.cell = cell.clone().with("task", "toy"), "task");
    refused("schedule", &|trial| trial.cell = cell.clone().with("task", "rl"), "task");
}

/// Records with made-up metrics: (arm, task, population, metric, one value per seed).
fn made_up(values: &[(&str, &str, i64, &str, [f64; 3])]) -> Results {
    let mut records = Vec::new();
    for (arm, task, population, metric, values) in values {
        let cell = GridCell::new().with("task", *task).with("population", *population);
        for (seed, value) in values.iter().enumerate() {
            let mut record = Notebook::default().into_record(&trial(Profile::Quick, arm, &cell, seed as u64));
            record.metrics.insert((*metric).to_owned(), Number(*value));
            for beside in ["area", "validation_score"] {
                record.metrics.entry(beside.to_owned()).or_insert(Number(*value));
            }
            records.push(record);
        }
    }
    Results::new("pbt", Profile::Quick, records)
}

fn verdict(claim: &str, results: &Results) -> Verdict {
    let claim = REPRODUCTION.paper().claim(claim).unwrap();
    REPRODUCTION.judge(claim, results).map_or(Verdict::NotRun, |evidence| evidence.verdict)
}

#[test]
fn the_rule_against_random_search() {
    for (claim, task) in [("C1", "rl"), ("C2", "classifier"), ("C3", "gan")] {
        let judged = |pbt: [f64; 3]| {
            verdict(
                claim,
                &made_up(&[
                    ("random", task, 8, "test_score", [1.0; 3]),
                    ("pbt_truncation", task, 8, "test_score", pbt),
                    ("pbt_truncation", task, 16, "test_score", [9.0; 3]),
                ]),
            )
        };
        assert_eq!(judged([1.2, 1.3, 1.1]), Verdict::Reproduced);
        assert_eq!(judged([1.2, 1.3, 0.9]), Verdict::Reproduced, "two of three seeds are enough");
        assert_eq!(judged([2.0, 0.9, 0.9]), Verdict::Inconclusive, "one of three is not");
        assert_eq!(judged([1.2, 0.9, 0.85]), Verdict::Inconclusive, "within one standard error");
        assert_eq!(judged([0.8, 0.9, 0.7]), Verdict::Contradicted);
    }
}

#[test]
fn the_rules_of_the_ablations() {
    let c4 = |schedule: [f64; 3], last: [f64; 3]| {
        verdict(
            "C4",
            &made_up(&[
                ("schedule", "classifier", 8, "test_score", schedule),
                ("final_values", "classifier", 8, "test_score", last),
                ("initial_values", "classifier", 8, "test_score", [0.5; 3]),
            ]),
        )
    };
    assert_eq!(c4([0.82, 0.83, 0.84], [0.80, 0.81, 0.81]), Verdict::Reproduced);
    assert_eq!(c4([0.82, 0.83, 0.84], [0.80, 0.81, 0.845]), Verdict::DirectionOnly, "not beyond chance");
    assert_eq!(c4([0.80; 3], [0.80; 3]), Verdict::Inconclusive, "equal is not better");
    assert_eq!(c4([0.80; 3], [0.82, 0.83, 0.84]), Verdict::Contradicted);
    let c5 = |full: [f64; 3]| {
        verdict(
            "C5",
            &made_up(&[
                ("pbt_truncation", "classifier", 8, "test_score", full),
                ("pbt_truncation", "classifier", 16, "test_score", [0.0; 3]),
                ("random", "classifier", 8, "test_score", [0.0; 3]),
                ("weights_only", "classifier", 8, "test_score", [0.8; 3]),
                ("hypers_only", "classifier", 8, "test_score", [0.7; 3]),
            ]),
        )
    };
    assert_eq!(c5([0.8; 3]), Verdict::Reproduced, "equal is enough");
    assert_eq!(c5([0.75, 0.76, 0.74]), Verdict::Contradicted, "one of two is not");
}

#[test]
fn the_rules_of_toy_problem_and_size() {
    let c6 = |q: [f64; 3], grid: [f64; 3]| {
        verdict(
            "C6",
            &made_up(&[
                ("pbt_truncation", "toy", 2, "judged_objective", q),
                ("grid", "toy", 2, "judged_objective", grid),
            ]),
        )
    };
    assert_eq!(c6([1.1, 1.15, 1.19], [0.38; 3]), Verdict::Reproduced);
    assert_eq!(c6([1.09, 1.15, 1.19], [0.38; 3]), Verdict::DirectionOnly);
    assert_eq!(c6([1.1, 1.15, 1.19], [0.41; 3]), Verdict::Contradicted);
    let c7 = |small: [f64; 3], large: [f64; 3]| {
        verdict(
            "C7",
            &made_up(&[
                ("pbt_truncation", "classifier", 4, "test_score", small),
                ("pbt_truncation", "classifier", 8, "test_score", [0.81, 0.82, 0.83]),
                ("pbt_truncation", "classifier", 16, "test_score", large),
            ]),
        )
    };
    assert_eq!(c7([0.80; 3], [0.85; 3]), Verdict::Reproduced);
    assert_ne!(c7([0.85; 3], [0.80; 3]), Verdict::Reproduced);
}

#[test]
fn claims_without_trials_or_from_one_seed_are_not_decided() {
    let empty = made_up(&[]);
    for claim in &REPRODUCTION.paper().claims {
        assert_eq!(verdict(&claim.id, &empty), Verdict::NotRun, "{}", claim.id);
    }
    let mut one =
        made_up(&[("random", "gan", 8, "test_score", [1.0; 3]), ("pbt_truncation", "gan", 8, "test_score", [2.0; 3])])
            .records()
            .to_vec();
    one.retain(|record| record.seed == 0);
    assert_eq!(verdict("C3", &Results::new("pbt", Profile::Quick, one)), Verdict::Inconclusive);
}
