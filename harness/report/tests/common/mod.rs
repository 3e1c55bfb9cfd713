//! A small run, made by hand, with texts that try to break what prints them.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;

use harness_core::Paper;
use harness_core::case_result::{CaseResult, Status};
use harness_core::cell::Cell;
use harness_core::evidence::Evidence;
use harness_core::figure::{Axis, Figure, Line, LinePlot, Plot};
use harness_core::number::Number;
use harness_core::paper::Profile;
use harness_core::record::{Cost, Outcome, Provenance, RECORD_VERSION, Record};
use harness_core::results::Results;
use harness_report::report::{PaperReport, RunReport};

pub fn paper() -> Paper {
    Paper::parse(include_str!("../fixtures/report/paper.yaml"), "paper.yaml").unwrap()
}

pub fn record(arm: &str, n: i64, seed: u64, error: f64, outcome: Outcome) -> Record {
    let finished = outcome == Outcome::Finished;
    let numbers = |pairs: &[(&str, f64)]| {
        let kept = pairs.iter().filter(|_| finished);
        kept.map(|(name, value)| ((*name).to_owned(), Number(*value))).collect::<BTreeMap<_, _>>()
    };
    Record {
        version: RECORD_VERSION,
        key: format!("{arm}-{n}-{seed}"),
        paper: "z_loss".into(),
        paper_version: 2,
        profile: Profile::Smoke,
        arm: arm.into(),
        cell: Cell::new().with("n", n),
        seed,
        outcome,
        metrics: numbers(&[("error", error)]),
        timings: numbers(&[("step_ms", 1.5)]),
        series: BTreeMap::new(),
        images: BTreeMap::new(),
        texts: BTreeMap::new(),
        cost: Cost { wall_s: 12.0, cpu_s: None, peak_rss_mb: Some(180.4), steps: 600 },
        provenance: Provenance {
            code: "c0de".into(),
            settings: "5e77".into(),
            data: BTreeMap::from([("fashion-mnist".to_owned(), "sha256:abcd".to_owned())]),
            device: "cpu".into(),
            harness: "0.1.0".into(),
            machine: "Linux, 2 cores".into(),
            started_unix: 0,
        },
    }
}

/// Three seeds of two arms in two cells: one failed, one skipped, one diverged, one missing.
pub fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for seed in 0..3 {
        for n in [10, 100] {
            let noise = 0.01 * seed as f64 - 0.001 * n as f64;
            records.push(record("z_loss", n, seed, 0.30 + noise, Outcome::Finished));
            records.push(record("softmax", n, seed, 0.35 + 0.9 * noise, Outcome::Finished));
        }
    }
    records[4].outcome = Outcome::Failed { reason: "panicked at `x` | <b>\nline 2".into() };
    records[4].metrics.clear();
    records[5].outcome = Outcome::Skipped { reason: "needs a GPU".into() };
    records[5].metrics.clear();
    records[6].metrics.insert("error".into(), Number(f64::NAN));
    records.truncate(11);
    records
}

pub fn results() -> Results {
    Results::new("z_loss", Profile::Smoke, records())
}

pub fn figure() -> Figure {
    let runs = [vec![(0.0, 1.0), (1.0, 0.5)], vec![(0.0, 1.1), (1.0, 0.4)]];
    Figure::new(
        "error",
        "Error falls | <i>fast</i>",
        "Bands are 95 % intervals.",
        Plot::Lines(LinePlot {
            x: Axis::linear("epoch"),
            y: Axis::linear("error"),
            lines: vec![Line::over_seeds("Z-loss", &runs)],
            references: Vec::new(),
        }),
    )
}

pub fn paper_report<'a>(paper: &'a Paper, results: &'a Results) -> PaperReport<'a> {
    let parts = vec![
        Evidence::from_effects("top-1 error, softmax − z_loss", &[0.05, 0.049, 0.048], 0.0),
        Evidence::from_checks("bound", &[true, true, false], "error ≤ 0.4"),
    ];
    PaperReport {
        paper,
        profile: Profile::Smoke,
        results,
        judgements: vec![
            ("C1".into(), Evidence::all_of(parts)),
            ("C9".into(), Evidence::inconclusive(1, "=HYPERLINK(\"x\")")),
        ],
        figures: vec![figure(), figure()],
        conformance: vec![
            CaseResult {
                op: "loss".into(),
                name: "plain".into(),
                status: Status::Pass,
                max_abs: Some(1e-7),
                max_rel: Some(2.5e-6),
                message: String::new(),
            },
            CaseResult {
                op: "loss".into(),
                name: "large | logits".into(),
                status: Status::Fail,
                max_abs: None,
                max_rel: None,
                message: "`loss`[0] is NaN, expected 1".into(),
            },
        ],
        planned_trials: 12,
        overrides: vec!["profiles.smoke.settings.epochs=2".into()],
    }
}

pub fn run<'a>(papers: Vec<PaperReport<'a>>) -> RunReport<'a> {
    RunReport {
        id: "2026-03-01-smoke".into(),
        command: "harness reproduce z_loss --profile smoke".into(),
        started_unix: 1_772_384_700,
        wall_s: 135.2,
        machine: "Linux, 2 cores".into(),
        device: "cpu".into(),
        harness_version: "0.1.0".into(),
        synthetic_note: None,
        papers,
    }
}
