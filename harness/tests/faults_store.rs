//! A store that is killed, full, damaged, shared or very large, and what must be left afterwards.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use bench::{Bench, PATIENCE, Ran, files, records};
use harness::run::plan::{DataMode, Plan, Rerun, Selection};
use harness::store::{Store, StoreError};
use harness_core::backend::DeviceChoice;
use harness_core::data::{FetchOptions, Fetcher};
use harness_core::paper::Profile;
use harness_core::record::Record;
use harness_core::trial::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

const RUN: &str = "reproduce passes --profile smoke --json";

const PLACES: [&str; 4] = ["store::before_temp", "store::mid_temp", "store::before_rename", "store::after_rename"];

/// Bytes of all trial files by their path in the store.
fn trial_files(store: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(store)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| path.file_name().unwrap() != "durations.json")
        .map(|path| (path.strip_prefix(store).unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

// ---------------------------------------------------------------- killed while it writes

#[test]
fn a_kill_at_any_step_of_any_write_leaves_the_state_before_or_after() {
    let expected = Bench::undisturbed(RUN);
    for place in PLACES {
        // The version of the store, four trials, their durations, and the run itself.
        for write in 1..=7 {
            let bench = Bench::new();
            let mut command = bench.command(&RUN.split_whitespace().collect::<Vec<_>>());
            command.env("HARNESS_FAILPOINT", format!("{place}@{write}"));
            let killed = Ran::of(command);
            assert_eq!(killed.status.signal(), Some(9), "{place}@{write}: {killed:#?}");
            let left = bench.results();
            let before = (write - 2).clamp(0, 4);
            let at_once = usize::from(place == "store::after_rename" && (2..=5).contains(&write));
            assert_eq!(left.len(), usize::try_from(before).unwrap() + at_once, "{place}@{write}");
            assert!(left.iter().all(|(name, result)| expected[name] == *result), "{place}@{write}");
            bench.run("store verify").code(0);
            assert_eq!(bench.run(RUN).code(0).started(), 4 - left.len(), "{place}@{write}");
            assert_eq!(bench.results(), expected, "{place}@{write}");
        }
    }
}

#[test]
fn a_kill_while_a_trial_is_replaced_leaves_the_old_or_the_new() {
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let expected = bench.results();
    for place in PLACES {
        let mut command = bench.command(&format!("{RUN} --force").split_whitespace().collect::<Vec<_>>());
        command.env("HARNESS_FAILPOINT", format!("{place}@2"));
        assert_eq!(Ran::of(command).status.signal(), Some(9));
        assert_eq!(bench.results(), expected, "{place}");
    }
    // Temporary files of writes that were cut off are left, and nobody minds.
    let leftovers = || files(&bench.store()).iter().filter(|path| path.to_string_lossy().contains("/.tmp-")).count();
    assert_eq!(leftovers(), 2);
    assert_eq!(bench.run(RUN).code(0).started(), 0);
    bench.run("store gc").code(0);
    assert_eq!((leftovers(), bench.results()), (0, expected));
}

// ---------------------------------------------------------------- full

#[test]
fn a_full_disk_is_named_and_costs_nothing_that_was_stored() {
    let run = format!("{RUN} --seeds 50");
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let before = trial_files(&bench.store());
    let script = format!(
        "mkdir small && mount -t tmpfs -o size=128k tmpfs small && cp -r reports small/ || exit 99
         \"$HARNESS\" --reports small/reports {run}; code=$?; cp -r small/reports after; exit $code"
    );
    let Some(ran) = bench.mounting(&script) else { return };
    let ran = ran.code(3).says("cannot write small/reports/store/passes/smoke/").says(": No space left on device");
    assert!(ran.err.contains("free space or choose another folder with --reports"), "{ran:#?}");
    let store = bench.path("after/store");
    let after = trial_files(&store);
    assert!(after.len() > before.len() && after.len() < 100, "{} trials", after.len());
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes));
    assert!(
        files(&store).iter().all(|path| !path.to_string_lossy().contains("/.tmp-")),
        "no half-written file is left"
    );
    // With more space the same command goes on.
    let rest = bench.run(&format!("--reports after {run}")).code(0);
    assert_eq!(rest.started(), 100 - after.len());
    assert_eq!(records(&store).len(), 100);
}

#[test]
fn a_limit_on_the_size_of_files_is_named() {
    let bench = Bench::new();
    // In units of 512 or 1024 bytes, of which a trial needs more than one. The signal is ignored, as systems do that
    // want the error instead.
    let ran = bench.shell(&format!("trap '' XFSZ; ulimit -f 1; exec \"$HARNESS\" {RUN}"));
    let ran = ran.code(3).says("cannot write ").says("/reports/store/passes/smoke/").says("File too large");
    assert!(ran.event("done")["left"].as_u64().unwrap() > 0);
    assert!(bench.records().is_empty());
    bench.run(RUN).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

#[test]
fn death_by_that_limit_leaves_a_store_to_go_on_from() {
    let bench = Bench::new();
    let ran = bench.shell(&format!("ulimit -c 0; ulimit -f 1; exec \"$HARNESS\" {RUN}"));
    assert_eq!(ran.status.signal(), Some(25), "SIGXFSZ: {ran:#?}");
    bench.run("store verify").code(0);
    bench.run(RUN).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

#[test]
fn a_full_disk_under_a_stage_fails_the_trial_with_its_reason() {
    let bench = Bench::new();
    let script = "mkdir -p reports/store/_stages && mount -t tmpfs -o size=4k tmpfs reports/store/_stages || exit 99
                  head -c 4096 /dev/zero > reports/store/_stages/ballast
                  exec \"$HARNESS\" reproduce stages --profile smoke";
    let Some(ran) = bench.mounting(script) else { return };
    ran.code(1).says("failed: stages/method seed 0: cannot write ").says(".safetensors: No space left on device");
}

// ---------------------------------------------------------------- damaged

/// A store whose trial `passes/method/1` was changed on disk.
fn with_damage(damage: impl FnOnce(&Path)) -> (Bench, PathBuf) {
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let path = bench.trial_file("passes/method/1");
    damage(&path);
    (bench, path)
}

/// Checks that a damaged trial is named, counts nowhere, and is run again once its file is gone.
#[track_caller]
fn is_named_and_refused(bench: &Bench, path: &Path, reason: &str) {
    let ran = bench.run(RUN).code(1).says("1 trial files cannot be used; the first: ").says(reason);
    assert!(ran.err.contains(&path.display().to_string()), "{ran:#?}");
    assert_eq!((ran.started(), &ran.evidence()["n"]), (0, &json!(1)), "{ran:#?}");
    bench.run("report").code(1).says(reason);
    let verified = bench.run("store verify").code(1);
    assert!(verified.out.contains("3 trial files ok, 1 damaged"), "{verified:#?}");
    assert!(verified.out.contains(reason), "{verified:#?}");
    if path.is_dir() {
        std::fs::remove_dir(path).unwrap()
    } else {
        std::fs::remove_file(path).unwrap()
    }
    assert_eq!(bench.run(RUN).code(0).started(), 1);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

#[test]
fn a_flipped_digit_is_named_and_refused() {
    let (bench, path) = with_damage(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let digit = text.find("\"accuracy\":0.8").unwrap() + "\"accuracy\":0.".len();
        std::fs::write(path, [&text[..digit], "9", &text[digit + 1..]].concat()).unwrap();
    });
    is_named_and_refused(&bench, &path, "its content has the digest");
}

#[test]
fn a_torn_trial_file_is_named_and_refused() {
    let (bench, path) = with_damage(|path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
    is_named_and_refused(&bench, &path, "is not a trial file");
}

#[test]
fn a_trial_file_of_zeros_is_named_and_refused() {
    // What some file systems leave after a power loss.
    let (bench, path) = with_damage(|path| std::fs::write(path, [0; 1000]).unwrap());
    is_named_and_refused(&bench, &path, "is not a trial file");
}

#[test]
fn a_folder_in_the_place_of_a_trial_file_is_named_and_the_others_go_on() {
    let (bench, path) = with_damage(|path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    });
    is_named_and_refused(&bench, &path, "Is a directory");
}

#[test]
fn a_trial_file_under_the_name_of_another_is_named_and_refused() {
    let (bench, path) = with_damage(|path| {
        let other = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        std::fs::copy(other.into_iter().find(|other| other != path).unwrap(), path).unwrap();
    });
    is_named_and_refused(&bench, &path, "it holds the trial ");
}

#[test]
fn a_trial_file_of_a_newer_version_is_named_and_refused() {
    let (bench, path) = with_damage(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, text.replacen("{\"version\":1,", "{\"version\":2,", 1)).unwrap();
    });
    is_named_and_refused(&bench, &path, "has version 2, this build knows up to 1: use a newer harness");
}

#[test]
fn no_flipped_bit_of_a_trial_file_changes_a_result() {
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let path = bench.trial_file("passes/method/1");
    let key = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let store = Store::at(bench.store());
    let read = || store.read("passes", Profile::Smoke, &key);
    let whole = std::fs::read(&path).unwrap();
    let record = read().unwrap().unwrap();
    for place in 0..whole.len() {
        for bit in [place % 8, (place + 5) % 8] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            match read() {
                Err(StoreError::Damaged { path: named, .. } | StoreError::Newer { path: named, .. }) => {
                    assert_eq!(named, path);
                }
                Ok(found) => assert_eq!(found.as_ref(), Some(&record), "byte {place}, bit {bit}"),
                Err(error) => panic!("byte {place}, bit {bit}: {error}"),
            }
        }
    }
}

#[test]
fn a_store_of_a_newer_version_is_read_but_not_written() {
    let bench = Bench::new();
    bench.run(RUN).code(0);
    std::fs::write(bench.store().join("version"), "2\n").unwrap();
    let before = trial_files(&bench.store());
    bench.run(&format!("{RUN} --seeds 3")).code(1).says("store/version has version 2").says("use a newer harness");
    bench.run(&format!("store merge {}", bench.store().display())).code(1).says("use a newer harness");
    assert_eq!(trial_files(&bench.store()), before);
    bench.run("report").code(0);
}

#[test]
fn expected_durations_may_be_anything() {
    let expected = Bench::undisturbed(RUN);
    for content in ["", "[]", "{\"passes/smoke/method/\":\"long\"}", "{\"passes/smoke/method/\":1e308}", "\u{0}"] {
        let bench = Bench::new();
        bench.file("reports/store/durations.json", content);
        bench.run(RUN).code(0);
        assert_eq!(bench.results(), expected, "{content:?}");
    }
    let bench = Bench::new();
    std::fs::create_dir_all(bench.store().join("durations.json")).unwrap();
    assert_eq!(bench.run(RUN).code(0).event("done")["finished"], 4);
}

#[test]
fn a_run_that_cannot_be_read_is_named_and_made_again() {
    let bench = Bench::new();
    let first = bench.run(RUN).code(0).event("report")["id"].as_str().unwrap().to_owned();
    for content in ["", "{\"version\": 1", "{\"version\": 99}"] {
        bench.file(&format!("reports/{first}/run.json"), content);
        bench.run(&format!("report {first}")).code(2).says("run.json cannot be read");
        // What the run refers to is unknown: nothing may be removed.
        bench.run("store gc").code(2).says("run.json cannot be read");
        assert_eq!(bench.records().len(), 4);
    }
    let again = bench.run(RUN).code(0);
    assert_eq!(again.started(), 0);
    assert_ne!(again.event("report")["id"], first.as_str());
}

// ---------------------------------------------------------------- shared

#[test]
fn runs_of_one_selection_at_the_same_time_agree() {
    let run = "reproduce stages checkpoints --profile smoke --seeds 3 --jobs 2 --set steps=10 --set pause_ms=5 \
               --set timeout_s=600";
    let bench = Bench::new();
    let running: Vec<_> = (0..3).map(|_| bench.start(run)).collect();
    for one in running {
        assert_eq!(one.end().0, Some(0));
    }
    assert_eq!(bench.results(), Bench::undisturbed(run));
    let listed = bench.run("report --list").code(0);
    for id in listed.out.lines() {
        bench.run(&format!("report {id}")).code(0);
    }
}

#[test]
fn runs_of_different_selections_at_the_same_time_do_not_meet() {
    let options = "--profile smoke --seeds 4 --set steps=10 --set pause_ms=5 --set timeout_s=600";
    let bench = Bench::new();
    let selections = ["passes", "stages", "checkpoints", "passes fails_claim"];
    let running: Vec<_> =
        selections.iter().map(|papers| bench.start(&format!("reproduce {papers} {options}"))).collect();
    for one in running {
        assert_eq!(one.end().0, Some(0));
    }
    // Those that started within one second have reports of their own.
    assert_eq!(bench.run("report --list").code(0).out.lines().count(), 4);
    let all = format!("reproduce passes fails_claim stages checkpoints {options}");
    assert_eq!(bench.results(), Bench::undisturbed(&all));
}

#[test]
fn merging_depends_neither_on_order_nor_on_repetition() {
    let (a, b) = (Bench::new(), Bench::new());
    a.run("reproduce passes panics --profile smoke").code(1);
    b.run("reproduce passes skips --profile smoke --seeds 3").code(0);
    let merged = |stores: &[&Bench]| {
        let bench = Bench::new();
        for other in stores {
            bench.run(&format!("store merge {}", other.store().display())).code(0);
        }
        trial_files(&bench.store())
    };
    let both = merged(&[&a, &b]);
    assert_eq!(both.len(), 6 + 4 + 6);
    assert_eq!(both, merged(&[&b, &a]));
    assert_eq!(both, merged(&[&a, &b, &b, &a, &b]));
}

#[test]
fn merging_leaves_out_what_is_damaged_and_repairs_what_is_damaged_here() {
    let (bench, path) = with_damage(|path| std::fs::write(path, "{}").unwrap());
    let other = Bench::new();
    let taken = other.run(&format!("store merge {}", bench.store().display())).code(1);
    assert!(taken.out.contains("merged 3 trials, 0 were there already, 1 files left out"), "{taken:#?}");
    assert!(taken.out.contains(&path.display().to_string()), "{taken:#?}");
    other.run(RUN).code(0);
    bench.run(&format!("store merge {}", other.store().display())).code(0);
    bench.run("store verify").code(0);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

#[test]
fn collecting_garbage_keeps_what_a_run_refers_to() {
    let bench = Bench::new();
    bench.run("reproduce stages --profile smoke --json").code(0);
    let kept = trial_files(&bench.store());
    let other = bench.run("reproduce stages --profile smoke --json --set steps=9").code(0);
    std::fs::remove_dir_all(bench.reports().join(other.event("report")["id"].as_str().unwrap())).unwrap();
    let all = trial_files(&bench.store());
    bench.run("store gc --dry-run").code(0);
    assert_eq!(trial_files(&bench.store()), all);
    bench.run("store gc").code(0);
    assert_eq!(trial_files(&bench.store()), kept);
    assert_eq!(bench.run("reproduce stages --profile smoke --json").code(0).started(), 0);
}

// ---------------------------------------------------------------- in odd places

#[test]
fn a_file_in_the_place_of_the_store_is_explained() {
    let bench = Bench::new();
    bench.file("reports", "no folder");
    let ran = bench.run(RUN).code(3);
    assert!(ran.err.contains("cannot") && ran.err.contains(&bench.reports().display().to_string()), "{ran:#?}");
    assert_eq!(std::fs::read_to_string(bench.reports()).unwrap(), "no folder");
}

#[test]
fn a_store_that_cannot_be_written_is_named_and_can_be_read() {
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let before = trial_files(&bench.store());
    let read_only = "mount --bind reports reports && mount -o remount,ro,bind reports || exit 99";
    let script =
        format!("{read_only}; \"$HARNESS\" store verify && \"$HARNESS\" list && exec \"$HARNESS\" {RUN} --seeds 3");
    let Some(ran) = bench.mounting(&script) else { return };
    ran.code(3).says("cannot write ").says("/reports/store/").says("Read-only file system");
    assert_eq!(trial_files(&bench.store()), before);
}

#[test]
fn paths_may_hold_blanks_and_any_script() {
    let bench = Bench::new();
    let reports = bench.path("ein Ordner/données 数据 'x' $HOME\nzweite Zeile");
    let reports = reports.to_str().unwrap();
    let arguments: Vec<&str> = ["--reports", reports].into_iter().chain(RUN.split_whitespace()).collect();
    Ran::of(bench.command(&arguments)).code(0);
    assert_eq!(records(&Path::new(reports).join("store")).len(), 4);
    let listed = Ran::of(bench.command(&["--reports", reports, "report", "--list"])).code(0);
    assert_eq!(listed.out.lines().count(), 1);
}

#[test]
fn few_file_handles_suffice() {
    let bench = Bench::new();
    bench.shell(&format!("ulimit -n 64; exec \"$HARNESS\" {RUN}")).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

// ---------------------------------------------------------------- nobody listens

/// Runs a command whose standard output is closed at its other end; its exit code and what it said on standard error.
fn unheard(bench: &Bench, arguments: &str) -> (Option<i32>, String) {
    let mut command = bench.command(&arguments.split_whitespace().collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_standard_output_is_no_error() {
    let bench = Bench::new();
    for arguments in
        [RUN, "reproduce passes --profile smoke", "list", "list --json", "show passes", "report", "data list"]
    {
        let (code, said) = unheard(&bench, arguments);
        assert_eq!(code, Some(0), "{arguments}: {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{arguments}: {said}");
    }
    assert_eq!(bench.records().len(), 4);
    bench.shell("\"$HARNESS\" list | head -n 1 | grep -q paper").code(0);
}

#[test]
fn a_closed_standard_output_hides_no_failure() {
    let bench = Bench::new();
    let (code, said) = unheard(&bench, "reproduce panics --profile smoke");
    assert_eq!(code, Some(1));
    assert!(said.contains("1 trials failed"), "{said}");
    assert_eq!(bench.records().len(), 4);
}

#[test]
fn standard_streams_may_be_absent() {
    let bench = Bench::new();
    bench.shell(&format!("exec \"$HARNESS\" {RUN} <&- >&- 2>&-")).code(0);
    assert_eq!(bench.results(), Bench::undisturbed(RUN));
}

// ---------------------------------------------------------------- very large

#[test]
fn ten_thousand_finished_trials_start_no_worker() {
    let names = ["passes", "fails_claim", "stages", "checkpoints", "prints"];
    let bench = Bench::new();
    bench.run(RUN).code(0);
    let template: Record = serde_json::from_value(bench.records()["passes/method/0"].clone()).unwrap();
    let selection = Selection {
        papers: harness_fixtures::papers().filter(|fixture| names.contains(&fixture.paper().slug.as_str())).collect(),
        profile: Profile::Smoke,
        seeds: Some(1000),
        data: DataMode::Auto,
        device: DeviceChoice::Cpu,
        overrides: Vec::new(),
        rerun: Rerun::Unfinished,
    };
    let store = Store::at(bench.store());
    let plan = Plan::new(&selection, &store, &Fetcher::new(FetchOptions::new(bench.path("cache")))).unwrap();
    let mut count = 0;
    for planned in plan.trials() {
        let trial = &planned.trial;
        let record = Record {
            key: planned.key.clone(),
            paper: trial.paper.clone(),
            arm: trial.arm.clone(),
            seed: trial.seed,
            ..template.clone()
        };
        let text = serde_json::to_string(&record).unwrap();
        let sha256 = hex(&Sha256::digest(&text));
        let path = store.path(&trial.paper, Profile::Smoke, &planned.key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{{\"version\":1,\"sha256\":\"{sha256}\",\"record\":{text}}}\n")).unwrap();
        count += 1;
    }
    assert_eq!(count, 10_000);
    let start = Instant::now();
    let running = bench.start(&format!("reproduce {} --profile smoke --seeds 1000", names.join(" ")));
    let planned = running.wait_for_event("planned");
    let _ = writeln!(std::io::stderr(), "10,000 finished trials: decided in {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!((&planned["pending"], &planned["stored"]), (&json!(0), &json!(10_000)));
    assert!(running.workers().is_empty());
    let (code, _, events) = running.end();
    assert_eq!(code, Some(0));
    assert!(events.iter().all(|event| event["event"] != "started"));
    assert!(start.elapsed() < PATIENCE);
}
