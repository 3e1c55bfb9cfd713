//! Reports: what ran where, and what became of every claim.
//!
//! [`write()`] turns a [`RunReport`] into a folder: `README.md` (the table paper × claim), a page and figures per paper,
//! `results.parquet` and `verdicts.csv`; [`write_site`] makes a static site of it. [`summary`] is the same in a terminal's width.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `view` | from records and evidence to what the templates print |
//! | `findings` | the extremes of a figure, in words |
//! | `markdown` | escaping for Markdown, and the environment of its templates in `reports/template` |
//! | `html` | escaping for HTML, and the environment of its templates in `reports/template/site` |
//! | `site` | the report as a static site, and what changed since an earlier run |
//! | `summary` | the table for a terminal |

mod findings;
mod html;
mod markdown;
mod site;
mod summary;
mod view;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use harness_core::case_result::CaseResult;
use harness_core::claim::Claim;
use harness_core::evidence::Evidence;
use harness_core::figure::{Figure, Plot};
use harness_core::paper::{Deviation, Profile};
use harness_core::record::Outcome;
use harness_core::results::Results;
use harness_core::{Error, Paper, Result};

use crate::draw::{self, Palette};
use crate::tables::{self, cannot, write_atomic};

pub use markdown::escape;
pub use site::{Earlier, EarlierVerdict, write_site};
pub use summary::summary;

/// A run: some papers, each in one profile.
#[derive(Debug, Clone)]
pub struct RunReport<'a> {
    /// Name of the run and of its folder.
    pub id: String,
    /// The command line that led to it.
    pub command: String,
    /// Seconds since 1970 when it started.
    pub started_unix: u64,
    /// Seconds that it took; trials that were already in the store took none of them.
    pub wall_s: f64,
    /// Operating system, processor and its cores.
    pub machine: String,
    /// Device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// Version of harness.
    pub harness_version: String,
    /// Why data were generated, where the user or a missing data set asked for it.
    pub synthetic_note: Option<String>,
    /// All papers that were selected, those that failed too.
    pub papers: Vec<PaperReport<'a>>,
}

/// What is known of one paper in one profile.
#[derive(Debug, Clone)]
pub struct PaperReport<'a> {
    /// The paper after overrides.
    pub paper: &'a Paper,
    /// Profile of all its trials.
    pub profile: Profile,
    /// Its trials, failed and skipped ones too.
    pub results: &'a Results,
    /// Identifier of each judged claim and its evidence.
    pub judgements: Vec<(String, Evidence)>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// What became of its vectors.
    pub conformance: Vec<CaseResult>,
    /// Number of trials of the plan.
    pub planned_trials: usize,
    /// The overrides in force, as `key=value`.
    pub overrides: Vec<String>,
}

/// A claim beside its evidence.
#[derive(Debug, Clone)]
pub(crate) struct ClaimRow<'a> {
    pub id: &'a str,
    /// Absent where a judgement names a claim that the paper does not have.
    pub claim: Option<&'a Claim>,
    pub evidence: Evidence,
}

/// How many trials ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub planned: usize,
    pub finished: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Finished ones of which a metric is NaN or infinite.
    pub diverged: usize,
    /// Planned ones of which there is no record.
    pub missing: usize,
}

impl PaperReport<'_> {
    /// Every claim of the paper, in its order, then judgements of unknown claims.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ClaimRow<'_>> {
        let known = self.paper.claims.iter().map(|claim| {
            let judged = self.judgements.iter().find(|(id, _)| *id == claim.id);
            let evidence = judged.map_or_else(|| Evidence::not_run("not judged"), |(_, evidence)| evidence.clone());
            ClaimRow { id: &claim.id, claim: Some(claim), evidence }
        });
        let unknown = self.judgements.iter().filter(|(id, _)| self.paper.claim(id).is_none());
        known.chain(unknown.map(|(id, evidence)| ClaimRow { id, claim: None, evidence: evidence.clone() }))
    }

    /// Whether any trial ran on generated data.
    pub(crate) fn synthetic(&self) -> bool {
        self.results.records().iter().any(harness_core::record::Record::synthetic)
    }

    pub(crate) fn deviations(&self) -> &[Deviation] {
        &self.paper.profiles.get(self.profile).deviations
    }

    /// The deviations in words.
    pub fn deviation_words(&self) -> Vec<String> {
        let words =
            |deviation: &Deviation| format!("{}: {} (paper: {})", deviation.kind, deviation.here, deviation.paper);
        self.deviations().iter().map(words).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { planned: self.planned_trials, ..Counts::default() };
        let mut trials = BTreeSet::new();
        for record in self.results.records() {
            trials.insert((&record.arm, record.cell.to_string(), record.seed));
            match record.outcome {
                Outcome::Finished => counts.finished += 1,
                Outcome::Failed { .. } => counts.failed += 1,
                Outcome::Skipped { .. } => counts.skipped += 1,
            }
            counts.diverged += usize::from(record.finished() && record.diverged());
        }
        counts.missing = counts.planned.saturating_sub(trials.len());
        counts
    }
}

impl RunReport<'_> {
    /// File names without ending, one per paper: the slug, with the profile and a number where it is not unique.
    fn stems(&self) -> Vec<String> {
        let mut stems: Vec<String> = Vec::new();
        for (index, paper) in self.papers.iter().enumerate() {
            let slug = draw::file_name(&paper.paper.slug);
            let profiled = format!("{slug}-{}", paper.profile);
            let stem = [slug, profiled.clone(), format!("{profiled}-{}", index + 1)]
                .into_iter()
                .find(|stem| !stems.contains(stem) && stem != "readme");
            stems.push(stem.unwrap_or(profiled));
        }
        stems
    }
}

/// Files that tell a report from a folder of something else.
const MARKS: [&str; 3] = ["README.md", "results.parquet", "verdicts.csv"];

/// Writes a report into `dir`: everything is written into a folder beside it, which then takes its place. A report that
/// is already there is replaced as a whole; after an error it is still there unchanged.
///
/// # Errors
/// [`Error::Input`] where `dir` exists and is not a report: nothing else is ever removed. [`Error::Environment`] where
/// something cannot be written.
pub fn write(run: &RunReport<'_>, dir: &Path) -> Result<()> {
    write_with(run, dir, |_| Ok(()))
}

/// [`write()`], with what `also` puts into the folder before it takes its place.
///
/// # Errors
/// Those of [`write()`] and of `also`.
pub fn write_with(run: &RunReport<'_>, dir: &Path, also: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    publish(dir, "report", &MARKS, |fresh| {
        fill(run, fresh)?;
        also(fresh)
    })
}

/// How often a report tries to take its place while others do.
const MOST_ATTEMPTS: usize = 50;

/// Has `fill` write into a folder beside `dir`, which then takes its place. What is there already is replaced if it is
/// empty or has all of `marks`.
fn publish(dir: &Path, what: &str, marks: &[&str], fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    replaceable(dir, what, marks)?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| cannot("create", parent, &error))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any other new folder; the process's own mask still applies.
        builder.permissions(std::fs::Permissions::from_mode(0o777));
    }
    let place = builder.tempdir_in(parent).map_err(|error| cannot("write", dir, &error))?;
    let fresh = place.path().join("new");
    std::fs::create_dir(&fresh).map_err(|error| cannot("write", &fresh, &error))?;
    fill(&fresh)?;

    // What was there moves into the folder that is removed at the end, and back if the new one cannot take its place.
    // Another process may do the same at this moment: whoever comes last replaces what the other has put there.
    for attempt in 0..MOST_ATTEMPTS {
        let old = replaceable(dir, what, marks)?;
        let aside = place.path().join(format!("old-{attempt}"));
        if old {
            match std::fs::rename(dir, &aside) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                moved => moved.map_err(|error| cannot("replace", dir, &error))?,
            }
        }
        match std::fs::rename(&fresh, dir) {
            Ok(()) => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            Err(error) if old && std::fs::rename(&aside, dir).is_err() => {
                let kept = place.keep().join(format!("old-{attempt}"));
                return Err(Error::Environment(format!(
                    "cannot write {}: {error}; the earlier {what} is in {}",
                    dir.display(),
                    kept.display()
                )));
            }
            Err(error) => return Err(cannot("write", dir, &error)),
        }
    }
    Err(Error::Environment(format!("cannot write {}: others keep writing it", dir.display())))
}

/// Whether something is there that may be replaced.
///
/// # Errors
/// [`Error::Input`] where it may not.
fn replaceable(dir: &Path, what: &str, marks: &[&str]) -> Result<bool> {
    match dir.symlink_metadata() {
        Err(_) => Ok(false),
        Ok(found) if found.is_dir() => {
            let mut entries = match std::fs::read_dir(dir) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                entries => entries.map_err(|error| cannot("read", dir, &error))?,
            };
            let empty = entries.next().is_none();
            let marked = || marks.iter().all(|mark| dir.join(mark).is_file());
            // Another process may take it away, or put another there, between any two looks.
            if !empty && !marked() && dir.is_dir() && !marked() {
                return Err(not_ours(dir, what, marks));
            }
            Ok(true)
        }
        Ok(_) => Err(not_ours(dir, what, marks)),
    }
}

fn not_ours(dir: &Path, what: &str, marks: &[&str]) -> Error {
    Error::Input(format!(
        "{} exists and is not a {what} (it lacks one of {}): choose a new or empty folder",
        dir.display(),
        marks.join(", ")
    ))
}

/// Writes all files of a report into an empty folder.
fn fill(run: &RunReport<'_>, dir: &Path) -> Result<()> {
    let stems = run.stems();
    let page = |name: &str, text: String| {
        write_atomic(&dir.join(name), |out| {
            use std::io::Write as _;
            out.write_all(text.as_bytes())
        })
    };
    for (paper, stem) in run.papers.iter().zip(&stems) {
        let figures = draw_figures(paper, stem, dir, Pictures::All)?;
        page(&format!("{stem}.md"), markdown::render("paper.md", view::paper(run, paper, figures))?)?;
    }
    page("README.md", markdown::render("run.md", view::run(run, &stems))?)?;
    let records = run.papers.iter().flat_map(|paper| paper.results.records());
    tables::write_parquet(&mut tables::results_table(records)?, &dir.join("results.parquet"))?;
    tables::write_csv(&mut tables::verdicts_table(&run.papers)?, &dir.join("verdicts.csv"))
}

/// A figure of a report.
#[derive(Debug, Clone)]
pub(crate) struct ShownFigure {
    /// The figure, with a label where it shows generated data.
    pub figure: Figure,
    /// Path of its files without ending, relative to the report.
    pub path: String,
    /// Whether there is a picture: tables are printed in the page instead.
    pub picture: bool,
}

/// How a report shows its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pictures {
    /// As SVG and PNG: not every Markdown viewer shows SVG.
    All,
    /// As SVG.
    Svg,
}

/// Draws the figures of a paper.
fn draw_figures(paper: &PaperReport<'_>, stem: &str, dir: &Path, pictures: Pictures) -> Result<Vec<ShownFigure>> {
    let palette = Palette::new(paper.paper, &paper.figures);
    let mut taken: Vec<String> = Vec::new();
    let mut shown = Vec::new();
    for figure in &paper.figures {
        let mut figure = figure.clone();
        let name = draw::file_name(&figure.id);
        // A number after the name where two figures have the same.
        let unique = (1_usize..)
            .map(|count| if count == 1 { name.clone() } else { format!("{name}-{count}") })
            .find(|name| !taken.contains(name))
            .unwrap_or(name);
        taken.push(unique.clone());
        figure.id.clone_from(&unique);
        if paper.synthetic() {
            figure.title = format!("{} (synthetic data)", figure.title);
        }
        let folder = dir.join("figures").join(stem);
        let drawn = figure.panels.iter().filter(|panel| !matches!(panel.plot, Plot::Table(_)));
        let drawn = Figure { panels: drawn.cloned().collect(), ..figure.clone() };
        // A figure without any panel has a picture that says so.
        let picture = !drawn.panels.is_empty() || figure.panels.is_empty();
        match pictures {
            Pictures::All if picture => {
                draw::draw(&drawn, &palette, &folder)?;
            }
            Pictures::Svg if picture => {
                draw::draw_svg(&drawn, &palette, &folder)?;
            }
            _ => {}
        }
        tables::write_csv(&mut draw::figure_table(&figure)?, &folder.join(format!("{unique}.csv")))?;
        shown.push(ShownFigure { figure, path: format!("figures/{stem}/{unique}"), picture });
    }
    Ok(shown)
}
