//! Instance and batch normalisation.

use harness_core::Result;
use harness_core::backend::Tensor;

use super::layer::{Layer, ParameterSize, Role, Tape, exactly};
use crate::image_set::ImageSize;
use crate::middle;

/// What mean and variance are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The pixels of one channel of one image.
    Instance,
    /// The pixels of one channel of all images of the batch.
    Batch,
}

/// y = γ·x̂ + β with x̂ = (x − μ)/√(σ² + ε), σ² the mean of (x − μ)², one γ and β per channel.
///
/// With v = γ·u and means over what μ is taken over: ∂/∂x = (v − mean(v) − x̂·mean(v·x̂))/√(σ² + ε), ∂/∂γ = Σ u·x̂,
/// ∂/∂β = Σ u.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm {
    over: Over,
    epsilon: f64,
    size: ImageSize,
}

impl Norm {
    /// A layer for images of this size; `epsilon` above 0.
    pub fn new(over: Over, epsilon: f64, size: ImageSize) -> Self {
        Norm { over, epsilon, size }
    }

    /// `[features, n]` as `[channels, what the mean is over, groups]`.
    fn grouped(&self, x: Tensor<2>) -> Tensor<3> {
        let [_, n] = x.dims();
        let positions = self.size.height * self.size.width;
        match self.over {
            Over::Instance => x.reshape([self.size.channels, positions, n]),
            Over::Batch => x.reshape([self.size.channels, positions * n, 1]),
        }
    }

    /// Values times one number per channel.
    fn scaled(&self, values: Tensor<3>, parameter: Tensor<2>) -> Tensor<3> {
        let shape @ [channels, over, groups] = values.dims();
        (values.reshape([channels, over * groups]) * parameter).reshape(shape)
    }

    /// A sum over all but the channels.
    fn summed(&self, values: Tensor<3>) -> Tensor<2> {
        let [channels, over, groups] = values.dims();
        values.reshape([channels, over * groups]).sum_dim(1)
    }
}

impl Layer for Norm {
    fn parameters(&self) -> Vec<ParameterSize> {
        let size = |role| ParameterSize { role, shape: [self.size.channels, 1], fan_in: 1, fan_out: 1 };
        vec![size(Role::Gain), size(Role::Bias)]
    }

    fn output(&self) -> ImageSize {
        self.size
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)> {
        let [gain, bias] = exactly("parameters", parameters)?;
        let shape = x.dims();
        let grouped = self.grouped(x);
        let [channels, over, groups] = grouped.dims();
        let centred = grouped.clone() - middle::spread(middle::mean(grouped), over);
        let deviation = (middle::mean(centred.clone().square()) + self.epsilon).sqrt(); // [channels, 1, groups]
        let normal = centred / middle::spread(deviation.clone(), over);
        let y = self.scaled(normal.clone(), gain).reshape([channels, over * groups]) + bias;
        let tape = vec![normal.reshape(shape), deviation.reshape([channels, groups])];
        Ok((y.reshape(shape), tape))
    }

    fn input_gradient(&self, parameters: &[Tensor<2>], tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>> {
        let [gain, _] = exactly("parameters", parameters)?;
        let [normal, deviation] = exactly("tensors on the tape", tape)?;
        let shape = upstream.dims();
        let (normal, v) = (self.grouped(normal), self.scaled(self.grouped(upstream), gain));
        let [channels, over, groups] = normal.dims();
        let along = normal.clone() * middle::spread(middle::mean(v.clone() * normal), over);
        let deviation = middle::spread(deviation.reshape([channels, 1, groups]), over);
        let gradient = (v.clone() - middle::spread(middle::mean(v), over) - along) / deviation;
        Ok(gradient.reshape(shape))
    }

    fn parameter_gradients(&self, tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Vec<Tensor<2>>> {
        let [normal, _] = exactly("tensors on the tape", tape)?;
        let upstream = self.grouped(upstream);
        Ok(vec![self.summed(upstream.clone() * self.grouped(normal)), self.summed(upstream)])
    }
}
