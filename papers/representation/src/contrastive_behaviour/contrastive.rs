//! The softmax contrastive loss over all or over the hardest negatives, and its penalties.

use burn::config::Config;
use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};

use super::negatives::{Hardest, negative_mask, positives};

/// The temperature of the contrastive loss, and the share of negatives that it looks at.
#[derive(Config, Debug, PartialEq)]
pub struct ContrastiveLossConfig {
    /// τ: above 0. The smaller, the more the hardest negatives count.
    pub temperature: f64,
    /// α: the share of negatives that is kept, hardest first, in (0, 1]; 1 keeps all.
    #[config(default = 1.0)]
    pub hardest: f64,
}

impl ContrastiveLossConfig {
    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Input`] where `temperature` is not a finite number above 0 or `hardest` is not in (0, 1].
    pub fn init(&self) -> Result<ContrastiveLoss> {
        Ok(ContrastiveLoss { temperature: check_temperature(self.temperature)?, hardest: Hardest::new(self.hardest)? })
    }
}

fn check_temperature(temperature: f64) -> Result<f64> {
    if temperature.is_finite() && temperature > 0.0 {
        Ok(temperature)
    } else {
        Err(Error::Input(format!("the temperature must be a finite number above 0, but is {temperature}")))
    }
}

/// The contrastive loss, plain and with hard negatives only.
///
/// **Definition**: for anchor i with similarity s_ii to its own other view and s_ik to the views of others,
/// L_i = −ln[ exp(s_ii/τ) / (exp(s_ii/τ) + Σ_k exp(s_ik/τ)) ], the sum running over the kept negatives: all k ≠ i, or
/// those with s_ik at least the ⌈α(m − 1)⌉-th largest of the m − 1 negatives (equals are kept). Which negatives are
/// kept has no gradient.
///
/// **Paper**: Wang and Liu, arXiv 2012.09740: the contrastive loss and the hard contrastive loss.
///
/// **Arguments**: similarities `[n, m]` with m ≥ n and m ≥ 2, row i an anchor, column i its positive, all other columns
/// negatives; for cosine similarities in [−1, 1], but any finite numbers do.
///
/// **Differences**: negatives are the other columns, that is second views (and a memory bank where the caller
/// appends it); there are no negatives within a view. Computed from differences s_ik − s_ii, which keeps the digits of
/// small losses.
///
/// **Errors**: none after [`ContrastiveLossConfig::init`]; a matrix of fewer columns than rows is a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_representation::contrastive_behaviour::ContrastiveLossConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let similarities = Tensor::<2>::from_data([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]], &device);
/// let loss = ContrastiveLossConfig::new(0.2).init()?.forward(similarities);
/// assert!((read_f32(loss)[0] - (1.0 + 2.0 * (-4.0f32).exp()).ln()).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContrastiveLoss {
    temperature: f64,
    hardest: Hardest,
}

impl ContrastiveLoss {
    /// The mean loss over anchors, `[1]`.
    pub fn forward(&self, similarities: Tensor<2>) -> Tensor<1> {
        self.forward_no_reduction(similarities).mean()
    }

    /// The loss of each anchor, `[n]`.
    pub fn forward_no_reduction(&self, similarities: Tensor<2>) -> Tensor<1> {
        let dropped = self.hardest.kept(&similarities).bool_not();
        let positive = positives(&similarities); // [n, 1]
        // L = ln(1 + Σ exp d) with d = (s_ik − s_ii)/τ, shifted by the largest exponent (that of the 1 included).
        let exponents = (similarities - positive) / self.temperature; // [n, m]
        let largest = exponents.clone().detach().mask_fill(dropped.clone(), 0.0).max_dim(1).clamp_min(0.0);
        let terms = (exponents - largest.clone()).mask_fill(dropped, f32::NEG_INFINITY).exp();
        let one = (-largest.clone()).exp();
        (largest + (terms.sum_dim(1) + (one - 1.0)).log1p()).squeeze_dim(1)
    }
}

/// How an anchor's penalty spreads over its negatives.
///
/// **Definition**: r_ij = |∂L_i/∂s_ij| / |∂L_i/∂s_ii| = exp(s_ij/τ)/Σ_{k≠i} exp(s_ik/τ) for j ≠ i, and 0 for j = i: a
/// Boltzmann distribution over the negatives, whose entropy grows with τ.
///
/// **Paper**: Wang and Liu, arXiv 2012.09740: the relative penalty.
///
/// **Arguments**: similarities `[n, m]` as for [`ContrastiveLoss`]; `temperature` τ above 0.
///
/// **Differences**: none.
///
/// **Errors**: [`Error::Input`] where the temperature is not a finite number above 0.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_representation::contrastive_behaviour::relative_penalty;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let similarities = Tensor::<2>::from_data([[0.9, 0.3, 0.3], [0.5, 0.9, 0.1], [0.0, 0.0, 0.0]], &device);
/// let penalty = read_f32(relative_penalty(similarities, 0.1)?);
/// assert_eq!(penalty[..3], [0.0, 0.5, 0.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn relative_penalty(similarities: Tensor<2>, temperature: f64) -> Result<Tensor<2>> {
    let temperature = check_temperature(temperature)?;
    let positive = negative_mask(&similarities).bool_not();
    let scaled = (similarities / temperature).mask_fill(positive, f32::NEG_INFINITY);
    let largest = scaled.clone().detach().max_dim(1);
    let terms = (scaled - largest).exp();
    Ok(terms.clone() / terms.sum_dim(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use proptest::prelude::*;

    /// Losses and gradients of their sum in double precision, from the definition.
    fn reference(rows: &[Vec<f64>], tau: f64, alpha: f64) -> (Vec<f64>, Vec<f64>) {
        let (mut losses, mut gradients) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let mut others: Vec<f64> = (0..row.len()).filter(|k| *k != i).map(|k| row[k]).collect();
            others.sort_by(|a, b| b.total_cmp(a));
            let threshold = others[Hardest::new(alpha).unwrap().count(others.len()) - 1];
            let keep = |k: usize| k == i || row[k] >= threshold;
            let largest = (0..row.len()).filter(|k| keep(*k)).map(|k| row[k]).fold(f64::MIN, f64::max);
            let term = |k: usize| if keep(k) { ((row[k] - largest) / tau).exp() } else { 0.0 };
            let total: f64 = (0..row.len()).map(term).sum();
            // Without cancellation where the positive dominates.
            let negatives: f64 = (0..row.len()).filter(|k| *k != i).map(term).sum();
            losses.push(if row[i] == largest { negatives.ln_1p() } else { total.ln() - (row[i] - largest) / tau });
            for k in 0..row.len() {
                let share = term(k) / total;
                gradients.push(if k == i { -negatives / total / tau } else { share / tau });
            }
        }
        (losses, gradients)
    }

    fn run(rows: &[Vec<f64>], tau: f64, alpha: f64) -> (Vec<f32>, Vec<f32>) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let values: Vec<f32> = rows.iter().flatten().map(|value| *value as f32).collect();
        let similarities = Tensor::<1>::from_data(values.as_slice(), &device);
        let similarities = similarities.reshape([rows.len(), rows[0].len()]).require_grad();
        let loss = ContrastiveLossConfig::new(tau).with_hardest(alpha).init().unwrap();
        let losses = loss.forward_no_reduction(similarities.clone());
        let gradients = losses.clone().sum().backward();
        (read_f32(losses), read_f32(similarities.grad(&gradients).unwrap()))
    }

    fn agrees(rows: &[Vec<f64>], tau: f64, alpha: f64) {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|x| f64::from(*x as f32)).collect()).collect();
        let (losses, gradients) = run(&rows, tau, alpha);
        let (want_losses, want_gradients) = reference(&rows, tau, alpha);
        for (have, want) in losses.iter().zip(&want_losses) {
            assert!(
                (f64::from(*have) - want).abs() <= 1e-8 + 2e-5 * want,
                "losses {losses:?}, expected {want_losses:?}"
            );
        }
        for (have, want) in gradients.iter().zip(&want_gradients) {
            let near = (f64::from(*have) - want).abs() <= (1e-8 + 4e-5 * want.abs()).max(1e-7 / tau);
            assert!(near, "gradients {gradients:?}, expected {want_gradients:?}");
        }
    }

    #[test]
    fn extreme_similarities_are_finite_and_right() {
        // ±80 in the exponent, either way round.
        agrees(&[vec![1.0, -1.0, -1.0], vec![1.0, -1.0, 1.0], vec![-1.0, -1.0, -1.0]], 0.0125, 1.0);
        agrees(&[vec![1.0, -1.0, -1.0], vec![1.0, -1.0, 1.0], vec![-1.0, -1.0, -1.0]], 0.0125, 0.5);
        // A small loss keeps its digits.
        agrees(&[vec![0.9, 0.2], vec![0.1, 0.8]], 0.05, 1.0);
        agrees(&[vec![0.5, 0.5], vec![0.5, 0.5]], 100.0, 1.0);
        agrees(&[vec![0.1, 0.5], vec![0.5, 0.1]], 0.001, 1.0);
    }

    #[test]
    fn columns_beyond_the_square_are_negatives() {
        agrees(&[vec![0.1, 0.5, 0.7, -0.2], vec![0.5, 0.1, 0.3, 0.9]], 0.2, 1.0);
        agrees(&[vec![0.1, 0.5, 0.7, -0.2], vec![0.5, 0.1, 0.3, 0.9]], 0.2, 0.5);
    }

    #[test]
    fn the_positive_gets_as_much_gradient_as_all_negatives() {
        let (_, gradients) = run(&[vec![0.3, 0.1, 0.9], vec![0.2, 0.4, 0.6], vec![0.0, 0.1, 0.2]], 0.3, 1.0);
        for row in gradients.chunks(3) {
            assert!(row.iter().sum::<f32>().abs() < 1e-6, "{row:?}");
        }
    }

    #[test]
    fn impossible_hyper_parameters_are_refused() {
        for config in [
            ContrastiveLossConfig::new(0.0),
            ContrastiveLossConfig::new(-0.1),
            ContrastiveLossConfig::new(f64::NAN),
            ContrastiveLossConfig::new(f64::INFINITY),
            ContrastiveLossConfig::new(0.1).with_hardest(0.0),
            ContrastiveLossConfig::new(0.1).with_hardest(1.01),
        ] {
            assert!(matches!(config.init(), Err(Error::Input(_))), "{config:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn losses_and_gradients_agree_with_double_precision(
            n in 2usize..7,
            values in prop::collection::vec(-1.0f64..1.0, 36),
            tau in 0.02f64..3.0,
            alpha in 0.05f64..1.0,
        ) {
            let rows: Vec<Vec<f64>> = values.chunks(n).take(n).map(<[f64]>::to_vec).collect();
            agrees(&rows, tau, alpha);
            agrees(&rows, tau, 1.0);
        }

        #[test]
        fn penalties_are_a_distribution_that_favours_the_hardest(
            n in 2usize..7,
            values in prop::collection::vec(-1.0f32..1.0, 36),
            tau in 0.0125f64..3.0,
        ) {
            let device = DeviceChoice::Cpu.open().unwrap();
            let similarities = Tensor::<1>::from_data(&values[..n * n], &device).reshape([n, n]);
            let penalty = read_f32(relative_penalty(similarities, tau).unwrap());
            for (i, row) in penalty.chunks(n).enumerate() {
                prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                prop_assert_eq!(row[i], 0.0);
                for (j, k) in (0..n).flat_map(|j| (0..n).map(move |k| (j, k))).filter(|(j, k)| *j != i && *k != i) {
                    prop_assert!(values[i * n + j] < values[i * n + k] || row[j] >= row[k]);
                }
            }
        }
    }
}
