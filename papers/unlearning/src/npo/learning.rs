//! Learning a text from scratch: the original model, and the one retrained without the forget set.

use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::gpt::Gpt;
use papers_kit::module_weights::{to_weights, with_weights};
use papers_kit::schedule::cosine;
use rand::seq::SliceRandom;

use super::batches::Sequences;
use super::corpus::{Corpus, Question};
use super::sequence::{sequence_loss, token_mean};
use super::settings::LanguageSettings;

/// What a model is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Everything except for what is to be forgotten.
    Kept,
}

/// A model trained on a part of the corpus, shared by all arms of a seed.
///
/// # Errors
/// [`Error::Diverged`] where the loss is not finite, and what ends the trial.
pub fn learned(part: Part, corpus: &Corpus, percent: u32, settings: &LanguageSettings, lab: &mut Lab) -> Result<Gpt> {
    let LanguageSettings { corpus: text, model, pretraining, .. } = settings;
    // The original model does not depend on what will be forgotten.
    let without = (part == Part::Kept).then_some(percent);
    let real = corpus.forget.first().is_some_and(|question| question.form.is_none());
    let kept = lab.stage("language model", &(text, model, pretraining, without, real), |lab| {
        Ok(to_weights(&train(part, corpus, settings, lab)?))
    })?;
    with_weights(fresh(corpus, settings, lab)?, &kept)
}

fn fresh(corpus: &Corpus, settings: &LanguageSettings, lab: &Lab) -> Result<Gpt> {
    let mut rng = lab.rng("initial weights");
    settings.model.config().init(corpus.tokenizer.size(), corpus.longest, &mut rng, lab.device())
}

fn train(part: Part, corpus: &Corpus, settings: &LanguageSettings, lab: &mut Lab) -> Result<Gpt> {
    let pretraining = settings.pretraining;
    let forget: &[Question] = if part == Part::All { &corpus.forget } else { &[] };
    let mut pairs: Vec<(&[i64], &[i64])> = (corpus.retain.iter().chain(&corpus.world).chain(forget))
        .map(|question| (question.prompt.as_slice(), question.answer.as_slice()))
        .collect();
    // In an order that does not depend on which part will be forgotten.
    pairs.sort_unstable();
    let sequences = Sequences::new(pairs.into_iter(), corpus.longest, lab.device());

    let mut model = fresh(corpus, settings, lab)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(pretraining.weight_decay as f32).init();
    let mut rng = lab.rng("pretraining batches");
    let mut order: Vec<usize> = (0..sequences.count()).collect();
    let total = pretraining.epochs * order.len().div_ceil(pretraining.batch);
    let mut step = 0;
    for epoch in 0..pretraining.epochs {
        order.shuffle(&mut rng);
        let mut last = None;
        for rows in order.chunks(pretraining.batch) {
            let batch = sequences.select(rows);
            let loss = token_mean(sequence_loss(model.forward(batch.tokens), batch.labels).nll, batch.answer_tokens);
            last = Some(loss.clone().inner());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(pretraining.rate * cosine(step, total), model, gradients);
            step += 1;
        }
        lab.progress(step as u64, total as u64)?;
        let loss = last.map_or(f32::NAN, |loss| read_f32(loss).into_iter().sum());
        if !loss.is_finite() {
            return Err(Error::Diverged(format!("the loss is {loss} after epoch {} of pretraining", epoch + 1)));
        }
    }
    Ok(model)
}
