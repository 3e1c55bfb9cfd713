//! Papers of the language family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod attention_sink;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&attention_sink::REPRODUCTION];
