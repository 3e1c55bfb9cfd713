//! How small an effect a paired t test can show, and how many seeds an effect needs.
//!
//! All by the noncentral t distribution, not by a normal approximation, which is far too optimistic for the three to
//! ten seeds of a typical experiment.

use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use super::error::{StatsError, check_open_unit, check_result};
use super::noncentral;
use super::student;

/// The power at which an effect is called detectable: 80 %, the convention since Cohen, *Statistical power analysis for
/// the behavioral sciences* (2nd edition, 1988), section 2.4.
pub const DETECTABLE_POWER: f64 = 0.8;

/// Highest power that can be asked for; closer to 1 the answer would rest on the last digits of an integral.
const MAX_POWER: f64 = 0.9999;

/// Power of the two-sided paired (or one-sample) t test: the probability that it rejects at level `alpha`.
///
/// With noncentrality `δ = |effect|·√n/sd` and critical value `c = t₍ₙ₋₁, ₁₋alpha/₂₎` it is
/// `P(T₍ₙ₋₁, δ₎ > c) + P(T₍ₙ₋₁, δ₎ < −c)`. `effect` is the true mean difference and `sd` the true standard deviation of
/// the differences, in one unit. Without any variance an effect is found for certain, and no effect with `alpha`.
///
/// # Errors
/// `n` below 2, an effect that is not finite, `sd` negative or not finite, `alpha` not strictly between 0 and 1.
pub fn power_paired_t(effect: f64, sd: f64, n: usize, alpha: f64) -> Result<f64, StatsError> {
    check_effect(effect)?;
    check_sd(sd)?;
    check_count(n)?;
    check_open_unit("alpha", alpha)?;
    if effect == 0.0 {
        return Ok(alpha);
    }
    if sd == 0.0 {
        return Ok(1.0);
    }
    Ok(TwoSidedTest::new(n, alpha).power(effect.abs() / sd * (n as f64).sqrt()))
}

/// Smallest true effect that `n` pairs show with the given power in a two-sided paired t test at level `alpha`.
///
/// The positive `effect` with `power_paired_t(effect, sd, n, alpha) = power`, in the unit of `sd`; 0 if `sd` is 0. It
/// is proportional to `sd`. An experiment that found nothing has not ruled out effects smaller than this.
///
/// # Errors
/// `n` below 2, `sd` negative or not finite, `alpha` not strictly between 0 and 1, or `power` not above `alpha` (which
/// no effect at all reaches) or above 0.9999, or overflow.
pub fn detectable_effect(sd: f64, n: usize, alpha: f64, power: f64) -> Result<f64, StatsError> {
    check_sd(sd)?;
    check_count(n)?;
    check_open_unit("alpha", alpha)?;
    check_power(power, alpha)?;
    check_result(noncentrality(n, alpha, power) * (sd / (n as f64).sqrt()))
}

/// Smallest number of pairs, from 2 to `max`, that shows `effect` with the given power in a two-sided paired t test.
///
/// `None` if even `max` pairs do not, which includes an effect of 0.
///
/// # Errors
/// An effect that is not finite, `sd` negative or not finite, `alpha` not strictly between 0 and 1, or `power` not
/// above `alpha` or above 0.9999.
pub fn seeds_needed(effect: f64, sd: f64, alpha: f64, power: f64, max: usize) -> Result<Option<usize>, StatsError> {
    check_effect(effect)?;
    check_sd(sd)?;
    check_open_unit("alpha", alpha)?;
    check_power(power, alpha)?;
    let enough = |n| Ok(power_paired_t(effect, sd, n, alpha)? >= power);
    if max < 2 || !enough(max)? {
        return Ok(None);
    }
    // Power grows with n, so the smallest sufficient n lies in (low, high] throughout.
    let (mut low, mut high) = (1, max);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// Noncentralities by n and the bits of alpha and power.
type Known = HashMap<(usize, u64, u64), f64>;

/// Those that were asked for before: the search takes a thousand times as long as the
/// test itself, and few combinations occur in a program.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// Enough for every level and number of seeds of a run.
const MOST_KNOWN: usize = 4096;

/// The noncentrality at which the test has this power.
fn noncentrality(n: usize, alpha: f64, power: f64) -> f64 {
    let key = (n, alpha.to_bits(), power.to_bits());
    if let Some(known) = KNOWN.read().ok().and_then(|known| known.get(&key).copied()) {
        return known;
    }
    let found = TwoSidedTest::new(n, alpha).noncentrality(power);
    if let Ok(mut known) = KNOWN.write()
        && known.len() < MOST_KNOWN
    {
        known.insert(key, found);
    }
    found
}

/// A two-sided t test with its critical value.
struct TwoSidedTest {
    df: f64,
    critical: f64,
}

impl TwoSidedTest {
    fn new(n: usize, alpha: f64) -> Self {
        let df = n as f64 - 1.0;
        Self { df, critical: student::critical_two_sided(alpha, df) }
    }

    /// Probability of rejecting at noncentrality `delta ≥ 0`, in either direction.
    fn power(&self, delta: f64) -> f64 {
        let right = noncentral::upper_p(self.critical, self.df, delta);
        // P(T < −c) at δ is P(T > c) at −δ.
        let left = noncentral::upper_p(self.critical, self.df, -delta);
        (right + left).min(1.0)
    }

    /// The noncentrality with the given power, by bracketed false position (Illinois variant).
    fn noncentrality(&self, power: f64) -> f64 {
        let excess = |delta: f64| self.power(delta) - power;
        let (mut low, mut high) = (0.0, self.critical + 1.0);
        let (mut below, mut above) = (excess(low), excess(high));
        // Ends: the power goes to 1, and MAX_POWER is below that.
        while above < 0.0 {
            (low, below) = (high, above);
            high *= 2.0;
            above = excess(high);
        }
        let mut last_side = 0;
        for _ in 0..200 {
            let delta = (low * above - high * below) / (above - below);
            let value = excess(delta);
            if value.abs() < 1e-13 || high - low <= 1e-13 * high {
                return delta;
            }
            // Halving the kept end's value when one side moves twice keeps the bracket shrinking from both sides.
            if value < 0.0 {
                (low, below) = (delta, value);
                if last_side == -1 {
                    above *= 0.5;
                }
                last_side = -1;
            } else {
                (high, above) = (delta, value);
                if last_side == 1 {
                    below *= 0.5;
                }
                last_side = 1;
            }
        }
        0.5 * (low + high)
    }
}

fn check_effect(effect: f64) -> Result<(), StatsError> {
    if effect.is_finite() {
        Ok(())
    } else {
        Err(StatsError::OutOfRange { name: "effect", range: "finite", got: effect })
    }
}

fn check_sd(sd: f64) -> Result<(), StatsError> {
    if sd.is_finite() && sd >= 0.0 {
        Ok(())
    } else {
        Err(StatsError::OutOfRange { name: "sd", range: "finite and not negative", got: sd })
    }
}

fn check_count(n: usize) -> Result<(), StatsError> {
    if n < 2 { Err(StatsError::TooFewValues { needed: 2, got: n }) } else { Ok(()) }
}

fn check_power(power: f64, alpha: f64) -> Result<(), StatsError> {
    if power > alpha && power <= MAX_POWER {
        Ok(())
    } else {
        Err(StatsError::OutOfRange { name: "power", range: "above alpha and at most 0.9999", got: power })
    }
}
