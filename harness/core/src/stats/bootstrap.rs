//! Bootstrap intervals, for statistics without a formula for their spread.

use rand::{Rng, RngExt};

use super::error::{StatsError, check_open_unit, check_pairs, check_values};
use super::interval::Interval;
use super::summary::{interquartile_mean, quantile_of_sorted, sorted, std_dev};

/// Fewer replicates than this leave the ends of an interval to chance.
const MIN_REPLICATES: usize = 100;

/// Percentile bootstrap interval of any statistic of independent values.
///
/// Draws `replicates` samples of size n with replacement, computes `statistic` on each, and returns the `(1 ± level)/2`
/// quantiles (type 7) of the results (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics
/// 7, 1979; Efron and Tibshirani, *An introduction to the bootstrap*, chapter 13). It is too narrow for few values:
/// below about ten use [`t_interval`](super::t_interval) where that applies. The result depends on `rng` alone, and so
/// repeats exactly from the same seed.
///
/// # Errors
/// Fewer than two values, a value that is not finite, fewer than 100 replicates, `level` not strictly between 0 and 1,
/// an error of `statistic`, or a result of it that is not finite.
///
/// # Example
/// ```
/// use harness_core::stats::{bootstrap_interval, median};
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha12Rng;
///
/// let values = [3.1, 2.7, 3.3, 2.9, 3.0, 3.6, 2.8, 3.2, 3.4, 2.6];
/// let mut rng = ChaCha12Rng::seed_from_u64(1);
/// let interval = bootstrap_interval(&values, median, 2000, &mut rng, 0.95)?;
/// assert!(interval.contains(3.05));
/// # Ok::<(), harness_core::stats::StatsError>(())
/// ```
pub fn bootstrap_interval<R, S>(
    values: &[f64],
    statistic: S,
    replicates: usize,
    rng: &mut R,
    level: f64,
) -> Result<Interval, StatsError>
where
    R: Rng + ?Sized,
    S: Fn(&[f64]) -> Result<f64, StatsError>,
{
    check_values(values, 2)?;
    let mut sample = values.to_vec();
    percentile_interval(replicates, level, || {
        resample(values, &mut sample, rng);
        statistic(&sample)
    })
}

/// Percentile bootstrap interval of an aggregate over tasks, each with its own runs.
///
/// `tasks[i]` holds the scores of the runs of task i. Every replicate resamples the runs *within each task*, so tasks
/// stay as they are and the interval speaks of other runs on these tasks: the stratified bootstrap of Agarwal et al.,
/// "Deep reinforcement learning at the edge of the statistical precipice" (NeurIPS 2021, section 4.1), as in `rliable`.
/// Scores must be normalised per task before. The usual statistic is [`tasks_interquartile_mean`].
///
/// # Errors
/// No tasks; a task with fewer than two runs or a value that is not finite ([`StatsError::Task`]); otherwise as
/// [`bootstrap_interval`].
pub fn stratified_bootstrap<R, S>(
    tasks: &[Vec<f64>],
    statistic: S,
    replicates: usize,
    rng: &mut R,
    level: f64,
) -> Result<Interval, StatsError>
where
    R: Rng + ?Sized,
    S: Fn(&[Vec<f64>]) -> Result<f64, StatsError>,
{
    if tasks.is_empty() {
        return Err(StatsError::NoTasks);
    }
    for (task, runs) in tasks.iter().enumerate() {
        check_values(runs, 2).map_err(|source| StatsError::Task { task, source: Box::new(source) })?;
    }
    let mut sample = tasks.to_vec();
    percentile_interval(replicates, level, || {
        for (runs, resampled) in tasks.iter().zip(&mut sample) {
            resample(runs, resampled, rng);
        }
        statistic(&sample)
    })
}

/// Interquartile mean over the runs of all tasks together, the aggregate that `rliable` recommends.
///
/// [`interquartile_mean`] of the pooled scores: a robust "typical run on a typical task".
///
/// # Errors
/// No scores at all, a score that is not finite, or overflow.
pub fn tasks_interquartile_mean(tasks: &[Vec<f64>]) -> Result<f64, StatsError> {
    interquartile_mean(&tasks.concat())
}

/// The difference of the interquartile means of two methods over many tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TasksDifference {
    /// Interquartile mean of the first method less that of the second.
    pub difference: f64,
    /// Interval of it.
    pub interval: Interval,
    /// Standard deviation of the (widened) replicates.
    pub se: f64,
    /// Twice the smaller share of replicates on either side of 0, at least `2/(replicates + 1)`.
    pub p_value: f64,
}

/// Difference of interquartile means over tasks, by a stratified bootstrap that keeps pairs of runs together.
///
/// `first[i][k]` and `second[i][k]` are the scores of two methods in task i with seed k. Every replicate draws seeds
/// *within each task*, the same for both methods, and takes [`tasks_interquartile_mean`] of either. That is the
/// stratified bootstrap of `rliable` (Agarwal et al. 2021), with one change: the deviations of the replicates from the
/// estimate are multiplied by `√(n/(n−1))`, n the smallest number of runs of a task. Without it the spread of n values
/// drawn with replacement is too small by just that factor, and three runs give intervals that cover 89 % instead of
/// 95 % (Efron and Tibshirani, *An introduction to the bootstrap*, section 5.3 on the divisor n).
///
/// # Errors
/// As [`stratified_bootstrap`], and [`StatsError::UnequalLengths`] where the lists do not pair.
pub fn tasks_difference<R: Rng + ?Sized>(
    first: &[Vec<f64>],
    second: &[Vec<f64>],
    replicates: usize,
    rng: &mut R,
    level: f64,
) -> Result<TasksDifference, StatsError> {
    if first.len() != second.len() {
        return Err(StatsError::UnequalLengths { left: first.len(), right: second.len() });
    }
    if first.is_empty() {
        return Err(StatsError::NoTasks);
    }
    check_open_unit("level", level)?;
    if replicates < MIN_REPLICATES {
        return Err(StatsError::OutOfRange { name: "replicates", range: "of at least 100", got: replicates as f64 });
    }
    let mut fewest = usize::MAX;
    for (task, (left, right)) in first.iter().zip(second).enumerate() {
        check_pairs(left, right, 2).map_err(|source| StatsError::Task { task, source: Box::new(source) })?;
        fewest = fewest.min(left.len());
    }
    let difference = tasks_interquartile_mean(first)? - tasks_interquartile_mean(second)?;
    let widen = (fewest as f64 / (fewest as f64 - 1.0)).sqrt();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut results = Vec::with_capacity(replicates);
    for _ in 0..replicates {
        left.clear();
        right.clear();
        for (one, other) in first.iter().zip(second) {
            for _ in 0..one.len() {
                let run = rng.random_range(0..one.len());
                left.push(one[run]);
                right.push(other[run]);
            }
        }
        let replicate = interquartile_mean(&left)? - interquartile_mean(&right)?;
        results.push(difference + widen * (replicate - difference));
    }
    let results = sorted(&results);
    let below = results.iter().filter(|value| **value <= 0.0).count();
    let above = results.iter().filter(|value| **value >= 0.0).count();
    let tail = (below.min(above) + 1) as f64 / (replicates + 1) as f64;
    Ok(TasksDifference {
        difference,
        interval: Interval {
            low: quantile_of_sorted(&results, 0.5 * (1.0 - level)),
            high: quantile_of_sorted(&results, 0.5 * (1.0 + level)),
            level,
        },
        se: std_dev(&results)?,
        p_value: (2.0 * tail).min(1.0),
    })
}

/// Fills `sample` with values drawn with replacement.
fn resample<R: Rng + ?Sized>(values: &[f64], sample: &mut [f64], rng: &mut R) {
    for slot in sample {
        *slot = values[rng.random_range(0..values.len())];
    }
}

/// The central `level` of what `replicate` returns.
fn percentile_interval(
    replicates: usize,
    level: f64,
    mut replicate: impl FnMut() -> Result<f64, StatsError>,
) -> Result<Interval, StatsError> {
    check_open_unit("level", level)?;
    if replicates < MIN_REPLICATES {
        return Err(StatsError::OutOfRange { name: "replicates", range: "of at least 100", got: replicates as f64 });
    }
    let mut results = Vec::with_capacity(replicates);
    for _ in 0..replicates {
        let value = replicate()?;
        if !value.is_finite() {
            return Err(StatsError::StatisticNotFinite { value });
        }
        results.push(value);
    }
    let results = sorted(&results);
    Ok(Interval {
        low: quantile_of_sorted(&results, 0.5 * (1.0 - level)),
        high: quantile_of_sorted(&results, 0.5 * (1.0 + level)),
        level,
    })
}
