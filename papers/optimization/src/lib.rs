//! Papers of the optimization family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod stn;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&stn::REPRODUCTION];
