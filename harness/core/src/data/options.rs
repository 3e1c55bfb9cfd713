//! How and from where data sets are fetched.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::DataError;

/// Settings of a [`Fetcher`](super::Fetcher). Start from [`FetchOptions::new`] or [`FetchOptions::from_env`] and change
/// fields: `FetchOptions { offline: true, ..FetchOptions::new("data/cache") }`.
#[derive(Clone)]
pub struct FetchOptions {
    /// Folder of the cache; made if it is missing.
    pub cache: PathBuf,
    /// Folders and servers that are asked before the registered URL, in this order. Layout: `<set id>/<file name>`.
    pub mirrors: Vec<Mirror>,
    /// Open no socket: use the cache and mirror folders only.
    pub offline: bool,
    /// Longest time for one call of [`Fetcher::fetch`](super::Fetcher::fetch), waiting included.
    pub deadline: Duration,
    /// How often a source is asked again after a network error. Wrong bytes are asked for at most once more.
    pub retries: u32,
    /// Longest time to connect to a server.
    pub connect_timeout: Duration,
    /// Longest silence of a server.
    pub stall_timeout: Duration,
    /// Fewest bytes per second, on average over [`throughput_window`](Self::throughput_window); 0 = any speed.
    pub min_throughput: u64,
    /// Time over which the throughput is measured.
    pub throughput_window: Duration,
    /// Longest wait that a server may ask for with `Retry-After`.
    pub max_retry_after: Duration,
    /// Told after each piece of a file.
    pub progress: Option<OnProgress>,
    /// Told about what the user should know but that is no error. Writes to standard error by default.
    pub warn: Arc<dyn Fn(&str) + Send + Sync>,
    /// Waits between tries. Tests replace it in order not to wait.
    pub sleep: Arc<dyn Fn(Duration) + Send + Sync>,
}

/// Takes note of progress; called from the thread that fetches.
pub type OnProgress = Arc<dyn Fn(&Progress<'_>) + Send + Sync>;

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Id of the data set.
    pub set: &'a str,
    /// Registered name of the file.
    pub file: &'a str,
    /// Bytes so far. Falls back to 0 when a source has to start again.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A copy of the registered files: `<mirror>/<set id>/<file name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A folder.
    Dir(PathBuf),
    /// A server. Plain `http` is accepted here, because every byte is checked against its digest.
    Url(Url),
}

impl Mirror {
    /// Reads `https://…`, `http://…` or the path of a folder, made absolute against the current one.
    ///
    /// # Errors
    /// [`DataError::Setting`] for other schemes, URLs without a host, and URLs that carry a password, which would end
    /// up in messages and reports.
    pub fn parse(text: &OsStr) -> Result<Self, DataError> {
        let fault = |message: &str| {
            // The query may hold a token, so it is not repeated either.
            let shown = text.to_string_lossy();
            let shown = shown.split(['?', '@']).next().unwrap_or_default();
            DataError::Setting { name: "mirror".to_owned(), value: shown.to_owned(), message: message.to_owned() }
        };
        let url = text.to_str().filter(|text| text.contains("://"));
        let Some(url) = url else {
            return std::path::absolute(text)
                .map(Self::Dir)
                .map_err(|_| fault("expected a folder or an https:// address, got an empty path"));
        };
        let mut url = Url::parse(url).map_err(|error| fault(&format!("no valid address: {error}")))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(fault("expected a folder or an https:// or http:// address"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("an address with a user name or password is not supported"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("an address with `?` or `#` cannot have file names appended"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self::Url(url))
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl FetchOptions {
    /// Patient defaults: two hours in all, three retries, 30 s of silence, at least 1 kB/s.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            mirrors: Vec::new(),
            offline: false,
            deadline: Duration::from_secs(2 * 60 * 60),
            retries: 3,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            min_throughput: 1000,
            throughput_window: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(120),
            progress: None,
            warn: Arc::new(|message| {
                // A closed standard error must not end a download.
                let _ = writeln!(std::io::stderr(), "warning: {message}");
            }),
            sleep: Arc::new(std::thread::sleep),
        }
    }

    /// Settings from the environment: `HARNESS_DATA` (cache folder, default `<project>/data/cache`), `HARNESS_MIRROR`
    /// (folders or URLs, separated by `;`) and `HARNESS_OFFLINE` (`1` = open no socket).
    ///
    /// # Errors
    /// [`DataError::Setting`] for a value that makes no sense.
    pub fn from_env(project: &Path) -> Result<Self, DataError> {
        Self::from_vars(project, |name| std::env::var_os(name))
    }

    /// As [`FetchOptions::from_env`], with the variables looked up by `var`.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a value that makes no sense.
    pub fn from_vars(project: &Path, var: impl Fn(&str) -> Option<OsString>) -> Result<Self, DataError> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let cache = var("HARNESS_DATA").map_or_else(|| project.join("data/cache"), PathBuf::from);
        let mut options = Self::new(cache);
        if let Some(value) = var("HARNESS_MIRROR") {
            let parts: Vec<&OsStr> = match value.to_str() {
                Some(text) => text.split(';').map(|part| OsStr::new(part.trim())).collect(),
                None => vec![&value],
            };
            options.mirrors = parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(|part| Mirror::parse(part).map_err(|error| named("HARNESS_MIRROR", error)))
                .collect::<Result<_, _>>()?;
        }
        if let Some(value) = var("HARNESS_OFFLINE") {
            options.offline = match value.to_str() {
                Some("1" | "true" | "yes") => true,
                Some("0" | "false" | "no") => false,
                _ => {
                    return Err(DataError::Setting {
                        name: "HARNESS_OFFLINE".to_owned(),
                        value: value.to_string_lossy().into_owned(),
                        message: "expected 1 or 0".to_owned(),
                    });
                }
            };
        }
        Ok(options)
    }
}

impl fmt::Debug for FetchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchOptions")
            .field("cache", &self.cache)
            .field("mirrors", &self.mirrors)
            .field("offline", &self.offline)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("connect_timeout", &self.connect_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("min_throughput", &self.min_throughput)
            .field("throughput_window", &self.throughput_window)
            .field("max_retry_after", &self.max_retry_after)
            .finish_non_exhaustive()
    }
}

fn named(variable: &str, error: DataError) -> DataError {
    match error {
        DataError::Setting { value, message, .. } => DataError::Setting { name: variable.to_owned(), value, message },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(vars: &[(&str, &str)]) -> Result<FetchOptions, DataError> {
        FetchOptions::from_vars(Path::new("/project"), |name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn without_variables_the_cache_is_in_the_project() {
        for vars in [&[][..], &[("HARNESS_DATA", ""), ("HARNESS_OFFLINE", "")]] {
            let options = options(vars).unwrap();
            assert_eq!(options.cache, Path::new("/project/data/cache"));
            assert_eq!(options.mirrors, []);
            assert!(!options.offline);
        }
    }

    #[test]
    fn variables_are_read() {
        let options = options(&[
            ("HARNESS_DATA", "/big disk/ü"),
            ("HARNESS_MIRROR", "/a b; https://example.org/x ;http://cluster:8080;"),
            ("HARNESS_OFFLINE", "1"),
        ])
        .unwrap();
        assert_eq!(options.cache, Path::new("/big disk/ü"));
        assert_eq!(
            options.mirrors,
            [
                Mirror::Dir("/a b".into()),
                Mirror::Url(Url::parse("https://example.org/x/").unwrap()),
                Mirror::Url(Url::parse("http://cluster:8080/").unwrap()),
            ]
        );
        assert!(options.offline);
    }

    #[test]
    fn senseless_values_are_refused_by_name() {
        for (name, value, expected) in [
            ("HARNESS_OFFLINE", "maybe", "expected 1 or 0"),
            ("HARNESS_MIRROR", "ftp://x/y", "expected a folder or an https:// or http:// address"),
            ("HARNESS_MIRROR", "file:///x", "expected a folder or an https:// or http:// address"),
            ("HARNESS_MIRROR", "https://", "no valid address"),
            ("HARNESS_MIRROR", "https://x/y?token=1", "cannot have file names appended"),
        ] {
            let error = options(&[(name, value)]).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(name) && text.contains(expected), "{text}");
            assert!(!error.is_environment());
        }
    }

    #[test]
    fn passwords_are_not_repeated() {
        let text = options(&[("HARNESS_MIRROR", "https://me:secret@x/y")]).unwrap_err().to_string();
        assert!(text.contains("password is not supported"), "{text}");
        assert!(!text.contains("@x"), "{text}");
    }
}
