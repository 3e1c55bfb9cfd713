//! The figures of the report.

use harness_core::prelude::*;

/// All figures that the finished trials allow.
pub fn figures(_paper: &Paper, _results: &Results) -> Vec<Figure> {
    Vec::new()
}
