//! Work beyond one machine: a plan is written once, and tasks anywhere carry out their part of it.
//!
//! The store on a file system that all machines share is the only channel between them. A task that runs twice gives the
//! same results twice; one that is lost leaves trials that are missing in the store, and just those are submitted again.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`plan_file`] | the immutable file that all tasks of a submission read |
//! | [`stages`] | finds what trials share, so that it is computed before them |
//! | [`pack`] | packs trials into tasks that last minutes, and tasks into arrays |
//! | [`submit`](mod@submit) | from a selection, or from what a run still lacks, to a submission |
//! | [`task`] | what one task does |
//! | [`status`](mod@status) | how far a run is, by its store and the queue |

pub mod pack;
pub mod plan_file;
pub mod stages;
pub mod status;
pub mod submit;
pub mod task;
