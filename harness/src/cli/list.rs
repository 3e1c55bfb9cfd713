//! `harness list`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use harness_core::paper::{Family, Paper, Profile};

use super::Failure;
use super::layout::{WIDTH, wrap};
use super::places::Places;
use crate::catalog;

/// Options of `list`.
#[derive(Args)]
pub struct Arguments {
    /// Only this family.
    family: Option<Family>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let contents = places.store.contents()?;
    let mut finished: BTreeMap<&str, usize> = BTreeMap::new();
    for record in contents.records.iter().filter(|record| record.finished()) {
        *finished.entry(record.paper.as_str()).or_default() += 1;
    }
    let papers: Vec<_> = catalog::all()
        .into_iter()
        .map(|reproduction| reproduction.paper())
        .filter(|paper| arguments.family.is_none_or(|family| paper.family == family))
        .collect();
    let stored = |slug: &str| finished.get(slug).copied().unwrap_or(0);
    if arguments.json {
        let list: Vec<serde_json::Value> = papers
            .iter()
            .map(|paper| {
                serde_json::json!({
                    "slug": paper.slug, "family": paper.family, "version": paper.version, "title": paper.title,
                    "year": paper.year, "arxiv": paper.arxiv, "claims": paper.claims.len(), "arms": paper.arms.len(),
                    "stored_trials": stored(&paper.slug),
                "data": data_of(paper),
                })
            })
            .collect();
        writeln!(std::io::stdout(), "{}", serde_json::Value::Array(list))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bold = Style::new().bold();
    let cyan = AnsiColor::Cyan.on_default();
    let mut out = anstream::stdout();
    writeln!(out, "{bold}{:<48}{:>8}{:>8}{:>16}{bold:#}", "paper", "claims", "arms", "stored trials")?;
    let mut family = None;
    for paper in &papers {
        if family.replace(paper.family) != Some(paper.family) {
            writeln!(out, "\n{bold}{}{bold:#}", paper.family)?;
        }
        let (claims, arms) = (paper.claims.len(), paper.arms.len());
        writeln!(out, "  {cyan}{:<46}{cyan:#}{claims:>8}{arms:>8}{:>16}", paper.slug, stored(&paper.slug))?;
        writeln!(out, "{}", wrap(&format!("    {} ({})", paper.title, paper.year), "    ", WIDTH))?;
    }
    let word = if papers.len() == 1 { "paper" } else { "papers" };
    writeln!(out, "\n{} {word}; `harness show PAPER` tells more", papers.len())?;
    Ok(ExitCode::SUCCESS)
}

/// The data sets that each profile of a paper opens.
fn data_of(paper: &Paper) -> BTreeMap<&'static str, BTreeSet<&str>> {
    let of = |profile: Profile| {
        let blocks = &paper.profiles.get(profile).grid;
        (profile.name(), blocks.iter().flat_map(|block| &block.data).map(String::as_str).collect())
    };
    [Profile::Smoke, Profile::Quick, Profile::Full].map(of).into()
}
