//! Derivatives of the activations, and the chain rule up to the fourth order.

use burn::tensor::activation::{relu, sigmoid, tanh};
use harness_core::backend::Tensor;

use crate::mlp::Activation;

/// φ(z), and φ′(z), φ″(z) … up to `order`, as functions that reverse mode can differentiate.
pub(super) fn derivatives(activation: Activation, z: Tensor<2>, order: usize) -> (Tensor<2>, Vec<Tensor<2>>) {
    match activation {
        Activation::Relu => {
            let slope = activation.derivative(z.clone());
            let zeros = slope.zeros_like();
            let slopes = (1..=order).map(|k| if k == 1 { slope.clone() } else { zeros.clone() }).collect();
            (relu(z), slopes)
        }
        Activation::Tanh => tanh_derivatives(z, order),
        Activation::Sine => {
            let (sine, cosine) = (z.clone().sin(), z.cos());
            let slopes = (1..=order)
                .map(|k| match k % 4 {
                    0 => sine.clone(),
                    1 => cosine.clone(),
                    2 => -sine.clone(),
                    _ => -cosine.clone(),
                })
                .collect();
            (sine, slopes)
        }
        Activation::Swish => swish_derivatives(z, order),
    }
}

/// With a = tanh z and s = 1 − a²: s, −2as, s(6a² − 2), −2as(12a² − 8).
fn tanh_derivatives(z: Tensor<2>, order: usize) -> (Tensor<2>, Vec<Tensor<2>>) {
    let a = tanh(z);
    let mut slopes = Vec::with_capacity(order);
    if order >= 1 {
        let square = a.clone().square();
        let first = -(square.clone() - 1.0);
        slopes.push(first.clone());
        if order >= 2 {
            let second = a.clone() * first.clone() * -2.0;
            slopes.push(second.clone());
            if order >= 3 {
                slopes.push(first * (square.clone() * 6.0 - 2.0));
            }
            if order >= 4 {
                slopes.push(second * (square * 12.0 - 8.0));
            }
        }
    }
    (a, slopes)
}

/// With σ = sigmoid z and p = σ(1 − σ): (zσ)⁽ᵏ⁾ = zσ⁽ᵏ⁾ + kσ⁽ᵏ⁻¹⁾, where σ′ = p, σ″ = p(1 − 2σ), σ‴ = p(1 − 6p) and
/// σ⁗ = σ″(1 − 12p).
fn swish_derivatives(z: Tensor<2>, order: usize) -> (Tensor<2>, Vec<Tensor<2>>) {
    let sigma = sigmoid(z.clone());
    let p = sigma.clone() * -(sigma.clone() - 1.0);
    let mut of_sigmoid = vec![sigma.clone(), p.clone()];
    if order >= 2 {
        let second = p.clone() * -(sigma.clone() * 2.0 - 1.0);
        of_sigmoid.push(second.clone());
        if order >= 3 {
            of_sigmoid.push(p.clone() * -(p.clone() * 6.0 - 1.0));
        }
        if order >= 4 {
            of_sigmoid.push(second * -(p * 12.0 - 1.0));
        }
    }
    let pairs = of_sigmoid.iter().zip(of_sigmoid.iter().skip(1)).take(order);
    let slopes =
        pairs.zip(1..).map(|((below, own), k)| z.clone() * own.clone() + below.clone() * f64::from(k)).collect();
    (z * sigma, slopes)
}

/// The derivatives of φ(z) along one direction, from φ′, φ″ … and z′, z″ … (Faà di Bruno).
pub(super) fn compose(slopes: &[Tensor<2>], z: &[Tensor<2>]) -> Vec<Tensor<2>> {
    let of = |tensor: &Tensor<2>| tensor.clone();
    let mut composed = Vec::with_capacity(z.len());
    if let ([f1, ..], [z1, ..]) = (slopes, z) {
        composed.push(of(f1) * of(z1));
    }
    if let ([f1, f2, ..], [z1, z2, ..]) = (slopes, z) {
        composed.push(of(f1) * of(z2) + of(f2) * of(z1).square());
    }
    if let ([f1, f2, f3, ..], [z1, z2, z3, ..]) = (slopes, z) {
        composed.push(of(f1) * of(z3) + of(z1) * (of(f2) * of(z2) * 3.0 + of(f3) * of(z1).square()));
    }
    if let ([f1, f2, f3, f4], [z1, z2, z3, z4]) = (slopes, z) {
        let square = of(z1).square();
        let second = of(z1) * of(z3) * 4.0 + of(z2).square() * 3.0;
        let higher = square.clone() * (of(f3) * of(z2) * 6.0 + of(f4) * square);
        composed.push(of(f1) * of(z4) + of(f2) * second + higher);
    }
    composed
}
