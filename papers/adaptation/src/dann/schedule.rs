//! What changes over a training run of the deep version.

use harness_core::{Error, Result};

fn check_progress(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::Input(format!("the training progress p must lie in [0, 1], but is {p}")))
}

/// Strength of the reversal at training progress p.
///
/// **Definition.** λ_p = 2 / (1 + exp(−γp)) − 1, from 0 at the start towards 1.
///
/// **Paper.** Section 5.2.2 (JMLR 17, 2016), with γ = 10.
///
/// **Arguments.** p in [0, 1]; γ finite, at least 0.
///
/// **Errors.** [`Error::Input`] for values outside.
///
/// **Example**
/// ```
/// use papers_adaptation::dann::lambda_schedule;
/// assert_eq!(lambda_schedule(0.0, 10.0)?, 0.0);
/// assert!((lambda_schedule(0.5, 10.0)? - 0.9866142981514303).abs() < 1e-12);
/// assert!(lambda_schedule(1.5, 10.0).is_err());
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn lambda_schedule(p: f64, gamma: f64) -> Result<f64> {
    check_progress(p)?;
    if !(gamma.is_finite() && gamma >= 0.0) {
        return Err(Error::Input(format!("gamma must be a finite number of at least 0, but is {gamma}")));
    }
    // 2/(1 + e^(−x)) − 1 without the cancellation near 0.
    Ok((0.5 * gamma * p).tanh())
}

/// Learning rate at training progress p.
///
/// **Definition.** μ_p = μ₀ / (1 + αp)^β.
///
/// **Paper.** Section 5.2.2 (JMLR 17, 2016), with μ₀ = 0.01, α = 10, β = 0.75.
///
/// **Arguments.** p in [0, 1]; `base` μ₀, α and β finite and at least 0.
///
/// **Errors.** [`Error::Input`] for values outside.
///
/// **Example**
/// ```
/// use papers_adaptation::dann::learning_rate_schedule;
/// assert_eq!(learning_rate_schedule(0.0, 0.01, 10.0, 0.75)?, 0.01);
/// assert!((learning_rate_schedule(1.0, 0.01, 10.0, 0.75)? - 0.001655600261).abs() < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn learning_rate_schedule(p: f64, base: f64, alpha: f64, beta: f64) -> Result<f64> {
    check_progress(p)?;
    for (name, value) in [("base", base), ("alpha", alpha), ("beta", beta)] {
        if !(value.is_finite() && value >= 0.0) {
            return Err(Error::Input(format!("{name} must be a finite number of at least 0, but is {value}")));
        }
    }
    Ok(base / (1.0 + alpha * p).powf(beta))
}
