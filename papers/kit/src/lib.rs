//! What two or more papers share.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`activation`] | SiLU and GELU whose way back is one product |
//! | [`attack`] | adversarial examples: PGD, FGSM |
//! | [`augment`] | random views of images: crops, flips, distortions |
//! | [`author_facts`] | generated questions and answers about fictitious authors, to be learned and forgotten |
//! | [`backprop`] | backward passes of layers and networks as tensor operations, for derivatives of gradients |
//! | [`bumps`] | synthetic images of Gaussian bumps |
//! | [`cholesky`] | systems of equations with a positive definite matrix |
//! | [`classify`] | cross-entropy per example; accuracy over all, per class, over the worst classes |
//! | [`eigen`] | eigenvectors of symmetric matrices |
//! | [`encoder`] | the small convolutional encoders, and whichever encoder a profile names |
//! | [`gather_conv`] | convolutions that are fast on the processor |
//! | [`gpt`] | a small GPT, its tokenisers, sampling, log-probabilities |
//! | [`gradient_clip`] | clipping of a module's gradients by their common norm |
//! | [`image_set`] | images with labels on the host |
//! | [`init`] | initial weights from named host streams |
//! | [`jet`] | forward-mode derivatives of networks by their inputs, up to the fourth order |
//! | [`knn`] | weighted nearest-neighbour classification |
//! | [`logistic`] | logistic regression with two classes on the host, by Newton's method |
//! | [`metrics`] | ROC AUC, average precision, calibration error |
//! | [`middle`] | means over the middle of three dimensions, fast on the processor |
//! | [`mlp`] | multi-layer perceptrons |
//! | [`module_weights`] | a model's parameters as named weights, for stages |
//! | [`modified_mlp`] | the perceptron whose hidden layers are gated by two encodings of the input |
//! | [`neighbours`] | exact nearest neighbours |
//! | [`ngram`] | word text: frequent words, batches of n-grams |
//! | [`nn`] | burn's layers with such weights |
//! | [`photos`] | zipped photographs and drawings as grey images |
//! | [`probe`] | linear probes of frozen features |
//! | [`resnet`] | ResNets of basic blocks, with batch norms whose behaviour is named |
//! | [`scale`] | robust and standard scaling of features |
//! | [`schedule`] | learning rates over a run |
//! | [`siamese`] | differentiable augmentation, the same for several batches |
//! | [`similarity`] | rows of unit length, cosine similarities |
//! | [`softplus`] | softplus without overflow |
//! | [`topk`] | ranks of targets, top-k error |
//! | [`verdict`] | rules of verdicts that several papers share |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod activation;
pub mod attack;
pub mod augment;
pub mod author_facts;
pub mod backprop;
pub mod bumps;
pub mod cholesky;
pub mod classify;
pub mod eigen;
pub mod encoder;
pub mod gather_conv;
pub mod gpt;
pub mod gradient_clip;
pub mod image_set;
pub mod init;
pub mod jet;
pub mod knn;
pub mod logistic;
pub mod metrics;
pub mod middle;
pub mod mlp;
pub mod modified_mlp;
pub mod module_weights;
pub mod neighbours;
pub mod ngram;
pub mod nn;
pub mod photos;
pub mod probe;
pub mod resnet;
pub mod scale;
pub mod schedule;
pub mod siamese;
pub mod similarity;
pub mod softplus;
pub mod topk;
pub mod verdict;
