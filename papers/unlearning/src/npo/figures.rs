//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Line, LinePlot, Panel, Plot, Reference, Table};
use harness_core::prelude::*;
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

/// The trials of an arm on a text, with its name in words and the key of its colour.
struct Shown<'a> {
    label: String,
    colour: String,
    trials: Selection<'a>,
}

/// All arms that ran on a text, then those with another β.
fn shown<'a>(paper: &Paper, results: &'a Results, text: &str, forget: &Level) -> Vec<Shown<'a>> {
    let mut all = Vec::new();
    let sweep = format!("{text}_sweep");
    for arm in &paper.arms {
        let trials = results.arm(&arm.name).at("task", text).at("forget", forget.clone());
        all.push(Shown { label: arm.label.clone(), colour: arm.name.clone(), trials });
    }
    for arm in &paper.arms {
        let swept = results.arm(&arm.name).at("task", sweep.as_str()).at("forget", forget.clone());
        for beta in swept.levels("beta") {
            let trials = swept.clone().at("beta", beta.clone());
            let label = format!("{}, β = {beta}", arm.label);
            all.push(Shown { colour: label.clone(), label, trials });
        }
    }
    all.retain(|one| !one.trials.records().is_empty());
    all
}

/// A line for each of these that has one.
fn lines(shown: &[Shown], line: impl Fn(&Shown) -> Line) -> Vec<Line> {
    let lines = shown.iter().map(|one| line(one).coloured_as(&one.colour));
    lines.filter(|line| line.points.len() > 1).collect()
}

/// How the values of several seeds become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mean {
    Arithmetic,
    /// For axes of powers of ten, where one large value would hide the others.
    Geometric,
}

/// Steps and means over seeds of a curve, at every look that all seeds have.
fn means(selection: &Selection, name: &str, mean: Mean) -> Vec<(f64, f64)> {
    let runs: Vec<Vec<(f64, f64)>> =
        selection.series(name).into_iter().map(|(_, series)| series.points().collect()).collect();
    let length = runs.iter().map(Vec::len).min().unwrap_or(0);
    let at = |look: usize| {
        let points: Vec<(f64, f64)> = runs.iter().filter_map(|run| run.get(look).copied()).collect();
        let average = |of: fn(f64) -> f64| points.iter().map(|(_, y)| of(*y)).sum::<f64>() / points.len().max(1) as f64;
        let value = match mean {
            Mean::Arithmetic => average(|y| y),
            Mean::Geometric => average(f64::ln).exp(),
        };
        points.first().map(|(step, _)| (*step, value))
    };
    (0..length).filter_map(at).collect()
}

/// A curve without its band: nine arms with bands of three seeds each would cover each other.
fn curve(selection: &Selection, name: &str, label: &str, mean: Mean) -> Line {
    Line::exact(label, means(selection, name, mean))
}

/// One curve against another, each with its mean, in the order of steps.
fn path(selection: &Selection, [x, y]: [(&str, Mean); 2], label: &str) -> Line {
    let values = |(name, mean): (&str, Mean)| means(selection, name, mean).into_iter().map(|(_, value)| value);
    Line::exact(label, values(x).zip(values(y))).with_markers()
}

/// The mixture: the paper's collapse.
fn distances(paper: &Paper, results: &Results) -> Option<Figure> {
    let panels = [
        ("Forget inputs", "forget_distance", "distance from the retrained model (nats)"),
        ("Retain inputs", "retain_distance", "distance from the retrained model (nats)"),
    ]
    .map(|(title, series, label)| {
        let lines = by_arm(paper, |arm, name| curve(&on_mixture(results, arm), series, name, Mean::Geometric));
        panel(title, [Axis::linear("step of gradient descent"), Axis::log(label)], lines, Vec::new())
    });
    of_panels(
        "mixture-distances",
        "Gradient ascent forgets and then collapses on what should be retained (mixture, α = 1)",
        "KL divergence of the retrained model from the unlearned one, mean over test inputs, geometric mean over seeds.",
        panels,
    )
}

fn distance_paths(paper: &Paper, results: &Results) -> Option<Figure> {
    let curves = [("forget_distance", Mean::Geometric), ("retain_distance", Mean::Geometric)];
    let lines = by_arm(paper, |arm, name| path(&on_mixture(results, arm), curves, name));
    let axes = [Axis::log("distance on forget inputs (nats)"), Axis::log("distance on retain inputs (nats)")];
    of_panels(
        "mixture-paths",
        "Forget distance against retain distance along unlearning (mixture, α = 1)",
        "Geometric means over seeds at each look, in the order of steps; all arms start on the right. Nearer to the lower left is \
         better.",
        [panel("", axes, lines, Vec::new())],
    )
}

fn moved(paper: &Paper, results: &Results) -> Option<Figure> {
    let lines = |first: f64| -> Vec<Line> {
        let mut lines = by_arm(paper, |arm, name| curve(&on_mixture(results, arm), "moved", name, Mean::Arithmetic));
        lines.iter_mut().for_each(|line| line.points.retain(|point| point.x >= first));
        lines
    };
    let y = || Axis::linear("distance of the weights from the start");
    of_panels(
        "mixture-divergence",
        "How far the weights go, on a linear and on a logarithmic axis of steps (mixture, α = 1)",
        "Every arm at its own rate, means over seeds. A straight line on the left is growth in proportion to t, one on the right \
         growth with ln t.",
        [
            panel("Linear", [Axis::linear("step t"), y()], lines(0.0), Vec::new()),
            panel("Logarithmic", [Axis::log("step t"), y()], lines(1.0), Vec::new()),
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
        let shown = shown(paper, results, text, &forget);
        let curves = |series: &str, mean: Mean| lines(&shown, |one| curve(&one.trials, series, &one.label, mean));
        let steps = || Axis::linear("step of unlearning");
        let original =
            shown.iter().find(|one| one.colour == "original").and_then(|one| one.trials.mean("utility").ok());
        let reference =
            original.map(|at| Reference { label: "original".into(), at, vertical: false }).into_iter().collect();
        let same = Reference { label: "p = 0.05".into(), at: SAME, vertical: false };
        panels.push(panel(
            &format!("Utility, {forget} % forgotten"),
            [steps(), Axis::linear("utility")],
            curves("utility", Mean::Arithmetic),
            reference,
        ));
        panels.push(panel(
            &format!("Forget quality, {forget} % forgotten"),
            [steps(), Axis::log("forget quality (p-value)")],
            curves("forget_quality", Mean::Geometric),
            vec![same],
        ));
    }
    of_panels(
        &format!("{text}-collapse"),
        &format!("Utility and forget quality over unlearning ({name})"),
        "Utility: harmonic mean of retain probability, retain accuracy and world accuracy; mean over seeds. Forget quality: \
         p-value of the test that the truth ratios are the retrained model's; geometric mean over seeds.",
        panels,
    )
}

fn quality_paths(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let panels = forgotten(results, text).into_iter().map(|forget| {
        let shown = shown(paper, results, text, &forget);
        let curves = [("forget_quality", Mean::Geometric), ("utility", Mean::Arithmetic)];
        let lines = lines(&shown, |one| path(&one.trials, curves, &one.label));
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
        let shown = shown(paper, results, text, &forget);
        for (series, label) in
            [("grammatical", "share of grammatical answers"), ("repetition", "share of repeated words")]
        {
            let lines = lines(&shown, |one| curve(&one.trials, series, &one.label, Mean::Arithmetic));
            let axes = [Axis::linear("step of unlearning"), Axis::linear(label)];
            panels.push(panel(&format!("{forget} % forgotten"), axes, lines, Vec::new()));
        }
    }
    of_panels(
        &format!("{text}-answers"),
        &format!("What the model says to forget questions over unlearning ({name})"),
        "Greedy answers, means over seeds. Grammatical: of the form that the question asks for, or a refusal.",
        panels,
    )
}

/// Answers in words at the end of unlearning, from the first seed.
fn answers(paper: &Paper, results: &Results, (text, name): (&str, &str)) -> Option<Figure> {
    let forget = forgotten(results, text).pop()?;
    let mut rows = Vec::new();
    for Shown { label, trials, .. } in shown(paper, results, text, &forget) {
        let Some(record) = trials.records().iter().min_by_key(|record| record.seed) else { continue };
        let said: Vec<&String> = (0..3).filter_map(|at| record.texts.get(&format!("answer_{at}"))).collect();
        if rows.is_empty() {
            let asked = (0..3).filter_map(|at| record.texts.get(&format!("question_{at}")).cloned());
            rows.push(std::iter::once("asked".to_owned()).chain(asked).collect::<Vec<_>>());
            let right = (0..3).filter_map(|at| record.texts.get(&format!("right_{at}")).cloned());
            rows.push(std::iter::once("right".to_owned()).chain(right).collect());
        }
        rows.push(std::iter::once(label).chain(said.into_iter().cloned()).collect());
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
            for Shown { label, trials, .. } in shown(paper, results, text, &forget) {
                let mut row = vec![name.to_owned(), forget.to_string(), label];
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
