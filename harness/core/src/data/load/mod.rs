//! Whole data sets from the cache as arrays and tokens.

mod images;
mod tables;
mod texts;

pub use images::{Split, cifar10, cifar10_subset, cifar100, mnist_like};
pub use tables::{AnomalyTable, adbench};
pub use texts::{PtbText, ptb};
