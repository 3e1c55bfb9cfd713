//! Sequences of tokens for training and evaluation.

use harness_core::data::load::ptb;
use harness_core::prelude::*;
use papers_kit::gpt::CharTokenizer;
use rand::{Rng, RngExt};

use super::back_copy::{BackCopy, START};
use super::settings::{Arm, Cell, Settings, Task, TextSet, TextSettings};

/// Share of a text that comes first and is trained on.
const TRAINED_SHARE: f64 = 0.9;

/// Sequences of one length. Training draws them again and again; the evaluation sees the same ones each time.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// Tokens of a sequence: one more than the model sees, for the last prediction.
    pub length: usize,
    /// Sequences that training does not see, one after the other.
    pub evaluation: Vec<i64>,
    /// What training draws from, one token after the other.
    stream: Vec<i64>,
    /// Step from one possible start of a sequence to the next: the length for separate sequences, 1 for a text.
    stride: usize,
    edit: Edit,
}

/// What is done to each sequence.
#[derive(Debug, Clone, Copy)]
struct Edit {
    /// Position from 0, and the token that is put there.
    fixed: Option<(usize, i64)>,
    /// Positions a to b from 1, b excluded, that hold random tokens.
    random: Option<[usize; 2]>,
    /// The tokens they are drawn from evenly, the last one excluded.
    tokens: [i64; 2],
}

impl Edit {
    fn apply(&self, sequence: &mut [i64], rng: &mut impl Rng) {
        if let Some([start, end]) = self.random {
            for token in sequence.iter_mut().take(end - 1).skip(start - 1) {
                *token = rng.random_range(self.tokens[0]..self.tokens[1]);
            }
        }
        if let Some((at, token)) = self.fixed
            && let Some(place) = sequence.get_mut(at)
        {
            *place = token;
        }
    }
}

impl Corpus {
    /// The corpus of an arm in a cell: the same for all arms, but for what the arm changes in the data.
    ///
    /// # Errors
    /// Where a data set cannot be read or is too short.
    pub fn open(arm: &Arm, cell: &Cell, settings: &Settings, lab: &mut Lab) -> Result<Self> {
        let mut corpus = match cell.task {
            Task::BackCopy | Task::DataAmount => back_copy(arm, cell, settings, lab)?,
            Task::Text => text(arm, settings.text()?, settings.evaluation.sequences, lab)?,
        };
        let mut rng = lab.rng("evaluation edits");
        for sequence in corpus.evaluation.chunks_exact_mut(corpus.length) {
            corpus.edit.apply(sequence, &mut rng);
        }
        Ok(corpus)
    }

    /// `count` sequences for training. Which ones comes from the first stream, what is random in them from the second.
    pub fn batch(&self, count: usize, rng: &mut impl Rng, edits: &mut impl Rng) -> Vec<i64> {
        let starts = (self.stream.len() - self.length) / self.stride + 1;
        let mut batch = Vec::with_capacity(count * self.length);
        for _ in 0..count {
            let start = rng.random_range(0..starts) * self.stride;
            let at = batch.len();
            batch.extend_from_slice(&self.stream[start..start + self.length]);
            self.edit.apply(&mut batch[at..], edits);
        }
        batch
    }
}

fn back_copy(arm: &Arm, cell: &Cell, settings: &Settings, lab: &Lab) -> Result<Corpus> {
    let asked = &settings.back_copy;
    let language = BackCopy::new(&asked.language, &mut lab.rng("language"))?;
    let length = asked.tokens + 1;
    let start = arm.fixed_token.unwrap_or(1);
    let draw = |count: usize, stream: &str| -> Vec<i64> {
        let mut rng = lab.rng(stream);
        (0..count).flat_map(|_| language.sequence(length, start, &mut rng)).collect()
    };
    Ok(Corpus {
        vocabulary: asked.language.vocabulary,
        length,
        evaluation: draw(settings.evaluation.sequences, "evaluation"),
        stream: draw(cell.pool.unwrap_or(asked.pool), "pool"),
        stride: length,
        edit: Edit { fixed: None, random: arm.random_tokens, tokens: [START + 1, asked.language.vocabulary as i64] },
    })
}

fn text(arm: &Arm, asked: &TextSettings, sequences: usize, lab: &mut Lab) -> Result<Corpus> {
    let (mut trained, mut unseen) = (String::new(), String::new());
    for set in &asked.sets {
        let (first, second) = read(*set, asked, lab)?;
        trained.push_str(&first);
        unseen.push_str(&second);
    }
    let characters = CharTokenizer::of(&format!("{trained}{unseen}"));
    let (stream, unseen) = (characters.encode(&trained)?, characters.encode(&unseen)?);
    let length = asked.tokens + 1;
    if stream.len() < length || unseen.len() < length {
        return Err(Error::Input(format!(
            "sequences of {length} characters do not fit into {} and {} characters",
            stream.len(),
            unseen.len()
        )));
    }
    let mut rng = lab.rng("evaluation");
    let windows = (0..sequences).flat_map(|_| {
        let start = rng.random_range(0..=unseen.len() - length);
        unseen[start..start + length].to_vec()
    });
    let evaluation = windows.collect();
    // One token more than there are characters, for the arms in which all sequences share a token.
    let shared = characters.size() as i64;
    Ok(Corpus {
        vocabulary: characters.size() + 1,
        length,
        evaluation,
        stream,
        stride: 1,
        edit: Edit {
            fixed: arm.fixed_token.map(|position| (position - 1, shared)),
            random: arm.random_tokens,
            tokens: [0, shared],
        },
    })
}

/// The part of a text that is trained on, and the part that is not.
fn read(set: TextSet, asked: &TextSettings, lab: &mut Lab) -> Result<(String, String)> {
    let text = match (lab.data(set.name())?, set) {
        (Data::Real(files), TextSet::TinyShakespeare) => String::from_utf8(files.read("input.txt")?)
            .map_err(|error| Error::Failed(format!("input.txt of {} is not UTF-8: {error}", set.name())))?,
        (Data::Real(files), TextSet::PennTreebank) => {
            let words = ptb(&files)?;
            return Ok((words.train.join(" "), words.valid.join(" ")));
        }
        (Data::Synthetic, _) => made_up_text(asked.synthetic_length, &mut lab.rng(set.name())),
    };
    let split = (text.chars().count() as f64 * TRAINED_SHARE) as usize;
    Ok((text.chars().take(split).collect(), text.chars().skip(split).collect()))
}

/// Made-up words, a few of them frequent, in sentences.
fn made_up_text(length: usize, rng: &mut impl Rng) -> String {
    let words: Vec<String> =
        (0..200).map(|_| (0..rng.random_range(2..8)).map(|_| rng.random_range('a'..='z')).collect()).collect();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // The square of an even draw favours the first words.
        let share: f64 = rng.random::<f64>().powi(2);
        text.push_str(&words[(share * words.len() as f64) as usize]);
        text.push_str(if rng.random_range(0..8) == 0 { ".\n" } else { " " });
    }
    text.truncate(length);
    text
}
