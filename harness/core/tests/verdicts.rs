//! Rules that keep a verdict from saying more than chance allows: composition, rank tests, tasks, sequential looks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::record;
use harness_core::cell::Cell;
use harness_core::claim::{Claim, Test};
use harness_core::evidence::{Evidence, Outlook, Verdict};
use harness_core::judge::{adjust, judge};
use harness_core::outlook::settled;
use harness_core::paper::Profile;
use harness_core::record::Record;
use harness_core::results::Results;
use harness_core::sequential::{Schedule, judge_sequentially};
use proptest::prelude::*;

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

fn arm(name: &str, values: &[f64]) -> Vec<Record> {
    values.iter().zip(0..).map(|(value, seed)| record(name, Cell::new(), seed, "accuracy", *value)).collect()
}

/// A method whose differences from the baseline are these.
fn differences(values: &[f64]) -> Results {
    results([arm("ours", values), arm("theirs", &vec![0.0; values.len()])].concat())
}

const PAIRED: &str = "paired: {metric: accuracy, method: ours, baseline: theirs, better: higher";

/// A paper that judges by its claims' tests.
struct ByTest;

impl harness_core::PaperReproduction for ByTest {
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
    fn ops(&self) -> &'static [harness_core::op::Op] {
        &[]
    }
    fn vectors(&self) -> &'static str {
        ""
    }
}

/// A paper whose rule says just this.
struct Says(Evidence);

impl harness_core::PaperReproduction for Says {
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
    fn judge(&self, _claim: &Claim, _results: &Results) -> harness_core::Result<Evidence> {
        Ok(self.0.clone())
    }
    fn ops(&self) -> &'static [harness_core::op::Op] {
        &[]
    }
    fn vectors(&self) -> &'static str {
        ""
    }
}

fn claim(yaml: &str) -> Claim {
    Claim { test: test(yaml), ..common::paper().claims[0].clone() }
}

#[test]
fn one_of_many_parts_has_to_pass_for_their_number() {
    // p = 0.034 alone: enough for one part, not for the best of three.
    let good = Evidence::from_effects("x", &[1.0, 1.9, 0.9, 0.1, 0.6], 0.0);
    assert_eq!(good.verdict, Verdict::Reproduced);
    assert!(good.p_value.unwrap() > 0.05 / 3.0);
    let noise = || Evidence::from_effects("y", &[1.0, -1.0, 0.5, -0.4, 0.0], 0.0);
    let custom = Claim { test: Test::Custom, ..common::paper().claims[0].clone() };
    let judged = |evidence: Evidence| judge(&Says(evidence), &custom, &differences(&[1.0; 5]));
    let any = judged(Evidence::any_of(vec![good.clone(), noise(), noise()]));
    assert_eq!(any.verdict, Verdict::DirectionOnly);
    assert!((any.p_value.unwrap() - 3.0 * good.p_value.unwrap()).abs() < 1e-12);
    assert!(any.summary.contains("not beyond chance for so many parts"));
    assert_eq!(judged(Evidence::any_of(vec![good.clone()])).verdict, Verdict::Reproduced);
    // The same in the other direction: one part of many that fails by chance contradicts nothing.
    let bad = Evidence::from_effects("x", &[-1.0, -1.9, -0.9, -0.1, -0.6], 0.0);
    assert_eq!(bad.verdict, Verdict::Contradicted);
    assert_eq!(judged(Evidence::all_of(vec![bad.clone(), noise(), noise()])).verdict, Verdict::Inconclusive);
    assert_eq!(judged(Evidence::all_of(vec![bad.clone()])).verdict, Verdict::Contradicted);
    // What fails exactly needs no correction.
    let exact = Evidence::from_checks("rule", &[false, false], "fails");
    assert_eq!(judged(Evidence::all_of(vec![exact, noise(), noise()])).verdict, Verdict::Contradicted);
    let mixed = Evidence::from_checks("rule", &[true, true, false], "holds");
    assert_eq!(judged(Evidence::all_of(vec![mixed, good.clone()])).p_value, None, "an exact part that does not hold");
    // All must hold: as sure as the least sure part.
    let all = judged(Evidence::all_of(vec![good.clone(), Evidence::from_effects("z", &[1.0, 1.01, 0.99], 0.0)]));
    assert_eq!((all.verdict, all.p_value), (Verdict::Reproduced, good.p_value));
}

#[test]
fn a_rule_that_is_missed_by_an_effect_of_the_claimed_sign_is_not_called_the_opposite() {
    let custom = Claim { test: Test::Custom, ..common::paper().claims[0].clone() };
    // A rule that asks for a correlation of 0.9 calls 0.2 contradicted.
    let short = Evidence { verdict: Verdict::Contradicted, ..Evidence::from_effects("ρ", &[0.2, 0.21, 0.25], 0.0) };
    let judged = judge(&Says(short), &custom, &differences(&[1.0; 3]));
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert!(judged.summary.contains("falls short of the rule, but points the claimed way"), "{}", judged.summary);
    assert!(!judged.summary.contains("contains 0"), "{}", judged.summary);
}

#[test]
fn a_part_of_a_papers_own_rule_claims_no_more_than_its_interval_allows() {
    let custom = Claim { test: Test::Custom, ..common::paper().claims[0].clone() };
    let sure = Evidence::from_effects("x", &[1.0, 1.1, 0.9], 0.0);
    // A rule that looks at means alone calls this reproduced.
    let means = Evidence { verdict: Verdict::Reproduced, ..Evidence::from_effects("y", &[5.0, -1.0, 2.0], 0.0) };
    let all = judge(&Says(Evidence::all_of(vec![sure.clone(), means.clone()])), &custom, &differences(&[1.0; 3]));
    assert_eq!((all.verdict, all.parts[1].verdict), (Verdict::DirectionOnly, Verdict::DirectionOnly));
    let any = judge(&Says(Evidence::any_of(vec![sure, means])), &custom, &differences(&[1.0; 3]));
    assert_eq!(any.verdict, Verdict::Reproduced);
}

#[test]
fn one_seed_neither_reproduces_nor_contradicts() {
    for (said, becomes) in
        [(Verdict::Reproduced, Verdict::DirectionOnly), (Verdict::Contradicted, Verdict::Inconclusive)]
    {
        let own = Evidence { verdict: said, ..Evidence::from_checks("rule", &[said == Verdict::Reproduced], "seen") };
        let judged = judge(&Says(own), &claim("custom"), &results(Vec::new()));
        assert_eq!((judged.verdict, judged.n), (becomes, 1));
        assert!(judged.summary.contains("one seed cannot"), "{judged:?}");
    }
}

#[test]
fn the_best_of_equal_baselines_contradicts_nothing() {
    let records = [
        arm("ours", &[0.0; 5]),
        arm("a", &[1.0, 1.9, 0.9, 0.1, 0.6]),
        arm("b", &[-0.3, 0.2, 0.1, 0.0, -0.1]),
        arm("c", &[0.3, -0.2, -0.1, 0.1, -0.2]),
    ]
    .concat();
    let rule = |baselines: &str| {
        test(&format!("{{best_of: {{metric: accuracy, method: ours, baselines: {baselines}, better: higher}}}}"))
            .apply(&results(records.clone()))
            .unwrap()
            .verdict
    };
    assert_eq!(rule("[a]"), Verdict::Contradicted);
    assert_eq!(rule("[a, b, c]"), Verdict::Inconclusive);
}

#[test]
fn two_arms_in_order_in_three_seeds_are_three_coins() {
    let records = [arm("a", &[1.0, 2.0, 3.0]), arm("b", &[0.9, 1.5, 2.0])].concat();
    let rule = test("{rank_order: {metric: accuracy, order: [a, b], better: higher}}");
    let evidence = rule.apply(&results(records)).unwrap();
    assert_eq!(evidence.verdict, Verdict::DirectionOnly);
    assert_eq!(evidence.p_value, Some(0.25));
    // Six coins are enough.
    let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let records = [arm("a", &six), arm("b", &six.map(|value| value - 0.1))].concat();
    assert_eq!(rule.apply(&results(records)).unwrap().verdict, Verdict::Reproduced);
}

#[test]
fn a_seed_that_lacks_a_cell_has_no_trend() {
    let cell = |n: i64| Cell::new().with("n", n);
    let mut records = Vec::new();
    for seed in 0..3 {
        for n in 1..5 {
            records.push(record("ours", cell(n), seed, "error", n as f64));
        }
    }
    // What is left of seed 2 falls.
    records.truncate(10);
    records[8].metrics.insert("error".into(), harness_core::number::Number(9.0));
    let rule = test("{trend: {metric: error, arm: ours, over: n, direction: increasing}}");
    let evidence = rule.apply(&results(records)).unwrap();
    assert_eq!(evidence.n, 2);
    assert!((evidence.effect.unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn rank_tests_need_six_seeds() {
    for by in ["wilcoxon", "sign"] {
        let rule = test(&format!("{{{PAIRED}, by: {by}}}}}"));
        let of = |n: usize| rule.apply(&differences(&(1..=n).map(|k| k as f64).collect::<Vec<_>>())).unwrap();
        let five = of(5);
        assert_eq!((five.verdict, five.detectable), (Verdict::DirectionOnly, None), "{by}");
        assert!((five.p_value.unwrap() - 0.0625).abs() < 1e-12);
        let six = of(6);
        assert_eq!(six.verdict, Verdict::Reproduced, "{by}");
        assert!(six.detectable.unwrap() > 0.0);
        // An outlier that ruins a t test.
        let wild = rule.apply(&differences(&[1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 90.0])).unwrap();
        assert_eq!(wild.verdict, Verdict::Reproduced, "{by}");
        let down = rule.apply(&differences(&[-1.0, -1.1, -0.9, -1.2, -0.8, -1.0])).unwrap();
        assert_eq!(down.verdict, Verdict::Contradicted, "{by}");
    }
    let wild = test(&format!("{{{PAIRED}}}}}")).apply(&differences(&[1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 90.0])).unwrap();
    assert_eq!(wild.verdict, Verdict::DirectionOnly);
}

#[test]
fn tasks_are_judged_by_their_interquartile_mean() {
    let rule = test("{tasks: {metric: score, method: ours, baseline: theirs, better: higher, over: game}}");
    let mut records = Vec::new();
    for seed in 0..3 {
        for game in 0..8 {
            let cell = Cell::new().with("game", i64::from(game));
            let noise = 0.01 * f64::from((7 * game + 5 * seed as i32) % 6);
            // One game in which the method is hopeless cannot decide.
            let gain = if game == 0 { -50.0 } else { 0.5 };
            records.push(record("theirs", cell.clone(), seed, "score", 1.0 + f64::from(game)));
            records.push(record("ours", cell, seed, "score", 1.0 + f64::from(game) + gain + noise));
        }
    }
    let evidence = rule.apply(&results(records.clone())).unwrap();
    assert_eq!((evidence.verdict, evidence.n), (Verdict::Reproduced, 3), "{evidence:?}");
    assert!(evidence.quantity.contains("8 tasks") && evidence.p_value.unwrap() < 0.05);
    assert_eq!(evidence, rule.apply(&results(records.clone())).unwrap(), "the same trials give the same interval");
    records.retain(|record| record.seed == 0);
    let one = rule.apply(&results(records)).unwrap();
    assert_eq!((one.verdict, one.interval), (Verdict::Inconclusive, None));
}

#[test]
fn bounds_and_ratios_state_what_they_could_have_shown() {
    let bound = test("{bound: {metric: accuracy, arm: ours, at_least: 0.5}}");
    let evidence = bound.apply(&differences(&[0.9, 0.8, 1.0])).unwrap();
    let detectable = harness_core::stats::detectable_effect(0.1, 3, 0.05, 0.8).unwrap();
    assert!((evidence.detectable.unwrap() - detectable).abs() < 1e-9);
    assert!(evidence.p_value.unwrap() < 0.05);
    let ratio = test("{ratio: {metric: accuracy, numerator: ours, denominator: theirs, at_least: 1.5}}");
    let records = [arm("ours", &[2.0, 2.2, 1.9]), arm("theirs", &[1.0; 3])].concat();
    let evidence = ratio.apply(&results(records)).unwrap();
    assert!(evidence.detectable.unwrap() > 1.0, "a factor away from the limit");
    let checks = Evidence::from_checks("rule", &[true; 3], "holds");
    // Of a rule that fails in 41.5 % of seeds, three seeds show a failure with 80 %.
    assert!((1.0 - (1.0 - checks.detectable.unwrap()).powi(3) - 0.8).abs() < 1e-12);
}

#[test]
fn open_verdicts_say_what_would_decide_them() {
    let judged = |values: &[f64]| judge(&ByTest, &claim(&format!("{{{PAIRED}}}}}")), &differences(values));
    let open = judged(&[1.0, 3.0, -0.5]);
    assert_eq!(open.verdict, Verdict::Inconclusive);
    let Some(Outlook::MoreSeeds(more)) = open.outlook else { panic!("{open:?}") };
    let sd = harness_core::stats::std_dev(&[1.0, 3.0, -0.5]).unwrap();
    let total = harness_core::stats::seeds_needed(open.effect.unwrap(), sd, 0.05, 0.8, 1000).unwrap().unwrap();
    assert_eq!(more as usize, total - 3);
    assert!(open.outlook_in_words().unwrap().contains("more seeds would probably decide it"));
    assert_eq!(judged(&[1.0, -1.0, 0.001]).outlook, Some(Outlook::OutOfReach));
    assert_eq!(judged(&[1.0, 1.1, 0.9]).outlook, None);
    let nothing = judged(&[0.0, 0.0, 0.0]);
    assert_eq!((nothing.verdict, nothing.outlook), (Verdict::Inconclusive, None), "no spread to plan with");
    assert_eq!(judged(&[1.0]).outlook, None, "one seed shows no spread");
    // Equivalence: more seeds shrink the interval into the margin.
    let near = claim("{equivalence: {metric: accuracy, method: ours, baseline: theirs, margin: 1.0}}");
    let open = judge(&ByTest, &near, &differences(&[0.5, -0.6, 0.4]));
    assert!(matches!(open.outlook, Some(Outlook::MoreSeeds(1..=40))), "{open:?}");
    let parts = format!("{{all_of: [{{{PAIRED}}}}}, {{{PAIRED}, min_effect: 0.5}}}}]}}");
    let open = judge(&ByTest, &claim(&parts), &differences(&[1.0, 3.0, -0.5]));
    assert_eq!(open.outlook, Some(Outlook::MoreSeeds(more)));
}

#[test]
fn p_values_are_adjusted_over_all_claims() {
    let mut claims = vec![
        Evidence::from_effects("x", &[1.0, 1.1, 0.9], 0.0),
        Evidence::not_run("no"),
        Evidence::from_effects("y", &[1.0, 3.0, -0.5], 0.0),
    ];
    adjust(&mut claims);
    let p_value = claims[0].p_value.unwrap();
    assert!((claims[0].adjusted_p.unwrap() - 3.0 * p_value).abs() < 1e-12, "a claim that did not run counts");
    assert_eq!(claims[1].adjusted_p, None);
    assert!(claims[2].adjusted_p.unwrap() >= claims[2].p_value.unwrap());
}

#[test]
fn a_clear_effect_stops_at_the_first_look_and_says_so() {
    let schedule = Schedule::new(3, 12);
    let claim = claim(&format!("{{{PAIRED}}}}}"));
    let values: Vec<f64> = (0..12).map(|k| 1.0 + 0.001 * f64::from(k % 5)).collect();
    let evidence = judge_sequentially(&ByTest, &claim, &differences(&values), &schedule, 12);
    assert_eq!((evidence.verdict, evidence.n), (Verdict::Reproduced, 3));
    let look = evidence.look.unwrap();
    assert!(look.early && look.seeds == 3 && look.max_seeds == 12);
    assert!((look.alpha - 0.05 * 3.0 / 12.0).abs() < 1e-12);
    assert!((evidence.interval.unwrap().level - (1.0 - look.alpha)).abs() < 1e-12, "the repeated interval");
    assert!(evidence.summary.contains("stopped early at 3 of at most 12 seeds"), "{}", evidence.summary);
}

#[test]
fn what_is_beyond_chance_at_5_percent_alone_is_open_at_a_look() {
    // p = 0.017 with three seeds.
    let values = [1.0, 1.6, 1.4, -5.0, 5.0, -4.0, 4.0];
    let fixed = judge(&ByTest, &claim(&format!("{{{PAIRED}}}}}")), &differences(&values[..3]));
    assert_eq!(fixed.verdict, Verdict::Reproduced);
    let schedule = Schedule::new(3, 12);
    let claim = claim(&format!("{{{PAIRED}}}}}"));
    let first = judge_sequentially(&ByTest, &claim, &differences(&values[..3]), &schedule, 3);
    assert_eq!(first.verdict, Verdict::DirectionOnly);
    assert!(!settled(&first, &claim.test) && !first.look.unwrap().early);
    let second = judge_sequentially(&ByTest, &claim, &differences(&values), &schedule, 5);
    assert_eq!((second.verdict, second.n), (Verdict::Inconclusive, 5));
    // The p-value keeps the best look, weighed by what it could spend.
    assert!((second.p_value.unwrap() - first.p_value.unwrap()).abs() < 1e-12);
}

#[test]
fn a_papers_own_rule_is_held_to_the_level_of_its_look() {
    let custom = Claim { test: Test::Custom, ..common::paper().claims[0].clone() };
    let values = [1.0, 1.6, 1.4];
    let says = Says(Evidence::from_effects("x", &values, 0.0));
    let schedule = Schedule::new(3, 12);
    let look = judge_sequentially(&says, &custom, &differences(&values), &schedule, 3);
    let declared = judge_sequentially(&ByTest, &claim(&format!("{{{PAIRED}}}}}")), &differences(&values), &schedule, 3);
    // The rule knows 5 % only; what is left of it is what a declared test says at the level of the look.
    assert_eq!((look.verdict, declared.verdict), (Verdict::DirectionOnly, Verdict::DirectionOnly));
    let (ours, theirs) = (look.interval.unwrap(), declared.interval.unwrap());
    assert!((ours.low - theirs.low).abs() < 1e-9 && (ours.high - theirs.high).abs() < 1e-9);
    assert!((look.detectable.unwrap() - declared.detectable.unwrap()).abs() < 1e-6);
}

#[test]
fn a_claim_that_the_last_look_would_hardly_decide_is_given_up() {
    let schedule = Schedule::new(3, 12);
    let claim = claim(&format!("{{{PAIRED}}}}}"));
    let values = [1.0, -1.1, 0.9, -0.9, 1.1, -1.0, 1.0, -1.0, 1.1, -1.1, 0.9, -0.9];
    let evidence = judge_sequentially(&ByTest, &claim, &differences(&values), &schedule, 12);
    let look = evidence.look.unwrap();
    assert!(look.hopeless && look.early && look.seeds < 12, "{evidence:?}");
    assert_eq!(evidence.verdict, Verdict::Inconclusive);
    assert!(evidence.summary.contains("12 would hardly decide it"), "{}", evidence.summary);
    assert!(harness_core::sequential::decided(&claim, &evidence));
    // Equivalence is shown by just such values.
    let near =
        Claim { test: test("{equivalence: {metric: accuracy, method: ours, baseline: theirs, margin: 1.0}}"), ..claim };
    let evidence = judge_sequentially(&ByTest, &near, &differences(&values), &schedule, 12);
    assert!(!evidence.look.unwrap().hopeless);
}

#[test]
fn nothing_is_spent_on_what_seeds_cannot_change() {
    let open = |yaml: &str, values: &[f64]| {
        let test = test(yaml);
        !settled(&judge(&ByTest, &claim(yaml), &differences(values)), &test)
    };
    let paired = format!("{{{PAIRED}}}}}");
    assert!(open(&paired, &[1.0, -1.0, 2.0]));
    assert!(open(&paired, &[1.0]));
    assert!(!open(&paired, &[1.0, 1.1, 0.9]));
    assert!(!open(&paired, &[1.0, f64::NAN, 0.9]), "a value that is not a number does not heal");
    assert!(!open(&paired, &[]), "nothing ran");
    let asked = format!("{{{PAIRED}, min_effect: 5}}}}");
    assert!(!open(&asked, &[1.0, 1.1, 0.9]), "beyond chance, and too small for certain");
    assert!(open(&asked, &[4.0, 5.5, 5.0]), "beyond chance, and perhaps large enough");
    assert!(!settled(&Evidence::from_checks("rule", &[true], "holds"), &Test::Custom));
    assert!(settled(&Evidence::from_checks("rule", &[true, false], "fails"), &Test::Custom));
}

fn verdict_and_p(values: &[f64], yaml: &str) -> (Verdict, Option<f64>) {
    let evidence = test(yaml).apply(&differences(values)).unwrap();
    (evidence.verdict, evidence.p_value)
}

proptest! {
    /// Verdicts do not depend on the unit of the metric, nor on the order of seeds.
    #[test]
    fn verdicts_do_not_depend_on_unit_or_order(
        (values, shuffled) in proptest::collection::vec(-10.0f64..10.0, 2..10)
            .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
        scale in 0.01f64..100.0,
    ) {
        for by in ["t", "wilcoxon", "sign"] {
            let yaml = format!("{{{PAIRED}, by: {by}}}}}");
            let (verdict, p_value) = verdict_and_p(&values, &yaml);
            // Away from the edge, where the last digit decides.
            prop_assume!((p_value.unwrap() - 0.05).abs() > 1e-6);
            let scaled: Vec<f64> = values.iter().map(|value| scale * value).collect();
            for other in [&scaled, &shuffled] {
                let (other, p_other) = verdict_and_p(other, &yaml);
                prop_assert_eq!(verdict, other);
                prop_assert!((p_value.unwrap() - p_other.unwrap()).abs() < 1e-7);
            }
        }
    }

    /// A stricter level never makes a verdict say more.
    #[test]
    fn a_stricter_level_says_less(values in proptest::collection::vec(-3.0f64..6.0, 2..8), strict in 0.96f64..0.9999) {
        for yaml in [
            format!("{{{PAIRED}}}}}"),
            "{bound: {metric: accuracy, arm: ours, at_least: 0.5}}".to_owned(),
            "{equivalence: {metric: accuracy, method: ours, baseline: theirs, margin: 2.0}}".to_owned(),
        ] {
            let rule = test(&yaml);
            let loose = rule.apply(&differences(&values)).unwrap();
            let strict = rule.apply(&differences(&values).at_level(strict)).unwrap();
            for strong in [Verdict::Reproduced, Verdict::Contradicted] {
                prop_assert!(strict.verdict != strong || loose.verdict == strong, "{} {:?} {:?}", yaml, loose, strict);
            }
            let (wide, narrow) = (strict.interval.unwrap(), loose.interval.unwrap());
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }
    }

    /// Adding seeds never rejects more often than all looks together may.
    #[test]
    fn a_sequential_p_value_is_never_below_that_of_its_look(values in proptest::collection::vec(-3.0f64..4.0, 12)) {
        let schedule = Schedule::new(3, 12);
        let claim = claim(&format!("{{{PAIRED}}}}}"));
        let evidence = judge_sequentially(&ByTest, &claim, &differences(&values), &schedule, 12);
        let look = evidence.look.unwrap();
        let alone = judge(&ByTest, &claim, &differences(&values).first_seeds(look.seeds));
        prop_assert!(evidence.verdict != Verdict::Reproduced || evidence.p_value.unwrap() <= 0.05 + 1e-12);
        prop_assert!(evidence.verdict != Verdict::Reproduced || alone.p_value.unwrap() <= look.alpha + 1e-12);
    }
}
