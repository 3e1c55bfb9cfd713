//! What became of a case of a vector file.

use serde::{Deserialize, Serialize};

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Name of the op.
    pub op: String,
    /// Name of the case.
    pub name: String,
    /// Whether it passed.
    pub status: Status,
    /// Largest absolute difference over all outputs and gradients.
    pub max_abs: Option<f64>,
    /// Largest relative difference, over elements whose expected value is not 0.
    pub max_rel: Option<f64>,
    /// What differed, or how the op refused.
    pub message: String,
}

/// Whether a case passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Status {
    Pass,
    Fail,
}
