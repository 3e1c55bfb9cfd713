//! The process that runs trials, one at a time, on one thread.
//!
//! A worker reads [`Request`]s from its standard input and writes [`Reply`]s to its standard output. Whatever a trial
//! itself prints goes to standard error, which the scheduler keeps, capped, for the reason of a failure.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use harness_core::backend::{self, DeviceChoice};
use harness_core::data::{CachedSet, FetchOptions, Fetcher};
use harness_core::lab::{Host, Interrupt, Lab, Notebook};
use harness_core::record::Cost;
use harness_core::trial::{Trial, hex};
use harness_core::{Error, PaperReproduction, Result, rng};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::machine;
use super::protocol::{Ended, How, Job, PROTOCOL, Reply, Request};
use crate::store::{Store, atomic};

/// What a worker's process is started with. One thread per trial: bits do not depend on how many trials run side by side.
/// And memory that a step freed is kept for a second, for the next step, instead of ten milliseconds.
pub const ENVIRONMENT: [(&str, &str); 2] = [("RAYON_NUM_THREADS", "1"), ("MIMALLOC_PURGE_DELAY", "1000")];

/// How often progress is passed on at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Serves requests until standard input ends.
///
/// # Errors
/// Where the pipes to the scheduler break.
pub fn serve() -> io::Result<()> {
    let mut out = claim_stdout()?;
    keep_panics();
    let draining = Arc::new(AtomicBool::new(false));
    let (sender, requests) = mpsc::channel::<Request>();
    let flag = Arc::clone(&draining);
    std::thread::spawn(move || {
        for line in BufReader::new(io::stdin()).lines() {
            match line.ok().and_then(|line| serde_json::from_str(&line).ok()) {
                Some(Request::Drain {}) => flag.store(true, Ordering::SeqCst),
                Some(request) => {
                    if sender.send(request).is_err() {
                        break;
                    }
                }
                None => break,
            }
        }
        // The scheduler is gone: nobody would store what is still running. Its checkpoint stays.
        std::process::exit(0);
    });
    while let Ok(request) = requests.recv() {
        let reply = match request {
            Request::Run(job) => Reply::Ended(Box::new(run(&job, &mut out, &draining))),
            Request::Probe(job) => Reply::Probed(probe(&job)),
            Request::Drain {} => continue,
        };
        send(&mut out, &reply)?;
    }
    Ok(())
}

/// Takes standard output for the protocol, and lets what trials print go to standard error.
fn claim_stdout() -> io::Result<File> {
    // Closed in whatever a trial starts: the scheduler knows by the end of this stream that the worker is dead.
    let own = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(own))
}

fn send(out: &mut File, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply).map_err(io::Error::other)?;
    line.push(b'\n');
    out.write_all(&line)
}

/// The message, place and backtrace of the latest panic.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = harness_core::conformance::panic_message(info.payload());
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::force_capture().to_string();
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = Some(format!("panic: {message}{place}\n{}", own_frames(&backtrace)));
        }
    }));
}

/// The frames of a backtrace that belong to this project, which are the ones a reader can act on. They are told by
/// their file, because the name of an inlined function lacks its crate.
fn own_frames(backtrace: &str) -> String {
    let lines: Vec<&str> = backtrace.lines().collect();
    let mut kept = Vec::new();
    for pair in lines.windows(2) {
        if let [function, place] = pair
            && let Some(place) = place.trim_start().strip_prefix("at ")
            && !["/rustc/", "/registry/src/"].iter().any(|foreign| place.contains(foreign))
            && !function.contains("keep_panics")
        {
            kept.push(format!("  {} at {place}", function.trim()));
        }
    }
    kept.truncate(20);
    kept.join("\n")
}

fn run(job: &Job, out: &mut File, draining: &Arc<AtomicBool>) -> Ended {
    let refuse = |how: How| Ended { how, notebook: Notebook::default(), cost: Cost::default() };
    if job.protocol != PROTOCOL {
        return refuse(How::Failed(format!(
            "the worker speaks protocol {PROTOCOL}, the scheduler {}: the binary was replaced; run the command again",
            job.protocol
        )));
    }
    let Some(reproduction) = crate::catalog::find(&job.trial.paper) else {
        return refuse(How::Failed(format!("the worker does not know the paper `{}`", job.trial.paper)));
    };
    let device = match job.device.parse::<DeviceChoice>() {
        Ok(device) => device,
        Err(error) => return refuse(How::Failed(error.to_string())),
    };
    let mut host = WorkerHost::new(job, device, out, draining);
    let ended = execute(reproduction, &job.trial, device, &mut host);
    if host.staged { Ended { how: How::Staged, ..ended } } else { ended }
}

/// The key of the stage that a trial asks for before its first step, if it asks for one.
fn probe(job: &Job) -> Option<String> {
    let reproduction = crate::catalog::find(&job.trial.paper)?;
    // Of the device only the class enters the key, and a machine that submits need not have it.
    let class = job.device.parse::<DeviceChoice>().ok()?.class();
    let fetcher = Fetcher::new(FetchOptions { offline: true, ..FetchOptions::new(&job.cache) });
    let mut host = Prober { fetcher, scope: format!("{} {class}", job.code), found: None };
    execute(reproduction, &job.trial, DeviceChoice::Cpu, &mut host);
    host.found
}

/// A host that ends a trial at its first stage or its first step, whatever comes first.
struct Prober {
    fetcher: Fetcher,
    scope: String,
    found: Option<String>,
}

impl Host for Prober {
    fn open(&mut self, id: &str) -> Result<CachedSet> {
        open(&self.fetcher, id)
    }

    fn progress(&mut self, _done: u64, _total: u64) {}

    fn interrupt(&self) -> Interrupt {
        Interrupt::Stop
    }

    fn save_checkpoint(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }

    fn load_checkpoint(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn stage_scope(&self) -> String {
        self.scope.clone()
    }

    fn load_stage(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        self.found.get_or_insert_with(|| key.to_owned());
        Err(Error::Cancelled)
    }

    fn store_stage(&mut self, _key: &str, _result: Option<&[u8]>) -> Result<()> {
        Ok(())
    }
}

fn open(fetcher: &Fetcher, id: &str) -> Result<CachedSet> {
    match fetcher.locate(id)? {
        Some(set) => Ok(set),
        None => Err(Error::Environment(format!(
            "data set `{id}` is no longer in the cache: run the command again to fetch it"
        ))),
    }
}

/// Seconds that `steps` reports of progress of a trial take inside a worker, for `harness bench`.
///
/// # Errors
/// [`Error::Environment`] where there is no `/dev/null`; [`Error::Input`] where the device cannot be opened.
pub fn time_progress(trial: &Trial, steps: u64) -> Result<f64> {
    let nowhere = std::path::Path::new("/dev/null");
    let mut out = File::options()
        .write(true)
        .open(nowhere)
        .map_err(|error| Error::Environment(format!("cannot write to {}: {error}", nowhere.display())))?;
    let device = DeviceChoice::Cpu;
    let job = Job {
        protocol: PROTOCOL,
        trial: trial.clone(),
        key: String::new(),
        code: String::new(),
        device: device.to_string(),
        store: nowhere.to_owned(),
        cache: nowhere.to_owned(),
        until_stage: None,
    };
    let mut host = WorkerHost::new(&job, device, &mut out, &Arc::default());
    let mut lab = Lab::new(trial, device.open()?, &mut host);
    let start = Instant::now();
    for step in 0..steps {
        lab.progress(step + 1, steps)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Runs a trial on this thread and says how it ended. Panics are caught.
pub fn execute(
    reproduction: &dyn PaperReproduction,
    trial: &Trial,
    device: DeviceChoice,
    host: &mut dyn Host,
) -> Ended {
    // Peak memory is kept per process: setting it back makes it that of this trial. Linux only.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let start = Instant::now();
    let processor_start = processor_time();
    let mut notebook = Notebook::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| -> Result<Notebook> {
        let device = device.open()?;
        backend::seed(&device, rng::stream(&trial.paper, "burn", trial.seed).next_u64());
        let mut lab = Lab::new(trial, device, host);
        reproduction.run(trial, &mut lab)?;
        Ok(lab.finish())
    }));
    let how = match outcome {
        Ok(Ok(recorded)) => {
            notebook = recorded;
            if notebook.metrics.is_empty() && notebook.timings.is_empty() {
                How::Failed("the trial ended without recording a metric".into())
            } else {
                How::Finished
            }
        }
        Ok(Err(Error::Skipped(reason))) => How::Skipped(reason),
        Ok(Err(Error::Cancelled)) => How::Cancelled,
        Ok(Err(error)) => How::Failed(error.to_string()),
        Err(panic) => {
            let kept = LAST_PANIC.lock().ok().and_then(|mut last| last.take());
            How::Panicked(
                kept.unwrap_or_else(|| format!("panic: {}", harness_core::conformance::panic_message(panic.as_ref()))),
            )
        }
    };
    let cost = Cost {
        wall_s: start.elapsed().as_secs_f64(),
        cpu_s: Some(processor_time() - processor_start),
        peak_rss_mb: machine::status_mb("self", "VmHWM"),
        steps: notebook.steps,
    };
    Ended { how, notebook, cost }
}

/// Seconds of processor time of this process.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What a trial sees of a worker.
struct WorkerHost<'a> {
    out: &'a mut File,
    draining: Arc<AtomicBool>,
    fetcher: Fetcher,
    store: Store,
    checkpoint: PathBuf,
    key: String,
    scope: String,
    last_progress: Option<Instant>,
    /// Locks of the stages that are being computed, the innermost last.
    stage_locks: Vec<File>,
    /// The trial ends where this stage is stored.
    until_stage: Option<String>,
    /// Whether it did.
    staged: bool,
}

impl WorkerHost<'_> {
    /// Ends the trial where the stage that is there now is the one that was wanted of it.
    fn stop_at_stage(&mut self, key: &str) -> Result<()> {
        if self.until_stage.as_deref() == Some(key) {
            self.staged = true;
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}

impl<'a> WorkerHost<'a> {
    fn new(job: &Job, device: DeviceChoice, out: &'a mut File, draining: &Arc<AtomicBool>) -> Self {
        let store = Store::at(&job.store);
        // The files were fetched and checked by the scheduler: a worker never opens a socket.
        let options = FetchOptions { offline: true, ..FetchOptions::new(&job.cache) };
        WorkerHost {
            out,
            draining: Arc::clone(draining),
            fetcher: Fetcher::new(options),
            checkpoint: store.checkpoint_path(&job.trial.paper, job.trial.profile, &job.key),
            store,
            key: job.key.clone(),
            scope: format!("{} {}", job.code, device.class()),
            last_progress: None,
            stage_locks: Vec::new(),
            until_stage: job.until_stage.clone(),
            staged: false,
        }
    }
}

/// The file of a checkpoint.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    version: u32,
    key: String,
    /// SHA-256 of `state`.
    sha256: String,
    state: String,
}

impl Host for WorkerHost<'_> {
    fn open(&mut self, id: &str) -> Result<CachedSet> {
        open(&self.fetcher, id)
    }

    fn progress(&mut self, done: u64, total: u64) {
        if self.last_progress.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        self.last_progress = Some(Instant::now());
        // A broken pipe shows up at the reply that ends the trial.
        let _ = send(self.out, &Reply::Progress { done, total });
    }

    fn interrupt(&self) -> Interrupt {
        // `Stop` is not asked of a worker: it is killed.
        if self.draining.load(Ordering::Relaxed) { Interrupt::Drain } else { Interrupt::None }
    }

    fn save_checkpoint(&mut self, state: &[u8]) -> Result<()> {
        let state = String::from_utf8_lossy(state).into_owned();
        let sha256 = hex(&Sha256::digest(&state));
        let checkpoint = Checkpoint { version: PROTOCOL, key: self.key.clone(), sha256, state };
        let bytes = serde_json::to_vec(&checkpoint).map_err(|error| Error::Failed(error.to_string()))?;
        atomic::write(&self.checkpoint, &bytes).map_err(|error| {
            Error::Environment(format!("cannot write the checkpoint {}: {error}", self.checkpoint.display()))
        })
    }

    fn load_checkpoint(&mut self) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.checkpoint).ok()?;
        let reason = match serde_json::from_slice::<Checkpoint>(&bytes) {
            Err(error) => format!("it is torn ({error})"),
            Ok(checkpoint) if checkpoint.version != PROTOCOL => "it is of another version".into(),
            Ok(checkpoint) if checkpoint.key != self.key => "it belongs to another trial".into(),
            Ok(checkpoint) if checkpoint.sha256 != hex(&Sha256::digest(&checkpoint.state)) => {
                "its content is not what was written".into()
            }
            Ok(checkpoint) => return Some(checkpoint.state.into_bytes()),
        };
        let text = format!("checkpoint {} is ignored: {reason}", self.checkpoint.display());
        let _ = send(self.out, &Reply::Warning(text));
        None
    }

    fn stage_scope(&self) -> String {
        self.scope.clone()
    }

    fn load_stage(&mut self, key: &str) -> Result<Option<Vec<u8>>> {
        let path = self.store.stage_path(key);
        let unusable = |error: io::Error| Error::Environment(format!("cannot use {}: {error}", path.display()));
        if let Some(bytes) = read_whole(&path) {
            self.stop_at_stage(key)?;
            return Ok(Some(bytes));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unusable)?;
        }
        // The lock saves work, no more: without it two processes compute the same bytes and one file wins. It ends
        // with the process that holds it, so that another takes over from one that died.
        let lock = File::create(path.with_extension("lock")).map_err(unusable)?;
        let _ = lock.lock();
        if let Some(bytes) = read_whole(&path) {
            self.stop_at_stage(key)?;
            return Ok(Some(bytes));
        }
        self.stage_locks.push(lock);
        Ok(None)
    }

    fn store_stage(&mut self, key: &str, result: Option<&[u8]>) -> Result<()> {
        let lock = self.stage_locks.pop();
        if let Some(bytes) = result {
            let path = self.store.stage_path(key);
            atomic::write(&path, bytes)
                .map_err(|error| Error::Environment(format!("cannot write {}: {error}", path.display())))?;
        }
        drop(lock);
        if result.is_some() { self.stop_at_stage(key) } else { Ok(()) }
    }
}

/// The bytes of a stage whose weights can be read; anything else is computed anew.
fn read_whole(path: &std::path::Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    harness_core::weights::Weights::from_bytes(&bytes).is_ok().then_some(bytes)
}
