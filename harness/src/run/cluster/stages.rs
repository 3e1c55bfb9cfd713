//! Finds the stages that trials share, by asking each trial which one it needs first.
//!
//! Nothing in a paper declares its stages: they are calls of [`stage`](harness_core::Lab::stage). So a worker starts the
//! trial and ends it at its first stage or its first training step, whatever comes first. Trials of one arm and cell ask for
//! stages alike, so the first seed answers for the others whether there is one at all. A stage that a trial needs later, or
//! that was not found in time, is computed by the first trial that needs it, as in a run on one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::plan_file::Stage;
use crate::run::plan::{Plan, PlannedTrial};
use crate::run::protocol::{Job, PROTOCOL, Reply, Request};
use crate::store::Store;

/// How long a trial may take to come to its first stage or step.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the pending trials of a plan share.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Stages that the store lacks and that more than one pending trial needs, with a trial that computes them.
    pub stages: Vec<Stage>,
    /// Indices of the pending trials that need them.
    pub needing: BTreeSet<usize>,
}

/// Asks the pending trials; `pending` are those of the plan in its order.
///
/// # Errors
/// Where no worker process can be started.
pub fn find(plan: &Plan, pending: &[&PlannedTrial], store: &Store, cache: &Path) -> io::Result<Found> {
    let mut asked: Option<Asked> = None;
    // Whether trials of this paper, block, cell and arm ask for a stage at all.
    let mut alike: BTreeMap<(&str, usize, usize, usize), bool> = BTreeMap::new();
    let mut users: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, planned) in pending.iter().enumerate() {
        let point = planned.point;
        let group = (planned.trial.paper.as_str(), point.block, point.cell, point.arm);
        if alike.get(&group) == Some(&false) {
            continue;
        }
        let worker = match asked.take() {
            Some(worker) => worker,
            None => Asked::start()?,
        };
        let (stage, worker) = worker.ask(plan, planned, store, cache);
        asked = worker;
        alike.insert(group, stage.is_some());
        if let Some(stage) = stage {
            users.entry(stage).or_default().push(index);
        }
    }
    let mut found = Found::default();
    for (key, users) in users {
        let [leader, _, ..] = users[..] else { continue };
        if !store.stage_path(&key).is_file() {
            found.stages.push(Stage { key, leader });
            found.needing.extend(users);
        }
    }
    Ok(found)
}

/// A worker that is asked.
struct Asked {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<Option<String>>,
}

impl Asked {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("worker")
            .envs(crate::run::worker::ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child.stdin.take();
        let (sender, answers) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if let Ok(Reply::Probed(stage)) = serde_json::from_str(&line)
                        && sender.send(stage).is_err()
                    {
                        return;
                    }
                }
            });
        }
        Ok(Asked { child, stdin, answers })
    }

    /// The stage that a trial asks for first. A worker that dies of the question, or does not answer, is ended.
    fn ask(
        mut self,
        plan: &Plan,
        planned: &PlannedTrial,
        store: &Store,
        cache: &Path,
    ) -> (Option<String>, Option<Self>) {
        let job = Job {
            protocol: PROTOCOL,
            trial: planned.trial.clone(),
            key: planned.key.clone(),
            code: planned.code.clone(),
            device: plan.device.to_string(),
            store: store.root().to_owned(),
            cache: cache.to_owned(),
            until_stage: None,
        };
        let told = serde_json::to_vec(&Request::Probe(Box::new(job))).map_err(io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            self.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(&line))
        });
        match told.ok().and_then(|()| self.answers.recv_timeout(PATIENCE).ok()) {
            Some(answer) => (answer, Some(self)),
            None => (None, None),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
