//! Brings data sets into the cache: cache, mirrors, registered URL, in this order.

use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use url::Url;

use super::DataError;
use super::atomic::{self, Part, sidecar};
use super::cache::{Cache, CachedFile, CachedSet, FileStatus, Form, Found, Rehash, record_digest, record_verification};
use super::digest::{self, CHUNK, read_some};
use super::error::{Attempt, Unavailable};
use super::http::{Download, Failure, Transfer, mismatch};
use super::options::{FetchOptions, Mirror, Progress};
use super::registry::{DataFile, DataSet, Registry, UrlServes};

/// Fetches data sets into a cache folder.
///
/// What it promises:
/// - A name in the cache means that its bytes were checked against the digest of the registry. A file appears in whole
///   or not at all, and survives power loss from then on.
/// - A file without a registered digest is trusted on first use, with a warning; its digest is recorded in
///   `<file>.sha256` beside it and binding from then on.
/// - Any number of processes may fetch into one cache. Locks only save work: on a file system where they do nothing,
///   some files are downloaded more than once, and the cache is still correct.
/// - With [`offline`](FetchOptions::offline), no socket is opened.
/// - If no source serves a file, one error lists every source with its reason, and where to put the file by hand.
///
/// ```no_run
/// use harness_core::data::{FetchOptions, Fetcher};
///
/// let fetcher = Fetcher::new(FetchOptions::from_env(".".as_ref())?);
/// let mnist = fetcher.fetch("mnist")?;
/// let pixels = mnist.read("train-images-idx3-ubyte.gz")?;
/// # Ok::<(), harness_core::data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fetcher {
    registry: Registry,
    cache: Cache,
    options: FetchOptions,
}

impl Fetcher {
    /// A fetcher of the sets in [`Registry::builtin`].
    #[must_use]
    pub fn new(options: FetchOptions) -> Self {
        Self::with_registry(Registry::builtin().clone(), options)
    }

    /// A fetcher of the sets in another registry.
    #[must_use]
    pub fn with_registry(registry: Registry, options: FetchOptions) -> Self {
        Self { registry, cache: Cache::new(options.cache.clone()), options }
    }

    /// The registry in use.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The settings in use.
    #[must_use]
    pub fn options(&self) -> &FetchOptions {
        &self.options
    }

    /// Returns a data set from the cache, after fetching what is missing or damaged there.
    ///
    /// # Errors
    /// [`DataError::UnknownSet`]; [`DataError::Unavailable`] if no source serves a file; [`DataError::Io`] if the cache
    /// cannot be written to.
    pub fn fetch(&self, id: &str) -> Result<CachedSet, DataError> {
        let set = self.registry.get(id)?;
        let now = Instant::now();
        let deadline = now.checked_add(self.options.deadline).unwrap_or(now);
        for file in &set.files {
            self.fetch_file(set, file, deadline)?;
        }
        // Each file was valid a moment ago; if one is gone now, somebody else deleted it.
        self.cache.locate(set)?.ok_or_else(|| {
            let folder = self.cache.folder(set);
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            DataError::io("find what was just fetched in", &folder, gone)
        })
    }

    /// Returns a data set if the cache has all of it. Nothing is fetched or copied; files that were not verified
    /// before, or changed since, are hashed.
    ///
    /// # Errors
    /// [`DataError::UnknownSet`], [`DataError::Io`].
    pub fn locate(&self, id: &str) -> Result<Option<CachedSet>, DataError> {
        self.cache.locate(self.registry.get(id)?)
    }

    /// What the cache holds of a data set, without hashing anything.
    ///
    /// # Errors
    /// [`DataError::UnknownSet`], [`DataError::Io`].
    pub fn status(&self, id: &str) -> Result<Vec<FileStatus>, DataError> {
        self.cache.status(self.registry.get(id)?, Rehash::Never)
    }

    /// What the cache holds of a data set, with every byte hashed again.
    ///
    /// # Errors
    /// [`DataError::UnknownSet`], [`DataError::Io`].
    pub fn verify(&self, id: &str) -> Result<Vec<FileStatus>, DataError> {
        self.cache.status(self.registry.get(id)?, Rehash::Always)
    }

    fn fetch_file(&self, set: &DataSet, file: &DataFile, deadline: Instant) -> Result<(), DataError> {
        if let Found::Valid { .. } = self.cache.find(set, file, Rehash::IfChanged)? {
            return Ok(());
        }
        let folder = self.cache.folder(set);
        std::fs::create_dir_all(&folder).map_err(|e| DataError::io("create the cache folder", &folder, e))?;
        let place = self.cache.registered(set, file).path;
        let _lock = lock(&sidecar(&place, ".lock"), deadline);
        atomic::remove_stale_parts(&place);

        let mut tried = Vec::new();
        // Another process may have fetched the file while this one waited for the lock.
        match self.cache.find(set, file, Rehash::IfChanged)? {
            Found::Valid { .. } => return Ok(()),
            Found::Missing => tried.push(Attempt {
                source: format!("cache {}", place.display()),
                reason: "not there".to_owned(),
                wrong_bytes: false,
            }),
            Found::Corrupt { path, expected, found } => tried.push(Attempt {
                source: format!("cache {}", path.display()),
                reason: format!("sha256 is {found}, expected {expected}"),
                // The cache may be cleaned at any time: a bad file there says nothing about the sources.
                wrong_bytes: false,
            }),
            Found::Unverified(cached) => {
                let (found, _) = digest::of_file(&cached.path)?;
                return self.trust(set, file, &cached, &found);
            }
        }

        for source in self.sources(set, file) {
            let (reason, wrong_bytes) = match self.try_source(set, file, &source, deadline) {
                Ok(()) => return Ok(()),
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Deadline) => {
                    let reason = format!(
                        "the total time of {} s for this data set is over",
                        self.options.deadline.as_secs_f64()
                    );
                    tried.push(Attempt { source: source.to_string(), reason, wrong_bytes: false });
                    break;
                }
                Err(Failure::WrongBytes(reason)) => (reason, true),
                Err(Failure::Retry { reason, .. } | Failure::Source(reason)) => (reason, false),
            };
            tried.push(Attempt { source: source.to_string(), reason, wrong_bytes });
        }
        Err(DataError::Unavailable(Box::new(Unavailable {
            set: set.id.clone(),
            file: file.name.clone(),
            tried,
            place,
            bytes: file.bytes.get(),
            sha256: file.sha256.clone(),
        })))
    }

    /// Where to look for a file, in order.
    fn sources(&self, set: &DataSet, file: &DataFile) -> Vec<Source> {
        let mut sources = Vec::new();
        for mirror in &self.options.mirrors {
            match mirror {
                Mirror::Dir(dir) => {
                    let folder = dir.join(&set.id);
                    sources.push(Source::Path(folder.join(&file.name), Form::AsRegistered));
                    if let Some(name) = file.content_name() {
                        sources.push(Source::Path(folder.join(name), Form::Content));
                    }
                }
                Mirror::Url(base) => match base.join(&format!("{}/{}", set.id, file.name)) {
                    Ok(url) => sources.push(Source::Url(url, Form::AsRegistered)),
                    Err(error) => {
                        sources.push(Source::None(mirror.to_string(), error.to_string()));
                    }
                },
            }
        }
        sources.push(match &file.url {
            None => Source::None(
                "registered URL".to_owned(),
                "none: the file was converted or packed for this registry, only mirrors have it".to_owned(),
            ),
            Some(url) => match Url::parse(url) {
                Ok(parsed) => Source::Url(
                    parsed,
                    match file.url_serves {
                        UrlServes::File => Form::AsRegistered,
                        UrlServes::Content => Form::Content,
                    },
                ),
                Err(error) => Source::None(url.clone(), error.to_string()),
            },
        });
        sources
    }

    /// Fetches one file from one source into the cache.
    fn try_source(&self, set: &DataSet, file: &DataFile, source: &Source, deadline: Instant) -> Result<(), Failure> {
        let form = match source {
            Source::None(_, reason) => return Err(Failure::Source(reason.clone())),
            Source::Url(..) if self.options.offline => {
                return Err(Failure::Source("not asked: offline".to_owned()));
            }
            Source::Path(_, form) | Source::Url(_, form) => *form,
        };
        let expected = self.cache.expected(set, file)?;
        let (target, bytes, sha256) = match form {
            Form::AsRegistered => (self.cache.registered(set, file), file.bytes.get(), expected.as_deref()),
            Form::Content => match (self.cache.content(set, file), file.content_bytes) {
                (Some(target), Some(bytes)) => (target, bytes.get(), file.content_sha256.as_deref()),
                _ => return Err(Failure::Source("its content is not registered".to_owned())),
            },
        };
        let progress = |done: u64| {
            if let Some(progress) = &self.options.progress {
                progress(&Progress { set: &set.id, file: &file.name, done, total: bytes });
            }
        };
        let part = match source {
            Source::Url(url, _) => self.download(
                &target.path,
                &Download { url, bytes, sha256, options: &self.options, deadline, progress: &progress },
            )?,
            Source::Path(path, _) => copy(path, &target.path, bytes, sha256, deadline, &progress)?,
            Source::None(_, reason) => return Err(Failure::Source(reason.clone())),
        };
        let found = part.sha256();
        part.publish(&target.path)?;
        if sha256.is_some() {
            record_verification(&target.path, &found);
        } else {
            self.trust(set, file, &target, &found)?;
        }
        Ok(())
    }

    /// Asks one URL until it serves the file or the retries are used up.
    fn download(&self, target: &Path, download: &Download<'_>) -> Result<Part, Failure> {
        let mut transfer = Transfer::new(Part::beside(target)?);
        let mut failures = 0;
        let mut wrong = 0;
        loop {
            let failure = match transfer.attempt(download) {
                Ok(()) => return Ok(transfer.into_part()),
                Err(failure) => failure,
            };
            let wait = match &failure {
                Failure::Retry { wait, .. } if failures < self.options.retries => {
                    failures += 1;
                    match wait {
                        Some(wait) => (*wait).min(self.options.max_retry_after),
                        None => back_off(failures),
                    }
                }
                Failure::WrongBytes(_) if wrong == 0 && self.options.retries > 0 => {
                    wrong += 1;
                    back_off(1)
                }
                _ => return Err(failure),
            };
            let left = download.deadline.saturating_duration_since(Instant::now());
            if wait >= left {
                return Err(Failure::Deadline);
            }
            (self.options.sleep)(wait);
        }
    }

    /// Accepts a file that the registry has no digest for, and binds the cache to what it is now.
    fn trust(&self, set: &DataSet, file: &DataFile, cached: &CachedFile, found: &str) -> Result<(), DataError> {
        record_digest(&cached.path, found)?;
        record_verification(&cached.path, found);
        (self.options.warn)(&format!(
            "the registry has no digest for `{}` of data set `{}`; trusting these bytes (sha256 {found}, recorded in {})",
            file.name,
            set.id,
            sidecar(&cached.path, ".sha256").display(),
        ));
        Ok(())
    }
}

/// A place that may have a file.
enum Source {
    Path(PathBuf, Form),
    Url(Url, Form),
    /// A source that cannot be asked, and why. Listed so that the final message is complete.
    None(String, String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path, _) => path.display().fmt(f),
            Self::Url(url, _) => url.fmt(f),
            Self::None(name, _) => f.write_str(name),
        }
    }
}

/// Copies a file from a mirror folder, with its digest checked on the way.
fn copy(
    from: &Path,
    target: &Path,
    bytes: u64,
    sha256: Option<&str>,
    deadline: Instant,
    progress: &dyn Fn(u64),
) -> Result<Part, Failure> {
    let unreadable = |error: std::io::Error| Failure::Source(format!("cannot be read: {error}"));
    let mut file = match File::open(from) {
        Ok(file) => file.take(bytes.saturating_add(1)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::Source("not there".to_owned()));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut part = Part::beside(target)?;
    let mut buffer = vec![0_u8; CHUNK];
    loop {
        match read_some(&mut file, &mut buffer).map_err(unreadable)? {
            [] => break,
            read => {
                part.append(read)?;
                progress(part.length().min(bytes));
                // Network file systems can be as slow as any server.
                if Instant::now() >= deadline {
                    return Err(Failure::Deadline);
                }
            }
        }
    }
    if part.length() > bytes {
        return Err(Failure::WrongBytes(format!("has more than the registered {bytes} bytes")));
    }
    match mismatch(&part, bytes, sha256) {
        None => Ok(part),
        Some(fault) => Err(Failure::WrongBytes(fault)),
    }
}

/// Waits for the lock of one file. None if locks do not work here or time is over: the caller goes on without.
fn lock(path: &Path, deadline: Instant) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    let mut wait = Duration::from_millis(5);
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::Error(_)) => return None,
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(wait);
                wait = (wait * 2).min(Duration::from_millis(200));
            }
        }
    }
}

/// 0.5 s, 1 s, 2 s … up to 10 s.
fn back_off(failures: u32) -> Duration {
    let doubled = 500_u64.saturating_mul(1 << failures.saturating_sub(1).min(10));
    Duration::from_millis(doubled.min(10_000))
}
