//! What must be true of `harness_core::stats` whatever the values: invariances, limits, coverage and errors.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use harness_core::stats::{
    Alternative, StatsError, benjamini_hochberg, bootstrap_interval, detectable_effect, geometric_mean, holm,
    interquartile_mean, kendall_tau_b, linear_fit, log_log_slope, mean, median, one_sample_t, paired_differences,
    paired_t, pearson, power_paired_t, quantile, ranks, ratio_interval, seeds_needed, sign_test, spearman, std_dev,
    stratified_bootstrap, t_interval, tasks_interquartile_mean, tost, variance, welch_t, wilcoxon_signed_rank,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rand_distr::StandardNormal;

const ALTERNATIVES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Greater, Alternative::Less];

type Summary = fn(&[f64]) -> Result<f64, StatsError>;

const LOCATIONS: [(&str, Summary); 3] =
    [("mean", mean), ("median", median), ("interquartile mean", interquartile_mean)];

/// Values on a grid of one eighth: ties occur, and negation and small sums are exact.
fn values(least: usize) -> impl Strategy<Value = Vec<f64>> {
    vec((-800_i32..800).prop_map(|eighths| f64::from(eighths) / 8.0), least..30)
}

/// Such values that are not all equal.
fn varied(least: usize) -> impl Strategy<Value = Vec<f64>> {
    values(least).prop_filter("all values are equal", |values| varies(values))
}

/// Pairs of which neither side is constant.
fn varied_pairs(least: usize) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    vec((-80_i32..80, -80_i32..80), least..30)
        .prop_map(|pairs| pairs.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).unzip())
        .prop_filter("one side is constant", |(x, y): &(Vec<f64>, Vec<f64>)| varies(x) && varies(y))
}

fn varies(values: &[f64]) -> bool {
    values.iter().any(|value| *value != values[0])
}

/// A list with one order of its values and another.
fn reordered(least: usize) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    values(least).prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle()))
}

fn map(values: &[f64], change: impl Fn(f64) -> f64) -> Vec<f64> {
    values.iter().map(|value| change(*value)).collect()
}

fn near(left: f64, right: f64) -> bool {
    left == right || (left - right).abs() <= 1e-9 * (1.0 + left.abs().max(right.abs()))
}

proptest! {
    #[test]
    fn order_does_not_matter((values, shuffled) in reordered(2)) {
        for (name, location) in LOCATIONS {
            prop_assert!(near(location(&values)?, location(&shuffled)?), "{}", name);
        }
        prop_assert!(near(variance(&values)?, variance(&shuffled)?));
        prop_assert_eq!(quantile(&values, 0.3)?, quantile(&shuffled, 0.3)?);
        let (first, second) = (t_interval(&values, 0.9)?, t_interval(&shuffled, 0.9)?);
        prop_assert!(near(first.low, second.low) && near(first.high, second.high));
    }

    #[test]
    fn locations_follow_shift_and_scale(values in values(2), shift in -50.0..50.0, scale in -4.0_f64..4.0) {
        let changed = map(&values, |value| scale * value + shift);
        for (name, location) in LOCATIONS {
            prop_assert!(near(location(&changed)?, scale * location(&values)? + shift), "{}", name);
        }
        prop_assert!(near(std_dev(&changed)?, scale.abs() * std_dev(&values)?));
    }

    #[test]
    fn locations_lie_within_the_values(values in values(1)) {
        let (low, high) = (quantile(&values, 0.0)?, quantile(&values, 1.0)?);
        prop_assert!(values.iter().all(|value| low <= *value && *value <= high));
        for (name, location) in LOCATIONS {
            let location = location(&values)?;
            prop_assert!(low - 1e-9 <= location && location <= high + 1e-9, "{}", name);
        }
    }

    #[test]
    fn quantiles_rise(values in values(1), first in 0.0..=1.0, second in 0.0..=1.0) {
        let (low, high) = (f64::min(first, second), f64::max(first, second));
        prop_assert!(quantile(&values, low)? <= quantile(&values, high)? + 1e-12);
    }

    #[test]
    fn geometric_mean_is_below_the_mean(values in vec(0.01..100.0, 1..20)) {
        prop_assert!(geometric_mean(&values)? <= mean(&values)? * (1.0 + 1e-12));
    }

    #[test]
    fn intervals_hold_the_mean_and_widen(values in varied(2), level in 0.05..0.95) {
        let narrow = t_interval(&values, level)?;
        let wide = t_interval(&values, level + 0.04)?;
        prop_assert!(narrow.contains(mean(&values)?));
        prop_assert!(wide.low < narrow.low && narrow.high < wide.high);
    }

    #[test]
    fn intervals_and_tests_agree(values in varied(2)) {
        let test = paired_t(&values, 0.95, Alternative::TwoSided)?;
        // Away from the edge, where the last digit decides.
        prop_assume!((test.p_value - 0.05).abs() > 1e-9);
        prop_assert_eq!(test.p_value < 0.05, !test.interval.contains(0.0));
    }

    #[test]
    fn paired_tests_flip_sign(values in varied(2)) {
        let flipped = map(&values, |value| -value);
        let (greater, less) = (Alternative::Greater, Alternative::Less);
        let (one, other) = (paired_t(&values, 0.95, greater)?, paired_t(&flipped, 0.95, less)?);
        prop_assert!(near(one.t, -other.t) && near(one.p_value, other.p_value));
        prop_assert!(near(one.interval.low, -other.interval.high));
        prop_assert!(near(one.detectable, other.detectable));

        let (one, other) = (sign_test(&values, greater)?, sign_test(&flipped, less)?);
        prop_assert_eq!((one.positive, one.negative), (other.negative, other.positive));
        prop_assert_eq!(one.p_value, other.p_value);

        let (one, other) =
            (wilcoxon_signed_rank(&values, greater)?, wilcoxon_signed_rank(&flipped, less)?);
        prop_assert_eq!((one.w_plus, one.w_minus), (other.w_minus, other.w_plus));
        prop_assert!(near(one.p_value, other.p_value));

        for test in [
            |values: &[f64]| paired_t(values, 0.95, Alternative::TwoSided).map(|test| test.p_value),
            |values: &[f64]| sign_test(values, Alternative::TwoSided).map(|test| test.p_value),
            |values: &[f64]| wilcoxon_signed_rank(values, Alternative::TwoSided).map(|test| test.p_value),
            |values: &[f64]| tost(values, 10.0, 0.05).map(|test| test.p_value),
        ] {
            prop_assert!(near(test(&values)?, test(&flipped)?));
        }
    }

    #[test]
    fn paired_t_does_not_depend_on_the_unit(values in varied(2), scale in 0.001..1000.0) {
        let test = paired_t(&values, 0.95, Alternative::TwoSided)?;
        let scaled = paired_t(&map(&values, |value| scale * value), 0.95, Alternative::TwoSided)?;
        prop_assert!(near(test.p_value, scaled.p_value));
        prop_assert!(near(test.detectable * scale, scaled.detectable));
    }

    #[test]
    fn one_sample_is_paired_after_a_shift(values in varied(2), null in -50_i32..50) {
        let null = f64::from(null);
        let direct = one_sample_t(&values, null, 0.95, Alternative::Less)?;
        let shifted = paired_t(&map(&values, |value| value - null), 0.95, Alternative::Less)?;
        prop_assert!(near(direct.t, shifted.t) && near(direct.p_value, shifted.p_value));
    }

    #[test]
    fn welch_flips_with_its_groups(first in varied(2), second in varied(2)) {
        let one = welch_t(&first, &second, 0.95, Alternative::Greater)?;
        let other = welch_t(&second, &first, 0.95, Alternative::Less)?;
        prop_assert!(near(one.t, -other.t) && near(one.df, other.df) && near(one.p_value, other.p_value));
        let most = (first.len() + second.len() - 2) as f64;
        let least = (first.len().min(second.len()) - 1) as f64;
        prop_assert!(least - 1e-9 <= one.df && one.df <= most + 1e-9);
    }

    #[test]
    fn p_values_are_probabilities(values in values(2), other in values(2)) {
        for alternative in ALTERNATIVES {
            for p_value in [
                paired_t(&values, 0.95, alternative)?.p_value,
                welch_t(&values, &other, 0.95, alternative)?.p_value,
                sign_test(&values, alternative)?.p_value,
                wilcoxon_signed_rank(&values, alternative)?.p_value,
                tost(&values, 3.0, 0.05)?.p_value,
            ] {
                prop_assert!((0.0..=1.0).contains(&p_value), "{}", p_value);
            }
        }
    }

    #[test]
    fn equivalence_is_an_interval_within_the_margin(values in varied(2), margin in 0.1..200.0) {
        let test = tost(&values, margin, 0.05)?;
        prop_assume!((test.p_value - 0.05).abs() > 1e-9);
        let inside = -margin < test.interval.low && test.interval.high < margin;
        prop_assert_eq!(test.equivalent, inside);
    }

    #[test]
    fn ratios_have_reciprocals(
        pairs in vec((0.1..10.0, 0.1..10.0), 2..12),
        scale in 0.1..10.0,
    ) {
        let (above, below): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let estimate = ratio_interval(&above, &below, 0.95)?;
        let reciprocal = ratio_interval(&below, &above, 0.95)?;
        prop_assert!(near(estimate.ratio * reciprocal.ratio, 1.0));
        prop_assert!(near(estimate.interval.low * reciprocal.interval.high, 1.0));
        prop_assert!(estimate.interval.contains(estimate.ratio));
        let scaled = ratio_interval(&map(&above, |value| scale * value), &below, 0.95)?;
        prop_assert!(near(scaled.ratio, scale * estimate.ratio));
    }

    #[test]
    fn ranks_sum_and_keep_order(values in values(1)) {
        let ranks = ranks(&values)?;
        let count = values.len() as f64;
        prop_assert_eq!(ranks.iter().sum::<f64>(), count * (count + 1.0) / 2.0);
        for (first, first_rank) in values.iter().zip(&ranks) {
            for (second, second_rank) in values.iter().zip(&ranks) {
                prop_assert_eq!(first.total_cmp(second), first_rank.total_cmp(second_rank));
            }
        }
    }

    #[test]
    fn correlations_are_symmetric_and_flip((x, y) in varied_pairs(2)) {
        let flipped = map(&y, |value| -value);
        for correlation in [pearson, spearman, kendall_tau_b] {
            let value = correlation(&x, &y)?;
            prop_assert!((-1.0..=1.0).contains(&value));
            prop_assert!(near(value, correlation(&y, &x)?));
            prop_assert!(near(value, -correlation(&x, &flipped)?));
            prop_assert!(near(correlation(&x, &x)?, 1.0));
        }
    }

    #[test]
    fn rank_correlations_ignore_increasing_changes((x, y) in varied_pairs(2)) {
        let bent = map(&y, |value| value.powi(3) + 7.0);
        prop_assert!(near(spearman(&x, &y)?, spearman(&x, &bent)?));
        prop_assert!(near(kendall_tau_b(&x, &y)?, kendall_tau_b(&x, &bent)?));
    }

    #[test]
    fn lines_are_recovered(x in varied(3), slope in -20.0..20.0, intercept in -20.0..20.0) {
        let y = map(&x, |x| intercept + slope * x);
        let fit = linear_fit(&x, &y, 0.95)?;
        prop_assert!(near(fit.slope, slope) && near(fit.intercept, intercept));
    }

    #[test]
    fn powers_are_recovered(exponent in -3.0..3.0, factor in 0.1_f64..10.0) {
        let x = [1.0, 2.0, 4.0, 8.0, 16.0];
        let fit = log_log_slope(&x, &map(&x, |x: f64| factor * x.powf(exponent)), 0.95)?;
        prop_assert!(near(fit.slope, exponent) && near(fit.intercept, factor.ln()));
    }

    #[test]
    fn residuals_add_up_to_one((x, y) in varied_pairs(3)) {
        let fit = linear_fit(&x, &y, 0.95)?;
        prop_assert!(near(fit.r2, pearson(&x, &y)?.powi(2)));
        prop_assert!(fit.slope_interval.contains(fit.slope));
    }

    #[test]
    fn adjusted_p_values_are_larger_and_ordered(p_values in vec(0.0..=1.0, 1..20)) {
        let (holm, hochberg) = (holm(&p_values)?, benjamini_hochberg(&p_values)?);
        for first in 0..p_values.len() {
            prop_assert!(p_values[first] <= hochberg[first] && hochberg[first] <= holm[first] + 1e-15);
            prop_assert!(holm[first] <= 1.0);
            for second in 0..p_values.len() {
                if p_values[first] <= p_values[second] {
                    prop_assert!(holm[first] <= holm[second] && hochberg[first] <= hochberg[second]);
                }
            }
        }
    }

    #[test]
    fn adjustment_follows_its_claim((p_values, shuffled) in vec(0.0..=1.0, 1..12)
        .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())))
    {
        for adjust in [holm, benjamini_hochberg] {
            let (mut left, mut right) = (adjust(&p_values)?, adjust(&shuffled)?);
            left.sort_by(f64::total_cmp);
            right.sort_by(f64::total_cmp);
            prop_assert_eq!(left, right);
        }
    }

    #[test]
    fn detectable_effects_have_their_power(n in 2_usize..40, alpha in 0.001..0.2, power in 0.3..0.99) {
        let effect = detectable_effect(1.0, n, alpha, power)?;
        prop_assert!((power_paired_t(effect, 1.0, n, alpha)? - power).abs() < 1e-9);
        prop_assert!(power_paired_t(1.01 * effect, 1.0, n, alpha)? > power);
        prop_assert!(detectable_effect(1.0, n + 1, alpha, power)? < effect);
    }

    #[test]
    fn seeds_needed_is_the_smallest(effect in 0.2..4.0, alpha in 0.01..0.1) {
        if let Some(n) = seeds_needed(effect, 1.0, alpha, 0.8, 300)? {
            prop_assert!(power_paired_t(effect, 1.0, n, alpha)? >= 0.8);
            prop_assert!(n == 2 || power_paired_t(effect, 1.0, n - 1, alpha)? < 0.8);
        } else {
            prop_assert!(power_paired_t(effect, 1.0, 300, alpha)? < 0.8);
        }
    }

    #[test]
    fn bootstrap_repeats_and_stays_within_the_values(values in varied(2), seed in any::<u64>()) {
        let interval = || {
            bootstrap_interval(&values, mean, 100, &mut ChaCha12Rng::seed_from_u64(seed), 0.9)
        };
        let first = interval()?;
        prop_assert_eq!(first, interval()?);
        prop_assert!(first.low <= first.high);
        prop_assert!(quantile(&values, 0.0)? - 1e-9 <= first.low);
        prop_assert!(first.high <= quantile(&values, 1.0)? + 1e-9);
    }

    #[test]
    fn non_finite_values_are_named(
        mut values in varied(3),
        bad in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        position in any::<prop::sample::Index>(),
    ) {
        let index = position.index(values.len());
        let good = values.clone();
        values[index] = bad;
        let mut rng = ChaCha12Rng::seed_from_u64(0);
        let errors = [
            mean(&values).err(),
            variance(&values).err(),
            median(&values).err(),
            interquartile_mean(&values).err(),
            geometric_mean(&values).err(),
            t_interval(&values, 0.95).err(),
            paired_t(&values, 0.95, Alternative::TwoSided).err(),
            paired_differences(&good, &values).err(),
            welch_t(&good, &values, 0.95, Alternative::TwoSided).err(),
            tost(&values, 1.0, 0.05).err(),
            ratio_interval(&good, &values, 0.95).err(),
            sign_test(&values, Alternative::TwoSided).err(),
            wilcoxon_signed_rank(&values, Alternative::TwoSided).err(),
            ranks(&values).err(),
            pearson(&good, &values).err(),
            spearman(&values, &good).err(),
            kendall_tau_b(&good, &values).err(),
            linear_fit(&good, &values, 0.95).err(),
            log_log_slope(&values, &good, 0.95).err(),
            bootstrap_interval(&values, mean, 100, &mut rng, 0.95).err(),
        ];
        for (position, error) in errors.into_iter().enumerate() {
            let Some(StatsError::NotFinite { index: named, value }) = error else {
                return Err(TestCaseError::fail(format!("function {position}: {error:?}")));
            };
            prop_assert_eq!(named, index);
            prop_assert_eq!(value.to_bits(), bad.to_bits());
        }
    }
}

/// The share of 4000 normal samples whose 95 % interval holds the true mean.
fn coverage(n: usize, interval: impl Fn(&[f64]) -> Result<bool, StatsError>) -> f64 {
    const DRAWS: usize = 4000;
    let mut rng = ChaCha12Rng::seed_from_u64(n as u64);
    let mut covered = 0;
    for _ in 0..DRAWS {
        let sample: Vec<f64> = (0..n).map(|_| 3.0 + 2.0 * rng.sample::<f64, _>(StandardNormal)).collect();
        covered += usize::from(interval(&sample).expect("a sample of normal values"));
    }
    covered as f64 / DRAWS as f64
}

#[test]
fn t_intervals_cover_as_often_as_they_say() {
    for n in [3, 5, 10] {
        let share = coverage(n, |sample| Ok(t_interval(sample, 0.95)?.contains(3.0)));
        assert!((share - 0.95).abs() < 0.02, "n = {n}: {share}");
    }
}

#[test]
fn power_is_the_share_of_rejections() -> Result<(), StatsError> {
    // The samples have mean 3 and standard deviation 2; the effect under test is 3.
    for n in [3, 5] {
        let share = coverage(n, |sample| Ok(!t_interval(sample, 0.95)?.contains(0.0)));
        let power = power_paired_t(3.0, 2.0, n, 0.05)?;
        assert!((share - power).abs() < 0.025, "n = {n}: {share} against {power}");
    }
    Ok(())
}

#[test]
fn bootstrap_approaches_the_t_interval_on_many_values() -> Result<(), StatsError> {
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let values: Vec<f64> = (0..200).map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
    let exact = t_interval(&values, 0.95)?;
    let bootstrap = bootstrap_interval(&values, mean, 4000, &mut rng, 0.95)?;
    let tolerance = 0.05 * exact.width();
    assert!((bootstrap.low - exact.low).abs() < tolerance, "{bootstrap:?} against {exact:?}");
    assert!((bootstrap.high - exact.high).abs() < tolerance, "{bootstrap:?} against {exact:?}");
    Ok(())
}

#[test]
fn stratified_bootstrap_never_mixes_tasks() -> Result<(), StatsError> {
    // Tasks differ far more than runs. Resampled within tasks, the mean moves by the runs only; resampled over
    // everything, it would move by hundreds.
    let tasks = vec![vec![0.0, 0.1, 0.2], vec![1000.0, 1000.1, 1000.2, 1000.3]];
    let check = |sample: &[Vec<f64>]| {
        assert_eq!(sample.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4]);
        assert!(sample[0].iter().all(|score| tasks[0].contains(score)));
        assert!(sample[1].iter().all(|score| tasks[1].contains(score)));
        mean(&sample.concat())
    };
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    let interval = stratified_bootstrap(&tasks, check, 500, &mut rng, 0.95)?;
    assert!(interval.contains(mean(&tasks.concat())?));
    assert!(interval.width() < 0.2, "{interval:?}");
    Ok(())
}

#[test]
fn tasks_are_pooled_for_the_interquartile_mean() {
    let tasks = [vec![-100.0, 1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0, 100.0]];
    assert_eq!(tasks_interquartile_mean(&tasks), Ok(3.5));
    assert_eq!(tasks_interquartile_mean(&[]), Err(StatsError::TooFewValues { needed: 1, got: 0 }));
}

#[test]
fn equal_values_have_no_spread() -> Result<(), StatsError> {
    // 0.1 is not exact in binary: a plain sum of three would give a mean off by one unit in the last place.
    let same = [0.1, 0.1, 0.1];
    assert_eq!(variance(&same)?, 0.0);
    let interval = t_interval(&same, 0.95)?;
    assert_eq!((interval.low, interval.high), (0.1, 0.1));

    let p_values = |values: &[f64]| -> Result<Vec<f64>, StatsError> {
        ALTERNATIVES.iter().map(|alternative| paired_t(values, 0.95, *alternative).map(|test| test.p_value)).collect()
    };
    assert_eq!(p_values(&same)?, [0.0, 0.0, 1.0]);
    assert_eq!(p_values(&[-0.1, -0.1])?, [0.0, 1.0, 0.0]);
    assert_eq!(p_values(&[0.0, 0.0])?, [1.0, 1.0, 1.0]);
    let test = paired_t(&same, 0.95, Alternative::TwoSided)?;
    assert_eq!((test.t, test.se, test.detectable), (f64::INFINITY, 0.0, 0.0));

    let welch = welch_t(&same, &[0.2, 0.2], 0.95, Alternative::Less)?;
    assert_eq!((welch.t, welch.df, welch.p_value), (f64::NEG_INFINITY, 3.0, 0.0));

    assert_eq!(tost(&same, 0.2, 0.05)?.p_value, 0.0);
    assert_eq!(tost(&same, 0.1, 0.05)?.p_value, 1.0);
    assert_eq!(tost(&same, 0.05, 0.05)?.p_value, 1.0);
    Ok(())
}

#[test]
fn a_test_that_nearly_always_rejects_detects_anything() -> Result<(), StatsError> {
    let values = [0.3, -0.1, 0.4];
    assert_eq!(paired_t(&values, 0.1, Alternative::TwoSided)?.detectable, 0.0);
    assert!(paired_t(&values, 0.3, Alternative::TwoSided)?.detectable > 0.0);
    Ok(())
}

#[test]
fn no_difference_at_all_is_no_evidence() -> Result<(), StatsError> {
    let none = [0.0; 5];
    for alternative in ALTERNATIVES {
        let sign = sign_test(&none, alternative)?;
        assert_eq!((sign.zeros, sign.p_value), (5, 1.0));
        let rank = wilcoxon_signed_rank(&none, alternative)?;
        assert_eq!((rank.n, rank.zeros, rank.p_value), (0, 5, 1.0));
    }
    Ok(())
}

#[test]
fn large_values_keep_their_variance() -> Result<(), StatsError> {
    // The textbook formula Σx² − n·x̄² loses every digit here.
    let values = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
    assert_eq!(variance(&values)?, 30.0);
    Ok(())
}

#[test]
fn input_that_cannot_be_judged_is_an_error() {
    let few = |needed, got| StatsError::TooFewValues { needed, got };
    assert_eq!(mean(&[]), Err(few(1, 0)));
    assert_eq!(variance(&[1.0]), Err(few(2, 1)));
    assert_eq!(t_interval(&[1.0], 0.95).err(), Some(few(2, 1)));
    assert_eq!(paired_t(&[1.0], 0.95, Alternative::TwoSided).err(), Some(few(2, 1)));
    assert_eq!(linear_fit(&[1.0, 2.0], &[1.0, 2.0], 0.95).err(), Some(few(3, 2)));
    assert_eq!(detectable_effect(1.0, 1, 0.05, 0.8), Err(few(2, 1)));

    assert_eq!(paired_differences(&[1.0, 2.0], &[1.0]), Err(StatsError::UnequalLengths { left: 2, right: 1 }));
    assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), Err(StatsError::ZeroVariance { what: "x values" }));
    assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), Err(StatsError::ZeroVariance { what: "y values" }));
    assert_eq!(geometric_mean(&[1.0, 0.0]), Err(StatsError::NotPositive { index: 1, value: 0.0 }));
    assert_eq!(mean(&[f64::MAX, f64::MIN]), Err(StatsError::Overflow));

    for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
        let error = t_interval(&[1.0, 2.0], level).err();
        assert!(matches!(error, Some(StatsError::OutOfRange { name: "level", .. })), "{level}");
    }
    for power in [0.05, 0.01, 1.0, f64::NAN] {
        let error = detectable_effect(1.0, 5, 0.05, power).err();
        assert!(matches!(error, Some(StatsError::OutOfRange { name: "power", .. })), "{power}");
    }
    for margin in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let error = tost(&[1.0, 2.0], margin, 0.05).err();
        assert!(matches!(error, Some(StatsError::OutOfRange { name: "margin", .. })), "{margin}");
    }
    for p_value in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(holm(&[0.5, p_value]), Err(StatsError::OutOfRange { .. })), "{p_value}");
    }
    assert_eq!(holm(&[]), Ok(vec![]));

    let mut rng = ChaCha12Rng::seed_from_u64(0);
    let tasks = [vec![1.0, 2.0], vec![1.0]];
    assert_eq!(
        stratified_bootstrap(&tasks, tasks_interquartile_mean, 100, &mut rng, 0.95),
        Err(StatsError::Task { task: 1, source: Box::new(few(2, 1)) })
    );
    assert_eq!(stratified_bootstrap(&[], tasks_interquartile_mean, 100, &mut rng, 0.95), Err(StatsError::NoTasks));
    let undefined = |_: &[f64]| Ok(f64::NAN);
    assert!(matches!(
        bootstrap_interval(&[1.0, 2.0], undefined, 100, &mut rng, 0.95),
        Err(StatsError::StatisticNotFinite { .. })
    ));
}

#[test]
fn errors_say_what_to_do() {
    let message = |error: StatsError| error.to_string();
    assert_eq!(
        message(StatsError::TooFewValues { needed: 2, got: 1 }),
        "expected at least 2 values, got 1; run more seeds"
    );
    assert_eq!(
        message(StatsError::OutOfRange { name: "level", range: "strictly between 0 and 1", got: 95.0 }),
        "expected level strictly between 0 and 1, got 95"
    );
}

#[test]
fn seeds_needed_at_its_limits() -> Result<(), StatsError> {
    assert_eq!(seeds_needed(0.0, 1.0, 0.05, 0.8, 1000)?, None);
    assert_eq!(seeds_needed(1.0, 0.0, 0.05, 0.8, 1000)?, Some(2));
    assert_eq!(seeds_needed(1.0, 1.0, 0.05, 0.8, 1)?, None);
    assert_eq!(seeds_needed(-0.8, 1.0, 0.05, 0.8, 1000)?, seeds_needed(0.8, 1.0, 0.05, 0.8, 1000)?);
    Ok(())
}
