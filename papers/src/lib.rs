//! All papers, by family.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use harness_core::PaperReproduction;

pub use papers_adaptation as adaptation;
pub use papers_classification as classification;
pub use papers_control as control;
pub use papers_distillation as distillation;
pub use papers_language as language;
pub use papers_optimization as optimization;
pub use papers_representation as representation;
pub use papers_robustness as robustness;
pub use papers_science as science;
pub use papers_theory as theory;
pub use papers_unlearning as unlearning;
pub use papers_vision as vision;

include!(concat!(env!("OUT_DIR"), "/code_digests.rs"));

/// The papers of each family crate, in the order of `Family::ALL`; one a line, so that additions do not collide.
#[rustfmt::skip]
static FAMILIES: &[&[&dyn PaperReproduction]] = &[
    papers_representation::PAPERS,
    papers_classification::PAPERS,
    papers_robustness::PAPERS,
    papers_distillation::PAPERS,
    papers_optimization::PAPERS,
    papers_control::PAPERS,
    papers_theory::PAPERS,
    papers_unlearning::PAPERS,
    papers_adaptation::PAPERS,
    papers_science::PAPERS,
    papers_vision::PAPERS,
    papers_language::PAPERS,
];

/// All papers, in the order of their families, then of their slugs.
pub fn all() -> impl Iterator<Item = &'static dyn PaperReproduction> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// The paper of this slug.
pub fn find(slug: &str) -> Option<&'static dyn PaperReproduction> {
    all().find(|paper| paper.paper().slug == slug)
}

/// Digest of the code that the trials of a paper can reach; empty for a paper that is not part of this workspace.
pub fn code_digest(slug: &str) -> &'static str {
    CODE_DIGESTS.iter().find(|(name, _)| *name == slug).map_or("", |(_, digest)| digest)
}
