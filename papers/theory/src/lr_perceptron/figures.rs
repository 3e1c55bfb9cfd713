//! The figures of the report.

use harness_core::figure::{Axis, Figure, Line, LinePlot, Panel, Plot, Reference, ScatterPlot, Table};
use harness_core::results::Results;
use harness_core::text::number;
use harness_core::{Paper, Result};

use super::judge::{
    PUBLISHED_CELL, PUBLISHED_WORST_CASE, PUBLISHED_WORST_CASE_LR_GD, bound_of, describe_counts, worst_case_exponents,
};
use super::methods::Method;
use super::settings::Cell;
use super::study::Study;
use super::tasks::Task;

/// All figures whose trials are there.
pub(super) fn figures(paper: &Paper, results: &Results) -> Result<Vec<Figure>> {
    let study = Study::new(paper, results)?;
    let mut figures = curves(&study);
    figures.extend(iterations_against_n(&study)?);
    figures.extend(distance_against_step(&study)?);
    figures.extend(loss_against_steps_to_go(&study));
    figures.extend(iterations_table(&study)?);
    Ok(figures)
}

/// Data sets as a caption names them.
fn caption_of(study: &Study, cell: Cell) -> String {
    let generated = if study.is_generated(cell) { ", generated points in place of the images" } else { "" };
    format!("{}, n = {}{generated}", cell.task.label(), cell.n)
}

/// Accuracy, loss and gradient norm against t.
fn curves(study: &Study) -> Vec<Figure> {
    let cells = study.cells();
    let mut figures = Vec::new();
    for cell in cells.into_iter().filter(|cell| !matches!(cell.task, Task::WorstCase)) {
        // Chaotic runs end at different steps: their mean would be a curve that no run has.
        let Some(seed) = study.arms.iter().flat_map(|(arm, _, _)| study.trials(arm, cell)).map(|r| r.seed).min() else {
            continue;
        };
        let panel = |series: &str, y: Axis| {
            let lines = study
                .arms
                .iter()
                .filter(|(_, _, method)| matches!(method, Method::LrGd { .. } | Method::BatchPerceptron))
                .filter_map(|(arm, label, method)| {
                    let record = study.trials(arm, cell).find(|record| record.seed == seed)?;
                    // The axis is logarithmic: t = 0 has no place on it.
                    let points = record.series.get(series)?.points().filter(|(t, _)| *t > 0.0);
                    let line = Line::exact(label, points).coloured_as(arm);
                    Some(if *method == Method::BatchPerceptron { line.dashed() } else { line })
                })
                .collect();
            let plot = LinePlot { x: Axis::log("iteration t"), y, lines, references: Vec::new() };
            Panel::new(series.replace('_', " "), Plot::Lines(plot))
        };
        let panels = vec![
            panel("accuracy", Axis::linear("training accuracy (share of points)")),
            panel("loss", Axis::log("loss f(θ) (nats)")),
            panel("gradient_norm", Axis::log("‖∇f(θ)‖")),
        ];
        figures.push(Figure::of_panels(
            &format!("curves-{}-{}", cell.task.name().replace('_', "-"), cell.n),
            format!("LR+GD with every step size beside the batch perceptron: {}", cell.task.label()),
            format!(
                "{}. Accuracy, loss and gradient norm until the data are separated (end of a line) or the limit on steps. \
                 Seed {seed} alone, without bands: runs of other seeds end at other steps. Loss and gradient of the batch \
                 perceptron are those at its own iterate, whose scale has no step size.",
                caption_of(study, cell)
            ),
            panels,
        ));
    }
    figures
}

/// Steps against n on the worst-case set.
fn iterations_against_n(study: &Study) -> Result<Option<Figure>> {
    let shown = |method: &Method| match method {
        Method::LrGd { step } => *step == 100.0,
        _ => true,
    };
    let mut lines = Vec::new();
    for (arm, label, method) in study.arms.iter().filter(|(_, _, method)| shown(method)) {
        // Points at the limit on steps would bend the lines.
        let mut selection = study.results.arm(arm).at("task", Task::WorstCase.name());
        selection = selection.having("iterations");
        let separated = |record: &&harness_core::record::Record| record.metric("separated") == Some(1.0);
        let mut runs = std::collections::BTreeMap::<u64, Vec<(f64, f64)>>::new();
        for record in selection.records().iter().copied().filter(separated) {
            let n = record.cell.get("n").and_then(harness_core::cell::Level::as_f64);
            if let (Some(n), Some(iterations)) = (n, record.metric("iterations")) {
                runs.entry(record.seed).or_default().push((n, iterations));
            }
        }
        let runs: Vec<Vec<(f64, f64)>> = runs.into_values().collect();
        if !runs.is_empty() {
            let line = Line::over_seeds(label, &runs).with_markers().coloured_as(arm);
            lines.push((*method, line));
        }
    }
    if lines.is_empty() {
        return Ok(None);
    }
    // Without enough sizes there is no exponent, but still a figure.
    let exponents: Vec<f64> = worst_case_exponents(study).unwrap_or_default().into_values().flatten().collect();
    let exponent = (!exponents.is_empty()).then(|| exponents.iter().sum::<f64>() / exponents.len() as f64);
    let fit = lines.iter().find(|(method, _)| *method == Method::BatchPerceptron).zip(exponent).map(
        |((_, line), exponent)| {
            let count = line.points.len() as f64;
            let offset = line.points.iter().map(|point| point.y.ln() - exponent * point.x.ln()).sum::<f64>() / count;
            let points = line.points.iter().map(|point| (point.x, (offset + exponent * point.x.ln()).exp()));
            let label = format!("fit: n^{}", number(exponent));
            Line::exact(&label, points.collect::<Vec<_>>()).dashed()
        },
    );
    let title = match exponent {
        Some(exponent) => format!("On the worst-case set the batch perceptron's steps grow as n^{}", number(exponent)),
        None => "Steps until separation on the worst-case set".to_owned(),
    };
    let lines = lines.into_iter().map(|(_, line)| line).chain(fit).collect();
    let plot = LinePlot {
        x: Axis::log("number of points n"),
        y: Axis::log("iterations until separation"),
        lines,
        references: Vec::new(),
    };
    Ok(Some(Figure::new(
        "worst-case-iterations",
        title,
        "The set and the methods are deterministic: bands (95 % t intervals over seeds) have no width. Runs that reached \
         the limit on steps are left out. The broken line is the least-squares line on logarithmic axes.",
        Plot::Lines(plot),
    )))
}

/// Relative distance to the batch perceptron against γ.
fn distance_against_step(study: &Study) -> Result<Option<Figure>> {
    let arm = study.arm(Method::BatchPerceptron)?;
    let mut lines = Vec::new();
    let mut captions = Vec::new();
    for cell in study.cells() {
        let runs: Vec<Vec<(f64, f64)>> = study
            .trials(arm, cell)
            .filter_map(|record| Some(record.series.get("perceptron_distance")?.points().collect()))
            .collect();
        if !runs.is_empty() {
            lines.push(Line::over_seeds(&format!("{}, n = {}", cell.task.label(), cell.n), &runs).with_markers());
            captions.push(caption_of(study, cell));
        }
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let plot = LinePlot {
        x: Axis::log("step size γ"),
        y: Axis::log("largest relative distance over t ≤ 20"),
        lines,
        references: vec![Reference { label: "limit of the rule at γ = 1e6".into(), at: 1e-3, vertical: false }],
    };
    Ok(Some(Figure::new(
        "perceptron-limit",
        "Distance of LR+GD, divided by γ, to the batch perceptron against γ",
        format!("Mean over seeds with 95 % t intervals, in 64-bit arithmetic. Data: {}.", captions.join("; ")),
        Plot::Lines(plot),
    )))
}

/// Loss at the probe step against the number of steps until separation.
fn loss_against_steps_to_go(study: &Study) -> Option<Figure> {
    let mut panels = Vec::new();
    for cell in study.real_cells() {
        let clouds: Vec<(String, Vec<(f64, f64)>)> = study
            .arms
            .iter()
            .filter(|(_, _, method)| matches!(method, Method::LrGd { .. }))
            .filter_map(|(arm, label, _)| {
                let losses = study.metric(arm, cell, "loss_at_probe");
                let points: Vec<(f64, f64)> = study
                    .counts(arm, cell)
                    .into_iter()
                    .filter_map(|(seed, count)| Some((*losses.get(&seed)?, count.iterations)))
                    .collect();
                (!points.is_empty()).then(|| ((*label).to_owned(), points))
            })
            .collect();
        if !clouds.is_empty() {
            let plot = ScatterPlot {
                x: Axis::log(&format!("loss at t = {} (nats)", study.probe_step)),
                y: Axis::log("iterations until separation, or the limit"),
                clouds,
                diagonal: false,
            };
            panels.push(Panel::new(caption_of(study, cell), Plot::Scatter(plot)));
        }
    }
    if panels.is_empty() {
        return None;
    }
    Some(Figure::of_panels(
        "loss-as-progress-meter",
        "The loss early on and the steps still to go, by step size",
        "One point per seed. Were the loss a good progress meter, the points would rise from left to right.",
        panels,
    ))
}

/// What the paper prints for a method on a task, where we know it.
fn published(method: Method, cell: Cell) -> Option<String> {
    let of = |table: &[(f64, f64)], step: f64| table.iter().find(|(other, _)| *other == step).map(|(_, count)| *count);
    let count = match (cell.task, method) {
        (Task::WorstCase, Method::NormalizedLrGd { step }) if cell == PUBLISHED_CELL => of(&PUBLISHED_WORST_CASE, step),
        (Task::WorstCase, Method::LrGd { step: 100.0 }) if cell == PUBLISHED_CELL => Some(PUBLISHED_WORST_CASE_LR_GD),
        (Task::FashionBalanced, Method::LrGd { step }) => of(&[(10.0, 2778.0), (100.0, 2928.0)], step),
        (Task::FashionBalanced, Method::NormalizedLrGd { step }) => {
            of(&[(100.0, 3160.0), (1.0, 3351.0), (10.0, 3359.0)], step)
        }
        (Task::FashionImbalanced, Method::NormalizedLrGd { step }) => {
            of(&[(100.0, 311.0), (10.0, 349.0), (1.0, 353.0), (0.1, 504.0)], step)
        }
        _ => None,
    }?;
    Some(number(count))
}

/// Steps of every method on every data set, beside the published ones and the bounds.
fn iterations_table(study: &Study) -> Result<Option<Figure>> {
    let margins = study.arm(Method::BatchPerceptron)?;
    let mut rows = Vec::new();
    for cell in study.cells() {
        let measured = |name: &str| study.metric(margins, cell, name);
        let (radius, margin) = (measured("radius"), measured("margin_lower"));
        for (arm, label, method) in &study.arms {
            let counts = study.counts(arm, cell);
            if counts.is_empty() {
                continue;
            }
            let bounds: Vec<f64> = radius
                .iter()
                .filter_map(|(seed, radius)| bound_of(*method, cell.n, *radius, *margin.get(seed)?))
                .collect();
            // Bounds differ between seeds: the smallest is the one that is hardest to keep.
            let bound = bounds.into_iter().reduce(f64::min).map_or("–".into(), number);
            let least = counts.values().map(|count| count.iterations).fold(f64::INFINITY, f64::min);
            let most = counts.values().map(|count| count.iterations).fold(f64::NEG_INFINITY, f64::max);
            let task = if study.is_generated(cell) { "generated points" } else { cell.task.label() };
            rows.push(vec![
                task.to_owned(),
                cell.n.to_string(),
                (*label).to_owned(),
                describe_counts(counts.values()),
                format!("{} to {}", number(least), number(most)),
                published(*method, cell).unwrap_or_else(|| "–".into()),
                bound,
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let columns = ["data", "n", "method", "iterations (mean)", "range over seeds", "published", "theorem's bound"];
    let table = Table { columns: columns.map(str::to_owned).to_vec(), rows };
    Ok(Some(Figure::new(
        "iterations",
        "Iterations until separation, measured and published",
        "Mean and range over seeds; a mean marked ≥ contains runs that stopped at the limit on steps. The worst-case \
         numbers are comparable exactly. Those on images are not: the paper takes 5000 points of classes and \
         pre-processing that it does not print in the part we read; for its imbalanced set it prints 538 for LR+GD, and \
         we take its four normalized counts to be in the order of falling γ, as in its worst-case row. The bound is the \
         smallest over seeds, from the certified lower bound of the margin; `–` where the data were not shown to be \
         separable, and for LR+GD, which has none.",
        Plot::Table(table),
    )))
}
