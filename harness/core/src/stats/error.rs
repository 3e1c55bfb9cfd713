//! Why a statistic could not be computed, and the checks that find out.

use thiserror::Error;

/// Why a statistic could not be computed from its input.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StatsError {
    /// There are fewer values than the statistic is defined for.
    #[error("expected at least {needed} values, got {got}; run more seeds")]
    TooFewValues {
        /// The smallest number of values that is enough.
        needed: usize,
        /// The number of values given.
        got: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "expected finite values, got {value} at index {index}; find out where it comes from before judging the rest"
    )]
    NotFinite {
        /// Position of the first such value.
        index: usize,
        /// That value.
        value: f64,
    },
    /// A value is zero or negative where a logarithm is taken.
    #[error("expected values above 0, got {value} at index {index}; compare differences instead of ratios")]
    NotPositive {
        /// Position of the first such value.
        index: usize,
        /// That value.
        value: f64,
    },
    /// Two lists that belong together differ in length.
    #[error("expected two lists of the same length, got {left} and {right}; pair the values by seed")]
    UnequalLengths {
        /// Length of the first list.
        left: usize,
        /// Length of the second list.
        right: usize,
    },
    /// All values are equal, and the statistic divides by their spread.
    #[error("expected {what} that vary, got one value repeated; the statistic is undefined there")]
    ZeroVariance {
        /// Which list does not vary, such as `x values`.
        what: &'static str,
    },
    /// An argument is outside of its range.
    #[error("expected {name} {range}, got {got}")]
    OutOfRange {
        /// Name of the argument.
        name: &'static str,
        /// The range in words, such as `between 0 and 1`.
        range: &'static str,
        /// What was given.
        got: f64,
    },
    /// The values are finite, but an intermediate result is not.
    #[error("expected values whose sums and squares fit in an f64, got larger ones; rescale them first")]
    Overflow,
    /// An aggregate over tasks was asked for without any task.
    #[error("expected at least one task, got none")]
    NoTasks,
    /// A statistic returned NaN or infinity for finite values.
    #[error(
        "expected a finite statistic in every bootstrap replicate, got {value}; use one that is defined for repeated values"
    )]
    StatisticNotFinite {
        /// What it returned.
        value: f64,
    },
    /// The values of one task cannot be used.
    #[error("task {task}: {source}")]
    Task {
        /// Position of the task.
        task: usize,
        /// What is wrong with its values.
        source: Box<StatsError>,
    },
}

/// Checks that there are at least `needed` values and that all of them are finite.
pub(super) fn check_values(values: &[f64], needed: usize) -> Result<(), StatsError> {
    if values.len() < needed {
        return Err(StatsError::TooFewValues { needed, got: values.len() });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Checks two lists of one length with at least `needed` finite values each.
pub(super) fn check_pairs(left: &[f64], right: &[f64], needed: usize) -> Result<(), StatsError> {
    if left.len() != right.len() {
        return Err(StatsError::UnequalLengths { left: left.len(), right: right.len() });
    }
    check_values(left, needed)?;
    check_values(right, needed)
}

/// Checks that every value is above zero. NaN counts as not positive.
pub(super) fn check_positive(values: &[f64]) -> Result<(), StatsError> {
    match values.iter().position(|&value| value.is_nan() || value <= 0.0) {
        Some(index) => Err(StatsError::NotPositive { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Checks a confidence level, a significance level or another probability that 0 and 1 make meaningless.
pub(super) fn check_open_unit(name: &'static str, got: f64) -> Result<(), StatsError> {
    if got > 0.0 && got < 1.0 {
        Ok(())
    } else {
        Err(StatsError::OutOfRange { name, range: "strictly between 0 and 1", got })
    }
}

/// Passes a finite result on; finite input with an infinite result has overflowed.
pub(super) fn check_result(result: f64) -> Result<f64, StatsError> {
    if result.is_finite() { Ok(result) } else { Err(StatsError::Overflow) }
}
