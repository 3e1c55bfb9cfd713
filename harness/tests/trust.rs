//! Verdicts that can be checked: adding seeds until decided, explaining, comparing, auditing, calibrating.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use bench::{Bench, Ran};
use serde_json::{Value, json};

/// Runs below `reports/`, oldest first.
fn runs(bench: &Bench) -> Vec<String> {
    bench.run("report --list").code(0).out.lines().map(str::to_owned).collect()
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?", "[RUN]"),
        (r"key [0-9a-f]{16}", "key [KEY]"),
        (r"[0-9a-f]{64}", "[DIGEST]"),
        (r"code: [0-9a-z]+ → [0-9a-z]+", "code: [OLD] → [NEW]"),
        (r"  code: .*", "  code: [CODE]"),
        (r"  machine: .*(\n {13}.*)*", "  machine: [MACHINE]"),
    ]
}

fn shown(ran: &Ran) -> String {
    ran.out.clone()
}

// ---------------------------------------------------------------- until decided

#[test]
fn seeds_are_added_only_where_a_claim_is_open() {
    let bench = Bench::new();
    let ran = bench.run("reproduce passes wavers --profile smoke --until-decided --max-seeds 30 --json").code(0);
    let papers = ran.event("report")["papers"].clone();
    let evidence = |slug: &str| -> Value {
        papers.as_array().unwrap().iter().find(|paper| paper["paper"] == slug).unwrap()["claims"][0]["evidence"].clone()
    };
    let clear = evidence("passes");
    assert_eq!((&clear["verdict"], &clear["n"]), (&json!("reproduced"), &json!(2)));
    assert_eq!(clear["look"]["early"], true);
    assert!(clear["summary"].as_str().unwrap().contains("stopped early at 2 of at most 30 seeds"), "{clear}");
    let wavering = evidence("wavers");
    assert_eq!(wavering["verdict"], "reproduced", "{wavering}");
    let seeds = wavering["n"].as_u64().unwrap();
    assert!(seeds > 2 && seeds < 30, "{wavering}");
    // Two arms each, and no trial of the paper that was decided at once.
    assert_eq!(bench.records().len() as u64, 4 + 2 * seeds);
    let looks: Vec<Value> = ran.events().into_iter().filter(|event| event["event"] == "look").collect();
    assert_eq!(looks.last().unwrap()["open"], json!([]));
    assert_eq!(looks[0]["open"][0][0], "wavers C1");

    // The same command finds everything done, and the report made again says the same.
    let again = bench.run("reproduce passes wavers --profile smoke --until-decided --max-seeds 30 --json").code(0);
    assert_eq!(again.started(), 0);
    assert_eq!(again.event("report"), ran.event("report"));
    assert_eq!(runs(&bench).len(), 1);
    let readme =
        |bench: &Bench| std::fs::read_to_string(bench.reports().join(&runs(bench)[0]).join("README.md")).unwrap();
    let before = readme(&bench);
    assert_eq!(before.matches("`reproduced`, stopped early |").count(), 2, "{before}");
    bench.run("report").code(0);
    assert_eq!(readme(&bench), before);
}

#[test]
fn an_open_claim_ends_at_the_largest_number_of_seeds() {
    let bench = Bench::new();
    let ran = bench.run("reproduce wavers --profile smoke --until-decided --max-seeds 3 --json").code(0);
    let evidence = ran.evidence();
    assert_ne!(evidence["verdict"], "reproduced");
    assert_eq!((&evidence["n"], &evidence["look"]["early"]), (&json!(3), &json!(false)));
    assert!(evidence["summary"].as_str().unwrap().contains("at 3 of at most 3 seeds (look 2 of 2"), "{evidence}");
    let looks: Vec<Value> = ran.events().into_iter().filter(|event| event["event"] == "look").collect();
    assert_eq!(looks.last().unwrap()["exhausted"], 1);
}

#[test]
fn a_budget_that_is_used_up_starts_no_further_look() {
    let bench = Bench::new();
    let ran = bench.run("reproduce wavers --profile smoke --until-decided --budget 0s").code(0);
    assert!(ran.err.contains("1 open, the budget allows no further look"), "{ran:#?}");
    assert_eq!(bench.records().len(), 4, "the first look is always taken");
    assert!(ran.out.contains("wavers C1 is open"), "{ran:#?}");
    // What was begun goes on with more.
    let ran = bench.run("reproduce wavers --profile smoke --until-decided --json").code(0);
    assert!(ran.evidence()["n"].as_u64().unwrap() > 2);
}

#[test]
fn an_interrupted_look_is_taken_up_again() {
    let bench = Bench::new();
    let arguments = "reproduce wavers --profile smoke --until-decided --set steps=20 --set pause_ms=20 --jobs 1";
    let running = bench.start(arguments);
    running.wait_for(|event| event["event"] == "look");
    running.wait_for_event("started");
    running.signal(rustix::process::Signal::INT);
    let (code, _, _) = running.end();
    assert_eq!(code, Some(1));
    let ran = bench.run(&format!("{arguments} --json")).code(0);
    let other = Bench::new();
    let undisturbed = other.run(&format!("{arguments} --json")).code(0);
    assert_eq!(ran.evidence(), undisturbed.evidence());
}

#[test]
fn options_of_the_planner_that_cannot_be() {
    let bench = Bench::new();
    for (arguments, words) in [
        ("--until-decided --seeds 3", "cannot be used with"),
        ("--until-decided --force", "cannot be used with"),
        ("--max-seeds 5", "--until-decided"),
        ("--budget 1h", "--until-decided"),
        ("--until-decided --max-seeds 1", "2..=1000"),
        ("--until-decided --budget soon", "budget"),
    ] {
        bench.run(&format!("reproduce passes --profile smoke {arguments}")).code(2).says(words);
    }
    assert!(bench.records().is_empty());
}

// ---------------------------------------------------------------- explain

#[test]
fn a_verdict_leads_back_to_its_trials() {
    let bench = Bench::new();
    let report = bench.run("reproduce wavers --profile quick --json").code(0);
    let explained: Value = serde_json::from_str(&bench.run("explain wavers C1 --json").code(0).out).unwrap();
    // The same numbers as in the report, from values that are those of the trial files.
    assert_eq!(explained["evidence"], report.evidence());
    let records = bench.records();
    let rows = explained["comparisons"][0]["seeds"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    let mut sum = 0.0;
    for row in rows {
        let seed = row["seed"].as_u64().unwrap();
        let value = |arm: &str| records[&format!("wavers/{arm}/{seed}")]["metrics"]["accuracy"].as_f64().unwrap();
        assert_eq!(row["values"], json!([value("method"), value("baseline")]));
        assert_eq!(row["effect"].as_f64().unwrap(), value("method") - value("baseline"));
        sum += row["effect"].as_f64().unwrap();
    }
    assert!((sum / 3.0 - report.evidence()["effect"].as_f64().unwrap()).abs() < 1e-12);
    for trial in explained["trials"].as_array().unwrap() {
        let name = format!("wavers/{}/{}", trial["arm"].as_str().unwrap(), trial["seed"]);
        let record = &records[&name];
        assert_eq!((&trial["key"], &trial["settings"]), (&record["key"], &record["provenance"]["settings"]));
        assert_eq!(explained["provenance"]["code"], json!([record["provenance"]["code"]]));
    }
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!("explain", shown(&bench.run("explain wavers C1").code(0)));
    });
}

#[test]
fn a_measured_number_leads_back_to_its_trials() {
    let bench = Bench::new();
    bench.run("reproduce wavers --profile smoke").code(0);
    let rows: Value = serde_json::from_str(&bench.run("explain wavers --metric accuracy --json").code(0).out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2, "a row per arm");
    for row in rows.as_array().unwrap() {
        let values: Vec<f64> = row["trials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trial| trial["metrics"]["accuracy"].as_f64().unwrap())
            .collect();
        assert!((row["mean"].as_f64().unwrap() - values.iter().sum::<f64>() / 2.0).abs() < 1e-12);
    }
    let one = bench.run("explain wavers --metric accuracy --arm method").code(0);
    insta::with_settings!({filters => vec![(r"(key|settings) [0-9a-f]{16}", "$1 [DIGEST]")]}, {
        insta::assert_snapshot!("explain_metric", one.out);
    });
}

#[test]
fn a_verdict_of_a_look_rests_on_the_seeds_of_that_look() {
    let bench = Bench::new();
    bench.run("reproduce passes --profile smoke --until-decided").code(0);
    let explained: Value = serde_json::from_str(&bench.run("explain passes C1 --json").code(0).out).unwrap();
    assert_eq!(explained["comparisons"][0]["seeds"].as_array().unwrap().len(), 2);
    let steps = explained["comparisons"][0]["steps"].to_string();
    let level = explained["evidence"]["interval"]["level"].as_f64().unwrap();
    assert!(level > 0.95);
    assert!(steps.contains("t(1,"), "{steps}");
}

#[test]
fn what_cannot_be_explained_is_told() {
    let bench = Bench::new();
    bench.run("explain passes C1").code(2).says("there is no run");
    bench.run("reproduce passes --profile smoke").code(0);
    bench.run("explain passes C7").code(2).says("has no claim `C7`: it has C1");
    bench.run("explain wavers C1").code(2).says("`harness reproduce wavers` makes one");
    bench.run("explain pases C1").code(2).says("did you mean `passes`?");
    bench.run("explain passes").code(2).says("CLAIM");
    bench.run("explain passes --metric acuracy").code(2).says("did you mean `accuracy`?");
    bench.run("explain passes C1 --run nowhere").code(2).says("there is no run `nowhere`");
    // A damaged trial is named and left out.
    let file = bench.trial_file("passes/method/0");
    std::fs::write(&file, "torn").unwrap();
    let ran = bench.run("explain passes C1").code(1);
    assert!(
        ran.err.contains("1 trial files cannot be used") && ran.out.contains("verdict    inconclusive"),
        "{ran:#?}"
    );
}

// ---------------------------------------------------------------- compare

#[test]
fn a_verdict_that_got_worse_is_told_with_what_is_different() {
    let bench = Bench::new();
    bench.run("reproduce passes wavers --profile quick --seeds 12").code(0);
    bench.run("reproduce wavers panics --profile quick --seeds 3").code(1);
    let runs = runs(&bench);
    let (a, b) = (&runs[0], &runs[1]);
    let compared: Value = serde_json::from_str(&bench.run(&format!("compare {a} {b} --json")).code(1).out).unwrap();
    assert_eq!((&compared["appeared"], &compared["vanished"]), (&json!(["panics"]), &json!(["passes"])));
    let claim = &compared["claims"][0];
    assert_eq!((&claim["paper"], &claim["claim"], &claim["change"]), (&json!("wavers"), &json!("C1"), &json!("worse")));
    assert_eq!(claim["why"], json!(["seeds: 0–11 → 0–2"]));
    assert_eq!(claim["before"]["n"], 12);
    // The seeds that both have are the same trials.
    assert_eq!((&compared["metrics"]["compared"], &compared["metrics"]["identical"]), (&json!(2), &json!(2)));
    insta::with_settings!({filters => filters()}, {
        insta::assert_snapshot!("compare_worse", bench.run(&format!("compare {a} {b}")).code(1).out);
    });
    // The other way round it got better, and a run is equal to itself.
    let back: Value = serde_json::from_str(&bench.run(&format!("compare {b} {a} --json")).code(0).out).unwrap();
    assert_eq!(back["claims"][0]["change"], "better");
    let same: Value = serde_json::from_str(&bench.run(&format!("compare {a} {a} --json")).code(0).out).unwrap();
    assert_eq!((&same["claims"], &same["metrics"]["moved"], &same["runs"]), (&json!([]), &json!([]), &json!([])));
}

#[test]
fn changed_settings_are_named_and_metrics_that_move_are_listed() {
    let bench = Bench::new();
    bench.run("reproduce passes --profile quick --seeds 4").code(0);
    bench.run("reproduce passes --profile quick --seeds 4 --set steps=9").code(0);
    let runs = runs(&bench);
    let ran = bench.run(&format!("compare {} {}", runs[0], runs[1])).code(0);
    assert!(ran.out.contains("Claims that both runs have: 1; 0 got worse"), "{}", ran.out);
    // Another run folder, by its path, with the store beside it.
    let path = bench.reports().join(&runs[1]);
    let mut command = bench.command(&["compare", &runs[0]]);
    command.arg(&path);
    Ran::of(command).code(0);
}

#[test]
fn runs_that_cannot_be_compared_are_told() {
    let bench = Bench::new();
    bench.run("reproduce passes --profile smoke").code(0);
    bench.run("reproduce passes --profile quick").code(0);
    let runs = runs(&bench);
    bench.run(&format!("compare {} {}", runs[0], runs[1])).code(2).says("different profiles are never compared");
    bench.run(&format!("compare {} nothing", runs[0])).code(2).says("there is no run `nothing`");
    bench.run(&format!("compare {} ./nowhere", runs[0])).code(2).says("it has no run.json");
}

// ---------------------------------------------------------------- audit

#[test]
fn trials_repeat_to_the_last_bit() {
    let bench = Bench::new();
    let ran = bench.run("audit passes").code(0);
    insta::assert_snapshot!("audit_equal", ran.out);
    assert!(bench.records().is_empty(), "an audit leaves nothing in the store");
    let found: Value =
        serde_json::from_str(&bench.run("audit passes --arm method --seeds 1 --json").code(0).out).unwrap();
    assert_eq!((&found["trials"], &found["comparisons"][1]["second"]["workers"]), (&json!(1), &json!(2)));
}

#[test]
fn the_first_step_that_differs_is_named() {
    let bench = Bench::new();
    let ran = bench.run("audit drifts").code(1).says("promised to have the same bits");
    assert!(ran.out.contains("DIFFERENT  cpu, 1 worker, twice: 4 of 4 trials differ"), "{}", ran.out);
    assert!(ran.out.contains("2 of 11 numbers, first at step 2 of loss, largest relative difference"), "{}", ran.out);
}

#[test]
fn what_cannot_be_audited_is_told() {
    let bench = Bench::new();
    bench.run("audit pases").code(2).says("did you mean `passes`?");
    bench.run("audit all").code(2).says("more than one paper");
    bench.run("audit passes --arm metod").code(2).says("did you mean `method`?");
    // A trial that fails every time has nothing to compare.
    let ran = bench.run("audit panics --arm method --seeds 1").code(1);
    assert!(ran.out.contains("failed: panic"), "{ran:#?}");
}

// ---------------------------------------------------------------- calibrate

#[test]
fn the_simulation_is_run_by_one_command() {
    let bench = Bench::new();
    bench.run("calibrate-verdicts --draws 1").code(2).says("100 to 1000000");
    let ran = bench.run("calibrate-verdicts --draws 100 --json");
    let rows: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(rows.as_array().unwrap().len() > 200);
}
