//! The paper's main experiment on a small language model: it learns a text, unlearns a part of it, and is asked what it
//! still knows along the way.

use burn::module::AutodiffModule;
use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use harness_core::prelude::*;
use papers_kit::gpt::Gpt;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::batches::{Batch, Sequences};
use super::corpus::{Corpus, Question};
use super::divergence::kl_retain;
use super::exam::{Exam, Look, learned, scores};
use super::figures::SAME;
use super::learning::{self, Part};
use super::objective::{Answers, Objective, Retain, Terms};
use super::paired::Likelihoods;
use super::sequence::{sequence_loss, token_mean};
use super::settings::{LanguageSettings, Method, UnlearningSettings};

/// How far the forget answers' probability may be above the retrained model's in the rule by which rates are chosen.
const RULE_MARGIN: f64 = 0.05;

/// Looks along a trial, by steps of unlearning.
type Path = Vec<(usize, Look)>;

/// Runs one arm.
///
/// # Errors
/// Whatever ends the trial.
pub fn run(
    method: Method,
    rate: f64,
    percent: u32,
    real: bool,
    settings: &LanguageSettings,
    lab: &mut Lab,
) -> Result<()> {
    let corpus = Corpus::open(real, &settings.corpus, percent, lab)?;
    let exam = Exam::new(&corpus, &settings.evaluation, lab)?;
    let looked_at = |part: Part, lab: &mut Lab| -> Result<Look> {
        let kept = lab.stage("look", &(settings, percent, part == Part::All, real), |lab| {
            Ok(exam.look(&learning::learned(part, &corpus, percent, settings, lab)?)?.weights())
        })?;
        Look::from_weights(&kept)
    };
    let retrained = looked_at(Part::Kept, lab)?;
    let (model, path) = match method {
        Method::Retrain => {
            (learning::learned(Part::Kept, &corpus, percent, settings, lab)?, vec![(0, retrained.clone())])
        }
        Method::Original => {
            (learning::learned(Part::All, &corpus, percent, settings, lab)?, vec![(0, looked_at(Part::All, lab)?)])
        }
        Method::Unlearn(objective) => {
            let original = learning::learned(Part::All, &corpus, percent, settings, lab)?;
            let start = looked_at(Part::All, lab)?;
            let unlearning = Unlearning { corpus: &corpus, exam: &exam, objective, rate, settings };
            unlearning.run(original, start, lab)?
        }
    };
    record(&path, &retrained, &corpus, &exam, lab)?;
    if !corpus.retain_reworded.is_empty() {
        let model = model.valid();
        for (name, questions) in [
            ("forget_reworded_accuracy", &corpus.forget_reworded),
            ("retain_reworded_accuracy", &corpus.retain_reworded),
        ] {
            let asked = super::corpus::some(questions, settings.evaluation.questions, lab);
            lab.record(name, exam.accuracy(&model, &learned(&asked, lab.device())));
        }
    }
    Ok(())
}

struct Unlearning<'a> {
    corpus: &'a Corpus,
    exam: &'a Exam,
    objective: Objective,
    rate: f64,
    settings: &'a LanguageSettings,
}

/// Answers or refusals of the forget set, with their likelihoods under the reference model.
struct Known {
    sequences: Sequences,
    nll_ref: Vec<f32>,
}

impl Known {
    fn nll_ref(&self, rows: &[usize], device: &Device) -> Tensor<1> {
        let values: Vec<f32> = rows.iter().filter_map(|row| self.nll_ref.get(*row)).copied().collect();
        Tensor::from_data(TensorData::new(values, [rows.len()]), device)
    }
}

impl Unlearning<'_> {
    fn known(&self, reference: &Gpt, answer: impl Fn(&Question) -> &[i64], device: &Device) -> Known {
        let pairs = self.corpus.forget.iter().map(|question| (question.prompt.as_slice(), answer(question)));
        let sequences = Sequences::new(pairs, self.corpus.longest, device);
        let found = scores(reference, &sequences, self.settings.evaluation.batch);
        Known { sequences, nll_ref: found.iter().map(|score| score.answer.nll as f32).collect() }
    }

    /// Unlearns; looks are spread evenly over the epochs.
    fn run(&self, original: Gpt, start: Look, lab: &mut Lab) -> Result<(Gpt, Path)> {
        let device = lab.device().clone();
        let UnlearningSettings { epochs, batch, weight_decay, .. } = self.settings.unlearning;
        let looks = self.settings.evaluation.looks;
        // The reference stays what it is: `valid` shares no parameter that training changes.
        let reference = original.valid();
        let answers = self.known(&reference, |question| question.answer.as_slice(), &device);
        let refusals = self.known(&reference, |question| question.refusal.as_slice(), &device);
        let pairs = self.corpus.retain.iter().map(|question| (question.prompt.as_slice(), question.answer.as_slice()));
        let retain = Sequences::new(pairs, self.corpus.longest, &device);

        let mut model = original;
        let mut optimizer = AdamWConfig::new().with_weight_decay(weight_decay as f32).init();
        let (mut forget_rng, mut retain_rng) = (lab.rng("forget batches"), lab.rng("retain batches"));
        let mut order: Vec<usize> = (0..answers.sequences.count()).collect();
        let per_epoch = order.len().div_ceil(batch);
        let mut path = vec![(0, start)];
        let mut step = 0;
        for epoch in 0..epochs {
            order.shuffle(&mut forget_rng);
            for rows in order.chunks(batch) {
                let retained: Vec<usize> = (0..batch).map(|_| retain_rng.random_range(0..retain.count())).collect();
                let loss = self.loss(&model, &reference, [&answers, &refusals], rows, retain.select(&retained))?;
                let gradients = GradientsParams::from_grads(loss.backward(), &model);
                step += 1;
                // The first epoch warms up.
                let warm = (step as f64 / per_epoch as f64).min(1.0);
                model = optimizer.step(self.rate * warm, model, gradients);
            }
            lab.progress(step as u64, (epochs * per_epoch) as u64)?;
            if (epoch + 1) * looks / epochs > epoch * looks / epochs {
                path.push((step, self.exam.look(&model)?));
            }
        }
        Ok((model, path))
    }

    /// The loss of a step: one forward pass over all that the objective needs.
    fn loss(
        &self,
        model: &Gpt,
        reference: &Gpt,
        [answers, refusals]: [&Known; 2],
        rows: &[usize],
        retain: Batch,
    ) -> Result<Tensor<1>> {
        let objective = self.objective;
        let answer_batch = objective.needs_answers().then(|| answers.sequences.select(rows));
        let refusal_batch = objective.needs_refusals().then(|| refusals.sequences.select(rows));
        let retain_batch = (objective.retain != Retain::Nothing).then_some(retain);
        let parts = || answer_batch.iter().chain(&refusal_batch).chain(&retain_batch);
        let logits = model.forward(Tensor::cat(parts().map(|part| part.tokens.clone()).collect(), 0));
        let labels = Tensor::cat(parts().map(|part| part.labels.clone()).collect(), 0);
        let nll = sequence_loss(logits.clone(), labels).nll;
        let device = nll.device();
        let mut first = 0;
        let mut next = |count: usize| {
            first += count;
            first - count
        };
        let mut of_forget = |known: &Known, batch: Batch| Answers {
            likelihoods: Likelihoods {
                nll: nll.clone().narrow(0, next(rows.len()), rows.len()),
                nll_ref: known.nll_ref(rows, &device),
            },
            tokens: batch.answer_tokens,
        };
        let terms_answers = answer_batch.clone().map(|batch| of_forget(answers, batch));
        let terms_refusals = refusal_batch.clone().map(|batch| of_forget(refusals, batch));
        let retain = retain_batch.map(|batch| {
            let [count, length] = batch.tokens.dims();
            let start = next(count);
            if objective.retain == Retain::CrossEntropy {
                return token_mean(nll.clone().narrow(0, start, count), batch.answer_tokens);
            }
            let rows = |logits: Tensor<3>| {
                let [_, _, vocabulary] = logits.dims();
                logits.reshape([count * length, vocabulary])
            };
            let wanted = Tensor::from_inner(rows(reference.forward(batch.tokens)));
            kl_retain(rows(logits.clone().narrow(0, start, count)), wanted)
        });
        objective
            .loss(self.settings.unlearning.beta, Terms { answers: terms_answers, refusals: terms_refusals, retain })
    }
}

/// The curves of a path, and what becomes of them.
fn record(path: &Path, retrained: &Look, corpus: &Corpus, exam: &Exam, lab: &mut Lab) -> Result<()> {
    let grammar = corpus.forget.iter().any(|question| question.form.is_some());
    let (mut matched, mut rule, mut best) = (0.0f64, 0.0f64, 0.0f64);
    for (step, look) in path {
        let (quality, utility) = (look.forget_quality(retrained)?, look.utility()?);
        let mut numbers = vec![
            ("forget_quality", quality),
            ("utility", utility),
            ("forget_probability", look.forget_probability),
            ("retain_probability", look.retain_probability),
            ("retain_accuracy", look.retain_accuracy),
            ("world_accuracy", look.world_accuracy),
            ("repetition", look.repetition),
        ];
        if grammar {
            numbers.push(("grammatical", look.grammatical));
        }
        for (name, value) in numbers {
            lab.series(name, *step as f64, value);
            // The last look stays.
            lab.record(name, value);
        }
        best = best.max(quality);
        if quality >= SAME {
            matched = matched.max(utility);
        }
        if look.forget_probability <= retrained.forget_probability + RULE_MARGIN {
            rule = rule.max(utility);
        }
    }
    lab.record("matched_utility", matched);
    lab.record("rule_utility", rule);
    lab.record("best_quality", best);
    // Over the looks after the start, where there are any.
    let looks: Vec<&Look> = path.iter().skip(usize::from(path.len() > 1)).map(|(_, look)| look).collect();
    let mean = |of: fn(&Look) -> f64| looks.iter().map(|look| of(look)).sum::<f64>() / looks.len().max(1) as f64;
    if grammar {
        lab.record("mean_grammatical", mean(|look| look.grammatical));
    }
    lab.record("mean_repetition", mean(|look| look.repetition));
    if let Some((_, look)) = path.last() {
        for (at, (question, answer)) in exam.asked().iter().zip(&look.answers).take(3).enumerate() {
            lab.text(&format!("question_{at}"), corpus.tokenizer.decode(&question.prompt)?);
            lab.text(&format!("right_{at}"), corpus.tokenizer.decode(&question.answer)?);
            lab.text(&format!("answer_{at}"), corpus.tokenizer.decode(answer)?);
        }
    }
    Ok(())
}
