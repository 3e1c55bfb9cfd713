//! Points in time and space, as a network sees them, and the solution that it stands for there.

use burn::tensor::TensorData;
use harness_core::prelude::*;
use papers_kit::jet::Jet;
use serde::{Deserialize, Serialize};

use super::network::Network;

/// Angular frequency of the period \[−1, 1\].
const OMEGA: f64 = std::f64::consts::PI;

/// How a solution comes out of a network, and how it meets the initial condition.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// u(t) = s₀ + c·t·N(t): the initial state s₀ is kept by construction. For ordinary differential equations.
    Hard {
        /// c.
        output_scale: f64,
        /// Whether the network sees 2t/T − 1 for a window of length T, rather than t.
        normalise_time: bool,
    },
    /// u(t, x) = N(t, 1, cos kπx, sin kπx for k = 1…modes): the initial state enters the loss.
    Soft {
        /// Number of frequencies.
        modes: usize,
        /// Weight λ of the initial condition.
        weight: f64,
        /// Whether it enters the causal weights.
        in_weights: bool,
    },
}

impl Condition {
    /// Inputs of the network.
    pub fn inputs(&self) -> usize {
        match self {
            Condition::Hard { .. } => 1,
            Condition::Soft { modes, .. } => 2 + 2 * modes,
        }
    }

    /// The inputs of the network at a place, differentiated by time or by space.
    fn features(&self, place: Place, window: f64, derivative: Derivative) -> Vec<f32> {
        let values: Vec<f64> = match *self {
            Condition::Hard { normalise_time, .. } => {
                let (scale, shift) = if normalise_time { (2.0 / window, -1.0) } else { (1.0, 0.0) };
                vec![match derivative {
                    Derivative::None => scale * place.t + shift,
                    Derivative::Time(1) => scale,
                    _ => 0.0,
                }]
            }
            Condition::Soft { modes, .. } => {
                let mut values = match derivative {
                    Derivative::None => vec![place.t, 1.0],
                    Derivative::Time(1) => vec![1.0, 0.0],
                    _ => vec![0.0, 0.0],
                };
                let order = match derivative {
                    Derivative::None => Some(0),
                    Derivative::Space(order) => Some(order),
                    Derivative::Time(_) => None,
                };
                // Each derivative of a wave turns it by a quarter and scales it by its frequency.
                let wave = |k: usize, of: fn(f64) -> f64| {
                    let frequency = k as f64 * OMEGA;
                    order.map_or(0.0, |order| {
                        let quarters = order as f64 * std::f64::consts::FRAC_PI_2;
                        frequency.powi(order as i32) * of(frequency * place.x + quarters)
                    })
                };
                values.extend((1..=modes).map(|k| wave(k, f64::cos)));
                values.extend((1..=modes).map(|k| wave(k, f64::sin)));
                values
            }
        };
        values.into_iter().map(|value| value as f32).collect()
    }
}

/// A point in time, counted from the start of a window, and space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Time.
    pub t: f64,
    /// Position; 0 where there is no space.
    pub x: f64,
}

#[derive(Debug, Clone, Copy)]
enum Derivative {
    None,
    Time(usize),
    Space(usize),
}

/// All times combined with all positions, time by time.
pub fn product(times: &[f64], x: &[f64]) -> Vec<Place> {
    times.iter().flat_map(|t| x.iter().map(|x| Place { t: *t, x: *x })).collect()
}

/// Places on the device, as the inputs of a network.
pub struct Grid {
    features: Jet,
    ansatz: Ansatz,
}

enum Ansatz {
    Hard { start: Tensor<2>, times: Tensor<2>, scale: f64 },
    Soft,
}

/// A window of time, and the state at its start.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Its length T.
    pub length: f64,
    /// The components, or one value per point of a slab.
    pub start: &'a [f64],
}

impl Grid {
    /// Places of a window with derivatives of these orders by time and by space, for training.
    ///
    /// # Errors
    /// [`Error::Input`] where an order is too high.
    pub fn new(
        condition: Condition,
        window: Window<'_>,
        places: &[Place],
        orders: &[usize],
        device: &Device,
    ) -> Result<Self> {
        let upload = |values: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(values, [places.len(), width]), device)
        };
        let block = |derivative: Derivative| {
            let features = places.iter().flat_map(|place| condition.features(*place, window.length, derivative));
            upload(features.collect(), condition.inputs())
        };
        let derivatives = orders
            .iter()
            .zip([Derivative::Time as fn(usize) -> Derivative, Derivative::Space])
            .map(|(highest, along)| (1..=*highest).map(|order| block(along(order))).collect())
            .collect();
        let ansatz = match condition {
            Condition::Hard { output_scale, .. } => {
                let start: Vec<f32> = window.start.iter().map(|value| *value as f32).collect();
                let components = start.len();
                Ansatz::Hard {
                    start: Tensor::from_data(TensorData::new(start, [1, components]), device),
                    times: upload(places.iter().map(|place| place.t as f32).collect(), 1),
                    scale: output_scale,
                }
            }
            Condition::Soft { .. } => Ansatz::Soft,
        };
        Ok(Grid { features: Jet::new(block(Derivative::None), derivatives)?, ansatz })
    }

    /// Places of a window without derivatives and without recording gradients, for a network that records none.
    ///
    /// # Errors
    /// As [`Grid::new`].
    pub fn frozen(condition: Condition, window: Window<'_>, places: &[Place], device: &Device) -> Result<Self> {
        let grid = Grid::new(condition, window, places, &[], device)?;
        Ok(Grid {
            features: Jet::constant(grid.features.value().inner()),
            ansatz: match grid.ansatz {
                Ansatz::Hard { start, times, scale } => {
                    Ansatz::Hard { start: start.inner(), times: times.inner(), scale }
                }
                Ansatz::Soft => Ansatz::Soft,
            },
        })
    }

    /// The solution at the places, `[n, components]`, with the derivatives that the grid has.
    ///
    /// # Errors
    /// As [`Network::jet`].
    pub fn solution(&self, network: &Network) -> Result<Jet> {
        let output = network.jet(&self.features)?;
        match &self.ansatz {
            Ansatz::Soft => Ok(output),
            Ansatz::Hard { start, times, scale } => {
                let times = times.clone() * *scale; // [n, 1]
                let value = output.value() * times.clone() + start.clone();
                // d/dt (c·t·N) = c·N + c·t·N′.
                let derivatives = match output.derivative(super::equation::TIME, 1) {
                    Ok(slope) => vec![vec![output.value() * *scale + slope * times]],
                    Err(_) => Vec::new(),
                };
                Jet::new(value, derivatives)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causal_pinn::network::NetworkConfig;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    const HARD: Condition = Condition::Hard { output_scale: 20.0, normalise_time: true };
    const SOFT: Condition = Condition::Soft { modes: 3, weight: 100.0, in_weights: true };

    fn network(condition: Condition, outputs: usize, device: &Device) -> Network {
        let mut rng = harness_core::rng::stream("test", "network", 0);
        NetworkConfig { hidden: vec![8, 8], modified: false }
            .init(condition.inputs(), outputs, &mut rng, device)
            .unwrap()
    }

    /// Values of the solution at shifted places, in double precision as far as single precision goes.
    fn values(condition: Condition, outputs: usize, start: &[f64], places: &[Place]) -> Vec<f64> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let network = network(condition, outputs, &device);
        let grid = Grid::new(condition, Window { length: 0.5, start }, places, &[], &device).unwrap();
        read_f32(grid.solution(&network).unwrap().value()).into_iter().map(f64::from).collect()
    }

    #[test]
    fn a_hard_condition_holds_and_its_derivative_is_that_of_the_product() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let start = [1.0, -2.0, 3.0];
        let places = product(&[0.0, 0.2, 0.4], &[0.0]);
        let grid = Grid::new(HARD, Window { length: 0.5, start: &start }, &places, &[1], &device).unwrap();
        let solution = grid.solution(&network(HARD, 3, &device)).unwrap();
        assert_eq!(read_f32(solution.value())[..3], [1.0, -2.0, 3.0]);
        let slopes = read_f32(solution.derivative(0, 1).unwrap());
        let h = 1e-2;
        let moved = |by: f64| -> Vec<f64> {
            let places: Vec<Place> = places.iter().map(|place| Place { t: place.t + by, x: 0.0 }).collect();
            values(HARD, 3, &start, &places)
        };
        for ((slope, up), down) in slopes.iter().zip(moved(h)).zip(moved(-h)) {
            assert!((f64::from(*slope) - (up - down) / (2.0 * h)).abs() < 0.05, "{slope}");
        }
    }

    #[test]
    fn features_are_periodic_and_their_derivatives_those_of_waves() {
        let place = |x: f64| Place { t: 0.3, x };
        let of = |x: f64, derivative| SOFT.features(place(x), 1.0, derivative);
        let apart = of(-1.0, Derivative::None).into_iter().zip(of(1.0, Derivative::None));
        assert!(apart.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-6);
        assert_eq!(of(0.4, Derivative::Time(1)), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let fourth = of(0.4, Derivative::Space(4));
        let wanted = (2.0 * OMEGA).powi(4) * (2.0 * OMEGA * 0.4).cos();
        assert!((f64::from(fourth[3]) - wanted).abs() < 1e-4 * wanted.abs(), "{fourth:?}");
        assert_eq!(fourth[..2], [0.0, 0.0]);
    }

    /// The jets of the features meet those of the network: ∂²u/∂x² of the whole solution.
    #[test]
    fn a_soft_solution_has_its_own_second_derivative() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let places = product(&[0.1, 0.4], &[-0.7, 0.2]);
        let start = [0.0; 2];
        let grid = Grid::new(SOFT, Window { length: 0.5, start: &start }, &places, &[1, 2], &device).unwrap();
        let network = network(SOFT, 1, &device);
        let second = read_f32(grid.solution(&network).unwrap().derivative(1, 2).unwrap());
        let h = 0.02;
        let moved = |by: f64| -> Vec<f64> {
            let places: Vec<Place> = places.iter().map(|place| Place { x: place.x + by, ..*place }).collect();
            values(SOFT, 1, &start, &places)
        };
        let (up, here, down) = (moved(h), moved(0.0), moved(-h));
        for (at, got) in second.iter().enumerate() {
            let want = (up[at] - 2.0 * here[at] + down[at]) / (h * h);
            assert!((f64::from(*got) - want).abs() < 0.05 * (1.0 + want.abs()), "{got} instead of {want}");
        }
    }

    #[test]
    fn a_frozen_grid_gives_the_same_values() {
        use burn::module::AutodiffModule;
        let device = DeviceChoice::Cpu.open().unwrap();
        for (condition, outputs) in [(HARD, 3), (SOFT, 1)] {
            let places = product(&[0.0, 0.25], &[0.5]);
            let start = vec![0.5; outputs];
            let window = Window { length: 0.5, start: &start };
            let network = network(condition, outputs, &device);
            let frozen = Grid::frozen(condition, window, &places, &device).unwrap();
            let recorded = Grid::new(condition, window, &places, &[1], &device).unwrap();
            assert_eq!(
                read_f32(frozen.solution(&network.valid()).unwrap().value()),
                read_f32(recorded.solution(&network).unwrap().value())
            );
        }
    }
}
