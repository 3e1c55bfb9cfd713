//! A small GPT: a decoder-only transformer with norms before attention and MLP.
//!
//! ```
//! use burn::module::AutodiffModule;
//! use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
//! use harness_core::backend::{DeviceChoice, IntTensor};
//! use papers_kit::gpt::{CharTokenizer, Decoding, GptConfig, generate, inputs_and_labels, log_probs};
//!
//! let device = DeviceChoice::Cpu.open()?;
//! let mut rng = harness_core::rng::stream("example", "init", 0);
//! let characters = CharTokenizer::of("ababababab");
//! let text = characters.encode("ababababab")?;
//! let mut model = GptConfig::new(1, 16, 2).init(characters.size(), 9, &mut rng, &device)?;
//! let mut optimizer = AdamWConfig::new().with_beta_2(0.95).with_weight_decay(0.1).init();
//! for _ in 0..30 {
//!     let batch = IntTensor::<1>::from_data(text.as_slice(), &device).unsqueeze_dim(0); // [1, 10]
//!     let (inputs, labels) = inputs_and_labels(batch);
//!     let loss = -log_probs(model.forward(inputs), labels).mean();
//!     let gradients = GradientsParams::from_grads(loss.backward(), &model);
//!     model = optimizer.step(0.01, model, gradients);
//! }
//! let written = generate(&model.valid(), &[characters.encode("ab")?], 4, Decoding::Greedy, &mut rng)?;
//! assert_eq!(characters.decode(&written[0])?, "abab");
//! # Ok::<(), harness_core::Error>(())
//! ```
//!
//! | file | what is inside |
//! | --- | --- |
//! | `config.rs` | sizes and choices |
//! | `model.rs`, `block.rs`, `norm.rs`, `rotary.rs` | the model |
//! | `attend.rs` | the attention operation, which [`Gpt::forward_with`] takes as an argument |
//! | `log_probs.rs` | log-probabilities of tokens |
//! | `sample.rs` | greedy and random continuations |
//! | `char_tokenizer.rs`, `word_tokenizer.rs` | texts as tokens and back |
//!
//! Weights go through [`crate::module_weights`] into stages that several trials share; [`crate::gradient_clip`] clips
//! gradients by their common norm.

mod attend;
mod block;
mod char_tokenizer;
mod config;
mod log_probs;
mod model;
mod norm;
mod rotary;
mod sample;
mod word_tokenizer;

pub use attend::{Attend, CausalSoftmax};
pub use char_tokenizer::CharTokenizer;
pub use config::{GptConfig, MlpKind, NormKind, Positions};
pub use log_probs::{inputs_and_labels, log_probs};
pub use model::{Gpt, Trace};
pub use sample::{Decoding, generate};
pub use word_tokenizer::{UNKNOWN, WordTokenizer, split_words};
