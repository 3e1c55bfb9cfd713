//! How long trials took, so that the longest are started first. Derived: nothing is lost where it is absent or torn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness_core::record::Record;
use harness_core::trial::Trial;

use crate::{Store, atomic};

/// Seconds by paper, profile, arm and cell.
#[derive(Debug, Default)]
pub struct Durations {
    path: PathBuf,
    seconds: BTreeMap<String, f64>,
    /// What was learned since they were read.
    learned: BTreeMap<String, f64>,
}

impl Durations {
    /// Reads what is known.
    pub fn load(store: &Store) -> Self {
        let path = store.root().join("durations.json");
        Durations { seconds: read(&path), path, learned: BTreeMap::new() }
    }

    /// The expected seconds of a trial: those of another seed, whatever its settings.
    pub fn expected(&self, trial: &Trial) -> Option<f64> {
        self.seconds.get(&name(&trial.paper, trial.profile.name(), &trial.arm, &trial.cell.to_string())).copied()
    }

    /// Takes note of a finished trial.
    pub fn note(&mut self, record: &Record) {
        let name = name(&record.paper, record.profile.name(), &record.arm, &record.cell.to_string());
        self.seconds.insert(name.clone(), record.cost.wall_s);
        self.learned.insert(name, record.cost.wall_s);
    }

    /// Keeps what was learned beside what others learned meanwhile. Failures, and what two that save at the same moment
    /// lose, do not matter: the next run only starts in another order.
    pub fn save(&self) {
        if self.learned.is_empty() {
            return;
        }
        let mut all = read(&self.path);
        all.extend(self.learned.clone());
        if let Ok(bytes) = serde_json::to_vec(&all) {
            let _ = atomic::write(&self.path, &bytes);
        }
    }
}

fn read(path: &Path) -> BTreeMap<String, f64> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn name(paper: &str, profile: &str, arm: &str, cell: &str) -> String {
    format!("{paper}/{profile}/{arm}/{cell}")
}
