//! `paper.yaml`: what is read, and how mistakes are told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::YAML;
use harness_core::paper::Profile;
use harness_core::{Error, ErrorKind, Paper};

fn refused(text: &str) -> String {
    let error = Paper::parse(text, "example/paper.yaml").expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(matches!(error, Error::Yaml(_)));
    error.to_string()
}

#[test]
fn the_grid_is_the_product_of_its_factors() {
    let paper = common::paper();
    let cells: Vec<String> =
        paper.profiles.get(Profile::Quick).grid[0].cells().iter().map(ToString::to_string).collect();
    assert_eq!(cells, ["n=10, task=easy", "n=10, task=hard", "n=100, task=easy", "n=100, task=hard"]);
    assert_eq!(paper.profiles.get(Profile::Smoke).grid[0].cells().len(), 1);
}

#[test]
fn an_unknown_key_is_told_with_its_place() {
    let message = refused(&YAML.replace(
        "    timeout_s: 10\n    memory_mb: 10\n    settings: {steps: 50",
        "    timeout: 10\n    memory_mb: 10\n    settings: {steps: 50",
    ));
    assert!(message.starts_with("example/paper.yaml:26:"), "{message}");
    assert!(message.contains("profiles.quick") && message.contains("unknown field `timeout`"), "{message}");
    assert!(message.contains("timeout_s"), "the known keys are not named: {message}");
}

#[test]
fn a_wrong_type_is_told_with_its_place() {
    let message = refused(&YAML.replace("year: 2020", "year: soon"));
    assert!(message.starts_with("example/paper.yaml:6:") && message.contains("year"), "{message}");
}

#[test]
fn syntax_errors_are_told_with_their_place() {
    // A key that is there twice is told with the place of the map that holds it.
    for (text, line) in [
        (YAML.replace("version: 1", "version: [1"), None),
        (YAML.replace("family: theory", "\tfamily: theory"), Some(2)),
        (YAML.replace("version: 1", "version: 1\nversion: 2"), Some(1)),
    ] {
        let message = refused(&text);
        let prefix = line.map_or("example/paper.yaml:".to_owned(), |line| format!("example/paper.yaml:{line}:"));
        assert!(message.starts_with(&prefix), "{message}");
    }
}

#[test]
fn impossible_values_are_told_with_their_key() {
    for (text, key, words) in [
        (YAML.replace("seeds: 3", "seeds: 0"), "profiles.quick.seeds", "between 1 and 1000"),
        (YAML.replace("arms: [theirs]", "arms: [their]"), "profiles.quick.grid[1].arms", "did you mean `theirs`"),
        (YAML.replace("baseline: theirs", "baseline: thiers"), "claims[0].test", "did you mean `theirs`"),
        (YAML.replace("data: [mnist]", "data: [mnits]"), "profiles.quick.grid[0].data", "did you mean `mnist`"),
        (YAML.replace("{name: theirs", "{name: ours_0.1"), "arms[1].name", "twice"),
        (YAML.replace("task: [timing]", "task: []"), "profiles.quick.grid[1].factors.task", "no level"),
        (YAML.replace("task: [timing]", "n: [10], task: [easy]"), "profiles.quick.grid[1]", "twice"),
        (YAML.replace("slug: example", "slug: Example"), "slug", "lower-case"),
        (YAML.replace("better: higher", "better: higher, min_effect: -1"), "claims[0].test", "at least 0"),
    ] {
        let message = refused(&text);
        assert!(message.contains(key) && message.contains(words), "expected {key} and {words} in: {message}");
    }
}

#[test]
fn a_key_repeated_among_free_settings_is_told_and_not_overridden() {
    let message = refused(&YAML.replacen("steps: ", "steps: 1, steps: ", 1));
    assert!(message.contains("duplicate") && message.contains("steps"), "{message}");
}

#[test]
fn deep_nesting_and_alias_bombs_are_refused_without_harm() {
    refused(&format!("{}notes: {}{}", YAML, "[".repeat(10_000), "]".repeat(10_000)));
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, previous) in ('b'..='i').zip('a'..='h') {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{previous}"); 10].join(", ")));
    }
    refused(&format!("{bomb}{YAML}"));
    refused(&YAML.replace("year: 2020", "year: 1e400"));
}

proptest::proptest! {
    /// Whatever is typed, the answer is a paper or an error.
    #[test]
    fn no_text_makes_it_panic(cut in 0usize..1500, insert in "[\\[\\]{}:,*&!|>'\"%@`#\\t \\n-]{0,6}") {
        let at = YAML.char_indices().map(|(index, _)| index).nth(cut).unwrap_or(YAML.len());
        let _ = Paper::parse(&format!("{}{insert}{}", &YAML[..at], &YAML[at..]), "x");
    }
}
