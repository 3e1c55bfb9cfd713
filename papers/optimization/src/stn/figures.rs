//! The figures of the report.

use harness_core::cell::Level;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Line, LinePlot, Panel, Plot};
use harness_core::prelude::*;
use harness_core::record::Record;
use harness_core::results::Selection;

use super::strengths::Target;

/// All figures that the finished trials allow: those of each task, then that of the theorem.
pub fn figures(paper: &Paper, results: &Results) -> Vec<Figure> {
    let tasks: Vec<View> = TASKS
        .iter()
        .map(|(task, label)| View { paper, results, task, label, alone: false })
        .filter(|view| !results.all().at("task", view.task).records().is_empty())
        .collect();
    let alone = tasks.len() == 1;
    let of_task = |view: View| {
        let view = View { alone, ..view };
        [search(&view), losses(&view), schedules(&view), starts(&view), response(&view)]
    };
    tasks.into_iter().flat_map(of_task).chain([gates(results)]).flatten().collect()
}

/// The tasks, and what they are called.
const TASKS: [(&str, &str); 4] = [
    ("perceptron", "perceptron"),
    ("images", "colour images"),
    ("language", "language model"),
    ("language_output", "language model, output dropout alone"),
];

/// The trials of one task.
struct View<'a> {
    paper: &'a Paper,
    results: &'a Results,
    task: &'static str,
    label: &'static str,
    /// Whether there are figures of no other task.
    alone: bool,
}

impl<'a> View<'a> {
    fn arm(&self, name: &str) -> Selection<'a> {
        self.results.arm(name).at("task", self.task)
    }

    fn arm_label(&self, name: &str) -> String {
        self.paper.arm(name).map_or(name, |arm| &arm.label).to_owned()
    }

    /// Whether losses are shown as perplexities.
    fn words(&self) -> bool {
        self.task.starts_with("language")
    }

    /// A cross-entropy as it is shown.
    fn shown(&self, loss: f64) -> f64 {
        if self.words() { loss.exp() } else { loss }
    }

    /// What a loss is called, with its unit.
    fn loss(&self, what: &str) -> String {
        if self.words() { format!("{what} perplexity") } else { format!("{what} loss (nats)") }
    }

    fn name(&self, name: &str) -> String {
        if self.alone { name.to_owned() } else { format!("{name}_{}", self.task) }
    }

    fn title(&self, title: &str) -> String {
        if self.alone { title.to_owned() } else { format!("{title}: {}", self.label) }
    }
}

const BANDS: &str = "Bands and bars: 95 % t interval over seeds.";

/// What may be tuned, in the order of a legend.
const DROPOUT: [Target; 12] = [
    Target::InputDropout,
    Target::HiddenDropout1,
    Target::HiddenDropout2,
    Target::ConvDropout1,
    Target::ConvDropout2,
    Target::ConvDropout3,
    Target::ConvDropout4,
    Target::ConvDropout5,
    Target::DenseDropout1,
    Target::DenseDropout2,
    Target::OutputDropout,
    Target::EmbeddingDropout,
];
/// Strengths of augmentation without unit.
const AUGMENTATION: [Target; 5] =
    [Target::InputScaling, Target::Hue, Target::Contrast, Target::Saturation, Target::Brightness];
/// Numbers of pixels and holes.
const CUTOUT: [Target; 2] = [Target::CutoutLength, Target::CutoutHoles];
/// What acts on the weights and activations of a language model.
const RECURRENT: [Target; 3] = [Target::WeightDrop, Target::ActivationPenalty, Target::SlownessPenalty];

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
fn search(view: &View) -> Option<Figure> {
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
        let records = view.arm(name).records().to_vec();
        let per_step: Vec<f64> = records
            .iter()
            .filter_map(|record| Some(record.timings.get("training_ms")?.0 / record.metric("steps")?))
            .filter(|time| time.is_finite())
            .collect();
        let Some(milliseconds) = mean(&per_step) else { continue };
        let runs: Vec<Vec<(f64, f64)>> = records
            .iter()
            .map(|record| {
                let mut best = f64::INFINITY;
                curve(record, "validation_loss")
                    .into_iter()
                    .map(|(steps, loss)| {
                        best = best.min(loss);
                        (steps * milliseconds / 1000.0, view.shown(best))
                    })
                    .collect()
            })
            .collect();
        let line = Line::over_seeds(&view.arm_label(name), &runs);
        lines.push(if dashed { line.dashed() } else { line });
    }
    let y = format!("{} so far", view.loss("best validation"));
    let plot = lines_plot(Axis::log("time spent on steps (s)"), Axis::log(&y), lines)?;
    Some(Figure::new(
        &view.name("search"),
        view.title("Best validation loss against time, searches and the paper's method"),
        format!(
            "Searches run their candidates one after the other. Broken: single plain runs, whose hyper-parameters are given; the time \
             in which another arm found them is not counted. Evaluation is not counted. {BANDS}"
        ),
        plot,
    ))
}

fn losses(view: &View) -> Option<Figure> {
    let arms: Vec<(&str, Vec<&Record>)> =
        ["default", "grid", "random", "fixed", "final", "replay", "stn_fixed_scale", "stn"]
            .into_iter()
            .map(|arm| (arm, view.arm(arm).records().to_vec()))
            .filter(|(_, records)| !records.is_empty())
            .collect();
    if arms.is_empty() {
        return None;
    }
    let bars = |metric: &str, shown: &dyn Fn(f64) -> f64| -> Vec<Option<Bar>> {
        arms.iter()
            .map(|(_, records)| {
                let values = records.iter().filter_map(|record| Some(shown(record.metric(metric)?)));
                Bar::over_seeds(values.filter(|value| value.is_finite()))
            })
            .collect()
    };
    let categories: Vec<String> = arms.iter().map(|(arm, _)| view.arm_label(arm)).collect();
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
    let both = |what: &str, shown: &dyn Fn(f64) -> f64| {
        ["validation", "test"].map(|part| (part, bars(&format!("{part}_{what}"), shown))).to_vec()
    };
    let loss = both("loss", &|loss| view.shown(loss));
    let accuracy = both("accuracy", &|share| 100.0 * share);
    let (title, unit) =
        if view.words() { ("perplexity", "perplexity") } else { ("cross-entropy", "cross-entropy (nats)") };
    let examples = if view.words() { "next words (%)" } else { "examples (%)" };
    Some(Figure::of_panels(
        &view.name("losses"),
        view.title("Loss and accuracy of all arms"),
        format!(
            "At the epoch of the lowest validation loss; for searches, of the winner by validation. The paper's method fits its \
             hyper-parameters to the validation examples. {BANDS}"
        ),
        vec![panel(title, unit, loss), panel("accuracy", examples, accuracy)],
    ))
}

fn schedules(view: &View) -> Option<Figure> {
    let stn = view.arm("stn");
    let values = |targets: &[Target]| -> Vec<Line> {
        let line = |target: &Target| stn.line(&format!("value_{}", target.name()), target.label());
        let lines: Vec<Line> = targets.iter().map(line).filter(|line| !line.points.is_empty()).collect();
        let tuned = |target: &&Target| !stn.series(&format!("value_{}", target.name())).is_empty();
        match (lines.len(), targets.iter().find(tuned)) {
            // A single line leaves room for the ablation.
            (1, Some(target)) => ["stn", "stn_fixed_scale"]
                .map(|arm| view.arm(arm).line(&format!("value_{}", target.name()), &view.arm_label(arm)))
                .to_vec(),
            _ => lines,
        }
    };
    let all: Vec<Target> = [&DROPOUT[..], &AUGMENTATION, &CUTOUT, &RECURRENT].concat();
    let scales = all.iter().map(|target| stn.line(&format!("scale_{}", target.name()), target.label())).collect();
    let panels: Vec<Panel> = [
        ("dropout rates", "dropout rate", values(&DROPOUT)),
        ("widths of augmentation", "width", values(&AUGMENTATION)),
        ("side and number of cut squares, before rounding down", "pixels, or number", values(&CUTOUT)),
        ("weights and activations", "rate, or coefficient", values(&RECURRENT)),
        ("scales of the perturbation", "σ of the unconstrained value", scales),
    ]
    .into_iter()
    .filter_map(|(title, unit, lines)| {
        Some(Panel::new(title, lines_plot(Axis::linear("epoch"), Axis::linear(unit), lines)?))
    })
    .collect();
    (!panels.is_empty()).then(|| {
        Figure::of_panels(
            &view.name("schedules"),
            view.title("The schedules that a single run finds"),
            format!("Lines without an arm are those of STN. Hyper-parameters rest during the warm-up. {BANDS}"),
            panels,
        )
    })
}

fn starts(view: &View) -> Option<Figure> {
    let shared = view.arm("shared");
    let (name, what) = if view.words() {
        ("value_output_dropout", "The rate of the last layer's outputs")
    } else {
        ("value_shared_dropout", "One rate for inputs and units of all layers")
    };
    let lines: Vec<Line> = shared
        .levels("start")
        .into_iter()
        .map(|start: Level| shared.clone().at("start", start.clone()).line(name, &format!("from {start}")))
        .collect();
    let plot = lines_plot(Axis::linear("epoch"), Axis::linear("dropout rate"), lines)?;
    Some(Figure::new(
        &view.name("starts"),
        view.title("A single dropout rate from several starts"),
        format!("{what}; it rests during the warm-up. {BANDS}"),
        plot,
    ))
}

fn response(view: &View) -> Option<Figure> {
    let records = view.arm("retrained").records().to_vec();
    let here = view.arm("final").metric("last_validation_loss").unwrap_or_default();
    let points = |names: [&str; 3]| -> Vec<Vec<(f64, f64)>> {
        records
            .iter()
            .map(|record| {
                [-1.0, 0.0, 1.0]
                    .into_iter()
                    .zip(names)
                    .filter_map(|(shift, name)| {
                        let value = if name == "final" { here.get(&record.seed).copied() } else { record.metric(name) };
                        Some((shift, view.shown(value.filter(|value| value.is_finite())?)))
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
        Axis::linear(&format!("{} after the last epoch", view.loss("validation"))),
        lines,
    )?;
    Some(Figure::new(
        &view.name("response"),
        view.title("Response of the network beside training anew at shifted hyper-parameters"),
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
