//! Data that is absent, wrong or cannot be stored, as a run of the real binary meets it.
//!
//! The fetcher itself against servers, mirrors and caches that misbehave: `harness/core/tests/data_fetch.rs`.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use bench::{Bench, Ran, files};

const RUN: &str = "reproduce needs_data --profile smoke";
/// The first file of the data set that the fixture needs, and its registered size.
const FILE: &str = "mnist/train-images-idx3-ubyte.gz";
const BYTES: usize = 9_912_422;

/// Runs with a mirror folder.
fn with_mirror(bench: &Bench, arguments: &str) -> Ran {
    let mut command = bench.command(&arguments.split_whitespace().collect::<Vec<_>>());
    command.env("HARNESS_MIRROR", bench.path("mirror"));
    Ran::of(command)
}

/// Checks that nothing was run and no file came into the cache.
#[track_caller]
fn nothing_was_done(bench: &Bench) {
    assert!(!bench.reports().exists(), "a run was begun");
    let cached: Vec<_> = files(&bench.path("cache"))
        .into_iter()
        .filter(|path| path.extension().is_none_or(|extension| extension != "lock"))
        .collect();
    assert!(cached.is_empty(), "{cached:?}");
}

#[test]
fn absent_data_says_where_to_put_the_file() {
    let bench = Bench::new();
    let place = bench.path("cache").join(FILE);
    let ran =
        bench.run(&format!("{RUN} --data real")).code(3).says(&format!("put the file by hand at {}", place.display()));
    ran.says("not asked: offline").says("sha256 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609");
    nothing_was_done(&bench);
}

#[test]
fn absent_data_is_generated_and_that_is_said_once() {
    let bench = Bench::new();
    let ran = bench.run(RUN).code(0);
    assert_eq!(ran.err.matches("generated").count(), 1, "{ran:#?}");
    let ran = ran.says("warning: data set mnist is generated, not real: ");
    assert_eq!(ran.err.matches("mnist is generated").count(), 1);
    let record = &bench.records()["needs_data/method/0"];
    assert_eq!(record["provenance"]["data"]["mnist"], "synthetic");
}

#[test]
fn everything_else_works_without_data_and_network() {
    let bench = Bench::new();
    for arguments in ["list", "show needs_data", "data list", "data path", "data verify", "verify", "doctor"] {
        let ran = bench.run(arguments);
        // The fixtures have no vectors to verify.
        assert_eq!(ran.status.code(), Some(if arguments == "verify" { 2 } else { 0 }), "{arguments}: {ran:#?}");
    }
    bench.run("data path mnist").code(1).says("mnist is not in the cache: `harness data fetch mnist` gets it");
    bench.run("data fetch mnist").code(3).says("put the file by hand at ");
}

#[test]
fn wrong_bytes_of_a_mirror_are_refused_even_where_data_may_be_generated() {
    for size in [BYTES, BYTES / 2, 0] {
        let bench = Bench::new();
        bench.file(&format!("mirror/{FILE}"), vec![7; size]);
        let ran = with_mirror(&bench, &format!("{RUN} --data auto")).code(3);
        ran.says(&bench.path("mirror").join(FILE).display().to_string()).says("sha256 is ").says("expected ");
        nothing_was_done(&bench);
    }
}

#[test]
fn a_damaged_file_in_the_cache_is_named() {
    let bench = Bench::new();
    let file = bench.file(&format!("cache/{FILE}"), vec![7; BYTES]);
    let ran = bench.run("data verify mnist").code(1);
    assert!(ran.out.contains(&format!("damaged  {FILE}: sha256 is ")), "{ran:#?}");
    let named = format!("cache {}: sha256 is ", file.display());
    bench.run(&format!("{RUN} --data real")).code(3).says(&named);
    // A cache may be cleaned at any time, so that with `auto` its damage is an absence, and said.
    bench.run(RUN).code(0).says(&named);
    assert_eq!(std::fs::read(&file).unwrap(), vec![7; BYTES], "the file is left for its owner to look at");
}

#[test]
fn a_cache_path_that_is_a_file_is_explained() {
    let bench = Bench::new();
    let cache = bench.file("cache", "no folder");
    for data in ["real", "auto"] {
        let ran = bench.run(&format!("{RUN} --data {data}")).code(3).says(&cache.display().to_string());
        assert!(ran.err.contains("HARNESS_DATA"), "{ran:#?}");
    }
    assert!(!bench.reports().exists());
    assert_eq!(std::fs::read_to_string(cache).unwrap(), "no folder");
}

#[test]
fn a_cache_that_cannot_be_written_is_explained() {
    let bench = Bench::new();
    bench.file(&format!("mirror/{FILE}"), vec![7; 100]);
    std::fs::create_dir(bench.path("cache")).unwrap();
    let script = format!(
        "mount --bind cache cache && mount -o remount,ro,bind cache || exit 99
         HARNESS_MIRROR=\"$PWD/mirror\" exec \"$HARNESS\" {RUN} --data real"
    );
    let Some(ran) = bench.mounting(&script) else { return };
    ran.code(3).says("Read-only file system").says("HARNESS_DATA");
    nothing_was_done(&bench);
}

#[test]
fn a_full_disk_under_the_cache_is_explained() {
    let bench = Bench::new();
    bench.file(&format!("mirror/{FILE}"), vec![7; BYTES]);
    let script = format!(
        "mkdir cache && mount -t tmpfs -o size=1m tmpfs cache || exit 99
         HARNESS_MIRROR=\"$PWD/mirror\" \"$HARNESS\" {RUN} --data real; code=$?
         find cache -type f -size +0 | grep . && exit 98; exit $code"
    );
    let Some(ran) = bench.mounting(&script) else { return };
    ran.code(3).says("No space left on device").says("free some space or point HARNESS_DATA to another disk");
}

#[test]
fn a_mirror_that_is_no_place_is_bad_input() {
    let bench = Bench::new();
    for mirror in ["ftp://example.org/", "file:///etc", ""] {
        let ran = Ran::of(bench.command(&["--mirror", mirror, "data", "list"])).code(2);
        assert!(ran.err.contains("mirror"), "{ran:#?}");
    }
}

#[test]
fn real_files_are_used_where_there_is_a_mirror_of_them() {
    let Some(mirror) = std::env::var_os("HARNESS_MIRROR") else { return };
    let bench = Bench::new();
    let mut command = bench.command(&["reproduce", "needs_data", "--profile", "smoke", "--data", "real"]);
    command.env("HARNESS_MIRROR", mirror);
    Ran::of(command).code(0);
    let record = &bench.records()["needs_data/method/0"];
    assert_eq!(record["metrics"]["files"], 4.0);
    assert!(record["provenance"]["data"]["mnist"].as_str().unwrap().starts_with("sha256:"));
    // From here on the cache suffices, and nothing is run again.
    let again = bench.run(&format!("{RUN} --data real --json")).code(0);
    assert_eq!(again.started(), 0);
}
