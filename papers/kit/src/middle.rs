//! Means over the middle of three dimensions and copies along it, as matrix products with ones.
//!
//! On burn's processor backend an operation whose operand is repeated along a middle dimension goes through the tensor
//! element by element, ten times as slow as a product with ones and an operation on two equal shapes; so does its way
//! back. Repetition along the first or the last dimension alone has no such price.

use harness_core::backend::Tensor;

/// Means over the middle, `[a, b, c]` to `[a, 1, c]`.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::middle::{mean, spread};
/// let device = DeviceChoice::Cpu.open()?;
/// let x = Tensor::<3>::from_data([[[1.0, 10.0], [3.0, 30.0]]], &device);
/// assert_eq!(read_f32(mean(x.clone())), [2.0, 20.0]);
/// assert_eq!(read_f32(spread(mean(x), 2)), [2.0, 20.0, 2.0, 20.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn mean(x: Tensor<3>) -> Tensor<3> {
    let [_, count, _] = x.dims();
    (Tensor::ones([1, 1, count], &x.device()) / count as f64).matmul(x)
}

/// The same values `count` times, `[a, 1, c]` to `[a, count, c]`.
pub fn spread(x: Tensor<3>, count: usize) -> Tensor<3> {
    Tensor::ones([1, count, 1], &x.device()).matmul(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::uniform;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn values_and_gradients_are_those_of_the_plain_operations() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let mut rng = harness_core::rng::stream("test", "middle", 0);
        let x = uniform([3, 5, 4], 1.0, &mut rng, &device);
        let weights = uniform([3, 5, 4], 1.0, &mut rng, &device);
        let of = |centred: fn(Tensor<3>) -> Tensor<3>| {
            let x = x.clone().require_grad();
            let y = centred(x.clone());
            let gradients = (y.clone() * weights.clone()).sum().backward();
            (read_f32(y), read_f32(x.grad(&gradients).unwrap()))
        };
        let (value, gradient) = of(|x| x.clone() - spread(mean(x), 5));
        let (want, want_gradient) = of(|x| x.clone() - x.mean_dim(1));
        for (a, b) in value.iter().chain(&gradient).zip(want.iter().chain(&want_gradient)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}
