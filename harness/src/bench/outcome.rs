//! What `harness bench` leaves: all measurements with the machine, as JSON.

use std::path::Path;

use harness_core::backend::DeviceChoice;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::measured::Measured;
use crate::run::{machine, versions};

/// The version of [`Outcome`] that this build writes.
pub const OUTCOME_VERSION: u32 = 1;

/// Where something was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Operating system, processor and its cores.
    pub machine: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mb: u64,
    /// Processes that wanted to run, on the mean of the minute before the first measurement; absent where unknown.
    pub load: Option<f64>,
    /// What training steps are taken on, such as `cpu` or `cuda:0`.
    pub device: String,
    /// Threads that compute.
    pub threads: usize,
    /// Version of harness.
    pub harness: String,
    /// Versions of the dependencies that compute.
    pub dependencies: BTreeMap<String, String>,
    /// Seconds since 1970 at the start.
    pub started_unix: u64,
}

impl Where {
    /// This machine, now.
    pub fn here(device: DeviceChoice) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Where {
            machine: machine::describe(),
            cores: machine::cores(),
            memory_mb: machine::memory_mb().0,
            load: load.and_then(|load| load.split_whitespace().next()?.parse().ok()),
            device: device.to_string(),
            threads: 1,
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            dependencies: versions::of_this_build(),
            started_unix: machine::unix_now(),
        }
    }
}

/// All measurements of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Version of this structure.
    pub version: u32,
    /// Where.
    pub place: Where,
    /// The measurements, in the order taken.
    pub measured: Vec<Measured>,
}

impl Outcome {
    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Input`] where the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let refused = |reason: String| {
            Error::Input(format!("{}: {reason}; `harness bench --output FILE` writes such a file", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let outcome: Outcome = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        if outcome.version != OUTCOME_VERSION {
            return Err(refused(format!("version {}, expected {OUTCOME_VERSION}", outcome.version)));
        }
        Ok(outcome)
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Environment`] where the disk refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::Failed(error.to_string()))?;
        crate::store::atomic::write(path, &text)
            .map_err(|error| Error::Environment(format!("cannot write {}: {error}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_from_disk_bit_for_bit_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        let measured = Measured { flop: Some(1e9 / 3.0), ..Measured::new("mlp", "a step", &[0.1, 0.3, 0.2]) };
        let outcome =
            Outcome { version: OUTCOME_VERSION, place: Where::here(DeviceChoice::Cpu), measured: vec![measured] };
        outcome.write(&path).unwrap();
        assert_eq!(Outcome::read(&path).unwrap(), outcome);
        Outcome { version: 99, ..outcome }.write(&path).unwrap();
        assert!(Outcome::read(&path).unwrap_err().to_string().contains("version 99, expected 1"));
        std::fs::write(&path, "{}").unwrap();
        assert!(Outcome::read(&path).unwrap_err().to_string().contains("--output FILE"));
    }
}
