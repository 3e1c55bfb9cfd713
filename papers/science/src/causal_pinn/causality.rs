//! In which order a run solves its time slabs.

use harness_core::prelude::*;
use harness_core::stats;

/// A slab counts as solved once its loss is below this share of its first value.
pub const SOLVED: f64 = 0.01;

/// The losses of all slabs while a run goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct SlabTrace {
    start: Vec<f64>,
    latest: Vec<f64>,
    solved_at: Vec<Option<usize>>,
}

impl SlabTrace {
    /// Begins with the losses before the first step.
    pub fn new(losses: Vec<f64>) -> Self {
        SlabTrace { solved_at: vec![None; losses.len()], latest: losses.clone(), start: losses }
    }

    /// Takes note of the losses after `step` steps.
    pub fn observe(&mut self, step: usize, losses: Vec<f64>) {
        for ((solved, loss), start) in self.solved_at.iter_mut().zip(&losses).zip(&self.start) {
            if solved.is_none() && *loss < SOLVED * start {
                *solved = Some(step);
            }
        }
        self.latest = losses;
    }

    /// Losses before the first step.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// Losses when last observed.
    pub fn latest(&self) -> &[f64] {
        &self.latest
    }

    /// The share of the later half of the slabs in the sum of all losses.
    pub fn late_share(&self) -> f64 {
        let half = self.latest.len() / 2;
        self.latest.iter().skip(half).sum::<f64>() / self.latest.iter().sum::<f64>()
    }

    /// Kendall's τ_b between the time of a slab and the step at which it was solved: 1 where slabs are solved from early to
    /// late. Slabs that are not solved come last, all at once; where nothing tells slabs apart, 0.
    pub fn order(&self) -> f64 {
        let times: Vec<f64> = (0..self.solved_at.len()).map(|at| at as f64).collect();
        let never = self.solved_at.iter().flatten().max().map_or(0, |last| last + 1);
        let steps: Vec<f64> = self.solved_at.iter().map(|step| step.unwrap_or(never) as f64).collect();
        stats::kendall_tau_b(&times, &steps).unwrap_or(0.0)
    }

    /// The share of slabs that were solved.
    pub fn solved_share(&self) -> f64 {
        self.solved_at.iter().flatten().count() as f64 / self.solved_at.len().max(1) as f64
    }
}

/// Spearman's rank correlation between the logarithm of the error and the smallest weight over checkpoints; 0 where one of
/// them does not move.
///
/// # Errors
/// [`Error::Diverged`] where a value is not finite.
pub fn convergence_correlation(checkpoints: &[(f64, f64)]) -> Result<f64> {
    let (errors, weights): (Vec<f64>, Vec<f64>) =
        checkpoints.iter().map(|(error, weight)| (error.ln(), *weight)).unzip();
    if errors.iter().chain(&weights).any(|value| !value.is_finite()) {
        return Err(Error::Diverged("an error or a weight is not finite at a checkpoint".into()));
    }
    Ok(stats::spearman(&errors, &weights).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_that_are_solved_in_order_have_a_tau_of_one() {
        let mut forwards = SlabTrace::new(vec![1.0; 4]);
        let mut backwards = SlabTrace::new(vec![1.0; 4]);
        for step in 1..=4 {
            let losses =
                |solved: &dyn Fn(usize) -> bool| (0..4).map(|at| if solved(at) { 0.001 } else { 1.0 }).collect();
            forwards.observe(step, losses(&|at| at < step));
            backwards.observe(step, losses(&|at| at >= 4 - step));
        }
        assert_eq!((forwards.order(), backwards.order()), (1.0, -1.0));
        assert_eq!(forwards.solved_share(), 1.0);
    }

    #[test]
    fn the_first_crossing_counts_and_the_limit_itself_does_not() {
        let mut trace = SlabTrace::new(vec![1.0, 100.0]);
        trace.observe(1, vec![0.01, 0.99]);
        trace.observe(2, vec![0.009, 50.0]);
        assert_eq!(trace.solved_at, [Some(2), Some(1)], "each slab is compared with its own start");
        assert_eq!(trace.order(), -1.0);
        assert_eq!(trace.late_share(), 50.0 / 50.009);
    }

    #[test]
    fn unsolved_slabs_come_last_together() {
        let mut trace = SlabTrace::new(vec![1.0; 3]);
        assert_eq!(trace.order(), 0.0, "nothing is solved");
        trace.observe(5, vec![0.0, 1.0, 1.0]);
        // Of three pairs, two are in order and one is tied.
        assert!((trace.order() - 2.0 / 6.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(trace.solved_share(), 1.0 / 3.0);
    }

    #[test]
    fn the_correlation_is_that_of_ranks() {
        let falling = convergence_correlation(&[(1.0, 0.1), (0.1, 0.2), (0.001, 0.9)]).unwrap();
        assert!((falling + 1.0).abs() < 1e-12, "{falling}");
        assert_eq!(convergence_correlation(&[(1.0, 0.5), (0.1, 0.5)]).unwrap(), 0.0, "the weight does not move");
        assert!(convergence_correlation(&[(f64::NAN, 0.5), (0.1, 0.6)]).is_err());
    }
}
