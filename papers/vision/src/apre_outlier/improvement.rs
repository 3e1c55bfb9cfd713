//! How much of the way to a perfect score a method gains.

use harness_core::error::{Error, Result};

/// A method against a baseline on several data sets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Improvement {
    /// Mean over data sets of (method − baseline)/(1 − baseline): 1 is perfection, 0 no gain, negative a loss.
    pub relative: f64,
    /// Number of data sets on which the method is strictly better.
    pub wins: usize,
}

/// Relative improvement of a score whose best value is 1.
///
/// **Definition**: (1/S) Σ (m − b)/(1 − b), the share of the baseline's error that the method removes.
///
/// **Paper**: Tan, Yang, Chen, Rahardja, Rahardja 2023, arXiv 2304.00709: our reading of the abstract's "relative
/// improvement" of 41 %.
///
/// **Arguments**: one score of method and baseline per data set, the baseline not 1.
///
/// **Errors**: [`Error::Input`] where there is no data set, the lengths differ, a score is not finite or a baseline is 1.
///
/// **Example**
/// ```
/// let gain = papers_vision::apre_outlier::relative_improvement(&[0.9, 0.5], &[0.8, 0.5])?;
/// assert!((gain.relative - 0.25).abs() < 1e-12);
/// assert_eq!(gain.wins, 1);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn relative_improvement(method: &[f64], baseline: &[f64]) -> Result<Improvement> {
    if method.is_empty() || method.len() != baseline.len() {
        return Err(Error::Input(format!(
            "{} scores of the method and {} of the baseline: give one of each for at least one data set",
            method.len(),
            baseline.len()
        )));
    }
    if let Some(bad) = method.iter().chain(baseline).find(|score| !score.is_finite()) {
        return Err(Error::Input(format!("a score is {bad}, expected a finite number")));
    }
    if let Some(set) = baseline.iter().position(|score| *score == 1.0) {
        return Err(Error::Input(format!("the baseline of data set {set} is 1: there is nothing left to improve")));
    }
    let sum: f64 = method.iter().zip(baseline).map(|(method, baseline)| (method - baseline) / (1.0 - baseline)).sum();
    Ok(Improvement {
        relative: sum / method.len() as f64,
        wins: method.iter().zip(baseline).filter(|(method, baseline)| method > baseline).count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_scores_are_refused() {
        for (method, baseline) in [
            (vec![], vec![]),
            (vec![0.5], vec![0.5, 0.5]),
            (vec![1.0], vec![1.0]),
            (vec![f64::NAN], vec![0.5]),
            (vec![0.5], vec![f64::NAN]),
        ] {
            assert!(relative_improvement(&method, &baseline).is_err(), "{method:?} {baseline:?}");
        }
    }

    #[test]
    fn equal_scores_are_no_win() {
        assert_eq!(relative_improvement(&[0.7], &[0.7]).unwrap(), Improvement { relative: 0.0, wins: 0 });
    }
}
