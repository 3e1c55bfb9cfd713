//! Corpora: any bytes are lines and tokens or an error.
#![no_main]

use harness_core::data::text;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert_eq!(text::lines(bytes, "fuzz").is_ok(), std::str::from_utf8(bytes).is_ok());
    let _ = text::tokens(bytes, "fuzz", Some("<eos>"));
});
