//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Line, LinePlot, Panel, Plot, Reference, Table};
use harness_core::prelude::*;
use harness_core::record::Series;
use harness_core::results::Selection;
use harness_core::text::number;

use super::verdicts::on_mixture;

const BANDS: &str = "Bands: 95 % t interval over seeds.";
/// The two texts, by the names of their cells and in words.
const TEXTS: [(&str, &str); 2] = [("facts", "generated facts"), ("tofu", "TOFU")];
/// Forget quality from which on a model cannot be told from the retrained one.
pub const SAME: f64 = 0.05;

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    let mut figures: Vec<Option<Figure>> =
        vec![distances(paper, results), distance_paths(paper, results), moved(paper, results), betas(results)];
    for text in TEXTS {
        figures.push(collapse(paper, results, text));
        figures.push(quality_paths(paper, results, text));
        figures.push(sensible(paper, results, text));
        figures.push(answers(paper, results, text));
    }
    figures.push(table(paper, results));
    figures.into_iter().flatten().collect()
}

/// A line per arm that has one, in the colour of the arm.
fn by_arm(paper: &Paper, line: impl Fn(&str, &str) -> Line) -> Vec<Line> {
    let lines = paper.arms.iter().map(|arm| line(&arm.name, &arm.label).coloured_as(&arm.name));
    lines.filter(|line| line.points.len() > 1).collect()
}

fn panel(title: &str, [x, y]: [Axis; 2], lines: Vec<Line>, references: Vec<Reference>) -> Option<Panel> {
    (!lines.is_empty()).then(|| Panel::new(title, Plot::Lines(LinePlot { x, y, lines, references })))
}

fn of_panels(id: &str, title: &str, caption: &str, panels: impl IntoIterator<Item = Option<Panel>>) -> Option<Figure> {
    let panels: Vec<Panel> = panels.into_iter().flatten().collect();
    (!panels.is_empty()).then(|| Figure::of_panels(id, title, caption, panels))
}

/// Levels of the size of the forget set that a text was run with, ascending.
fn forgotten(results: &Results, text: &str) -> Vec<Level> {
    let mut levels = results.all().at("task", text).levels("forget");
    levels.sort_by(|a, b| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)));
    levels
}

fn on_text<'a>(results: &'a Results, arm: &str, text: &str, forget: &Level) -> Selection<'a> {
    results.arm(arm).at("task", text).at("forget", forget.clone())
}

/// The mean over seeds of one curve against another, in the order of steps.
fn path(selection: &Selection, x: &str, y: &str) -> Vec<(f64, f64)> {
    let mean = |name: &str| -> Vec<f64> {
        let runs: Vec<Vec<f64>> = selection
            .series(name)
            .into_iter()
            .map(|(_, series): (u64, &Series)| series.points().map(|(_, value)| value).collect())
            .collect();
        let length = runs.iter().map(Vec::len).min().unwrap_or(0);
        let column = |at: usize| runs.iter().filter_map(|run| run.get(at)).sum::<f64>() / runs.len() as f64;
        (0..length).map(column).collect()
    };
    mean(x).into_iter().zip(mean(y)).collect()
}

/// The mixture: the paper's collapse.
fn distances(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels = [
        ("Forget inputs", "forget_distance", "distance from the retrained model (nats)"),
        ("Retain inputs", "retain_distance", "distance from the retrained model (nats)"),
    ]
    .map(|(title, series, label)| {
        let lines = by_arm(paper, |arm, name| on_mixture(results, arm).line(series, name));
        panel(title, [Axis::linear("step of gradient descent"), Axis::log(label)], lines, Vec::new())
    });
    of_panels(
        "mixture-distances",
        "Gradient ascent forgets and then collapses on what should be retained (mixture, α = 1)",
        &format!("Mean KL divergence of the retrained model from the unlearned one on test inputs. {BANDS}"),
        panels,
    )
}

fn distance_paths(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines = by_arm(paper, |arm, name| {
        Line::exact(name, path(&on_mixture(results, arm), "forget_distance", "retain_distance")).with_markers()
    });
    let axes = [Axis::log("distance on forget inputs (nats)"), Axis::log("distance on retain inputs (nats)")];
    of_panels(
        "mixture-paths",
        "Forget distance against retain distance along unlearning (mixture, α = 1)",
        "Means over seeds at each look, in the order of steps; all arms start on the right. Nearer to the lower left is better.",
        [panel("", axes, lines, Vec::new())],
    )
}

fn moved(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines = || by_arm(paper, |arm, name| on_mixture(results, arm).line("moved", name));
    let y = || Axis::linear("distance of the weights from the start");
    of_panels(
        "mixture-divergence",
        "How far the weights go, on a linear and on a logarithmic axis of steps (mixture, α = 1)",
        &format!(
            "Every arm at its own rate. A straight line on the left is growth in proportion to t, one on the right growth \
             with ln t. {BANDS}"
        ),
        [
            panel("Linear", [Axis::linear("step t"), y()], lines(), Vec::new()),
            panel("Logarithmic", [Axis::log("step t"), y()], lines(), Vec::new()),
        ],
    )
}

fn betas(results: &Results) -> Option<Figure> {
    let sweep = results.arm("npo").at("task", "mixture_sweep");
    let panels = sweep.levels("alpha").into_iter().map(|alpha| {
        let at = sweep.clone().at("alpha", alpha.clone());
        let lines: Vec<Line> = [("final_retain_distance", "retain inputs"), ("final_forget_distance", "forget inputs")]
            .map(|(metric, label)| at.line_over("beta", metric, label).with_markers())
            .into_iter()
            .filter(|line| line.points.len() > 1)
            .collect();
        panel(&format!("α = {alpha}"), [Axis::log("β"), Axis::log("final distance (nats)")], lines, Vec::new())
    });
    of_panels(
        "mixture-beta",
        "NPO at other inverse temperatures: the smaller β, the nearer to gradient ascent (mixture)",
        &format!("Distances from the retrained model after the last step, at the arm's rate. {BANDS}"),
        panels.collect::<Vec<_>>(),
    )
}

/// Utility and forget quality over unlearning.
fn collapse(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let mut panels = Vec::new();
    for forget in forgotten(results, text) {
        let lines = |series: &str| by_arm(paper, |arm, label| on_text(results, arm, text, &forget).line(series, label));
        let steps = || Axis::linear("step of unlearning");
        let original = on_text(results, "original", text, &forget).mean("utility").ok();
        let reference =
            original.map(|at| Reference { label: "original".into(), at, vertical: false }).into_iter().collect();
        let same = Reference { label: "p = 0.05".into(), at: SAME, vertical: false };
        panels.push(panel(
            &format!("Utility, {forget} % forgotten"),
            [steps(), Axis::linear("utility")],
            lines("utility"),
            reference,
        ));
        panels.push(panel(
            &format!("Forget quality, {forget} % forgotten"),
            [steps(), Axis::log("forget quality (p-value)")],
            lines("forget_quality"),
            vec![same],
        ));
    }
    of_panels(
        &format!("{text}-collapse"),
        &format!("Utility and forget quality over unlearning ({name})"),
        &format!("Utility: harmonic mean of retain probability, retain accuracy and world accuracy. {BANDS}"),
        panels,
    )
}

fn quality_paths(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let panels = forgotten(results, text).into_iter().map(|forget| {
        let lines = by_arm(paper, |arm, label| {
            Line::exact(label, path(&on_text(results, arm, text, &forget), "forget_quality", "utility")).with_markers()
        });
        let same = Reference { label: "p = 0.05".into(), at: SAME, vertical: true };
        let axes = [Axis::log("forget quality (p-value)"), Axis::linear("utility")];
        panel(&format!("{forget} % forgotten"), axes, lines, vec![same])
    });
    of_panels(
        &format!("{text}-paths"),
        &format!("Utility against forget quality along unlearning ({name})"),
        "Means over seeds at each look, in the order of steps; all arms start at the same point. Nearer to the upper right is \
         better.",
        panels.collect::<Vec<_>>(),
    )
}

fn sensible(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let mut panels = Vec::new();
    for forget in forgotten(results, text) {
        for (series, label) in
            [("grammatical", "share of grammatical answers"), ("repetition", "share of repeated words")]
        {
            let lines = by_arm(paper, |arm, label| on_text(results, arm, text, &forget).line(series, label));
            let axes = [Axis::linear("step of unlearning"), Axis::linear(label)];
            panels.push(panel(&format!("{forget} % forgotten"), axes, lines, Vec::new()));
        }
    }
    of_panels(
        &format!("{text}-answers"),
        &format!("What the model says to forget questions over unlearning ({name})"),
        &format!("Greedy answers. Grammatical: of the form that the question asks for, or a refusal. {BANDS}"),
        panels,
    )
}

/// Answers in words at the end of unlearning, from the first seed.
fn answers(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let forget = forgotten(results, text).pop()?;
    let mut rows = Vec::new();
    for arm in &paper.arms {
        let trials = on_text(results, &arm.name, text, &forget);
        let Some(record) = trials.records().iter().min_by_key(|record| record.seed) else { continue };
        let said: Vec<&String> = (0..3).filter_map(|at| record.texts.get(&format!("answer_{at}"))).collect();
        if rows.is_empty() {
            let asked = (0..3).filter_map(|at| record.texts.get(&format!("question_{at}")).cloned());
            rows.push(std::iter::once("asked".to_owned()).chain(asked).collect::<Vec<_>>());
            let right = (0..3).filter_map(|at| record.texts.get(&format!("right_{at}")).cloned());
            rows.push(std::iter::once("right".to_owned()).chain(right).collect());
        }
        rows.push(std::iter::once(arm.label.clone()).chain(said.into_iter().cloned()).collect());
    }
    let plot = Plot::Table(Table { columns: ["", "1", "2", "3"].map(str::to_owned).to_vec(), rows: rows.clone() });
    let title = format!("Answers to three forget questions after unlearning {forget} % ({name})");
    (rows.len() > 2).then(|| Figure::new(&format!("{text}-words"), title, "Greedy answers of the first seed.", plot))
}

fn table(paper: &Paper, results: &Results) -> Option<Figure> {
    let metrics = [
        ("utility", "utility at the end"),
        ("matched_utility", "utility at p ≥ 0.05"),
        ("best_quality", "best forget quality"),
        ("forget_probability", "forget probability"),
        ("grammatical", "grammatical"),
        ("repetition", "repetition"),
    ];
    let mut rows = Vec::new();
    for (text, name) in TEXTS {
        for forget in forgotten(results, text) {
            for arm in &paper.arms {
                let trials = on_text(results, &arm.name, text, &forget);
                if trials.records().is_empty() {
                    continue;
                }
                let mut row = vec![name.to_owned(), forget.to_string(), arm.label.clone()];
                row.extend(metrics.map(|(metric, _)| trials.mean(metric).map_or("–".into(), number)));
                rows.push(row);
            }
        }
    }
    let heads = ["text", "forgotten (%)", "arm"].into_iter().chain(metrics.map(|(_, head)| head));
    let plot = Plot::Table(Table { columns: heads.map(str::to_owned).collect(), rows: rows.clone() });
    (!rows.is_empty()).then(|| {
        let caption = "Means over seeds. Utility at p ≥ 0.05: the best along the path where the truth ratios cannot be told from \
                       the retrained model's, 0 where that is nowhere.";
        Figure::new("text-arms", "All arms on text", caption, plot)
    })
}
