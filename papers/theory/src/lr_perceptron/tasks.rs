//! The data sets of the experiment.

use harness_core::data::LabelledImages;
use harness_core::data::load::{self, Split};
use harness_core::lab::{Data, Lab};
use harness_core::rng::Stream;
use harness_core::{Error, Result};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::samples::{Samples, add_scaled, dot};
use super::settings::Settings;

/// A classification task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The set on which the batch perceptron needs Ω(n) iterations.
    WorstCase,
    /// The set of two points on which the loss misleads.
    TwoPoint,
    /// Gaussian points with a margin.
    Synthetic,
    /// MNIST, 3 against 8.
    #[serde(rename = "mnist_3v8")]
    Mnist3v8,
    /// Fashion-MNIST, T-shirt against trouser.
    FashionBalanced,
    /// The same classes, one of them rare.
    FashionImbalanced,
    /// CIFAR-10, airplane against automobile.
    #[serde(rename = "cifar10_0v1")]
    Cifar10Airplane,
}

/// Images of two classes as a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePair {
    /// Identifier in the data registry.
    pub data: &'static str,
    /// The class labelled +1, then the one labelled −1.
    pub classes: [u8; 2],
    /// Values per image.
    pub dim: usize,
    /// Whether the first class has the majority share of the settings.
    pub imbalanced: bool,
}

impl Task {
    /// All tasks, in the order of tables.
    pub const ALL: [Task; 7] = [
        Task::WorstCase,
        Task::TwoPoint,
        Task::Synthetic,
        Task::Mnist3v8,
        Task::FashionBalanced,
        Task::FashionImbalanced,
        Task::Cifar10Airplane,
    ];

    /// The tasks on real data.
    pub const REAL: [Task; 4] = [Task::Mnist3v8, Task::FashionBalanced, Task::FashionImbalanced, Task::Cifar10Airplane];

    /// The level of the factor `task`.
    pub fn name(self) -> &'static str {
        match self {
            Task::WorstCase => "worst_case",
            Task::TwoPoint => "two_point",
            Task::Synthetic => "synthetic",
            Task::Mnist3v8 => "mnist_3v8",
            Task::FashionBalanced => "fashion_balanced",
            Task::FashionImbalanced => "fashion_imbalanced",
            Task::Cifar10Airplane => "cifar10_0v1",
        }
    }

    /// The name in figures.
    pub fn label(self) -> &'static str {
        match self {
            Task::WorstCase => "worst-case set",
            Task::TwoPoint => "two-point set",
            Task::Synthetic => "Gaussian points",
            Task::Mnist3v8 => "MNIST 3 vs 8",
            Task::FashionBalanced => "Fashion-MNIST 0 vs 1",
            Task::FashionImbalanced => "Fashion-MNIST 0 vs 1, imbalanced",
            Task::Cifar10Airplane => "CIFAR-10 0 vs 1",
        }
    }

    /// The images behind a task on real data.
    pub fn images(self) -> Option<ImagePair> {
        let fashion = ImagePair { data: "fashion-mnist", classes: [0, 1], dim: 784, imbalanced: false };
        match self {
            Task::WorstCase | Task::TwoPoint | Task::Synthetic => None,
            Task::Mnist3v8 => Some(ImagePair { data: "mnist", classes: [3, 8], ..fashion }),
            Task::FashionBalanced => Some(fashion),
            Task::FashionImbalanced => Some(ImagePair { imbalanced: true, ..fashion }),
            Task::Cifar10Airplane => Some(ImagePair { data: "cifar10-subset", dim: 3072, ..fashion }),
        }
    }

    /// Opens the task with `n` points. Its draws come from the streams `subset` and `points`, alike for all arms.
    ///
    /// # Errors
    /// [`Error::Failed`] where the data set has too few images; the errors of [`Lab::data`] and of its reader.
    pub fn open(self, n: usize, settings: &Settings, lab: &mut Lab) -> Result<Samples> {
        match (self, self.images()) {
            (Task::WorstCase, _) => worst_case(n),
            (Task::TwoPoint, _) => two_point(),
            (_, None) => gaussian(n, settings.synthetic_dim, settings.synthetic_margin, None, &mut lab.rng("points")),
            (_, Some(pair)) => {
                let positives = pair.imbalanced.then(|| settings.majority(n));
                match lab.data(pair.data)? {
                    Data::Real(set) => {
                        let images = match self {
                            Task::Cifar10Airplane => load::cifar10_subset(&set, Split::Train),
                            _ => load::mnist_like(&set, Split::Train),
                        };
                        from_images(&images?, pair.classes, n, positives, &mut lab.rng("subset"))
                    }
                    Data::Synthetic => {
                        gaussian(n, pair.dim, settings.synthetic_margin, positives, &mut lab.rng("points"))
                    }
                }
            }
        }
    }
}

/// The paper's worst case: (½, −1) labelled +1 and n − 1 times (−½, −1) labelled −1. Its margin is ½ for n ≥ 2.
///
/// # Errors
/// [`Error::Input`] for n = 0.
pub fn worst_case(n: usize) -> Result<Samples> {
    let a: Vec<f64> = (0..n).flat_map(|at| if at == 0 { [0.5, -1.0] } else { [-0.5, -1.0] }).collect();
    let y: Vec<f64> = (0..n).map(|at| if at == 0 { 1.0 } else { -1.0 }).collect();
    Samples::new(&a, &y, 2)
}

/// The paper's theorem 4.1: (1, −1) labelled +1 and (−1, −4) labelled −1, with margin 1. The loss of LR+GD at θ₁ grows
/// with the step size, while θ₂/γ tends to the separator (1, ¼).
///
/// # Errors
/// None that can occur.
pub fn two_point() -> Result<Samples> {
    Samples::new(&[1.0, -1.0, -1.0, -4.0], &[1.0, -1.0], 2)
}

/// Gaussian points `x ~ N(0, I)`, labelled by the side of a Gaussian direction `w` that they lie on and moved away from
/// its plane by `margin`. Where `positives` is given, so many points are labelled +1: a point on the other side is
/// mirrored at the origin, which leaves its distribution within its class as it was.
///
/// # Errors
/// [`Error::Input`] where `n` or `dim` is 0.
pub fn gaussian(n: usize, dim: usize, margin: f64, positives: Option<usize>, rng: &mut Stream) -> Result<Samples> {
    let normal = |rng: &mut Stream| -> Vec<f64> { (0..dim).map(|_| rng.sample(StandardNormal)).collect() };
    let mut direction = normal(rng);
    let length = dot(&direction, &direction).sqrt();
    direction.iter_mut().for_each(|value| *value /= length);
    let mut wanted: Vec<Option<f64>> = match positives {
        None => vec![None; n],
        Some(positives) => (0..n).map(|at| Some(if at < positives { 1.0 } else { -1.0 })).collect(),
    };
    // The perceptron goes by the order of points: classes must not come one after the other.
    wanted.shuffle(rng);
    let mut a = Vec::with_capacity(n * dim);
    let mut y = Vec::with_capacity(n);
    for wanted in wanted {
        let mut point = normal(rng);
        let mut label = if dot(&direction, &point) >= 0.0 { 1.0 } else { -1.0 };
        if wanted.is_some_and(|wanted| wanted != label) {
            point.iter_mut().for_each(|value| *value = -*value);
            label = -label;
        }
        add_scaled(&mut point, margin * label, &direction);
        a.extend(point);
        y.push(label);
    }
    Samples::new(&a, &y, dim)
}

/// Two classes of an image set: values divided by 255, flattened, no bias.
///
/// The images of both classes in file order are permuted; the first `n` are taken, or, where `positives` is given, the
/// first `positives` of the first class and the first `n − positives` of the second, in the order of the permutation.
///
/// # Errors
/// [`Error::Failed`] where there are too few images.
pub fn from_images(
    images: &LabelledImages,
    classes: [u8; 2],
    n: usize,
    positives: Option<usize>,
    rng: &mut Stream,
) -> Result<Samples> {
    let mut members: Vec<(usize, u8)> =
        images.labels.0.iter().copied().enumerate().filter(|(_, label)| classes.contains(label)).collect();
    members.shuffle(rng);
    let chosen: Vec<(usize, u8)> = match positives {
        None => members.into_iter().take(n).collect(),
        Some(positives) => {
            let mut room = [positives, n.saturating_sub(positives)];
            let takes = |(_, label): &(usize, u8)| {
                let room = if *label == classes[0] { &mut room[0] } else { &mut room[1] };
                let takes = *room > 0;
                *room -= usize::from(takes);
                takes
            };
            members.into_iter().filter(takes).collect()
        }
    };
    if chosen.len() < n {
        return Err(Error::Failed(format!(
            "classes {} and {} have {} usable images, but {n} are asked for: lower `n`",
            classes[0],
            classes[1],
            chosen.len()
        )));
    }
    let dim = images.images.image_size();
    let mut a = Vec::with_capacity(n * dim);
    let mut y = Vec::with_capacity(n);
    for (at, label) in chosen {
        let pixels = images.images.image(at).ok_or_else(|| Error::Failed(format!("image {at} is missing")))?;
        a.extend(pixels.iter().map(|pixel| f64::from(*pixel) / 255.0));
        y.push(if label == classes[0] { 1.0 } else { -1.0 });
    }
    Samples::new(&a, &y, dim)
}

#[cfg(test)]
mod tests {
    use harness_core::data::{Images, Labels};
    use harness_core::rng;

    use super::*;

    /// 40 images of 2 pixels: the class, and the index.
    fn images() -> LabelledImages {
        let labels: Vec<u8> = (0..40).map(|at| at % 4).collect();
        let pixels = labels.iter().enumerate().flat_map(|(at, label)| [*label * 51, at as u8]).collect();
        let images = Images { pixels, count: 40, height: 1, width: 2, channels: 1 };
        LabelledImages::new(images, Labels(labels), 4, "test").unwrap()
    }

    #[test]
    fn names_are_those_of_the_cells() {
        for task in Task::ALL {
            assert_eq!(serde_json::to_value(task).unwrap(), task.name());
        }
    }

    #[test]
    fn image_pairs_are_filtered_scaled_and_labelled() {
        let samples = from_images(&images(), [3, 1], 20, None, &mut rng::stream("t", "subset", 0)).unwrap();
        let mut indices = Vec::new();
        for row in samples.rows() {
            // Class 3 has first pixel 0.6 and label +1, class 1 has 0.2 and label −1.
            assert!((row[0] - 0.6).abs() < 1e-12 || (row[0] + 0.2).abs() < 1e-12, "{row:?}");
            indices.push((row[1].abs() * 255.0).round() as usize);
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..40).filter(|at| at % 2 == 1).collect::<Vec<_>>());
    }

    #[test]
    fn imbalanced_pairs_keep_the_shares_and_mix_the_classes() {
        let samples = from_images(&images(), [0, 1], 12, Some(9), &mut rng::stream("t", "subset", 0)).unwrap();
        let positive: Vec<bool> = samples.rows().map(|row| row[0] >= 0.0).collect();
        assert_eq!(positive.iter().filter(|positive| **positive).count(), 9);
        assert!(positive[9..] != [false; 3], "the rare class must not come last");
    }

    #[test]
    fn another_seed_gives_other_points_and_the_same_seed_the_same() {
        let draw = |seed| from_images(&images(), [0, 1], 5, None, &mut rng::stream("t", "subset", seed)).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn too_few_images_are_an_error() {
        for positives in [None, Some(12)] {
            assert!(from_images(&images(), [0, 1], 21, positives, &mut rng::stream("t", "subset", 0)).is_err());
        }
    }

    #[test]
    fn gaussian_points_have_their_margin_and_shares() {
        let mut rng = rng::stream("t", "points", 0);
        let samples = gaussian(200, 5, 0.1, None, &mut rng).unwrap();
        // The direction is the stream's first draw.
        let mut rng = rng::stream("t", "points", 0);
        let direction: Vec<f64> = (0..5).map(|_| rng.sample(StandardNormal)).collect();
        assert!(samples.margin_of(&direction) >= 0.1 - 1e-12);
        assert!(samples.margin_of(&direction) < 0.2);

        let mut rng = rng::stream("t", "points", 0);
        let skewed = gaussian(200, 5, 0.1, Some(180), &mut rng).unwrap();
        assert!(skewed.margin_of(&direction) >= 0.1 - 1e-12);
    }
}
