//! The output layer whose exact step costs O(d²) per example, whatever the number of classes.

use harness_core::error::{Error, Result};

use super::loss::ZLoss;

/// A guard against a badly conditioned U: where the update would divide by less than this, the layer is refactored.
const SMALLEST_PIVOT: f64 = 1e-3;
/// Steps between two looks at the condition of U.
const STEPS_BETWEEN_CHECKS: u64 = 100;
/// The condition number of U above which the layer is refactored.
const LARGEST_CONDITION: f64 = 1e4;
/// Below this share of the mean square, a variance is rounding: σ² = q/D − μ² is a difference of near-equal numbers.
const SMALLEST_VARIANCE_SHARE: f64 = 1e-12;

/// A bias-free output layer W (D × d) with the Z-loss, trained by exact stochastic gradient steps in O(d²).
///
/// **Definition**: W = V U + 1ωᵀ is never formed. With h the input of the layer, c its target and
/// Q = WᵀW, w̄ = Wᵀ1 kept up to date, the sum s = w̄ᵀh and the sum of squares q = hᵀQh of the outputs o = Wh cost
/// O(d²), and with o_c they are all that the loss needs. The step W ← W − η(∂L/∂o)hᵀ is
/// −η(2l_q o + l_s 1 + l_c e_c)hᵀ with l_q, l_s, l_c the derivatives of L by q, s and o_c: a change of U, of ω and of
/// one row of V.
///
/// **Paper**: used by arXiv 1604.08859 for its timings; the algorithm is that of Vincent, de Brébisson and Bouthillier,
/// arXiv 1412.7091, extended to losses that depend on the sum of the outputs.
///
/// **Arguments**: W row-major with D ≥ 2 rows and d ≥ 1 columns; h of d finite numbers; η > 0.
///
/// **Differences**: examples are taken one after the other, where the authors' code updates with a block of a whole
/// mini-batch (the same cost per example). V is kept in single precision, which is what grows with D; all that is of
/// size d or d² in double. The new (U⁻¹)ᵀh is (U⁻¹)ᵀh/(1 − κ‖h‖²), by the Sherman–Morrison formula that updates U⁻¹.
/// Every 100 steps the layer is refactored (V ← W, U ← I, ω ← 0, and Q, w̄ anew from W: O(Dd²)) where ‖U‖‖U⁻¹‖ in
/// Frobenius norms, an upper bound of the condition number, exceeds 10⁴; and at once where 1 − κ‖h‖² is nearly 0,
/// since that step has no factored form. A variance that is only rounding counts as 0: no gradient.
///
/// **Errors**: [`Error::Input`] for impossible shapes, targets and rates; [`Error::Diverged`] where a result is not
/// finite.
///
/// **Example**
/// ```
/// use papers_classification::z_loss::{FactoredLayer, ZLossConfig};
///
/// let weights = [0.1, 0.4, -0.3, 0.2, 0.5, -0.1];
/// let mut layer = FactoredLayer::new(&weights, 3, 2)?;
/// let loss = ZLossConfig::new().init()?;
/// let before = layer.update(&[1.0, -0.5], 2, 0.1, &loss)?.loss;
/// let after = layer.update(&[1.0, -0.5], 2, 0.1, &loss)?.loss;
/// assert!(after < before);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FactoredLayer {
    classes: usize,
    width: usize,
    /// V, `[D, d]` row-major.
    rows: Vec<f32>,
    /// U, `[d, d]`.
    mixing: Vec<f64>,
    /// U⁻¹.
    inverse: Vec<f64>,
    /// ω, `[d]`.
    offset: Vec<f64>,
    /// Q = WᵀW, `[d, d]`.
    gram: Vec<f64>,
    /// w̄ = Wᵀ1, `[d]`.
    column_sums: Vec<f64>,
    steps: u64,
    refactored: u64,
}

/// What a step returns.
#[derive(Debug, Clone, PartialEq)]
pub struct FactoredStep {
    /// The loss before the step.
    pub loss: f64,
    /// ∂L/∂h with the weights before the step, `[d]`: what the layer below is trained with.
    pub hidden_gradient: Vec<f64>,
}

/// The derivatives of the loss by the three numbers that it depends on.
#[derive(Debug, Clone, Copy)]
struct Slopes {
    by_square: f64,
    by_sum: f64,
    by_target: f64,
}

impl FactoredLayer {
    /// A layer with these weights: `[classes, width]`, row-major.
    ///
    /// # Errors
    /// [`Error::Input`] where there are fewer than two classes, no column, another number of weights, or one that is
    /// not finite.
    pub fn new(weights: &[f32], classes: usize, width: usize) -> Result<Self> {
        if classes < 2 || width < 1 {
            return Err(Error::Input(format!(
                "a factored layer needs at least 2 classes and 1 column, but has {classes} and {width}"
            )));
        }
        if classes.checked_mul(width) != Some(weights.len()) {
            return Err(Error::Input(format!(
                "a factored layer of {classes} x {width} needs as many weights, but got {}",
                weights.len()
            )));
        }
        if let Some(bad) = weights.iter().find(|weight| !weight.is_finite()) {
            return Err(Error::Input(format!("weights must be finite, but one is {bad}")));
        }
        let mut layer = FactoredLayer {
            classes,
            width,
            rows: Vec::new(),
            mixing: Vec::new(),
            inverse: Vec::new(),
            offset: Vec::new(),
            gram: Vec::new(),
            column_sums: Vec::new(),
            steps: 0,
            refactored: 0,
        };
        layer.reset(weights.to_vec());
        Ok(layer)
    }

    /// One stochastic gradient step at rate `lr` on the example `hidden` with class `target`.
    ///
    /// # Errors
    /// [`Error::Input`] for an input of another width or not finite, a target outside, a rate that is not above 0;
    /// [`Error::Diverged`] where the loss or the step is not finite. The layer is unchanged after an error.
    pub fn update(&mut self, hidden: &[f32], target: usize, lr: f64, loss: &ZLoss) -> Result<FactoredStep> {
        let target_row = self.check(hidden, target, lr)?;
        let hidden: Vec<f64> = hidden.iter().map(|value| f64::from(*value)).collect();
        let classes = self.classes as f64;

        // The three numbers that the loss depends on.
        let target_weights = plus(&transposed_times(&self.mixing, target_row), &self.offset); // w_c = Uᵀv_c + ω
        let gram_hidden = times(&self.gram, &hidden); // Qh
        let square = dot(&gram_hidden, &hidden);
        let sum = dot(&self.column_sums, &hidden);
        let output = dot(&target_weights, &hidden);

        let mean = sum / classes;
        let variance = (square / classes - mean * mean).max(0.0);
        let (z, slopes) = if variance <= SMALLEST_VARIANCE_SHARE * (square / classes).abs() {
            (0.0, Slopes { by_square: 0.0, by_sum: 0.0, by_target: 0.0 })
        } else {
            let sigma = variance.sqrt();
            let z = (output - mean) / (sigma + loss.eps());
            let by_output = loss.value_and_slope(z).1 / (sigma + loss.eps());
            let by_square = -by_output * z / (2.0 * classes * sigma);
            let by_sum = by_output * (z * mean / sigma - 1.0) / classes;
            (z, Slopes { by_square, by_sum, by_target: by_output })
        };
        let value = loss.value_and_slope(z).0;

        // ∂L/∂h = Wᵀ(∂L/∂o) = 2l_q Qh + l_s w̄ + l_c w_c
        let Slopes { by_square, by_sum, by_target } = slopes;
        let hidden_gradient: Vec<f64> = gram_hidden
            .iter()
            .zip(&self.column_sums)
            .zip(&target_weights)
            .map(|((gram, column), weight)| 2.0 * by_square * gram + by_sum * column + by_target * weight)
            .collect();
        // ‖∂L/∂o‖²
        let squared_slope = 4.0 * by_square * by_square * square
            + by_sum * by_sum * classes
            + by_target * by_target
            + 4.0 * by_square * by_sum * sum
            + 4.0 * by_square * by_target * output
            + 2.0 * by_sum * by_target;
        let finite = value.is_finite() && squared_slope.is_finite() && hidden_gradient.iter().all(|t| t.is_finite());
        if !finite {
            return Err(Error::Diverged(format!("the factored step is not finite: loss {value}, z-score {z}")));
        }

        let kappa = 2.0 * lr * by_square;
        let pivot = 1.0 - kappa * dot(&hidden, &hidden);
        if pivot.abs() < SMALLEST_PIVOT {
            self.dense_step(&hidden, target, lr, slopes);
        } else {
            self.step_statistics(&hidden, &hidden_gradient, lr, slopes, sum, squared_slope);
            self.step_factors(&hidden, target, lr, slopes, kappa, pivot);
        }
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_BETWEEN_CHECKS) && self.condition() > LARGEST_CONDITION {
            self.refactor();
        }
        Ok(FactoredStep { loss: value, hidden_gradient })
    }

    fn check(&self, hidden: &[f32], target: usize, lr: f64) -> Result<&[f32]> {
        if hidden.len() != self.width {
            return Err(Error::Input(format!(
                "the input of the layer must have {} numbers, but has {}",
                self.width,
                hidden.len()
            )));
        }
        if let Some(bad) = hidden.iter().find(|value| !value.is_finite()) {
            return Err(Error::Input(format!("the input of the layer must be finite, but holds {bad}")));
        }
        if !(lr.is_finite() && lr > 0.0) {
            return Err(Error::Input(format!("the learning rate must be a finite number above 0, but is {lr}")));
        }
        self.row_range(target).and_then(|range| self.rows.get(range)).ok_or_else(|| {
            Error::Input(format!("the target is {target}, expected a class from 0 to {}", self.classes - 1))
        })
    }

    fn row_range(&self, class: usize) -> Option<std::ops::Range<usize>> {
        (class < self.classes).then(|| class * self.width..(class + 1) * self.width)
    }

    /// Q ← Q − η(thᵀ + htᵀ) + η²n hhᵀ and w̄ ← w̄ − η(2l_q s + l_s D + l_c)h.
    fn step_statistics(&mut self, hidden: &[f64], t: &[f64], lr: f64, slopes: Slopes, sum: f64, squared_slope: f64) {
        let both = lr * lr * squared_slope;
        for ((row, h_i), t_i) in self.gram.chunks_exact_mut(self.width).zip(hidden).zip(t) {
            let by_hidden = both * h_i - lr * t_i;
            let by_t = lr * h_i;
            for ((entry, h_j), t_j) in row.iter_mut().zip(hidden).zip(t) {
                *entry += by_hidden * h_j - by_t * t_j;
            }
        }
        let total = 2.0 * slopes.by_square * sum + slopes.by_sum * self.classes as f64 + slopes.by_target;
        add_scaled(&mut self.column_sums, -lr * total, hidden);
    }

    /// U, ω, U⁻¹ and row c of V.
    fn step_factors(&mut self, hidden: &[f64], target: usize, lr: f64, slopes: Slopes, kappa: f64, pivot: f64) {
        let mixed = times(&self.mixing, hidden); // Uh
        add_outer(&mut self.mixing, -kappa, &mixed, hidden);
        let shift = -kappa * dot(hidden, &self.offset) - lr * slopes.by_sum;
        add_scaled(&mut self.offset, shift, hidden);
        let unmixed = transposed_times(&self.inverse, hidden); // (U⁻¹)ᵀh
        add_outer(&mut self.inverse, kappa / pivot, hidden, &unmixed);
        let scale = -lr * slopes.by_target / pivot;
        if let Some(row) = self.row_range(target).and_then(|range| self.rows.get_mut(range)) {
            for (entry, direction) in row.iter_mut().zip(&unmixed) {
                *entry = (f64::from(*entry) + scale * direction) as f32;
            }
        }
    }

    /// The same step on the weights themselves, for the rare input at which U has no update: O(Dd²).
    fn dense_step(&mut self, hidden: &[f64], target: usize, lr: f64, slopes: Slopes) {
        let mut weights = self.weights();
        for (class, row) in weights.chunks_exact_mut(self.width).enumerate() {
            let output = dot(row, hidden);
            let own = if class == target { slopes.by_target } else { 0.0 };
            add_scaled(row, -lr * (2.0 * slopes.by_square * output + slopes.by_sum + own), hidden);
        }
        self.reset(weights.into_iter().map(|weight| weight as f32).collect());
        self.refactored += 1;
    }

    /// V ← W, U ← I, ω ← 0, and Q, w̄ anew from W: O(Dd²).
    pub fn refactor(&mut self) {
        let weights = self.weights().into_iter().map(|weight| weight as f32).collect();
        self.reset(weights);
        self.refactored += 1;
    }

    fn reset(&mut self, weights: Vec<f32>) {
        let width = self.width;
        let mut gram = vec![0.0; width * width];
        let mut column_sums = vec![0.0; width];
        for row in weights.chunks_exact(width) {
            let row: Vec<f64> = row.iter().map(|weight| f64::from(*weight)).collect();
            add_outer(&mut gram, 1.0, &row, &row);
            add_scaled(&mut column_sums, 1.0, &row);
        }
        self.rows = weights;
        self.mixing = identity(width);
        self.inverse = identity(width);
        self.offset = vec![0.0; width];
        self.gram = gram;
        self.column_sums = column_sums;
    }

    /// An upper bound of the condition number of U.
    pub fn condition(&self) -> f64 {
        (dot(&self.mixing, &self.mixing) * dot(&self.inverse, &self.inverse)).sqrt()
    }

    /// How often the layer was refactored.
    pub fn refactored(&self) -> u64 {
        self.refactored
    }

    /// W = V U + 1ωᵀ, `[D, d]` row-major: O(Dd²), for tests and for the end of training.
    pub fn weights(&self) -> Vec<f64> {
        self.rows
            .chunks_exact(self.width)
            .flat_map(|row| plus(&transposed_times(&self.mixing, row), &self.offset))
            .collect()
    }

    /// Q = WᵀW, `[d, d]` row-major, as kept up to date.
    pub fn gram(&self) -> &[f64] {
        &self.gram
    }

    /// w̄ = Wᵀ1, `[d]`, as kept up to date.
    pub fn column_sums(&self) -> &[f64] {
        &self.column_sums
    }
}

fn identity(width: usize) -> Vec<f64> {
    (0..width * width).map(|at| f64::from(u8::from(at % (width + 1) == 0))).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn plus(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

fn add_scaled(x: &mut [f64], scale: f64, y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += scale * y;
    }
}

/// M x for a square matrix.
fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

/// Mᵀx for a square matrix.
fn transposed_times<T: Copy + Into<f64>>(matrix: &[f64], x: &[T]) -> Vec<f64> {
    let mut sum = vec![0.0; x.len()];
    for (row, scale) in matrix.chunks_exact(x.len()).zip(x) {
        add_scaled(&mut sum, (*scale).into(), row);
    }
    sum
}

/// M ← M + scale · x yᵀ.
fn add_outer(matrix: &mut [f64], scale: f64, x: &[f64], y: &[f64]) {
    for (row, x) in matrix.chunks_exact_mut(y.len()).zip(x) {
        add_scaled(row, scale * x, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::z_loss::loss::ZLossConfig;
    use harness_core::rng;
    use rand::{Rng, RngExt};
    use rand_distr::{Distribution, StandardNormal};

    struct Dense {
        weights: Vec<f64>,
        classes: usize,
        width: usize,
    }

    impl Dense {
        /// One step from the definition of the loss, over all classes: returns the loss and ∂L/∂h.
        fn update(&mut self, hidden: &[f32], target: usize, lr: f64, loss: &ZLoss) -> (f64, Vec<f64>) {
            let hidden: Vec<f64> = hidden.iter().map(|value| f64::from(*value)).collect();
            let outputs: Vec<f64> = self.weights.chunks(self.width).map(|row| dot(row, &hidden)).collect();
            let classes = self.classes as f64;
            let mean = outputs.iter().sum::<f64>() / classes;
            let sigma = (outputs.iter().map(|o| (o - mean).powi(2)).sum::<f64>() / classes).sqrt();
            let z = (outputs[target] - mean) / (sigma + loss.eps());
            let (value, slope) = loss.value_and_slope(z);
            let mut hidden_gradient = vec![0.0; self.width];
            for (class, output) in outputs.iter().enumerate() {
                let own = f64::from(u8::from(class == target));
                let gradient =
                    slope / (sigma + loss.eps()) * (own - 1.0 / classes - z * (output - mean) / (classes * sigma));
                let row = &mut self.weights[class * self.width..(class + 1) * self.width];
                add_scaled(&mut hidden_gradient, gradient, row);
                add_scaled(row, -lr * gradient, &hidden);
            }
            (value, hidden_gradient)
        }
    }

    fn draw(count: usize, scale: f64, rng: &mut impl Rng) -> Vec<f32> {
        (0..count).map(|_| (scale * Distribution::<f64>::sample(&StandardNormal, rng)) as f32).collect()
    }

    fn largest_difference(x: &[f64], y: &[f64]) -> f64 {
        assert_eq!(x.len(), y.len());
        x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
    }

    /// Runs both and compares everything after each step.
    fn compare(classes: usize, width: usize, steps: usize, lr: f64, scale: f64) {
        let mut rng = rng::stream("z_loss", "factored test", (classes * width + steps) as u64);
        let weights = draw(classes * width, 0.4, &mut rng);
        let mut layer = FactoredLayer::new(&weights, classes, width).unwrap();
        let mut dense = Dense { weights: weights.iter().map(|w| f64::from(*w)).collect(), classes, width };
        let loss = ZLossConfig::new().with_a(0.7).with_b(2.0).init().unwrap();
        for step in 0..steps {
            let hidden = draw(width, scale, &mut rng);
            let target = rng.random_range(0..classes);
            let (value, gradient) = dense.update(&hidden, target, lr, &loss);
            let got = layer.update(&hidden, target, lr, &loss).unwrap();
            let size = dense.weights.iter().fold(1.0, |max: f64, w| max.max(w.abs()));
            assert!((got.loss - value).abs() < 1e-4 * value.abs().max(1.0), "loss at step {step}");
            let gradient_size = gradient.iter().fold(1e-3, |max: f64, t| max.max(t.abs()));
            assert!(largest_difference(&got.hidden_gradient, &gradient) < 1e-3 * gradient_size, "∂L/∂h at {step}");
            assert!(largest_difference(&layer.weights(), &dense.weights) < 1e-4 * size, "weights at step {step}");
            let mut gram = vec![0.0; width * width];
            let mut sums = vec![0.0; width];
            for row in dense.weights.chunks(width) {
                add_outer(&mut gram, 1.0, row, row);
                add_scaled(&mut sums, 1.0, row);
            }
            let gram_size = gram.iter().fold(1.0, |max: f64, entry| max.max(entry.abs()));
            assert!(largest_difference(layer.gram(), &gram) < 1e-4 * gram_size, "Q at step {step}");
            assert!(largest_difference(layer.column_sums(), &sums) < 1e-4 * gram_size, "w̄ at step {step}");
        }
    }

    #[test]
    fn equals_the_dense_step() {
        compare(6, 3, 20, 0.1, 1.0);
        compare(50, 8, 50, 0.1, 1.0);
        compare(2, 1, 5, 0.05, 1.0);
        compare(200, 16, 50, 0.5, 1.0);
        compare(12, 4, 500, 0.3, 1.5);
    }

    /// The rate at which the next step on `hidden` has 1 − κ‖h‖² = `pivot`: for the target with the largest output
    /// where U is to shrink, and with the smallest where it is to grow.
    fn rate_for_pivot(dense: &Dense, hidden: &[f32], pivot: f64, loss: &ZLoss) -> (usize, f64) {
        let input: Vec<f64> = hidden.iter().map(|value| f64::from(*value)).collect();
        let outputs: Vec<f64> = dense.weights.chunks(dense.width).map(|row| dot(row, &input)).collect();
        let classes = dense.classes as f64;
        let mean = outputs.iter().sum::<f64>() / classes;
        let variance = outputs.iter().map(|o| (o - mean).powi(2)).sum::<f64>() / classes;
        let side = 1.0 - pivot;
        let target = (0..dense.classes).max_by(|a, b| (side * outputs[*a]).total_cmp(&(side * outputs[*b]))).unwrap();
        let z = (outputs[target] - mean) / variance.sqrt();
        // κ‖h‖² = −η G z ‖h‖² / (D σ²)
        (target, side * classes * variance / (-loss.value_and_slope(z).1 * z * dot(&input, &input)))
    }

    #[test]
    fn a_step_without_a_factored_form_is_made_densely() {
        let weights = [0.5f32, -0.2, 0.1, 0.9, -0.4, 0.3, 0.2, 0.2];
        let hidden = [1.0f32, 2.0];
        let loss = ZLossConfig::new().init().unwrap();
        let mut layer = FactoredLayer::new(&weights, 4, 2).unwrap();
        let mut dense = Dense { weights: weights.iter().map(|w| f64::from(*w)).collect(), classes: 4, width: 2 };
        let (target, lr) = rate_for_pivot(&dense, &hidden, 0.0, &loss);
        dense.update(&hidden, target, lr, &loss);
        layer.update(&hidden, target, lr, &loss).unwrap();
        assert_eq!(layer.refactored(), 1);
        assert!(largest_difference(&layer.weights(), &dense.weights) < 1e-5);
    }

    #[test]
    fn a_badly_conditioned_layer_is_refactored_at_the_hundredth_step() {
        let mut rng = rng::stream("z_loss", "condition", 0);
        let weights = draw(12 * 3, 0.5, &mut rng);
        let loss = ZLossConfig::new().init().unwrap();
        let mut layer = FactoredLayer::new(&weights, 12, 3).unwrap();
        let mut dense = Dense { weights: weights.iter().map(|w| f64::from(*w)).collect(), classes: 12, width: 3 };
        // Each of these steps stretches U thirtyfold along its input.
        for _ in 0..3 {
            let hidden = [0.6f32, -0.3, 0.2];
            let (target, lr) = rate_for_pivot(&dense, &hidden, 30.0, &loss);
            dense.update(&hidden, target, lr, &loss);
            layer.update(&hidden, target, lr, &loss).unwrap();
        }
        assert!(layer.condition() > LARGEST_CONDITION && layer.refactored() == 0);
        for step in 3..100 {
            assert_eq!(layer.refactored(), 0, "before step {step}");
            let hidden = draw(3, 1.0, &mut rng);
            let target = rng.random_range(0..12);
            dense.update(&hidden, target, 1e-3, &loss);
            layer.update(&hidden, target, 1e-3, &loss).unwrap();
        }
        assert_eq!(layer.refactored(), 1);
        assert!((layer.condition() - 3.0).abs() < 1e-12, "U is the identity");
        let size = dense.weights.iter().fold(0.0, |max: f64, w| max.max(w.abs()));
        assert!(largest_difference(&layer.weights(), &dense.weights) < 1e-3 * size);
    }

    #[test]
    fn a_step_writes_one_row_of_v_only() {
        // The claim about time is void where the layer touches all rows.
        let weights = draw(40 * 4, 0.5, &mut rng::stream("z_loss", "rows", 0));
        let mut layer = FactoredLayer::new(&weights, 40, 4).unwrap();
        let before = layer.rows.clone();
        layer.update(&[0.3, -0.2, 0.9, 1.1], 7, 0.1, &ZLossConfig::new().init().unwrap()).unwrap();
        let changed: Vec<usize> =
            (0..40).filter(|class| layer.rows[class * 4..][..4] != before[class * 4..][..4]).collect();
        assert_eq!(changed, [7]);
        assert_eq!(layer.refactored(), 0);
    }

    #[test]
    fn constant_outputs_have_no_gradient() {
        let loss = ZLossConfig::new().init().unwrap();
        // All rows equal, all weights 0, and an input of 0: σ is 0 in all three.
        for (weights, hidden) in [
            ([0.1f32, -0.7, 0.1, -0.7, 0.1, -0.7], [0.3f32, 0.9]),
            ([0.0; 6], [1.0, 1.0]),
            ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.0; 2]),
        ] {
            let mut layer = FactoredLayer::new(&weights, 3, 2).unwrap();
            let step = layer.update(&hidden, 1, 0.1, &loss).unwrap();
            assert!((step.loss - 2f64.ln()).abs() < 1e-12);
            assert_eq!(step.hidden_gradient, [0.0; 2]);
            let want: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
            assert_eq!(layer.weights(), want);
        }
    }

    #[test]
    fn impossible_inputs_are_refused() {
        assert!(FactoredLayer::new(&[1.0], 1, 1).is_err());
        assert!(FactoredLayer::new(&[], 2, 0).is_err());
        assert!(FactoredLayer::new(&[1.0; 5], 2, 3).is_err());
        assert!(FactoredLayer::new(&[f32::NAN, 1.0], 2, 1).is_err());
        let loss = ZLossConfig::new().init().unwrap();
        let mut layer = FactoredLayer::new(&[1.0, 2.0, 3.0, 5.0], 2, 2).unwrap();
        assert!(layer.update(&[1.0], 0, 0.1, &loss).is_err());
        assert!(layer.update(&[1.0, f32::NAN], 0, 0.1, &loss).is_err());
        assert!(layer.update(&[1.0, 1.0], 2, 0.1, &loss).is_err());
        assert!(layer.update(&[1.0, 1.0], 0, 0.0, &loss).is_err());
        assert!(layer.update(&[1.0, 1.0], 0, f64::NAN, &loss).is_err());
    }
}
