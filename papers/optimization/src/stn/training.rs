//! The update rules: the alternation of the paper's method, and plain training with given hyper-parameters.

use burn::module::{AutodiffModule, Module, Param};
use burn::optim::adaptor::OptimizerAdaptor;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{Adam, AdamConfig, GradientsParams, Optimizer, Sgd, SgdConfig};
use burn::tensor::TensorData;
use harness_core::backend::Backend;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use papers_kit::classify::cross_entropy;
use papers_kit::gradient_clip::clip_gradients;
use papers_kit::init;

use super::hyperparameter::{inverse_softplus, perturb, transform};
use super::objective::{StnLoss, StnLossConfig};
use super::settings::TaskSettings;
use super::strengths::Strengths;
use super::task::{Inner, Part, Prediction, Regularisation, Score, Task, for_each};
use super::tuned::Tuned;

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

/// Watches the validation loss, and keeps the network of its best epoch.
struct Monitor<'a, T: Task> {
    task: &'a T,
    settings: &'a TaskSettings,
    fit: Fit,
    best: Option<(T::Network, Option<Tensor<1>>)>,
    learning_rate: f64,
    /// Validation losses since the learning rate changed.
    looks: Vec<f64>,
}

impl<'a, T: Task> Monitor<'a, T> {
    fn new(task: &'a T, settings: &'a TaskSettings) -> Self {
        let fit = Fit { validation_loss: f64::INFINITY, ..Fit::default() };
        Monitor { task, settings, fit, best: None, learning_rate: settings.learning_rate, looks: Vec::new() }
    }

    fn look(&mut self, network: &T::Network, response: Option<Tensor<1>>) -> Result<()> {
        let score = evaluate(self.task, network, response.as_ref(), Part::Validation)?;
        let loss = score.loss;
        self.fit.curve.push((self.fit.steps as f64, loss));
        self.fit.last_validation_loss = loss;
        if loss < self.fit.validation_loss || self.best.is_none() {
            self.fit.validation_loss = loss;
            self.fit.validation_accuracy = score.accuracy;
            self.best = Some((network.clone(), response));
        }
        if let Some(decay) = self.settings.decay {
            let before = self.looks.len().saturating_sub(decay.patience);
            if self.looks.iter().take(before).any(|earlier| *earlier <= loss) {
                self.learning_rate /= decay.divisor;
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
        let score = evaluate(self.task, network, response.as_ref(), Part::Test)?;
        (self.fit.test_loss, self.fit.test_accuracy) = (score.loss, score.accuracy);
        Ok(self.fit)
    }
}

fn evaluate<T: Task>(task: &T, network: &T::Network, response: Option<&Tensor<1>>, part: Part) -> Result<Score> {
    task.evaluate(&network.valid(), response.map(|h| h.clone().inner()), part)
}

fn weights_optimizer<N: AutodiffModule<Backend>>(settings: &TaskSettings) -> OptimizerAdaptor<Sgd<Inner>, N, Backend> {
    // burn dampens by default; the textbook update v ← 0.9 v + g does not.
    let momentum = MomentumConfig::new().with_momentum(settings.momentum).with_dampening(0.0).with_nesterov(false);
    SgdConfig::new().with_momentum((settings.momentum > 0.0).then_some(momentum)).init()
}

/// The gradients of the weights, shortened where the settings limit their norm.
fn weight_gradients<N: AutodiffModule<Backend>>(
    loss: Tensor<1>,
    network: &N,
    settings: &TaskSettings,
) -> GradientsParams {
    let gradients = GradientsParams::from_grads(loss.backward(), network);
    match settings.clip {
        Some(limit) => clip_gradients(network, gradients, limit),
        None => gradients,
    }
}

fn with_penalty(loss: Tensor<1>, penalty: Option<Tensor<1>>) -> Tensor<1> {
    match penalty {
        Some(penalty) => loss + penalty,
        None => loss,
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

/// Trains a plain network with the strengths that `schedule` gives for each step.
///
/// # Errors
/// [`Error::Cancelled`] where the user asked to stop.
pub fn fit_plain<T: Task>(
    task: &T,
    settings: &TaskSettings,
    run: Run,
    schedule: impl Fn(usize) -> Strengths,
    lab: &mut Lab,
) -> Result<Fit> {
    let mut network = task.plain(&mut lab.rng("init"), lab.device())?;
    let mut optimizer = weights_optimizer(settings);
    let mut walk = task.walk(Part::Train, lab.rng("batches"));
    let mut noise = lab.rng("regularisation");
    let mut monitor = Monitor::new(task, settings);
    while monitor.fit.steps < run.steps {
        let first = monitor.fit.steps;
        let last = (first + task.steps_per_epoch()).min(run.steps);
        let rate = monitor.learning_rate;
        let (trained, milliseconds) = lab.measure(|| -> Result<T::Network> {
            let mut network = network;
            for step in first..last {
                let batch = task.next(&mut walk);
                let strengths = vec![schedule(step); T::rows(&batch)];
                let how = Regularisation { strengths: &strengths, noise: &mut noise };
                let Prediction { logits, labels, penalty } =
                    task.predict(&network, &mut walk, batch, None, Some(how))?;
                let loss = with_penalty(cross_entropy(logits, labels).mean(), penalty);
                let gradients = weight_gradients(loss, &network, settings);
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
pub struct SelfTuning<'a, T: Task> {
    task: &'a T,
    settings: &'a TaskSettings,
    tuned: &'a Tuned,
    network: T::Network,
    optimizer: OptimizerAdaptor<Sgd<Inner>, T::Network, Backend>,
    hyper: HyperState,
    hyper_optimizer: OptimizerAdaptor<Adam, HyperState, Backend>,
    tune_scales: bool,
    loss: StnLoss,
    train_walk: T::Walk,
    validation_walk: T::Walk,
    perturbations: Stream,
    validation_perturbations: Stream,
    noise: Stream,
}

impl<'a, T: Task> SelfTuning<'a, T> {
    /// The start: σ from the settings, hyper-parameters from theirs.
    ///
    /// # Errors
    /// [`Error::Input`] where a hyper-parameter starts outside of its range.
    pub fn new(
        task: &'a T,
        settings: &'a TaskSettings,
        tuned: &'a Tuned,
        tune_scales: bool,
        lab: &Lab,
    ) -> Result<Self> {
        let h: Vec<f32> = tuned.unconstrained_starts()?.into_iter().map(|h| h as f32).collect();
        let count = h.len();
        let device = lab.device();
        let scale: Tensor<1> = Tensor::full([count], inverse_softplus(settings.scale), device);
        let hyper = HyperState {
            h: Param::from_tensor(Tensor::from_data(TensorData::new(h, [count]), device)),
            scale: Param::from_tensor(scale),
        };
        let (mut init, mut response) = (lab.rng("init"), lab.rng("response"));
        let entropy_weight = if tune_scales { settings.entropy_weight } else { 0.0 };
        Ok(SelfTuning {
            task,
            settings,
            tuned,
            network: task.responding(count, &mut init, &mut response, device)?,
            optimizer: weights_optimizer(settings),
            hyper,
            hyper_optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            tune_scales,
            loss: StnLossConfig::new().with_entropy_weight(entropy_weight).init()?,
            train_walk: task.walk(Part::Train, lab.rng("batches")),
            validation_walk: task.walk(Part::Validation, lab.rng("validation batches")),
            perturbations: lab.rng("perturbations"),
            validation_perturbations: lab.rng("validation perturbations"),
            noise: lab.rng("regularisation"),
        })
    }

    /// h̃ for a batch: one row per example, the same number in all rows where a hyper-parameter cannot differ.
    fn perturbed(&self, hyper: [Tensor<1>; 2], noise: Tensor<2>) -> Result<Tensor<2>> {
        let [h, scale] = hyper;
        perturb(h, scale, noise, &self.tuned.per_example())
    }

    /// Fits the weights to a training batch, each example regularised by its own perturbed hyper-parameters. The
    /// hyper-parameters are constants here.
    ///
    /// # Errors
    /// Where shapes do not agree.
    pub fn train_step(&mut self, learning_rate: f64) -> Result<()> {
        let batch = self.task.next(&mut self.train_walk);
        let (h, scale) = (self.hyper.h.val().detach(), self.hyper.scale.val().detach());
        let count = self.tuned.targets.len();
        let noise = init::normal([T::rows(&batch), count], 1.0, &mut self.perturbations, &h.device());
        let perturbed = self.perturbed([h, scale.clone()], noise)?;
        let values: Vec<f64> =
            read_f32(transform(perturbed.clone(), &self.tuned.constraints)?).into_iter().map(f64::from).collect();
        let strengths: Vec<Strengths> = values.chunks(count).map(|row| self.tuned.at(row)).collect();
        let how = Regularisation { strengths: &strengths, noise: &mut self.noise };
        let Prediction { logits, labels, penalty } =
            self.task.predict(&self.network, &mut self.train_walk, batch, Some(perturbed), Some(how))?;
        let loss = with_penalty(self.loss.forward(logits, labels, scale)?, penalty);
        let gradients = weight_gradients(loss, &self.network, self.settings);
        self.network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        Ok(())
    }

    /// Moves the hyper-parameters, and their scales where they are tuned, down the validation loss as the network
    /// responds to them. Nothing is regularised, and the weights are constants here.
    ///
    /// # Errors
    /// Where shapes do not agree.
    pub fn validation_step(&mut self) -> Result<()> {
        let batch = self.task.next(&mut self.validation_walk);
        let rows = T::rows(&batch);
        let (h, scale) = (self.hyper.h.val(), self.hyper.scale.val());
        let response = if self.tune_scales {
            let noise = init::normal([rows, h.dims()[0]], 1.0, &mut self.validation_perturbations, &h.device());
            Some(self.perturbed([h, scale.clone()], noise)?)
        } else {
            for_each(Some(h), rows)
        };
        let network = self.network.clone().no_grad();
        let Prediction { logits, labels, .. } =
            self.task.predict(&network, &mut self.validation_walk, batch, response, None)?;
        let scale = if self.tune_scales { scale } else { scale.detach() };
        let loss = self.loss.forward(logits, labels, scale)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &self.hyper);
        self.hyper = self.hyper_optimizer.step(self.settings.hyper_learning_rate, self.hyper.clone(), gradients);
        Ok(())
    }

    /// The validation loss at hyper-parameters of 1, which changes with the weights only.
    #[cfg(test)]
    pub fn probe(&self) -> f64 {
        let ones = Tensor::ones([self.tuned.targets.len()], &self.hyper.h.val().device());
        evaluate(self.task, &self.network, Some(&ones), Part::Validation).unwrap().loss
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
pub fn fit_self_tuning<T: Task>(
    mut tuning: SelfTuning<'_, T>,
    epochs: usize,
    warm_up: usize,
    lab: &mut Lab,
) -> Result<(Fit, Path)> {
    let (task, settings) = (tuning.task, tuning.settings);
    let per_epoch = task.steps_per_epoch();
    let mut monitor = Monitor::new(task, settings);
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
        *loss = evaluate(task, &tuning.network, Some(&shifted), Part::Validation)?.loss;
    }
    path.last = tuning.hyperparameters();
    path.last_scales = scales;
    Ok((monitor.finish()?, path))
}
