//! The paper as a whole: its file, its vectors, its smoke profile, and verdicts on results made for the purpose.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use harness_core::backend::DeviceChoice;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Host, Interrupt, Notebook, QuietHost};
use harness_core::paper::Profile;
use harness_core::record::{Outcome, Provenance, Record};
use harness_core::trial::DataSource;

use super::*;

fn trial(profile: Profile, arm: &str, cell: &harness_core::cell::Cell, seed: u64) -> Trial {
    synthetic_trial(LrPerceptron.paper(), profile, arm, cell.clone(), seed).unwrap()
}

fn trials(profile: Profile) -> Vec<Trial> {
    let paper = LrPerceptron.paper();
    synthetic_trials(paper, profile, 0..paper.profiles.get(profile).seeds)
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    LrPerceptron.run(trial, &mut lab).unwrap();
    lab.finish()
}

fn record(trial: &Trial, notebook: Notebook) -> Record {
    Record {
        provenance: Provenance {
            data: trial.data.iter().map(|(id, source)| (id.clone(), source.to_string())).collect(),
            ..Provenance::default()
        },
        ..notebook.into_record(trial)
    }
}

fn smoke() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| trials(Profile::Smoke).iter().map(|trial| record(trial, run(trial))).collect())
}

fn results(profile: Profile, records: Vec<Record>) -> Results {
    Results::new("lr_perceptron", profile, records)
}

fn verdict(id: &str, results: &Results) -> Evidence {
    harness_core::judge::judge(&LrPerceptron, LrPerceptron.paper().claim(id).unwrap(), results)
}

#[test]
fn every_planned_trial_passes_the_check() {
    for profile in Profile::ALL {
        let trials = trials(profile);
        assert!(!trials.is_empty());
        for trial in trials {
            LrPerceptron.check(&trial).unwrap();
        }
    }
}

#[test]
fn impossible_values_are_refused_by_name() {
    let good = &trials(Profile::Quick)[0];
    for (key, value) in [
        ("limit", serde_json::json!(0)),
        ("worst_case_limit", serde_json::json!(0)),
        ("synthetic_dim", serde_json::json!(0)),
        ("synthetic_margin", serde_json::json!(-0.1)),
        ("majority_share", serde_json::json!(0.5)),
        ("probe_step", serde_json::json!(0)),
        ("margin_tolerance", serde_json::json!(0.0)),
        ("margin_sweeps", serde_json::json!(0)),
        ("judged_n", serde_json::json!(0)),
        ("limit", serde_json::json!("many")),
        ("a_key_of_no_meaning", serde_json::json!(1)),
    ] {
        let mut trial = good.clone();
        trial.settings[key] = value;
        let message = LrPerceptron.check(&trial).unwrap_err().to_string();
        assert!(message.contains(key), "{key}: {message}");
    }
    for (arm, word) in [
        (serde_json::json!({"method": "lr_gd"}), "step"),
        (serde_json::json!({"method": "lr_gd", "step": -1.0}), "step"),
        (serde_json::json!({"method": "perceptron", "step": 1.0}), "step"),
        (serde_json::json!({"method": "adam", "step": 1.0}), "adam"),
    ] {
        let mut trial = good.clone();
        trial.arm_settings = arm;
        let message = LrPerceptron.check(&trial).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    for (task, n) in [("two_point", 3_i64), ("worst_case", 1), ("fashion_imbalanced", 4), ("imagenet", 5)] {
        let mut trial = good.clone();
        trial.cell = harness_core::cell::Cell::new().with("task", task).with("n", n);
        assert!(LrPerceptron.check(&trial).is_err(), "{task} {n}");
    }
}

#[test]
fn vectors_pass() {
    let vectors = Vectors::parse(LrPerceptron.vectors(), "vectors.json").unwrap();
    let results = vectors.run(LrPerceptron.ops(), &DeviceChoice::Cpu.open().unwrap());
    assert_eq!(results.len(), 8);
    for case in results {
        assert_eq!(case.status, Status::Pass, "{} {}: {}", case.op, case.name, case.message);
    }
}

/// Name, shape and values of an input.
type Named<'a> = (&'a str, &'a [usize], &'a [f64]);

/// Calls an op; all arrays are f32.
fn call(op: &str, arrays: &[Named], params: serde_json::Value) -> Result<Outputs> {
    use harness_core::op::{Array, Values};
    let arrays = arrays
        .iter()
        .map(|(name, shape, values)| {
            let values = Values::F32(values.iter().map(|value| *value as f32).collect());
            ((*name).to_owned(), Array { shape: shape.to_vec(), values })
        })
        .collect();
    let params = params.as_object().cloned().unwrap();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    (LrPerceptron.ops().iter().find(|candidate| candidate.name == op).unwrap().run)(&inputs)
}

fn numbers(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

#[test]
fn ops_at_the_edges_of_their_domain() {
    // One point, one feature, exactly on the plane.
    let one: &[Named] = &[("a", &[1, 1], &[2.0]), ("y", &[1], &[-1.0]), ("theta", &[1], &[0.0])];
    let loss = call("logistic_loss", one, serde_json::json!({})).unwrap();
    assert!((numbers(&loss, "loss")[0] - 2f64.ln()).abs() < 1e-15);
    assert_eq!(numbers(&loss, "gradient"), [1.0]);
    assert_eq!(loss.get("beta").unwrap().shape, Vec::<usize>::new());
    let step = call("perceptron_step", one, serde_json::json!({})).unwrap();
    assert_eq!((numbers(&step, "theta_next"), numbers(&step, "misclassified")), (vec![-2.0], vec![1.0]));
    let first = call("perceptron_step", one, serde_json::json!({"first": true})).unwrap();
    assert_eq!(numbers(&first, "theta_next"), [-1.0]);
    let both = call("perceptron_step", one, serde_json::json!({"first": true, "normalized": true})).unwrap();
    assert_eq!(numbers(&both, "theta_next"), [-2.0], "normalized ignores first");

    // Margins of ±800: finite, and the normalized step has the weight of the wrong point alone.
    let far: &[Named] = &[("a", &[2, 1], &[800.0, -800.0]), ("y", &[2], &[1.0, 1.0]), ("theta", &[1], &[1.0])];
    let loss = call("logistic_loss", far, serde_json::json!({})).unwrap();
    assert_eq!((numbers(&loss, "loss"), numbers(&loss, "gradient")), (vec![400.0], vec![400.0]));
    let step = call("lr_gd_step", far, serde_json::json!({"step": 0.5, "normalized": true})).unwrap();
    assert_eq!(numbers(&step, "theta_next"), [-399.0]);

    // A separator stays.
    let right: &[Named] = &[("a", &[1, 2], &[1.0, 0.0]), ("y", &[1], &[1.0]), ("theta", &[2], &[1.0, 5.0])];
    for params in [serde_json::json!({}), serde_json::json!({"normalized": true}), serde_json::json!({"first": true})] {
        let step = call("perceptron_step", right, params).unwrap();
        assert_eq!((numbers(&step, "theta_next"), numbers(&step, "misclassified")), (vec![1.0, 5.0], vec![0.0]));
    }
    // The largest float as a step does not overflow a double.
    assert!(call("lr_gd_step", right, serde_json::json!({"step": 3e38})).is_ok());

    let data = &right[..2];
    let limit = call("iterations_to_separate", data, serde_json::json!({"method": "perceptron", "max_steps": 0}));
    assert_eq!(numbers(&limit.unwrap(), "iterations"), [-1.0]);
    let ignored = serde_json::json!({"method": "perceptron", "max_steps": 9, "step": -1.0});
    assert_eq!(numbers(&call("iterations_to_separate", data, ignored).unwrap(), "iterations"), [1.0]);
}

#[test]
fn ops_refuse_bad_input() {
    let a: Named = ("a", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let y: Named = ("y", &[2], &[1.0, -1.0]);
    let theta: Named = ("theta", &[2], &[0.5, 0.5]);
    let good = serde_json::json!({"step": 1.0});
    assert!(call("lr_gd_step", &[a, y, theta], good.clone()).is_ok());
    let bad: [&[Named]; 9] = [
        &[a, y],
        &[("a", &[0, 2], &[]), ("y", &[0], &[]), theta],
        &[("a", &[2, 0], &[]), y, ("theta", &[0], &[])],
        &[("a", &[4], &[1.0; 4]), y, theta],
        &[a, ("y", &[3], &[1.0; 3]), theta],
        &[a, ("y", &[2], &[1.0, 0.0]), theta],
        &[a, y, ("theta", &[3], &[0.0; 3])],
        &[a, y, ("theta", &[2], &[0.0, f64::NAN])],
        &[("a", &[2, 2], &[1.0, 2.0, f64::INFINITY, 4.0]), y, theta],
    ];
    for arrays in bad {
        for op in ["logistic_loss", "lr_gd_step", "perceptron_step"] {
            assert!(matches!(call(op, arrays, good.clone()), Err(Error::Input(_))), "{op} {arrays:?}");
        }
    }
    for params in [
        serde_json::json!({}),
        serde_json::json!({"step": 0.0}),
        serde_json::json!({"step": -1.0}),
        serde_json::json!({"step": "one"}),
        serde_json::json!({"step": 1.0, "normalized": 3}),
    ] {
        assert!(call("lr_gd_step", &[a, y, theta], params.clone()).is_err(), "{params}");
    }
    assert!(call("perceptron_step", &[a, y, theta], serde_json::json!({"first": "yes"})).is_err());
    for params in [
        serde_json::json!({"method": "adam", "step": 1.0, "max_steps": 5}),
        serde_json::json!({"step": 1.0, "max_steps": 5}),
        serde_json::json!({"method": 3, "step": 1.0, "max_steps": 5}),
        serde_json::json!({"method": "lr_gd", "max_steps": 5}),
        serde_json::json!({"method": "lr_gd", "step": 0.0, "max_steps": 5}),
        serde_json::json!({"method": "lr_gd", "step": 1.0, "max_steps": -1}),
        serde_json::json!({"method": "lr_gd", "step": 1.0, "max_steps": 1.5}),
        serde_json::json!({"method": "lr_gd", "step": 1.0}),
    ] {
        assert!(call("iterations_to_separate", &[a, y], params.clone()).is_err(), "{params}");
    }
    for params in [
        serde_json::json!({"n": 0, "radius": 1.0, "margin": 1.0, "step": 1.0}),
        serde_json::json!({"n": -3, "radius": 1.0, "margin": 1.0, "step": 1.0}),
        serde_json::json!({"n": 5, "radius": 1.0, "margin": 0.0, "step": 1.0}),
        serde_json::json!({"n": 5, "radius": 1.0, "margin": 1.0, "step": 0.0}),
        serde_json::json!({"n": 5, "radius": 1.0, "margin": 1.0}),
    ] {
        assert!(call("iteration_bounds", &[], params.clone()).is_err(), "{params}");
    }
}

#[test]
fn the_smoke_profile_gives_sane_results() {
    let records = smoke();
    assert_eq!(records.len(), 26);
    for record in records {
        let metric = |name: &str| record.metric(name).unwrap();
        assert!((1.0..=50.0).contains(&metric("iterations")));
        assert_eq!(metric("separated") == 1.0, metric("final_accuracy") == 1.0, "{}", record.arm);
        assert!(!record.diverged(), "{}", record.arm);
        let accuracy = &record.series["accuracy"];
        assert_eq!((accuracy.x[0].0, accuracy.y[0].0), (0.0, 0.0), "nothing is separated at 0");
        assert_eq!(accuracy.x.last().unwrap().0, metric("iterations"));
    }
    // With a margin and so few points, the batch perceptron finds a separator.
    let perceptron: Vec<_> = records.iter().filter(|record| record.arm == "batch_perceptron").collect();
    assert!(perceptron.iter().all(|record| record.metric("margin_lower").unwrap() >= 0.099));
}

#[test]
fn a_trial_repeats_bit_for_bit() {
    let trials = trials(Profile::Smoke);
    for trial in trials.iter().filter(|trial| trial.arm.ends_with("100") || trial.arm == "batch_perceptron") {
        assert_eq!(run(trial), run(trial));
    }
}

#[test]
fn arms_of_a_seed_see_the_same_points() {
    // At θ = 0 all methods see the same gradient.
    let norms: Vec<f64> =
        smoke().iter().filter(|record| record.seed == 1).map(|record| record.series["gradient_norm"].y[0].0).collect();
    assert!(norms.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1e-15));
}

/// Asks a trial to stop after some reports of progress, and keeps its checkpoint.
struct Interrupted {
    reports_left: u32,
    kept: Option<Vec<u8>>,
}

impl Host for Interrupted {
    fn open(&mut self, id: &str) -> Result<harness_core::data::CachedSet> {
        QuietHost.open(id)
    }
    fn progress(&mut self, _done: u64, _total: u64) {
        self.reports_left = self.reports_left.saturating_sub(1);
    }
    fn interrupt(&self) -> Interrupt {
        if self.reports_left == 0 { Interrupt::Drain } else { Interrupt::None }
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
    fn load_stage(&mut self, _key: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn store_stage(&mut self, _key: &str, _result: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn an_interrupted_trial_goes_on_where_it_stopped() {
    // So many points, and so few steps, that neither method ends before its second report of progress.
    let cell = harness_core::cell::Cell::new().with("task", "worst_case").with("n", 10_000_i64);
    for arm in ["lr_gd_0.001", "batch_perceptron"] {
        let mut trial = trial(Profile::Quick, arm, &cell, 0);
        trial.settings["worst_case_limit"] = serde_json::json!(1200);
        let whole = run(&trial);
        let mut host = Interrupted { reports_left: 1, kept: None };
        let device = || DeviceChoice::Cpu.open().unwrap();
        let stopped = LrPerceptron.run(&trial, &mut Lab::new(&trial, device(), &mut host));
        assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
        assert!(host.kept.is_some());
        host.reports_left = u32::MAX;
        let mut lab = Lab::new(&trial, device(), &mut host);
        assert!(lab.restore::<serde_json::Value>().is_some_and(|state| state["t"] == 500), "it must not start again");
        LrPerceptron.run(&trial, &mut lab).unwrap();
        assert_eq!(lab.finish(), whole);
    }
}

#[test]
fn a_task_without_its_images_runs_on_generated_points() {
    let cell = harness_core::cell::Cell::new().with("task", "fashion_imbalanced").with("n", 60_i64);
    let mut trial = trial(Profile::Quick, "normalized_lr_gd_10", &cell, 0);
    let notebook = run(&trial);
    assert_eq!(notebook.metrics["separated"].0, 1.0);
    trial.data = BTreeMap::new();
    let mut host = QuietHost;
    let mut lab = Lab::new(&trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    assert!(LrPerceptron.run(&trial, &mut lab).is_err(), "a set that the block does not name");
}

#[test]
fn smoke_verdicts_claim_nothing_about_real_data() {
    let results = results(Profile::Smoke, smoke().to_vec());
    for id in ["C1", "C2", "C3", "C4", "C5"] {
        let evidence = verdict(id, &results);
        assert_eq!(evidence.verdict, Verdict::NotRun, "{id}: {}", evidence.summary);
    }
    let bounds = verdict("C6", &results);
    assert_eq!(bounds.verdict, Verdict::Reproduced, "{}", bounds.summary);
    let limit = &verdict("C1", &results).parts[0];
    assert_ne!(limit.verdict, Verdict::NotRun, "the Gaussian points are judged: {}", limit.summary);
}

#[test]
fn figures_come_out_with_whatever_is_there() {
    let all = LrPerceptron.figures(&results(Profile::Smoke, smoke().to_vec()));
    let ids: Vec<&str> = all.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids, ["curves-synthetic-60", "perceptron-limit", "iterations"]);
    assert!(all.iter().all(|figure| !figure.title.is_empty() && !figure.caption.is_empty()));
    assert!(LrPerceptron.figures(&results(Profile::Smoke, Vec::new())).is_empty());
    for arm in ["batch_perceptron", "lr_gd_0.1"] {
        let one: Vec<Record> = smoke().iter().filter(|record| record.arm == arm).cloned().collect();
        assert!(!LrPerceptron.figures(&results(Profile::Smoke, one)).is_empty(), "{arm}");
    }
    let mut failed = smoke().to_vec();
    failed.iter_mut().for_each(|record| record.outcome = Outcome::Failed { reason: "test".into() });
    assert!(LrPerceptron.figures(&results(Profile::Smoke, failed)).is_empty());
}

/// The trials of the paper's own sets, in the quick profile's sizes.
fn own_sets() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let own = |trial: &&Trial| {
            ["worst_case", "two_point"].contains(&trial.cell.get("task").unwrap().to_string().as_str())
        };
        let needed = |trial: &&Trial| {
            let worst = trial.cell.get("task").unwrap().to_string() == "worst_case";
            let n = trial.cell.get("n").unwrap().as_f64().unwrap();
            !worst || trial.arm == "batch_perceptron" || n == 1000.0 && !trial.arm.ends_with("_0.001")
        };
        trials(Profile::Quick).iter().filter(own).filter(needed).map(|trial| record(trial, run(trial))).collect()
    })
}

#[test]
fn the_papers_own_sets_reproduce() {
    let results = results(Profile::Quick, own_sets().to_vec());
    let worst_case = verdict("C4", &results);
    assert_eq!(worst_case.verdict, Verdict::Reproduced, "{}", worst_case.summary);
    let exact = &verdict("C5", &results).parts[0];
    assert_eq!(exact.verdict, Verdict::Reproduced, "{}", exact.summary);
    let two_point = &verdict("C3", &results).parts[0];
    assert_eq!(two_point.verdict, Verdict::Reproduced, "{}", two_point.summary);
    let bounds = verdict("C6", &results);
    assert_eq!(bounds.verdict, Verdict::Reproduced, "{}", bounds.summary);
    let figure = &LrPerceptron.figures(&results)[1];
    assert!(figure.id == "worst-case-iterations" && figure.title.contains("n^"), "{}", figure.title);
}

#[test]
fn an_off_by_one_is_not_reproduced() {
    let mut records = own_sets().to_vec();
    records.iter_mut().for_each(|record| record.metrics.get_mut("iterations").unwrap().0 += 1.0);
    let results = results(Profile::Quick, records);
    assert_eq!(verdict("C4", &results).verdict, Verdict::Contradicted);
    assert_eq!(verdict("C5", &results).parts[0].verdict, Verdict::Contradicted);
}

/// A finished trial on a real set with numbers made up for the purpose.
fn made_up(task: &str, arm: &str, seed: u64, iterations: f64, separated: bool, max_loss: f64, probe: f64) -> Record {
    let cell = harness_core::cell::Cell::new().with("task", task).with("n", 1000_i64);
    let mut trial = trial(Profile::Quick, arm, &cell, seed);
    trial.data = [("mnist".to_owned(), DataSource::Real { digest: "0".repeat(64) })].into();
    let mut record = record(&trial, Notebook::default());
    for (name, value) in [
        ("iterations", iterations),
        ("separated", f64::from(u8::from(separated))),
        ("max_loss", max_loss),
        ("loss_at_probe", probe),
    ] {
        record.metrics.insert(name.into(), value.into());
    }
    record
}

#[test]
fn larger_steps_are_judged_with_censoring() {
    let case = |large: (f64, bool, f64), small: (f64, bool, f64)| {
        let records = (0..3)
            .flat_map(|seed| {
                [
                    made_up("mnist_3v8", "lr_gd_100", seed, large.0, large.1, large.2, 5.0),
                    made_up("mnist_3v8", "lr_gd_0.1", seed, small.0, small.1, small.2, 0.5),
                ]
            })
            .collect();
        verdict("C2", &results(Profile::Quick, records)).verdict
    };
    assert_eq!(case((300.0, true, 9.0), (900.0, true, 0.7)), Verdict::Reproduced);
    assert_eq!(case((300.0, true, 9.0), (4000.0, false, 0.7)), Verdict::Reproduced);
    assert_eq!(case((900.0, true, 9.0), (300.0, true, 0.7)), Verdict::Contradicted);
    assert_eq!(case((300.0, true, 9.0), (300.0, true, 0.7)), Verdict::Contradicted, "fewer is strict");
    assert_eq!(case((300.0, true, 0.6), (900.0, true, 0.7)), Verdict::Contradicted, "the loss must be higher");
    assert_eq!(case((4000.0, false, 9.0), (900.0, true, 0.7)), Verdict::Contradicted);
    assert_eq!(case((4000.0, false, 9.0), (4000.0, false, 0.7)), Verdict::Inconclusive);
}

#[test]
fn generated_points_decide_nothing_about_real_sets() {
    let mut records: Vec<Record> = (0..3)
        .flat_map(|seed| {
            [
                made_up("mnist_3v8", "lr_gd_100", seed, 10.0, true, 9.0, 5.0),
                made_up("mnist_3v8", "lr_gd_0.1", seed, 90.0, true, 0.7, 0.5),
            ]
        })
        .collect();
    records.iter_mut().for_each(|record| {
        record.provenance.data.insert("mnist".into(), "synthetic".into());
    });
    let evidence = verdict("C2", &results(Profile::Quick, records));
    assert_eq!(evidence.verdict, Verdict::Inconclusive);
    assert!(evidence.summary.contains("generated"), "{}", evidence.summary);
}

#[test]
fn a_failed_real_set_keeps_the_claim_from_being_reproduced() {
    let mut records: Vec<Record> = (0..3)
        .flat_map(|seed| {
            ["mnist_3v8", "fashion_balanced"].into_iter().flat_map(move |task| {
                [
                    made_up(task, "lr_gd_100", seed, 10.0, true, 9.0, 5.0),
                    made_up(task, "lr_gd_0.1", seed, 90.0, true, 0.7, 0.5),
                ]
            })
        })
        .collect();
    assert_eq!(verdict("C2", &results(Profile::Quick, records.clone())).verdict, Verdict::Reproduced);
    for record in &mut records {
        if record.cell.get("task").unwrap().to_string() == "fashion_balanced" {
            record.outcome = Outcome::Failed { reason: "out of memory".into() };
        }
    }
    assert_eq!(verdict("C2", &results(Profile::Quick, records)).verdict, Verdict::NotRun);
}

#[test]
fn imbalanced_data_need_three_of_four_step_sizes() {
    let case = |wins: [Option<bool>; 4]| {
        let mut records = own_sets().to_vec();
        for seed in 0..3 {
            for (step, wins) in ["0.1", "1", "10", "100"].into_iter().zip(wins) {
                let (ours, plain) = match wins {
                    Some(true) => ((100.0, true), (200.0, true)),
                    Some(false) => ((200.0, true), (100.0, true)),
                    None => ((4000.0, false), (4000.0, false)),
                };
                let task = "fashion_imbalanced";
                records.push(made_up(task, &format!("normalized_lr_gd_{step}"), seed, ours.0, ours.1, 1.0, 1.0));
                records.push(made_up(task, &format!("lr_gd_{step}"), seed, plain.0, plain.1, 1.0, 1.0));
            }
        }
        verdict("C5", &results(Profile::Quick, records)).verdict
    };
    assert_eq!(case([Some(true); 4]), Verdict::Reproduced);
    assert_eq!(case([Some(true), Some(true), Some(true), Some(false)]), Verdict::Reproduced);
    assert_eq!(case([Some(true), Some(true), Some(true), None]), Verdict::Reproduced);
    assert_eq!(case([Some(true), Some(true), None, Some(false)]), Verdict::Inconclusive);
    assert_eq!(case([Some(true), Some(true), Some(false), Some(false)]), Verdict::Contradicted);
}

#[test]
fn a_misleading_pair_needs_lower_loss_and_more_steps() {
    let case = |runs: [(&str, f64, bool, f64); 3]| {
        let mut records = own_sets().to_vec();
        for seed in 0..3 {
            for (arm, iterations, separated, probe) in runs {
                records.push(made_up("mnist_3v8", arm, seed, iterations, separated, 1.0, probe));
            }
        }
        verdict("C3", &results(Profile::Quick, records)).verdict
    };
    let (slow, mid, fast) = ("lr_gd_0.1", "lr_gd_1", "lr_gd_100");
    assert_eq!(
        case([(slow, 4000.0, false, 0.5), (mid, 900.0, true, 0.4), (fast, 300.0, true, 7.0)]),
        Verdict::Reproduced
    );
    assert_eq!(
        case([(slow, 900.0, true, 0.5), (mid, 500.0, true, 0.4), (fast, 300.0, true, 0.3)]),
        Verdict::Contradicted
    );
    assert_eq!(
        case([(slow, 4000.0, false, 0.5), (mid, 4000.0, false, 0.4), (fast, 300.0, true, 0.3)]),
        Verdict::Inconclusive
    );
    // Separated before the losses are compared: nothing to compare.
    assert_eq!(
        case([(slow, 900.0, true, 0.5), (mid, 500.0, true, 0.4), (fast, 3.0, true, 7.0)]),
        Verdict::Contradicted
    );
}

#[test]
fn a_run_beyond_its_bound_violates_it() {
    let mut records = smoke().to_vec();
    for record in records.iter_mut().filter(|record| record.arm == "normalized_batch_perceptron") {
        record.metrics.insert("iterations".into(), 1e6.into());
    }
    assert_eq!(verdict("C6", &results(Profile::Smoke, records)).verdict, Verdict::Contradicted);
    let mut records = smoke().to_vec();
    for record in records.iter_mut().filter(|record| record.arm == "batch_perceptron") {
        record.metrics.insert("margin_lower".into(), (-0.1).into());
    }
    let evidence = verdict("C6", &results(Profile::Smoke, records));
    assert_eq!(evidence.verdict, Verdict::Inconclusive, "{}", evidence.summary);
}
