//! `harness worker`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failure, reproduce};
use crate::run::cluster::task;
use crate::run::executor::slurm;
use crate::run::{progress, worker};

/// Options of `worker`.
#[derive(Args)]
#[command(
    after_help = "Without options it serves the scheduler that started it, by its standard streams. USR1 makes a \
task keep checkpoints and ask Slurm to run it again; TERM makes it keep checkpoints and end."
)]
pub struct Arguments {
    /// The plan that `harness submit` wrote.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Which task of the plan to carry out, from 0 on.
    #[arg(long, value_name = "N", requires = "plan")]
    index: Option<usize>,
    /// Make the report of the plan's run.
    #[arg(long, requires = "plan", conflicts_with = "index")]
    report: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Some(plan) = &arguments.plan else {
        worker::serve()?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(index) = arguments.index else {
        if !arguments.report {
            return Err(Failure::input("--plan needs --index N, the task to carry out, or --report"));
        }
        let outcome = task::report(plan)?;
        reproduce::tell(&outcome)?;
        return reproduce::conclude(&outcome);
    };
    let ended = task::run(plan, index, progress::for_people().as_mut())?;
    if ended.requeue
        && let Some(job) = task::slurm_job()
    {
        slurm::requeue(&job)?;
        return Ok(ExitCode::SUCCESS);
    }
    let summary = ended.summary;
    if summary.left > 0 {
        return Err(Failure::failed(format!("asked to stop with {} trials left", summary.left)));
    }
    if summary.failed > 0 {
        return Err(Failure::failed(format!("{} trials failed", summary.failed)));
    }
    Ok(ExitCode::SUCCESS)
}
