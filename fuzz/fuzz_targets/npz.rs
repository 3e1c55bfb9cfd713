//! NumPy files: any bytes are arrays or an error.
#![no_main]

use harness_core::data::npz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = npz::npy(bytes, "fuzz") {
        assert_eq!(array.to_f64().len(), array.shape.iter().product::<usize>());
    }
    let _ = npz::npz(bytes, "fuzz");
});
