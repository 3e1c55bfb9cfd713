//! Papers of the robustness family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod doubly_robust_at;

use harness_core::PaperReproduction;

/// All papers of this family, by slug.
pub static PAPERS: &[&dyn PaperReproduction] = &[&doubly_robust_at::REPRODUCTION];
