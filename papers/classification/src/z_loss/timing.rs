//! One output layer by itself: what a step costs as the number of classes grows, and whether the factored step is
//! exact.
//!
//! The dense layers take the examples as one mini-batch (one product of matrices each for outputs, gradient and
//! step), which is the cheapest that they can be; the factored and the two-level layer take them one by one. So the
//! comparison favours the dense layers.

use burn::tensor::{TensorData, backend::Backend as _};
use harness_core::backend::{Backend, Device, IntTensor, Tensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::stats;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};

use super::factored::FactoredLayer;
use super::hierarchical::{HierarchicalLayer, TwoLevels};
use super::language::invariance_gap;
use super::loss::{ZLoss, ZLossConfig};
use super::objective::cross_entropy;
use super::settings::{Arm, OutputLayer, TimingSettings};

/// Inputs and targets of a layer.
struct Problem {
    classes: usize,
    width: usize,
    weights: Vec<f32>,
    /// `[examples, width]`.
    hidden: Vec<f32>,
    targets: Vec<usize>,
}

/// Runs one arm with `classes` classes.
///
/// # Errors
/// Where a layer refuses its inputs or the run is interrupted.
pub fn run(arm: &Arm, classes: usize, settings: &TimingSettings, lab: &mut Lab) -> Result<()> {
    let problem = Problem::draw(classes, settings, lab)?;
    let loss = ZLossConfig::new().init()?;
    match arm.output {
        OutputLayer::LogSoftmax => time_dense(&problem, settings, lab, cross_entropy),
        OutputLayer::ZLoss => {
            time_dense(&problem, settings, lab, |outputs, targets| loss.forward(outputs, targets))?;
            // Claim C1 looks at every cell of the arm.
            let device = lab.device().clone();
            let gap = invariance_gap(problem.outputs_on(&device), problem.targets_on(&device), &loss);
            lab.record("invariance_gap", gap);
            Ok(())
        }
        OutputLayer::TwoLevels => {
            let levels = TwoLevels::new(classes)?;
            let groups =
                normal(levels.groups() * problem.width, 1.0 / (problem.width as f64).sqrt(), &mut lab.rng("groups"))?;
            let mut layer = HierarchicalLayer::new(levels, problem.width, groups, problem.weights.clone())?;
            time(&problem, settings, lab, || {
                problem.examples().try_for_each(|(hidden, target)| {
                    layer.update(hidden, target, settings.lr as f32).map(|step| drop(std::hint::black_box(step)))
                })
            })
        }
        OutputLayer::FactoredZLoss => {
            let mut layer = FactoredLayer::new(&problem.weights, classes, problem.width)?;
            time(&problem, settings, lab, || {
                problem.examples().try_for_each(|(hidden, target)| {
                    layer.update(hidden, target, settings.lr, &loss).map(|step| drop(std::hint::black_box(step)))
                })
            })?;
            let exactness = exactness(&problem, settings.lr, &loss, lab.device())?;
            lab.record("factored_gap", exactness.gap);
            lab.record("weight_change", exactness.change);
            Ok(())
        }
        OutputLayer::Taylor | OutputLayer::Spherical | OutputLayer::Mse => {
            Err(Error::Skipped("only the layers of claim C5 are timed".into()))
        }
    }
}

/// Records the median time of a pass over the examples, per example.
fn time(
    problem: &Problem,
    settings: &TimingSettings,
    lab: &mut Lab,
    mut pass: impl FnMut() -> Result<()>,
) -> Result<()> {
    let passes = (settings.warmup + settings.repeats) as u64;
    let mut times = Vec::with_capacity(settings.repeats);
    for at in 0..passes {
        let (result, ms) = lab.measure(&mut pass);
        result?;
        if at >= settings.warmup as u64 {
            times.push(ms);
        }
        lab.progress(at + 1, passes)?;
    }
    let median = stats::median(&times)?;
    lab.record_time("ms_per_example", median / problem.targets.len() as f64);
    Ok(())
}

/// Times outputs, loss, gradient and step of a dense layer on all examples as one mini-batch.
fn time_dense(
    problem: &Problem,
    settings: &TimingSettings,
    lab: &mut Lab,
    loss: impl Fn(Tensor<2>, IntTensor<1>) -> Tensor<1>,
) -> Result<()> {
    let device = lab.device().clone();
    let upload =
        |values: &[f32], shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), &device);
    // [width, classes]: the layout in which the outputs need no transposition.
    let mut weights = Some(upload(&problem.weights, [problem.width, problem.classes]).require_grad());
    let hidden = upload(&problem.hidden, [problem.targets.len(), problem.width]);
    let targets = problem.targets_on(&device);
    time(problem, settings, lab, || {
        let current = weights.take().ok_or_else(|| Error::Failed("the weights are gone".into()))?;
        // The layer below needs the gradient by its outputs too.
        let hidden = hidden.clone().detach().require_grad();
        let value = loss(hidden.clone().matmul(current.clone()), targets.clone());
        let gradients = value.backward();
        let slope = current.grad(&gradients).ok_or_else(|| Error::Failed("the weights have no gradient".into()))?;
        std::hint::black_box(hidden.grad(&gradients));
        weights = Some(Tensor::from_inner(current.inner() - slope * settings.lr).require_grad());
        // A GPU works behind the host's back until it is asked to finish.
        Backend::sync(&device).map_err(|error| Error::Failed(format!("device: {error:?}")))
    })
}

/// How far the factored weights are from dense ones after the same steps.
struct Exactness {
    /// max |W_factored − W_dense| / max |W_dense|.
    gap: f64,
    /// max |W_dense − W_start| / max |W_dense|: what the gap is to be compared with.
    change: f64,
}

/// Both layers take the examples one by one, in single precision where the dense one is concerned.
fn exactness(problem: &Problem, lr: f64, loss: &ZLoss, device: &Device) -> Result<Exactness> {
    let mut layer = FactoredLayer::new(&problem.weights, problem.classes, problem.width)?;
    let shape = [problem.classes, problem.width];
    let start = Tensor::<2>::from_data(TensorData::new(problem.weights.clone(), shape), device);
    let mut dense = start.clone().detach().require_grad();
    for (hidden, target) in problem.examples() {
        layer.update(hidden, target, lr, loss)?;
        let hidden = Tensor::<1>::from_data(hidden, device).unsqueeze::<2>();
        let targets = IntTensor::<1>::from_data([target as i64], device);
        let gradients = loss.forward(hidden.matmul(dense.clone().transpose()), targets).backward();
        let slope = dense.grad(&gradients).ok_or_else(|| Error::Failed("the weights have no gradient".into()))?;
        dense = Tensor::from_inner(dense.inner() - slope * lr).require_grad();
    }
    let dense = read_f32(dense);
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(0.0f64, |max, value| {
            // A NaN stays: `max` would drop it.
            if value.is_nan() || max.is_nan() { f64::NAN } else { max.max(value.abs()) }
        })
    };
    let size = largest(&mut dense.iter().map(|weight| f64::from(*weight)));
    let weights = layer.weights();
    Ok(Exactness {
        gap: largest(&mut weights.iter().zip(&dense).map(|(factored, dense)| factored - f64::from(*dense))) / size,
        change: largest(
            &mut problem.weights.iter().zip(&dense).map(|(start, dense)| f64::from(*start) - f64::from(*dense)),
        ) / size,
    })
}

impl Problem {
    /// Weights from N(0, 1/√width), inputs from N(0, 1), targets uniform.
    fn draw(classes: usize, settings: &TimingSettings, lab: &Lab) -> Result<Self> {
        let width = settings.hidden;
        let mut targets = lab.rng("timing targets");
        Ok(Problem {
            classes,
            width,
            weights: normal(classes * width, 1.0 / (width as f64).sqrt(), &mut lab.rng("timing weights"))?,
            hidden: normal(settings.examples * width, 1.0, &mut lab.rng("timing inputs"))?,
            targets: (0..settings.examples).map(|_| targets.random_range(0..classes)).collect(),
        })
    }

    fn examples(&self) -> impl Iterator<Item = (&[f32], usize)> {
        self.hidden.chunks_exact(self.width).zip(self.targets.iter().copied())
    }

    /// The outputs of the dense layer before its first step, `[examples, classes]`.
    fn outputs_on(&self, device: &Device) -> Tensor<2> {
        let upload =
            |values: &[f32], shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device);
        upload(&self.hidden, [self.targets.len(), self.width]).matmul(upload(&self.weights, [self.width, self.classes]))
    }

    fn targets_on(&self, device: &Device) -> IntTensor<1> {
        let targets: Vec<i64> = self.targets.iter().map(|target| *target as i64).collect();
        IntTensor::from_data(targets.as_slice(), device)
    }
}

fn normal(count: usize, std: f64, rng: &mut impl Rng) -> Result<Vec<f32>> {
    let normal = Normal::new(0.0, std).map_err(|error| Error::Input(format!("weights: {error}")))?;
    Ok((0..count).map(|_| normal.sample(rng) as f32).collect())
}
