//! The noncentral t distribution, which gives the power of a t test.
//!
//! `T = (Z + δ) / S` with `Z` standard normal and `S = √(χ²_ν / ν)` independent of it. Conditioning on `S`,
//!
//! `P(T > t) = ∫₀^∞ Φ(δ − t s) f_S(s) ds`,  `f_S(s) ∝ s^(ν−1) exp(−ν s²/2)`
//!
//! (Johnson, Kotz and Balakrishnan, *Continuous univariate distributions* 2, chapter 31). The usual series (Lenth,
//! algorithm AS 243, 1989) underflows for large `δ`, which two or three seeds at a strict level do reach, so the
//! integral is done directly: both factors are smooth on known scales, and Gauss–Legendre panels of those scales leave
//! the error function (`statrs`, about ten digits) as the largest error.

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::sync::LazyLock;

use statrs::function::erf::erfc;

const NODES: usize = 16;

/// Panel edges, in units of the width of a bump or step, on either side of its centre.
const EDGES: [f64; 7] = [0.0, 2.0, 4.0, 6.0, 9.0, 14.0, 20.0];

/// Nodes and weights of Gauss–Legendre quadrature on `[-1, 1]`.
static GAUSS_LEGENDRE: LazyLock<[(f64, f64); NODES]> = LazyLock::new(gauss_legendre);

/// `P(T > t)` for a noncentral t with `df` (a whole number from 1 on) degrees of freedom and noncentrality `delta`.
pub(super) fn upper_p(t: f64, df: f64, delta: f64) -> f64 {
    // Width of f_S, whose mode and mean are close to 1, and of the normal step at s = δ/t.
    let spread = (0.5 / df).sqrt();
    let end = 1.0 + 20.0 * spread;
    let mut edges = vec![0.0, end];
    for edge in EDGES {
        edges.extend([1.0 - edge * spread, 1.0 + edge * spread]);
        if t != 0.0 {
            edges.extend([(delta - edge) / t, (delta + edge) / t]);
        }
    }
    edges.retain(|edge| (0.0..=end).contains(edge));
    edges.sort_by(f64::total_cmp);
    // A panel without width at s = 0 would meet ln 0.
    edges.dedup();

    let (mut weighted, mut total) = (0.0, 0.0);
    for panel in edges.windows(2) {
        let (centre, half) = (0.5 * (panel[0] + panel[1]), 0.5 * (panel[1] - panel[0]));
        for &(node, weight) in GAUSS_LEGENDRE.iter() {
            let s = centre + half * node;
            // ln f_S up to a constant that makes it 0 at s = 1; dividing by `total` removes that constant exactly.
            let density = ((df - 1.0) * s.ln() - 0.5 * df * (s * s - 1.0)).exp();
            let mass = half * weight * density;
            weighted += mass * normal_cdf(delta - t * s);
            total += mass;
        }
    }
    (weighted / total).clamp(0.0, 1.0)
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * FRAC_1_SQRT_2)
}

/// Roots of the Legendre polynomial by Newton's method from Tricomi's estimate, with weights `2 / ((1 − x²) P'(x)²)`
/// (Abramowitz and Stegun, eq. 25.4.29).
fn gauss_legendre() -> [(f64, f64); NODES] {
    let degree = NODES as f64;
    std::array::from_fn(|index| {
        let mut root = (PI * (index as f64 + 0.75) / (degree + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..10 {
            let (mut previous, mut current) = (1.0, root);
            for k in 2..=NODES {
                let k = k as f64;
                (previous, current) = (current, ((2.0 * k - 1.0) * root * current - (k - 1.0) * previous) / k);
            }
            slope = degree * (root * current - previous) / (root * root - 1.0);
            root -= current / slope;
        }
        (root, 2.0 / ((1.0 - root * root) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::student;

    #[test]
    fn quadrature_is_exact_for_polynomials_of_its_degree() {
        for power in 0..2 * NODES as i32 {
            let integral: f64 = GAUSS_LEGENDRE.iter().map(|(node, weight)| weight * node.powi(power)).sum();
            let exact = if power % 2 == 0 { 2.0 / f64::from(power + 1) } else { 0.0 };
            assert!((integral - exact).abs() < 1e-13, "x^{power}: {integral} against {exact}");
        }
    }

    #[test]
    fn no_noncentrality_is_student() {
        for df in [1.0, 2.0, 4.0, 9.0, 30.0, 400.0] {
            for t in [-40.0, -2.5, -0.3, 0.0, 0.1, 1.0, 3.0, 12.0, 300.0] {
                let difference = upper_p(t, df, 0.0) - student::upper_p(t, df);
                assert!(difference.abs() < 1e-10, "t = {t}, df = {df}: {difference:e}");
            }
        }
    }

    #[test]
    fn reflection_swaps_the_tails() {
        for (t, df, delta) in [(2.0, 3.0, 1.5), (12.7, 1.0, 16.0), (-1.0, 20.0, 0.4)] {
            let sum = upper_p(t, df, delta) + upper_p(-t, df, -delta);
            assert!((sum - 1.0).abs() < 1e-10, "t = {t}, df = {df}, delta = {delta}: {sum}");
        }
    }
}
