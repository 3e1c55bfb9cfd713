//! Advantage actor–critic on the cart–pole.

use harness_core::backend::{Device, Tensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::cart_pole::{CartPole, Returns};
use super::member::{Evaluation, Member};
use super::parameters::{Optimiser, Parameters, ParametersState};
use super::perceptron::{Activation, Layers, Perceptron, matrix};
use super::settings::ActorCriticSettings;

/// Two logits and a value.
const OUTPUTS: usize = 3;
const ACTIONS: usize = 2;

/// A policy and value network, and the environments that it acts in.
#[derive(Debug, Clone)]
pub struct ActorCritic<'a> {
    settings: &'a ActorCriticSettings,
    device: Device,
    network: Perceptron,
    parameters: Parameters,
    environments: Vec<CartPole>,
    returns: Returns,
}

/// What a checkpoint keeps of an [`ActorCritic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorCriticState {
    parameters: ParametersState,
    environments: Vec<CartPole>,
    returns: Returns,
}

impl<'a> ActorCritic<'a> {
    /// A network with weights from `weights` in environments started from `starts`.
    pub fn new(settings: &'a ActorCriticSettings, weights: &mut Stream, starts: &mut Stream, device: &Device) -> Self {
        let network = Perceptron::new(&[4, settings.hidden, OUTPUTS], Activation::Tanh);
        let optimiser = Optimiser::RmsProp { decay: settings.rms_decay, epsilon: settings.rms_epsilon };
        ActorCritic {
            settings,
            device: device.clone(),
            parameters: Parameters::new(network.draw(weights), optimiser, device),
            network,
            environments: (0..settings.environments).map(|_| CartPole::start(starts)).collect(),
            returns: Returns::new(settings.window),
        }
    }

    /// Logits and value in each environment, `[n, 3]` row-major, and what went in.
    fn look(&self, layers: &Layers, environments: &[CartPole]) -> (Vec<f32>, Vec<f32>) {
        let states: Vec<f32> = environments.iter().flat_map(|one| one.state()).map(|value| value as f32).collect();
        let x = matrix(states.clone(), [environments.len(), 4], &self.device);
        (read_f32(self.network.forward(layers, x, None).output), states)
    }

    /// One update: `unroll` steps in each environment, then a step down the gradient of the loss.
    fn update(&mut self, hyper: [f64; 3], rng: &mut Stream) {
        let [learning_rate, entropy_weight, discount_complement] = hyper;
        let (n, unroll) = (self.environments.len(), self.settings.unroll);
        let layers = self.network.layers(self.parameters.weights());
        let (mut states, mut actions, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..unroll {
            let (outputs, seen) = self.look(&layers, &self.environments);
            states.extend(seen);
            for (environment, output) in self.environments.iter_mut().zip(outputs.chunks_exact(OUTPUTS)) {
                let right = act(output, rng);
                let end = environment.push(right);
                actions.push(usize::from(right));
                ended.push(end);
                if end {
                    self.returns.push(f64::from(environment.steps()));
                    *environment = CartPole::start(rng);
                }
            }
        }
        let (beyond, _) = self.look(&layers, &self.environments);
        let last_values: Vec<f32> = beyond.chunks_exact(OUTPUTS).map(|output| output[ACTIONS]).collect();
        let targets = discounted_returns(&ended, &last_values, 1.0 - discount_complement);
        let pass = self.network.forward(&layers, matrix(states, [unroll * n, 4], &self.device), None);
        let outputs = read_f32(pass.output.clone());
        let weights = LossWeights { value: self.settings.value_weight, entropy: entropy_weight };
        let (_, upstream) = actor_critic_loss(&outputs, &actions, &targets, weights);
        let upstream = matrix(upstream, [unroll * n, OUTPUTS], &self.device);
        let gradient: Tensor<1> = self.network.weight_gradient(&layers, &pass, upstream);
        self.parameters.step(gradient, learning_rate);
    }

    /// Mean return of fresh episodes under the stochastic policy.
    pub fn test(&self, episodes: usize, rng: &mut Stream) -> f64 {
        let layers = self.network.layers(self.parameters.weights());
        let mut running: Vec<CartPole> = (0..episodes).map(|_| CartPole::start(rng)).collect();
        let mut total = 0.0;
        while !running.is_empty() {
            let (outputs, _) = self.look(&layers, &running);
            let mut outputs = outputs.chunks_exact(OUTPUTS);
            running.retain_mut(|environment| {
                let end = outputs.next().is_none_or(|output| environment.push(act(output, rng)));
                if end {
                    total += f64::from(environment.steps());
                }
                !end
            });
        }
        total / episodes as f64
    }
}

impl Member for ActorCritic<'_> {
    type State = ActorCriticState;

    /// Learning rate, weight of the entropy, 1 − γ.
    fn train(&mut self, hyper: &[f64], rng: &mut Stream) -> Result<()> {
        let hyper: [f64; 3] = hyper
            .try_into()
            .map_err(|_| Error::Input(format!("an actor–critic has 3 hyper-parameters, not {}", hyper.len())))?;
        for _ in 0..self.settings.updates {
            self.update(hyper, rng);
        }
        Ok(())
    }

    /// Mean return of the latest training episodes; before the first one has ended, of those that still run.
    fn evaluate(&mut self) -> Result<Evaluation> {
        let running =
            || self.environments.iter().map(|one| f64::from(one.steps())).sum::<f64>() / self.environments.len() as f64;
        let performance = self.returns.mean().unwrap_or_else(running);
        Ok(Evaluation { performance, samples: self.returns.take_new() })
    }

    fn copy_weights(&mut self, source: &Self) {
        self.parameters = source.parameters.clone();
        self.returns = source.returns.clone();
    }

    fn state(&self) -> ActorCriticState {
        ActorCriticState {
            parameters: self.parameters.state(),
            environments: self.environments.clone(),
            returns: self.returns.clone(),
        }
    }

    fn restore(&mut self, state: ActorCriticState) -> Result<()> {
        self.parameters.restore(state.parameters)?;
        (self.environments, self.returns) = (state.environments, state.returns);
        Ok(())
    }
}

/// Probabilities of the actions.
fn policy(output: &[f32]) -> [f64; ACTIONS] {
    let [left, right] = [f64::from(output[0]), f64::from(output[1])];
    let right = 1.0 / (1.0 + (left - right).exp());
    [1.0 - right, right]
}

/// Whether to push right.
fn act(output: &[f32], rng: &mut Stream) -> bool {
    rng.random::<f64>() < policy(output)[1]
}

/// R_t = r_t + γ·R_{t+1}, cut where an episode ended, with the value of the state beyond the last step: one row of
/// environments per step. Every reward is 1, also that of the step which ends an episode.
fn discounted_returns(ended: &[bool], last_values: &[f32], discount: f64) -> Vec<f64> {
    let n = last_values.len().max(1);
    let mut ahead: Vec<f64> = last_values.iter().map(|value| f64::from(*value)).collect();
    let mut returns = vec![0.0; ended.len()];
    for (row, ended) in returns.chunks_exact_mut(n).zip(ended.chunks_exact(n)).rev() {
        for ((target, ahead), ended) in row.iter_mut().zip(&mut ahead).zip(ended) {
            *ahead = 1.0 + if *ended { 0.0 } else { discount * *ahead };
            *target = *ahead;
        }
    }
    returns
}

/// Weights of the parts of [`actor_critic_loss`].
#[derive(Debug, Clone, Copy, PartialEq)]
struct LossWeights {
    value: f64,
    entropy: f64,
}

/// Loss of the actor–critic and its gradient by the outputs.
///
/// With π = softmax of the logits, A = R − V: mean of −A·log π(a) + c_v·½A² − c_e·H(π), where A is a constant in the first
/// part. Gradients of one row: by logit j A·(π_j − \[j = a\]) + c_e·π_j·(log π_j + H), by the value −c_v·A.
fn actor_critic_loss(outputs: &[f32], actions: &[usize], targets: &[f64], weights: LossWeights) -> (f64, Vec<f32>) {
    let count = actions.len().max(1) as f64;
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(outputs.len());
    for ((output, action), target) in outputs.chunks_exact(OUTPUTS).zip(actions).zip(targets) {
        let probabilities = policy(output);
        // The smallest positive double keeps 0·log 0 at 0.
        let logs = probabilities.map(|p| p.max(f64::MIN_POSITIVE).ln());
        let entropy: f64 = -probabilities.iter().zip(logs).map(|(p, log)| p * log).sum::<f64>();
        let advantage = target - f64::from(output[ACTIONS]);
        loss += -advantage * logs[*action] + weights.value * 0.5 * advantage * advantage - weights.entropy * entropy;
        for (index, (p, log)) in probabilities.iter().zip(logs).enumerate() {
            let chosen = f64::from(u8::from(index == *action));
            gradient.push(((advantage * (p - chosen) + weights.entropy * p * (log + entropy)) / count) as f32);
        }
        gradient.push((-weights.value * advantage / count) as f32);
    }
    (loss / count, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_stop_at_the_end_of_an_episode_and_go_on_in_values() {
        // Two environments, three steps; the first one ends an episode at its second step.
        let ended = [false, false, true, false, false, false];
        let found = discounted_returns(&ended, &[10.0, 20.0], 0.5);
        assert_eq!(found, [1.5, 1.0 + 0.5 * (1.0 + 0.5 * 11.0), 1.0, 1.0 + 0.5 * 11.0, 6.0, 11.0]);
    }

    /// Central differences in double precision of the loss with the advantage of the policy's part held still.
    #[test]
    fn the_gradient_is_that_of_the_loss_with_a_constant_advantage() {
        let outputs = [0.3f32, -0.2, 0.7, 1.5, 0.4, -1.0];
        let (actions, targets) = ([1, 0], [2.0, -0.5]);
        let weights = LossWeights { value: 0.5, entropy: 0.03 };
        let (_, gradient) = actor_critic_loss(&outputs, &actions, &targets, weights);
        let loss = |at: usize, shift: f64| -> f64 {
            let mut total = 0.0;
            for row in 0..2 {
                let original: Vec<f64> = outputs[3 * row..3 * row + 3].iter().map(|v| f64::from(*v)).collect();
                let mut moved = original.clone();
                if at / 3 == row {
                    moved[at % 3] += shift;
                }
                let right = 1.0 / (1.0 + (moved[0] - moved[1]).exp());
                let pi = [1.0 - right, right];
                let constant = targets[row] - original[2];
                let advantage = targets[row] - moved[2];
                let entropy: f64 = -pi.iter().map(|p| p * p.ln()).sum::<f64>();
                total += -constant * pi[actions[row]].ln() + 0.25 * advantage * advantage - 0.03 * entropy;
            }
            total / 2.0
        };
        for (at, got) in gradient.iter().enumerate() {
            let want = (loss(at, 1e-5) - loss(at, -1e-5)) / 2e-5;
            assert!((f64::from(*got) - want).abs() < 1e-6, "output {at}: {got} instead of {want}");
        }
    }

    #[test]
    fn certain_policies_have_finite_gradients() {
        let weights = LossWeights { value: 0.5, entropy: 0.1 };
        let (loss, gradient) = actor_critic_loss(&[2000.0, -2000.0, 0.0], &[1], &[5.0], weights);
        assert!(loss.is_finite() && gradient.iter().all(|value| value.is_finite()));
    }
}
