//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`attack`] | adversarial examples: PGD, FGSM |
//! | [`augment`] | random views of images: crops, flips, distortions |
//! | [`backprop`] | a backward pass as tensor operations, for derivatives of gradients |
//! | [`bumps`] | synthetic images of Gaussian bumps |
//! | [`classify`] | cross-entropy per example; accuracy over all, per class, over the worst classes |
//! | [`encoder`] | the small convolutional encoders, and whichever encoder a profile names |
//! | [`gather_conv`] | convolutions that are fast on the processor |
//! | [`image_set`] | images with labels on the host |
//! | [`init`] | initial weights from named host streams |
//! | [`knn`] | weighted nearest-neighbour classification |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`ngram`] | word text: frequent words, batches of n-grams |
//! | [`nn`] | burn's layers with such weights |
//! | [`probe`] | linear probes of frozen features |
//! | [`resnet`] | ResNets of basic blocks, with batch norms whose behaviour is named |
//! | [`schedule`] | learning rates over a run |
//! | [`similarity`] | rows of unit length, cosine similarities |
//! | [`verdict`] | rules of verdicts that several papers share |
//! | [`sgd`] | clipping of gradients by their global norm |
//! | [`softplus`] | softplus without overflow |
//! | [`topk`] | ranks of targets, top-k error |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod attack;
pub mod augment;
pub mod backprop;
pub mod bumps;
pub mod classify;
pub mod encoder;
pub mod gather_conv;
pub mod image_set;
pub mod init;
pub mod knn;
pub mod mlp;
pub mod ngram;
pub mod nn;
pub mod probe;
pub mod resnet;
pub mod schedule;
pub mod sgd;
pub mod similarity;
pub mod softplus;
pub mod topk;
pub mod verdict;
