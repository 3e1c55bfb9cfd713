//! The encoders of the small experiments: three strided convolutions, with and without batch norms, and one type for
//! whichever encoder a profile names.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::activation::relu;
use harness_core::backend::{Backend, Device, Tensor};
use harness_core::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::gather_conv::{GatherConv, as_columns};
use crate::image_set::ImageSize;
use crate::middle;
use crate::mlp::{Activation, Mlp};
use crate::nn::{Conv, Init, linear};
use crate::resnet::{Mode, ResNet, batch_norm};

/// Sizes of a [`Conv3`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conv3Config {
    /// Channels of the three convolutions.
    pub channels: [usize; 3],
    /// Width of the feature.
    pub features: usize,
    /// Whether the feature passes a last ReLU; without it, it is an embedding of any sign.
    pub relu: bool,
}

impl Default for Conv3Config {
    fn default() -> Self {
        Conv3Config { channels: [16, 32, 64], features: 128, relu: true }
    }
}

/// Three 3×3 convolutions of stride 2 and padding 1, each followed by a ReLU, then a linear layer: about 0.7 million
/// multiply-adds for an image of 28×28.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::encoder::{Conv3, Conv3Config};
/// use papers_kit::image_set::ImageSize;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let size = ImageSize { channels: 1, height: 28, width: 28 };
/// let encoder = Conv3::new(&Conv3Config::default(), size, &mut rng, &device);
/// assert_eq!(encoder.forward(Tensor::<4>::zeros([5, 1, 28, 28], &device)).dims(), [5, 128]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Conv3<B: burn::tensor::backend::Backend = Backend> {
    convolutions: Vec<GatherConv<B>>,
    output: Linear<B>,
    #[module(skip)]
    relu: bool,
}

impl Conv3 {
    /// An encoder for images of `size`, with He initialisation and biases of 0.
    pub fn new(config: &Conv3Config, size: ImageSize, rng: &mut impl Rng, device: &Device) -> Self {
        let convolutions = strided_convolutions(&config.channels, true, size, rng, device);
        let inputs = outputs_of(&convolutions);
        let output = linear(inputs, config.features, true, Init::He, rng, device);
        Conv3 { convolutions, output, relu: config.relu }
    }

    /// The features, `[n, channels, h, w]` to `[n, features]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.head(self.stem(images))
    }

    /// The maps after the second convolution and its ReLU, one image a column: `[channels[1]·h″·w″, n]`.
    pub fn stem(&self, images: Tensor<4>) -> Tensor<2> {
        self.convolutions.iter().take(2).fold(as_columns(images), |maps, layer| relu(layer.forward(maps)))
    }

    /// The features for maps that [`Conv3::stem`] gave, mixed or not.
    pub fn head(&self, maps: Tensor<2>) -> Tensor<2> {
        let maps = self.convolutions.iter().skip(2).fold(maps, |maps, layer| relu(layer.forward(maps)));
        let features = self.output.forward(maps.swap_dims(0, 1));
        if self.relu { relu(features) } else { features }
    }
}

/// Sizes of a [`Conv3Bn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conv3BnConfig {
    /// Channels of the three convolutions; the last is the width of the feature.
    pub channels: [usize; 3],
    /// Number of logits.
    pub classes: usize,
}

impl Default for Conv3BnConfig {
    fn default() -> Self {
        Conv3BnConfig { channels: [16, 32, 64], classes: 10 }
    }
}

/// A classifier of three 3×3 convolutions of stride 2, each followed by a batch norm (eps 1e-5, momentum 0.1, biased
/// variance) and a ReLU, the mean over positions as feature, and a linear layer.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::encoder::{Conv3Bn, Conv3BnConfig};
/// use papers_kit::image_set::ImageSize;
/// use papers_kit::resnet::Mode;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let size = ImageSize { channels: 1, height: 28, width: 28 };
/// let model = Conv3Bn::new(&Conv3BnConfig::default(), size, &mut rng, &device);
/// assert_eq!(model.forward(Tensor::<4>::zeros([5, 1, 28, 28], &device), Mode::Train).dims(), [5, 10]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Conv3Bn<B: burn::tensor::backend::Backend = Backend> {
    convolutions: Vec<GatherConv<B>>,
    /// The batch norms, for methods that adapt them.
    pub norms: Vec<BatchNorm<B>>,
    /// The layer from feature to logits.
    pub output: Linear<B>,
}

impl Conv3Bn {
    /// A classifier for images of `size`, with He initialisation.
    pub fn new(config: &Conv3BnConfig, size: ImageSize, rng: &mut impl Rng, device: &Device) -> Self {
        let convolutions = strided_convolutions(&config.channels, false, size, rng, device);
        Conv3Bn {
            convolutions,
            norms: config.channels.iter().map(|channels| BatchNormConfig::new(*channels).init(device)).collect(),
            output: linear(config.channels[2], config.classes, true, Init::LeCun, rng, device),
        }
    }

    /// Logits, `[n, channels, h, w]` to `[n, classes]`.
    pub fn forward(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        self.output.forward(self.features(images, mode))
    }

    /// Features, `[n, channels, h, w]` to `[n, channels[2]]`.
    pub fn features(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        self.features_with(images, |norm, maps| {
            let [channels, values] = maps.dims();
            batch_norm(norm, maps.reshape([1, channels, values, 1]), mode).reshape([channels, values])
        })
    }

    /// Features with each batch norm applied by `normalise`, which gets all values of each channel,
    /// `[channels, positions·n]`, and returns as many.
    pub fn features_with(
        &self,
        images: Tensor<4>,
        normalise: impl Fn(&BatchNorm<Backend>, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let [n, ..] = images.dims();
        let mut maps = as_columns(images);
        let mut channels = 0;
        for (layer, norm) in self.convolutions.iter().zip(&self.norms) {
            channels = layer.outputs();
            let rows = layer.forward(maps).reshape([channels as i32, -1]);
            maps = relu(normalise(norm, rows)).reshape([-1, n as i32]);
        }
        middle::mean(maps.reshape([channels as i32, -1, n as i32])).reshape([channels, n]).swap_dims(0, 1)
    }
}

fn strided_convolutions(
    channels: &[usize; 3],
    bias: bool,
    size: ImageSize,
    rng: &mut impl Rng,
    device: &Device,
) -> Vec<GatherConv<Backend>> {
    let mut inputs = size.channels;
    let mut image = [size.height, size.width];
    channels
        .iter()
        .map(|outputs| {
            let conv = Conv { inputs, outputs: *outputs, kernel: 3, stride: 2, padding: 1, bias };
            let layer = GatherConv::new(conv, image, Init::He, rng, device);
            inputs = *outputs;
            image = layer.positions();
            layer
        })
        .collect()
}

/// Numbers per image after the last convolution.
fn outputs_of(convolutions: &[GatherConv<Backend>]) -> usize {
    convolutions.last().map_or(0, |layer| layer.outputs() * layer.positions().iter().product::<usize>())
}

/// An encoder as a profile names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EncoderConfig {
    /// Fully connected layers of these widths, a ReLU after each; the last width is that of the feature.
    Mlp {
        /// Widths after the pixels.
        widths: Vec<usize>,
    },
    /// Three convolutions.
    Conv3(Conv3Config),
    /// Basic blocks with batch norms.
    Resnet {
        /// Channels of each stage; the last is the width of the feature.
        stages: Vec<usize>,
        /// Blocks in each stage: 2 in a ResNet-18.
        blocks: usize,
    },
}

impl EncoderConfig {
    /// Width of the feature; 0 where the configuration is empty.
    pub fn features(&self) -> usize {
        match self {
            EncoderConfig::Mlp { widths } => widths.last().copied().unwrap_or(0),
            EncoderConfig::Conv3(config) => config.features,
            EncoderConfig::Resnet { stages, .. } => stages.last().copied().unwrap_or(0),
        }
    }

    /// Refuses empty lists and sizes of 0.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key below `encoder`.
    pub fn check(&self) -> Result<()> {
        let refuse = |key: &str, what: &str| Err(Error::Input(format!("encoder.{key}: {what}")));
        match self {
            EncoderConfig::Mlp { widths } if widths.is_empty() || widths.contains(&0) => {
                refuse("mlp.widths", "needs at least one width, each at least 1")
            }
            EncoderConfig::Conv3(config) if config.channels.contains(&0) || config.features == 0 => {
                refuse("conv3", "channels and features must be at least 1")
            }
            EncoderConfig::Resnet { stages, blocks } if stages.is_empty() || stages.contains(&0) || *blocks == 0 => {
                refuse("resnet", "needs at least one stage of at least 1 channel, and at least 1 block in each")
            }
            _ => Ok(()),
        }
    }

    /// The encoder for images of `size`.
    pub fn init(&self, size: ImageSize, rng: &mut impl Rng, device: &Device) -> Encoder {
        match self {
            EncoderConfig::Mlp { widths } => {
                let widths: Vec<usize> = std::iter::once(size.values()).chain(widths.iter().copied()).collect();
                Encoder::Mlp(Mlp::new(&widths, Activation::Relu, rng, device))
            }
            EncoderConfig::Conv3(config) => Encoder::Conv3(Conv3::new(config, size, rng, device)),
            EncoderConfig::Resnet { stages, blocks } => {
                Encoder::Resnet(ResNet::new(size.channels, stages, *blocks, 1, rng, device))
            }
        }
    }
}

/// An encoder: images to features of no sign below 0 (but for a [`Conv3`] without its last ReLU).
#[expect(clippy::large_enum_variant, reason = "a trial holds one or two")]
#[derive(Module, Debug)]
pub enum Encoder<B: burn::tensor::backend::Backend = Backend> {
    /// Fully connected layers.
    Mlp(Mlp<B>),
    /// Three convolutions.
    Conv3(Conv3<B>),
    /// Basic blocks; its head is not used.
    Resnet(ResNet<B>),
}

impl Encoder {
    /// Features, `[n, channels, h, w]` to `[n, features]`. Batch norms use and move statistics in [`Mode::Train`].
    pub fn forward(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        match self {
            Encoder::Mlp(mlp) => {
                let [n, channels, height, width] = images.dims();
                mlp.activation().forward(mlp.forward(images.reshape([n, channels * height * width])))
            }
            Encoder::Conv3(encoder) => encoder.forward(images),
            Encoder::Resnet(encoder) => encoder.features(images, mode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::uniform;
    use burn::module::AutodiffModule;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    const SIZE: ImageSize = ImageSize { channels: 2, height: 9, width: 7 };

    fn images(device: &Device) -> Tensor<4> {
        uniform([4, 2, 9, 7], 1.0, &mut harness_core::rng::stream("test", "x", 0), device)
    }

    fn stream() -> harness_core::rng::Stream {
        harness_core::rng::stream("test", "init", 0)
    }

    #[test]
    fn every_encoder_gives_features_of_its_width_with_and_without_gradients() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let conv3 = Conv3Config { channels: [3, 4, 5], features: 6, relu: true };
        for config in [
            EncoderConfig::Mlp { widths: vec![8, 6] },
            EncoderConfig::Conv3(conv3),
            EncoderConfig::Resnet { stages: vec![3, 6], blocks: 1 },
        ] {
            config.check().unwrap();
            let encoder = config.init(SIZE, &mut stream(), &device);
            let features = encoder.forward(images(&device), Mode::Evaluate);
            assert_eq!(features.dims(), [4, config.features()]);
            let features = read_f32(features);
            assert!(features.iter().all(|value| *value >= 0.0) && features.iter().any(|value| *value > 0.0));
            let inner = read_f32(encoder.valid().forward(images(&device).inner(), Mode::Evaluate));
            assert!(inner.iter().zip(&features).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn a_conv3_without_its_last_relu_has_features_of_both_signs() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let config = Conv3Config { channels: [3, 4, 5], features: 16, relu: false };
        let features = read_f32(Conv3::new(&config, SIZE, &mut stream(), &device).forward(images(&device)));
        assert!(features.iter().any(|value| *value < 0.0) && features.iter().any(|value| *value > 0.0));
    }

    #[test]
    fn batch_norms_normalise_each_channel_over_images_and_positions() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let model = Conv3Bn::new(&Conv3BnConfig { channels: [3, 4, 5], classes: 2 }, SIZE, &mut stream(), &device);
        let seen = std::cell::RefCell::new(Vec::new());
        let features = model.features_with(images(&device), |norm, maps| {
            let [channels, values] = maps.dims();
            let normal = batch_norm(norm, maps.reshape([1, channels, values, 1]), Mode::Train);
            let normal = normal.reshape([channels, values]);
            let mean = read_f32(normal.clone().mean_dim(1));
            let square = read_f32(normal.clone().square().mean_dim(1));
            assert!(mean.iter().all(|mean| mean.abs() < 1e-4), "{mean:?}");
            assert!(square.iter().all(|square| (square - 1.0).abs() < 0.02), "{square:?}");
            seen.borrow_mut().push([channels, values]);
            normal
        });
        assert_eq!(*seen.borrow(), [[3, 5 * 4 * 4], [4, 3 * 2 * 4], [5, 2 * 4]]);
        assert_eq!(features.dims(), [4, 5]);
        let other = model.features(images(&device), Mode::Train);
        assert!(read_f32(other).iter().zip(read_f32(features)).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn impossible_sizes_are_refused_by_name() {
        for (config, key) in [
            (EncoderConfig::Mlp { widths: vec![] }, "mlp.widths"),
            (EncoderConfig::Conv3(Conv3Config { features: 0, ..Conv3Config::default() }), "conv3"),
            (EncoderConfig::Resnet { stages: vec![4], blocks: 0 }, "resnet"),
        ] {
            assert!(config.check().unwrap_err().to_string().contains(key));
        }
    }
}
