//! The margin `μ = max_{‖θ‖=1} minᵢ yᵢ aᵢᵀθ`, enclosed between two certified numbers.

use harness_core::{Error, Result};

use super::samples::{Samples, add_scaled, dot};

/// Numbers that enclose the margin.
#[derive(Debug, Clone, PartialEq)]
pub struct HardMargin {
    /// What the best direction found attains: `lower ≤ μ`. Positive exactly where the data were shown to be separable.
    pub lower: f64,
    /// Length of a point of the convex hull of the `yᵢ aᵢ`: `μ ≤ upper` where `μ > 0`.
    pub upper: f64,
    /// Sweeps over the data.
    pub sweeps: u64,
}

/// Every so many sweeps, one goes over all points; those between only over points with a positive multiplier.
const FULL_SWEEP_EVERY: u64 = 10;

/// Encloses the margin of a linear classifier without bias.
///
/// **Definition**: the hard-margin support vector machine `min ½‖w‖² s.t. uᵢᵀw ≥ 1` (`uᵢ = yᵢ aᵢ`, `μ = 1/‖w*‖`) by
/// dual coordinate ascent: `αᵢ ← max(0, αᵢ + (1 − uᵢᵀw)/‖uᵢ‖²)`, `w = Σ αᵢ uᵢ`. Any `w` certifies
/// `μ ≥ minᵢ uᵢᵀw/‖w‖`; any `α ≥ 0` certifies `μ ≤ ‖Σ αᵢ uᵢ‖ / Σ αᵢ`, because
/// `θᵀ Σ αᵢ uᵢ ≥ μ Σ αᵢ` for the best unit vector `θ`. Both hold up to the round-off of a scalar product.
///
/// **Paper**: the bounds of Tyurin (arXiv 2412.08424) need μ; the solver is that of Hsieh et al., "A dual coordinate
/// descent method for large-scale linear SVM" (ICML 2008), algorithm 1, with an upper limit of infinity, in a fixed
/// order.
///
/// **Arguments**: it stops once `upper ≤ (1 + tolerance) · lower`, or after `max_sweeps`. Data that are not separable
/// never stop early and end with `lower ≤ 0`.
///
/// # Errors
/// [`Error::Input`] where `tolerance` is not a positive finite number.
///
/// # Example
/// ```
/// use papers_theory::lr_perceptron::{hard_margin, worst_case};
///
/// let margin = hard_margin(&worst_case(100)?, 1e-6, 1000)?;
/// assert!(margin.lower <= 0.5 && 0.5 <= margin.upper * (1.0 + 1e-12));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn hard_margin(samples: &Samples, tolerance: f64, max_sweeps: u64) -> Result<HardMargin> {
    if !(tolerance.is_finite() && tolerance > 0.0) {
        return Err(Error::Input(format!("`tolerance` is {tolerance}, expected a finite number above 0")));
    }
    let squares: Vec<f64> = samples.rows().map(|row| dot(row, row)).collect();
    let mut found = HardMargin { lower: f64::NEG_INFINITY, upper: samples.radius(), sweeps: 0 };
    if squares.contains(&0.0) {
        // No direction has a positive margin at the origin.
        return Ok(HardMargin { lower: 0.0, upper: 0.0, sweeps: 0 });
    }
    let mut alpha = vec![0.0; samples.len()];
    let mut w = vec![0.0; samples.dim()];
    while found.sweeps < max_sweeps && found.upper > (1.0 + tolerance) * found.lower {
        let full = found.sweeps.is_multiple_of(FULL_SWEEP_EVERY);
        for ((row, square), alpha) in samples.rows().zip(&squares).zip(&mut alpha) {
            if full || *alpha > 0.0 {
                let next = f64::max(0.0, *alpha + (1.0 - dot(row, &w)) / square);
                add_scaled(&mut w, next - *alpha, row);
                *alpha = next;
            }
        }
        found.sweeps += 1;
        if full || found.sweeps == max_sweeps {
            found.lower = found.lower.max(samples.margin_of(&w));
            let total: f64 = alpha.iter().sum();
            if total > 0.0 {
                found.upper = found.upper.min(dot(&w, &w).sqrt() / total);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::tasks::{two_point, worst_case};
    use super::*;
    use proptest::prelude::*;

    /// Largest margin over a fine grid of directions of the plane.
    fn by_search(samples: &Samples) -> f64 {
        (0..200_000)
            .map(|k| {
                let angle = f64::from(k) * std::f64::consts::TAU / 200_000.0;
                samples.margin_of(&[angle.cos(), angle.sin()])
            })
            .fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn the_margins_of_the_papers_sets_are_enclosed() {
        for (samples, margin) in [(worst_case(3000).unwrap(), 0.5), (two_point().unwrap(), 1.0)] {
            let found = hard_margin(&samples, 1e-9, 10_000).unwrap();
            assert!((found.lower - margin).abs() < 1e-8 && (found.upper - margin).abs() < 1e-8, "{found:?}");
        }
    }

    #[test]
    fn data_that_cannot_be_separated_get_no_positive_margin() {
        let samples = Samples::new(&[1.0, 2.0, 1.0, 2.0, 0.3, 0.4], &[1.0, -1.0, 1.0], 2).unwrap();
        let found = hard_margin(&samples, 1e-3, 500).unwrap();
        assert!(found.lower <= 0.0 && found.sweeps == 500, "{found:?}");
        let with_origin = Samples::new(&[1.0, 0.0], &[1.0, 1.0], 1).unwrap();
        assert_eq!(hard_margin(&with_origin, 1e-3, 500).unwrap().lower, 0.0);
        assert!(hard_margin(&with_origin, 0.0, 500).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_margin_lies_between_both_numbers(
            points in proptest::collection::vec((0.2..2.0f64, -1.0..1.0f64, prop::bool::ANY), 1..12),
        ) {
            let a: Vec<f64> = points.iter().flat_map(|(x, z, right)| if *right { [*x, *z] } else { [-x, -z] }).collect();
            let y: Vec<f64> = points.iter().map(|(_, _, right)| if *right { 1.0 } else { -1.0 }).collect();
            let samples = Samples::new(&a, &y, 2).unwrap();
            let found = hard_margin(&samples, 1e-3, 100_000).unwrap();
            let searched = by_search(&samples);
            prop_assert!(found.lower <= found.upper * (1.0 + 1e-12));
            prop_assert!(found.upper <= 1.001 * found.lower);
            // The grid's best direction is within 4e-5 rad of the best one.
            prop_assert!(found.lower - 1e-4 <= searched && searched <= found.upper + 1e-12, "{found:?} {searched}");
        }
    }
}
