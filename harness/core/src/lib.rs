//! All that a paper's module may use: the trait it implements, the description of a paper, a trial and its lab,
//! results, claims, verdicts and figures, and the data layer.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`reproduction`] | [`PaperReproduction`], the trait that a paper implements |
//! | [`paper`], [`claim`], [`cell`] | `paper.yaml`, parsed and checked |
//! | [`overrides`] | `--set` and override files |
//! | [`trial`], [`lab`], [`rng`], [`weights`] | the unit of work, and what it may use while it runs |
//! | [`record`], [`number`] | what it leaves behind |
//! | [`results`], [`measured`], [`judge`], [`evidence`], [`stats`] | from records to verdicts |
//! | [`outlook`], [`sequential`] | how many seeds more, and when to stop |
//! | [`figure`] | figures as papers describe them |
//! | [`gpu`] | NVIDIA GPUs: found, refused with a reason, made ready |
//! | [`op`], [`conformance`] | pure functions and their vectors |
//! | [`data`] | data sets: registry, cache, mirrors, readers |
//! | [`files`], [`text`], [`yaml`] | small matters |
//! | [`backend`] | the only file that names a backend |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod backend;
pub mod cell;
pub mod claim;
pub mod conformance;
pub mod data;
pub mod error;
pub mod evidence;
pub mod figure;
pub mod files;
pub mod gpu;
pub mod judge;
pub mod lab;
pub mod measured;
pub mod number;
pub mod op;
pub mod outlook;
pub mod overrides;
pub mod paper;
pub mod record;
pub mod reproduction;
pub mod results;
pub mod rng;
pub mod sequential;
pub mod stats;
pub mod text;
pub mod trial;
pub mod weights;
pub mod yaml;

pub use error::{Error, ErrorKind, Result};
pub use lab::{Data, Lab};
pub use paper::Paper;
pub use reproduction::PaperReproduction;
pub use trial::Trial;

/// What a paper's module imports.
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
