//! Sentiment of reviews of one kind of product, learned from reviews of another.

use harness_core::data::{CachedSet, text};
use harness_core::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Poisson};

use super::images::open;
use super::moons::{record_shallow, share_right};
use super::msda::Stack;
use super::settings::{Arm, Cell, DOMAINS, Features, Method, Reviews};
use super::shallow::{Pair, Row, Rows, ShallowNetwork, ShallowRule};

const REVIEWS: &str = "amazon-sentiment-dann";
/// Columns of the released files.
const WORDS: usize = 5000;
/// Reviews of each domain, unseen in training, between which the proxy A-distance is measured.
const DISTANCE_SAMPLES: usize = 2000;
/// Points of each domain in the picture of the representation.
const PICTURE_POINTS: usize = 150;

/// Reviews with their sentiment, 1 for positive.
#[derive(Debug, Clone, PartialEq)]
struct Labelled {
    rows: Rows,
    labels: Vec<usize>,
}

impl Labelled {
    fn shuffled(&self, count: usize, rng: &mut impl Rng) -> Self {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.shuffle(rng);
        order.truncate(count);
        self.select(&order)
    }

    fn select(&self, order: &[usize]) -> Self {
        Labelled {
            rows: self.rows.select(order),
            labels: order.iter().filter_map(|at| self.labels.get(*at).copied()).collect(),
        }
    }
}

/// What a pair of domains consists of.
struct Corpus {
    train: Labelled,
    /// Held-out source reviews, for early stopping: no target label is ever looked at before the test.
    validation: Labelled,
    target: Rows,
    /// Source reviews that nothing was trained on, for the distance.
    source_test: Labelled,
    test: Labelled,
}

impl Corpus {
    fn open(cell: &Cell, settings: &Reviews, trial: &Trial, lab: &mut Lab) -> Result<Self> {
        let [from, to] = cell.domains()?;
        let [source, source_test, target, test] = match open(REVIEWS, trial, lab)? {
            Data::Real(set) => {
                let read = |domain: usize, part: &str| -> Result<Labelled> {
                    read_svmlight(&set, &format!("{}_{part}.svmlight.gz", DOMAINS.get(domain).unwrap_or(&"")))
                };
                [read(from, "train")?, read(from, "test")?, read(to, "train")?, read(to, "test")?]
            }
            Data::Synthetic => {
                let mut rng = lab.rng("reviews");
                let Reviews { source, target, test, .. } = *settings;
                [(from, source), (from, test), (to, target), (to, test)]
                    .map(|(domain, count)| topic_bags(domain, count, &mut rng))
            }
        };
        let mut rng = lab.rng("split");
        let source = source.shuffled(settings.source, &mut rng);
        let order: Vec<usize> = (0..source.rows.len()).collect();
        let (held_out, fitted) = order.split_at(settings.validation_count().min(order.len()));
        if fitted.len() < settings.half_batch {
            return Err(Error::Input(format!(
                "reviews.half_batch: {} reviews are asked for a step, but only {} are left for training",
                settings.half_batch,
                fitted.len()
            )));
        }
        Ok(Corpus {
            validation: source.select(held_out),
            train: source.select(fitted),
            target: target.shuffled(settings.target, &mut rng).rows,
            source_test: source_test.shuffled(settings.test.min(DISTANCE_SAMPLES), &mut rng),
            test: test.shuffled(settings.test, &mut rng),
        })
    }

    /// Replaces counts by the features of an auto-encoder of both domains' training reviews.
    fn encode(&mut self, settings: &Reviews) -> Result<()> {
        let stack = Stack::fit(&[&self.train.rows, &self.target], &settings.msda)?;
        for rows in [
            &mut self.train.rows,
            &mut self.validation.rows,
            &mut self.target,
            &mut self.source_test.rows,
            &mut self.test.rows,
        ] {
            *rows = stack.features(rows);
        }
        Ok(())
    }
}

/// Reads `label column:count …` lines; labels are −1 and 1.
fn read_svmlight(set: &CachedSet, file: &str) -> Result<Labelled> {
    parse_svmlight(&set.read(file)?, file)
}

fn parse_svmlight(bytes: &[u8], file: &str) -> Result<Labelled> {
    let mut found = Labelled { rows: Rows::new(WORDS), labels: Vec::new() };
    for (at, line) in text::lines(bytes, file)?.into_iter().enumerate() {
        let refuse = |what: &str| Error::Failed(format!("{file}:{}: {what}", at + 1));
        let mut fields = line.split_ascii_whitespace();
        let label = match fields.next() {
            None => continue,
            Some("1" | "+1" | "1.0") => 1,
            Some("-1" | "-1.0") => 0,
            Some(other) => return Err(refuse(&format!("label `{other}`: expected 1 or -1"))),
        };
        let entries: Vec<(u32, f32)> = fields
            .map(|field| {
                let (column, count) = field.split_once(':')?;
                let column: u32 = column.parse().ok()?;
                let count: f32 = count.parse().ok()?;
                ((column as usize) < WORDS && count.is_finite()).then_some((column, count))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| refuse("expected fields COLUMN:COUNT with columns below 5000"))?;
        found.rows.push(entries);
        found.labels.push(label);
    }
    Ok(found)
}

/// Where a sentiment shows and how often a word occurs, on average per review.
mod bags {
    /// Words in all.
    pub const WORDS: usize = 400;
    /// Polar words that all domains share, and that each domain has for itself: half of them positive.
    pub const POLAR: usize = 60;
    /// Rate of a polar word in a review of its sentiment, and in one of the other.
    pub const AGREEING: f64 = 0.22;
    pub const OPPOSING: f64 = 0.14;
    /// Rate of a word of another domain.
    pub const FOREIGN: f64 = 0.02;
    /// Rate of a word without sentiment that belongs to the domain, and of any other.
    pub const TOPICAL: f64 = 0.4;
    pub const COMMON: f64 = 0.1;
}

/// Synthetic reviews of a domain: Poisson counts of 400 words, of which 60 are polar everywhere, 60 are polar in each of the
/// four domains and rare in the others, and the last 100 are without sentiment, a quarter of them typical of each domain.
fn topic_bags(domain: usize, count: usize, rng: &mut impl Rng) -> Labelled {
    let mut found = Labelled { rows: Rows::new(bags::WORDS), labels: Vec::with_capacity(count) };
    for _ in 0..count {
        let label = usize::from(rng.random_bool(0.5));
        let mut row = Vec::new();
        for word in 0..bags::WORDS {
            let block = word / bags::POLAR; // 0: shared, 1 to 4: of a domain, above: without sentiment
            let rate = match block {
                0..=4 if block > 0 && block != domain + 1 => bags::FOREIGN,
                0..=4 if word % 2 == label => bags::AGREEING,
                0..=4 => bags::OPPOSING,
                _ if word % 4 == domain => bags::TOPICAL,
                _ => bags::COMMON,
            };
            let times = Poisson::new(rate).map_or(0.0, |poisson| poisson.sample(rng));
            row.push((word as u32, times as f32));
        }
        found.rows.push(row);
        found.labels.push(label);
    }
    found
}

/// Logistic regression of the inputs, trained by the same steps as the shallow network.
#[derive(Debug, Clone, PartialEq)]
struct LinearModel {
    weights: Vec<f64>,
    bias: f64,
}

impl LinearModel {
    fn logit(&self, row: Row) -> f64 {
        let weight = |column: u32| self.weights.get(column as usize).copied().unwrap_or(0.0);
        self.bias + row.entries().map(|(column, value)| weight(column) * f64::from(value)).sum::<f64>()
    }

    fn step(&mut self, pairs: &[Pair], learning_rate: f64) {
        let rate = learning_rate / pairs.len().max(1) as f64;
        let slopes: Vec<f64> = pairs
            .iter()
            .map(|pair| 1.0 / (1.0 + (-self.logit(pair.source)).exp()) - if pair.label == 1 { 1.0 } else { 0.0 })
            .collect();
        for (pair, slope) in pairs.iter().zip(slopes) {
            for (column, value) in pair.source.entries() {
                if let Some(weight) = self.weights.get_mut(column as usize) {
                    *weight -= rate * slope * f64::from(value);
                }
            }
            self.bias -= rate * slope;
        }
    }
}

#[derive(Debug, Clone)]
enum Model {
    Shallow(ShallowNetwork, ShallowRule),
    Linear(LinearModel, f64),
}

impl Model {
    fn step(&mut self, pairs: &[Pair]) -> Result<()> {
        match self {
            Model::Shallow(network, rule) => network.step(pairs, rule)?,
            Model::Linear(model, learning_rate) => model.step(pairs, *learning_rate),
        }
        Ok(())
    }

    fn accuracy(&self, reviews: &Labelled) -> f64 {
        match self {
            Model::Shallow(network, _) => share_right(network, &reviews.rows, &reviews.labels),
            Model::Linear(model, _) => {
                let rows = reviews.rows.iter().zip(&reviews.labels);
                let right = rows.filter(|(row, label)| (model.logit(*row) > 0.0) == (**label == 1)).count();
                right as f64 / reviews.rows.len() as f64
            }
        }
    }
}

/// Trains an arm, keeps the weights of the best source validation risk, and records accuracies and the distance of the
/// representations.
///
/// # Errors
/// That of the data set; where the run is interrupted.
pub fn run(arm: &Arm, cell: &Cell, settings: &Reviews, trial: &Trial, lab: &mut Lab) -> Result<()> {
    let mut corpus = Corpus::open(cell, settings, trial, lab)?;
    let mut learning_rate = settings.learning_rate;
    if cell.features == Features::Msda {
        corpus.encode(settings)?;
        learning_rate = settings.msda.learning_rate;
    }
    let inputs = corpus.train.rows.width();
    let mut model = match arm.method {
        Method::Linear => Model::Linear(LinearModel { weights: vec![0.0; inputs], bias: 0.0 }, learning_rate),
        method => Model::Shallow(
            ShallowNetwork::new(inputs, settings.hidden, 2, &mut lab.rng("init")),
            ShallowRule { learning_rate, lambda: settings.lambda, adversarial: method == Method::Dann },
        ),
    };
    let mut best = (model.accuracy(&corpus.validation), model.clone());
    lab.record("best_epoch", 0.0);
    let mut source_order: Vec<usize> = (0..corpus.train.rows.len()).collect();
    let mut target_order: Vec<usize> = (0..corpus.target.len()).collect();
    let (mut source_rng, mut target_rng) = (lab.rng("source batches"), lab.rng("target batches"));
    for epoch in 1..=settings.epochs {
        source_order.shuffle(&mut source_rng);
        target_order.shuffle(&mut target_rng);
        // A target review may come again before all others came, where there are fewer of them.
        let targets: Vec<usize> = target_order.iter().copied().cycle().take(source_order.len()).collect();
        for (source, target) in
            source_order.chunks_exact(settings.half_batch).zip(targets.chunks_exact(settings.half_batch))
        {
            let pairs: Vec<Pair> = source
                .iter()
                .zip(target)
                .map(|(source, target)| Pair {
                    source: corpus.train.rows.row(*source),
                    label: corpus.train.labels.get(*source).copied().unwrap_or(0),
                    target: corpus.target.row(*target),
                })
                .collect();
            model.step(&pairs)?;
        }
        let accuracy = model.accuracy(&corpus.validation);
        lab.series("validation_accuracy", epoch as f64, accuracy);
        if accuracy > best.0 {
            best = (accuracy, model.clone());
            lab.record("best_epoch", epoch as f64);
        }
        lab.progress(epoch as u64, settings.epochs as u64)?;
    }
    let model = best.1;
    lab.record("source_accuracy", model.accuracy(&corpus.source_test));
    lab.record("target_accuracy", model.accuracy(&corpus.test));
    if let Model::Shallow(network, _) = &model {
        let count = corpus.source_test.rows.len().min(corpus.test.rows.len());
        let unseen = corpus.test.rows.select(&(0..count).collect::<Vec<usize>>());
        record_shallow(network, [&corpus.source_test.rows, &unseen], PICTURE_POINTS, lab)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn svmlight_lines_are_read_and_faults_named() {
        let found = parse_svmlight(b"1 0:2 17:1\n-1 4999:3\n\n-1\n", "books").unwrap();
        assert_eq!(found.labels, [1, 0, 0]);
        assert_eq!(found.rows.row(0).entries().collect::<Vec<_>>(), [(0, 2.0), (17, 1.0)]);
        assert_eq!(found.rows.row(2).entries().count(), 0);
        for bad in ["2 0:1", "1 5000:1", "1 0", "1 a:1", "1 0:x", "1 0:inf", "1 -1:1"] {
            let error = parse_svmlight(format!("1 0:1\n{bad}\n").as_bytes(), "books").unwrap_err().to_string();
            assert!(error.contains("books:2"), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_svmlight(&bytes, "x");
        }
    }

    #[test]
    fn sentiment_shows_in_shared_words_and_in_those_of_the_domain() {
        let mut rng = harness_core::rng::stream("test", "bags", 0);
        let bags = topic_bags(1, 4000, &mut rng);
        let mut sums = vec![[0.0f64; 2]; bags::WORDS];
        let mut counts = [0.0f64; 2];
        for (row, label) in bags.rows.iter().zip(&bags.labels) {
            counts[*label] += 1.0;
            for (word, times) in row.entries() {
                sums[word as usize][*label] += f64::from(times);
            }
        }
        // Polar words of sentiment 1 are the odd ones.
        let contrast = |words: std::ops::Range<usize>| {
            let gap = |word: usize| {
                (sums[word][1] / counts[1] - sums[word][0] / counts[0]) * if word % 2 == 1 { 1.0 } else { -1.0 }
            };
            words.clone().map(gap).sum::<f64>() / words.len() as f64
        };
        assert!((contrast(0..60) - 0.08).abs() < 0.01);
        assert!((contrast(120..180) - 0.08).abs() < 0.01);
        assert!(contrast(60..120).abs() < 0.01 && contrast(300..400).abs() < 0.01);
    }

    #[test]
    fn the_linear_model_learns_a_polar_word() {
        let mut model = LinearModel { weights: vec![0.0; 2], bias: 0.0 };
        let rows = Rows::from_dense(2, &[1.0, 0.0, 0.0, 1.0]);
        for _ in 0..200 {
            let pair = |at: usize| Pair { source: rows.row(at), label: at, target: rows.row(0) };
            model.step(&[pair(0), pair(1)], 0.5);
        }
        assert!(model.logit(rows.row(1)) > 1.0 && model.logit(rows.row(0)) < -1.0);
    }
}
