//! How much a model prefers the right answer to wrong ones.

use harness_core::{Error, Result};

/// An answer as a model sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Its negative log-likelihood, summed over tokens.
    pub nll: f64,
    /// Number of its tokens, at least 1.
    pub tokens: f64,
}

impl Answer {
    /// exp(−nll/tokens): the geometric mean of its tokens' probabilities.
    pub fn probability(&self) -> f64 {
        (-self.nll / self.tokens).exp()
    }

    fn check(&self) -> Result<()> {
        if !self.nll.is_finite() {
            return Err(Error::Input(format!("a negative log-likelihood must be finite, but is {}", self.nll)));
        }
        if !(self.tokens.is_finite() && self.tokens >= 1.0) {
            return Err(Error::Input(format!("the length of an answer must be at least 1, but is {}", self.tokens)));
        }
        Ok(())
    }
}

/// The probability of wrong answers over that of the right one.
///
/// **Definition**: mean_k p(wrong_k) / p(right), p(a) = exp(−nll_a/|a|). Small where the model knows the right answer,
/// about 1 where it does not.
///
/// **Paper**: the truth ratio of TOFU (Maini et al., arXiv 2401.06121), by which the NPO paper measures forget quality.
///
/// **Arguments**: the right answer and at least one wrong one, negative log-likelihoods summed over tokens.
///
/// **Differences**: the ratio of two tiny probabilities is formed from the difference of their logarithms; a ratio
/// beyond double precision is the largest double.
///
/// **Errors**: [`Error::Input`] without a wrong answer, for a length below 1 and for a likelihood that is not finite.
///
/// **Example**
/// ```
/// use papers_kit::metrics::{Answer, truth_ratio};
/// let right = Answer { nll: 0.5, tokens: 1.0 };
/// let wrong = [Answer { nll: 4.5, tokens: 3.0 }, Answer { nll: 1.5, tokens: 1.0 }];
/// assert!((truth_ratio(right, &wrong)? - (-1f64).exp()).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// See above.
pub fn truth_ratio(right: Answer, wrong: &[Answer]) -> Result<f64> {
    if wrong.is_empty() {
        return Err(Error::Input("a truth ratio needs at least one wrong answer".into()));
    }
    right.check()?;
    wrong.iter().try_for_each(Answer::check)?;
    let of_right = right.nll / right.tokens;
    let ratios = wrong.iter().map(|answer| (of_right - answer.nll / answer.tokens).exp());
    Ok((ratios.sum::<f64>() / wrong.len() as f64).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nll: f64, tokens: f64) -> Answer {
        Answer { nll, tokens }
    }

    #[test]
    fn wrong_over_right_and_not_the_other_way_round() {
        let known = truth_ratio(answer(0.1, 2.0), &[answer(20.0, 2.0)]).unwrap();
        let unknown = truth_ratio(answer(20.0, 2.0), &[answer(20.0, 2.0)]).unwrap();
        assert!(known < 1e-4 && unknown == 1.0);
        assert_eq!(answer(2.0, 4.0).probability(), (-0.5f64).exp());
    }

    #[test]
    fn it_is_the_mean_of_ratios_with_each_length_of_its_own() {
        let found = truth_ratio(answer(2.0, 4.0), &[answer(3.0, 1.0), answer(3.0, 6.0)]).unwrap();
        assert!((found - ((-2.5f64).exp() + 1.0) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn tiny_probabilities_give_finite_ratios() {
        assert!((truth_ratio(answer(900.0, 1.0), &[answer(901.0, 1.0)]).unwrap() - (-1f64).exp()).abs() < 1e-9);
        assert_eq!(truth_ratio(answer(9e9, 1.0), &[answer(0.0, 1.0)]).unwrap(), f64::MAX);
    }

    #[test]
    fn bad_answers_are_refused() {
        let good = answer(1.0, 1.0);
        assert!(truth_ratio(good, &[]).is_err());
        for bad in [answer(1.0, 0.0), answer(1.0, 0.5), answer(f64::NAN, 1.0), answer(1.0, f64::NAN)] {
            assert!(truth_ratio(bad, &[good]).is_err() && truth_ratio(good, &[good, bad]).is_err(), "{bad:?}");
        }
    }
}
