//! What a running trial has: device, random streams, data, settings, and where to leave its results.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backend::Device;
use crate::data::CachedSet;
use crate::error::{Error, Result};
use crate::number::Number;
use crate::record::{Cost, Image, Outcome, Provenance, RECORD_VERSION, Record, Series};
use crate::rng::{self, Stream};
use crate::trial::{DataSource, Trial, canonical, hex};
use crate::weights::Weights;

/// How often a checkpoint is written at most.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// A data set as a trial finds it.
#[derive(Debug, Clone)]
pub enum Data {
    /// The registered files.
    Real(CachedSet),
    /// Not to be had, or not wanted: the paper generates a stand-in.
    Synthetic,
}

/// What runs a trial: where progress goes, where data and checkpoints come from.
pub trait Host {
    /// Opens a data set whose files are in the cache.
    ///
    /// # Errors
    /// Where the files are gone or changed since the plan was made.
    fn open(&mut self, id: &str) -> Result<CachedSet>;
    /// Takes note of progress.
    fn progress(&mut self, done: u64, total: u64);
    /// Whether the user asked to stop.
    fn interrupt(&self) -> Interrupt;
    /// Keeps a checkpoint of the trial, replacing an older one.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn save_checkpoint(&mut self, state: &[u8]) -> Result<()>;
    /// The latest checkpoint of this trial, if there is one that is whole.
    fn load_checkpoint(&mut self) -> Option<Vec<u8>>;
    /// What, besides the trial's own identity, a shared stage depends on: code and class of device.
    fn stage_scope(&self) -> String;
    /// The stored result of a stage. `None` makes the caller the one that computes it; another process that asks for
    /// the same key meanwhile waits for [`Host::store_stage`], or takes over where the first one dies.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn load_stage(&mut self, key: &str) -> Result<Option<Vec<u8>>>;
    /// Keeps the result of a stage and lets the others go on; `None` gives up without a result.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn store_stage(&mut self, key: &str, result: Option<&[u8]>) -> Result<()>;
}

/// How urgently the user asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Interrupt {
    /// Not at all.
    #[default]
    None,
    /// Checkpoint or finish.
    Drain,
    /// Stop at once.
    Stop,
}

/// A host for tests, doctests and notebooks: no data in the cache, no checkpoints, no progress shown.
#[derive(Debug, Default)]
pub struct QuietHost;

impl Host for QuietHost {
    fn open(&mut self, id: &str) -> Result<CachedSet> {
        Err(Error::Missing(format!("data set `{id}` is not available here")))
    }
    fn progress(&mut self, _done: u64, _total: u64) {}
    fn interrupt(&self) -> Interrupt {
        Interrupt::None
    }
    fn save_checkpoint(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }
    fn load_checkpoint(&mut self) -> Option<Vec<u8>> {
        None
    }
    fn stage_scope(&self) -> String {
        String::new()
    }
    fn load_stage(&mut self, _key: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn store_stage(&mut self, _key: &str, _result: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
}

/// All that a trial recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notebook {
    /// Final numbers.
    pub metrics: BTreeMap<String, Number>,
    /// Measured times.
    pub timings: BTreeMap<String, Number>,
    /// Curves.
    pub series: BTreeMap<String, Series>,
    /// Pictures.
    pub images: BTreeMap<String, Image>,
    /// Texts.
    pub texts: BTreeMap<String, String>,
    /// Training steps reported.
    pub steps: u64,
}

impl Notebook {
    /// The record of a finished `trial`, without what only its runner knows: key, cost and provenance are empty.
    pub fn into_record(self, trial: &Trial) -> Record {
        Record {
            version: RECORD_VERSION,
            key: String::new(),
            paper: trial.paper.clone(),
            paper_version: trial.paper_version,
            profile: trial.profile,
            arm: trial.arm.clone(),
            cell: trial.cell.clone(),
            seed: trial.seed,
            outcome: Outcome::Finished,
            metrics: self.metrics,
            timings: self.timings,
            series: self.series,
            images: self.images,
            texts: self.texts,
            cost: Cost::default(),
            provenance: Provenance::default(),
        }
    }
}

/// What a trial needs, and nothing else: a paper never reads the clock, the environment, files or the network itself.
pub struct Lab<'a> {
    trial: &'a Trial,
    device: Device,
    host: &'a mut dyn Host,
    notebook: Notebook,
    last_checkpoint: Instant,
}

impl<'a> Lab<'a> {
    /// A lab for `trial` on `device`.
    pub fn new(trial: &'a Trial, device: Device, host: &'a mut dyn Host) -> Self {
        Lab { trial, device, host, notebook: Notebook::default(), last_checkpoint: Instant::now() }
    }

    /// Where tensors live. Gradients are recorded for tensors that require them.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The random stream `name` of this paper and seed, at its beginning: the same for all arms and cells.
    pub fn rng(&self, name: &str) -> Stream {
        rng::stream(&self.trial.paper, name, self.trial.seed)
    }

    /// Opens a data set named in the grid block of this trial.
    ///
    /// # Errors
    /// [`Error::Failed`] where the block does not name it, or the host's error where the files are gone.
    pub fn data(&mut self, id: &str) -> Result<Data> {
        match self.trial.data.get(id) {
            None => Err(Error::Failed(format!(
                "the trial opened data set `{id}`, which its grid block in paper.yaml does not name under `data`"
            ))),
            Some(DataSource::Synthetic) => Ok(Data::Synthetic),
            Some(DataSource::Real { digest }) => {
                let set = self.host.open(id)?;
                if &set.digest != digest {
                    return Err(Error::Environment(format!(
                        "data set `{id}` changed while the run was going on: run the command again"
                    )));
                }
                Ok(Data::Real(set))
            }
        }
    }

    /// The profile's settings as the paper's own type.
    ///
    /// # Errors
    /// As [`Trial::settings`].
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        self.trial.settings()
    }

    /// Records a final number. A second value of the same name replaces the first.
    pub fn record(&mut self, metric: &str, value: f64) {
        self.notebook.metrics.insert(metric.to_owned(), Number(value));
    }

    /// Adds a point to a curve.
    pub fn series(&mut self, name: &str, x: f64, y: f64) {
        let series = self.notebook.series.entry(name.to_owned()).or_default();
        series.x.push(Number(x));
        series.y.push(Number(y));
    }

    /// Keeps a small picture.
    ///
    /// # Errors
    /// [`Error::Failed`] where the number of bytes is not height × width × channels.
    pub fn image(&mut self, name: &str, image: Image) -> Result<()> {
        let expected = image.height * image.width * image.channels;
        if image.pixels.len() != expected || !matches!(image.channels, 1 | 3) {
            return Err(Error::Failed(format!(
                "image `{name}`: {} bytes for {} x {} x {}; expected {expected} with 1 or 3 channels",
                image.pixels.len(),
                image.height,
                image.width,
                image.channels
            )));
        }
        self.notebook.images.insert(name.to_owned(), image);
        Ok(())
    }

    /// Keeps a short text.
    pub fn text(&mut self, name: &str, text: impl Into<String>) {
        self.notebook.texts.insert(name.to_owned(), text.into());
    }

    /// Runs `work` and records how long it took in milliseconds under `name`, which ends in `_ms`. Times are kept
    /// apart from metrics, because they differ from run to run.
    pub fn timed<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = work();
        self.record_time(name, start.elapsed().as_secs_f64() * 1e3);
        value
    }

    /// Records a time that was derived from [`Lab::measure`], such as a median or a ratio.
    pub fn record_time(&mut self, name: &str, value: f64) {
        self.notebook.timings.insert(name.to_owned(), Number(value));
    }

    /// How many milliseconds `work` takes, with its result.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> (T, f64) {
        let start = Instant::now();
        let value = work();
        (value, start.elapsed().as_secs_f64() * 1e3)
    }

    /// Reports progress in training steps, and ends the trial if the user wants everything stopped at once.
    ///
    /// # Errors
    /// [`Error::Cancelled`], to be passed on with `?`.
    pub fn progress(&mut self, done: u64, total: u64) -> Result<()> {
        self.notebook.steps = self.notebook.steps.max(done);
        self.host.progress(done, total);
        if self.host.interrupt() == Interrupt::Stop { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Keeps the state of a long trial, at most every half minute: cheap to call each epoch. The state holds all
    /// that the rest of the trial depends on, the recorded results excepted, which are kept along. Where the user
    /// asked to stop, the state is kept at once and the trial ends here, to be taken up again by the next run.
    ///
    /// # Errors
    /// [`Error::Cancelled`], to be passed on with `?`; the host's error where the state cannot be written.
    pub fn checkpoint<T: Serialize>(&mut self, state: impl FnOnce() -> T) -> Result<()> {
        let stopping = self.host.interrupt() > Interrupt::None;
        if self.last_checkpoint.elapsed() < CHECKPOINT_EVERY && !stopping {
            return Ok(());
        }
        let state = serde_json::to_value(state()).map_err(|error| Error::Failed(format!("checkpoint: {error}")))?;
        let kept = serde_json::json!({ "notebook": self.notebook, "state": state });
        self.host.save_checkpoint(kept.to_string().as_bytes())?;
        self.last_checkpoint = Instant::now();
        if stopping { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The state of an interrupted run of this trial, with its recorded results put back; `None` at a fresh start.
    pub fn restore<T: DeserializeOwned>(&mut self) -> Option<T> {
        #[derive(Deserialize)]
        struct Kept<T> {
            notebook: Notebook,
            state: T,
        }
        let kept: Kept<T> = serde_json::from_slice(&self.host.load_checkpoint()?).ok()?;
        self.notebook = kept.notebook;
        Some(kept.state)
    }

    /// What several trials of one seed share, such as a pretrained model: computed by the first that asks, kept in
    /// the store, and read by all others. `settings` holds everything, besides seed, data and code, that the result
    /// depends on; arm and cell do not count unless they are in it. What `compute` records is dropped, because only
    /// one of the trials runs it.
    ///
    /// ```
    /// # use harness_core::{lab::QuietHost, backend::DeviceChoice, weights::Weights, Lab, Trial};
    /// # let trial: Trial = serde_json::from_value(serde_json::json!({"paper": "example", "paper_version": 1,
    /// #   "profile": "smoke", "arm": "a", "cell": {}, "seed": 0, "settings": {}, "arm_settings": {}, "data": {}}))?;
    /// # let mut host = QuietHost;
    /// # let mut lab = Lab::new(&trial, DeviceChoice::Cpu.open()?, &mut host);
    /// let weights = lab.stage("pretrained", &("width", 64), |_lab| {
    ///     let mut weights = Weights::new();
    ///     weights.put_floats("bias", &[2], vec![0.5, -0.5]);
    ///     Ok(weights)
    /// })?;
    /// assert_eq!(weights.floats("bias")?, [0.5, -0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of `compute`, and the host's where the store cannot be read or written.
    pub fn stage(
        &mut self,
        name: &str,
        settings: &impl Serialize,
        compute: impl FnOnce(&mut Self) -> Result<Weights>,
    ) -> Result<Weights> {
        let identity = serde_json::json!({
            "stage": name,
            "paper": self.trial.paper,
            "version": self.trial.paper_version,
            "seed": self.trial.seed,
            "settings": serde_json::to_value(settings).map_err(|error| Error::Failed(format!("stage {name}: {error}")))?,
            "data": self.trial.data,
            "scope": self.host.stage_scope(),
        });
        let key = hex(&Sha256::digest(canonical(&identity)));
        if let Some(bytes) = self.host.load_stage(&key)? {
            return Weights::from_bytes(&bytes);
        }
        let own = std::mem::take(&mut self.notebook);
        let computed = compute(self);
        let steps = self.notebook.steps;
        self.notebook = own;
        self.notebook.steps += steps;
        match computed.and_then(|weights| Ok((weights.to_bytes()?, weights))) {
            Ok((bytes, weights)) => {
                self.host.store_stage(&key, Some(&bytes))?;
                Ok(weights)
            }
            Err(error) => {
                self.host.store_stage(&key, None)?;
                Err(error)
            }
        }
    }

    /// All that was recorded.
    pub fn finish(self) -> Notebook {
        self.notebook
    }
}
