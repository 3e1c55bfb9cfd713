//! What a model knows and says: asked along unlearning.

use burn::module::AutodiffModule;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::weights::Weights;
use papers_kit::gpt::{Decoding, Gpt, generate};
use papers_kit::metrics::{Answer, harmonic_mean, ks_two_sample, truth_ratio};

use super::batches::Sequences;
use super::corpus::{Corpus, Question, some};
use super::sequence::sequence_loss;
use super::settings::EvaluationSettings;

/// How a model finds the answer of one sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Its likelihood and length.
    pub answer: Answer,
    /// Share of its tokens that are the likeliest ones.
    pub greedy: f64,
}

/// Scores sequences with a model that records no gradients.
pub fn scores(model: &Gpt, sequences: &Sequences, batch: usize) -> Vec<Score> {
    let mut found = Vec::with_capacity(sequences.count());
    let mut lengths = sequences.answer_tokens().iter();
    for part in sequences.in_order(batch) {
        let logits = model.forward(part.tokens);
        let [_, length, _] = logits.dims();
        let steps = length.saturating_sub(1);
        let likeliest = logits.clone().argmax(2).squeeze_dim::<2>(2).narrow(1, 0, steps);
        // Nothing equals the label of what is ignored.
        let hits = likeliest.equal(part.labels.clone().narrow(1, 1, steps)).int().sum_dim(1);
        let nll = read_f32(sequence_loss(logits, part.labels).nll);
        let hits = hits.into_data().iter::<i64>().collect::<Vec<_>>();
        for ((nll, hits), tokens) in nll.into_iter().zip(hits).zip(&mut lengths) {
            let tokens = *tokens as f64;
            found.push(Score { answer: Answer { nll: f64::from(nll), tokens }, greedy: hits as f64 / tokens });
        }
    }
    found
}

/// What a look at a model finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// Truth ratio of each forget question.
    pub truth_ratios: Vec<f64>,
    /// Mean probability of the right answers to forget questions.
    pub forget_probability: f64,
    /// The same for retain questions.
    pub retain_probability: f64,
    /// How well retain questions are answered.
    pub retain_accuracy: f64,
    /// How well questions about the world are answered.
    pub world_accuracy: f64,
    /// Share of grammatical answers to forget questions; 0 where there is no grammar.
    pub grammatical: f64,
    /// Share of words in these answers that repeat the word before them.
    pub repetition: f64,
    /// These answers, without the token that ends them.
    pub answers: Vec<Vec<i64>>,
}

impl Look {
    /// Utility: the harmonic mean of what should be kept.
    ///
    /// # Errors
    /// Where one of the three is not finite.
    pub fn utility(&self) -> Result<f64> {
        harmonic_mean(&[self.retain_probability, self.retain_accuracy, self.world_accuracy])
    }

    /// Forget quality: the p-value of the hypothesis that the truth ratios come from the retrained model.
    ///
    /// # Errors
    /// Where there are no truth ratios.
    pub fn forget_quality(&self, retrained: &Look) -> Result<f64> {
        Ok(ks_two_sample(&self.truth_ratios, &retrained.truth_ratios)?.p_value)
    }

    /// For a stage.
    pub fn weights(&self) -> Weights {
        let mut kept = Weights::new();
        let mut put = |name: &str, values: Vec<f32>| kept.put_floats(name, &[values.len()], values);
        put("truth ratios", self.truth_ratios.iter().map(|ratio| *ratio as f32).collect());
        let numbers = [
            self.forget_probability,
            self.retain_probability,
            self.retain_accuracy,
            self.world_accuracy,
            self.grammatical,
            self.repetition,
        ];
        put("numbers", numbers.map(|number| number as f32).to_vec());
        put("lengths", self.answers.iter().map(|answer| answer.len() as f32).collect());
        put("answers", self.answers.iter().flatten().map(|token| *token as f32).collect());
        kept
    }

    /// Back from a stage.
    ///
    /// # Errors
    /// Where the stage holds something else.
    pub fn from_weights(kept: &Weights) -> Result<Self> {
        let doubles =
            |name: &str| -> Result<Vec<f64>> { Ok(kept.floats(name)?.iter().map(|value| f64::from(*value)).collect()) };
        let numbers = doubles("numbers")?;
        let [forget_probability, retain_probability, retain_accuracy, world_accuracy, grammatical, repetition] =
            numbers[..]
        else {
            return Err(Error::Failed("a stored look does not have the numbers that it was stored with".into()));
        };
        let mut tokens = doubles("answers")?.into_iter().map(|token| token as i64);
        let answers =
            doubles("lengths")?.into_iter().map(|length| tokens.by_ref().take(length as usize).collect()).collect();
        Ok(Look {
            truth_ratios: doubles("truth ratios")?,
            forget_probability,
            retain_probability,
            retain_accuracy,
            world_accuracy,
            grammatical,
            repetition,
            answers,
        })
    }
}

/// The questions of all looks of a trial.
pub struct Exam {
    settings: EvaluationSettings,
    end: i64,
    tokenizer: papers_kit::gpt::WordTokenizer,
    /// Forget questions that have wrong answers.
    forget: Vec<Question>,
    /// Their right answers.
    right: Sequences,
    /// Their wrong answers, question by question.
    wrong: Sequences,
    /// Forget, retain and world questions with the answers that were learned.
    learned: Sequences,
    retain: Sequences,
    world: Sequences,
    /// Forget questions that are answered in words.
    asked: Vec<Question>,
}

fn upload<'a>(pairs: impl Iterator<Item = (&'a Vec<i64>, &'a Vec<i64>)>, device: &Device) -> Sequences {
    let pairs: Vec<(&[i64], &[i64])> = pairs.map(|(prompt, answer)| (prompt.as_slice(), answer.as_slice())).collect();
    let length = pairs.iter().map(|(prompt, answer)| prompt.len() + answer.len()).max().unwrap_or(2).max(2);
    Sequences::new(pairs.into_iter(), length, device)
}

/// Questions with the answers that were learned.
pub fn learned(questions: &[Question], device: &Device) -> Sequences {
    upload(questions.iter().map(|question| (&question.prompt, &question.answer)), device)
}

impl Exam {
    /// Chooses the questions: the same for all arms of a seed.
    ///
    /// # Errors
    /// [`Error::Failed`] where no forget question has wrong answers.
    pub fn new(corpus: &Corpus, settings: &EvaluationSettings, lab: &Lab) -> Result<Self> {
        let device = lab.device();
        let with_wrong: Vec<Question> =
            corpus.forget.iter().filter(|question| !question.wrong.is_empty()).cloned().collect();
        let forget = some(&with_wrong, settings.questions, lab);
        if forget.is_empty() {
            return Err(Error::Failed("no forget question has wrong answers".into()));
        }
        let right = upload(forget.iter().map(|question| (&question.prompt, &question.right)), device);
        let wrong = upload(
            forget.iter().flat_map(|question| question.wrong.iter().map(|wrong| (&question.prompt, wrong))),
            device,
        );
        Ok(Exam {
            settings: *settings,
            end: corpus.end,
            tokenizer: corpus.tokenizer.clone(),
            right,
            wrong,
            learned: learned(&forget, device),
            retain: learned(&some(&corpus.retain, settings.questions, lab), device),
            world: learned(&some(&corpus.world, settings.questions, lab), device),
            asked: some(&forget, settings.answers, lab),
            forget,
        })
    }

    /// The questions that are answered in words.
    pub fn asked(&self) -> &[Question] {
        &self.asked
    }

    /// Share of these questions that are answered right: as a whole, or token by token.
    pub fn accuracy(&self, model: &Gpt, questions: &Sequences) -> f64 {
        mean(self.scores(model, questions).iter().map(|score| self.credit(score)))
    }

    fn scores(&self, model: &Gpt, questions: &Sequences) -> Vec<Score> {
        scores(model, questions, self.settings.batch)
    }

    fn credit(&self, score: &Score) -> f64 {
        if self.settings.whole_answers { f64::from(u8::from(score.greedy >= 1.0)) } else { score.greedy }
    }

    /// Looks at a model.
    ///
    /// # Errors
    /// Where a likelihood is not finite.
    pub fn look(&self, model: &Gpt) -> Result<Look> {
        let model = model.valid();
        let mut wrong = self.scores(&model, &self.wrong).into_iter().map(|score| score.answer);
        let truth_ratios = self
            .scores(&model, &self.right)
            .iter()
            .zip(&self.forget)
            .map(|(right, question)| {
                let wrong: Vec<Answer> = wrong.by_ref().take(question.wrong.len()).collect();
                truth_ratio(right.answer, &wrong)
            })
            .collect::<Result<Vec<f64>>>()?;
        let probability = |scores: &[Score]| mean(scores.iter().map(|score| score.answer.probability()));
        let retain = self.scores(&model, &self.retain);
        let answers = self.answers(&model)?;
        Ok(Look {
            truth_ratios,
            forget_probability: probability(&self.scores(&model, &self.learned)),
            retain_probability: probability(&retain),
            retain_accuracy: mean(retain.iter().map(|score| self.credit(score))),
            world_accuracy: self.accuracy(&model, &self.world),
            grammatical: self.grammatical(&answers)?,
            repetition: repetition(&answers),
            answers,
        })
    }

    /// Greedy answers in words, up to the token that ends them; where there is none, as long as they may be.
    fn answers(&self, model: &Gpt) -> Result<Vec<Vec<i64>>> {
        let prompts: Vec<Vec<i64>> = self.asked.iter().map(|question| question.prompt.clone()).collect();
        // Greedy decoding draws nothing.
        let mut unused = harness_core::rng::stream("npo", "greedy", 0);
        let said = generate(model, &prompts, self.settings.words, Decoding::Greedy, &mut unused)?;
        let cut = |answer: Vec<i64>| {
            let length = answer.iter().position(|token| *token == self.end).map_or(answer.len(), |at| at + 1);
            answer.into_iter().take(length).collect()
        };
        Ok(said.into_iter().map(cut).collect())
    }

    fn grammatical(&self, answers: &[Vec<i64>]) -> Result<f64> {
        let admitted = |(answer, question): (&Vec<i64>, &Question)| -> Result<f64> {
            let text = self.tokenizer.decode(answer)?;
            Ok(f64::from(u8::from(question.form.is_some_and(|form| form.admits(&text)))))
        };
        Ok(mean(answers.iter().zip(&self.asked).map(admitted).collect::<Result<Vec<f64>>>()?.into_iter()))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

/// Share of tokens that equal the token before them, among those that have one before them.
pub fn repetition(answers: &[Vec<i64>]) -> f64 {
    let pairs = || answers.iter().flat_map(|answer| answer.windows(2));
    let repeated = pairs().filter(|pair| matches!(pair, [a, b] if a == b)).count();
    repeated as f64 / pairs().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_counts_neighbours() {
        assert_eq!(repetition(&[vec![7, 7, 7, 7], vec![1, 2, 1, 2], vec![5], vec![]]), 0.5);
        assert_eq!(repetition(&[]), 0.0);
    }

    #[test]
    fn a_look_survives_its_stage() {
        let look = Look {
            truth_ratios: vec![0.5, 2.0],
            forget_probability: 0.25,
            repetition: 0.125,
            answers: vec![vec![3, 1], vec![], vec![230]],
            ..Look::default()
        };
        assert_eq!(Look::from_weights(&look.weights()).unwrap(), look);
        assert_eq!(look.utility().unwrap(), 0.0);
        assert_eq!(look.forget_quality(&look).unwrap(), 1.0);
    }
}
