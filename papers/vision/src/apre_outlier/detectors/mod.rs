//! The baselines: outlier detectors without a network. Each gives one score per row, higher for outliers.
//!
//! | file | detector |
//! | --- | --- |
//! | `knn` | distance to the nearest others |
//! | `lof` | local outlier factor |
//! | `iforest` | isolation forest |
//! | `shift_distance` | how far the mean shift moves a point (MOD) |
//! | `pca` | reconstruction from the leading principal components |

mod iforest;
mod knn;
mod lof;
mod pca;
mod shift_distance;

pub use iforest::{Forest, isolation_forest};
pub use knn::knn;
pub use lof::lof;
pub use pca::pca;
pub use shift_distance::shift_distance;
