//! placeholder
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod draw;
pub mod printable;
pub mod report;
pub mod tables;
