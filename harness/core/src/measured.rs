//! What a declarative test compares, seed by seed: the numbers between records and verdict.

use std::collections::BTreeMap;

use crate::claim::{Across, BestOf, Better, CellFilter, Direction, RankOrder, Ratio, Tasks, Test, Trend};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::results::{PerSeed, Results};
use crate::stats::RankCorrelation;
use crate::text::number;

/// What a test without parts compares.
#[derive(Debug, Clone)]
pub struct Measured<'a> {
    /// What the effect is, with its unit.
    pub quantity: String,
    /// The arms, with the values that enter.
    pub sides: Vec<Side<'a>>,
    /// The number that is judged, by seed: positive where it goes the claimed way. For a ratio, its logarithm.
    pub effects: PerSeed,
    /// For rank correlations: abscissae and ordinates of each seed.
    pub points: Vec<(Vec<f64>, Vec<f64>)>,
}

/// One arm of a comparison.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    /// Its part in the comparison: `method`, `baseline` …
    pub role: &'static str,
    /// The arm.
    pub arm: String,
    /// The metric.
    pub metric: String,
    /// Its value by seed, several cells made one; empty where a test looks at the cells one by one.
    pub values: PerSeed,
    /// The trials that it comes from.
    pub records: Vec<&'a Record>,
}

impl Measured<'_> {
    /// The effects in the order of seeds.
    pub fn list(&self) -> Vec<f64> {
        self.effects.values().copied().collect()
    }
}

/// Collects what a test compares.
///
/// # Errors
/// [`Error::Missing`] where trials or metrics are missing, [`Error::Diverged`] where a value is NaN, [`Error::Failed`] for
/// a test with parts, for [`Test::Custom`], for [`Test::Tasks`], which has no number per seed, and for values that a
/// ratio cannot use.
pub fn measure<'a>(test: &Test, results: &'a Results) -> Result<Measured<'a>> {
    match test {
        Test::Paired(test) => {
            let method = side(results, "method", &test.method, &test.metric, &test.cells, test.across)?;
            let baseline = side(results, "baseline", &test.baseline, &test.metric, &test.cells, test.across)?;
            Ok(compare(method, baseline, test.better))
        }
        Test::BestOf(test) => best_of(test, results),
        Test::Equivalence(test) => {
            let method = side(results, "method", &test.method, &test.metric, &test.cells, test.across)?;
            let baseline = side(results, "baseline", &test.baseline, &test.metric, &test.cells, test.across)?;
            Ok(compare(method, baseline, Better::Higher))
        }
        Test::Bound(test) => {
            let (limit, sign, worst) = match (test.at_most, test.at_least) {
                (Some(limit), _) => (limit, -1.0, Across::Max),
                (None, Some(limit)) => (limit, 1.0, Across::Min),
                (None, None) => return Err(Error::Failed("bound without a limit".into())),
            };
            let across = test.across.unwrap_or(worst);
            let side = side(results, "measured", &test.arm, &test.metric, &test.cells, across)?;
            // Positive where the limit is kept, with room to spare.
            let effects = side.values.iter().map(|(seed, value)| (*seed, sign * (value - limit))).collect();
            let (measured, limit) = (format!("{} of {}", test.metric, test.arm), number(limit));
            let quantity =
                if sign < 0.0 { format!("{limit} − {measured}") } else { format!("{measured} − {limit}") };
            Ok(Measured { quantity, sides: vec![side], effects, points: Vec::new() })
        }
        Test::Ratio(test) => ratio(test, results),
        Test::Trend(test) => trend(test, results),
        Test::RankOrder(test) => rank_order(test, results),
        Test::Tasks(_) => Err(Error::Failed("an interquartile mean over tasks has no number per seed".into())),
        Test::AllOf(_) | Test::AnyOf(_) => Err(Error::Failed("a composed test is its parts".into())),
        Test::Custom => Err(Error::Failed(format!(
            "{}: a claim with the test `custom` is not judged by the paper's module",
            results.paper()
        ))),
    }
}

/// The trials of an arm within some cells, with the metric as one number per seed.
pub(crate) fn side<'a>(
    results: &'a Results,
    role: &'static str,
    arm: &str,
    metric: &str,
    cells: &CellFilter,
    across: Across,
) -> Result<Side<'a>> {
    let selection = results.arm(arm).within(cells);
    let values = selection.metric_across(metric, across)?;
    if let Some((seed, _)) = values.iter().find(|(_, value)| value.is_nan()) {
        return Err(Error::Diverged(format!("diverged: `{metric}` of arm {arm}, seed {seed} is NaN")));
    }
    let records = selection.records().to_vec();
    Ok(Side { role, arm: arm.to_owned(), metric: metric.to_owned(), values, records })
}

fn compare<'a>(method: Side<'a>, baseline: Side<'a>, better: Better) -> Measured<'a> {
    let (above, below) = match better {
        Better::Higher => (&method, &baseline),
        Better::Lower => (&baseline, &method),
    };
    let quantity = format!("{}, {} − {}", method.metric, above.arm, below.arm);
    let effects = above.values.iter().filter_map(|(seed, value)| Some((*seed, value - below.values.get(seed)?)));
    Measured { quantity, effects: effects.collect(), sides: vec![method, baseline], points: Vec::new() }
}

fn best_of<'a>(test: &BestOf, results: &'a Results) -> Result<Measured<'a>> {
    let method = side(results, "method", &test.method, &test.metric, &test.cells, test.across)?;
    let mut best: Option<(f64, Side<'a>)> = None;
    let mut others = Vec::new();
    for name in &test.baselines {
        let baseline = side(results, "best baseline", name, &test.metric, &test.cells, test.across)?;
        let mean = baseline.values.values().sum::<f64>() / baseline.values.len() as f64;
        let score = match test.better {
            Better::Higher => mean,
            Better::Lower => -mean,
        };
        let (loser, leads) = match best.take() {
            Some((leader, side)) if score <= leader => (Some(baseline), (leader, side)),
            Some((_, side)) => (Some(side), (score, baseline)),
            None => (None, (score, baseline)),
        };
        best = Some(leads);
        others.extend(loser.map(|side| Side { role: "other baseline", ..side }));
    }
    let (_, best) = best.ok_or_else(|| Error::Missing("best_of without a baseline".into()))?;
    let mut measured = compare(method, best, test.better);
    measured.sides.extend(others);
    Ok(measured)
}

fn ratio<'a>(test: &Ratio, results: &'a Results) -> Result<Measured<'a>> {
    let above = side(results, "numerator", &test.numerator, &test.metric, &test.cells, test.across)?;
    let below = side(results, "denominator", &test.denominator, &test.metric, &test.cells, test.across)?;
    let quantity = format!("{}, {} / {}", test.metric, test.numerator, test.denominator);
    let pairs: Vec<(u64, f64, f64)> =
        above.values.iter().filter_map(|(seed, value)| Some((*seed, *value, *below.values.get(seed)?))).collect();
    if pairs.is_empty() {
        return Err(Error::Missing(format!("no seed has both arms of {quantity}")));
    }
    if let Some(bad) = pairs.iter().flat_map(|(_, above, below)| [*above, *below]).find(|value| *value <= 0.0) {
        return Err(Error::Failed(format!("{quantity}: a ratio needs positive values, but one is {bad}")));
    }
    let effects = pairs.iter().map(|(seed, above, below)| (*seed, above.ln() - below.ln())).collect();
    Ok(Measured { quantity, sides: vec![above, below], effects, points: Vec::new() })
}

fn trend<'a>(test: &Trend, results: &'a Results) -> Result<Measured<'a>> {
    let selection = results.arm(&test.arm).within(&test.cells);
    let mut by_seed: BTreeMap<u64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for record in selection.records() {
        let level =
            record.cell.get(&test.over).and_then(|level| level.as_f64()).ok_or_else(|| {
                Error::Missing(format!("cell {} has no number for factor `{}`", record.cell, test.over))
            })?;
        let value = record
            .metric(&test.metric)
            .ok_or_else(|| Error::Missing(format!("seed {} did not record `{}`", record.seed, test.metric)))?;
        if value.is_nan() {
            return Err(Error::Diverged(format!("diverged: `{}` is NaN in seed {}", test.metric, record.seed)));
        }
        let (x, y) = by_seed.entry(record.seed).or_default();
        x.push(level);
        y.push(value);
    }
    // A seed of which some cells failed has another trend: it is left out.
    let complete = by_seed.values().map(|(x, _)| x.len()).max().unwrap_or(0);
    by_seed.retain(|_, (x, _)| x.len() == complete);
    let sign = match test.direction {
        Direction::Increasing => 1.0,
        Direction::Decreasing => -1.0,
    };
    // A metric that does not move at all has no trend, which counts as a rank correlation of 0.
    let effects = by_seed.iter().map(|(seed, (x, y))| (*seed, sign * RankCorrelation::Spearman.of(x, y))).collect();
    let direction = match test.direction {
        Direction::Increasing => "rank correlation",
        Direction::Decreasing => "negative rank correlation",
    };
    let side = Side {
        role: "measured",
        arm: test.arm.clone(),
        metric: test.metric.clone(),
        values: PerSeed::new(),
        records: selection.records().to_vec(),
    };
    Ok(Measured {
        quantity: format!("{direction} of {} with {} in {}", test.metric, test.over, test.arm),
        sides: vec![side],
        effects,
        points: by_seed.into_values().collect(),
    })
}

fn rank_order<'a>(test: &RankOrder, results: &'a Results) -> Result<Measured<'a>> {
    let sides: Vec<Side<'a>> = test
        .order
        .iter()
        .map(|arm| side(results, "ranked", arm, &test.metric, &test.cells, test.across))
        .collect::<Result<_>>()?;
    let claimed: Vec<f64> = (0..test.order.len()).map(|place| -(place as f64)).collect();
    let mut effects = PerSeed::new();
    let mut points = Vec::new();
    for seed in results.seeds() {
        let Some(row) = sides.iter().map(|side| side.values.get(&seed).copied()).collect::<Option<Vec<f64>>>() else {
            continue;
        };
        let goodness: Vec<f64> = match test.better {
            Better::Higher => row,
            Better::Lower => row.into_iter().map(|value| -value).collect(),
        };
        // Arms that are all alike have no order, which counts as a rank correlation of 0.
        effects.insert(seed, RankCorrelation::Kendall.of(&claimed, &goodness));
        points.push((claimed.clone(), goodness));
    }
    let quantity = format!("rank correlation of {} with the order {}", test.metric, test.order.join(" > "));
    Ok(Measured { quantity, sides, effects, points })
}

/// The scores of two arms by task, and within a task by seed; only seeds that both arms have in every task.
pub(crate) type TaskScores = (Vec<Vec<f64>>, Vec<Vec<f64>>);

/// Collects the scores of a test over tasks.
pub(crate) fn task_scores(test: &Tasks, results: &Results) -> Result<TaskScores> {
    let tasks = results.arm(&test.method).within(&test.cells).levels(&test.over);
    if tasks.is_empty() {
        return Err(Error::Missing(format!("no finished trial of arm {} has the factor `{}`", test.method, test.over)));
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for task in tasks {
        let mut cells = test.cells.clone();
        cells.insert(test.over.clone(), vec![task]);
        let method = side(results, "method", &test.method, &test.metric, &cells, Across::Mean)?;
        let baseline = side(results, "baseline", &test.baseline, &test.metric, &cells, Across::Mean)?;
        let pairs = method.values.iter().filter_map(|(seed, value)| Some((*value, *baseline.values.get(seed)?)));
        let (left, right): (Vec<f64>, Vec<f64>) = pairs.unzip();
        ours.push(left);
        theirs.push(right);
    }
    Ok((ours, theirs))
}
