//! Two measures of how unit features lie on the sphere: uniformity and tolerance.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};
use papers_kit::similarity::normalize_rows;

/// Rows are divided by their norm, which is taken to be at least this.
const EPS: f64 = 1e-12;

/// How evenly features fill the sphere: the more negative, the more evenly.
///
/// **Definition**: U = ln mean_{i≠j} exp(−t‖f_i − f_j‖²) over ordered pairs, f_i = z_i/max(‖z_i‖, 1e-12).
///
/// **Paper**: Wang and Liu, arXiv 2012.09740, after Wang and Isola (2020); its plots show −U.
///
/// **Arguments**: features `[n, d]` with n ≥ 2, normalised inside; `t` above 0, 2 in the paper.
///
/// **Differences**: none. Squared distances, and no pair of a feature with itself.
///
/// **Errors**: [`Error::Input`] for fewer than two features or a `t` that is not a finite number above 0.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_representation::contrastive_behaviour::uniformity;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let opposite = Tensor::<2>::from_data([[3.0, 0.0], [-0.5, 0.0]], &device);
/// assert!((read_f32(uniformity(opposite, 2.0)?)[0] + 8.0).abs() < 1e-5, "two points at distance 2");
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn uniformity(features: Tensor<2>, t: f64) -> Result<Tensor<1>> {
    let [n, _] = features.dims();
    if n < 2 {
        return Err(Error::Input(format!("uniformity needs at least two features, but there are {n}")));
    }
    if !(t.is_finite() && t > 0.0) {
        return Err(Error::Input(format!("t must be a finite number above 0, but is {t}")));
    }
    let unit = normalize_rows(features, EPS);
    let square = unit.clone().square().sum_dim(1); // [n, 1]
    let products = unit.clone().matmul(unit.transpose());
    let distances = square.clone() + square.transpose() - products * 2.0; // [n, n]
    let own = super::negatives::negative_mask(&distances).bool_not();
    let exponents = (distances * -t).mask_fill(own, f32::NEG_INFINITY);
    let largest = exponents.clone().detach().max(); // [1]
    let terms = (exponents - largest.clone().unsqueeze_dim(0)).exp();
    // By rows first: a single sum over n² numbers would lose digits.
    let sum = terms.sum_dim(1).sum();
    Ok(sum.log() + largest - ((n * (n - 1)) as f64).ln())
}

/// How close features of one class are: the larger, the more a loss tolerates samples that are alike.
///
/// **Definition**: T = mean of f_i·f_j over ordered pairs i ≠ j with equal labels, f_i = z_i/max(‖z_i‖, 1e-12).
///
/// **Paper**: Wang and Liu, arXiv 2012.09740: the tolerance.
///
/// **Arguments**: features `[n, d]` of one view per sample, normalised inside; `labels`, one per feature, any numbers.
///
/// **Differences**: none.
///
/// **Errors**: [`Error::Input`] where features and labels are not as many or no two labels are equal.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_representation::contrastive_behaviour::tolerance;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let features = Tensor::<2>::from_data([[2.0, 0.0], [3.0, 4.0], [-1.0, 0.0]], &device);
/// assert!((read_f32(tolerance(features, &[7, 7, 8])?)[0] - 0.6).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn tolerance(features: Tensor<2>, labels: &[i64]) -> Result<Tensor<1>> {
    let [n, _] = features.dims();
    if n != labels.len() {
        return Err(Error::Input(format!(
            "tolerance needs a label per feature: {n} features, {} labels",
            labels.len()
        )));
    }
    let mut members: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (at, label) in labels.iter().enumerate() {
        members.entry(*label).or_default().push(at);
    }
    members.retain(|_, members| members.len() > 1);
    let pairs: usize = members.values().map(|members| members.len() * (members.len() - 1)).sum();
    if pairs == 0 {
        return Err(Error::Input("tolerance needs at least two features of equal label".into()));
    }
    // Over a class, Σ_{i≠j} f_i·f_j = ‖Σ f_i‖² − Σ ‖f_i‖².
    let mut belongs = vec![0.0f32; members.len() * n];
    let mut counts = vec![0.0f32; n];
    for (class, members) in members.values().enumerate() {
        for at in members {
            belongs[class * n + at] = 1.0;
            counts[*at] = 1.0;
        }
    }
    let device = features.device();
    let belongs = Tensor::<2>::from_data(TensorData::new(belongs, [members.len(), n]), &device);
    let counts = Tensor::<2>::from_data(TensorData::new(counts, [n, 1]), &device);
    let unit = normalize_rows(features, EPS);
    let sums = belongs.matmul(unit.clone()).square().sum_dim(1).sum();
    let own = (unit.square().sum_dim(1) * counts).sum();
    Ok((sums - own) / pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use proptest::prelude::*;

    fn tensor(values: &[f32], width: usize) -> Tensor<2> {
        let device = DeviceChoice::Cpu.open().unwrap();
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / width, width]), &device)
    }

    fn unit(values: &[f32], width: usize) -> Vec<Vec<f64>> {
        values
            .chunks(width)
            .map(|row| {
                let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(EPS);
                row.iter().map(|x| x / norm).collect()
            })
            .collect()
    }

    /// Both measures in double precision, from their definitions.
    fn reference(values: &[f32], width: usize, t: f64, labels: &[i64]) -> (f64, f64) {
        let rows = unit(values, width);
        let (mut terms, mut products) = (Vec::new(), Vec::new());
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate().filter(|(j, _)| *j != i) {
                terms.push(-t * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>());
                if labels[i] == labels[j] {
                    products.push(a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>());
                }
            }
        }
        let largest = terms.iter().copied().fold(f64::MIN, f64::max);
        let mean = terms.iter().map(|term| (term - largest).exp()).sum::<f64>() / terms.len() as f64;
        (largest + mean.ln(), products.iter().sum::<f64>() / products.len() as f64)
    }

    #[test]
    fn one_point_and_far_points_are_the_extremes() {
        let same = read_f32(uniformity(tensor(&[0.6, 0.8].repeat(5), 2), 2.0).unwrap())[0];
        assert!(same.abs() < 1e-5, "{same}");
        // exp(−4t) underflows in single precision.
        let far = read_f32(uniformity(tensor(&[1.0, 0.0, -1.0, 0.0], 2), 100.0).unwrap())[0];
        assert!((far + 400.0).abs() < 1e-2, "{far}");
    }

    #[test]
    fn rows_of_zeros_stay_zero_and_gradients_are_finite() {
        let features = tensor(&[0.0, 0.0, 1.0, 0.0, 0.0, 2.0], 2).require_grad();
        let value = uniformity(features.clone(), 2.0).unwrap();
        let want = ((2.0 * 2.0 * (-2.0f64).exp() + 2.0 * (-4.0f64).exp()) / 6.0).ln();
        assert!((f64::from(read_f32(value.clone())[0]) - want).abs() < 1e-6);
        let gradient = read_f32(features.grad(&value.backward()).unwrap());
        assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
        let value = read_f32(tolerance(tensor(&[0.0, 0.0, 1.0, 0.0], 2), &[1, 1]).unwrap())[0];
        assert_eq!(value, 0.0);
    }

    #[test]
    fn what_has_no_pair_is_refused() {
        assert!(uniformity(tensor(&[1.0, 0.0], 2), 2.0).is_err());
        for t in [0.0, -1.0, f64::NAN] {
            assert!(uniformity(tensor(&[1.0, 0.0, 0.0, 1.0], 2), t).is_err());
        }
        assert!(tolerance(tensor(&[1.0, 0.0, 0.0, 1.0], 2), &[0, 1]).is_err());
        assert!(tolerance(tensor(&[1.0, 0.0, 0.0, 1.0], 2), &[0, 0, 0]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn both_agree_with_double_precision(
            values in prop::collection::vec(-3.0f32..3.0, 30),
            labels in prop::collection::vec(-1i64..2, 10),
            t in 0.1f64..10.0,
        ) {
            let (uniform, tolerant) = reference(&values, 3, t, &labels);
            let have = f64::from(read_f32(uniformity(tensor(&values, 3), t).unwrap())[0]);
            prop_assert!((have - uniform).abs() < 2e-6 * (1.0 + 4.0 * t), "{} and {}", have, uniform);
            let have = f64::from(read_f32(tolerance(tensor(&values, 3), &labels).unwrap())[0]);
            prop_assert!((have - tolerant).abs() < 1e-6, "{} and {}", have, tolerant);
        }
    }
}
