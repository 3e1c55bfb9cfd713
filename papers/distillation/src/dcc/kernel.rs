//! How fast the tangent kernel turns during training.

use harness_core::prelude::*;

/// Turn of a kernel matrix per unit of time.
///
/// **Definition.** (1 − ⟨K_t, K_{t+Δ}⟩ / (‖K_t‖·‖K_{t+Δ}‖)) / Δ with the Frobenius product.
///
/// **Paper.** The analysis of training dynamics.
///
/// **Arguments.** Two square matrices of one size, row-major; `dt` above 0.
///
/// **Differences.** None known; computed in double precision.
///
/// **Errors.** [`Error::Input`] where the matrices are empty, not square, of different sizes, zero or not finite, or `dt` is
/// not a finite number above 0.
///
/// **Example.**
/// ```
/// use papers_distillation::dcc::kernel_velocity;
/// let (a, b) = ([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]);
/// assert_eq!(kernel_velocity(&a, &b, 2, 0.5)?, 2.0);
/// assert_eq!(kernel_velocity(&a, &a, 2, 0.5)?, 0.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn kernel_velocity(k0: &[f64], k1: &[f64], size: usize, dt: f64) -> Result<f64> {
    if size == 0 || k0.len() != size * size || k1.len() != size * size {
        return Err(Error::Input(format!(
            "kernels of {} and {} values: expected two square matrices of {size} rows, at least 1",
            k0.len(),
            k1.len()
        )));
    }
    if !(dt.is_finite() && dt > 0.0) {
        return Err(Error::Input(format!("dt must be a finite number above 0, got {dt}")));
    }
    let (a, b) = (unit(k0)?, unit(k1)?);
    let cosine: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
    Ok((1.0 - cosine.clamp(-1.0, 1.0)) / dt)
}

/// The matrix divided by its norm.
fn unit(kernel: &[f64]) -> Result<Vec<f64>> {
    let largest = kernel.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if kernel.iter().any(|value| !value.is_finite()) || largest == 0.0 {
        return Err(Error::Input("a kernel is zero or not finite: it has no direction".into()));
    }
    let scaled: Vec<f64> = kernel.iter().map(|value| value / largest).collect();
    let norm = scaled.iter().map(|value| value * value).sum::<f64>().sqrt();
    Ok(scaled.into_iter().map(|value| value / norm).collect())
}

/// The kernel of the last layer's parameters, traced over classes: with features h that enter a last layer z = Wh + b,
/// Σ_c ⟨∂z_c(x)/∂(W, b), ∂z_c(x′)/∂(W, b)⟩ = classes·(⟨h(x), h(x′)⟩ + 1). `features` is `[width, n]`.
pub fn last_layer_kernel(features: Tensor<2>, classes: usize) -> Vec<f64> {
    let gram = features.clone().transpose().matmul(features);
    harness_core::op::read_f32(gram).into_iter().map(|inner| classes as f64 * (f64::from(inner) + 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use harness_core::backend::DeviceChoice;

    #[test]
    fn what_has_no_direction_is_refused() {
        let (zero, one) = ([0.0; 4], [1.0; 4]);
        for (k0, k1, size, dt) in [
            (&zero[..], &one[..], 2, 1.0),
            (&one, &zero, 2, 1.0),
            (&one, &one, 2, 0.0),
            (&one, &one, 2, -1.0),
            (&one, &one, 2, f64::NAN),
            (&one, &one, 3, 1.0),
            (&[], &[], 0, 1.0),
            (&[f64::NAN, 1.0, 1.0, 1.0], &one, 2, 1.0),
        ] {
            assert!(kernel_velocity(k0, k1, size, dt).is_err(), "{k0:?} {k1:?} {size} {dt}");
        }
    }

    #[test]
    fn scale_does_not_matter_and_the_opposite_is_farthest() {
        let (a, b) = ([1.0, -2.0, 0.5, 3.0], [0.0, 1.0, 1.0, -1.0]);
        let velocity = kernel_velocity(&a, &b, 2, 1.0).unwrap();
        let scaled = kernel_velocity(&a.map(|x| x * 1e200), &b.map(|x| x * 1e-200), 2, 1.0).unwrap();
        assert!((velocity - scaled).abs() < 1e-12);
        assert!((kernel_velocity(&a, &a.map(|x| -x), 2, 1.0).unwrap() - 2.0).abs() < 1e-12);
    }

    /// The Jacobian of the logits with respect to the last layer, written out.
    #[test]
    fn the_kernel_is_the_gram_matrix_of_the_jacobian() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (h, classes) = ([[1.0f64, -2.0], [0.5, 3.0], [2.0, 0.25]], 4); // three features, two examples
        let values: Vec<f32> = h.iter().flatten().map(|x| *x as f32).collect();
        let found = last_layer_kernel(Tensor::from_data(TensorData::new(values, [3, 2]), &device), classes);
        let jacobian = |example: usize, class: usize| -> Vec<f64> {
            (0..classes)
                .flat_map(|row| {
                    let on = f64::from(u8::from(row == class));
                    h.iter().map(move |h| h[example] * on).chain([on])
                })
                .collect()
        };
        for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let want: f64 = (0..classes)
                .map(|class| jacobian(a, class).iter().zip(jacobian(b, class)).map(|(x, y)| x * y).sum::<f64>())
                .sum();
            assert!((found[a * 2 + b] - want).abs() < 1e-5, "{found:?} {want}");
        }
    }
}
