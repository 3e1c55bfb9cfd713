//! What things cost: training steps of the papers, and the tool itself.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`entry`] | what can be measured, each in a process of its own |
//! | [`training`], [`tool`], [`transfer`] | how it is measured |
//! | [`measured`] | times of one thing, their median and its interval |
//! | [`outcome`] | all measurements of a run, with the machine |
//! | [`ratio`] | two measurements of one thing against each other |
//! | [`table`] | all of it for people |
//! | [`simulate`] | a store of made-up trials |

pub mod entry;
pub mod measured;
pub mod outcome;
pub mod ratio;
pub mod simulate;
pub mod table;
pub mod tool;
pub mod training;
pub mod transfer;

pub use entry::repeated;
