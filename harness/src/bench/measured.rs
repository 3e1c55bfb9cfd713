//! A measurement: what was measured how often, and what it says.

use harness_core::rng;
use harness_core::stats::{Interval, bootstrap_interval, median};
use serde::{Deserialize, Serialize};

/// Level of all intervals.
pub const LEVEL: f64 = 0.95;
/// Replicates of the bootstrap.
const REPLICATES: usize = 1000;
/// Samples that are kept of a measurement, evenly over its time.
const KEPT: usize = 400;

/// One thing that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What it is called.
    pub name: String,
    /// What was done, in a line.
    pub about: String,
    /// Seconds of each repetition, in order; of many, evenly chosen ones.
    pub seconds: Vec<f64>,
    /// How often it was repeated.
    pub repeats: usize,
    /// Median of all repetitions, in seconds.
    pub median_s: f64,
    /// Bootstrap interval of the median; absent for a single repetition.
    pub interval_s: Option<Interval>,
    /// Of a training step: floating-point operations of its matrix products.
    pub flop: Option<f64>,
    /// Of a transfer: bytes.
    pub bytes: Option<f64>,
    /// Peak resident memory in MiB of the process that measured this and nothing else; of a store, everything that was
    /// measured on it. Absent where the system does not tell.
    pub peak_mb: Option<f64>,
}

impl Measured {
    /// The summary of times; a measurement without any has a median of NaN, which is no valid JSON number and is refused
    /// when it is read.
    pub fn new(name: &str, about: &str, seconds: &[f64]) -> Self {
        let stride = seconds.len().div_ceil(KEPT).max(1);
        let kept: Vec<f64> = seconds.iter().step_by(stride).copied().collect();
        let interval = bootstrap_interval(&kept, median, REPLICATES, &mut rng::stream("bench", name, 0), LEVEL);
        Measured {
            name: name.to_owned(),
            about: about.to_owned(),
            median_s: median(seconds).unwrap_or(f64::NAN),
            interval_s: interval.ok(),
            repeats: seconds.len(),
            seconds: kept,
            flop: None,
            bytes: None,
            peak_mb: None,
        }
    }

    /// Repetitions per second at the median.
    pub fn per_second(&self) -> f64 {
        1.0 / self.median_s
    }

    /// Billions of floating-point operations per second at the median.
    pub fn gflops(&self) -> Option<f64> {
        self.flop.map(|flop| flop / self.median_s / 1e9)
    }

    /// Millions of bytes per second at the median.
    pub fn megabytes_per_second(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes / self.median_s / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_all_and_the_interval_holds_it() {
        let seconds: Vec<f64> = (0..2001).map(|at| 1.0 + f64::from((at * 7919) % 2001) / 2000.0).collect();
        let measured = Measured { flop: Some(3e9), bytes: Some(6e6), ..Measured::new("x", "about", &seconds) };
        assert_eq!(measured.median_s, 1.5);
        assert_eq!((measured.repeats, measured.seconds.len()), (2001, 334));
        let interval = measured.interval_s.unwrap();
        assert!(interval.contains(1.5) && interval.width() < 0.2, "{interval:?}");
        assert_eq!((measured.gflops(), measured.megabytes_per_second()), (Some(2.0), Some(4.0)));
        assert_eq!(Measured::new("x", "about", &seconds), Measured::new("x", "about", &seconds));
        assert!(Measured::new("x", "about", &[1.0]).interval_s.is_none());
    }
}
