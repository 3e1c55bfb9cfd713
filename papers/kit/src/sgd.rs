//! Gradients of several parameters at once: their global norm and its clipping, on the device.

use harness_core::backend::Tensor;

/// Scales gradients such that the Euclidean norm over all of them together is at most `limit`.
///
/// g ← g · min(1, limit / ‖g‖), as in Pascanu et al. 2013, algorithm 1. Nothing is read back to the host. A gradient
/// that is not finite makes all of them NaN, so that a diverged run stays visibly diverged.
pub fn clip_global_norm(gradients: Vec<Tensor<2>>, limit: f64) -> Vec<Tensor<2>> {
    let squares = gradients.iter().map(|gradient| gradient.clone().square().sum());
    let Some(square) = squares.reduce(|sum, square| sum + square) else {
        return gradients;
    };
    // limit / max(‖g‖, limit) is min(1, limit / ‖g‖) without a division by 0.
    let norm = square.sqrt();
    let scale = (norm.clone().clamp_min(limit).recip() * limit + norm * 0.0).unsqueeze::<2>(); // [1, 1]
    gradients.into_iter().map(|gradient| gradient * scale.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn clipped(first: [f32; 2], second: f32, limit: f64) -> Vec<f32> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let gradients = vec![Tensor::<2>::from_data([first], &device), Tensor::<2>::from_data([[second]], &device)];
        clip_global_norm(gradients, limit).into_iter().flat_map(read_f32).collect()
    }

    #[test]
    fn the_norm_over_all_gradients_is_limited() {
        let values = clipped([6.0, 0.0], 8.0, 5.0);
        assert!(values.iter().zip([3.0, 0.0, 4.0]).all(|(got, want)| (got - want).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn small_gradients_and_zeros_stay() {
        assert_eq!(clipped([0.3, -0.4], 0.0, 5.0), [0.3, -0.4, 0.0]);
        assert_eq!(clipped([0.0, 0.0], 0.0, 5.0), [0.0; 3]);
    }

    #[test]
    fn nan_and_infinity_spread() {
        assert!(clipped([f32::NAN, 1.0], 1.0, 5.0).iter().all(|value| value.is_nan()));
        assert!(clipped([f32::INFINITY, 1.0], 1.0, 5.0).iter().all(|value| value.is_nan()));
    }
}
