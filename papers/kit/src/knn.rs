//! Weighted nearest-neighbour classification by cosine similarity (Wu et al. 2018, the usual k-NN evaluation of
//! self-supervised features).

use harness_core::backend::Tensor;
use harness_core::op::read_f32;
use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::similarity::cosine_matrix;

/// How many neighbours vote, and how much more the nearest count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knn {
    /// Number of neighbours.
    pub k: usize,
    /// A neighbour of similarity s counts exp(s/temperature).
    pub temperature: f64,
}

/// Queries that are compared with the bank at a time, so that memory does not grow with their number.
const BLOCK: usize = 512;

/// What the neighbours voted.
#[derive(Debug, Clone, PartialEq)]
pub struct Votes {
    /// The class of the most votes, the lowest of equals.
    pub predicted: Vec<usize>,
    /// Sum of exp(s/temperature) over the neighbours of each class, `[m, classes]` row-major.
    pub scores: Vec<f64>,
}

impl Knn {
    /// Predicts queries `[m, d]` from a bank `[n, d]` with labels below `classes`. Of equally similar rows of the bank
    /// the first counts as nearer.
    ///
    /// ```
    /// use harness_core::backend::{DeviceChoice, Tensor};
    /// use papers_kit::knn::Knn;
    /// let device = DeviceChoice::Cpu.open()?;
    /// let bank = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]], &device);
    /// let query = Tensor::<2>::from_data([[0.2, 3.0]], &device);
    /// let votes = Knn { k: 2, temperature: 0.1 }.predict(query, bank, &[0, 1, 1], 2)?;
    /// assert_eq!(votes.predicted, [1]);
    /// # Ok::<(), harness_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] where k is 0 or larger than the bank, the temperature is not above 0, or labels do not fit.
    pub fn predict(&self, query: Tensor<2>, bank: Tensor<2>, labels: &[usize], classes: usize) -> Result<Votes> {
        let ([m, width], [n, bank_width]) = (query.dims(), bank.dims());
        if self.k == 0 || self.k > n {
            return Err(Error::Input(format!("k must be from 1 to the size of the bank, {n}, but is {}", self.k)));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let found = self.temperature;
            return Err(Error::Input(format!("the temperature must be a finite number above 0, but is {found}")));
        }
        if labels.len() != n || width != bank_width {
            return Err(Error::Input(format!(
                "queries [{m}, {width}], bank [{n}, {bank_width}] and {} labels do not fit",
                labels.len()
            )));
        }
        if let Some(label) = labels.iter().find(|label| **label >= classes) {
            return Err(Error::Input(format!("label {label} is not below the number of classes, {classes}")));
        }
        let (query, bank) = (query.detach(), bank.detach());
        let mut votes = Votes { predicted: Vec::with_capacity(m), scores: vec![0.0; m * classes] };
        for start in (0..m).step_by(BLOCK) {
            let block = query.clone().narrow(0, start, BLOCK.min(m - start));
            let similarities = read_f32(cosine_matrix(block, bank.clone(), 1e-12));
            let scores = votes.scores.chunks_exact_mut(classes).skip(start);
            for (row, scores) in similarities.chunks_exact(n).zip(scores) {
                votes.predicted.push(self.vote(row, labels, scores));
            }
        }
        Ok(votes)
    }

    /// The winner among the labels of the nearest; adds what each class gets to `scores`.
    fn vote(&self, similarities: &[f32], labels: &[usize], scores: &mut [f64]) -> usize {
        let mut order: Vec<usize> = (0..similarities.len()).collect();
        let nearer = |a: &usize, b: &usize| similarities[*b].total_cmp(&similarities[*a]).then(a.cmp(b));
        order.select_nth_unstable_by(self.k - 1, nearer);
        // In the order of the bank, so that sums do not depend on how the selection left them.
        order.truncate(self.k);
        order.sort_unstable();
        let nearest = order.iter().map(|at| similarities[*at]).fold(f32::NEG_INFINITY, f32::max);
        // Compared relative to the nearest one: exp(s/temperature) itself may be infinite.
        let mut relative = vec![0.0; scores.len()];
        for at in order {
            let similarity = similarities[at];
            relative[labels[at]] += (f64::from(similarity - nearest) / self.temperature).exp();
            scores[labels[at]] += (f64::from(similarity) / self.temperature).exp();
        }
        (0..relative.len()).fold(0, |best, class| if relative[class] > relative[best] { class } else { best })
    }

    /// Share of queries whose prediction is their label; NaN for none.
    ///
    /// # Errors
    /// As [`Knn::predict`]; also where queries and their labels are not as many.
    pub fn accuracy(
        &self,
        (query, query_labels): (Tensor<2>, &[usize]),
        (bank, bank_labels): (Tensor<2>, &[usize]),
        classes: usize,
    ) -> Result<f64> {
        let [m, _] = query.dims();
        if m != query_labels.len() {
            return Err(Error::Input(format!("{m} queries have {} labels", query_labels.len())));
        }
        let votes = self.predict(query, bank, bank_labels, classes)?;
        let right = votes.predicted.iter().zip(query_labels).filter(|(have, want)| have == want).count();
        Ok(right as f64 / m as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;

    fn rows<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_data(rows, &DeviceChoice::Cpu.open().unwrap())
    }

    #[test]
    fn near_neighbours_count_more() {
        let bank = || rows([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]]);
        let votes =
            |temperature| Knn { k: 3, temperature }.predict(rows([[2.0, 0.0]]), bank(), &[0, 1, 1, 0], 2).unwrap();
        let sharp = votes(0.2);
        assert_eq!(sharp.predicted, [0]);
        assert!((sharp.scores[0] - 5f64.exp()).abs() < 1e-3);
        assert!((sharp.scores[1] - (3f64.exp() + 1.0)).abs() < 1e-3, "the fourth does not vote");
        assert_eq!(votes(5.0).predicted, [1], "two far ones outvote a near one where distance hardly counts");
    }

    #[test]
    fn of_equals_the_first_in_the_bank_and_the_lowest_class_win() {
        let bank = rows([[0.0, 1.0], [2.0, 0.0], [1.0, 0.0], [3.0, 0.0]]);
        let votes = Knn { k: 2, temperature: 0.1 }.predict(rows([[1.0, 0.0]]), bank, &[0, 2, 1, 0], 3).unwrap();
        assert_eq!(votes.predicted, [1]);
        assert_eq!(votes.scores[0], 0.0);
    }

    #[test]
    fn a_small_temperature_does_not_overflow_the_prediction() {
        let bank = rows([[0.0, 1.0], [1.0, 0.0]]);
        let votes = Knn { k: 2, temperature: 1e-4 }.predict(rows([[1.0, 0.1]]), bank, &[0, 1], 2).unwrap();
        assert_eq!(votes.predicted, [1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bank = || rows([[0.0, 1.0], [1.0, 0.0]]);
        let query = || rows([[1.0, 0.0]]);
        for (k, temperature, labels, classes) in [
            (0, 0.1, vec![0, 1], 2),
            (3, 0.1, vec![0, 1], 2),
            (1, 0.0, vec![0, 1], 2),
            (1, 0.1, vec![0], 2),
            (1, 0.1, vec![0, 2], 2),
        ] {
            assert!(Knn { k, temperature }.predict(query(), bank(), &labels, classes).is_err());
        }
        assert!(Knn { k: 1, temperature: 0.1 }.accuracy((query(), &[0, 1]), (bank(), &[0, 1]), 2).is_err());
    }
}
