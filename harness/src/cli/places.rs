//! Where the project, its reports, its store and its data lie.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use harness_core::data::{FetchOptions, Fetcher, Mirror};

use super::Failure;
use crate::store::Store;

/// Options that every command takes.
#[derive(Args)]
pub struct Arguments {
    /// Folder of reports and store [default: reports/ of the project].
    #[arg(long, global = true, value_name = "DIR", env = "HARNESS_REPORTS")]
    reports: Option<PathBuf>,
    /// Ask this folder or URL for data before the registered ones (may be repeated).
    #[arg(long, global = true, value_name = "DIR-OR-URL")]
    mirror: Vec<std::ffi::OsString>,
    /// Open no socket: cache and mirror folders only.
    #[arg(long, global = true)]
    offline: bool,
}

/// Where things lie.
pub struct Places {
    /// The project's folder, or the current one outside of a project.
    pub project: PathBuf,
    /// Reports and store.
    pub reports: PathBuf,
    /// The store.
    pub store: Store,
    /// How data is fetched.
    pub fetch: FetchOptions,
}

impl Arguments {
    /// Looks for the project upwards from the current folder.
    pub fn resolve(&self) -> Result<Places, Failure> {
        let here = std::env::current_dir()?;
        let project = here
            .ancestors()
            .find(|folder| folder.join("data/registry.yaml").is_file())
            .map_or_else(|| here.clone(), Path::to_path_buf);
        let reports = self.reports.clone().unwrap_or_else(|| project.join("reports"));
        let mut fetch = FetchOptions::from_env(&project)?;
        for mirror in &self.mirror {
            fetch.mirrors.push(Mirror::parse(mirror)?);
        }
        fetch.offline |= self.offline;
        let store = Store::at(reports.join("store"));
        Ok(Places { project, reports, store, fetch })
    }
}

impl Places {
    /// A fetcher that shows the progress of long downloads on standard error.
    pub fn fetcher(&self) -> Fetcher {
        let shown = Mutex::new(Instant::now());
        let progress = move |progress: &harness_core::data::Progress<'_>| {
            let Ok(mut last) = shown.lock() else { return };
            if last.elapsed() > Duration::from_secs(2) {
                *last = Instant::now();
                let megabytes = |bytes: u64| bytes as f64 / 1e6;
                let _ = std::io::Write::write_fmt(
                    &mut std::io::stderr(),
                    format_args!(
                        "fetching {}/{}: {:.1} of {:.1} MB\n",
                        progress.set,
                        progress.file,
                        megabytes(progress.done),
                        megabytes(progress.total)
                    ),
                );
            }
        };
        Fetcher::new(FetchOptions { progress: Some(Arc::new(progress)), ..self.fetch.clone() })
    }
}
