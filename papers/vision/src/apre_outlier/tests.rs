//! What must be true of the whole module.

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::figure::Plot;
use harness_core::grid::synthetic_trials;
use harness_core::lab::{Notebook, QuietHost};
use harness_core::number::Number;
use harness_core::op::{Array, Values};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use serde_json::{Value, json};

use super::verdicts::PAIRS;
use super::*;

fn trials(profile: Profile) -> Vec<Trial> {
    let paper = REPRODUCTION.paper();
    synthetic_trials(paper, profile, 0..paper.profiles.get(profile).seeds)
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.check(trial).unwrap();
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "apre_outlier/vectors.json").unwrap();
    let results = vectors.run(REPRODUCTION.ops(), &DeviceChoice::Cpu.open().unwrap());
    assert!(results.len() >= 7);
    for result in results {
        assert_eq!(result.status, Status::Pass, "{}: {}: {}", result.op, result.name, result.message);
    }
}

fn floats(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.iter().map(|value| *value as f32).collect()) }
}

fn ints(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values.to_vec()) }
}

fn call(op: &str, arrays: &[(&str, Array)], params: Value) -> Result<Outputs> {
    let arrays = arrays.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    let params = params.as_object().unwrap().clone();
    let inputs = Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params);
    (REPRODUCTION.ops().iter().find(|known| known.name == op).unwrap().run)(&inputs)
}

fn close(outputs: &Outputs, name: &str, want: &[f64]) {
    let got = outputs.get(name).unwrap().values.to_f64();
    assert_eq!(got.len(), want.len(), "{name}");
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 1e-6 + 1e-4 * want.abs(), "{name}: {got} {want}");
    }
}

#[test]
fn ops_refuse_what_makes_no_sense() {
    let x = || floats(&[3, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let other = || floats(&[2, 3], &[0.0; 6]);
    let nan = || floats(&[3, 2], &[0.0, f64::NAN, 2.0, 3.0, 4.0, 5.0]);
    let empty = || floats(&[0, 2], &[]);
    let trio = |x: Array, mean: Array, log_var: Array| vec![("x", x), ("mean", mean), ("log_var", log_var)];
    let shift = json!({"k": 1, "iterations": 1});
    for (op, arrays, params) in [
        ("apre", trio(x(), other(), x()), json!({})),
        ("apre", trio(x(), x(), other()), json!({})),
        ("apre", trio(empty(), empty(), empty()), json!({})),
        ("apre", trio(nan(), x(), x()), json!({})),
        ("apre", trio(x(), x(), x()), json!({"alpha": "big"})),
        ("apre", trio(x(), x(), x()), json!({"beta": -1.0})),
        ("apre", vec![("x", x()), ("mean", x())], json!({})),
        ("apre", trio(floats(&[2], &[0.0; 2]), floats(&[2], &[0.0; 2]), floats(&[2], &[0.0; 2])), json!({})),
        ("apre", trio(ints(&[1, 2]), ints(&[1, 2]), ints(&[1, 2])), json!({})),
        ("mean_shift", vec![("x", x())], json!({"k": 3, "iterations": 0})),
        ("mean_shift", vec![("x", x())], json!({"k": 0, "iterations": 1})),
        ("mean_shift", vec![("x", x())], json!({"k": -1, "iterations": 1})),
        ("mean_shift", vec![("x", x())], json!({"k": 1, "iterations": -1})),
        ("mean_shift", vec![("x", x())], json!({"k": 1.5, "iterations": 1})),
        ("mean_shift", vec![("x", x())], json!({"iterations": 1})),
        ("mean_shift", vec![("x", nan())], shift.clone()),
        ("mean_shift", vec![("x", empty())], shift.clone()),
        ("mean_shift", vec![("x", floats(&[3, 0], &[]))], shift.clone()),
        ("mean_shift", vec![("x", floats(&[1, 2], &[0.0, 1.0]))], shift.clone()),
        ("mss_score", trio(x(), other(), x()), shift.clone()),
        ("mss_score", trio(x(), x(), x()), json!({"k": 3, "iterations": 1})),
        ("roc_auc", vec![("score", floats(&[2], &[0.0, 1.0])), ("label", ints(&[1, 1]))], json!({})),
        ("roc_auc", vec![("score", floats(&[2], &[0.0, 1.0])), ("label", ints(&[0, 2]))], json!({})),
        ("roc_auc", vec![("score", floats(&[2], &[0.0, 1.0])), ("label", ints(&[0, -1]))], json!({})),
        ("roc_auc", vec![("score", floats(&[2], &[0.0, 1.0])), ("label", ints(&[0, 1, 1]))], json!({})),
        ("roc_auc", vec![("score", floats(&[2], &[0.0, f64::NAN])), ("label", ints(&[0, 1]))], json!({})),
        ("roc_auc", vec![("score", floats(&[0], &[])), ("label", ints(&[]))], json!({})),
        ("roc_auc", vec![("score", floats(&[2, 1], &[0.0, 1.0])), ("label", ints(&[0, 1]))], json!({})),
        (
            "relative_improvement",
            vec![("method", floats(&[2], &[1.0, 0.5])), ("baseline", floats(&[2], &[1.0, 0.5]))],
            json!({}),
        ),
        (
            "relative_improvement",
            vec![("method", floats(&[1], &[1.0])), ("baseline", floats(&[2], &[0.9, 0.5]))],
            json!({}),
        ),
        ("relative_improvement", vec![("method", floats(&[0], &[])), ("baseline", floats(&[0], &[]))], json!({})),
    ] {
        assert!(call(op, &arrays, params.clone()).is_err(), "{op} {arrays:?} {params}");
    }
}

/// Points on a coarse grid, so that many distances tie.
fn grid(n: usize, d: usize, salt: usize) -> Vec<f64> {
    (0..n * d).map(|i| ((i * 7919 + salt * 104_729) % 17) as f64 * 0.25 - 2.0).collect()
}

/// The mean shift with all pairs sorted.
fn shift_plainly(points: &[f64], d: usize, k: usize, iterations: usize) -> Vec<f64> {
    let mut current = points.to_vec();
    for _ in 0..iterations {
        let rows: Vec<&[f64]> = current.chunks(d).collect();
        let next = rows
            .iter()
            .enumerate()
            .flat_map(|(i, here)| {
                let mut others: Vec<(f64, usize)> = (0..rows.len())
                    .filter(|j| *j != i)
                    .map(|j| (here.iter().zip(rows[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>(), j))
                    .collect();
                others.sort_by(|a, b| a.partial_cmp(b).unwrap());
                (0..d)
                    .map(|c| others[..k].iter().map(|(_, j)| rows[*j][c]).sum::<f64>() / k as f64)
                    .collect::<Vec<f64>>()
            })
            .collect();
        current = next;
    }
    current
}

#[test]
fn ops_agree_with_plain_loops_on_other_shapes() {
    for (n, d, k, iterations, alpha, beta) in [
        (2, 1, 1, 1, 0.5, 0.5),
        (9, 3, 4, 2, 0.9, 0.1),
        (40, 1, 39, 3, 0.1, 0.9),
        (25, 6, 5, 0, 0.0, 1.0),
        (7, 2, 1, 4, 2.0, 3.0),
    ] {
        let (x, mean) = (grid(n, d, 0), grid(n, d, 3));
        let log_var: Vec<f64> = grid(n, d, 5).iter().map(|s| 4.0 * s).collect();
        let arrays =
            [("x", floats(&[n, d], &x)), ("mean", floats(&[n, d], &mean)), ("log_var", floats(&[n, d], &log_var))];
        let error = |x: &[f64], i: usize| -> f64 {
            (i * d..(i + 1) * d)
                .map(|at| alpha * (x[at] - mean[at]).powi(2) * (-log_var[at]).exp() + beta * log_var[at])
                .sum()
        };
        let params = json!({"k": k, "iterations": iterations, "alpha": alpha, "beta": beta});
        let plain: Vec<f64> = (0..n).map(|i| error(&x, i)).collect();
        let outputs = call("apre", &arrays, params.clone()).unwrap();
        close(&outputs, "score", &plain);
        close(&outputs, "loss", &[plain.iter().sum::<f64>() / n as f64]);

        let shifted = shift_plainly(&x, d, k, iterations);
        close(&call("mean_shift", &arrays[..1], params.clone()).unwrap(), "shifted", &shifted);
        let outputs = call("mss_score", &arrays, params).unwrap();
        close(&outputs, "score", &(0..n).map(|i| error(&shifted, i)).collect::<Vec<_>>());
        let squared =
            |i: usize| (i * d..(i + 1) * d).map(|at| (shifted[at] - mean[at]).powi(2)).sum::<f64>() / d as f64;
        close(&outputs, "mse_score", &(0..n).map(squared).collect::<Vec<_>>());
    }
}

#[test]
fn every_profile_is_accepted_and_every_arm_runs_on_every_table() {
    for profile in Profile::ALL {
        let trials = trials(profile);
        for trial in &trials {
            REPRODUCTION.check(trial).unwrap();
        }
        let arms: std::collections::BTreeSet<&str> = trials.iter().map(|trial| trial.arm.as_str()).collect();
        assert_eq!(arms.len(), 15);
    }
}

#[test]
fn impossible_settings_are_named() {
    let trial = trials(Profile::Smoke).into_iter().find(|trial| trial.arm == "ae").unwrap();
    for (path, value, expected) in [
        ("/synthetic_rows", json!(3), "synthetic_rows"),
        ("/clip", json!(-1.0), "clip"),
        ("/neighbourhood/share", json!(0.0), "neighbourhood.share"),
        ("/neighbourhood/most", json!(1), "neighbourhood"),
        ("/iterations", json!(0), "iterations"),
        ("/training/steps", json!(0), "training.steps"),
        ("/training/rate", json!(0.0), "training.rate"),
        ("/training/log_var", json!([1.0, 1.0]), "training.log_var"),
    ] {
        let mut trial = trial.clone();
        *trial.settings.pointer_mut(path).unwrap() = value;
        let message = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    for (cell, expected) in [
        (trial.cell.clone().with("set", "vowel"), "vowels"),
        (trial.cell.clone().with("alpha", 0.1), "alpha"),
        (trial.cell.clone().with("iterations", 2), "iterations"),
        (trial.cell.clone().with("colour", 2), "colour"),
    ] {
        let trial = Trial { cell, ..trial.clone() };
        let message = REPRODUCTION.check(&trial).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    for settings in [
        json!({"knn": {"neighbours": 0}}),
        json!({"iforest": {"trees": 100, "samples": 1}}),
        json!({"pca": {"variance": 1.5}}),
        json!({"network": {"kind": {"apre": {"alpha": 1.0}}, "shifted": true}}),
        json!({"network": {"kind": {"dae": {"noise": 0.0}}, "shifted": true}}),
        json!({"network": {"kind": {"ae": {"alpha": 0.5}}, "shifted": true}}),
        json!({"svm": {}}),
    ] {
        let trial = Trial { arm_settings: settings.clone(), ..trial.clone() };
        assert!(REPRODUCTION.check(&trial).is_err(), "{settings}");
    }
}

#[test]
fn smoke_runs_repeat_and_make_a_report() {
    let trials: Vec<Trial> = trials(Profile::Smoke).into_iter().filter(|trial| trial.seed == 0).collect();
    let records: Vec<Record> = trials.iter().map(|trial| run(trial).into_record(trial)).collect();
    for record in &records {
        let auc = record.metric("auc").unwrap();
        assert!((0.0..=1.0).contains(&auc) && !record.diverged(), "{} {}", record.arm, record.cell);
        assert!((0.0..=1.0).contains(&record.metric("false_inliers").unwrap()));
    }
    // Outliers of the cluster table lie between and around the clusters: what looks at neighbours finds them.
    for record in records.iter().filter(|record| ["knn", "lof", "mod"].contains(&record.arm.as_str())) {
        if record.cell.to_string() == "set=clusters" {
            assert!(record.metric("auc").unwrap() > 0.8, "{}: {:?}", record.arm, record.metric("auc"));
        }
    }
    let again = run(&trials[trials.len() - 1]);
    assert_eq!(again.metrics, records[records.len() - 1].metrics);

    let results = Results::new("apre_outlier", Profile::Smoke, records.clone());
    for claim in &REPRODUCTION.paper().claims {
        let evidence = REPRODUCTION.judge(claim, &results).unwrap();
        assert_eq!(evidence.verdict, Verdict::Inconclusive, "{}: generated tables decide nothing", claim.id);
    }
    // Without a false inlier, their figure has nothing to show.
    let mut shown: Vec<String> = REPRODUCTION.figures(&results).into_iter().map(|figure| figure.id).collect();
    shown.retain(|id| id != "false-inliers");
    assert_eq!(shown, ["mean-rank", "plain-against-shifted", "alpha", "auc-by-table"]);
    // With trials missing, what is left is drawn, and claims without their trials are not judged.
    let some = records.into_iter().filter(|record| !matches!(record.arm.as_str(), "apre" | "knn")).collect();
    let results = Results::new("apre_outlier", Profile::Smoke, some);
    assert!(REPRODUCTION.figures(&results).iter().any(|figure| figure.id == "mean-rank"));
    let judged = |id: &str| REPRODUCTION.judge(REPRODUCTION.paper().claim(id).unwrap(), &results);
    assert!(matches!(judged("C1"), Err(Error::Missing(_))));
    assert!(matches!(judged("C4"), Err(Error::Missing(_))));
    assert!(judged("C3").is_ok());
    assert!(REPRODUCTION.figures(&Results::new("apre_outlier", Profile::Smoke, Vec::new())).is_empty());
}

/// Training must lower the error, and reconstruct inliers better than outliers.
#[test]
fn every_network_learns() {
    for arm in ["ae", "dae", "vae", "pre", "apre"] {
        let mut trial = trials(Profile::Smoke)
            .into_iter()
            .find(|trial| trial.arm == arm && trial.cell == GridCell::new().with("set", "correlated"))
            .unwrap();
        trial.settings["synthetic_rows"] = json!(200);
        trial.settings["training"]["steps"] = json!(150);
        let notebook = run(&trial);
        let losses: Vec<f64> = notebook.series["training_loss"].points().map(|(_, loss)| loss).collect();
        assert!(losses[losses.len() - 1] < losses[0] - 0.05, "{arm}: {losses:?}");
        assert!(notebook.metrics["auc"].0 > 0.7, "{arm}: {:?}", notebook.metrics["auc"]);
    }
}

/// α = ½ of the adjustable error is the probabilistic error; another α is another network.
#[test]
fn half_is_the_probabilistic_error() {
    let of = |arm: &str, alpha: Option<f64>| {
        let mut trial = trials(Profile::Smoke).into_iter().find(|trial| trial.arm == arm).unwrap();
        if let Some(alpha) = alpha {
            trial.cell = trial.cell.with("alpha", alpha);
        }
        run(&trial)
    };
    let half = of("apre", Some(0.5));
    let pre = of("pre", None);
    assert_eq!(half.metrics, pre.metrics);
    assert_eq!(half.series["training_loss"], pre.series["training_loss"]);
    assert_ne!(of("apre", None).series["training_loss"], pre.series["training_loss"]);
}

/// Results of the comparison with scores by arm, table and seed.
fn made_up(score: impl Fn(&str, &str, u64) -> f64, false_inliers: impl Fn(&str, &str, u64) -> f64) -> Results {
    let records = trials(Profile::Quick)
        .into_iter()
        .filter(|trial| trial.cell.iter().count() == 1)
        .map(|trial| {
            let set = trial.cell.get("set").unwrap().to_string();
            let auc = score(&trial.arm, &set, trial.seed);
            let metrics = [
                ("auc", auc),
                ("average_precision", 0.5 * auc),
                ("false_inliers", false_inliers(&trial.arm, &set, trial.seed)),
                ("rows", 200.0),
                ("outliers", 10.0),
            ];
            let metrics = metrics.into_iter().map(|(name, value)| (name.to_owned(), Number(value))).collect();
            Notebook { metrics, ..Notebook::default() }.into_record(&trial)
        })
        .collect();
    Results::new("apre_outlier", Profile::Quick, records)
}

fn verdict(results: &Results, id: &str) -> Evidence {
    REPRODUCTION.judge(REPRODUCTION.paper().claim(id).unwrap(), results).unwrap()
}

fn is_shifted(arm: &str) -> bool {
    PAIRS.iter().any(|(_, shifted)| *shifted == arm)
}

#[test]
fn c1_compares_with_the_one_baseline_that_is_best_on_average() {
    // kNN is best on average, though LOF wins on one table.
    let score = |method: f64| {
        move |arm: &str, set: &str, seed: u64| match arm {
            "knn" => 0.8,
            "lof" if set == "wbc" => 0.95,
            "apre_mss" => method + 0.001 * seed as f64,
            _ => 0.6,
        }
    };
    let found = |method: f64| verdict(&made_up(score(method), |_, _, _| 0.0), "C1");
    let evidence = found(0.84);
    assert_eq!(evidence.verdict, Verdict::Reproduced);
    assert!(evidence.quantity.contains("knn"), "{}", evidence.quantity);
    assert!((evidence.effect.unwrap() - 0.205).abs() < 1e-9, "(0.841 − 0.8)/0.2");
    assert_eq!(found(0.805).verdict, Verdict::Inconclusive, "within the band, though beyond chance");
    assert_eq!(found(0.793).verdict, Verdict::Inconclusive, "within the band on the other side");
    assert_eq!(found(0.75).verdict, Verdict::Contradicted);
}

#[test]
fn a_perfect_baseline_counts_against_a_method_that_is_not() {
    let score = |method: f64| {
        move |arm: &str, set: &str, _: u64| match (arm, set) {
            ("knn", "wbc") => 1.0,
            ("apre_mss", "wbc") => method,
            ("knn", _) => 0.8,
            ("apre_mss", _) => 0.8,
            _ => 0.5,
        }
    };
    let effect = |method: f64| verdict(&made_up(score(method), |_, _, _| 0.0), "C1").effect.unwrap();
    assert!(effect(1.0).abs() < 1e-12, "both perfect: no gain");
    assert!(effect(0.99) < -3.0);
}

#[test]
fn c2_needs_both_the_gain_and_the_wins() {
    let everywhere = made_up(|arm, _, _| if is_shifted(arm) { 0.85 } else { 0.8 }, |_, _, _| 0.0);
    assert_eq!(verdict(&everywhere, "C2").verdict, Verdict::Reproduced);
    // A large gain on one table of ten and a tiny loss on the others.
    let once = made_up(
        |arm, set, _| match (is_shifted(arm), set) {
            (true, "wbc") => 0.99,
            (true, _) => 0.7999,
            _ => 0.8,
        },
        |_, _, _| 0.0,
    );
    let evidence = verdict(&once, "C2");
    assert!(evidence.parts[0].verdict == Verdict::Reproduced && evidence.verdict == Verdict::Contradicted);
}

#[test]
fn c3_and_c4_ask_for_their_least_effects() {
    let by = |pre: f64, apre: f64| {
        made_up(
            move |arm, _, seed| {
                let jitter = 1e-4 * seed as f64;
                match arm {
                    "pre" => 0.8 + pre + jitter,
                    "apre" => 0.8 + pre + apre + 2.0 * jitter,
                    _ => 0.8,
                }
            },
            |_, _, _| 0.0,
        )
    };
    assert_eq!(verdict(&by(0.006, 0.004), "C3").verdict, Verdict::Reproduced);
    assert_eq!(verdict(&by(0.004, 0.004), "C3").verdict, Verdict::DirectionOnly);
    assert_eq!(verdict(&by(0.006, 0.004), "C4").verdict, Verdict::Reproduced);
    assert_eq!(verdict(&by(0.006, 0.002), "C4").verdict, Verdict::DirectionOnly);
    assert_eq!(verdict(&by(-0.006, -0.004), "C3").verdict, Verdict::Contradicted);
    assert_eq!(verdict(&by(-0.006, -0.004), "C4").verdict, Verdict::Contradicted);
    assert!(verdict(&by(0.006, 0.004), "C4").summary.contains("best α"));
}

#[test]
fn c5_counts_a_tie_as_no_improvement() {
    let fewer_on = |sets: usize| {
        let order = ["breastw", "cardio", "ionosphere", "letter", "pima", "satellite", "thyroid", "vertebral"];
        let results = made_up(
            |_, _, _| 0.8,
            move |arm, set, _| {
                let improved = order.iter().take(sets).any(|improved| *improved == set);
                if is_shifted(arm) && improved { 0.1 } else { 0.2 }
            },
        );
        verdict(&results, "C5").verdict
    };
    assert_eq!(fewer_on(6), Verdict::Reproduced);
    assert_eq!(fewer_on(5), Verdict::Inconclusive);
    assert_eq!(fewer_on(2), Verdict::Contradicted);
}

#[test]
fn mean_ranks_put_the_best_detector_first() {
    let results = made_up(|arm, _, _| if arm == "mod" { 0.9 } else { 0.5 }, |_, _, _| 0.0);
    let figures = REPRODUCTION.figures(&results);
    let Plot::Bars(bars) = &figures.iter().find(|figure| figure.id == "mean-rank").unwrap().panels[0].plot else {
        panic!("mean ranks are bars")
    };
    assert_eq!(bars.categories[0], "MOD");
    let ranks: Vec<f64> = bars.series[0].bars.iter().map(|bar| bar.unwrap().value).collect();
    assert_eq!(ranks[0], 1.0);
    assert!(ranks[1..].iter().all(|rank| *rank == 8.5), "the other 14 share the ranks 2 to 15: {ranks:?}");
    // 3.391 √(15·16/(6·10))
    assert!((bars.references[0].at - (1.0 + 3.391 * 2.0)).abs() < 1e-9);
}
