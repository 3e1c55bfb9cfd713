//! Tests of paired differences that do not assume a normal distribution.

use std::f64::consts::FRAC_1_SQRT_2;

use statrs::distribution::{Binomial, DiscreteCDF};
use statrs::function::erf::erfc;

use super::correlation::{ranks, tie_sizes};
use super::error::{StatsError, check_values};
use super::t_test::Alternative;

/// Up to this many non-zero differences the signed-rank test is exact.
const EXACT_UP_TO: usize = 25;

/// Result of a sign test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignTest {
    /// Number of differences above zero.
    pub positive: usize,
    /// Number of differences below zero.
    pub negative: usize,
    /// Number of differences of exactly zero; the test leaves them out.
    pub zeros: usize,
    /// Exact binomial p-value; 1 if every difference is zero.
    pub p_value: f64,
}

/// Result of a Wilcoxon signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WilcoxonTest {
    /// Number of non-zero differences, which the test ranks.
    pub n: usize,
    /// Number of differences of exactly zero; the test leaves them out.
    pub zeros: usize,
    /// Sum of the ranks of the positive differences.
    pub w_plus: f64,
    /// Sum of the ranks of the negative differences.
    pub w_minus: f64,
    /// p-value; 1 if every difference is zero.
    pub p_value: f64,
    /// Whether the p-value is exact or from the normal approximation.
    pub exact: bool,
}

/// Sign test: is the median of the differences off zero?
///
/// Under the null hypothesis the number of positive ones among the non-zero differences is binomial with probability
/// 1/2; the two-sided p-value is twice the smaller tail, at most 1 (Arbuthnot 1710; Conover, *Practical nonparametric
/// statistics*, section 3.4). It assumes nothing about the shape, and needs at least 6 pairs to reach 0.05.
///
/// # Errors
/// No values, or a value that is not finite.
pub fn sign_test(differences: &[f64], alternative: Alternative) -> Result<SignTest, StatsError> {
    check_values(differences, 1)?;
    let positive = differences.iter().filter(|&&difference| difference > 0.0).count();
    let negative = differences.iter().filter(|&&difference| difference < 0.0).count();
    let signs = positive + negative;
    // P(X ≤ k) for a fair coin; by symmetry P(X ≥ k) = P(X ≤ signs − k).
    let at_most = |count: usize| Binomial::new(0.5, signs as u64).map_or(1.0, |fair| fair.cdf(count as u64));
    let p_value = if signs == 0 {
        1.0
    } else {
        match alternative {
            Alternative::TwoSided => (2.0 * at_most(positive.min(negative))).min(1.0),
            Alternative::Greater => at_most(negative),
            Alternative::Less => at_most(positive),
        }
    };
    Ok(SignTest { positive, negative, zeros: differences.len() - signs, p_value })
}

/// Wilcoxon signed-rank test: are the differences symmetric around zero?
///
/// Ranks the absolute differences (tied ones share their mean rank, zeros are left out) and sums the ranks of the
/// positive ones (Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 1945). Up to 25
/// non-zero differences the p-value is exact, from the distribution over all `2ⁿ` assignments of signs to the ranks at
/// hand, ties included. Above that it comes from the normal approximation with `μ = n(n+1)/4`, `σ² = n(n+1)(2n+1)/24 −
/// Σ(t³−t)/48` over the tie sizes `t`, and a continuity correction of 1/2, as in SciPy's `wilcoxon(…,
/// method="asymptotic", correction=True)`.
///
/// # Errors
/// No values, or a value that is not finite.
pub fn wilcoxon_signed_rank(differences: &[f64], alternative: Alternative) -> Result<WilcoxonTest, StatsError> {
    check_values(differences, 1)?;
    let nonzero: Vec<f64> = differences.iter().copied().filter(|&difference| difference != 0.0).collect();
    let n = nonzero.len();
    let zeros = differences.len() - n;
    if n == 0 {
        return Ok(WilcoxonTest { n, zeros, w_plus: 0.0, w_minus: 0.0, p_value: 1.0, exact: true });
    }
    let sizes: Vec<f64> = nonzero.iter().map(|difference| difference.abs()).collect();
    let ranks = ranks(&sizes)?;
    let rank_sum = |positive: bool| -> f64 {
        let signed = nonzero.iter().zip(&ranks);
        signed.filter(|(value, _)| (**value > 0.0) == positive).map(|(_, rank)| rank).sum()
    };
    let (w_plus, w_minus) = (rank_sum(true), rank_sum(false));
    let exact = n <= EXACT_UP_TO;
    let p_value = if exact {
        let distribution = SignedRankDistribution::new(&ranks);
        match alternative {
            Alternative::TwoSided => (2.0 * distribution.at_most(w_plus.min(w_minus))).min(1.0),
            Alternative::Greater => distribution.at_most(w_minus),
            Alternative::Less => distribution.at_most(w_plus),
        }
    } else {
        let count = n as f64;
        let ties: f64 = tie_sizes(&sizes).map(|size| size * size * size - size).sum();
        let sd = (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0).sqrt();
        let excess = w_plus - count * (count + 1.0) / 4.0;
        let upper = |excess: f64| 0.5 * erfc(excess / sd * FRAC_1_SQRT_2);
        match alternative {
            Alternative::TwoSided if excess == 0.0 => 1.0,
            Alternative::TwoSided => (2.0 * upper(excess.abs() - 0.5)).min(1.0),
            Alternative::Greater => upper(excess - 0.5),
            Alternative::Less => upper(-excess - 0.5),
        }
    };
    Ok(WilcoxonTest { n, zeros, w_plus, w_minus, p_value, exact })
}

/// Null distribution of a signed rank sum, over all assignments of signs; symmetric.
struct SignedRankDistribution {
    /// Probability of each *doubled* rank sum: mean ranks of ties are multiples of one half.
    doubled: Vec<f64>,
}

impl SignedRankDistribution {
    fn new(ranks: &[f64]) -> Self {
        let mut doubled = vec![1.0];
        for rank in ranks {
            let step = (2.0 * rank) as usize;
            let mut next = vec![0.0; doubled.len() + step];
            for (sum, probability) in doubled.iter().enumerate() {
                next[sum] += 0.5 * probability;
                next[sum + step] += 0.5 * probability;
            }
            doubled = next;
        }
        Self { doubled }
    }

    fn at_most(&self, rank_sum: f64) -> f64 {
        self.doubled.iter().take((2.0 * rank_sum) as usize + 1).sum()
    }
}
