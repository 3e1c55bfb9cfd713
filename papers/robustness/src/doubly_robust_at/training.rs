//! The experiment: adversarial training with weights, then clean and robust accuracy.

use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsAccumulator, GradientsParams, Optimizer, SgdConfig};
use burn::tensor::TensorData;
use burn::tensor::backend::AutodiffBackend;
use harness_core::backend::Backend;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::attack::Pgd;
use papers_kit::classify::{correct, cross_entropy, logits_in_batches, per_class_accuracy, read_bools, tail_accuracy};
use papers_kit::resnet::Mode;
use rand::Rng;
use rand::seq::SliceRandom;

use super::baselines::{gairat_weights, mail_weights};
use super::dataset::{self, CLASSES, Examples};
use super::dro::{KlDroConfig, MovingAverageConfig};
use super::network::Network;
use super::optimality;
use super::settings::{Arm, Task, TaskSettings, Weighting};

/// Share of the classes that make the tail.
pub const TAIL: f64 = 0.3;
/// Distance from the edge of the ball at which a coordinate counts as free to move.
const EDGE: f64 = 1e-6;
/// Steps between two reports of progress.
const REPORT_EVERY: usize = 20;
/// Points of the running estimate of the objective that are kept per epoch.
const ESTIMATES: usize = 5;
/// Number of quantiles of the final weights that are kept.
const QUANTILES: usize = 200;

/// Examples on the device.
struct Uploaded {
    inputs: Tensor<2>,
    labels: IntTensor<1>,
    classes: Vec<usize>,
}

impl Uploaded {
    fn new(examples: Examples, size: usize, device: &Device) -> Self {
        let count = examples.labels.len();
        let labels: Vec<i64> = examples.labels.iter().map(|label| *label as i64).collect();
        Uploaded {
            inputs: Tensor::from_data(TensorData::new(examples.inputs, [count, size]), device),
            labels: IntTensor::from_data(TensorData::new(labels, [count]), device),
            classes: examples.labels,
        }
    }

    fn count(&self) -> usize {
        self.classes.len()
    }

    fn batch(&self, order: &[usize]) -> (Tensor<2>, IntTensor<1>) {
        let index: Vec<i64> = order.iter().map(|index| *index as i64).collect();
        let index = IntTensor::<1>::from_data(TensorData::new(index, [order.len()]), &self.inputs.device());
        (self.inputs.clone().select(0, index.clone()), self.labels.clone().select(0, index))
    }

    /// Consecutive batches of at most `size` examples.
    fn in_order(&self, size: usize) -> impl Iterator<Item = (Tensor<2>, IntTensor<1>)> + '_ {
        (0..self.count()).step_by(size.max(1)).map(move |start| {
            let length = size.min(self.count() - start);
            (self.inputs.clone().narrow(0, start, length), self.labels.clone().narrow(0, start, length))
        })
    }
}

/// Trains and tests one arm on one task.
///
/// # Errors
/// Those of the data set; [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, task: Task, settings: &TaskSettings, lab: &mut Lab) -> Result<()> {
    let data = dataset::open(task, settings, lab)?;
    lab.text("data", data.source.clone());
    let device = lab.device().clone();
    let network = Network::new(&settings.model, data.size, CLASSES, &mut lab.rng("init"), &device);
    let values = data.size.values();
    let train = Uploaded::new(data.train, values, &device);
    let network = fit(arm, settings, network, &train, lab)?;

    let test = Uploaded::new(data.test, values, &device);
    let attack = settings.test_attack()?;
    let batch = settings.evaluation_batch;
    let clean = right_answers(&network, &test, batch);
    let robust = right_answers_under_attack(&network, &test, &attack, batch, &mut lab.rng("test attack"));
    for (name, answers) in [("clean", &clean), ("robust", &robust)] {
        let found = tail_accuracy(answers, &test.classes, CLASSES, TAIL)?;
        lab.record(&format!("{name}_accuracy"), found.average);
        lab.record(&format!("{name}_tail_accuracy"), found.tail);
    }
    let classes = per_class_accuracy(&robust, &test.classes, CLASSES)?;
    for (class, accuracy) in classes.iter().enumerate() {
        if let Some(accuracy) = accuracy {
            lab.record(&format!("robust_accuracy_class_{class}"), *accuracy);
        }
    }
    let best = classes.iter().flatten().copied().fold(0.0, f64::max);
    let worst = classes.iter().flatten().copied().fold(1.0, f64::min);
    lab.record("robust_spread", best - worst);
    if !data.validation.labels.is_empty() {
        let held_out = Uploaded::new(data.validation, values, &device);
        let answers =
            right_answers_under_attack(&network, &held_out, &attack, batch, &mut lab.rng("validation attack"));
        lab.record("validation_robust_accuracy", papers_kit::classify::accuracy(&answers));
    }
    Ok(())
}

/// Whether each example is classified correctly as it is.
fn right_answers(network: &Network, data: &Uploaded, batch: usize) -> Vec<bool> {
    let network = network.valid();
    let logits = logits_in_batches(data.inputs.clone().inner(), batch, |inputs| network.logits(inputs, Mode::Evaluate));
    read_bools(correct(logits, data.labels.clone()))
}

/// Whether each example is classified correctly after the attack.
fn right_answers_under_attack(
    network: &Network,
    data: &Uploaded,
    attack: &Pgd,
    batch: usize,
    rng: &mut impl Rng,
) -> Vec<bool> {
    let tested = network.valid();
    data.in_order(batch)
        .flat_map(|(inputs, labels)| {
            let attacked = attacked(network, inputs, &labels, attack, rng).inner();
            read_bools(correct(tested.logits(attacked, Mode::Evaluate), labels))
        })
        .collect()
}

/// Adversarial examples for the network as it is now, in evaluation behaviour.
fn attacked(network: &Network, clean: Tensor<2>, labels: &IntTensor<1>, attack: &Pgd, rng: &mut impl Rng) -> Tensor<2> {
    let frozen = network.clone().no_grad();
    let start = attack.random_start(clean.clone(), rng);
    attack.attack(clean, start, |x| cross_entropy(frozen.logits(x, Mode::Evaluate), labels.clone()))
}

/// As [`attacked`], with the number κ of steps before which each example was classified correctly, `[n]`.
fn attacked_counting(
    network: &Network,
    clean: Tensor<2>,
    labels: &IntTensor<1>,
    attack: &Pgd,
    rng: &mut impl Rng,
) -> (Tensor<2>, Tensor<1>) {
    let frozen = network.clone().no_grad();
    let start = attack.random_start(clean.clone(), rng);
    let none: Tensor<1> = Tensor::zeros([clean.dims()[0]], &clean.device());
    let mut kappa = none.clone();
    let adversarial = attack.attack(clean, start, |x| {
        let logits = frozen.logits(x, Mode::Evaluate);
        let right = correct(logits.clone().detach(), labels.clone());
        kappa = kappa.clone() + none.clone().mask_fill(right, 1.0);
        cross_entropy(logits, labels.clone())
    });
    (adversarial, kappa)
}

/// 1 in the coordinates in which an adversarial example can move both ways, 0 at the walls of its box.
fn free_coordinates(adversarial: &Tensor<2>, clean: &Tensor<2>, epsilon: f64) -> Tensor<2> {
    let inside_ball = (adversarial.clone() - clean.clone()).abs().lower_elem(epsilon - EDGE);
    let inside_range = adversarial.clone().greater_elem(0.0).bool_and(adversarial.clone().lower_elem(1.0));
    adversarial.clone().zeros_like().mask_fill(inside_ball.bool_and(inside_range), 1.0)
}

/// Trains `network`.
fn fit(arm: &Arm, settings: &TaskSettings, network: Network, train: &Uploaded, lab: &mut Lab) -> Result<Network> {
    let training = &settings.training;
    let attack = settings.training_attack()?;
    let mut network = network;
    // burn dampens by default; the textbook update v ← 0.9 v + g does not.
    let momentum = MomentumConfig::new().with_momentum(training.momentum).with_dampening(0.0).with_nesterov(false);
    let mut optimizer = SgdConfig::new()
        .with_momentum(Some(momentum))
        .with_weight_decay(Some(WeightDecayConfig::new(training.weight_decay as f32)))
        .init::<Backend, Network>();
    let (mut batches_rng, mut attack_rng) = (lab.rng("batches"), lab.rng("training attack"));
    let mut order: Vec<usize> = (0..train.count()).collect();
    let per_epoch = train.count().div_ceil(training.batch);
    let total = (per_epoch * training.epochs) as u64;
    let mut log_u: Option<Tensor<1>> = None;
    let mut done = 0;
    record_objective(arm, settings, &network, train, "start", lab)?;
    for epoch in 0..training.epochs {
        let drops = training.drops.iter().filter(|drop| **drop <= epoch).count() as i32;
        let rate = training.learning_rate * 0.1f64.powi(drops);
        let burning_in = |share: f64| (epoch as f64) < share * training.epochs as f64;
        order.shuffle(&mut batches_rng);
        let mut sum: Tensor<1> = Tensor::zeros([1], lab.device());
        for batch in order.chunks(training.batch) {
            let (clean, labels) = train.batch(batch);
            let loss = match arm.weighting {
                Weighting::Uniform => {
                    let inputs = match arm.attack {
                        true => attacked(&network, clean, &labels, &attack, &mut attack_rng),
                        false => clean,
                    };
                    cross_entropy(network.logits(inputs, Mode::Train), labels).mean()
                }
                Weighting::Gairat { lambda, burn_in } => {
                    let (inputs, kappa) = attacked_counting(&network, clean, &labels, &attack, &mut attack_rng);
                    let losses = cross_entropy(network.logits(inputs, Mode::Train), labels);
                    if burning_in(burn_in) {
                        losses.mean()
                    } else {
                        (losses * gairat_weights(kappa, attack.steps(), lambda)).mean()
                    }
                }
                Weighting::Mail { gamma, beta, burn_in } => {
                    let inputs = attacked(&network, clean, &labels, &attack, &mut attack_rng);
                    let logits = network.logits(inputs, Mode::Train);
                    let losses = cross_entropy(logits.clone(), labels.clone());
                    if burning_in(burn_in) {
                        losses.mean()
                    } else {
                        (losses * mail_weights(logits.detach(), labels, gamma, beta).weights).mean()
                    }
                }
                Weighting::KlDro { r, eta, implicit } => {
                    let inputs = attacked(&network, clean.clone(), &labels, &attack, &mut attack_rng);
                    let losses = cross_entropy(network.logits(inputs.clone(), Mode::Train), labels.clone());
                    let average = MovingAverageConfig::new().with_r(r).with_eta(eta).init()?;
                    let step = average.step(losses, log_u.take());
                    log_u = Some(step.log_u);
                    match implicit {
                        None => step.loss,
                        Some(lambda) => {
                            let free = free_coordinates(&inputs, &clean, settings.epsilon);
                            let squares = network.squared_input_gradient(inputs, labels, free); // [b]
                            step.loss + (squares * step.weights).sum() / lambda
                        }
                    }
                }
            };
            sum = sum + loss.clone().detach();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(rate, network, gradients);
            done += 1;
            if let (Weighting::KlDro { r, .. }, Some(log_u)) = (arm.weighting, &log_u)
                && (done == 1 || done % per_epoch.div_ceil(ESTIMATES) == 0)
            {
                let estimate = r * f64::from(log_u.clone().into_scalar());
                lab.series("objective_estimate", done as f64 / per_epoch as f64, estimate);
            }
            if done % REPORT_EVERY == 0 {
                lab.progress(done as u64, total)?;
            }
        }
        lab.progress(done as u64, total)?;
        let x = (epoch + 1) as f64;
        lab.series("training_loss", x, f64::from(sum.into_scalar()) / per_epoch as f64);
        if epoch + 1 == training.epochs / 2 {
            record_objective(arm, settings, &network, train, "middle", lab)?;
        }
    }
    if let Some(losses) = record_objective(arm, settings, &network, train, "end", lab)? {
        record_optimality(arm, settings, &losses, lab)?;
    }
    Ok(network)
}

/// Records L(θ) over all training examples and the norm of its gradient, for the arms that minimise it. The random
/// starts of the attack are the same each time. Returns the losses.
fn record_objective(
    arm: &Arm,
    settings: &TaskSettings,
    network: &Network,
    train: &Uploaded,
    when: &str,
    lab: &mut Lab,
) -> Result<Option<Vec<f64>>> {
    let Weighting::KlDro { r, .. } = arm.weighting else { return Ok(None) };
    let attack = settings.training_attack()?;
    let mut rng = lab.rng("objective attack");
    let mut batches = Vec::new();
    let mut losses: Vec<f64> = Vec::with_capacity(train.count());
    let valid = network.valid();
    for (clean, labels) in train.in_order(settings.evaluation_batch) {
        let inputs = attacked(network, clean, &labels, &attack, &mut rng);
        let batch = cross_entropy(valid.logits(inputs.clone().inner(), Mode::Evaluate), labels.clone());
        losses.extend(read_f32(batch).into_iter().map(f64::from));
        batches.push((inputs, labels));
    }
    let weights = optimality::weights(&losses, r);
    let mut sum = GradientsAccumulator::new();
    let mut start = 0;
    for (inputs, labels) in batches {
        let count = inputs.dims()[0];
        let of_batch: Vec<f32> = weights.iter().skip(start).take(count).map(|weight| *weight as f32).collect();
        start += count;
        let of_batch: Tensor<1> = Tensor::from_data(TensorData::new(of_batch, [count]), lab.device());
        let loss = (cross_entropy(network.logits(inputs, Mode::Evaluate), labels) * of_batch).sum();
        sum.accumulate(network, GradientsParams::from_grads(loss.backward(), network));
    }
    let mut norm = SquaredNorm { gradients: sum.grads(), total: 0.0 };
    network.visit(&mut norm);
    lab.record(&format!("objective_{when}"), optimality::objective(&losses, r));
    lab.record(&format!("gradient_norm_{when}"), norm.total.sqrt());
    Ok(Some(losses))
}

/// Sums the squares of all gradients.
struct SquaredNorm {
    gradients: GradientsParams,
    total: f64,
}

impl ModuleVisitor<Backend> for SquaredNorm {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<<Backend as AutodiffBackend>::InnerBackend, D>(parameter.id) {
            self.total += f64::from(gradient.square().sum().into_scalar());
        }
    }
}

/// Records how well the closed form of the weights does on the final losses, and how the weights are spread.
fn record_optimality(arm: &Arm, settings: &TaskSettings, losses: &[f64], lab: &mut Lab) -> Result<()> {
    let Weighting::KlDro { r, .. } = arm.weighting else { return Ok(()) };
    let rival = optimality::best_rival(losses, r, settings.rivals, &mut lab.rng("rivals"));
    lab.record("best_rival", rival);
    let weights = optimality::weights(losses, r);
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let single: Vec<f32> = losses.iter().map(|loss| *loss as f32).collect();
    let tensor = Tensor::<1>::from_data(TensorData::new(single, [losses.len()]), lab.device()).require_grad();
    let objective = KlDroConfig::new().with_r(r).init()?.forward(tensor.clone());
    let exact = optimality::objective(losses, r);
    let value = f64::from(objective.clone().into_scalar());
    lab.record("objective_gap", (value - exact).abs() / exact.abs().max(1.0));
    let gradients = objective.backward();
    let gap = tensor
        .grad(&gradients)
        .map(read_f32)
        .into_iter()
        .flatten()
        .zip(&weights)
        .fold(0.0, |gap: f64, (found, weight)| gap.max((f64::from(found) - weight).abs()));
    lab.record("gradient_gap", gap / largest);
    let mut relative: Vec<f64> = weights.iter().map(|weight| weight * losses.len() as f64).collect();
    relative.sort_by(f64::total_cmp);
    for quantile in 0..=QUANTILES {
        let at = quantile * (relative.len() - 1) / QUANTILES;
        if let Some(weight) = relative.get(at) {
            lab.series("weights_end", quantile as f64 / QUANTILES as f64, *weight);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn coordinates_at_a_wall_are_not_free() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let clean = Tensor::<2>::from_data([[0.5, 0.5, 0.05, 0.95, 0.5]], &device);
        let moved = Tensor::<2>::from_data([[0.6, 0.55, 0.0, 1.0, 0.4]], &device);
        assert_eq!(read_f32(free_coordinates(&moved, &clean, 0.1)), [0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    /// κ counts the points before each step, and the attack is that of the other arms.
    #[test]
    fn an_example_that_withstands_all_steps_has_the_largest_kappa() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let settings = super::super::tests::smoke_settings();
        let size = dataset::ImageSize { channels: 1, height: 1, width: 6 };
        let mut rng = harness_core::rng::stream("test", "kappa", 0);
        let network = Network::new(&settings.model, size, CLASSES, &mut rng, &device);
        let clean = papers_kit::init::uniform([8, 6], 0.5, &mut rng, &device) + 0.5;
        let weak = papers_kit::attack::PgdConfig::new(1e-6, 1e-6, 3).init().unwrap();
        let predicted: IntTensor<1> = network.logits(clean.clone(), Mode::Evaluate).argmax(1).squeeze_dim(1);
        let stream = || harness_core::rng::stream("test", "start", 0);
        let (counted, kappa) = attacked_counting(&network, clean.clone(), &predicted, &weak, &mut stream());
        assert_eq!(read_f32(kappa), [3.0; 8]);
        assert_eq!(read_f32(counted), read_f32(attacked(&network, clean.clone(), &predicted, &weak, &mut stream())));
        let wrong = (predicted + 1).remainder_scalar(CLASSES as i64);
        let (_, kappa) = attacked_counting(&network, clean, &wrong, &weak, &mut stream());
        assert_eq!(read_f32(kappa), [0.0; 8]);
    }
}
