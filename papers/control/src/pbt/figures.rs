//! The figures of the report.

use std::collections::BTreeMap;

use harness_core::figure::{
    Axis, Bar, BarPlot, BarSeries, Heatmap, Line, LinePlot, Panel, Plot, Reference, ScatterPlot,
};
use harness_core::prelude::*;
use harness_core::record::Record;
use harness_core::results::differences;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    let mut figures: Vec<Figure> =
        vec![best(paper, results), scores(paper, results), ablations(paper, results), toy(results), phylogeny(results)]
            .into_iter()
            .flatten()
            .collect();
    figures.extend(TASKS.iter().filter_map(|task| schedules(task, results)));
    figures
}

const BANDS: &str = "Bands and bars: 95 % t interval over seeds.";

/// A task as people call it.
struct TaskName {
    level: &'static str,
    title: &'static str,
    steps: &'static str,
    performance: &'static str,
    score: &'static str,
    hypers: &'static [(&'static str, &'static str)],
}

const TASKS: [TaskName; 3] = [
    TaskName {
        level: "rl",
        title: "cart–pole",
        steps: "environment steps of all members",
        performance: "best mean return of 20 episodes",
        score: "mean return",
        hypers: &[
            ("learning_rate", "learning rate"),
            ("entropy_weight", "weight of the entropy"),
            ("discount_complement", "1 − discount"),
        ],
    },
    TaskName {
        level: "classifier",
        title: "images",
        steps: "training images of all members",
        performance: "best validation accuracy",
        score: "accuracy",
        hypers: &[
            ("learning_rate", "learning rate"),
            ("weight_decay", "weight decay"),
            ("dropout", "dropout rate"),
            ("label_smoothing", "label smoothing"),
        ],
    },
    TaskName {
        level: "gan",
        title: "ring of Gaussians",
        steps: "steps of all members",
        performance: "best mode score",
        score: "mode score",
        hypers: &[
            ("generator_rate", "learning rate of the generator"),
            ("discriminator_rate", "learning rate of the discriminator"),
        ],
    },
];

/// The records of an arm on a task, with the population that random search has there.
fn records<'a>(results: &'a Results, arm: &str, task: &str) -> Vec<&'a Record> {
    let own = results.arm(arm).at("task", task);
    match results.arm("random").at("task", task).levels("population").first() {
        Some(population) => own.at("population", population.clone()).records().to_vec(),
        None => own.records().to_vec(),
    }
}

fn curve(record: &Record, name: &str) -> Vec<(f64, f64)> {
    let points = record.series.get(name).map(|series| series.points().collect::<Vec<_>>()).unwrap_or_default();
    points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

fn label(paper: &Paper, arm: &str) -> String {
    paper.arm(arm).map_or(arm, |arm| &arm.label).to_owned()
}

fn lines_plot(x: Axis, y: Axis, lines: Vec<Line>, references: Vec<Reference>) -> Option<Plot> {
    let lines: Vec<Line> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    (!lines.is_empty()).then_some(Plot::Lines(LinePlot { x, y, lines, references }))
}

fn best(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = TASKS
        .iter()
        .filter_map(|task| {
            let lines = [("random", true), ("hand_tuned", true), ("halving", true), ("pbt_truncation", false)]
                .into_iter()
                .map(|(arm, dashed)| {
                    let runs: Vec<_> =
                        records(results, arm, task.level).into_iter().map(|record| curve(record, "best")).collect();
                    let line = Line::over_seeds(&label(paper, arm), &runs);
                    if dashed { line.dashed() } else { line }
                })
                .collect();
            let plot = lines_plot(Axis::linear(task.steps), Axis::linear(task.performance), lines, Vec::new())?;
            Some(Panel::new(task.title, plot))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "best",
            "The best of a population against the steps that all of it took",
            format!("What members are ranked by, of the best member at that time. {BANDS}"),
            panels,
        )
    })
}

fn bar_panel(title: &str, unit: &str, arms: &[(String, Vec<&Record>)]) -> Option<Panel> {
    let arms: Vec<_> = arms.iter().filter(|(_, records)| !records.is_empty()).collect();
    if arms.is_empty() {
        return None;
    }
    let bars = |metric: &str| -> Vec<Option<Bar>> {
        arms.iter()
            .map(|(_, records)| {
                let values = records.iter().filter_map(|record| record.metric(metric));
                Bar::over_seeds(values.filter(|value| value.is_finite()))
            })
            .collect()
    };
    let plot = BarPlot {
        x: "arm".into(),
        y: Axis::linear(unit),
        categories: arms.iter().map(|(label, _)| label.clone()).collect(),
        series: vec![
            BarSeries { label: "what it was chosen by".into(), bars: bars("validation_score") },
            BarSeries { label: "test".into(), bars: bars("test_score") },
        ],
        references: Vec::new(),
    };
    Some(Panel::new(title, Plot::Bars(plot)))
}

fn scores(paper: &Paper, results: &Results) -> Option<Figure> {
    const ARMS: [&str; 7] =
        ["random", "hand_tuned", "halving", "pbt_truncation", "pbt_tournament", "pbt_ttest", "pbt_resample"];
    let panels: Vec<Panel> = TASKS
        .iter()
        .filter_map(|task| {
            let arms: Vec<_> = ARMS.iter().map(|arm| (label(paper, arm), records(results, arm, task.level))).collect();
            bar_panel(task.title, task.score, &arms)
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "scores",
            "The chosen member of each population",
            format!(
                "The member that ranks first after the last turn, by what it was ranked by and by the test: fresh episodes, \
                 test images, fresh latents. {BANDS}"
            ),
            panels,
        )
    })
}

/// Test accuracies of arms less those of `base`, same seed, in points.
fn difference_panel(paper: &Paper, results: &Results, title: &str, base: &str, arms: &[&str]) -> Option<Panel> {
    let scores = |arm: &str| -> BTreeMap<u64, f64> {
        let records = records(results, arm, "classifier");
        let score =
            |record: &&Record| Some((record.seed, record.metric("test_score").filter(|score| score.is_finite())?));
        records.iter().filter_map(score).collect()
    };
    let from = scores(base);
    let bars: Vec<(String, Option<Bar>)> = arms
        .iter()
        .map(|arm| {
            (label(paper, arm), Bar::over_seeds(differences(&scores(arm), &from).into_iter().map(|d| 100.0 * d)))
        })
        .filter(|(_, bar)| bar.is_some())
        .collect();
    if bars.is_empty() {
        return None;
    }
    let (categories, bars) = bars.into_iter().unzip();
    let plot = BarPlot {
        x: "arm".into(),
        y: Axis::linear("test accuracy (points)"),
        categories,
        series: vec![BarSeries { label: "difference, same seed".into(), bars }],
        references: Vec::new(),
    };
    Some(Panel::new(title, Plot::Bars(plot)))
}

fn ablations(paper: &Paper, results: &Results) -> Option<Figure> {
    const PARTS: [&str; 5] = ["explore_only", "exploit_only", "hypers_only", "weights_only", "pbt_truncation"];
    let sizes = results.arm("pbt_truncation").at("task", "classifier");
    let lines = [("test_score", "test"), ("validation_score", "what it was chosen by")]
        .into_iter()
        .map(|(metric, label)| sizes.line_over("population", metric, label).with_markers())
        .collect();
    let plot = lines_plot(Axis::log("members"), Axis::linear("accuracy of the chosen member"), lines, Vec::new());
    let panels: Vec<Panel> = [
        difference_panel(paper, results, "parts, less random search", "random", &PARTS),
        plot.map(|plot| Panel::new("size of the population", plot)),
        difference_panel(
            paper,
            results,
            "trained again, less first values",
            "initial_values",
            &["final_values", "schedule"],
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "ablations",
            "Parts of the method, size of the population, and the schedule without the population",
            format!(
                "Image classifiers. Differences of the same seed. Networks that were trained again are not selected: their \
                 mean is compared. {BANDS}"
            ),
            panels,
        )
    })
}

fn toy(results: &Results) -> Option<Figure> {
    let mut panels = Vec::new();
    for (arm, title) in [("grid", "fixed values"), ("pbt_truncation", "population")] {
        let toy = results.arm(arm).at("task", "toy");
        let Some(record) = toy.records().first().copied() else { continue };
        let clouds: Vec<(String, Vec<(f64, f64)>)> = record
            .series
            .keys()
            .filter_map(|name| Some((name.strip_prefix("path_")?.parse::<usize>().ok()?, name)))
            .map(|(member, name)| (format!("member {}", member + 1), curve(record, name)))
            .collect();
        let plot = ScatterPlot { x: Axis::linear("θ₀"), y: Axis::linear("θ₁"), clouds, diagonal: false };
        panels.push(Panel::new(format!("{title}, one seed"), Plot::Scatter(plot)));
    }
    let lines = [("grid", "fixed values", true), ("pbt_truncation", "population", false)]
        .into_iter()
        .map(|(arm, label, dashed)| {
            let toy = results.arm(arm).at("task", "toy");
            let runs: Vec<Vec<(f64, f64)>> = toy
                .records()
                .iter()
                .map(|record| {
                    let members = toy.levels("population").first().and_then(|size| size.as_f64()).unwrap_or(1.0);
                    curve(record, "best").into_iter().map(|(steps, q)| (steps / members, q)).collect()
                })
                .collect();
            let line = Line::over_seeds(label, &runs);
            if dashed { line.dashed() } else { line }
        })
        .collect();
    let optimum = Reference { label: "optimum".into(), at: 1.2, vertical: false };
    if let Some(plot) = lines_plot(Axis::linear("steps of each member"), Axis::linear("best Q"), lines, vec![optimum]) {
        panels.push(Panel::new("objective", plot));
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "toy",
            "The toy problem: no fixed surrogate leads to the optimum at 0",
            format!("Points: θ after each turn and each copy, from (0.9, 0.9). {BANDS}"),
            panels,
        )
    })
}

/// Members of a record, by the curves that it has of each.
fn members(record: &Record) -> Vec<usize> {
    let mut members: Vec<usize> =
        record.series.keys().filter_map(|name| name.strip_prefix("founder_")?.parse().ok()).collect();
    members.sort_unstable();
    members
}

fn phylogeny(results: &Results) -> Option<Figure> {
    let (mut panels, mut ancestries) = (Vec::new(), Vec::new());
    for task in &TASKS {
        let Some(record) = records(results, "pbt_truncation", task.level).first().copied() else { continue };
        let members = members(record);
        let founders: Vec<Vec<(f64, f64)>> =
            members.iter().map(|member| curve(record, &format!("founder_{member}"))).collect();
        let turns = founders.iter().map(Vec::len).max().unwrap_or(0);
        let values = founders
            .iter()
            .map(|row| (0..turns).map(|turn| row.get(turn).map_or(f64::NAN, |(_, founder)| founder + 1.0)).collect())
            .collect();
        panels.push(Panel::new(
            format!("founders, {}", task.title),
            Plot::Heatmap(Heatmap {
                x: "turn".into(),
                y: "member".into(),
                value: "founder of its weights".into(),
                columns: (1..=turns).map(|turn| turn.to_string()).collect(),
                rows: members.iter().map(|member| (member + 1).to_string()).collect(),
                values,
            }),
        ));
        let path = curve(record, "winner_path").into_iter().map(|(turn, member)| (turn, member + 1.0));
        let line = Line::exact("trained the winner's weights", path).with_markers();
        let axes = (Axis::linear("turn"), Axis::linear("member"));
        if let Some(plot) = lines_plot(axes.0, axes.1, vec![line], Vec::new()) {
            ancestries.push(Panel::new(format!("ancestry of the winner, {}", task.title), plot));
        }
    }
    panels.extend(ancestries);
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "phylogeny",
            "Who copied whom",
            "Truncation selection, one seed. Colours: the member whose initial weights those of a member descend from at \
             each turn. A line that changes its row: the winner's weights were copied there, and a turn was lost where it leaves one out.",
            panels,
        )
    })
}

/// The hyper-parameters of all members of one seed, and those that the winner's weights were trained with.
fn schedules(task: &TaskName, results: &Results) -> Option<Figure> {
    let record = records(results, "pbt_truncation", task.level).first().copied()?;
    let panels: Vec<Panel> = task
        .hypers
        .iter()
        .filter_map(|(name, title)| {
            let mut lines: Vec<Line> = members(record)
                .into_iter()
                .map(|member| {
                    Line::exact(&format!("member {}", member + 1), curve(record, &format!("{name}_{member}")))
                })
                .collect();
            lines.push(
                Line::exact("the winner's weights", curve(record, &format!("winner_{name}"))).with_markers().dashed(),
            );
            let positive = lines.iter().flat_map(|line| &line.points).all(|point| point.y > 0.0);
            let y = if positive { Axis::log(title) } else { Axis::linear(title) };
            Some(Panel::new(*title, lines_plot(Axis::linear("turn"), y, lines, Vec::new())?))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            &format!("schedules-{}", task.level),
            format!("Hyper-parameters of all members: {}", task.title),
            "Truncation selection, one seed. Broken: the values along the ancestry of the winner's weights.",
            panels,
        )
    })
}
