//! The comparison of two runs as Markdown.

use std::fmt::Write as _;

use harness_core::evidence::bracket;
use harness_core::text::number;

use super::{Change, Comparison, Side};
use crate::report::escape;

/// Rows of a table at most.
const MOST_ROWS: usize = 60;

pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {} → {}\n", comparison.a, comparison.b);
    let _ = writeln!(out, "Profile `{}`.", comparison.profile);
    for (word, papers) in [("appeared", &comparison.appeared), ("vanished", &comparison.vanished)] {
        if !papers.is_empty() {
            let _ = writeln!(out, "Papers that {word}: {}.", papers.join(", "));
        }
    }
    if !comparison.runs.is_empty() {
        let _ = writeln!(out, "\nThe runs differ in:\n");
        for line in &comparison.runs {
            let _ = writeln!(out, "- {}", escape(line));
        }
    }
    verdicts(&mut out, comparison);
    metrics(&mut out, comparison);
    out
}

fn verdicts(out: &mut String, comparison: &Comparison) {
    let _ = writeln!(out, "\n## Verdicts\n");
    let count = |change: Change| comparison.claims.iter().filter(|claim| claim.change == change).count();
    let (worse, better) = (count(Change::Worse), count(Change::Better));
    let _ = writeln!(
        out,
        "Claims that both runs have: {}; {worse} got worse, {better} got better, {} have the same verdict.",
        comparison.compared_claims,
        comparison.compared_claims - worse - better
    );
    if comparison.claims.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| paper | claim | change | before | after | what is different |");
    let _ = writeln!(out, "| --- | --- | --- | --- | --- | --- |");
    for claim in comparison.claims.iter().take(MOST_ROWS) {
        let change = match claim.change {
            Change::Worse => "**worse**",
            Change::Better => "better",
            Change::Appeared => "appeared",
            Change::Vanished => "vanished",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {change} | {} | {} | {} |",
            escape(&claim.paper),
            escape(&claim.claim),
            side(claim.before.as_ref()),
            side(claim.after.as_ref()),
            escape(&claim.why.join("; "))
        );
    }
    more(out, comparison.claims.len());
}

fn side(side: Option<&Side>) -> String {
    let Some(side) = side else { return "—".into() };
    let effect = side.effect.map(|effect| format!(", {}", number(effect))).unwrap_or_default();
    let interval = side.interval.map(|interval| format!(" {}", bracket(interval))).unwrap_or_default();
    format!("`{}`{effect}{interval}, n = {}", side.verdict, side.n)
}

fn metrics(out: &mut String, comparison: &Comparison) {
    let metrics = &comparison.metrics;
    let _ = writeln!(out, "\n## Metrics\n");
    let _ = writeln!(
        out,
        "Metrics that both runs have: {}; {} are equal to the last bit, {} moved beyond noise.",
        metrics.compared,
        metrics.identical,
        metrics.moved.len()
    );
    if metrics.without_noise > 0 {
        let _ = writeln!(out, "{} differ, but have too few seeds to know their noise.", metrics.without_noise);
    }
    if metrics.moved.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| paper | arm | cell | metric | before | after | n | adjusted p |");
    let _ = writeln!(out, "| --- | --- | --- | --- | ---: | ---: | --- | ---: |");
    for moved in metrics.moved.iter().take(MOST_ROWS) {
        let pairing = if moved.paired { "same seeds" } else { "other seeds" };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {}, {} ({pairing}) | {} |",
            escape(&moved.paper),
            escape(&moved.arm),
            escape(&moved.cell),
            escape(&moved.metric),
            number(moved.before),
            number(moved.after),
            moved.n.0,
            moved.n.1,
            number(moved.adjusted_p)
        );
    }
    more(out, metrics.moved.len());
}

fn more(out: &mut String, count: usize) {
    if count > MOST_ROWS {
        let _ = writeln!(out, "\n… and {} more; --json has them.", count - MOST_ROWS);
    }
}
