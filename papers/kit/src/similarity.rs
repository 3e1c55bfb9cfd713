//! Rows of unit length and their cosine similarities.

use harness_core::backend::Tensor;

/// x/max(‖x‖, `eps`) for each row of `[n, d]`. A row of zeros stays zero, rows of any finite size neither overflow nor
/// lose their digits, and gradients are finite everywhere.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_kit::similarity::normalize_rows;
/// let device = DeviceChoice::Cpu.open()?;
/// let rows = Tensor::<2>::from_data([[3.0, 4.0], [0.0, 0.0]], &device);
/// let unit: Vec<f32> = normalize_rows(rows, 1e-12).into_data().iter().collect();
/// assert_eq!(unit, [0.6, 0.8, 0.0, 0.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn normalize_rows(x: Tensor<2>, eps: f64) -> Tensor<2> {
    // Neither quotient depends on the scale, so it is a constant for reverse mode; the largest element becomes 1.
    let scale = x.clone().detach().abs().max_dim(1).clamp_min(eps); // [n, 1]
    let floor = (scale.clone().recip() * eps).square();
    let scaled = x / scale;
    let square = scaled.clone().square().sum_dim(1);
    // Where the floor holds, the root is a constant: its slope at 0 is infinite.
    let below = square.clone().detach().lower(floor.clone());
    scaled / square.mask_where(below, floor).sqrt()
}

/// Cosine similarities of the rows of `[n, d]` with those of `[m, d]`, `[n, m]`; each norm is at least `eps`.
pub fn cosine_matrix(a: Tensor<2>, b: Tensor<2>, eps: f64) -> Tensor<2> {
    normalize_rows(a, eps).matmul(normalize_rows(b, eps).transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    #[test]
    fn any_finite_size_is_normalised() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let rows = [[3e30, -4e30], [3e-5, 4e-5], [3e-20, 4e-20], [0.0, -2.0]];
        let unit = read_f32(normalize_rows(Tensor::<2>::from_data(rows, &device), 1e-30));
        let want = [0.6, -0.8, 0.6, 0.8, 0.6, 0.8, 0.0, -1.0];
        assert!(unit.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{unit:?}");
        // Below eps a row keeps its direction and is shorter than 1.
        let short = read_f32(normalize_rows(Tensor::<2>::from_data([[3e-13, 4e-13]], &device), 1e-12));
        assert!((short[0] - 0.3).abs() < 1e-5 && (short[1] - 0.4).abs() < 1e-5, "{short:?}");
    }

    /// ∂(w·x/‖x‖)/∂x = (w − (w·u)u)/‖x‖, and w/eps below eps.
    #[test]
    fn gradients_are_those_of_the_definition() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let x = Tensor::<2>::from_data([[1.0, 2.0, -2.0], [0.0, 0.0, 0.0]], &device).require_grad();
        let w = Tensor::<2>::from_data([[0.5, -1.0, 2.0], [1.0, 2.0, 3.0]], &device);
        let gradient = (normalize_rows(x.clone(), 1e-3) * w).sum().backward();
        let gradient = read_f32(x.grad(&gradient).unwrap());
        let (u, w) = ([1.0 / 3.0, 2.0 / 3.0, -2.0 / 3.0], [0.5, -1.0, 2.0]);
        let along: f32 = u.iter().zip(w).map(|(u, w)| u * w).sum();
        for at in 0..3 {
            assert!((gradient[at] - (w[at] - along * u[at]) / 3.0).abs() < 1e-6, "{gradient:?}");
            assert!((gradient[3 + at] - 1e3 * (at + 1) as f32).abs() < 0.1, "{gradient:?}");
        }
    }

    #[test]
    fn cosines_are_within_one_and_zero_for_zero_rows() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let a = Tensor::<2>::from_data([[1.0, 1.0], [0.0, 0.0]], &device);
        let b = Tensor::<2>::from_data([[5.0, 5.0], [-2.0, -2.0], [3.0, -3.0]], &device);
        let cosines = read_f32(cosine_matrix(a, b, 1e-12));
        let want = [1.0, -1.0, 0.0, 0.0, 0.0, 0.0];
        assert!(cosines.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{cosines:?}");
    }
}
