//! What the templates print, computed from records and evidence.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `run` | the page of a run |
//! | `paper` | the page of a paper |
//! | `evidence` | a verdict, with its numbers and words |
//! | `time` | durations and dates |

mod evidence;
mod paper;
mod run;
mod time;

use std::collections::BTreeSet;

use harness_core::evidence::{Evidence, Verdict};
use harness_core::paper::DataRole;
use harness_core::record::{Outcome, Record};
use serde::Serialize;

use super::{Counts, PaperReport};

pub(super) use evidence::LEGEND;
pub(super) use paper::{PaperView, paper};
pub(super) use run::{RunView, run};
pub(super) use time::duration;

/// Trials that did not give usable numbers which are named at most, per table.
const MOST_PROBLEMS: usize = 60;

/// Keeps the first rows of a table and returns how many are left out.
fn keep<T>(rows: &mut Vec<T>, most: usize) -> usize {
    let left = rows.len().saturating_sub(most);
    rows.truncate(most);
    left
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

/// Whether a verdict has to be read as one of a smaller experiment than the paper's.
pub(in crate::report) fn reduced(report: &PaperReport<'_>, evidence: &Evidence) -> bool {
    let says_something =
        matches!(evidence.verdict, Verdict::Reproduced | Verdict::DirectionOnly | Verdict::Contradicted);
    says_something && !report.deviations().is_empty()
}

/// The anchor of a paper's claim by its place, since a claim's name may hold anything.
pub(in crate::report) fn anchor(place: usize) -> String {
    format!("claim-{}", place + 1)
}

/// The address that a heading of one plain word gets in Markdown.
fn heading(id: &str) -> Option<String> {
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| id.to_ascii_lowercase())
}

/// `original`, `stand-in`, `synthetic`, or `none` where the experiment needs no data.
pub(in crate::report) fn data_label(report: &PaperReport<'_>) -> &'static str {
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

/// What the finished trials took, one after another.
fn total_time(report: &PaperReport<'_>) -> String {
    let finished = report.results.records().iter().filter(|record| record.finished());
    // From a zero without a sign, which an empty sum does not have.
    duration(finished.fold(0.0, |sum, record| sum + record.cost.wall_s))
}
