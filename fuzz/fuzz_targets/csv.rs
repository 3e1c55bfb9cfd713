//! Tables: any bytes are rows of one width or an error.
#![no_main]

use harness_core::data::csv::{Dialect, Table};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for dialect in [Dialect::COMMA, Dialect::COMMA_HEADER, Dialect::TAB_HEADER] {
        if let Ok(table) = Table::parse(bytes, "fuzz", dialect) {
            let width = table.rows.first().map_or(0, Vec::len);
            assert!(table.rows.iter().all(|row| row.len() == width));
            for column in 0..width {
                let _ = table.numbers(column, Some("NA"));
            }
        }
    }
});
