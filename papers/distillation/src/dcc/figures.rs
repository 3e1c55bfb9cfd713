//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Figure, ImageGrid, Line, LinePlot, Panel, Plot, Table};
use harness_core::prelude::*;
use harness_core::record::Record;
use harness_core::text::number;

use super::settings::Task;
use super::verdicts::of_task;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        images(paper, results),
        amplitudes(paper, results),
        velocities(paper, results),
        continual(paper, results),
        losses(paper, results),
        table(paper, results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const BANDS: &str = "Bands: 95 % t interval over seeds.";
const TASKS: [(Task, &str); 3] =
    [(Task::Plain, "Plain"), (Task::Background, "With backgrounds"), (Task::Fine, "Classes that are much alike")];

fn images_per_class(record: &Record) -> f64 {
    record.cell.get("ipc").and_then(Level::as_f64).unwrap_or(0.0)
}

/// The first image of each class, of the first seed and the smallest sets.
fn images(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels: Vec<Panel> = TASKS
        .into_iter()
        .filter_map(|(task, title)| {
            let shown: Vec<(String, &Record)> = paper
                .arms
                .iter()
                .filter_map(|arm| {
                    let trials = of_task(results, &arm.name, task);
                    let with_images = trials.records().iter().copied().filter(|record| !record.images.is_empty());
                    let first = with_images.min_by(|a, b| {
                        let key = |record: &Record| (record.seed as f64, images_per_class(record));
                        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
                    })?;
                    Some((arm.label.clone(), first))
                })
                .collect();
            let columns =
                shown.first()?.1.images.keys().map(|name| name.trim_start_matches("class_").to_owned()).collect();
            let rows =
                shown.into_iter().map(|(arm, record)| (arm, record.images.values().cloned().collect())).collect();
            Some(Panel::new(title, Plot::Images(ImageGrid { columns, rows })))
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "condensed-images",
            "One image of each class, as picked or condensed",
            "First seed, smallest number of images per class. Black and white are the least and the largest training value.",
            panels,
        )
    })
}

/// Accuracy against the size of the backgrounds; 0 is the plain task.
fn amplitudes(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines: Vec<Line> = paper
        .arms
        .iter()
        .filter_map(|arm| {
            let trials = results.arm(&arm.name).having("accuracy");
            let with_backgrounds = trials.clone().at("task", "background");
            let least = with_backgrounds.records().iter().map(|record| images_per_class(record)).reduce(f64::min)?;
            let runs: Vec<Vec<(f64, f64)>> = trials
                .seeds()
                .into_iter()
                .map(|seed| {
                    trials
                        .records()
                        .iter()
                        .filter(|record| record.seed == seed && images_per_class(record) == least)
                        .filter_map(|record| {
                            let amplitude = match record.cell.get("task") {
                                Some(Level::Text(task)) if task == "plain" => 0.0,
                                Some(Level::Text(task)) if task == "background" => {
                                    record.cell.get("amplitude").and_then(Level::as_f64)?
                                }
                                _ => return None,
                            };
                            Some((amplitude, record.metric("accuracy")?))
                        })
                        .collect()
                })
                .collect();
            Some(Line::over_seeds(&arm.label, &runs).with_markers().coloured_as(&arm.name))
        })
        .collect();
    lines_figure(
        "background",
        "Accuracy against the size of what all classes have in common",
        format!("Smallest number of images per class. {BANDS}"),
        (Axis::linear("amplitude of the backgrounds (pixel range 1)"), Axis::linear("test accuracy (%)")),
        lines,
    )
}

fn lines_figure(id: &str, title: &str, caption: String, (x, y): (Axis, Axis), lines: Vec<Line>) -> Option<Figure> {
    let lines: Vec<Line> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    (!lines.is_empty())
        .then(|| Figure::new(id, title, caption, Plot::Lines(LinePlot { x, y, lines, references: Vec::new() })))
}

/// A curve of each arm in each task, for the smallest sets.
fn by_task(paper: &Paper, results: &Results, series: &str, (x, y): (Axis, Axis)) -> Vec<Panel> {
    TASKS
        .into_iter()
        .filter_map(|(task, title)| {
            let lines: Vec<Line> = paper
                .arms
                .iter()
                .filter_map(|arm| {
                    let trials = of_task(results, &arm.name, task);
                    let least = trials
                        .records()
                        .iter()
                        .filter(|record| record.series.contains_key(series))
                        .map(|record| images_per_class(record))
                        .reduce(f64::min)?;
                    Some(trials.at("ipc", least).line(series, &arm.label).coloured_as(&arm.name))
                })
                .collect();
            let plot = LinePlot { x: x.clone(), y: y.clone(), lines, references: Vec::new() };
            (!plot.lines.is_empty()).then(|| Panel::new(title, Plot::Lines(plot)))
        })
        .collect()
}

fn velocities(paper: &Paper, results: &Results) -> Option<Figure> {
    let axes = (Axis::linear("training step"), Axis::log("kernel velocity (per step)"));
    let panels = by_task(paper, results, "kernel_velocity", axes);
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "kernel-velocity",
            "How fast the kernel turns in the first steps of training on a set",
            format!("Kernel of the last layer on test images. {BANDS}"),
            panels,
        )
    })
}

fn losses(paper: &Paper, results: &Results) -> Option<Figure> {
    let axes = (Axis::linear("networks"), Axis::log("matching loss, last step of a network"));
    let panels = by_task(paper, results, "matching_loss", axes);
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            "matching-loss",
            "What condensation minimises, network after network",
            format!(
                "Sums over weights, and over classes where matching is class-wise: curves of different signals, and before and \
                 after a warm-up, do not compare. {BANDS}"
            ),
            panels,
        )
    })
}

fn continual(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines = paper
        .arms
        .iter()
        .map(|arm| {
            let line = of_task(results, &arm.name, Task::Continual).line("continual_accuracy", &arm.label);
            line.with_markers().coloured_as(&arm.name)
        })
        .collect();
    lines_figure(
        "continual-learning",
        "Accuracy over the classes seen so far, as tasks of new classes arrive",
        format!("Earlier classes are replayed from the images kept of them. {BANDS}"),
        (Axis::linear("classes seen"), Axis::linear("test accuracy (%)")),
        lines,
    )
}

fn table(paper: &Paper, results: &Results) -> Option<Figure> {
    let mut cells: Vec<harness_core::cell::Cell> = Vec::new();
    for record in results.all().having("accuracy").records() {
        if !cells.contains(&record.cell) {
            cells.push(record.cell.clone());
        }
    }
    let mut rows = Vec::new();
    for cell in &cells {
        for arm in &paper.arms {
            let trials = results.arm(&arm.name).having("accuracy");
            let of_cell: Vec<&&Record> = trials.records().iter().filter(|record| record.cell == *cell).collect();
            if of_cell.is_empty() {
                continue;
            }
            let mean = |metric: &str| {
                let values: Vec<f64> = of_cell.iter().filter_map(|record| record.metric(metric)).collect();
                if values.is_empty() { "–".into() } else { number(values.iter().sum::<f64>() / values.len() as f64) }
            };
            rows.push(vec![
                cell.to_string(),
                arm.label.clone(),
                mean("accuracy"),
                mean("accuracy_std"),
                mean("kernel_velocity"),
                of_cell.len().to_string(),
            ]);
        }
    }
    let columns = ["cell", "arm", "accuracy (%)", "std over networks", "kernel velocity", "seeds"];
    let plot = Plot::Table(Table { columns: columns.map(str::to_owned).to_vec(), rows: rows.clone() });
    (!rows.is_empty()).then(|| Figure::new("all-cells", "All arms in all tasks", "Means over seeds.", plot))
}
