//! Next-word prediction: choose the hyper-parameters of an arm on validation text, train, and rank the test words.

use std::collections::BTreeMap;

use harness_core::backend::{Device, IntTensor, Tensor};
use harness_core::data::load;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::ngram::NGrams;
use papers_kit::topk;
use rand::{Rng, RngExt};

use super::corpus::Corpus;
use super::loss::ZLoss;
use super::model::LanguageModel;
use super::objective::Objective;
use super::settings::{Arm, Candidate, Settings};

/// The data set of the experiment.
pub const DATA: &str = "ptb-lm";
/// Points of a training curve.
const CURVE_POINTS: usize = 50;
/// Steps between two reports of progress.
const STEPS_PER_REPORT: usize = 10;
/// Examples that are scored at a time.
const SCORED_TOGETHER: usize = 500;

/// Everything that the candidates of a trial share: text, batches, initial weights.
struct Task<'s> {
    settings: &'s Settings,
    words: usize,
    train: NGrams,
    validation: Examples,
    test: Examples,
    /// Positions of the training n-grams in the order of use, `[steps · batch]`: the same for all arms of a seed.
    batches: IntTensor<1>,
}

/// Some n-grams of a text.
struct Examples {
    grams: NGrams,
    positions: IntTensor<1>,
    count: usize,
}

/// Steps done and to do, over all runs of the trial.
struct Progress {
    done: usize,
    total: usize,
}

/// Runs one arm.
///
/// # Errors
/// Where the text cannot be read, or the run is interrupted.
pub fn run(arm: &Arm, trial: &Trial, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let corpus = corpus(trial, settings, lab)?;
    let task = Task::new(&corpus, settings, lab)?;
    let candidates = arm.candidates(task.words, &settings.selection)?;
    let groups = arm.top_k(settings);
    let mut progress = Progress {
        done: 0,
        total: candidates.len() * settings.selection.steps + groups.len() * settings.training.steps,
    };

    // Each candidate gets the same short run, and is judged on the same validation words.
    let mut errors = Vec::with_capacity(candidates.len());
    for candidate in &candidates {
        let model = task.train(candidate, settings.selection.steps, None, &mut progress, lab)?;
        let ranks = task.validation.ranks(&model, &candidate.objective);
        errors.push(groups.iter().flatten().map(|k| (*k, topk::error(&ranks, *k))).collect::<Vec<_>>());
    }
    record_selection(&candidates, &errors, lab);

    // One final run for each group of k; groups that choose the same candidate share it.
    let winners: Vec<usize> = groups.iter().map(|group| best(&errors, group)).collect();
    let mut trained: Vec<(usize, LanguageModel, Vec<i64>)> = Vec::new();
    let mut gaps = Vec::new();
    for (group, winner) in groups.iter().zip(winners) {
        let Some(candidate) = candidates.get(winner) else { continue };
        let at = match trained.iter().position(|(index, _, _)| *index == winner) {
            Some(at) => {
                progress.done += settings.training.steps;
                at
            }
            None => {
                let first = group.first().copied().unwrap_or(1);
                let curve = format!("train_loss_top{first}");
                let model = task.train(candidate, settings.training.steps, Some(&curve), &mut progress, lab)?;
                let ranks = task.test.ranks(&model, &candidate.objective);
                trained.push((winner, model, ranks));
                trained.len() - 1
            }
        };
        let Some((_, model, ranks)) = trained.get(at) else { continue };
        for k in group {
            lab.record(&format!("top{k}_error"), topk::error(ranks, *k));
            lab.record(&format!("top{k}_lr"), candidate.lr);
            if let Some(z) = candidate.z {
                lab.record(&format!("top{k}_a"), z.a);
                lab.record(&format!("top{k}_b"), z.b);
            }
        }
        if let Objective::ZLoss(loss) = &candidate.objective {
            gaps.push(task.invariance_gap(model, loss));
        }
    }
    if let Some(gap) = gaps.into_iter().reduce(|worst, gap| if gap > worst || gap.is_nan() { gap } else { worst }) {
        lab.record("invariance_gap", gap);
    }
    lab.progress(progress.total as u64, progress.total as u64)
}

fn corpus(trial: &Trial, settings: &Settings, lab: &mut Lab) -> Result<Corpus> {
    let real = match trial.data.contains_key(DATA) {
        true => lab.data(DATA)?,
        false => Data::Synthetic,
    };
    match real {
        Data::Real(set) => {
            let text = load::ptb(&set)?;
            Ok(Corpus::of_text(&text.train, &text.valid, &text.test, settings.corpus.words))
        }
        Data::Synthetic => Corpus::synthetic(
            settings.corpus.words,
            settings.corpus.synthetic_successors,
            settings.corpus.synthetic_length,
            &mut lab.rng("corpus"),
        ),
    }
}

/// The candidate with the least error summed over the k of a group; the first of equal ones.
fn best(errors: &[Vec<(usize, f64)>], group: &[usize]) -> usize {
    let score = |errors: &[(usize, f64)]| -> f64 {
        errors.iter().filter(|(k, _)| group.contains(k)).map(|(_, error)| error).sum()
    };
    let mut best = (0, f64::INFINITY);
    for (at, candidate) in errors.iter().enumerate() {
        let score = score(candidate);
        if score < best.1 {
            best = (at, score);
        }
    }
    best.0
}

/// Name of the validation error of the Z-loss with some (a, b) at its best rate.
pub fn validation_metric(k: usize, a: f64, b: f64) -> String {
    format!("validation_top{k}_error_a{a}_b{b}")
}

/// Records, for each (a, b) of the Z-loss, the validation error at the best of its rates.
fn record_selection(candidates: &[Candidate], errors: &[Vec<(usize, f64)>], lab: &mut Lab) {
    let mut least = BTreeMap::new();
    for (candidate, errors) in candidates.iter().zip(errors) {
        let Some(z) = candidate.z else { continue };
        for (k, error) in errors {
            let entry = least.entry(validation_metric(*k, z.a, z.b)).or_insert(*error);
            *entry = entry.min(*error);
        }
    }
    for (name, error) in least {
        lab.record(&name, error);
    }
}

impl<'s> Task<'s> {
    fn new(corpus: &Corpus, settings: &'s Settings, lab: &Lab) -> Result<Self> {
        let device = lab.device();
        let grams = |stream: &[i64], name: &str| {
            let grams = NGrams::new(stream, settings.model.order, device);
            if grams.count() == 0 {
                return Err(Error::Failed(format!(
                    "the {name} text of {} words holds no {}-gram",
                    stream.len(),
                    settings.model.order
                )));
            }
            Ok(grams)
        };
        let train = grams(&corpus.train, "training")?;
        let steps = settings.training.steps.max(settings.selection.steps);
        let mut rng = lab.rng("batches");
        let batches: Vec<i64> =
            (0..steps * settings.training.batch).map(|_| rng.random_range(0..train.count() as i64)).collect();
        Ok(Task {
            settings,
            words: corpus.words,
            train,
            validation: Examples::draw(
                grams(&corpus.validation, "validation")?,
                settings.selection.examples,
                &mut lab.rng("validation examples"),
                device,
            ),
            test: Examples::draw(
                grams(&corpus.test, "test")?,
                settings.test_examples,
                &mut lab.rng("test examples"),
                device,
            ),
            batches: IntTensor::from_data(batches.as_slice(), device),
        })
    }

    /// Trains a fresh model for `steps` steps. All candidates of a seed start from the same weights and see the same
    /// batches.
    fn train(
        &self,
        candidate: &Candidate,
        steps: usize,
        curve: Option<&str>,
        progress: &mut Progress,
        lab: &mut Lab,
    ) -> Result<LanguageModel> {
        let Settings { model: sizes, training, .. } = self.settings;
        let groups = match &candidate.objective {
            Objective::TwoLevels(levels) => Some(levels.groups()),
            _ => None,
        };
        let mut model = LanguageModel::new(self.words, groups, sizes, &mut lab.rng("init"), lab.device());
        let every = steps.div_ceil(CURVE_POINTS);
        let mut sum: Option<Tensor<1>> = None;
        for step in 0..steps {
            let positions = self.batches.clone().narrow(0, step * training.batch, training.batch);
            let (contexts, targets) = self.train.batch(positions);
            let loss = candidate.objective.loss(model.forward(contexts), targets);
            if let Some(name) = curve {
                // Added up on the device, and read back only once in a while.
                let detached = loss.clone().detach();
                let total = sum.take().map_or(detached.clone(), |sum| sum + detached);
                if (step + 1) % every == 0 {
                    let mean = read_f32(total).first().map_or(f64::NAN, |total| f64::from(*total) / every as f64);
                    lab.series(name, (step + 1) as f64, mean);
                } else {
                    sum = Some(total);
                }
            }
            model = model.step(loss, candidate.lr * rate_share(step, steps), training.clip);
            progress.done += 1;
            if progress.done.is_multiple_of(STEPS_PER_REPORT) {
                lab.progress(progress.done as u64, progress.total as u64)?;
            }
        }
        Ok(model.frozen())
    }

    /// [`invariance_gap`] of a trained model on test examples.
    fn invariance_gap(&self, model: &LanguageModel, loss: &ZLoss) -> f64 {
        let positions = self.test.positions.clone().narrow(0, 0, self.test.count.min(SCORED_TOGETHER));
        let (contexts, targets) = self.test.grams.batch(positions);
        invariance_gap(model.forward(contexts).words, targets, loss)
    }
}

/// The largest change of the mean loss under o → αo + β, with α in {0.1, 3, 100} and β in {−10, 0, 10}.
///
/// `outputs` is `[n, D]`, `targets` `[n]`.
pub fn invariance_gap(outputs: Tensor<2>, targets: IntTensor<1>, loss: &ZLoss) -> f64 {
    let value = |outputs: Tensor<2>| {
        read_f32(loss.forward(outputs, targets.clone())).first().map_or(f64::NAN, |value| f64::from(*value))
    };
    let plain = value(outputs.clone());
    let mut gap = 0.0f64;
    for alpha in [0.1, 3.0, 100.0] {
        for beta in [-10.0, 0.0, 10.0] {
            let change = (value(outputs.clone() * alpha + beta) - plain).abs();
            // A NaN stays: `max` would drop it.
            gap = if gap.is_nan() || change.is_nan() { f64::NAN } else { gap.max(change) };
        }
    }
    gap
}

/// The share of the rate at a step: halved after a half and again after three quarters of the steps.
fn rate_share(step: usize, steps: usize) -> f64 {
    match 4 * step / steps {
        0 | 1 => 1.0,
        2 => 0.5,
        _ => 0.25,
    }
}

impl Examples {
    /// `count` n-grams without repetition, or all where there are fewer.
    fn draw(grams: NGrams, count: usize, rng: &mut impl Rng, device: &Device) -> Self {
        let count = count.min(grams.count());
        let positions: Vec<i64> =
            rand::seq::index::sample(rng, grams.count(), count).into_iter().map(|at| at as i64).collect();
        Examples { grams, positions: IntTensor::from_data(positions.as_slice(), device), count }
    }

    /// The rank of each example's next word.
    fn ranks(&self, model: &LanguageModel, objective: &Objective) -> Vec<i64> {
        let mut ranks = Vec::with_capacity(self.count);
        for start in (0..self.count).step_by(SCORED_TOGETHER) {
            let positions = self.positions.clone().narrow(0, start, SCORED_TOGETHER.min(self.count - start));
            let (contexts, targets) = self.grams.batch(positions);
            let scores = objective.scores(model.forward(contexts));
            ranks.extend(topk::ranks(scores, targets).into_data().iter::<i64>());
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_halved_after_a_half_and_three_quarters() {
        let shares: Vec<f64> = (0..8).map(|step| rate_share(step, 8)).collect();
        assert_eq!(shares, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(rate_share(0, 1), 1.0);
    }

    #[test]
    fn each_group_of_k_chooses_for_itself() {
        let errors = [vec![(1, 0.9), (5, 0.7), (100, 0.1)], vec![(1, 0.8), (5, 0.7), (100, 0.2)]];
        assert_eq!(best(&errors, &[1, 5]), 1);
        assert_eq!(best(&errors, &[100]), 0);
        assert_eq!(best(&errors, &[5]), 0, "the first of equal ones");
    }
}
