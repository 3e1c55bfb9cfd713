//! Papers of the distillation family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod dcc;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&dcc::REPRODUCTION];
