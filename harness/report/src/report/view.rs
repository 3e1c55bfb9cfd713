//! What the templates print, computed from records and evidence.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::case_result::Status;
use harness_core::claim::Test;
use harness_core::evidence::{Evidence, LEVEL, Verdict, bracket};
use harness_core::figure::{Plot, Table};
use harness_core::paper::{ArmRole, DataRole};
use harness_core::record::{Outcome, Record};
use harness_core::stats;
use harness_core::text::number;
use serde::Serialize;
use serde_json::Value;

use super::findings::findings;
use super::{ClaimRow, Counts, PaperReport, RunReport, ShownFigure};

/// Trials that did not give usable numbers which are named at most, per table.
const MOST_PROBLEMS: usize = 60;
/// Rows of the table of measured numbers at most.
const MOST_NUMBERS: usize = 150;
/// Rows of a paper's own table that are printed at most.
const MOST_ROWS: usize = 300;
/// Columns of a paper's own table that are printed at most.
const MOST_COLUMNS: usize = 24;

/// The verdicts, each with its meaning.
pub(super) const LEGEND: [(Verdict, &str); 5] = [
    (Verdict::Reproduced, "the effect is there, beyond chance and as large as the rule asks"),
    (Verdict::DirectionOnly, "it points the claimed way, but is smaller than the rule asks or not beyond chance"),
    (Verdict::Inconclusive, "these trials cannot tell"),
    (
        Verdict::Contradicted,
        "the opposite was measured, or the bar that the rule states was missed: beyond chance, or in every seed",
    ),
    (Verdict::NotRun, "there are no trials to judge by"),
];

#[derive(Serialize)]
pub(super) struct RunView {
    id: String,
    command: String,
    started: String,
    wall: String,
    machine: String,
    device: String,
    version: String,
    synthetic_note: Option<String>,
    verdicts: Vec<VerdictCount>,
    claims: usize,
    profiles: Vec<ProfileView>,
    trials: Vec<TrialsView>,
    problems: Vec<ProblemView>,
    problems_left: usize,
}

#[derive(Serialize)]
struct VerdictCount {
    verdict: &'static str,
    mark: &'static str,
    meaning: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct ProfileView {
    name: &'static str,
    synthetic: bool,
    /// Every name of a claim in the profile: the columns of the grid paper × claim.
    columns: Vec<String>,
    papers: Vec<ClaimsView>,
}

/// The claims of a paper.
#[derive(Serialize)]
struct ClaimsView {
    slug: String,
    title: String,
    year: u16,
    /// File name of the paper's page, without ending.
    page: String,
    data: &'static str,
    deviations: String,
    rows: Vec<RowView>,
    /// One per column of the grid; absent where the paper has no claim of the name.
    grid: Vec<Option<MarkView>>,
}

/// A verdict as a sign.
#[derive(Serialize)]
struct MarkView {
    claim: String,
    anchor: String,
    verdict: &'static str,
    mark: &'static str,
}

#[derive(Serialize)]
struct RowView {
    /// Place of the claim on the paper's page of the site.
    anchor: String,
    /// The same on its Markdown page, where its name is one that a heading's address can be told from.
    heading: Option<String>,
    claim: String,
    text: String,
    evidence: EvidenceView,
    published: String,
    source: String,
}

#[derive(Serialize)]
struct TrialsView {
    slug: String,
    page: String,
    profile: &'static str,
    planned: usize,
    finished: usize,
    failed: usize,
    skipped: usize,
    diverged: usize,
    missing: usize,
    data: &'static str,
    /// What the finished trials took, one after another.
    time: String,
}

impl TrialsView {
    fn new(report: &PaperReport<'_>, page: &str) -> Self {
        let Counts { planned, finished, failed, skipped, diverged, missing } = report.counts();
        TrialsView {
            slug: report.paper.slug.clone(),
            page: page.to_owned(),
            profile: report.profile.name(),
            planned,
            finished,
            failed,
            skipped,
            diverged,
            missing,
            data: data_label(report),
            time: total_time(report),
        }
    }
}

#[derive(Serialize)]
struct ProblemView {
    slug: String,
    arm: String,
    cell: String,
    seed: u64,
    outcome: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct EvidenceView {
    verdict: &'static str,
    mark: &'static str,
    /// Place of the verdict in the legend.
    rank: usize,
    quantity: String,
    effect: Option<f64>,
    interval: Option<String>,
    n: usize,
    /// Effect and interval, or in how many seeds the rule holds, in words.
    effect_words: String,
    /// In how many of the seeds a rule holds that holds or fails exactly; absent for other rules.
    holds_in: Option<usize>,
    detectable: Option<f64>,
    p_value: Option<f64>,
    adjusted_p: Option<f64>,
    /// How many more seeds would probably decide it, in words.
    outlook: Option<String>,
    /// Whether the experiment is smaller than the paper's, where the verdict says anything about the claim.
    reduced: bool,
    /// Whether a sequential test had its last word before its last look.
    early: bool,
    summary: String,
    /// What stands beside effect and interval where there is little room.
    brief: String,
}

/// Whether a verdict has to be read as one of a smaller experiment than the paper's.
pub(super) fn reduced(report: &PaperReport<'_>, evidence: &Evidence) -> bool {
    let says_something =
        matches!(evidence.verdict, Verdict::Reproduced | Verdict::DirectionOnly | Verdict::Contradicted);
    says_something && !report.deviations().is_empty()
}

impl EvidenceView {
    fn new(evidence: &Evidence, reduced: bool) -> Self {
        EvidenceView {
            reduced,
            early: evidence.look.is_some_and(|look| look.early),
            adjusted_p: evidence.adjusted_p,
            outlook: evidence.outlook_in_words(),
            verdict: evidence.verdict.name(),
            mark: mark(evidence.verdict),
            rank: LEGEND.iter().position(|(verdict, _)| *verdict == evidence.verdict).unwrap_or(LEGEND.len()),
            quantity: evidence.quantity.clone(),
            effect: evidence.effect,
            interval: evidence.interval.map(bracket),
            n: evidence.n,
            effect_words: effect_words(evidence),
            holds_in: evidence.holds_in(),
            detectable: evidence.detectable,
            p_value: evidence.p_value,
            summary: measured(evidence),
            brief: brief(evidence),
        }
    }
}

fn effect_words(evidence: &Evidence) -> String {
    if let Some(seeds) = evidence.holds_in() {
        return format!("holds in {seeds} of {} seeds", evidence.n);
    }
    let effect = evidence.effect.map_or_else(|| "—".to_owned(), number);
    match evidence.interval {
        Some(interval) => format!("{effect} {}", bracket(interval)),
        None => effect,
    }
}

/// The anchor of a paper's claim by its place, since a claim's name may hold anything.
pub(super) fn anchor(place: usize) -> String {
    format!("claim-{}", place + 1)
}

/// The address that a heading of one plain word gets in Markdown.
fn heading(id: &str) -> Option<String> {
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| id.to_ascii_lowercase())
}

/// A verdict as a sign, for where a word is too long.
fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reproduced => "✓",
        Verdict::DirectionOnly => "↗",
        Verdict::Inconclusive => "?",
        Verdict::Contradicted => "✗",
        Verdict::NotRun => "–",
    }
}

/// `original`, `stand-in`, `synthetic`, or `none` where the experiment needs no data.
pub(super) fn data_label(report: &PaperReport<'_>) -> &'static str {
    let has_role = |id: &String, role: DataRole| report.paper.data.iter().any(|set| set.id == *id && set.role == role);
    let opened = report.results.records().iter().flat_map(|record| record.provenance.data.keys());
    let used: BTreeSet<&String> = opened.filter(|id| !has_role(id, DataRole::Reported)).collect();
    if report.synthetic() {
        "synthetic"
    } else if used.is_empty() {
        "none"
    } else if used.into_iter().any(|id| has_role(id, DataRole::StandIn)) {
        "stand-in"
    } else {
        "original"
    }
}

fn problems(report: &PaperReport<'_>) -> Vec<ProblemView> {
    let view = |record: &Record, outcome, reason: String| ProblemView {
        slug: report.paper.slug.clone(),
        arm: record.arm.clone(),
        cell: record.cell.to_string(),
        seed: record.seed,
        outcome,
        reason,
    };
    report
        .results
        .records()
        .iter()
        .filter_map(|record| match &record.outcome {
            Outcome::Failed { reason } => Some(view(record, "failed", reason.clone())),
            Outcome::Skipped { reason } => Some(view(record, "skipped", reason.clone())),
            Outcome::Finished if record.diverged() => {
                let bad = record.metrics.iter().filter(|(_, value)| !value.0.is_finite());
                let names: Vec<String> = bad.map(|(name, value)| format!("{name} = {}", value.0)).collect();
                Some(view(record, "diverged", names.join(", ")))
            }
            Outcome::Finished => None,
        })
        .collect()
}

/// What `README.md` prints.
pub(super) fn run(run: &RunReport<'_>, stems: &[String]) -> RunView {
    let mut profiles: BTreeMap<harness_core::paper::Profile, ProfileView> = BTreeMap::new();
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut trials = Vec::new();
    let mut all_problems = Vec::new();
    for (report, stem) in run.papers.iter().zip(stems) {
        let profile = profiles.entry(report.profile).or_insert_with(|| ProfileView {
            name: report.profile.name(),
            synthetic: false,
            columns: Vec::new(),
            papers: Vec::new(),
        });
        profile.synthetic |= report.synthetic();
        let kinds: BTreeSet<String> = report.deviations().iter().map(|deviation| deviation.kind.to_string()).collect();
        let mut rows = Vec::new();
        for (place, ClaimRow { id, claim, evidence }) in report.rows().enumerate() {
            *counts.entry(evidence.verdict).or_default() += 1;
            if profile.columns.iter().all(|known| known != id) {
                profile.columns.push(id.to_owned());
            }
            rows.push(RowView {
                anchor: anchor(place),
                heading: heading(id),
                claim: id.to_owned(),
                text: claim.map_or(String::new(), |claim| claim.text.clone()),
                evidence: EvidenceView::new(&evidence, reduced(report, &evidence)),
                published: claim.map_or(String::new(), |claim| claim.published.text.clone()),
                source: claim.map_or(String::new(), |claim| claim.published.source.clone()),
            });
        }
        profile.papers.push(ClaimsView {
            slug: report.paper.slug.clone(),
            title: report.paper.title.clone(),
            year: report.paper.year,
            page: stem.clone(),
            data: data_label(report),
            deviations: kinds.into_iter().collect::<Vec<_>>().join(", "),
            rows,
            grid: Vec::new(),
        });
        trials.push(TrialsView::new(report, stem));
        all_problems.extend(problems(report));
    }
    for profile in profiles.values_mut() {
        profile.columns.sort_by_key(|name| natural(name));
        for paper in &mut profile.papers {
            paper.grid = profile
                .columns
                .iter()
                .map(|column| {
                    paper.rows.iter().find(|row| row.claim == *column).map(|row| MarkView {
                        claim: row.claim.clone(),
                        anchor: row.anchor.clone(),
                        verdict: row.evidence.verdict,
                        mark: row.evidence.mark,
                    })
                })
                .collect();
        }
    }
    let problems_left = all_problems.len().saturating_sub(MOST_PROBLEMS);
    all_problems.truncate(MOST_PROBLEMS);
    RunView {
        id: run.id.clone(),
        command: run.command.clone(),
        started: utc(run.started_unix),
        wall: duration(run.wall_s),
        machine: run.machine.clone(),
        device: run.device.clone(),
        version: run.harness_version.clone(),
        synthetic_note: run.synthetic_note.clone(),
        verdicts: LEGEND
            .iter()
            .map(|(verdict, meaning)| VerdictCount {
                verdict: verdict.name(),
                mark: mark(*verdict),
                meaning,
                count: counts.get(verdict).copied().unwrap_or(0),
            })
            .collect(),
        claims: counts.values().sum(),
        profiles: profiles.into_values().collect(),
        trials,
        problems: all_problems,
        problems_left,
    }
}

/// A name split at its last digits, so that `C10` comes after `C9`.
fn natural(name: &str) -> (String, u64, String) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    (stem.to_owned(), number.parse().unwrap_or(0), name.to_owned())
}

#[derive(Serialize)]
pub(super) struct PaperView {
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
pub(super) fn paper(run: &RunReport<'_>, report: &PaperReport<'_>, figures: Vec<ShownFigure>) -> PaperView {
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
    let numbers_left = numbers.len().saturating_sub(MOST_NUMBERS);
    numbers.truncate(MOST_NUMBERS);
    let mut problems = problems(report);
    let problems_left = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
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

/// What was found, without what the parts of a composed rule say below it anyway.
fn measured(evidence: &Evidence) -> String {
    let told = evidence.parts.iter().all(|part| evidence.summary.contains(&part.summary));
    match evidence.parts.as_slice() {
        [] => return evidence.summary.clone(),
        [only] if evidence.composed.is_some() => return measured(only),
        _ if evidence.composed.is_none() && !told => return evidence.summary.clone(),
        _ => {}
    }
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for part in &evidence.parts {
        *counts.entry(part.verdict).or_default() += 1;
    }
    if let [(verdict, count)] = counts.iter().collect::<Vec<_>>().as_slice() {
        let all = if **count == 2 { "both parts".to_owned() } else { format!("all {count} parts") };
        return format!("{all}: {verdict}");
    }
    let words: Vec<String> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    format!("of {} parts: {}", evidence.parts.len(), words.join(", "))
}

/// What was found, in few words: what the effect is of where an interval stands beside it, else the findings.
fn brief(evidence: &Evidence) -> String {
    match (evidence.interval, evidence.parts.is_empty()) {
        (Some(_), true) if !evidence.quantity.is_empty() => evidence.quantity.clone(),
        (Some(_), false) if !evidence.quantity.is_empty() => {
            format!("{}; effect: {}", measured(evidence), evidence.quantity)
        }
        _ => measured(evidence),
    }
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

/// What the finished trials took, one after another.
fn total_time(report: &PaperReport<'_>) -> String {
    let finished = report.results.records().iter().filter(|record| record.finished());
    // From a zero without a sign, which an empty sum does not have.
    duration(finished.fold(0.0, |sum, record| sum + record.cost.wall_s))
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

/// `35.2 s`, `4 min 10 s`, `2 h 05 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "—".into();
    }
    // Rounded first, so that 59.9 s is not 60 s.
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{} s", number((seconds * 100.0).round() / 100.0)),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `2026-03-01 17:05 UTC`, from seconds since 1970.
fn utc(seconds: u64) -> String {
    let days = seconds / 86_400;
    if days > 2_932_896 {
        return format!("{seconds} s after 1970");
    }
    // Days since 0000-03-01, in eras of 400 years (Hinnant, "chrono-compatible low-level date algorithms", 2014).
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (seconds % 86_400 / 3_600, seconds % 3_600 / 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
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

    #[test]
    fn dates_and_durations() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_772_384_700), "2026-03-01 17:05 UTC");
        assert_eq!(utc(253_402_300_799), "9999-12-31 23:59 UTC");
        assert!(utc(u64::MAX).contains("after 1970"));
        assert_eq!(duration(35.204), "35.2 s");
        assert_eq!(duration(59.99), "1 min 00 s");
        assert_eq!(duration(7500.0), "2 h 05 min");
        assert_eq!(duration(f64::NAN), "—");
    }
}
