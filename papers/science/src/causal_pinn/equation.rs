//! The equations of the experiment behind one type.

use harness_core::prelude::*;
use papers_kit::jet::Jet;
use serde::{Deserialize, Serialize};

use super::allen_cahn::{AllenCahn, allen_cahn_residual};
use super::kuramoto_sivashinsky::{Derivatives, KuramotoSivashinsky, kuramoto_sivashinsky_residual};
use super::lorenz::{Lorenz, lorenz_residual};

/// State of the Lorenz system at time 0.
const LORENZ_START: [f64; 3] = [1.0; 3];

/// Axis of time among the directions of a solution.
pub const TIME: usize = 0;
/// Axis of space among the directions of a solution.
pub const SPACE: usize = 1;

/// An equation with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Equation {
    /// Three ordinary differential equations.
    Lorenz(Lorenz),
    /// Periodic on \[−1, 1\].
    AllenCahn(AllenCahn),
    /// Periodic on \[−1, 1\].
    KuramotoSivashinsky(KuramotoSivashinsky),
}

impl Equation {
    /// Whether there is no space.
    pub fn is_ordinary(&self) -> bool {
        matches!(self, Equation::Lorenz(_))
    }

    /// Components of a state at a point.
    pub fn components(&self) -> usize {
        if self.is_ordinary() { 3 } else { 1 }
    }

    /// Highest derivative by time, and by space.
    pub fn orders(&self) -> &'static [usize] {
        match self {
            Equation::Lorenz(_) => &[1],
            Equation::AllenCahn(_) => &[1, 2],
            Equation::KuramotoSivashinsky(_) => &[1, 4],
        }
    }

    /// The residual of a solution `[n, components]` with its derivatives, `[n, equations]`.
    ///
    /// # Errors
    /// [`Error::Input`] where a derivative is not carried.
    pub fn residual(&self, u: &Jet) -> Result<Tensor<2>> {
        match self {
            Equation::Lorenz(system) => lorenz_residual(u.value(), u.derivative(TIME, 1)?, *system),
            Equation::AllenCahn(equation) => {
                allen_cahn_residual(u.value(), u.derivative(TIME, 1)?, u.derivative(SPACE, 2)?, *equation)
            }
            Equation::KuramotoSivashinsky(equation) => {
                let at = Derivatives {
                    u: u.value(),
                    u_t: u.derivative(TIME, 1)?,
                    u_x: u.derivative(SPACE, 1)?,
                    u_xx: u.derivative(SPACE, 2)?,
                    u_xxxx: u.derivative(SPACE, 4)?,
                };
                kuramoto_sivashinsky_residual(at, *equation)
            }
        }
    }

    /// The state at time 0: the components, or one value per point of `x`.
    pub fn start(&self, x: &[f64]) -> Vec<f64> {
        match self {
            Equation::Lorenz(_) => LORENZ_START.to_vec(),
            Equation::AllenCahn(_) => x.iter().map(|x| AllenCahn::start(*x)).collect(),
            Equation::KuramotoSivashinsky(_) => x.iter().map(|x| KuramotoSivashinsky::start(*x)).collect(),
        }
    }

    /// States from [`Equation::start`] on at `count` times `spacing` apart, by a solver in double precision with steps of
    /// at most `step`; `x` is an even grid of \[−1, 1).
    pub fn reference(&self, x: &[f64], spacing: f64, count: usize, step: f64) -> Vec<Vec<f64>> {
        match self {
            Equation::Lorenz(system) => {
                system.trajectory(LORENZ_START, spacing, count, step).into_iter().map(|state| state.to_vec()).collect()
            }
            Equation::AllenCahn(equation) => equation.solution(&self.start(x), spacing, count, step),
            Equation::KuramotoSivashinsky(equation) => equation.solution(&self.start(x), spacing, count, step),
        }
    }
}

/// `count` points evenly spaced over the period \[−1, 1).
pub fn periodic_grid(count: usize) -> Vec<f64> {
    (0..count).map(|at| -1.0 + 2.0 * at as f64 / count as f64).collect()
}
