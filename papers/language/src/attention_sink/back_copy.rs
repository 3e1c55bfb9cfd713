//! The back-copy language: a Markov chain in which some tokens ask for the token before them.

use harness_core::prelude::*;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Gamma};
use serde::{Deserialize, Serialize};

/// The token that starts a sequence.
pub const START: i64 = 0;

/// A back-copy language.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackCopyConfig {
    /// Number of tokens: the start symbol, the triggers and the others.
    pub vocabulary: usize,
    /// Tokens 1 to `triggers` are triggers.
    pub triggers: usize,
    /// Concentration of the Dirichlet distribution from which each row of the table is drawn.
    pub concentration: f64,
}

impl BackCopyConfig {
    /// Checks that there is such a language.
    ///
    /// # Errors
    /// [`Error::Input`] naming what is impossible.
    pub fn check(&self) -> Result<()> {
        if self.triggers == 0 || self.vocabulary < self.triggers + 2 {
            return Err(Error::Input(format!(
                "a back-copy language needs triggers and other tokens, got {} of {} tokens",
                self.triggers, self.vocabulary
            )));
        }
        if !(self.concentration.is_finite() && self.concentration > 0.0) {
            return Err(Error::Input(format!("`concentration` must be above 0, got {}", self.concentration)));
        }
        Ok(())
    }
}

/// A language with its table.
///
/// A sequence has the start symbol at its first position. After a token that is no trigger, the next one is drawn from that
/// token's row of the table, a distribution over all tokens but the start symbol. After a trigger, the next token is the one
/// before the trigger; where that is the start symbol, or there is none, it is drawn from the trigger's row. Attention to
/// the token before the last one is needed at a trigger, and to nothing at all elsewhere.
#[derive(Debug, Clone)]
pub struct BackCopy {
    triggers: i64,
    /// Cumulative probabilities of tokens 1 to vocabulary − 1, a row for each token.
    table: Vec<Vec<f64>>,
}

impl BackCopy {
    /// A language whose table is drawn from `rng`.
    ///
    /// # Errors
    /// Those of [`BackCopyConfig::check`].
    pub fn new(config: &BackCopyConfig, rng: &mut impl Rng) -> Result<Self> {
        config.check()?;
        let gamma = Gamma::new(config.concentration, 1.0)
            .map_err(|error| Error::Input(format!("concentration {}: {error}", config.concentration)))?;
        let mut row = || {
            let mut total = 0.0;
            let mut sums: Vec<f64> = (1..config.vocabulary)
                .map(|_| {
                    total += gamma.sample(rng);
                    total
                })
                .collect();
            // Draws of a tiny concentration may all be 0: the row is uniform then.
            if total > 0.0 {
                sums.iter_mut().for_each(|sum| *sum /= total);
            } else {
                let count = sums.len() as f64;
                sums.iter_mut().enumerate().for_each(|(at, sum)| *sum = (at + 1) as f64 / count);
            }
            sums
        };
        Ok(BackCopy { triggers: config.triggers as i64, table: (0..config.vocabulary).map(|_| row()).collect() })
    }

    /// A sequence of `length` tokens with the start symbol at position `start`, counted from 1. Before it stand tokens
    /// of the language, the first one drawn evenly; the sequence goes on from the start symbol.
    pub fn sequence(&self, length: usize, start: usize, rng: &mut impl Rng) -> Vec<i64> {
        let mut tokens: Vec<i64> = Vec::with_capacity(length);
        for position in 1..=length {
            let next = match tokens.as_slice() {
                _ if position == start => START,
                [] => rng.random_range(1..self.table.len() as i64),
                [.., before, last] if self.is_trigger(*last) && *before != START => *before,
                [.., last] => self.draw(*last, rng),
            };
            tokens.push(next);
        }
        tokens
    }

    fn is_trigger(&self, token: i64) -> bool {
        (1..=self.triggers).contains(&token)
    }

    fn draw(&self, last: i64, rng: &mut impl Rng) -> i64 {
        let uniform: f64 = rng.random();
        let Some(row) = usize::try_from(last).ok().and_then(|last| self.table.get(last)) else { return START };
        // The first cumulative probability above the draw; rounding may leave the last one below 1.
        let at = row.partition_point(|sum| *sum <= uniform).min(row.len() - 1);
        at as i64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn language(seed: u64) -> BackCopy {
        let config = BackCopyConfig { vocabulary: 34, triggers: 3, concentration: 0.1 };
        BackCopy::new(&config, &mut harness_core::rng::stream("test", "language", seed)).unwrap()
    }

    proptest! {
        #[test]
        fn triggers_bring_back_the_token_before_them(seed in 0u64..50, start in 1usize..4) {
            let language = language(seed % 5);
            let tokens = language.sequence(48, start, &mut harness_core::rng::stream("test", "sequence", seed));
            prop_assert_eq!(tokens.len(), 48);
            for (at, token) in tokens.iter().enumerate() {
                prop_assert_eq!(*token == START, at + 1 == start, "{:?}", tokens);
                prop_assert!((0..34).contains(token));
                if at + 1 != start && at >= 2 && (1..=3).contains(&tokens[at - 1]) && tokens[at - 2] != START {
                    prop_assert_eq!(*token, tokens[at - 2], "{:?}", tokens);
                }
            }
        }
    }

    #[test]
    fn rows_are_distributions_and_triggers_are_met_with() {
        let language = language(0);
        for row in &language.table {
            assert!(row.len() == 33 && (row[32] - 1.0).abs() < 1e-12 && row.is_sorted());
        }
        let mut rng = harness_core::rng::stream("test", "sequences", 0);
        let tokens: Vec<i64> = (0..100).flat_map(|_| language.sequence(48, 1, &mut rng)).collect();
        let triggers = tokens.iter().filter(|token| (1..=3).contains(*token)).count();
        assert!(triggers > 48, "{triggers} triggers in 4,800 tokens");
    }

    #[test]
    fn impossible_languages_are_refused() {
        let good = BackCopyConfig { vocabulary: 5, triggers: 3, concentration: 0.1 };
        assert!(good.check().is_ok());
        for bad in [
            BackCopyConfig { triggers: 0, ..good },
            BackCopyConfig { triggers: 4, ..good },
            BackCopyConfig { concentration: 0.0, ..good },
            BackCopyConfig { concentration: f64::NAN, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
