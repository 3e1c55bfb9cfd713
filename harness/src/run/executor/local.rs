//! This machine: starts workers, hands out trials, and survives whatever happens to either.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use harness_core::lab::Notebook;
use harness_core::record::{Cost, Outcome, Provenance, Record};
use harness_report::printable::acts;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Executor, Summary};
use crate::run::machine;
use crate::run::plan::{Plan, PlannedTrial};
use crate::run::progress::{Event, Sink};
use crate::run::protocol::{Ended, How, Job, PROTOCOL, Reply, Request};
use crate::store::{Durations, Store, StoreError};

/// How long a worker has between being asked and being made to go.
const GRACE: Duration = Duration::from_secs(3);
/// How much of what a worker printed is kept for the reason of a failure.
const KEPT_OUTPUT: usize = 16 << 10;
/// How long what a worker printed last may take through the pipe once the worker is dead.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often the scheduler looks at clocks and flags.
const TICK: Duration = Duration::from_millis(100);

/// How a run is carried out.
pub struct Options {
    /// Number of workers.
    pub jobs: usize,
    /// The data cache.
    pub cache: PathBuf,
    /// What starts a worker; this program's own file where absent.
    pub program: Option<PathBuf>,
    /// How often the user has asked to stop.
    pub interrupts: Arc<AtomicU8>,
}

/// Runs trials in worker processes of this machine.
pub struct Local {
    /// How.
    pub options: Options,
}

impl Executor for Local {
    fn execute(&mut self, plan: &Plan, store: &Store, sink: &mut dyn Sink) -> harness_core::Result<Summary> {
        Ok(run(plan, store, &self.options, sink)?)
    }

    fn parallel(&self) -> usize {
        self.options.jobs.max(1)
    }
}

/// Runs the pending trials of a plan; each result is stored as soon as it is there.
///
/// # Errors
/// [`StoreError`] where a result cannot be stored: no further trial is started then. What a trial does wrong is no
/// error here, but a failed trial.
pub fn run(plan: &Plan, store: &Store, options: &Options, sink: &mut dyn Sink) -> Result<Summary, StoreError> {
    let mut durations = Durations::load(store);
    let mut queue: Vec<&PlannedTrial> = plan.trials().filter(|planned| planned.pending).collect();
    // The longest first, so that none of them runs alone at the end; those that need the machine for themselves last.
    let expected = |planned: &PlannedTrial| durations.expected(&planned.trial).unwrap_or(f64::INFINITY);
    queue.sort_by(|a, b| a.exclusive.cmp(&b.exclusive).then(expected(b).total_cmp(&expected(a))));
    let total = queue.len();
    let known: f64 = queue.iter().filter_map(|planned| durations.expected(&planned.trial)).sum();
    sink.event(&Event::Planned { pending: total, stored: plan.trials().count() - total, expected_s: known });
    if total == 0 {
        return Ok(Summary::default());
    }
    store.claim()?;
    let (sender, receiver) = mpsc::channel();
    let mut scheduler = Scheduler {
        plan,
        store,
        options,
        machine: machine::describe(),
        memory_mb: machine::memory_mb().1,
        queue: queue.into_iter().map(|planned| Waiting { planned, retried: false }).collect(),
        workers: Vec::new(),
        parallel: options.jobs.max(1),
        sender,
        summary: Summary::default(),
        drained: false,
    };
    let outcome = scheduler.serve(&receiver, &mut durations, sink);
    scheduler.stop_all();
    durations.save();
    scheduler.summary.left = total - scheduler.summary.finished - scheduler.summary.skipped - scheduler.summary.failed;
    sink.event(&Event::Done { summary: &scheduler.summary });
    outcome.map(|()| scheduler.summary)
}

struct Waiting<'a> {
    planned: &'a PlannedTrial,
    /// Whether it was killed for memory once already.
    retried: bool,
}

struct Running<'a> {
    waiting: Waiting<'a>,
    since: Instant,
    started_unix: u64,
    /// When it was asked to go because its time was up.
    expired: Option<Instant>,
    /// Memory at the first progress report after a quarter of the steps, to notice growth.
    early_memory: Option<f64>,
}

struct Worker<'a> {
    id: u64,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Arc<Mutex<VecDeque<u8>>>,
    /// Fills `output` until the worker and all that it started are gone.
    listener: Option<JoinHandle<()>>,
    running: Option<Running<'a>>,
}

enum Message {
    Reply(u64, Reply),
    /// Standard output ended: the worker is dead or dying. With the line that could not be understood, if that was it.
    Gone(u64, Option<String>),
}

struct Scheduler<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options,
    machine: String,
    memory_mb: u64,
    queue: VecDeque<Waiting<'a>>,
    workers: Vec<Worker<'a>>,
    parallel: usize,
    sender: Sender<Message>,
    summary: Summary,
    drained: bool,
}

impl<'a> Scheduler<'a> {
    fn serve(
        &mut self,
        receiver: &Receiver<Message>,
        durations: &mut Durations,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        loop {
            match self.options.interrupts.load(Ordering::SeqCst) {
                0 => self.hand_out(sink)?,
                1 if !self.drained => {
                    self.drained = true;
                    sink.event(&Event::Warning("stopping: running trials finish or keep a checkpoint".into()));
                    self.drain();
                }
                1 => {}
                _ => return Ok(()),
            }
            if self.workers.iter().all(|worker| worker.running.is_none()) && (self.queue.is_empty() || self.drained) {
                return Ok(());
            }
            match receiver.recv_timeout(TICK) {
                Ok(Message::Reply(id, Reply::Progress { done, total })) => self.progress(id, done, total, sink),
                Ok(Message::Reply(id, Reply::Warning(text))) => self.warning(id, &text, sink),
                Ok(Message::Reply(id, Reply::Ended(ended))) => self.ended(id, *ended, durations, sink)?,
                Ok(Message::Gone(id, garbage)) => self.gone(id, garbage, sink)?,
                // Nobody here probes.
                Ok(Message::Reply(_, Reply::Probed(_))) => {}
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.expire();
            sink.event(&Event::Tick);
        }
    }

    /// Starts trials while there are idle workers, memory and no trial that wants the machine for itself.
    fn hand_out(&mut self, sink: &mut dyn Sink) -> Result<(), StoreError> {
        loop {
            let busy = self.workers.iter().filter(|worker| worker.running.is_some()).count();
            let exclusive_running = self
                .workers
                .iter()
                .filter_map(|worker| worker.running.as_ref())
                .any(|running| running.waiting.planned.exclusive);
            if busy >= self.parallel || exclusive_running {
                return Ok(());
            }
            let used: u64 = self
                .workers
                .iter()
                .filter_map(|worker| worker.running.as_ref())
                .map(|running| running.waiting.planned.memory_mb)
                .sum();
            let fits = |planned: &PlannedTrial| {
                busy == 0 || (!planned.exclusive && used + planned.memory_mb <= self.memory_mb)
            };
            let Some(index) = self.queue.iter().position(|waiting| fits(waiting.planned)) else { return Ok(()) };
            let Some(waiting) = self.queue.remove(index) else { return Ok(()) };
            self.start(waiting, sink)?;
        }
    }

    fn start(&mut self, waiting: Waiting<'a>, sink: &mut dyn Sink) -> Result<(), StoreError> {
        let planned = waiting.planned;
        let index = match self.workers.iter().position(|worker| worker.running.is_none()) {
            Some(index) => index,
            None => match self.spawn() {
                Ok(worker) => {
                    self.workers.push(worker);
                    self.workers.len() - 1
                }
                Err(error) if !self.workers.is_empty() => {
                    // Handles, processes or memory are scarce: those that run already have enough of them.
                    self.parallel = self.workers.len();
                    sink.event(&Event::Warning(format!(
                        "no further worker process could be started ({error}): going on with {}",
                        self.parallel
                    )));
                    self.queue.push_front(waiting);
                    return Ok(());
                }
                Err(error) => {
                    let reason = format!("no worker process could be started: {error}");
                    return self.store_failure(planned, reason, Cost::default(), machine::unix_now(), sink);
                }
            },
        };
        let job = Job {
            protocol: PROTOCOL,
            trial: planned.trial.clone(),
            key: planned.key.clone(),
            code: planned.code.clone(),
            device: self.plan.device.to_string(),
            store: self.store.root().to_owned(),
            cache: self.options.cache.clone(),
            until_stage: planned.until_stage.clone(),
        };
        let worker = &mut self.workers[index];
        // A worker that died meanwhile says so through `Gone`, which fails the trial with its reason.
        let _ = tell(worker, &Request::Run(Box::new(job)));
        worker.running = Some(Running {
            waiting,
            since: Instant::now(),
            started_unix: machine::unix_now(),
            expired: None,
            early_memory: None,
        });
        sink.event(&Event::Started { planned });
        Ok(())
    }

    fn spawn(&self) -> io::Result<Worker<'a>> {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let thread = std::thread::Builder::new;
        let program = match &self.options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let mut child = Command::new(program)
            .arg("worker")
            .envs(crate::run::worker::ENVIRONMENT)
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C reaches the scheduler only, and a kill reaches what a trial may have started.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let mut listener = None;
        if let Some(stderr) = child.stderr.take() {
            let kept = Arc::clone(&output);
            listener = Some(thread().spawn(move || keep_tail(stderr, &kept))?);
        }
        if let Some(stdout) = child.stdout.take() {
            let sender = self.sender.clone();
            thread().spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let Ok(line) = line else { break };
                    match serde_json::from_str(&line) {
                        Ok(reply) => {
                            if sender.send(Message::Reply(id, reply)).is_err() {
                                return;
                            }
                        }
                        Err(error) => {
                            let _ = sender.send(Message::Gone(id, Some(format!("{error} in {line:.200}"))));
                            return;
                        }
                    }
                }
                let _ = sender.send(Message::Gone(id, None));
            })?;
        }
        Ok(Worker { id, child, stdin, output, listener, running: None })
    }

    fn worker(&mut self, id: u64) -> Option<&mut Worker<'a>> {
        self.workers.iter_mut().find(|worker| worker.id == id)
    }

    fn progress(&mut self, id: u64, done: u64, total: u64, sink: &mut dyn Sink) {
        let Some(worker) = self.worker(id) else { return };
        let resident = machine::status_mb(&worker.child.id().to_string(), "VmRSS");
        let Some(running) = worker.running.as_mut() else { return };
        let planned = running.waiting.planned;
        sink.event(&Event::Progress { planned, done, total });
        let Some(resident) = resident else { return };
        match running.early_memory {
            None if 4 * done >= total => running.early_memory = Some(resident),
            // Once buffers are warm a training loop needs no more memory; half a gigabyte is beyond noise.
            Some(early) if resident > 2.0 * early && resident > early + 512.0 => {
                sink.event(&Event::Warning(format!(
                    "{}: memory grows with the steps, from {early:.0} to {resident:.0} MiB by step {done} of {total}",
                    planned.name()
                )));
                running.early_memory = Some(f64::INFINITY);
            }
            _ => {}
        }
    }

    fn warning(&mut self, id: u64, text: &str, sink: &mut dyn Sink) {
        if let Some(running) = self.worker(id).and_then(|worker| worker.running.as_ref()) {
            let text = format!("{}: {}", running.waiting.planned.name(), harmless(text));
            sink.event(&Event::Warning(text));
        }
    }

    fn ended(
        &mut self,
        id: u64,
        ended: Ended,
        durations: &mut Durations,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        let Some(worker) = self.worker(id) else { return Ok(()) };
        let Some(running) = worker.running.take() else { return Ok(()) };
        let planned = running.waiting.planned;
        let printed = if matches!(ended.how, How::Failed(_) | How::Panicked(_)) || running.expired.is_some() {
            // Its process may hold broken state: the next trial gets a fresh one.
            self.remove(id)
        } else {
            printed(&worker.output)
        };
        let outcome = match ended.how {
            How::Cancelled => None,
            How::Staged => {
                self.summary.finished += 1;
                None
            }
            How::Finished => Some(Outcome::Finished),
            How::Skipped(reason) => Some(Outcome::Skipped { reason: harmless(&reason) }),
            How::Failed(reason) | How::Panicked(reason) => {
                Some(Outcome::Failed { reason: with_output(reason, printed) })
            }
        };
        if let Some(outcome) = outcome {
            let record = self.record(planned, outcome, ended.notebook, ended.cost, running.started_unix);
            if record.finished() {
                durations.note(&record);
            }
            self.keep(planned, &record, sink)?;
        }
        Ok(())
    }

    /// A worker's output ended. If it was running a trial, the trial failed, and its death says why.
    fn gone(&mut self, id: u64, garbage: Option<String>, sink: &mut dyn Sink) -> Result<(), StoreError> {
        let Some(index) = self.workers.iter().position(|worker| worker.id == id) else { return Ok(()) };
        let mut worker = self.workers.remove(index);
        if garbage.is_some() {
            kill(&worker.child, Signal::KILL);
        }
        let status = worker.child.wait().ok();
        let running = worker.running.take();
        let printed = last_words(worker);
        let Some(running) = running else { return Ok(()) };
        let planned = running.waiting.planned;
        let killed = status.and_then(|status| status.signal()) == Some(Signal::KILL.as_raw());
        if killed && running.expired.is_none() && garbage.is_none() && !running.waiting.retried {
            // Nobody here killed it: most likely the memory killer did.
            self.parallel = (self.parallel / 2).max(1);
            sink.event(&Event::Warning(format!(
                "{} was killed, probably for want of memory: trying once more with {} at a time",
                planned.name(),
                self.parallel
            )));
            self.queue.push_front(Waiting { planned, retried: true });
            return Ok(());
        }
        let reason = match (running.expired, garbage, status) {
            (Some(_), _, _) => format!("timed out after {} s", planned.timeout.as_secs()),
            (None, Some(garbage), _) => format!("the worker sent a message that cannot be understood: {garbage}"),
            (None, None, Some(status)) => death(status, &printed),
            (None, None, None) => "the worker vanished".into(),
        };
        let cost = Cost { wall_s: running.since.elapsed().as_secs_f64(), ..Cost::default() };
        self.store_failure(planned, with_output(reason, printed), cost, running.started_unix, sink)
    }

    /// Ends trials whose time is up: ask, wait, kill the whole group.
    fn expire(&mut self) {
        for worker in &mut self.workers {
            let Some(running) = worker.running.as_mut() else { continue };
            match running.expired {
                None if running.since.elapsed() > running.waiting.planned.timeout => {
                    running.expired = Some(Instant::now());
                    kill(&worker.child, Signal::TERM);
                }
                Some(asked) if asked.elapsed() > GRACE => kill(&worker.child, Signal::KILL),
                _ => {}
            }
        }
    }

    fn drain(&mut self) {
        for worker in &mut self.workers {
            let _ = tell(worker, &Request::Drain {});
        }
    }

    /// Ends a worker, and says what it printed last.
    fn remove(&mut self, id: u64) -> String {
        let index = self.workers.iter().position(|worker| worker.id == id);
        index.map(|index| last_words(self.workers.remove(index))).unwrap_or_default()
    }

    fn stop_all(&mut self) {
        for mut worker in self.workers.drain(..) {
            // Closing standard input lets an idle worker go by itself; a busy one is made to.
            drop(worker.stdin.take());
            kill(&worker.child, Signal::KILL);
            let _ = worker.child.wait();
        }
    }

    fn record(
        &self,
        planned: &PlannedTrial,
        outcome: Outcome,
        notebook: Notebook,
        cost: Cost,
        started_unix: u64,
    ) -> Record {
        let trial = &planned.trial;
        Record {
            key: planned.key.clone(),
            outcome,
            cost,
            provenance: Provenance {
                code: planned.code.clone(),
                settings: trial.settings_digest(),
                data: trial.data.iter().map(|(id, source)| (id.clone(), source.to_string())).collect(),
                device: self.plan.device.to_string(),
                harness: env!("CARGO_PKG_VERSION").to_owned(),
                machine: self.machine.clone(),
                started_unix,
            },
            ..notebook.into_record(trial)
        }
    }

    fn store_failure(
        &mut self,
        planned: &PlannedTrial,
        reason: String,
        cost: Cost,
        started_unix: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), StoreError> {
        let record = self.record(planned, Outcome::Failed { reason }, Notebook::default(), cost, started_unix);
        self.keep(planned, &record, sink)
    }

    fn keep(&mut self, planned: &PlannedTrial, record: &Record, sink: &mut dyn Sink) -> Result<(), StoreError> {
        self.store.write(record)?;
        match record.outcome {
            Outcome::Finished => self.summary.finished += 1,
            Outcome::Skipped { .. } => self.summary.skipped += 1,
            Outcome::Failed { .. } => self.summary.failed += 1,
        }
        sink.event(&Event::Ended { planned, record });
        Ok(())
    }
}

fn tell(worker: &mut Worker, request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
    line.push(b'\n');
    match worker.stdin.as_mut() {
        Some(stdin) => stdin.write_all(&line),
        None => Ok(()),
    }
}

fn kill(child: &Child, signal: Signal) {
    // The group bears the number of its first process. A group that is gone is no error.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

/// Reads to the end and keeps the last part, so that a trial that prints without end neither blocks nor fills memory.
fn keep_tail(mut source: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut piece = [0; 8192];
    while let Ok(count) = source.read(&mut piece) {
        if count == 0 {
            return;
        }
        if let Ok(mut kept) = kept.lock() {
            kept.extend(&piece[..count]);
            let excess = kept.len().saturating_sub(KEPT_OUTPUT);
            kept.drain(..excess);
        }
    }
}

/// Ends a worker with all that it started, and says what it printed last.
fn last_words(mut worker: Worker<'_>) -> String {
    kill(&worker.child, Signal::KILL);
    let _ = worker.child.wait();
    // The listener is done once the pipe is empty and closed. A process that left the group may hold it open for ever.
    let dead = Instant::now();
    while worker.listener.as_ref().is_some_and(|listener| !listener.is_finished()) && dead.elapsed() < LAST_WORDS {
        std::thread::sleep(Duration::from_millis(1));
    }
    printed(&worker.output)
}

/// What a worker printed since this was last asked.
fn printed(output: &Mutex<VecDeque<u8>>) -> String {
    let bytes: Vec<u8> = output.lock().map(|mut kept| kept.drain(..).collect()).unwrap_or_default();
    harmless(&String::from_utf8_lossy(&bytes)).trim().to_owned()
}

/// A text without characters that act on a terminal, line ends excepted. Cut where it is longer than a reason can be.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !acts(*c)).take(KEPT_OUTPUT).collect()
}

fn with_output(reason: String, printed: String) -> String {
    let reason = harmless(&reason);
    if printed.is_empty() { reason } else { format!("{reason}\nit printed last:\n{}", tail(&printed, 2000)) }
}

/// The last characters of a text.
fn tail(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().nth(count.saturating_sub(1)).map_or(0, |(index, _)| index);
    &text[start..]
}

/// How a process died, in words, with the help of what it printed last.
fn death(status: ExitStatus, printed: &str) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let name = match signal {
                4 => "SIGILL, illegal instruction",
                6 if printed.contains("has overflowed its stack") => "SIGABRT, stack overflow",
                6 if printed.contains("memory allocation of") => "SIGABRT, out of memory",
                6 => "SIGABRT, aborted",
                7 => "SIGBUS, bus error",
                8 => "SIGFPE, arithmetic error",
                9 => "SIGKILL, killed again after a retry, probably for want of memory",
                11 => "SIGSEGV, segmentation fault or stack overflow",
                15 => "SIGTERM, terminated",
                24 => "SIGXCPU, out of processor time",
                25 => "SIGXFSZ, file too large",
                _ => "signal",
            };
            format!("the worker died of signal {signal} ({name})")
        }
        (None, Some(code)) => format!("the worker ended with exit code {code} in the middle of the trial"),
        (None, None) => "the worker ended in the middle of the trial".into(),
    }
}
