//! From records to verdicts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::record;
use harness_core::cell::Cell;
use harness_core::claim::Test;
use harness_core::evidence::{Evidence, Verdict};
use harness_core::paper::Profile;
use harness_core::record::{Outcome, Record};
use harness_core::results::Results;

fn test(yaml: &str) -> Test {
    #[derive(serde::Deserialize)]
    struct Holder {
        #[serde(with = "serde_yaml::with::singleton_map_recursive")]
        test: Test,
    }
    serde_yaml::from_str::<Holder>(&format!("test: {yaml}")).unwrap().test
}

fn results(records: Vec<Record>) -> Results {
    Results::new("example", Profile::Quick, records)
}

fn two_arms(ours: &[f64], theirs: &[f64]) -> Results {
    let of = |arm: &'static str, values: &[f64]| -> Vec<Record> {
        values.iter().zip(0..).map(|(value, seed)| record(arm, Cell::new(), seed, "accuracy", *value)).collect()
    };
    results([of("ours", ours), of("theirs", theirs)].concat())
}

fn paired(ours: &[f64], theirs: &[f64], rest: &str) -> Evidence {
    test(&format!("{{paired: {{metric: accuracy, method: ours, baseline: theirs, better: higher{rest}}}}}"))
        .apply(&two_arms(ours, theirs))
        .unwrap()
}

#[test]
fn paired_differences_are_taken_seed_by_seed() {
    // The arms overlap widely, but every seed gains between 1.9 and 2.1.
    let evidence = paired(&[12.0, 52.1, 91.9], &[10.0, 50.0, 90.0], "");
    assert_eq!(evidence.verdict, Verdict::Reproduced);
    assert!((evidence.effect.unwrap() - 2.0).abs() < 1e-9);
    let interval = evidence.interval.unwrap();
    assert!(interval.low > 1.7 && interval.high < 2.3);
    assert_eq!(evidence.n, 3);
    assert!(evidence.detectable.unwrap() > 0.0);
}

#[test]
fn the_direction_of_better_turns_the_sign() {
    let lower = test("{paired: {metric: accuracy, method: ours, baseline: theirs, better: lower}}");
    let evidence = lower.apply(&two_arms(&[12.0, 52.1, 91.9], &[10.0, 50.0, 90.0])).unwrap();
    assert_eq!(evidence.verdict, Verdict::Contradicted);
    assert!(evidence.effect.unwrap() < 0.0);
}

#[test]
fn a_clear_effect_below_the_asked_one_is_direction_only() {
    let evidence = paired(&[12.0, 52.1, 91.9], &[10.0, 50.0, 90.0], ", min_effect: 5");
    assert_eq!(evidence.verdict, Verdict::DirectionOnly);
}

#[test]
fn noise_is_inconclusive_and_agreeing_seeds_are_direction_only() {
    assert_eq!(paired(&[1.0, 5.0, 2.0], &[2.0, 1.0, 3.0], "").verdict, Verdict::Inconclusive);
    assert_eq!(paired(&[2.0, 9.0, 3.0], &[1.0, 1.0, 2.0], "").verdict, Verdict::DirectionOnly);
}

#[test]
fn one_seed_has_no_interval_and_never_reproduces() {
    let evidence = paired(&[9.0], &[1.0], "");
    assert_eq!(evidence.verdict, Verdict::Inconclusive);
    assert_eq!(evidence.interval, None);
    assert_eq!(Evidence::from_checks("exact", &[true], "holds").verdict, Verdict::DirectionOnly);
}

#[test]
fn a_diverged_value_is_never_averaged() {
    let error = test("{paired: {metric: accuracy, method: ours, baseline: theirs, better: higher}}")
        .apply(&two_arms(&[f64::NAN, 9.0, 9.0], &[1.0, 1.0, 1.0]))
        .unwrap_err();
    assert!(matches!(error, harness_core::Error::Diverged(_)), "{error}");
    assert!(error.to_string().contains("seed 0"));
    assert_eq!(Evidence::from_effects("x", &[1.0, f64::INFINITY], 0.0).verdict, Verdict::Inconclusive);
}

#[test]
fn a_failed_trial_never_counts() {
    let mut records = two_arms(&[12.0, 52.1, 91.9], &[10.0, 50.0, 90.0]).records().to_vec();
    records[2].outcome = Outcome::Failed { reason: "killed".into() };
    let evidence = test("{paired: {metric: accuracy, method: ours, baseline: theirs, better: higher}}")
        .apply(&results(records.clone()))
        .unwrap();
    assert_eq!(evidence.n, 2, "seed 2 of one arm failed, so the pair is gone");
    records.retain(|record| record.arm == "theirs");
    let error = test("{paired: {metric: accuracy, method: ours, baseline: theirs, better: higher}}")
        .apply(&results(records))
        .unwrap_err();
    assert!(matches!(error, harness_core::Error::Missing(_)), "{error}");
}

#[test]
fn a_seed_that_lacks_a_cell_is_left_out() {
    let cell = |n: i64| Cell::new().with("n", n);
    let records = vec![
        record("ours", cell(1), 0, "accuracy", 1.0),
        record("ours", cell(2), 0, "accuracy", 3.0),
        record("ours", cell(1), 1, "accuracy", 5.0),
    ];
    let metric = results(records).arm("ours").metric("accuracy").unwrap();
    assert_eq!(metric.into_iter().collect::<Vec<_>>(), [(0, 2.0)]);
}

#[test]
fn trend_looks_at_the_ranks_within_each_seed() {
    let records: Vec<Record> = (0..3)
        .flat_map(|seed| {
            [1, 10, 100, 1000].into_iter().map(move |n| {
                let value = 100.0 * seed as f64 + (n as f64).sqrt();
                record("ours", Cell::new().with("n", n), seed, "error", value)
            })
        })
        .collect();
    let up = test("{trend: {metric: error, arm: ours, over: n, direction: increasing, min_effect: 0.9}}");
    let evidence = up.apply(&results(records.clone())).unwrap();
    assert_eq!(evidence.verdict, Verdict::Reproduced);
    assert!((evidence.effect.unwrap() - 1.0).abs() < 1e-9);
    let down = test("{trend: {metric: error, arm: ours, over: n, direction: decreasing}}");
    assert_eq!(down.apply(&results(records)).unwrap().verdict, Verdict::Contradicted);
}

#[test]
fn bound_takes_the_worst_cell() {
    let cell = |n: i64| Cell::new().with("n", n);
    let records: Vec<Record> = (0..3)
        .flat_map(|seed| {
            [record("ours", cell(1), seed, "gap", 0.1), record("ours", cell(2), seed, "gap", 0.4 + 0.01 * seed as f64)]
        })
        .collect();
    let verdict = |limit: f64| {
        test(&format!("{{bound: {{metric: gap, arm: ours, at_most: {limit}}}}}"))
            .apply(&results(records.clone()))
            .unwrap()
            .verdict
    };
    assert_eq!(verdict(0.5), Verdict::Reproduced);
    assert_eq!(verdict(0.3), Verdict::Contradicted);
    assert_eq!(verdict(0.421), Verdict::DirectionOnly);
    let mean = test("{bound: {metric: gap, arm: ours, at_most: 0.3, across: mean}}");
    assert_eq!(mean.apply(&results(records.clone())).unwrap().verdict, Verdict::Reproduced);
}

#[test]
fn best_of_compares_with_the_best_baseline_on_the_mean() {
    let of = |arm: &str, values: [f64; 3]| -> Vec<Record> {
        values.iter().zip(0..).map(|(value, seed)| record(arm, Cell::new(), seed, "accuracy", *value)).collect()
    };
    let records = [of("ours", [5.0, 5.1, 4.9]), of("weak", [1.0, 1.0, 1.0]), of("strong", [6.0, 6.1, 5.9])].concat();
    let best = test("{best_of: {metric: accuracy, method: ours, baselines: [weak, strong], better: higher}}");
    let evidence = best.apply(&results(records)).unwrap();
    assert!(evidence.quantity.contains("strong"), "{}", evidence.quantity);
    assert_eq!(evidence.verdict, Verdict::Contradicted);
}

#[test]
fn equivalence_needs_the_whole_interval_within_the_margin() {
    let verdict = |ours: &[f64], margin: f64| {
        test(&format!("{{equivalence: {{metric: accuracy, method: ours, baseline: theirs, margin: {margin}}}}}"))
            .apply(&two_arms(ours, &[10.0, 50.0, 90.0]))
            .unwrap()
            .verdict
    };
    assert_eq!(verdict(&[10.1, 49.9, 90.05], 1.0), Verdict::Reproduced);
    assert_eq!(verdict(&[12.0, 52.1, 91.9], 1.0), Verdict::Contradicted);
    assert_eq!(verdict(&[12.0, 48.0, 90.1], 1.0), Verdict::DirectionOnly);
    assert_eq!(verdict(&[14.0, 52.0, 90.0], 1.0), Verdict::Inconclusive);
}

#[test]
fn ratio_is_judged_on_a_logarithmic_scale() {
    let apply = |limit: &str| {
        test(&format!("{{ratio: {{metric: accuracy, numerator: ours, denominator: theirs, {limit}}}}}"))
            .apply(&two_arms(&[20.0, 100.0, 181.0], &[10.0, 50.0, 90.0]))
            .unwrap()
    };
    let evidence = apply("at_least: 1.5");
    assert_eq!(evidence.verdict, Verdict::Reproduced);
    assert!((evidence.effect.unwrap() - 2.0).abs() < 0.01);
    assert_eq!(apply("at_most: 1.5").verdict, Verdict::Contradicted);
    let zero = test("{ratio: {metric: accuracy, numerator: ours, denominator: theirs, at_least: 1}}")
        .apply(&two_arms(&[0.0, 1.0], &[1.0, 1.0]));
    assert!(zero.unwrap_err().to_string().contains("positive"));
}

#[test]
fn rank_order_compares_with_the_claimed_order() {
    let of = |arm: &str, values: [f64; 3]| -> Vec<Record> {
        values.iter().zip(0..).map(|(value, seed)| record(arm, Cell::new(), seed, "error", *value)).collect()
    };
    let records = [of("a", [1.0, 2.0, 3.0]), of("b", [2.0, 3.0, 4.0]), of("c", [3.0, 4.0, 5.0])].concat();
    let verdict = |order: &str| {
        test(&format!("{{rank_order: {{metric: error, order: {order}, better: lower}}}}"))
            .apply(&results(records.clone()))
            .unwrap()
            .verdict
    };
    assert_eq!(verdict("[a, b, c]"), Verdict::Reproduced);
    assert_eq!(verdict("[c, b, a]"), Verdict::Contradicted);
}

#[test]
fn composed_rules_take_the_worst_or_the_best_part() {
    let good = "{paired: {metric: accuracy, method: ours, baseline: theirs, better: higher}}";
    let bad = "{paired: {metric: accuracy, method: ours, baseline: theirs, better: lower}}";
    let data = two_arms(&[12.0, 52.1, 91.9], &[10.0, 50.0, 90.0]);
    let all = test(&format!("{{all_of: [{good}, {bad}]}}")).apply(&data).unwrap();
    assert_eq!((all.verdict, all.parts.len()), (Verdict::Contradicted, 2));
    let any = test(&format!("{{any_of: [{bad}, {good}]}}")).apply(&data).unwrap();
    assert_eq!(any.verdict, Verdict::Reproduced);
}

/// A paper whose own rule looks at means alone.
struct MeansAlone(Verdict);

impl harness_core::PaperReproduction for MeansAlone {
    fn paper(&self) -> &harness_core::Paper {
        unreachable!("judging looks at the claim")
    }
    fn yaml(&self) -> &'static str {
        ""
    }
    fn check(&self, _trial: &harness_core::Trial) -> harness_core::Result<()> {
        Ok(())
    }
    fn run(&self, _trial: &harness_core::Trial, _lab: &mut harness_core::Lab) -> harness_core::Result<()> {
        Ok(())
    }
    fn judge(
        &self,
        _claim: &harness_core::claim::Claim,
        results: &Results,
    ) -> harness_core::Result<harness_core::evidence::Evidence> {
        let effects: Vec<f64> = results.arm("ours").metric("accuracy")?.into_values().collect();
        Ok(Evidence { verdict: self.0, ..Evidence::from_effects("x", &effects, 0.0) })
    }
    fn ops(&self) -> &'static [harness_core::op::Op] {
        &[]
    }
    fn vectors(&self) -> &'static str {
        ""
    }
}

#[test]
fn a_rule_about_means_claims_no_more_than_the_interval_allows() {
    let claim = harness_core::claim::Claim { test: Test::Custom, ..common::paper().claims[0].clone() };
    let verdict = |said, effects: &[f64]| {
        harness_core::judge::judge(&MeansAlone(said), &claim, &two_arms(effects, &[0.0; 3])).verdict
    };
    assert_eq!(verdict(Verdict::Reproduced, &[5.0, -1.0, 2.0]), Verdict::DirectionOnly);
    assert_eq!(verdict(Verdict::Contradicted, &[-5.0, 1.0, -2.0]), Verdict::Inconclusive);
    assert_eq!(verdict(Verdict::Reproduced, &[2.0, 2.1, 1.9]), Verdict::Reproduced);
    assert_eq!(verdict(Verdict::Contradicted, &[-2.0, -2.1, -1.9]), Verdict::Contradicted);
}

proptest::proptest! {
    /// Neither the order of records nor a common shift of both arms changes a verdict.
    #[test]
    fn verdicts_do_not_depend_on_order_or_level(
        values in proptest::collection::vec((-10.0f64..10.0, -10.0f64..10.0), 2..8),
        shift in -100.0f64..100.0,
    ) {
        let (ours, theirs): (Vec<f64>, Vec<f64>) = values.iter().copied().unzip();
        let rule = test("{paired: {metric: accuracy, method: ours, baseline: theirs, better: higher}}");
        let plain = rule.apply(&two_arms(&ours, &theirs)).unwrap();
        let mut records = two_arms(&ours, &theirs).records().to_vec();
        records.reverse();
        let reversed = rule.apply(&results(records)).unwrap();
        proptest::prop_assert_eq!(plain.verdict, reversed.verdict);
        let up = |values: &[f64]| values.iter().map(|value| value + shift).collect::<Vec<_>>();
        let shifted = rule.apply(&two_arms(&up(&ours), &up(&theirs))).unwrap();
        proptest::prop_assert!((plain.effect.unwrap() - shifted.effect.unwrap()).abs() < 1e-9);
    }
}
