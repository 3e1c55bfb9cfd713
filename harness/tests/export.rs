//! A run packed on one machine and reported on another.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::str::contains;
use sha2::Digest as _;
use zip::write::SimpleFileOptions;

fn harness(reports: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harness"));
    command.args(["--offline", "--reports"]).arg(reports);
    command
}

/// The smallest run of a paper that draws figures, and its archive.
fn exported(parent: &Path) -> PathBuf {
    let reports = parent.join("here");
    let run =
        ["reproduce", "lr_perceptron", "--profile", "smoke", "--data", "synthetic", "--device", "cpu", "--seeds", "1"];
    harness(&reports).args(run).assert().success();
    let archive = parent.join("run.zip");
    harness(&reports).arg("export").arg("--zip").arg(&archive).assert().success();
    archive
}

fn entries(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn pack(entries: &BTreeMap<String, Vec<u8>>, place: &Path) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(place).unwrap());
    for (name, bytes) in entries {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn an_archive_describes_itself_and_gives_the_same_report_elsewhere() {
    let parent = tempfile::tempdir().unwrap();
    let archive = exported(parent.path());
    let again = parent.path().join("again.zip");
    harness(&parent.path().join("here")).arg("export").arg("--zip").arg(&again).assert().success();
    assert_eq!(std::fs::read(&archive).unwrap(), std::fs::read(&again).unwrap(), "the same run gives the same bytes");

    let entries = entries(&archive);
    let metadata: serde_json::Value = serde_json::from_slice(&entries["ro-crate-metadata.json"]).unwrap();
    let graph = metadata["@graph"].as_array().unwrap();
    let entity = |id: &str| graph.iter().find(|entity| entity["@id"] == id).unwrap_or_else(|| panic!("no entity {id}"));
    assert_eq!(metadata["@context"], "https://w3id.org/ro/crate/1.1/context");
    assert_eq!(entity("ro-crate-metadata.json")["about"]["@id"], "./");
    let parts: Vec<&str> =
        entity("./")["hasPart"].as_array().unwrap().iter().map(|part| part["@id"].as_str().unwrap()).collect();
    let files: Vec<&str> =
        entries.keys().map(String::as_str).filter(|name| *name != "ro-crate-metadata.json").collect();
    let mut sorted = parts.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, files, "every file is a part");
    for part in parts {
        assert_eq!(entity(part)["contentSize"], entries[part].len().to_string());
    }
    // Every reference leads to an entity of the crate.
    for reference in ["about", "mentions", "license"] {
        let target = &entity("./")[reference];
        let id = target["@id"].as_str().or_else(|| target[0]["@id"].as_str()).unwrap();
        entity(id);
    }
    let sums = String::from_utf8(entries["SHA256SUMS"].clone()).unwrap();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let found: String = sha2::Sha256::digest(&entries[name]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, found, "{name}");
    }
    for name in ["run.json", "data.json", "environment.json", "Cargo.lock", "papers/lr_perceptron.yaml"] {
        assert!(entries.contains_key(name), "{name}");
    }
    for name in ["report/README.md", "report/results.parquet", "report/verdicts.csv"] {
        assert!(entries.contains_key(name), "{name}");
    }
    assert!(entries.keys().any(|name| name.ends_with(".svg")));

    let there = parent.path().join("there");
    let site = parent.path().join("site");
    harness(&there).args(["report", "--from"]).arg(&archive).arg("--site").arg(&site).assert().success();
    assert!(site.join("index.html").is_file());
    let run: serde_json::Value = serde_json::from_slice(&entries["run.json"]).unwrap();
    let report = there.join(run["id"].as_str().unwrap());
    for name in ["README.md", "lr_perceptron.md", "verdicts.csv", "results.parquet"] {
        assert_eq!(std::fs::read(report.join(name)).unwrap(), entries[&format!("report/{name}")], "{name}");
    }
    // Once more changes nothing.
    harness(&there).args(["report", "--from"]).arg(&archive).assert().success();
    harness(&there).args(["store", "verify"]).assert().success().stdout(contains(" 0 damaged"));
}

#[test]
fn an_archive_of_someone_else_cannot_write_where_it_likes() {
    let parent = tempfile::tempdir().unwrap();
    let whole = entries(&exported(parent.path()));
    type Change<'a> = dyn Fn(&mut BTreeMap<String, Vec<u8>>) + 'a;
    let refused = |change: &Change<'_>, says: &str| {
        let mut entries = whole.clone();
        change(&mut entries);
        let place = parent.path().join("hostile.zip");
        pack(&entries, &place);
        let there = parent.path().join("there");
        harness(&there).args(["report", "--from"]).arg(&place).assert().failure().stderr(contains(says));
        assert!(!there.exists(), "nothing is left behind: {says}");
    };
    let edit = |entries: &mut BTreeMap<String, Vec<u8>>, change: &dyn Fn(&mut serde_json::Value)| {
        let mut run: serde_json::Value = serde_json::from_slice(&entries["run.json"]).unwrap();
        change(&mut run);
        entries.insert("run.json".into(), serde_json::to_vec(&run).unwrap());
    };
    refused(&|entries| edit(entries, &|run| run["id"] = "../../etc".into()), "which no run has");
    refused(&|entries| edit(entries, &|run| run["id"] = "store".into()), "which no run has");
    refused(&|entries| edit(entries, &|run| run["papers"][0]["keys"][0] = "../../x".into()), "which is no digest");
    refused(
        &|entries| edit(entries, &|run| run["papers"][0]["paper"]["slug"] = "../x".into()),
        "does not know its paper",
    );
    refused(&|entries| drop(entries.remove("run.json")), "it has no run.json");
    let trial = whole.keys().find(|name| name.starts_with("store/")).unwrap();
    refused(
        &|entries| {
            let text = String::from_utf8(entries[trial].clone()).unwrap();
            entries.insert(trial.clone(), text.replacen("\"seed\":0", "\"seed\":1", 1).into_bytes());
        },
        "has the digest",
    );
    let text = parent.path().join("text.zip");
    std::fs::write(&text, "no archive").unwrap();
    harness(&parent.path().join("there"))
        .args(["report", "--from"])
        .arg(&text)
        .assert()
        .failure()
        .stderr(contains("is not an archive that `harness export` made"));
}

#[test]
fn a_run_does_not_take_the_place_of_another_one() {
    let parent = tempfile::tempdir().unwrap();
    let archive = exported(parent.path());
    let mut changed = entries(&archive);
    let mut run: serde_json::Value = serde_json::from_slice(&changed["run.json"]).unwrap();
    run["machine"] = "another".into();
    changed.insert("run.json".into(), serde_json::to_vec(&run).unwrap());
    let other = parent.path().join("other.zip");
    pack(&changed, &other);
    harness(&parent.path().join("here"))
        .args(["report", "--from"])
        .arg(&other)
        .assert()
        .code(2)
        .stderr(contains("another run of the same name"));
}
