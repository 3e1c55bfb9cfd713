//! Fourier pseudo-spectral solutions of stiff equations on \[−1, 1) in double precision.

use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::{Fft, FftPlanner};

/// A complex number.
pub type Complex = rustfft::num_complex::Complex<f64>;

/// Points on the contour around each eigenvalue, over its upper half.
const CONTOUR: usize = 32;

/// The discrete Fourier transform of an even grid of \[−1, 1).
pub struct Fourier {
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
    wave_numbers: Vec<f64>,
}

impl Fourier {
    /// For `points` points.
    pub fn new(points: usize) -> Self {
        let mut planner = FftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(points), planner.plan_fft_inverse(points));
        let half = points / 2;
        let wave_numbers =
            (0..points).map(|at| PI * if at <= half { at as f64 } else { at as f64 - points as f64 }).collect();
        Fourier { forward, inverse, wave_numbers }
    }

    /// Wave number of each mode.
    pub fn wave_numbers(&self) -> &[f64] {
        &self.wave_numbers
    }

    /// The highest wave number.
    pub fn highest(&self) -> f64 {
        self.wave_numbers.iter().copied().fold(0.0, f64::max)
    }

    /// Modes of values.
    pub fn to_modes(&self, values: &[f64]) -> Vec<Complex> {
        let mut modes: Vec<Complex> = values.iter().map(|value| Complex::new(*value, 0.0)).collect();
        self.forward.process(&mut modes);
        modes
    }

    /// Values of modes.
    pub fn to_points(&self, modes: &[Complex]) -> Vec<f64> {
        let mut values = modes.to_vec();
        self.inverse.process(&mut values);
        let count = values.len() as f64;
        values.into_iter().map(|value| value.re / count).collect()
    }
}

/// Coefficients of one step for one mode.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    full: f64,
    half: f64,
    quarter: f64,
    first: f64,
    middle: f64,
    last: f64,
}

impl Coefficients {
    /// Those of the eigenvalue `linear` and a step of `h`, as means over a circle around h·`linear`: the formulas
    /// themselves cancel near 0.
    fn new(linear: f64, h: f64) -> Self {
        let z = h * linear;
        let mean = |of: &dyn Fn(Complex) -> Complex| -> f64 {
            let sum: f64 = (0..CONTOUR)
                .map(|at| {
                    of(Complex::new(z, 0.0) + Complex::from_polar(1.0, PI * (at as f64 + 0.5) / CONTOUR as f64)).re
                })
                .sum();
            h * sum / CONTOUR as f64
        };
        Coefficients {
            full: z.exp(),
            half: (z / 2.0).exp(),
            quarter: mean(&|z| ((z / 2.0).exp() - 1.0) / z),
            first: mean(&|z| (-4.0 - z + z.exp() * (4.0 - 3.0 * z + z * z)) / (z * z * z)),
            middle: mean(&|z| (2.0 + z + z.exp() * (z - 2.0)) / (z * z * z)),
            last: mean(&|z| (-4.0 - 3.0 * z - z * z + z.exp() * (4.0 - z)) / (z * z * z)),
        }
    }
}

/// Solves u′ = Lu + N(u) by exponential time differencing of fourth order.
///
/// **Definition.** ETDRK4 of Cox and Matthews (J. Comput. Phys. 176, 2002) with the coefficients of Kassam and Trefethen
/// (SIAM J. Sci. Comput. 26, 2005). L acts on mode k as `linear(k)`; `nonlinear` takes and gives modes.
///
/// **Arguments.** `start` on an even grid of \[−1, 1); `count` states `spacing` apart, the first being `start`; steps of at
/// most `step`.
pub fn etdrk4(
    start: &[f64],
    linear: impl Fn(f64) -> f64,
    nonlinear: impl Fn(&Fourier, &[Complex]) -> Vec<Complex>,
    spacing: f64,
    count: usize,
    step: f64,
) -> Vec<Vec<f64>> {
    let fourier = Fourier::new(start.len());
    let steps = (spacing / step).ceil().max(1.0) as usize;
    let h = spacing / steps as f64;
    let coefficients: Vec<Coefficients> =
        fourier.wave_numbers().iter().map(|k| Coefficients::new(linear(*k), h)).collect();
    // c.half·v + c.quarter·n, mode by mode.
    let half_step = |v: &[Complex], n: &[Complex]| -> Vec<Complex> {
        v.iter().zip(n).zip(&coefficients).map(|((v, n), c)| v * c.half + n * c.quarter).collect()
    };
    let mut v = fourier.to_modes(start);
    (0..count)
        .map(|at| {
            for _ in 0..if at == 0 { 0 } else { steps } {
                let n_v = nonlinear(&fourier, &v);
                let a = half_step(&v, &n_v);
                let n_a = nonlinear(&fourier, &a);
                let b = half_step(&v, &n_a);
                let n_b = nonlinear(&fourier, &b);
                let twice: Vec<Complex> = n_b.iter().zip(&n_v).map(|(b, v)| b * 2.0 - v).collect();
                let c = half_step(&a, &twice);
                let n_c = nonlinear(&fourier, &c);
                for ((((v, c), n_v), (n_a, n_b)), n_c) in
                    v.iter_mut().zip(&coefficients).zip(&n_v).zip(n_a.iter().zip(&n_b)).zip(&n_c)
                {
                    *v = *v * c.full + n_v * c.first + (n_a + n_b) * (2.0 * c.middle) + n_c * c.last;
                }
            }
            if at == 0 { start.to_vec() } else { fourier.to_points(&v) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(points: usize) -> Vec<f64> {
        (0..points).map(|j| 0.5 + (2.0 * PI * j as f64 / points as f64).cos()).collect()
    }

    #[test]
    fn heat_decays_exactly_whatever_the_step() {
        let nothing = |_: &Fourier, modes: &[Complex]| vec![Complex::new(0.0, 0.0); modes.len()];
        let end = &etdrk4(&wave(8), |k| -k * k, nothing, 0.1, 2, 1.0)[1];
        let decay = (-0.1 * PI * PI).exp();
        for (got, from) in end.iter().zip(wave(8)) {
            assert!((got - (0.5 + decay * (from - 0.5))).abs() < 1e-14);
        }
    }

    #[test]
    fn the_error_falls_with_the_fourth_power_of_the_step() {
        let reaction = |fourier: &Fourier, modes: &[Complex]| {
            fourier.to_modes(&fourier.to_points(modes).iter().map(|u| u - u * u * u).collect::<Vec<_>>())
        };
        let end = |step: f64| etdrk4(&wave(32), |k| -0.02 * k * k, reaction, 1.0, 2, step)[1].clone();
        let exact = end(1e-3);
        let error = |step: f64| end(step).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let ratio = error(0.1) / error(0.05);
        assert!((12.0..22.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn transforms_are_inverse_and_derivatives_exact() {
        let fourier = Fourier::new(16);
        let x: Vec<f64> = (0..16).map(|j| -1.0 + j as f64 / 8.0).collect();
        let values: Vec<f64> = x.iter().map(|x| (2.0 * PI * x).sin()).collect();
        let modes = fourier.to_modes(&values);
        assert!(fourier.to_points(&modes).iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-14));
        let slopes: Vec<Complex> =
            modes.iter().zip(fourier.wave_numbers()).map(|(c, k)| c * Complex::new(0.0, *k)).collect();
        for (x, slope) in x.iter().zip(fourier.to_points(&slopes)) {
            assert!((slope - 2.0 * PI * (2.0 * PI * x).cos()).abs() < 1e-12);
        }
    }
}
