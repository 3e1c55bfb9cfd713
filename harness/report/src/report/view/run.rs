//! The page of a run: its grid of papers and claims, and the claims of each paper.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::evidence::Verdict;
use serde::Serialize;

use super::evidence::{EvidenceView, LEGEND, mark};
use super::time::{duration, utc};
use super::{MOST_PROBLEMS, ProblemView, TrialsView, anchor, data_label, heading, keep, problems, reduced};
use crate::report::{ClaimRow, RunReport};

#[derive(Serialize)]
pub(in crate::report) struct RunView {
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

/// What `README.md` prints.
pub(in crate::report) fn run(run: &RunReport<'_>, stems: &[String]) -> RunView {
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
    let problems_left = keep(&mut all_problems, MOST_PROBLEMS);
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
