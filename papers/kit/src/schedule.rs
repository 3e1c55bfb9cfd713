//! Learning rates over a training run.

/// The share of the initial rate at step `step` of `total` on half a cosine: 1 at step 0, towards 0 at the end.
///
/// ```
/// use papers_kit::schedule::cosine;
/// assert_eq!(cosine(0, 10), 1.0);
/// assert!((cosine(5, 10) - 0.5).abs() < 1e-12 && cosine(10, 10) < 1e-12);
/// ```
pub fn cosine(step: usize, total: usize) -> f64 {
    let progress = step.min(total) as f64 / total.max(1) as f64;
    0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}
