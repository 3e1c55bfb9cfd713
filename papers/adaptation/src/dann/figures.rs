//! The figures of the report.

use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Line, LinePlot, Panel, Plot, Reference, ScatterPlot};
use harness_core::paper::ArmRole;
use harness_core::prelude::*;
use harness_core::results::Selection;

use super::verdicts::of_task;

const BANDS: &str = "95 % t interval over seeds";
/// Tasks by the names of their cells, with those of figures.
const TASKS: [(&str, &str); 4] =
    [("images", "digits"), ("reid", "characters"), ("moons", "moons"), ("reviews", "reviews")];

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    let figures = [
        accuracies(paper, results),
        pairs(paper, results),
        plane(paper, results),
        features(paper, results),
        distances(results),
        losses(paper, results),
    ];
    figures.into_iter().flatten().collect()
}

fn bar(selection: Selection, metric: &str) -> Option<Bar> {
    let values = selection.having(metric).metric(metric).ok()?;
    Bar::over_seeds(values.into_values().map(|share| 100.0 * share))
}

/// Series of bars, one per arm that has any.
fn by_arm(paper: &Paper, bar: impl Fn(&str) -> Vec<Option<Bar>>) -> Vec<BarSeries> {
    let series = paper.arms.iter().map(|arm| BarSeries { label: arm.label.clone(), bars: bar(&arm.name) });
    series.filter(|series| series.bars.iter().any(Option::is_some)).collect()
}

fn accuracies(paper: &Paper, results: &Results) -> Option<Figure> {
    let metric = |task: &str| if task == "reid" { "rank1" } else { "target_accuracy" };
    let present: Vec<(&str, &str)> = TASKS
        .into_iter()
        .filter(|(task, _)| !results.all().at("task", *task).having(metric(task)).records().is_empty())
        .collect();
    let series =
        by_arm(paper, |arm| present.iter().map(|(task, _)| bar(of_task(results, arm, task), metric(task))).collect());
    if series.is_empty() {
        return None;
    }
    let plot = BarPlot {
        x: "task".into(),
        y: Axis::linear("target accuracy (%)"),
        categories: present.iter().map(|(_, name)| (*name).to_owned()).collect(),
        series,
        references: Vec::new(),
    };
    Some(Figure::new(
        "target-accuracy",
        "Accuracy on the target domain, whose labels no arm but the upper bound has seen",
        format!(
            "Mean over seeds, on reviews also over pairs of domains; rank-1 retrieval for characters, in the full profile. Bars: {BANDS}."
        ),
        Plot::Bars(plot),
    ))
}

fn pairs(paper: &Paper, results: &Results) -> Option<Figure> {
    let reviews = results.all().at("task", "reviews");
    let pairs = reviews.levels("pair");
    let panels: Vec<Panel> = [("words", "counts of words"), ("msda", "auto-encoder features")]
        .into_iter()
        .filter_map(|(features, title)| {
            let series = by_arm(paper, |arm| {
                let of_arm = results.arm(arm).at("task", "reviews").at("features", features);
                pairs.iter().map(|pair| bar(of_arm.clone().at("pair", pair.clone()), "target_accuracy")).collect()
            });
            let plot = BarPlot {
                x: "source-target".into(),
                y: Axis::linear("target accuracy (%)"),
                categories: pairs.iter().map(ToString::to_string).collect(),
                series,
                references: Vec::new(),
            };
            (!plot.series.is_empty()).then(|| Panel::new(title, Plot::Bars(plot)))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "reviews",
            "Sentiment of reviews across kinds of products",
            format!("Weights chosen by source validation risk. Bars: {BANDS}."),
            panels,
        )
    })
}

/// Clouds of the first seed that recorded them, by the names of their series.
fn clouds(selection: &Selection, names: &[(&str, &str)]) -> Vec<(String, Vec<(f64, f64)>)> {
    names
        .iter()
        .filter_map(|(series, label)| {
            let (_, points) = selection.series(series).into_iter().next()?;
            Some(((*label).to_owned(), points.points().collect()))
        })
        .collect()
}

/// A panel of clouds for each of the two arms that the paper's figures compare.
fn two_panels(paper: &Paper, results: &Results, task: &str, [x, y]: [&str; 2], names: &[(&str, &str)]) -> Vec<Panel> {
    ["source_only", "dann"]
        .into_iter()
        .filter_map(|arm| {
            let clouds = clouds(&of_task(results, arm, task), names);
            let title = paper.arm(arm).map_or(arm, |arm| arm.label.as_str());
            let plot = ScatterPlot { x: Axis::linear(x), y: Axis::linear(y), clouds, diagonal: false };
            (!plot.clouds.is_empty()).then(|| Panel::new(title, Plot::Scatter(plot)))
        })
        .collect()
}

fn plane(paper: &Paper, results: &Results) -> Option<Figure> {
    let names = [
        ("plane_class_0", "source, class 0"),
        ("plane_class_1", "source, class 1"),
        ("plane_target", "target, no label"),
        ("plane_class_boundary", "class boundary"),
        ("plane_domain_boundary", "domain boundary"),
    ];
    let panels = two_panels(paper, results, "moons", ["x", "y"], &names);
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "moons",
            "Inter-twinning moons: class and domain boundary of the shallow network",
            "The domain boundary separates what the domain classifier, which sees only the hidden layer, takes for source \
             and for target. One seed.",
            panels,
        )
    })
}

fn features(paper: &Paper, results: &Results) -> Option<Figure> {
    let names = [("picture_source", "source"), ("picture_target", "target")];
    let mut panels = Vec::new();
    for (task, name) in TASKS.into_iter().filter(|(task, _)| matches!(*task, "images" | "moons")) {
        let axes = ["first component", "second component"];
        panels.extend(
            two_panels(paper, results, task, axes, &names)
                .into_iter()
                .map(|panel| Panel { title: format!("{name}, {}", panel.title), ..panel }),
        );
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "features",
            "Features of unseen examples of both domains on their two principal components",
            "Where the clouds lie on each other, the features do not tell the domain. One seed.",
            panels,
        )
    })
}

fn distances(results: &Results) -> Option<Figure> {
    let mut clouds = Vec::new();
    for (task, name) in TASKS {
        let of = |arm: &str| of_task(results, arm, task).having("pad");
        let (before, after) = (of("source_only"), of("dann"));
        let points: Vec<(f64, f64)> = before
            .records()
            .iter()
            .filter_map(|before| {
                let twin =
                    after.records().iter().find(|after| after.seed == before.seed && after.cell == before.cell)?;
                Some((before.metric("pad")?, twin.metric("pad")?))
            })
            .collect();
        if !points.is_empty() {
            clouds.push((name.to_owned(), points));
        }
    }
    if clouds.is_empty() {
        return None;
    }
    let plot = ScatterPlot {
        x: Axis::linear("proxy A-distance, source only"),
        y: Axis::linear("proxy A-distance, DANN"),
        clouds,
        diagonal: true,
    };
    Some(Figure::new(
        "proxy-a-distance",
        "Distance between the domains' features without and with adversarial training",
        "A point for each seed (and pair of domains); below the diagonal the domains have come closer. 0: a linear \
         classifier cannot tell them apart, 2: it always can.",
        Plot::Scatter(plot),
    ))
}

fn losses(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = [("label_loss", "label loss"), ("domain_loss", "domain loss")]
        .into_iter()
        .filter_map(|(series, title)| {
            let lines: Vec<Line> = paper
                .arms
                .iter()
                .map(|arm| {
                    let line = of_task(results, &arm.name, "images").line(series, &arm.label).coloured_as(&arm.name);
                    if arm.role == ArmRole::Method { line } else { line.dashed() }
                })
                .filter(|line| !line.points.is_empty())
                .collect();
            let chance = Reference { label: "chance".into(), at: std::f64::consts::LN_2, vertical: false };
            let plot = LinePlot {
                x: Axis::linear("training step"),
                y: Axis::log(&format!("{title} (nats)")),
                references: if series == "domain_loss" { vec![chance] } else { Vec::new() },
                lines,
            };
            (!plot.lines.is_empty()).then(|| Panel::new(title, Plot::Lines(plot)))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "losses",
            "Training losses on digits",
            format!(
                "Means since the last reading. Without a reversal the domain classifier only watches. Bands: {BANDS}."
            ),
            panels,
        )
    })
}
