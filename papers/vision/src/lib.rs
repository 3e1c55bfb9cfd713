//! Papers of the vision family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod apre_outlier;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&apre_outlier::REPRODUCTION];
