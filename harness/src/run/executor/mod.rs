//! What carries out a plan: this machine, or a cluster.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`local`] | starts workers here, hands out trials, survives their deaths |
//! | [`slurm`] | submits job arrays, whose tasks do on their machine what [`local`] does on this one |

pub mod local;
pub mod slurm;

use harness_core::Result;

use super::plan::Plan;
use super::progress::Sink;
use crate::store::Store;

/// Carries out the pending trials of a plan. What they give is in the store, and nowhere else.
pub trait Executor {
    /// Carries them out, or hands them over to what does: the summary says how far they are when this returns.
    ///
    /// # Errors
    /// Where the store, the machine or the cluster refuses. What a trial does wrong is no error, but a failed trial.
    fn execute(&mut self, plan: &Plan, store: &Store, sink: &mut dyn Sink) -> Result<Summary>;

    /// How many trials go on at a time, for expected times.
    fn parallel(&self) -> usize;
}

/// What became of the pending trials.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Ran to their end.
    pub finished: usize,
    /// Declined to run.
    pub skipped: usize,
    /// Did not come to their end.
    pub failed: usize,
    /// Were not started or stopped half-way, because the user asked to stop.
    pub left: usize,
    /// Were handed over to a cluster.
    pub submitted: usize,
}
