//! What each arm minimises: a term that forgets, and perhaps one that retains.

use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};
use serde::{Deserialize, Serialize};

use super::combined::CombinedLossConfig;
use super::paired::{DpoLossConfig, Likelihoods};
use super::preference::NpoLossConfig;
use super::sequence::token_mean;

/// What makes the forget answers less likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forget {
    /// Gradient ascent: minus the mean token cross-entropy.
    Ascent,
    /// Descent on a refusal in place of the answer.
    Refusal,
    /// Preference of a refusal over the answer.
    Dpo,
    /// Negative preference optimisation.
    Npo,
}

/// What keeps the rest of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retain {
    /// Nothing.
    Nothing,
    /// RT: the mean token cross-entropy of a retain batch.
    CrossEntropy,
    /// KL: the divergence from the reference model on a retain batch.
    Divergence,
}

/// The objective of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The term that forgets.
    pub forget: Forget,
    /// The term that retains.
    pub retain: Retain,
}

/// Answers to the questions of a forget batch.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Their likelihoods under the trained and the reference model, summed over tokens.
    pub likelihoods: Likelihoods,
    /// The number of their tokens.
    pub tokens: usize,
}

/// What a step has computed for the objective, which needs only part of it.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The answers to forget.
    pub answers: Option<Answers>,
    /// Refusals of the same questions.
    pub refusals: Option<Answers>,
    /// The retain term: cross-entropy or divergence, `[1]`.
    pub retain: Option<Tensor<1>>,
}

impl Objective {
    /// Whether the answers to forget have a part.
    pub fn needs_answers(self) -> bool {
        self.forget != Forget::Refusal
    }

    /// Whether refusals have a part.
    pub fn needs_refusals(self) -> bool {
        matches!(self.forget, Forget::Refusal | Forget::Dpo)
    }

    /// The loss of a step, `[1]`. `beta` counts for [`Forget::Dpo`] and [`Forget::Npo`].
    ///
    /// # Errors
    /// [`Error::Input`] where β is impossible; [`Error::Failed`] where a term is missing.
    pub fn loss(self, beta: f64, terms: Terms) -> Result<Tensor<1>> {
        let missing =
            |what: &str| Error::Failed(format!("the objective needs {what}, which the step has not computed"));
        let answers = || terms.answers.clone().ok_or_else(|| missing("the answers to forget"));
        let refusals = || terms.refusals.clone().ok_or_else(|| missing("refusals"));
        let forget = match self.forget {
            Forget::Ascent => answers().map(|answers| -token_mean(answers.likelihoods.nll, answers.tokens))?,
            Forget::Refusal => refusals().map(|refusals| token_mean(refusals.likelihoods.nll, refusals.tokens))?,
            Forget::Dpo => {
                DpoLossConfig::new().with_beta(beta).init()?.forward(refusals()?.likelihoods, answers()?.likelihoods)
            }
            Forget::Npo => {
                let Likelihoods { nll, nll_ref } = answers()?.likelihoods;
                match self.retain {
                    Retain::Nothing => return Ok(NpoLossConfig::new().with_beta(beta).init()?.forward(nll, nll_ref)),
                    Retain::CrossEntropy | Retain::Divergence => {
                        let retain = terms.retain.clone().ok_or_else(|| missing("a retain term"))?;
                        let loss = CombinedLossConfig::new().with_beta(beta).init()?;
                        return Ok(loss.forward(nll, nll_ref, retain).0);
                    }
                }
            }
        };
        match self.retain {
            Retain::Nothing => Ok(forget),
            Retain::CrossEntropy | Retain::Divergence => {
                Ok(forget + terms.retain.clone().ok_or_else(|| missing("a retain term"))?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn value(forget: Forget, retain: Retain) -> f32 {
        let device = DeviceChoice::Cpu.open().unwrap();
        let of = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
        let terms = Terms {
            answers: Some(Answers {
                likelihoods: Likelihoods { nll: of([3.0, 5.0]), nll_ref: of([1.0, 2.0]) },
                tokens: 4,
            }),
            refusals: Some(Answers {
                likelihoods: Likelihoods { nll: of([6.0, 2.0]), nll_ref: of([9.0, 9.0]) },
                tokens: 8,
            }),
            retain: Some(Tensor::from_data([0.25], &device)),
        };
        read_f32(Objective { forget, retain }.loss(1.0, terms).unwrap())[0]
    }

    #[test]
    fn every_arm_has_the_loss_of_its_name() {
        let (s, none) = (|x: f32| (1.0 + x.exp()).ln(), Retain::Nothing);
        for (forget, want) in [
            (Forget::Ascent, -2.0), // −(3 + 5)/4, over tokens and not over sequences
            (Forget::Refusal, 1.0), // (6 + 2)/8
            (Forget::Npo, s(-2.0) + s(-3.0)),
            (Forget::Dpo, s(-5.0) + s(-10.0)), // (9 − 6) − (1 − 3) and (9 − 2) − (2 − 5)
        ] {
            assert!((value(forget, none) - want).abs() < 1e-5, "{forget:?}: {} against {want}", value(forget, none));
            for retain in [Retain::CrossEntropy, Retain::Divergence] {
                assert!((value(forget, retain) - want - 0.25).abs() < 1e-5, "{forget:?} with {retain:?}");
            }
        }
    }

    #[test]
    fn a_missing_term_is_an_error() {
        for forget in [Forget::Ascent, Forget::Refusal, Forget::Dpo, Forget::Npo] {
            let objective = Objective { forget, retain: Retain::Nothing };
            assert!(objective.loss(0.1, Terms::default()).is_err(), "{forget:?}");
        }
    }
}
