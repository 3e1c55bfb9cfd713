//! Student's t distribution, in the few forms that the tests use.
//!
//! Degrees of freedom are above 0 and arguments are not NaN; callers have checked their input.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use statrs::function::beta::beta_reg;

/// Critical values that were asked for before, by alpha and degrees of freedom: few differ in a program.
static KNOWN: LazyLock<RwLock<HashMap<(u64, u64), f64>>> = LazyLock::new(RwLock::default);

/// Enough for every level and number of seeds of a run.
const MOST_KNOWN: usize = 4096;

/// `P(|T| ≥ |t|)` with `df` degrees of freedom; `t` may be infinite.
///
/// `I₍df/(df+t²)₎(df/2, 1/2)`: Abramowitz and Stegun, eq. 26.7.1 and 26.5.27. Beyond |t| = 1 the tail itself is
/// computed, not one minus its complement, so small p-values keep their digits; below, the complement keeps those of t.
pub(super) fn two_sided_p(t: f64, df: f64) -> f64 {
    let square = t * t;
    let p_value = if square < 1.0 {
        1.0 - beta_reg(0.5, 0.5 * df, square / (df + square))
    } else {
        beta_reg(0.5 * df, 0.5, df / (df + square))
    };
    p_value.clamp(0.0, 1.0)
}

/// `P(T ≥ t)` with `df` degrees of freedom; `t` may be infinite.
pub(super) fn upper_p(t: f64, df: f64) -> f64 {
    let tail = 0.5 * two_sided_p(t, df);
    if t > 0.0 { tail } else { 1.0 - tail }
}

/// The `t ≥ 0` with `P(|T| ≥ t) = alpha`, for `alpha` strictly between 0 and 1.
///
/// By bisection: the inverse of the incomplete beta function in `statrs` panics for some very small probabilities.
pub(super) fn critical_two_sided(alpha: f64, df: f64) -> f64 {
    let key = (alpha.to_bits(), df.to_bits());
    if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(&key).copied()) {
        return known;
    }
    let found = search_critical(alpha, df);
    if let Ok(mut known) = KNOWN.write()
        && known.len() < MOST_KNOWN
    {
        known.insert(key, found);
    }
    found
}

fn search_critical(alpha: f64, df: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided_p(high, df) > alpha {
        low = high;
        high *= 2.0;
    }
    // Halvings until no double lies in between; a limit for `t` close to 0, where that takes many.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if two_sided_p(middle, df) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_have_their_probability() {
        for df in [1.0, 1.3, 2.0, 3.0, 5.0, 31.5, 1e3, 1e6] {
            for alpha in [1e-100, 1e-16, 1e-8, 1e-4, 0.01, 0.05, 0.2, 0.317, 0.5, 0.9, 0.9999, 1.0 - 1e-12] {
                let t = critical_two_sided(alpha, df);
                let error = (two_sided_p(t, df) - alpha).abs() / alpha;
                assert!(error < 1e-9, "alpha = {alpha}, df = {df}: t = {t}, relative error {error:e}");
                assert!((2.0 * upper_p(t, df) - alpha).abs() / alpha < 1e-9);
            }
        }
    }

    #[test]
    fn hopeless_levels_end() {
        assert!(critical_two_sided(f64::MIN_POSITIVE, 1.0).is_finite());
    }

    #[test]
    fn one_degree_of_freedom_is_cauchy() {
        for t in [-1e6_f64, -3.0, -0.9, 0.0, 1e-9, 0.5, 1.0, 40.0] {
            let exact = 0.5 - t.atan() / std::f64::consts::PI;
            assert!((upper_p(t, 1.0) - exact).abs() < 1e-15, "t = {t}");
        }
        assert_eq!(two_sided_p(f64::INFINITY, 4.0), 0.0);
    }
}
