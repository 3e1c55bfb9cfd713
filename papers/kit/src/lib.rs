//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`init`] | initial weights from named host streams |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod init;
