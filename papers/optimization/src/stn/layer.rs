//! Layers that respond to the hyper-parameters, or plain ones that start alike.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::module::embedding;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::init;
use papers_kit::nn::{Conv, Init, conv2d, linear};
use rand::Rng;

use super::hyper_conv::{HyperConv, HyperConvConfig};
use super::hyper_embedding::{HyperEmbeddingWeights, hyper_embedding};
use super::hyper_linear::{HyperLinear, HyperLinearConfig, HyperWeights, RESPONSE_STD, hyper_linear};

/// Where the weights of a network come from. Plain and responding networks take the same numbers from `rng`.
pub struct WeightSource<'a, R: Rng> {
    /// Weights that both kinds have.
    pub rng: &'a mut R,
    /// Number of hyper-parameters, and the weights that a plain network lacks; absent for a plain one.
    pub response: Option<(usize, &'a mut R)>,
    /// Where they go.
    pub device: &'a Device,
}

fn without_response() -> Error {
    Error::Failed("a layer that responds to hyper-parameters was called without them".into())
}

/// A fully connected layer.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has few of them")]
pub enum Dense<B: burn::tensor::backend::Backend = Backend> {
    /// Its weights are what they are.
    Plain(Linear<B>),
    /// Its weights respond to the hyper-parameters.
    Hyper(HyperLinear<B>),
}

/// The weights of a [`Dense`] layer as one batch uses them.
#[derive(Debug, Clone)]
pub enum DenseWeights {
    /// Weight `[I, O]` and bias `[O]`.
    Plain(Tensor<2>, Tensor<1>),
    /// Those of a layer that responds.
    Hyper(HyperWeights),
}

impl Dense {
    /// A layer with uniform weights.
    pub fn new<R: Rng>(inputs: usize, outputs: usize, weights: &mut WeightSource<'_, R>) -> Self {
        Self::build(inputs, outputs, weights, |config| config)
    }

    /// The same layer with α = 1 throughout.
    pub fn without_scale<R: Rng>(inputs: usize, outputs: usize, weights: &mut WeightSource<'_, R>) -> Self {
        Self::build(inputs, outputs, weights, HyperLinearConfig::without_scale)
    }

    fn build<R: Rng>(
        inputs: usize,
        outputs: usize,
        WeightSource { rng, response, device }: &mut WeightSource<'_, R>,
        change: fn(HyperLinearConfig) -> HyperLinearConfig,
    ) -> Self {
        match response {
            None => Dense::Plain(linear(inputs, outputs, true, Init::Uniform, *rng, device)),
            Some((count, response)) => {
                let config = change(HyperLinearConfig::new(inputs, outputs, *count));
                Dense::Hyper(config.init(*rng, *response, device))
            }
        }
    }

    /// `x` `[B, I]` and, for a layer that responds, its input `[B, H]`, to `[B, O]`.
    ///
    /// # Errors
    /// [`Error::Failed`] where a responding layer gets no response input, [`Error::Input`] where shapes do not agree.
    pub fn forward(&self, x: Tensor<2>, response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        match (self, response) {
            (Dense::Plain(layer), _) => Ok(layer.forward(x)),
            (Dense::Hyper(layer), Some(h)) => layer.forward(x, h.clone()),
            (Dense::Hyper(_), None) => Err(without_response()),
        }
    }

    /// The weights, each multiplied by its entry of `factors` `[I, O]` where there are any: dropped weights.
    pub fn weights(&self, factors: Option<Tensor<2>>) -> DenseWeights {
        let times = |weight: Tensor<2>| match &factors {
            Some(factors) => weight * factors.clone(),
            None => weight,
        };
        match self {
            Dense::Plain(layer) => {
                let weight = times(layer.weight.val());
                let [_, outputs] = weight.dims();
                let bias = match &layer.bias {
                    Some(bias) => bias.val(),
                    None => Tensor::zeros([outputs], &weight.device()),
                };
                DenseWeights::Plain(weight, bias)
            }
            Dense::Hyper(layer) => {
                let weights = layer.weights();
                DenseWeights::Hyper(HyperWeights {
                    elem_weight: times(weights.elem_weight),
                    hyper_weight: times(weights.hyper_weight),
                    ..weights
                })
            }
        }
    }
}

impl DenseWeights {
    /// As [`Dense::forward`].
    ///
    /// # Errors
    /// As [`Dense::forward`].
    pub fn forward(&self, x: Tensor<2>, response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        match (self, response) {
            (DenseWeights::Plain(weight, bias), _) => Ok(x.matmul(weight.clone()) + bias.clone().unsqueeze()),
            (DenseWeights::Hyper(weights), Some(h)) => hyper_linear(x, h.clone(), weights.clone()),
            (DenseWeights::Hyper(_), None) => Err(without_response()),
        }
    }
}

/// A convolution.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has few of them")]
pub enum Convolution<B: burn::tensor::backend::Backend = Backend> {
    /// Its weights are what they are.
    Plain(Conv2d<B>),
    /// Its weights respond to the hyper-parameters.
    Hyper(HyperConv<B>),
}

impl Convolution {
    /// A layer with uniform weights.
    pub fn new<R: Rng>(size: Conv, WeightSource { rng, response, device }: &mut WeightSource<'_, R>) -> Self {
        match response {
            None => Convolution::Plain(conv2d(size, Init::Uniform, *rng, device)),
            Some((count, response)) => {
                Convolution::Hyper(HyperConvConfig::new(size, *count).init(*rng, *response, device))
            }
        }
    }

    /// `x` `[B, I, h, w]` and, for a layer that responds, its input `[B, H]`, to `[B, O, h', w']`.
    ///
    /// # Errors
    /// As [`Dense::forward`].
    pub fn forward(&self, x: Tensor<4>, response: Option<&Tensor<2>>) -> Result<Tensor<4>> {
        match (self, response) {
            (Convolution::Plain(layer), _) => Ok(layer.forward(x)),
            (Convolution::Hyper(layer), Some(h)) => layer.forward(x, h.clone()),
            (Convolution::Hyper(_), None) => Err(without_response()),
        }
    }
}

/// Vectors of words.
#[derive(Module, Debug)]
pub struct WordVectors<B: burn::tensor::backend::Backend = Backend> {
    /// Wᵉ, `[N, E]`; also the matrix of the last layer where both are tied.
    elem_weight: Param<burn::tensor::Tensor<B, 2>>,
    /// Wʰ `[N, E]` and V `[H, E]`, where the vectors respond to the hyper-parameters.
    hyper: Option<HyperVectors<B>>,
}

#[derive(Module, Debug)]
struct HyperVectors<B: burn::tensor::backend::Backend = Backend> {
    weight: Param<burn::tensor::Tensor<B, 2>>,
    response: Param<burn::tensor::Tensor<B, 2>>,
}

/// Largest entry of word vectors at the start.
const VECTOR_BOUND: f64 = 0.1;

impl WordVectors {
    /// `count` vectors of `size` numbers, uniform in ±0.1.
    pub fn new<R: Rng>(
        count: usize,
        size: usize,
        WeightSource { rng, response, device }: &mut WeightSource<'_, R>,
    ) -> Self {
        WordVectors {
            elem_weight: Param::from_tensor(init::uniform([count, size], VECTOR_BOUND, *rng, device)),
            hyper: response.as_mut().map(|(hyperparameters, response)| HyperVectors {
                weight: Param::from_tensor(init::uniform([count, size], VECTOR_BOUND, *response, device)),
                response: Param::from_tensor(init::normal([*hyperparameters, size], RESPONSE_STD, *response, device)),
            }),
        }
    }

    /// Wᵉ.
    pub fn elem_weight(&self) -> Tensor<2> {
        self.elem_weight.val()
    }

    /// `words` `[T, B]` and, where the vectors respond, their input `[B, H]`, to `[T, B, E]`.
    ///
    /// # Errors
    /// As [`Dense::forward`].
    pub fn forward(&self, words: IntTensor<2>, response: Option<&Tensor<2>>) -> Result<Tensor<3>> {
        match (&self.hyper, response) {
            (None, _) => Ok(embedding(self.elem_weight.val(), words)),
            (Some(hyper), Some(h)) => {
                let weights = HyperEmbeddingWeights {
                    elem_weight: self.elem_weight.val(),
                    hyper_weight: hyper.weight.val(),
                    response: hyper.response.val(),
                };
                hyper_embedding(words, h.clone(), weights)
            }
            (Some(_), None) => Err(without_response()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn rng(name: &str) -> harness_core::rng::Stream {
        harness_core::rng::stream("test", name, 0)
    }

    /// Both kinds from the same streams.
    fn both<L>(build: impl Fn(&mut WeightSource<'_, harness_core::rng::Stream>) -> L) -> [L; 2] {
        let device = DeviceChoice::Cpu.open().unwrap();
        [false, true].map(|responds| {
            let (mut weights, mut response) = (rng("init"), rng("response"));
            let response = responds.then_some((2, &mut response));
            build(&mut WeightSource { rng: &mut weights, response, device: &device })
        })
    }

    fn close(a: Vec<f32>, b: Vec<f32>) {
        assert!(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}");
    }

    #[test]
    fn both_kinds_start_alike_and_a_responding_one_needs_its_input() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let zeros = Tensor::<2>::zeros([3, 2], &device);
        let x = init::normal([3, 4], 1.0, &mut rng("x"), &device);
        let [plain, hyper] = both(|weights| Dense::new(4, 5, weights));
        close(
            read_f32(plain.forward(x.clone(), None).unwrap()),
            read_f32(hyper.forward(x.clone(), Some(&zeros)).unwrap()),
        );
        assert!(hyper.forward(x, None).is_err());
        let [plain, hyper] = both(|weights| WordVectors::new(7, 4, weights));
        let words = || IntTensor::<2>::from_data([[0, 6, 2]], &device);
        close(read_f32(plain.forward(words(), None).unwrap()), read_f32(hyper.forward(words(), Some(&zeros)).unwrap()));
        assert!(hyper.forward(words(), None).is_err());
        let size = Conv { inputs: 1, outputs: 2, kernel: 3, stride: 1, padding: 1, bias: true };
        let [_, hyper] = both(|weights| Convolution::new(size, weights));
        assert!(hyper.forward(Tensor::zeros([3, 1, 4, 4], &device), None).is_err());
    }

    #[test]
    fn dropped_weights_are_dropped_from_both_matrices_and_not_from_biases() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let h = Tensor::<2>::ones([3, 2], &device);
        let x = init::normal([3, 4], 1.0, &mut rng("x"), &device);
        for layer in both(|weights| Dense::without_scale(4, 5, weights)) {
            let whole = layer.forward(x.clone(), Some(&h)).unwrap();
            close(read_f32(layer.weights(None).forward(x.clone(), Some(&h)).unwrap()), read_f32(whole));
            let none = layer.weights(Some(Tensor::zeros([4, 5], &device))).forward(x.clone(), Some(&h)).unwrap();
            let bias = layer.forward(Tensor::zeros([3, 4], &device), Some(&h)).unwrap();
            close(read_f32(none), read_f32(bias));
        }
    }
}
