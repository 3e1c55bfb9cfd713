//! Smooth activations whose way back is a single product.
//!
//! Reverse mode through burn's `silu` and `gelu` computes the exponential or error function a second time, element by
//! element. Here value and slope are computed together, outside of the graph, from one exponential; the graph then
//! sees y = slope·x + constant. On a GPU they are tensor operations; on the processor one loop over the numbers, which the
//! compiler turns into vector instructions.

use burn::tensor::TensorData;
use harness_core::backend::{Tensor, on_host};
use harness_core::op::read_f32;

/// silu(x) = x·σ(x), element by element; finite for every finite x.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// let device = DeviceChoice::Cpu.open()?;
/// let y = read_f32(papers_kit::activation::silu(Tensor::<1>::from_data([-1e30, 0.0, 1e30], &device)));
/// assert_eq!(y, [0.0, 0.0, 1e30]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if on_host(&x.device()) {
        return each(x, |x| {
            let small = exp_of_negative(-x.abs());
            let sigmoid = if x < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
            (sigmoid, x * sigmoid * (1.0 - sigmoid))
        });
    }
    let point = x.clone().detach();
    let sigmoid = (point.clone().neg().exp() + 1.0).recip();
    let bend = point.clone() * sigmoid.clone() * (sigmoid.clone().neg() + 1.0); // x·σ′(x)
    with_slope(x, point, sigmoid + bend.clone(), bend)
}

/// gelu(x) = x·Φ(x) with the normal distribution function Φ, element by element; finite for every finite x.
///
/// Φ comes from Abramowitz & Stegun 7.1.26, whose error is at most 1.5e-7, as much as the rounding of 32 bits.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// let device = DeviceChoice::Cpu.open()?;
/// let y = read_f32(papers_kit::activation::gelu(Tensor::<1>::from_data([-1.0, 0.0, 1.0], &device)));
/// assert!((y[0] + 0.15865525).abs() < 1e-6 && y[1] == 0.0 && (y[2] - 0.84134475).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    const P: f64 = 0.327_591_1;
    const A: [f64; 5] = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    const DENSITY: f64 = 0.398_942_280_401_432_7; // 1/√(2π)
    if on_host(&x.device()) {
        return each(x, |x| {
            let density = exp_of_negative(-0.5 * x * x);
            let t = 1.0 / (1.0 + x.abs() * (P / std::f64::consts::SQRT_2) as f32);
            let sum = A.iter().rev().fold(0.0, |sum, a| (sum + *a as f32) * t);
            let tail = 0.5 * sum * density;
            let cumulative = if x > 0.0 { 1.0 - tail } else { tail };
            (cumulative, x * density * DENSITY as f32)
        });
    }
    let point = x.clone().detach();
    let density = (point.clone().square() * -0.5).exp(); // √(2π) times the normal density
    let t = (point.clone().abs() * (P / std::f64::consts::SQRT_2) + 1.0).recip();
    let mut sum = t.clone() * A[4];
    for a in A.iter().rev().skip(1) {
        sum = (sum + *a) * t.clone();
    }
    let tail = sum * density.clone() * 0.5; // 1 − Φ(|x|)
    let positive = point.clone().greater_elem(0.0);
    let cumulative = tail.clone().mask_where(positive, tail.neg() + 1.0); // Φ(x)
    let bend = point.clone() * density * DENSITY; // x·Φ′(x)
    with_slope(x, point, cumulative + bend.clone(), bend)
}

/// x·slope − point·bend: f(x) for f(x) = x·c(x), slope f′ = c + bend and bend = x·c′, where only x has a gradient.
fn with_slope<const D: usize>(x: Tensor<D>, point: Tensor<D>, slope: Tensor<D>, bend: Tensor<D>) -> Tensor<D> {
    x * slope - point * bend
}

/// f(x) = x·c(x) with slope c + bend, for numbers in the memory of the processor; `parts` gives c and bend = x·c′.
fn each<const D: usize>(x: Tensor<D>, parts: impl Fn(f32) -> (f32, f32)) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let mut slopes = read_f32(x.clone().detach());
    let mut rest = vec![0.0; slopes.len()];
    for (slope, rest) in slopes.iter_mut().zip(&mut rest) {
        let point = *slope;
        let (c, bend) = parts(point);
        *slope = c + bend;
        *rest = point * bend;
    }
    let tensor = |values| Tensor::from_data(TensorData::new(values, shape), &device);
    x * tensor(slopes) - tensor(rest)
}

/// eˣ for x ≤ 0 without branches, to about two units in the last place; 0 below −87, where single precision ends.
///
/// With n = round(x/ln 2) and r = x − n·ln 2, eˣ = 2ⁿ·eʳ, and eʳ is a polynomial (Cephes, `expf`).
fn exp_of_negative(x: f32) -> f32 {
    /// Added, it leaves no place for digits behind the point, and n in the last digits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const EXP: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    let inside = if x < -87.0 { -87.0 } else { x };
    let rounded = inside * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = inside - n * LN2_HIGH - n * LN2_LOW;
    let polynomial = EXP.iter().skip(1).fold(EXP[0], |sum, a| sum * r + a);
    let exp = polynomial * r * r + r + 1.0;
    let scaled = f32::from_bits(exp.to_bits().wrapping_add(rounded.to_bits() << 23));
    if x < -87.0 { 0.0 } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::activation;
    use harness_core::backend::DeviceChoice;

    /// Values and slopes are those of burn.
    #[test]
    fn they_agree_with_the_plain_functions() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let points: Vec<f32> = (-400..=400).map(|i| i as f32 / 40.0).chain([-100.0, 100.0, 1e4, -1e4]).collect();
        type Function = fn(Tensor<1>) -> Tensor<1>;
        let pairs: [(Function, Function); 2] = [(silu, activation::silu), (gelu, activation::gelu)];
        for (fast, plain) in pairs {
            let of = |function: Function| {
                let x = Tensor::<1>::from_data(points.as_slice(), &device).require_grad();
                let y = function(x.clone());
                // Weighted, so that a gradient which ignores what comes after it is seen.
                let weights = Tensor::<1>::from_data(points.as_slice(), &device).cos();
                let gradients = (y.clone() * weights).sum().backward();
                (read_f32(y), read_f32(x.grad(&gradients).unwrap()))
            };
            let ((value, slope), (want, want_slope)) = (of(fast), of(plain));
            for (at, point) in points.iter().enumerate() {
                let tolerance = 3e-6 + 2e-7 * want[at].abs();
                assert!((value[at] - want[at]).abs() <= tolerance, "f({point}) = {}", value[at]);
                assert!((slope[at] - want_slope[at]).abs() <= 3e-6, "slope at {point} is {}", slope[at]);
            }
        }
    }

    #[test]
    fn the_exponential_is_exact_to_a_few_units_in_the_last_place() {
        for i in 0..=870_000 {
            let x = -(i as f32) / 10_000.0;
            let (found, want) = (f64::from(exp_of_negative(x)), f64::from(x).exp());
            assert!((found / want - 1.0).abs() < 3e-7, "exp({x}) = {found}, not {want}");
        }
        assert_eq!([exp_of_negative(0.0), exp_of_negative(-88.0), exp_of_negative(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn huge_arguments_stay_finite() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let x = || Tensor::<1>::from_data([-3e38f32, -1e20, 1e20, 3e38], &device);
        assert_eq!(read_f32(silu(x())), [0.0, 0.0, 1e20, 3e38]);
        assert_eq!(read_f32(gelu(x())), [0.0, 0.0, 1e20, 3e38]);
    }
}
