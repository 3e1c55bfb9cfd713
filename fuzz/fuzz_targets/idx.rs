//! IDX files: any bytes are arrays, images, labels or an error.
#![no_main]

use harness_core::data::idx;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = idx::u8_array(bytes, "fuzz") {
        assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
    }
    let _ = idx::i16_array(bytes, "fuzz");
    let _ = idx::images(bytes, "fuzz");
    let _ = idx::labels(bytes, "fuzz", 10);
});
