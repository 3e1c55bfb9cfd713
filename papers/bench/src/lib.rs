//! Training steps of the papers, as `harness bench` measures them.
//!
//! Each step builds its model and one batch, and then takes the same training step again and again, as a paper of its
//! kind does. `ci/bench/` takes the same steps with PyTorch: sizes and optimisers are to be changed in both.
//!
//! | file | step |
//! | --- | --- |
//! | `perceptron.rs` | `mlp` |
//! | `convnet.rs` | `cnn` |
//! | `contrastive.rs` | `simclr` |
//! | `language.rs` | `gpt` |
//! | `adversarial.rs` | `pgd` |
//! | `derivatives.rs` | `jets` |
//! | `condensation.rs` | `condense` |
//! | `factored.rs` | `factored` |
//! | `flops.rs` | how much arithmetic a step is |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod adversarial;
mod batch;
mod condensation;
mod contrastive;
mod convnet;
mod derivatives;
mod factored;
pub mod flops;
mod language;
mod perceptron;

use harness_core::Result;
use harness_core::backend::Device;

/// Takes one training step and returns the loss before it.
pub type Take = Box<dyn FnMut() -> Result<f64>>;

/// A kind of training step.
pub struct Step {
    /// What it is called.
    pub name: &'static str,
    /// Model, batch and optimiser in a line.
    pub about: &'static str,
    /// Floating-point operations of the matrix products of one step; see [`flops`].
    pub flops: fn() -> f64,
    /// Builds model and batch.
    pub build: fn(&Device) -> Result<Take>,
}

/// All steps, in the order of the tables.
pub static STEPS: &[Step] = &[
    perceptron::STEP,
    convnet::STEP,
    contrastive::STEP,
    language::STEP,
    adversarial::STEP,
    derivatives::STEP,
    condensation::STEP,
    factored::STEP,
];

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn names_are_unique_and_every_step_is_described() {
        let names: std::collections::BTreeSet<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
        assert!(STEPS.iter().all(|step| !step.about.is_empty() && (step.flops)() > 0.0));
    }

    /// A step that trains nothing would be fast.
    #[test]
    fn every_step_lowers_its_loss_and_repeats_bit_by_bit() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for step in STEPS {
            let losses = |count: usize| -> Vec<f64> {
                let mut take = (step.build)(&device).unwrap();
                (0..count).map(|_| take().unwrap()).collect()
            };
            let first = losses(6);
            assert!(first.iter().all(|loss| loss.is_finite()), "{}: {first:?}", step.name);
            assert!(first[5] < first[0], "{} does not learn: {first:?}", step.name);
            assert_eq!(losses(2), first[..2], "{} does not repeat", step.name);
        }
    }
}
