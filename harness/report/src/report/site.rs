//! The report as a static site: a folder that needs no network, opens from a disk, and runs nothing but its own script.

use std::path::Path;

use harness_core::Result;
use harness_core::evidence::{Evidence, LEVEL, Verdict, bracket};
use harness_core::stats::Interval;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Pictures, RunReport, draw_figures, html, publish, view};
use crate::draw::base64;
use crate::tables::{self, write_atomic};

/// What an earlier run said of a paper.
#[derive(Debug, Clone, PartialEq)]
pub enum Earlier {
    /// There is no earlier run of the same profile that has the paper.
    None,
    /// There is one, but its verdicts cannot be read.
    Unreadable {
        /// Name of the run.
        run: String,
        /// Why.
        reason: String,
    },
    /// Its verdicts.
    Found {
        /// Name of the run.
        run: String,
        /// One per claim, in the order of its report.
        verdicts: Vec<EarlierVerdict>,
    },
}

/// A verdict as an earlier report printed it.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlierVerdict {
    /// Identifier of the claim.
    pub claim: String,
    /// Name of the verdict.
    pub verdict: String,
    /// The effect.
    pub effect: Option<f64>,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// Number of seeds.
    pub n: u64,
}

const STYLE: &str = include_str!("../../../../reports/template/site/style.css");
const SCRIPT: &str = include_str!("../../../../reports/template/site/script.js");
const STATISTICS: &str = include_str!("../../../../docs/statistics.md");

/// Files that tell a site from a folder of something else.
const MARKS: [&str; 3] = ["index.html", "results.parquet", "verdicts.csv"];

/// Writes the report as a site into `dir`: `index.html`, a page per paper, `changes.html`, `statistics.html`, figures and
/// the numbers behind them. The pages (`*.html`) of the folder `notebooks` are copied, and listed in `notebooks.html`; where
/// there are none, the site does without. `earlier` holds what an earlier run said of each paper, in the order of the run's papers;
/// those that it lacks count as [`Earlier::None`]. A site that is already there is replaced as a whole.
///
/// # Errors
/// [`Error::Input`](harness_core::Error::Input) where `dir` exists and is not a site: nothing else is ever removed.
/// [`Error::Environment`](harness_core::Error::Environment) where something cannot be written.
pub fn write_site(run: &RunReport<'_>, earlier: &[Earlier], notebooks: &Path, dir: &Path) -> Result<()> {
    publish(dir, "site", &MARKS, |fresh| fill(run, earlier, notebooks, fresh))
}

#[derive(Serialize)]
struct Page<'a, T> {
    policy: &'a str,
    style: &'static str,
    script: &'static str,
    pages: &'a [Link],
    here: &'a str,
    run_id: &'a str,
    version: &'a str,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct Link {
    address: &'static str,
    label: &'static str,
}

#[derive(Serialize)]
struct Overview {
    run: view::RunView,
}

#[derive(Serialize)]
struct PaperPage {
    paper: view::PaperView,
}

#[derive(Serialize)]
struct ChangesPage {
    changes: Changes,
}

#[derive(Serialize)]
struct NotebooksPage {
    notebooks: Vec<String>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

/// What a page may load: its own style and script by their digests, pictures of the site, and nothing else.
fn policy() -> String {
    let digest = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; img-src 'self'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn fill(run: &RunReport<'_>, earlier: &[Earlier], notebooks: &Path, dir: &Path) -> Result<()> {
    let stems = run.stems();
    let policy = policy();
    let notebooks = copy_notebooks(notebooks, &dir.join("notebooks"))?;
    let mut pages = vec![("index.html", "Overview"), ("changes.html", "Changes"), ("statistics.html", "Statistics")];
    pages.extend((!notebooks.is_empty()).then_some(("notebooks.html", "Notebooks")));
    let pages: Vec<Link> = pages.into_iter().map(|(address, label)| Link { address, label }).collect();
    let site = Site { run, dir, policy: &policy, pages: &pages };
    site.page("index.html", "index.html", Overview { run: view::run(run, &stems) })?;
    for (paper, stem) in run.papers.iter().zip(&stems) {
        let figures = draw_figures(paper, stem, dir, Pictures::Svg)?;
        let content = PaperPage { paper: view::paper(run, paper, figures) };
        site.page("paper.html", &format!("paper-{stem}.html"), content)?;
    }
    site.page("changes.html", "changes.html", ChangesPage { changes: changes(run, &stems, earlier) })?;
    site.page("statistics.html", "statistics.html", Text { text: html::from_markdown(STATISTICS) })?;
    if !notebooks.is_empty() {
        site.page("notebooks.html", "notebooks.html", NotebooksPage { notebooks })?;
    }
    let records = run.papers.iter().flat_map(|paper| paper.results.records());
    tables::write_parquet(&mut tables::results_table(records)?, &dir.join("results.parquet"))?;
    tables::write_csv(&mut tables::verdicts_table(&run.papers)?, &dir.join("verdicts.csv"))
}

/// Copies the pages of a folder and returns their names without ending, in order; none where there is no such folder.
fn copy_notebooks(from: &Path, to: &Path) -> Result<Vec<String>> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".html")?.to_owned()))
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .collect();
    names.sort();
    for name in &names {
        let page = format!("{name}.html");
        let text =
            std::fs::read(from.join(&page)).map_err(|error| tables::cannot("read", &from.join(&page), &error))?;
        std::fs::create_dir_all(to).map_err(|error| tables::cannot("create", to, &error))?;
        write_atomic(&to.join(&page), |out| {
            use std::io::Write as _;
            out.write_all(&text)
        })?;
    }
    Ok(names)
}

/// What all pages share.
struct Site<'a> {
    run: &'a RunReport<'a>,
    dir: &'a Path,
    policy: &'a str,
    pages: &'a [Link],
}

impl Site<'_> {
    fn page(&self, template: &str, name: &str, content: impl Serialize) -> Result<()> {
        let page = Page {
            policy: self.policy,
            style: STYLE,
            script: SCRIPT,
            pages: self.pages,
            here: name,
            run_id: &self.run.id,
            version: &self.run.harness_version,
            content,
        };
        let text = html::render(template, page)?;
        write_atomic(&self.dir.join(name), |out| {
            use std::io::Write as _;
            out.write_all(text.as_bytes())
        })
    }
}

#[derive(Serialize)]
struct Changes {
    /// Whether any paper has an earlier run.
    compared: bool,
    changed: usize,
    papers: Vec<ComparedPaper>,
    rows: Vec<ChangeRow>,
}

#[derive(Serialize)]
struct ComparedPaper {
    slug: String,
    page: String,
    run: Option<String>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct ChangeRow {
    slug: String,
    page: String,
    claim: String,
    /// Absent for claims that the paper no longer has.
    anchor: Option<String>,
    /// Small for what deserves a look.
    rank: u8,
    change: String,
    before: Option<Side>,
    now: Option<Side>,
}

#[derive(Serialize)]
struct Side {
    verdict: String,
    /// The verdict where it is one of ours.
    class: &'static str,
    effect: Option<f64>,
    interval: Option<String>,
    n: u64,
}

impl Side {
    fn now(evidence: &Evidence) -> Self {
        Side {
            verdict: evidence.verdict.name().to_owned(),
            class: evidence.verdict.name(),
            effect: evidence.effect,
            interval: evidence.interval.map(bracket),
            n: evidence.n as u64,
        }
    }

    fn before(verdict: &EarlierVerdict) -> Self {
        Side {
            verdict: verdict.verdict.clone(),
            class: known(&verdict.verdict).map_or("", Verdict::name),
            effect: verdict.effect,
            interval: verdict.interval.map(|(low, high)| bracket(Interval { low, high, level: LEVEL })),
            n: verdict.n,
        }
    }
}

fn known(name: &str) -> Option<Verdict> {
    view::LEGEND.iter().map(|(verdict, _)| *verdict).find(|verdict| verdict.name() == name)
}

/// Compares each paper with what an earlier run said of it. Papers without an earlier run have no rows.
fn changes(run: &RunReport<'_>, stems: &[String], earlier: &[Earlier]) -> Changes {
    let mut papers = Vec::new();
    let mut rows = Vec::new();
    for (index, (report, stem)) in run.papers.iter().zip(stems).enumerate() {
        let slug = &report.paper.slug;
        let paper = ComparedPaper { slug: slug.clone(), page: stem.clone(), run: None, problem: None };
        match earlier.get(index).unwrap_or(&Earlier::None) {
            Earlier::None => papers.push(paper),
            Earlier::Unreadable { run, reason } => {
                papers.push(ComparedPaper { run: Some(run.clone()), problem: Some(reason.clone()), ..paper });
            }
            Earlier::Found { run, verdicts } => {
                papers.push(ComparedPaper { run: Some(run.clone()), ..paper });
                let current: Vec<_> = report.rows().collect();
                for (place, row) in current.iter().enumerate() {
                    let before = verdicts.iter().find(|verdict| verdict.claim == row.id);
                    let (rank, change) = change(before, &row.evidence);
                    rows.push(ChangeRow {
                        slug: slug.clone(),
                        page: stem.clone(),
                        claim: row.id.to_owned(),
                        anchor: Some(view::anchor(place)),
                        rank,
                        change,
                        before: before.map(Side::before),
                        now: Some(Side::now(&row.evidence)),
                    });
                }
                for gone in verdicts.iter().filter(|old| current.iter().all(|row| row.id != old.claim)) {
                    rows.push(ChangeRow {
                        slug: slug.clone(),
                        page: stem.clone(),
                        claim: gone.claim.clone(),
                        anchor: None,
                        rank: 2,
                        change: "no longer a claim".to_owned(),
                        before: Some(Side::before(gone)),
                        now: None,
                    });
                }
            }
        }
    }
    rows.sort_by_key(|row| row.rank);
    Changes {
        compared: papers.iter().any(|paper| paper.run.is_some() && paper.problem.is_none()),
        changed: rows.iter().filter(|row| row.rank < UNCHANGED).count(),
        papers,
        rows,
    }
}

/// Rank of what did not change.
const UNCHANGED: u8 = 5;

/// What changed, in words, and its rank.
fn change(before: Option<&EarlierVerdict>, now: &Evidence) -> (u8, String) {
    let Some(before) = before else { return (2, "new claim".to_owned()) };
    if before.verdict != now.verdict.name() {
        return match known(&before.verdict) {
            Some(old) if old < now.verdict => (0, "verdict is worse".to_owned()),
            _ => (1, "verdict is better".to_owned()),
        };
    }
    // Files keep numbers to the last digit, so that equal runs give equal numbers.
    match (before.effect, now.effect) {
        (Some(old), Some(new)) if old.to_bits() != new.to_bits() => match before.interval {
            Some((low, high)) if new < low || new > high => (3, "effect left its earlier interval".to_owned()),
            _ => (4, "effect moved".to_owned()),
        },
        (None, Some(_)) | (Some(_), None) => (4, "effect moved".to_owned()),
        _ if before.n != now.n as u64 => (4, "other number of seeds".to_owned()),
        _ => (UNCHANGED, "none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(verdict: &str, effect: f64) -> EarlierVerdict {
        let interval = Some((effect - 0.1, effect + 0.1));
        EarlierVerdict { claim: "C1".into(), verdict: verdict.into(), effect: Some(effect), interval, n: 3 }
    }

    #[test]
    fn a_change_is_named_by_what_matters_most_about_it() {
        let now = Evidence::from_effects("q", &[0.9, 1.0, 1.1], 0.0);
        let words = |before: Option<&EarlierVerdict>| change(before, &now).1;
        assert_eq!(words(None), "new claim");
        assert_eq!(words(Some(&earlier("inconclusive", 1.0))), "verdict is better");
        assert_eq!(words(Some(&earlier("reproduced", now.effect.unwrap()))), "none");
        assert_eq!(words(Some(&earlier("reproduced", 0.95))), "effect moved");
        assert_eq!(words(Some(&earlier("reproduced", 0.5))), "effect left its earlier interval");
        let worse = Evidence::from_effects("q", &[-0.9, -1.0, -1.1], 0.0);
        assert_eq!(change(Some(&earlier("reproduced", 1.0)), &worse).1, "verdict is worse");
    }

    #[test]
    fn the_policy_names_the_digests_of_what_is_inlined() {
        let policy = policy();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(policy.matches("'sha256-").count(), 2);
        // They would end the elements that hold them.
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
    }
}
