//! The results and verdicts of a run, from its manifest and the store.

use harness_core::backend::DeviceChoice;
use harness_core::conformance::{CaseResult, Vectors};
use harness_core::evidence::Evidence;
use harness_core::judge::{adjust, judge};
use harness_core::paper::Profile;
use harness_core::record::{Outcome, Record};
use harness_core::results::Results;
use harness_core::sequential::judge_sequentially;
use harness_core::{Error, PaperReproduction, Result};

use super::manifest::{Manifest, ManifestPaper};
use crate::report::{PaperReport, RunReport};
use crate::store::Store;

/// The results of a run.
pub struct Judged {
    /// By paper, in the order of the manifest.
    pub papers: Vec<JudgedPaper>,
    /// Trial files that are damaged.
    pub damaged: Vec<String>,
}

/// The results of one paper of a run.
pub struct JudgedPaper {
    /// Its module.
    pub reproduction: &'static dyn PaperReproduction,
    /// Its trials.
    pub results: Results,
    /// How many of them failed.
    pub failed: usize,
}

impl JudgedPaper {
    /// The trials of a run's paper that are in the store; damaged files are named in `damaged` and left out.
    ///
    /// # Errors
    /// [`Error::Input`] where this build does not know the paper.
    pub fn from_store(
        entry: &ManifestPaper,
        profile: Profile,
        store: &Store,
        damaged: &mut Vec<String>,
    ) -> Result<Self> {
        let slug = &entry.paper.slug;
        let reproduction = crate::catalog::find(slug)
            .ok_or_else(|| Error::Input(format!("this build does not know the paper `{slug}` of the run")))?;
        let records = records_of(entry, profile, store, damaged);
        let failed = records.iter().filter(|record| matches!(record.outcome, Outcome::Failed { .. })).count();
        Ok(JudgedPaper { reproduction, results: Results::new(slug, profile, records), failed })
    }

    /// Every claim of the paper with its evidence, p-values adjusted over all of them.
    pub fn judgements(&self, entry: &ManifestPaper) -> Vec<(String, Evidence)> {
        let claims = &entry.paper.claims;
        let mut evidence: Vec<Evidence> = claims
            .iter()
            .map(|claim| match &entry.until_decided {
                None => judge(self.reproduction, claim, &self.results),
                Some(looks) => {
                    let seeds = looks.claims.get(&claim.id).copied().unwrap_or(0);
                    judge_sequentially(self.reproduction, claim, &self.results, &looks.schedule, seeds)
                }
            })
            .collect();
        adjust(&mut evidence);
        claims.iter().map(|claim| claim.id.clone()).zip(evidence).collect()
    }
}

impl Judged {
    /// Reads the trials of a run.
    ///
    /// # Errors
    /// [`Error::Input`] where this build does not know one of its papers.
    pub fn from_store(manifest: &Manifest, store: &Store) -> Result<Self> {
        let mut damaged = Vec::new();
        let papers = manifest
            .papers
            .iter()
            .map(|entry| JudgedPaper::from_store(entry, manifest.profile, store, &mut damaged))
            .collect::<Result<_>>()?;
        Ok(Judged { papers, damaged })
    }

    /// The run as a report prints it; without figures and conformance where it is not `whole`.
    pub fn of<'a>(&'a self, manifest: &'a Manifest, whole: bool) -> RunReport<'a> {
        let papers: Vec<PaperReport<'_>> = manifest
            .papers
            .iter()
            .zip(&self.papers)
            .map(|(entry, judged)| PaperReport {
                paper: &entry.paper,
                profile: manifest.profile,
                results: &judged.results,
                judgements: judged.judgements(entry),
                figures: if whole { judged.reproduction.figures(&judged.results) } else { Vec::new() },
                conformance: if whole { conformance(judged.reproduction) } else { Vec::new() },
                planned_trials: entry.keys.len(),
                overrides: entry.overrides.clone(),
            })
            .collect();
        let synthetic_note = (!manifest.stand_ins.is_empty()).then(|| {
            let sets: Vec<&str> = manifest.stand_ins.keys().map(String::as_str).collect();
            format!("generated data in place of: {}", sets.join(", "))
        });
        RunReport {
            id: manifest.id.clone(),
            command: manifest.command.clone(),
            started_unix: manifest.started_unix,
            wall_s: manifest.wall_s,
            machine: manifest.machine.clone(),
            device: manifest.device.clone(),
            harness_version: manifest.harness.clone(),
            synthetic_note,
            papers,
        }
    }
}

/// The stored trials of a paper, the failed ones too; damaged files are named and left out.
fn records_of(entry: &ManifestPaper, profile: Profile, store: &Store, damaged: &mut Vec<String>) -> Vec<Record> {
    let slug = &entry.paper.slug;
    let mut records = Vec::new();
    for key in &entry.keys {
        let found = match store.read(slug, profile, key) {
            Ok(None) => store.read_failed(slug, profile, key),
            found => found,
        };
        match found {
            Ok(record) => records.extend(record),
            Err(error) => damaged.push(error.to_string()),
        }
    }
    records
}

/// The paper's vectors through its ops, on the processor.
pub fn conformance(reproduction: &dyn PaperReproduction) -> Vec<CaseResult> {
    let slug = &reproduction.paper().slug;
    match (Vectors::parse(reproduction.vectors(), slug), DeviceChoice::Cpu.open()) {
        (Ok(vectors), Ok(device)) => vectors.run(reproduction.ops(), &device),
        _ => Vec::new(),
    }
}
