//! The cache folder: a name in it means that its bytes were checked against the registered digest.
//!
//! Beside a file `x` may stand `x.ok` (which digest was verified, at which size and time of change, so that later runs
//! need not hash again), `x.sha256` (the digest recorded on first use of a file that the registry has none for) and
//! `x.lock`. All three can be deleted at any time, except that deleting `x.sha256` means trusting the file again.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::DataError;
use super::atomic::{self, sidecar};
use super::digest::{self, CHUNK};
use super::registry::{DataFile, DataSet};

/// Which form of a registered file the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The registered bytes, under the registered name.
    AsRegistered,
    /// The decompressed content, under the name without `.gz`.
    Content,
}

/// A verified file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub form: Form,
    /// Most bytes that reading may yield, if the registry tells.
    content_bytes: Option<u64>,
}

/// A complete data set in the cache, every file verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedSet {
    /// The set's id in the registry.
    pub id: String,
    /// The folder that holds the files.
    pub dir: PathBuf,
    /// The files by registered name, whichever form is cached.
    pub files: BTreeMap<String, CachedFile>,
    /// SHA-256 over the sorted digests of the registered files, one per line. It does not depend on the form in which
    /// the files are cached, and is part of every key of a trial that uses the set.
    pub digest: String,
}

impl CachedSet {
    /// Opens a file by its registered name and decompresses it if the name ends in `.gz`, whichever form is cached.
    ///
    /// # Errors
    /// [`DataError::UnknownFile`] or [`DataError::Io`]. Reading may fail with the system's error.
    pub fn open(&self, name: &str) -> Result<Box<dyn Read + Send>, DataError> {
        let cached = self.file(name)?;
        let file = std::fs::File::open(&cached.path).map_err(|e| DataError::io("open", &cached.path, e))?;
        if cached.form == Form::AsRegistered && name.ends_with(".gz") {
            Ok(Box::new(MultiGzDecoder::new(std::io::BufReader::new(file))))
        } else {
            Ok(Box::new(file))
        }
    }

    /// Reads a file by its registered name, decompressed as by [`CachedSet::open`].
    ///
    /// # Errors
    /// As [`CachedSet::open`]; [`DataError::Format`] if the file decompresses to more than the registered content.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DataError> {
        let cached = self.file(name)?;
        let limit = cached.content_bytes.unwrap_or(u64::MAX);
        let mut content = Vec::new();
        // The reader stops one byte past the limit: enough to know that there is more.
        self.open(name)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|e| DataError::io("read", &cached.path, e))?;
        if content.len() as u64 > limit {
            return Err(DataError::format(
                &cached.path.display().to_string(),
                limit,
                format!("expected the content to end after {limit} bytes, there is more"),
            ));
        }
        Ok(content)
    }

    /// Where a file lies and in which form, by its registered name.
    ///
    /// # Errors
    /// [`DataError::UnknownFile`].
    pub fn file(&self, name: &str) -> Result<&CachedFile, DataError> {
        self.files.get(name).ok_or_else(|| DataError::UnknownFile {
            set: self.id.clone(),
            name: name.to_owned(),
            hint: None,
        })
    }

    /// The path of a file, by its registered name.
    ///
    /// # Errors
    /// [`DataError::UnknownFile`].
    pub fn path(&self, name: &str) -> Result<&Path, DataError> {
        Ok(&self.file(name)?.path)
    }
}

/// State of one file in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// Registered name.
    pub name: String,
    /// Where the file is, or where it would be.
    pub path: PathBuf,
    /// What is there.
    pub state: FileState,
}

/// What the cache holds of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Nothing.
    Missing,
    /// The registered bytes or their content, verified.
    Verified(Form),
    /// Bytes that were not verified, or that changed since: the next fetch hashes them.
    Unverified(Form),
    /// Bytes with another digest: the next fetch replaces them.
    Corrupt {
        /// The registered digest.
        expected: String,
        /// The digest of what is there.
        found: String,
    },
}

/// How much to hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rehash {
    /// Nothing: report what is known.
    Never,
    /// What was not verified before, or has changed since.
    IfChanged,
    /// Everything.
    Always,
}

/// What the cache knows about one file.
pub(super) enum Found {
    Missing,
    /// Verified; `sha256` is the digest of the file as registered.
    Valid {
        file: CachedFile,
        sha256: String,
    },
    /// There, but not hashed ([`Rehash::Never`]), or there is no digest to compare with.
    Unverified(CachedFile),
    Corrupt {
        path: PathBuf,
        expected: String,
        found: String,
    },
}

/// Contents of `x.ok`.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Verification {
    version: u32,
    sha256: String,
    bytes: u64,
    modified_seconds: u64,
    modified_nanoseconds: u32,
}

/// The cache folder.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn folder(&self, set: &DataSet) -> PathBuf {
        self.root.join(&set.id)
    }

    /// The file as registered; it need not exist.
    pub(super) fn registered(&self, set: &DataSet, file: &DataFile) -> CachedFile {
        let gzip = file.name.ends_with(".gz");
        CachedFile {
            path: self.folder(set).join(&file.name),
            form: Form::AsRegistered,
            content_bytes: match file.content_bytes {
                Some(bytes) => Some(bytes.get()),
                None if gzip => None,
                None => Some(file.bytes.get()),
            },
        }
    }

    /// The decompressed content, where the registry knows it; it need not exist.
    pub(super) fn content(&self, set: &DataSet, file: &DataFile) -> Option<CachedFile> {
        Some(CachedFile {
            path: self.folder(set).join(file.content_name()?),
            form: Form::Content,
            content_bytes: file.content_bytes.map(std::num::NonZero::get),
        })
    }

    /// The digest that the registered file must have: from the registry, or recorded on first use.
    pub(super) fn expected(&self, set: &DataSet, file: &DataFile) -> Result<Option<String>, DataError> {
        match &file.sha256 {
            Some(sha256) => Ok(Some(sha256.clone())),
            None => recorded_digest(&self.registered(set, file).path),
        }
    }

    /// Looks for a file in either form; a valid one wins.
    pub(super) fn find(&self, set: &DataSet, file: &DataFile, rehash: Rehash) -> Result<Found, DataError> {
        let expected = self.expected(set, file)?;
        let first = check(self.registered(set, file), expected.as_deref(), rehash)?;
        let Some(content) = self.content(set, file).filter(|_| !matches!(first, Found::Valid { .. })) else {
            return Ok(first);
        };
        match (check(content, file.content_sha256.as_deref(), rehash)?, first, expected) {
            // The digest that counts is that of the registered file, which the content stands for.
            (Found::Valid { file, .. }, _, Some(sha256)) => Ok(Found::Valid { file, sha256 }),
            (second, Found::Missing, _) => Ok(second),
            (_, first, _) => Ok(first),
        }
    }

    /// The set, if every file is there and valid.
    pub(super) fn locate(&self, set: &DataSet) -> Result<Option<CachedSet>, DataError> {
        let mut files = BTreeMap::new();
        let mut digests = Vec::new();
        for file in &set.files {
            let Found::Valid { file: cached, sha256 } = self.find(set, file, Rehash::IfChanged)? else {
                return Ok(None);
            };
            files.insert(file.name.clone(), cached);
            digests.push(sha256);
        }
        digests.sort_unstable();
        Ok(Some(CachedSet {
            id: set.id.clone(),
            dir: self.folder(set),
            files,
            digest: digest::of_bytes(digests.join("\n").as_bytes()),
        }))
    }

    pub(super) fn status(&self, set: &DataSet, rehash: Rehash) -> Result<Vec<FileStatus>, DataError> {
        let one = |file: &DataFile| {
            let missing = self.registered(set, file).path;
            let (path, state) = match self.find(set, file, rehash)? {
                Found::Missing => (missing, FileState::Missing),
                Found::Valid { file, .. } => (file.path, FileState::Verified(file.form)),
                Found::Unverified(file) => (file.path, FileState::Unverified(file.form)),
                Found::Corrupt { path, expected, found } => (path, FileState::Corrupt { expected, found }),
            };
            Ok(FileStatus { name: file.name.clone(), path, state })
        };
        set.files.iter().map(one).collect()
    }
}

/// Looks at one path. `sha256` is the digest that it must have.
fn check(file: CachedFile, sha256: Option<&str>, rehash: Rehash) -> Result<Found, DataError> {
    let path = &file.path;
    let before = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(DataError::io("look at", path, error)),
    };
    let Some(expected) = sha256 else {
        return Ok(Found::Unverified(file));
    };
    let stamp = |meta: &std::fs::Metadata| verification(expected, meta);
    let known = read_verification(path);
    if rehash != Rehash::Always && known.is_some() && known == stamp(&before) {
        let sha256 = expected.to_owned();
        return Ok(Found::Valid { file, sha256 });
    }
    if rehash == Rehash::Never {
        return Ok(Found::Unverified(file));
    }
    let (found, _) = digest::of_file(path)?;
    if found != expected {
        return Ok(Found::Corrupt { path: file.path, expected: expected.to_owned(), found });
    }
    // Recorded only if nobody wrote to the file meanwhile.
    let after = std::fs::metadata(path).map_err(|e| DataError::io("look at", path, e))?;
    if stamp(&before) == stamp(&after) {
        record_verification(path, expected);
    }
    Ok(Found::Valid { sha256: found, file })
}

fn verification(sha256: &str, meta: &std::fs::Metadata) -> Option<Verification> {
    let modified = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Verification {
        version: 1,
        sha256: sha256.to_owned(),
        bytes: meta.len(),
        modified_seconds: modified.as_secs(),
        modified_nanoseconds: modified.subsec_nanos(),
    })
}

/// Any fault in `x.ok` only means that the file is hashed once more.
fn read_verification(path: &Path) -> Option<Verification> {
    let file = std::fs::File::open(sidecar(path, ".ok")).ok()?;
    let mut text = String::new();
    file.take(CHUNK as u64).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Notes that `path` has this digest. A cache that cannot be written to is still valid, so failure is no error.
pub(super) fn record_verification(path: &Path, sha256: &str) {
    let Some(verification) = std::fs::metadata(path).ok().and_then(|meta| verification(sha256, &meta)) else {
        return;
    };
    if let Ok(text) = serde_json::to_vec(&verification) {
        let _ = atomic::write(&sidecar(path, ".ok"), &text);
    }
}

/// The digest recorded when a file without a registered one was first used.
fn recorded_digest(path: &Path) -> Result<Option<String>, DataError> {
    let record = sidecar(path, ".sha256");
    let text = match std::fs::read(&record) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DataError::io("read", &record, error)),
    };
    let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    match std::str::from_utf8(word) {
        Ok(word) if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(Some(word.to_ascii_lowercase()))
        }
        _ => Err(DataError::line(
            &record.display().to_string(),
            1,
            "expected 64 hexadecimal digits and the file name; delete this record to trust the file again",
        )),
    }
}

/// Records the digest of a file that the registry has none for, in the format of `sha256sum`.
pub(super) fn record_digest(path: &Path, sha256: &str) -> Result<(), DataError> {
    let name = path.file_name().unwrap_or_default().display();
    atomic::write(&sidecar(path, ".sha256"), format!("{sha256}  {name}\n").as_bytes())
}
