//! Average pooling.

use harness_core::backend::Tensor;
use harness_core::{Error, Result};

use super::layer::{Layer, Tape, exactly};
use crate::image_set::ImageSize;

/// Means of size×size squares that do not overlap. Rows and columns at the end that fill no square are left out, and their
/// gradient is 0; every other pixel receives 1/size² of the gradient of its square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AveragePool {
    size: usize,
    input: ImageSize,
}

impl AveragePool {
    /// A layer for images of this size.
    ///
    /// # Errors
    /// [`Error::Input`] where no square fits.
    pub fn new(size: usize, input: ImageSize) -> Result<Self> {
        if size == 0 || size > input.height || size > input.width {
            let ImageSize { height, width, .. } = input;
            return Err(Error::Input(format!(
                "squares of {size} pixels in images of {height} x {width}: at least one must fit"
            )));
        }
        Ok(AveragePool { size, input })
    }
}

impl Layer for AveragePool {
    fn output(&self) -> ImageSize {
        let ImageSize { channels, height, width } = self.input;
        ImageSize { channels, height: height / self.size, width: width / self.size }
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Result<(Tensor<2>, Tape)> {
        let [] = exactly("parameters", parameters)?;
        let [_, n] = x.dims();
        let (ImageSize { channels, height, width }, out, size) = (self.input, self.output(), self.size);
        let x = x.reshape([channels, height, width, n]);
        let x = x.slice([0..channels, 0..out.height * size, 0..out.width * size, 0..n]);
        // Rows of the squares first, then columns: each a sum of neighbouring blocks.
        let sum = |blocks: Tensor<2>| {
            let [rows, width] = blocks.dims();
            let part = width / size;
            let parts = (0..size).map(|at| blocks.clone().narrow(1, at * part, part));
            parts.reduce(|sum, part| sum + part).unwrap_or_else(|| Tensor::zeros([rows, part], &blocks.device()))
        };
        let rows = sum(x.reshape([channels * out.height, size * out.width * size * n]));
        let squares = sum(rows.reshape([out.values(), size * n]));
        Ok((squares / (size * size) as f64, Vec::new()))
    }

    fn input_gradient(&self, _parameters: &[Tensor<2>], _tape: &[Tensor<2>], upstream: Tensor<2>) -> Result<Tensor<2>> {
        let [_, n] = upstream.dims();
        let (ImageSize { channels, height, width }, out, size) = (self.input, self.output(), self.size);
        let shared = upstream / (size * size) as f64;
        let (rows, columns) = (out.height * size, out.width * size);
        let across = Tensor::cat(vec![shared; size], 1).reshape([channels * out.height, columns * n]);
        let filled = Tensor::cat(vec![across; size], 1).reshape([channels, rows, columns, n]);
        let gradient = if rows == height && columns == width {
            filled
        } else {
            let zeros = Tensor::<4>::zeros([channels, height, width, n], &filled.device());
            zeros.slice_assign([0..channels, 0..rows, 0..columns, 0..n], filled)
        };
        Ok(gradient.reshape([self.input.values(), n]))
    }
}
