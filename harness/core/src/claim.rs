//! Claims of a paper and the declarative tests that decide them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cell::Level;

/// One checkable statement of a paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `C1`, `C2` …
    pub id: String,
    /// The statement.
    pub text: String,
    /// What the paper prints about it, and where.
    pub published: Published,
    /// What we measure.
    pub measure: String,
    /// The rule that decides, in plain words.
    pub rule: String,
    /// The rule that decides, for the machine.
    #[serde(with = "serde_yaml::with::singleton_map_recursive")]
    pub test: Test,
}

/// What the paper prints about a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The figure or statement as published, in words.
    pub text: String,
    /// Table, figure, theorem or section.
    pub source: String,
    /// The number to stand beside ours, where there is one.
    pub value: Option<f64>,
}

/// Which direction of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Large values are good (accuracy).
    Higher,
    /// Small values are good (error, loss).
    Lower,
}

/// The direction of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Grows with the factor.
    Increasing,
    /// Falls with the factor.
    Decreasing,
}

/// How the values of several cells of one seed become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Across {
    /// Their mean.
    #[default]
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// The cells that a test looks at: factor to admitted levels. Factors not named are free.
pub type CellFilter = BTreeMap<String, Vec<Level>>;

/// How a claim is decided. docs/statistics.md explains each in plain words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Same-seed differences between a method and a baseline.
    Paired(Paired),
    /// A metric moves in one direction along a factor.
    Trend(Trend),
    /// A metric of one arm stays on one side of a limit.
    Bound(Bound),
    /// Same-seed differences between a method and whichever of several baselines is best on the mean.
    BestOf(BestOf),
    /// A method and a baseline differ by less than a margin.
    Equivalence(Equivalence),
    /// A method is better than a baseline on the interquartile mean over many tasks.
    Tasks(Tasks),
    /// The ratio of a positive metric between two arms stays on one side of a limit.
    Ratio(Ratio),
    /// Arms come in a claimed order.
    RankOrder(RankOrder),
    /// All parts must hold.
    AllOf(Vec<Test>),
    /// One part must hold.
    AnyOf(Vec<Test>),
    /// Judged in Rust by the paper's module.
    Custom,
}

/// See [`Test::Paired`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paired {
    /// The metric compared.
    pub metric: String,
    /// The arm that is claimed to be better.
    pub method: String,
    /// The arm that it is compared with.
    pub baseline: String,
    /// Which direction is better.
    pub better: Better,
    /// The smallest difference, in the metric's unit, that counts as what the paper claims.
    #[serde(default)]
    pub min_effect: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number.
    #[serde(default)]
    pub across: Across,
    /// Which test speaks of chance.
    #[serde(default)]
    pub by: PairedTest,
}

/// Which test of same-seed differences speaks of chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairedTest {
    /// Student's t test of their mean.
    #[default]
    T,
    /// Wilcoxon's signed-rank test, for symmetric differences with outliers; six seeds at least.
    Wilcoxon,
    /// The sign test, for differences of any shape; six seeds at least.
    Sign,
}

/// See [`Test::Trend`]. The effect is the Spearman rank correlation between factor and metric, per seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// The metric that moves.
    pub metric: String,
    /// The arm in which it moves.
    pub arm: String,
    /// The numeric factor along which it moves.
    pub over: String,
    /// In which direction.
    pub direction: Direction,
    /// The smallest size of the rank correlation that counts, in (0, 1].
    #[serde(default)]
    pub min_effect: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
}

/// See [`Test::Bound`]. Exactly one of the limits is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The metric that is limited.
    pub metric: String,
    /// The arm that is measured.
    pub arm: String,
    /// Upper limit.
    pub at_most: Option<f64>,
    /// Lower limit.
    pub at_least: Option<f64>,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number; the worst of them where absent.
    pub across: Option<Across>,
}

/// See [`Test::BestOf`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestOf {
    /// The metric compared.
    pub metric: String,
    /// The arm that is claimed to be better.
    pub method: String,
    /// The arms that it is compared with.
    pub baselines: Vec<String>,
    /// Which direction is better.
    pub better: Better,
    /// The smallest difference that counts.
    #[serde(default)]
    pub min_effect: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number.
    #[serde(default)]
    pub across: Across,
}

/// See [`Test::Equivalence`]: two one-sided t tests at 5 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// The metric compared.
    pub metric: String,
    /// One arm.
    pub method: String,
    /// The other.
    pub baseline: String,
    /// The largest difference, in the metric's unit, that does not matter.
    pub margin: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number.
    #[serde(default)]
    pub across: Across,
}

/// See [`Test::Tasks`]. The effect is the difference of interquartile means over all tasks and seeds, with a stratified
/// bootstrap that resamples seeds within each task. Scores must be normalised per task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// The normalised score.
    pub metric: String,
    /// The arm that is claimed to be better.
    pub method: String,
    /// The arm that it is compared with.
    pub baseline: String,
    /// Which direction is better.
    pub better: Better,
    /// The factor whose levels are the tasks.
    pub over: String,
    /// The smallest difference that counts.
    #[serde(default)]
    pub min_effect: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
}

/// See [`Test::Ratio`]. The effect is the geometric mean over seeds of numerator / denominator. Exactly one of the
/// limits is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The metric, positive in every trial.
    pub metric: String,
    /// The arm above the line.
    pub numerator: String,
    /// The arm below it.
    pub denominator: String,
    /// Upper limit.
    pub at_most: Option<f64>,
    /// Lower limit.
    pub at_least: Option<f64>,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number.
    #[serde(default)]
    pub across: Across,
}

/// See [`Test::RankOrder`]. The effect is Kendall's rank correlation between claimed and measured order, per seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankOrder {
    /// The metric compared.
    pub metric: String,
    /// The arms, the best first; at least two.
    pub order: Vec<String>,
    /// Which direction is better.
    pub better: Better,
    /// The smallest rank correlation that counts, in (0, 1].
    #[serde(default)]
    pub min_effect: f64,
    /// Which cells.
    #[serde(default)]
    pub cells: CellFilter,
    /// How several cells of one seed become one number.
    #[serde(default)]
    pub across: Across,
}

impl Test {
    /// The arms that the test names.
    pub fn arms(&self) -> Vec<&str> {
        match self {
            Test::Paired(test) => vec![&test.method, &test.baseline],
            Test::Trend(test) => vec![&test.arm],
            Test::Bound(test) => vec![&test.arm],
            Test::BestOf(test) => std::iter::once(&test.method).chain(&test.baselines).map(String::as_str).collect(),
            Test::Equivalence(test) => vec![&test.method, &test.baseline],
            Test::Tasks(test) => vec![&test.method, &test.baseline],
            Test::Ratio(test) => vec![&test.numerator, &test.denominator],
            Test::RankOrder(test) => test.order.iter().map(String::as_str).collect(),
            Test::AllOf(parts) | Test::AnyOf(parts) => parts.iter().flat_map(Test::arms).collect(),
            Test::Custom => Vec::new(),
        }
    }

    /// The name of the test in `paper.yaml`.
    pub fn kind(&self) -> &'static str {
        match self {
            Test::Paired(_) => "paired",
            Test::Trend(_) => "trend",
            Test::Bound(_) => "bound",
            Test::BestOf(_) => "best_of",
            Test::Equivalence(_) => "equivalence",
            Test::Tasks(_) => "tasks",
            Test::Ratio(_) => "ratio",
            Test::RankOrder(_) => "rank_order",
            Test::AllOf(_) => "all_of",
            Test::AnyOf(_) => "any_of",
            Test::Custom => "custom",
        }
    }

    /// The smallest mean that counts as what the paper claims; 0 where the test has none.
    pub fn min_effect(&self) -> f64 {
        match self {
            Test::Paired(test) => test.min_effect,
            Test::Trend(test) => test.min_effect,
            Test::BestOf(test) => test.min_effect,
            Test::Tasks(test) => test.min_effect,
            Test::RankOrder(test) => test.min_effect,
            Test::Bound(_) | Test::Equivalence(_) | Test::Ratio(_) | Test::AllOf(_) | Test::AnyOf(_) | Test::Custom => {
                0.0
            }
        }
    }

    /// The parts of a composed test.
    pub fn parts(&self) -> &[Test] {
        match self {
            Test::AllOf(parts) | Test::AnyOf(parts) => parts,
            _ => &[],
        }
    }

    /// Whether the test looks at the trials of this arm in this cell; [`Test::Custom`] may look at any.
    pub fn looks_at(&self, arm: &str, cell: &crate::cell::Cell) -> bool {
        let cells = match self {
            Test::Custom => return true,
            Test::AllOf(parts) | Test::AnyOf(parts) => return parts.iter().any(|part| part.looks_at(arm, cell)),
            Test::Paired(test) => &test.cells,
            Test::Trend(test) => &test.cells,
            Test::Bound(test) => &test.cells,
            Test::BestOf(test) => &test.cells,
            Test::Equivalence(test) => &test.cells,
            Test::Tasks(test) => &test.cells,
            Test::Ratio(test) => &test.cells,
            Test::RankOrder(test) => &test.cells,
        };
        self.arms().contains(&arm) && crate::results::admits(cells, cell)
    }

    /// Checks what the types cannot say; the error is a message.
    pub(crate) fn check(&self) -> Result<(), String> {
        let effect = |value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(())
            } else {
                Err(format!("min_effect {value} must be a finite number of at least 0"))
            }
        };
        match self {
            Test::Paired(test) => effect(test.min_effect),
            Test::Trend(test) => effect(test.min_effect),
            Test::Bound(test) => match (test.at_most, test.at_least) {
                (Some(limit), None) | (None, Some(limit)) if limit.is_finite() => Ok(()),
                _ => Err("bound needs exactly one finite limit: at_most or at_least".into()),
            },
            Test::BestOf(test) if test.baselines.is_empty() => Err("best_of needs at least one baseline".into()),
            Test::BestOf(test) => effect(test.min_effect),
            Test::Equivalence(test) if !(test.margin.is_finite() && test.margin > 0.0) => {
                Err(format!("margin {} must be a finite number above 0", test.margin))
            }
            Test::Equivalence(_) => Ok(()),
            Test::Tasks(test) => effect(test.min_effect),
            Test::Ratio(test) => match (test.at_most, test.at_least) {
                (Some(limit), None) | (None, Some(limit)) if limit.is_finite() && limit > 0.0 => Ok(()),
                _ => Err("ratio needs exactly one finite limit above 0: at_most or at_least".into()),
            },
            Test::RankOrder(test) if test.order.len() < 2 => Err("rank_order needs at least two arms".into()),
            Test::RankOrder(test) => effect(test.min_effect),
            Test::AllOf(parts) | Test::AnyOf(parts) if parts.is_empty() => Err("needs at least one part".into()),
            Test::AllOf(parts) | Test::AnyOf(parts) => parts.iter().try_for_each(Test::check),
            Test::Custom => Ok(()),
        }
    }
}
