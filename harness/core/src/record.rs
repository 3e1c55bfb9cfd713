//! What a trial leaves behind: the on-disk form of a result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::number::Number;
use crate::paper::Profile;

/// The version of [`Record`] that this build writes.
pub const RECORD_VERSION: u32 = 1;

/// A trial and its outcome, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this structure.
    pub version: u32,
    /// The trial's key (64 hexadecimal digits).
    pub key: String,
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
    /// How it ended.
    pub outcome: Outcome,
    /// Final numbers by name; the same on every run of the same key on CPU.
    pub metrics: BTreeMap<String, Number>,
    /// Measured times by name, in the unit that the name ends with; they differ from run to run.
    pub timings: BTreeMap<String, Number>,
    /// Curves by name.
    pub series: BTreeMap<String, Series>,
    /// Small pictures by name.
    pub images: BTreeMap<String, Image>,
    /// Short texts by name.
    pub texts: BTreeMap<String, String>,
    /// What it took.
    pub cost: Cost,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Finished,
    /// It declined to run.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It did not come to its end; it never counts and never enters a mean.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A curve: y against x.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Abscissae in the order recorded.
    pub x: Vec<Number>,
    /// Ordinates, as many.
    pub y: Vec<Number>,
}

impl Series {
    /// The points.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.x.iter().zip(&self.y).map(|(x, y)| (x.0, y.0))
    }
}

/// A picture of `height` × `width` × `channels` bytes, row-major, channels last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Values from 0 (black) to 255.
    pub pixels: Vec<u8>,
}

/// What a trial took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Seconds from start to end, by the monotonic clock.
    pub wall_s: f64,
    /// Seconds of processor time of the thread's process, where known.
    pub cpu_s: Option<f64>,
    /// Peak resident memory of the process in MiB, where known.
    pub peak_rss_mb: Option<f64>,
    /// Training steps that the trial reported.
    pub steps: u64,
}

/// Where a result comes from: all that its key was made of, and the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Digest of the code that the trial can reach.
    pub code: String,
    /// Digest of the resolved settings.
    pub settings: String,
    /// Data set to `sha256:…` or `synthetic`.
    pub data: BTreeMap<String, String>,
    /// Device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// Version of harness.
    pub harness: String,
    /// Operating system, processor and its cores.
    pub machine: String,
    /// Seconds since 1970 when the trial started, by the wall clock; informative only.
    pub started_unix: u64,
}

impl Record {
    /// Whether the trial ran to its end.
    pub fn finished(&self) -> bool {
        self.outcome == Outcome::Finished
    }

    /// A final number or measured time.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).or_else(|| self.timings.get(name)).map(|number| number.0)
    }

    /// Whether a metric is NaN or infinite.
    pub fn diverged(&self) -> bool {
        self.metrics.values().any(|number| !number.0.is_finite())
    }

    /// Whether any of its data was generated.
    pub fn synthetic(&self) -> bool {
        self.provenance.data.values().any(|source| source == "synthetic")
    }
}
