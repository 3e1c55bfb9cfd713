//! Two-level hierarchical softmax: a word's group first, then the word within its group.

use burn::tensor::activation::log_softmax;
use harness_core::backend::{IntTensor, Tensor};
use harness_core::error::{Error, Result};

/// How D words are split into ⌈√D⌉ groups of consecutive words, all of one size but the last, which may be smaller.
///
/// Words are numbered by falling frequency, so that a group holds words of like frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoLevels {
    words: usize,
    groups: usize,
    group_size: usize,
}

impl TwoLevels {
    /// The split of `words` words.
    ///
    /// # Errors
    /// [`Error::Input`] where there are fewer than two.
    pub fn new(words: usize) -> Result<Self> {
        if words < 2 {
            return Err(Error::Input(format!("two levels need at least 2 words, but there are {words}")));
        }
        let floor = words.isqrt();
        let groups = if floor * floor == words { floor } else { floor + 1 };
        Ok(TwoLevels { words, groups, group_size: words.div_ceil(groups) })
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The group of a word, and the word's place in it.
    pub fn place(&self, word: usize) -> (usize, usize) {
        (word / self.group_size, word % self.group_size)
    }

    /// The words of a group.
    pub fn members(&self, group: usize) -> std::ops::Range<usize> {
        let first = (group * self.group_size).min(self.words);
        first..(first + self.group_size).min(self.words)
    }

    /// −ln p(target) of each row, `[n]`, where
    /// `ln p(word) = ln softmax(group logits)[its group] + ln softmax(word logits within the group)[word]`.
    ///
    /// `group_logits` is `[n, groups]`, `word_logits` `[n, words]`, `targets` `[n]` with words from 0 to `words` − 1.
    pub fn loss(&self, group_logits: Tensor<2>, word_logits: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        let [rows, _] = word_logits.dims();
        let targets = targets.unsqueeze_dim::<2>(1); // [n, 1]
        let group = targets.clone() / self.group_size as i64;
        let place = targets - group.clone() * self.group_size as i64;
        let of_group = group.clone().unsqueeze_dim::<3>(2).expand([rows, 1, self.group_size]);
        let word_logits = self.by_group(word_logits).gather(1, of_group).squeeze_dim::<2>(1); // [n, group size]
        let within = log_softmax(word_logits, 1).gather(1, place);
        (within + log_softmax(group_logits, 1).gather(1, group)).squeeze_dim::<1>(1).neg()
    }

    /// ln p of every word, `[n, words]`, from the arguments of [`TwoLevels::loss`].
    pub fn log_probabilities(&self, group_logits: Tensor<2>, word_logits: Tensor<2>) -> Tensor<2> {
        let [rows, words] = word_logits.dims();
        let within = log_softmax(self.by_group(word_logits), 2);
        let group = log_softmax(group_logits, 1).unsqueeze_dim::<3>(2); // [n, groups, 1]
        (within + group).reshape([rows, self.groups * self.group_size]).narrow(1, 0, words)
    }

    /// Word logits as `[n, groups, group size]`, the places that no word has filled up.
    fn by_group(&self, word_logits: Tensor<2>) -> Tensor<3> {
        let [rows, words] = word_logits.dims();
        let padded = self.groups * self.group_size;
        let word_logits = if padded == words {
            word_logits
        } else {
            // Low enough to have no probability, but finite: its slope is 0, not NaN.
            let padding = Tensor::<2>::full([rows, padded - words], -1e30, &word_logits.device());
            Tensor::cat(vec![word_logits, padding], 1)
        };
        word_logits.reshape([rows, self.groups, self.group_size])
    }
}

/// The output layer of the two-level softmax, trained by stochastic gradient steps in O(√D · d) per example.
///
/// The plain loop is on purpose like that of [`super::FactoredLayer`]: the two are timed against each other.
#[derive(Debug, Clone)]
pub struct HierarchicalLayer {
    levels: TwoLevels,
    width: usize,
    /// `[groups, d]`, row-major.
    group_rows: Vec<f32>,
    /// `[words, d]`, row-major.
    word_rows: Vec<f32>,
}

impl HierarchicalLayer {
    /// A layer with these weights: `[groups, width]` and `[words, width]`, row-major.
    ///
    /// # Errors
    /// [`Error::Input`] where a number of weights does not fit.
    pub fn new(levels: TwoLevels, width: usize, group_rows: Vec<f32>, word_rows: Vec<f32>) -> Result<Self> {
        if width == 0 || group_rows.len() != levels.groups * width || word_rows.len() != levels.words * width {
            return Err(Error::Input(format!(
                "a two-level layer of {} groups and {} words with {width} inputs got {} and {} weights",
                levels.groups,
                levels.words,
                group_rows.len(),
                word_rows.len()
            )));
        }
        Ok(HierarchicalLayer { levels, width, group_rows, word_rows })
    }

    /// One step at rate `lr` on the example `hidden` with word `target`: −ln p(target) before the step, and its
    /// gradient by `hidden`.
    ///
    /// # Errors
    /// [`Error::Input`] for an input of another width or a target outside.
    pub fn update(&mut self, hidden: &[f32], target: usize, lr: f32) -> Result<(f32, Vec<f32>)> {
        if hidden.len() != self.width || target >= self.levels.words {
            return Err(Error::Input(format!(
                "expected {} inputs and a word from 0 to {}, but got {} and {target}",
                self.width,
                self.levels.words - 1,
                hidden.len()
            )));
        }
        let (group, place) = self.levels.place(target);
        let members = self.levels.members(group);
        let mut hidden_gradient = vec![0.0; self.width];
        let mut loss = softmax_step(&mut self.group_rows, hidden, group, lr, &mut hidden_gradient);
        if let Some(rows) = self.word_rows.get_mut(members.start * self.width..members.end * self.width) {
            loss += softmax_step(rows, hidden, place, lr, &mut hidden_gradient);
        }
        Ok((loss, hidden_gradient))
    }
}

/// A gradient step of −ln softmax(W h)[target] on the rows of W; adds its gradient by h and returns the loss.
fn softmax_step(rows: &mut [f32], hidden: &[f32], target: usize, lr: f32, hidden_gradient: &mut [f32]) -> f32 {
    let dot = |row: &[f32]| row.iter().zip(hidden).map(|(weight, input)| weight * input).sum::<f32>();
    let logits: Vec<f32> = rows.chunks_exact(hidden.len()).map(dot).collect();
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let log_total = largest + total.ln();
    let mut loss = 0.0;
    for ((at, row), logit) in rows.chunks_exact_mut(hidden.len()).enumerate().zip(&logits) {
        let mut slope = (logit - log_total).exp();
        if at == target {
            slope -= 1.0;
            loss = log_total - logit;
        }
        for ((weight, input), gradient) in row.iter_mut().zip(hidden).zip(hidden_gradient.iter_mut()) {
            *gradient += slope * *weight;
            *weight -= lr * slope * input;
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn every_word_has_one_place_and_no_group_is_empty() {
        for words in 2..400 {
            let levels = TwoLevels::new(words).unwrap();
            assert!(levels.groups() * levels.groups() >= words);
            assert!((0..levels.groups()).all(|group| !levels.members(group).is_empty()), "{words} words");
            for word in 0..words {
                let (group, place) = levels.place(word);
                assert_eq!(levels.members(group).nth(place), Some(word));
            }
        }
        assert!(TwoLevels::new(1).is_err());
    }

    #[test]
    fn the_probabilities_sum_to_one_and_the_layer_steps_along_their_gradient() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let levels = TwoLevels::new(7).unwrap(); // groups of 3, 3, 1
        let group_rows: Vec<f32> = (0..6).map(|at| (at as f32 * 0.7).sin()).collect();
        let word_rows: Vec<f32> = (0..14).map(|at| (at as f32 * 1.3).cos()).collect();
        let hidden = [0.4f32, -1.1];
        let leaf = |values: &[f32], rows: usize| {
            Tensor::<1>::from_data(values, &device).reshape([rows, 2]).detach().require_grad()
        };
        let (groups, words, input) = (leaf(&group_rows, 3), leaf(&word_rows, 7), leaf(&hidden, 1));
        let logits =
            || (input.clone().matmul(groups.clone().transpose()), input.clone().matmul(words.clone().transpose()));
        let (group_logits, word_logits) = logits();
        let all = read_f32(levels.log_probabilities(group_logits, word_logits));
        assert!((all.iter().map(|log| log.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
        for target in [0, 4, 6] {
            let (group_logits, word_logits) = logits();
            let loss = levels.loss(group_logits, word_logits, IntTensor::from_data([target as i64], &device));
            let gradients = loss.clone().backward();
            assert!((all[target] + read_f32(loss.clone())[0]).abs() < 1e-6);
            let mut layer = HierarchicalLayer::new(levels, 2, group_rows.clone(), word_rows.clone()).unwrap();
            let (value, slope) = layer.update(&hidden, target, 0.5).unwrap();
            assert!((value - loss.into_scalar()).abs() < 1e-6);
            let near = |got: &[f32], want: &[f32]| {
                assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?} {want:?}");
            };
            near(&slope, &read_f32(input.grad(&gradients).unwrap()));
            near(&layer.group_rows, &read_f32(groups.clone().inner() - groups.grad(&gradients).unwrap() * 0.5));
            near(&layer.word_rows, &read_f32(words.clone().inner() - words.grad(&gradients).unwrap() * 0.5));
        }
    }
}
