//! Numbers that say how good scores and probabilities are.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`ranking`] | does the score put the right rows first? ROC AUC, average precision |
//! | [`harmonic`] | the mean that one bad value pulls down |
//! | [`truth_ratio`](mod@truth_ratio) | does a language model prefer the right answer to wrong ones? |
//! | [`two_sample`] | do two samples come from one distribution? Kolmogorov and Smirnov |
//! | [`calibration`] | does a confidence mean what it says? expected and maximum calibration error |

pub mod calibration;
pub mod harmonic;
pub mod ranking;
pub mod truth_ratio;
pub mod two_sample;

pub use calibration::{Binning, CalibrationError, calibration_error};
pub use harmonic::harmonic_mean;
pub use ranking::{Ties, average_precision, roc_auc};
pub use truth_ratio::{Answer, truth_ratio};
pub use two_sample::{KolmogorovSmirnov, ks_two_sample};

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
