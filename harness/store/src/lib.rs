//! The store: one file per trial, from which everything else is derived.
//!
//! ```text
//! STORE/version                               of the files in it
//! STORE/<paper>/<profile>/<key>.json          a finished or skipped trial
//! STORE/<paper>/<profile>/<key>.failed.json   the latest failure of a trial that has not finished
//! STORE/<paper>/<profile>/<key>.checkpoint    the state of an interrupted trial
//! STORE/_stages/<key>.safetensors             what several trials share
//! STORE/durations.json                        how long trials took; derived
//! ```
//! A trial file is an envelope `{"version", "sha256", "record"}` whose digest is that of the record's text, so that a
//! flipped byte is noticed and named instead of entering a mean.
//!
//! A crate of its own, without burn, so that a notebook reads a store without building a tensor library.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod atomic;
mod durations;
pub mod failpoint;
pub mod manifest;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use harness_core::Error;
use harness_core::paper::Profile;
use harness_core::record::{RECORD_VERSION, Record};
use harness_core::trial::hex;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use durations::Durations;

/// The folder of stages. No paper can have this name: a slug begins with a letter.
const STAGES: &str = "_stages";

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; free space or choose another folder with --reports")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A trial file is not what was written.
    #[error("{path}: {reason}; delete it to run the trial again, or restore it from a copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A trial file was written by a newer version.
    #[error("{path} has version {found}, this build knows up to {RECORD_VERSION}: use a newer harness")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Write { .. } | StoreError::Read { .. } => Error::Environment(error.to_string()),
            StoreError::Damaged { .. } | StoreError::Newer { .. } => Error::Failed(error.to_string()),
        }
    }
}

/// The directory of finished trials.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

#[derive(Serialize)]
struct NewEnvelope<'a> {
    version: u32,
    sha256: String,
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    version: u32,
    sha256: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// All that is in a store, or in a part of it.
#[derive(Debug, Default)]
pub struct Contents {
    /// The records that could be read.
    pub records: Vec<Record>,
    /// What could not be read, and why.
    pub damaged: Vec<StoreError>,
}

/// The keys of the trials of one paper and profile that are in a store.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Present {
    /// Finished or skipped.
    pub finished: BTreeSet<String>,
    /// Failed the last time; a trial that finished elsewhere meanwhile may be in both.
    pub failed: BTreeSet<String>,
}

impl Store {
    /// The store below `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Store { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, paper: &str, profile: Profile) -> PathBuf {
        self.root.join(paper).join(profile.name())
    }

    /// Where a finished trial lies.
    pub fn path(&self, paper: &str, profile: Profile, key: &str) -> PathBuf {
        self.folder(paper, profile).join(format!("{key}.json"))
    }

    fn failed_path(&self, paper: &str, profile: Profile, key: &str) -> PathBuf {
        self.folder(paper, profile).join(format!("{key}.failed.json"))
    }

    /// Where a record lies, that of a failure too.
    pub fn path_of(&self, record: &Record) -> PathBuf {
        let place = match record.outcome {
            harness_core::record::Outcome::Failed { .. } => Self::failed_path,
            _ => Self::path,
        };
        place(self, &record.paper, record.profile, &record.key)
    }

    /// The record in the bytes of a trial file of this key; `path` names the file in errors.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Newer`].
    pub fn parse(bytes: &[u8], path: &Path, key: &str) -> Result<Record, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
        let envelope: Envelope =
            serde_json::from_slice(bytes).map_err(|error| damaged(format!("is not a trial file ({error})")))?;
        if envelope.version > RECORD_VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found: envelope.version });
        }
        let found = hex(&Sha256::digest(envelope.record.get().as_bytes()));
        if found != envelope.sha256 {
            return Err(damaged(format!("its content has the digest {found}, but {} was written", envelope.sha256)));
        }
        let record: Record = serde_json::from_str(envelope.record.get())
            .map_err(|error| damaged(format!("its record cannot be read ({error})")))?;
        if record.key != key {
            return Err(damaged(format!("it holds the trial {}", record.key)));
        }
        Ok(record)
    }

    /// Where the checkpoint of a trial lies.
    pub fn checkpoint_path(&self, paper: &str, profile: Profile, key: &str) -> PathBuf {
        self.folder(paper, profile).join(format!("{key}.checkpoint"))
    }

    /// Where the result of a stage lies.
    pub fn stage_path(&self, key: &str) -> PathBuf {
        self.root.join(STAGES).join(format!("{key}.safetensors"))
    }

    /// Makes the folder, and makes sure that this build may write to it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a store that a newer version wrote; [`StoreError::Write`] where it cannot be made.
    pub fn claim(&self) -> Result<(), StoreError> {
        let path = self.root.join("version");
        match std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u32>().ok()) {
            Some(found) if found > RECORD_VERSION => Err(StoreError::Newer { path, found }),
            Some(_) => Ok(()),
            None => atomic::write(&path, format!("{RECORD_VERSION}\n").as_bytes())
                .map_err(|source| StoreError::Write { path, source }),
        }
    }

    /// Whether the trial is finished or skipped, by the presence of its file. Whatever else stands in its place counts
    /// too: it is named when it is read, and a run that tried to replace it would lose its result.
    pub fn has(&self, paper: &str, profile: Profile, key: &str) -> bool {
        self.path(paper, profile, key).exists()
    }

    /// The keys of a paper's trials that are there, by one look at the folder instead of one at each file.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the folder cannot be listed.
    pub fn present(&self, paper: &str, profile: Profile) -> Result<Present, StoreError> {
        let mut present = Present::default();
        let files = match entries(&self.folder(paper, profile)) {
            // A file in the place of a folder holds no trial; who writes is told.
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => Vec::new(),
            files => files?,
        };
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(key) = name.strip_suffix(".failed.json") {
                present.failed.insert(key.to_owned());
            } else if let Some(key) = name.strip_suffix(".json") {
                present.finished.insert(key.to_owned());
            }
        }
        Ok(present)
    }

    /// Whether the latest run of the trial failed.
    pub fn has_failed(&self, paper: &str, profile: Profile, key: &str) -> bool {
        self.failed_path(paper, profile, key).is_file()
    }

    /// Keeps a record. A failure stands aside until the trial finishes, and is then removed, as is its checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Write`]; the store is as it was.
    pub fn write(&self, record: &Record) -> Result<(), StoreError> {
        use harness_core::record::Outcome;
        let failed = self.failed_path(&record.paper, record.profile, &record.key);
        let finished = self.path(&record.paper, record.profile, &record.key);
        let path = if matches!(record.outcome, Outcome::Failed { .. }) { &failed } else { &finished };
        let bytes = seal(record).map_err(|source| StoreError::Write { path: path.clone(), source })?;
        atomic::write(path, &bytes).map_err(|source| StoreError::Write { path: path.clone(), source })?;
        if path == &finished {
            for leftover in [failed, self.checkpoint_path(&record.paper, record.profile, &record.key)] {
                // Harmless where it stays: a finished trial is looked for first.
                let _ = std::fs::remove_file(leftover);
            }
        }
        Ok(())
    }

    /// Keeps a made-up record, without the flushes that make [`Store::write`] survive a loss of power and take most of
    /// its time: there is nothing to lose.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn write_unflushed(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.path_of(record);
        let written = seal(record).and_then(|bytes| {
            std::fs::create_dir_all(self.folder(&record.paper, record.profile))?;
            std::fs::write(&path, bytes)
        });
        written.map_err(|source| StoreError::Write { path, source })
    }

    /// The finished or skipped trial of this key.
    ///
    /// # Errors
    /// [`StoreError`] where there is a file that cannot be read or is damaged.
    pub fn read(&self, paper: &str, profile: Profile, key: &str) -> Result<Option<Record>, StoreError> {
        read_file(&self.path(paper, profile, key), key)
    }

    /// The latest failure of the trial of this key.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_failed(&self, paper: &str, profile: Profile, key: &str) -> Result<Option<Record>, StoreError> {
        read_file(&self.failed_path(paper, profile, key), key)
    }

    /// Takes in a trial of another store: `true` where it was not there yet. Of two outcomes of one key the better is
    /// kept (finished before skipped before failed), and of two equally good ones the smaller digest, so that neither
    /// the order of stores nor repetition matters.
    ///
    /// # Errors
    /// As [`Store::write`] and [`Store::read`].
    pub fn take_in(&self, record: &Record) -> Result<bool, StoreError> {
        let (paper, profile, key) = (&record.paper, record.profile, &record.key);
        let present = match self.read(paper, profile, key) {
            Ok(None) => self.read_failed(paper, profile, key),
            found => found,
        };
        let present = match present {
            // Its copy from elsewhere is the cure.
            Err(StoreError::Damaged { .. }) => None,
            found => found?,
        };
        let better = present.is_none_or(|present| preference(record) < preference(&present));
        if better {
            self.write(record)?;
        }
        Ok(better)
    }

    /// Files of trials, checkpoints and failures whose key is not among `keep`, and all stages and leftovers of
    /// writes, which are only worth the time it takes to compute them.
    ///
    /// # Errors
    /// [`StoreError::Read`] where a folder cannot be listed.
    pub fn unused(&self, keep: &BTreeSet<String>) -> Result<Vec<PathBuf>, StoreError> {
        let mut unused = entries(&self.root.join(STAGES))?;
        for paper in folders(&self.root)? {
            for profile in folders(&paper)? {
                unused.extend(entries(&profile)?.into_iter().filter(|file| {
                    let name = file.file_name().unwrap_or_default().to_string_lossy();
                    !keep.contains(name.split('.').next().unwrap_or_default())
                }));
            }
        }
        unused.sort();
        Ok(unused)
    }

    /// Everything of the store, damaged files named; an absent store is empty.
    ///
    /// # Errors
    /// [`StoreError::Read`] where a folder cannot be listed.
    pub fn contents(&self) -> Result<Contents, StoreError> {
        let mut files = Vec::new();
        for paper in folders(&self.root)? {
            for profile in folders(&paper)? {
                for file in entries(&profile)? {
                    if file.extension().is_some_and(|extension| extension == "json") {
                        files.push(file);
                    }
                }
            }
        }
        files.sort();
        let read: Vec<Result<Option<Record>, StoreError>> = files
            .par_iter()
            .map(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let key = name.trim_end_matches(".json").trim_end_matches(".failed").to_owned();
                read_file(file, &key)
            })
            .collect();
        let mut contents = Contents::default();
        for result in read {
            match result {
                Ok(record) => contents.records.extend(record),
                Err(error) => contents.damaged.push(error),
            }
        }
        Ok(contents)
    }
}

/// How many trials were taken in from another store.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// New here.
    pub taken: usize,
    /// There already.
    pub present: usize,
}

impl Merged {
    /// Counts one.
    pub fn add(&mut self, taken: bool) {
        if taken {
            self.taken += 1;
        } else {
            self.present += 1;
        }
    }
}

/// Which of two records of one key is kept: the smaller. Costs and times of day do not matter to a result, but
/// something has to decide, and the digest of the whole does so alike on every machine.
fn preference(record: &Record) -> (u8, String) {
    use harness_core::record::Outcome;
    let rank = match record.outcome {
        Outcome::Finished => 0,
        Outcome::Skipped { .. } => 1,
        Outcome::Failed { .. } => 2,
    };
    let text = serde_json::to_vec(record).unwrap_or_default();
    (rank, hex(&Sha256::digest(text)))
}

/// The bytes of a trial file.
fn seal(record: &Record) -> io::Result<Vec<u8>> {
    let text = serde_json::value::to_raw_value(record).map_err(io::Error::other)?;
    let sha256 = hex(&Sha256::digest(text.get().as_bytes()));
    let envelope = NewEnvelope { version: RECORD_VERSION, sha256, record: &text };
    let mut bytes = serde_json::to_vec(&envelope).map_err(io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_file(path: &Path, key: &str) -> Result<Option<Record>, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Read { path: path.to_owned(), source }),
    };
    Store::parse(&bytes, path, key).map(Some)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::Read { path: folder.to_owned(), source }),
    };
    listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|source| StoreError::Read { path: folder.to_owned(), source })
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}
