//! `harness bench`: what it measures, keeps and refuses. No test looks at how long anything took.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use bench::Bench;
use serde_json::Value;

#[test]
fn the_list_names_what_can_be_measured() {
    let ran = Bench::new().run("bench --list").code(0);
    for name in ["mlp", "cnn", "simclr", "gpt", "pgd", "jets", "condense", "factored", "trial", "stored-100000"] {
        assert!(ran.out.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {ran:#?}");
    }
    let quick = Bench::new().run("bench --list --quick").code(0);
    assert!(!quick.out.contains("stored-100000") && quick.out.contains("stored-10000"), "{quick:#?}");
}

#[test]
fn a_measurement_is_kept_with_the_machine_and_compared_with_the_next() {
    let bench = Bench::new();
    let ran = bench.run("bench --only mlp,step,trial --seconds 0 --output first.json").code(0).says("3 of 3: step");
    assert!(ran.out.contains("mlp") && ran.out.contains("GFLOP/s"), "{ran:#?}");
    let kept: Value = serde_json::from_slice(&std::fs::read(bench.path("first.json")).unwrap()).unwrap();
    assert!(kept["place"]["cores"].as_u64().unwrap() >= 1);
    assert_eq!(kept["place"]["dependencies"]["burn"], "0.21.0");
    let names: Vec<&str> = kept["measured"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mlp", "trial", "step"]);
    let mlp = &kept["measured"][0];
    assert!(mlp["median_s"].as_f64().unwrap() > 0.0 && mlp["peak_mb"].as_f64().unwrap() > 1.0);
    assert_eq!(mlp["repeats"], 5);
    let ran = bench.run("bench --only mlp --seconds 0 --compare first.json").code(0);
    assert!(ran.out.contains("times before"), "{ran:#?}");
    let ran = bench.run("bench --only factored --seconds 0 --json").code(0);
    let printed: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(printed["measured"][0]["name"], "factored");
}

#[test]
fn wrong_names_and_files_are_refused_before_anything_is_measured() {
    let bench = Bench::new();
    bench.file("other.json", "{\"version\": 1}");
    for (arguments, words) in [
        ("bench --only condens", &["unknown measurement `condens`; did you mean `condense`?", "--list"][..]),
        ("bench --compare nowhere.json", &["nowhere.json", "--output FILE"]),
        ("bench --compare other.json", &["other.json", "missing field"]),
        ("bench --seconds -1", &["--seconds"]),
        ("bench --seconds many", &["'many'", "0 to 3600"]),
        ("bench --quick --seconds 1", &["--quick", "--seconds"]),
        ("bench simulate --trials 0 --into x", &["--trials"]),
        ("bench simulate pases --trials 1 --into x", &["did you mean `passes`?"]),
        ("bench simulate passes --trials 1 --into reports", &["may not lie beside real ones"]),
        ("bench simulate passes --trials 1 --into x", &["no finished trial of passes/", "reproduce passes"]),
    ] {
        let ran = bench.run(arguments).code(2);
        for word in words {
            assert!(ran.err.contains(word), "{arguments}: `{word}` is not in {ran:#?}");
        }
        assert!(ran.out.is_empty() && !ran.err.contains("1 of "), "{arguments}: {ran:#?}");
    }
}

#[test]
fn made_up_trials_are_found_done_and_name_themselves() {
    let bench = Bench::new();
    bench.run("reproduce passes --profile smoke --seeds 1 --data synthetic").code(0);
    let ran = bench.run("bench simulate passes --trials 41 --into many").code(0);
    assert!(ran.out.contains("42 trials of 1 papers with 21 seeds") && ran.out.contains("42 of them new"), "{ran:#?}");
    let again = bench.run("bench simulate passes --trials 41 --into many").code(0);
    assert!(again.out.contains("0 of them new"), "{again:#?}");
    let records = bench::records(&bench.path("many/store"));
    assert_eq!(records.len(), 42);
    assert!(records.values().all(|record| record["provenance"]["harness"] == "simulated"));
    let done = bench.run("--reports many reproduce passes --profile smoke --data synthetic --seeds 21 --json").code(0);
    assert_eq!(done.started(), 0);
    assert_eq!(done.evidence()["verdict"], "reproduced");
}
