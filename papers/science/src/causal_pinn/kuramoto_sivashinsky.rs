//! The Kuramoto–Sivashinsky equation: its residual, and its solution in double precision.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::spectral::{Complex, Fourier, etdrk4};

/// Parameters of uₜ + αuuₓ + βuₓₓ + γuₓₓₓₓ = 0 on \[−1, 1\], periodic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KuramotoSivashinsky {
    /// α.
    pub alpha: f64,
    /// β.
    pub beta: f64,
    /// γ.
    pub gamma: f64,
}

/// A value and the derivatives that the equation relates, all of one shape.
#[derive(Debug, Clone)]
pub struct Derivatives<const D: usize> {
    /// u.
    pub u: Tensor<D>,
    /// ∂u/∂t.
    pub u_t: Tensor<D>,
    /// ∂u/∂x.
    pub u_x: Tensor<D>,
    /// ∂²u/∂x².
    pub u_xx: Tensor<D>,
    /// ∂⁴u/∂x⁴.
    pub u_xxxx: Tensor<D>,
}

/// What is left of the Kuramoto–Sivashinsky equation at given values and derivatives.
///
/// **Definition.** uₜ + αuuₓ + βuₓₓ + γuₓₓₓₓ.
///
/// **Paper.** Section 4, Kuramoto–Sivashinsky equation (arXiv 2203.07404).
///
/// **Arguments.** `at` tensors of one shape; `equation` (5, 0.5, 0.005) in the paper's regular example.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where shapes differ or are empty.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_science::causal_pinn::{Derivatives, KuramotoSivashinsky, kuramoto_sivashinsky_residual};
/// let device = DeviceChoice::Cpu.open()?;
/// let one = Tensor::<1>::ones([1], &device);
/// let at = Derivatives { u: one.clone(), u_t: one.clone(), u_x: one.clone(), u_xx: one.clone(), u_xxxx: one };
/// let equation = KuramotoSivashinsky { alpha: 5.0, beta: 0.5, gamma: 0.25 };
/// assert_eq!(read_f32(kuramoto_sivashinsky_residual(at, equation)?), [6.75]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn kuramoto_sivashinsky_residual<const D: usize>(
    at: Derivatives<D>,
    equation: KuramotoSivashinsky,
) -> Result<Tensor<D>> {
    let Derivatives { u, u_t, u_x, u_xx, u_xxxx } = at;
    let shape = u.dims();
    if shape.contains(&0) || [&u_t, &u_x, &u_xx, &u_xxxx].into_iter().any(|other| other.dims() != shape) {
        return Err(Error::Input(format!("u has shape {shape:?}: expected its derivatives alike, and not empty")));
    }
    Ok(u_t + u * u_x * equation.alpha + u_xx * equation.beta + u_xxxx * equation.gamma)
}

impl KuramotoSivashinsky {
    /// The initial state of the paper's regular example, −sin πx.
    pub fn start(x: f64) -> f64 {
        -(std::f64::consts::PI * x).sin()
    }

    /// States at `count` times `spacing` apart, the first being `start` on an even grid of \[−1, 1), with steps of at most
    /// `step`. The upper third of the modes of u² is dropped, so that products do not fold back.
    pub fn solution(&self, start: &[f64], spacing: f64, count: usize, step: f64) -> Vec<Vec<f64>> {
        let nonlinear = |fourier: &Fourier, modes: &[Complex]| {
            let u = fourier.to_points(modes);
            let squares = fourier.to_modes(&u.iter().map(|u| u * u).collect::<Vec<_>>());
            let limit = 2.0 / 3.0 * fourier.highest();
            squares
                .iter()
                .zip(fourier.wave_numbers())
                .map(|(c, k)| {
                    if k.abs() < limit { c * Complex::new(0.0, -0.5 * self.alpha * k) } else { Complex::new(0.0, 0.0) }
                })
                .collect()
        };
        let linear = |k: f64| self.beta * k * k - self.gamma * k.powi(4);
        etdrk4(start, linear, nonlinear, spacing, count, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    const REGULAR: KuramotoSivashinsky = KuramotoSivashinsky { alpha: 5.0, beta: 0.5, gamma: 0.005 };

    /// A small wave grows at the rate of the linear part.
    #[test]
    fn a_small_wave_grows_linearly() {
        let start: Vec<f64> = (0..64).map(|j| 1e-9 * (2.0 * PI * j as f64 / 64.0).sin()).collect();
        let end = &REGULAR.solution(&start, 0.2, 2, 1e-3)[1];
        let growth = (0.2 * (0.5 * PI.powi(2) - 0.005 * PI.powi(4))).exp();
        for (got, from) in end.iter().zip(&start) {
            assert!((got - growth * from).abs() < 1e-15, "{got} instead of {}", growth * from);
        }
    }

    /// The advection moves a wave as the equation says: the rate of change at the start is −5uuₓ − ½uₓₓ − 0.005uₓₓₓₓ.
    #[test]
    fn the_first_rate_of_change_is_that_of_the_equation() {
        let points = 64;
        let x: Vec<f64> = (0..points).map(|j| -1.0 + 2.0 * j as f64 / points as f64).collect();
        let start: Vec<f64> = x.iter().map(|x| KuramotoSivashinsky::start(*x)).collect();
        let h = 1e-6;
        let after = &REGULAR.solution(&start, h, 2, h)[1];
        for ((x, u), moved) in x.iter().zip(&start).zip(after) {
            let u_x = -PI * (PI * x).cos();
            let want = -5.0 * u * u_x + 0.5 * PI.powi(2) * u - 0.005 * PI.powi(4) * u;
            assert!(((moved - u) / h - want).abs() < 1e-3, "{} instead of {want}", (moved - u) / h);
        }
    }
}
