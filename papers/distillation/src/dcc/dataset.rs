//! Images: as they are, with backgrounds, or of a few classes that are much alike.

use burn::tensor::TensorData;
use harness_core::data::CachedSet;
use harness_core::data::load::{Split, cifar10, cifar10_subset, cifar100, mnist_like};
use harness_core::prelude::*;
use papers_kit::image_set::{ImageSet, ImageSize};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::settings::{Cell, DataId, ImageSettings, Settings, Task};

/// Backgrounds, or shared vectors of the Gaussian classes.
const BACKGROUNDS: usize = 8;
/// The amplitude of backgrounds at which the shared vectors of the Gaussian classes have the norm 4.
const AMPLITUDE: f64 = 1.5;
/// Side of the Gaussian images.
const SIDE: usize = 8;

/// Training and test images, standardised.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Identifier in the registry, or `synthetic`.
    pub source: String,
    /// What is condensed.
    pub train: ImageSet,
    /// What accuracies are taken of.
    pub test: ImageSet,
    /// Least and largest standardised training value, for pictures.
    pub range: [f32; 2],
}

/// The images of a cell; the same for all arms of a seed.
///
/// # Errors
/// Those of the readers.
pub fn open(settings: &Settings, cell: &Cell, trial: &Trial, lab: &mut Lab) -> Result<Dataset> {
    let group = cell.group.as_ref().and_then(|name| settings.fine.groups.get(name));
    let asked = if cell.task == Task::Fine { settings.fine.images } else { settings.images };
    let (source, mut train, mut test) = match real(asked, trial, lab)? {
        Some((id, train, test)) => (id.to_owned(), pooled(&train, asked.pool), pooled(&test, asked.pool)),
        None => {
            let classes = group.into_iter().flatten().map(|class| class + 1).max().unwrap_or(0).max(10);
            let means = normal(classes * SIDE * SIDE, &mut lab.rng("class means"));
            let draw = |count, stream: &str| gaussians(count, &means, &mut lab.rng(stream));
            ("synthetic".to_owned(), draw(asked.train, "training images"), draw(asked.test, "test images"))
        }
    };
    if let Some(classes) = group {
        (train, test) = (only(&train, classes), only(&test, classes));
    }
    if let Some(amplitude) = cell.amplitude {
        let backgrounds = backgrounds(&source, train.size, amplitude, &mut lab.rng("backgrounds"));
        add(&mut train, &backgrounds, &mut lab.rng("training backgrounds"));
        add(&mut test, &backgrounds, &mut lab.rng("test backgrounds"));
    }
    if (0..train.classes).any(|class| !train.labels.contains(&class)) || test.is_empty() {
        return Err(Error::Input(
            "settings.images: a class has no training image, or there is no test image: ask for more".into(),
        ));
    }
    standardise(&mut train, &mut test);
    let range = train.pixels.iter().fold([f32::MAX, f32::MIN], |[low, high], x| [low.min(*x), high.max(*x)]);
    Ok(Dataset { source, train, test, range })
}

type Reader =
    fn(&CachedSet, Split) -> std::result::Result<harness_core::data::LabelledImages, harness_core::data::DataError>;

fn real(asked: ImageSettings, trial: &Trial, lab: &mut Lab) -> Result<Option<(&'static str, ImageSet, ImageSet)>> {
    let candidates: &[(&'static str, Reader)] = match asked.set {
        None => &[],
        Some(DataId::FashionMnist) => &[("fashion-mnist", mnist_like)],
        Some(DataId::Cifar10) => &[("cifar10", cifar10), ("cifar10-subset", cifar10_subset)],
        Some(DataId::Cifar100) => &[("cifar100", cifar100)],
    };
    for (id, read) in candidates {
        if !trial.data.contains_key(*id) {
            continue;
        }
        if let Data::Real(set) = lab.data(id)? {
            let draw = |split, count: usize, stream: &str| -> Result<ImageSet> {
                let all = read(&set, split)?;
                ImageSet::draw(&all, count.min(all.len()), &mut lab.rng(stream))
            };
            let train = draw(Split::Train, asked.train, "training images")?;
            return Ok(Some((id, train, draw(Split::Test, asked.test, "test images")?)));
        }
    }
    Ok(None)
}

fn normal(count: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}

/// x = 0.3·m_c + n with n ~ N(0, 0.2²), classes in turn.
fn gaussians(count: usize, means: &[f32], rng: &mut impl Rng) -> ImageSet {
    let values = SIDE * SIDE;
    let classes = means.len() / values;
    let mut pixels = Vec::with_capacity(count * values);
    let labels: Vec<usize> = (0..count).map(|at| at % classes).collect();
    for label in &labels {
        for mean in means.iter().skip(label * values).take(values) {
            let noise: f32 = rng.sample(StandardNormal);
            pixels.push(0.3 * mean + 0.2 * noise);
        }
    }
    ImageSet { pixels, labels, size: ImageSize { channels: 1, height: SIDE, width: SIDE }, classes }
}

/// Means of squares; what fills no square is left out.
fn pooled(set: &ImageSet, pool: usize) -> ImageSet {
    let ImageSize { channels, height, width } = set.size;
    let size = ImageSize { channels, height: height / pool, width: width / pool };
    let mut pixels = Vec::with_capacity(set.len() * size.values());
    for image in set.pixels.chunks_exact(set.size.values()) {
        for (plane, y, x) in (0..size.values())
            .map(|at| (at / (size.height * size.width), at / size.width % size.height, at % size.width))
        {
            let sum: f32 = (0..pool * pool)
                .map(|s| image[(plane * height + y * pool + s / pool) * width + x * pool + s % pool])
                .sum();
            pixels.push(sum / (pool * pool) as f32);
        }
    }
    ImageSet { pixels, labels: set.labels.clone(), size, classes: set.classes }
}

/// The images of some classes, which become 0, 1 … in this order.
pub fn only(set: &ImageSet, classes: &[usize]) -> ImageSet {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (at, label) in set.labels.iter().enumerate() {
        if let Some(new) = classes.iter().position(|class| class == label) {
            pixels.extend_from_slice(set.image(at));
            labels.push(new);
        }
    }
    ImageSet { pixels, labels, size: set.size, classes: classes.len() }
}

/// Uniform backgrounds times the amplitude; for the Gaussian classes vectors of norm 4 at an amplitude of 1.5.
fn backgrounds(source: &str, size: ImageSize, amplitude: f64, rng: &mut impl Rng) -> Vec<Vec<f32>> {
    (0..BACKGROUNDS)
        .map(|_| {
            if source == "synthetic" {
                let direction = normal(size.values(), rng);
                let norm = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
                direction.into_iter().map(|x| x / norm * (4.0 * amplitude / AMPLITUDE) as f32).collect()
            } else {
                (0..size.values()).map(|_| amplitude as f32 * rng.random::<f32>()).collect()
            }
        })
        .collect()
}

/// Adds to each image one of the backgrounds, whatever its class.
fn add(set: &mut ImageSet, backgrounds: &[Vec<f32>], rng: &mut impl Rng) {
    for image in set.pixels.chunks_exact_mut(set.size.values()) {
        if let Some(background) = backgrounds.get(rng.random_range(0..backgrounds.len().max(1))) {
            image.iter_mut().zip(background).for_each(|(x, b)| *x += b);
        }
    }
}

/// Mean 0 and variance 1 of each channel of the training images, and the same map for the test images.
fn standardise(train: &mut ImageSet, test: &mut ImageSet) {
    let plane = train.size.height * train.size.width;
    for channel in 0..train.size.channels {
        let of_channel = |at: &usize| at / plane % train.size.channels == channel;
        let values: Vec<f64> =
            (0..train.pixels.len()).filter(of_channel).map(|at| f64::from(train.pixels[at])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let deviation = if deviation > 0.0 { deviation } else { 1.0 };
        let channels = train.size.channels;
        for set in [&mut *train, &mut *test] {
            for (at, value) in set.pixels.iter_mut().enumerate() {
                if at / plane % channels == channel {
                    *value = ((f64::from(*value) - mean) / deviation) as f32;
                }
            }
        }
    }
}

/// Images on the device, one a row, without recorded gradients.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// `[n, values]`.
    pub images: Tensor<2>,
    /// The classes, on the host.
    pub labels: Vec<usize>,
}

impl Uploaded {
    /// Uploads images once.
    pub fn new(set: &ImageSet, device: &Device) -> Self {
        let data = TensorData::new(set.pixels.clone(), [set.len(), set.size.values()]);
        Uploaded { images: Tensor::<2>::from_data(data, device).inner(), labels: set.labels.clone() }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The images of these indices, which are below [`Uploaded::len`].
    pub fn select(&self, indices: &[usize]) -> Uploaded {
        let rows: Vec<i64> = indices.iter().map(|index| *index as i64).collect();
        let rows = IntTensor::<1>::from_data(TensorData::new(rows, [indices.len()]), &self.images.device());
        Uploaded {
            images: self.images.clone().select(0, rows),
            labels: indices.iter().filter_map(|index| self.labels.get(*index).copied()).collect(),
        }
    }

    /// The classes on the device of the images.
    pub fn device_labels(&self) -> IntTensor<1> {
        let labels: Vec<i64> = self.labels.iter().map(|label| *label as i64).collect();
        IntTensor::from_data(TensorData::new(labels, [self.len()]), &self.images.device())
    }

    /// One image a column, `[values, n]`.
    pub fn columns(&self) -> Tensor<2> {
        self.images.clone().transpose()
    }

    /// The indices of each of 0..`classes`.
    pub fn by_class(&self, classes: usize) -> Vec<Vec<usize>> {
        (0..classes).map(|class| (0..self.len()).filter(|at| self.labels[*at] == class).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: usize, size: ImageSize, classes: usize) -> ImageSet {
        let pixels = (0..count * size.values()).map(|at| ((at * 31) % 17) as f32).collect();
        ImageSet { pixels, labels: (0..count).map(|at| at % classes).collect(), size, classes }
    }

    #[test]
    fn pixels_are_means_of_squares() {
        let size = ImageSize { channels: 1, height: 3, width: 4 };
        let pixels = (0..12).map(|at| at as f32).collect();
        let set = ImageSet { pixels, labels: vec![0], size, classes: 1 };
        let half = pooled(&set, 2);
        assert_eq!((half.size.height, half.size.width), (1, 2));
        assert_eq!(half.pixels, [2.5, 4.5]);
        assert_eq!(pooled(&set, 1), set);
    }

    #[test]
    fn a_few_classes_keep_their_images() {
        let all = set(10, ImageSize { channels: 1, height: 1, width: 2 }, 5);
        let some = only(&all, &[3, 1]);
        assert_eq!(some.labels, [1, 0, 1, 0]);
        assert_eq!((some.classes, some.image(1)), (2, all.image(3)));
    }

    #[test]
    fn channels_are_standardised_by_training_images() {
        let size = ImageSize { channels: 2, height: 2, width: 3 };
        let (mut train, mut test) = (set(6, size, 2), set(3, size, 2));
        let before = test.pixels.clone();
        let wide = train.pixels.clone();
        standardise(&mut train, &mut test);
        for channel in 0..2 {
            let of = |pixels: &[f32]| -> Vec<f64> {
                pixels.iter().enumerate().filter(|(at, _)| at / 6 % 2 == channel).map(|(_, x)| f64::from(*x)).collect()
            };
            let (values, raw) = (of(&train.pixels), of(&wide));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5);
            // The same line maps test images.
            let slope = (values[0] - values[1]) / (raw[0] - raw[1]);
            let (tested, tested_raw) = (of(&test.pixels), of(&before));
            assert!(((tested[0] - tested[4]) - slope * (tested_raw[0] - tested_raw[4])).abs() < 1e-5);
        }
    }

    /// A background depends on the draw, not on the class; it is one of eight.
    #[test]
    fn backgrounds_do_not_depend_on_the_class() {
        let size = ImageSize { channels: 1, height: 2, width: 2 };
        let rng = || harness_core::rng::stream("test", "backgrounds", 0);
        let backgrounds = backgrounds("fashion-mnist", size, 1.5, &mut rng());
        assert!(backgrounds.iter().flatten().all(|x| (0.0..=1.5).contains(x)) && backgrounds.len() == 8);
        let blank = |labels: Vec<usize>| ImageSet { pixels: vec![0.0; 400], labels, size, classes: 2 };
        let (mut a, mut b) = (blank(vec![0; 100]), blank((0..100).map(|at| at % 2).collect()));
        add(&mut a, &backgrounds, &mut rng());
        add(&mut b, &backgrounds, &mut rng());
        assert_eq!(a.pixels, b.pixels);
        assert!(a.pixels.chunks(4).all(|image| backgrounds.iter().any(|background| background == image)));
        let norms = super::backgrounds("synthetic", size, 1.5, &mut rng());
        assert!(norms.iter().all(|b| (b.iter().map(|x| x * x).sum::<f32>().sqrt() - 4.0).abs() < 1e-4));
    }

    #[test]
    fn gaussian_classes_lie_around_their_means() {
        let means = normal(10 * 64, &mut harness_core::rng::stream("test", "means", 0));
        let set = gaussians(400, &means, &mut harness_core::rng::stream("test", "images", 0));
        assert_eq!((set.classes, set.len()), (10, 400));
        for at in [0, 7, 64] {
            let of_class: Vec<f32> =
                (0..400).filter(|image| set.labels[*image] == at / 64).map(|image| set.image(image)[at % 64]).collect();
            let mean = of_class.iter().sum::<f32>() / of_class.len() as f32;
            assert!((mean - 0.3 * means[at]).abs() < 0.15, "{mean} {}", means[at]);
        }
    }
}
