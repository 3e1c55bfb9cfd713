//! Papers of the theory family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod lr_perceptron;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&lr_perceptron::REPRODUCTION];
