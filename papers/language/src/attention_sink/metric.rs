//! How much attention a token gets, and how often it is a sink.

use harness_core::prelude::*;

/// The share of attention that each key gets from the queries that can see it.
///
/// **Definition.** α_k = 1/(T − k + 1) · Σ_{i ≥ k} A\[i, k\], keys and queries counted from 1.
///
/// **Paper.** Section 3, the importance score.
///
/// **Arguments.** `weights`: one attention matrix, row by row, one row a query; `tokens`: T ≥ 1. Nothing above the
/// diagonal counts.
///
/// **Differences.** The authors sum whole columns, which is the same for causal attention.
///
/// **Errors.** [`Error::Input`] where there are not T² weights, or none.
///
/// **Example.**
/// ```
/// use papers_language::attention_sink::importance;
/// assert_eq!(importance(&[1.0, 0.0, 0.5, 0.5], 2)?, [0.75, 0.5]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn importance(weights: &[f32], tokens: usize) -> Result<Vec<f64>> {
    if tokens == 0 || Some(weights.len()) != tokens.checked_mul(tokens) {
        return Err(Error::Input(format!("{} weights are not an attention matrix of {tokens} tokens", weights.len())));
    }
    let mut sums = vec![0.0; tokens];
    for (query, row) in weights.chunks_exact(tokens).enumerate() {
        for (sum, weight) in sums.iter_mut().zip(row).take(query + 1) {
            *sum += f64::from(*weight);
        }
    }
    Ok(sums.into_iter().enumerate().map(|(key, sum)| sum / (tokens - key) as f64).collect())
}

/// How often each key is a sink.
///
/// **Definition.** Sink_k = 100 · the mean of 1\[α_k > ε\] over samples, layers and heads, with α of [`importance`].
///
/// **Paper.** Section 3, the sink metric; ε = 0.3 there.
///
/// **Arguments.** `epsilon`: a finite number; an importance of exactly ε is no sink.
///
/// **Differences.** None known.
///
/// **Errors.** [`Error::Input`] where ε is not finite or matrices of different sizes are added.
///
/// **Example.**
/// ```
/// use papers_language::attention_sink::{SinkMetric, importance};
/// let mut metric = SinkMetric::new(0.5)?;
/// metric.add(&importance(&[1.0, 0.0, 0.5, 0.5], 2)?)?;
/// metric.add(&importance(&[1.0, 0.0, 0.0, 1.0], 2)?)?;
/// assert_eq!(metric.percent(), [50.0, 50.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SinkMetric {
    epsilon: f64,
    matrices: usize,
    above: Vec<usize>,
    sums: Vec<f64>,
}

impl SinkMetric {
    /// A metric that has seen nothing.
    ///
    /// # Errors
    /// See [`SinkMetric`].
    pub fn new(epsilon: f64) -> Result<Self> {
        if !epsilon.is_finite() {
            return Err(Error::Input(format!("ε must be finite, got {epsilon}")));
        }
        Ok(SinkMetric { epsilon, matrices: 0, above: Vec::new(), sums: Vec::new() })
    }

    /// Counts the importances of one attention matrix: of one sample, layer and head.
    ///
    /// # Errors
    /// See [`SinkMetric`].
    pub fn add(&mut self, importance: &[f64]) -> Result<()> {
        if self.matrices == 0 {
            self.above = vec![0; importance.len()];
            self.sums = vec![0.0; importance.len()];
        }
        if importance.len() != self.above.len() {
            return Err(Error::Input(format!(
                "an attention matrix of {} tokens was added to those of {}",
                importance.len(),
                self.above.len()
            )));
        }
        self.matrices += 1;
        for ((above, sum), alpha) in self.above.iter_mut().zip(&mut self.sums).zip(importance) {
            *above += usize::from(*alpha > self.epsilon);
            *sum += alpha;
        }
        Ok(())
    }

    /// Sink_k of each key in per cent; empty where nothing was added.
    pub fn percent(&self) -> Vec<f64> {
        self.above.iter().map(|above| 100.0 * *above as f64 / self.matrices as f64).collect()
    }

    /// Mean importance of each key; empty where nothing was added.
    pub fn importance(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum / self.matrices as f64).collect()
    }
}
