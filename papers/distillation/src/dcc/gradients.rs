//! Class gradients, differentiable in the images, in two ways that agree.

use burn::tensor::activation::{relu, softmax};
use harness_core::prelude::*;
use papers_kit::backprop::{Network, Role, cross_entropy, label_mask};

/// Groups of images with a mean loss each, equally many in each group.
#[derive(Debug, Clone)]
pub struct Groups {
    /// `[groups, images, values]`.
    pub images: Tensor<3>,
    /// `[groups, images]`, in 0..classes.
    pub labels: IntTensor<2>,
}

impl Groups {
    /// The same images as one group.
    pub fn joined(self) -> Self {
        let [groups, images, values] = self.images.dims();
        Groups {
            images: self.images.reshape([1, groups * images, values]),
            labels: self.labels.reshape([1, groups * images]),
        }
    }
}

/// The gradients of the weights of a network, one mean cross-entropy per group, by the network's explicit backward pass.
///
/// **Definition.** For each group g and weight W, in the order of layers: ∂/∂W of (1/m)Σ ℓ(xᵢ, yᵢ) over the m images of g.
/// Biases and gains of norms are left out.
///
/// **Paper.** ∇_θ L of the method. The images receive a gradient through all of it, the second-order one too.
///
/// **Arguments.** Parameters as the network lists them.
///
/// **Differences.** The released code differentiates its own backward pass; here it is written out by layers.
///
/// **Errors.** [`Error::Input`] where parameters or images do not fit the network.
///
/// **Example.** A linear classifier without bias: (p − onehot)xᵀ, here with p = ½.
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_distillation::dcc::{Groups, group_gradients};
/// use papers_kit::backprop::{LayerConfig, Network};
/// use papers_kit::image_set::ImageSize;
/// let device = DeviceChoice::Cpu.open()?;
/// let input = ImageSize { channels: 2, height: 1, width: 1 };
/// let network = Network::new(input, &[LayerConfig::Linear { outputs: 2, bias: false }])?;
/// let images = Tensor::from_data([[[2.0, 4.0]]], &device);
/// let labels = IntTensor::from_data([[1]], &device);
/// let found = group_gradients(&network, &[Tensor::zeros([2, 2], &device)], Groups { images, labels })?;
/// assert_eq!(read_f32(found[0].clone()), [1.0, 2.0, -1.0, -2.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn group_gradients(network: &Network, parameters: &[Tensor<2>], groups: Groups) -> Result<Vec<Tensor<3>>> {
    let Groups { images, labels } = groups;
    let [count, size, values] = images.dims();
    let is_weight: Vec<bool> = network.parameters().iter().map(|size| size.role == Role::Weight).collect();
    let mut by_weight: Vec<Vec<Tensor<2>>> = Vec::new();
    for group in 0..count {
        let columns = images.clone().narrow(0, group, 1).reshape([size, values]).transpose();
        let pass = network.forward(parameters, columns)?;
        let loss = cross_entropy(pass.output(), labels.clone().narrow(0, group, 1).reshape([size]));
        let gradients = pass.parameter_gradients(loss.gradient)?;
        let weights = gradients.into_iter().zip(&is_weight).filter(|(_, is_weight)| **is_weight);
        for (at, (gradient, _)) in weights.enumerate() {
            match by_weight.get_mut(at) {
                Some(list) => list.push(gradient),
                None => by_weight.push(vec![gradient]),
            }
        }
    }
    Ok(by_weight.into_iter().map(|list| Tensor::stack(list, 0)).collect())
}

/// The gradients of both weights of a perceptron with one hidden layer, all groups at once, by formula.
///
/// **Definition.** With A = XW₁ᵀ + b₁, H = max(A, 0), P = softmax(HW₂ᵀ + b₂) of the n images of a group:
/// g_W2 = (P − Y)ᵀH/n and g_W1 = (((P − Y)W₂) ⊙ (A > 0))ᵀX/n.
///
/// **Paper.** As [`group_gradients`], of which it is the faster form for this network.
///
/// **Arguments.** W₁ `[hidden, values]`, b₁ `[hidden, 1]`, W₂ `[classes, hidden]`, b₂ `[classes, 1]`.
///
/// **Differences.** As [`group_gradients`].
///
/// **Errors.** [`Error::Input`] where shapes do not fit.
///
/// **Example.** All units at 0: the hidden layer passes nothing on.
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_distillation::dcc::{Groups, perceptron_gradients};
/// let device = DeviceChoice::Cpu.open()?;
/// let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
/// let groups = Groups { images: Tensor::ones([1, 2, 3], &device), labels: IntTensor::from_data([[0, 1]], &device) };
/// let found = perceptron_gradients(&[zeros([4, 3]), zeros([4, 1]), zeros([2, 4]), zeros([2, 1])], groups)?;
/// assert_eq!((found[0].dims(), found[1].dims()), ([1, 4, 3], [1, 2, 4]));
/// assert_eq!(read_f32(found[0].clone()), [0.0; 12]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn perceptron_gradients(parameters: &[Tensor<2>], groups: Groups) -> Result<Vec<Tensor<3>>> {
    let Groups { images, labels } = groups;
    let [count, n, values] = images.dims();
    let [w1, b1, w2, b2] = parameters else {
        return Err(Error::Input(format!("{} parameters, expected W1, b1, W2 and b2", parameters.len())));
    };
    let ([hidden, inputs], [classes, width]) = (w1.dims(), w2.dims());
    if inputs != values || width != hidden || b1.dims() != [hidden, 1] || b2.dims() != [classes, 1] {
        return Err(Error::Input(format!(
            "W1 {:?}, b1 {:?}, W2 {:?}, b2 {:?} for images of {values} values do not fit together",
            w1.dims(),
            b1.dims(),
            w2.dims(),
            b2.dims()
        )));
    }
    let rows = images.clone().reshape([count * n, values]);
    let a = rows.matmul(w1.clone().transpose()) + b1.clone().transpose(); // [groups·n, hidden]
    let h = relu(a.clone());
    let p = softmax(h.clone().matmul(w2.clone().transpose()) + b2.clone().transpose(), 1);
    let is_label = label_mask(labels.reshape([count * n]), classes).transpose();
    let error = (p.clone() - p.zeros_like().mask_fill(is_label, 1.0)) / n as f64;
    let below = error.clone().matmul(w2.clone()).mask_fill(a.lower_equal_elem(0.0), 0.0);
    let grouped = |x: Tensor<2>, width: usize| x.reshape([count, n, width]);
    let g_w2 = grouped(error, classes).transpose().matmul(grouped(h, hidden));
    let g_w1 = grouped(below, hidden).transpose().matmul(images);
    Ok(vec![g_w1, g_w2])
}
