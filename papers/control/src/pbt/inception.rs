//! The score of generated samples by a classifier.

use harness_core::{Error, Result};

/// Exponential of the mean divergence of each sample's class probabilities from those of all samples.
///
/// **Definition.** exp(mean_n KL(p_n ‖ p̄)) with p̄ = mean_n p_n and 0·log 0 = 0: 1 where all samples are alike to the
/// classifier, the number of classes where every sample is of one class for certain and all classes are equally frequent.
///
/// **Paper.** Section 4.3, where the classifier is a network for CIFAR-10; the mode score of the mixture of Gaussians is
/// this score by the true posterior.
///
/// **Arguments.** `probabilities` \[N · K\] row-major, each of the N rows at least 0 and of sum 1 within 1e-4; `classes` K.
///
/// **Differences.** The score is that of all samples at once, not a mean over ten parts of them.
///
/// **Errors.** [`Error::Input`] for no sample, no class, values that are not a whole number of rows, rows that are no
/// distribution.
///
/// **Example.**
/// ```
/// use papers_control::pbt::inception_score;
/// assert!((inception_score(&[1.0, 0.0, 0.0, 1.0], 2)? - 2.0).abs() < 1e-12);
/// assert_eq!(inception_score(&[0.5, 0.5, 0.5, 0.5], 2)?, 1.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn inception_score(probabilities: &[f64], classes: usize) -> Result<f64> {
    if classes == 0 || probabilities.is_empty() || !probabilities.len().is_multiple_of(classes) {
        return Err(Error::Input(format!(
            "{} probabilities are not one or more rows of {classes} classes",
            probabilities.len()
        )));
    }
    let samples = (probabilities.len() / classes) as f64;
    let mut marginal = vec![0.0; classes];
    for (at, row) in probabilities.chunks_exact(classes).enumerate() {
        let sum: f64 = row.iter().sum();
        // Written so that NaN does not pass.
        if !(row.iter().all(|p| *p >= 0.0) && (sum - 1.0).abs() <= 1e-4) {
            return Err(Error::Input(format!("row {at} is no distribution: {row:?} has the sum {sum}")));
        }
        for (total, p) in marginal.iter_mut().zip(row) {
            *total += p / samples;
        }
    }
    let divergence: f64 = probabilities
        .chunks_exact(classes)
        .flat_map(|row| row.iter().zip(&marginal))
        .map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 })
        .sum();
    Ok((divergence / samples).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_counts_the_modes_that_are_covered() {
        let covering = |modes: usize| {
            let rows: Vec<f64> = (0..24)
                .flat_map(|sample| (0..8).map(move |class| f64::from(u8::from(sample % modes == class))))
                .collect();
            inception_score(&rows, 8).unwrap()
        };
        for modes in [1, 2, 3, 4, 8] {
            assert!((covering(modes) - modes as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for rows in [&[][..], &[0.5, 0.4], &[1.5, -0.5], &[f64::NAN, 1.0], &[0.5, 0.5, 1.0]] {
            assert!(inception_score(rows, 2).is_err(), "{rows:?}");
        }
        assert!(inception_score(&[1.0], 0).is_err());
        assert!(inception_score(&[0.50004, 0.5], 2).is_ok());
    }
}
