//! A folder with a store and a cache of its own, and the real binary run in it.
//!
//! The papers are the fixtures of `harness-fixtures`. Nothing of the caller's environment is passed on, and no socket
//! is ever opened.
#![allow(dead_code, reason = "each of the test programs uses a part of this")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// After which a test gives up. Far beyond what anything here takes, so that no test depends on the machine's speed.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A temporary folder in which the binary runs.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn reports(&self) -> PathBuf {
        self.path("reports")
    }

    pub fn store(&self) -> PathBuf {
        self.reports().join("store")
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A program with the binary's environment and nothing else.
    fn prepared(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("HARNESS_FIXTURES", "1")
            .env("HARNESS_OFFLINE", "1")
            .env("HARNESS_DATA", self.path("cache"))
            .env("HARNESS_REPORTS", self.reports())
            .current_dir(self.folder.path());
        command
    }

    /// The binary with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.prepared(binary());
        command.args(arguments);
        command
    }

    /// Runs the binary; the arguments are separated by blanks.
    pub fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(&arguments.split_whitespace().collect::<Vec<_>>()))
    }

    /// Runs a shell script in which `"$HARNESS"` is the binary.
    pub fn shell(&self, script: &str) -> Ran {
        let mut command = self.prepared("sh");
        command.env("HARNESS", binary()).args(["-c", script]);
        Ran::of(command)
    }

    /// Runs a shell script that may mount, in a mount namespace of its own; `None`, with a printed reason, where this
    /// machine does not let it.
    pub fn mounting(&self, script: &str) -> Option<Ran> {
        let isolated = ["--map-root-user", "--mount"];
        let probe = Command::new("unshare")
            .args(isolated)
            .args(["sh", "-c", "mount -t tmpfs tmpfs \"$0\""])
            .arg(self.folder.path())
            .output();
        if !probe.is_ok_and(|output| output.status.success()) {
            let _ = writeln!(std::io::stderr(), "skipped: this machine refuses to mount in a namespace");
            return None;
        }
        let mut command = self.prepared("unshare");
        command.env("HARNESS", binary()).args(isolated).args(["sh", "-c", script]);
        Some(Ran::of(command))
    }

    /// Starts the binary with `--json` and does not wait for it.
    pub fn start(&self, arguments: &str) -> Running {
        let mut command = self.command(&arguments.split_whitespace().collect::<Vec<_>>());
        Running::of(command.arg("--json"))
    }

    /// The trial files: `paper/arm/seed`, with ` failed` behind it for a failure, and the record.
    pub fn records(&self) -> BTreeMap<String, Value> {
        records(&self.store())
    }

    /// What must be the same whenever and however often a trial is run, by `paper/arm/seed`.
    pub fn results(&self) -> BTreeMap<String, [Value; 4]> {
        self.records()
            .into_iter()
            .map(|(name, record)| (name, ["outcome", "metrics", "series", "texts"].map(|field| record[field].clone())))
            .collect()
    }

    /// Files of the store whose name ends so.
    pub fn stored(&self, suffix: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            files(&self.store()).into_iter().filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
        found.sort();
        found
    }

    /// The file of a finished trial.
    pub fn trial_file(&self, name: &str) -> PathBuf {
        let key = self.records()[name]["key"].as_str().unwrap().to_owned();
        let paper = name.split('/').next().unwrap();
        self.store().join(paper).join("smoke").join(format!("{key}.json"))
    }

    /// What the results are when nothing goes wrong.
    pub fn undisturbed(arguments: &str) -> BTreeMap<String, [Value; 4]> {
        let bench = Bench::new();
        bench.run(arguments).code(0);
        bench.results()
    }
}

/// The binary under test.
pub fn binary() -> PathBuf {
    assert_cmd::cargo::cargo_bin("harness")
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The records of a store.
pub fn records(store: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for path in files(store) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".json") || name == "durations.json" {
            continue;
        }
        let envelope: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let record = envelope["record"].clone();
        let failed = if name.ends_with(".failed.json") { " failed" } else { "" };
        let word = |field: &str| record[field].as_str().unwrap().to_owned();
        let name = format!("{}/{}/{}{failed}", word("paper"), word("arm"), record["seed"]);
        assert!(found.insert(name.clone(), record).is_none(), "{name} is there twice");
    }
    found
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(command: Command) -> Self {
        let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).output().unwrap();
        Ran {
            status: output.status,
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }

    /// Checks the exit code, and that no bug shows through.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        assert!(!self.err.contains("panicked at"), "{self:#?}");
        self
    }

    /// Checks that standard error contains this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not in {self:#?}");
        self
    }

    /// The events on standard output.
    pub fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The event of this kind.
    #[track_caller]
    pub fn event(&self, kind: &str) -> Value {
        self.events().into_iter().find(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind}: {self:#?}"))
    }

    /// How many trials were started.
    pub fn started(&self) -> usize {
        self.events().iter().filter(|event| event["event"] == "started").count()
    }

    /// The evidence for the first claim of the only paper.
    pub fn evidence(&self) -> Value {
        self.event("report")["papers"][0]["claims"][0]["evidence"].clone()
    }
}

/// A command that goes on.
pub struct Running {
    child: Child,
    events: Receiver<Value>,
}

impl Running {
    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, events) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // A program that is killed may leave half a line.
                let Ok(event) = serde_json::from_str(&line) else { return };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Running { child, events }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event that fits.
    #[track_caller]
    pub fn wait_for(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = self.events.recv_timeout(deadline - Instant::now()).expect("an event that fits");
            if fits(&event) {
                return event;
            }
        }
    }

    /// The next event of this kind.
    #[track_caller]
    pub fn wait_for_event(&self, kind: &str) -> Value {
        self.wait_for(|event| event["event"] == kind)
    }

    /// The worker processes.
    pub fn workers(&self) -> Vec<u32> {
        processes().into_iter().filter(|process| process.parent == self.pid()).map(|process| process.id).collect()
    }

    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end: exit code or signal, and the events that nobody waited for.
    pub fn end(mut self) -> (Option<i32>, Option<i32>, Vec<Value>) {
        eventually("the command ends", || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        (status.code(), status.signal(), self.events.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process, which may be gone.
pub fn send(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

/// A process that is alive.
#[derive(Debug, Clone)]
pub struct Process {
    pub id: u32,
    pub parent: u32,
    pub group: u32,
}

/// All processes that are alive.
pub fn processes() -> Vec<Process> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // After the name, which is in parentheses: state, parent, group.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (state != "Z").then_some(Process { id, parent, group })
    };
    std::fs::read_dir("/proc").unwrap().filter_map(read).collect()
}

/// Whether a process is alive.
pub fn alive(pid: u32) -> bool {
    processes().iter().any(|process| process.id == pid)
}
