//! Papers of the science family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub mod causal_pinn;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&causal_pinn::REPRODUCTION];
