//! A run: its papers, claims, numbers, costs and figures.

use std::collections::BTreeSet;
use std::path::PathBuf;

use harness_core::cell::Cell;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Figure, Plot};
use harness_core::record::Record;
use harness_core::results::Results;
use harness_core::text::did_you_mean;
use harness_report::tables::{outcome, read_verdict_table, results_table};
use harness_store::Store;
use harness_store::manifest::{Manifest, ManifestPaper};
use polars::prelude::{Column, DataFrame};

use crate::card::{ClaimCard, PaperCard};
use crate::error::NotebookError;
use crate::picture::{Picture, show};
use crate::table::Table;

/// A run: papers, all in one profile.
#[derive(Debug, Clone)]
pub struct Run {
    folder: PathBuf,
    manifest: Manifest,
}

impl Run {
    pub(crate) fn new(folder: PathBuf, manifest: Manifest) -> Self {
        Run { folder, manifest }
    }

    /// What the run was.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The slugs of its papers.
    pub fn papers(&self) -> Vec<&str> {
        self.manifest.papers.iter().map(|entry| entry.paper.slug.as_str()).collect()
    }

    fn entry(&self, slug: &str) -> Result<&ManifestPaper, NotebookError> {
        self.manifest.papers.iter().find(|entry| entry.paper.slug == slug).ok_or_else(|| {
            let hint = did_you_mean(slug, self.papers());
            let papers = self.papers().join(", ");
            NotebookError::new(format!("the run {} has no paper `{slug}`; papers are {papers}{hint}", self.manifest.id))
        })
    }

    /// The verdicts, one claim a row, with the family of the paper after its name.
    ///
    /// Columns: `paper`, `family`, `claim`, `profile`, `verdict`, `effect`, `low`, `high`, `n`, `detectable`, `p`, `p_holm`
    /// and the words: `outlook`, `published`, `measured`, `deviations` …
    ///
    /// # Errors
    /// Where the run has no table of verdicts; `harness report RUN` makes it again.
    pub fn verdicts(&self) -> Result<Table, NotebookError> {
        let path = self.folder.join(&self.manifest.id).join("verdicts.csv");
        let mut frame = read_verdict_table(&path).map_err(|error| {
            NotebookError::new(format!(
                "{error}\nmake it again: cargo run -p harness -- --reports {} report {}",
                self.folder.display(),
                self.manifest.id
            ))
        })?;
        let family =
            |slug: Option<&str>| slug.and_then(|slug| self.entry(slug).ok()).map(|entry| entry.paper.family.name());
        let families: Vec<Option<&str>> = frame.column("paper")?.str()?.iter().map(family).collect();
        frame.insert_column(1, Column::new("family".into(), families))?;
        Ok(frame.into())
    }

    /// Every number of its trials.
    ///
    /// Columns: `paper`, `version`, `profile`, `arm`, `cell`, `seed`, `outcome`, `synthetic`, `kind` (`metric` or
    /// `timing`), `name`, `value`, `key`: those of the run's `results.parquet`, from the store.
    ///
    /// # Errors
    /// Where a file of the store is damaged.
    pub fn results(&self) -> Result<Table, NotebookError> {
        let mut records = Vec::new();
        for entry in &self.manifest.papers {
            records.extend(self.records(entry)?);
        }
        Ok(results_table(&records)?.into())
    }

    /// What its trials took, one trial a row.
    ///
    /// Columns: `paper`, `family`, `arm`, `cell`, `seed`, `outcome`, `wall_s`, `cpu_s`, `peak_mb` (MiB), `steps`.
    ///
    /// # Errors
    /// Where a file of the store is damaged.
    pub fn costs(&self) -> Result<Table, NotebookError> {
        let mut trials: Vec<(&'static str, Record)> = Vec::new();
        for entry in &self.manifest.papers {
            let family = entry.paper.family.name();
            trials.extend(self.records(entry)?.into_iter().map(|record| (family, record)));
        }
        let text = |name: &str, get: &dyn Fn(&Record) -> String| {
            Column::new(name.into(), trials.iter().map(|(_, record)| get(record)).collect::<Vec<_>>())
        };
        let number = |name: &str, get: &dyn Fn(&Record) -> Option<f64>| {
            Column::new(name.into(), trials.iter().map(|(_, record)| get(record)).collect::<Vec<_>>())
        };
        let whole = |name: &str, get: &dyn Fn(&Record) -> u64| {
            Column::new(name.into(), trials.iter().map(|(_, record)| get(record)).collect::<Vec<_>>())
        };
        Ok(Table(DataFrame::new_infer_height(vec![
            text("paper", &|record| record.paper.clone()),
            Column::new("family".into(), trials.iter().map(|(family, _)| *family).collect::<Vec<_>>()),
            text("arm", &|record| record.arm.clone()),
            text("cell", &|record| record.cell.to_string()),
            whole("seed", &|record| record.seed),
            text("outcome", &|record| outcome(record).to_owned()),
            number("wall_s", &|record| Some(record.cost.wall_s)),
            number("cpu_s", &|record| record.cost.cpu_s),
            number("peak_mb", &|record| record.cost.peak_rss_mb),
            whole("steps", &|record| record.cost.steps),
        ])?))
    }

    fn records(&self, entry: &ManifestPaper) -> Result<Vec<Record>, NotebookError> {
        let store = Store::at(self.folder.join("store"));
        let (slug, profile) = (&entry.paper.slug, self.manifest.profile);
        let mut records = Vec::new();
        for key in &entry.keys {
            let found = match store.read(slug, profile, key)? {
                Some(record) => Some(record),
                None => store.read_failed(slug, profile, key)?,
            };
            records.extend(found);
        }
        Ok(records)
    }

    /// The trials of a paper, with their curves, for [`Results::arm`] and what follows from it.
    ///
    /// # Errors
    /// Where the run has no such paper, or a file of the store is damaged.
    pub fn trials(&self, slug: &str) -> Result<Results, NotebookError> {
        let entry = self.entry(slug)?;
        Ok(Results::new(slug, self.manifest.profile, self.records(entry)?))
    }

    /// A paper, with the verdicts of this run.
    ///
    /// # Errors
    /// Where the run has no such paper, or no table of verdicts.
    pub fn paper(&self, slug: &str) -> Result<PaperCard, NotebookError> {
        let paper = self.entry(slug)?.paper.clone();
        let verdicts = self.verdicts()?.only("paper", slug)?;
        let claims = paper.claims.iter().map(|claim| ClaimCard::new(slug, claim, &verdicts));
        Ok(PaperCard { claims: claims.collect::<Result<_, _>>()?, paper })
    }

    /// A claim of a paper, with the verdict of this run.
    ///
    /// # Errors
    /// Where the run has no such paper or claim, or no table of verdicts.
    pub fn claim(&self, slug: &str, id: &str) -> Result<ClaimCard, NotebookError> {
        let paper = &self.entry(slug)?.paper;
        let claim = paper.claim(id).ok_or_else(|| {
            let ids: Vec<&str> = paper.claims.iter().map(|claim| claim.id.as_str()).collect();
            NotebookError::new(format!("{slug} has no claim `{id}`; claims are {}", ids.join(", ")))
        })?;
        ClaimCard::new(slug, claim, &self.verdicts()?.only("paper", slug)?)
    }

    /// A metric of a paper by arm, one group of bars per cell: means over seeds with their intervals.
    ///
    /// # Errors
    /// Where the run has no such paper, or no finished trial has the metric; the message lists those that there are.
    pub fn bars(&self, slug: &str, metric: &str) -> Result<Picture, NotebookError> {
        let paper = &self.entry(slug)?.paper;
        let trials = self.trials(slug)?;
        let finished: Vec<&Record> = trials.records().iter().filter(|record| record.finished()).collect();
        let having: Vec<&Record> =
            finished.iter().copied().filter(|record| record.metrics.contains_key(metric)).collect();
        if having.is_empty() {
            let names: BTreeSet<&str> =
                finished.iter().flat_map(|record| record.metrics.keys().map(String::as_str)).collect();
            let hint = did_you_mean(metric, names.iter().copied());
            let all: Vec<&str> = names.into_iter().collect();
            return Err(NotebookError::new(format!(
                "no trial of {slug} has a metric `{metric}`; metrics are {}{hint}",
                all.join(", ")
            )));
        }
        let mut cells: Vec<&Cell> = Vec::new();
        for record in &having {
            if !cells.contains(&&record.cell) {
                cells.push(&record.cell);
            }
        }
        let of = |arm: &str, cell: &Cell| {
            let trials = having.iter().filter(|record| record.arm == arm && record.cell == *cell);
            Bar::over_seeds(trials.filter_map(|record| record.metrics.get(metric)).map(|value| value.0))
        };
        let arms = paper.arms.iter().filter(|arm| having.iter().any(|record| record.arm == arm.name));
        let plot = BarPlot {
            x: "cell".to_owned(),
            y: Axis::linear(metric),
            categories: cells.iter().map(|cell| cell.to_string()).collect(),
            series: arms
                .map(|arm| BarSeries {
                    label: arm.label.clone(),
                    bars: cells.iter().map(|cell| of(&arm.name, cell)).collect(),
                })
                .collect(),
            references: Vec::new(),
        };
        let title = format!("{slug}, {}: {metric}", self.manifest.profile.name());
        show(&Figure::new("bars", title, "", Plot::Bars(plot)))
    }

    fn figures_of(&self, slug: &str) -> Result<PathBuf, NotebookError> {
        let slug = &self.entry(slug)?.paper.slug;
        Ok(self.folder.join(&self.manifest.id).join("figures").join(slug))
    }

    /// The names of the figures that the run's report has of a paper.
    ///
    /// # Errors
    /// Where the run has no such paper.
    pub fn figures(&self, slug: &str) -> Result<Vec<String>, NotebookError> {
        let Ok(entries) = std::fs::read_dir(self.figures_of(slug)?) else { return Ok(Vec::new()) };
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".svg")?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// A figure of the run's report.
    ///
    /// # Errors
    /// Where there is none of this name; the message lists those that there are.
    pub fn figure(&self, slug: &str, name: &str) -> Result<Picture, NotebookError> {
        let names = self.figures(slug)?;
        if !names.iter().any(|known| known == name) {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            return Err(NotebookError::new(format!(
                "the report of {slug} has no figure `{name}`; figures are {}{hint}",
                names.join(", ")
            )));
        }
        let path = self.figures_of(slug)?.join(format!("{name}.svg"));
        let svg = std::fs::read_to_string(&path)
            .map_err(|error| NotebookError::new(format!("cannot read {}: {error}", path.display())))?;
        Ok(Picture::new(svg, format!("{slug}: {name}")))
    }

    /// Shows the verdicts in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        let shown = ["paper", "family", "claim", "verdict", "effect", "low", "high", "n"];
        if let Ok(table) = self.verdicts().and_then(|table| table.columns(&shown)) {
            table.evcxr_display();
        }
    }
}
