//! Turns the claims of published machine-learning papers into executable, statistically judged experiments.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`core`] | all that a paper's module may use |
//! | [`catalog`] | the papers of this build |
//! | [`run`] | plan, scheduler, worker |
//! | [`store`] | the directory of finished trials |
//! | [`draw`](mod@draw), [`tables`], [`report`], [`printable`](mod@printable) | what is made of it |
//! | [`export`] | a run as one archive |
//! | [`explain`], [`compare`], [`audit`] | the chain behind a number, what changed between runs, whether runs repeat |
//! | [`calibrate`] | whether the verdicts keep what they promise |
//! | [`mod@bench`] | what training steps and the tool itself cost |
//! | [`notebook`] | what notebooks use: tables, pictures, cards, trials |
//! | [`cli`] | the command line |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub use harness_core as core;
pub use harness_notebook as notebook;
pub use harness_report::{draw, printable, report, tables};
pub use harness_store as store;

pub mod audit;
pub mod bench;
pub mod calibrate;
pub mod catalog;
pub mod cli;
pub mod compare;
pub mod explain;
pub mod export;
pub mod run;
