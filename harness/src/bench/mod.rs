//! What things cost: training steps of the papers, and the tool itself.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`simulate`] | a store of made-up trials |

pub mod simulate;
