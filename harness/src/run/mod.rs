//! `reproduce`: select → plan → schedule → judge → report.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`plan`] | turns a selection into trials; every error of the user is found here |
//! | [`protocol`] | what scheduler and worker tell each other |
//! | [`worker`] | the process that runs trials |
//! | [`executor`] | carries out a plan: on this machine, or on a cluster |
//! | [`cluster`] | plan files, packing, and what a task of a cluster does |
//! | [`progress`] | what a person or a program sees meanwhile |
//! | [`machine`] | what is known of the computer |
//! | [`manifest`], [`versions`] | what a run was, and what it was built of |
//! | [`planner`] | adds seeds where a claim is open |
//! | [`judged`] | the results and verdicts of a run |
//! | [`reproduce`](mod@reproduce) | all of it, from selection to report |

pub mod cluster;
pub mod executor;
pub mod judged;
pub mod machine;
pub mod plan;
pub mod planner;
pub mod progress;
pub mod protocol;
pub mod reproduce;
pub mod versions;
pub mod worker;

pub use harness_store::manifest;
