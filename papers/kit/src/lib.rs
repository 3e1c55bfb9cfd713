//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`eigen`] | eigenvectors of symmetric matrices |
//! | [`init`] | initial weights from named host streams |
//! | [`metrics`] | ROC AUC, average precision, calibration error |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`neighbours`] | exact nearest neighbours |
//! | [`nn`] | burn's layers with such weights |
//! | [`scale`] | robust and standard scaling of features |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod eigen;
pub mod init;
pub mod metrics;
pub mod mlp;
pub mod neighbours;
pub mod nn;
pub mod scale;
