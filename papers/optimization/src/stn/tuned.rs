//! The hyper-parameters that a run tunes, and those that it holds.

use harness_core::prelude::*;

use super::hyperparameter::Constraint;
use super::settings::{Held, Hyperparameter};
use super::strengths::{Strengths, Target};

/// What is tuned, as the runs need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// What each hyper-parameter controls.
    pub targets: Vec<Target>,
    /// Where its values lie.
    pub constraints: Vec<Constraint>,
    starts: Vec<f64>,
    held: Strengths,
}

impl Tuned {
    /// Hyper-parameters from their settings; `held` is on, but not tuned.
    ///
    /// # Errors
    /// [`Error::Input`] where a range is empty.
    pub fn new(hyperparameters: &[Hyperparameter], held: &[Held]) -> Result<Self> {
        Ok(Tuned {
            targets: hyperparameters.iter().map(|one| one.target).collect(),
            constraints: hyperparameters.iter().map(Hyperparameter::constraint).collect::<Result<_>>()?,
            starts: hyperparameters.iter().map(|one| one.start).collect(),
            held: held.iter().fold(Strengths::default(), |strengths, one| strengths.with(one.target, one.value)),
        })
    }

    /// Unconstrained values at the start.
    ///
    /// # Errors
    /// [`Error::Input`] where one starts outside of its range.
    pub fn unconstrained_starts(&self) -> Result<Vec<f64>> {
        self.constraints
            .iter()
            .zip(&self.starts)
            .map(|(constraint, start)| constraint.range.unconstrained(*start))
            .collect()
    }

    /// Strengths at these values.
    pub fn at(&self, values: &[f64]) -> Strengths {
        self.held.with_all(&self.targets, values)
    }

    /// Strengths at unconstrained values.
    pub fn strengths(&self, h: &[f64]) -> Strengths {
        let values: Vec<f64> = self.constraints.iter().zip(h).map(|(constraint, h)| constraint.value(*h)).collect();
        self.at(&values)
    }

    /// Strengths at the start.
    pub fn starts(&self) -> Strengths {
        self.at(&self.starts)
    }

    /// All tuned dropout rates at `rate`, all else at the start.
    pub fn with_dropout(&self, rate: f64) -> Strengths {
        let values: Vec<f64> = self
            .targets
            .iter()
            .zip(&self.starts)
            .map(|(target, start)| if target.is_dropout() { rate } else { *start })
            .collect();
        self.at(&values)
    }

    /// For each hyper-parameter whether it may differ from example to example.
    pub fn per_example(&self) -> Vec<bool> {
        self.targets.iter().map(|target| target.per_example()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_moves_dropout_rates_that_are_tuned_and_nothing_else() {
        let one =
            |target, start| Hyperparameter { target, range: (0.0, Some(0.9)), discrete: false, start, draw: None };
        let hyperparameters = [one(Target::OutputDropout, 0.05), one(Target::WeightDrop, 0.1)];
        let tuned = Tuned::new(&hyperparameters, &[Held { target: Target::InputDropout, value: 0.2 }]).unwrap();
        let strengths = tuned.with_dropout(0.6);
        let values = [Target::OutputDropout, Target::WeightDrop, Target::InputDropout, Target::HiddenDropout1];
        assert_eq!(values.map(|target| strengths.of(target)), [0.6, 0.1, 0.2, 0.0]);
        assert_eq!(tuned.per_example(), [true, false]);
    }
}
