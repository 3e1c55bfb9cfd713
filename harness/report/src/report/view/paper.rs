//! The page of a paper.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::case_result::Status;
use harness_core::claim::Test;
use harness_core::evidence::{Evidence, LEVEL, bracket};
use harness_core::figure::{Plot, Table};
use harness_core::paper::{ArmRole, DataRole};
use harness_core::record::Record;
use harness_core::stats;
use serde::Serialize;
use serde_json::Value;

use super::evidence::EvidenceView;
use super::time::duration;
use super::{MOST_PROBLEMS, ProblemView, TrialsView, anchor, data_label, heading, keep, problems, reduced};
use crate::report::findings::findings;
use crate::report::{ClaimRow, PaperReport, RunReport, ShownFigure};

/// Rows of the table of measured numbers at most.
const MOST_NUMBERS: usize = 150;

/// Rows of a paper's own table that are printed at most.
const MOST_ROWS: usize = 300;

/// Columns of a paper's own table that are printed at most.
const MOST_COLUMNS: usize = 24;

#[derive(Serialize)]
pub(in crate::report) struct PaperView {
    title: String,
    slug: String,
    family: &'static str,
    version: u32,
    profile: &'static str,
    run: String,
    authors: String,
    year: u16,
    venue: Option<String>,
    links: Vec<LinkView>,
    summary: String,
    data_label: &'static str,
    synthetic_note: Option<String>,
    claims: Vec<ClaimView>,
    deviations: Vec<DeviationView>,
    figures: Vec<FigureView>,
    numbers: Vec<NumberView>,
    numbers_left: usize,
    arms: Vec<ArmView>,
    settings: Vec<SettingView>,
    overrides: Vec<String>,
    conformance: Vec<CaseView>,
    passed: usize,
    costs: Vec<CostView>,
    trials: TrialsView,
    problems: Vec<ProblemView>,
    problems_left: usize,
    data: Vec<DataView>,
    provenance: Vec<SettingView>,
    reference: String,
    checked: String,
    stands_beside: String,
    code_note: String,
    code_licence: Option<String>,
    code_commit: Option<String>,
    licence_note: String,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct LinkView {
    label: String,
    address: String,
}

#[derive(Serialize)]
struct ClaimView {
    id: String,
    anchor: String,
    heading: Option<String>,
    text: String,
    published: String,
    source: String,
    published_value: Option<f64>,
    measure: String,
    rule: String,
    /// Whether the paper's own code applies the rule, so that chance is looked at afterwards.
    custom: bool,
    evidence: EvidenceView,
    parts: Vec<PartView>,
    /// Number of claims that the p-value was adjusted over.
    claims: usize,
}

#[derive(Serialize)]
struct PartView {
    number: String,
    evidence: EvidenceView,
}

#[derive(Serialize)]
struct DeviationView {
    kind: String,
    paper: String,
    here: String,
}

#[derive(Serialize)]
struct FigureView {
    title: String,
    caption: String,
    /// What the picture shows, in words; empty where there is none.
    alt: String,
    /// The extremes of what is drawn.
    findings: String,
    path: String,
    picture: bool,
    tables: Vec<TableView>,
}

#[derive(Serialize)]
struct TableView {
    title: String,
    columns: Vec<ColumnView>,
    rows: Vec<Vec<String>>,
    rows_left: usize,
}

#[derive(Serialize)]
struct ColumnView {
    name: String,
    /// Whether all its cells are numbers.
    numeric: bool,
}

#[derive(Serialize)]
struct NumberView {
    cell: String,
    metric: String,
    arm: String,
    mean: f64,
    interval: Option<String>,
    n: usize,
}

#[derive(Serialize)]
struct ArmView {
    name: String,
    /// Its trials in this run.
    trials: usize,
    label: String,
    role: &'static str,
    about: String,
    settings: String,
}

#[derive(Serialize)]
struct SettingView {
    key: String,
    value: String,
}

#[derive(Serialize)]
struct CaseView {
    op: String,
    name: String,
    status: &'static str,
    max_abs: Option<f64>,
    max_rel: Option<f64>,
    message: String,
}

#[derive(Serialize)]
struct CostView {
    arm: String,
    trials: usize,
    mean_time: String,
    total_time: String,
    memory: Option<f64>,
    rate: Option<f64>,
}

#[derive(Serialize)]
struct DataView {
    id: String,
    role: &'static str,
    source: String,
    note: Option<String>,
}

/// What the page of a paper prints; `figures` with their paths, without ending, relative to the page.
pub(in crate::report) fn paper(run: &RunReport<'_>, report: &PaperReport<'_>, figures: Vec<ShownFigure>) -> PaperView {
    let paper = report.paper;
    let mut links = Vec::new();
    if let Some(arxiv) = &paper.arxiv {
        links.push(LinkView { label: format!("arXiv:{arxiv}"), address: format!("https://arxiv.org/abs/{arxiv}") });
    }
    if let Some(repository) = &paper.code.repository {
        let address = format!("https://github.com/{repository}");
        links.push(LinkView { label: format!("authors' code: {repository}"), address });
    }
    let mut numbers = numbers(report);
    let numbers_left = keep(&mut numbers, MOST_NUMBERS);
    let mut problems = problems(report);
    let problems_left = keep(&mut problems, MOST_PROBLEMS);
    let deviation = |deviation: &harness_core::paper::Deviation| DeviationView {
        kind: deviation.kind.to_string(),
        paper: deviation.paper.clone(),
        here: deviation.here.clone(),
    };
    PaperView {
        title: paper.title.clone(),
        slug: paper.slug.clone(),
        family: paper.family.name(),
        version: paper.version,
        profile: report.profile.name(),
        run: run.id.clone(),
        authors: names(&paper.authors),
        year: paper.year,
        venue: paper.venue.as_ref().map(|venue| dated(venue, paper.year)),
        links,
        summary: paper.summary.clone(),
        data_label: data_label(report),
        synthetic_note: run.synthetic_note.clone(),
        claims: report.rows().enumerate().map(|(place, row)| claim(place, row, report)).collect(),
        deviations: report.deviations().iter().map(deviation).collect(),
        figures: figures.into_iter().map(figure).collect(),
        numbers,
        numbers_left,
        arms: paper
            .arms
            .iter()
            .map(|arm| ArmView {
                name: arm.name.clone(),
                trials: report.results.records().iter().filter(|record| record.arm == arm.name).count(),
                label: arm.label.clone(),
                role: match arm.role {
                    ArmRole::Method => "method",
                    ArmRole::Baseline => "baseline",
                    ArmRole::Reference => "reference",
                },
                about: arm.about.clone(),
                settings: settings(&arm.settings)
                    .into_iter()
                    .map(|setting| format!("{} = {}", setting.key, setting.value))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
            .collect(),
        settings: settings(&paper.profiles.get(report.profile).settings),
        overrides: report.overrides.clone(),
        conformance: report
            .conformance
            .iter()
            .map(|case| CaseView {
                op: case.op.clone(),
                name: case.name.clone(),
                status: if case.status == Status::Pass { "pass" } else { "fail" },
                max_abs: case.max_abs,
                max_rel: case.max_rel,
                message: case.message.clone(),
            })
            .collect(),
        passed: report.conformance.iter().filter(|case| case.status == Status::Pass).count(),
        costs: costs(report),
        trials: TrialsView::new(report, ""),
        problems,
        problems_left,
        data: data(report),
        provenance: provenance(report),
        reference: paper.checklist.reference.clone(),
        checked: paper.checklist.checked.clone(),
        stands_beside: paper.checklist.stands_beside.clone(),
        code_note: paper.code.note.clone(),
        code_licence: paper.code.licence.clone(),
        code_commit: paper.code.commit.clone(),
        licence_note: paper.licence_note.clone(),
        notes: paper.notes.clone(),
    }
}

fn figure(shown: ShownFigure) -> FigureView {
    let alt = if shown.picture { described(&shown.figure) } else { String::new() };
    let tables = shown.figure.panels.iter().filter_map(|panel| match &panel.plot {
        Plot::Table(content) => Some(table(&panel.title, content)),
        _ => None,
    });
    FigureView {
        tables: tables.collect(),
        findings: findings(&shown.figure),
        title: shown.figure.title.trim_end_matches('.').to_owned(),
        caption: shown.figure.caption,
        alt,
        path: shown.path,
        picture: shown.picture,
    }
}

fn table(title: &str, table: &Table) -> TableView {
    let columns = table.columns.iter().take(MOST_COLUMNS).enumerate().map(|(index, name)| {
        let cells = table.rows.iter().filter_map(|row| row.get(index)).filter(|cell| !cell.is_empty());
        ColumnView {
            name: name.clone(),
            numeric: cells.clone().next().is_some() && cells.clone().all(|cell| is_number(cell)),
        }
    });
    let columns: Vec<ColumnView> = columns.collect();
    // Short rows are filled, so that every row has all columns.
    let row =
        |cells: &Vec<String>| (0..columns.len()).map(|column| cells.get(column).cloned().unwrap_or_default()).collect();
    TableView {
        title: title.to_owned(),
        rows: table.rows.iter().take(MOST_ROWS).map(row).collect(),
        rows_left: table.rows.len().saturating_sub(MOST_ROWS),
        columns,
    }
}

/// Whether a cell starts as a number does, or stands for one that is not there.
fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '+' | '.' | '—' | '–' | '≥' | '≤'))
}

/// What a figure's picture shows, for those who cannot see it.
fn described(figure: &harness_core::figure::Figure) -> String {
    let list = |names: Vec<&str>| match names.len() {
        0..=12 => names.join(", "),
        more => format!("{} and {} more", names[..12].join(", "), more - 12),
    };
    let panels = figure.panels.iter().filter_map(|panel| {
        let what = match &panel.plot {
            Plot::Lines(plot) => {
                let names = plot.lines.iter().map(|line| line.label.as_str()).collect();
                format!("curves of {} over {}: {}", plot.y.label, plot.x.label, list(names))
            }
            Plot::Bars(plot) => {
                let names = plot.series.iter().map(|series| series.label.as_str()).collect();
                format!("bars of {} by {}: {}", plot.y.label, plot.x, list(names))
            }
            Plot::Heatmap(plot) => format!("heat map of {} by {} and {}", plot.value, plot.y, plot.x),
            Plot::Scatter(plot) => {
                let names = plot.clouds.iter().map(|(name, _)| name.as_str()).collect();
                format!("points of {} over {}: {}", plot.y.label, plot.x.label, list(names))
            }
            Plot::Histogram(plot) => {
                let names = plot.samples.iter().map(|(name, _)| name.as_str()).collect();
                format!("histogram of {}: {}", plot.x.label, list(names))
            }
            Plot::Images(grid) => {
                format!("pictures: {}", list(grid.rows.iter().map(|(name, _)| name.as_str()).collect()))
            }
            Plot::Table(_) => return None,
        };
        Some(if panel.title.is_empty() { what } else { format!("{}, {what}", panel.title) })
    });
    format!("{}: {}", figure.title, panels.collect::<Vec<_>>().join("; "))
}

/// Up to eight names, without a full stop at the end.
fn names(authors: &[String]) -> String {
    let mut names = authors.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    if authors.len() > 8 {
        names.push_str(" et al.");
    }
    names.trim_end_matches('.').to_owned()
}

/// Where a paper appeared, with its year unless the name has it.
fn dated(venue: &str, year: u16) -> String {
    if venue.contains(&year.to_string()) { venue.to_owned() } else { format!("{venue}, {year}") }
}

fn claim(place: usize, row: ClaimRow<'_>, report: &PaperReport<'_>) -> ClaimView {
    fn flatten(parts: &[Evidence], prefix: &str, into: &mut Vec<PartView>) {
        for (index, part) in parts.iter().enumerate() {
            let number = format!("{prefix}{}", index + 1);
            into.push(PartView { number: number.clone(), evidence: EvidenceView::new(part, false) });
            flatten(&part.parts, &format!("{number}."), into);
        }
    }
    let mut parts = Vec::new();
    flatten(&row.evidence.parts, "", &mut parts);
    let text = |get: fn(&harness_core::claim::Claim) -> &String| row.claim.map(get).cloned().unwrap_or_default();
    ClaimView {
        id: row.id.to_owned(),
        anchor: anchor(place),
        heading: heading(row.id),
        text: text(|claim| &claim.text),
        published: text(|claim| &claim.published.text),
        source: text(|claim| &claim.published.source),
        published_value: row.claim.and_then(|claim| claim.published.value),
        measure: text(|claim| &claim.measure),
        rule: text(|claim| &claim.rule),
        custom: row.claim.is_some_and(|claim| claim.test == Test::Custom),
        evidence: EvidenceView::new(&row.evidence, reduced(report, &row.evidence)),
        parts,
        claims: report.judgements.len(),
    }
}

/// Metrics of finished trials as means over seeds, by cell, metric and arm.
fn numbers(report: &PaperReport<'_>) -> Vec<NumberView> {
    let position = |arm: &str| report.paper.arms.iter().position(|known| known.name == arm).unwrap_or(usize::MAX);
    let mut values: BTreeMap<(String, &str, usize, &str), Vec<f64>> = BTreeMap::new();
    for record in report.results.records().iter().filter(|record| record.finished()) {
        for (name, value) in &record.metrics {
            let key = (record.cell.to_string(), name.as_str(), position(&record.arm), record.arm.as_str());
            values.entry(key).or_default().push(value.0);
        }
    }
    values
        .into_iter()
        .map(|((cell, metric, _, arm), values)| NumberView {
            cell,
            metric: metric.to_owned(),
            arm: arm.to_owned(),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            interval: stats::t_interval(&values, LEVEL).ok().map(bracket),
            n: values.len(),
        })
        .collect()
}

fn costs(report: &PaperReport<'_>) -> Vec<CostView> {
    report
        .paper
        .arms
        .iter()
        .filter_map(|arm| {
            let selection = report.results.arm(&arm.name);
            let costs: Vec<_> = selection.records().iter().map(|record| &record.cost).collect();
            if costs.is_empty() {
                return None;
            }
            let total: f64 = costs.iter().map(|cost| cost.wall_s).sum();
            let steps: u64 = costs.iter().map(|cost| cost.steps).fold(0, u64::saturating_add);
            Some(CostView {
                arm: arm.name.clone(),
                trials: costs.len(),
                mean_time: duration(total / costs.len() as f64),
                total_time: duration(total),
                memory: costs.iter().filter_map(|cost| cost.peak_rss_mb).reduce(f64::max).map(f64::round),
                rate: (steps > 0 && total > 0.0).then(|| steps as f64 / total),
            })
        })
        .collect()
}

/// Every data set with every source that it had, and those that no trial opened.
fn data(report: &PaperReport<'_>) -> Vec<DataView> {
    let mut sources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in report.results.records() {
        for (id, source) in &record.provenance.data {
            sources.entry(id).or_default().insert(source);
        }
    }
    for set in &report.paper.data {
        sources.entry(&set.id).or_default();
    }
    sources
        .into_iter()
        .flat_map(|(id, sources)| {
            let set = report.paper.data.iter().find(|set| set.id == id);
            let role = match set.map(|set| set.role) {
                Some(DataRole::Original) => "original",
                Some(DataRole::StandIn) => "stand-in",
                Some(DataRole::Reported) => "reported, judged by no claim",
                None => "not declared",
            };
            let row = move |source: &str| DataView {
                id: id.to_owned(),
                role,
                source: source.to_owned(),
                note: match (source, set) {
                    ("synthetic", Some(set)) => Some(format!("generated: {}", set.synthetic)),
                    (_, set) => set.and_then(|set| set.note.clone()),
                },
            };
            let sources: Vec<&str> =
                if sources.is_empty() { vec!["not opened in this run"] } else { sources.into_iter().collect() };
            sources.into_iter().map(row).collect::<Vec<_>>()
        })
        .collect()
}

/// Where the trials come from: more than one value of a kind means that results of several machines or versions of the
/// code stand side by side.
fn provenance(report: &PaperReport<'_>) -> Vec<SettingView> {
    let distinct = |key: &str, get: fn(&Record) -> &str| {
        let values: BTreeSet<&str> = report.results.records().iter().map(get).filter(|text| !text.is_empty()).collect();
        SettingView {
            key: key.to_owned(),
            value: if values.is_empty() { "—".into() } else { values.into_iter().collect::<Vec<_>>().join("; ") },
        }
    };
    vec![
        distinct("code digest", |record| &record.provenance.code),
        distinct("device", |record| &record.provenance.device),
        distinct("machine", |record| &record.provenance.machine),
        distinct("harness", |record| &record.provenance.harness),
    ]
}

/// The leaves of a tree of settings, `a.b` → value; lists of plain values stay together.
fn settings(tree: &Value) -> Vec<SettingView> {
    fn walk(path: &str, value: &Value, into: &mut Vec<SettingView>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, value, into);
                }
            }
            Value::String(text) => into.push(SettingView { key: path.to_owned(), value: text.clone() }),
            Value::Null if path.is_empty() => {}
            other => into.push(SettingView { key: path.to_owned(), value: flow(other) }),
        }
    }
    let mut leaves = Vec::new();
    walk("", tree, &mut leaves);
    leaves
}

/// A value as YAML in one line, `[{flip: {probability: 0.5}}, 3]`: with spaces, at which a table can break it.
fn flow(value: &Value) -> String {
    let listed = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", listed(items.iter().map(flow).collect())),
        Value::Object(map) => {
            format!("{{{}}}", listed(map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect()))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_leaves_with_lists_in_one_line() {
        let tree = serde_json::json!({"a": {"b": 1, "c": "text"}, "d": [{"flip": {"p": 0.5}}, [1, 2.0]], "e": null});
        let found: Vec<(String, String)> = settings(&tree).into_iter().map(|leaf| (leaf.key, leaf.value)).collect();
        let want = [("a.b", "1"), ("a.c", "text"), ("d", "[{flip: {p: 0.5}}, [1, 2.0]]"), ("e", "null")];
        assert_eq!(found, want.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
