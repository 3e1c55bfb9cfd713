//! Files that are visible in whole or not at all: temp file beside the target, fsync, rename, fsync of the folder.

use std::ffi::OsStr;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{DataError, digest};

/// Bytes kept from the start of a file, enough to recognise an HTML page.
const HEAD: usize = 512;

/// A file on its way in: bytes are hashed as they are written. Dropped without [`Part::publish`], it leaves nothing.
pub(super) struct Part {
    file: NamedTempFile,
    hasher: Sha256,
    length: u64,
    head: Vec<u8>,
}

impl Part {
    /// Starts an empty file in the folder of `target`. The name is unique, so that two processes never share one,
    /// whether or not locks work on this file system.
    pub(super) fn beside(target: &Path) -> Result<Self, DataError> {
        let folder = parent(target);
        let mut builder = tempfile::Builder::new();
        let prefix = part_prefix(target);
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any other file of the user: caches are shared in groups, and the umask still applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(|e| DataError::io("create a file in", folder, e))?;
        Ok(Self { file, hasher: Sha256::new(), length: 0, head: Vec::new() })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.file.write_all(bytes).map_err(|e| DataError::io("write", self.file.path(), e))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or(&[]));
        Ok(())
    }

    /// Forgets everything written so far.
    pub(super) fn reset(&mut self) -> Result<(), DataError> {
        let file = self.file.as_file_mut();
        let done = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)).map(drop));
        done.map_err(|e| DataError::io("truncate", self.file.path(), e))?;
        self.hasher = Sha256::new();
        self.length = 0;
        self.head.clear();
        Ok(())
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Hexadecimal SHA-256 of what was written.
    pub(super) fn sha256(&self) -> String {
        digest::hex(self.hasher.clone())
    }

    /// Whether the bytes start like a web page: what servers send in place of a file that they refuse to serve.
    pub(super) fn looks_like_html(&self) -> bool {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let head = head.trim_start_matches('\u{feff}').trim_start();
        ["<!doctype html", "<html", "<head"].iter().any(|tag| head.starts_with(tag))
    }

    /// Gives the file its final name. Survives power loss once this returns.
    pub(super) fn publish(self, target: &Path) -> Result<(), DataError> {
        self.file.as_file().sync_all().map_err(|e| DataError::io("flush to disk", self.file.path(), e))?;
        self.file.persist(target).map_err(|e| DataError::io("rename to", target, e.error))?;
        sync_folder(parent(target)).map_err(|e| DataError::io("flush to disk", parent(target), e))
    }
}

/// Writes a small file in whole or not at all.
pub(super) fn write(target: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut part = Part::beside(target)?;
    part.append(bytes)?;
    part.publish(target)
}

/// Removes what killed downloads of `target` left, once untouched for a day. A writer that is alive after all loses its
/// file and reports that; it cannot corrupt anything.
pub(super) fn remove_stale_parts(target: &Path) {
    const STALE: Duration = Duration::from_secs(24 * 60 * 60);
    let prefix = part_prefix(target);
    let Ok(entries) = std::fs::read_dir(parent(target)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".part"));
        let age = || {
            let modified = entry.metadata().and_then(|meta| meta.modified()).ok()?;
            SystemTime::now().duration_since(modified).ok()
        };
        if ours && age().is_some_and(|age| age > STALE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// `path` with `suffix` appended to the file name.
pub(super) fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn part_prefix(target: &Path) -> String {
    let name = target.file_name().and_then(OsStr::to_str).unwrap_or("file");
    format!(".{name}.")
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match std::fs::File::open(folder)?.sync_all() {
        // Some network file systems cannot flush a folder; the rename itself has happened.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_abandoned_part_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = Part::beside(&folder.path().join("x")).unwrap();
        part.append(b"half").unwrap();
        drop(part);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_reset_part_holds_only_what_came_after() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let mut part = Part::beside(&target).unwrap();
        part.append(b"wrong start").unwrap();
        part.reset().unwrap();
        part.append(b"right").unwrap();
        assert_eq!(part.sha256(), digest::of_bytes(b"right"));
        assert_eq!(part.length(), 5);
        part.publish(&target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"right");
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn web_pages_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("<!DOCTYPE html><title>x", true),
            ("\n  <HTML lang=en>", true),
            ("\u{1f}\u{8b}", false),
            ("<unk> the", false),
        ] {
            let mut part = Part::beside(&folder.path().join("x")).unwrap();
            part.append(text.as_bytes()).unwrap();
            assert_eq!(part.looks_like_html(), expected, "{text:?}");
        }
    }

    #[test]
    fn only_old_parts_of_the_same_file_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, age: u64| {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            let when = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(when).unwrap();
        };
        make(".x.bin.abc.part", 100_000);
        make(".x.bin.new.part", 10);
        make(".y.bin.abc.part", 100_000);
        remove_stale_parts(&folder.path().join("x.bin"));
        assert_eq!(names(folder.path()), [".x.bin.new.part", ".y.bin.abc.part"]);
    }
}
