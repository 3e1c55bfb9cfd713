//! What a user can get wrong: told in one message that names the place, with exit code 2, before anything is written.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use bench::{Bench, Ran, files};

/// Checks that a command is refused with one message, which holds all of `words`, and that nothing was written.
#[track_caller]
fn refused(bench: &Bench, arguments: &str, code: i32, words: &[&str]) {
    let before = files(bench.path("").as_path());
    let ran = bench.run(arguments).code(code);
    told_once(&ran, words);
    assert!(ran.out.is_empty(), "{arguments}: {ran:#?}");
    assert_eq!(files(bench.path("").as_path()), before, "{arguments} wrote something");
}

#[track_caller]
fn told_once(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.err.matches("error: ").count(), 1, "{ran:#?}");
    for word in words {
        assert!(ran.err.contains(word), "`{word}` is not in {ran:#?}");
    }
}

#[test]
fn names_that_are_not_known() {
    let bench = Bench::new();
    for (arguments, words) in [
        ("reproduce pases", &["unknown paper or family `pases`; did you mean `passes`?", "harness list"][..]),
        ("reproduce passes quux", &["unknown paper or family `quux`"]),
        ("reproduce vision", &["the family vision has no paper yet"]),
        ("show pases", &["did you mean `passes`?"]),
        ("verify pases", &["did you mean `passes`?"]),
        ("reproduce passes --profile smok", &["'smok'", "--profile", "use smoke, quick or full"]),
        ("reproduce passes --device gpu", &["'gpu'", "--device", "use auto, cpu, cuda or cuda:INDEX"]),
        ("reproduce passes --data fake", &["'fake'", "--data", "use auto, real or synthetic"]),
        ("data fetch mnsit", &["unknown data set `mnsit`, did you mean `mnist`?"]),
        ("data path mnsit", &["unknown data set `mnsit`, did you mean `mnist`?"]),
        ("report 2026-01-01T00-00-00Z", &["there is no run `2026-01-01T00-00-00Z`", "reports"]),
        ("report", &["there is no run", "`harness reproduce` makes one"]),
        ("store merge nowhere", &["there is no folder nowhere"]),
        ("verify --vectors nowhere", &["--vectors nowhere: there is no such folder"]),
        ("reprodcue passes", &["unrecognized subcommand 'reprodcue'", "reproduce"]),
    ] {
        refused(&bench, arguments, 2, words);
    }
}

#[test]
fn a_run_is_a_name_and_not_a_path() {
    let bench = Bench::new();
    bench.file("elsewhere/run.json", "{}");
    refused(&bench, "report ../elsewhere", 2, &["there is no run `../elsewhere`"]);
}

#[test]
fn numbers_that_cannot_be() {
    let bench = Bench::new();
    for (arguments, words) in [
        ("reproduce passes --seeds -1", &["'-1'", "--seeds", "1..=1000"][..]),
        ("reproduce passes --seeds 0", &["'0'", "--seeds", "1..=1000"]),
        ("reproduce passes --seeds 1001", &["'1001'", "--seeds", "1..=1000"]),
        ("reproduce passes --seeds 99999999999999999999", &["--seeds"]),
        ("reproduce passes --seeds many", &["'many'", "--seeds"]),
        ("reproduce passes --jobs 0", &["'0'", "--jobs"]),
        ("reproduce passes --jobs -2", &["'-2'", "--jobs"]),
        ("reproduce passes --device cuda:x", &["'cuda:x'", "--device"]),
    ] {
        refused(&bench, arguments, 2, words);
    }
}

#[test]
fn a_gpu_in_a_build_without_gpu_is_never_replaced_by_the_processor() {
    if cfg!(feature = "cuda") {
        return;
    }
    refused(&Bench::new(), "reproduce passes --device cuda", 3, &["no CUDA", "--features cuda", "--device cpu"]);
}

#[test]
fn settings_that_do_not_fit() {
    let bench = Bench::new();
    for (set, words) in [
        ("stepz=3", &["stepz", "did you mean `steps`?", "keys here: pause_ms, steps"][..]),
        ("steps", &["--set steps", "expected KEY=VALUE"]),
        ("=3", &["--set"]),
        ("steps=abc", &["steps", "\"abc\" is a word, expected a number"]),
        ("steps=[1", &["--set steps"]),
        ("steps=[1]", &["steps", "a list, expected a number"]),
        ("steps=-4", &["settings.steps", "`-4`"]),
        ("steps=1.5", &["settings.steps", "1.5"]),
        ("steps=1e400", &["steps", "1e400"]),
        ("steps=.nan", &["steps", "expected a number"]),
        ("steps=99999999999999999999", &["steps"]),
        ("seeds=0", &["seeds", "0 is not between 1 and 1000"]),
        ("timeout_s=0", &["timeout_s", "at least 1"]),
        ("grid=[]", &["grid", "at least one block"]),
        ("grid.0.data=[mnits]", &["grid[0].data", "mnits", "did you mean `mnist`?"]),
        ("title=x", &["title", "only profiles.* and arms.ARM.settings.* can be changed"]),
        ("claims.C1.text=x", &["claims", "can be changed"]),
        ("arms.method.role=baseline", &["arms.method.role", "only `settings` can be changed"]),
        ("arms.metod.settings.x=1", &["did you mean `method`?"]),
        ("fails_claim:steps=3", &["paper `fails_claim` is not selected"]),
    ] {
        refused(&bench, &format!("reproduce passes --set {set}"), 2, words);
    }
}

#[test]
fn settings_files_that_cannot_be_read() {
    let bench = Bench::new();
    let deep = format!("passes:\n  steps: {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let bomb = (0..30).fold("a0: &a0 [x]\n".to_owned(), |text, level| {
        format!("{text}a{0}: &a{0} [*a{level}, *a{level}, *a{level}]\n", level + 1)
    });
    for (content, words) in [
        ("passes:\n  stepz: 3\n", &["s.yaml", "stepz", "did you mean `steps`?"][..]),
        ("passes:\n  steps: many\n", &["s.yaml", "steps", "expected a number"]),
        ("passes:\n  steps: -4\n", &["steps", "-4"]),
        ("passes:\n\tsteps: 3\n", &["s.yaml:2:1"]),
        ("passes:\n  steps: [3\n", &["s.yaml:"]),
        ("passes:\n  steps: 3\n  steps: 4\n", &["s.yaml", "steps"]),
        ("passes:\n  steps: 1e400\n", &["s.yaml", "steps"]),
        ("pases:\n  steps: 3\n", &["s.yaml", "pases", "did you mean `passes`?"]),
        ("passes: 3\n", &["s.yaml", "passes"]),
        ("- steps\n", &["s.yaml"]),
        ("passes:\n  steps: 3\n\0", &["s.yaml"]),
        (deep.as_str(), &["s.yaml"]),
        (bomb.as_str(), &["s.yaml"]),
    ] {
        bench.file("s.yaml", content);
        refused(&bench, "reproduce passes --settings s.yaml", 2, words);
    }
    bench.file("s.yaml", b"passes:\n  steps: \xff\n");
    refused(&bench, "reproduce passes --settings s.yaml", 2, &["--settings s.yaml", "UTF-8"]);
    refused(&bench, "reproduce passes --settings absent.yaml", 2, &["--settings absent.yaml", "No such file"]);
    refused(&bench, "reproduce passes --settings .", 2, &["--settings .", "directory"]);
}

#[test]
fn settings_that_fit_are_part_of_the_key() {
    let bench = Bench::new();
    bench.file("s.yaml", "passes:\n  steps: 3\n");
    bench.run("reproduce passes --profile smoke").code(0);
    let file = bench.run("reproduce passes --profile smoke --settings s.yaml --json").code(0);
    let flag = bench.run("reproduce passes --profile smoke --set steps=3 --json").code(0);
    assert_eq!((file.started(), flag.started()), (4, 0), "the same setting, whichever way it is given");
}

#[test]
fn vectors_that_cannot_be_read() {
    let bench = Bench::new();
    for content in ["", "{", "[]", "{\"paper\": \"passes\"}", "\u{0}"] {
        bench.file("vectors/passes.json", content);
        let ran = bench.run("verify passes --vectors vectors");
        assert_eq!(ran.status.code(), Some(2), "{content:?}: {ran:#?}");
        told_once(&ran, &["vectors/passes.json"]);
    }
}

#[test]
fn papers_that_cannot_be_added() {
    let bench = Bench::new();
    for (arguments, words) in [
        ("new-paper theory Bad-Slug", &["slug `Bad-Slug`", "lower-case letters, digits and _"][..]),
        ("new-paper theory ../evil", &["slug `../evil`"]),
        ("new-paper theory 2fast", &["slug `2fast`", "a letter first"]),
        ("new-paper theory passes", &["there is a paper `passes` already"]),
        ("new-paper geometry fresh", &["unknown family `geometry`", "families are"]),
        ("new-paper theory fresh", &["is not this project: run it inside a clone"]),
    ] {
        refused(&bench, arguments, 2, words);
    }
}

#[test]
fn combinations_that_contradict_each_other() {
    refused(&Bench::new(), "reproduce passes --force --retry-failed", 2, &["--force", "--retry-failed"]);
    refused(&Bench::new(), "reproduce", 2, &["PAPER|FAMILY|all"]);
}
