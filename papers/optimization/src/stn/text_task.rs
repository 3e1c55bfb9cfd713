//! Text to predict word by word with an LSTM, read in as many parallel stretches as a batch has rows.

use burn::tensor::TensorData;
use harness_core::prelude::*;
use harness_core::rng::Stream;

use super::corpus::Corpus;
use super::layer::WeightSource;
use super::lstm::{Dropped, LAYERS, LanguageModel, LanguageSizes, Reading, State, activation_penalty};
use super::regularise::kept;
use super::settings::TaskSettings;
use super::strengths::{Strengths, Target};
use super::task::{Part, Prediction, Regularisation, Score, Tally, Task, for_each};

/// A text cut into equal stretches that stand side by side, `[length, stretches]`; what is left over is dropped.
#[derive(Debug, Clone)]
struct Stretches {
    words: IntTensor<2>,
}

impl Stretches {
    fn new(text: &[i64], count: usize, name: &str, device: &Device) -> Result<Self> {
        let length = text.len() / count.max(1);
        if length < 2 {
            return Err(Error::Input(format!(
                "{name}: a text of {} words has no two words for each of {count} rows: ask for more words",
                text.len()
            )));
        }
        let words: Vec<i64> = (0..length)
            .flat_map(|at| (0..count).map(move |row| row * length + at))
            .filter_map(|at| text.get(at).copied())
            .collect();
        Ok(Stretches { words: IntTensor::from_data(TensorData::new(words, [length, count]), device) })
    }

    /// Pairs of a word and the next one in a stretch.
    fn pairs(&self) -> usize {
        self.words.dims()[0] - 1
    }

    /// Up to `steps` words of each stretch from `at` on, `[t, rows]`, and the words after each of them, `[t·rows]`.
    fn cut(&self, at: usize, steps: usize) -> (IntTensor<2>, IntTensor<1>) {
        let [_, rows] = self.words.dims();
        let steps = steps.min(self.pairs() - at);
        let words = |from: usize| self.words.clone().narrow(0, from, steps);
        (words(at), words(at + 1).reshape([steps * rows]))
    }
}

/// A place in a part, and what the model knows of the text before it.
pub struct Place {
    part: Part,
    at: usize,
    state: Option<State>,
}

/// A text on the device, and how it is read.
pub struct TextTask {
    train: Stretches,
    validation: Stretches,
    /// Validation and test text, cut for evaluation.
    evaluated: [Stretches; 2],
    sizes: LanguageSizes,
    steps: usize,
    /// Where tensors record gradients; that of the words does not.
    device: Device,
}

impl TextTask {
    /// Uploads the text; the model has `units` units and reads `steps` words of each row at a time.
    ///
    /// # Errors
    /// [`Error::Input`] where a part is too short for its batches.
    pub fn new(corpus: &Corpus, units: usize, steps: usize, settings: &TaskSettings, device: &Device) -> Result<Self> {
        let cut = |text: &[i64], rows: usize, name: &str| Stretches::new(text, rows, name, device);
        Ok(TextTask {
            train: cut(&corpus.train, settings.batch, "train")?,
            validation: cut(&corpus.validation, settings.batch, "validation")?,
            evaluated: [
                cut(&corpus.validation, settings.evaluation_batch, "validation")?,
                cut(&corpus.test, settings.evaluation_batch, "test")?,
            ],
            sizes: LanguageSizes { words: corpus.words, units },
            steps,
            device: device.clone(),
        })
    }

    fn model(&self, mut weights: WeightSource<'_, Stream>) -> LanguageModel {
        LanguageModel::new(self.sizes, &mut weights)
    }

    /// The text that a walk goes along.
    fn walked(&self, part: Part) -> &Stretches {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.evaluated[1],
        }
    }

    /// Masks for a batch. What acts on words and weights takes the rate of the first text.
    fn masks(&self, strengths: &[Strengths], noise: &mut Stream) -> Dropped {
        let device = &self.device;
        let LanguageSizes { words, units } = self.sizes;
        let first = strengths.first().copied().unwrap_or_default();
        let mut shared = |target: Target, count: usize| -> Vec<f32> {
            let rate = first.of(target);
            (0..count).map(|_| kept(rate, noise)).collect()
        };
        let whole = shared(Target::EmbeddingDropout, words);
        let recurrent: [Vec<f32>; LAYERS] = std::array::from_fn(|_| shared(Target::WeightDrop, 4 * units * units));
        let mut of_each = |target: Target| -> Tensor<2> {
            let factors: Vec<f32> = strengths
                .iter()
                .flat_map(|text| {
                    let rate = text.of(target);
                    (0..units).map(|_| kept(rate, noise)).collect::<Vec<f32>>()
                })
                .collect();
            Tensor::from_data(TensorData::new(factors, [strengths.len(), units]), device)
        };
        Dropped {
            inputs: of_each(Target::InputDropout),
            hidden: of_each(Target::HiddenDropout1),
            outputs: of_each(Target::OutputDropout),
            words: Tensor::from_data(TensorData::new(whole, [words]), device),
            recurrent: recurrent.map(|factors| Tensor::from_data(TensorData::new(factors, [units, 4 * units]), device)),
        }
    }
}

impl Task for TextTask {
    type Network = LanguageModel;
    type Walk = Place;
    type Batch = (IntTensor<2>, IntTensor<1>);

    const WORDS: bool = true;

    fn plain(&self, weights: &mut Stream, device: &Device) -> Result<LanguageModel> {
        Ok(self.model(WeightSource { rng: weights, response: None, device }))
    }

    fn responding(
        &self,
        hyperparameters: usize,
        weights: &mut Stream,
        response: &mut Stream,
        device: &Device,
    ) -> Result<LanguageModel> {
        Ok(self.model(WeightSource { rng: weights, response: Some((hyperparameters, response)), device }))
    }

    fn steps_per_epoch(&self) -> usize {
        self.train.pairs().div_ceil(self.steps)
    }

    fn walk(&self, part: Part, _rng: Stream) -> Place {
        Place { part, at: 0, state: None }
    }

    fn next(&self, walk: &mut Place) -> Self::Batch {
        let text = self.walked(walk.part);
        if walk.at >= text.pairs() {
            (walk.at, walk.state) = (0, None);
        }
        let batch = text.cut(walk.at, self.steps);
        walk.at += self.steps;
        batch
    }

    fn rows((words, _): &Self::Batch) -> usize {
        words.dims()[1]
    }

    fn predict(
        &self,
        network: &LanguageModel,
        walk: &mut Place,
        (words, labels): Self::Batch,
        response: Option<Tensor<2>>,
        regularisation: Option<Regularisation>,
    ) -> Result<Prediction> {
        let [_, rows] = words.dims();
        let state = walk.state.take().unwrap_or_else(|| State::start(rows, self.sizes.units, &self.device));
        let first = regularisation.as_ref().and_then(|how| how.strengths.first().copied());
        let dropped = regularisation.map(|how| self.masks(how.strengths, how.noise));
        let Reading { logits, activations: [raw, outputs], state } =
            network.read(words, state, dropped.as_ref(), response.as_ref())?;
        // Gradients reach back to the start of the batch only.
        walk.state = Some(state.detach());
        let penalty = first.and_then(|first| {
            let (size, change) = (first.of(Target::ActivationPenalty), first.of(Target::SlownessPenalty));
            (size > 0.0 || change > 0.0).then(|| activation_penalty(raw, outputs, size, change))
        });
        Ok(Prediction { logits, labels, penalty })
    }

    fn evaluate(&self, tested: &LanguageModel, response: Option<Tensor<1>>, part: Part) -> Result<Score> {
        let [validation, test] = &self.evaluated;
        let text = match part {
            Part::Train => &self.train,
            Part::Validation => validation,
            Part::Test => test,
        };
        let [_, rows] = text.words.dims();
        let response = for_each(response, rows);
        let mut state = State::start(rows, self.sizes.units, &self.device).inner();
        let mut tally = Tally::default();
        for at in (0..text.pairs()).step_by(self.steps) {
            let (words, labels) = text.cut(at, self.steps);
            let reading = tested.read(words, state, None, response.as_ref())?;
            tally.add(reading.logits, labels);
            state = reading.state;
        }
        Ok(tally.score())
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::TaskName;
    use super::super::tests::{smoke_settings, with_lab};
    use super::*;
    use burn::module::AutodiffModule;
    use harness_core::op::read_f32;
    use papers_kit::classify::cross_entropy;

    fn integers<const D: usize>(tensor: IntTensor<D>) -> Vec<i64> {
        tensor.into_data().iter::<i64>().collect()
    }

    fn task(corpus: &Corpus, batch: usize, evaluation_batch: usize, lab: &Lab) -> TextTask {
        let mut settings = smoke_settings(TaskName::Language);
        (settings.batch, settings.evaluation_batch) = (batch, evaluation_batch);
        TextTask::new(corpus, 4, 3, &settings, lab.device()).unwrap()
    }

    fn counting(length: i64) -> Corpus {
        let text: Vec<i64> = (0..length).collect();
        Corpus { source: "x".into(), words: length as usize, train: text.clone(), validation: text.clone(), test: text }
    }

    #[test]
    fn rows_go_on_where_they_stopped_and_labels_are_the_next_words() {
        with_lab(|lab| {
            let task = task(&counting(17), 2, 1, lab);
            assert_eq!(task.steps_per_epoch(), 3, "8 words a row, so 7 pairs");
            let mut walk = task.walk(Part::Train, lab.rng("batches"));
            let batches: Vec<_> =
                (0..4).map(|_| task.next(&mut walk)).map(|(a, b)| (integers(a), integers(b))).collect();
            assert_eq!(batches[0], (vec![0, 8, 1, 9, 2, 10], vec![1, 9, 2, 10, 3, 11]));
            assert_eq!(batches[1].0, [3, 11, 4, 12, 5, 13]);
            assert_eq!(batches[2], (vec![6, 14], vec![7, 15]));
            assert_eq!(batches[3], batches[0], "and from the start again");
        });
    }

    #[test]
    fn a_text_that_is_too_short_is_refused() {
        with_lab(|lab| {
            let settings = smoke_settings(TaskName::Language);
            let result = TextTask::new(&counting(settings.batch as i64), 4, 3, &settings, lab.device());
            assert!(result.is_err_and(|error| error.to_string().contains("ask for more words")));
        });
    }

    /// Batches of a walk, one after the other, give the loss of the whole text that `evaluate` gives.
    #[test]
    fn the_state_is_carried_through_the_text_and_forgotten_at_its_end() {
        with_lab(|lab| {
            let task = task(&counting(17), 1, 1, lab);
            let network = task.responding(2, &mut lab.rng("init"), &mut lab.rng("response"), lab.device()).unwrap();
            let h = Tensor::<1>::from_data([1.0, -2.0], lab.device());
            let mut walk = task.walk(Part::Validation, lab.rng("batches"));
            let mut epoch = || {
                let mut losses: Vec<f32> = Vec::new();
                while losses.len() < 16 {
                    let batch = task.next(&mut walk);
                    let response = for_each(Some(h.clone()), 1);
                    let found = task.predict(&network, &mut walk, batch, response, None).unwrap();
                    losses.extend(read_f32(cross_entropy(found.logits, found.labels)));
                }
                losses
            };
            let (first, second) = (epoch(), epoch());
            assert_eq!(first, second, "the second epoch starts without a state");
            let mean = first.iter().map(|loss| f64::from(*loss)).sum::<f64>() / 16.0;
            let score = task.evaluate(&network.valid(), Some(h.clone().inner()), Part::Validation).unwrap();
            assert!((score.loss - mean).abs() < 1e-6, "{} instead of {mean}", score.loss);
        });
    }

    #[test]
    fn masks_have_the_rates_of_their_texts_and_weights_that_of_the_first() {
        with_lab(|lab| {
            let task = TextTask { sizes: LanguageSizes { words: 5000, units: 400 }, ..task(&counting(17), 2, 1, lab) };
            let targets = [Target::InputDropout, Target::WeightDrop, Target::EmbeddingDropout];
            let text = |rates: [f64; 3]| Strengths::default().with_all(&targets, &rates);
            let strengths = [text([0.1, 0.2, 0.3]), text([0.7, 0.9, 0.9])];
            let masks = task.masks(&strengths, &mut lab.rng("noise"));
            let share = |values: &[f32]| values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
            let inputs = read_f32(masks.inputs);
            assert!((share(&inputs[..400]) - 0.1).abs() < 0.05 && (share(&inputs[400..]) - 0.7).abs() < 0.07);
            assert!((share(&read_f32(masks.words)) - 0.3).abs() < 0.03);
            for layer in masks.recurrent {
                let factors = read_f32(layer);
                assert!((share(&factors) - 0.2).abs() < 0.01);
                assert!(factors.iter().all(|factor| *factor == 0.0 || *factor == 1.25));
            }
            assert_eq!(share(&read_f32(masks.outputs)), 0.0);
        });
    }

    #[test]
    fn activations_are_penalised_in_training_only() {
        with_lab(|lab| {
            let task = task(&counting(17), 2, 1, lab);
            let network = task.plain(&mut lab.rng("init"), lab.device()).unwrap();
            let penalty = |strengths: Option<Strengths>| {
                let mut walk = task.walk(Part::Train, lab.rng("batches"));
                let batch = task.next(&mut walk);
                let (all, mut noise) = (vec![strengths.unwrap_or_default(); 2], lab.rng("noise"));
                let how = strengths.map(|_| Regularisation { strengths: &all, noise: &mut noise });
                task.predict(&network, &mut walk, batch, None, how).unwrap().penalty.map(|p| p.into_scalar())
            };
            assert!(penalty(None).is_none() && penalty(Some(Strengths::default())).is_none());
            let one = penalty(Some(Strengths::default().with(Target::ActivationPenalty, 1.0))).unwrap();
            let two = penalty(Some(Strengths::default().with(Target::ActivationPenalty, 2.0))).unwrap();
            assert!(one > 0.0 && (two - 2.0 * one).abs() < 1e-6);
            assert!(penalty(Some(Strengths::default().with(Target::SlownessPenalty, 1.0))).unwrap() > 0.0);
        });
    }
}
