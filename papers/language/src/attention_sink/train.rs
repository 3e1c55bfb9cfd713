//! Training a language model while its attention is watched.

use burn::module::AutodiffModule;
use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use harness_core::prelude::*;
use papers_kit::gpt::inputs_and_labels;
use papers_kit::gradient_clip::clip_gradients;

use super::corpus::Corpus;
use super::loss::token_loss;
use super::measure::{Measurement, measure};
use super::model::Model;
use super::record::{record_final, record_point};
use super::settings::{Arm, Cell, Settings, Training};

/// Trains the model of an arm and records what its attention does.
///
/// # Errors
/// [`Error::Diverged`] where a loss is not finite, those of the data, and what ends the trial.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let (config, tokens, training) = settings.of(cell.task)?;
    let training = arm.training(training);
    let corpus = Corpus::open(arm, cell, settings, lab)?;
    let mut model = Model::new(arm, config, corpus.vocabulary, tokens, lab)?;
    let [beta_1, beta_2] = training.betas;
    let mut optimizer = AdamWConfig::new()
        .with_beta_1(beta_1 as f32)
        .with_beta_2(beta_2 as f32)
        .with_epsilon(1e-8)
        .with_weight_decay(training.weight_decay as f32)
        .init();
    let (mut batches, mut edits) = (lab.rng("batches"), lab.rng("edits"));
    let mut measurements: Vec<Measurement> = Vec::new();
    for step in 0..=training.steps {
        if step % settings.evaluation.every == 0 || step == training.steps {
            let measurement = measure(&model.valid(), &corpus, settings.evaluation.batch)?;
            if !measurement.loss.is_finite() {
                return Err(Error::Diverged(format!("the loss is {} after {step} steps", measurement.loss)));
            }
            record_point(step, &measurement, lab);
            measurements.push(measurement);
        }
        if step == training.steps {
            break;
        }
        let batch = corpus.batch(training.batch, &mut batches, &mut edits);
        let ids = IntTensor::from_data(TensorData::new(batch, [training.batch, corpus.length]), lab.device());
        let (inputs, labels) = inputs_and_labels(ids);
        let loss = token_loss(model.forward(inputs)?, labels, model.attention.ignored())?;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let gradients = clip_gradients(&model, gradients, training.clip);
        model = optimizer.step(learning_rate(step, &training), model, gradients);
        lab.progress(step as u64 + 1, training.steps as u64)?;
    }
    record_final(&measurements, settings.evaluation.averaged, lab);
    Ok(())
}

/// Grows over the warm-up, constant afterwards.
fn learning_rate(step: usize, training: &Training) -> f64 {
    training.learning_rate * ((step + 1) as f64 / training.warm_up.max(1) as f64).min(1.0)
}
