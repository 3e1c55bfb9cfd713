//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile, the rules of the claims.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::record::Record;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::corpus::{Corpus, forgotten};
use super::ops::OPS;
use super::settings::Cell;
use super::tofu::{Tofu, TofuQuestion};
use super::*;

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "npo/vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.to_vec()) }
}

fn vector(values: &[f32]) -> Array {
    floats(&[values.len()], values)
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

fn numbers(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

/// Inputs that the op takes, with one of them exchanged.
fn with(mut arrays: Vec<(&'static str, Array)>, name: &'static str, array: Array) -> Vec<(&'static str, Array)> {
    arrays.retain(|(have, _)| *have != name);
    arrays.push((name, array));
    arrays
}

#[test]
fn sequence_loss_refuses_what_makes_no_sense() {
    let good = || vec![("logits", floats(&[1, 3, 2], &[0.0; 6])), ("labels", ints(&[1, 3], &[-100, 1, 0]))];
    let found = call("sequence_loss", good(), json!({})).unwrap();
    assert!((numbers(&found, "nll")[0] - 2.0 * 2f64.ln()).abs() < 1e-6);
    assert_eq!(found.get("tokens").unwrap().values, Values::I64(vec![2]));
    for (name, array) in [
        ("labels", ints(&[1, 3], &[-100, 2, 0])),
        ("labels", ints(&[1, 3], &[2, 1, 0])),
        ("labels", ints(&[1, 3], &[-100, -1, 0])),
        ("labels", ints(&[1, 2], &[1, 0])),
        ("labels", ints(&[3], &[1, 0, 1])),
        ("labels", floats(&[1, 3], &[0.0; 3])),
        ("logits", floats(&[1, 3, 2], &[f32::NAN; 6])),
        ("logits", floats(&[1, 3, 0], &[])),
        ("logits", floats(&[3, 2], &[0.0; 6])),
    ] {
        assert!(call("sequence_loss", with(good(), name, array.clone()), json!({})).is_err(), "{name}: {array:?}");
    }
    for (shape, labels) in [([1, 1, 2], [1, 1]), ([0, 3, 2], [0, 3]), ([1, 0, 2], [1, 0])] {
        let count: usize = shape.iter().product();
        let arrays = vec![
            ("logits", floats(&shape, &vec![0.0; count])),
            ("labels", ints(&labels, &vec![0; labels.iter().product()])),
        ];
        assert!(call("sequence_loss", arrays, json!({})).is_err(), "{shape:?}");
    }
}

#[test]
fn losses_refuse_what_makes_no_sense() {
    let npo = || vec![("nll", vector(&[1.0, 2.0])), ("nll_ref", vector(&[0.5, 3.0]))];
    let mut dpo: Vec<(&'static str, Array)> = Vec::new();
    for name in ["nll_win", "nll_win_ref", "nll_lose", "nll_lose_ref"] {
        dpo.push((name, vector(&[1.0, 2.0])));
    }
    let combined = || with(npo(), "retain_loss", floats(&[], &[0.5]));
    for (op, good) in
        [("npo_loss", npo()), ("adaptive_weight", npo()), ("dpo_loss", dpo.clone()), ("combined_loss", combined())]
    {
        assert!(call(op, good.clone(), json!({})).is_ok(), "{op}");
        for beta in [json!(0.0), json!(-1.0), json!("1"), json!(true)] {
            assert!(call(op, good.clone(), json!({"beta": beta})).is_err(), "{op} took beta {beta}");
        }
        let (name, _) = good[0];
        for bad in
            [vector(&[]), vector(&[1.0]), vector(&[1.0, f32::NAN]), floats(&[1, 2], &[1.0, 2.0]), ints(&[2], &[1, 2])]
        {
            assert!(call(op, with(good.clone(), name, bad.clone()), json!({})).is_err(), "{op} took {bad:?}");
        }
        let empty = good.iter().map(|(name, _)| (*name, vector(&[]))).collect();
        assert!(call(op, empty, json!({})).is_err(), "{op} took empty inputs");
    }
    for bad in [vector(&[1.0, 2.0]), vector(&[]), vector(&[f32::INFINITY])] {
        assert!(call("combined_loss", with(npo(), "retain_loss", bad), json!({})).is_err());
    }
    assert!(call("combined_loss", combined(), json!({"retain_coeff": "2"})).is_err());
}

#[test]
fn measures_refuse_what_makes_no_sense() {
    let rows = |values: &[f32]| floats(&[1, values.len()], values);
    let kl = || vec![("logits", rows(&[1.0, 2.0])), ("logits_ref", rows(&[0.0, 1e4]))];
    assert!(numbers(&call("kl_retain", kl(), json!({})).unwrap(), "kl")[0].is_finite());
    for bad in [rows(&[1.0]), rows(&[]), rows(&[f32::NAN, 1.0]), vector(&[1.0, 2.0]), floats(&[0, 2], &[])] {
        assert!(call("kl_retain", with(kl(), "logits_ref", bad), json!({})).is_err());
    }
    let ratio = || {
        vec![
            ("nll_right", vector(&[1.0])),
            ("len_right", vector(&[2.0])),
            ("nll_wrong", rows(&[900.0, 1.0])),
            ("len_wrong", rows(&[1.0, 2.0])),
        ]
    };
    assert!((numbers(&call("truth_ratio", ratio(), json!({})).unwrap(), "ratio")[0] - 0.5).abs() < 1e-12);
    for (name, bad) in [
        ("len_right", vector(&[0.0])),
        ("len_right", vector(&[1.0, 1.0])),
        ("len_wrong", rows(&[1.0, 0.5])),
        ("len_wrong", rows(&[1.0])),
        ("nll_wrong", floats(&[2, 1], &[1.0, 1.0])),
        ("nll_right", vector(&[f32::NAN])),
        ("nll_right", vector(&[])),
    ] {
        assert!(call("truth_ratio", with(ratio(), name, bad), json!({})).is_err(), "{name}");
    }
    let none = with(with(ratio(), "nll_wrong", floats(&[1, 0], &[])), "len_wrong", floats(&[1, 0], &[]));
    assert!(call("truth_ratio", none, json!({})).is_err());
    let ks = |a: &[f32], b: &[f32]| call("ks_two_sample", vec![("a", vector(a)), ("b", vector(b))], json!({}));
    assert!(ks(&[], &[1.0]).is_err() && ks(&[1.0], &[]).is_err() && ks(&[1.0], &[f32::NAN]).is_err());
    let one = ks(&[1.0], &[1.0]).unwrap();
    assert_eq!((numbers(&one, "statistic"), numbers(&one, "p_value")), (vec![0.0], vec![1.0]));
    let harmonic = |values: &[f32]| call("harmonic_mean", vec![("values", vector(values))], json!({}));
    assert_eq!(numbers(&harmonic(&[1.0, 0.0]).unwrap(), "mean"), [0.0]);
    assert!(harmonic(&[]).is_err() && harmonic(&[f32::NAN]).is_err());
}

proptest! {
    #[test]
    fn the_gradient_of_the_op_is_minus_its_weight_over_the_batch(
        nll in prop::collection::vec(0f32..900.0, 1..6), beta in 0.01f64..5.0,
    ) {
        let reference: Vec<f32> = nll.iter().rev().copied().collect();
        let arrays = || vec![("nll", vector(&nll)), ("nll_ref", vector(&reference))];
        let map: BTreeMap<String, Array> = arrays().into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
        let params = json!({"beta": beta});
        let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), map, params.as_object().cloned().unwrap());
        let op = OPS.iter().find(|op| op.name == "npo_loss").unwrap();
        let gradient = (op.run)(&inputs).unwrap().gradients("loss", &inputs, &["nll"]).unwrap()["nll"].values.to_f64();
        let weights = numbers(&call("adaptive_weight", arrays(), params).unwrap(), "weight");
        for (slope, weight) in gradient.iter().zip(&weights) {
            prop_assert!((0.0..=2.0).contains(weight));
            prop_assert!((slope * nll.len() as f64 + weight).abs() < 1e-4, "{} against {}", slope, weight);
        }
    }
}

pub fn trial(arm: &str, cell: GridCell, seed: u64) -> Trial {
    synthetic_trial(REPRODUCTION.paper(), Profile::Smoke, arm, cell, seed).unwrap()
}

pub fn lab_of<'a>(trial: &'a Trial, host: &'a mut QuietHost) -> Lab<'a> {
    Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), host)
}

pub fn facts(forget: i64) -> GridCell {
    GridCell::new().with("task", "facts").with("forget", forget)
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = lab_of(trial, &mut host);
    REPRODUCTION.check(trial).unwrap();
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

#[test]
fn forget_and_retain_share_no_question_and_no_author() {
    let trial = trial("ga", facts(50), 0);
    let mut host = QuietHost;
    let lab = lab_of(&trial, &mut host);
    let settings = trial.settings::<Settings>().unwrap().facts.corpus;
    for percent in [10, 50] {
        let corpus = Corpus::facts(&settings, percent, &lab).unwrap();
        let lost = forgotten(settings.authors, percent);
        assert_eq!((corpus.forget.len(), corpus.retain.len()), (8 * lost, 8 * (settings.authors - lost)));
        assert_eq!(corpus.forget_reworded.len(), 4 * lost);
        let asked = |questions: &[corpus::Question]| -> Vec<Vec<i64>> {
            questions.iter().map(|question| question.prompt.clone()).collect()
        };
        let retained = [asked(&corpus.retain), asked(&corpus.world)].concat();
        assert!(asked(&corpus.forget).iter().all(|prompt| !retained.contains(prompt)));
        let trained = [retained, asked(&corpus.forget)].concat();
        for reworded in [asked(&corpus.forget_reworded), asked(&corpus.retain_reworded)].concat() {
            assert!(!trained.contains(&reworded), "a held-out wording was trained on");
        }
        let unknown = corpus.tokenizer.id(papers_kit::gpt::UNKNOWN).unwrap();
        let all = corpus.forget.iter().chain(&corpus.retain).chain(&corpus.world);
        assert!(all.into_iter().all(|question| {
            question.answer.ends_with(&[corpus.end])
                && question.refusal.ends_with(&[corpus.end])
                && !question.prompt.iter().chain(&question.refusal).any(|token| *token == unknown)
        }));
    }
    assert_eq!([forgotten(60, 10), forgotten(60, 1), forgotten(2, 99), forgotten(200, 1)], [6, 1, 1, 2]);
}

fn tofu(authors: usize) -> Tofu {
    let question = |at: usize| TofuQuestion {
        question: format!("what is {} ?", at % 7),
        answer: format!("it is {} , of course {}", at % 5, "really ".repeat(at % 9)),
        paraphrased_answer: (at >= 20 * (authors - 1)).then(|| "of course".to_owned()),
        perturbed_answer: if at >= 20 * (authors - 1) { vec!["really".into(), "it".into()] } else { Vec::new() },
    };
    Tofu { authors: (0..20 * authors).map(question).collect(), world: (0..9).map(question).collect() }
}

#[test]
fn tofu_is_split_by_authors_from_its_end() {
    let trial = trial("ga", facts(50), 0);
    let mut host = QuietHost;
    let lab = lab_of(&trial, &mut host);
    let mut settings = trial.settings::<Settings>().unwrap().facts.corpus;
    settings.authors = 4;
    let corpus = Corpus::tofu(&tofu(5), &settings, 25, &lab).unwrap();
    assert_eq!((corpus.forget.len(), corpus.retain.len(), corpus.world.len()), (20, 60, 6));
    assert!(corpus.forget.iter().all(|question| question.wrong.len() == 2 && question.right != question.answer));
    assert!(corpus.retain.iter().all(|question| question.wrong.is_empty()));
    let all = corpus.forget.iter().chain(&corpus.retain);
    assert!(all.into_iter().all(|question| question.answer.ends_with(&[corpus.end])));
    assert!(corpus.longest <= settings.length);
    settings.authors = 6;
    assert!(Corpus::tofu(&tofu(5), &settings, 25, &lab).is_err());
    settings.authors = 4;
    settings.world = 10;
    assert!(Corpus::tofu(&tofu(5), &settings, 25, &lab).is_err());
}

fn smoke_trials(seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), Profile::Smoke, seed..=seed)
}

#[test]
fn the_smoke_profile_measures_judges_and_draws() {
    let records: Vec<Record> =
        [0, 1].into_iter().flat_map(smoke_trials).map(|trial| run(&trial).into_record(&trial)).collect();
    let of =
        |arm: &str, cell: &GridCell| records.iter().find(|record| record.arm == arm && record.cell == *cell).unwrap();
    let cell = facts(10);
    // All arms start from the same model, and the retrained one is what quality is measured against.
    let start = |arm: &str| of(arm, &cell).series["utility"].points().next().unwrap();
    assert_eq!(start("npo_rt"), start("original"));
    assert_eq!(start("npo_rt"), start("ga"));
    assert_eq!(of("retrain", &cell).metric("forget_quality"), Some(1.0));
    assert_ne!(of("ga", &cell).metric("forget_probability"), of("npo", &cell).metric("forget_probability"));
    let results = Results::new("npo", Profile::Smoke, records);
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_ne!(evidence.verdict, Verdict::NotRun, "{}: {}", claim.id, evidence.summary);
    }
    let figures = REPRODUCTION.figures(&results);
    for id in
        ["mixture-distances", "mixture-paths", "mixture-divergence", "mixture-beta", "facts-collapse", "facts-words"]
    {
        assert!(figures.iter().any(|figure| figure.id == id), "{id} is missing");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let trial = trial("npo_rt", facts(50), 3);
    assert_eq!(run(&trial), run(&trial));
}

#[test]
fn no_results_are_an_error_or_no_figure_but_never_a_panic() {
    let results = Results::new("npo", Profile::Quick, Vec::new());
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results);
        assert!(
            evidence.is_err() || evidence.is_ok_and(|evidence| evidence.verdict == Verdict::NotRun),
            "{}",
            claim.id
        );
    }
    assert!(REPRODUCTION.figures(&results).is_empty());
}

/// Records that differ in one metric only.
fn made(arm: &str, cell: &GridCell, metrics: &[(&str, f64)], seed: u64) -> Record {
    let notebook = Notebook {
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
        ..Notebook::default()
    };
    notebook.into_record(&trial(arm, cell.clone(), seed))
}

fn verdict(id: &str, records: Vec<Record>) -> Verdict {
    let claim = REPRODUCTION.paper().claims.iter().find(|claim| claim.id == id).unwrap();
    REPRODUCTION.judge(claim, &Results::new("npo", Profile::Smoke, records)).unwrap().verdict
}

#[test]
fn divergence_is_asked_for_in_every_seed() {
    let cell = GridCell::new().with("task", "mixture").with("alpha", 1.0);
    let both = |ga: [f64; 3], npo: [f64; 3]| -> Vec<Record> {
        (0..3)
            .flat_map(|seed: u64| {
                let at = seed as usize;
                [made("ga", &cell, &[("growth", ga[at])], seed), made("npo", &cell, &[("growth", npo[at])], seed)]
            })
            .collect()
    };
    assert_eq!(verdict("C1", both([4.0, 20.0, 5.0], [2.0, 1.3, 1.1])), Verdict::Reproduced);
    assert_eq!(verdict("C1", both([3.9, 20.0, 5.0], [2.0, 1.3, 1.1])), Verdict::DirectionOnly);
    assert_eq!(verdict("C1", both([4.0; 3], [2.1; 3])), Verdict::Contradicted);
}

#[test]
fn a_baseline_that_never_forgets_counts_as_useless_and_one_that_keeps_too_much_decides_c5() {
    let cell = facts(50);
    let records = |npo_rt: f64, dpo_rt: f64| -> Vec<Record> {
        let mut records = Vec::new();
        for seed in 0..3 {
            records.push(made("original", &cell, &[("utility", 0.9)], seed));
            for (arm, matched) in [("npo_rt", npo_rt), ("dpo_rt", dpo_rt)] {
                records.push(made(arm, &cell, &[("matched_utility", matched), ("utility", 0.1)], seed));
            }
            for arm in ["ga", "ga_kl", "grad_diff", "idk_rt", "dpo"] {
                records.push(made(arm, &cell, &[("matched_utility", 0.0), ("utility", 0.1)], seed));
            }
        }
        records
    };
    assert_eq!(verdict("C5", records(0.7, 0.5)), Verdict::Reproduced);
    assert_eq!(verdict("C5", records(0.6, 0.5)), Verdict::Contradicted, "0.6 is less than 0.7 of 0.9");
    assert_eq!(verdict("C5", records(0.7, 0.65)), Verdict::Contradicted, "another arm keeps as much");
    assert_eq!(verdict("C5", records(0.0, 0.0)), Verdict::Contradicted);
}

#[test]
fn cells_must_fit_the_arm() {
    let arm = |name: &str| -> Arm {
        serde_json::from_value(REPRODUCTION.paper().arm(name).unwrap().settings.clone()).unwrap()
    };
    let cell = |value: Value| -> Cell { serde_json::from_value(value).unwrap() };
    assert!(arm("npo").in_cell(&cell(json!({"task": "mixture_sweep", "alpha": 1.0, "beta": 10.0}))).is_ok());
    assert!(arm("npo").in_cell(&cell(json!({"task": "facts", "forget": 10, "rate": 0.1}))).is_ok());
    for (name, bad) in [
        ("npo", json!({"task": "mixture"})),
        ("npo", json!({"task": "mixture", "alpha": 0.5})),
        ("npo", json!({"task": "mixture", "alpha": 1.0, "beta": 2.0})),
        ("npo", json!({"task": "mixture_sweep", "alpha": 1.0})),
        ("npo", json!({"task": "mixture_sweep", "alpha": 1.0, "beta": 0.0})),
        ("npo", json!({"task": "mixture", "alpha": 1.0, "forget": 10})),
        ("retrain", json!({"task": "mixture", "alpha": 1.0})),
        ("npo", json!({"task": "facts", "forget": 7})),
        ("npo", json!({"task": "facts", "forget": 0})),
        ("original", json!({"task": "facts", "forget": 100})),
        ("npo", json!({"task": "facts", "forget": 10, "alpha": 1.0})),
        ("npo", json!({"task": "facts", "forget": 10, "rate": -1.0})),
        ("npo", json!({"task": "tofu"})),
        ("npo", json!({"task": "facts", "forget": 10, "beta": 1.0})),
        ("npo", json!({"task": "facts_sweep", "forget": 10})),
    ] {
        assert!(arm(name).in_cell(&cell(bad.clone())).is_err(), "{name} took {bad}");
    }
}

#[test]
fn impossible_settings_are_refused() {
    let good = REPRODUCTION.paper().profiles.smoke.settings.clone();
    serde_json::from_value::<Settings>(good.clone()).unwrap().check().unwrap();
    for (path, value) in [
        ("/mixture/dim", json!(0)),
        ("/mixture/growth", json!([10, 49])),
        ("/mixture/growth", json!([50, 10])),
        ("/mixture/fit_from", json!(45)),
        ("/mixture/pretraining_rate", json!(0.0)),
        ("/facts/corpus/authors", json!(1)),
        ("/facts/corpus/world", json!(61)),
        ("/facts/corpus/wrong", json!(0)),
        ("/facts/model/heads", json!(3)),
        ("/facts/unlearning/beta", json!(0.0)),
        ("/facts/unlearning/weight_decay", json!(-0.1)),
        ("/facts/evaluation/looks", json!(3)),
        ("/tofu/corpus/length", json!(8)),
        ("/tofu/pretraining/rate", json!(-1.0)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value.clone();
        let settings: Settings = serde_json::from_value(bad).unwrap();
        assert!(settings.check().is_err(), "{path} took {value}");
    }
}
