//! `harness audit`.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use harness_core::backend::DeviceChoice;
use harness_core::paper::Profile;
use harness_core::text::did_you_mean;

use super::Failure;
use super::places::Places;
use super::reproduce::on_signals;
use crate::audit::{Workbench, audit};
use crate::run::plan::{DataMode, Rerun, Selection};

/// Options of `audit`.
#[derive(Args)]
pub struct Arguments {
    /// Slug of the paper.
    paper: String,
    /// Which set of sizes: smoke, quick or full.
    #[arg(long, default_value = "smoke")]
    profile: Profile,
    /// Only this arm [default: every arm, in its first cell].
    #[arg(long, value_name = "ARM")]
    arm: Option<String>,
    /// Number of seeds.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// auto (real where it can be had), real or synthetic.
    #[arg(long, default_value = "auto")]
    data: DataMode,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let papers = crate::catalog::select(std::slice::from_ref(&arguments.paper))?;
    let [reproduction] = papers.as_slice() else {
        return Err(Failure::input(format!("`{}` is more than one paper: name one", arguments.paper)));
    };
    let paper = reproduction.paper();
    if let Some(arm) = &arguments.arm
        && paper.arm(arm).is_none()
    {
        let known = paper.arms.iter().map(|arm| arm.name.as_str());
        return Err(Failure::input(format!("{} has no arm `{arm}`{}", paper.slug, did_you_mean(arm, known))));
    }
    let selection = Selection {
        papers: papers.clone(),
        profile: arguments.profile,
        seeds: Some(arguments.seeds),
        data: arguments.data,
        device: DeviceChoice::Cpu,
        overrides: Vec::new(),
        rerun: Rerun::Unfinished,
    };
    // The first cell of each arm.
    let mut chosen: BTreeSet<(String, String)> = BTreeSet::new();
    for block in &paper.profiles.get(arguments.profile).grid {
        for arm in &paper.arms {
            let has = block.arms.as_ref().is_none_or(|arms| arms.contains(&arm.name));
            let wanted = arguments.arm.as_ref().is_none_or(|name| *name == arm.name);
            if has
                && wanted
                && !chosen.iter().any(|(name, _)| *name == arm.name)
                && let Some(cell) = block.cells().first()
            {
                chosen.insert((arm.name.clone(), cell.to_string()));
            }
        }
    }
    let keep = |trial: &harness_core::Trial| chosen.contains(&(trial.arm.clone(), trial.cell.to_string()));
    let gpu = match DeviceChoice::auto() {
        DeviceChoice::Cpu => None,
        gpu => Some(gpu),
    };
    let fetcher = places.fetcher();
    let bench = Workbench { fetcher: &fetcher, cache: places.fetch.cache.clone(), interrupts: on_signals()? };
    let found = audit(&selection, &keep, gpu, &bench)?;
    if arguments.json {
        let text = serde_json::to_string(&found).map_err(|error| Failure::failed(error.to_string()))?;
        writeln!(std::io::stdout(), "{text}")?;
    } else {
        let mut out = anstream::stdout();
        write!(out, "{}", found.text())?;
        if gpu.is_none() {
            writeln!(out, "no GPU     this machine or build has none: CPU only")?;
        }
    }
    if found.passed() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::failed("trials on the CPU are promised to have the same bits on every run, and have not"))
    }
}
