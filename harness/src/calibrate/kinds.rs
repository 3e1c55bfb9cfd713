//! The tests that are simulated, with what is true in their experiments.

use harness_core::cell::Cell;
use harness_core::claim::{
    Across, BestOf, Better, Bound, CellFilter, Direction, Equivalence, Paired, PairedTest, RankOrder, Ratio, Tasks,
    Test, Trend,
};
use harness_core::evidence::{Evidence, LEVEL, Verdict};
use harness_core::paper::Profile;
use harness_core::record::Record;
use harness_core::results::Results;
use harness_core::sequential::{Schedule, look_by_look};
use harness_core::stats::{DETECTABLE_POWER, detectable_effect};
use rand::{Rng, RngExt};
use serde::Serialize;

use super::draw::{Shape, record};

/// A kind of test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `paired`, by Student's t.
    Paired,
    /// `paired` with `by: wilcoxon`.
    Wilcoxon,
    /// `paired` with `by: sign`.
    Sign,
    /// `best_of` three baselines, all as good as the method.
    BestOf,
    /// `equivalence`, the true difference just as large as the margin.
    Equivalence,
    /// `bound`, the true mean just at the limit.
    Bound,
    /// `ratio`, the true ratio just at the limit.
    Ratio,
    /// `trend` over five levels.
    Trend,
    /// `rank_order` of four arms.
    RankOrder,
    /// `rank_order` of two arms, which has two outcomes only.
    RankOrderOfTwo,
    /// `tasks`, eight of them.
    Tasks,
    /// `all_of` three, of which two are true beyond doubt.
    AllOf,
    /// `any_of` three, none of them true.
    AnyOf,
    /// `paired`, with seeds added until it is decided, twenty at most.
    UntilDecided,
}

/// What became of one experiment.
pub struct Outcome {
    /// The claim was reproduced.
    pub reproduced: bool,
    /// It was contradicted.
    pub contradicted: bool,
    /// Whether the interval covers the true effect, where both exist.
    pub covers: Option<bool>,
    /// Seeds used.
    pub seeds: usize,
}

/// Seeds at the last look of [`Kind::UntilDecided`].
const MAX_SEEDS: u64 = 20;
/// Tasks of [`Kind::Tasks`].
const TASKS: i64 = 8;
/// The margin of [`Kind::Equivalence`] in standard deviations.
const MARGIN: f64 = 3.0;

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 14] = [
        Kind::Paired,
        Kind::Wilcoxon,
        Kind::Sign,
        Kind::BestOf,
        Kind::Equivalence,
        Kind::Bound,
        Kind::Ratio,
        Kind::Trend,
        Kind::RankOrder,
        Kind::RankOrderOfTwo,
        Kind::Tasks,
        Kind::AllOf,
        Kind::AnyOf,
        Kind::UntilDecided,
    ];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Paired => "paired",
            Kind::Wilcoxon => "paired by wilcoxon",
            Kind::Sign => "paired by sign",
            Kind::BestOf => "best_of 3",
            Kind::Equivalence => "equivalence",
            Kind::Bound => "bound",
            Kind::Ratio => "ratio",
            Kind::Trend => "trend over 5",
            Kind::RankOrder => "rank_order of 4",
            Kind::RankOrderOfTwo => "rank_order of 2",
            Kind::Tasks => "tasks, 8",
            Kind::AllOf => "all_of 3",
            Kind::AnyOf => "any_of 3",
            Kind::UntilDecided => "until decided",
        }
    }

    /// How many times as long an experiment takes as that of a paired test; so many times fewer are drawn.
    pub(super) fn cost(self) -> usize {
        match self {
            Kind::Tasks => 4,
            _ => 1,
        }
    }

    /// Shapes that make a difference to this kind.
    pub(super) fn tries(self, shape: Shape) -> bool {
        match self {
            // A bootstrap takes long, and pools eight tasks: two shapes tell enough.
            Kind::Tasks => matches!(shape, Shape::Normal | Shape::HeavyTails),
            _ => true,
        }
    }

    /// Whether the detectable effect promises a power at this number of seeds.
    pub(super) fn states_power(self, n: usize) -> bool {
        match self {
            Kind::Paired | Kind::Bound | Kind::Ratio | Kind::UntilDecided => true,
            // Fewer seeds cannot reach the level with any values.
            Kind::Wilcoxon | Kind::Sign => n >= 6,
            _ => false,
        }
    }

    /// Whether the interval is promised to cover the true effect.
    pub fn covers(self) -> bool {
        matches!(self, Kind::Paired | Kind::Equivalence | Kind::Bound | Kind::Ratio | Kind::Tasks | Kind::UntilDecided)
    }

    /// Draws an experiment and judges it. With `holds` the effect is as large as *detectable* says, else the claim is
    /// just not true.
    pub(super) fn experiment(self, n: usize, shape: Shape, holds: bool, rng: &mut impl Rng) -> Outcome {
        if self == Kind::UntilDecided {
            return until_decided(n, shape, holds, rng);
        }
        let detectable = detectable_effect(1.0, n, 1.0 - LEVEL, DETECTABLE_POWER).unwrap_or(f64::NAN);
        let efficiency = match self {
            Kind::Wilcoxon => 3.0 / std::f64::consts::PI,
            Kind::Sign => 2.0 / std::f64::consts::PI,
            _ => 1.0,
        };
        let effect = if holds { detectable / efficiency.sqrt() } else { 0.0 };
        let (records, truth) = self.records(n, shape, effect, holds, rng);
        let results = Results::new("", Profile::Quick, records);
        let evidence = self.test().apply(&results).unwrap_or_else(|error| Evidence::not_run(error.to_string()));
        Outcome {
            reproduced: evidence.verdict == Verdict::Reproduced,
            contradicted: evidence.verdict == Verdict::Contradicted,
            covers: evidence.interval.filter(|_| self.covers()).map(|interval| interval.contains(truth)),
            seeds: n,
        }
    }

    /// The trials of an experiment, and the true effect.
    fn records(self, n: usize, shape: Shape, effect: f64, holds: bool, rng: &mut impl Rng) -> (Vec<Record>, f64) {
        let mut records = Vec::new();
        let mut truth = effect;
        for seed in 0..n {
            // What a seed does to all arms alike is larger than what tells them apart.
            let shared = 10.0 * rng.random::<f64>();
            let mut put = |arm: &str, cell: Cell, score: f64| records.push(record(arm, cell, seed, score));
            match self {
                Kind::BestOf => {
                    // Each arm has noise of its own: that of the differences is √2 times as large.
                    put("method", Cell::new(), shared + 2.0 * effect + shape.draw(rng));
                    for arm in ["b1", "b2", "b3"] {
                        put(arm, Cell::new(), shared + shape.draw(rng));
                    }
                }
                Kind::Trend => {
                    for level in 0..5_i64 {
                        let score = shared + effect * level as f64 + shape.draw(rng);
                        put("method", Cell::new().with("size", level), score);
                    }
                }
                Kind::RankOrder | Kind::RankOrderOfTwo => {
                    let arms: &[&str] = if self == Kind::RankOrder { &["a", "b", "c", "d"] } else { &["a", "b"] };
                    for (place, arm) in arms.iter().enumerate() {
                        put(arm, Cell::new(), shared - effect * place as f64 + shape.draw(rng));
                    }
                }
                Kind::Tasks => {
                    for task in 0..TASKS {
                        let cell = Cell::new().with("task", task);
                        let level = shared + task as f64;
                        put("baseline", cell.clone(), level);
                        put("method", cell, level + effect + shape.draw(rng));
                    }
                }
                Kind::Ratio => {
                    put("baseline", Cell::new(), shared.exp());
                    put("method", Cell::new(), (shared + effect + shape.draw(rng)).exp());
                }
                Kind::Bound => put("method", Cell::new(), effect + shape.draw(rng)),
                Kind::Equivalence => {
                    let difference = if holds { 0.0 } else { MARGIN };
                    truth = difference;
                    put("baseline", Cell::new(), shared);
                    put("method", Cell::new(), shared + difference + shape.draw(rng));
                }
                Kind::AllOf => {
                    put("baseline", Cell::new(), shared);
                    put("method", Cell::new(), shared + effect + shape.draw(rng));
                    for arm in ["b1", "b2"] {
                        put(arm, Cell::new(), shared - 1000.0 + shape.draw(rng));
                    }
                }
                Kind::AnyOf => {
                    put("method", Cell::new(), shared + effect);
                    for arm in ["baseline", "b1", "b2"] {
                        put(arm, Cell::new(), shared - shape.draw(rng));
                    }
                }
                Kind::Paired | Kind::Wilcoxon | Kind::Sign | Kind::UntilDecided => {
                    put("baseline", Cell::new(), shared);
                    put("method", Cell::new(), shared + effect + shape.draw(rng));
                }
            }
        }
        if self == Kind::Ratio {
            truth = effect.exp();
        }
        (records, truth)
    }

    fn test(self) -> Test {
        let text = str::to_owned;
        let paired = |baseline: &str, by: PairedTest| {
            Test::Paired(Paired {
                metric: text("score"),
                method: text("method"),
                baseline: text(baseline),
                better: Better::Higher,
                min_effect: 0.0,
                cells: CellFilter::new(),
                across: Across::Mean,
                by,
            })
        };
        let three = || ["baseline", "b1", "b2"].map(|baseline| paired(baseline, PairedTest::T)).to_vec();
        match self {
            Kind::Paired | Kind::UntilDecided => paired("baseline", PairedTest::T),
            Kind::Wilcoxon => paired("baseline", PairedTest::Wilcoxon),
            Kind::Sign => paired("baseline", PairedTest::Sign),
            Kind::AllOf => Test::AllOf(three()),
            Kind::AnyOf => Test::AnyOf(three()),
            Kind::BestOf => Test::BestOf(BestOf {
                metric: text("score"),
                method: text("method"),
                baselines: ["b1", "b2", "b3"].map(text).to_vec(),
                better: Better::Higher,
                min_effect: 0.0,
                cells: CellFilter::new(),
                across: Across::Mean,
            }),
            Kind::Equivalence => Test::Equivalence(Equivalence {
                metric: text("score"),
                method: text("method"),
                baseline: text("baseline"),
                margin: MARGIN,
                cells: CellFilter::new(),
                across: Across::Mean,
            }),
            Kind::Bound => Test::Bound(Bound {
                metric: text("score"),
                arm: text("method"),
                at_most: None,
                at_least: Some(0.0),
                cells: CellFilter::new(),
                across: None,
            }),
            Kind::Ratio => Test::Ratio(Ratio {
                metric: text("score"),
                numerator: text("method"),
                denominator: text("baseline"),
                at_most: None,
                at_least: Some(1.0),
                cells: CellFilter::new(),
                across: Across::Mean,
            }),
            Kind::Trend => Test::Trend(Trend {
                metric: text("score"),
                arm: text("method"),
                over: text("size"),
                direction: Direction::Increasing,
                min_effect: 0.0,
                cells: CellFilter::new(),
            }),
            Kind::RankOrder | Kind::RankOrderOfTwo => Test::RankOrder(RankOrder {
                metric: text("score"),
                order: if self == Kind::RankOrder {
                    ["a", "b", "c", "d"].map(text).to_vec()
                } else {
                    ["a", "b"].map(text).to_vec()
                },
                better: Better::Higher,
                min_effect: 0.0,
                cells: CellFilter::new(),
                across: Across::Mean,
            }),
            Kind::Tasks => Test::Tasks(Tasks {
                metric: text("score"),
                method: text("method"),
                baseline: text("baseline"),
                better: Better::Higher,
                over: text("task"),
                min_effect: 0.0,
                cells: CellFilter::new(),
            }),
        }
    }
}

/// Looks after n seeds and then as the schedule says, and stops at the first look that settles the claim.
fn until_decided(n: usize, shape: Shape, holds: bool, rng: &mut impl Rng) -> Outcome {
    let kind = Kind::UntilDecided;
    // The effect that the last look would show if it were the only one.
    let effect = if holds {
        detectable_effect(1.0, MAX_SEEDS as usize, 1.0 - LEVEL, DETECTABLE_POWER).unwrap_or(f64::NAN)
    } else {
        0.0
    };
    let schedule = Schedule::new(n as u64, MAX_SEEDS);
    let test = kind.test();
    let (records, truth) = kind.records(MAX_SEEDS as usize, shape, effect, holds, rng);
    let all = Results::new("", Profile::Quick, records);
    let judge = |results: &Results| test.apply(results).unwrap_or_else(|error| Evidence::not_run(error.to_string()));
    let evidence = look_by_look(&judge, &test, &all, &schedule, MAX_SEEDS);
    Outcome {
        reproduced: evidence.verdict == Verdict::Reproduced,
        contradicted: evidence.verdict == Verdict::Contradicted,
        covers: evidence.interval.map(|interval| interval.contains(truth)),
        seeds: evidence.look.map_or(0, |look| look.seeds as usize),
    }
}
