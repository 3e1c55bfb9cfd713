//! Results, losses and experiments in a cell: [`harness_notebook`] with its feature `losses`, as one dynamic library, for
//! the reasons that `harness-reader` gives.

pub use harness_notebook::*;
