//! What is measured of a model: its loss, the attention that each position gets, the size of what is at the first one.

use burn::tensor::TensorData;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::gpt::{Trace, inputs_and_labels};

use super::corpus::Corpus;
use super::loss::token_loss;
use super::metric::{SinkMetric, importance};
use super::model::Model;

/// ε of the sink metric: the paper's, and one to either side.
pub const EPSILONS: [f64; 3] = [0.3, 0.2, 0.4];
/// Tokens of the attention map that is kept.
const MAP_TOKENS: usize = 32;

/// What one evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Sink_k in per cent for each of [`EPSILONS`].
    pub sink: [Vec<f64>; 3],
    /// Mean importance of each position.
    pub importance: Vec<f64>,
    /// What each head does, block by block.
    pub heads: Vec<Head>,
    /// Sizes of hidden states, keys and values, block by block.
    pub norms: Vec<[Norms; 3]>,
    /// The attention of the first sequence in the head with the strongest sink, the first tokens only, a row a query.
    pub map: Vec<Vec<f32>>,
}

/// What a head does with the first position and the bias.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Head {
    /// Mean importance of the first position.
    pub first: f64,
    /// Mean weight of the first position over the queries that give it any.
    pub first_where_seen: f64,
    /// Mean weight of the key bias over all queries; 0 where there is none.
    pub slot: f64,
}

/// Mean Euclidean norms at the first position and at all others.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Norms {
    /// At the first position.
    pub first: f64,
    /// At the others.
    pub others: f64,
}

/// Measures a model that records no gradients, with the attention that it was trained with.
///
/// # Errors
/// Those of the metric.
pub fn measure(model: &Model, corpus: &Corpus, batch: usize) -> Result<Measurement> {
    let slots = model.attention.slots();
    let mut sink = EPSILONS.map(SinkMetric::new).into_iter().collect::<Result<Vec<SinkMetric>>>()?;
    let (mut loss, mut heads, mut norms) = (0.0, Vec::new(), Vec::new());
    let mut first_batch = None;
    let sequences = corpus.evaluation.len() / corpus.length;
    for part in corpus.evaluation.chunks(batch * corpus.length) {
        let count = part.len() / corpus.length;
        let share = count as f64 / sequences as f64;
        let ids = IntTensor::from_data(TensorData::new(part.to_vec(), [count, corpus.length]), &model.device());
        let (inputs, labels) = inputs_and_labels(ids);
        let (logits, trace) = model.trace(inputs)?;
        let part_loss = token_loss(logits, labels, model.attention.ignored())?;
        loss += share * read_f32(part_loss).into_iter().map(f64::from).sum::<f64>();
        let weights: Vec<Matrices> = trace.weights.iter().cloned().map(Matrices::read).collect();
        let mut at = 0;
        for matrices in &weights {
            for head in 0..matrices.heads {
                if heads.len() == at {
                    heads.push(Head::default());
                }
                for sample in 0..count {
                    watch(&matrices.of(sample, head, slots), &mut heads[at], share / count as f64, &mut sink)?;
                }
                at += 1;
            }
        }
        add_norms(&trace, share, &mut norms);
        first_batch.get_or_insert(weights);
    }
    let strongest = (0..heads.len()).max_by(|a, b| heads[*a].first.total_cmp(&heads[*b].first)).unwrap_or(0);
    let map = first_batch.map_or_else(Vec::new, |weights| map_of(&weights, strongest, slots));
    let [plain, low, high] = [0, 1, 2].map(|at: usize| sink[at].percent());
    Ok(Measurement { loss, sink: [plain, low, high], importance: sink[0].importance(), heads, norms, map })
}

/// The attention weights of a block, on the host.
struct Matrices {
    values: Vec<f32>,
    heads: usize,
    tokens: usize,
    columns: usize,
}

/// One attention matrix: the weights of the keys, row by row, and that of the bias in each row.
struct Matrix {
    keys: Vec<f32>,
    slot: Vec<f32>,
    tokens: usize,
}

impl Matrices {
    fn read(weights: Tensor<4>) -> Self {
        let [_, heads, tokens, columns] = weights.dims();
        Matrices { values: read_f32(weights), heads, tokens, columns }
    }

    fn of(&self, sample: usize, head: usize, slots: usize) -> Matrix {
        let size = self.tokens * self.columns;
        let rows = self.values[(sample * self.heads + head) * size..][..size].chunks_exact(self.columns);
        let mut matrix = Matrix { keys: Vec::with_capacity(size), slot: Vec::new(), tokens: self.tokens };
        for row in rows {
            let (slot, keys) = row.split_at(slots);
            matrix.slot.extend_from_slice(slot);
            matrix.keys.extend_from_slice(keys);
        }
        matrix
    }
}

fn watch(matrix: &Matrix, head: &mut Head, share: f64, sink: &mut [SinkMetric]) -> Result<()> {
    let alpha = importance(&matrix.keys, matrix.tokens)?;
    for metric in sink {
        metric.add(&alpha)?;
    }
    let first = matrix.keys.iter().step_by(matrix.tokens).map(|weight| f64::from(*weight));
    let (sum, seen) = first.filter(|weight| *weight != 0.0).fold((0.0, 0usize), |(sum, seen), w| (sum + w, seen + 1));
    head.first += share * alpha.first().copied().unwrap_or(0.0);
    head.first_where_seen += share * sum / seen.max(1) as f64;
    let slot: f64 = matrix.slot.iter().map(|weight| f64::from(*weight)).sum();
    head.slot += share * slot / matrix.tokens as f64;
    Ok(())
}

fn map_of(weights: &[Matrices], strongest: usize, slots: usize) -> Vec<Vec<f32>> {
    let mut head = strongest;
    for matrices in weights {
        if head < matrices.heads {
            let matrix = matrices.of(0, head, slots);
            let rows = matrix.keys.chunks_exact(matrix.tokens).take(MAP_TOKENS);
            return rows.map(|row| row.iter().take(MAP_TOKENS).copied().collect()).collect();
        }
        head -= matrices.heads;
    }
    Vec::new()
}

/// Adds the norms of a batch, which holds `share` of the sequences.
fn add_norms(trace: &Trace, share: f64, norms: &mut Vec<[Norms; 3]>) {
    let blocks = trace.hidden.iter().zip(trace.keys.iter().zip(&trace.values));
    for (block, (hidden, (keys, values))) in blocks.enumerate() {
        if norms.len() == block {
            norms.push([Norms::default(); 3]);
        }
        let hidden = hidden.clone().square().sum_dim(2).sqrt(); // [batch, tokens, 1]
        let [batch, tokens, _] = hidden.dims();
        let of_heads = |heads: &Tensor<4>| {
            let rows = heads.clone().square().sum_dim(3).sqrt().mean_dim(1); // [batch, 1, tokens, 1]
            rows.reshape([batch, tokens, 1])
        };
        for (found, rows) in norms[block].iter_mut().zip([hidden, of_heads(keys), of_heads(values)]) {
            let rows: Vec<f64> = read_f32(rows).into_iter().map(f64::from).collect();
            let first: f64 = rows.iter().step_by(tokens).sum();
            let others = rows.iter().sum::<f64>() - first;
            found.first += share * first / batch as f64;
            found.others += share * others / (batch * (tokens - 1).max(1)) as f64;
        }
    }
}
