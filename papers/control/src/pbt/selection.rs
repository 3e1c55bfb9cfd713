//! Exploit: which member takes over from which.

use harness_core::stats::{Alternative, welch_t};
use harness_core::{Error, Result};

/// The worst members copy members drawn from the best.
///
/// **Definition.** With k = max(1, ⌊f·N + 1e-9⌋) and the order of descending performance (ties: the earlier index is the
/// better), each of the last k copies `order[draw mod k]`; all others stay.
///
/// **Paper.** Section 4.1.1, "truncation selection", where f is 20 %.
///
/// **Arguments.** `performance` \[N\], N ≥ 2, larger is better; `draw` \[N\], uniform whole numbers; `fraction` in (0, 0.5].
/// Returns the source of each member, its own index where it stays.
///
/// **Errors.** [`Error::Input`] for fewer than two members, other lengths, NaN, a fraction outside of its range.
///
/// **Example.**
/// ```
/// use papers_control::pbt::truncation_selection;
/// assert_eq!(truncation_selection(&[0.1, 0.9, 0.5, 0.5], &[0, 0, 0, 0], 0.25)?, [1, 1, 2, 3]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn truncation_selection(performance: &[f64], draw: &[u64], fraction: f64) -> Result<Vec<usize>> {
    let n = performance.len();
    if n < 2 {
        return Err(Error::Input(format!("truncation selection needs at least two members, but got {n}")));
    }
    if !(fraction > 0.0 && fraction <= 0.5) {
        return Err(Error::Input(format!("fraction must be in (0, 0.5], but is {fraction}")));
    }
    check_performance(performance)?;
    check_length("draws", draw.len(), n)?;
    let k = ((fraction * n as f64 + 1e-9).floor() as usize).max(1);
    let mut order: Vec<usize> = (0..n).collect();
    // A stable sort keeps the earlier index first among equals.
    order.sort_by(|a, b| performance[*b].partial_cmp(&performance[*a]).unwrap_or(std::cmp::Ordering::Equal));
    let mut source: Vec<usize> = (0..n).collect();
    for member in &order[n - k..] {
        source[*member] = order[(draw[*member] % k as u64) as usize];
    }
    Ok(source)
}

/// Each member copies its opponent if that one is strictly better.
///
/// **Definition.** source_i = o_i if p_{o_i} > p_i, else i.
///
/// **Paper.** Section 4.1.1, "binary tournament".
///
/// **Arguments.** `performance` \[N\], `opponent` \[N\] in 0..N.
///
/// **Errors.** [`Error::Input`] for no member, other lengths, NaN, an opponent that does not exist.
///
/// **Example.**
/// ```
/// use papers_control::pbt::binary_tournament;
/// assert_eq!(binary_tournament(&[0.1, 0.9, 0.9], &[1, 2, 0])?, [1, 1, 2]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn binary_tournament(performance: &[f64], opponent: &[usize]) -> Result<Vec<usize>> {
    check_performance(performance)?;
    check_opponents(opponent, performance.len())?;
    Ok(opponent
        .iter()
        .enumerate()
        .map(|(own, other)| if performance[*other] > performance[own] { *other } else { own })
        .collect())
}

/// A member's measurements against those of its opponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Whether the opponent is copied.
    pub copy: bool,
    /// Welch's statistic, positive where the opponent's mean is the higher one; 0 where neither varies.
    pub t: f64,
    /// Two-sided probability of such a statistic under equal means.
    pub p: f64,
}

/// Whether an opponent is significantly better by Welch's t-test.
///
/// **Definition.** t = (m_o − m) / √(s²/M + s_o²/M_o) with unbiased variances, Welch–Satterthwaite degrees of freedom, p
/// two-sided by Student's t. Where neither side varies t is 0, and p is 1 if the means are equal, else 0. Copy if and only
/// if m_o > m and p < α.
///
/// **Paper.** Section 4.1.1, "t-test selection", on the last ten episodic rewards with α = 0.05.
///
/// **Arguments.** At least two measurements of each; `alpha` in (0, 1).
///
/// **Errors.** [`Error::Input`] or [`Error::Stats`] for fewer than two measurements, one that is not finite, an α outside
/// of its range.
///
/// **Example.**
/// ```
/// use papers_control::pbt::t_test;
/// assert!(t_test(&[1.0, 1.2, 0.9], &[2.0, 2.1, 1.8], 0.05)?.copy);
/// assert!(!t_test(&[1.0, 1.2, 0.9], &[1.1, 1.3, 0.9], 0.05)?.copy);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn t_test(own: &[f64], opponent: &[f64], alpha: f64) -> Result<Comparison> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::Input(format!("alpha must be in (0, 1), but is {alpha}")));
    }
    let test = welch_t(opponent, own, 0.95, Alternative::TwoSided)?;
    // Its limit for no variance is infinite, which would not survive a table.
    let t = if test.se == 0.0 { 0.0 } else { test.t };
    Ok(Comparison { copy: test.difference > 0.0 && test.p_value < alpha, t, p: test.p_value })
}

/// [`t_test`] of every member against its opponent: the sources and the comparisons.
///
/// **Arguments.** `history` \[N\]\[M\], M ≥ 2; `opponent` \[N\] in 0..N.
///
/// **Errors.** As [`t_test`]; [`Error::Input`] for no member, other lengths, an opponent that does not exist.
///
/// **Example.**
/// ```
/// use papers_control::pbt::t_test_selection;
/// let history = [vec![0.0, 0.1, 0.2], vec![3.0, 3.1, 3.3]];
/// assert_eq!(t_test_selection(&history, &[1, 0], 0.05)?.0, [1, 1]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn t_test_selection(history: &[Vec<f64>], opponent: &[usize], alpha: f64) -> Result<(Vec<usize>, Vec<Comparison>)> {
    check_opponents(opponent, history.len())?;
    let comparisons = history
        .iter()
        .zip(opponent)
        .map(|(own, other)| t_test(own, &history[*other], alpha))
        .collect::<Result<Vec<_>>>()?;
    let source = comparisons
        .iter()
        .zip(opponent)
        .enumerate()
        .map(|(own, (comparison, other))| if comparison.copy { *other } else { own })
        .collect();
    Ok((source, comparisons))
}

fn check_performance(performance: &[f64]) -> Result<()> {
    match performance.iter().position(|value| value.is_nan()) {
        Some(at) => Err(Error::Input(format!("performance[{at}] is NaN: give the worst value instead"))),
        None => Ok(()),
    }
}

fn check_opponents(opponent: &[usize], members: usize) -> Result<()> {
    if members == 0 {
        return Err(Error::Input("a selection needs at least one member".into()));
    }
    check_length("opponents", opponent.len(), members)?;
    match opponent.iter().find(|other| **other >= members) {
        Some(other) => Err(Error::Input(format!("opponent {other} is not one of {members} members"))),
        None => Ok(()),
    }
}

fn check_length(what: &str, have: usize, members: usize) -> Result<()> {
    if have == members {
        Ok(())
    } else {
        Err(Error::Input(format!("{have} {what} for {members} members: expected as many")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_equals_the_earlier_is_better() {
        let all_alike = truncation_selection(&[1.0; 5], &[7; 5], 0.4).unwrap();
        assert_eq!(all_alike, [0, 1, 2, 1, 1], "the last two copy order[7 mod 2]");
        // Zeros of both signs are equal.
        assert_eq!(truncation_selection(&[-0.0, 0.0], &[0, 0], 0.5).unwrap(), [0, 0]);
    }

    #[test]
    fn the_number_of_copies_survives_rounding() {
        let replaced = |n: usize, fraction: f64| {
            let performance: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let source = truncation_selection(&performance, &vec![0; n], fraction).unwrap();
            source.iter().enumerate().filter(|(member, source)| member != *source).count()
        };
        // 0.1 · 30 and 0.3 · 10 are just below or above a whole number in binary.
        assert_eq!((replaced(30, 0.1), replaced(10, 0.3), replaced(2, 0.2), replaced(3, 0.5)), (3, 3, 1, 1));
        assert_eq!(replaced(8, 0.25), 2);
    }

    #[test]
    fn members_that_diverged_are_the_worst() {
        let source = truncation_selection(&[f64::NEG_INFINITY, 0.2, 0.1], &[0; 3], 0.2).unwrap();
        assert_eq!(source, [1, 1, 2]);
        assert!(truncation_selection(&[f64::NAN, 0.2, 0.1], &[0; 3], 0.2).is_err());
    }

    #[test]
    fn a_test_without_variance_is_decided_by_the_means() {
        let same = t_test(&[2.0, 2.0], &[2.0, 2.0], 0.05).unwrap();
        assert_eq!((same.copy, same.t, same.p), (false, 0.0, 1.0));
        let better = t_test(&[2.0, 2.0], &[3.0, 3.0], 0.05).unwrap();
        assert_eq!((better.copy, better.t, better.p), (true, 0.0, 0.0));
        let worse = t_test(&[3.0, 3.0], &[2.0, 2.0], 0.05).unwrap();
        assert_eq!((worse.copy, worse.p), (false, 0.0));
    }

    #[test]
    fn a_significantly_worse_opponent_is_not_copied() {
        let comparison = t_test(&[5.0, 5.1, 4.9], &[0.0, 0.1, -0.1], 0.05).unwrap();
        assert!(comparison.p < 0.05 && comparison.t < 0.0 && !comparison.copy);
    }
}
