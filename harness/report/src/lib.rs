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
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod draw;
pub mod printable;
pub mod report;
pub mod tables;
