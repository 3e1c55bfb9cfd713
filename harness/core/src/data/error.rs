//! The one error type of the data layer.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong between a data set's name and its numbers.
///
/// Messages are lower case and say what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The registry has no data set of this id.
    #[error("unknown data set `{id}`{}", did_you_mean(.hint))]
    UnknownSet {
        /// The id that was asked for.
        id: String,
        /// The closest id of the registry, if one is close.
        hint: Option<String>,
    },

    /// A data set has no file of this name.
    #[error("data set `{set}` has no file `{name}`{}", did_you_mean(.hint))]
    UnknownFile {
        /// The data set.
        set: String,
        /// The file that was asked for.
        name: String,
        /// The closest file name of the set, if one is close.
        hint: Option<String>,
    },

    /// The registry does not parse or breaks one of its rules.
    #[error("{path}:{line}:{column}: {message}")]
    Registry {
        /// The registry file, as the caller named it.
        path: String,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },

    /// A setting of the fetcher (an environment variable or a mirror) makes no sense.
    #[error("{name} = `{value}`: {message}")]
    Setting {
        /// The variable or option.
        name: String,
        /// Its value.
        value: String,
        /// What was expected.
        message: String,
    },

    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}{}", .path.display(), io_advice(.source))]
    Io {
        /// What was tried, as a verb phrase: `create the folder`, `write`, `read`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// No source could serve a file.
    #[error("{}", Unserved(.0))]
    Unavailable(Box<Unavailable>),

    /// A binary file does not have the format that its reader expects.
    #[error("{file}: at byte {offset}: {message}")]
    Format {
        /// The file, or what the caller called it.
        file: String,
        /// Byte offset in the decompressed content.
        offset: u64,
        /// What was expected there and what was found.
        message: String,
    },

    /// A text file does not have the format that its reader expects.
    #[error("{file}:{line}: {message}")]
    Line {
        /// The file, or what the caller called it.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What was expected there and what was found.
        message: String,
    },

    /// An archive is refused: a member is unsafe, missing, too large or damaged.
    #[error("{archive}: {}{message}", member_prefix(.member))]
    Archive {
        /// The archive, or what the caller called it.
        archive: String,
        /// The member that is to blame, if one is.
        member: Option<String>,
        /// Why.
        message: String,
    },
}

/// A file that no source could serve: the content of [`DataError::Unavailable`].
#[derive(Debug)]
pub struct Unavailable {
    /// The data set.
    pub set: String,
    /// The file of it that is missing.
    pub file: String,
    /// Every source in the order tried, with the reason why it failed.
    pub tried: Vec<Attempt>,
    /// Where to put the file by hand.
    pub place: PathBuf,
    /// Registered size in bytes.
    pub bytes: u64,
    /// Registered digest, if there is one.
    pub sha256: Option<String>,
}

/// One source and why it did not serve the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// A path or URL.
    pub source: String,
    /// The reason, without a full stop.
    pub reason: String,
    /// Whether the source has the file, but with other bytes than the registered ones.
    pub wrong_bytes: bool,
}

impl DataError {
    /// Whether the cause lies in the machine or the network (disk, permission, connection, absent files) rather than
    /// in the request or in the data themselves. Commands exit with another code then.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Unavailable(_) => true,
            Self::UnknownSet { .. }
            | Self::UnknownFile { .. }
            | Self::Registry { .. }
            | Self::Setting { .. }
            | Self::Format { .. }
            | Self::Line { .. }
            | Self::Archive { .. } => false,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(super) fn format(file: &str, offset: u64, message: impl Into<String>) -> Self {
        Self::Format { file: file.to_owned(), offset, message: message.into() }
    }

    pub(super) fn line(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self::Line { file: file.to_owned(), line, message: message.into() }
    }

    pub(super) fn archive(archive: &str, member: Option<&str>, message: impl Into<String>) -> Self {
        Self::Archive { archive: archive.to_owned(), member: member.map(str::to_owned), message: message.into() }
    }
}

fn did_you_mean(hint: &Option<String>) -> String {
    hint.as_ref().map_or_else(String::new, |hint| format!(", did you mean `{hint}`?"))
}

fn member_prefix(member: &Option<String>) -> String {
    // Debug formatting escapes control characters: the name comes from an untrusted archive.
    member.as_ref().map_or_else(String::new, |member| format!("member {member:?}: "))
}

fn io_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or point HARNESS_DATA to another disk"
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists => "; point HARNESS_DATA to a folder that you can write to",
        _ => "",
    }
}

struct Unserved<'a>(&'a Unavailable);

impl fmt::Display for Unserved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.0;
        write!(f, "no source serves `{}` of data set `{}`:", it.file, it.set)?;
        for attempt in &it.tried {
            write!(f, "\n  {}: {}", attempt.source, attempt.reason)?;
        }
        write!(f, "\nput the file by hand at {} ({} bytes", it.place.display(), it.bytes)?;
        if let Some(sha256) = &it.sha256 {
            write!(f, ", sha256 {sha256}")?;
        }
        write!(f, "), or name a folder or URL that has it in HARNESS_MIRROR")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_environment_and_the_message_says_what_to_do() {
        for (kind, advice) in [
            (io::ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::QuotaExceeded, "free some space"),
            (io::ErrorKind::PermissionDenied, "HARNESS_DATA"),
            (io::ErrorKind::ReadOnlyFilesystem, "HARNESS_DATA"),
        ] {
            let error = DataError::io("write", Path::new("/cache/x"), kind.into());
            let text = error.to_string();
            assert!(text.starts_with("cannot write /cache/x: ") && text.contains(advice), "{text}");
            assert!(error.is_environment());
        }
    }

    #[test]
    fn names_from_archives_cannot_steer_the_terminal() {
        let text = DataError::archive("a.zip", Some("\u{1b}[2J"), "is refused").to_string();
        assert_eq!(text, "a.zip: member \"\\u{1b}[2J\": is refused");
    }
}
