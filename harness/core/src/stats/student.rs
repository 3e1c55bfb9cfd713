//! Student's t distribution, in the few forms that the tests use.
//!
//! Degrees of freedom are above 0 and arguments are not NaN; callers have checked their input.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;

/// `P(|T| ≥ |t|)` with `df` degrees of freedom; `t` may be infinite.
///
/// `I₍df/(df+t²)₎(df/2, 1/2)`: Abramowitz and Stegun, eq. 26.7.1 and 26.5.27. The tail itself is computed, not one
/// minus its complement, so small p-values keep their digits.
pub(super) fn two_sided_p(t: f64, df: f64) -> f64 {
    beta_reg(0.5 * df, 0.5, df / (df + t * t)).clamp(0.0, 1.0)
}

/// `P(T ≥ t)` with `df` degrees of freedom; `t` may be infinite.
pub(super) fn upper_p(t: f64, df: f64) -> f64 {
    let tail = 0.5 * two_sided_p(t, df);
    if t > 0.0 { tail } else { 1.0 - tail }
}

/// The `t` with `P(|T| ≥ t) = alpha`, for `alpha` strictly between 0 and 1.
pub(super) fn critical_two_sided(alpha: f64, df: f64) -> f64 {
    critical_upper(0.5 * alpha, df)
}

/// The `t` with `P(T ≥ t) = tail`, for `tail` strictly between 0 and 1.
pub(super) fn critical_upper(tail: f64, df: f64) -> f64 {
    // The lower quantile of a small probability keeps digits that `1 - tail` would lose.
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |student| -student.inverse_cdf(tail))
}
