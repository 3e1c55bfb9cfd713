//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Heatmap, Line, LinePlot, Panel, Plot};
use harness_core::prelude::*;

use super::loss::ZLossConfig;
use super::verdicts::KS;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [top_k_errors(paper, results), hyper_parameters(results), times(paper, results), Some(shape_of_the_loss())]
        .into_iter()
        .flatten()
        .collect()
}

const BANDS: &str = "Bands: 95 % t interval over seeds.";

/// The line of an arm, named and coloured as in all figures; baselines are broken.
fn dressed(line: Line, paper: &Paper, arm: &str) -> Line {
    let baseline = paper.arm(arm).is_some_and(|arm| arm.role == harness_core::paper::ArmRole::Baseline);
    let line = line.with_markers().coloured_as(arm);
    if baseline { line.dashed() } else { line }
}

fn top_k_errors(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines: Vec<Line> = paper
        .arms
        .iter()
        .filter_map(|arm| {
            let runs: Vec<Vec<(f64, f64)>> = results
                .arm(&arm.name)
                .records()
                .iter()
                .map(|record| {
                    KS.iter().filter_map(|k| Some((*k as f64, record.metric(&format!("top{k}_error"))?))).collect()
                })
                .filter(|run: &Vec<_>| !run.is_empty())
                .collect();
            (!runs.is_empty()).then(|| dressed(Line::over_seeds(&arm.label, &runs), paper, &arm.name))
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let plot = LinePlot {
        x: Axis::log("k"),
        y: Axis::linear("top-k error (share of test words)"),
        lines,
        references: Vec::new(),
    };
    Some(Figure::new(
        "top-k-error",
        "Test top-k error against k, each loss with hyper-parameters chosen on validation words",
        format!("The share of test words that are not among the k first. {BANDS}"),
        Plot::Lines(plot),
    ))
}

fn hyper_parameters(results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = [1, 10, 100].into_iter().filter_map(|k| hyper_parameter_panel(results, k)).collect();
    if panels.is_empty() {
        return None;
    }
    Some(Figure::of_panels(
        "a-b-grid",
        "Validation error of the Z-loss over its hyper-parameters a and b",
        "Mean over seeds after the short selection runs, at the best learning rate of each pair. Grey fields were not \
         tried.",
        panels,
    ))
}

fn hyper_parameter_panel(results: &Results, k: usize) -> Option<Panel> {
    let prefix = format!("validation_top{k}_error_a");
    let mut errors: Vec<(f64, f64, f64)> = Vec::new();
    for record in results.arm("z_loss").records() {
        for (name, error) in &record.metrics {
            let point = name.strip_prefix(&prefix).and_then(|rest| rest.split_once("_b"));
            if let Some((Ok(a), Ok(b))) = point.map(|(a, b)| (a.parse(), b.parse())) {
                errors.push((a, b, error.0));
            }
        }
    }
    let levels = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let rows = levels(errors.iter().map(|(a, _, _)| *a).collect());
    let columns = levels(errors.iter().map(|(_, b, _)| *b).collect());
    let mean = |a: f64, b: f64| {
        let here: Vec<f64> = errors.iter().filter(|e| e.0 == a && e.1 == b).map(|e| e.2).collect();
        // No value gives 0/0: NaN, an empty field.
        here.iter().sum::<f64>() / here.len() as f64
    };
    let plot = Heatmap {
        x: "b".into(),
        y: "a".into(),
        value: format!("validation top-{k} error"),
        values: rows.iter().map(|a| columns.iter().map(|b| mean(*a, *b)).collect()).collect(),
        columns: columns.iter().map(ToString::to_string).collect(),
        rows: rows.iter().map(ToString::to_string).collect(),
    };
    (!errors.is_empty()).then(|| Panel::new(format!("top-{k}"), Plot::Heatmap(plot)))
}

fn times(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines: Vec<Line> = paper
        .arms
        .iter()
        .filter_map(|arm| {
            let line = results.arm(&arm.name).line_over("classes", "ms_per_example", &arm.label);
            (!line.points.is_empty()).then(|| dressed(line, paper, &arm.name))
        })
        .collect();
    let largest = results.all().levels("classes").iter().filter_map(Level::as_f64).fold(0.0, f64::max);
    if lines.is_empty() {
        return None;
    }
    let plot = LinePlot {
        x: Axis::log("number of classes D"),
        y: Axis::log("time per example (ms)"),
        lines,
        references: Vec::new(),
    };
    Some(Figure::new(
        "time-per-example",
        format!("Time per example of one output layer, up to D = {largest}"),
        format!("Outputs, loss, gradient and step; the median of repeated passes. {BANDS}"),
        Plot::Lines(plot),
    ))
}

fn shape_of_the_loss() -> Figure {
    let lines = [(1.0, 0.0), (1.0, 4.0), (1.0, 10.0), (0.2, 10.0), (0.05, 20.0)]
        .into_iter()
        .filter_map(|(a, b)| {
            let loss = ZLossConfig::new().with_a(a).with_b(b).init().ok()?;
            let points = (-20..=80).map(|at| f64::from(at) / 2.0).map(|z| (z, loss.value_and_slope(z).0));
            Some(Line::exact(&format!("a = {a}, b = {b}"), points))
        })
        .collect();
    let plot =
        LinePlot { x: Axis::linear("z-score of the target"), y: Axis::linear("Z-loss"), lines, references: Vec::new() };
    Figure::new(
        "shape",
        "The Z-loss stops pushing where the target's z-score passes b; a sets how abruptly",
        "Exact curves, no data.",
        Plot::Lines(plot),
    )
}
