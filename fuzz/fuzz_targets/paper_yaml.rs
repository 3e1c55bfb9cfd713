//! `paper.yaml` and settings files: any text is a paper, overrides or an error.
#![no_main]

use harness_core::Paper;
use harness_core::overrides::Override;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Paper::parse(text, "fuzz.yaml");
    let _ = Override::parse_file(text, "fuzz.yaml");
    let _ = Override::parse(text);
});
