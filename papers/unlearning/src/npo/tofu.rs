//! Reader of TOFU: questions and answers about fictitious authors.

use std::io::Read;

use harness_core::data::CachedSet;
use harness_core::data::text::lines;
use harness_core::{Error, Result};
use serde::Deserialize;

/// Questions about one author.
pub const PER_AUTHOR: usize = 20;

/// A question of TOFU.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TofuQuestion {
    /// The question.
    pub question: String,
    /// Its answer.
    pub answer: String,
    /// The answer in other words, in the form of the wrong answers; only where those are given.
    #[serde(default)]
    pub paraphrased_answer: Option<String>,
    /// Wrong answers; none for most questions.
    #[serde(default)]
    pub perturbed_answer: Vec<String>,
}

/// The texts of TOFU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tofu {
    /// 4,000 questions, 20 per author in the order of authors. The last 400 have wrong answers.
    pub authors: Vec<TofuQuestion>,
    /// 117 questions about the world.
    pub world: Vec<TofuQuestion>,
}

/// Reads the data set `tofu`.
///
/// # Errors
/// Where a file is missing or is not what the registry says.
pub fn read(set: &CachedSet) -> Result<Tofu> {
    let mut authors = questions(set, "full.jsonl.gz")?;
    let perturbed = questions(set, "forget10_perturbed.jsonl.gz")?;
    let first = authors.len().checked_sub(perturbed.len());
    for (at, with_wrong) in perturbed.into_iter().enumerate() {
        let place = first.and_then(|first| authors.get_mut(first + at));
        match place {
            Some(place) if place.question == with_wrong.question => *place = with_wrong,
            _ => return Err(format(&format!("line {} of forget10_perturbed is not that of the full set", at + 1))),
        }
    }
    Ok(Tofu { authors, world: questions(set, "world_facts_perturbed.json.gz")? })
}

fn questions(set: &CachedSet, file: &str) -> Result<Vec<TofuQuestion>> {
    let mut bytes = Vec::new();
    set.open(file)?.read_to_end(&mut bytes).map_err(|error| Error::Environment(format!("{file}: {error}")))?;
    parse(&bytes, file)
}

/// One object per line; empty lines are passed over.
fn parse(bytes: &[u8], file: &str) -> Result<Vec<TofuQuestion>> {
    lines(bytes, file)?
        .into_iter()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| format(&format!("{file}, line {}: {error}", at + 1)))
        })
        .collect()
}

fn format(message: &str) -> Error {
    Error::Input(format!("data set tofu: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_wrong_answers() {
        let text = br#"{"question": "Who?", "answer": "A.", "original_answer": "ignored"}

{"question": "B?", "answer": "C", "paraphrased_answer": "D", "perturbed_answer": ["E", "F"]}
"#;
        let found = parse(text, "x").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].answer.as_str(), found[0].perturbed_answer.len()), ("A.", 0));
        assert_eq!(found[1].paraphrased_answer.as_deref(), Some("D"));
        let error = parse(b"{}\n", "x").unwrap_err().to_string();
        assert!(error.contains("x, line 1"), "{error}");
    }
}
