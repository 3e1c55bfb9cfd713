//! Convolutions.

use burn::tensor::{IndexingUpdateOp, Slice};
use harness_core::backend::{Tensor, on_host};
use harness_core::{Error, Result};

use super::layer::{Layer, ParameterSize, Role, Tape, exactly, weight_and_bias};
use crate::gather_conv::{patch_rows, upload_rows};
use crate::image_set::ImageSize;
use crate::nn::Conv;

/// A convolution of images that stand side by side, as one matrix product with their patches: y = W·P(x) + b.
///
/// P copies, for each input channel and each place in the kernel, a window of the padded image; it is linear, so
/// ∂/∂x = Pᵀ(Wᵀu), where Pᵀ adds the windows back to where they came from, and ∂/∂W = u·P(x)ᵀ. On a GPU windows are slices,
/// since the derivative of a gather differs from run to run there; on the processor they are gathered row by row, which
/// is several times as fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    size: Conv,
    image: [usize; 2],
    positions: [usize; 2],
    /// Where the rows of patches come from; see [`patch_rows`].
    rows: Vec<i64>,
}

impl Convolution {
    /// A layer for images of `image` rows and columns.
    ///
    /// # Errors
    /// [`Error::Input`] where kernel or stride is 0 or the kernel does not fit in the padded image.
    pub fn new(size: Conv, image: [usize; 2]) -> Result<Self> {
        let padded = image.map(|side| side + 2 * size.padding);
        if size.kernel == 0 || size.stride == 0 || padded.iter().any(|side| size.kernel > *side) {
            let [height, width] = padded;
            return Err(Error::Input(format!(
                "a kernel of {} pixels with stride {} on padded images of {height} x {width}: the kernel must be from 1 pixel \
                 to the size of the image, the stride at least 1",
                size.kernel, size.stride
            )));
        }
        let positions = padded.map(|side| (side - size.kernel) / size.stride + 1);
        Ok(Convolution { size, image, positions, rows: patch_rows(size, image, positions) })
    }

    /// The window of the padded image that a place in the kernel sees.
    fn window(&self, [ky, kx]: [usize; 2], n: usize) -> [Slice; 4] {
        let stride = self.size.stride;
        let along = |start: usize, count: usize| {
            let end = start + (count - 1) * stride + 1;
            Slice::with_step(start as isize, Some(end as isize), stride as isize)
        };
        let [down, across] = self.positions;
        let all = |count: usize| Slice::new(0, Some(count as isize), 1);
        [all(self.size.inputs), along(ky, down), along(kx, across), all(n)]
    }

    /// The places in the kernel, row by row.
    fn places(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let kernel = self.size.kernel;
        (0..kernel).flat_map(move |ky| (0..kernel).map(move |kx| [ky, kx]))
    }

    /// Where the image is in the padded one.
    fn inside(&self, n: usize) -> [std::ops::Range<usize>; 4] {
        let ([height, width], padding) = (self.image, self.size.padding);
        [0..self.size.inputs, padding..padding + height, padding..padding + width, 0..n]
    }

    fn padded(&self, n: usize, like: &Tensor<2>) -> Tensor<4> {
        let [height, width] = self.image.map(|side| side + 2 * self.size.padding);
        Tensor::zeros([self.size.inputs, height, width, n], &like.device())
    }

    /// P(x): `[inputs·h·w, n]` to `[inputs·kernel·kernel, h'·w'·n]`.
    fn patches(&self, x: Tensor<2>) -> Tensor<2> {
        let [_, n] = x.dims();
        let [height, width] = self.image;
        let (inputs, [down, across]) = (self.size.inputs, self.positions);
        if on_host(&x.device()) {
            let rows = upload_rows(&self.rows, &x.device());
            let zeros = Tensor::zeros([1, n], &x.device());
            let patches = Tensor::cat(vec![x, zeros], 0).select(0, rows);
            return patches.reshape([inputs * self.size.kernel * self.size.kernel, down * across * n]);
        }
        let padded = match self.size.padding {
            0 => x.reshape([inputs, height, width, n]),
            _ => self.padded(n, &x).slice_assign(self.inside(n), x.reshape([inputs, height, width, n])),
        };
        let windows: Vec<Tensor<3>> = self
            .places()
            .map(|place| padded.clone().slice(self.window(place, n).as_slice()).reshape([inputs, 1, down * across * n]))
            .collect();
        let places = windows.len();
        Tensor::cat(windows, 1).reshape([inputs * places, down * across * n])
    }

    /// Pᵀ(p): back to `[inputs·h·w, n]`, windows that overlap added.
    fn folded(&self, patches: Tensor<2>, n: usize) -> Tensor<2> {
        let ([height, width], [down, across], inputs) = (self.image, self.positions, self.size.inputs);
        let places = self.size.kernel * self.size.kernel;
        if on_host(&patches.device()) {
            let pixels = inputs * height * width;
            let rows = upload_rows(&self.rows, &patches.device());
            let patches = patches.reshape([inputs * places * down * across, n]);
            let zeros = Tensor::zeros([pixels + 1, n], &patches.device());
            return zeros.select_assign(0, rows, patches, IndexingUpdateOp::Add).narrow(0, 0, pixels);
        }
        let zeros = self.padded(n, &patches);
        let windows = patches.reshape([inputs, places, down * across * n]);
        let mut total = zeros.clone();
        for (at, place) in self.places().enumerate() {
            let window = windows.clone().narrow(1, at, 1).reshape([inputs, down, across, n]);
            total = total + zeros.clone().slice_assign(self.window(place, n).as_slice(), window);
        }
        total.slice(self.inside(n)).reshape([inputs * height * width, n])
    }

    /// `[outputs·h'·w', n]` as `[outputs, h'·w'·n]`.
    fn maps(&self, upstream: Tensor<2>) -> Tensor<2> {
        let [_, n] = upstream.dims();
        let [down, across] = self.positions;
        upstream.reshape([self.size.outputs, down * across * n])
    }
}

impl Layer for Convolution {
    fn parameters(&self) -> Vec<ParameterSize> {
        let Conv { inputs, outputs, kernel, bias, .. } = self.size;
        let places = kernel * kernel;
        let size = |role, columns| ParameterSize {
            role,
            shape: [outputs, columns],
            fan_in: inputs * places,
            fan_out: outputs * places,
        };
        let mut sizes = vec![size(Role::Weight, inputs * places)];
        sizes.extend(bias.then(|| size(Role::Bias, 1)));
        sizes
    }

    fn output(&self) -> ImageSize {
        let [height, width] = self.positions;
        ImageSize { channels: self.size.outputs, height, width }
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)> {
        let (weight, bias) = weight_and_bias(parameters, self.size.bias)?;
        let [_, n] = x.dims();
        let patches = self.patches(x);
        let y = weight.matmul(patches.clone()); // [outputs, h'·w'·n]
        let y = match bias {
            Some(bias) => y + bias,
            None => y,
        };
        Ok((y.reshape([self.output().values(), n]), vec![patches]))
    }

    fn input_gradient(&self, parameters: &[Tensor<2>], _tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>> {
        let (weight, _) = weight_and_bias(parameters, self.size.bias)?;
        let [_, n] = upstream.dims();
        Ok(self.folded(weight.transpose().matmul(self.maps(upstream)), n))
    }

    fn parameter_gradients(&self, tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Vec<Tensor<2>>> {
        let [patches] = exactly("tensors on the tape", tape)?;
        let maps = self.maps(upstream);
        let mut gradients = vec![maps.clone().matmul(patches.transpose())];
        gradients.extend(self.size.bias.then(|| maps.sum_dim(1)));
        Ok(gradients)
    }
}
