//! The static site of a small run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;

use harness_core::Error;
use harness_core::figure::{Figure, Panel, Plot, Table};
use harness_report::report::{self, Earlier, EarlierVerdict};
use harness_report::tables;

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// The page without style, script and their digests, which have no place in a snapshot.
fn body(page: &str) -> &str {
    &page[page.find("<main").unwrap()..]
}

/// Values of an attribute.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_site_has_all_its_files_and_every_link_leads_to_one() {
    let (paper, results) = (common::paper(), common::results());
    let run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("site");
    report::write_site(&run, &[], Path::new("none"), &dir).unwrap();
    for name in ["index.html", "paper-z_loss.html", "changes.html", "statistics.html"] {
        let page = read(&dir, name);
        for address in attributes(&page, "href").into_iter().chain(attributes(&page, "src")) {
            let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
            if address.starts_with("https://") {
                continue;
            }
            let target = if file.is_empty() { name } else { file };
            assert!(dir.join(target).is_file(), "{name} links to {address}");
            if !anchor.is_empty() {
                assert!(attributes(&read(&dir, target), "id").contains(&anchor), "{name} links to {address}");
            }
        }
        assert!(!page.contains("http://") && !page.contains(" src=\"https"), "{name} loads something from elsewhere");
    }
    insta::assert_snapshot!("index", body(&read(&dir, "index.html")));
    insta::assert_snapshot!("paper_page", body(&read(&dir, "paper-z_loss.html")));
}

#[test]
fn pages_of_notebooks_are_copied_and_linked_where_there_are_any() {
    let (paper, results) = (common::paper(), common::results());
    let run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let (notebooks, dir) = (parent.path().join("notebooks"), parent.path().join("site"));
    report::write_site(&run, &[], &notebooks, &dir).unwrap();
    assert!(!dir.join("notebooks.html").exists() && !read(&dir, "index.html").contains("notebooks.html"));

    std::fs::create_dir(&notebooks).unwrap();
    for name in ["02-two.html", "01-one.html", "01-one.ipynb", "<b>.html"] {
        std::fs::write(notebooks.join(name), format!("page of {name}")).unwrap();
    }
    report::write_site(&run, &[], &notebooks, &dir).unwrap();
    assert!(read(&dir, "index.html").contains("href=\"notebooks.html\""));
    let listed: Vec<String> = attributes(&read(&dir, "notebooks.html"), "href")
        .into_iter()
        .filter(|address| address.starts_with("notebooks/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, ["notebooks/01-one.html", "notebooks/02-two.html"]);
    assert_eq!(read(&dir, "notebooks/01-one.html"), "page of 01-one.html");
    assert_eq!(std::fs::read_dir(dir.join("notebooks")).unwrap().count(), 2);
}

#[test]
fn texts_of_others_are_shown_not_done() {
    let mut paper = common::paper();
    let hostile = "<script>alert(1)</script> \"onmouseover='x' ](javascript:y) \u{202e}drawkcab ";
    let long = "w".repeat(10_000);
    paper.title = format!("{hostile}{long}");
    paper.summary = hostile.into();
    paper.notes = vec![hostile.into()];
    paper.code.repository = Some("a\" onclick=\"x".into());
    for claim in &mut paper.claims {
        claim.text = hostile.into();
        claim.published.text = format!("{hostile}{long}");
    }
    let results = common::results();
    let mut content = common::paper_report(&paper, &results);
    content.judgements =
        vec![("C1\" autofocus onfocus=\"x".into(), harness_core::evidence::Evidence::not_run(hostile))];
    let table = Table { columns: vec![hostile.into()], rows: vec![vec![hostile.into()]] };
    content.figures = vec![Figure::of_panels(hostile, hostile, hostile, vec![Panel::new(hostile, Plot::Table(table))])];
    let mut run = common::run(vec![content]);
    run.command = hostile.into();
    run.id = hostile.into();
    let earlier = Earlier::Found {
        run: hostile.into(),
        verdicts: vec![EarlierVerdict {
            claim: hostile.into(),
            verdict: "\" onclick=\"x".into(),
            effect: Some(f64::NAN),
            interval: None,
            n: 0,
        }],
    };
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("site");
    report::write_site(&run, &[earlier], Path::new("none"), &dir).unwrap();
    for name in ["index.html", "paper-z_loss.html", "changes.html"] {
        let page = read(&dir, name);
        assert_eq!(page.matches("<script").count(), 1, "{name}: only our own");
        assert!(!page.contains('\u{202e}') && !page.contains(&long), "{name}");
        assert!(!page.contains("href=\"javascript"), "{name}");
        // Outside of our own script, no tag has a handler: a quote that would end an attribute is an entity.
        let start = page.find("</script>").unwrap();
        for tag in page[start..].split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let plain: Vec<&str> = tag.split('"').step_by(2).collect();
            assert!(!plain.concat().contains(" on"), "{name}: <{tag}>");
        }
    }
}

#[test]
fn the_page_of_changes_compares_with_what_the_earlier_report_printed() {
    let (paper, results) = (common::paper(), common::results());
    let run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("site");
    report::write_site(&run, &[Earlier::None], Path::new("none"), &dir).unwrap();
    assert!(read(&dir, "changes.html").contains("There is no earlier run of this profile to compare with"));

    let verdicts = tables::read_verdicts(&dir.join("verdicts.csv"), "z_loss").unwrap();
    assert_eq!(verdicts.len(), 3);
    assert!(tables::read_verdicts(&dir.join("verdicts.csv"), "other").unwrap().is_empty());
    let same = Earlier::Found { run: "earlier".into(), verdicts: verdicts.clone() };
    report::write_site(&run, &[same], Path::new("none"), &dir).unwrap();
    assert!(read(&dir, "changes.html").contains("<strong>0</strong> of 3 claims changed"));

    let mut other = verdicts;
    other[0].verdict = "contradicted".into();
    other.push(EarlierVerdict { claim: "C77".into(), ..other[0].clone() });
    report::write_site(&run, &[Earlier::Found { run: "earlier".into(), verdicts: other }], Path::new("none"), &dir)
        .unwrap();
    let page = read(&dir, "changes.html");
    assert!(page.contains("<strong>2</strong> of 4 claims changed"), "{page}");
    assert!(page.contains("verdict is better") && page.contains("no longer a claim"));

    std::fs::write(dir.join("verdicts.csv"), "nonsense").unwrap();
    assert!(tables::read_verdicts(&dir.join("verdicts.csv"), "z_loss").is_err());
}

#[test]
fn only_a_site_is_replaced() {
    let (paper, results) = (common::paper(), common::results());
    let run = common::run(vec![common::paper_report(&paper, &results)]);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("home");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("index.html"), "precious").unwrap();
    assert!(
        matches!(report::write_site(&run, &[], Path::new("none"), &dir), Err(Error::Input(message)) if message.contains("not a site"))
    );
    assert_eq!(read(&dir, "index.html"), "precious");
}
