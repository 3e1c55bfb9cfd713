//! Adds seeds where a claim is still open, look by look, until every claim is settled or the means are used up.
//!
//! The looks and what each may spend are fixed before the first trial ([`Schedule`]); the sequential test and the reasons
//! for it are in [`harness_core::sequential`]. An open claim gets seeds in just the arms and cells that its test looks at;
//! a claim judged by its paper's module may look at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harness_core::claim::Claim;
use harness_core::evidence::Evidence;
use harness_core::sequential::{Schedule, decided, judge_sequentially};

use super::executor::{Executor, Summary};
use super::judged::JudgedPaper;
use super::manifest::{ManifestPaper, UntilDecided};
use super::plan::{PaperPlan, Plan, PlannedTrial, Selection};
use super::progress::{Event, Sink};
use crate::store::{Durations, Store};

/// The largest number of seeds where the user names none.
pub const MAX_SEEDS: u64 = 20;

/// When to stop adding seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The last look has this many.
    pub max_seeds: u64,
    /// No further look is started that is expected to end later.
    pub budget: Option<Duration>,
}

/// What came of it.
pub struct Ran {
    /// The trials that belong to the looks taken.
    pub plan: Plan,
    /// What became of those that were pending.
    pub summary: Summary,
    /// The looks by paper.
    pub looks: BTreeMap<String, UntilDecided>,
}

/// The selection with all the seeds that may be needed.
pub fn widest(selection: &Selection, limits: &Limits) -> Selection {
    Selection { seeds: Some(limits.max_seeds.max(2)), ..selection.clone() }
}

/// Runs the first look of every paper, then further ones where claims are open.
///
/// # Errors
/// As [`Executor::execute`], and where a trial file cannot be read.
pub fn run(
    all: Plan,
    selection: &Selection,
    limits: &Limits,
    store: &Store,
    executor: &mut dyn Executor,
    sink: &mut dyn Sink,
) -> harness_core::Result<Ran> {
    let start = Instant::now();
    let mut looks: BTreeMap<String, UntilDecided> = all
        .papers
        .iter()
        .map(|planned| {
            let first = planned.paper.profiles.get(selection.profile).seeds;
            let schedule = Schedule::new(first, limits.max_seeds);
            let seeds = schedule.looks.first().copied().unwrap_or(2);
            let claims = planned.paper.claims.iter().map(|claim| (claim.id.clone(), seeds)).collect();
            (planned.paper.slug.clone(), UntilDecided { schedule, claims })
        })
        .collect();
    let mut total = Summary::default();
    // Trials that failed in an earlier look are not tried again in the next.
    let mut tried: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    let mut plan = all.restricted(store, |paper, planned| wanted(&looks, paper, planned));
    loop {
        for planned in plan.papers.iter_mut().flat_map(|paper| &mut paper.trials) {
            planned.pending &= tried.insert(planned.key.clone()) || !planned.pending;
        }
        let summary = executor.execute(&plan, store, sink)?;
        total.finished += summary.finished;
        total.skipped += summary.skipped;
        total.failed += summary.failed;
        total.left += summary.left;
        if summary.left > 0 {
            return Ok(Ran { plan, summary: total, looks });
        }
        let mut next = looks.clone();
        let mut open = Vec::new();
        let (mut settled, mut exhausted) = (0, 0);
        for paper in &all.papers {
            let Some(taken) = next.get_mut(&paper.paper.slug) else { continue };
            for (claim, evidence) in judged(paper, taken, selection, store)? {
                let seeds = taken.claims.get(&claim.id).copied().unwrap_or(0);
                let following = taken.schedule.looks.iter().copied().find(|look| *look > seeds);
                match following {
                    Some(following) if !decided(&claim, &evidence) => {
                        open.push((format!("{} {}", paper.paper.slug, claim.id), following));
                        taken.claims.insert(claim.id, following);
                    }
                    None if !decided(&claim, &evidence) => exhausted += 1,
                    _ => settled += 1,
                }
            }
        }
        let further = all.restricted(store, |paper, planned| wanted(&next, paper, planned));
        let expected = expected(&further, store) / executor.parallel() as f64;
        let late = limits.budget.is_some_and(|budget| start.elapsed().as_secs_f64() + expected > budget.as_secs_f64());
        let stopped = (late && !open.is_empty()).then_some("the budget allows no further look");
        sink.event(&Event::Look { open: &open, settled, exhausted, stopped });
        if open.is_empty() || stopped.is_some() {
            return Ok(Ran { plan, summary: total, looks });
        }
        looks = next;
        plan = further;
    }
}

/// Whether a trial belongs to the looks: that of a seed that some claim which looks at its arm and cell has reached.
fn wanted(looks: &BTreeMap<String, UntilDecided>, paper: &PaperPlan, planned: &PlannedTrial) -> bool {
    let Some(taken) = looks.get(&paper.paper.slug) else { return false };
    let trial = &planned.trial;
    let first = taken.schedule.looks.first().copied().unwrap_or(0);
    trial.seed < first
        || paper.paper.claims.iter().any(|claim| {
            trial.seed < taken.claims.get(&claim.id).copied().unwrap_or(0)
                && claim.test.looks_at(&trial.arm, &trial.cell)
        })
}

/// The claims of a paper with their evidence at the looks taken.
fn judged(
    paper: &PaperPlan,
    taken: &UntilDecided,
    selection: &Selection,
    store: &Store,
) -> harness_core::Result<Vec<(Claim, Evidence)>> {
    let entry = ManifestPaper {
        paper: paper.paper.clone(),
        overrides: Vec::new(),
        keys: paper.trials.iter().map(|trial| trial.key.clone()).collect(),
        until_decided: None,
    };
    let judged = JudgedPaper::from_store(&entry, selection.profile, store, &mut Vec::new())?;
    Ok(paper
        .paper
        .claims
        .iter()
        .map(|claim| {
            let seeds = taken.claims.get(&claim.id).copied().unwrap_or(0);
            let evidence = judge_sequentially(judged.reproduction, claim, &judged.results, &taken.schedule, seeds);
            (claim.clone(), evidence)
        })
        .collect())
}

/// Seconds of work of the pending trials, as far as it is known.
fn expected(plan: &Plan, store: &Store) -> f64 {
    let durations = Durations::load(store);
    plan.trials().filter(|planned| planned.pending).filter_map(|planned| durations.expected(&planned.trial)).sum()
}
