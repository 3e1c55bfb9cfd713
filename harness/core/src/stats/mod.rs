//! Statistics: what turns the numbers of several seeds into a statement with an interval.
//!
//! Pure functions over `&[f64]`. Nothing here reads files, the clock or a global generator; the two bootstraps take
//! their generator as an argument. Input that cannot be judged (a NaN, too few values, unequal lengths) is a
//! [`StatsError`], never a value that was quietly dropped. `docs/statistics.md` explains every method in plain words.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `summary` | mean, variance, median, quantiles, interquartile and geometric mean |
//! | `interval` | [`Interval`] and the Student-t interval of a mean |
//! | `t_test` | paired, one-sample and Welch t tests |
//! | `power` | power of a paired t test, smallest detectable effect, seeds needed |
//! | `equivalence` | two one-sided tests: "no difference larger than a margin" |
//! | `ratio` | interval of a ratio of paired positive values |
//! | `rank_test` | sign test and Wilcoxon signed-rank test |
//! | `correlation` | ranks, Pearson, Spearman, Kendall's tau-b |
//! | `permutation` | exact test of rank correlations over several seeds |
//! | `regression` | straight line by least squares, slope on log-log axes |
//! | `multiple` | Holm and Benjamini–Hochberg adjustments of p-values |
//! | `bootstrap` | percentile bootstrap, plain and stratified by task |
//! | `student`, `noncentral` | the distributions behind the t tests and their power |
//!
//! # Example
//!
//! Four seeds of a method and of its baseline, paired by seed:
//!
//! ```
//! use harness_core::stats::{Alternative, paired_differences, paired_t};
//!
//! let method = [0.912, 0.905, 0.918, 0.909];
//! let baseline = [0.893, 0.894, 0.899, 0.886];
//! let test = paired_t(&paired_differences(&method, &baseline)?, 0.95, Alternative::TwoSided)?;
//!
//! assert!(test.interval.low > 0.0);
//! assert!(test.p_value < 0.05);
//! # Ok::<(), harness_core::stats::StatsError>(())
//! ```

mod bootstrap;
mod correlation;
mod equivalence;
mod error;
mod interval;
mod multiple;
mod noncentral;
mod permutation;
mod power;
mod rank_test;
mod ratio;
mod regression;
mod student;
mod summary;
mod t_test;

pub use bootstrap::{
    TasksDifference, bootstrap_interval, stratified_bootstrap, tasks_difference, tasks_interquartile_mean,
};
pub use correlation::{kendall_tau_b, pearson, ranks, spearman};
pub use equivalence::{Equivalence, tost, tost_power};
pub use error::StatsError;
pub use interval::{Interval, t_critical, t_interval};
pub use multiple::{benjamini_hochberg, holm};
pub use permutation::{RankCorrelation, rank_correlations_p};
pub use power::{DETECTABLE_POWER, detectable_effect, power_paired_t, seeds_needed};
pub use rank_test::{SignTest, WilcoxonTest, sign_test, wilcoxon_signed_rank};
pub use ratio::{RatioEstimate, ratio_interval};
pub use regression::{LinearFit, linear_fit, log_log_slope};
pub use summary::{geometric_mean, interquartile_mean, mean, median, quantile, std_dev, variance};
pub use t_test::{Alternative, TTest, WelchTest, one_sample_t, paired_differences, paired_t, welch_t};
