//! Labelled points, seen through the products `uᵢ = yᵢ aᵢ`.

use harness_core::{Error, Result};

/// A data set of `n` points in `d` dimensions with labels ±1.
///
/// Every method of the paper sees a point only through `uᵢ = yᵢ aᵢ`: `θ` classifies it rightly where `uᵢᵀθ > 0`. The
/// products are what is kept, row-major, so that no pass over the data multiplies by a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    signed: Vec<f64>,
    n: usize,
    d: usize,
}

impl Samples {
    /// Joins points and labels.
    ///
    /// **Arguments**: `a` of shape `[n, d]`, row-major; `y` of shape `[n]`, each +1 or −1; `d`, the number of features.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no point or no feature, the sizes disagree, a label is not ±1 or a value is not
    /// finite.
    pub fn new(a: &[f64], y: &[f64], d: usize) -> Result<Self> {
        let n = y.len();
        if n == 0 || d == 0 {
            return Err(Error::Input(format!("expected at least one point and one feature, got shape [{n}, {d}]")));
        }
        if n.checked_mul(d) != Some(a.len()) {
            return Err(Error::Input(format!("`a` has {} values, expected {n} x {d}: one row per label", a.len())));
        }
        if let Some((at, label)) = y.iter().enumerate().find(|(_, label)| label.abs() != 1.0) {
            return Err(Error::Input(format!("`y`[{at}] is {label}, expected +1 or -1")));
        }
        if let Some((at, value)) = a.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::Input(format!("`a`[{}, {}] is {value}, expected a finite number", at / d, at % d)));
        }
        let signed = a.chunks_exact(d).zip(y).flat_map(|(row, label)| row.iter().map(move |x| label * x)).collect();
        Ok(Samples { signed, n, d })
    }

    /// Number of points, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a point")]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Number of features, at least 1.
    pub fn dim(&self) -> usize {
        self.d
    }

    /// The rows `uᵢ`, in order, each of length `d`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.signed.chunks_exact(self.d)
    }

    /// `R = maxᵢ ‖aᵢ‖`.
    pub fn radius(&self) -> f64 {
        self.rows().map(|row| dot(row, row).sqrt()).fold(0.0, f64::max)
    }

    /// How many points have `uᵢᵀθ ≤ 0`, a margin that is not a number included.
    pub fn misclassified(&self, theta: &[f64]) -> usize {
        self.rows().filter(|row| !is_right(dot(row, theta))).count()
    }

    /// `minᵢ uᵢᵀθ / ‖θ‖`, the margin that `theta` attains; −∞ at `θ = 0`.
    pub fn margin_of(&self, theta: &[f64]) -> f64 {
        let length = dot(theta, theta).sqrt();
        if length == 0.0 {
            return f64::NEG_INFINITY;
        }
        self.rows().map(|row| dot(row, theta)).fold(f64::INFINITY, f64::min) / length
    }

    /// Refuses a `theta` that is not a finite vector of length `d`.
    ///
    /// # Errors
    /// [`Error::Input`] saying which.
    pub fn check_theta(&self, theta: &[f64]) -> Result<()> {
        if theta.len() != self.d {
            return Err(Error::Input(format!("`theta` has {} values, expected {}", theta.len(), self.d)));
        }
        match theta.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((at, value)) => Err(Error::Input(format!("`theta`[{at}] is {value}, expected a finite number"))),
            None => Ok(()),
        }
    }
}

/// Whether a margin `uᵢᵀθ` means that the point is classified rightly: strictly, so that nothing is at `θ = 0`.
pub(super) fn is_right(margin: f64) -> bool {
    margin > 0.0
}

/// Scalar product. Eight running sums let the compiler use vector instructions, which it may not do with one, because
/// that would change the order of additions.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (chunks_a, chunks_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// `target += factor · row`.
pub(super) fn add_scaled(target: &mut [f64], factor: f64, row: &[f64]) {
    for (target, value) in target.iter_mut().zip(row) {
        *target += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_margin_is_misclassified() {
        let samples = Samples::new(&[1.0, 0.0, 0.0, 1.0], &[1.0, -1.0], 2).unwrap();
        assert_eq!(samples.misclassified(&[0.0, 0.0]), 2);
        assert_eq!(samples.misclassified(&[1.0, 0.0]), 1);
        assert_eq!(samples.misclassified(&[1.0, -1e-300]), 0);
        assert_eq!(samples.misclassified(&[f64::NAN, -1.0]), 2);
    }

    #[test]
    fn impossible_data_is_refused() {
        for (a, y, d) in [
            (vec![], vec![], 2),
            (vec![], vec![1.0], 0),
            (vec![1.0; 3], vec![1.0; 2], 2),
            (vec![1.0; 2], vec![0.0; 2], 1),
            (vec![1.0; 2], vec![1.0, f64::NAN], 1),
            (vec![1.0, f64::INFINITY], vec![1.0; 2], 1),
        ] {
            assert!(matches!(Samples::new(&a, &y, d), Err(Error::Input(_))), "{a:?} {y:?} {d}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_scalar_product_agrees_with_the_plain_sum(pairs in proptest::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 0..40)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs.iter().map(|(a, b)| a * b).sum();
            let size: f64 = pairs.iter().map(|(a, b)| (a * b).abs()).sum();
            proptest::prop_assert!((dot(&a, &b) - plain).abs() <= 1e-14 * size);
        }
    }
}
