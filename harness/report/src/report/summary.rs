//! The table of a run for a terminal.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use harness_core::evidence::{Evidence, Verdict, bracket};
use harness_core::paper::Profile;
use harness_core::text::number;

use super::view::{LEGEND, data_label};
use super::{ClaimRow, PaperReport, RunReport};
use crate::printable::short;

/// The width that the table keeps to.
const WIDTH: u16 = 100;

/// Claims, verdicts and effects as a table of at most 100 columns per profile, and a line that counts claims and
/// trials. Without colours: whoever prints it may add them.
pub fn summary(run: &RunReport<'_>) -> String {
    let mut text = String::new();
    let profiles: BTreeSet<Profile> = run.papers.iter().map(|paper| paper.profile).collect();
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut open = Vec::new();
    for profile in &profiles {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        table.set_header(["paper", "claim", "verdict", "effect [95 % interval]", "n", "data", "scale"]);
        for report in run.papers.iter().filter(|report| report.profile == *profile) {
            for row in report.rows() {
                *counts.entry(row.evidence.verdict).or_default() += 1;
                let effect = match (row.evidence.effect, row.evidence.interval) {
                    (Some(effect), Some(interval)) => format!("{} {}", number(effect), bracket(interval)),
                    (Some(effect), None) => number(effect),
                    (None, _) => "—".to_owned(),
                };
                table.add_row([
                    Cell::new(short(&report.paper.slug, 24, 24)),
                    Cell::new(short(row.id, 12, 12)),
                    Cell::new(row.evidence.verdict.name()),
                    Cell::new(effect),
                    Cell::new(seeds(&row.evidence)).set_alignment(CellAlignment::Right),
                    Cell::new(if report.synthetic() { "SYNTHETIC" } else { data_label(report) }),
                    Cell::new(if report.deviations().is_empty() { "paper's" } else { "reduced" }),
                ]);
                open.extend(left_open(report, &row));
            }
        }
        if profiles.len() > 1 {
            text.push_str(&format!("profile {profile}\n"));
        }
        text.push_str(&table.trim_fmt());
        text.push('\n');
    }
    for line in open {
        text.push_str(&line);
        text.push('\n');
    }
    let claims: usize = counts.values().sum();
    let verdicts: Vec<String> =
        LEGEND.iter().filter_map(|(verdict, _)| Some(format!("{} {verdict}", counts.get(verdict)?))).collect();
    text.push_str(&format!(
        "{} of {}: {}\n",
        plural(claims, "claim"),
        plural(run.papers.len(), "paper"),
        verdicts.join(", ")
    ));
    let all: Vec<_> = run.papers.iter().map(PaperReport::counts).collect();
    let sum = |get: fn(&super::Counts) -> usize| all.iter().map(get).sum::<usize>();
    let bad = [
        (sum(|counts| counts.failed), "failed"),
        (sum(|counts| counts.skipped), "skipped"),
        (sum(|counts| counts.diverged), "diverged"),
        (sum(|counts| counts.missing), "missing"),
    ];
    text.push_str(&format!(
        "{} of {} finished",
        sum(|counts| counts.finished),
        plural(sum(|counts| counts.planned), "trial")
    ));
    for (count, what) in bad.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    text.push('\n');
    text
}

/// The number of seeds, and whether a sequential test stopped there early.
fn seeds(evidence: &Evidence) -> String {
    let early = if evidence.look.is_some_and(|look| look.early) { " early" } else { "" };
    format!("{}{early}", evidence.n)
}

/// What an inconclusive verdict could have shown, and what would decide it.
fn left_open(report: &PaperReport<'_>, row: &ClaimRow<'_>) -> Option<String> {
    if row.evidence.verdict != Verdict::Inconclusive {
        return None;
    }
    let outlook = row.evidence.outlook_in_words()?;
    let shown = row
        .evidence
        .detectable
        .map(|effect| format!("{} seeds show effects from {} on; ", row.evidence.n, number(effect)));
    let name = format!("{} {}", short(&report.paper.slug, 24, 24), short(row.id, 12, 12));
    Some(format!("{name} is open: {}{outlook}", shown.unwrap_or_default()))
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
