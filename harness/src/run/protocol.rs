//! What scheduler and worker tell each other: one JSON object a line.

use harness_core::lab::Notebook;
use harness_core::record::Cost;
use harness_core::trial::Trial;
use serde::{Deserialize, Serialize};

/// Version of these messages. Both sides come from one binary; the number catches a binary replaced under a run.
pub const PROTOCOL: u32 = 1;

/// From the scheduler, on the worker's standard input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Run a trial.
    Run(Box<Job>),
    /// Say which stage a trial asks for first, without computing anything.
    Probe(Box<Job>),
    /// Checkpoint or finish what is running.
    Drain {},
}

/// A trial and what is needed to run it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The trial.
    pub trial: Trial,
    /// Its key.
    pub key: String,
    /// Digest of the code it can reach.
    pub code: String,
    /// `cpu` or `cuda:INDEX`.
    pub device: String,
    /// The store.
    pub store: std::path::PathBuf,
    /// The data cache.
    pub cache: std::path::PathBuf,
    /// The trial ends where the stage of this key is stored.
    pub until_stage: Option<String>,
}

/// From the worker, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// How far the running trial is.
    Progress {
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// Something the user should know about the running trial.
    Warning(String),
    /// The running trial ended.
    Ended(Box<Ended>),
    /// The key of the stage that a probed trial asks for before its first step.
    Probed(Option<String>),
}

/// How a trial ended inside the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// How.
    pub how: How,
    /// What it recorded.
    pub notebook: Notebook,
    /// What it took.
    pub cost: Cost,
}

/// How a trial ended inside the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It ran to its end.
    Finished,
    /// It declined to run.
    Skipped(String),
    /// It returned an error.
    Failed(String),
    /// It panicked; the worker is replaced.
    Panicked(String),
    /// It stopped because the user asked for it; nothing is stored but its checkpoint.
    Cancelled,
    /// It stopped because the stage that was wanted of it is stored.
    Staged,
}
