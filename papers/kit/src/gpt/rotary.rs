//! Rotary positions.

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};

/// Turns pairs of coordinates (j, j + d/2) of queries and keys by the angle t·10000^(−2j/d) at position t.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    /// `[1, 1, tokens, d]`.
    cosine: Tensor<4>,
    /// `[1, 1, tokens, d]`.
    sine: Tensor<4>,
    /// Takes (a, b) to (−b, a), `[1, 1, d, d]`: a product instead of slices, whose way back copies.
    quarter: Tensor<4>,
}

impl Rotary {
    /// Positions 0..`tokens` for heads of even `width`.
    pub(super) fn new(tokens: usize, width: usize, device: &Device) -> Self {
        let half = width / 2;
        let table = |function: fn(f64) -> f64| {
            let value = |t: usize, j: usize| {
                let rate = 10_000f64.powf(-2.0 * (j % half) as f64 / width as f64);
                function(t as f64 * rate) as f32
            };
            let values: Vec<f32> = (0..tokens).flat_map(|t| (0..width).map(move |j| value(t, j))).collect();
            Tensor::from_data(TensorData::new(values, [1, 1, tokens, width]), device)
        };
        let mut quarter = vec![0.0f32; width * width];
        for j in 0..half {
            quarter[j * width + j + half] = 1.0; // a → second place
            quarter[(j + half) * width + j] = -1.0; // b → first place, negative
        }
        Rotary {
            cosine: table(f64::cos),
            sine: table(f64::sin),
            quarter: Tensor::from_data(TensorData::new(quarter, [1, 1, width, width]), device),
        }
    }

    /// `[batch, heads, tokens, d]` to the same.
    pub(super) fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        x.clone() * self.cosine.clone() + x.matmul(self.quarter.clone()) * self.sine.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn products_depend_on_the_distance_only_and_lengths_stay() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let rotary = Rotary::new(6, 4, &device);
        let repeat = |row: [f32; 4]| Tensor::<1>::from_data(row, &device).reshape([1, 1, 1, 4]).repeat_dim(2, 6);
        let q = rotary.turn(repeat([0.3, -1.0, 0.7, 2.0]));
        let k = rotary.turn(repeat([1.1, 0.4, -0.2, 0.5]));
        let dot = read_f32(q.clone().matmul(k.swap_dims(2, 3)));
        for (i, j) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))) {
            assert!((dot[i * 6 + j] - dot[(i + 1) * 6 + j + 1]).abs() < 1e-5, "{i} {j}");
        }
        assert!((dot[0] - dot[1]).abs() > 1e-2, "the distance matters");
        let lengths = read_f32(q.square().sum_dim(3));
        assert!(lengths.iter().all(|length| (length - (0.09 + 1.0 + 0.49 + 4.0)).abs() < 1e-4), "{lengths:?}");
    }
}
