//! The figures of the report.

use std::collections::BTreeMap;

use harness_core::cell::Level;
use harness_core::figure::{
    Axis, Bar, BarPlot, BarSeries, Heatmap, Histogram, Line, LinePlot, Panel, Plot, Reference, ScatterPlot,
};
use harness_core::prelude::*;
use harness_core::stats;

use super::scores::{BySet, Scores, main_values, mean, sets, values};
use super::verdicts::PAIRS;

/// Critical values of the Nemenyi test at 5 % for 2 to 20 methods: the studentised range with infinite degrees of
/// freedom, divided by √2 (Demšar 2006, "Statistical comparisons of classifiers over multiple data sets", table 5).
const NEMENYI: [f64; 19] = [
    1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354, 3.391, 3.426, 3.458,
    3.489, 3.517, 3.544,
];

/// All figures for which there are trials.
pub(super) fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        mean_rank(paper, results),
        plain_against_shifted(paper, results),
        false_inliers(results),
        alpha(results),
        by_table(paper, results),
        shifts(paper, results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Name, label and scores of the arms that are complete by themselves.
fn complete_arms(paper: &Paper, results: &Results) -> Vec<(String, String)> {
    paper
        .arms
        .iter()
        .filter(|arm| Scores::new(results, "auc", &[&arm.name]).is_ok())
        .map(|arm| (arm.name.clone(), arm.label.clone()))
        .collect()
}

fn label<'a>(paper: &'a Paper, arm: &'a str) -> &'a str {
    paper.arm(arm).map_or(arm, |arm| &arm.label)
}

/// Half the distance at which mean ranks of `methods` differ at 5 %, on `tables` tables.
fn critical_difference(methods: usize, tables: usize) -> Option<f64> {
    let critical = NEMENYI.get(methods.checked_sub(2)?)?;
    Some(critical * (methods as f64 * (methods + 1) as f64 / (6.0 * tables as f64)).sqrt())
}

fn mean_rank(paper: &Paper, results: &Results) -> Option<Figure> {
    let arms = complete_arms(paper, results);
    let names: Vec<&str> = arms.iter().map(|(name, _)| name.as_str()).collect();
    if names.len() < 2 {
        return None;
    }
    let scores = Scores::new(results, "auc", &names).ok()?;
    let mut ranks: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    for seed in &scores.seeds {
        let mut sums = vec![0.0; names.len()];
        for set in 0..scores.sets.len() {
            // The highest score gets rank 1.
            let column: Vec<f64> = names.iter().map(|arm| -scores.of(arm, *seed)[set]).collect();
            for (sum, rank) in sums.iter_mut().zip(stats::ranks(&column).ok()?) {
                *sum += rank;
            }
        }
        ranks.iter_mut().zip(sums).for_each(|(ranks, sum)| ranks.push(sum / scores.sets.len() as f64));
    }
    let mut rows: Vec<(&str, Vec<f64>)> = arms.iter().map(|(_, label)| label.as_str()).zip(ranks).collect();
    rows.sort_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
    let (first, best) = rows.first().map(|(label, ranks)| (*label, mean(ranks)))?;
    let difference = critical_difference(names.len(), scores.sets.len());
    let references = difference
        .map(|difference| Reference {
            label: "best + critical difference".into(),
            at: best + difference,
            vertical: false,
        })
        .into_iter()
        .collect();
    Some(Figure::new(
        "mean-rank",
        format!("{first} has the best mean rank of {} detectors", names.len()),
        format!(
            "Rank of the AUC among all detectors, averaged over {} tables (1 is best); bars with 95 % t intervals over \
             seeds. Detectors above the line differ from the best one by the Nemenyi test at 5 %, which takes tables as \
             the sample.",
            scores.sets.len()
        ),
        Plot::Bars(BarPlot {
            x: "detector".into(),
            y: Axis::linear("mean rank of the AUC"),
            categories: rows.iter().map(|(label, _)| (*label).to_owned()).collect(),
            series: vec![BarSeries {
                label: "mean rank".into(),
                bars: rows.iter().map(|(_, ranks)| Bar::over_seeds(ranks.iter().copied())).collect(),
            }],
            references,
        }),
    ))
}

/// Mean over seeds by table.
fn over_seeds(by_seed: &BTreeMap<u64, BySet>) -> BySet {
    let mut all: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for (set, value) in by_seed.values().flatten().filter(|(_, value)| value.is_finite()) {
        all.entry(*set).or_default().push(*value);
    }
    all.into_iter().map(|(set, values)| (set, mean(&values))).collect()
}

fn plain_against_shifted(paper: &Paper, results: &Results) -> Option<Figure> {
    let (mut better, mut count) = (0, 0);
    let clouds: Vec<(String, Vec<(f64, f64)>)> = PAIRS
        .iter()
        .filter_map(|(plain, shifted)| {
            let shifted_scores = over_seeds(&main_values(results, shifted, "auc"));
            let points: Vec<(f64, f64)> = over_seeds(&main_values(results, plain, "auc"))
                .into_iter()
                .filter_map(|(set, plain)| Some((plain, *shifted_scores.get(&set)?)))
                .collect();
            better += points.iter().filter(|(plain, shifted)| shifted > plain).count();
            count += points.len();
            (!points.is_empty()).then(|| (label(paper, plain).to_owned(), points))
        })
        .collect();
    (!clouds.is_empty()).then(|| {
        Figure::new(
            "plain-against-shifted",
            format!("Mean-shift scoring has the higher AUC in {better} of {count} pairs of network and table"),
            "One point per network and table, mean over seeds. Above the line, comparing the reconstruction with the \
             mean-shifted sample finds outliers better than comparing it with the sample itself.",
            Plot::Scatter(ScatterPlot {
                x: Axis::linear("AUC, plain"),
                y: Axis::linear("AUC, with mean-shift scoring"),
                clouds,
                diagonal: true,
            }),
        )
    })
}

/// For each outlier of an arm's trials the share of inliers with a lower score, by seed, table and place.
fn places(results: &Results, arm: &str) -> BTreeMap<(u64, String, usize), f64> {
    results
        .arm(arm)
        .records()
        .iter()
        .filter(|record| record.cell.iter().count() == 1)
        .flat_map(|record| {
            let series = record.series.get("inliers_below").into_iter();
            series
                .flat_map(|series| series.points().enumerate().collect::<Vec<_>>())
                .map(|(place, (_, share))| ((record.seed, record.cell.to_string(), place), share))
        })
        .collect()
}

fn false_inliers(results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = [("ae", "ae_mss", "autoencoder"), ("apre", "apre_mss", "APRE")]
        .into_iter()
        .filter_map(|(plain, shifted, title)| {
            let shifted = places(results, shifted);
            let (before, after): (Vec<f64>, Vec<f64>) = places(results, plain)
                .into_iter()
                .filter(|(_, share)| *share < 0.5)
                .filter_map(|(key, share)| Some((share, *shifted.get(&key)?)))
                .unzip();
            (!before.is_empty()).then(|| {
                Panel::new(
                    format!("{title}, {} false inliers", before.len()),
                    Plot::Histogram(Histogram {
                        x: Axis::linear("share of inliers with a lower score"),
                        bins: 20,
                        samples: vec![("plain".into(), before), ("mean-shift scoring".into(), after)],
                    }),
                )
            })
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "false-inliers",
            "Where mean-shift scoring puts the outliers that plain scoring takes for inliers",
            "Outliers of all tables and seeds whose plain score lies below the median inlier's (left of 0.5), and where \
             the same outliers come with mean-shift scoring; 1 is above all inliers.",
            panels,
        )
    })
}

fn alpha(results: &Results) -> Option<Figure> {
    let lines: Vec<Line> = [("plain", "pre", "apre"), ("mean-shift scoring", "pre_mss", "apre_mss")]
        .into_iter()
        .filter_map(|(label, pre, apre)| {
            let all = sets(results);
            let mut runs: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
            let mut add = |alpha: f64, found: BTreeMap<u64, BySet>| {
                for (seed, by_set) in found.into_iter().filter(|(_, by_set)| by_set.len() == all.len()) {
                    runs.entry(seed).or_default().push((alpha, mean(&by_set.into_values().collect::<Vec<_>>())));
                }
            };
            add(0.5, main_values(results, pre, "auc"));
            add(0.9, main_values(results, apre, "auc"));
            for level in results.arm(apre).levels("alpha") {
                if let Some(alpha) = level.as_f64() {
                    add(alpha, values(results, apre, "auc", |record| record.cell.get("alpha") == Some(&level)));
                }
            }
            let runs: Vec<Vec<(f64, f64)>> = runs.into_values().collect();
            let line = Line::over_seeds(label, &runs).with_markers();
            (line.points.len() > 1).then_some(line)
        })
        .collect();
    (!lines.is_empty()).then(|| {
        Figure::new(
            "alpha",
            "AUC by the weight of the bias",
            "Mean AUC over all tables by α, with β = 1 − α, in training and scoring; α = ½ is the probabilistic \
             reconstruction error. Bands: 95 % t intervals over seeds.",
            Plot::Lines(LinePlot {
                x: Axis::linear("weight α of the bias"),
                y: Axis::linear("mean AUC"),
                lines,
                references: Vec::new(),
            }),
        )
    })
}

fn by_table(paper: &Paper, results: &Results) -> Option<Figure> {
    let columns: Vec<_> = sets(results).into_iter().collect();
    let rows: Vec<(&str, BySet)> = paper
        .arms
        .iter()
        .map(|arm| (arm.label.as_str(), over_seeds(&main_values(results, &arm.name, "auc"))))
        .filter(|(_, by_set)| !by_set.is_empty())
        .collect();
    (!rows.is_empty()).then(|| {
        Figure::new(
            "auc-by-table",
            "AUC of every detector on every table",
            "Mean over seeds; 0.5 is chance.",
            Plot::Heatmap(Heatmap {
                x: "table".into(),
                y: "detector".into(),
                value: "AUC".into(),
                columns: columns.iter().map(|set| set.name().to_owned()).collect(),
                rows: rows.iter().map(|(label, _)| (*label).to_owned()).collect(),
                values: rows
                    .iter()
                    .map(|(_, by_set)| columns.iter().map(|set| by_set.get(set).copied().unwrap_or(f64::NAN)).collect())
                    .collect(),
            }),
        )
    })
}

/// AUC over the factors of the mean shift, where a profile varies them.
fn shifts(paper: &Paper, results: &Results) -> Option<Figure> {
    let all = sets(results).len();
    let panels: Vec<Panel> = [
        ("iterations", "iterations of the mean shift", Axis::linear("iterations m")),
        ("neighbours", "neighbours of the mean shift", Axis::log("neighbours k")),
    ]
    .into_iter()
    .filter_map(|(factor, title, x)| {
        let lines: Vec<Line> = PAIRS
            .iter()
            .filter_map(|(_, arm)| {
                let mut runs: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
                let mut add = |at: f64, found: BTreeMap<u64, BySet>| {
                    for (seed, by_set) in found.into_iter().filter(|(_, by_set)| by_set.len() == all) {
                        runs.entry(seed).or_default().push((at, mean(&by_set.into_values().collect::<Vec<_>>())));
                    }
                };
                if factor == "iterations" {
                    add(1.0, main_values(results, arm, "auc"));
                }
                let levels: Vec<Level> = results.arm(arm).levels(factor);
                for level in &levels {
                    if let Some(at) = level.as_f64() {
                        add(at, values(results, arm, "auc", |record| record.cell.get(factor) == Some(level)));
                    }
                }
                let runs: Vec<Vec<(f64, f64)>> = runs.into_values().collect();
                let line = Line::over_seeds(label(paper, arm), &runs).with_markers();
                (line.points.len() > 1).then_some(line)
            })
            .collect();
        (!lines.is_empty()).then(|| {
            Panel::new(title, Plot::Lines(LinePlot { x, y: Axis::linear("mean AUC"), lines, references: Vec::new() }))
        })
    })
    .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "shifts",
            "AUC by iterations and neighbours of the mean shift",
            "Mean AUC over all tables. Bands: 95 % t intervals over seeds.",
            panels,
        )
    })
}
