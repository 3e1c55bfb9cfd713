//! Does a score put the right rows first?

use harness_core::{Error, Result};

use super::check_scores;

/// Area under the receiver operating characteristic.
///
/// **Definition**: the share of pairs of a positive and a negative row in which the positive one has the higher score;
/// a tie counts ½. Equals the Mann–Whitney statistic divided by the number of pairs.
///
/// **Arguments**: one score per row, infinite ones allowed; whether each row is positive.
///
/// **Errors**: [`Error::Input`] where the lengths differ, a score is NaN, or all rows are of one class.
///
/// ```
/// let auc = papers_kit::metrics::roc_auc(&[0.1, 0.4, 0.4, 0.9], &[false, false, true, true])?;
/// assert_eq!(auc, 3.5 / 4.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn roc_auc(score: &[f64], positive: &[bool]) -> Result<f64> {
    check_scores(score, positive.len())?;
    let positives = positive.iter().filter(|positive| **positive).count();
    let negatives = positive.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(Error::Input(format!(
            "{positives} positive and {negatives} negative rows: the area needs at least one of each"
        )));
    }
    // Counted in halves of a pair, which whole numbers hold exactly.
    let (mut halves, mut negatives_below) = (0_u128, 0_u128);
    for (hits, misses) in tied_groups(&ascending(score, positive)) {
        halves += hits as u128 * (2 * negatives_below + misses as u128);
        negatives_below += misses as u128;
    }
    Ok(halves as f64 / (2.0 * positives as f64 * negatives as f64))
}

/// What equal scores mean for the average precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// Rows of equal score are taken at one step: the result does not depend on the order of the rows.
    #[default]
    Together,
    /// Rows of equal score are taken one by one in the order in which they are given.
    InOrder,
}

/// Area under the curve of precision against recall, as a sum of steps.
///
/// **Definition**: Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the steps of a falling threshold, with recall R and precision P. With
/// [`Ties::InOrder`] it is the mean, over positive rows, of the precision at their place.
///
/// **Arguments**: one score per row, infinite ones allowed; whether each row is positive.
///
/// **Errors**: [`Error::Input`] where the lengths differ, a score is NaN, or no row is positive.
///
/// ```
/// use papers_kit::metrics::{Ties, average_precision};
/// let precision = average_precision(&[0.9, 0.8, 0.7], &[true, false, true], Ties::Together)?;
/// assert_eq!(precision, 0.5 * (1.0 + 2.0 / 3.0));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn average_precision(score: &[f64], positive: &[bool], ties: Ties) -> Result<f64> {
    check_scores(score, positive.len())?;
    let positives = positive.iter().filter(|positive| **positive).count();
    if positives == 0 {
        return Err(Error::Input("no row is positive: precision at a recall needs at least one".into()));
    }
    let mut rows: Vec<(f64, bool)> = score.iter().copied().zip(positive.iter().copied()).collect();
    // Stable, so that equal scores stay in the order given.
    rows.sort_by(|a, b| (b.0 + 0.0).total_cmp(&(a.0 + 0.0)));
    let steps: Vec<(usize, usize)> = match ties {
        Ties::Together => tied_groups(&rows),
        Ties::InOrder => rows.iter().map(|(_, hit)| (usize::from(*hit), usize::from(!*hit))).collect(),
    };
    let (mut taken, mut found, mut sum) = (0_usize, 0_usize, 0.0);
    for (hits, misses) in steps {
        taken += hits + misses;
        found += hits;
        sum += hits as f64 * found as f64 / taken as f64;
    }
    Ok(sum / positives as f64)
}

/// Scores with their labels, smallest first.
fn ascending(score: &[f64], positive: &[bool]) -> Vec<(f64, bool)> {
    let mut rows: Vec<(f64, bool)> = score.iter().copied().zip(positive.iter().copied()).collect();
    // Adding 0 turns −0 into 0: the two are equal scores.
    rows.sort_unstable_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    rows
}

/// Positive and negative rows of each group of equal scores, in the order of the rows.
fn tied_groups(rows: &[(f64, bool)]) -> Vec<(usize, usize)> {
    rows.chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let hits = group.iter().filter(|(_, hit)| *hit).count();
            (hits, group.len() - hits)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(score: &[f64], positive: &[bool]) -> f64 {
        let (mut won, mut count) = (0.0, 0.0);
        for (a, p) in score.iter().zip(positive) {
            for (b, q) in score.iter().zip(positive) {
                if *p && !*q {
                    count += 1.0;
                    won += if a > b {
                        1.0
                    } else if a == b {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
        }
        won / count
    }

    #[test]
    fn nothing_is_ranked_without_both_classes_or_with_nan() {
        for (score, positive) in [
            (vec![1.0, 2.0], vec![true, true]),
            (vec![1.0, 2.0], vec![false, false]),
            (vec![f64::NAN, 2.0], vec![false, true]),
            (vec![1.0], vec![false, true]),
            (vec![], vec![]),
        ] {
            assert!(roc_auc(&score, &positive).is_err(), "{score:?} {positive:?}");
        }
        assert!(average_precision(&[1.0], &[false], Ties::Together).is_err());
        assert!(average_precision(&[f64::NAN], &[true], Ties::InOrder).is_err());
    }

    #[test]
    fn zeros_of_either_sign_tie_and_infinities_order() {
        assert_eq!(roc_auc(&[-0.0, 0.0], &[true, false]).unwrap(), 0.5);
        assert_eq!(roc_auc(&[0.0, -0.0], &[true, false]).unwrap(), 0.5);
        assert_eq!(roc_auc(&[f64::INFINITY, 3.0, f64::NEG_INFINITY], &[true, true, false]).unwrap(), 1.0);
    }

    #[test]
    fn tied_rows_are_taken_together_or_in_order() {
        let (score, positive) = ([1.0, 1.0], [false, true]);
        assert_eq!(average_precision(&score, &positive, Ties::Together).unwrap(), 0.5);
        assert_eq!(average_precision(&score, &[true, false], Ties::Together).unwrap(), 0.5);
        assert_eq!(average_precision(&score, &positive, Ties::InOrder).unwrap(), 0.5);
        assert_eq!(average_precision(&score, &[true, false], Ties::InOrder).unwrap(), 1.0);
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_won_pairs(rows in prop::collection::vec((0_i8..6, any::<bool>()), 2..40)) {
            let score: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            prop_assume!(positive.contains(&true) && positive.contains(&false));
            let auc = roc_auc(&score, &positive).unwrap();
            prop_assert!((auc - pairs(&score, &positive)).abs() < 1e-12);
            // Turning the score round turns the area round, and a growing map does not change it.
            let turned: Vec<f64> = score.iter().map(|score| -score).collect();
            prop_assert!((roc_auc(&turned, &positive).unwrap() - (1.0 - auc)).abs() < 1e-12);
            let mapped: Vec<f64> = score.iter().map(|score| score.exp()).collect();
            prop_assert_eq!(roc_auc(&mapped, &positive).unwrap(), auc);
        }

        #[test]
        fn precision_lies_between_that_of_the_worst_and_the_best_order(
            rows in prop::collection::vec((0_i8..6, any::<bool>()), 1..40)
        ) {
            let score: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            prop_assume!(positive.contains(&true));
            let precision = average_precision(&score, &positive, Ties::Together).unwrap();
            let (n, p) = (positive.len(), positive.iter().filter(|p| **p).count());
            let worst = (1..=p).map(|i| i as f64 / (n - p + i) as f64).sum::<f64>() / p as f64;
            prop_assert!(precision >= worst - 1e-12 && precision <= 1.0 + 1e-12);
            let perfect: Vec<f64> = positive.iter().map(|p| f64::from(u8::from(*p))).collect();
            prop_assert!((average_precision(&perfect, &positive, Ties::Together).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
