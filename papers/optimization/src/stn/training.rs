//! The update rules: the alternation of the paper's method, and plain training with given hyper-parameters.

use burn::module::{AutodiffModule, Module, Param};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{Adam, AdamConfig, GradientsParams, Optimizer, Sgd, SgdConfig};
use burn::tensor::TensorData;
use burn::tensor::backend::AutodiffBackend;
use harness_core::backend::Backend;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use papers_kit::classify::{accuracy, correct, cross_entropy, read_bools};
use papers_kit::init;
use rand::seq::SliceRandom;

use super::dataset::Uploaded;
use super::hyperparameter::{Constraint, inverse_softplus, perturb, transform};
use super::network::{Network, NetworkSizes};
use super::objective::{StnLoss, StnLossConfig};
use super::regularise::{Factors, Sizes, Strengths, Target};
use super::settings::{Hyperparameter, Settings};

type Inner = <Backend as AutodiffBackend>::InnerBackend;

/// Data on the device, and sizes.
pub struct Problem {
    /// What the weights are fitted to.
    pub train: Uploaded,
    /// What the hyper-parameters are fitted to, and what runs and epochs are selected by.
    pub validation: Uploaded,
    /// What is reported.
    pub test: Uploaded,
    /// Sizes of what is regularised.
    pub sizes: Sizes,
    /// Sizes of the network.
    pub network: NetworkSizes,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fit {
    /// Steps taken and validation loss, after each epoch.
    pub curve: Vec<(f64, f64)>,
    /// Lowest validation loss of any epoch.
    pub validation_loss: f64,
    /// Validation accuracy at that epoch.
    pub validation_accuracy: f64,
    /// Test loss at that epoch.
    pub test_loss: f64,
    /// Test accuracy at that epoch.
    pub test_accuracy: f64,
    /// Validation loss after the last epoch.
    pub last_validation_loss: f64,
    /// Training and validation steps.
    pub steps: usize,
    /// Time of the steps, without evaluation.
    pub milliseconds: f64,
}

/// How the hyper-parameters moved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// Unconstrained values at each training step.
    pub schedule: Vec<Vec<f64>>,
    /// Unconstrained values after the last step.
    pub last: Vec<f64>,
    /// σ after the last step.
    pub last_scales: Vec<f64>,
    /// σ after each epoch.
    pub scales: Vec<Vec<f64>>,
    /// Validation loss of the last network as it responds to all hyper-parameters shifted by −1, 0 and +1 σ.
    pub shifted_loss: [f64; 3],
}

/// Random mini-batches, epoch after epoch.
struct Batches {
    order: Vec<i64>,
    at: usize,
    size: usize,
    rng: Stream,
}

impl Batches {
    fn new(count: usize, size: usize, rng: Stream) -> Self {
        Batches { order: (0..count as i64).collect(), at: count, size, rng }
    }

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

/// Mean cross-entropy and accuracy without regularisation.
fn evaluate(network: &Network, response: Option<&Tensor<1>>, data: &Uploaded, batch: usize) -> Result<(f64, f64)> {
    let tested = network.valid();
    let mut losses = Vec::with_capacity(data.count());
    let mut right = Vec::with_capacity(data.count());
    for start in (0..data.count()).step_by(batch) {
        let length = batch.min(data.count() - start);
        let inputs = data.inputs.clone().narrow(0, start, length).inner();
        let labels = data.labels.clone().narrow(0, start, length);
        let response = response.map(|h| {
            let [columns] = h.dims();
            h.clone().inner().unsqueeze::<2>().expand([length, columns])
        });
        let logits = tested.logits(inputs, None, response)?;
        losses.extend(read_f32(cross_entropy(logits.clone(), labels.clone())).into_iter().map(f64::from));
        right.extend(read_bools(correct(logits, labels)));
    }
    Ok((losses.iter().sum::<f64>() / losses.len() as f64, accuracy(&right)))
}

/// Watches the validation loss, and keeps the network of its best epoch.
struct Monitor<'a> {
    problem: &'a Problem,
    settings: &'a Settings,
    fit: Fit,
    best: Option<(Network, Option<Tensor<1>>)>,
    learning_rate: f64,
    /// Epochs since the learning rate changed.
    looks: Vec<f64>,
}

impl<'a> Monitor<'a> {
    fn new(problem: &'a Problem, settings: &'a Settings) -> Self {
        let fit = Fit { validation_loss: f64::INFINITY, ..Fit::default() };
        Monitor { problem, settings, fit, best: None, learning_rate: settings.learning_rate, looks: Vec::new() }
    }

    fn look(&mut self, network: &Network, response: Option<Tensor<1>>) -> Result<()> {
        let batch = self.settings.evaluation_batch;
        let (loss, accuracy) = evaluate(network, response.as_ref(), &self.problem.validation, batch)?;
        self.fit.curve.push((self.fit.steps as f64, loss));
        self.fit.last_validation_loss = loss;
        if loss < self.fit.validation_loss || self.best.is_none() {
            self.fit.validation_loss = loss;
            self.fit.validation_accuracy = accuracy;
            self.best = Some((network.clone(), response));
        }
        if let Some(patience) = self.settings.patience {
            let before = self.looks.len().saturating_sub(patience);
            if self.looks.iter().take(before).any(|earlier| *earlier <= loss) {
                self.learning_rate /= 10.0;
                self.looks.clear();
            }
            self.looks.push(loss);
        }
        Ok(())
    }

    /// Tests the network of the best epoch.
    fn finish(mut self) -> Result<Fit> {
        let Some((network, response)) = &self.best else {
            return Err(Error::Failed("a run ended before its first epoch".into()));
        };
        let batch = self.settings.evaluation_batch;
        let (loss, accuracy) = evaluate(network, response.as_ref(), &self.problem.test, batch)?;
        (self.fit.test_loss, self.fit.test_accuracy) = (loss, accuracy);
        Ok(self.fit)
    }
}

fn weights_optimizer(settings: &Settings) -> OptimizerAdaptor<Sgd<Inner>, Network, Backend> {
    // burn dampens by default; the textbook update v ← 0.9 v + g does not.
    let momentum = MomentumConfig::new().with_momentum(settings.momentum).with_dampening(0.0).with_nesterov(false);
    SgdConfig::new().with_momentum(Some(momentum)).init()
}

/// A regularised batch on the device.
struct Regularised {
    inputs: Tensor<2>,
    dropout: [Tensor<2>; 2],
}

impl Regularised {
    fn new(clean: Tensor<2>, strengths: impl IntoIterator<Item = Strengths>, sizes: Sizes, rng: &mut Stream) -> Self {
        let [rows, inputs] = clean.dims();
        let device = clean.device();
        let Factors { inputs: factors, hidden } = Factors::draw(strengths, sizes, rng);
        let upload = |values: Vec<f32>, width: usize| -> Tensor<2> {
            Tensor::from_data(TensorData::new(values, [rows, width]), &device)
        };
        Regularised {
            inputs: clean * upload(factors, inputs),
            dropout: hidden.map(|layer| upload(layer, sizes.hidden)),
        }
    }
}

/// The steps of a run, and where it stands among the runs of its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Steps of this run.
    pub steps: usize,
    /// Steps of the runs before it.
    pub before: usize,
    /// Steps of all runs.
    pub total: usize,
}

impl Run {
    /// The only run of its trial.
    pub fn alone(steps: usize) -> Self {
        Run { steps, before: 0, total: steps }
    }
}

/// Trains a plain network with the strengths that `schedule` gives for each of them.
///
/// # Errors
/// [`Error::Cancelled`] where the user asked to stop.
pub fn fit_plain(
    problem: &Problem,
    settings: &Settings,
    run: Run,
    schedule: impl Fn(usize) -> Strengths,
    lab: &mut Lab,
) -> Result<Fit> {
    let mut network = Network::plain(problem.network, &mut lab.rng("init"), lab.device());
    let mut optimizer = weights_optimizer(settings);
    let mut batches = Batches::new(problem.train.count(), settings.batch, lab.rng("batches"));
    let mut noise = lab.rng("regularisation");
    let mut monitor = Monitor::new(problem, settings);
    while monitor.fit.steps < run.steps {
        let first = monitor.fit.steps;
        let last = (first + settings.steps_per_epoch()).min(run.steps);
        let rate = monitor.learning_rate;
        let (trained, milliseconds) = lab.measure(|| -> Result<Network> {
            let mut network = network;
            for step in first..last {
                let (clean, labels) = problem.train.batch(&batches.next());
                let strengths = std::iter::repeat_n(schedule(step), clean.dims()[0]);
                let Regularised { inputs, dropout } = Regularised::new(clean, strengths, problem.sizes, &mut noise);
                let loss = cross_entropy(network.logits(inputs, Some(dropout), None)?, labels).mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &network);
                network = optimizer.step(rate, network, gradients);
            }
            Ok(network)
        });
        network = trained?;
        monitor.fit.steps = last;
        monitor.fit.milliseconds += milliseconds;
        monitor.look(&network, None)?;
        lab.progress((run.before + last) as u64, run.total as u64)?;
    }
    monitor.finish()
}

/// The hyper-parameters and the scales of their perturbation, unconstrained.
#[derive(Module, Debug)]
pub struct HyperState<B: burn::tensor::backend::Backend = Backend> {
    h: Param<burn::tensor::Tensor<B, 1>>,
    scale: Param<burn::tensor::Tensor<B, 1>>,
}

/// The paper's method: one network that responds to the hyper-parameters, and the hyper-parameters.
pub struct SelfTuning<'a> {
    problem: &'a Problem,
    network: Network,
    optimizer: OptimizerAdaptor<Sgd<Inner>, Network, Backend>,
    hyper: HyperState,
    hyper_optimizer: OptimizerAdaptor<Adam, HyperState, Backend>,
    hyper_learning_rate: f64,
    targets: Vec<Target>,
    constraints: Vec<Constraint>,
    tune_scales: bool,
    loss: StnLoss,
    train_batches: Batches,
    validation_batches: Batches,
    perturbations: Stream,
    validation_perturbations: Stream,
    noise: Stream,
}

impl<'a> SelfTuning<'a> {
    /// The start: σ from the settings, hyper-parameters from theirs.
    ///
    /// # Errors
    /// [`Error::Input`] where a hyper-parameter starts outside of its range.
    pub fn new(
        problem: &'a Problem,
        settings: &Settings,
        hyperparameters: &[Hyperparameter],
        tune_scales: bool,
        lab: &Lab,
    ) -> Result<Self> {
        let count = hyperparameters.len();
        let constraints = hyperparameters.iter().map(Hyperparameter::constraint).collect::<Result<Vec<_>>>()?;
        let h = constraints
            .iter()
            .zip(hyperparameters)
            .map(|(constraint, hyperparameter)| Ok(constraint.range.unconstrained(hyperparameter.start)? as f32))
            .collect::<Result<Vec<_>>>()?;
        let device = lab.device();
        let scale: Tensor<1> = Tensor::full([count], inverse_softplus(settings.scale), device);
        let hyper = HyperState {
            h: Param::from_tensor(Tensor::from_data(TensorData::new(h, [count]), device)),
            scale: Param::from_tensor(scale),
        };
        let (mut init, mut response) = (lab.rng("init"), lab.rng("response"));
        let entropy_weight = if tune_scales { settings.entropy_weight } else { 0.0 };
        Ok(SelfTuning {
            problem,
            network: Network::responding(problem.network, count, &mut init, &mut response, device),
            optimizer: weights_optimizer(settings),
            hyper,
            hyper_optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            hyper_learning_rate: settings.hyper_learning_rate,
            targets: hyperparameters.iter().map(|hyperparameter| hyperparameter.target).collect(),
            constraints,
            tune_scales,
            loss: StnLossConfig::new().with_entropy_weight(entropy_weight).init()?,
            train_batches: Batches::new(problem.train.count(), settings.batch, lab.rng("batches")),
            validation_batches: Batches::new(problem.validation.count(), settings.batch, lab.rng("validation batches")),
            perturbations: lab.rng("perturbations"),
            validation_perturbations: lab.rng("validation perturbations"),
            noise: lab.rng("regularisation"),
        })
    }

    /// h̃ for a batch: all hyper-parameters of this paper's experiment may differ from example to example.
    fn perturbed(hyper: [Tensor<1>; 2], rows: usize, rng: &mut Stream) -> Result<Tensor<2>> {
        let [h, scale] = hyper;
        let [count] = h.dims();
        let noise = init::normal([rows, count], 1.0, rng, &h.device());
        perturb(h, scale, noise, &vec![true; count])
    }

    /// Fits the weights to a training batch, each example regularised by its own perturbed hyper-parameters. The
    /// hyper-parameters are constants here.
    ///
    /// # Errors
    /// Where shapes do not agree.
    pub fn train_step(&mut self, learning_rate: f64) -> Result<()> {
        let (clean, labels) = self.problem.train.batch(&self.train_batches.next());
        let (h, scale) = (self.hyper.h.val().detach(), self.hyper.scale.val().detach());
        let perturbed = Self::perturbed([h, scale.clone()], clean.dims()[0], &mut self.perturbations)?;
        let values: Vec<f64> =
            read_f32(transform(perturbed.clone(), &self.constraints)?).into_iter().map(f64::from).collect();
        let strengths = values.chunks(self.targets.len()).map(|row| Strengths::new(&self.targets, row));
        let Regularised { inputs, dropout } = Regularised::new(clean, strengths, self.problem.sizes, &mut self.noise);
        let logits = self.network.logits(inputs, Some(dropout), Some(perturbed))?;
        let loss = self.loss.forward(logits, labels, scale)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        Ok(())
    }

    /// Moves the hyper-parameters, and their scales where they are tuned, down the validation loss as the network
    /// responds to them. Nothing is regularised, and the weights are constants here.
    ///
    /// # Errors
    /// Where shapes do not agree.
    pub fn validation_step(&mut self) -> Result<()> {
        let (inputs, labels) = self.problem.validation.batch(&self.validation_batches.next());
        let rows = inputs.dims()[0];
        let (h, scale) = (self.hyper.h.val(), self.hyper.scale.val());
        let [count] = h.dims();
        let response = if self.tune_scales {
            Self::perturbed([h, scale.clone()], rows, &mut self.validation_perturbations)?
        } else {
            h.unsqueeze::<2>().expand([rows, count])
        };
        let logits = self.network.clone().no_grad().logits(inputs, None, Some(response))?;
        let scale = if self.tune_scales { scale } else { scale.detach() };
        let loss = self.loss.forward(logits, labels, scale)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.hyper);
        self.hyper = self.hyper_optimizer.step(self.hyper_learning_rate, self.hyper.clone(), gradients);
        Ok(())
    }

    /// Logits of the first validation example at hyper-parameters of 1: they change with the weights only.
    #[cfg(test)]
    pub fn probe(&self) -> Vec<f32> {
        let (inputs, _) = self.problem.validation.batch(&[0]);
        let response = Tensor::ones([1, self.targets.len()], &inputs.device());
        read_f32(self.network.logits(inputs, None, Some(response)).unwrap())
    }

    /// Unconstrained values.
    pub fn hyperparameters(&self) -> Vec<f64> {
        read_f32(self.hyper.h.val()).into_iter().map(f64::from).collect()
    }

    /// σ.
    pub fn scales(&self) -> Vec<f64> {
        read_f32(papers_kit::softplus::softplus(self.hyper.scale.val())).into_iter().map(f64::from).collect()
    }
}

/// Runs the paper's method for `epochs` epochs, the first `warm_up` of them without validation steps.
///
/// # Errors
/// [`Error::Cancelled`] where the user asked to stop.
pub fn fit_self_tuning(
    problem: &Problem,
    settings: &Settings,
    mut tuning: SelfTuning,
    epochs: usize,
    warm_up: usize,
    lab: &mut Lab,
) -> Result<(Fit, Path)> {
    let per_epoch = settings.steps_per_epoch();
    let mut monitor = Monitor::new(problem, settings);
    let mut path = Path::default();
    let mut since_validation = 0;
    let mut h = tuning.hyperparameters();
    for epoch in 0..epochs {
        let rate = monitor.learning_rate;
        let (steps, milliseconds) = lab.measure(|| -> Result<usize> {
            let mut steps = 0;
            for _ in 0..per_epoch {
                path.schedule.push(h.clone());
                tuning.train_step(rate)?;
                steps += 1;
                if epoch < warm_up {
                    continue;
                }
                since_validation += 1;
                if since_validation == settings.train_steps {
                    since_validation = 0;
                    for _ in 0..settings.validation_steps {
                        tuning.validation_step()?;
                        steps += 1;
                    }
                    h = tuning.hyperparameters();
                }
            }
            Ok(steps)
        });
        monitor.fit.steps += steps?;
        monitor.fit.milliseconds += milliseconds;
        path.scales.push(tuning.scales());
        monitor.look(&tuning.network, Some(tuning.hyper.h.val().detach()))?;
        lab.progress(((epoch + 1) * per_epoch) as u64, (epochs * per_epoch) as u64)?;
    }
    let (last, scales) = (tuning.hyper.h.val().detach(), tuning.scales());
    let sigma: Vec<f32> = scales.iter().map(|scale| *scale as f32).collect();
    let sigma: Tensor<1> = Tensor::from_data(TensorData::new(sigma, last.dims()), lab.device());
    for (loss, shift) in path.shifted_loss.iter_mut().zip([-1.0, 0.0, 1.0]) {
        let shifted = last.clone() + sigma.clone() * shift;
        *loss = evaluate(&tuning.network, Some(&shifted), &problem.validation, settings.evaluation_batch)?.0;
    }
    path.last = tuning.hyperparameters();
    path.last_scales = scales;
    Ok((monitor.finish()?, path))
}
