//! The options that say which trials a command is about.

use std::path::PathBuf;

use clap::Args;
use harness_core::overrides::Override;
use harness_core::paper::Profile;

use super::Failure;
use super::device::Asked;
use crate::run::plan::{DataMode, Rerun, Selection};

/// Which trials of which papers, and how.
#[derive(Args)]
pub struct Arguments {
    /// Which set of sizes: smoke, quick or full.
    #[arg(long, default_value = "quick")]
    pub profile: Profile,
    /// Number of seeds [default: the profile's].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub seeds: Option<i64>,
    /// auto, cpu, cuda or cuda:INDEX; auto is the first GPU where build and driver have one, else the CPU.
    #[arg(long, default_value = "auto")]
    pub device: Asked,
    /// auto (real where it can be had), real or synthetic.
    #[arg(long, default_value = "auto")]
    pub data: DataMode,
    /// Change a setting: `steps=100`, `arms.z_loss.settings.a=0.5`, `lr_perceptron:limit=50` (may be repeated).
    #[arg(long = "set", value_name = "[PAPER:]KEY=VALUE")]
    pub set: Vec<String>,
    /// Change settings by a YAML file: slugs, below them keys as in --set.
    #[arg(long, value_name = "FILE")]
    pub settings: Vec<PathBuf>,
    /// Run only the trials whose latest run failed.
    #[arg(long)]
    pub retry_failed: bool,
}

impl Arguments {
    /// The selection of these papers.
    pub fn of(&self, papers: &[String]) -> Result<Selection, Failure> {
        let mut overrides = Vec::new();
        for file in &self.settings {
            let name = file.display().to_string();
            let text =
                std::fs::read_to_string(file).map_err(|error| Failure::input(format!("--settings {name}: {error}")))?;
            overrides.extend(Override::parse_file(&text, &name)?);
        }
        for text in &self.set {
            overrides.push(Override::parse(text)?);
        }
        Ok(Selection {
            papers: crate::catalog::select(papers)?,
            profile: self.profile,
            seeds: self.seeds.map(i64::unsigned_abs),
            data: self.data,
            device: self.device.choice,
            overrides,
            rerun: if self.retry_failed { Rerun::Failed } else { Rerun::Unfinished },
        })
    }
}
