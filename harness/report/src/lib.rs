//! What is made of results: figures, tables, reports.
//!
//! A crate of its own, because plots and dataframes take long to build and no paper needs them: a touched paper rebuilds
//! without it.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`draw`](mod@draw) | figures as SVG, PNG and CSV |
//! | [`tables`] | dataframes of results and verdicts |
//! | [`report`] | Markdown reports and the summary for the terminal |
//! | [`printable`](mod@printable) | text of others, made harmless |
//!
//! Reports, and tables and figures as files, are behind the feature `report`, which is on by default: what only shows results,
//! as a notebook does, builds without it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod draw;
pub mod printable;
#[cfg(feature = "report")]
pub mod report;
pub mod tables;
