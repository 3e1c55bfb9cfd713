//! Exact test of rank correlations, one per seed.
//!
//! A rank correlation of a few points takes few values, so that several seeds are easily all alike by chance, and then a
//! t test sees no spread at all. Under the null hypothesis every order of the points is equally likely in every seed;
//! the distribution of the sum of correlations follows from that by counting.

use std::collections::BTreeMap;
use std::f64::consts::FRAC_1_SQRT_2;

use statrs::function::erf::erfc;

use super::correlation::{kendall_tau_b, ranks, spearman};
use super::error::{StatsError, check_pairs};

/// Up to this many points all orders are counted: `7! = 5040`.
const COUNTED_UP_TO: usize = 7;

/// Beyond so many products of probabilities the sum is normal to all digits that matter.
const MOST_PRODUCTS: usize = 200_000;

/// Correlations are compared in steps of a millionth.
const STEPS: f64 = 1e6;

/// Which rank correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankCorrelation {
    /// Spearman's.
    Spearman,
    /// Kendall's tau-b.
    Kendall,
}

impl RankCorrelation {
    /// The correlation of two lists; 0 where one of them does not vary, which has no order.
    pub fn of(self, x: &[f64], y: &[f64]) -> f64 {
        match self {
            RankCorrelation::Spearman => spearman(x, y),
            RankCorrelation::Kendall => kendall_tau_b(x, y),
        }
        .unwrap_or(0.0)
    }

    /// Variance over all orders of `count` distinct points.
    fn variance(self, count: usize) -> f64 {
        let count = count as f64;
        match self {
            RankCorrelation::Spearman => 1.0 / (count - 1.0),
            RankCorrelation::Kendall => 2.0 * (2.0 * count + 5.0) / (9.0 * count * (count - 1.0)),
        }
    }
}

/// Two-sided p-value of the sum of rank correlations over seeds, if within each seed every order is equally likely.
///
/// Each seed gives its points `(x, y)`. Up to seven points the distribution of a seed's correlation is counted over all
/// orders of y, ties included, and seeds are added by convolution; for more points, or very many seeds, the sum is taken
/// as normal with the exact variance (for Kendall's tau-b with ties, that without ties). The idea is that of Page's test
/// ("Ordered hypotheses for multiple treatments", J. American Statistical Association 58, 1963), which sums rank
/// correlations over blocks.
///
/// # Errors
/// No seed, or points as in [`spearman`] that are not finite, fewer than two or of unequal lengths.
pub fn rank_correlations_p(seeds: &[(Vec<f64>, Vec<f64>)], kind: RankCorrelation) -> Result<f64, StatsError> {
    if seeds.is_empty() {
        return Err(StatsError::TooFewValues { needed: 1, got: 0 });
    }
    let mut known: BTreeMap<Vec<u64>, BTreeMap<i64, f64>> = BTreeMap::new();
    let mut observed = 0_i64;
    let mut variance = 0.0;
    let mut sums: Option<BTreeMap<i64, f64>> = Some(BTreeMap::from([(0, 1.0)]));
    for (x, y) in seeds {
        check_pairs(x, y, 2)?;
        let (x, y) = (ranks(x)?, ranks(y)?);
        observed += step(kind.of(&x, &y));
        if x.len() > COUNTED_UP_TO {
            variance += kind.variance(x.len());
            sums = None;
            continue;
        }
        let mut pattern: Vec<u64> = Vec::new();
        for side in [&x, &y] {
            let mut sorted = side.clone();
            sorted.sort_by(f64::total_cmp);
            pattern.extend(sorted.iter().map(|rank| rank.to_bits()));
        }
        let distribution = known.entry(pattern).or_insert_with(|| over_all_orders(&x, &y, kind));
        variance += distribution.iter().map(|(value, share)| (*value as f64 / STEPS).powi(2) * share).sum::<f64>();
        sums = sums.filter(|sums| sums.len() * distribution.len() <= MOST_PRODUCTS).map(|sums| {
            let mut next = BTreeMap::new();
            for (sum, probability) in &sums {
                for (value, share) in distribution.iter() {
                    *next.entry(sum + value).or_insert(0.0) += probability * share;
                }
            }
            next
        });
    }
    let two_sided = match sums {
        Some(sums) => {
            // Equal sums of other correlations may differ by the rounding of each to steps: 3 · ⅓ and 1.
            let slack = i64::try_from(seeds.len()).unwrap_or(i64::MAX / 4);
            let at_least: f64 = sums.range(observed - slack..).map(|(_, probability)| probability).sum();
            let at_most: f64 = sums.range(..=observed + slack).map(|(_, probability)| probability).sum();
            2.0 * at_least.min(at_most)
        }
        None if variance == 0.0 => 1.0,
        None => erfc((observed as f64 / STEPS).abs() / variance.sqrt() * FRAC_1_SQRT_2),
    };
    Ok(two_sided.min(1.0))
}

fn step(correlation: f64) -> i64 {
    (correlation * STEPS).round() as i64
}

/// The correlation over all orders of `y`, by its value in steps.
fn over_all_orders(x: &[f64], y: &[f64], kind: RankCorrelation) -> BTreeMap<i64, f64> {
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    let mut order = y.to_vec();
    let mut total = 0_u32;
    let mut visit = |order: &[f64]| {
        *counts.entry(step(kind.of(x, order))).or_default() += 1;
        total += 1;
    };
    // Heap's algorithm: each order follows from the last by one exchange.
    let mut state = vec![0; order.len()];
    visit(&order);
    let mut index = 1;
    while index < order.len() {
        if state[index] < index {
            let other = if index % 2 == 0 { 0 } else { state[index] };
            order.swap(other, index);
            visit(&order);
            state[index] += 1;
            index = 1;
        } else {
            state[index] = 0;
            index += 1;
        }
    }
    counts.into_iter().map(|(value, count)| (value, f64::from(count) / f64::from(total))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(orders: &[&[f64]]) -> Vec<(Vec<f64>, Vec<f64>)> {
        orders.iter().map(|y| ((1..=y.len()).map(|x| x as f64).collect(), y.to_vec())).collect()
    }

    #[test]
    fn small_cases_by_hand() {
        // Two points: each seed is a coin. Three heads have probability 1/8, twice that two-sided.
        let up: &[f64] = &[1.0, 2.0];
        for kind in [RankCorrelation::Spearman, RankCorrelation::Kendall] {
            assert_eq!(rank_correlations_p(&seeds(&[up, up, up]), kind), Ok(0.25));
            // Three points in the claimed order in two seeds: (1/6)², twice.
            let up: &[f64] = &[0.1, 0.5, 0.7];
            let p_value = rank_correlations_p(&seeds(&[up, up]), kind).unwrap();
            assert!((p_value - 2.0 / 36.0).abs() < 1e-12, "{p_value}");
        }
        // Five seeds that sum to a third in several ways, 1 + ⅓ − 1 and ⅓ + ⅓ − ⅓ among them, which are equally far out.
        let (best, good, worst): (&[f64], &[f64], &[f64]) = (&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0], &[3.0, 2.0, 1.0]);
        let bad: &[f64] = &[3.0, 1.0, 2.0];
        let p_value = |orders: &[&[f64]]| rank_correlations_p(&seeds(orders), RankCorrelation::Kendall).unwrap();
        assert!((p_value(&[best, good, worst]) - p_value(&[good, good, bad])).abs() < 1e-12);
        // No order at all is no evidence.
        assert_eq!(rank_correlations_p(&seeds(&[&[1.0, 1.0, 1.0]]), RankCorrelation::Kendall), Ok(1.0));
    }

    #[test]
    fn counting_and_the_normal_approximation_meet() {
        let points = |n: usize| (0..n).map(|i| ((7 * i) % n) as f64 + 0.3 * i as f64).collect::<Vec<f64>>();
        for kind in [RankCorrelation::Spearman, RankCorrelation::Kendall] {
            let y = points(COUNTED_UP_TO);
            let list: Vec<_> = (0..12).map(|_| y.clone()).collect();
            let list: Vec<&[f64]> = list.iter().map(Vec::as_slice).collect();
            let counted = rank_correlations_p(&seeds(&list), kind).unwrap();
            let x: Vec<f64> = (1..=y.len()).map(|x| x as f64).collect();
            let sum = 12.0 * kind.of(&x, &y);
            let normal = erfc(sum.abs() / (12.0 * kind.variance(y.len())).sqrt() * FRAC_1_SQRT_2);
            assert!((counted - normal).abs() < 0.03, "{counted} against {normal}");
        }
    }
}
