//! The softplus function without overflow and with the right slope everywhere.

use harness_core::backend::Tensor;

/// softplus(x) = ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|)), element by element.
///
/// Finite for every finite x: x itself where x is large, e^x where −x is large. Its reverse-mode slope is the
/// logistic function of x, also at x = 0, where reverse mode through `max` and `|·|` would give 0 instead of ½.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// let device = DeviceChoice::Cpu.open()?;
/// let y = papers_kit::softplus::softplus(Tensor::<1>::from_data([-1e4, 0.0, 1e4], &device));
/// assert_eq!(read_f32(y), [0.0, 2f32.ln(), 1e4]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Masks are constants for reverse mode, so that no branch has a kink.
    let positive = x.clone().greater_elem(0.0);
    let minus_size = x.clone().mask_where(positive.clone(), x.clone().neg()); // −|x|
    x.mask_fill(positive.bool_not(), 0.0) + minus_size.exp().log1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn value_and_slope_agree_with_double_precision() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let points = [-1e4f32, -90.0, -20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0, 90.0, 1e4, 1e30];
        let x = Tensor::<1>::from_data(points, &device).require_grad();
        let y = softplus(x.clone());
        let slopes = read_f32(x.grad(&y.clone().sum().backward()).unwrap());
        for ((point, value), slope) in points.into_iter().map(f64::from).zip(read_f32(y)).zip(slopes) {
            let want = point.max(0.0) + (-point.abs()).exp().ln_1p();
            let want_slope = 1.0 / (1.0 + (-point).exp());
            assert!((f64::from(value) - want).abs() <= 1e-6 * want + 1e-37, "softplus({point}) = {value}");
            assert!((f64::from(slope) - want_slope).abs() <= 1e-6, "slope at {point} is {slope}");
        }
    }
}
