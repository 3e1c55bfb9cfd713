//! Whether two samples come from one distribution: the test of Kolmogorov and Smirnov.

use harness_core::{Error, Result};

/// What [`ks_two_sample`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// D: the largest difference of the two empirical distribution functions, in [0, 1].
    pub statistic: f64,
    /// The asymptotic two-sided p-value, in [0, 1].
    pub p_value: f64,
}

/// The two-sample test of Kolmogorov and Smirnov.
///
/// D = sup |F_a − F_b| over all values; equal values of both samples are passed together. With λ = D √(nm/(n+m)), the
/// p-value is 2 Σ_{k=1..100} (−1)^{k−1} exp(−2k²λ²), kept within [0, 1], and 1 where λ < 0.2, where the series converges
/// slowly and its limit is 1 to twelve digits. For small samples it is an approximation.
///
/// ```
/// use papers_kit::metrics::ks_two_sample;
/// assert_eq!(ks_two_sample(&[1.0, 2.0], &[1.0, 2.0])?.p_value, 1.0);
/// assert_eq!(ks_two_sample(&[1.0, 2.0], &[3.0])?.statistic, 1.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] where a sample is empty or holds NaN.
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Result<KolmogorovSmirnov> {
    let (a, b) = (sorted("first", a)?, sorted("second", b)?);
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut statistic) = (0, 0, 0.0f64);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let value = x.min(*y);
        i += a.iter().skip(i).take_while(|x| **x <= value).count();
        j += b.iter().skip(j).take_while(|y| **y <= value).count();
        statistic = statistic.max((i as f64 / n - j as f64 / m).abs());
    }
    Ok(KolmogorovSmirnov { statistic, p_value: p_value(statistic * (n * m / (n + m)).sqrt()) })
}

fn sorted(which: &str, values: &[f64]) -> Result<Vec<f64>> {
    if values.is_empty() {
        return Err(Error::Input(format!("the {which} sample is empty: it has no distribution")));
    }
    if let Some(at) = values.iter().position(|value| value.is_nan()) {
        return Err(Error::Input(format!("value {at} of the {which} sample is NaN: it has no rank")));
    }
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    Ok(values)
}

fn p_value(lambda: f64) -> f64 {
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: u32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k).powi(2) * lambda * lambda).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_values_are_passed_together() {
        // Passing the ties one by one would show a difference of 1/2 or more.
        let found = ks_two_sample(&[1.0, 1.0, 1.0, 2.0], &[1.0, 1.0, 1.0, 2.0]).unwrap();
        assert_eq!((found.statistic, found.p_value), (0.0, 1.0));
        assert_eq!(ks_two_sample(&[1.0, 1.0], &[1.0, 2.0]).unwrap().statistic, 0.5);
    }

    #[test]
    fn samples_apart_have_a_statistic_of_one() {
        let found = ks_two_sample(&[1.0; 40], &[2.0; 40]).unwrap();
        assert!(found.statistic == 1.0 && found.p_value < 1e-15);
        assert_eq!(ks_two_sample(&[0.0], &[f64::INFINITY]).unwrap().statistic, 1.0);
    }

    #[test]
    fn the_p_value_is_that_of_kolmogorovs_distribution() {
        // Tabulated upper quantiles.
        assert!((p_value(1.3581) - 0.05).abs() < 1e-4 && (p_value(1.6276) - 0.01).abs() < 1e-4);
        assert!((p_value(0.2) - 1.0).abs() < 1e-9 && p_value(0.199) == 1.0);
    }

    #[test]
    fn bad_samples_are_refused() {
        for (a, b) in [(&[][..], &[1.0][..]), (&[1.0][..], &[][..]), (&[f64::NAN][..], &[1.0][..])] {
            assert!(matches!(ks_two_sample(a, b), Err(Error::Input(_))));
        }
    }

    proptest! {
        #[test]
        fn order_and_exchange_change_nothing(
            mut a in prop::collection::vec(-3i8..3, 1..12), b in prop::collection::vec(-3i8..3, 1..12),
        ) {
            let doubles = |values: &[i8]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
            let found = ks_two_sample(&doubles(&a), &doubles(&b)).unwrap();
            let share = |values: &[i8], at: i8| {
                values.iter().filter(|value| **value <= at).count() as f64 / values.len() as f64
            };
            let want = (-3..3).map(|at| (share(&a, at) - share(&b, at)).abs()).fold(0.0, f64::max);
            prop_assert!((found.statistic - want).abs() < 1e-12);
            a.reverse();
            prop_assert_eq!(ks_two_sample(&doubles(&b), &doubles(&a)).unwrap(), found);
        }
    }
}
