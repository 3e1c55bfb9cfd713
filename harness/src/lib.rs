//! Turns the claims of published machine-learning papers into executable, statistically judged experiments.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`core`] | all that a paper's module may use |
//! | [`catalog`] | the papers of this build |
//! | [`run`] | plan, scheduler, worker |
//! | [`store`] | the directory of finished trials |
//! | [`draw`], [`tables`], [`report`] | what is made of it |
//! | [`printable`] | text of others, made harmless |
//! | [`cli`] | the command line |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub use harness_core as core;

pub mod catalog;
pub mod cli;
pub mod draw;
pub mod failpoint;
pub mod printable;
pub mod report;
pub mod run;
pub mod store;
pub mod tables;
