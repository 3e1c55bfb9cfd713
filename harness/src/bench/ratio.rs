//! Two measurements of the same thing against each other.

use harness_core::rng;
use harness_core::stats::{Interval, median, quantile};
use rand::{Rng, RngExt};

use super::measured::{LEVEL, Measured};

/// Replicates of the bootstrap.
const REPLICATES: usize = 1000;

/// How many times as long something takes as before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Median now by median before.
    pub ratio: f64,
    /// Percentile bootstrap interval, both sides resampled by themselves; absent where a side has a single repetition.
    pub interval: Option<Interval>,
}

impl Ratio {
    /// The ratio of medians of `now` and `before`.
    pub fn of(now: &Measured, before: &Measured) -> Self {
        Ratio { ratio: now.median_s / before.median_s, interval: interval(&now.seconds, &before.seconds, &now.name) }
    }
}

fn interval(now: &[f64], before: &[f64], name: &str) -> Option<Interval> {
    if now.len() < 2 || before.len() < 2 {
        return None;
    }
    let mut rng = rng::stream("bench", name, 1);
    let mut ratios = Vec::with_capacity(REPLICATES);
    for _ in 0..REPLICATES {
        ratios.push(median(&resampled(now, &mut rng)).ok()? / median(&resampled(before, &mut rng)).ok()?);
    }
    let end = |q: f64| quantile(&ratios, q).ok();
    Some(Interval { low: end(0.5 * (1.0 - LEVEL))?, high: end(0.5 * (1.0 + LEVEL))?, level: LEVEL })
}

fn resampled(values: &[f64], rng: &mut impl Rng) -> Vec<f64> {
    (0..values.len()).map(|_| values[rng.random_range(0..values.len())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_time_is_a_ratio_of_two() {
        let times: Vec<f64> = (0..101).map(|at| 1.0 + 0.001 * f64::from(at)).collect();
        let doubled: Vec<f64> = times.iter().map(|time| 2.0 * time).collect();
        let of = |times: &[f64]| Measured::new("x", "", times);
        let ratio = Ratio::of(&of(&doubled), &of(&times));
        assert_eq!(ratio.ratio, 2.0);
        let interval = ratio.interval.unwrap();
        assert!(interval.contains(2.0) && interval.width() < 0.2, "{interval:?}");
        assert!(Ratio::of(&of(&doubled), &of(&[1.0])).interval.is_none());
    }
}
