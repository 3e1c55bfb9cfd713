//! A trial: the unit of work, of caching and of failure.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cell::Cell;
use crate::error::Result;
use crate::paper::Profile;
use crate::yaml;

/// Where a data set comes from in one trial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// The registered files, by the digest over all of them.
    Real {
        /// SHA-256, 64 hexadecimal digits.
        digest: String,
    },
    /// The paper's generator.
    Synthetic,
}

impl std::fmt::Display for DataSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DataSource::Real { digest } => write!(out, "sha256:{digest}"),
            DataSource::Synthetic => write!(out, "synthetic"),
        }
    }
}

/// One arm in one cell with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Slug of the paper.
    pub paper: String,
    /// Version of the reproduction.
    pub paper_version: u32,
    /// Profile.
    pub profile: Profile,
    /// Arm.
    pub arm: String,
    /// Cell.
    pub cell: Cell,
    /// Seed.
    pub seed: u64,
    /// The profile's settings after overrides.
    pub settings: Value,
    /// The arm's settings after overrides.
    pub arm_settings: Value,
    /// Source of each data set that the trial may open.
    pub data: BTreeMap<String, DataSource>,
}

impl Trial {
    /// The profile's settings as the paper's own type.
    ///
    /// # Errors
    /// [`crate::Error::Yaml`] naming the key that is unknown or of a wrong type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        let context = format!("profiles.{}.settings", self.profile);
        Ok(yaml::from_tree(&self.settings, &self.file(), &context)?)
    }

    /// The arm's settings as the paper's own type.
    ///
    /// # Errors
    /// As [`Trial::settings`].
    pub fn arm_settings<T: DeserializeOwned>(&self) -> Result<T> {
        let context = format!("arms.{}.settings", self.arm);
        Ok(yaml::from_tree(&self.arm_settings, &self.file(), &context)?)
    }

    /// The cell as the paper's own type: a struct with a field per factor.
    ///
    /// # Errors
    /// As [`Trial::settings`].
    pub fn cell<T: DeserializeOwned>(&self) -> Result<T> {
        let tree = serde_json::to_value(&self.cell).unwrap_or(Value::Null);
        let context = format!("profiles.{}.grid.factors", self.profile);
        Ok(yaml::from_tree(&tree, &self.file(), &context)?)
    }

    /// Digest of settings and arm settings.
    pub fn settings_digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(canonical(&self.settings));
        hash.update([0]);
        hash.update(canonical(&self.arm_settings));
        hex(&hash.finalize())
    }

    /// The key under which the result is stored: SHA-256 over everything that can change it.
    ///
    /// `code` is the digest of the code that the trial can reach, `device` the class of device.
    pub fn key(&self, code: &str, device: &str) -> String {
        let identity = serde_json::json!({
            "record": crate::record::RECORD_VERSION,
            "paper": self.paper,
            "version": self.paper_version,
            "profile": self.profile,
            "arm": self.arm,
            "cell": self.cell,
            "seed": self.seed,
            "settings": self.settings,
            "arm_settings": self.arm_settings,
            "data": self.data,
            "device": device,
            "code": code,
        });
        hex(&Sha256::digest(canonical(&identity)))
    }

    fn file(&self) -> String {
        format!("{}/paper.yaml", self.paper)
    }
}

/// JSON with the keys of every object sorted, so that equal values have equal text.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
