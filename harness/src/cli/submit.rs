//! `harness submit`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use harness_core::backend::DeviceChoice;

use super::places::Places;
use super::{Failure, reproduce as local, selection};
use crate::run::cluster::status::choose_submitted;
use crate::run::cluster::submit;
use crate::run::executor::slurm::{self, Slurm, SlurmOptions};
use crate::run::progress;
use crate::run::reproduce;

/// Options of `submit`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Slugs of papers, families, or `all`.
    #[arg(required_unless_present = "resume", value_name = "PAPER|FAMILY|all")]
    papers: Vec<String>,
    #[command(flatten)]
    selection: selection::Arguments,
    /// Submit only what a submitted run still lacks: missing and failed trials that are in no task of the queue.
    #[arg(long, conflicts_with_all = ["retry_failed", "dry_run"])]
    resume: bool,
    /// The run that --resume is about [default: the latest of the named papers, or of all].
    #[arg(long, value_name = "RUN", requires = "resume", conflicts_with = "papers")]
    run: Option<String>,
    /// What takes the work.
    #[arg(long, value_enum, default_value = "slurm", help_heading = "Cluster")]
    cluster: Cluster,
    /// The partition.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    partition: Option<String>,
    /// The account that is charged.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    account: Option<String>,
    /// What each task needs beside cores and memory, such as `gpu:1`.
    #[arg(long, value_name = "LIST", help_heading = "Cluster")]
    gres: Option<String>,
    /// Most tasks that run at a time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Cluster")]
    array_limit: Option<u32>,
    /// Time limit of a task, as Slurm writes it [default: by the durations of finished trials].
    #[arg(long, value_name = "TIME", help_heading = "Cluster")]
    time: Option<String>,
    /// Memory of a task, as Slurm writes it [default: by what the papers expect].
    #[arg(long, value_name = "SIZE", help_heading = "Cluster")]
    mem: Option<String>,
    /// How long a task should last: short trials are packed until they fill it.
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = humantime::parse_duration, help_heading = "Cluster")]
    task_time: Duration,
    /// Trials at a time in a task, a core each.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Cluster")]
    jobs: u32,
    /// A further option of sbatch, such as `--sbatch=--constraint=avx2` (may be repeated).
    #[arg(long = "sbatch", value_name = "OPTION", allow_hyphen_values = true, help_heading = "Cluster")]
    further: Vec<String>,
    /// Say what would be submitted, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

const AFTER_HELP: &str = "The store must lie on a file system that all machines of the cluster share; so must this program \
and the data cache. `harness status` shows how far a submitted run is. This command may end, and be ended, at any time: \
what it did not submit, --resume does.";

#[derive(Clone, Copy, ValueEnum)]
enum Cluster {
    /// Job arrays of Slurm.
    Slurm,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let Cluster::Slurm = arguments.cluster;
    if !arguments.dry_run {
        slurm::check()?;
    }
    let device = arguments.selection.device.choice;
    if let (DeviceChoice::Cuda(_), false) = (device, cfg!(feature = "cuda-exact")) {
        // Says how to build it. A build with CUDA need not find a GPU where it submits.
        device.open()?;
    }
    let mut executor = Slurm {
        options: SlurmOptions {
            partition: arguments.partition.clone(),
            account: arguments.account.clone(),
            gres: arguments.gres.clone(),
            time: arguments.time.clone(),
            mem: arguments.mem.clone(),
            further: arguments.further.clone(),
            array_limit: arguments.array_limit.map(|limit| limit as usize),
            task_time: arguments.task_time,
            jobs: arguments.jobs as usize,
            dry_run: arguments.dry_run,
        },
        run: String::new(),
        reports: places.reports.clone(),
        cache: places.fetch.cache.clone(),
        after: Default::default(),
        submission: None,
    };
    let mut sink = progress::for_people();
    let session = reproduce::Places { reports: places.reports.clone(), store: places.store.clone() };
    let submitted = if arguments.resume {
        let run = if arguments.papers.is_empty() {
            choose_submitted(arguments.run.as_deref(), &places.reports)?
        } else {
            submit::run_of(&arguments.selection.of(&arguments.papers)?, &session, &places.fetcher())?
        };
        let (submitted, status) = submit::resume(&run, &session, &mut executor, sink.as_mut())?;
        let in_queue: usize = status.papers.iter().map(|paper| paper.running + paper.queued).sum();
        if submitted.submission.is_none() && in_queue > 0 {
            let mut out = anstream::stdout();
            writeln!(out, "run {run} lacks nothing that is not in the queue: {in_queue} trials are")?;
            return Ok(ExitCode::SUCCESS);
        }
        submitted
    } else {
        let selection = arguments.selection.of(&arguments.papers)?;
        let command = local::command_line();
        submit::submit(&selection, &session, &places.fetcher(), &mut executor, &command, sink.as_mut())?
    };
    let mut out = anstream::stdout();
    let Some(submission) = &submitted.submission else {
        if arguments.dry_run {
            writeln!(out, "nothing would be submitted: all trials are in the store")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "nothing to submit: all trials of run {} are in the store", submitted.run)?;
        let outcome = reproduce::report_again(&submitted.run, &session, None)?;
        local::tell(&outcome)?;
        return local::conclude(&outcome);
    };
    let [trials, stages, tasks] = submission.counts;
    let shared = if stages == 0 { String::new() } else { format!(", {stages} shared stages before them") };
    let would = if arguments.dry_run { " would be submitted" } else { "" };
    writeln!(out, "run {}: {trials} trials{shared}, in {tasks} tasks{would}", submitted.run)?;
    for job in &submission.jobs {
        writeln!(out, "  job {}: {}", job.id, job.about)?;
        if arguments.dry_run {
            writeln!(out, "    sbatch {}", job.options.join(" "))?;
        }
    }
    if !arguments.dry_run {
        writeln!(out, "`harness status {}` shows how far it is", submitted.run)?;
    }
    Ok(ExitCode::SUCCESS)
}
