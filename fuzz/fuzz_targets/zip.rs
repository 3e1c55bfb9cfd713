//! Archives: any bytes are members within the limits or an error.
#![no_main]

use std::io::Cursor;

use harness_core::data::archive::{self, Limits};

/// Small, so that a bomb shows.
const LIMITS: Limits = Limits { members: 100, member_bytes: 1 << 20, total_bytes: 1 << 22, ratio: 200 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = archive::zip_members(Cursor::new(bytes), "fuzz", LIMITS);
    if let Ok(members) = archive::read_zip(Cursor::new(bytes), "fuzz", LIMITS, |_| true) {
        assert!(members.values().map(|member| member.len() as u64).sum::<u64>() <= LIMITS.total_bytes);
    }
    let _ = archive::read_tar_gz(bytes, "fuzz", LIMITS, |_| true);
});
