//! `--set` and override files: what they change, and how mistakes are told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::paper;
use harness_core::overrides::{Override, apply};
use harness_core::paper::Profile;
use harness_core::{ErrorKind, Paper};

fn set(texts: &[&str]) -> harness_core::Result<Paper> {
    let overrides: Vec<Override> = texts.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
    Ok(apply(&[&paper()], &overrides, Profile::Quick)?.remove(0))
}

fn refused(text: &str) -> String {
    let error = set(&[text]).expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::Input);
    error.to_string()
}

#[test]
fn a_short_key_is_one_of_the_profile_in_use() {
    let changed = set(&["steps=7", "deep.decay=0.25", "widths=[8, 8, 8]"]).unwrap();
    let settings = &changed.profiles.quick.settings;
    assert_eq!(settings["steps"], 7);
    assert_eq!(settings["deep"]["decay"], 0.25);
    assert_eq!(settings["widths"].as_array().unwrap().len(), 3);
    assert_eq!(changed.profiles.full, paper().profiles.full, "other profiles stay as they are");
}

#[test]
fn long_keys_reach_arms_with_dots_and_the_profile_itself() {
    let changed = set(&["arms.ours_0.1.settings.rate=0.2", "profiles.full.settings.steps=9", "timeout_s=99"]).unwrap();
    assert_eq!(changed.arms[0].settings["rate"], 0.2);
    assert_eq!(changed.profiles.full.settings["steps"], 9);
    assert_eq!(changed.profiles.quick.timeout_s, 99);
}

#[test]
fn mistakes_name_the_key_and_what_to_do() {
    for (text, words) in [
        ("stepz=7", "did you mean `steps`"),
        ("steps=many", "is a word, expected a number"),
        ("steps=[1", "--set steps"),
        ("steps", "expected KEY=VALUE"),
        ("=3", "empty"),
        ("arms.our_0.1.settings.rate=1", "did you mean `ours_0.1`"),
        ("arms.theirs.label=x", "only `settings` can be changed"),
        ("claims.C1.test=1", "claims, arms and citations stand"),
        ("title=x", "claims, arms and citations stand"),
        ("profiles.quick.deviations=[]", "deviations cannot be changed"),
        ("timeout_s=0", "must be at least 1"),
        ("timeout_s=-1", "timeout_s"),
        ("other:steps=7", "paper `other` is not selected"),
    ] {
        let message = refused(text);
        assert!(message.contains(words), "`{text}` gave: {message}");
        assert!(message.contains("--set"), "`{text}` does not say where it was given: {message}");
    }
}

#[test]
fn a_file_changes_settings_and_its_mistakes_name_file_line_and_key() {
    let overrides = Override::parse_file("example:\n  steps: 3\n  deep: {decay: 0.1}\n", "my.yaml").unwrap();
    let changed = apply(&[&paper()], &overrides, Profile::Quick).unwrap().remove(0);
    assert_eq!(changed.profiles.quick.settings["steps"], 3);
    assert_eq!(changed.profiles.quick.settings["deep"]["decay"], 0.1);

    let message = Override::parse_file("example:\n  steps: 3\n bad\n", "my.yaml").unwrap_err().to_string();
    assert!(message.starts_with("my.yaml:3:"), "{message}");
    let unknown = Override::parse_file("example:\n  stepz: 3\n", "my.yaml").unwrap();
    let message = apply(&[&paper()], &unknown, Profile::Quick).unwrap_err().to_string();
    assert!(message.contains("my.yaml") && message.contains("stepz"), "{message}");
}

#[test]
fn an_override_that_no_selected_paper_knows_is_an_error_but_one_suffices() {
    let mut other = paper();
    other.slug = "other".into();
    other.profiles.quick.settings = serde_json::json!({"epochs": 3});
    let change = [Override::parse("epochs=5").unwrap()];
    let changed = apply(&[&paper(), &other], &change, Profile::Quick).unwrap();
    assert_eq!(changed[0], paper());
    assert_eq!(changed[1].profiles.quick.settings["epochs"], 5);
}
