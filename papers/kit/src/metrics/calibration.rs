//! Does a confidence mean what it says?

use harness_core::{Error, Result};

/// How confidences are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binning {
    /// Bins (b/B, (b+1)/B] of equal width; 0 belongs to the first.
    #[default]
    EqualWidth,
    /// Consecutive parts of the rows in ascending order of confidence (rows of equal confidence in the order given);
    /// the first n mod B parts have one row more.
    EqualMass,
}

/// How far confidences are from what they promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationError {
    /// Expected calibration error: the mean over rows of the gap of their bin.
    pub expected: f64,
    /// Maximum calibration error: the largest gap of a bin that has rows.
    pub maximum: f64,
}

/// Expected and maximum calibration error.
///
/// **Definition**: Σ_b (n_b/n) |t̄_b − c̄_b| and max_b |t̄_b − c̄_b| with the means of target and confidence over the n_b
/// rows of bin b; empty bins are left out. Source: Guo, Pleiss, Sun, Weinberger 2017 (arXiv 1706.04599), equations 3
/// and 5.
///
/// **Arguments**: confidence in [0, 1] and target in [0, 1] per row (1 where the row was classified right, 0 where not;
/// or a graded target such as an overlap); `bins` at least 1.
///
/// **Errors**: [`Error::Input`] where there is no row, the lengths differ, a value is outside of [0, 1] or NaN, or there
/// is no bin.
///
/// ```
/// use papers_kit::metrics::{Binning, calibration_error};
/// let error = calibration_error(&[0.9, 0.9, 0.2], &[1.0, 0.0, 0.0], 10, Binning::EqualWidth)?;
/// assert!((error.expected - (2.0 * 0.4 + 0.2) / 3.0).abs() < 1e-12);
/// assert!((error.maximum - 0.4).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn calibration_error(
    confidence: &[f64],
    target: &[f64],
    bins: usize,
    binning: Binning,
) -> Result<CalibrationError> {
    if confidence.is_empty() || confidence.len() != target.len() {
        return Err(Error::Input(format!(
            "{} confidences and {} targets: give at least one row and one target per confidence",
            confidence.len(),
            target.len()
        )));
    }
    if bins == 0 {
        return Err(Error::Input("0 bins: calibration needs at least 1".into()));
    }
    for (name, values) in [("confidence", confidence), ("target", target)] {
        if let Some((at, value)) = values.iter().enumerate().find(|(_, value)| !(0.0..=1.0).contains(*value)) {
            return Err(Error::Input(format!("{name} {at} is {value}, expected a number from 0 to 1")));
        }
    }
    let bin_of = match binning {
        Binning::EqualWidth => confidence.iter().map(|confidence| width_bin(*confidence, bins)).collect(),
        Binning::EqualMass => mass_bins(confidence, bins),
    };
    // As many bins as rows can be in; a huge number of bins costs nothing.
    let mut sums: std::collections::BTreeMap<usize, (f64, f64)> = std::collections::BTreeMap::new();
    for ((bin, confidence), target) in bin_of.into_iter().zip(confidence).zip(target) {
        let (gap, count) = sums.entry(bin).or_default();
        *gap += target - confidence;
        *count += 1.0;
    }
    let total = confidence.len() as f64;
    Ok(CalibrationError {
        expected: sums.values().map(|(gap, _)| gap.abs() / total).sum(),
        maximum: sums.values().map(|(gap, count)| gap.abs() / count).fold(0.0, f64::max),
    })
}

/// The bin of a confidence in [0, 1] among `bins` of equal width, each closed on its right.
fn width_bin(confidence: f64, bins: usize) -> usize {
    let edge = |bin: usize| bin as f64 / bins as f64;
    let mut bin = ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
    // The product may be rounded over an edge, so the edges themselves decide.
    while bin > 0 && confidence <= edge(bin) {
        bin -= 1;
    }
    while bin + 1 < bins && confidence > edge(bin + 1) {
        bin += 1;
    }
    bin
}

fn mass_bins(confidence: &[f64], bins: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..confidence.len()).collect();
    order.sort_by(|a, b| confidence[*a].total_cmp(&confidence[*b]));
    let (size, larger) = (confidence.len() / bins, confidence.len() % bins);
    let mut bin_of = vec![0; confidence.len()];
    for (place, row) in order.into_iter().enumerate() {
        let in_larger = larger * (size + 1);
        bin_of[row] = if place < in_larger { place / (size + 1) } else { larger + (place - in_larger) / size.max(1) };
    }
    bin_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_are_closed_on_their_right() {
        for bins in [1, 3, 5, 10, 15, 49] {
            assert_eq!(width_bin(0.0, bins), 0);
            assert_eq!(width_bin(1.0, bins), bins - 1);
            for bin in 0..bins {
                let edge = (bin + 1) as f64 / bins as f64;
                assert_eq!(width_bin(edge, bins), bin, "{bins} bins, edge {edge}");
                if bin + 1 < bins {
                    assert_eq!(width_bin(edge + 1e-9, bins), bin + 1);
                }
            }
        }
    }

    #[test]
    fn equal_parts_differ_by_at_most_one_row() {
        assert_eq!(mass_bins(&[0.5, 0.1, 0.9, 0.5, 0.7, 0.2, 0.3], 3), [1, 0, 2, 1, 2, 0, 0]);
        assert_eq!(mass_bins(&[0.5, 0.4], 5), [1, 0]);
    }

    #[test]
    fn impossible_input_is_refused() {
        for (confidence, target, bins) in [
            (vec![], vec![], 5),
            (vec![0.5], vec![], 5),
            (vec![0.5], vec![1.0], 0),
            (vec![1.5], vec![1.0], 5),
            (vec![0.5], vec![f64::NAN], 5),
        ] {
            assert!(calibration_error(&confidence, &target, bins, Binning::EqualWidth).is_err());
        }
    }

    proptest! {
        #[test]
        fn one_bin_measures_the_difference_of_the_means_and_more_bins_at_least_that(
            rows in prop::collection::vec((0.0_f64..=1.0, any::<bool>()), 1..50), bins in 1_usize..40
        ) {
            let confidence: Vec<f64> = rows.iter().map(|row| row.0).collect();
            let target: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.1))).collect();
            let n = rows.len() as f64;
            let gap = (confidence.iter().sum::<f64>() - target.iter().sum::<f64>()).abs() / n;
            for binning in [Binning::EqualWidth, Binning::EqualMass] {
                let one = calibration_error(&confidence, &target, 1, binning).unwrap();
                prop_assert!((one.expected - gap).abs() < 1e-9 && (one.maximum - gap).abs() < 1e-9);
                let more = calibration_error(&confidence, &target, bins, binning).unwrap();
                prop_assert!(more.expected >= gap - 1e-9 && more.expected <= more.maximum + 1e-9);
            }
        }
    }
}
