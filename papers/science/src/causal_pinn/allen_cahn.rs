//! The Allen–Cahn equation: its residual, and its solution in double precision.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::spectral::{Complex, Fourier, etdrk4};

/// Parameters of uₜ = νuₓₓ + 5u − 5u³ on \[−1, 1\], periodic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllenCahn {
    /// ν.
    pub nu: f64,
}

/// Strength of the reaction.
const REACTION: f64 = 5.0;

/// What is left of the Allen–Cahn equation at given values and derivatives.
///
/// **Definition.** uₜ − νuₓₓ + 5u³ − 5u.
///
/// **Paper.** Section 4, Allen–Cahn equation (arXiv 2203.07404).
///
/// **Arguments.** `u`, `u_t`, `u_xx` of one shape; `equation.nu` ν ≥ 0, 1e-4 in the paper.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where shapes differ or are empty, or ν is negative or not finite.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_science::causal_pinn::{AllenCahn, allen_cahn_residual};
/// let device = DeviceChoice::Cpu.open()?;
/// let zeros = Tensor::<1>::zeros([2], &device);
/// let u = Tensor::<1>::from_data([1.0, 0.5], &device);
/// let residual = allen_cahn_residual(u, zeros.clone(), zeros, AllenCahn { nu: 1e-4 })?;
/// assert_eq!(read_f32(residual), [0.0, 5.0 * 0.125 - 2.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn allen_cahn_residual<const D: usize>(
    u: Tensor<D>,
    u_t: Tensor<D>,
    u_xx: Tensor<D>,
    equation: AllenCahn,
) -> Result<Tensor<D>> {
    if u.dims().contains(&0) || u_t.dims() != u.dims() || u_xx.dims() != u.dims() {
        return Err(Error::Input(format!(
            "u, u_t and u_xx have shapes {:?}, {:?} and {:?}: expected one shape, not empty",
            u.dims(),
            u_t.dims(),
            u_xx.dims()
        )));
    }
    if !(equation.nu.is_finite() && equation.nu >= 0.0) {
        return Err(Error::Input(format!("nu is {}, expected a finite number of at least 0", equation.nu)));
    }
    let reaction = u.clone() * (u.square() - 1.0) * REACTION;
    Ok(u_t - u_xx * equation.nu + reaction)
}

impl AllenCahn {
    /// The initial state of the paper, x² cos πx.
    pub fn start(x: f64) -> f64 {
        x * x * (std::f64::consts::PI * x).cos()
    }

    /// States at `count` times `spacing` apart, the first being `start` on an even grid of \[−1, 1), with steps of at most
    /// `step`.
    pub fn solution(&self, start: &[f64], spacing: f64, count: usize, step: f64) -> Vec<Vec<f64>> {
        let nonlinear = |fourier: &Fourier, modes: &[Complex]| {
            let u = fourier.to_points(modes);
            fourier.to_modes(&u.iter().map(|u| REACTION * (u - u * u * u)).collect::<Vec<_>>())
        };
        etdrk4(start, |k| -self.nu * k * k, nonlinear, spacing, count, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state without slope follows u′ = 5u − 5u³, which has a closed form.
    #[test]
    fn an_even_state_follows_the_reaction() {
        let solution = AllenCahn { nu: 1e-4 }.solution(&[0.2; 16], 0.1, 6, 1e-3);
        for (at, state) in solution.iter().enumerate() {
            let growth = (REACTION * 0.1 * at as f64).exp();
            let want = 0.2 * growth / (1.0 - 0.04 + 0.04 * growth * growth).sqrt();
            assert!(state.iter().all(|u| (u - want).abs() < 1e-9), "{state:?} instead of {want}");
        }
    }

    #[test]
    fn the_solution_leaves_no_residual() {
        let equation = AllenCahn { nu: 1e-3 };
        let points = 128;
        let start: Vec<f64> = (0..points).map(|j| AllenCahn::start(-1.0 + 2.0 * j as f64 / points as f64)).collect();
        let h = 1e-3;
        let states = equation.solution(&start, h, 203, 1e-4);
        let fourier = Fourier::new(points);
        let u = &states[200];
        let modes: Vec<Complex> =
            fourier.to_modes(u).iter().zip(fourier.wave_numbers()).map(|(c, k)| c * -k * k).collect();
        let u_xx = fourier.to_points(&modes);
        for j in 0..points {
            let u_t = (states[201][j] - states[199][j]) / (2.0 * h);
            let residual = u_t - equation.nu * u_xx[j] + REACTION * (u[j].powi(3) - u[j]);
            assert!(residual.abs() < 1e-3, "{residual} at {j}");
        }
    }
}
