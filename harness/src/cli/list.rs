//! `harness list`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use harness_core::paper::Family;

use super::Failure;
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
                })
            })
            .collect();
        writeln!(std::io::stdout(), "{}", serde_json::Value::Array(list))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(80);
    }
    table.set_header(["family", "paper", "v", "claims", "arms", "stored", "title"]);
    for paper in &papers {
        table.add_row([
            paper.family.name().to_owned(),
            paper.slug.clone(),
            paper.version.to_string(),
            paper.claims.len().to_string(),
            paper.arms.len().to_string(),
            stored(&paper.slug).to_string(),
            paper.title.clone(),
        ]);
    }
    let mut out = anstream::stdout();
    writeln!(out, "{table}")?;
    let word = if papers.len() == 1 { "paper" } else { "papers" };
    writeln!(out, "{} {word}; `harness show PAPER` tells more", papers.len())?;
    Ok(ExitCode::SUCCESS)
}
