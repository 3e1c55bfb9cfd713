//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Line, LinePlot, Panel, Plot, ScatterPlot};
use harness_core::prelude::*;
use harness_core::results::Selection;

const BANDS: &str = "Lines and bars: mean over seeds; bands: 95 % t interval.";

/// All figures that the finished trials allow.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    let problems = results.all().levels("problem");
    let mut figures: Vec<Figure> = problems
        .iter()
        .flat_map(|problem| {
            let view = View { paper, results, problem };
            [view.solution(), view.progress(), view.profiles(), view.weights(), view.convergence()]
        })
        .flatten()
        .collect();
    figures.extend(errors(paper, results, &problems));
    figures
}

/// Arms in the order of the figures.
const ARMS: [&str; 5] = ["plain", "marching", "causal_eps_small", "causal", "causal_eps_large"];

struct View<'a> {
    paper: &'a Paper,
    results: &'a Results,
    problem: &'a Level,
}

fn lines_plot(x: Axis, y: Axis, lines: Vec<Line>) -> Option<Plot> {
    let lines: Vec<Line> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    (!lines.is_empty()).then(|| Plot::Lines(LinePlot { x, y, lines, references: Vec::new() }))
}

fn label(paper: &Paper, arm: &str) -> String {
    paper.arm(arm).map_or_else(|| arm.to_owned(), |arm| arm.label.clone())
}

/// A problem as people call it.
fn title(problem: &Level) -> String {
    match problem.to_string().as_str() {
        "lorenz" => "Lorenz system".into(),
        "allen_cahn" => "Allen–Cahn".into(),
        "kuramoto_sivashinsky" => "Kuramoto–Sivashinsky".into(),
        other => other.to_owned(),
    }
}

impl View<'_> {
    fn arm(&self, arm: &str) -> Selection<'_> {
        self.results.arm(arm).at("problem", self.problem.clone())
    }

    fn id(&self, name: &str) -> String {
        format!("{name}-{}", self.problem).replace('_', "-")
    }

    /// A series of each arm, coloured alike in all figures.
    fn lines(&self, series: &str) -> Vec<Line> {
        ARMS.iter().map(|arm| self.arm(arm).line(series, &label(self.paper, arm))).collect()
    }

    fn solution(&self) -> Option<Figure> {
        let (x, y) = match self.problem.to_string().as_str() {
            "lorenz" => ("time", "x"),
            _ => ("position x", "u at the last time"),
        };
        let mut lines = self.lines("solution");
        let selection = self.results.all().at("problem", self.problem.clone());
        let exact = selection.series("reference").into_iter().next().map(|(_, series)| series.points().collect());
        lines.push(Line::exact("reference", exact.unwrap_or_else(Vec::new)).dashed());
        Some(Figure::new(
            &self.id("solution"),
            format!("{}: solutions beside the reference", title(self.problem)),
            format!("The reference comes from a solver in double precision. {BANDS}"),
            lines_plot(Axis::linear(x), Axis::linear(y), lines)?,
        ))
    }

    fn progress(&self) -> Option<Figure> {
        let weights: Vec<Line> = ["causal_eps_small", "causal", "causal_eps_large"]
            .iter()
            .map(|arm| self.arm(arm).line("min_weight", &label(self.paper, arm)))
            .collect();
        let panels = [
            (
                "error",
                lines_plot(Axis::linear("step"), Axis::log("relative L2 error in the window"), self.lines("error")),
            ),
            ("smallest weight", lines_plot(Axis::linear("step"), Axis::linear("smallest weight"), weights)),
        ];
        let panels: Vec<Panel> =
            panels.into_iter().filter_map(|(title, plot)| Some(Panel::new(title, plot?))).collect();
        (!panels.is_empty()).then(|| {
            Figure::of_panels(
                &self.id("progress"),
                format!("{}: error and smallest weight during training", title(self.problem)),
                format!(
                    "At checkpoints. The smallest weight falls where a larger ε begins. Where there are several windows, each \
                     starts anew. {BANDS}"
                ),
                panels,
            )
        })
    }

    fn profiles(&self) -> Option<Figure> {
        let panels: Vec<Panel> = ["plain", "causal"]
            .into_iter()
            .filter_map(|arm| {
                let lines = [("start", "start"), ("early", "after 20 % of the steps"), ("end", "end")]
                    .iter()
                    .map(|(name, shown)| self.arm(arm).line(&format!("slab_loss_{name}"), shown))
                    .collect();
                let plot = lines_plot(Axis::linear("time of the slab"), Axis::log("residual loss of the slab"), lines)?;
                Some(Panel::new(label(self.paper, arm), plot))
            })
            .collect();
        (!panels.is_empty()).then(|| {
            Figure::of_panels(
                &self.id("profiles"),
                format!("{}: residual loss of each time slab", title(self.problem)),
                format!("In the first window. {BANDS}"),
                panels,
            )
        })
    }

    fn weights(&self) -> Option<Figure> {
        let causal = self.arm("causal");
        let record = causal.records().first()?;
        let mut epsilons: Vec<(f64, &str)> = record
            .series
            .keys()
            .filter_map(|name| Some((name.strip_prefix("weights_")?.parse().ok()?, name.as_str())))
            .collect();
        epsilons.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lines = epsilons.iter().map(|(epsilon, name)| causal.line(name, &format!("ε = {epsilon}"))).collect();
        Some(Figure::new(
            &self.id("weights"),
            format!("{}: causal weights at the end of each stage", title(self.problem)),
            format!("In the first window. {BANDS}"),
            lines_plot(Axis::linear("time of the slab"), Axis::linear("weight"), lines)?,
        ))
    }

    fn convergence(&self) -> Option<Figure> {
        let causal = self.arm("causal");
        let clouds: Vec<(String, Vec<(f64, f64)>)> = causal
            .series("last_stage")
            .into_iter()
            .map(|(seed, series)| (format!("seed {seed}"), series.points().filter(|(_, y)| y.is_finite()).collect()))
            .filter(|(_, points): &(String, Vec<_>)| !points.is_empty())
            .collect();
        (!clouds.is_empty()).then(|| {
            Figure::new(
                &self.id("convergence"),
                format!("{}: the smallest weight tells how far a run has come", title(self.problem)),
                "Checkpoints of the last stage, where ε stays the same.",
                Plot::Scatter(ScatterPlot {
                    x: Axis::linear("smallest weight"),
                    y: Axis::log("relative L2 error"),
                    clouds,
                    diagonal: false,
                }),
            )
        })
    }
}

/// Final errors of all arms.
fn errors(paper: &Paper, results: &Results, problems: &[Level]) -> Option<Figure> {
    let arms: Vec<&str> = ARMS.into_iter().filter(|arm| !results.arm(arm).records().is_empty()).collect();
    let series: Vec<BarSeries> = problems
        .iter()
        .map(|problem| BarSeries {
            label: title(problem),
            bars: arms
                .iter()
                .map(|arm| {
                    let selection = results.arm(arm).at("problem", problem.clone());
                    let values = selection.records().iter().filter_map(|record| record.metric("error"));
                    Bar::over_seeds(values.filter(|value| value.is_finite()))
                })
                .collect(),
        })
        .collect();
    (!arms.is_empty()).then(|| {
        Figure::new(
            "errors",
            "Relative L2 error of all arms",
            format!("Over all times and components. {BANDS}"),
            Plot::Bars(BarPlot {
                x: "arm".into(),
                y: Axis::log("relative L2 error"),
                categories: arms.iter().map(|arm| label(paper, arm)).collect(),
                series,
                references: Vec::new(),
            }),
        )
    })
}
