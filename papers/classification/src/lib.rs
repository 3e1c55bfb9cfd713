//! Papers of the classification family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod z_loss;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&z_loss::REPRODUCTION];
