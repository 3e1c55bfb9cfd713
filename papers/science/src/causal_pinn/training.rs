//! Training of one window: stages of rising ε, with parameters and optimiser carried over.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::jet::Jet;

use super::causal::{CausalLoss, CausalLossConfig, CausalTerms, causal_stop};
use super::causality::SlabTrace;
use super::equation::Equation;
use super::grid::{Condition, Grid};
use super::network::Network;
use super::settings::{Stage, Training};

/// Share of the steps after which the order of the slabs is looked at.
const EARLY: f64 = 0.2;
/// Steps between reports of progress.
const REPORT_EVERY: usize = 50;

/// What is solved in a window.
pub struct WindowProblem<'a> {
    /// The equation.
    pub equation: Equation,
    /// How the initial state is met.
    pub condition: Condition,
    /// All points of all slabs with the derivatives that the equation relates.
    pub grid: Grid,
    /// The state at the start, `[points, 1]`, where the loss holds it.
    pub start: Option<Tensor<2>>,
    /// Time slabs.
    pub slabs: usize,
    /// Numbers of the optimiser.
    pub training: &'a Training,
    /// Stages.
    pub stages: Vec<Stage>,
}

/// Error and smallest weight at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checkpoint {
    /// Steps taken before it.
    pub step: usize,
    /// Index of the stage.
    pub stage: usize,
    /// Relative error in the window.
    pub error: f64,
    /// The smallest weight.
    pub min_weight: f64,
}

/// What became of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageEnd {
    /// ε.
    pub epsilon: f64,
    /// Steps taken.
    pub steps: usize,
    /// Weights of all slabs after the last of them.
    pub weights: Vec<f64>,
}

/// A trained window.
pub struct Fit {
    /// The network.
    pub network: Network,
    /// Steps taken.
    pub steps: usize,
    /// Checkpoints by step.
    pub checkpoints: Vec<Checkpoint>,
    /// Stages.
    pub stages: Vec<StageEnd>,
    /// The slabs at a fifth of the steps.
    pub early: SlabTrace,
    /// The slabs at the end.
    pub trace: SlabTrace,
}

/// Where a window stands in its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps of earlier windows at most.
    pub before: usize,
    /// Steps of all windows at most.
    pub total: usize,
}

fn doubles(tensor: Tensor<1>) -> Vec<f64> {
    read_f32(tensor).into_iter().map(f64::from).collect()
}

impl WindowProblem<'_> {
    fn loss(&self, epsilon: f64) -> Result<CausalLoss> {
        let config = CausalLossConfig::new(epsilon);
        match self.condition {
            Condition::Hard { .. } => config.with_ic_in_weights(false),
            Condition::Soft { weight, in_weights, .. } => config.with_ic_weight(weight).with_ic_in_weights(in_weights),
        }
        .init()
    }

    /// Squared residuals, summed over the equations and averaged over the points of each slab: `[slabs]`.
    fn slab_losses(&self, solution: &Jet) -> Result<Tensor<1>> {
        let residual = self.equation.residual(solution)?; // [slabs · points, equations]
        let [rows, _] = residual.dims();
        let squares = residual.square().sum_dim(1).reshape([self.slabs, rows / self.slabs]);
        Ok(squares.mean_dim(1).reshape([self.slabs]))
    }

    /// Mean squared error of the first slab, which lies at the start of the window.
    fn initial_mse(&self, solution: &Jet) -> Tensor<1> {
        let value = solution.value();
        match &self.start {
            Some(start) => {
                let [points, _] = start.dims();
                (value.narrow(0, 0, points) - start.clone()).square().mean()
            }
            None => Tensor::zeros([1], &value.device()),
        }
    }

    fn terms(&self, network: &Network, loss: &CausalLoss) -> Result<CausalTerms> {
        let solution = self.grid.solution(network)?;
        loss.forward_slabs(self.slab_losses(&solution)?, self.initial_mse(&solution))
    }

    /// Trains a network; `error` measures it.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where the user asked to stop.
    pub fn fit(
        &self,
        mut network: Network,
        error: impl Fn(&Network) -> Result<f64>,
        progress: Progress,
        lab: &mut Lab,
    ) -> Result<Fit> {
        let training = self.training;
        let budget: usize = self.stages.iter().map(|stage| stage.steps).sum();
        let early_at = (EARLY * budget as f64).round() as usize;
        let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
        let mut step = 0;
        let (mut checkpoints, mut stages) = (Vec::new(), Vec::new());
        let (mut trace, mut early): (Option<SlabTrace>, Option<SlabTrace>) = (None, None);
        for (index, stage) in self.stages.iter().enumerate() {
            let loss = self.loss(stage.epsilon)?;
            let first = step;
            for at in 0..stage.steps {
                let terms = self.terms(&network, &loss)?;
                if step % training.trace_every == 0 || step == early_at {
                    let losses = doubles(terms.slab_losses.clone());
                    match &mut trace {
                        None => trace = Some(SlabTrace::new(losses)),
                        Some(trace) => trace.observe(step, losses),
                    }
                    if step >= early_at && early.is_none() {
                        early = trace.clone();
                    }
                }
                if at > 0 && at % training.checkpoint_every == 0 {
                    let min_weight = doubles(terms.weights.clone()).into_iter().fold(f64::INFINITY, f64::min);
                    checkpoints.push(Checkpoint { step, stage: index, error: error(&network)?, min_weight });
                }
                if stage.stops && at > 0 && at % training.check_every == 0 {
                    // Weights that are not numbers are no reason to stop.
                    let found = causal_stop(&doubles(terms.weights.clone()), training.delta);
                    if found.is_ok_and(|found| found.stop) {
                        break;
                    }
                }
                let gradients = GradientsParams::from_grads(terms.loss.backward(), &network);
                let rate = training.learning_rate * training.decay.powf(step as f64 / training.decay_steps);
                network = adam.step(rate, network, gradients);
                step += 1;
                if step % REPORT_EVERY == 0 {
                    lab.progress((progress.before + step) as u64, progress.total as u64)?;
                }
            }
            let terms = self.terms(&network, &loss)?;
            stages.push(StageEnd { epsilon: stage.epsilon, steps: step - first, weights: doubles(terms.weights) });
            if let Some(trace) = &mut trace {
                trace.observe(step, doubles(terms.slab_losses));
            }
        }
        let Some(trace) = trace else {
            return Err(Error::Failed("a window was trained without a step".into()));
        };
        let early = early.unwrap_or_else(|| trace.clone());
        Ok(Fit { network, steps: step, checkpoints, stages, early, trace })
    }
}
