//! All weights of a network as one vector, with the state of its optimiser: what exploit copies.

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};
use harness_core::op::read_f32;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a gradient moves the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimiser {
    /// v ← μv + g, θ ← θ − ηv.
    Momentum {
        /// μ.
        share: f64,
    },
    /// s ← ρs + (1 − ρ)g², θ ← θ − ηg/√(s + ε).
    RmsProp {
        /// ρ.
        decay: f64,
        /// ε.
        epsilon: f64,
    },
    /// Adam with corrected moments; ε is added to the root.
    Adam {
        /// Decay of the first moment.
        first: f64,
        /// Decay of the second moment.
        second: f64,
        /// ε.
        epsilon: f64,
    },
}

/// A network's weights and its optimiser. Tensors record no gradients; the networks of this paper write theirs out.
#[derive(Debug, Clone)]
pub struct Parameters {
    weights: Tensor<1>,
    optimiser: Optimiser,
    /// The moments that the optimiser keeps, 0 at first.
    moments: Vec<Tensor<1>>,
    steps: i32,
}

/// The bits of [`Parameters`]: diverged weights are no numbers, which JSON does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParametersState {
    weights: Vec<u32>,
    moments: Vec<Vec<u32>>,
    steps: i32,
}

impl Parameters {
    /// Weights before their first step, on a device.
    pub fn new(weights: Vec<f32>, optimiser: Optimiser, device: &Device) -> Self {
        let count = weights.len();
        let weights = Tensor::from_data(TensorData::new(weights, [count]), device);
        let slots = match optimiser {
            Optimiser::Momentum { .. } | Optimiser::RmsProp { .. } => 1,
            Optimiser::Adam { .. } => 2,
        };
        let moments = vec![Tensor::zeros([count], device); slots];
        Parameters { weights, optimiser, moments, steps: 0 }
    }

    /// The weights, `[n]`.
    pub fn weights(&self) -> &Tensor<1> {
        &self.weights
    }

    /// A step against the gradient.
    pub fn step(&mut self, gradient: Tensor<1>, learning_rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let average = |moment: &mut Tensor<1>, value: Tensor<1>, decay: f64| {
            *moment = moment.clone() * decay + value * (1.0 - decay);
            moment.clone()
        };
        let direction = match (self.optimiser, &mut self.moments[..]) {
            (Optimiser::Momentum { share }, [velocity, ..]) => {
                *velocity = velocity.clone() * share + gradient;
                velocity.clone()
            }
            (Optimiser::RmsProp { decay, epsilon }, [square, ..]) => {
                let square = average(square, gradient.clone().square(), decay);
                gradient / (square + epsilon).sqrt()
            }
            (Optimiser::Adam { first, second, epsilon }, [mean, square]) => {
                let mean = average(mean, gradient.clone(), first);
                let square = average(square, gradient.square(), second);
                let (first, second) = (1.0 - first.powi(self.steps), 1.0 - second.powi(self.steps));
                (mean / first) / ((square / second).sqrt() + epsilon)
            }
            (_, _) => gradient,
        };
        self.weights = self.weights.clone() - direction * learning_rate;
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> ParametersState {
        let bits = |tensor: &Tensor<1>| read_f32(tensor.clone()).into_iter().map(f32::to_bits).collect();
        ParametersState {
            weights: bits(&self.weights),
            moments: self.moments.iter().map(bits).collect(),
            steps: self.steps,
        }
    }

    /// Goes back to a kept state.
    ///
    /// # Errors
    /// [`Error::Failed`] where the state is that of another network or optimiser.
    pub fn restore(&mut self, state: ParametersState) -> Result<()> {
        let [count] = self.weights.dims();
        let sizes: Vec<usize> = state.moments.iter().map(Vec::len).collect();
        if state.weights.len() != count || sizes != vec![count; self.moments.len()] {
            return Err(Error::Failed(format!(
                "a checkpoint of {} weights does not fit a network of {count}",
                state.weights.len()
            )));
        }
        let device = self.weights.device();
        self.weights = from_bits(state.weights, &device);
        self.moments = state.moments.into_iter().map(|moment| from_bits(moment, &device)).collect();
        self.steps = state.steps;
        Ok(())
    }
}

fn from_bits(bits: Vec<u32>, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::super::perceptron::plain_device;
    use super::*;
    use harness_core::backend::DeviceChoice;

    fn device() -> Device {
        plain_device(&DeviceChoice::Cpu.open().unwrap())
    }

    fn gradient(values: [f32; 2], device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(values.to_vec(), [2]), device)
    }

    fn after(optimiser: Optimiser, gradients: &[[f32; 2]]) -> Vec<f32> {
        let device = device();
        let mut parameters = Parameters::new(vec![1.0, -1.0], optimiser, &device);
        for values in gradients {
            parameters.step(gradient(*values, &device), 0.1);
        }
        read_f32(parameters.weights().clone())
    }

    fn close(found: &[f32], expected: [f32; 2]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} instead of {expected:?}");
    }

    #[test]
    fn two_steps_of_each_optimiser_by_hand() {
        let gradients = [[1.0, -2.0], [1.0, 2.0]];
        // v = 1, 1.9 and −2, 0.2.
        close(&after(Optimiser::Momentum { share: 0.9 }, &gradients), [1.0 - 0.29, -1.0 + 0.18]);
        // s = 0.5, 0.75 and 2, 3.
        let first = 1.0 / 0.5f32.sqrt() + 1.0 / 0.75f32.sqrt();
        let second = -2.0 / 2f32.sqrt() + 2.0 / 3f32.sqrt();
        let rms = Optimiser::RmsProp { decay: 0.5, epsilon: 1e-8 };
        close(&after(rms, &gradients), [1.0 - 0.1 * first, -1.0 - 0.1 * second]);
        // The first step of Adam is a sign; then m = (−0.5 + 1)/(1 − 0.25), v = 4 for the second weight.
        let adam = Optimiser::Adam { first: 0.5, second: 0.9, epsilon: 1e-8 };
        close(&after(adam, &gradients[..1]), [0.9, -0.9]);
        close(&after(adam, &gradients), [0.8, -0.9 - 0.1 * (0.5 / 0.75) / 2.0]);
    }

    #[test]
    fn a_restored_optimiser_takes_the_same_step_even_from_no_numbers() {
        let device = device();
        for optimiser in [
            Optimiser::Momentum { share: 0.9 },
            Optimiser::RmsProp { decay: 0.9, epsilon: 1e-5 },
            Optimiser::Adam { first: 0.5, second: 0.999, epsilon: 1e-8 },
        ] {
            let mut one = Parameters::new(vec![1.0, f32::NAN], optimiser, &device);
            one.step(gradient([0.3, 0.7], &device), 0.01);
            let kept = serde_json::to_string(&one.state()).unwrap();
            let mut other = Parameters::new(vec![0.0; 2], optimiser, &device);
            other.restore(serde_json::from_str(&kept).unwrap()).unwrap();
            for parameters in [&mut one, &mut other] {
                parameters.step(gradient([-0.2, 0.1], &device), 0.01);
            }
            assert_eq!(one.state(), other.state());
            assert!(Parameters::new(vec![0.0; 3], optimiser, &device).restore(one.state()).is_err());
        }
    }
}
