//! Trial files: any bytes are a record or an error, and a record is sealed by its digest.
#![no_main]

use std::path::Path;

use harness::store::Store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Store::parse(bytes, Path::new("fuzz.json"), "fuzz");
});
