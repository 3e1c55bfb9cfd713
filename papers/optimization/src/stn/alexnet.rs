//! The classifier of small colour images, after AlexNet: five convolutions and three fully connected layers, all of which
//! respond.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::nn::Conv;
use rand::Rng;

use super::layer::{Convolution, Dense, WeightSource};
use super::strengths::Target;

/// Which convolutions a pooling follows.
const POOLED: [bool; 5] = [true, true, false, false, true];

/// Sizes of an [`AlexNet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlexNetSizes {
    /// Planes, rows and columns of an image.
    pub image: [usize; 3],
    /// Channels of the convolutions.
    pub channels: [usize; 5],
    /// Units of both hidden fully connected layers.
    pub hidden: usize,
    /// Number of classes.
    pub classes: usize,
}

impl AlexNetSizes {
    /// Values that the fully connected layers get: 3×3 kernels with a margin of 1 keep an image's size, the first one has
    /// stride 2, and each pooling halves it.
    ///
    /// # Errors
    /// [`Error::Input`] where nothing is left of the image.
    pub fn features(&self) -> Result<usize> {
        let [_, height, width] = self.image;
        let side =
            |side: usize| POOLED.iter().fold(side.div_ceil(2), |side, pooled| if *pooled { side / 2 } else { side });
        match self.channels[4] * side(height) * side(width) {
            0 => Err(Error::Input(format!(
                "images of {height}×{width} are too small for five convolutions and three poolings: both sides must be at least 15"
            ))),
            features => Ok(features),
        }
    }

    /// What is dropped by which rate, in the order in which [`AlexNet::logits`] wants the factors: channels of each
    /// convolution, then inputs of the first two fully connected layers.
    ///
    /// # Errors
    /// As [`AlexNetSizes::features`].
    pub fn dropped(&self) -> Result<Vec<(Target, usize)>> {
        let dense = [(Target::DenseDropout1, self.features()?), (Target::DenseDropout2, self.hidden)];
        Ok(Target::CONVOLUTIONS.into_iter().zip(self.channels).chain(dense).collect())
    }
}

/// Convolution → ReLU → (pooling) → dropout of channels, five times; dropout → hidden → ReLU, twice; classes.
#[derive(Module, Debug)]
pub struct AlexNet<B: burn::tensor::backend::Backend = Backend> {
    convolutions: Vec<Convolution<B>>,
    first: Dense<B>,
    second: Dense<B>,
    head: Dense<B>,
    #[module(skip)]
    image: [usize; 3],
}

impl AlexNet {
    /// A network of these sizes.
    ///
    /// # Errors
    /// As [`AlexNetSizes::features`].
    pub fn new<R: Rng>(sizes: &AlexNetSizes, weights: &mut WeightSource<'_, R>) -> Result<Self> {
        let features = sizes.features()?;
        let mut inputs = sizes.image[0];
        let convolutions = sizes
            .channels
            .into_iter()
            .enumerate()
            .map(|(at, outputs)| {
                let stride = if at == 0 { 2 } else { 1 };
                let layer =
                    Convolution::new(Conv { inputs, outputs, kernel: 3, stride, padding: 1, bias: true }, weights);
                inputs = outputs;
                layer
            })
            .collect();
        Ok(AlexNet {
            convolutions,
            first: Dense::new(features, sizes.hidden, weights),
            second: Dense::new(sizes.hidden, sizes.hidden, weights),
            head: Dense::new(sizes.hidden, sizes.classes, weights),
            image: sizes.image,
        })
    }

    /// Logits `[B, planes·h·w]` to `[B, classes]`. `dropout` holds the factors that [`AlexNetSizes::dropped`] lists, `[B, n]`
    /// each, and is empty where nothing is dropped; `response` holds the response input, `[B, H]`.
    ///
    /// # Errors
    /// [`Error::Failed`] where a responding network gets no response input, [`Error::Input`] where a shape is wrong.
    pub fn logits(&self, x: Tensor<2>, dropout: &[Tensor<2>], response: Option<&Tensor<2>>) -> Result<Tensor<2>> {
        let [rows, _] = x.dims();
        let [planes, height, width] = self.image;
        let mut maps = x.reshape([rows, planes, height, width]);
        for (at, (layer, pooled)) in self.convolutions.iter().zip(POOLED).enumerate() {
            maps = relu(layer.forward(maps, response)?);
            if pooled {
                maps = max_pool2d(maps, [2, 2], [2, 2], [0, 0], [1, 1], false);
            }
            if let Some(factors) = dropout.get(at) {
                maps = maps * factors.clone().unsqueeze_dims(&[2, 3]);
            }
        }
        let mut hidden: Tensor<2> = maps.flatten(1, 3);
        for (at, layer) in [&self.first, &self.second].into_iter().enumerate() {
            if let Some(factors) = dropout.get(self.convolutions.len() + at) {
                hidden = hidden * factors.clone();
            }
            hidden = relu(layer.forward(hidden, response)?);
        }
        self.head.forward(hidden, response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;
    use papers_kit::init;

    fn sizes(side: usize) -> AlexNetSizes {
        AlexNetSizes { image: [3, side, side], channels: [2, 3, 4, 3, 2], hidden: 5, classes: 4 }
    }

    fn network(sizes: &AlexNetSizes, responds: bool) -> AlexNet {
        let device = DeviceChoice::Cpu.open().unwrap();
        let stream = |name| harness_core::rng::stream("test", name, 0);
        let (mut rng, mut response) = (stream("init"), stream("response"));
        let response = responds.then_some((6, &mut response));
        AlexNet::new(sizes, &mut WeightSource { rng: &mut rng, response, device: &device }).unwrap()
    }

    #[test]
    fn sizes_are_those_of_the_layers() {
        assert_eq!(AlexNetSizes { channels: [64, 192, 384, 256, 256], ..sizes(32) }.features().unwrap(), 256 * 4);
        assert!(sizes(14).features().is_err());
        let device = DeviceChoice::Cpu.open().unwrap();
        for side in [15, 16, 17, 32] {
            let x = Tensor::zeros([2, 3 * side * side], &device);
            let h = Tensor::<2>::zeros([2, 6], &device);
            assert_eq!(network(&sizes(side), true).logits(x, &[], Some(&h)).unwrap().dims(), [2, 4], "{side}");
        }
    }

    #[test]
    fn without_hyperparameters_it_is_the_plain_network_of_the_same_stream() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let x = init::normal([3, 3 * 256], 1.0, &mut harness_core::rng::stream("test", "x", 0), &device);
        let (plain, hyper) = (network(&sizes(16), false), network(&sizes(16), true));
        let want = read_f32(plain.logits(x.clone(), &[], None).unwrap());
        let zeros = Tensor::<2>::zeros([3, 6], &device);
        let found = read_f32(hyper.logits(x.clone(), &[], Some(&zeros)).unwrap());
        assert!(found.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {want:?}");
        let moved = read_f32(hyper.logits(x.clone(), &[], Some(&(zeros + 1.0))).unwrap());
        assert_ne!(found, moved);
        assert!(hyper.logits(x, &[], None).is_err());
    }

    /// Each list of factors acts: dropping all of one layer leaves the same answer for all images, and ones change nothing.
    #[test]
    fn every_dropout_has_its_place() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (sizes, network) = (sizes(16), network(&sizes(16), false));
        let x = init::normal([2, 3 * 256], 5.0, &mut harness_core::rng::stream("test", "x", 0), &device);
        let ones: Vec<Tensor<2>> =
            sizes.dropped().unwrap().iter().map(|(_, width)| Tensor::ones([2, *width], &device)).collect();
        assert_eq!(ones.len(), 7);
        let logits = |factors: &[Tensor<2>]| read_f32(network.logits(x.clone(), factors, None).unwrap());
        let kept = logits(&ones);
        assert_eq!(kept, logits(&[]));
        assert_ne!(kept[..4], kept[4..]);
        for at in 0..ones.len() {
            let mut factors = ones.clone();
            factors[at] = factors[at].clone() * 0.0;
            let found = logits(&factors);
            assert_eq!(found[..4], found[4..], "factors {at}");
        }
    }
}
