//! Runs submitted to a Slurm that is not there: `sbatch` and the rest are scripts on `PATH` that write down what they are
//! asked, and the tests play the cluster, with the accidents that a cluster has.
#![cfg(feature = "fault-injection")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bench::{Bench, Ran, eventually, processes, send};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A cluster that tests carry out by hand.
struct Cluster {
    bench: Bench,
}

/// A job as it was submitted.
#[derive(Debug, Clone)]
struct Job {
    id: u32,
    options: Vec<String>,
    script: PathBuf,
}

impl Job {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find_map(|option| option.strip_prefix(&format!("--{name}=")))
    }

    fn name(&self) -> &str {
        self.option("job-name").unwrap()
    }

    fn is_report(&self) -> bool {
        self.name().ends_with("-report")
    }

    /// How many tasks it has.
    fn tasks(&self) -> usize {
        let array = self.option("array").unwrap_or("0-0");
        let last = array.split('%').next().unwrap().strip_prefix("0-").unwrap();
        last.parse::<usize>().unwrap() + 1
    }

    /// The jobs that must have ended before.
    fn after(&self) -> BTreeSet<u32> {
        let list = self.option("dependency").map(|text| text.strip_prefix("afterany:").unwrap()).unwrap_or_default();
        list.split(':').filter(|id| !id.is_empty()).map(|id| id.parse().unwrap()).collect()
    }
}

impl Cluster {
    /// With arrays of at most three tasks.
    fn new() -> Self {
        let cluster = Cluster { bench: Bench::new() };
        let folder = cluster.bench.path("slurm");
        std::fs::create_dir_all(folder.join("jobs")).unwrap();
        let folder = folder.to_str().unwrap().to_owned();
        let script = |name: &str, text: &str| {
            let path = cluster.bench.file(&format!("bin/{name}"), format!("#!/bin/sh\ncd '{folder}'\n{text}"));
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        script(
            "sbatch",
            "n=1\nwhile ! mkdir \"jobs/$n\" 2> /dev/null; do n=$((n + 1)); done\n\
             if [ -e \"refuse-$n\" ]; then rmdir \"jobs/$n\"; echo 'sbatch: error: the queue is full' >&2; exit 1; fi\n\
             printf '%s\\n' \"$@\" > \"jobs/$n/options\"\ncat > \"jobs/$n/script\"\n\
             if [ -e \"die-$n\" ]; then kill -9 $PPID; fi\necho \"$n\"\n",
        );
        script(
            "squeue",
            "if [ -e down ]; then echo 'squeue: error: no answer' >&2; exit 1; fi\ncat queue 2> /dev/null || true\n",
        );
        script("sacct", "cat sacct\n");
        script(
            "scontrol",
            "case \"$1\" in\nshow) echo 'MaxArraySize            = 3' ;;\nrequeue) echo \"$2\" >> requeued ;;\nesac\n",
        );
        cluster
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.bench.command(&arguments.split_whitespace().collect::<Vec<_>>());
        command.env("PATH", self.path());
        command
    }

    fn path(&self) -> std::ffi::OsString {
        let mut path = self.bench.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    fn run(&self, arguments: &str) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// What Slurm's commands are to find.
    fn file(&self, name: &str, content: &str) {
        self.bench.file(&format!("slurm/{name}"), content);
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.bench.path("slurm").join(name)).unwrap_or_default()
    }

    /// All jobs in the order of their submission.
    fn jobs(&self) -> Vec<Job> {
        let of = |id: u32| {
            let folder = self.bench.path("slurm/jobs").join(id.to_string());
            let options = std::fs::read_to_string(folder.join("options")).ok()?;
            Some(Job { id, options: options.lines().map(str::to_owned).collect(), script: folder.join("script") })
        };
        (1..).map_while(of).collect()
    }

    /// Starts a task.
    fn start(&self, job: &Job, task: usize) -> Child {
        let mut command = self.command("");
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new("sh");
        command.env_clear().arg(&job.script).current_dir("/");
        for (name, value) in environment {
            command.env(name, value.unwrap_or_default());
        }
        command.env("SLURM_JOB_ID", (100 * job.id).to_string());
        if job.option("array").is_some() {
            command.env("SLURM_ARRAY_JOB_ID", job.id.to_string()).env("SLURM_ARRAY_TASK_ID", task.to_string());
            command.env("SLURM_CPUS_PER_TASK", job.option("cpus-per-task").unwrap());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a task to its end.
    fn task(&self, job: &Job, task: usize) -> Ran {
        ended(self.start(job, task))
    }

    /// Carries out jobs, each after those that it depends on; `accident` may stand in for a task.
    fn carry_out(&self, jobs: &[Job], mut accident: impl FnMut(&Job, usize) -> bool) {
        let mut over = BTreeSet::new();
        for job in jobs {
            assert!(job.after().iter().all(|id| over.contains(id) || *id < jobs[0].id), "{job:?} before {over:?}");
            for task in 0..job.tasks() {
                if !accident(job, task) {
                    let ran = self.task(job, task);
                    assert!(matches!(ran.status.code(), Some(0 | 1)), "{ran:#?}");
                }
            }
            over.insert(job.id);
        }
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run("status --json").code(0).out).unwrap()
    }

    /// The counts of all papers, in the order done, running, queued, failed, missing.
    fn counts(&self) -> [u64; 5] {
        let status = self.status();
        let papers = status["papers"].as_array().unwrap();
        ["done", "running", "queued", "failed", "missing"]
            .map(|field| papers.iter().map(|paper| paper[field].as_u64().unwrap()).sum())
    }

    fn plan_path(&self, submission: u32) -> PathBuf {
        let plans = bench::files(&self.bench.reports());
        plans.into_iter().find(|path| path.ends_with(format!("plan-{submission}.json"))).expect("a plan")
    }

    fn plan(&self, submission: u32) -> Value {
        serde_json::from_slice::<Value>(&std::fs::read(self.plan_path(submission)).unwrap()).unwrap()["plan"].clone()
    }

    /// Writes a changed plan with the digest that it then has.
    fn reseal(&self, version: u32, plan: &Value) {
        let text = plan.to_string();
        let sha256: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let envelope = format!("{{\"version\":{version},\"sha256\":\"{sha256}\",\"plan\":{text}}}");
        std::fs::write(self.plan_path(1), envelope).unwrap();
    }
}

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Trials that are packed two to a task, since a trial of unknown duration counts as five seconds.
const SUBMIT: &str = "submit checkpoints passes stages --profile smoke --task-time 11s";
const LOCAL: &str = "reproduce checkpoints passes stages --profile smoke";

#[test]
fn a_submitted_run_ends_in_the_report_of_a_local_one() {
    let cluster = Cluster::new();
    let ran = cluster.run(SUBMIT).code(0);
    assert!(ran.out.contains(": 12 trials, 2 shared stages before them, in 7 tasks\n"), "{ran:#?}");
    let jobs = cluster.jobs();
    // A stage for each seed in one task, eight trials without stages in two arrays of at most three tasks, four trials
    // that share stages after them, and the report after all.
    let shape: Vec<(usize, Vec<u32>)> =
        jobs.iter().map(|job| (job.tasks(), job.after().into_iter().collect())).collect();
    assert_eq!(shape, [(1, vec![]), (3, vec![]), (1, vec![]), (2, vec![1]), (1, vec![1, 2, 3, 4])]);
    assert_eq!(cluster.counts(), [0, 0, 0, 0, 12]);
    let last = jobs.len() - 1;
    cluster.carry_out(&jobs[..1], |_, _| false);
    // The task of stages ran no trial to its end.
    assert_eq!(cluster.bench.records().len(), 0);
    assert_eq!(cluster.bench.stored(".safetensors").len(), 2);
    cluster.carry_out(&jobs[1..last], |_, _| false);
    assert_eq!(cluster.counts(), [12, 0, 0, 0, 0]);
    assert_eq!(cluster.bench.results(), Bench::undisturbed(LOCAL));
    let report = cluster.task(&jobs[last], 0).code(0);
    assert!(report.out.contains("report: "), "{report:#?}");
    assert_eq!(cluster.status()["report"], true);
    // A run on this machine finds everything done, and takes the report for its own.
    let local = cluster.run(&format!("{LOCAL} --json")).code(0);
    assert_eq!((local.event("planned")["pending"].clone(), local.started()), (json!(0), 0));
    assert_eq!(cluster.run("report --list").code(0).out.lines().count(), 1);
    // And there is nothing left to submit.
    let again = cluster.run("submit --resume").code(0);
    assert!(again.out.contains("nothing to submit"), "{again:#?}");
    assert_eq!(cluster.jobs().len(), jobs.len());
}

#[test]
fn a_paper_with_real_claims_is_the_same_on_a_cluster() {
    let cluster = Cluster::new();
    let real = |mut command: Command| {
        command.env_remove("HARNESS_FIXTURES");
        Ran::of(command)
    };
    let arguments = "lr_perceptron --profile smoke --data synthetic --device cpu";
    real(cluster.command(&format!("submit {arguments} --task-time 30s"))).code(0);
    for job in cluster.jobs() {
        for task in 0..job.tasks() {
            let mut command = Command::new("sh");
            let given = cluster.command("");
            command.env_clear().arg(&job.script);
            for (name, value) in given.get_envs().filter(|(name, _)| *name != "HARNESS_FIXTURES") {
                command.env(name, value.unwrap_or_default());
            }
            command.env("SLURM_ARRAY_TASK_ID", task.to_string());
            Ran::of(command).code(0);
        }
    }
    let local = Bench::new();
    let ran = real(local.command(&format!("reproduce {arguments}").split_whitespace().collect::<Vec<_>>())).code(0);
    let results = |bench: &Bench| -> BTreeMap<PathBuf, [Value; 4]> {
        let trials = bench.stored(".json").into_iter().filter(|path| !path.ends_with("durations.json"));
        trials
            .map(|path| {
                let envelope: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let fields = ["outcome", "metrics", "series", "texts"].map(|field| envelope["record"][field].clone());
                (path.strip_prefix(bench.store()).unwrap().to_owned(), fields)
            })
            .collect()
    };
    assert!(!results(&local).is_empty(), "{ran:#?}");
    assert_eq!(results(&cluster.bench), results(&local));
    let verdicts = |bench: &Bench| {
        let path = bench::files(&bench.reports()).into_iter().find(|path| path.ends_with("verdicts.csv")).unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    assert_eq!(verdicts(&cluster.bench), verdicts(&local));
}

#[test]
fn a_task_that_must_make_room_goes_on_from_its_checkpoints() {
    let slow = "checkpoints --profile smoke --set steps=100 --set pause_ms=10 --set timeout_s=600";
    let cluster = Cluster::new();
    cluster.run(&format!("submit {slow} --task-time 1h --jobs 2")).code(0);
    let jobs = cluster.jobs();
    assert_eq!(jobs[0].tasks(), 1);
    assert_eq!(jobs[0].option("cpus-per-task"), Some("2"));
    assert_eq!(jobs[0].option("signal"), Some("B:USR1@120"));
    let task = cluster.start(&jobs[0], 0);
    let workers = || processes().into_iter().filter(|process| process.parent == task.id()).count();
    eventually("two trials go on", || workers() == 2);
    send(task.id(), Signal::USR1);
    let ran = ended(task).code(0);
    assert!(ran.err.contains("running trials finish or keep a checkpoint"), "{ran:#?}");
    assert_eq!(cluster.read("requeued"), format!("{}_0\n", jobs[0].id));
    assert_eq!(cluster.bench.stored(".checkpoint").len(), 2, "{ran:#?}");
    assert_eq!(cluster.bench.records().len(), 0);
    // Slurm starts it again.
    cluster.task(&jobs[0], 0).code(0);
    assert_eq!(cluster.bench.results(), Bench::undisturbed(&format!("reproduce {slow}")));
    assert_eq!(cluster.bench.stored(".checkpoint").len(), 0);
}

#[test]
fn a_task_that_is_cancelled_keeps_checkpoints_and_asks_for_nothing() {
    let slow = "checkpoints --profile smoke --set steps=100 --set pause_ms=10 --set timeout_s=600";
    let cluster = Cluster::new();
    cluster.run(&format!("submit {slow} --task-time 1h")).code(0);
    let job = &cluster.jobs()[0];
    let task = cluster.start(job, 0);
    eventually("a trial goes on", || processes().iter().any(|process| process.parent == task.id()));
    // However often it is asked.
    send(task.id(), Signal::TERM);
    send(task.id(), Signal::TERM);
    ended(task).code(1).says("asked to stop with 4 trials left");
    assert_eq!((cluster.read("requeued"), cluster.bench.stored(".checkpoint").len()), (String::new(), 1));
}

#[test]
fn duplicate_tasks_are_harmless() {
    let cluster = Cluster::new();
    cluster.run(SUBMIT).code(0);
    let jobs = cluster.jobs();
    cluster.carry_out(&jobs, |job, task| {
        let twins = [cluster.start(job, task), cluster.start(job, task)];
        for twin in twins {
            ended(twin).code(0);
        }
        true
    });
    assert_eq!(cluster.bench.results(), Bench::undisturbed(LOCAL));
    cluster.run("store verify").code(0);
    assert_eq!(cluster.status()["report"], true);
}

#[test]
fn a_task_that_is_killed_and_requeued_does_the_rest() {
    let slow = "passes --profile smoke --set pause_ms=5 --set steps=40 --set timeout_s=600";
    let cluster = Cluster::new();
    cluster.run(&format!("submit {slow} --task-time 1h")).code(0);
    let job = &cluster.jobs()[0];
    let mut task = cluster.start(job, 0);
    eventually("a trial is stored", || !cluster.bench.stored(".json").is_empty());
    // The node fails.
    task.kill().unwrap();
    task.wait().unwrap();
    cluster.task(job, 0).code(0);
    assert_eq!(cluster.bench.results(), Bench::undisturbed(&format!("reproduce {slow}")));
}

#[test]
fn only_what_is_lost_is_submitted_again() {
    let cluster = Cluster::new();
    cluster.run(SUBMIT).code(0);
    let jobs = cluster.jobs();
    let lost = |job: &Job, task: usize| !job.is_report() && job.id > 1 && task == 0;
    cluster.carry_out(&jobs, lost);
    let [done, 0, 0, 0, missing] = cluster.counts() else { panic!("{:?}", cluster.counts()) };
    assert_eq!((done, missing), (6, 6));
    // The report names what is missing.
    assert_eq!(cluster.status()["report"], true);
    cluster.file("sacct", "COMPLETED\nNODE_FAIL\nCANCELLED by 1000\nNODE_FAIL\n");
    let status = cluster.run("status").code(0).out;
    assert!(status.contains("tasks that did not complete: 1 cancelled, 2 node_fail\n"), "{status}");
    assert!(status.contains("submits what failed or is missing"), "{status}");
    let before = cluster.bench.results();
    let resumed = cluster.run("submit --resume --task-time 11s").code(0);
    assert!(resumed.out.contains(": 6 trials, in 3 tasks\n"), "{resumed:#?}");
    let started: BTreeSet<String> =
        cluster.plan(2)["trials"].as_array().unwrap().iter().map(|trial| trial["key"].to_string()).collect();
    assert_eq!(started.len(), 6);
    cluster.carry_out(&cluster.jobs()[jobs.len()..], |_, _| false);
    let results = cluster.bench.results();
    assert!(before.iter().all(|(name, result)| results[name] == *result));
    assert_eq!(results, Bench::undisturbed(LOCAL));
    assert_eq!(cluster.counts(), [12, 0, 0, 0, 0]);
}

#[test]
fn trials_make_up_for_a_lost_task_of_stages() {
    let cluster = Cluster::new();
    cluster.run("submit stages --profile smoke").code(0);
    let jobs = cluster.jobs();
    assert_eq!((jobs.len(), jobs[1].after()), (3, BTreeSet::from([jobs[0].id])));
    cluster.carry_out(&jobs, |job, _| job.id == jobs[0].id);
    assert_eq!(cluster.counts(), [4, 0, 0, 0, 0]);
    assert_eq!(cluster.bench.results(), Bench::undisturbed("reproduce stages --profile smoke"));
}

#[test]
fn what_is_in_the_queue_is_not_submitted_again() {
    let cluster = Cluster::new();
    cluster.run("submit passes --profile smoke --task-time 1s").code(0);
    let jobs = cluster.jobs();
    let (first, second) = (&jobs[0], &jobs[1]);
    assert_eq!([first.tasks(), second.tasks()], [3, 1]);
    let line = |job: &Job, task: usize, state: &str| format!("{}_{task}|{state}|{}\n", job.id, job.name());
    // One runs, one waits, one is lost, and that of the second array waits.
    let queue = [line(first, 0, "RUNNING"), line(first, 1, "PENDING"), line(second, 0, "PENDING")];
    cluster.file("queue", &queue.concat());
    assert_eq!(cluster.counts(), [0, 1, 2, 0, 1]);
    insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", "RUN")]}, {
        insta::assert_snapshot!("status", cluster.run("status").code(0).out);
    });
    let resumed = cluster.run("submit passes --profile smoke --resume").code(0);
    assert!(resumed.out.contains(": 1 trials, in 1 tasks\n"), "{resumed:#?}");
    let lost = &cluster.plan(1)["tasks"][2]["items"][0];
    let key = &cluster.plan(1)["trials"][lost.as_u64().unwrap() as usize]["key"];
    assert_eq!(cluster.plan(2)["trials"][0]["key"], *key);
    // Its report waits for those too.
    let report = cluster.jobs().pop().unwrap();
    assert_eq!(report.after(), BTreeSet::from([first.id, second.id, jobs.last().unwrap().id + 1]));
    // All four are in the queue now.
    let again = line(&cluster.jobs()[jobs.len()], 0, "CONFIGURING");
    cluster.file("queue", &(queue.concat() + &again));
    let none = cluster.run("submit --resume").code(0);
    assert!(none.out.contains("lacks nothing that is not in the queue: 4 trials are"), "{none:#?}");
    // Where the queue does not answer, nothing is submitted on a guess; the status says what it does not know.
    cluster.file("down", "");
    cluster.run("submit --resume").code(3).says("squeue: error: no answer");
    assert!(
        cluster.run("status").code(0).out.contains("what is queued is not known: squeue: squeue: error: no answer")
    );
}

#[test]
fn a_submission_that_is_killed_is_taken_up_again() {
    let cluster = Cluster::new();
    // It dies once its second job is in the queue.
    cluster.file("die-2", "");
    let ran = cluster.run(SUBMIT);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ran.status), Some(9), "{ran:#?}");
    let jobs = cluster.jobs();
    assert_eq!(jobs.len(), 2);
    cluster.carry_out(&jobs, |_, _| false);
    assert_eq!(cluster.counts(), [6, 0, 0, 0, 6]);
    cluster.run("submit --resume").code(0);
    cluster.carry_out(&cluster.jobs()[2..], |_, _| false);
    assert_eq!(cluster.bench.results(), Bench::undisturbed(LOCAL));
    assert_eq!(cluster.status()["report"], true);
}

#[test]
fn a_refusal_of_the_cluster_is_told_with_what_to_do() {
    let cluster = Cluster::new();
    cluster.file("refuse-2", "");
    cluster
        .run(SUBMIT)
        .code(3)
        .says("sbatch refused a job: sbatch: error: the queue is full; 1 jobs of run ")
        .says("and `harness submit --resume --run ");
}

#[test]
fn failed_trials_are_named_and_submitted_again() {
    let cluster = Cluster::new();
    cluster.run("submit panics --profile smoke").code(0);
    let jobs = cluster.jobs();
    cluster.task(&jobs[0], 0).code(1).says("1 trials failed");
    assert_eq!(cluster.counts(), [3, 0, 0, 1, 0]);
    cluster.task(&jobs[1], 0).code(1).says("1 trials failed; the report says why");
    let resumed = cluster.run("submit panics --profile smoke --resume").code(0);
    assert!(resumed.out.contains(": 1 trials, in 1 tasks\n"), "{resumed:#?}");
}

#[test]
fn a_plan_that_is_not_of_this_binary_is_refused() {
    let cluster = Cluster::new();
    cluster.run("submit passes --profile smoke").code(0);
    let path = cluster.plan_path(1);
    let worker = |index: &str| cluster.run(&format!("worker --plan {} --index {index}", path.display()));
    let plan = cluster.plan(1);
    // Code of another digest.
    let mut other = plan.clone();
    other["papers"][0]["code"] = json!("0123");
    cluster.reseal(1, &other);
    worker("0")
        .code(2)
        .says("was made by other code: the trials of `passes` reach code of the digest 0123, that of this");
    cluster.run("submit --resume").code(2).says("was made by other code");
    // Settings that do not give the keys of the plan.
    let mut other = plan.clone();
    other["papers"][0]["paper"]["profiles"]["smoke"]["settings"]["steps"] = json!(5);
    cluster.reseal(1, &other);
    worker("0").code(2).says("was made by another harness: its trial ");
    // Another version, and a changed file.
    cluster.reseal(2, &plan);
    worker("0").code(2).says("has version 2, this build knows 1");
    cluster.reseal(1, &plan);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"smoke\"", "\"quick\"")).unwrap();
    worker("0").code(2).says("was changed: its content has the digest ");
    std::fs::write(&path, "{").unwrap();
    worker("0").code(2).says("is not a plan of `harness submit`");
    std::fs::remove_file(&path).unwrap();
    worker("0").code(2).says("cannot be read");
    assert_eq!(cluster.bench.records().len(), 0);
}

#[test]
fn tasks_that_are_not_in_the_plan_are_refused() {
    let cluster = Cluster::new();
    cluster.run("submit passes --profile smoke").code(0);
    let path = cluster.plan_path(1).display().to_string();
    cluster.run(&format!("worker --plan {path} --index 1")).code(2).says("has 1 tasks, none of index 1");
    cluster.run(&format!("worker --plan {path}")).code(2).says("--plan needs --index N");
    cluster.run(&format!("worker --plan {path} --index 0 --report")).code(2);
    cluster.run("worker --index 0").code(2);
}

#[test]
fn options_of_the_cluster_are_passed_on() {
    let cluster = Cluster::new();
    let options = "--partition gpu --account physics --gres gpu:1 --time 1:00:00 --mem 8G --array-limit 2 \
                   --sbatch=--constraint=avx2 --jobs 3";
    cluster.run(&format!("{SUBMIT} {options}")).code(0);
    let jobs = cluster.jobs();
    for job in &jobs {
        for (name, value) in [("partition", "gpu"), ("account", "physics"), ("constraint", "avx2"), ("time", "1:00:00")]
        {
            assert_eq!(job.option(name), Some(value), "{job:?}");
        }
        let of_trials = (!job.is_report()).then_some("gpu:1");
        assert_eq!(job.option("gres"), of_trials);
    }
    assert_eq!((jobs[0].option("mem"), jobs[0].option("cpus-per-task")), (Some("8G"), Some("3")));
    assert!(jobs[0].option("array").unwrap().ends_with("%2"));
    // The limit is one of all tasks: one array after the other.
    for pair in jobs.windows(2) {
        assert!(pair[1].after().contains(&pair[0].id), "{pair:?}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let cluster = Cluster::new();
    let ran = cluster.run(&format!("{SUBMIT} --dry-run")).code(0);
    assert!(ran.out.contains("12 trials, 2 shared stages before them, in 7 tasks would be submitted"), "{ran:#?}");
    assert!(ran.out.contains("    sbatch --job-name=harness-RUN-1-0 --array=0-0 "), "{ran:#?}");
    assert_eq!(cluster.jobs().len(), 0);
    assert!(!cluster.bench.reports().exists());
}

#[test]
fn without_slurm_one_clear_error() {
    let bench = Bench::new();
    let mut command = bench.command(&["submit", "passes"]);
    command.env("PATH", bench.path("nothing"));
    Ran::of(command).code(3).says("there is no `sbatch` on PATH: submit on a machine from which");
    assert!(!bench.reports().exists());
}

#[test]
fn submissions_that_cannot_be() {
    let cluster = Cluster::new();
    cluster.run("submit").code(2);
    cluster.run("submit pases").code(2).says("did you mean `passes`");
    cluster.run("submit passes --cluster pbs").code(2).says("slurm");
    cluster.run("submit passes --array-limit 0").code(2);
    cluster.run("submit passes --jobs 0").code(2);
    cluster.run("submit passes --task-time never").code(2);
    cluster.run("submit passes --force").code(2);
    cluster.run("submit passes --resume --retry-failed").code(2);
    cluster.run("submit passes --run x").code(2);
    cluster.run("submit --resume").code(2).says("no run was submitted from ");
    cluster.run("submit passes --resume").code(2).says("no run of this selection, at the code of this binary");
    cluster.run("submit passes --set steps=words").code(2).says("steps");
    assert_eq!(cluster.jobs().len(), 0);
    cluster.run("submit passes --profile smoke").code(0);
    cluster
        .run("submit --resume --run 2000-01-01T00-00-00Z")
        .code(2)
        .says("no run `2000-01-01T00-00-00Z` was submitted");
    cluster.run("submit fails_claim --profile smoke --resume").code(2).says("no run of this selection");
}

#[test]
fn a_run_of_this_machine_has_a_status_too() {
    let bench = Bench::new();
    bench.run("status").code(2).says("there is no run in");
    bench.run("reproduce panics --profile smoke").code(1);
    let status: Value = serde_json::from_str(&bench.run("status --json").code(0).out).unwrap();
    assert_eq!((&status["submissions"], &status["papers"][0]["done"]), (&json!(0), &json!(3)));
    assert!(bench.run("status").code(0).out.contains("the command of the run, given again, runs what is left"));
}
