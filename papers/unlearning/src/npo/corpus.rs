//! What the language model learns, and which part of it is to be forgotten: questions and answers as tokens.

use harness_core::prelude::*;
use papers_kit::author_facts::{
    self as facts, AuthorFacts, FactQuestion, Form, HELD_OUT_WORDING, QUESTIONS_PER_AUTHOR, TRAINED_WORDINGS,
};
use papers_kit::gpt::WordTokenizer;
use rand::RngExt;
use rand::seq::SliceRandom;

use super::settings::CorpusSettings;
use super::tofu::{self, PER_AUTHOR, Tofu, TofuQuestion};

/// Special tokens of TOFU: what surrounds a question, and what ends an answer.
const QUESTION: &str = "<question>";
const ANSWER: &str = "<answer>";
const END: &str = "<end>";

/// A question with its answers, as tokens. Every answer ends with the token that ends answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub prompt: Vec<i64>,
    /// The answer that is learned.
    pub answer: Vec<i64>,
    /// The right answer of the truth ratio, in the words of the wrong ones.
    pub right: Vec<i64>,
    /// Wrong answers.
    pub wrong: Vec<Vec<i64>>,
    /// A refusal, the same for all arms of a seed.
    pub refusal: Vec<i64>,
    /// The form of its answers, where there is a grammar.
    pub form: Option<Form>,
}

/// Everything that is learned, and everything that is asked.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// Words as tokens.
    pub tokenizer: WordTokenizer,
    /// What is to be forgotten.
    pub forget: Vec<Question>,
    /// What is to be kept, about other authors.
    pub retain: Vec<Question>,
    /// What is to be kept, about the world.
    pub world: Vec<Question>,
    /// Forget questions in a wording that was never trained on.
    pub forget_reworded: Vec<Question>,
    /// Retain questions in such a wording.
    pub retain_reworded: Vec<Question>,
    /// The token that ends an answer.
    pub end: i64,
    /// Tokens of the longest sequence.
    pub longest: usize,
}

/// How many of `authors` are forgotten: `percent` of them, at least one and not all.
pub fn forgotten(authors: usize, percent: u32) -> usize {
    ((authors as f64 * f64::from(percent) / 100.0).round() as usize).clamp(1, authors.saturating_sub(1).max(1))
}

impl Corpus {
    /// Generated facts; the last `percent` of the authors are to be forgotten.
    ///
    /// # Errors
    /// [`Error::Input`] for more authors or facts than can be drawn.
    pub fn facts(settings: &CorpusSettings, percent: u32, lab: &Lab) -> Result<Self> {
        let facts = AuthorFacts::draw(settings.authors, settings.world, &mut lab.rng("facts"))?;
        let tokenizer = WordTokenizer::of(facts::all_words().iter().map(String::as_str), 1, &[])?;
        // A question has the same wrong answers and refusal whatever part is forgotten.
        let (mut wrong, mut choice) = (lab.rng("wrong answers"), lab.rng("refusals"));
        let refusals = facts::refusals();
        let mut encode = |questions: Vec<FactQuestion>| -> Vec<Question> {
            let mut encode_one = |question: FactQuestion| {
                let answer = tokenizer.encode(&question.answer);
                Question {
                    prompt: tokenizer.encode(&question.question),
                    right: answer.clone(),
                    answer,
                    wrong: question.wrong.iter().map(|wrong| tokenizer.encode(wrong)).collect(),
                    refusal: tokenizer.encode(refusals[choice.random_range(0..refusals.len())]),
                    form: Some(question.form),
                }
            };
            questions.into_iter().map(&mut encode_one).collect()
        };
        let kept = settings.authors - forgotten(settings.authors, percent);
        let (mut forget, mut retain) = (Vec::new(), Vec::new());
        for wording in 0..TRAINED_WORDINGS {
            let all = encode(facts.questions(0..settings.authors, wording, settings.wrong, &mut wrong));
            let (first, last) = all.split_at(kept * QUESTIONS_PER_AUTHOR);
            retain.extend_from_slice(first);
            forget.extend_from_slice(last);
        }
        let world = encode(facts.world(settings.wrong, &mut wrong));
        let mut retain_reworded =
            encode(facts.questions(0..settings.authors, HELD_OUT_WORDING, settings.wrong, &mut wrong));
        let forget_reworded = retain_reworded.split_off(kept * QUESTIONS_PER_AUTHOR);
        Corpus::new(tokenizer, ".", [forget, retain, world, forget_reworded, retain_reworded])
    }

    /// The last authors of TOFU; the last `percent` of them are to be forgotten.
    ///
    /// # Errors
    /// [`Error::Input`] for more authors or facts than there are.
    pub fn tofu(text: &Tofu, settings: &CorpusSettings, percent: u32, lab: &Lab) -> Result<Self> {
        let lines = settings.authors * PER_AUTHOR;
        let first = text.authors.len().checked_sub(lines);
        let (Some(authors), Some(world)) =
            (first.and_then(|first| text.authors.get(first..)), text.world.get(..settings.world))
        else {
            return Err(Error::Input(format!(
                "settings.tofu.corpus: {lines} lines of authors and {} about the world are asked for, but there are {} and {}",
                settings.world,
                text.authors.len(),
                text.world.len()
            )));
        };
        let refusals = facts::refusals();
        let learned = authors.iter().chain(world).flat_map(|one| [one.question.as_str(), one.answer.as_str()]);
        // Refusals twice: their words count as known.
        let texts = learned.chain(refusals.iter().copied()).chain(refusals.iter().copied());
        let tokenizer = WordTokenizer::of(texts, 2, &[QUESTION, ANSWER, END])?;
        let special = |word: &str| {
            tokenizer
                .id(word)
                .ok_or_else(|| Error::Failed(format!("the special token {word} is not in the vocabulary")))
        };
        let (asked, answered, end) = (special(QUESTION)?, special(ANSWER)?, special(END)?);
        let mut choice = lab.rng("refusals");
        let mut encode = |question: &TofuQuestion| -> Question {
            let mut prompt = vec![asked];
            prompt.extend(tokenizer.encode(&question.question));
            // The answer needs room too.
            prompt.truncate(settings.length / 2);
            prompt.push(answered);
            let room = settings.length - prompt.len();
            let answer = |text: &str| -> Vec<i64> {
                let mut tokens = tokenizer.encode(text);
                tokens.truncate(room - 1);
                tokens.push(end);
                tokens
            };
            Question {
                answer: answer(&question.answer),
                right: answer(question.paraphrased_answer.as_ref().unwrap_or(&question.answer)),
                wrong: question.perturbed_answer.iter().take(settings.wrong).map(|wrong| answer(wrong)).collect(),
                refusal: answer(refusals[choice.random_range(0..refusals.len())]),
                prompt,
                form: None,
            }
        };
        let mut retain: Vec<Question> = authors.iter().map(&mut encode).collect();
        let forget = retain.split_off(lines - forgotten(settings.authors, percent) * PER_AUTHOR);
        let world = world.iter().map(&mut encode).collect();
        Corpus::new(tokenizer, END, [forget, retain, world, Vec::new(), Vec::new()])
    }

    fn new(tokenizer: WordTokenizer, end: &str, parts: [Vec<Question>; 5]) -> Result<Self> {
        let longest = parts.iter().flatten().map(Question::longest).max().unwrap_or(0);
        let [forget, retain, world, forget_reworded, retain_reworded] = parts;
        let end = tokenizer.id(end).ok_or_else(|| Error::Failed("no token ends an answer".into()))?;
        Ok(Corpus { tokenizer, forget, retain, world, forget_reworded, retain_reworded, end, longest })
    }

    /// The text of a trial: TOFU where `real` and it can be had, generated facts otherwise.
    ///
    /// # Errors
    /// Where the data set cannot be read.
    pub fn open(real: bool, settings: &CorpusSettings, percent: u32, lab: &mut Lab) -> Result<Self> {
        if real && let Data::Real(set) = lab.data("tofu")? {
            return Corpus::tofu(&tofu::read(&set)?, settings, percent, lab);
        }
        Corpus::facts(settings, percent, lab)
    }
}

impl Question {
    fn longest(&self) -> usize {
        let answers = self.wrong.iter().chain([&self.answer, &self.right, &self.refusal]);
        self.prompt.len() + answers.map(Vec::len).max().unwrap_or(0)
    }
}

/// At most `most` of these questions, chosen by the seed, in their order.
pub fn some(questions: &[Question], most: usize, lab: &Lab) -> Vec<Question> {
    let mut order: Vec<usize> = (0..questions.len()).collect();
    if most < questions.len() {
        order.shuffle(&mut lab.rng("asked questions"));
        order.truncate(most);
        order.sort_unstable();
    }
    order.into_iter().filter_map(|at| questions.get(at).cloned()).collect()
}
