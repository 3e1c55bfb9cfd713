//! Training and measuring the deep network on two domains of images.

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, Optimizer, SgdConfig};
use burn::tensor::TensorData;
use harness_core::backend::{Backend, BoolTensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::classify::{accuracy, correct, logits_in_batches, read_bools};
use papers_kit::encoder::Encoder;
use papers_kit::image_set::ImageSet;
use papers_kit::resnet::Mode;
use papers_kit::similarity::cosine_matrix;
use rand::seq::SliceRandom;

use super::distance::distance_between;
use super::images::Domains;
use super::loss::{DannLoss, DannLosses};
use super::network::DannNetwork;
use super::projection::two_components;
use super::schedule::{lambda_schedule, learning_rate_schedule};
use super::settings::{Arm, Deep, LearningRate, Method, Task};

/// Images that are evaluated at a time.
const EVALUATION_BATCH: usize = 500;
/// Points of each curve.
const CURVE_POINTS: usize = 50;
/// Points of each domain in the picture of the features.
const PICTURE_POINTS: usize = 150;
/// λ at which the gradient of the reversal layer is compared with the sum it stands for: that of the schedule at p = 0.1.
const CHECKED_LAMBDA: f64 = 0.46;

/// Trains an arm and records accuracies, distances, curves and a picture of the features.
///
/// # Errors
/// Where the arm diverges into features that are not finite, or the run is interrupted.
pub fn run(arm: &Arm, task: Task, settings: &Deep, domains: &Domains, lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let mut network =
        DannNetwork::new(settings, domains.source.size, domains.source.classes, &mut lab.rng("init"), &device);
    let data = TrainingData::new(domains, arm.method == Method::TrainOnTarget, &device);
    if arm.method == Method::Dann && arm.lambda.is_none() {
        let gap = gradient_gap(&network, &data, settings.half_batch)?;
        lab.record("grl_gap", gap);
    }
    network = train(network, arm, settings, &data, lab)?;
    measure(&network, task, settings, domains, lab)
}

/// Both domains on the device, uploaded once.
struct TrainingData {
    /// Source images, then as many target images, `[2·count, 1, h, w]`.
    images: Tensor<4>,
    labels: IntTensor<1>,
    /// Images of a domain.
    count: usize,
    /// Whether the labels are those of the target, for the upper bound.
    on_target: bool,
}

impl TrainingData {
    fn new(domains: &Domains, on_target: bool, device: &Device) -> Self {
        let count = domains.source.len().min(domains.target.len());
        let (source, target) = (domains.source.first(count), domains.target.first(count));
        TrainingData {
            images: Tensor::cat(vec![source.tensor(device), target.tensor(device)], 0),
            labels: indices(source.labels.into_iter().chain(target.labels), device),
            count,
            on_target,
        }
    }
}

fn indices(order: impl Iterator<Item = usize>, device: &Device) -> IntTensor<1> {
    let order: Vec<i64> = order.map(|at| at as i64).collect();
    let count = order.len();
    IntTensor::from_data(TensorData::new(order, [count]), device)
}

/// 1 for each source example, then 0 for each target example.
fn domain_labels(half: usize, device: &Device) -> IntTensor<1> {
    IntTensor::cat(vec![IntTensor::ones([half], device), IntTensor::zeros([half], device)], 0)
}

/// λ of an arm at training progress `p`. A λ of 0 lets the domain classifier watch without a say.
fn strength(arm: &Arm, p: f64, gamma: f64) -> Result<f64> {
    Ok(match (arm.method, arm.lambda) {
        (Method::Dann, Some(lambda)) => lambda,
        (Method::Dann, None) => lambda_schedule(p, gamma)?,
        (Method::NoReversal, _) => -lambda_schedule(p, gamma)?,
        _ => 0.0,
    })
}

/// The losses of a batch of as many source as target images, in one pass.
fn losses(network: &DannNetwork, data: &TrainingData, source: &[usize], target: &[usize], lambda: f64) -> DannLosses {
    let half = source.len();
    let device = data.images.device();
    let batch = indices(source.iter().copied().chain(target.iter().map(|at| at + data.count)), &device);
    let features = network.features(data.images.clone().select(0, batch.clone()), Mode::Train);
    let first = if data.on_target { half } else { 0 };
    let classes = network.classes(features.clone().narrow(0, first, half));
    let labels = data.labels.clone().select(0, batch.narrow(0, first, half));
    DannLoss::new().forward(classes, labels, network.domains(features, lambda), domain_labels(half, &device))
}

fn train(
    mut network: DannNetwork,
    arm: &Arm,
    settings: &Deep,
    data: &TrainingData,
    lab: &mut Lab,
) -> Result<DannNetwork> {
    // burn dampens by 0.1 unless told otherwise.
    let momentum = MomentumConfig::new().with_momentum(settings.momentum).with_dampening(0.0);
    let mut optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let half = settings.half_batch;
    let steps_of_an_epoch = data.count / half;
    let total = settings.epochs * steps_of_an_epoch;
    let read_every = total.div_ceil(CURVE_POINTS).max(1);
    let mut source_order: Vec<usize> = (0..data.count).collect();
    let mut target_order = source_order.clone();
    let (mut source_rng, mut target_rng) = (lab.rng("source batches"), lab.rng("target batches"));
    let mut sums: Option<Tensor<1>> = None; // label and domain loss since the last reading, [2]
    let mut summed = 0;
    let mut step = 0;
    for _ in 0..settings.epochs {
        source_order.shuffle(&mut source_rng);
        target_order.shuffle(&mut target_rng);
        for (source, target) in source_order.chunks_exact(half).zip(target_order.chunks_exact(half)) {
            let p = step as f64 / total as f64;
            let LearningRate { base, alpha, beta } = settings.learning_rate;
            let rate = learning_rate_schedule(p, base, alpha, beta)?;
            let losses = losses(&network, data, source, target, strength(arm, p, settings.gamma)?);
            let seen = Tensor::cat(vec![losses.label.clone().detach(), losses.domain.clone().detach()], 0);
            sums = Some(sums.map_or(seen.clone(), |sums| sums + seen));
            summed += 1;
            let gradients = GradientsParams::from_grads(losses.total().backward(), &network);
            network = optimizer.step(rate, network, gradients);
            step += 1;
            if step % read_every == 0 || step == total {
                if let Some(sums) = sums.take() {
                    let means: Vec<f64> = read_f32(sums).iter().map(|sum| f64::from(*sum) / summed as f64).collect();
                    for (name, mean) in ["label_loss", "domain_loss"].into_iter().zip(means) {
                        lab.series(name, step as f64, mean);
                    }
                }
                summed = 0;
                lab.progress(step as u64, total as u64)?;
            }
        }
    }
    Ok(network)
}

/// Features of all images of a set, on the host, and the network's class and domain decisions.
struct Evaluated {
    /// `[n, width]`, without gradients.
    features: Tensor<2>,
    right: Vec<bool>,
    as_source: Vec<bool>,
}

fn evaluate(network: &DannNetwork, set: &ImageSet, device: &Device) -> Evaluated {
    let network = network.valid();
    let images = set.tensor(device).inner();
    let features = logits_in_batches(images, EVALUATION_BATCH, |batch| network.features(batch, Mode::Evaluate));
    let labels = indices(set.labels.iter().copied(), device).inner();
    let right = read_bools(correct(network.classes(features.clone()), labels));
    let domains: BoolTensor<1> = network.domains(features.clone(), 0.0).greater_elem(0.0);
    Evaluated { features, right, as_source: read_bools(domains) }
}

fn measure(network: &DannNetwork, task: Task, settings: &Deep, domains: &Domains, lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let source = evaluate(network, &domains.source_test, &device);
    let target = evaluate(network, &domains.target_test, &device);
    // Halves of equal weight: half of the examples are right by chance.
    let as_source = accuracy(&source.as_source);
    let as_target = 1.0 - accuracy(&target.as_source);
    lab.record("domain_accuracy", 0.5 * (as_source + as_target));
    let [_, width] = source.features.dims();
    let host = |features: &Tensor<2>| -> Vec<f64> { read_f32(features.clone()).into_iter().map(f64::from).collect() };
    let (source_features, target_features) = (host(&source.features), host(&target.features));
    if let Some(bad) = source_features.iter().chain(&target_features).find(|value| !value.is_finite()) {
        return Err(Error::Diverged(format!("the training diverged: a feature is {bad}")));
    }
    match task {
        Task::Reid => lab.record("rank1", rank_one(&target.features, &domains.target_test.labels)),
        _ => {
            lab.record("source_accuracy", accuracy(&source.right));
            lab.record("target_accuracy", accuracy(&target.right));
        }
    }
    // The test sets of characters are ordered by character; the distance needs a random order.
    let mut order: Vec<usize> = (0..domains.source_test.len().min(domains.target_test.len())).collect();
    order.shuffle(&mut lab.rng("distance"));
    order.truncate(settings.distance_samples);
    let sample = |features: &[f64]| -> Vec<f64> {
        order.iter().filter_map(|at| features.get(at * width..(at + 1) * width)).flatten().copied().collect()
    };
    let (source_sample, target_sample) = (sample(&source_features), sample(&target_features));
    lab.record("pad", distance_between(&source_sample, &target_sample, width)?);
    let shown = PICTURE_POINTS.min(order.len()) * width;
    let both: Vec<f64> =
        [&source_sample, &target_sample].into_iter().flat_map(|rows| rows.iter().take(shown).copied()).collect();
    record_picture(&both, width, lab);
    Ok(())
}

/// Records the two principal components of as many source as target rows.
pub fn record_picture(rows: &[f64], width: usize, lab: &mut Lab) {
    let points = two_components(rows, width);
    let half = points.len() / 2;
    for (at, (x, y)) in points.into_iter().enumerate() {
        lab.series(if at < half { "picture_source" } else { "picture_target" }, x, y);
    }
}

/// Share of queries whose nearest gallery feature, by the cosine, is of the same label. The first half of the drawings of
/// each label are the gallery, the others the queries.
fn rank_one(features: &Tensor<2>, labels: &[usize]) -> f64 {
    let mut totals = std::collections::BTreeMap::<usize, usize>::new();
    for label in labels {
        *totals.entry(*label).or_default() += 1;
    }
    let mut seen = std::collections::BTreeMap::<usize, usize>::new();
    let (mut gallery, mut queries) = (Vec::new(), Vec::new());
    for (at, label) in labels.iter().enumerate() {
        let count = seen.entry(*label).or_default();
        let in_gallery = 2 * *count < totals.get(label).copied().unwrap_or(0);
        *count += 1;
        if in_gallery { gallery.push(at) } else { queries.push(at) }
    }
    if gallery.is_empty() || queries.is_empty() {
        return f64::NAN;
    }
    let device = features.device();
    let rows = |order: &[usize]| features.clone().select(0, indices(order.iter().copied(), &device));
    let nearest: Vec<i64> =
        cosine_matrix(rows(&queries), rows(&gallery), 1e-12).argmax(1).into_data().iter::<i64>().collect();
    let hits = nearest.iter().zip(&queries).filter(|(nearest, query)| {
        let found = usize::try_from(**nearest).ok().and_then(|at| labels.get(*gallery.get(at)?));
        found == labels.get(**query)
    });
    hits.count() as f64 / queries.len() as f64
}

/// The largest difference between the gradient that the reversal layer gives the feature extractor and
/// ∂CE/∂θ_f − λ·∂BCE/∂θ_f from two separate passes, on the first `half` images of each domain.
///
/// # Errors
/// [`Error::Failed`] where a gradient is missing.
fn gradient_gap(network: &DannNetwork, data: &TrainingData, half: usize) -> Result<f64> {
    let order: Vec<usize> = (0..half.min(data.count)).collect();
    // λ = −1 passes the gradient of the domain classifier as it is.
    let of = |lambda: f64, part: fn(DannLosses) -> Tensor<1>| {
        let loss = part(losses(network, data, &order, &order, lambda));
        collect(&network.encoder, GradientsParams::from_grads(loss.backward(), &network.encoder))
    };
    let reversed = of(CHECKED_LAMBDA, DannLosses::total);
    let label = of(0.0, |losses| losses.label);
    let domain = of(-1.0, |losses| losses.domain);
    if reversed.is_empty() || reversed.len() != label.len() || reversed.len() != domain.len() {
        return Err(Error::Failed("a parameter of the feature extractor has no gradient".into()));
    }
    let gaps = reversed.iter().zip(label.iter().zip(&domain));
    Ok(gaps.map(|(all, (label, domain))| (all - (label - CHECKED_LAMBDA * domain)).abs()).fold(0.0, f64::max))
}

/// All gradients of an encoder's parameters, in their order.
fn collect(encoder: &Encoder, gradients: GradientsParams) -> Vec<f64> {
    struct Collector<'a> {
        gradients: &'a GradientsParams,
        values: Vec<f64>,
    }
    impl ModuleVisitor<Backend> for Collector<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<burn::tensor::Tensor<Backend, D>>) {
            let gradient = self.gradients.get::<Backend, D>(param.id);
            self.values.extend(gradient.into_iter().flat_map(read_f32).map(f64::from));
        }
    }
    let mut collector = Collector { gradients: &gradients, values: Vec::new() };
    encoder.visit(&mut collector);
    collector.values
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn the_nearest_of_the_gallery_decides() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 2.0], [0.1, 1.0], [1.0, 1.0], [3.0, 0.0]];
        let features = Tensor::<2>::from_data(rows, &device).inner();
        // Gallery: rows 0, 2, 4; queries: 1 (right), 3 (right), 5 (nearest to row 0: wrong).
        assert!((rank_one(&features, &[0, 0, 1, 1, 2, 2]) - 2.0 / 3.0).abs() < 1e-12);
        assert!(rank_one(&features, &[0, 1, 2, 3, 4, 5]).is_nan());
    }

    #[test]
    fn each_arm_has_its_strength() {
        let at = |method, lambda| strength(&Arm { method, lambda }, 0.5, 10.0).unwrap();
        assert!((at(Method::Dann, None) - 0.98661).abs() < 1e-4);
        assert_eq!(at(Method::Dann, Some(0.1)), 0.1);
        assert_eq!(at(Method::NoReversal, None), -at(Method::Dann, None));
        assert_eq!(at(Method::SourceOnly, None), 0.0);
        assert_eq!(at(Method::TrainOnTarget, None), 0.0);
    }
}
