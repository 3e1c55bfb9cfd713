//! Reading a small folder of reports as a notebook does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../report/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::path::Path;

use harness_core::paper::Profile;
use harness_core::record::Record;
use harness_notebook::prelude::*;
use harness_report::draw::{Palette, draw_svg};
use harness_report::tables::{results_table, verdicts_table, write_csv, write_parquet};
use harness_store::Store;
use harness_store::manifest::{MANIFEST_VERSION, Manifest, ManifestPaper};

const RUN: &str = "2026-03-01T00-00-00Z";

/// A run of one paper, with eleven trials, a table of verdicts and a figure.
fn write_run(folder: &Path, id: &str) {
    let (paper, results) = (common::paper(), common::results());
    let store = Store::at(folder.join("store"));
    for record in results.records() {
        store.write(record).unwrap();
    }
    Manifest {
        version: MANIFEST_VERSION,
        id: id.into(),
        command: "harness reproduce z_loss --profile smoke".into(),
        started_unix: 1_772_384_700,
        wall_s: 1.0,
        profile: Profile::Smoke,
        device: "cpu".into(),
        machine: "a machine".into(),
        harness: "0.1.0".into(),
        stand_ins: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        papers: vec![ManifestPaper {
            paper: paper.clone(),
            overrides: Vec::new(),
            keys: results.records().iter().map(|record| record.key.clone()).collect(),
            until_decided: None,
        }],
    }
    .write_beside(&folder.join(id))
    .unwrap();
    let reports = [common::paper_report(&paper, &results)];
    let run = folder.join(id);
    write_csv(&mut verdicts_table(&reports).unwrap(), &run.join("verdicts.csv")).unwrap();
    write_parquet(&mut results_table(results.records()).unwrap(), &run.join("results.parquet")).unwrap();
    draw_svg(&common::figure(), &Palette::default(), &run.join("figures/z_loss")).unwrap();
}

struct Sample {
    folder: tempfile::TempDir,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_run(folder.path(), RUN);
        Sample { folder }
    }

    fn reports(&self) -> Reports {
        open_store(self.folder.path()).unwrap()
    }

    fn run(&self) -> Run {
        self.reports().latest().unwrap()
    }

    /// What an error says, with this folder's name taken out.
    fn said<T>(&self, result: Result<T, NotebookError>) -> String {
        match result {
            Ok(_) => "no error".into(),
            Err(error) => format!("{error:?}").replace(&self.folder.path().display().to_string(), "REPORTS"),
        }
    }
}

#[test]
fn a_store_opens_by_its_own_folder_and_by_that_of_the_reports() {
    let sample = Sample::new();
    write_run(sample.folder.path(), "2026-02-01T00-00-00Z");
    for path in [sample.folder.path().to_owned(), sample.folder.path().join("store")] {
        let reports = open_store(path).unwrap();
        assert_eq!(reports.runs(), ["2026-02-01T00-00-00Z", RUN]);
        assert_eq!(reports.latest().unwrap().manifest().id, RUN);
    }
    assert_eq!(sample.reports().overview().unwrap().height(), 2);
    assert_eq!(sample.reports().latest_of("z_loss", "smoke").unwrap().manifest().id, RUN);
}

#[test]
fn mistakes_read_well() {
    let sample = Sample::new();
    let (reports, run) = (sample.reports(), sample.run());
    let nothing = tempfile::tempdir().unwrap();
    let nowhere = sample.said(open_store(nothing.path())).replace(&nothing.path().display().to_string(), "NOWHERE");
    let told = [
        ("a folder without runs", nowhere),
        ("a run's own folder", sample.said(open_store(sample.folder.path().join(RUN)))),
        ("an unknown run", sample.said(reports.run("2026-03-02T00-00-00Z"))),
        ("an unknown profile", sample.said(reports.latest_of("z_loss", "full"))),
        ("an unknown paper", sample.said(run.paper("zloss"))),
        ("an unknown claim", sample.said(run.claim("z_loss", "C7"))),
        ("an unknown metric", sample.said(run.bars("z_loss", "errors"))),
        ("an unknown figure", sample.said(run.figure("z_loss", "errors"))),
        ("an unknown column", sample.said(run.verdicts().unwrap().only("verdicts", "reproduced"))),
        ("a column of texts as numbers", sample.said(run.verdicts().unwrap().numbers("verdict"))),
    ];
    let told: Vec<String> = told.iter().map(|(what, said)| format!("{what}:\n{said}\n")).collect();
    insta::assert_snapshot!("mistakes", told.join("\n"));
    // A relative path starts where the notebook lies, which is not where people think.
    let here = std::env::current_dir().unwrap();
    assert!(sample.said(open_store("no/such")).contains(&format!("as seen from {}", here.display())));
}

#[test]
fn a_run_without_its_table_of_verdicts_says_how_to_make_it() {
    let sample = Sample::new();
    std::fs::remove_file(sample.folder.path().join(RUN).join("verdicts.csv")).unwrap();
    let said = sample.said(sample.run().verdicts());
    assert!(said.contains(&format!("cargo run -p harness -- --reports REPORTS report {RUN}")), "{said}");
}

#[test]
fn verdicts_have_the_family_of_their_paper_and_numbers_as_numbers() {
    let sample = Sample::new();
    let verdicts = sample.run().verdicts().unwrap();
    assert!(verdicts.texts("family").unwrap().iter().all(|family| family == "classification"));
    let c1 = verdicts.only("claim", "C1").unwrap();
    assert_eq!(c1.height(), 1);
    assert_eq!(c1.numbers("effect").unwrap().len(), 1);
    assert_eq!(c1.numbers("n").unwrap(), [3.0]);
    // Columns of which no row has a value are numbers all the same.
    assert!(verdicts.numbers("p_holm").unwrap().is_empty());
}

#[test]
fn numbers_come_from_the_parquet_file_and_from_the_store_alike() {
    let sample = Sample::new();
    let stored = sample.run().results().unwrap();
    std::fs::remove_file(sample.folder.path().join(RUN).join("results.parquet")).unwrap();
    let made = sample.run().results().unwrap();
    assert_eq!(stored.shape(), made.shape());
    assert!(stored.0.equals_missing(&made.0));
    // The trials of the store, in the order of their files.
    assert_eq!(sample.reports().trials().unwrap().shape(), stored.shape());
    // Eleven trials: one failed, one skipped, and both are there.
    let trials = sample.run().trials("z_loss").unwrap();
    assert_eq!(trials.records().len(), 11);
    assert_eq!(trials.records().iter().filter(|record: &&Record| record.finished()).count(), 9);
}

#[test]
fn costs_have_one_row_per_trial() {
    let sample = Sample::new();
    let costs = sample.run().costs().unwrap();
    assert_eq!(costs.height(), 11);
    assert_eq!(costs.numbers("wall_s").unwrap(), [12.0; 11]);
    assert!(costs.numbers("cpu_s").unwrap().is_empty(), "not known in this sample");
    assert_eq!(costs.only("outcome", "failed").unwrap().height(), 1);
}

#[test]
fn a_damaged_trial_is_named() {
    let sample = Sample::new();
    let store = Store::at(sample.folder.path().join("store"));
    let path = store.path("z_loss", Profile::Smoke, &common::records().first().unwrap().key);
    let text = std::fs::read_to_string(&path).unwrap().replace("\"steps\":600", "\"steps\":601");
    std::fs::write(&path, text).unwrap();
    for said in [sample.said(sample.run().trials("z_loss")), sample.said(sample.reports().trials())] {
        assert!(said.contains("smoke/z_loss-10-0.json"), "{said}");
    }
}

#[test]
fn papers_and_claims_are_cards() {
    let sample = Sample::new();
    let run = sample.run();
    insta::assert_snapshot!("paper", run.paper("z_loss").unwrap().html());
    insta::assert_snapshot!("claim", run.claim("z_loss", "C1").unwrap().html());
}

#[test]
fn nothing_in_a_card_or_table_is_taken_for_html() {
    let sample = Sample::new();
    let run = sample.run();
    let paper = run.paper("z_loss").unwrap();
    let mut evil = paper.clone();
    evil.paper.title = "<script>alert(1)</script>".into();
    evil.paper.arxiv = Some("\"><img src=x>".into());
    evil.claims.iter_mut().for_each(|card| {
        card.measured = "<img src=x onerror=alert(1)>".into();
        card.verdict = "<b onclick=x>".into();
        card.claim.text = "a < b & \"c\"".into();
    });
    let pages = [evil.html(), evil.claims.first().unwrap().html()];
    for page in pages {
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b onclick"), "{page}");
        assert!(page.contains("a &lt; b &amp; "), "{page}");
    }
}

#[test]
fn plots_of_a_run_are_drawings() {
    let sample = Sample::new();
    let run = sample.run();
    assert_eq!(run.figures("z_loss").unwrap(), ["error"]);
    let bars = run.bars("z_loss", "error").unwrap();
    // Two cells, two arms by their labels; a NaN is left out and said so.
    for word in ["n=10", "n=100", "Z-loss", "z_loss, smoke: error"] {
        assert!(bars.svg.contains(word), "{word} is not in {}", bars.svg);
    }
    for picture in [bars, run.figure("z_loss", "error").unwrap(), run.claim("z_loss", "C1").unwrap().plot().unwrap()] {
        assert!(picture.svg.starts_with("<svg") && picture.svg.trim_end().ends_with("</svg>"));
    }
}

#[test]
fn a_claim_without_an_effect_says_why_it_has_no_plot() {
    let sample = Sample::new();
    let run = sample.run();
    let mut card = run.claim("z_loss", "C1").unwrap();
    card.effect = None;
    card.measured = "no trial finished".into();
    assert_eq!(format!("{:?}", card.plot().unwrap_err()), "z_loss C1 has no effect to plot: no trial finished");
}

/// As the notebook over all papers does.
#[test]
fn verdicts_are_counted_by_two_columns() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), "2026-03-01-smoke");
    let verdicts = open_store(folder.path()).unwrap().latest().unwrap().verdicts().unwrap();
    let grouped = verdicts.group_by_stable(["family", "verdict"]).unwrap();
    let mut counts = grouped.select(["claim"]).count().unwrap();
    counts.rename("claim_count", "claims".into()).unwrap();
    let counts = Table(
        counts.sort(["family", "verdict"], harness_notebook::polars::prelude::SortMultipleOptions::default()).unwrap(),
    );
    assert_eq!(counts.texts("family").unwrap().len(), counts.numbers("claims").unwrap().len());
}
