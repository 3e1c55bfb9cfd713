//! The verdicts keep what docs/statistics.md promises, on made-up experiments whose truth is known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use harness::calibrate::{DRAWS, Kind, Row, Shape, markdown, monte_carlo_error, nominal, simulate};

const DOCS: &str = include_str!("../../docs/statistics.md");

/// A quarter of what the table in the docs is made of.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| simulate(DRAWS / 4));

fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
}

#[test]
fn nothing_is_reproduced_by_chance_more_often_than_stated() {
    for row in rows().filter(|row| row.shape.promised()) {
        let most = nominal(row.kind) + monte_carlo_error(nominal(row.kind), row.draws);
        assert!(row.false_reproduced <= most, "{row:?}");
        if row.kind != Kind::Equivalence {
            assert!(row.false_contradicted <= most, "{row:?}");
        }
    }
}

#[test]
fn what_is_not_promised_is_not_kept() {
    // Were it kept, the docs would warn for nothing.
    let worst = |shape: Shape| {
        rows()
            .filter(|row| row.shape == shape && row.kind == Kind::Paired)
            .map(|row| row.false_reproduced)
            .fold(0.0, f64::max)
    };
    assert!(worst(Shape::Skewed) > 0.04);
    assert!(worst(Shape::VerySkewed) > 0.07);
}

#[test]
fn intervals_cover_as_often_as_stated() {
    for row in rows().filter(|row| row.shape.promised() && row.kind.covers()) {
        let coverage = row.coverage.unwrap();
        let noise = monte_carlo_error(0.95, row.draws);
        assert!(coverage >= 0.93 - noise, "{row:?}");
        // The repeated intervals of a sequential test cover more than 95 %, by the union bound.
        if row.shape == Shape::Normal && row.kind != Kind::UntilDecided {
            assert!(coverage <= 0.97 + noise, "{row:?}");
        }
    }
}

#[test]
fn detectable_effects_are_detected_as_often_as_stated() {
    for row in rows().filter(|row| row.shape == Shape::Normal) {
        let (Some(power), false) = (row.power, row.kind == Kind::UntilDecided) else { continue };
        // The ranks of few differences are coarse, and their efficiency is that of many.
        let slack = if matches!(row.kind, Kind::Wilcoxon | Kind::Sign) { 0.12 } else { 0.02 };
        assert!((power - 0.8).abs() <= slack + monte_carlo_error(0.8, row.draws), "{row:?}");
    }
}

#[test]
fn stopping_early_saves_seeds_and_little_power() {
    for row in rows().filter(|row| row.kind == Kind::UntilDecided && row.shape == Shape::Normal) {
        let (without, with) = row.seeds.unwrap();
        assert!(without < 19.0 && with < 19.0, "{row:?}");
        assert!(row.power.unwrap() > 0.55, "{row:?}");
    }
}

#[test]
fn the_same_draws_give_the_same_rows() {
    let few = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simulate(40))
    };
    assert_eq!(few(1), few(3));
}

/// Head and numbers of a printed row.
type Printed = (String, Vec<Option<f64>>);

/// The tables of a text by title: the head of each row, and its numbers.
fn tables(text: &str) -> BTreeMap<String, Vec<Printed>> {
    let mut tables: BTreeMap<String, Vec<Printed>> = BTreeMap::new();
    let mut title = String::new();
    for line in text.lines() {
        if let Some(bold) = line.strip_prefix("**").and_then(|line| line.strip_suffix("**")) {
            title = bold.to_owned();
        } else if line.starts_with('#') {
            title.clear();
        } else if let (Some(row), false) = (line.strip_prefix("| "), title.is_empty()) {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let heads = if title.starts_with("Mean") { 1 } else { 3 };
            if cells.len() > heads && !cells[0].starts_with("---") && cells[0] != "test" && cells[0] != "first look" {
                let numbers = cells[heads..].iter().map(|cell| cell.parse().ok()).collect();
                tables.entry(title.clone()).or_default().push((cells[..heads].join(" "), numbers));
            }
        }
    }
    tables
}

/// The docs print what `harness calibrate-verdicts` prints: the same rows, and numbers that differ from those of a quarter
/// of the draws by no more than chance does. `ci/nightly.sh` compares every digit.
#[test]
fn the_docs_have_the_table_that_the_command_prints() {
    let (printed, here) = (tables(DOCS), tables(&markdown(&ROWS)));
    for (title, rows) in &here {
        let documented = printed.get(title).unwrap_or_else(|| panic!("the docs lack the table `{title}`"));
        assert_eq!(documented.len(), rows.len(), "{title}");
        for ((head, numbers), (documented_head, documented)) in rows.iter().zip(documented) {
            assert_eq!(head, documented_head, "{title}");
            assert_eq!(numbers.len(), documented.len(), "{title}: {head}");
            for (number, documented) in numbers.iter().zip(documented) {
                let (Some(number), Some(documented)) = (number, documented) else {
                    assert_eq!(number, documented, "{title}: {head}");
                    continue;
                };
                let share = (documented / 100.0).clamp(0.01, 0.99);
                let draws = if head.starts_with("tasks") { DRAWS / 16 } else { DRAWS / 4 };
                let noise = if title.starts_with("Mean") { 1.5 } else { 100.0 * 1.5 * monte_carlo_error(share, draws) };
                assert!((number - documented).abs() <= noise, "{title}: {head}: {number}, docs {documented}");
            }
        }
    }
}
