//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`init`] | initial weights from named host streams |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`ngram`] | word text: frequent words, batches of n-grams |
//! | [`nn`] | burn's layers with such weights |
//! | [`sgd`] | clipping of gradients by their global norm |
//! | [`softplus`] | softplus without overflow |
//! | [`topk`] | ranks of targets, top-k error |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod init;
pub mod mlp;
pub mod ngram;
pub mod nn;
pub mod sgd;
pub mod softplus;
pub mod topk;
