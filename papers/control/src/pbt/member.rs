//! What a population is made of.

use harness_core::Result;
use harness_core::rng::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an evaluation of a member came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What members are ranked by; the larger the better. A value that is not finite counts as the worst.
    pub performance: f64,
    /// The measurements that are new since the last evaluation, which the t-test compares: the returns of the episodes
    /// that ended, or the performance itself.
    pub samples: Vec<f64>,
}

impl Evaluation {
    /// An evaluation that is a single measurement.
    pub fn of(performance: f64) -> Self {
        Evaluation { performance, samples: vec![performance] }
    }
}

/// A network in training. Its hyper-parameters belong to the population.
pub trait Member {
    /// All that the rest of its training depends on, in a form that keeps every bit.
    type State: Serialize + DeserializeOwned;

    /// Trains for one turn with these hyper-parameters. All randomness comes from `rng`, a stream of this member's
    /// turn, so that a turn does not depend on who else was trained before.
    ///
    /// # Errors
    /// Whatever keeps it from training. Weights that diverge are no error.
    fn train(&mut self, hyper: &[f64], rng: &mut Stream) -> Result<()>;

    /// Measures the weights on what training does not see. Called once after each turn.
    ///
    /// # Errors
    /// Whatever keeps it from being measured.
    fn evaluate(&mut self) -> Result<Evaluation>;

    /// Takes over the weights of `source`, the state of its optimiser, and what its performance is computed from.
    fn copy_weights(&mut self, source: &Self);

    /// What a checkpoint keeps.
    fn state(&self) -> Self::State;

    /// Goes back to a kept state.
    ///
    /// # Errors
    /// [`harness_core::Error::Failed`] where the state is that of a member of other sizes.
    fn restore(&mut self, state: Self::State) -> Result<()>;
}
