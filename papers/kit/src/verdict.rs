//! Rules of verdicts that several papers share.

use harness_core::evidence::{Evidence, Verdict};
use harness_core::stats;
use harness_core::text::number;

/// Judges same-seed differences d, each positive where it goes the claimed way, by their mean and their signs.
///
/// *Reproduced*: the mean is at least `min_effect`, and d > 0 in at least two thirds of the seeds. *Contradicted*: the mean
/// is 0 or less, and d ≤ 0 in at least two thirds of the seeds. *Inconclusive*: all else, and any d that is not finite. The
/// interval of the mean stands beside the verdict, but does not decide it: with three seeds it is wide.
///
/// ```
/// use harness_core::evidence::Verdict;
/// use papers_kit::verdict::majority;
/// assert_eq!(majority("accuracy (points)", &[1.2, 0.9, -0.1], 0.5).verdict, Verdict::Reproduced);
/// assert_eq!(majority("accuracy (points)", &[0.2, 0.3, 0.1], 0.5).verdict, Verdict::Inconclusive);
/// assert_eq!(majority("accuracy (points)", &[-0.2, -0.3, 0.1], 0.5).verdict, Verdict::Contradicted);
/// ```
pub fn majority(quantity: impl Into<String>, differences: &[f64], min_effect: f64) -> Evidence {
    let evidence = Evidence::from_effects(quantity, differences, min_effect);
    let Some(mean) = evidence.effect else { return evidence };
    let n = differences.len();
    let most = (2 * n).div_ceil(3);
    let above = differences.iter().filter(|d| **d > 0.0).count();
    let verdict = if mean >= min_effect && above >= most {
        Verdict::Reproduced
    } else if mean <= 0.0 && n - above >= most {
        Verdict::Contradicted
    } else {
        Verdict::Inconclusive
    };
    let spread = match stats::std_dev(differences) {
        Ok(spread) => format!(", standard deviation {}", number(spread)),
        Err(_) => String::new(),
    };
    let seeds: Vec<String> = differences.iter().map(|d| number(*d)).collect();
    let summary = format!("{}{spread}; by seed: {}", evidence.summary, seeds.join(", "));
    Evidence { verdict, summary, ..evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_are_rounded_up() {
        let verdict = |d: &[f64]| majority("d", d, 0.5).verdict;
        assert_eq!(verdict(&[9.0, 9.0, -0.1, -0.1]), Verdict::Inconclusive, "2 of 4 are fewer than 3");
        assert_eq!(verdict(&[9.0, 9.0, 0.1, -0.1]), Verdict::Reproduced);
        assert_eq!(verdict(&[0.5, 0.5, 0.5]), Verdict::Reproduced, "the least effect counts");
        assert_eq!(verdict(&[0.0, 0.0, 0.0]), Verdict::Contradicted, "no effect at all");
        assert_eq!(verdict(&[5.0, -1.0, -1.0]), Verdict::Inconclusive);
        assert_eq!(verdict(&[1.0, f64::NAN, 1.0]), Verdict::Inconclusive);
        assert_eq!(verdict(&[]), Verdict::NotRun);
    }

    #[test]
    fn every_seed_is_printed() {
        let evidence = majority("points", &[1.0, 2.0, 4.5], 0.5);
        assert!(evidence.summary.contains("1, 2, 4.5") && evidence.summary.contains("standard deviation"));
        assert!(evidence.interval.is_some());
    }
}
