//! The proxy A-distance: how well a linear classifier tells two domains apart.

use harness_core::{Error, Result};
use papers_kit::logistic::Logistic;

/// Regularisations that are tried: C = 10^−5 … 10^4.
const POWERS: std::ops::RangeInclusive<i32> = -5..=4;

/// The proxy A-distance of a domain classifier's error.
///
/// **Definition.** PAD = 2(1 − 2ε): 0 where the domains look alike (ε = ½), 2 where they never do.
///
/// **Paper.** Section 3.2 (JMLR 17, 2016), after Ben-David et al. 2006.
///
/// **Arguments.** ε, a share of examples in [0, 1].
///
/// **Errors.** [`Error::Input`] for values outside.
///
/// **Example**
/// ```
/// use papers_adaptation::dann::proxy_a_distance;
/// assert!((proxy_a_distance(0.3)? - 0.8).abs() < 1e-12);
/// assert!(proxy_a_distance(1.1).is_err());
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn proxy_a_distance(error: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&error) {
        return Err(Error::Input(format!("the error must lie in [0, 1], but is {error}")));
    }
    Ok(2.0 * (1.0 - 2.0 * error))
}

/// The proxy A-distance between two samples of representations.
///
/// **Definition.** A linear classifier is fitted to the first half of each sample for C in 10^−5 … 10^4, ε is the least
/// error on the other halves.
///
/// **Paper.** Section 5.1.3 (JMLR 17, 2016).
///
/// **Arguments.** `source` and `target`, `[n, width]` row-major with n ≥ 2 each, in an order that is random.
///
/// **Differences.** Logistic regression in place of a linear support vector machine. As in the released code, an error
/// above ½ counts as its complement.
///
/// **Errors.** [`Error::Input`] where a sample is too small, torn or not finite.
///
/// **Example**
/// ```
/// use papers_adaptation::dann::distance_between;
/// assert_eq!(distance_between(&[0.0, 0.1, 0.0, 0.1], &[5.0, 5.1, 5.0, 5.1], 1)?, 2.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn distance_between(source: &[f64], target: &[f64], width: usize) -> Result<f64> {
    let (source_train, source_test) = halves(source, width)?;
    let (target_train, target_test) = halves(target, width)?;
    let joined = |source: &[f64], target: &[f64]| -> (Vec<f64>, Vec<bool>) {
        let mut classes = vec![true; source.len() / width];
        classes.resize(classes.len() + target.len() / width, false);
        ([source, target].concat(), classes)
    };
    let (train, train_classes) = joined(source_train, target_train);
    let (test, test_classes) = joined(source_test, target_test);
    let mut least: f64 = 0.5;
    let mut last: Option<Logistic> = None;
    for power in POWERS {
        let model = Logistic::fit(&train, width, &train_classes, 10f64.powi(power), last.as_ref())?;
        let error = model.error(&test, &test_classes)?;
        least = least.min(error).min(1.0 - error);
        last = Some(model);
    }
    proxy_a_distance(least)
}

fn halves(rows: &[f64], width: usize) -> Result<(&[f64], &[f64])> {
    let count = rows.len().checked_div(width).unwrap_or(0);
    if count < 2 || count * width != rows.len() {
        return Err(Error::Input(format!(
            "a distance between domains needs at least two rows of each: {} values in rows of {width}",
            rows.len()
        )));
    }
    Ok(rows.split_at(count / 2 * width))
}
