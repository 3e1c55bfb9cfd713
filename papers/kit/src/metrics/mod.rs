//! Numbers that say how good scores and probabilities are.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`ranking`] | does the score put the right rows first? ROC AUC, average precision |
//! | [`calibration`] | does a confidence mean what it says? expected and maximum calibration error |

pub mod calibration;
pub mod ranking;

pub use calibration::{Binning, CalibrationError, calibration_error};
pub use ranking::{Ties, average_precision, roc_auc};

use harness_core::{Error, Result};

/// Refuses scores that cannot be ordered and labels that do not belong to them.
fn check_scores(score: &[f64], labels: usize) -> Result<()> {
    if score.len() != labels {
        return Err(Error::Input(format!("{} scores, but {labels} labels: give one label per score", score.len())));
    }
    if let Some(at) = score.iter().position(|value| value.is_nan()) {
        return Err(Error::Input(format!("score {at} is NaN: it has no place in a ranking")));
    }
    Ok(())
}
