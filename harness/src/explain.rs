//! The chain behind a number of a report: from verdict to trials, settings, data, code and machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use harness_core::claim::{Claim, Test};
use harness_core::evidence::{Composed, Evidence, bracket};
use harness_core::measured::measure;
use harness_core::record::Record;
use harness_core::results::Results;
use harness_core::stats::{self, Interval};
use harness_core::text::number;
use harness_core::{Error, Result};
use serde::Serialize;

use crate::report::PaperReport;

/// Trials that are printed at most, unless all are asked for.
const MOST_TRIALS: usize = 40;

/// The chain of a claim.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Name of the run.
    pub run: String,
    /// Slug of the paper.
    pub paper: String,
    /// Identifier of the claim.
    pub claim: String,
    /// The statement.
    pub text: String,
    /// What the paper prints, and where.
    pub published: String,
    /// The rule in words.
    pub rule: String,
    /// The name of the test.
    pub test: &'static str,
    /// Profile of all numbers.
    pub profile: &'static str,
    /// Where the experiment is smaller than the paper's.
    pub deviations: Vec<String>,
    /// The evidence as the report has it.
    pub evidence: Evidence,
    /// The comparisons that it rests on, one per part of the rule.
    pub comparisons: Vec<Comparison>,
    /// Every trial that may enter.
    pub trials: Vec<TrialLine>,
    /// Where the trials come from.
    pub provenance: BTreeMap<String, Vec<String>>,
}

/// One comparison.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// `1`, `2.1` …; empty for a rule without parts.
    pub part: String,
    /// The name of its test.
    pub test: &'static str,
    /// What the effect is.
    pub quantity: String,
    /// The arms: their part, name and metric.
    pub sides: Vec<(String, String, String)>,
    /// A row per seed.
    pub seeds: Vec<SeedRow>,
    /// From the effects to the interval, step by step.
    pub steps: Vec<String>,
    /// Why there is no comparison, where there is none.
    pub missing: Option<String>,
}

/// The numbers of one seed.
#[derive(Debug, Serialize)]
pub struct SeedRow {
    /// The seed.
    pub seed: u64,
    /// The value of each side; none where it looks at single cells.
    pub values: Vec<Option<f64>>,
    /// The number that is judged.
    pub effect: f64,
}

/// One trial.
#[derive(Debug, Serialize)]
pub struct TrialLine {
    /// The seed.
    pub seed: u64,
    /// The arm.
    pub arm: String,
    /// The cell.
    pub cell: String,
    /// How it ended.
    pub outcome: &'static str,
    /// The metrics that enter, or all where the paper's module decides.
    pub metrics: BTreeMap<String, f64>,
    /// The key, which is the name of its file in the store.
    pub key: String,
    /// Digest of its settings.
    pub settings: String,
}

/// Explains a claim of a report.
///
/// # Errors
/// [`Error::Input`] where the paper has no such claim.
pub fn explain(run: &str, report: &PaperReport<'_>, claim: &str) -> Result<Explanation> {
    let known = report.paper.claims.iter().map(|claim| claim.id.as_str());
    let found = report.paper.claim(claim).ok_or_else(|| {
        let list: Vec<&str> = known.collect();
        Error::Input(format!("{} has no claim `{claim}`: it has {}", report.paper.slug, list.join(", ")))
    })?;
    let evidence = report.judgements.iter().find(|(id, _)| id == claim).map(|(_, evidence)| evidence.clone());
    let evidence = evidence.unwrap_or_else(|| Evidence::not_run("not judged"));
    // A claim that was settled early rests on the seeds of its look alone.
    let looked = evidence.look.map(|look| {
        let looked = report.results.first_seeds(look.seeds);
        looked.at_level(1.0 - look.alpha)
    });
    let results = looked.as_ref().unwrap_or(report.results);
    let mut comparisons = Vec::new();
    collect(&found.test, &evidence, "", results, &mut comparisons);
    let (trials, provenance) = trials(&found.test, results);
    Ok(Explanation {
        run: run.to_owned(),
        paper: report.paper.slug.clone(),
        claim: found.id.clone(),
        text: found.text.clone(),
        published: published(found),
        rule: found.rule.clone(),
        test: found.test.kind(),
        profile: report.profile.name(),
        deviations: report.deviation_words(),
        evidence,
        comparisons,
        trials,
        provenance,
    })
}

fn published(claim: &Claim) -> String {
    let value = claim.published.value.map(|value| format!(" [{}]", number(value))).unwrap_or_default();
    format!("{}{value} ({})", claim.published.text, claim.published.source)
}

fn collect(test: &Test, evidence: &Evidence, part: &str, results: &Results, into: &mut Vec<Comparison>) {
    if let Test::AllOf(parts) | Test::AnyOf(parts) = test {
        for (index, inner) in parts.iter().enumerate() {
            let number = if part.is_empty() { format!("{}", index + 1) } else { format!("{part}.{}", index + 1) };
            if let Some(evidence) = evidence.parts.get(index) {
                collect(inner, evidence, &number, results, into);
            }
        }
        return;
    }
    if matches!(test, Test::Custom | Test::Tasks(_)) {
        return;
    }
    let mut comparison = Comparison {
        part: part.to_owned(),
        test: test.kind(),
        quantity: evidence.quantity.clone(),
        sides: Vec::new(),
        seeds: Vec::new(),
        steps: Vec::new(),
        missing: None,
    };
    match measure(test, results) {
        Err(error) => comparison.missing = Some(error.to_string()),
        Ok(measured) => {
            comparison.quantity.clone_from(&measured.quantity);
            comparison.sides = measured
                .sides
                .iter()
                .map(|side| (side.role.to_owned(), side.arm.clone(), side.metric.clone()))
                .collect();
            comparison.seeds = measured
                .effects
                .iter()
                .map(|(seed, effect)| SeedRow {
                    seed: *seed,
                    values: measured.sides.iter().map(|side| side.values.get(seed).copied()).collect(),
                    effect: *effect,
                })
                .collect();
            comparison.steps = steps(test, &measured.list(), results.level());
        }
    }
    into.push(comparison);
}

/// From the effects of the seeds to the interval, with every number in between.
fn steps(test: &Test, effects: &[f64], level: f64) -> Vec<String> {
    let n = effects.len();
    let mut steps = Vec::new();
    let list: Vec<String> = effects.iter().map(|effect| number(*effect)).collect();
    let Ok(mean) = stats::mean(effects) else { return steps };
    steps.push(format!("mean = ({}) / {n} = {}", list.join(" + "), number(mean)));
    let (Ok(sd), Ok(critical), Ok(interval)) =
        (stats::std_dev(effects), stats::t_critical(n, level), stats::t_interval(effects, level))
    else {
        steps.push("one seed: no spread, no interval".into());
        return steps;
    };
    steps.push(format!("s = √(Σ(effect − mean)² / {}) = {}", n - 1, number(sd)));
    steps.push(format!("standard error = s / √{n} = {}", number(sd / (n as f64).sqrt())));
    steps.push(format!("t({}, {}) = {}", n - 1, number(0.5 * (1.0 + level)), number(critical)));
    steps.push(format!("interval = mean ± t · standard error = {}", bracket(interval)));
    if matches!(test, Test::Ratio(_)) {
        let back = Interval { low: interval.low.exp(), high: interval.high.exp(), level };
        steps.push(format!("as a ratio, exp of it: {} {}", number(mean.exp()), bracket(back)));
    }
    steps
}

fn trials(test: &Test, results: &Results) -> (Vec<TrialLine>, BTreeMap<String, Vec<String>>) {
    let entering: Vec<&Record> =
        results.records().iter().filter(|record| test.looks_at(&record.arm, &record.cell)).collect();
    let metrics = metrics_of(test);
    let mut lines: Vec<TrialLine> = entering.iter().map(|record| line(record, &metrics)).collect();
    lines.sort_by(|a, b| (a.seed, &a.arm, &a.cell).cmp(&(b.seed, &b.arm, &b.cell)));
    (lines, provenance(&entering))
}

fn line(record: &Record, metrics: &BTreeSet<&str>) -> TrialLine {
    let numbers = record.metrics.iter().chain(&record.timings);
    TrialLine {
        seed: record.seed,
        arm: record.arm.clone(),
        cell: record.cell.to_string(),
        outcome: crate::tables::outcome(record),
        metrics: numbers
            .filter(|(name, _)| metrics.is_empty() || metrics.contains(name.as_str()))
            .map(|(name, value)| (name.clone(), value.0))
            .collect(),
        key: record.key.clone(),
        settings: record.provenance.settings.clone(),
    }
}

/// The metrics that a test names; none for one that may look at all.
fn metrics_of(test: &Test) -> BTreeSet<&str> {
    match test {
        Test::Paired(test) => BTreeSet::from([test.metric.as_str()]),
        Test::Trend(test) => BTreeSet::from([test.metric.as_str()]),
        Test::Bound(test) => BTreeSet::from([test.metric.as_str()]),
        Test::BestOf(test) => BTreeSet::from([test.metric.as_str()]),
        Test::Equivalence(test) => BTreeSet::from([test.metric.as_str()]),
        Test::Tasks(test) => BTreeSet::from([test.metric.as_str()]),
        Test::Ratio(test) => BTreeSet::from([test.metric.as_str()]),
        Test::RankOrder(test) => BTreeSet::from([test.metric.as_str()]),
        Test::AllOf(parts) | Test::AnyOf(parts) => parts.iter().flat_map(metrics_of).collect(),
        Test::Custom => BTreeSet::new(),
    }
}

/// Every distinct value of each kind of provenance.
fn provenance(records: &[&Record]) -> BTreeMap<String, Vec<String>> {
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in records {
        let from = &record.provenance;
        for (kind, value) in
            [("code", &from.code), ("device", &from.device), ("machine", &from.machine), ("harness", &from.harness)]
        {
            kinds.entry(kind.to_owned()).or_default().insert(value.clone());
        }
        kinds.entry(format!("settings of {}", record.arm)).or_default().insert(from.settings.clone());
        for (set, source) in &from.data {
            kinds.entry(format!("data {set}")).or_default().insert(source.clone());
        }
        kinds.entry("version of the reproduction".into()).or_default().insert(record.paper_version.to_string());
    }
    kinds.into_iter().map(|(kind, values)| (kind, values.into_iter().collect())).collect()
}

impl Explanation {
    /// The chain as people read it; all trials or the first of them.
    pub fn text(&self, all: bool) -> String {
        let mut out = String::new();
        let evidence = &self.evidence;
        let scale = if self.deviations.is_empty() { "" } else { " at reduced scale" };
        let _ = writeln!(out, "{} {} of run {}, profile {}", self.paper, self.claim, self.run, self.profile);
        let _ = writeln!(out, "\nclaim      {}", self.text);
        let _ = writeln!(out, "published  {}", self.published);
        let _ = writeln!(out, "rule       {} (test {})", self.rule, self.test);
        let _ = writeln!(out, "verdict    {}{scale}", evidence.verdict);
        let _ = writeln!(out, "found      {}", evidence.summary);
        out.push_str(&numbers(evidence));
        for deviation in &self.deviations {
            let _ = writeln!(out, "deviation  {deviation}");
        }
        for (number, part) in flat(&evidence.parts, "") {
            let _ = writeln!(out, "\npart {number}: {}, {}", part.verdict, part.summary);
            out.push_str(&numbers(part));
        }
        for comparison in &self.comparisons {
            comparison.write(&mut out);
        }
        if self.test == "custom" {
            let _ = writeln!(
                out,
                "\nThe rule is applied by the paper's module to the trials below; --json has all their numbers."
            );
        }
        let _ =
            writeln!(out, "\ntrials     {} (files STORE/{}/{}/KEY.json)", self.trials.len(), self.paper, self.profile);
        let shown = if all { self.trials.len() } else { MOST_TRIALS };
        for trial in self.trials.iter().take(shown) {
            let metrics: Vec<String> = if self.test == "custom" {
                vec![format!("{} numbers", trial.metrics.len())]
            } else {
                trial.metrics.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect()
            };
            let ended = if trial.outcome == "finished" { String::new() } else { format!(" {}", trial.outcome) };
            let _ = writeln!(
                out,
                "  seed {} {} [{}]{ended}: {}; key {:.16}",
                trial.seed,
                trial.arm,
                trial.cell,
                metrics.join(", "),
                trial.key
            );
        }
        if self.trials.len() > shown {
            let _ = writeln!(out, "  … and {} more: --all shows them", self.trials.len() - shown);
        }
        let _ = writeln!(out, "\nprovenance");
        for (kind, values) in &self.provenance {
            let _ = writeln!(out, "  {kind}: {}", values.join("; "));
        }
        out
    }
}

/// The numbers of evidence, a line each.
fn numbers(evidence: &Evidence) -> String {
    let mut out = String::new();
    if let Some(effect) = evidence.effect {
        let interval =
            evidence.interval.map(|interval| format!(" {} at {} %", bracket(interval), number(100.0 * interval.level)));
        let _ = writeln!(out, "effect     {}{}", number(effect), interval.unwrap_or_else(|| ", no interval".into()));
    }
    let _ = writeln!(out, "seeds      {}", evidence.n);
    if let Some(p_value) = evidence.p_value {
        let adjusted = evidence.adjusted_p.map(|adjusted| format!(", Holm-adjusted {}", number(adjusted)));
        let _ = writeln!(out, "p-value    {}{}", number(p_value), adjusted.unwrap_or_default());
    }
    if let Some(detectable) = evidence.detectable {
        let _ = writeln!(out, "detectable {}", number(detectable));
    }
    if let Some(outlook) = evidence.outlook_in_words() {
        let _ = writeln!(out, "outlook    {outlook}");
    }
    match evidence.composed {
        Some(Composed::AllOf) => {
            out.push_str("composed   all parts must hold; the numbers are those of the part that decided\n")
        }
        Some(Composed::AnyOf) => {
            out.push_str("composed   one part must hold; the numbers are those of the part that decided\n")
        }
        None => {}
    }
    out
}

/// Parts with their numbers, the inner ones too.
fn flat<'e>(parts: &'e [Evidence], prefix: &str) -> Vec<(String, &'e Evidence)> {
    let mut all = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let number = format!("{prefix}{}", index + 1);
        all.push((number.clone(), part));
        all.extend(flat(&part.parts, &format!("{number}.")));
    }
    all
}

impl Comparison {
    fn write(&self, out: &mut String) {
        let part = if self.part.is_empty() { String::new() } else { format!(" of part {}", self.part) };
        let _ = writeln!(out, "\nby seed{part} ({}): {}", self.test, self.quantity);
        if let Some(missing) = &self.missing {
            let _ = writeln!(out, "  nothing to compare: {missing}");
            return;
        }
        for (role, arm, metric) in &self.sides {
            let _ = writeln!(out, "  {role}: {metric} of {arm}");
        }
        for row in &self.seeds {
            let values: Vec<String> = row.values.iter().flatten().map(|value| number(*value)).collect();
            let from = if values.is_empty() { String::new() } else { format!("{} → ", values.join(", ")) };
            let _ = writeln!(out, "  seed {}: {from}effect {}", row.seed, number(row.effect));
        }
        for step in &self.steps {
            let _ = writeln!(out, "  {step}");
        }
    }
}

/// The trials behind a row of the table of measured numbers.
#[derive(Debug, Serialize)]
pub struct MetricRow {
    /// The arm.
    pub arm: String,
    /// The cell.
    pub cell: String,
    /// Mean over seeds.
    pub mean: f64,
    /// Interval of the mean.
    pub interval: Option<Interval>,
    /// The trials.
    pub trials: Vec<TrialLine>,
}

/// Explains every row of a report's table of measured numbers that shows this metric.
///
/// # Errors
/// [`Error::Input`] where no finished trial recorded it.
pub fn explain_metric(report: &PaperReport<'_>, metric: &str, arm: Option<&str>) -> Result<Vec<MetricRow>> {
    let mut rows: BTreeMap<(String, String), Vec<&Record>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for record in report.results.records().iter().filter(|record| record.finished()) {
        names.extend(record.metrics.keys().chain(record.timings.keys()).map(String::as_str));
        if record.metric(metric).is_some() && arm.is_none_or(|arm| arm == record.arm) {
            rows.entry((record.cell.to_string(), record.arm.clone())).or_default().push(record);
        }
    }
    if rows.is_empty() {
        let list: Vec<&str> = names.iter().copied().take(30).collect();
        let hint = harness_core::text::did_you_mean(metric, names.iter().copied());
        return Err(Error::Input(format!(
            "no finished trial of {}{} recorded `{metric}`{hint}; recorded are {}",
            report.paper.slug,
            arm.map(|arm| format!(", arm {arm},")).unwrap_or_default(),
            list.join(", ")
        )));
    }
    let wanted = BTreeSet::from([metric]);
    Ok(rows
        .into_iter()
        .map(|((cell, arm), records)| {
            let values: Vec<f64> = records.iter().filter_map(|record| record.metric(metric)).collect();
            MetricRow {
                arm,
                cell,
                mean: values.iter().sum::<f64>() / values.len() as f64,
                interval: stats::t_interval(&values, harness_core::evidence::LEVEL).ok(),
                trials: records.iter().map(|record| line(record, &wanted)).collect(),
            }
        })
        .collect())
}

/// The rows as people read them.
pub fn metric_text(metric: &str, rows: &[MetricRow]) -> String {
    let mut out = String::new();
    for row in rows {
        let interval = row.interval.map(|interval| format!(" {}", bracket(interval))).unwrap_or_default();
        let _ = writeln!(out, "{metric} of {} [{}]: mean {}{interval}", row.arm, row.cell, number(row.mean));
        for trial in &row.trials {
            let value = trial.metrics.values().next().copied().unwrap_or(f64::NAN);
            let _ =
                writeln!(out, "  seed {}: {value}; key {:.16}; settings {:.16}", trial.seed, trial.key, trial.settings);
        }
    }
    out
}
