//! Reports of a small run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;

use harness_core::Error;
use harness_core::evidence::{Evidence, Outlook};
use harness_core::figure::{Figure, Panel, Plot, Table};
use harness_core::paper::Profile;
use harness_core::results::Results;
use harness_report::report::{self, PaperReport};

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// Every row of every table has as many borders as the head of its table.
fn assert_tables_are_whole(page: &str) {
    let borders = |line: &str| {
        let mut escaped = false;
        line.chars()
            .filter(|c| {
                let border = *c == '|' && !escaped;
                escaped = *c == '\\' && !escaped;
                border
            })
            .count()
    };
    let mut head: Option<usize> = None;
    for line in page.lines() {
        if line.starts_with('|') {
            let count = borders(line);
            assert_eq!(*head.get_or_insert(count), count, "{line}");
            assert!(line.ends_with('|'), "{line}");
        } else {
            head = None;
        }
    }
}

#[test]
fn a_report_has_all_its_files_and_says_what_happened() {
    let (paper, results) = (common::paper(), common::results());
    let run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("reports").join(&run.id);
    report::write(&run, &dir).unwrap();
    for file in ["results.parquet", "verdicts.csv", "figures/z_loss/error.svg", "figures/z_loss/error.csv"] {
        assert!(dir.join(file).is_file(), "{file}");
    }
    // Two figures of one name do not overwrite each other.
    assert!(dir.join("figures/z_loss/error-2.png").is_file());
    let (readme, page) = (read(&dir, "README.md"), read(&dir, "z_loss.md"));
    insta::assert_snapshot!("readme", readme);
    insta::assert_snapshot!("paper", page);
    for text in [&readme, &page] {
        assert_tables_are_whole(text);
        assert!(!text.contains('<'), "no HTML");
        assert!(!text.contains("javascript:x)") || text.contains(r"\[a link\](javascript:x)"));
    }
    assert!(readme.contains("panicked at") && page.contains("needs a GPU"), "failures are named with their reasons");
    insta::assert_snapshot!("verdicts", read(&dir, "verdicts.csv"));
    let left: Vec<_> = std::fs::read_dir(dir.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing temporary is left beside the report");
}

#[test]
fn the_summary_fits_a_terminal() {
    let (paper, results) = (common::paper(), common::results());
    let summary = report::summary(&common::run(vec![common::paper_report(&paper, &results)]));
    insta::assert_snapshot!("summary", summary);
    assert!(summary.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn a_paper_without_trials_is_named() {
    let paper = common::paper();
    let results = Results::new("z_loss", Profile::Smoke, Vec::new());
    let report = PaperReport {
        judgements: Vec::new(),
        figures: Vec::new(),
        conformance: Vec::new(),
        ..common::paper_report(&paper, &results)
    };
    let run = common::run(vec![report]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&run, &dir).unwrap();
    let readme = read(&dir, "README.md");
    assert_eq!(readme.matches("| – `not_run` | —").count(), 2, "both claims are there:\n{readme}");
    assert!(readme.contains("| [z_loss](z_loss.md) | `smoke` | 12 | 0 | 0 | 0 | 0 | 12 | 0 s | none |"), "{readme}");
    assert!(report::summary(&run).contains("2 claims of 1 paper: 2 not_run\n0 of 12 trials finished, 12 missing"));
    assert_tables_are_whole(&read(&dir, "z_loss.md"));
}

#[test]
fn synthetic_data_is_labelled_wherever_a_number_stands() {
    let paper = common::paper();
    let mut records = common::records();
    for record in &mut records {
        record.provenance.data.insert("fashion-mnist".into(), "synthetic".into());
    }
    let results = Results::new("z_loss", Profile::Smoke, records);
    let mut run = common::run(vec![common::paper_report(&paper, &results)]);
    run.synthetic_note = Some("asked for with --synthetic".into());
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&run, &dir).unwrap();
    let (readme, page) = (read(&dir, "README.md"), read(&dir, "z_loss.md"));
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(rows.len(), 5, "the grid, three claims and the trials");
    assert!(rows.iter().all(|row| row.contains("synthetic")), "{rows:#?}");
    assert!(page.contains("> **Synthetic data.**") && page.contains("asked for with --synthetic"));
    assert!(page.contains("generated: Gaussian clouds of ten classes"));
    assert!(read(&dir, "figures/z_loss/error.svg").contains("(synthetic data)"));
    let verdicts = read(&dir, "verdicts.csv");
    assert!(verdicts.lines().skip(1).all(|line| line.contains(",true,")), "{verdicts}");
    assert!(report::summary(&run).contains("SYNTHETIC"));
}

#[test]
fn tables_are_printed_in_the_page() {
    let (paper, results) = (common::paper(), common::results());
    let mut content = common::paper_report(&paper, &results);
    let rows = (0..400).map(|row| vec![format!("row {row} | x"), format!("{row}.5")]).collect();
    let table = Table { columns: vec!["name".into(), "value (s)".into(), "empty".into()], rows };
    let mixed = vec![common::figure().panels.remove(0), Panel::new("All rows", Plot::Table(table.clone()))];
    content.figures = vec![
        Figure::new("alone", "A table", "Its caption.", Plot::Table(table)),
        Figure::of_panels("mixed", "Both", "", mixed),
    ];
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&common::run(vec![content]), &dir).unwrap();
    let page = read(&dir, "z_loss.md");
    assert!(page.contains("| name | value (s) | empty |\n| --- | ---: | --- |\n| row 0 \\| x | 0.5 |  |\n"), "{page}");
    assert!(page.contains("| row 299 ") && !page.contains("| row 300 ") && page.contains("and 100 more rows"));
    assert!(page.contains("*All rows*"));
    assert_tables_are_whole(&page);
    let files =
        |ending: &str| ["alone", "mixed"].map(|name| dir.join(format!("figures/z_loss/{name}.{ending}")).is_file());
    assert_eq!(files("png"), [false, true], "what is a table has no picture");
    assert_eq!(files("csv"), [true, true]);
    for name in ["alone", "mixed"] {
        assert!(read(&dir, &format!("figures/z_loss/{name}.csv")).contains("row 399"), "all rows are in the numbers");
    }
    assert!(!read(&dir, "figures/z_loss/mixed.svg").contains("row 0"));
}

#[test]
fn profiles_do_not_share_a_table() {
    let paper = common::paper();
    let smoke = common::results();
    let quick = Results::new("z_loss", Profile::Quick, Vec::new());
    let second = PaperReport { profile: Profile::Quick, ..common::paper_report(&paper, &quick) };
    let run = common::run(vec![common::paper_report(&paper, &smoke), second]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&run, &dir).unwrap();
    let readme = read(&dir, "README.md");
    assert!(readme.contains("## Claims, profile `smoke`") && readme.contains("## Claims, profile `quick`"));
    assert!(dir.join("z_loss.md").is_file() && dir.join("z_loss-quick.md").is_file());
}

#[test]
fn a_report_is_replaced_whole_and_nothing_else_is_ever_removed() {
    let (paper, results) = (common::paper(), common::results());
    let mut run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&run, &dir).unwrap();
    std::fs::write(dir.join("stale.md"), "of the earlier report").unwrap();
    run.papers[0].figures.clear();
    report::write(&run, &dir).unwrap();
    assert!(!dir.join("stale.md").exists() && !dir.join("figures").exists());

    let other = parent.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.txt"), "precious").unwrap();
    assert!(matches!(report::write(&run, &other), Err(Error::Input(message)) if message.contains("not a report")));
    assert_eq!(read(&other, "thesis.txt"), "precious");
    assert!(matches!(report::write(&run, &other.join("thesis.txt")), Err(Error::Input(_))));
}

#[test]
fn reports_that_are_written_at_the_same_time_take_their_place_one_after_another() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let dir = &dir;
            scope.spawn(move || {
                let (paper, results) = (common::paper(), common::results());
                let mut content = common::paper_report(&paper, &results);
                content.figures.clear();
                let run = common::run(vec![content]);
                for _ in 0..10 {
                    let beside = |fresh: &Path| {
                        std::fs::write(fresh.join("run.json"), writer.to_string()).unwrap();
                        Ok(())
                    };
                    report::write_with(&run, dir, beside).unwrap();
                }
            });
        }
    });
    for file in ["README.md", "z_loss.md", "results.parquet", "verdicts.csv", "run.json"] {
        assert!(dir.join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "nothing temporary is left beside it");
}

#[cfg(unix)]
#[test]
fn others_may_read_a_report() {
    use std::os::unix::fs::PermissionsExt as _;
    let (paper, results) = (common::paper(), common::results());
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("r");
    report::write(&common::run(vec![common::paper_report(&paper, &results)]), &dir).unwrap();
    std::fs::write(parent.path().join("plain"), "").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let plain = mode(&parent.path().join("plain"));
    for file in ["README.md", "results.parquet", "figures/z_loss/error.png"] {
        assert_eq!(mode(&dir.join(file)), plain, "{file}: the mode of any new file, not that of a temporary one");
    }
}

#[test]
fn open_verdicts_say_what_would_decide_them_and_p_values_come_in_pairs() {
    let (paper, results) = (common::paper(), common::results());
    let mut content = common::paper_report(&paper, &results);
    let mut open = Evidence::from_effects("top-1 error", &[0.02, -0.01, 0.03], 0.0);
    open.outlook = Some(Outlook::MoreSeeds(7));
    open.adjusted_p = Some(0.75);
    content.judgements = vec![("C1".into(), open)];
    let run = common::run(vec![content]);
    let parent = tempfile::tempdir().unwrap();
    let (dir, site) = (parent.path().join("r"), parent.path().join("s"));
    report::write(&run, &dir).unwrap();
    report::write_site(&run, &[], Path::new("none"), &site).unwrap();
    let row = read(&dir, "README.md").lines().find(|line| line.contains("[C1](z_loss.md#c1) ")).unwrap().to_owned();
    assert!(row.contains("(0.75)") && row.contains("about 7 more seeds would probably decide it"), "{row}");
    assert!(row.contains("| ? `inconclusive` |"), "what says nothing has no scale: {row}");
    let page = read(&dir, "z_loss.md");
    assert!(
        page.contains("0.75 after Holm's adjustment over 1 claims") && page.contains("| to decide it | about 7"),
        "{page}"
    );
    assert!(read(&site, "paper-z_loss.html").contains("about 7 more seeds"));
    assert!(report::summary(&run).contains("z_loss C1 is open: 3 seeds show effects from"));
    assert!(read(&dir, "verdicts.csv").contains("about 7 more seeds would probably decide it"));
}
