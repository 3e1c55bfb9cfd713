//! Trials, workers and schedulers that go wrong in every way we know of, and what must be left afterwards.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use std::collections::BTreeSet;

use bench::{Bench, Ran, alive, eventually, processes, send};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Runs a fixture whose arm `method` fails in seed 0, and checks that nothing else does; the reason is returned.
#[track_caller]
fn one_failure(bench: &Bench, paper: &str, ran: Ran) -> String {
    let ran = ran.code(1).says("1 trials failed; the report says why, and --retry-failed runs just those again");
    let records = bench.records();
    let expected = ["baseline/0", "baseline/1", "method/0 failed", "method/1"].map(|name| format!("{paper}/{name}"));
    assert_eq!(records.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, record) in &records {
        assert_eq!(record["outcome"] == "finished", !name.ends_with("failed"), "{name}: {record}");
    }
    // The failed seed enters no mean: one pair of arms is left.
    let evidence = ran.evidence();
    assert_eq!((&evidence["n"], &evidence["verdict"]), (&json!(1), &json!("inconclusive")));
    let failed = &records[&format!("{paper}/method/0 failed")];
    assert_eq!(failed["metrics"], json!({}));
    failed["outcome"]["failed"]["reason"].as_str().unwrap().to_owned()
}

#[track_caller]
fn reason(paper: &str) -> String {
    let bench = Bench::new();
    let ran = bench.run(&format!("reproduce {paper} --profile smoke --json"));
    one_failure(&bench, paper, ran)
}

// ---------------------------------------------------------------- one trial misbehaves

#[test]
fn a_good_paper_is_reproduced() {
    let bench = Bench::new();
    let ran = bench.run("reproduce passes --profile smoke --json").code(0);
    assert_eq!(ran.evidence()["verdict"], "reproduced");
    assert_eq!(ran.event("done"), json!({"event": "done", "finished": 4, "skipped": 0, "failed": 0, "left": 0}));
    assert_eq!(bench.records().len(), 4);
    // A second run finds nothing to do and says the same.
    let again = bench.run("reproduce passes --profile smoke --json").code(0);
    assert_eq!((again.event("planned")["pending"].clone(), again.started()), (json!(0), 0));
    assert_eq!(again.event("report"), ran.event("report"));
}

#[test]
fn a_claim_that_fails_is_contradicted() {
    let ran = Bench::new().run("reproduce fails_claim --profile smoke --json").code(0);
    assert_eq!(ran.evidence()["verdict"], "contradicted");
}

#[test]
fn a_panic_is_kept_with_its_message_and_place() {
    let reason = reason("panics");
    let first = reason.lines().next().unwrap();
    assert!(first.starts_with("panic: the fixture panics, as it should at harness/fixtures/src/lib.rs:"), "{reason}");
    // The backtrace holds the frames of this project and no others.
    let frames: Vec<&str> = reason.lines().skip(1).collect();
    assert!(frames.iter().any(|frame| frame.contains("fixtures/src/lib.rs:")), "{reason}");
    assert!(frames.iter().all(|frame| !frame.contains("/rustc/")), "{reason}");
}

#[test]
fn an_abort_names_its_signal() {
    assert_eq!(reason("aborts"), "the worker died of signal 6 (SIGABRT, aborted)");
}

#[test]
fn a_stack_overflow_is_recognised() {
    let reason = reason("overflows_stack");
    assert!(reason.starts_with("the worker died of signal 6 (SIGABRT, stack overflow)\n"), "{reason}");
}

#[test]
fn what_steers_a_terminal_is_taken_out_of_reasons() {
    let bench = Bench::new();
    let ran = bench.run("reproduce garbles --profile smoke");
    assert!(ran.err.contains("failed: garbles/method seed 0: after garbling: |<script>\n"), "{ran:#?}");
    assert!(!ran.err.contains(['\u{1b}', '\u{202e}']) && !ran.out.contains(['\u{1b}', '\u{202e}']), "{ran:#?}");
    let reason = one_failure(&bench, "garbles", bench.run("reproduce garbles --profile smoke --json"));
    assert_eq!(reason, "after garbling: |<script>\nit printed last:\n\u{fffd}\u{fffd}{\"ended\": [31m");
}

#[test]
fn a_hanging_trial_is_ended_with_all_that_it_started() {
    let bench = Bench::new();
    let mut running = bench.start("reproduce hangs --profile smoke");
    let mut groups = BTreeSet::new();
    let mut largest = 0;
    eventually("the run ends", || {
        groups.extend(running.workers());
        let members = |group| processes().iter().filter(|process| process.group == group).count();
        largest = groups.iter().map(|group| members(*group)).fold(largest, usize::max);
        running.ended()
    });
    let (code, _, events) = running.end();
    assert_eq!(code, Some(1));
    assert_eq!(largest, 2, "the hanging trial started a process of its own");
    assert!(processes().iter().all(|process| !groups.contains(&process.group)));
    let ended: Vec<&Value> = events.iter().filter(|event| event["event"] == "ended").collect();
    assert_eq!(ended.len(), 4);
    assert_eq!(bench.records()["hangs/method/0 failed"]["outcome"]["failed"]["reason"], "timed out after 3 s");
}

#[test]
fn a_trial_that_prints_without_end_fills_neither_memory_nor_store() {
    let bench = Bench::new();
    let mut running = bench.start("reproduce prints --profile smoke");
    let status = format!("/proc/{}/status", running.pid());
    let mut peak_kb = 0;
    eventually("the run ends", || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        peak_kb = peak_kb.max(peak.unwrap_or(0_u64));
        running.ended()
    });
    assert_eq!(running.end().0, Some(0));
    // 200 MB went through the scheduler.
    assert!((1000..150_000).contains(&peak_kb), "{peak_kb} kB");
    let stored: u64 = bench::files(&bench.store()).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(stored < 100_000, "{stored} bytes");
}

#[test]
fn a_trial_that_devours_memory_fails_alone() {
    let bench = Bench::new();
    let ran = bench
        .shell("ulimit -v 2000000; \"$HARNESS\" reproduce devours_memory --profile smoke --json --set timeout_s=600");
    let reason = one_failure(&bench, "devours_memory", ran);
    assert!(reason.starts_with("the worker died of signal 6 (SIGABRT, out of memory)\n"), "{reason}");
    assert!(reason.contains("memory allocation of 16777216 bytes failed"), "{reason}");
}

#[test]
fn nan_is_stored_as_it_is_and_never_averaged() {
    let bench = Bench::new();
    let ran = bench.run("reproduce returns_nan --profile smoke --json").code(0);
    let record = &bench.records()["returns_nan/method/0"];
    assert_eq!((&record["outcome"], &record["metrics"]["accuracy"]), (&json!("finished"), &json!("NaN")));
    let evidence = ran.evidence();
    assert_eq!((&evidence["verdict"], &evidence["effect"]), (&json!("inconclusive"), &Value::Null));
    let summary = evidence["summary"].as_str().unwrap();
    assert!(summary.contains("diverged") && summary.contains("seed 0 is NaN"), "{summary}");
}

#[test]
fn a_trial_without_a_metric_has_failed() {
    let bench = Bench::new();
    let ran = bench.run("reproduce records_nothing --profile smoke --json").code(1).says("2 trials failed");
    assert_eq!(ran.evidence()["verdict"], "not_run");
    for seed in 0..2 {
        let failed = &bench.records()[&format!("records_nothing/method/{seed} failed")];
        assert_eq!(failed["outcome"]["failed"]["reason"], "the trial ended without recording a metric");
    }
}

#[test]
fn a_skipped_trial_keeps_its_reason_and_is_not_run_again() {
    let bench = Bench::new();
    let ran = bench.run("reproduce skips --profile smoke --json").code(0);
    assert_eq!(ran.event("done")["skipped"], 1);
    let reason = &bench.records()["skips/method/0"]["outcome"]["skipped"]["reason"];
    assert_eq!(reason, "this arm has nothing to do here");
    assert_eq!(bench.run("reproduce skips --profile smoke --json").code(0).started(), 0);
}

#[test]
fn one_paper_never_costs_another_its_results() {
    let bench = Bench::new();
    let ran = bench.run("reproduce aborts panics overflows_stack garbles passes --profile smoke --json").code(1);
    assert_eq!(ran.event("done")["finished"], 16);
    let papers = ran.event("report")["papers"].as_array().unwrap().clone();
    assert_eq!(papers.len(), 5);
    let passes = papers.iter().find(|paper| paper["paper"] == "passes").unwrap();
    assert_eq!(passes["claims"][0]["evidence"]["verdict"], "reproduced");
}

// ---------------------------------------------------------------- failed trials are run again, and only those

#[test]
fn retry_failed_runs_just_the_failed() {
    let bench = Bench::new();
    bench.run("reproduce panics passes --profile smoke --json").code(1);
    // Seed 2 has never run: it is no failure.
    let retried = bench.run("reproduce panics passes --profile smoke --seeds 3 --retry-failed --json").code(1);
    let started: Vec<Value> = retried
        .events()
        .into_iter()
        .filter(|event| event["event"] == "started")
        .map(|event| event["trial"].clone())
        .collect();
    assert_eq!(started.len(), 1);
    assert_eq!(
        (&started[0]["paper"], &started[0]["arm"], &started[0]["seed"]),
        (&json!("panics"), &json!("method"), &json!(0))
    );
}

#[test]
fn a_failure_is_replaced_by_the_result_that_heals_it() {
    let slow = "reproduce passes --profile smoke --json --set steps=20 --set pause_ms=100";
    let bench = Bench::new();
    let ran = bench.run(&format!("{slow} --set timeout_s=1")).code(1).says("4 trials failed");
    assert_eq!(ran.evidence()["verdict"], "not_run");
    bench.run(&format!("{slow} --set timeout_s=600 --retry-failed")).code(0);
    assert_eq!(bench.stored(".failed.json"), Vec::<std::path::PathBuf>::new());
    assert_eq!(bench.results(), Bench::undisturbed(&format!("{slow} --set timeout_s=600")));
}

// ---------------------------------------------------------------- workers

#[test]
fn results_do_not_depend_on_the_number_of_workers() {
    let run = "reproduce passes stages checkpoints --profile smoke --set steps=50 --seeds 4";
    let one = Bench::undisturbed(&format!("{run} --jobs 1"));
    assert_eq!(one.len(), 24);
    assert_eq!(one, Bench::undisturbed(&format!("{run} --jobs 2")));
    assert_eq!(one, Bench::undisturbed(&format!("{run} --jobs 7")));
}

/// How many trials computed a stage, which has twice the steps of a trial.
fn computed_a_stage(bench: &Bench, steps: u64) -> usize {
    bench.records().values().filter(|record| record["cost"]["steps"] == json!(2 * steps)).count()
}

#[test]
fn a_stage_is_computed_once_for_two_workers() {
    let bench = Bench::new();
    bench.run("reproduce stages --profile smoke --jobs 2 --set steps=20 --set pause_ms=10 --set timeout_s=600").code(0);
    assert_eq!((bench.stored(".safetensors").len(), computed_a_stage(&bench, 20)), (2, 2), "one stage a seed");
    let records = bench.records();
    for seed in 0..2 {
        let noise = |arm: &str| records[&format!("stages/{arm}/{seed}")]["metrics"]["noise"].clone();
        assert!(noise("method").is_f64() && noise("method") == noise("baseline"));
    }
    // What the computation recorded belongs to none of the trials.
    assert!(records.values().all(|record| record["metrics"]["never_kept"].is_null()));
}

#[test]
fn a_stage_is_taken_over_from_a_worker_that_died() {
    let run =
        "reproduce stages --profile smoke --seeds 1 --jobs 2 --set steps=100 --set pause_ms=10 --set timeout_s=600";
    let bench = Bench::new();
    let running = bench.start(run);
    // Only one of the two trials makes progress: the other waits for its stage.
    running.wait_for_event("progress");
    eventually("both workers are there", || running.workers().len() == 2);
    let workers = running.workers();
    let locks = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        let held = |line: &&str| line.contains("FLOCK") && !line.contains("->");
        let pid = |line: &str| line.split_whitespace().nth(4)?.parse::<u32>().ok();
        locks.lines().filter(held).filter_map(pid).find(|pid| workers.contains(pid))
    };
    // Where locks cannot be listed, either worker will do: the results must be right all the same.
    send(locks().unwrap_or(workers[0]), Signal::KILL);
    let (code, _, events) = running.end();
    assert_eq!(code, Some(0));
    let warned = |event: &Value| event["message"].as_str().is_some_and(|text| text.contains("was killed"));
    assert!(events.iter().any(warned), "{events:#?}");
    assert_eq!(bench.stored(".safetensors").len(), 1);
    assert_eq!(bench.results(), Bench::undisturbed(run));
}

#[test]
fn a_damaged_stage_is_computed_anew() {
    let run = "reproduce stages --profile smoke --seeds 1";
    let damages: [fn(&mut Vec<u8>); 3] =
        [|bytes| *bytes.last_mut().unwrap() ^= 1, |bytes| bytes.truncate(bytes.len() / 2), Vec::clear];
    for damage in damages {
        let bench = Bench::new();
        bench.run(run).code(0);
        let results = bench.results();
        let stage = bench.stored(".safetensors").remove(0);
        let whole = std::fs::read(&stage).unwrap();
        let mut bytes = whole.clone();
        damage(&mut bytes);
        std::fs::write(&stage, &bytes).unwrap();
        bench.run(&format!("{run} --force")).code(0);
        assert_eq!(bench.results(), results);
        assert_eq!(std::fs::read(&stage).unwrap(), whole);
    }
}

#[test]
fn a_killed_worker_is_tried_once_more() {
    let run =
        "reproduce passes --profile smoke --seeds 1 --jobs 2 --set steps=100 --set pause_ms=10 --set timeout_s=600";
    let bench = Bench::new();
    let running = bench.start(run);
    running.wait_for_event("progress");
    running.workers().into_iter().for_each(|worker| send(worker, Signal::KILL));
    let (code, _, _) = running.end();
    assert_eq!(code, Some(0));
    assert_eq!(bench.results(), Bench::undisturbed(run));
}

#[test]
fn a_worker_killed_twice_is_a_failure_with_its_reason() {
    let run =
        "reproduce passes --profile smoke --seeds 1 --jobs 1 --set steps=100 --set pause_ms=10 --set timeout_s=600";
    let bench = Bench::new();
    let running = bench.start(run);
    for _ in 0..2 {
        running.wait_for_event("progress");
        running.workers().into_iter().for_each(|worker| send(worker, Signal::KILL));
    }
    let (code, _, events) = running.end();
    assert_eq!(code, Some(1));
    assert_eq!(events.iter().filter(|event| event["event"] == "ended").count(), 2);
    let records = bench.records();
    let (failed, others): (Vec<_>, Vec<_>) = records.iter().partition(|(name, _)| name.ends_with("failed"));
    assert_eq!((failed.len(), others.len()), (1, 1));
    let reason = failed[0].1["outcome"]["failed"]["reason"].as_str().unwrap();
    assert!(reason.contains("signal 9 (SIGKILL, killed again after a retry"), "{reason}");
    bench.run(&format!("{run} --retry-failed")).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(run));
}

#[test]
fn few_file_handles_mean_fewer_workers_and_no_loss() {
    let bench = Bench::new();
    let ran = bench.shell(
        "ulimit -n 64; exec \"$HARNESS\" reproduce passes --profile smoke --seeds 40 --jobs 60 --json \
         --set steps=20 --set pause_ms=20 --set timeout_s=600",
    );
    let ran = ran.code(0);
    let warning = ran.event("warning")["message"].clone();
    assert!(warning.as_str().unwrap().starts_with("no further worker process could be started"), "{warning}");
    assert_eq!(ran.event("done")["finished"], 80);
}

// ---------------------------------------------------------------- interruptions

const LONG: &str =
    "reproduce checkpoints --profile smoke --jobs 4 --set steps=500 --set pause_ms=10 --set timeout_s=600";

/// Starts four trials that keep checkpoints, and interrupts them once each of them is on its way.
fn interrupted(bench: &Bench) {
    let running = bench.start(LONG);
    let mut on_their_way = BTreeSet::new();
    while on_their_way.len() < 4 {
        on_their_way.insert(running.wait_for_event("progress")["trial"]["key"].to_string());
    }
    running.signal(Signal::INT);
    let (code, _, events) = running.end();
    assert_eq!(code, Some(1));
    let done = events.iter().find(|event| event["event"] == "done").unwrap();
    assert_eq!(done, &json!({"event": "done", "finished": 0, "skipped": 0, "failed": 0, "left": 4}));
    assert_eq!((bench.stored(".checkpoint").len(), bench.records().len()), (4, 0));
}

#[test]
fn an_interrupted_run_goes_on_from_its_checkpoints() {
    let bench = Bench::new();
    interrupted(&bench);
    bench.run(LONG).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(LONG));
    assert!(bench.stored(".checkpoint").is_empty(), "a finished trial needs its checkpoint no longer");
}

#[test]
fn checkpoints_that_cannot_be_trusted_are_ignored_with_the_reason() {
    let bench = Bench::new();
    interrupted(&bench);
    let paths = bench.stored(".checkpoint");
    let bytes: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    std::fs::write(&paths[0], &bytes[0][..bytes[0].len() / 2]).unwrap();
    std::fs::write(&paths[1], &bytes[2]).unwrap();
    let changed = String::from_utf8(bytes[3].clone()).unwrap().replacen("\\\"step\\\":", "\\\"step\\\":1", 1);
    assert_ne!(changed.as_bytes(), bytes[3]);
    std::fs::write(&paths[3], changed).unwrap();
    let ran = bench.run(&format!("{LONG} --json")).code(0);
    let warnings: Vec<Value> = ran
        .events()
        .into_iter()
        .filter(|event| event["event"] == "warning")
        .map(|event| event["message"].clone())
        .collect();
    for (path, reason) in [
        (&paths[0], "it is torn"),
        (&paths[1], "it belongs to another trial"),
        (&paths[3], "its content is not what was written"),
    ] {
        let ignored = format!("checkpoint {} is ignored: {reason}", path.display());
        assert!(warnings.iter().any(|text| text.as_str().unwrap().contains(&ignored)), "{ignored}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), 3);
    assert_eq!(bench.results(), Bench::undisturbed(LONG));
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let bench = Bench::new();
    let running = bench.start("reproduce hangs --profile smoke --jobs 2 --set timeout_s=86400");
    // What does not hang ends.
    for _ in 0..3 {
        running.wait_for_event("ended");
    }
    let workers = running.workers();
    running.signal(Signal::INT);
    let warning = running.wait_for_event("warning");
    assert_eq!(warning["message"], "stopping: running trials finish or keep a checkpoint");
    running.signal(Signal::INT);
    let (code, _, events) = running.end();
    assert_eq!(code, Some(1));
    assert_eq!(events.iter().find(|event| event["event"] == "done").unwrap()["left"], 1);
    assert!(!workers.is_empty() && processes().iter().all(|process| !workers.contains(&process.group)));
    assert_eq!(bench.records().len(), 3);
}

#[test]
fn a_termination_is_an_interrupt() {
    let bench = Bench::new();
    let running = bench.start(LONG);
    running.wait_for_event("progress");
    running.signal(Signal::TERM);
    assert_eq!(running.end().0, Some(1));
    assert!(bench.records().is_empty());
}

#[test]
fn workers_go_when_their_scheduler_is_killed() {
    let run =
        "reproduce passes --profile smoke --jobs 2 --seeds 6 --set steps=20 --set pause_ms=10 --set timeout_s=600";
    let bench = Bench::new();
    let running = bench.start(run);
    for _ in 0..3 {
        running.wait_for_event("ended");
    }
    let workers = running.workers();
    running.signal(Signal::KILL);
    assert_eq!(running.end().1, Some(9));
    assert!(!workers.is_empty());
    eventually("the workers are gone", || workers.iter().all(|worker| !alive(*worker)));
    let stored = bench.records().len();
    assert!((3..12).contains(&stored), "{stored} trials");
    let rest = bench.run(&format!("{run} --json")).code(0);
    assert_eq!(rest.started(), 12 - stored, "only the rest is run");
    assert_eq!(bench.results(), Bench::undisturbed(run));
}

// ---------------------------------------------------------------- the list of all this

#[test]
fn every_test_that_the_list_of_faults_names_exists() {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let list = std::fs::read_to_string(project.join("docs/reliability.md")).unwrap();
    let sources: Vec<_> =
        ["harness/tests", "harness/core"].iter().flat_map(|folder| bench::files(&project.join(folder))).collect();
    let rows: Vec<&str> = list.lines().filter(|line| line.starts_with("| ") && line.contains("::")).collect();
    assert!(rows.len() >= 50, "{} faults", rows.len());
    for (index, row) in rows.iter().enumerate() {
        assert!(row.starts_with(&format!("| {} |", index + 1)), "numbered {}: {row}", index + 1);
        let tests = row.split('`').filter_map(|word| word.split_once("::")).filter(|(_, name)| name.contains('_'));
        for (file, name) in tests {
            let is_there = |path: &std::path::PathBuf| {
                path.file_name().is_some_and(|found| *found == *format!("{file}.rs"))
                    && std::fs::read_to_string(path).unwrap().contains(&format!("fn {name}("))
            };
            assert!(sources.iter().any(is_there), "there is no test {file}::{name}");
        }
    }
}
