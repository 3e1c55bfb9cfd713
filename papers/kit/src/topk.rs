//! Top-k error: how often the target is not among the k largest outputs.

use harness_core::backend::{IntTensor, Tensor};

/// The rank of each target among the outputs of its row, from 0: #{o_j > o_c} + #{j < c, o_j = o_c}.
///
/// Equal outputs are ranked by their index. A target is among the k largest where its rank is below k. An output
/// that is NaN counts as larger than every other, and a target whose own output is NaN has the rank D: a diverged
/// model is wrong at every k.
///
/// `outputs` is `[n, D]`, `targets` `[n]` with classes from 0 to D − 1; the result is `[n]`.
pub fn ranks(outputs: Tensor<2>, targets: IntTensor<1>) -> IntTensor<1> {
    let [_, classes] = outputs.dims();
    let device = outputs.device();
    let outputs = outputs.detach();
    let targets = targets.unsqueeze_dim::<2>(1); // [n, 1]
    let own = outputs.clone().gather(1, targets.clone()); // [n, 1]
    let order = IntTensor::<1>::arange(0..classes as i64, &device).unsqueeze_dim::<2>(0); // [1, D]
    // Written with the negation, so that NaN is never taken for a small output.
    let above = outputs.clone().lower_equal(own.clone()).bool_not();
    let before = outputs.equal(own).bool_and(order.lower(targets));
    above.bool_or(before).int().sum_dim(1).squeeze_dim(1)
}

/// The share of ranks that are not below `k`; NaN where there is no rank.
///
/// ```
/// assert_eq!(papers_kit::topk::error(&[0, 3, 1, 9], 2), 0.5);
/// ```
pub fn error(ranks: &[i64], k: usize) -> f64 {
    ranks.iter().filter(|rank| **rank >= k as i64).count() as f64 / ranks.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    fn ranks_of(rows: &[[f32; 4]], targets: &[i64]) -> Vec<i64> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let flat: Vec<f32> = rows.iter().flatten().copied().collect();
        let outputs = Tensor::<1>::from_data(flat.as_slice(), &device).reshape([rows.len(), 4]);
        ranks(outputs, IntTensor::from_data(targets, &device)).into_data().iter::<i64>().collect()
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        let row = [1.0, 2.0, 2.0, 0.0];
        assert_eq!(ranks_of(&[row; 4], &[0, 1, 2, 3]), [2, 0, 1, 3]);
        assert_eq!(ranks_of(&[[5.0; 4]; 2], &[0, 3]), [0, 3]);
    }

    #[test]
    fn a_diverged_row_is_wrong_at_every_k() {
        let ranks = ranks_of(&[[f32::NAN; 4], [1.0, f32::NAN, 0.0, 0.0], [f32::NEG_INFINITY, 0.0, 0.0, 0.0]], &[0; 3]);
        assert_eq!(ranks, [4, 1, 3]);
        assert_eq!(error(&ranks, 4), 1.0 / 3.0);
    }
}
