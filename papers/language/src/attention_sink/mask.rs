//! Which keys a query sees.

use burn::tensor::TensorData;
use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

/// The longest sequence for which a mask is built; a longer one would take more than a quarter of a gigabyte.
const MOST_TOKENS: usize = 1 << 14;

/// Which keys a query sees. Positions count from 1 here, as in the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its own and earlier ones.
    #[default]
    Causal,
    /// Its own, earlier ones and the first p.
    Prefix(usize),
    /// Its own and the w − 1 before it.
    Window(usize),
}

/// The visibility of every key for every query of a sequence.
///
/// **Definition.** m\[i, k\] for query i and key k: k ≤ i (causal); k ≤ i or k ≤ p (prefix); i − w < k ≤ i (window).
///
/// **Paper.** Section 5, prefix language modelling and shifted window attention.
///
/// **Arguments.** `visibility`: p from 0 to `tokens`, w from 1. `tokens`: from 1 to 16,384.
///
/// **Differences.** None known.
///
/// **Errors.** [`Error::Input`] where an argument is out of its range.
///
/// **Example.**
/// ```
/// use papers_language::attention_sink::{Mask, Visibility};
/// let mask = Mask::new(Visibility::Window(2), 3)?;
/// assert_eq!(mask.rows(), [true, false, false, true, true, false, false, true, true]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    visible: Vec<bool>,
    tokens: usize,
}

impl Mask {
    /// See [`Mask`].
    ///
    /// # Errors
    /// See [`Mask`].
    pub fn new(visibility: Visibility, tokens: usize) -> Result<Self> {
        if !(1..=MOST_TOKENS).contains(&tokens) {
            return Err(Error::Input(format!("a mask needs 1 to {MOST_TOKENS} tokens, got {tokens}")));
        }
        match visibility {
            Visibility::Prefix(prefix) if prefix > tokens => {
                return Err(Error::Input(format!("a prefix of {prefix} is longer than the {tokens} tokens")));
            }
            Visibility::Window(0) => return Err(Error::Input("a window must hold at least 1 key".into())),
            _ => {}
        }
        let sees = |query: usize, key: usize| match visibility {
            Visibility::Causal => key <= query,
            Visibility::Prefix(prefix) => key <= query || key < prefix,
            Visibility::Window(window) => key <= query && query - key < window,
        };
        let visible = (0..tokens).flat_map(|query| (0..tokens).map(move |key| sees(query, key))).collect();
        Ok(Mask { visible, tokens })
    }

    /// Number of queries, and of keys.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Row by row, one row a query.
    pub fn rows(&self) -> &[bool] {
        &self.visible
    }

    /// 1 where a key is seen, 0 elsewhere, `[1, 1, tokens, tokens]`.
    pub(super) fn factor(&self, device: &Device) -> Tensor<4> {
        self.values([0.0, 1.0], 0, device)
    }

    /// 0 where a key is seen, −∞ elsewhere, behind `slots` columns that all queries see,
    /// `[1, 1, tokens, slots + tokens]`.
    pub(super) fn additive(&self, slots: usize, device: &Device) -> Tensor<4> {
        self.values([f32::NEG_INFINITY, 0.0], slots, device)
    }

    fn values(&self, [hidden, seen]: [f32; 2], slots: usize, device: &Device) -> Tensor<4> {
        let rows = self.visible.chunks_exact(self.tokens);
        let values: Vec<f32> = rows
            .flat_map(|row| {
                std::iter::repeat_n(seen, slots).chain(row.iter().map(move |sees| if *sees { seen } else { hidden }))
            })
            .collect();
        Tensor::from_data(TensorData::new(values, [1, 1, self.tokens, slots + self.tokens]), device)
    }
}
