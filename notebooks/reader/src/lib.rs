//! Results in a cell: [`harness_notebook`] as one dynamic library.
//!
//! A kernel compiles each cell to a library of its own. With a dynamic library between, a cell links in a moment, and all
//! cells share the state of the crates in it: polars, for one, seeds its hash maps once per copy, and a dataframe of one
//! copy does not find its columns in another.

pub use harness_notebook::*;
