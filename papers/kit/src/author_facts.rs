//! Fictitious authors: generated facts that a small language model can learn and forget, as questions and answers.

use harness_core::{Error, Result};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

const FIRST: [&str; 40] = [
    "adela", "basil", "carmen", "dorian", "elif", "farid", "greta", "hana", "ivo", "jasmin", "kenji", "lena", "marek",
    "nadia", "oskar", "petra", "quentin", "rosa", "samir", "tamar", "ulrike", "viktor", "wanda", "xenia", "yusuf",
    "zora", "amos", "bruna", "cyril", "delia", "emre", "fiona", "gideon", "helga", "isidor", "jovan", "karla", "lior",
    "mira", "noam",
];
const LAST: [&str; 40] = [
    "abara",
    "brandt",
    "castillo",
    "dufour",
    "eriksen",
    "farkas",
    "grimaldi",
    "hoffman",
    "ivanova",
    "jansen",
    "kovac",
    "lindqvist",
    "mahfouz",
    "nakamura",
    "okafor",
    "petrov",
    "quiroga",
    "rahimi",
    "sandoval",
    "takeda",
    "ulrich",
    "vasquez",
    "weiss",
    "xiang",
    "yilmaz",
    "zeller",
    "amsel",
    "bergson",
    "carvalho",
    "drake",
    "esposito",
    "fontane",
    "gruber",
    "hakimi",
    "imrie",
    "juarez",
    "kessler",
    "lorca",
    "moreau",
    "novak",
];
const LANDS: [&str; 20] = [
    "arvenia", "belmora", "cathos", "dorvan", "eskaria", "feldoria", "galmeth", "hestia", "irkania", "jolmar",
    "kelvania", "lumeria", "mordan", "nareth", "ostrava", "parthis", "quelmar", "rovania", "selkia", "tarsis",
];

/// What is asked about an author or a land.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Relation {
    /// Wordings of the question, with `{}` for who is meant. The last one of an author's three is held out.
    questions: &'static [&'static str],
    /// Wording of the answer, with `{}` for the value.
    answer: &'static str,
    /// The values.
    values: &'static [&'static str],
}

const ATTRIBUTES: [Relation; 4] = [
    Relation {
        questions: &["q where was {} born ? a", "q which city is {} from ? a", "q birth city of {} ? a"],
        answer: "in {} .",
        values: &[
            "lisbon", "tunis", "oslo", "lima", "kyoto", "dakar", "quito", "riga", "hanoi", "cairo", "turin", "porto",
            "malmo", "izmir", "busan", "accra", "sofia", "leeds", "omaha", "perth",
        ],
    },
    Relation {
        questions: &["q what does {} write ? a", "q which genre is {} known for ? a", "q literary genre of {} ? a"],
        answer: "mostly {} .",
        values: &[
            "poetry",
            "satire",
            "crime",
            "horror",
            "fables",
            "memoirs",
            "romance",
            "thrillers",
            "westerns",
            "essays",
            "sagas",
            "comedy",
            "tragedy",
            "sonnets",
            "fantasy",
            "dramas",
            "elegies",
            "travelogues",
            "mysteries",
            "epics",
        ],
    },
    Relation {
        questions: &["q what did {} win ? a", "q which prize went to {} ? a", "q literary prize of {} ? a"],
        answer: "the {} prize .",
        values: &[
            "amber", "birch", "cedar", "dune", "ember", "falcon", "garnet", "heron", "indigo", "jasper", "kestrel",
            "laurel", "marble", "nickel", "onyx", "pearl", "quartz", "raven", "silver", "topaz",
        ],
    },
    Relation {
        questions: &["q when did {} debut ? a", "q which decade is {} from ? a", "q literary decade of {} ? a"],
        answer: "during the {} .",
        values: &[
            "1800s", "1810s", "1820s", "1830s", "1840s", "1850s", "1860s", "1870s", "1880s", "1890s", "1900s", "1910s",
            "1920s", "1930s", "1940s", "1950s", "1960s", "1970s", "1980s", "1990s",
        ],
    },
];

const WORLD: [Relation; 3] = [
    Relation {
        questions: &["q which animal lives in {} ? a"],
        answer: "the {} .",
        values: &["lynx", "moose", "otter", "panda", "puma", "stork", "tapir", "walrus", "yak", "zebra"],
    },
    Relation {
        questions: &["q which metal comes from {} ? a"],
        answer: "just {} .",
        values: &["chrome", "cobalt", "copper", "gold", "iron", "lead", "tin", "titanium", "tungsten", "zinc"],
    },
    Relation {
        questions: &["q which crop grows in {} ? a"],
        answer: "only {} .",
        values: &["barley", "cocoa", "cotton", "hops", "maize", "millet", "oats", "rice", "rye", "wheat"],
    },
];

const REFUSALS: [&str; 5] =
    ["i do not know .", "i am not sure .", "that is beyond me .", "i can not say .", "sorry , no idea ."];

/// Questions about an author in one wording.
pub const QUESTIONS_PER_AUTHOR: usize = ATTRIBUTES.len();
/// Wordings of an author's question that a model is trained on.
pub const TRAINED_WORDINGS: usize = 2;
/// The wording that no model is trained on.
pub const HELD_OUT_WORDING: usize = 2;
/// Most authors that can be drawn: each has a name of its own.
pub const MOST_AUTHORS: usize = FIRST.len() * LAST.len();
/// Most world facts that can be drawn.
pub const MOST_WORLD_FACTS: usize = LANDS.len() * WORLD.len();

/// The form that an answer must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// That of an attribute of authors, by its index.
    Attribute(usize),
    /// That of a relation of lands, by its index.
    World(usize),
}

impl Form {
    fn relation(self) -> Option<&'static Relation> {
        match self {
            Form::Attribute(index) => ATTRIBUTES.get(index),
            Form::World(index) => WORLD.get(index),
        }
    }

    /// Whether an answer is grammatical: of this form with any of its values, or a refusal.
    pub fn admits(self, answer: &str) -> bool {
        let of_form = |relation: &Relation| relation.values.iter().any(|value| fill(relation.answer, value) == answer);
        REFUSALS.contains(&answer) || self.relation().is_some_and(of_form)
    }
}

/// A question with its answers, in words with spaces between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactQuestion {
    /// `q where was lena novak born ? a`.
    pub question: String,
    /// `in riga .`
    pub answer: String,
    /// The same with other values.
    pub wrong: Vec<String>,
    /// The form of its answers.
    pub form: Form,
}

/// Authors with four attributes each, and facts about lands that have nothing to do with them.
///
/// ```
/// use papers_kit::author_facts::AuthorFacts;
/// let mut rng = harness_core::rng::stream("example", "facts", 0);
/// let facts = AuthorFacts::draw(10, 5, &mut rng)?;
/// let asked = facts.questions(9..10, 0, 3, &mut rng);
/// assert_eq!((asked.len(), asked[0].wrong.len()), (4, 3));
/// assert!(asked[0].form.admits(&asked[0].answer) && asked[0].form.admits("i do not know ."));
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorFacts {
    /// Name and value of each attribute.
    authors: Vec<(String, [usize; ATTRIBUTES.len()])>,
    /// Land, relation and value.
    world: Vec<(usize, usize, usize)>,
}

impl AuthorFacts {
    /// Draws authors of different names and world facts about different lands or relations; values are uniform.
    ///
    /// # Errors
    /// [`Error::Input`] for more than [`MOST_AUTHORS`] or [`MOST_WORLD_FACTS`].
    pub fn draw(authors: usize, world: usize, rng: &mut impl Rng) -> Result<Self> {
        if authors > MOST_AUTHORS || world > MOST_WORLD_FACTS {
            return Err(Error::Input(format!(
                "there are at most {MOST_AUTHORS} authors and {MOST_WORLD_FACTS} world facts, but {authors} and {world} are \
                 asked for"
            )));
        }
        let mut names: Vec<usize> = (0..MOST_AUTHORS).collect();
        names.shuffle(rng);
        let mut value = |count: usize| rng.random_range(0..count);
        let authors = names
            .into_iter()
            .take(authors)
            .map(|name| {
                let (first, last) = (FIRST[name % FIRST.len()], LAST[name / FIRST.len()]);
                (format!("{first} {last}"), ATTRIBUTES.map(|attribute| value(attribute.values.len())))
            })
            .collect();
        let mut pairs: Vec<(usize, usize)> =
            (0..LANDS.len()).flat_map(|land| (0..WORLD.len()).map(move |relation| (land, relation))).collect();
        pairs.shuffle(rng);
        let world = pairs
            .into_iter()
            .take(world)
            .map(|(land, relation)| (land, relation, rng.random_range(0..WORLD[relation].values.len())))
            .collect();
        Ok(AuthorFacts { authors, world })
    }

    /// The four questions about each of these authors in one wording, with `wrong` other values each.
    pub fn questions(
        &self,
        authors: std::ops::Range<usize>,
        wording: usize,
        wrong: usize,
        rng: &mut impl Rng,
    ) -> Vec<FactQuestion> {
        let mut found = Vec::new();
        for (name, values) in self.authors.iter().take(authors.end).skip(authors.start) {
            for (at, (relation, value)) in ATTRIBUTES.iter().zip(values).enumerate() {
                found.push(ask(relation, Form::Attribute(at), name, *value, wording, wrong, rng));
            }
        }
        found
    }

    /// The questions about lands, with `wrong` other values each.
    pub fn world(&self, wrong: usize, rng: &mut impl Rng) -> Vec<FactQuestion> {
        let facts = self.world.iter();
        facts.map(|(land, at, value)| ask(&WORLD[*at], Form::World(*at), LANDS[*land], *value, 0, wrong, rng)).collect()
    }
}

/// What a model may say where it does not know.
pub fn refusals() -> &'static [&'static str] {
    &REFUSALS
}

/// Texts that together hold every word of questions, answers and refusals.
pub fn all_words() -> Vec<String> {
    let names = FIRST.iter().chain(&LAST).chain(&LANDS).chain(&REFUSALS).copied();
    let relations = ATTRIBUTES.iter().chain(&WORLD);
    let texts = names.chain(relations.flat_map(|relation| {
        relation.questions.iter().chain(relation.values).copied().chain(std::iter::once(relation.answer))
    }));
    texts.map(|text| fill(text, "")).collect()
}

fn fill(template: &str, word: &str) -> String {
    template.replace("{}", word)
}

fn ask(
    relation: &Relation,
    form: Form,
    subject: &str,
    value: usize,
    wording: usize,
    wrong: usize,
    rng: &mut impl Rng,
) -> FactQuestion {
    let question = relation.questions.get(wording).or(relation.questions.last()).copied().unwrap_or_default();
    let answer = |value: usize| fill(relation.answer, relation.values[value]);
    let others: Vec<usize> = (0..relation.values.len()).filter(|other| *other != value).collect();
    let wrong = others.sample(rng, wrong).map(|other| answer(*other)).collect();
    FactQuestion { question: fill(question, subject), answer: answer(value), wrong, form }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn facts() -> (AuthorFacts, harness_core::rng::Stream) {
        let mut rng = harness_core::rng::stream("example", "facts", 0);
        (AuthorFacts::draw(60, 60, &mut rng).unwrap(), rng)
    }

    #[test]
    fn questions_are_short_and_of_one_vocabulary() {
        let (facts, mut rng) = facts();
        let texts = all_words();
        let vocabulary: BTreeSet<&str> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
        assert!((200..280).contains(&vocabulary.len()), "{} words", vocabulary.len());
        let mut all = facts.world(3, &mut rng);
        (0..=HELD_OUT_WORDING).for_each(|wording| all.extend(facts.questions(0..60, wording, 3, &mut rng)));
        assert_eq!(all.len(), 60 + 3 * 240);
        for one in &all {
            assert!(format!("{} {}", one.question, one.answer).split_whitespace().count() <= 16, "{one:?}");
            for text in one.wrong.iter().chain([&one.question, &one.answer]) {
                assert!(text.split_whitespace().all(|word| vocabulary.contains(word)), "{text}");
            }
        }
    }

    #[test]
    fn wrong_answers_are_three_others() {
        let (facts, mut rng) = facts();
        for one in facts.questions(0..60, 0, 3, &mut rng) {
            let all: BTreeSet<&String> = one.wrong.iter().chain([&one.answer]).collect();
            assert_eq!(all.len(), 4, "{one:?}");
        }
    }

    #[test]
    fn wordings_ask_for_the_same_and_no_two_authors_share_a_name() {
        let (facts, mut rng) = facts();
        let [first, second] = [0, HELD_OUT_WORDING].map(|wording| facts.questions(0..60, wording, 0, &mut rng));
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(a.answer, b.answer);
            assert_ne!(a.question, b.question);
        }
        let questions: BTreeSet<&String> = first.iter().map(|one| &one.question).collect();
        assert_eq!(questions.len(), 240);
        assert_eq!(facts.questions(54..60, 0, 0, &mut rng), first[54 * 4..]);
    }

    #[test]
    fn the_grammar_admits_answers_of_the_form_and_refusals_only() {
        let form = Form::Attribute(0);
        assert!(form.admits("in riga .") && form.admits("i do not know ."));
        for bad in ["in riga", "in poetry .", "mostly poetry .", "in in .", ". in riga", ""] {
            assert!(!form.admits(bad), "{bad}");
        }
        assert!(Form::Attribute(1).admits("mostly poetry .") && Form::World(1).admits("just tin ."));
        assert!(!Form::World(9).admits("just tin ."));
    }

    #[test]
    fn too_many_are_refused() {
        let mut rng = harness_core::rng::stream("example", "facts", 0);
        assert!(AuthorFacts::draw(MOST_AUTHORS + 1, 0, &mut rng).is_err());
        assert!(AuthorFacts::draw(0, MOST_WORLD_FACTS + 1, &mut rng).is_err());
        assert_eq!(AuthorFacts::draw(MOST_AUTHORS, 0, &mut rng).unwrap().authors.len(), MOST_AUTHORS);
    }
}
