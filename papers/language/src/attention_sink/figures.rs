//! The figures of the report.

use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Figure, Heatmap, Line, LinePlot, Panel, Plot, Table};
use harness_core::prelude::*;
use harness_core::results::Selection;

use super::record::{MAP, NORMS, POSITIONS, head_metric, norm_metric};

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        emergence(paper, results),
        data_amount(results),
        all_arms(paper, results),
        positions(paper, results),
        heads(paper, results),
        maps(paper, results),
        table(paper, results),
        norms(paper, results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const BANDS: &str = "Bands and whiskers: 95 % t interval over seeds.";
/// The tasks that arms share, with their names in captions.
const TASKS: [(&str, &str); 2] = [("back_copy", "back-copy language"), ("text", "characters of text")];

fn of<'a>(results: &'a Results, arm: &str, task: &str) -> Selection<'a> {
    results.arm(arm).at("task", task)
}

/// The arms that have finished trials of a task.
fn arms<'a>(
    paper: &'a Paper,
    results: &'a Results,
    task: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, Selection<'a>)> {
    paper.arms.iter().filter_map(move |arm| {
        let trials = of(results, &arm.name, task);
        (!trials.records().is_empty()).then_some((arm.name.as_str(), arm.label.as_str(), trials))
    })
}

fn emergence(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut panels = Vec::new();
    for (task, name) in TASKS {
        for (series, label) in [("sink_1", "sink of the first token (%)"), ("loss", "validation loss (nats)")] {
            let lines: Vec<Line> = arms(paper, results, task)
                .map(|(arm, label, trials)| trials.line(series, label).coloured_as(arm))
                .filter(|line| !line.points.is_empty())
                .collect();
            if !lines.is_empty() {
                let (x, y) = (Axis::linear("training step"), Axis::linear(label));
                let title = format!("{name}, {}", if series == "loss" { "loss" } else { "sink" });
                panels.push(Panel::new(title, Plot::Lines(LinePlot { x, y, lines, references: Vec::new() })));
            }
        }
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "emergence",
            "Sink of the first token and validation loss during training",
            format!("Sequences that training does not see; ε = 0.3. {BANDS}"),
            panels,
        )
    })
}

fn data_amount(results: &Results) -> Option<Figure> {
    let trials = of(results, "softmax", "data_amount");
    let panels: Vec<Panel> = [("sink_1", "sink of the first token (%)"), ("loss", "validation loss (nats)")]
        .into_iter()
        .filter_map(|(metric, label)| {
            let line = trials.line_over("pool", metric, "softmax").with_markers();
            let (x, y) = (Axis::log("training sequences"), Axis::linear(label));
            let empty = line.points.is_empty();
            let plot = LinePlot { x, y, lines: vec![line], references: Vec::new() };
            (!empty).then(|| Panel::new("", Plot::Lines(plot)))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "data-amount",
            "Sink and loss against the amount of training data",
            format!("Back-copy language, softmax. {BANDS}"),
            panels,
        )
    })
}

/// Bars of a metric, one a category.
fn bars(label: &str, trials: &[Selection<'_>], metric: &str, factor: f64) -> BarSeries {
    let bar = |trials: &Selection<'_>| {
        let values = trials.clone().having(metric).metric(metric).ok()?;
        Bar::over_seeds(values.into_values().map(|value| factor * value))
    };
    BarSeries { label: label.to_owned(), bars: trials.iter().map(bar).collect() }
}

fn all_arms(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = TASKS
        .into_iter()
        .filter_map(|(task, name)| {
            let (labels, trials): (Vec<String>, Vec<Selection<'_>>) =
                arms(paper, results, task).map(|(_, label, trials)| (label.to_owned(), trials)).unzip();
            let plot = BarPlot {
                x: "arm".into(),
                y: Axis::linear("per cent"),
                series: vec![
                    bars("Sink (%), ε = 0.3", &trials, "sink_1", 1.0),
                    bars("mean importance (%)", &trials, "importance_1", 100.0),
                ],
                categories: labels,
                references: Vec::new(),
            };
            (!trials.is_empty()).then(|| Panel::new(name, Plot::Bars(plot)))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "all-arms",
            "Sink and mean importance of the first token at the end of training",
            format!("Means of the last evaluations. Weights that are not normalised may sum to more than 1. {BANDS}"),
            panels,
        )
    })
}

fn positions(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut series = Vec::new();
    for (arm, label, trials) in arms(paper, results, "back_copy") {
        if arm == "softmax" || ["prefix", "fixed", "window", "random"].iter().any(|start| arm.starts_with(start)) {
            let bar = |position: usize| {
                let values = trials.metric(&format!("sink_{position}")).ok()?;
                Bar::over_seeds(values.into_values())
            };
            series.push(BarSeries { label: label.to_owned(), bars: (1..=POSITIONS).map(bar).collect() });
        }
    }
    let plot = BarPlot {
        x: "position k".into(),
        y: Axis::linear("Sink_k (%)"),
        categories: (1..=POSITIONS).map(|position| position.to_string()).collect(),
        series,
        references: Vec::new(),
    };
    (!plot.series.is_empty()).then(|| {
        Figure::new(
            "positions",
            "Loss and data decide at which position the sink is",
            format!("Back-copy language, ε = 0.3, at the end of training. {BANDS}"),
            Plot::Bars(plot),
        )
    })
}

/// Mean importance of the first position by block and head.
fn heads(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut panels = Vec::new();
    for (task, name) in TASKS {
        let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
        for (arm, label, trials) in arms(paper, results, task) {
            if !["softmax", "sigmoid", "sigmoid_norm", "key_bias"].contains(&arm) {
                continue;
            }
            for block in 1.. {
                let values: Vec<f64> = (1..).map_while(|head| trials.mean(&head_metric(block, head)).ok()).collect();
                if values.is_empty() {
                    break;
                }
                rows.push((format!("{label}, block {block}"), values));
            }
        }
        let Some(widest) = rows.iter().map(|(_, values)| values.len()).max() else { continue };
        let (rows, values) = rows.into_iter().unzip();
        let plot = Heatmap {
            x: "head".into(),
            y: "block".into(),
            value: "mean importance of the first token".into(),
            columns: (1..=widest).map(|head| head.to_string()).collect(),
            rows,
            values,
        };
        panels.push(Panel::new(name, Plot::Heatmap(plot)));
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "heads",
            "Mean importance of the first token by block and head",
            "Means over seeds and over the last evaluations.",
            panels,
        )
    })
}

/// Attention of one sequence.
fn maps(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut panels = Vec::new();
    for (task, name) in TASKS {
        for (arm, label, trials) in arms(paper, results, task) {
            if !["softmax", "sigmoid", "sigmoid_norm", "key_bias"].contains(&arm) {
                continue;
            }
            let Some((_, series)) = trials.series(MAP).into_iter().next() else { continue };
            let weights: Vec<f64> = series.points().map(|(_, weight)| weight).collect();
            let tokens = weights.len().isqrt();
            if tokens == 0 {
                continue;
            }
            let names: Vec<String> = (1..=tokens).map(|position| position.to_string()).collect();
            let plot = Heatmap {
                x: "key".into(),
                y: "query".into(),
                value: "weight".into(),
                columns: names.clone(),
                rows: names,
                values: weights.chunks_exact(tokens).map(<[f64]>::to_vec).collect(),
            };
            panels.push(Panel::new(format!("{label}, {name}"), Plot::Heatmap(plot)));
        }
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "attention-maps",
            "Attention of one sequence in the head with the strongest sink",
            "First seed, first sequence of the evaluation, ordinary keys only.",
            panels,
        )
    })
}

fn table(paper: &Paper, results: &Results) -> Option<Figure> {
    let metrics: [(&str, &str, usize); 8] = [
        ("sink_1", "Sink (%)", 1),
        ("sink_1_at_0.2", "at ε = 0.2", 1),
        ("sink_1_at_0.4", "at ε = 0.4", 1),
        ("importance_1", "importance", 3),
        ("sink_peak_position", "largest at", 1),
        ("sink_peak", "of (%)", 1),
        ("bias_slot", "weight of bias", 3),
        ("loss", "loss (nats)", 4),
    ];
    let mut rows = Vec::new();
    for (task, name) in TASKS {
        for (_, label, trials) in arms(paper, results, task) {
            let mut row = vec![name.to_owned(), label.to_owned()];
            row.extend(metrics.map(|(metric, _, digits)| {
                trials.mean(metric).map_or("–".into(), |mean| format!("{mean:.digits$}"))
            }));
            row.push(trials.seeds().len().to_string());
            rows.push(row);
        }
    }
    let columns = ["data", "arm"].into_iter().chain(metrics.map(|(_, head, _)| head)).chain(["seeds"]);
    let plot = Plot::Table(Table { columns: columns.map(str::to_owned).collect(), rows: rows.clone() });
    (!rows.is_empty()).then(|| Figure::new("table", "All arms at the end of training", "Means over seeds.", plot))
}

/// Sizes of hidden states, keys and values: at a sink, hidden states are large, keys and values small.
fn norms(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut rows = Vec::new();
    for (task, name) in TASKS {
        for (_, label, trials) in arms(paper, results, task) {
            for block in 1.. {
                let mean = |of: &str, first: bool| trials.mean(&norm_metric(of, block, first)).ok();
                if mean(NORMS[0], true).is_none() {
                    break;
                }
                let mut row = vec![name.to_owned(), label.to_owned(), block.to_string()];
                for of in NORMS {
                    let show = |first| mean(of, first).map_or("–".into(), |mean| format!("{mean:.2}"));
                    row.push(format!("{} / {}", show(true), show(false)));
                }
                rows.push(row);
            }
        }
    }
    let columns = ["data", "arm", "block", "hidden states", "keys", "values"].map(str::to_owned).to_vec();
    let plot = Plot::Table(Table { columns, rows: rows.clone() });
    (!rows.is_empty()).then(|| {
        Figure::new(
            "norms",
            "Euclidean norms at the first token / at all others",
            "After training; hidden states behind the block, keys and values averaged over heads. Means over seeds.",
            plot,
        )
    })
}
