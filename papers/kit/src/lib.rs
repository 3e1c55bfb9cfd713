//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`attack`] | adversarial examples: PGD, FGSM |
//! | [`backprop`] | a backward pass as tensor operations, for derivatives of gradients |
//! | [`classify`] | cross-entropy per example; accuracy over all, per class, over the worst classes |
//! | [`init`] | initial weights from named host streams |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`nn`] | burn's layers with such weights |
//! | [`resnet`] | ResNets of basic blocks, with batch norms whose behaviour is named |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod attack;
pub mod backprop;
pub mod classify;
pub mod init;
pub mod mlp;
pub mod nn;
pub mod resnet;
