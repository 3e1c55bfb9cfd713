//! What changed between two runs, and why.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `why` | differences of code, settings, data, seeds, versions and machine |
//! | `metrics` | metrics that moved by more than seeds do |
//! | `text` | the comparison as Markdown |

mod metrics;
mod text;
mod why;

use std::path::{Path, PathBuf};

use harness_core::evidence::{Evidence, Verdict};
use harness_core::stats::Interval;
use harness_core::{Error, Result};
use serde::Serialize;

pub use metrics::{Metrics, Moved};

use crate::run::judged::{Judged, JudgedPaper};
use crate::run::manifest::{Manifest, ManifestPaper};
use crate::store::Store;
use crate::tables;

/// A run with its trials.
pub struct Run {
    /// What it was.
    pub manifest: Manifest,
    /// The folder with its report.
    pub folder: PathBuf,
    judged: Judged,
}

impl Run {
    /// Reads a run below `reports`, whose trials are in `store`.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such run or this build does not know one of its papers.
    pub fn read(reports: &Path, store: &Store, id: &str) -> Result<Self> {
        let manifest = Manifest::read(reports, id)?;
        let judged = Judged::from_store(&manifest, store)?;
        Ok(Run { folder: reports.join(id), manifest, judged })
    }

    /// Trial files that are damaged.
    pub fn damaged(&self) -> &[String] {
        &self.judged.damaged
    }

    fn paper(&self, slug: &str) -> Option<(&ManifestPaper, &JudgedPaper)> {
        self.manifest.papers.iter().zip(&self.judged.papers).find(|(entry, _)| entry.paper.slug == slug)
    }
}

/// What changed from one run to another.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The earlier run.
    pub a: String,
    /// The later run.
    pub b: String,
    /// The profile of both.
    pub profile: &'static str,
    /// Papers that only the later run has.
    pub appeared: Vec<String>,
    /// Papers that only the earlier run has.
    pub vanished: Vec<String>,
    /// Claims of papers that both have, those that changed.
    pub claims: Vec<ClaimChange>,
    /// Claims that both have, in all.
    pub compared_claims: usize,
    /// Metrics that moved beyond noise.
    pub metrics: Metrics,
    /// What is different between the runs as such: versions, machine, device.
    pub runs: Vec<String>,
}

/// A claim whose verdict changed, appeared or vanished.
#[derive(Debug, Serialize)]
pub struct ClaimChange {
    /// Slug of the paper.
    pub paper: String,
    /// Identifier of the claim.
    pub claim: String,
    /// What became of it.
    pub change: Change,
    /// Before.
    pub before: Option<Side>,
    /// After.
    pub after: Option<Side>,
    /// What is different, which is all that can have changed it.
    pub why: Vec<String>,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Its verdict is worse.
    Worse,
    /// Its verdict is better.
    Better,
    /// Only the later run has it.
    Appeared,
    /// Only the earlier run has it.
    Vanished,
}

/// A verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The verdict.
    pub verdict: Verdict,
    /// The effect.
    pub effect: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Number of seeds.
    pub n: usize,
}

impl Side {
    fn new(verdict: Verdict, evidence: &Evidence) -> Self {
        Side { verdict, effect: evidence.effect, interval: evidence.interval, n: evidence.n }
    }
}

impl Comparison {
    /// Compares two runs of one profile.
    ///
    /// # Errors
    /// [`Error::Input`] where the profiles differ: numbers of different profiles are never compared.
    pub fn new(a: &Run, b: &Run) -> Result<Self> {
        if a.manifest.profile != b.manifest.profile {
            return Err(Error::Input(format!(
                "run {} has the profile {}, run {} the profile {}: numbers of different profiles are never compared",
                a.manifest.id, a.manifest.profile, b.manifest.id, b.manifest.profile
            )));
        }
        let slugs =
            |run: &Run| -> Vec<String> { run.manifest.papers.iter().map(|entry| entry.paper.slug.clone()).collect() };
        let (before, after) = (slugs(a), slugs(b));
        let only = |ours: &[String], theirs: &[String]| -> Vec<String> {
            ours.iter().filter(|slug| !theirs.contains(slug)).cloned().collect()
        };
        let mut claims = Vec::new();
        let mut compared_claims = 0;
        let mut samples = Vec::new();
        for slug in before.iter().filter(|slug| after.contains(slug)) {
            let (Some(one), Some(other)) = (a.paper(slug), b.paper(slug)) else { continue };
            compared_claims += claims_of(slug, (a, one), (b, other), &mut claims);
            samples.extend(metrics::samples(slug, &one.1.results, &other.1.results));
        }
        claims.sort_by_key(|claim| claim.change);
        Ok(Comparison {
            a: a.manifest.id.clone(),
            b: b.manifest.id.clone(),
            profile: a.manifest.profile.name(),
            appeared: only(&after, &before),
            vanished: only(&before, &after),
            claims,
            compared_claims,
            metrics: Metrics::new(samples),
            runs: why::of_runs(&a.manifest, &b.manifest),
        })
    }

    /// Whether any verdict got worse.
    pub fn worse(&self) -> bool {
        self.claims.iter().any(|claim| claim.change == Change::Worse)
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        text::markdown(self)
    }
}

type Paper<'r> = (&'r ManifestPaper, &'r JudgedPaper);

/// Adds the claims that changed, and says how many both have.
fn claims_of(slug: &str, a: (&Run, Paper<'_>), b: (&Run, Paper<'_>), into: &mut Vec<ClaimChange>) -> usize {
    let (before, after) = (verdicts(slug, a.0, a.1), verdicts(slug, b.0, b.1));
    let mut compared = 0;
    for (id, side, note) in &before {
        let later = after.iter().find(|(other, _, _)| other == id);
        let change = match later {
            None => Change::Vanished,
            Some((_, later, _)) if later.verdict > side.verdict => Change::Worse,
            Some((_, later, _)) if later.verdict < side.verdict => Change::Better,
            Some(_) => {
                compared += 1;
                continue;
            }
        };
        compared += usize::from(later.is_some());
        let mut why = if later.is_some() { why::of_claim(id, a.1, b.1) } else { Vec::new() };
        why.extend(note.iter().chain(later.and_then(|(_, _, note)| note.as_ref())).cloned());
        why.extend(why::of_runs(&a.0.manifest, &b.0.manifest));
        if why.is_empty() {
            why.push("nothing that is recorded differs: the same trials were judged".into());
        }
        into.push(ClaimChange {
            paper: slug.to_owned(),
            claim: id.clone(),
            change,
            before: Some(side.clone()),
            after: later.map(|(_, side, _)| side.clone()),
            why,
        });
    }
    for (id, side, _) in after.iter().filter(|(id, _, _)| before.iter().all(|(other, _, _)| other != id)) {
        into.push(ClaimChange {
            paper: slug.to_owned(),
            claim: id.clone(),
            change: Change::Appeared,
            before: None,
            after: Some(side.clone()),
            why: Vec::new(),
        });
    }
    compared
}

/// The verdicts of a run as its report printed them, else as this build judges its trials; with a note where both exist
/// and differ.
fn verdicts(slug: &str, run: &Run, (entry, judged): Paper<'_>) -> Vec<(String, Side, Option<String>)> {
    let printed = tables::read_verdicts(&run.folder.join("verdicts.csv"), slug).unwrap_or_default();
    judged
        .judgements(entry)
        .into_iter()
        .map(|(id, evidence)| {
            let known = printed.iter().find(|row| row.claim == id).and_then(|row| known(&row.verdict));
            let note = known.filter(|verdict| *verdict != evidence.verdict).map(|verdict| {
                format!(
                    "judging: the report of {} says {verdict}, this build judges the same trials as {}",
                    run.manifest.id, evidence.verdict
                )
            });
            let side = Side::new(known.unwrap_or(evidence.verdict), &evidence);
            (id, side, note)
        })
        .collect()
}

fn known(name: &str) -> Option<Verdict> {
    [Verdict::Reproduced, Verdict::DirectionOnly, Verdict::Inconclusive, Verdict::Contradicted, Verdict::NotRun]
        .into_iter()
        .find(|verdict| verdict.name() == name)
}
