//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`init`] | initial weights from named host streams |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`nn`] | burn's layers with such weights |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod init;
pub mod mlp;
pub mod nn;
