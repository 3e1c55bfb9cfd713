//! Explore: how hyper-parameters change after a copy.

use harness_core::{Error, Result};

/// Each hyper-parameter goes up or down by a factor.
///
/// **Definition.** h_j ← clip(h_j · (up_j ? up_factor : down_factor), lower_j, upper_j).
///
/// **Paper.** Section 4.1.1, "perturb": factors 1.2 and 0.8 with probability ½ each.
///
/// **Arguments.** `hyper` \[H\]; `up` \[H\]; factors above 0; `lower` and `upper` \[H\], none where absent.
///
/// **Errors.** [`Error::Input`] for other lengths, values that are not finite, factors that are not above 0, crossed bounds.
///
/// **Example.**
/// ```
/// use papers_control::pbt::explore_perturb;
/// let h = explore_perturb(&[0.5, 0.5], &[true, false], 0.8, 1.2, None, Some(&[0.55, 1.0]))?;
/// assert_eq!(h, [0.55, 0.4]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn explore_perturb(
    hyper: &[f64],
    up: &[bool],
    down_factor: f64,
    up_factor: f64,
    lower: Option<&[f64]>,
    upper: Option<&[f64]>,
) -> Result<Vec<f64>> {
    for (name, factor) in [("down_factor", down_factor), ("up_factor", up_factor)] {
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(Error::Input(format!("{name} must be above 0, but is {factor}")));
        }
    }
    let moved: Vec<f64> =
        match_up(hyper, up, "switches")?.map(|(value, up)| value * if *up { up_factor } else { down_factor }).collect();
    clip(&moved, lower, upper)
}

/// Each hyper-parameter is kept, or replaced by a value drawn anew.
///
/// **Definition.** h_j ← resample_j ? fresh_j : h_j.
///
/// **Paper.** Section 4.1.1, "resample": from the prior, with some probability.
///
/// **Arguments.** `hyper`, `fresh`, `resample` \[H\].
///
/// **Errors.** [`Error::Input`] for other lengths and values that are not finite.
///
/// **Example.**
/// ```
/// use papers_control::pbt::explore_resample;
/// assert_eq!(explore_resample(&[0.1, 0.2], &[0.7, 0.8], &[false, true])?, [0.1, 0.8]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn explore_resample(hyper: &[f64], fresh: &[f64], resample: &[bool]) -> Result<Vec<f64>> {
    check_finite("fresh", fresh)?;
    let pairs = match_up(hyper, resample, "switches")?;
    if fresh.len() != hyper.len() {
        return Err(Error::Input(format!("{} fresh values for {}: expected as many", fresh.len(), hyper.len())));
    }
    Ok(pairs.zip(fresh).map(|((value, resample), fresh)| if *resample { *fresh } else { *value }).collect())
}

/// Values moved into their bounds.
pub(super) fn clip(values: &[f64], lower: Option<&[f64]>, upper: Option<&[f64]>) -> Result<Vec<f64>> {
    let bounds = |name: &str, bounds: Option<&[f64]>, none: f64| -> Result<Vec<f64>> {
        let Some(bounds) = bounds else { return Ok(vec![none; values.len()]) };
        if bounds.len() != values.len() {
            return Err(Error::Input(format!(
                "{} {name} bounds for {} hyper-parameters: expected as many",
                bounds.len(),
                values.len()
            )));
        }
        check_finite(name, bounds)?;
        Ok(bounds.to_vec())
    };
    let lower = bounds("lower", lower, f64::NEG_INFINITY)?;
    let upper = bounds("upper", upper, f64::INFINITY)?;
    if let Some((low, high)) = lower.iter().zip(&upper).find(|(low, high)| low > high) {
        return Err(Error::Input(format!("the lower bound {low} is above the upper bound {high}")));
    }
    Ok(values.iter().zip(lower.iter().zip(&upper)).map(|(value, (low, high))| value.clamp(*low, *high)).collect())
}

fn match_up<'a, T>(hyper: &'a [f64], other: &'a [T], what: &str) -> Result<impl Iterator<Item = (&'a f64, &'a T)>> {
    check_finite("hyper", hyper)?;
    if hyper.len() != other.len() {
        return Err(Error::Input(format!(
            "{} {what} for {} hyper-parameters: expected as many",
            other.len(),
            hyper.len()
        )));
    }
    Ok(hyper.iter().zip(other))
}

fn check_finite(name: &str, values: &[f64]) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::Input(format!("`{name}` must be finite, but holds {value}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_values_are_multiplied_and_then_clipped() {
        let moved = explore_perturb(&[-1.0, -1.0], &[true, false], 0.5, 2.0, Some(&[-1.5, -1.5]), None).unwrap();
        assert_eq!(moved, [-1.5, -0.5]);
    }

    #[test]
    fn a_value_outside_of_its_bounds_comes_back() {
        assert_eq!(explore_perturb(&[9.0], &[false], 0.8, 1.2, Some(&[0.0]), Some(&[1.0])).unwrap(), [1.0]);
    }

    #[test]
    fn crossed_bounds_and_other_lengths_are_refused() {
        for (up, lower, upper) in [
            (&[true][..], &[0.0, 0.0][..], &[1.0, 1.0][..]),
            (&[true, true], &[0.0], &[1.0, 1.0]),
            (&[true, true], &[0.0, 0.0], &[1.0]),
            (&[true, true], &[0.0, 2.0], &[1.0, 1.0]),
            (&[true, true], &[0.0, f64::NAN], &[1.0, 1.0]),
        ] {
            assert!(explore_perturb(&[0.5, 0.5], up, 0.8, 1.2, Some(lower), Some(upper)).is_err());
        }
        assert!(explore_perturb(&[0.5], &[true], 0.0, 1.2, None, None).is_err());
        assert!(explore_resample(&[0.5], &[0.5, 0.1], &[true]).is_err());
    }
}
