//! Papers of the representation family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod contrastive_behaviour;

use harness_core::PaperReproduction;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&contrastive_behaviour::REPRODUCTION];
