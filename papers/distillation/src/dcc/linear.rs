//! Matching for the smallest model: softmax regression without bias.

use burn::tensor::TensorData;
use harness_core::prelude::*;
use papers_kit::backprop::{LayerConfig, Network};
use papers_kit::image_set::ImageSize;

use super::gradients::{Groups, group_gradients};
use super::matching::{Matching, matching_loss};

/// Labelled rows.
#[derive(Debug, Clone)]
pub struct Labelled<'a> {
    /// `[n, d]`.
    pub images: Tensor<2>,
    /// Classes, as many.
    pub labels: &'a [usize],
}

/// The matching loss of softmax regression without bias, whose gradient with respect to the synthetic images is of second
/// order.
///
/// **Definition.** The gradient of class c is the mean over its images of (p − onehot)xᵀ; then [`matching_loss`].
///
/// **Paper.** The matching objective of one step, for the smallest model.
///
/// **Arguments.** `weight` `[classes, d]`. Every class has images on both sides; equally many synthetic images per class are
/// assumed, as contrastive signals then are the mean over classes.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where shapes differ, a label is outside, or a class has no image.
///
/// **Example.** Images match themselves:
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_distillation::dcc::{Labelled, Matching, linear_matching};
/// let device = DeviceChoice::Cpu.open()?;
/// let images = Labelled { images: Tensor::from_data([[1.0, 0.0], [0.0, 2.0]], &device), labels: &[0, 1] };
/// let weight = Tensor::from_data([[0.1, 0.2], [0.3, -0.4]], &device);
/// let loss = linear_matching(images.clone(), images, weight, Matching::ClassWise)?;
/// assert!(read_f32(loss)[0].abs() < 1e-3);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn linear_matching(
    syn: Labelled<'_>,
    real: Labelled<'_>,
    weight: Tensor<2>,
    matching: Matching,
) -> Result<Tensor<1>> {
    let [classes, inputs] = weight.dims();
    let network = Network::new(
        ImageSize { channels: inputs, height: 1, width: 1 },
        &[LayerConfig::Linear { outputs: classes, bias: false }],
    )?;
    let parameters = [weight];
    let syn = class_gradients(&network, &parameters, syn, classes, "synthetic")?;
    let real = class_gradients(&network, &parameters, real, classes, "real")?;
    matching_loss(syn, real, matching)
}

fn class_gradients(
    network: &Network,
    parameters: &[Tensor<2>],
    data: Labelled<'_>,
    classes: usize,
    side: &str,
) -> Result<Tensor<3>> {
    let [n, values] = data.images.dims();
    if data.labels.len() != n {
        return Err(Error::Input(format!("{} labels for {n} {side} images: expected as many", data.labels.len())));
    }
    if let Some(label) = data.labels.iter().find(|label| **label >= classes) {
        return Err(Error::Input(format!("a {side} label is {label}, expected a class from 0 to {}", classes - 1)));
    }
    let device = data.images.device();
    let gradients = (0..classes)
        .map(|class| {
            let rows: Vec<i64> = (0..n).filter(|at| data.labels[*at] == class).map(|at| at as i64).collect();
            let count = rows.len();
            if count == 0 {
                return Err(Error::Input(format!("class {class} has no {side} image")));
            }
            let rows = IntTensor::<1>::from_data(TensorData::new(rows, [count]), &device);
            let images = data.images.clone().select(0, rows).reshape([1, count, values]);
            let labels = TensorData::new(vec![class as i64; count], [1, count]);
            let groups = Groups { images, labels: IntTensor::from_data(labels, &device) };
            group_gradients(network, parameters, groups)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(gradients.into_iter().flatten().collect(), 0))
}
