//! The shallow network of the released code, with its update written out.

use harness_core::{Error, Result};
use rand::{Rng, RngExt};

/// Rows of numbers of which most are 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    width: usize,
    /// Where each row ends in the two lists below.
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// The entries of a row that are not 0: columns, ascending, with their values.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [u32],
    values: &'a [f32],
}

impl Rows {
    /// No rows yet, of `width` columns.
    pub fn new(width: usize) -> Self {
        Rows { width, ..Rows::default() }
    }

    /// Rows in full, `[n, width]`; a part of a row at the end is left out.
    pub fn from_dense(width: usize, values: &[f32]) -> Self {
        let mut rows = Rows::new(width);
        for row in values.chunks_exact(width.max(1)) {
            rows.push(row.iter().enumerate().map(|(column, value)| (column as u32, *value)));
        }
        rows
    }

    /// Adds a row. Zeros and entries past the width are left out.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in entries {
            if value != 0.0 && (column as usize) < self.width {
                self.columns.push(column);
                self.values.push(value);
            }
        }
        self.ends.push(self.columns.len());
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A row; one of zeros past the end.
    pub fn row(&self, at: usize) -> Row<'_> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied()).unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(start);
        Row {
            columns: self.columns.get(start..end).unwrap_or_default(),
            values: self.values.get(start..end).unwrap_or_default(),
        }
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|at| self.row(at))
    }

    /// The rows at `order`, in that order.
    pub fn select(&self, order: &[usize]) -> Self {
        let mut chosen = Rows::new(self.width);
        for at in order {
            chosen.push(self.row(*at).entries());
        }
        chosen
    }
}

impl<'a> Row<'a> {
    /// Columns with their values.
    pub fn entries(self) -> impl Iterator<Item = (u32, f32)> + 'a {
        self.columns.iter().copied().zip(self.values.iter().copied())
    }
}

/// How a shallow network is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShallowRule {
    /// Learning rate μ, at least 0.
    pub learning_rate: f64,
    /// Adaptation parameter λ, at least 0. It scales the domain classifier's own update too, as in the released code.
    pub lambda: f64,
    /// Whether the hidden layer works against the domain classifier. Without it the domain classifier only watches.
    pub adversarial: bool,
}

impl ShallowRule {
    /// Refuses impossible values.
    ///
    /// # Errors
    /// [`Error::Input`] naming the value.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("learning_rate", self.learning_rate), ("lambda", self.lambda)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Input(format!("{name} must be a finite number of at least 0, but is {value}")));
            }
        }
        Ok(())
    }
}

/// A labelled source example beside an unlabelled target example.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// x_s.
    pub source: Row<'a>,
    /// Its class y.
    pub label: usize,
    /// x_t.
    pub target: Row<'a>,
}

/// One hidden layer, a softmax for the label and a logistic unit for the domain.
///
/// **Definition.** h = σ(Wx + b), class probabilities softmax(Vh + c), probability of the source domain g = σ(u·h + d).
///
/// **Paper.** Section 4.1, equations 1, 2 and 5, algorithm 1 (JMLR 17, 2016).
#[derive(Debug, Clone, PartialEq)]
pub struct ShallowNetwork {
    inputs: usize,
    /// W by columns, `[inputs, hidden]`: an input that is 0 then costs nothing.
    w: Vec<f64>,
    b: Vec<f64>,
    /// V, `[classes, hidden]`.
    v: Vec<f64>,
    c: Vec<f64>,
    u: Vec<f64>,
    d: f64,
}

/// The parameters of a [`ShallowNetwork`] as the paper writes them.
#[derive(Debug, Clone, PartialEq)]
pub struct ShallowWeights {
    /// W, `[hidden, inputs]`.
    pub w: Vec<f64>,
    /// b, `[hidden]`.
    pub b: Vec<f64>,
    /// V, `[classes, hidden]`.
    pub v: Vec<f64>,
    /// c, `[classes]`.
    pub c: Vec<f64>,
    /// u, `[hidden]`.
    pub u: Vec<f64>,
    /// d.
    pub d: f64,
}

impl ShallowNetwork {
    /// W and V uniform in ±√(6/(rows + columns)), all else 0.
    pub fn new(inputs: usize, hidden: usize, classes: usize, rng: &mut impl Rng) -> Self {
        let mut draw = |rows: usize, columns: usize| -> Vec<f64> {
            let bound = (6.0 / (rows + columns).max(1) as f64).sqrt();
            (0..rows * columns).map(|_| rng.random_range(-bound..bound)).collect()
        };
        let w = draw(inputs, hidden);
        let v = draw(classes, hidden);
        ShallowNetwork { inputs, w, b: vec![0.0; hidden], v, c: vec![0.0; classes], u: vec![0.0; hidden], d: 0.0 }
    }

    /// A network with these parameters.
    ///
    /// # Errors
    /// [`Error::Input`] where the sizes do not fit or there is no hidden unit, input or class.
    pub fn from_weights(weights: ShallowWeights) -> Result<Self> {
        let ShallowWeights { w, b, v, c, u, d } = weights;
        let hidden = b.len();
        let inputs = w.len().checked_div(hidden).unwrap_or(0);
        let fits = hidden > 0 && inputs > 0 && !c.is_empty() && w.len() == inputs * hidden;
        if !fits || v.len() != c.len() * hidden || u.len() != hidden {
            return Err(Error::Input(format!(
                "the parameters do not fit: w {}, b {}, v {}, c {}, u {} values; expected H·D, H, K·H, K, H",
                w.len(),
                b.len(),
                v.len(),
                c.len(),
                u.len()
            )));
        }
        let mut columns = vec![0.0; w.len()];
        for (unit, row) in w.chunks_exact(inputs).enumerate() {
            for (input, value) in row.iter().enumerate() {
                columns[input * hidden + unit] = *value;
            }
        }
        Ok(ShallowNetwork { inputs, w: columns, b, v, c, u, d })
    }

    /// The parameters.
    pub fn weights(&self) -> ShallowWeights {
        let hidden = self.hidden_units();
        let mut w = vec![0.0; self.w.len()];
        for (input, column) in self.w.chunks_exact(hidden.max(1)).enumerate() {
            for (unit, value) in column.iter().enumerate() {
                w[unit * self.inputs + input] = *value;
            }
        }
        let Self { b, v, c, u, d, .. } = self.clone();
        ShallowWeights { w, b, v, c, u, d }
    }

    /// Number of hidden units H.
    pub fn hidden_units(&self) -> usize {
        self.b.len()
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.c.len()
    }

    /// The representation h, `[hidden]`.
    pub fn hidden(&self, x: Row) -> Vec<f64> {
        let hidden = self.hidden_units();
        let mut h = self.b.clone();
        for (column, value) in x.entries() {
            let start = column as usize * hidden;
            let weights = self.w.get(start..start + hidden).unwrap_or_default();
            for (h, weight) in h.iter_mut().zip(weights) {
                *h += weight * f64::from(value);
            }
        }
        for h in &mut h {
            *h = sigmoid(*h);
        }
        h
    }

    /// Class probabilities of a representation.
    pub fn class_probabilities(&self, h: &[f64]) -> Vec<f64> {
        let hidden = self.hidden_units();
        let logits: Vec<f64> =
            self.v.chunks_exact(hidden.max(1)).zip(&self.c).map(|(row, c)| c + dot(row, h)).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }

    /// Probability that a representation is one of the source domain.
    pub fn source_probability(&self, h: &[f64]) -> f64 {
        sigmoid(self.d + dot(&self.u, h))
    }

    /// The most probable class; of equal ones the first.
    pub fn predict(&self, x: Row) -> usize {
        let probabilities = self.class_probabilities(&self.hidden(x));
        let mut best = 0;
        for (class, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[best] {
                best = class;
            }
        }
        best
    }

    /// One step on the mean over `pairs`; nothing happens without one.
    ///
    /// **Definition.** With e = softmax(Vh_s + c) − onehot(y), δ_y = (Vᵀe)∘h_s∘(1 − h_s), s = λ(1 − g_s), t = −λg_t,
    /// δ_s = s·u∘h_s∘(1 − h_s), δ_t = t·u∘h_t∘(1 − h_t): W −= μ[(δ_y + δ_s)x_sᵀ + δ_t·x_tᵀ], b −= μ[δ_y + δ_s + δ_t],
    /// V −= μ·e·h_sᵀ, c −= μe, u += μ[s·h_s + t·h_t], d += μ[s + t], each averaged over the pairs. Without `adversarial`,
    /// δ_s and δ_t are left out.
    ///
    /// **Paper.** Algorithm 1 (JMLR 17, 2016), one pair at a time.
    ///
    /// **Differences.** λ scales the domain classifier's own update, as in the released code and in the paper's
    /// algorithm. All right-hand sides take the old values.
    ///
    /// **Errors.** [`Error::Input`] for a label that is no class, or a rule that [`ShallowRule::check`] refuses; the
    /// network is then as before.
    ///
    /// **Example**
    /// ```
    /// use papers_adaptation::dann::{Pair, Rows, ShallowNetwork, ShallowRule};
    /// let mut rng = harness_core::rng::stream("example", "init", 0);
    /// let mut network = ShallowNetwork::new(2, 3, 2, &mut rng);
    /// let x = Rows::from_dense(2, &[1.0, 0.0, 0.0, 1.0]);
    /// let rule = ShallowRule { learning_rate: 0.1, lambda: 0.5, adversarial: true };
    /// for _ in 0..500 {
    ///     network.step(&[Pair { source: x.row(0), label: 1, target: x.row(1) }], &rule)?;
    /// }
    /// assert_eq!(network.predict(x.row(0)), 1);
    /// # Ok::<(), harness_core::Error>(())
    /// ```
    pub fn step(&mut self, pairs: &[Pair], rule: &ShallowRule) -> Result<()> {
        rule.check()?;
        let classes = self.classes();
        if let Some(pair) = pairs.iter().find(|pair| pair.label >= classes) {
            return Err(Error::Input(format!("label {} is not below the number of classes, {classes}", pair.label)));
        }
        let hidden = self.hidden_units();
        let rate = rule.learning_rate / pairs.len().max(1) as f64;
        let slopes: Vec<Slopes> = pairs.iter().map(|pair| self.slopes(pair, rule)).collect();
        for (pair, slopes) in pairs.iter().zip(&slopes) {
            for (row, delta) in [(pair.source, &slopes.source), (pair.target, &slopes.target)] {
                for (column, value) in row.entries() {
                    let start = column as usize * hidden;
                    let scale = rate * f64::from(value);
                    for (weight, delta) in self.w.get_mut(start..start + hidden).into_iter().flatten().zip(delta) {
                        *weight -= scale * delta;
                    }
                }
                add_scaled(&mut self.b, -rate, delta);
            }
            for (row, e) in self.v.chunks_exact_mut(hidden.max(1)).zip(&slopes.error) {
                add_scaled(row, -rate * e, &slopes.source_hidden);
            }
            add_scaled(&mut self.c, -rate, &slopes.error);
            add_scaled(&mut self.u, rate * slopes.s, &slopes.source_hidden);
            add_scaled(&mut self.u, rate * slopes.t, &slopes.target_hidden);
            self.d += rate * (slopes.s + slopes.t);
        }
        Ok(())
    }

    fn slopes(&self, pair: &Pair, rule: &ShallowRule) -> Slopes {
        let source_hidden = self.hidden(pair.source);
        let target_hidden = self.hidden(pair.target);
        let mut error = self.class_probabilities(&source_hidden);
        if let Some(error) = error.get_mut(pair.label) {
            *error -= 1.0;
        }
        let s = rule.lambda * (1.0 - self.source_probability(&source_hidden));
        let t = -rule.lambda * self.source_probability(&target_hidden);
        let mut source = vec![0.0; source_hidden.len()];
        for (row, e) in self.v.chunks_exact(source.len().max(1)).zip(&error) {
            add_scaled(&mut source, *e, row);
        }
        let mut target = vec![0.0; target_hidden.len()];
        if rule.adversarial {
            add_scaled(&mut source, s, &self.u);
            add_scaled(&mut target, t, &self.u);
        }
        for (delta, h) in source.iter_mut().zip(&source_hidden).chain(target.iter_mut().zip(&target_hidden)) {
            *delta *= h * (1.0 - h);
        }
        Slopes { error, source_hidden, target_hidden, source, target, s, t }
    }
}

/// What a pair contributes to a step.
struct Slopes {
    error: Vec<f64>,
    source_hidden: Vec<f64>,
    target_hidden: Vec<f64>,
    /// Of the hidden layer before its σ, for the source example and for the target example.
    source: Vec<f64>,
    target: Vec<f64>,
    s: f64,
    t: f64,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}
