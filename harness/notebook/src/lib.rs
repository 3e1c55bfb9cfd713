//! Results in a notebook: the store, runs and verdicts as tables and pictures that a Jupyter kernel for Rust (evcxr)
//! shows inline.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`reports`], [`run`] | a folder of reports; a run with its papers, claims, trials and figures |
//! | [`table`] | dataframes, shown as tables |
//! | [`picture`] | plots in one line |
//! | [`card`] | papers and claims, shown as cards |
//! | [`finding`] | rules of one's own, applied as those of claims are |
//! | [`error`](mod@error) | errors that read well in a cell |
//! | `trials` | with the feature `losses`: single trials, run in the kernel |
//!
//! Without the feature `losses` nothing of burn is built. A notebook does not import this crate by itself, but as one of two
//! dynamic libraries, `notebooks/reader` and `notebooks/losses`, which `notebooks/README.md` explains.
//!
//! ```no_run
//! use harness_notebook::prelude::*;
//! # fn cells() -> Result<(), NotebookError> {
//! let reports = open_store("../reports")?;
//! let run = reports.latest()?;
//! run.claim("z_loss", "C2")?.plot()?
//! # ; Ok(()) }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod card;
pub mod error;
pub mod finding;
mod html;
pub mod picture;
pub mod reports;
pub mod run;
pub mod table;
#[cfg(feature = "losses")]
pub mod trials;

#[cfg(feature = "losses")]
pub use burn;
pub use harness_core as core;
#[cfg(feature = "losses")]
pub use papers;
pub use polars;

/// What a notebook imports.
pub mod prelude {
    pub use crate::card::{ClaimCard, PaperCard};
    pub use crate::error::NotebookError;
    pub use crate::finding::{Finding, judge};
    pub use crate::picture::{Picture, bars, bars_over_seeds, grouped_bars, heatmap, histogram, lines, scatter, show};
    pub use crate::reports::{Reports, open_store};
    pub use crate::run::Run;
    pub use crate::table::Table;
    #[cfg(feature = "losses")]
    pub use crate::trials::{Experiment, experiment};
    #[cfg(feature = "losses")]
    pub use harness_core::backend::{Device, DeviceChoice, IntTensor, Tensor};
    pub use harness_core::figure::{Axis, Figure, Line};
    #[cfg(feature = "losses")]
    pub use harness_core::op::read_f32;
    pub use harness_core::results::Results;
    pub use polars::prelude::{Column, DataFrame};
}
