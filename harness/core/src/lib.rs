//! All that a paper's module may use: the trait it implements, the description of a paper, a trial and its lab,
//! results, claims, verdicts and figures, and the data layer.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`reproduction`] | [`PaperReproduction`], the trait that a paper implements |
//! | [`paper`], [`claim`], [`cell`] | `paper.yaml`, parsed and checked |
//! | [`overrides`] | `--set` and override files |
//! | [`trial`], [`lab`], [`rng`], [`weights`] | the unit of work, and what it may use while it runs |
//! | [`grid`] | from a paper's grid to its trials |
//! | [`record`], [`number`] | what it leaves behind |
//! | [`results`], [`measured`], [`judge`], [`evidence`], [`stats`] | from records to verdicts |
//! | [`outlook`], [`sequential`] | how many seeds more, and when to stop |
//! | [`figure`] | figures as papers describe them |
//! | [`gpu`] | NVIDIA GPUs: found, refused with a reason, made ready |
//! | [`op`], [`conformance`], [`case_result`] | pure functions, their vectors, what became of those |
//! | [`data`] | data sets: registry, cache, mirrors, readers |
//! | [`files`], [`text`], [`yaml`] | small matters |
//! | [`backend`] | the only file that names a backend |
//!
//! What runs an experiment, its data sets, and what judges by a paper's own code, is behind the feature `compute`, which is on
//! by default: a reader of results builds without it, and so without burn, network and archives.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

#[cfg(feature = "compute")]
pub mod backend;
pub mod case_result;
pub mod cell;
pub mod claim;
#[cfg(feature = "compute")]
pub mod conformance;
#[cfg(feature = "compute")]
pub mod data;
pub mod error;
pub mod evidence;
pub mod figure;
pub mod files;
#[cfg(feature = "compute")]
pub mod gpu;
pub mod grid;
#[cfg(feature = "compute")]
mod guard;
pub mod judge;
#[cfg(feature = "compute")]
pub mod lab;
pub mod measured;
pub mod number;
#[cfg(feature = "compute")]
pub mod op;
pub mod outlook;
pub mod overrides;
pub mod paper;
pub mod record;
#[cfg(feature = "compute")]
pub mod reproduction;
pub mod results;
pub mod rng;
pub mod sequential;
pub mod stats;
pub mod text;
pub mod trial;
#[cfg(feature = "compute")]
pub mod weights;
pub mod yaml;

pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "compute")]
pub use lab::{Data, Lab};
pub use paper::Paper;
#[cfg(feature = "compute")]
pub use reproduction::PaperReproduction;
pub use trial::Trial;

/// What a paper's module imports.
#[cfg(feature = "compute")]
pub mod prelude {
    pub use crate::backend::{Device, IntTensor, Tensor};
    pub use crate::claim::Claim;
    pub use crate::error::{Error, Result};
    pub use crate::evidence::Evidence;
    pub use crate::figure::Figure;
    pub use crate::lab::{Data, Lab};
    pub use crate::op::{Inputs, Op, Outputs};
    pub use crate::paper::Paper;
    pub use crate::reproduction::{PaperFile, PaperReproduction};
    pub use crate::results::Results;
    pub use crate::trial::Trial;
}
