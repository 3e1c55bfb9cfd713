//! The Lorenz system: its residual, and its trajectories in double precision.

use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Parameters of the system x′ = σ(y − x), y′ = x(ρ − z) − y, z′ = xy − βz.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lorenz {
    /// σ.
    pub sigma: f64,
    /// ρ.
    pub rho: f64,
    /// β.
    pub beta: f64,
}

/// What is left of the Lorenz equations at given states and derivatives.
///
/// **Definition.** (x′ − σ(y − x), y′ − x(ρ − z) + y, z′ − xy + βz).
///
/// **Paper.** Section 4, Lorenz system (arXiv 2203.07404).
///
/// **Arguments.** `state` and `derivative` `[n, 3]`, in the order x, y, z. Gives `[n, 3]`.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where shapes differ, have not three columns, or no rows.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_science::causal_pinn::{Lorenz, lorenz_residual};
/// let device = DeviceChoice::Cpu.open()?;
/// let system = Lorenz { sigma: 10.0, rho: 28.0, beta: 8.0 / 3.0 };
/// let (state, derivative) = (Tensor::ones([1, 3], &device), Tensor::zeros([1, 3], &device));
/// let residual = read_f32(lorenz_residual(state, derivative, system)?);
/// assert_eq!(residual[..2], [0.0, -26.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn lorenz_residual(state: Tensor<2>, derivative: Tensor<2>, system: Lorenz) -> Result<Tensor<2>> {
    let [rows, columns] = state.dims();
    if rows == 0 || columns != 3 || derivative.dims() != state.dims() {
        return Err(Error::Input(format!(
            "states of shape {:?} and derivatives of shape {:?}, expected [n, 3] with n of at least 1 for both",
            state.dims(),
            derivative.dims()
        )));
    }
    let column = |at: usize| state.clone().narrow(1, at, 1); // [n, 1]
    let (x, y, z) = (column(0), column(1), column(2));
    let rates = vec![
        (y.clone() - x.clone()) * system.sigma,
        -(x.clone() * (z.clone() - system.rho)) - y.clone(),
        x * y - z * system.beta,
    ];
    Ok(derivative - Tensor::cat(rates, 1))
}

impl Lorenz {
    fn rates(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        [self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z]
    }

    /// States at `count` times `spacing` apart, the first being `start`, by the classical Runge–Kutta method of fourth
    /// order with steps of at most `step`.
    pub fn trajectory(&self, start: [f64; 3], spacing: f64, count: usize, step: f64) -> Vec<[f64; 3]> {
        let steps = (spacing / step).ceil().max(1.0) as usize;
        let h = spacing / steps as f64;
        let mut state = start;
        (0..count)
            .map(|at| {
                for _ in 0..if at == 0 { 0 } else { steps } {
                    state = self.runge_kutta(state, h);
                }
                state
            })
            .collect()
    }

    fn runge_kutta(&self, state: [f64; 3], h: f64) -> [f64; 3] {
        let moved = |rates: [f64; 3], by: f64| -> [f64; 3] {
            let [x, y, z] = state;
            let [dx, dy, dz] = rates;
            [x + by * dx, y + by * dy, z + by * dz]
        };
        let first = self.rates(state);
        let second = self.rates(moved(first, h / 2.0));
        let third = self.rates(moved(second, h / 2.0));
        let fourth = self.rates(moved(third, h));
        let mut mean = [0.0; 3];
        for (mean, (((a, b), c), d)) in mean.iter_mut().zip(first.iter().zip(second).zip(third).zip(fourth)) {
            *mean = (a + 2.0 * b + 2.0 * c + d) / 6.0;
        }
        moved(mean, h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    const CLASSIC: Lorenz = Lorenz { sigma: 10.0, rho: 28.0, beta: 8.0 / 3.0 };

    #[test]
    fn the_rates_leave_no_residual() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let state = [3.0, -2.0, 11.0];
        let rates = CLASSIC.rates(state);
        let upload = |values: [f64; 3]| Tensor::<2>::from_data([values.map(|value| value as f32)], &device);
        let residual = read_f32(lorenz_residual(upload(state), upload(rates), CLASSIC).unwrap());
        assert!(residual.iter().all(|value| value.abs() < 1e-5), "{residual:?}");
    }

    #[test]
    fn a_fixed_point_stays() {
        let at = (CLASSIC.beta * (CLASSIC.rho - 1.0)).sqrt();
        let end = CLASSIC.trajectory([at, at, CLASSIC.rho - 1.0], 0.1, 11, 1e-3)[10];
        assert!((end[0] - at).abs() + (end[1] - at).abs() + (end[2] - 27.0).abs() < 1e-9, "{end:?}");
    }

    #[test]
    fn the_error_falls_with_the_fourth_power_of_the_step() {
        let end = |step: f64| CLASSIC.trajectory([1.0; 3], 0.5, 2, step)[1];
        let exact = end(1e-4);
        let error = |step: f64| end(step).iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let ratio = error(5e-3) / error(2.5e-3);
        assert!((13.0..20.0).contains(&ratio), "{ratio}");
        assert!(error(2e-4) < 1e-8);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
        assert!(lorenz_residual(zeros([2, 2]), zeros([2, 2]), CLASSIC).is_err());
        assert!(lorenz_residual(zeros([2, 3]), zeros([3, 3]), CLASSIC).is_err());
    }
}
