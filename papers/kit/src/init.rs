//! Initial weights, drawn on the host from a named stream and uploaded once.
//!
//! burn's own generator is global to the process, so a draw from it would depend on what ran before.

use burn::tensor::TensorData;
use harness_core::backend::{Device, Tensor};
use rand::Rng;
use rand_distr::{Distribution, Normal, Uniform};

/// Draws from N(0, `std`²); a `std` that is not finite and positive gives zeros.
///
/// ```
/// use harness_core::backend::DeviceChoice;
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let weight = papers_kit::init::normal([4, 3], 0.1, &mut rng, &device);
/// assert_eq!(weight.dims(), [4, 3]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn normal<const D: usize>(shape: [usize; D], std: f64, rng: &mut impl Rng, device: &Device) -> Tensor<D> {
    from_distribution(shape, Normal::new(0.0, std).ok().filter(|_| std > 0.0), rng, device)
}

/// Draws from U[−`bound`, `bound`); a `bound` that is not finite and positive gives zeros.
pub fn uniform<const D: usize>(shape: [usize; D], bound: f64, rng: &mut impl Rng, device: &Device) -> Tensor<D> {
    from_distribution(shape, Uniform::new(-bound, bound).ok(), rng, device)
}

fn from_distribution<const D: usize>(
    shape: [usize; D],
    distribution: Option<impl Distribution<f64>>,
    rng: &mut impl Rng,
    device: &Device,
) -> Tensor<D> {
    let count = shape.iter().product();
    let values: Vec<f32> = match distribution {
        Some(distribution) => (0..count).map(|_| distribution.sample(rng) as f32).collect(),
        None => vec![0.0; count],
    };
    Tensor::from_data(TensorData::new(values, shape), device)
}
