//! Marginalised stacked denoising auto-encoders: features that reconstruct what was dropped, in closed form.

use harness_core::prelude::*;
use papers_kit::cholesky::solve_positive;

use super::settings::Msda;
use super::shallow::Rows;

/// Ridge on the system of equations, as in the released code.
const RIDGE: f64 = 1e-5;

/// A stack of linear maps, each followed by tanh.
///
/// **Definition.** With a constant 1 added to x, S = Σ x·xᵀ and q = 1 − noise (1 for the constant): W = P·(Q + ηI)⁻¹ with
/// Q_ij = S_ij·q_i·q_j for i ≠ j, Q_ii = S_ii·q_i, P_ij = S_ij·q_j; the next layer is tanh(W·x). The features are the input
/// and all layers side by side.
///
/// **Paper.** Section 5.1.2 (JMLR 17, 2016), after Chen et al., ICML 2012.
///
/// **Arguments.** Unlabelled rows of both domains; the words that occur in most of them are kept.
///
/// **Differences.** The released code keeps all 5,000 words.
pub struct Stack {
    /// For each kept word, its column in the input.
    words: Vec<usize>,
    /// Maps `[words, words + 1]`, the constant last.
    maps: Vec<Vec<f64>>,
}

impl Stack {
    /// Learns the maps layer by layer.
    ///
    /// # Errors
    /// [`Error::Failed`] where a system is numerically singular; [`Error::Input`] where no word occurs.
    pub fn fit(parts: &[&Rows], settings: &Msda) -> Result<Self> {
        let words = frequent_words(parts, settings.words);
        let size = words.len();
        if size == 0 {
            return Err(Error::Input("the rows of an auto-encoder hold no word".into()));
        }
        let mut layer: Vec<Vec<f64>> =
            parts.iter().flat_map(|rows| rows.iter()).map(|row| kept(&words, row.entries())).collect();
        let mut maps = Vec::with_capacity(settings.layers);
        for _ in 0..settings.layers {
            let map = denoiser(&layer, size, settings.noise)?;
            for x in &mut layer {
                *x = apply(&map, x);
            }
            maps.push(map);
        }
        Ok(Stack { words, maps })
    }

    /// Input and all layers of each row side by side.
    pub fn features(&self, rows: &Rows) -> Rows {
        let mut features = Rows::new(self.words.len() * (self.maps.len() + 1));
        for row in rows.iter() {
            let mut layer = kept(&self.words, row.entries());
            let mut all = layer.clone();
            for map in &self.maps {
                layer = apply(map, &layer);
                all.extend(&layer);
            }
            features.push(all.into_iter().enumerate().map(|(column, value)| (column as u32, value as f32)));
        }
        features
    }
}

/// The columns that are not 0 in most rows, ascending; of equally frequent ones the first.
fn frequent_words(parts: &[&Rows], count: usize) -> Vec<usize> {
    let width = parts.iter().map(|rows| rows.width()).max().unwrap_or(0);
    let mut counts = vec![0usize; width];
    for (column, _) in parts.iter().flat_map(|rows| rows.iter()).flat_map(|row| row.entries()) {
        if let Some(count) = counts.get_mut(column as usize) {
            *count += 1;
        }
    }
    let mut words: Vec<usize> = (0..width).filter(|word| counts[*word] > 0).collect();
    words.sort_by_key(|word| std::cmp::Reverse(counts[*word]));
    words.truncate(count);
    words.sort_unstable();
    words
}

fn kept(words: &[usize], entries: impl Iterator<Item = (u32, f32)>) -> Vec<f64> {
    let mut x = vec![0.0; words.len()];
    for (column, value) in entries {
        if let Ok(at) = words.binary_search(&(column as usize)) {
            x[at] = f64::from(value);
        }
    }
    x
}

fn apply(map: &[f64], x: &[f64]) -> Vec<f64> {
    map.chunks_exact(x.len() + 1)
        .map(|row| {
            let bias = row.last().copied().unwrap_or(0.0);
            (bias + row.iter().zip(x).map(|(weight, value)| weight * value).sum::<f64>()).tanh()
        })
        .collect()
}

/// The map W `[size, size + 1]` of one layer.
fn denoiser(rows: &[Vec<f64>], size: usize, noise: f64) -> Result<Vec<f64>> {
    let all = size + 1;
    let mut scatter = vec![0.0; all * all]; // lower triangle of S
    for x in rows {
        let extended: Vec<f64> = x.iter().copied().chain(std::iter::once(1.0)).collect();
        for (at, value) in extended.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            for (entry, other) in scatter[at * all..=at * all + at].iter_mut().zip(&extended) {
                *entry += value * other;
            }
        }
    }
    let keep = |at: usize| if at == size { 1.0 } else { 1.0 - noise };
    let mut matrix = vec![0.0; all * all]; // Q + ηI, lower triangle
    let mut right = vec![0.0; all * size]; // Pᵀ
    for i in 0..all {
        for j in 0..=i {
            let s = scatter[i * all + j];
            matrix[i * all + j] = match i == j {
                true => s * keep(i) + if i == size { 0.0 } else { RIDGE },
                false => s * keep(i) * keep(j),
            };
            // Pᵀ_ij = S_ij·q_i; S is symmetric.
            if j < size {
                right[i * size + j] = s * keep(i);
            }
            if i < size {
                right[j * size + i] = s * keep(j);
            }
        }
    }
    let transposed = solve_positive(matrix, right, size)?; // Wᵀ, [size + 1, size]
    Ok((0..size)
        .flat_map(|to| (0..all).map(move |from| (to, from)))
        .map(|(to, from)| transposed[from * size + to])
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without noise the map reconstructs its input.
    #[test]
    fn without_noise_nothing_is_lost() {
        let rows: Vec<Vec<f64>> =
            (0..12).map(|at| (0..3).map(|axis| ((at * 7 + axis * 5) % 11) as f64 / 11.0).collect()).collect();
        let map = denoiser(&rows, 3, 0.0).unwrap();
        for x in &rows {
            for (found, want) in apply(&map, x).into_iter().zip(x) {
                assert!((found - want.tanh()).abs() < 1e-3, "{found} {want}");
            }
        }
    }

    /// The expectation over corruptions, for two inputs and all four ways to drop them, by its own definition.
    #[test]
    fn it_is_the_limit_of_infinitely_many_corruptions() {
        let rows = vec![vec![1.0, 0.5], vec![0.2, 1.5], vec![2.0, 1.0], vec![0.3, 0.4], vec![1.1, 0.9]];
        let noise: f64 = 0.3;
        let map = denoiser(&rows, 2, noise).unwrap();
        // The normal equations Σ p·(W·x̃ − x)·x̃ᵀ = 0.
        for to in 0..2 {
            for from in 0..3 {
                let mut sum = 0.0;
                for x in &rows {
                    for (drop_a, drop_b) in [(false, false), (false, true), (true, false), (true, true)] {
                        let p = [drop_a, drop_b].map(|drop| if drop { noise } else { 1.0 - noise });
                        let corrupted = [if drop_a { 0.0 } else { x[0] }, if drop_b { 0.0 } else { x[1] }, 1.0];
                        let made: f64 = (0..3).map(|k| map[to * 3 + k] * corrupted[k]).sum();
                        sum += p[0] * p[1] * (made - x[to]) * corrupted[from];
                    }
                }
                assert!(sum.abs() < 1e-4, "{to} {from}: {sum}");
            }
        }
    }

    #[test]
    fn features_hold_the_frequent_words_and_every_layer() {
        let mut rows = Rows::new(4);
        rows.push([(0, 1.0), (2, 2.0)]);
        rows.push([(2, 1.0), (3, 1.0)]);
        rows.push([(2, 1.0), (3, 3.0)]);
        let settings = Msda { layers: 2, noise: 0.5, words: 2, learning_rate: 0.1 };
        let stack = Stack::fit(&[&rows], &settings).unwrap();
        assert_eq!(stack.words, [2, 3]);
        let features = stack.features(&rows);
        assert_eq!((features.len(), features.width()), (3, 6));
        let first: Vec<(u32, f32)> = features.row(0).entries().collect();
        assert_eq!(first[0], (0, 2.0));
        assert!(first[1..].iter().all(|(column, value)| *column >= 2 && value.abs() <= 1.0));
        assert!(Stack::fit(&[&Rows::new(3)], &settings).is_err());
    }
}
