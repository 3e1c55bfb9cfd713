//! The language model: word vectors, two LSTM layers and a last layer that shares its matrix with the word vectors.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use rand::Rng;

use super::layer::{Dense, DenseWeights, WeightSource, WordVectors};

/// Number of LSTM layers.
pub const LAYERS: usize = 2;

/// Sizes of a [`LanguageModel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanguageSizes {
    /// Number of words.
    pub words: usize,
    /// Units of each layer, and numbers of a word vector.
    pub units: usize,
}

/// What is dropped in a batch of B texts; the factors of a unit are the same at all words of a text.
#[derive(Debug, Clone)]
pub struct Dropped {
    /// Of each word's whole vector, `[words]`.
    pub words: Tensor<1>,
    /// Of the numbers of the word vectors, `[B, units]`.
    pub inputs: Tensor<2>,
    /// Of the units of the first layer, `[B, units]`.
    pub hidden: Tensor<2>,
    /// Of the units of the last layer, `[B, units]`.
    pub outputs: Tensor<2>,
    /// Of the weights from state to state of each layer, `[units, 4·units]`.
    pub recurrent: [Tensor<2>; LAYERS],
}

/// What the layers hand on from word to word, `[B, units]` each.
#[derive(Debug, Clone)]
pub struct State {
    layers: [(Tensor<2>, Tensor<2>); LAYERS],
}

impl State {
    /// The state before the first word.
    pub fn start(rows: usize, units: usize, device: &Device) -> Self {
        let zeros = || Tensor::zeros([rows, units], device);
        State { layers: std::array::from_fn(|_| (zeros(), zeros())) }
    }

    /// The same numbers, through which no gradient flows.
    pub fn detach(self) -> Self {
        State { layers: self.layers.map(|(hidden, cell)| (hidden.detach(), cell.detach())) }
    }

    /// The same numbers for a network that records no gradients.
    pub fn inner(self) -> Self {
        State { layers: self.layers.map(|(hidden, cell)| (hidden.inner(), cell.inner())) }
    }
}

/// What a language model makes of a stretch of T words of each of B texts.
#[derive(Debug, Clone)]
pub struct Reading {
    /// For each word the logits of the next one, `[T·B, words]`.
    pub logits: Tensor<2>,
    /// What the last layer hands on from word to word, before and after dropout, `[T, B, units]`.
    pub activations: [Tensor<3>; 2],
    /// The state after the last word.
    pub state: State,
}

/// An LSTM layer: forget, input and output gate and new content from the input and the last state.
#[derive(Module, Debug)]
struct Layer<B: burn::tensor::backend::Backend = Backend> {
    input: Dense<B>,
    recurrent: Dense<B>,
}

impl Layer {
    fn new<R: Rng>(units: usize, weights: &mut WeightSource<'_, R>) -> Self {
        Layer {
            input: Dense::without_scale(units, 4 * units, weights),
            recurrent: Dense::without_scale(units, 4 * units, weights),
        }
    }

    /// `x` `[T, B, units]` to the hidden states `[T, B, units]`, and the last state.
    fn forward(
        &self,
        x: Tensor<3>,
        (mut hidden, mut cell): (Tensor<2>, Tensor<2>),
        dropped: Option<Tensor<2>>,
        response: Option<&Tensor<2>>,
    ) -> Result<(Tensor<3>, (Tensor<2>, Tensor<2>))> {
        let [steps, rows, units] = x.dims();
        // Inputs of all words at once; each text keeps its own response input.
        let repeated = response.map(|h| {
            let [_, columns] = h.dims();
            h.clone().unsqueeze_dim::<3>(0).expand([steps, rows, columns]).reshape([steps * rows, columns])
        });
        let from_inputs = self.input.forward(x.reshape([steps * rows, units]), repeated.as_ref())?; // [t·b, 4 u]
        let recurrent: DenseWeights = self.recurrent.weights(dropped);
        let mut outputs = Vec::with_capacity(steps);
        for step in 0..steps {
            let both = from_inputs.clone().narrow(0, step * rows, rows) + recurrent.forward(hidden, response)?;
            let gates = sigmoid(both.clone().narrow(1, 0, 3 * units)); // [b, 3 u]: forget, input, output
            let gate = |at: usize| gates.clone().narrow(1, at * units, units);
            let content = both.narrow(1, 3 * units, units).tanh();
            cell = gate(0) * cell + gate(1) * content;
            hidden = gate(2) * cell.clone().tanh();
            outputs.push(hidden.clone());
        }
        Ok((Tensor::stack(outputs, 0), (hidden, cell)))
    }
}

/// Word vectors and LSTM layers, plain or responding, and a plain last layer that is tied to the word vectors.
#[derive(Module, Debug)]
pub struct LanguageModel<B: burn::tensor::backend::Backend = Backend> {
    vectors: WordVectors<B>,
    first: Layer<B>,
    second: Layer<B>,
    bias: Param<burn::tensor::Tensor<B, 1>>,
}

impl LanguageModel {
    /// A model of these sizes.
    pub fn new<R: Rng>(sizes: LanguageSizes, weights: &mut WeightSource<'_, R>) -> Self {
        LanguageModel {
            vectors: WordVectors::new(sizes.words, sizes.units, weights),
            first: Layer::new(sizes.units, weights),
            second: Layer::new(sizes.units, weights),
            bias: Param::from_tensor(Tensor::zeros([sizes.words], weights.device)),
        }
    }

    /// Reads `words` `[T, B]`, texts in columns. `dropped` is absent where nothing is dropped; `response` holds the response
    /// input, `[B, H]`.
    ///
    /// # Errors
    /// [`Error::Failed`] where a responding network gets no response input, [`Error::Input`] where shapes do not agree.
    pub fn read(
        &self,
        words: IntTensor<2>,
        state: State,
        dropped: Option<&Dropped>,
        response: Option<&Tensor<2>>,
    ) -> Result<Reading> {
        let [steps, rows] = words.dims();
        let mut x = self.vectors.forward(words.clone(), response)?; // [t, b, u]
        if let Some(dropped) = dropped {
            let whole = dropped.words.clone().select(0, words.reshape([steps * rows])).reshape([steps, rows, 1]);
            x = x * whole * dropped.inputs.clone().unsqueeze_dim(0);
        }
        let State { layers: [first, second] } = state;
        let recurrent = |layer: usize| dropped.and_then(|dropped| dropped.recurrent.get(layer).cloned());
        let (mut x, first) = self.first.forward(x, first, recurrent(0), response)?;
        if let Some(dropped) = dropped {
            x = x * dropped.hidden.clone().unsqueeze_dim(0);
        }
        let (raw, second) = self.second.forward(x, second, recurrent(1), response)?;
        let outputs = match dropped {
            Some(dropped) => raw.clone() * dropped.outputs.clone().unsqueeze_dim(0),
            None => raw.clone(),
        };
        let [_, _, units] = outputs.dims();
        let matrix = self.vectors.elem_weight().transpose(); // [u, words]
        let logits = outputs.clone().reshape([steps * rows, units]).matmul(matrix) + self.bias.val().unsqueeze();
        Ok(Reading { logits, activations: [raw, outputs], state: State { layers: [first, second] } })
    }
}

/// A penalty for activations that are large or that change from word to word, `[1]`.
///
/// **Definition.** a·mean(o²) + b·mean((u_{t+1} − u_t)²), with o the activations after and u those before dropout.
///
/// **Paper.** Appendix on the language model (arXiv 1903.03088), after Merity et al. 2017.
///
/// **Arguments.** `raw` u and `dropped` o, `[T, B, units]`, T ≥ 1; `size` a and `change` b, at least 0.
///
/// **Differences.** None; a single word does not change.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::activation_penalty;
/// let device = DeviceChoice::Cpu.open()?;
/// let raw = Tensor::<3>::from_data([[[1.0]], [[3.0]]], &device);
/// assert_eq!(activation_penalty(raw.clone(), raw * 2.0, 0.1, 0.5).into_scalar(), 0.1 * 20.0 + 0.5 * 4.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn activation_penalty(raw: Tensor<3>, dropped: Tensor<3>, size: f64, change: f64) -> Tensor<1> {
    let [steps, _, _] = raw.dims();
    let large = dropped.square().mean() * size;
    if steps < 2 {
        return large;
    }
    let steps = steps - 1;
    let moved = raw.clone().narrow(0, 1, steps) - raw.narrow(0, 0, steps);
    large + moved.square().mean() * change
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    const SIZES: LanguageSizes = LanguageSizes { words: 7, units: 3 };

    fn device() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    fn model(responds: bool) -> LanguageModel {
        let stream = |name| harness_core::rng::stream("test", name, 0);
        let (mut rng, mut response) = (stream("init"), stream("response"));
        let response = responds.then_some((2, &mut response));
        LanguageModel::new(SIZES, &mut WeightSource { rng: &mut rng, response, device: &device() })
    }

    fn words(words: &[i64], rows: usize) -> IntTensor<2> {
        IntTensor::from_data(TensorData::new(words.to_vec(), [words.len() / rows, rows]), &device())
    }

    fn read(model: &LanguageModel, text: IntTensor<2>, dropped: Option<&Dropped>, h: Option<&Tensor<2>>) -> Vec<f32> {
        let [_, rows] = text.dims();
        read_f32(model.read(text, State::start(rows, SIZES.units, &device()), dropped, h).unwrap().logits)
    }

    fn close(a: &[f32], b: &[f32]) {
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}");
    }

    /// One layer against the equations in double precision, two words of one text.
    #[test]
    fn a_layer_follows_the_equations() {
        let device = device();
        let LanguageModel { first: layer, .. } = model(false);
        let (Dense::Plain(input), Dense::Plain(recurrent)) = (&layer.input, &layer.recurrent) else { panic!() };
        let read64 = |tensor: Tensor<2>| -> Vec<f64> { read_f32(tensor).into_iter().map(f64::from).collect() };
        let bias = |layer: &burn::nn::Linear<Backend>| read64(layer.bias.as_ref().unwrap().val().unsqueeze());
        let (wi, wr) = (read64(input.weight.val()), read64(recurrent.weight.val()));
        let (bi, br) = (bias(input), bias(recurrent));
        let x = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]];
        let (mut hidden, mut cell) = ([0.0f64; 3], [0.0f64; 3]);
        for word in x {
            let z: Vec<f64> = (0..12)
                .map(|j| {
                    (0..3).map(|i| word[i] * wi[i * 12 + j] + hidden[i] * wr[i * 12 + j]).sum::<f64>() + bi[j] + br[j]
                })
                .collect();
            let s = |z: f64| 1.0 / (1.0 + (-z).exp());
            for unit in 0..3 {
                cell[unit] = s(z[unit]) * cell[unit] + s(z[3 + unit]) * z[9 + unit].tanh();
                hidden[unit] = s(z[6 + unit]) * cell[unit].tanh();
            }
        }
        let x = Tensor::<3>::from_data([[x[0].map(|v| v as f32)], [x[1].map(|v| v as f32)]], &device);
        let zeros = || Tensor::<2>::zeros([1, 3], &device);
        let (_, (found, _)) = layer.forward(x, (zeros(), zeros()), None, None).unwrap();
        close(&read_f32(found), &hidden.map(|value| value as f32));
    }

    #[test]
    fn the_state_carries_on_and_texts_do_not_mix() {
        let (device, model) = (device(), model(false));
        let text = [1, 4, 2, 3, 0, 6, 5, 5];
        let whole = read(&model, words(&text, 2), None, None);
        let start = State::start(2, 3, &device);
        let first = model.read(words(&text[..4], 2), start, None, None).unwrap();
        let second = model.read(words(&text[4..], 2), first.state.detach(), None, None).unwrap();
        close(&[read_f32(first.logits), read_f32(second.logits)].concat(), &whole);
        // The first text alone: every other row.
        let alone = read(&model, words(&[1, 2, 0, 5], 1), None, None);
        let rows: Vec<f32> = whole.chunks_exact(7).step_by(2).flatten().copied().collect();
        close(&alone, &rows);
    }

    #[test]
    fn it_starts_as_the_plain_model_and_each_text_has_its_own_response() {
        let device = device();
        let (plain, hyper) = (model(false), model(true));
        let text = [1, 4, 2, 3, 0, 6];
        let zeros = Tensor::<2>::zeros([2, 2], &device);
        close(&read(&hyper, words(&text, 2), None, Some(&zeros)), &read(&plain, words(&text, 2), None, None));
        let mixed = Tensor::<2>::from_data([[0.0, 0.0], [3.0, -2.0]], &device);
        let found = read(&hyper, words(&text, 2), None, Some(&mixed));
        let alone = Tensor::<2>::from_data([[3.0, -2.0]], &device);
        let alone = read(&hyper, words(&[4, 3, 6], 1), None, Some(&alone));
        close(&found.chunks_exact(7).skip(1).step_by(2).flatten().copied().collect::<Vec<_>>(), &alone);
        assert_ne!(found, read(&hyper, words(&text, 2), None, Some(&zeros)));
        let start = State::start(2, 3, &device);
        assert!(hyper.read(words(&text, 2), start, None, None).is_err());
    }

    fn nothing_dropped(rows: usize) -> Dropped {
        let device = device();
        let ones = || Tensor::<2>::ones([rows, 3], &device);
        let weights = || Tensor::<2>::ones([3, 12], &device);
        Dropped {
            words: Tensor::ones([7], &device),
            inputs: ones(),
            hidden: ones(),
            outputs: ones(),
            recurrent: [weights(), weights()],
        }
    }

    #[test]
    fn every_dropout_has_its_place() {
        let model = model(false);
        let text = || words(&[1, 4, 2, 3, 0, 6], 2);
        let kept = read(&model, text(), None, None);
        close(&read(&model, text(), Some(&nothing_dropped(2)), None), &kept);
        let dropped = |change: &dyn Fn(&mut Dropped)| {
            let mut dropped = nothing_dropped(2);
            change(&mut dropped);
            read(&model, text(), Some(&dropped), None)
        };
        // Without outputs the bias is left, which starts at 0.
        assert!(dropped(&|d| d.outputs = d.outputs.clone() * 0.0).iter().all(|logit| *logit == 0.0));
        // Without inputs, words, or hidden units, all texts look alike.
        let changes: [&dyn Fn(&mut Dropped); 3] =
            [&|d| d.inputs = d.inputs.clone() * 0.0, &|d| d.words = d.words.clone() * 0.0, &|d| {
                d.hidden = d.hidden.clone() * 0.0
            }];
        for change in changes {
            let found = dropped(change);
            assert_eq!(found[..7], found[7..14]);
        }
        // Without recurrent weights of a layer the first word is read as before, the next ones are not.
        for layer in 0..LAYERS {
            let found = dropped(&|d| d.recurrent[layer] = d.recurrent[layer].clone() * 0.0);
            close(&found[..14], &kept[..14]);
            assert_ne!(found[14..], kept[14..]);
        }
        // A dropped word has no vector, whatever the text.
        let mut without = nothing_dropped(2);
        without.words = Tensor::from_data([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &device());
        let found = read(&model, text(), Some(&without), None);
        assert_eq!(found[..7], found[7..14], "words 1 and 4 are dropped");
    }

    #[test]
    fn no_gradient_flows_through_a_detached_state() {
        let device = device();
        let h = Tensor::<2>::ones([1, 2], &device).require_grad();
        let model = model(true);
        let first = model.read(words(&[1, 2], 1), State::start(1, 3, &device), None, Some(&h)).unwrap();
        let still = Tensor::<2>::zeros([1, 2], &device);
        for detached in [false, true] {
            let state = if detached { first.state.clone().detach() } else { first.state.clone() };
            let second = model.read(words(&[3], 1), state, None, Some(&still)).unwrap();
            let slope = h.grad(&second.logits.square().sum().backward());
            assert_eq!(slope.is_none(), detached);
        }
    }

    #[test]
    fn one_word_has_no_change_to_be_penalised() {
        let one = Tensor::<3>::ones([1, 2, 2], &device());
        assert_eq!(activation_penalty(one.clone(), one, 0.5, 7.0).into_scalar(), 0.5);
    }
}
