//! A ring of Gaussians: samples, and what an oracle says of generated ones.

use harness_core::rng::Stream;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// A uniform mixture of Gaussians whose means lie on a circle around 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Number of Gaussians.
    pub modes: usize,
    /// Radius of the circle.
    pub radius: f64,
    /// Standard deviation of each.
    pub std: f64,
    /// Density of the class "outside", the same everywhere.
    pub outside: f64,
}

impl Ring {
    fn mean(&self, mode: usize) -> [f64; 2] {
        let angle = std::f64::consts::TAU * mode as f64 / self.modes as f64;
        [self.radius * angle.cos(), self.radius * angle.sin()]
    }

    /// `count` points, `[count, 2]` row-major.
    pub fn sample(&self, count: usize, rng: &mut Stream) -> Vec<f32> {
        (0..count)
            .flat_map(|_| {
                let mean = self.mean(rng.random_range(0..self.modes));
                mean.map(|centre| (centre + self.std * rng.sample::<f64, _>(StandardNormal)) as f32)
            })
            .collect()
    }

    /// Posterior of the modes and of "outside", the last class: `[n, modes + 1]` row-major, each class weighted by its
    /// density. A point that is not finite is outside for certain.
    pub fn posterior(&self, points: &[f32]) -> Vec<f64> {
        let scale = 1.0 / (std::f64::consts::TAU * self.std * self.std * self.modes as f64);
        let mut posterior = Vec::with_capacity(points.len() / 2 * (self.modes + 1));
        for point in points.chunks_exact(2) {
            let densities: Vec<f64> = (0..self.modes)
                .map(|mode| {
                    let mean = self.mean(mode);
                    let square = (f64::from(point[0]) - mean[0]).powi(2) + (f64::from(point[1]) - mean[1]).powi(2);
                    let density = scale * (-0.5 * square / (self.std * self.std)).exp();
                    if density.is_finite() { density } else { 0.0 }
                })
                .collect();
            let total: f64 = densities.iter().sum::<f64>() + self.outside;
            posterior.extend(densities.iter().map(|density| density / total));
            posterior.push(self.outside / total);
        }
        posterior
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: Ring = Ring { modes: 8, radius: 2.0, std: 0.05, outside: 1e-3 };

    #[test]
    fn a_point_at_a_mean_is_of_that_mode() {
        for mode in 0..8 {
            let mean = RING.mean(mode).map(|value| value as f32);
            let posterior = RING.posterior(&mean);
            assert_eq!(posterior.len(), 9);
            assert!(posterior[mode] > 0.999);
            assert!((posterior.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_far_away_or_no_number_is_outside() {
        for point in [[0.0, 0.0], [2.0, 2.0], [f32::NAN, 0.0], [f32::INFINITY, 1.0]] {
            assert!(RING.posterior(&point)[8] > 0.999, "{point:?}");
        }
    }

    #[test]
    fn samples_lie_on_all_modes_alike() {
        let points = RING.sample(4000, &mut harness_core::rng::stream("test", "ring", 0));
        let posterior = RING.posterior(&points);
        for mode in 0..8 {
            let share = posterior.chunks_exact(9).map(|row| row[mode]).sum::<f64>() / 4000.0;
            assert!((share - 0.125).abs() < 0.02, "mode {mode}: {share}");
        }
    }
}
