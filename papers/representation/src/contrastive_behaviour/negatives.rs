//! Which similarities of an anchor are negatives, and which of them are the hardest.

use burn::tensor::Bool;
use harness_core::backend::{BoolTensor, Tensor};
use harness_core::error::{Error, Result};

/// The share α of negatives that a loss keeps, hardest first: in (0, 1]; 1 keeps all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hardest(f64);

impl Hardest {
    /// Keeps the share `alpha`.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not in (0, 1].
    pub fn new(alpha: f64) -> Result<Self> {
        if alpha > 0.0 && alpha <= 1.0 {
            Ok(Hardest(alpha))
        } else {
            Err(Error::Input(format!("alpha must be above 0 and at most 1, but is {alpha}")))
        }
    }

    /// How many of `negatives` are kept if no two are equal: the least whole number ≥ α·negatives (less 1e-9 for
    /// rounding), at least 1.
    ///
    /// ```
    /// use papers_representation::contrastive_behaviour::Hardest;
    /// assert_eq!(Hardest::new(0.1)?.count(127), 13);
    /// assert_eq!(Hardest::new(0.3)?.count(10), 3, "0.3·10 is a little above 3 in binary");
    /// # Ok::<(), harness_core::Error>(())
    /// ```
    pub fn count(self, negatives: usize) -> usize {
        ((self.0 * negatives as f64 - 1e-9).ceil() as usize).max(1)
    }

    /// The negatives that are kept of similarities `[n, m]`, m ≥ n, whose diagonal holds the positives: those at least
    /// as large as the [`count`](Hardest::count)-th largest of their row, so that equals of the last one are kept too.
    pub(super) fn kept(self, similarities: &Tensor<2>) -> BoolTensor<2> {
        let [_, m] = similarities.dims();
        let negative = negative_mask(similarities);
        if self.0 >= 1.0 {
            return negative;
        }
        let candidates = similarities.clone().detach().mask_fill(negative.clone().bool_not(), f32::NEG_INFINITY);
        let threshold = candidates.clone().sort_descending(1).narrow(1, self.count(m.saturating_sub(1)) - 1, 1);
        candidates.greater_equal(threshold).bool_and(negative)
    }
}

/// Where the negatives of similarities `[n, m]` are: everywhere but on the diagonal.
pub(super) fn negative_mask(similarities: &Tensor<2>) -> BoolTensor<2> {
    Tensor::<2, Bool>::diag_mask(similarities.dims(), 0, &similarities.device())
}

/// The diagonal of `[n, m]`, `[n, 1]`.
pub(super) fn positives(similarities: &Tensor<2>) -> Tensor<2> {
    similarities.clone().mask_fill(negative_mask(similarities), 0.0).sum_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use papers_kit::classify::read_bools;

    fn kept(alpha: f64, rows: [[f32; 5]; 2]) -> Vec<bool> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let mask = Hardest::new(alpha).unwrap().kept(&Tensor::from_data(rows, &device));
        read_bools(mask.reshape([10]))
    }

    #[test]
    fn the_largest_are_kept_and_the_positive_never() {
        let rows = [[9.0, 0.1, 0.4, 0.2, 0.3], [0.5, -9.0, 0.1, 0.2, 0.6]];
        let (yes, no) = (true, false);
        assert_eq!(kept(0.25, rows), [no, no, yes, no, no, no, no, no, no, yes]);
        assert_eq!(kept(0.5, rows), [no, no, yes, no, yes, yes, no, no, no, yes]);
        assert_eq!(kept(1.0, rows), [no, yes, yes, yes, yes, yes, no, yes, yes, yes]);
    }

    #[test]
    fn equals_of_the_last_one_are_kept() {
        let (yes, no) = (true, false);
        let rows = [[0.0, 0.3, 0.3, 0.3, 0.1], [0.2, 0.0, 0.2, 0.2, 0.2]];
        assert_eq!(kept(0.25, rows), [no, yes, yes, yes, no, yes, no, yes, yes, yes]);
    }

    #[test]
    fn the_count_is_rounded_up() {
        let count = |alpha, negatives| Hardest::new(alpha).unwrap().count(negatives);
        assert_eq!((count(0.1, 3), count(0.1, 10), count(0.1, 11), count(0.7, 10)), (1, 1, 2, 7));
        assert_eq!((count(1e-12, 100), count(1.0, 100)), (1, 100));
        for alpha in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(Hardest::new(alpha).is_err());
        }
    }
}
