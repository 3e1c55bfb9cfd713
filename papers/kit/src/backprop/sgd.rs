//! Gradient descent on lists of parameters, for gradients that an explicit backward pass gave.

use harness_core::backend::Tensor;
use serde::{Deserialize, Serialize};

/// v ← momentum·v + g + weight_decay·θ; θ ← θ − lr·v.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Learning rate.
    pub lr: f64,
    /// Share of the last direction that is kept.
    pub momentum: f64,
    /// Share of the parameters that is added to their gradients.
    pub weight_decay: f64,
}

impl SgdConfig {
    /// An optimiser at its first step.
    pub fn init(self) -> Sgd {
        Sgd { config: self, velocity: Vec::new() }
    }
}

/// See [`SgdConfig`].
#[derive(Debug, Clone)]
pub struct Sgd {
    config: SgdConfig,
    velocity: Vec<Tensor<2>>,
}

impl Sgd {
    /// The parameters after a step; as many gradients as parameters, of the same shapes.
    ///
    /// ```
    /// use harness_core::backend::{DeviceChoice, Tensor};
    /// use harness_core::op::read_f32;
    /// use papers_kit::backprop::SgdConfig;
    /// let device = DeviceChoice::Cpu.open()?;
    /// let mut sgd = SgdConfig { lr: 0.5, momentum: 0.5, weight_decay: 0.0 }.init();
    /// let gradient = || vec![Tensor::<2>::ones([1, 1], &device)];
    /// let once = sgd.step(gradient(), gradient());
    /// let twice = sgd.step(once, gradient());
    /// assert_eq!(read_f32(twice[0].clone()), [1.0 - 0.5 - 0.75]);
    /// # Ok::<(), harness_core::Error>(())
    /// ```
    pub fn step(&mut self, parameters: Vec<Tensor<2>>, gradients: Vec<Tensor<2>>) -> Vec<Tensor<2>> {
        let SgdConfig { lr, momentum, weight_decay } = self.config;
        let mut last = std::mem::take(&mut self.velocity).into_iter();
        parameters
            .into_iter()
            .zip(gradients)
            .map(|(parameter, gradient)| {
                let mut direction = gradient;
                if weight_decay != 0.0 {
                    direction = direction + parameter.clone() * weight_decay;
                }
                if momentum != 0.0 {
                    if let Some(last) = last.next() {
                        direction = direction + last * momentum;
                    }
                    self.velocity.push(direction.clone());
                }
                parameter - direction * lr
            })
            .collect()
    }

    /// Changes the learning rate.
    pub fn set_lr(&mut self, lr: f64) {
        self.config.lr = lr;
    }
}
