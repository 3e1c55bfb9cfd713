//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Figure, Line, LinePlot, Panel, Plot, Reference, Table};
use harness_core::prelude::*;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    [
        geometry(paper, results),
        accuracy(paper, results),
        Some(penalties()),
        entropies(results),
        similarities(results),
        table(paper, results),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const BANDS: &str = "Bands: 95 % t interval over seeds.";
/// The arms that have a temperature.
const WITH_TAU: [&str; 3] = ["contrastive", "hard_contrastive", "hard_contrastive_0.0819"];
/// The arms without one.
const WITHOUT_TAU: [&str; 3] = ["simple", "hard_simple", "untrained"];

/// A metric against τ for the arms that have one, the means of the others as horizontal lines; `sign` turns it round.
fn against_tau(paper: &Paper, results: &Results, metric: &str, sign: f64, label: &str) -> Option<Plot> {
    let name = |arm: &str| paper.arm(arm).map_or(arm.to_owned(), |arm| arm.label.clone());
    let lines: Vec<Line> = WITH_TAU
        .into_iter()
        .filter_map(|arm| {
            let mut line = results.arm(arm).line_over("tau", metric, &name(arm)).with_markers().coloured_as(arm);
            for point in &mut line.points {
                point.y *= sign;
                point.band = point.band.map(|(low, high)| if sign < 0.0 { (-high, -low) } else { (low, high) });
            }
            (!line.points.is_empty()).then_some(line)
        })
        .collect();
    let references = WITHOUT_TAU
        .into_iter()
        .filter_map(|arm| {
            let at = sign * results.arm(arm).having(metric).mean(metric).ok()?;
            Some(Reference { label: name(arm), at, vertical: false })
        })
        .collect();
    let (x, y) = (Axis::log("temperature τ"), Axis::linear(label));
    (!lines.is_empty()).then_some(Plot::Lines(LinePlot { x, y, lines, references }))
}

fn panels(plots: Vec<(&str, Option<Plot>)>) -> Option<Vec<Panel>> {
    let panels: Vec<Panel> = plots.into_iter().filter_map(|(title, plot)| Some(Panel::new(title, plot?))).collect();
    (!panels.is_empty()).then_some(panels)
}

fn geometry(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels = panels(vec![
        ("Uniformity", against_tau(paper, results, "uniformity", -1.0, "uniformity −U (larger: more even)")),
        ("Tolerance", against_tau(paper, results, "tolerance", 1.0, "tolerance T (mean cosine within a class)")),
    ])?;
    Some(Figure::of_panels(
        "uniformity-tolerance",
        "Uniformity and tolerance of the embeddings against the temperature they were trained with",
        format!(
            "Unit embeddings of test images without augmentation. {BANDS} Horizontal lines: arms without a temperature."
        ),
        panels,
    ))
}

fn accuracy(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels = panels(vec![
        ("Linear probe", against_tau(paper, results, "probe_accuracy", 1.0, "test accuracy (%)")),
        ("Nearest neighbours", against_tau(paper, results, "knn_accuracy", 1.0, "test accuracy (%)")),
    ])?;
    Some(Figure::of_panels(
        "accuracy",
        "Accuracy on frozen features against the temperature they were trained with",
        format!("Features before the head. {BANDS} Horizontal lines: arms without a temperature."),
        panels,
    ))
}

fn penalties() -> Figure {
    // As many negatives as in a mini-batch of 128, spread evenly.
    let similarities: Vec<f64> = (0..127).map(|at| -1.0 + 2.0 * f64::from(at) / 126.0).collect();
    let lines = [0.05, 0.1, 0.2, 0.5, 1.0]
        .into_iter()
        .map(|tau: f64| {
            let total: f64 = similarities.iter().map(|s| ((s - 1.0) / tau).exp()).sum();
            let points = similarities.iter().map(|s| (*s, ((s - 1.0) / tau).exp() / total));
            Line::exact(&format!("τ = {tau}"), points)
        })
        .collect();
    let plot = LinePlot {
        x: Axis::linear("similarity s of a negative"),
        y: Axis::log("relative penalty r(s)"),
        lines,
        references: vec![Reference { label: "all alike".into(), at: 1.0 / 127.0, vertical: false }],
    };
    Figure::new(
        "relative-penalty",
        "The smaller the temperature, the more of the penalty falls on the hardest negatives",
        "Exact curves for 127 negatives spread evenly over [−1, 1]; no data.",
        Plot::Lines(plot),
    )
}

fn entropies(results: &Results) -> Option<Figure> {
    let line = results.arm("fixed_features").line("penalty_entropy", "mean over anchors").with_markers();
    let plot = LinePlot {
        x: Axis::log("temperature τ"),
        y: Axis::linear("entropy of the relative penalty (nats)"),
        lines: vec![line],
        references: Vec::new(),
    };
    let empty = plot.lines.iter().all(|line| line.points.is_empty());
    (!empty).then(|| {
        Figure::new(
            "penalty-entropy",
            "Entropy of the penalty over the negatives against the temperature, at fixed features",
            format!("Random unit features, the same at every temperature. {BANDS}"),
            Plot::Lines(plot),
        )
    })
}

fn similarities(results: &Results) -> Option<Figure> {
    let mut levels: Vec<f64> = results.arm("contrastive").levels("tau").iter().filter_map(Level::as_f64).collect();
    levels.sort_by(f64::total_cmp);
    let mut shown: Vec<f64> =
        [levels.first(), levels.get(levels.len() / 2), levels.last()].into_iter().flatten().copied().collect();
    shown.dedup();
    let plots = shown
        .iter()
        .map(|tau| {
            let trials = results.arm("contrastive").at("tau", *tau);
            let lines: Vec<Line> =
                [("positive_similarity", "two views of an image"), ("negative_similarity", "views of two images")]
                    .into_iter()
                    .map(|(series, label)| trials.line(series, label))
                    .filter(|line| !line.points.is_empty())
                    .collect();
            let (x, y) = (Axis::linear("cosine similarity"), Axis::linear("share per bin of 0.05"));
            let plot = LinePlot { x, y, lines, references: Vec::new() };
            (format!("τ = {tau}"), (!plot.lines.is_empty()).then_some(Plot::Lines(plot)))
        })
        .collect::<Vec<_>>();
    let panels = panels(plots.iter().map(|(title, plot)| (title.as_str(), plot.clone())).collect())?;
    Some(Figure::of_panels(
        "similarities",
        "Similarity of positive and negative pairs after training with the contrastive loss",
        format!("Augmented views of test images. {BANDS}"),
        panels,
    ))
}

fn table(paper: &Paper, results: &Results) -> Option<Figure> {
    let metrics = [
        ("probe_accuracy", "probe (%)", 1.0, 1),
        ("knn_accuracy", "k-NN (%)", 1.0, 1),
        ("uniformity", "−U", -1.0, 3),
        ("tolerance", "T", 1.0, 3),
    ];
    let mut rows = Vec::new();
    for arm in &paper.arms {
        let all = results.arm(&arm.name).having("probe_accuracy");
        let mut levels: Vec<Option<f64>> = all.levels("tau").iter().map(Level::as_f64).collect();
        levels.sort_by(|a, b| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
        if levels.is_empty() && !all.records().is_empty() {
            levels.push(None);
        }
        for tau in levels {
            let trials = match tau {
                Some(tau) => all.clone().at("tau", tau),
                None => all.clone(),
            };
            let mut row = vec![arm.label.clone(), tau.map_or("–".into(), |tau| tau.to_string())];
            row.extend(metrics.map(|(metric, _, sign, digits)| {
                trials.mean(metric).map_or("–".into(), |mean| format!("{:.digits$}", sign * mean))
            }));
            row.push(trials.seeds().len().to_string());
            rows.push(row);
        }
    }
    let columns = ["arm", "τ"].into_iter().chain(metrics.map(|(_, head, _, _)| head)).chain(["seeds"]);
    let plot = Plot::Table(Table { columns: columns.map(str::to_owned).collect(), rows: rows.clone() });
    (!rows.is_empty()).then(|| Figure::new("all-arms", "All arms and temperatures", "Means over seeds.", plot))
}
