//! `reproduce`: select → plan → schedule → judge → report.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`plan`] | turns a selection into trials; every error of the user is found here |
//! | [`protocol`] | what scheduler and worker tell each other |
//! | [`worker`] | the process that runs trials |
//! | [`scheduler`] | starts workers, hands out trials, survives their deaths |
//! | [`progress`] | what a person or a program sees meanwhile |
//! | [`machine`] | what is known of the computer |
//! | [`manifest`] | what a run was |
//! | [`reproduce`](mod@reproduce) | all of it, from selection to report |

pub mod machine;
pub mod manifest;
pub mod plan;
pub mod progress;
pub mod protocol;
pub mod reproduce;
pub mod scheduler;
pub mod worker;
