//! CIFAR in its binary form: any bytes are images with labels or an error.
#![no_main]

use harness_core::data::cifar;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = cifar::cifar10(bytes, "fuzz");
    let _ = cifar::cifar100(bytes, "fuzz");
});
