//! Papers of the unlearning family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod npo;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&npo::REPRODUCTION];
