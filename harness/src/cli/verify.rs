//! `harness verify`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::AnsiColor;
use clap::Args;
use harness_core::conformance::{CaseResult, Status, Vectors};

use super::Failure;
use super::device::Asked;
use super::places::Places;
use crate::catalog;

/// Options of `verify`.
#[derive(Args)]
pub struct Arguments {
    /// Slugs of papers, families, or `all`.
    #[arg(default_value = "all", value_name = "PAPER|FAMILY|all")]
    papers: Vec<String>,
    /// Read <SLUG>.json from this folder instead of the built-in vectors; a paper without a file there has no cases.
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:INDEX; auto is the first GPU where build and driver have one, else the CPU.
    #[arg(long, default_value = "auto")]
    device: Asked,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, _places: &Places) -> Result<ExitCode, Failure> {
    let device = arguments.device.choice.open()?;
    arguments.device.tell();
    let factor = arguments.device.choice.tolerance_factor();
    // A panicking op is a failed case with its message: the default hook would only repeat it.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(folder) = &arguments.vectors
        && !folder.is_dir()
    {
        return Err(Failure::input(format!("--vectors {}: there is no such folder", folder.display())));
    }
    let mut results: Vec<(&str, Vec<CaseResult>)> = Vec::new();
    for reproduction in catalog::select(&arguments.papers)? {
        let slug = reproduction.paper().slug.as_str();
        let vectors = match &arguments.vectors {
            None => Vectors::parse(reproduction.vectors(), &format!("{slug}/vectors.json"))?,
            Some(folder) => {
                let file = folder.join(format!("{slug}.json"));
                if !file.is_file() {
                    continue;
                }
                let text = std::fs::read_to_string(&file)
                    .map_err(|error| Failure::environment(format!("{}: {error}", file.display())))?;
                Vectors::parse(&text, &file.display().to_string())?
            }
        };
        let vectors = vectors.with_tolerances_times(factor);
        results.push((slug, vectors.run(reproduction.ops(), &device)));
    }
    let cases = || results.iter().flat_map(|(_, cases)| cases);
    let failed = cases().filter(|case| case.status == Status::Fail).count();
    let passed = cases().count() - failed;
    if arguments.json {
        let papers: Vec<serde_json::Value> =
            results.iter().map(|(slug, cases)| serde_json::json!({"slug": slug, "cases": cases})).collect();
        let summary = serde_json::json!({"passed": passed, "failed": failed, "papers": papers});
        writeln!(std::io::stdout(), "{summary}")?;
    } else {
        print(&results, passed, failed)?;
        if factor != 1.0 {
            writeln!(std::io::stdout(), "on a GPU the tolerances of the vectors count {factor} times")?;
        }
    }
    if cases().count() == 0 {
        return Err(Failure::input("no vector was found for these papers: nothing was verified"));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print(results: &[(&str, Vec<CaseResult>)], passed: usize, failed: usize) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default().bold());
    for (slug, cases) in results {
        let failures: Vec<&CaseResult> = cases.iter().filter(|case| case.status == Status::Fail).collect();
        let (style, word) = if failures.is_empty() { (good, "pass") } else { (bad, "fail") };
        let worst = cases.iter().filter_map(|case| case.max_abs).fold(0.0, f64::max);
        let passing = cases.len() - failures.len();
        writeln!(
            out,
            "{style}{word}{style:#}  {slug}: {passing} of {} cases, largest difference {}",
            cases.len(),
            harness_core::text::number(worst)
        )?;
        for case in failures {
            writeln!(out, "      {} / {}: {}", case.op, case.name, case.message)?;
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(())
}
