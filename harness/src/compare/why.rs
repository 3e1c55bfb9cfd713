//! What is different between two runs: all that can have changed a verdict.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::record::{Outcome, Record};
use harness_core::results::Results;
use serde_json::Value;

use super::Paper;
use crate::run::manifest::Manifest;

/// Settings that are named one by one at most.
const MOST_SETTINGS: usize = 12;

/// Differences between the runs as such.
pub(super) fn of_runs(a: &Manifest, b: &Manifest) -> Vec<String> {
    let mut why = Vec::new();
    for (what, before, after) in
        [("harness", &a.harness, &b.harness), ("device", &a.device, &b.device), ("machine", &a.machine, &b.machine)]
    {
        if before != after {
            why.push(format!("{what}: {before} → {after}"));
        }
    }
    // A run of an older version did not say what it was built of.
    if !a.dependencies.is_empty() && !b.dependencies.is_empty() {
        let names: BTreeSet<&String> = a.dependencies.keys().chain(b.dependencies.keys()).collect();
        for name in names {
            let (before, after) = (a.dependencies.get(name), b.dependencies.get(name));
            if before != after {
                let word = |version: Option<&String>| version.map_or("none", String::as_str).to_owned();
                why.push(format!("dependency {name}: {} → {}", word(before), word(after)));
            }
        }
    }
    why
}

/// Differences between what two runs know of a claim.
pub(super) fn of_claim(id: &str, (a, before): Paper<'_>, (b, after): Paper<'_>) -> Vec<String> {
    let mut why = Vec::new();
    let (old, new) = (&before.results, &after.results);
    distinct(&mut why, "code", old, new, |record| vec![short(&record.provenance.code)]);
    if a.paper.version != b.paper.version {
        why.push(format!("version of the reproduction: {} → {}", a.paper.version, b.paper.version));
    }
    if a.paper.claim(id).map(|claim| (&claim.rule, &claim.test))
        != b.paper.claim(id).map(|claim| (&claim.rule, &claim.test))
    {
        why.push("rule: the claim's test in paper.yaml changed".into());
    }
    distinct(&mut why, "data", old, new, |record| {
        record.provenance.data.iter().map(|(set, source)| format!("{set} {}", short(source))).collect()
    });
    settings(&mut why, (a, before), (b, after));
    let seeds = |results: &Results| results.seeds();
    if seeds(old) != seeds(new) {
        why.push(format!("seeds: {} → {}", ranges(&seeds(old)), ranges(&seeds(new))));
    }
    let failed = |results: &Results| {
        results.records().iter().filter(|record| matches!(record.outcome, Outcome::Failed { .. })).count()
    };
    if failed(old) != failed(new) {
        why.push(format!("failed trials: {} → {}", failed(old), failed(new)));
    }
    distinct(&mut why, "trials ran on", old, new, |record| vec![record.provenance.machine.clone()]);
    if why.is_empty() && differ_under_one_key(old, new) {
        why.push("the same trials gave other numbers: times, or a computation that is not deterministic".into());
    }
    why
}

/// Adds a line where the sets of some property of all trials differ.
fn distinct(why: &mut Vec<String>, what: &str, a: &Results, b: &Results, get: impl Fn(&Record) -> Vec<String>) {
    let all = |results: &Results| -> BTreeSet<String> { results.records().iter().flat_map(&get).collect() };
    let (before, after) = (all(a), all(b));
    if before != after {
        let list = |set: BTreeSet<String>| {
            if set.is_empty() { "none".to_owned() } else { set.into_iter().collect::<Vec<_>>().join(", ") }
        };
        why.push(format!("{what}: {} → {}", list(before), list(after)));
    }
}

/// The settings that differ, by name where the trees tell.
fn settings(why: &mut Vec<String>, (a, before): Paper<'_>, (b, _): Paper<'_>) {
    let profile = before.results.profile();
    let tree = |entry: &crate::run::manifest::ManifestPaper| {
        let mut leaves = BTreeMap::new();
        flatten("", &entry.paper.profiles.get(profile).settings, &mut leaves);
        for arm in &entry.paper.arms {
            flatten(&format!("arms.{}", arm.name), &arm.settings, &mut leaves);
        }
        leaves
    };
    let (old, new) = (tree(a), tree(b));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed: Vec<String> = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| {
            let word = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
            format!("{name} {} → {}", word(old.get(name)), word(new.get(name)))
        })
        .collect();
    if !changed.is_empty() {
        let more = changed.len().saturating_sub(MOST_SETTINGS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        why.push(format!("settings: {}{more}", changed.into_iter().take(MOST_SETTINGS).collect::<Vec<_>>().join(", ")));
    }
    let grid = |entry: &crate::run::manifest::ManifestPaper| {
        serde_json::to_string(&entry.paper.profiles.get(profile).grid).ok()
    };
    if grid(a) != grid(b) {
        why.push("grid: the cells or arms of the experiment changed".into());
    }
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, into);
            }
        }
        Value::Null => {}
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}

/// Whether a key has other metrics or timings in one run than in the other.
fn differ_under_one_key(a: &Results, b: &Results) -> bool {
    let by_key: BTreeMap<&String, &Record> = a.records().iter().map(|record| (&record.key, record)).collect();
    b.records().iter().any(|record| {
        by_key.get(&record.key).is_some_and(|other| other.metrics != record.metrics || other.timings != record.timings)
    })
}

/// The first digits of a digest.
fn short(digest: &str) -> String {
    let start = if digest.starts_with("sha256:") { 7 + 12 } else { 12 };
    if digest.is_empty() { "none".into() } else { digest.chars().take(start).collect() }
}

/// `0–2, 5`.
fn ranges(seeds: &[u64]) -> String {
    if seeds.is_empty() {
        return "none".into();
    }
    seeds
        .chunk_by(|a, b| a + 1 == *b)
        .filter_map(|run| {
            let (first, last) = (run.first()?, run.last()?);
            Some(if first == last { first.to_string() } else { format!("{first}–{last}") })
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_told_as_ranges() {
        assert_eq!(ranges(&[]), "none");
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0–2, 5, 7–8");
        assert_eq!(short("sha256:0123456789abcdef"), "sha256:0123456789ab");
    }
}
