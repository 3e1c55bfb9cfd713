//! When contrastive signals are used.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::matching::Matching;

/// The bi-level warm-up: class-wise matching until either loop is far enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Outer iterations, each with fresh networks, before contrastive signals are always used.
    pub outer: usize,
    /// Inner iterations of a network after which they are used all the same.
    pub inner: usize,
}

impl Warmup {
    /// No warm-up.
    pub const NONE: Warmup = Warmup { outer: 0, inner: 0 };

    /// What is matched in an iteration, both counted from 0.
    pub fn matching(self, outer: usize, inner: usize) -> Matching {
        if use_contrast(outer, inner, self) { Matching::Contrastive } else { Matching::ClassWise }
    }
}

/// Whether an iteration uses contrastive signals.
///
/// **Definition.** outer ≥ outer_warmup or inner ≥ inner_warmup.
///
/// **Paper.** The bi-level warm-up of the method section. With 10 inner iterations and a warm-up of 10 only the outer condition matters.
///
/// **Arguments.** Iterations counted from 0.
///
/// **Differences.** None: an *or*, as in the released code.
///
/// **Errors.** None.
///
/// **Example.**
/// ```
/// use papers_distillation::dcc::{Warmup, use_contrast};
/// let warmup = Warmup { outer: 250, inner: 10 };
/// assert!(!use_contrast(249, 9, warmup));
/// assert!(use_contrast(250, 0, warmup) && use_contrast(0, 10, warmup));
/// ```
pub fn use_contrast(outer: usize, inner: usize, warmup: Warmup) -> bool {
    outer >= warmup.outer || inner >= warmup.inner
}

/// As [`use_contrast`], for whole numbers of any sign.
///
/// # Errors
/// [`Error::Input`] where one is below 0.
pub fn checked_use_contrast(outer: i64, inner: i64, outer_warmup: i64, inner_warmup: i64) -> Result<bool> {
    let count = |name: &str, value: i64| {
        usize::try_from(value)
            .map_err(|_| Error::Input(format!("parameter `{name}` is {value}, expected a whole number of at least 0")))
    };
    let warmup = Warmup { outer: count("outer_warmup", outer_warmup)?, inner: count("inner_warmup", inner_warmup)? };
    Ok(use_contrast(count("outer", outer)?, count("inner", inner)?, warmup))
}
