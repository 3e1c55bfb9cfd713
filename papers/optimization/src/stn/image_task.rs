//! Images to classify, by a perceptron or by convolutions.

use burn::module::Module;
use burn::tensor::TensorData;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use rand::seq::SliceRandom;

use super::alexnet::{AlexNet, AlexNetSizes};
use super::colour::change_colours;
use super::dataset::{Dataset, Examples};
use super::layer::WeightSource;
use super::perceptron::Perceptron;
use super::regularise::{Factors, Sizes};
use super::settings::{Model, TaskSettings};
use super::strengths::Target;
use super::task::{Part, Prediction, Regularisation, Score, Tally, Task, for_each};

/// Means of the three planes of CIFAR-10 that the authors' code subtracts.
const MEANS: [f32; 3] = [125.3 / 255.0, 123.0 / 255.0, 113.9 / 255.0];
/// Standard deviations that it divides by.
const DEVIATIONS: [f32; 3] = [63.0 / 255.0, 62.1 / 255.0, 66.7 / 255.0];

/// Which classifier, with its sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ClassifierSizes {
    Perceptron { inputs: usize, hidden: usize, classes: usize },
    AlexNet(AlexNetSizes),
}

/// A classifier of images.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Classifier<B: burn::tensor::backend::Backend = Backend> {
    /// Two hidden layers.
    Perceptron(Perceptron<B>),
    /// Five convolutions.
    AlexNet(AlexNet<B>),
}

impl Classifier {
    fn new(sizes: &ClassifierSizes, mut weights: WeightSource<'_, Stream>) -> Result<Self> {
        Ok(match sizes {
            ClassifierSizes::Perceptron { inputs, hidden, classes } => {
                Classifier::Perceptron(Perceptron::new(*inputs, *hidden, *classes, &mut weights))
            }
            ClassifierSizes::AlexNet(sizes) => Classifier::AlexNet(AlexNet::new(sizes, &mut weights)?),
        })
    }

    fn logits(&self, x: Tensor<2>, dropout: &[Tensor<2>], response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        match self {
            Classifier::Perceptron(network) => network.logits(x, dropout, response),
            Classifier::AlexNet(network) => network.logits(x, dropout, response),
        }
    }
}

/// Examples on the device.
#[derive(Debug, Clone)]
struct Uploaded {
    /// `[n, inputs]`.
    inputs: Tensor<2>,
    /// `[n]`.
    labels: IntTensor<1>,
    count: usize,
}

impl Uploaded {
    fn new(examples: &Examples, inputs: usize, device: &Device) -> Self {
        let count = examples.labels.len();
        let labels: Vec<i64> = examples.labels.iter().map(|label| *label as i64).collect();
        Uploaded {
            inputs: Tensor::from_data(TensorData::new(examples.inputs.clone(), [count, inputs]), device),
            labels: IntTensor::from_data(TensorData::new(labels, [count]), device),
            count,
        }
    }
}

/// Random mini-batches, epoch after epoch.
pub struct Batches {
    part: Part,
    order: Vec<i64>,
    at: usize,
    size: usize,
    rng: Stream,
}

impl Batches {
    fn next(&mut self) -> Vec<i64> {
        if self.at >= self.order.len() {
            self.order.shuffle(&mut self.rng);
            self.at = 0;
        }
        let batch: Vec<i64> = self.order.iter().skip(self.at).take(self.size).copied().collect();
        self.at += batch.len();
        batch
    }
}

/// Images on the device, and what is done with them.
pub struct ImageTask {
    train: Uploaded,
    validation: Uploaded,
    test: Uploaded,
    sizes: Sizes,
    network: ClassifierSizes,
    batch: usize,
    evaluation_batch: usize,
}

impl ImageTask {
    /// Uploads the images.
    ///
    /// # Errors
    /// [`Error::Input`] where the images are too small for the network; [`Error::Failed`] where it is none of images.
    pub fn new(data: &Dataset, settings: &TaskSettings, device: &Device) -> Result<Self> {
        let (channels, height, width) = (data.channels, data.height, data.width);
        let inputs = channels * height * width;
        let (network, units) = match &settings.model {
            Model::Perceptron { hidden } => (
                ClassifierSizes::Perceptron { inputs, hidden: *hidden, classes: data.classes },
                vec![(Target::HiddenDropout1, *hidden), (Target::HiddenDropout2, *hidden)],
            ),
            Model::Alexnet { channels: maps, hidden } => {
                let image = [channels, height, width];
                let sizes = AlexNetSizes { image, channels: *maps, hidden: *hidden, classes: data.classes };
                let units = sizes.dropped()?;
                (ClassifierSizes::AlexNet(sizes), units)
            }
            Model::Lstm { .. } => return Err(Error::Failed("a language model does not read images".into())),
        };
        let colour = matches!(network, ClassifierSizes::AlexNet(_)) && channels == 3;
        let upload = |examples| Uploaded::new(examples, inputs, device);
        Ok(ImageTask {
            train: upload(&data.train),
            validation: upload(&data.validation),
            test: upload(&data.test),
            sizes: Sizes { channels, height, width, holes: settings.most_holes(), colour, units },
            network,
            batch: settings.batch,
            evaluation_batch: settings.evaluation_batch,
        })
    }

    fn part(&self, part: Part) -> &Uploaded {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// Colour images with mean 0 and deviation 1 in each plane, so that a dropped value is a mean one; others as they are.
    fn normalised(&self, images: Tensor<2>) -> Tensor<2> {
        if !self.sizes.colour {
            return images;
        }
        let [rows, values] = images.dims();
        let device = images.device();
        let factors: Tensor<1> = Tensor::from_data(DEVIATIONS.map(f32::recip), &device);
        let planes = images.reshape([rows, 3, values / 3]);
        let means: Tensor<1> = Tensor::from_data(MEANS, &device);
        ((planes - means.reshape([1, 3, 1])) * factors.reshape([1, 3, 1])).reshape([rows, values])
    }
}

impl Task for ImageTask {
    type Network = Classifier;
    type Walk = Batches;
    type Batch = (Tensor<2>, IntTensor<1>);

    const WORDS: bool = false;

    fn plain(&self, weights: &mut Stream, device: &Device) -> Result<Classifier> {
        Classifier::new(&self.network, WeightSource { rng: weights, response: None, device })
    }

    fn responding(
        &self,
        hyperparameters: usize,
        weights: &mut Stream,
        response: &mut Stream,
        device: &Device,
    ) -> Result<Classifier> {
        let response = Some((hyperparameters, response));
        Classifier::new(&self.network, WeightSource { rng: weights, response, device })
    }

    fn steps_per_epoch(&self) -> usize {
        self.train.count.div_ceil(self.batch)
    }

    fn walk(&self, part: Part, rng: Stream) -> Batches {
        let count = self.part(part).count;
        Batches { part, order: (0..count as i64).collect(), at: count, size: self.batch, rng }
    }

    fn next(&self, walk: &mut Batches) -> Self::Batch {
        let indices = walk.next();
        let data = self.part(walk.part);
        let count = indices.len();
        let index = IntTensor::<1>::from_data(TensorData::new(indices, [count]), &data.inputs.device());
        (data.inputs.clone().select(0, index.clone()), data.labels.clone().select(0, index))
    }

    fn rows((inputs, _): &Self::Batch) -> usize {
        inputs.dims()[0]
    }

    fn predict(
        &self,
        network: &Classifier,
        _walk: &mut Batches,
        (clean, labels): Self::Batch,
        response: Option<Tensor<2>>,
        regularisation: Option<Regularisation>,
    ) -> Result<Prediction> {
        let (inputs, dropout) = match regularisation {
            None => (self.normalised(clean), Vec::new()),
            Some(Regularisation { strengths, noise }) => {
                let [rows, values] = clean.dims();
                let device = clean.device();
                let Factors { inputs, units, colour } = Factors::draw(strengths, &self.sizes, noise);
                let upload = |factors: Vec<f32>, width: usize| -> Tensor<2> {
                    Tensor::from_data(TensorData::new(factors, [rows, width]), &device)
                };
                let images = if self.sizes.colour { change_colours(clean, &colour)? } else { clean };
                let dropout =
                    units.into_iter().zip(&self.sizes.units).map(|(factors, (_, width))| upload(factors, *width));
                (self.normalised(images) * upload(inputs, values), dropout.collect())
            }
        };
        let logits = network.logits(inputs, &dropout, response.as_ref())?;
        Ok(Prediction { logits, labels, penalty: None })
    }

    fn evaluate(&self, tested: &Classifier, response: Option<Tensor<1>>, part: Part) -> Result<Score> {
        let data = self.part(part);
        let mut tally = Tally::default();
        for start in (0..data.count).step_by(self.evaluation_batch) {
            let length = self.evaluation_batch.min(data.count - start);
            let inputs = self.normalised(data.inputs.clone().narrow(0, start, length)).inner();
            let labels = data.labels.clone().narrow(0, start, length);
            tally.add(tested.logits(inputs, &[], for_each(response.clone(), length).as_ref())?, labels);
        }
        Ok(tally.score())
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::TaskName;
    use super::super::strengths::Strengths;
    use super::super::tests::{smoke_settings, with_lab};
    use super::*;
    use harness_core::op::read_f32;

    fn task(lab: &Lab) -> ImageTask {
        let settings = smoke_settings(TaskName::Images);
        let data = super::super::dataset::coloured_squares(&settings, &mut lab.rng("data"));
        ImageTask::new(&data, &settings, lab.device()).unwrap()
    }

    #[test]
    fn an_epoch_shows_each_image_once() {
        with_lab(|lab| {
            let task = task(lab);
            let mut walk = task.walk(Part::Train, lab.rng("batches"));
            let mut seen: Vec<i64> = (0..task.steps_per_epoch()).flat_map(|_| walk.next()).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..task.train.count as i64).collect::<Vec<_>>());
        });
    }

    /// Without strengths a regularised batch is the plain one; colours alone change it.
    #[test]
    fn regularisation_off_is_no_regularisation() {
        with_lab(|lab| {
            let task = task(lab);
            let network = task.plain(&mut lab.rng("init"), lab.device()).unwrap();
            let mut walk = task.walk(Part::Train, lab.rng("batches"));
            let batch = task.next(&mut walk);
            let rows = ImageTask::rows(&batch);
            let mut noise = lab.rng("regularisation");
            let mut logits = |strengths: Option<Strengths>| {
                let all = vec![strengths.unwrap_or_default(); rows];
                let how = strengths.map(|_| Regularisation { strengths: &all, noise: &mut noise });
                read_f32(task.predict(&network, &mut walk, batch.clone(), None, how).unwrap().logits)
            };
            let plain = logits(None);
            let off = logits(Some(Strengths::default()));
            let change = |found: &[f32]| plain.iter().zip(found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(change(&off) < 1e-6, "{}", change(&off));
            for target in [Target::Hue, Target::Brightness, Target::ConvDropout3, Target::DenseDropout2] {
                let found = change(&logits(Some(Strengths::default().with(target, 0.4))));
                assert!(found > 1e-5, "{target:?}: {found}");
            }
        });
    }
}
