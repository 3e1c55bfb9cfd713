//! The verdict rules of the six claims.
//!
//! All methods are deterministic and every rule holds or fails exactly, so that each is a check per seed rather than a
//! mean with an interval. A count at the limit on steps says that the true count is larger, no more: a comparison of two
//! such counts stays open, and one open seed makes the claim inconclusive. A claim about real data that only ran on
//! generated points stays inconclusive too.

use std::collections::{BTreeMap, BTreeSet};

use harness_core::claim::Claim;
use harness_core::evidence::{Evidence, LEVEL, Verdict};
use harness_core::results::Results;
use harness_core::text::number;
use harness_core::{Error, Paper, Result, stats};

use super::bounds::iteration_bounds;
use super::experiment::{LIMIT_EXPONENTS, distance_metric};
use super::methods::Method;
use super::settings::Cell;
use super::study::{Check, Count, Study};
use super::tasks::Task;

/// Step sizes and counts of Normalized LR+GD that the paper prints for the worst-case set of 1000 points.
pub(super) const PUBLISHED_WORST_CASE: [(f64, f64); 4] = [(100.0, 2.0), (10.0, 2.0), (1.0, 16.0), (0.1, 157.0)];

/// The count of LR+GD with γ = 100 that it prints there.
pub(super) const PUBLISHED_WORST_CASE_LR_GD: f64 = 308.0;

/// The worst-case set of the published counts.
pub(super) const PUBLISHED_CELL: Cell = Cell { task: Task::WorstCase, n: 1000 };

/// Judges a claim of the paper.
pub(super) fn judge(paper: &Paper, claim: &Claim, results: &Results) -> Result<Evidence> {
    let study = Study::new(paper, results)?;
    match claim.id.as_str() {
        "C1" => limit_is_the_batch_perceptron(&study),
        "C2" => larger_steps_separate_sooner(&study),
        "C3" => loss_misleads(&study),
        "C4" => batch_perceptron_is_linear_in_n(&study),
        "C5" => normalization_helps(&study),
        "C6" => bounds_hold(&study),
        other => Err(Error::Failed(format!("there is no rule for claim {other}"))),
    }
}

/// Turns checks by seed into evidence.
fn conclude(quantity: impl Into<String>, checks: &BTreeMap<u64, Check>, summary: impl Into<String>) -> Evidence {
    let (quantity, summary) = (quantity.into(), summary.into());
    let open = checks.values().filter(|check| **check == Check::Open).count();
    if open > 0 {
        let n = checks.len();
        let mut evidence =
            Evidence::inconclusive(n, format!("{summary} (the limit on steps leaves {open} of {n} seeds open)"));
        evidence.quantity = quantity;
        return evidence;
    }
    let holds: Vec<bool> = checks.values().map(|check| *check == Check::Holds).collect();
    Evidence::from_checks(quantity, &holds, summary)
}

/// Evidence of a rule about real data: generated points cannot decide it.
fn on_real_data(study: &Study, cell: Cell, mut evidence: Evidence) -> Evidence {
    if study.is_generated(cell) && evidence.verdict != Verdict::NotRun {
        evidence.verdict = Verdict::Inconclusive;
        evidence.summary = format!("generated points in place of the images; there: {}", evidence.summary);
    }
    evidence
}

/// One part per real set, each judged by `rule`.
fn on_every_real_set(study: &Study, rule: impl Fn(Cell) -> Result<Evidence>) -> Evidence {
    let parts: Vec<Evidence> = study
        .real_cells()
        .into_iter()
        .map(|cell| match rule(cell) {
            Ok(evidence) => on_real_data(study, cell, evidence),
            Err(error) => Evidence::not_run(format!("{}: {error}", cell.task.label())),
        })
        .collect();
    if parts.is_empty() {
        return Evidence::not_run("this profile has no task on real data");
    }
    Evidence::all_of(parts)
}

/// The mean as people read it; `–` where there is nothing.
fn mean(values: impl IntoIterator<Item = f64>) -> String {
    let values: Vec<f64> = values.into_iter().collect();
    if values.is_empty() { "–".into() } else { number(values.iter().sum::<f64>() / values.len() as f64) }
}

/// C1: the distance falls with γ, down to at most 1e-3 at γ = 10⁶.
fn limit_is_the_batch_perceptron(study: &Study) -> Result<Evidence> {
    let arm = study.arm(Method::BatchPerceptron)?;
    let part = |task: Task| match study.judged_cell(task) {
        Some(cell) => on_real_data(study, cell, distance_falls(study, arm, cell)),
        None => Evidence::not_run(format!("this profile has no trial on {}", task.label())),
    };
    Ok(Evidence::all_of(vec![part(Task::Synthetic), part(Task::Mnist3v8)]))
}

fn distance_falls(study: &Study, arm: &str, cell: Cell) -> Evidence {
    /// Smaller distances are round-off: among them no fall is asked for.
    const ROUND_OFF: f64 = 1e-12;
    const LARGEST: f64 = 1e-3;
    let mut checks = BTreeMap::new();
    let (mut ends, mut falling) = (Vec::new(), 0);
    for record in study.trials(arm, cell) {
        let distances: Option<Vec<f64>> = LIMIT_EXPONENTS.map(|k| record.metric(&distance_metric(k))).collect();
        let Some(distances) = distances else { continue };
        let end = distances.last().copied().unwrap_or(f64::NAN);
        let falls = distances.windows(2).all(|pair| pair[1] < pair[0] || pair[1] <= ROUND_OFF);
        checks.insert(record.seed, Check::from(end <= LARGEST && falls));
        ends.push(end);
        falling += usize::from(falls);
    }
    let summary = format!(
        "{}, n = {}: distance {} at γ = 1e6, at most {LARGEST} asked; it falls with every factor of ten in {falling} of \
         {} seeds",
        cell.task.label(),
        cell.n,
        mean(ends),
        checks.len(),
    );
    conclude(format!("distance to the batch perceptron falls with γ on {}", cell.task.label()), &checks, summary)
}

/// C2: γ = 100 separates sooner than γ = 0.1, and passes through a higher loss.
fn larger_steps_separate_sooner(study: &Study) -> Result<Evidence> {
    let (large, small) = (study.arm(Method::LrGd { step: 100.0 })?, study.arm(Method::LrGd { step: 0.1 })?);
    Ok(on_every_real_set(study, |cell| {
        let (counts, slower) = (study.counts(large, cell), study.counts(small, cell));
        let (losses, lower) = (study.metric(large, cell, "max_loss"), study.metric(small, cell, "max_loss"));
        let checks = counts
            .iter()
            .filter_map(|(seed, count)| {
                let sooner = count.fewer_than(*slower.get(seed)?);
                let higher = losses.get(seed)? > lower.get(seed)?;
                Some((*seed, if higher { sooner } else { Check::Fails }))
            })
            .collect();
        let summary = format!(
            "{}: {} steps for γ = 100 against {} for γ = 0.1, largest loss {} against {}",
            cell.task.label(),
            describe_counts(counts.values()),
            describe_counts(slower.values()),
            mean(losses.into_values()),
            mean(lower.into_values()),
        );
        Ok(conclude(format!("fewer steps at a higher loss on {}", cell.task.label()), &checks, summary))
    }))
}

/// `312`, or `≥ 4000 (2 of 3 at the limit)`: the mean over seeds.
pub(super) fn describe_counts<'c>(counts: impl IntoIterator<Item = &'c Count>) -> String {
    let counts: Vec<_> = counts.into_iter().collect();
    let steps = mean(counts.iter().map(|count| count.iterations));
    match counts.iter().filter(|count| !count.separated).count() {
        0 => steps,
        at_limit => format!("≥ {steps} ({at_limit} of {} at the limit)", counts.len()),
    }
}

/// C3: the numbers of the two-point set, and pairs of step sizes on real data whose losses point the wrong way.
fn loss_misleads(study: &Study) -> Result<Evidence> {
    let real = on_every_real_set(study, |cell| loss_misleads_on(study, cell));
    let parts = if real.parts.is_empty() { vec![real] } else { real.parts };
    Ok(Evidence::all_of([vec![two_point_numbers(study)], parts].concat()))
}

/// `f(θ₁)` and `θ₂/γ` on the two-point set, worked out by hand: θ₁ = γ(½, ¾), with margins −γ/4 and 7γ/2.
fn two_point_by_hand(step: f64) -> (f64, [f64; 2]) {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let sigmoid = |x: f64| (x - softplus(x)).exp();
    let loss = 0.5 * (softplus(step / 4.0) + softplus(-3.5 * step));
    let (wrong, right) = (sigmoid(step / 4.0), sigmoid(-3.5 * step));
    (loss, [0.5 + 0.5 * (wrong + right), 0.75 + 0.5 * (4.0 * right - wrong)])
}

fn two_point_numbers(study: &Study) -> Evidence {
    const TOLERANCE: f64 = 1e-6;
    /// From this step size on, θ₂/γ is within the tolerance of its limit (1, ¼).
    const LARGE: f64 = 100.0;
    let cell = Cell { task: Task::TwoPoint, n: 2 };
    let mut checks: BTreeMap<u64, Check> = BTreeMap::new();
    let mut found = String::new();
    for (arm, step) in study.lr_gd_arms() {
        let (loss, theta) = two_point_by_hand(step);
        for record in study.trials(arm, cell) {
            let metrics = ["loss_1", "theta_2_x", "theta_2_y"].map(|name| record.metric(name).unwrap_or(f64::NAN));
            let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE;
            let mut holds = near(metrics[0], loss) && near(metrics[1], theta[0]) && near(metrics[2], theta[1]);
            if step >= LARGE {
                holds &= near(metrics[1], 1.0) && near(metrics[2], 0.25);
                found = format!(
                    "γ = {step}: f(θ₁) = {} (by hand {}), θ₂/γ = ({}, {}) (limit (1, 0.25))",
                    number(metrics[0]),
                    number(loss),
                    number(metrics[1]),
                    number(metrics[2])
                );
            }
            let check = checks.entry(record.seed).or_insert(Check::Holds);
            if !holds {
                *check = Check::Fails;
            }
        }
    }
    conclude("two-point numbers within 1e-6 of theorem 4.1", &checks, format!("two-point set, {found}"))
}

/// Step size, loss at the probe step, and count.
type Run = (f64, f64, Count);

fn loss_misleads_on(study: &Study, cell: Cell) -> Result<Evidence> {
    let arms = study.lr_gd_arms();
    let mut checks = BTreeMap::new();
    let mut correlations = Vec::new();
    let mut example = None;
    let seeds: BTreeSet<u64> =
        arms.iter().flat_map(|(arm, _)| study.trials(arm, cell).map(|record| record.seed)).collect();
    for seed in seeds {
        let runs: Vec<Run> = arms
            .iter()
            .filter_map(|(arm, step)| {
                let loss = *study.metric(arm, cell, "loss_at_probe").get(&seed)?;
                Some((*step, loss, *study.counts(arm, cell).get(&seed)?))
            })
            // A method that has separated by then has no loss before separation to compare.
            .filter(|(_, _, count)| count.iterations > study.probe_step)
            .collect();
        let pairs = || runs.iter().flat_map(|low| runs.iter().map(move |high| (low, high)));
        let misleads = |(low, high): &(&Run, &Run)| low.1 < high.1 && high.2.fewer_than(low.2) == Check::Holds;
        // A pair of which both separate tells more.
        let both = pairs().filter(|(low, high)| low.2.separated && high.2.separated).find(misleads);
        let misleading = both.or_else(|| pairs().find(misleads));
        let open = pairs().any(|(low, high)| low.1 < high.1 && high.2.fewer_than(low.2) == Check::Open);
        checks.insert(
            seed,
            match (misleading, open) {
                (Some(_), _) => Check::Holds,
                (None, true) => Check::Open,
                (None, false) => Check::Fails,
            },
        );
        example = example.or(misleading.map(|(low, high)| (*low, *high)));
        let (losses, to_go): (Vec<f64>, Vec<f64>) = runs.iter().map(|run| (run.1, run.2.iterations)).unzip();
        correlations.extend(stats::spearman(&losses, &to_go).ok());
    }
    let example = match example {
        Some((low, high)) => format!(
            "γ = {} has loss {} and needs {} steps, γ = {} has loss {} and needs {}",
            low.0,
            number(low.1),
            describe_counts([&low.2]),
            high.0,
            number(high.1),
            describe_counts([&high.2]),
        ),
        None => "no pair of step sizes has the lower loss with more steps to go".into(),
    };
    let summary = format!(
        "{}, losses at t = {}: {example}; rank correlation of loss and steps to go across γ {} (a good progress meter \
         has 1)",
        cell.task.label(),
        study.probe_step,
        mean(correlations)
    );
    Ok(conclude(format!("lower loss but more steps on {}", cell.task.label()), &checks, summary))
}

/// Exponent of n in the batch perceptron's counts on the worst-case set, by seed; absent where one reached its limit.
pub(super) fn worst_case_exponents(study: &Study) -> Result<BTreeMap<u64, Option<f64>>> {
    let arm = study.arm(Method::BatchPerceptron)?;
    let mut by_seed: BTreeMap<u64, Option<Vec<(f64, f64)>>> = BTreeMap::new();
    for cell in study.cells().into_iter().filter(|cell| cell.task == Task::WorstCase) {
        for (seed, count) in study.counts(arm, cell) {
            let points = by_seed.entry(seed).or_insert_with(|| Some(Vec::new()));
            match points {
                Some(points) if count.separated => points.push((cell.n as f64, count.iterations)),
                _ => *points = None,
            }
        }
    }
    by_seed
        .into_iter()
        .map(|(seed, points)| {
            let Some(points) = points else { return Ok((seed, None)) };
            let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let fit = stats::log_log_slope(&x, &y, LEVEL)
                .map_err(|error| Error::Missing(format!("no exponent for the worst-case set: {error}")))?;
            Ok((seed, Some(fit.slope)))
        })
        .collect()
}

/// C4: counts of the batch perceptron grow in proportion to n, and LR+GD with γ = 100 has the published count.
fn batch_perceptron_is_linear_in_n(study: &Study) -> Result<Evidence> {
    let exponents = worst_case_exponents(study)?;
    let checks = exponents
        .iter()
        .map(|(seed, exponent)| {
            (*seed, exponent.map_or(Check::Open, |exponent| Check::from((0.9..=1.1).contains(&exponent))))
        })
        .collect();
    let found = mean(exponents.values().flatten().copied());
    let linear = conclude(
        "exponent of n in the batch perceptron's steps",
        &checks,
        format!("exponent of n {found}, between 0.9 and 1.1 asked"),
    );
    let arm = study.arm(Method::LrGd { step: 100.0 })?;
    let exact = exact_counts(study, &[(arm, PUBLISHED_WORST_CASE_LR_GD)], "steps of LR+GD with γ = 100");
    Ok(Evidence::all_of(vec![linear, exact]))
}

/// Whether arms have exactly the published counts on the worst-case set of 1000 points.
fn exact_counts(study: &Study, published: &[(&str, f64)], quantity: &str) -> Evidence {
    let mut checks: BTreeMap<u64, Check> = BTreeMap::new();
    let mut found = Vec::new();
    for (arm, expected) in published {
        let counts = study.counts(arm, PUBLISHED_CELL);
        if counts.is_empty() {
            return Evidence::not_run(format!("no finished trial of {arm} on the worst-case set of 1000 points"));
        }
        for (seed, count) in &counts {
            let exact = count.separated && count.iterations == *expected;
            let check = checks.entry(*seed).or_insert(Check::Holds);
            if !exact {
                *check = Check::Fails;
            }
        }
        found.push(format!("{} (published {expected})", describe_counts(counts.values())));
    }
    conclude(quantity, &checks, format!("{quantity}, n = 1000: {}", found.join(", ")))
}

/// C5: the published counts on the worst-case set, and fewer steps than LR+GD on imbalanced data.
fn normalization_helps(study: &Study) -> Result<Evidence> {
    let published: Vec<(&str, f64)> = PUBLISHED_WORST_CASE
        .iter()
        .map(|(step, count)| Ok((study.arm(Method::NormalizedLrGd { step: *step })?, *count)))
        .collect::<Result<_>>()?;
    let exact = exact_counts(study, &published, "steps of Normalized LR+GD with γ = 100, 10, 1, 0.1");
    let imbalanced = match study.judged_cell(Task::FashionImbalanced) {
        None => Evidence::not_run("this profile has no trial on imbalanced data"),
        Some(cell) => on_real_data(study, cell, fewer_steps_on_imbalanced(study, cell)?),
    };
    Ok(Evidence::all_of(vec![exact, imbalanced]))
}

fn fewer_steps_on_imbalanced(study: &Study, cell: Cell) -> Result<Evidence> {
    const NEEDED: usize = 3;
    let mut by_seed: BTreeMap<u64, Vec<Check>> = BTreeMap::new();
    let mut found = Vec::new();
    for (step, _) in PUBLISHED_WORST_CASE {
        let ours = study.counts(study.arm(Method::NormalizedLrGd { step })?, cell);
        let plain = study.counts(study.arm(Method::LrGd { step })?, cell);
        for (seed, count) in &ours {
            if let Some(other) = plain.get(seed) {
                by_seed.entry(*seed).or_default().push(count.fewer_than(*other));
            }
        }
        found.push(format!(
            "γ = {step}: {} against {}",
            describe_counts(ours.values()),
            describe_counts(plain.values())
        ));
    }
    let checks = by_seed
        .into_iter()
        .filter(|(_, checks)| checks.len() == PUBLISHED_WORST_CASE.len())
        .map(|(seed, checks)| {
            let count = |kind: Check| checks.iter().filter(|check| **check == kind).count();
            let verdict = if count(Check::Holds) >= NEEDED {
                Check::Holds
            } else if count(Check::Holds) + count(Check::Open) >= NEEDED {
                Check::Open
            } else {
                Check::Fails
            };
            (seed, verdict)
        })
        .collect();
    let summary = format!("{}, Normalized LR+GD against LR+GD: {}", cell.task.label(), found.join("; "));
    Ok(conclude("fewer steps for at least 3 of 4 step sizes on imbalanced data", &checks, summary))
}

/// The theorem's bound for a method, from the margin's certified lower bound.
pub(super) fn bound_of(method: Method, n: usize, radius: f64, margin: f64) -> Option<f64> {
    let bounds = iteration_bounds(n as u64, radius, margin, method.step().unwrap_or(1.0)).ok()?;
    match method {
        Method::LrGd { .. } => None,
        Method::NormalizedLrGd { .. } => Some(bounds.normalized_lr_gd),
        Method::BatchPerceptron => Some(bounds.batch_perceptron),
        Method::NormalizedBatchPerceptron | Method::Perceptron => Some(bounds.normalized_batch_perceptron),
    }
}

/// C6: no method needs more steps than its theorem allows.
///
/// A violation is certified with the margin's lower bound (the bound can only be too large), compliance with its upper
/// bound. A run that reached the limit below the bound violates nothing, but does not comply for certain either.
fn bounds_hold(study: &Study) -> Result<Evidence> {
    let margins = study.arm(Method::BatchPerceptron)?;
    let mut checks: BTreeMap<u64, Check> = BTreeMap::new();
    let (mut certified, mut unfinished, mut between, mut unknown) = (0, 0, 0, 0);
    let mut violations = Vec::new();
    for cell in study.cells() {
        for record in study.trials(margins, cell) {
            let seed = record.seed;
            let metric = |name: &str| record.metric(name).unwrap_or(f64::NAN);
            let (radius, lower, upper) = (metric("radius"), metric("margin_lower"), metric("margin_upper"));
            for (arm, _, method) in &study.arms {
                if matches!(method, Method::LrGd { .. }) {
                    continue;
                }
                let Some(count) = study.counts(arm, cell).get(&seed).copied() else { continue };
                let Some(bound) = bound_of(*method, cell.n, radius, lower) else {
                    unknown += 1;
                    continue;
                };
                let check = checks.entry(seed).or_insert(Check::Holds);
                // The true count of a run that did not separate is larger still.
                let violated = if count.separated { count.iterations > bound } else { count.iterations >= bound };
                if violated {
                    *check = Check::Fails;
                    violations.push(format!("{arm} on {}, n = {}, seed {seed}", cell.task.label(), cell.n));
                } else if !count.separated {
                    unfinished += 1;
                } else if bound_of(*method, cell.n, radius, upper).is_some_and(|bound| count.iterations <= bound) {
                    certified += 1;
                } else {
                    between += 1;
                }
            }
        }
    }
    if checks.is_empty() && unknown > 0 {
        return Ok(Evidence::inconclusive(0, "no data set was shown to be separable: there is no bound to check"));
    }
    let found = if violations.is_empty() { "no violation".into() } else { violations.join(", ") };
    let summary = format!(
        "{found}: {certified} runs within their bound for certain, {between} within what is known of the margin, \
         {unfinished} at the limit on steps below their bound, {unknown} left out because their data were not shown to \
         be separable"
    );
    Ok(conclude("steps at most the theorem's bound", &checks, summary))
}
