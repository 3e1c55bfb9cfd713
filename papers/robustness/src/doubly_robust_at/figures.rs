//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Histogram, Line, LinePlot, Panel, Plot};
use harness_core::prelude::*;
use harness_core::record::Record;

use super::verdicts::main_task;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        accuracies(paper, results),
        classes(paper, results),
        weights(paper, results),
        objective(paper, results),
        price(results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const INTERVALS: &str = "Bars and bands: 95 % t interval over seeds.";
/// Classes of Fashion-MNIST and CIFAR-10 in the order of their numbers.
const CLOTHES: [&str; 10] =
    ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
const PHOTOGRAPHS: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The finished trials of an arm on a task.
fn trials<'a>(results: &'a Results, arm: &str, task: &str) -> Vec<&'a Record> {
    results.arm(arm).at("task", Level::from(task)).records().to_vec()
}

/// A metric in percent over the trials that have it.
fn percent(records: &[&Record], metric: &str) -> Option<Bar> {
    Bar::over_seeds(records.iter().filter_map(|record| Some(100.0 * record.metric(metric)?)).filter(|v| v.is_finite()))
}

fn in_words(task: &str) -> &str {
    match task {
        "cifar10" => "photographs",
        "fashion_mnist" => "clothing",
        _ => "synthetic clusters",
    }
}

/// The tasks that have trials.
fn tasks(results: &Results) -> Vec<String> {
    results.all().levels("task").iter().map(ToString::to_string).collect()
}

fn accuracies(paper: &Paper, results: &Results) -> Option<Figure> {
    const METRICS: [(&str, &str); 4] = [
        ("clean_accuracy", "clean"),
        ("robust_accuracy", "robust"),
        ("clean_tail_accuracy", "clean, worst 3 classes"),
        ("robust_tail_accuracy", "robust, worst 3 classes"),
    ];
    let panels: Vec<Panel> = tasks(results)
        .iter()
        .filter_map(|task| {
            let series: Vec<BarSeries> = paper
                .arms
                .iter()
                .filter_map(|arm| {
                    let records = trials(results, &arm.name, task);
                    let bars: Vec<Option<Bar>> = METRICS.iter().map(|(metric, _)| percent(&records, metric)).collect();
                    bars.iter().any(Option::is_some).then(|| BarSeries { label: arm.label.clone(), bars })
                })
                .collect();
            let plot = BarPlot {
                x: "test accuracy".into(),
                y: Axis::linear("test examples (%)"),
                categories: METRICS.iter().map(|(_, name)| (*name).to_owned()).collect(),
                series,
                references: Vec::new(),
            };
            (!plot.series.is_empty()).then(|| Panel::new(in_words(task), Plot::Bars(plot)))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "accuracies",
            "Clean and robust accuracy of all arms, over all classes and over the worst 30 % of them",
            format!("Robust: under projected gradient ascent from a random start. {INTERVALS}"),
            panels,
        )
    })
}

fn classes(paper: &Paper, results: &Results) -> Option<Figure> {
    let task = main_task(results)?;
    let names: Vec<String> = match task {
        "cifar10" => PHOTOGRAPHS.map(str::to_owned).to_vec(),
        "fashion_mnist" => CLOTHES.map(str::to_owned).to_vec(),
        _ => (0..10).map(|class| class.to_string()).collect(),
    };
    let series: Vec<BarSeries> = ["at", "drat"]
        .iter()
        .filter_map(|arm| {
            let records = trials(results, arm, task);
            let bars: Vec<Option<Bar>> =
                (0..names.len()).map(|class| percent(&records, &format!("robust_accuracy_class_{class}"))).collect();
            let label = paper.arm(arm).map(|arm| arm.label.clone())?;
            bars.iter().any(Option::is_some).then_some(BarSeries { label, bars })
        })
        .collect();
    if series.is_empty() {
        return None;
    }
    let plot = BarPlot {
        x: "class".into(),
        y: Axis::linear("robust test accuracy (%)"),
        categories: names,
        series,
        references: Vec::new(),
    };
    Some(Figure::new(
        "classes",
        format!("Robust accuracy by class, with uniform and with the paper's weights ({})", in_words(task)),
        INTERVALS,
        Plot::Bars(plot),
    ))
}

fn weights(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = tasks(results)
        .iter()
        .filter_map(|task| {
            let samples: Vec<(String, Vec<f64>)> = ["drat_r1", "drat_r2", "drat", "drat_r8"]
                .iter()
                .filter_map(|arm| {
                    let values: Vec<f64> = trials(results, arm, task)
                        .iter()
                        .filter_map(|record| record.series.get("weights_end"))
                        .flat_map(|series| series.points().map(|(_, weight)| weight).collect::<Vec<_>>())
                        .filter(|weight| weight.is_finite())
                        .collect();
                    (!values.is_empty()).then(|| (paper.arm(arm).map_or(*arm, |arm| &arm.label).to_owned(), values))
                })
                .collect();
            let x = Axis::log("weight times number of examples");
            (!samples.is_empty())
                .then(|| Panel::new(in_words(task), Plot::Histogram(Histogram { x, bins: 40, samples })))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "weights",
            "Weights of the training examples at the end: the smaller r, the further from uniform",
            "softmax(ℓ/r) over all training examples, as quantiles of each seed, all seeds together; 1 is a uniform weight.",
            panels,
        )
    })
}

fn objective(paper: &Paper, results: &Results) -> Option<Figure> {
    let task = main_task(results)?;
    let mut lines = Vec::new();
    for arm in ["drat", "drat_cid"] {
        let records = trials(results, arm, task);
        let label = paper.arm(arm).map_or(arm, |arm| &arm.label);
        let estimates: Vec<Vec<(f64, f64)>> = records
            .iter()
            .filter_map(|record| Some(record.series.get("objective_estimate")?.points().collect()))
            .collect();
        if !estimates.is_empty() {
            let name = format!("{label}, running estimate r·log u");
            lines.push(Line::over_seeds(&name, &estimates).coloured_as(label));
        }
        let measured: Vec<Vec<(f64, f64)>> = records.iter().map(|record| measured(record)).collect();
        if measured.iter().any(|run| !run.is_empty()) {
            let name = format!("{label}, all examples");
            lines.push(Line::over_seeds(&name, &measured).dashed().with_markers().coloured_as(label));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let plot = LinePlot { x: Axis::linear("epoch"), y: Axis::linear("L(θ) (nats)"), lines, references: Vec::new() };
    Some(Figure::new(
        "objective",
        format!("The objective L(θ) over training ({})", in_words(task)),
        format!(
            "Broken: over all training examples, attacked anew, at three times. Solid: the running estimate that the algorithm \
             keeps. {INTERVALS}"
        ),
        Plot::Lines(plot),
    ))
}

/// L(θ) over all training examples against the epoch.
fn measured(record: &Record) -> Vec<(f64, f64)> {
    let epochs = record.series.get("training_loss").and_then(|series| series.x.last()).map_or(0.0, |last| last.0);
    [("start", 0.0), ("middle", (epochs / 2.0).floor()), ("end", epochs)]
        .into_iter()
        .filter_map(|(when, epoch)| Some((epoch, record.metric(&format!("objective_{when}"))?)))
        .filter(|(_, value)| value.is_finite())
        .collect()
}

fn price(results: &Results) -> Option<Figure> {
    const ARMS: [(&str, f64); 4] = [("drat_r1", 1.0), ("drat_r2", 2.0), ("drat", 4.0), ("drat_r8", 8.0)];
    let task = main_task(results).filter(|task| !trials(results, "drat_r1", task).is_empty())?;
    let line = |metric: &str, label: &str| {
        let mut runs: std::collections::BTreeMap<u64, Vec<(f64, f64)>> = std::collections::BTreeMap::new();
        for (arm, r) in ARMS {
            for record in trials(results, arm, task) {
                if let Some(value) = record.metric(metric).filter(|value| value.is_finite()) {
                    runs.entry(record.seed).or_default().push((r, 100.0 * value));
                }
            }
        }
        let runs: Vec<Vec<(f64, f64)>> = runs.into_values().collect();
        Line::over_seeds(label, &runs).with_markers()
    };
    let lines = vec![line("robust_accuracy", "all classes"), line("robust_tail_accuracy", "worst 30 % of the classes")];
    let plot =
        LinePlot { x: Axis::log("r"), y: Axis::linear("robust test accuracy (%)"), lines, references: Vec::new() };
    Some(Figure::new(
        "price",
        format!("Robust accuracy against r, the price of uneven weights ({})", in_words(task)),
        format!("A large r is plain adversarial training. {INTERVALS}"),
        Plot::Lines(plot),
    ))
}
