//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`attack`] | adversarial examples: PGD, FGSM |
//! | [`backprop`] | a backward pass as tensor operations, for derivatives of gradients |
//! | [`classify`] | cross-entropy per example; accuracy over all, per class, over the worst classes |
//! | [`init`] | initial weights from named host streams |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`ngram`] | word text: frequent words, batches of n-grams |
//! | [`nn`] | burn's layers with such weights |
//! | [`resnet`] | ResNets of basic blocks, with batch norms whose behaviour is named |
//! | [`sgd`] | clipping of gradients by their global norm |
//! | [`softplus`] | softplus without overflow |
//! | [`topk`] | ranks of targets, top-k error |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod attack;
pub mod backprop;
pub mod classify;
pub mod init;
pub mod mlp;
pub mod ngram;
pub mod nn;
pub mod resnet;
pub mod sgd;
pub mod softplus;
pub mod topk;
