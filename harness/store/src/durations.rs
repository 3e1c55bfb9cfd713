//! How long trials took, so that the longest are started first. Derived: nothing is lost where it is absent or torn.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness_core::record::Record;
use harness_core::trial::Trial;

use crate::{Store, atomic};

/// Seconds by paper, profile, arm and cell.
#[derive(Debug, Default)]
pub struct Durations {
    path: PathBuf,
    seconds: BTreeMap<String, f64>,
}

impl Durations {
    /// Reads what is known.
    pub fn load(store: &Store) -> Self {
        let path = store.root().join("durations.json");
        let seconds =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Durations { path, seconds }
    }

    /// The expected seconds of a trial: those of another seed, whatever its settings.
    pub fn expected(&self, trial: &Trial) -> Option<f64> {
        self.seconds.get(&name(&trial.paper, trial.profile.name(), &trial.arm, &trial.cell.to_string())).copied()
    }

    /// Takes note of a finished trial.
    pub fn note(&mut self, record: &Record) {
        let name = name(&record.paper, record.profile.name(), &record.arm, &record.cell.to_string());
        self.seconds.insert(name, record.cost.wall_s);
    }

    /// Keeps what is known. Failures do not matter: the next run only starts in another order.
    pub fn save(&self) {
        if let Ok(bytes) = serde_json::to_vec(&self.seconds) {
            let _ = atomic::write(&self.path, &bytes);
        }
    }
}

fn name(paper: &str, profile: &str, arm: &str, cell: &str) -> String {
    format!("{paper}/{profile}/{arm}/{cell}")
}
