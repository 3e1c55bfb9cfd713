//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Line, LinePlot, Panel, Plot};
use harness_core::prelude::*;
use harness_core::record::Record;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        search(paper, results),
        losses(paper, results),
        schedules(paper, results),
        starts(results),
        response(results),
        gates(results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const BANDS: &str = "Bands and bars: 95 % t interval over seeds.";

/// Series or metrics of the hyper-parameters, as people call them.
const DROPOUT: [(&str, &str); 3] = [
    ("input_dropout", "inputs"),
    ("hidden_dropout_1", "first hidden layer"),
    ("hidden_dropout_2", "second hidden layer"),
];

fn lines_plot(x: Axis, y: Axis, lines: Vec<Line>) -> Option<Plot> {
    let lines: Vec<Line> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    (!lines.is_empty()).then(|| Plot::Lines(LinePlot { x, y, lines, references: Vec::new() }))
}

fn curve(record: &Record, name: &str) -> Vec<(f64, f64)> {
    record.series.get(name).map(|series| series.points().collect()).unwrap_or_default()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The best validation loss so far against the seconds spent on steps. All seeds of an arm take the same steps, so its
/// mean time per step gives them common abscissae.
fn search(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut lines = Vec::new();
    for (name, dashed) in [
        ("default", true),
        ("grid", false),
        ("random", false),
        ("fixed", true),
        ("stn", false),
        ("stn_fixed_scale", false),
        ("replay", true),
    ] {
        let records = results.arm(name).records().to_vec();
        let per_step: Vec<f64> = records
            .iter()
            .filter_map(|record| Some(record.timings.get("training_ms")?.0 / record.metric("steps")?))
            .filter(|time| time.is_finite())
            .collect();
        let (Some(milliseconds), Some(arm)) = (mean(&per_step), paper.arm(name)) else { continue };
        let runs: Vec<Vec<(f64, f64)>> = records
            .iter()
            .map(|record| {
                let mut best = f64::INFINITY;
                curve(record, "validation_loss")
                    .into_iter()
                    .map(|(steps, loss)| {
                        best = best.min(loss);
                        (steps * milliseconds / 1000.0, best)
                    })
                    .collect()
            })
            .collect();
        let line = Line::over_seeds(&arm.label, &runs);
        lines.push(if dashed { line.dashed() } else { line });
    }
    let plot =
        lines_plot(Axis::log("time spent on steps (s)"), Axis::log("best validation loss so far (nats)"), lines)?;
    Some(Figure::new(
        "search",
        "Best validation loss against time: searches and the paper's method",
        format!(
            "Searches run their candidates one after the other. Broken: single plain runs, whose hyper-parameters are given; the time \
             in which another arm found them is not counted. Evaluation is not counted. {BANDS}"
        ),
        plot,
    ))
}

fn losses(paper: &Paper, results: &Results) -> Option<Figure> {
    let arms: Vec<(&str, Vec<&Record>)> =
        ["default", "grid", "random", "fixed", "final", "replay", "stn_fixed_scale", "stn"]
            .into_iter()
            .map(|arm| (arm, results.arm(arm).records().to_vec()))
            .filter(|(_, records)| !records.is_empty())
            .collect();
    if arms.is_empty() {
        return None;
    }
    let bars = |metric: &str, factor: f64| -> Vec<Option<Bar>> {
        arms.iter()
            .map(|(_, records)| {
                let values = records.iter().filter_map(|record| Some(factor * record.metric(metric)?));
                Bar::over_seeds(values.filter(|value| value.is_finite()))
            })
            .collect()
    };
    let categories: Vec<String> =
        arms.iter().map(|(arm, _)| paper.arm(arm).map_or(*arm, |arm| &arm.label).to_owned()).collect();
    let panel = |title: &str, unit: &str, series: Vec<(&str, Vec<Option<Bar>>)>| {
        let series = series.into_iter().map(|(label, bars)| BarSeries { label: label.to_owned(), bars }).collect();
        let plot = BarPlot {
            x: "arm".into(),
            y: Axis::linear(unit),
            categories: categories.clone(),
            series,
            references: Vec::new(),
        };
        Panel::new(title, Plot::Bars(plot))
    };
    let loss = vec![("validation", bars("validation_loss", 1.0)), ("test", bars("test_loss", 1.0))];
    let accuracy = vec![("validation", bars("validation_accuracy", 100.0)), ("test", bars("test_accuracy", 100.0))];
    Some(Figure::of_panels(
        "losses",
        "Loss and accuracy of all arms",
        format!(
            "At the epoch of the lowest validation loss; for searches, of the winner by validation. The paper's method fits its \
             hyper-parameters to the validation examples. {BANDS}"
        ),
        vec![panel("cross-entropy", "cross-entropy (nats)", loss), panel("accuracy", "examples (%)", accuracy)],
    ))
}

fn schedules(paper: &Paper, results: &Results) -> Option<Figure> {
    const OTHERS: [(&str, &str, &str); 2] = [
        ("input_scaling", "width of the input's factor", "width a"),
        ("cutout_length", "side of the cut square, before rounding down", "pixels"),
    ];
    let methods = ["stn", "stn_fixed_scale"];
    let label = |arm: &str| paper.arm(arm).map_or(arm.to_owned(), |arm| arm.label.clone());
    let epochs = || Axis::linear("epoch");
    let mut panels = Vec::new();
    let dropout: Vec<Line> =
        DROPOUT.iter().map(|(name, shown)| results.arm("stn").line(&format!("value_{name}"), shown)).collect();
    if let Some(plot) = lines_plot(epochs(), Axis::linear("dropout rate"), dropout) {
        panels.push(Panel::new("dropout rates (STN)", plot));
    }
    for (name, title, unit) in OTHERS {
        let lines = methods.iter().map(|arm| results.arm(arm).line(&format!("value_{name}"), &label(arm))).collect();
        if let Some(plot) = lines_plot(epochs(), Axis::linear(unit), lines) {
            panels.push(Panel::new(title, plot));
        }
    }
    let scales: Vec<Line> = DROPOUT
        .iter()
        .chain(&[("input_scaling", "input scaling"), ("cutout_length", "cutout length")])
        .map(|(name, shown)| results.arm("stn").line(&format!("scale_{name}"), shown))
        .collect();
    if let Some(plot) = lines_plot(epochs(), Axis::linear("σ of the unconstrained value"), scales) {
        panels.push(Panel::new("scales of the perturbation (STN)", plot));
    }
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "schedules",
            "The schedules that a single run finds",
            format!("Hyper-parameters rest during the warm-up. {BANDS}"),
            panels,
        )
    })
}

fn starts(results: &Results) -> Option<Figure> {
    let shared = results.arm("shared");
    let lines: Vec<Line> = shared
        .levels("start")
        .into_iter()
        .map(|start: Level| {
            shared.clone().at("start", start.clone()).line("value_shared_dropout", &format!("from {start}"))
        })
        .collect();
    let plot = lines_plot(Axis::linear("epoch"), Axis::linear("dropout rate"), lines)?;
    Some(Figure::new(
        "starts",
        "A single dropout rate from several starts",
        format!("One rate for the inputs and both hidden layers; it rests during the warm-up. {BANDS}"),
        plot,
    ))
}

fn response(results: &Results) -> Option<Figure> {
    let records = results.arm("retrained").records().to_vec();
    let here = results.arm("final").metric("last_validation_loss").unwrap_or_default();
    let points = |names: [&str; 3]| -> Vec<Vec<(f64, f64)>> {
        records
            .iter()
            .map(|record| {
                [-1.0, 0.0, 1.0]
                    .into_iter()
                    .zip(names)
                    .filter_map(|(shift, name)| {
                        let value = if name == "final" { here.get(&record.seed).copied() } else { record.metric(name) };
                        Some((shift, value.filter(|value| value.is_finite())?))
                    })
                    .collect()
            })
            .collect()
    };
    let responses = points(["response_loss_below", "response_loss_here", "response_loss_above"]);
    let retrained = points(["retrained_loss_below", "final", "retrained_loss_above"]);
    let lines = vec![
        Line::over_seeds("STN's response", &responses).with_markers(),
        Line::over_seeds("plain network trained there", &retrained).with_markers().dashed(),
    ];
    let plot = lines_plot(
        Axis::linear("shift of all hyper-parameters (σ)"),
        Axis::linear("validation loss after the last epoch (nats)"),
        lines,
    )?;
    Some(Figure::new(
        "response",
        "Response of the network beside training anew at shifted hyper-parameters",
        format!("Around the last hyper-parameters of STN; plain networks keep theirs throughout. {BANDS}"),
        plot,
    ))
}

fn gates(results: &Results) -> Option<Figure> {
    let theory = results.arm("theory");
    let record = theory.records().first()?;
    let lines: Vec<Line> = record
        .series
        .keys()
        .filter_map(|name| {
            let unit: usize = name.strip_prefix("gate_")?.parse().ok()?;
            Some((unit, Line::exact(&format!("unit {}", unit + 1), curve(record, name))))
        })
        .collect::<std::collections::BTreeMap<usize, Line>>()
        .into_values()
        .collect();
    let plot = lines_plot(Axis::linear("log λ"), Axis::linear("gate"), lines)?;
    Some(Figure::new(
        "gates",
        "The exact response of a linear network is a sigmoid gate per hidden unit",
        "Gates against the logarithm of the penalty on one random problem; units in descending order of their singular values.",
        plot,
    ))
}
