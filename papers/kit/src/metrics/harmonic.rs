//! The mean that one bad value pulls down.

use harness_core::{Error, Result};

/// k / Σ 1/v over k values; 0 where any value is 0 or less.
///
/// ```
/// use papers_kit::metrics::harmonic_mean;
/// assert_eq!(harmonic_mean(&[0.5, 1.0])?, 2.0 / 3.0);
/// assert_eq!(harmonic_mean(&[0.5, 0.0])?, 0.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] without values, and for one that is not finite.
pub fn harmonic_mean(values: &[f64]) -> Result<f64> {
    if values.is_empty() {
        return Err(Error::Input("the harmonic mean needs at least one value".into()));
    }
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::Input(format!("the harmonic mean needs finite values, but one is {value}")));
    }
    if values.iter().any(|value| *value <= 0.0) {
        return Ok(0.0);
    }
    Ok(values.len() as f64 / values.iter().map(|value| value.recip()).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_negative_values_give_zero() {
        assert_eq!(harmonic_mean(&[1.0, -2.0]).unwrap(), 0.0);
        assert_eq!(harmonic_mean(&[0.0]).unwrap(), 0.0);
        assert_eq!(harmonic_mean(&[1e-320, 1.0]).unwrap(), 0.0);
    }

    #[test]
    fn it_lies_between_the_least_and_the_arithmetic_mean() {
        let mean = harmonic_mean(&[0.2, 0.4, 0.9]).unwrap();
        assert!((mean - 3.0 / (5.0 + 2.5 + 1.0 / 0.9)).abs() < 1e-12 && mean > 0.2 && mean < 0.5);
    }

    #[test]
    fn bad_values_are_refused() {
        for values in [&[][..], &[f64::NAN][..], &[1.0, f64::INFINITY][..]] {
            assert!(harmonic_mean(values).is_err(), "{values:?}");
        }
    }
}
