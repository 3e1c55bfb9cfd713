//! Batches of made-up inputs and labels, the same on every run.

use burn::tensor::TensorData;
use harness_core::backend::{Device, IntTensor, Tensor};
use harness_core::rng::{self, Stream};
use rand::RngExt;

/// The stream of that name.
pub fn stream(name: &str) -> Stream {
    rng::stream("bench", name, 0)
}

/// Numbers uniform in [0, 1), as grey values are.
pub fn pixels<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut rng = stream("pixels");
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Labels in 0..`classes`.
pub fn labels(count: usize, classes: i64, device: &Device) -> IntTensor<1> {
    let mut rng = stream("labels");
    let values: Vec<i64> = (0..count).map(|_| rng.random_range(0..classes)).collect();
    IntTensor::from_data(TensorData::new(values, [count]), device)
}
