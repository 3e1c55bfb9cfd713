//! Clipping of gradients by their norm over all parameters together: of a module, or of a list.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use harness_core::backend::{Backend, Tensor};

type Inner = <Backend as AutodiffBackend>::InnerBackend;

/// g ← g·min(1, limit / ‖g‖) with the Euclidean norm over all float parameters of `module`, as PyTorch's
/// `clip_grad_norm_`; burn's own clipping takes each parameter by itself. Nothing is read back to the host. A gradient that
/// is not finite makes all of them NaN, so that a diverged run stays visibly diverged.
pub fn clip_gradients<M: Module<Backend>>(module: &M, gradients: GradientsParams, limit: f64) -> GradientsParams {
    let mut squares = Squares { gradients: &gradients, sum: None };
    module.visit(&mut squares);
    let Some(sum) = squares.sum else { return gradients };
    let mut scale = Scale { gradients, factor: factor(sum, limit) };
    module.visit(&mut scale);
    scale.gradients
}

/// The same for a list of gradients of matrices (Pascanu et al. 2013, algorithm 1), where a method writes its backward pass
/// itself.
pub fn clip_global_norm(gradients: Vec<Tensor<2>>, limit: f64) -> Vec<Tensor<2>> {
    let squares = gradients.iter().map(|gradient| gradient.clone().square().sum());
    let Some(square) = squares.reduce(|sum, square| sum + square) else {
        return gradients;
    };
    let scale = factor(square, limit).unsqueeze::<2>(); // [1, 1]
    gradients.into_iter().map(|gradient| gradient * scale.clone()).collect()
}

/// min(1, limit / ‖g‖) of a squared norm, `[1]`; NaN where the norm is not finite.
fn factor(square: Tensor<1>, limit: f64) -> Tensor<1> {
    let norm = square.sqrt();
    // limit / max(‖g‖, limit) is min(1, limit / ‖g‖) without a division by 0.
    norm.clone().clamp_min(limit).recip() * limit + norm * 0.0
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor<Backend> for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<Inner, D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor<Backend> for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<Inner, D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.gradients.register::<Inner, D>(param.id, gradient * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::{Activation, Mlp};
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn clipped(factor: f32, limit: f64) -> (Vec<f32>, Vec<f32>) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let model = Mlp::new(&[2, 3, 1], Activation::Tanh, &mut harness_core::rng::stream("test", "init", 0), &device);
        let loss = model.forward(Tensor::<2>::from_data([[0.3, -0.8]], &device)).sum() * factor;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let read = |gradients: &GradientsParams| {
            let layers = model.layers().iter();
            let of = |layer: &burn::nn::Linear<Backend>| {
                let mut values = read_f32(gradients.get::<Inner, 2>(layer.weight.id).unwrap());
                values.extend(read_f32(gradients.get::<Inner, 1>(layer.bias.as_ref().unwrap().id).unwrap()));
                values
            };
            layers.flat_map(of).collect::<Vec<f32>>()
        };
        let before = read(&gradients);
        (before, read(&clip_gradients(&model, gradients, limit)))
    }

    fn norm(values: &[f32]) -> f32 {
        values.iter().map(|value| value * value).sum::<f32>().sqrt()
    }

    #[test]
    fn all_parameters_share_one_factor() {
        let (before, after) = clipped(100.0, 0.5);
        assert!(norm(&before) > 50.0 && (norm(&after) - 0.5).abs() < 1e-5);
        let factor = 0.5 / norm(&before);
        assert!(before.iter().zip(&after).all(|(before, after)| (before * factor - after).abs() < 1e-6));
    }

    #[test]
    fn small_gradients_stay_and_nan_spreads() {
        let (before, after) = clipped(1e-3, 0.5);
        assert!(before.iter().zip(&after).all(|(before, after)| (before - after).abs() <= 1e-9));
        assert!(clipped(0.0, 0.5).1.iter().all(|value| *value == 0.0));
        assert!(clipped(f32::NAN, 0.5).1.iter().all(|value| value.is_nan()));
    }

    fn list_clipped(first: [f32; 2], second: f32, limit: f64) -> Vec<f32> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let gradients = vec![Tensor::<2>::from_data([first], &device), Tensor::<2>::from_data([[second]], &device)];
        clip_global_norm(gradients, limit).into_iter().flat_map(read_f32).collect()
    }

    #[test]
    fn the_norm_over_a_list_is_limited() {
        let values = list_clipped([6.0, 0.0], 8.0, 5.0);
        assert!(values.iter().zip([3.0, 0.0, 4.0]).all(|(got, want)| (got - want).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn small_lists_and_zeros_stay() {
        assert_eq!(list_clipped([0.3, -0.4], 0.0, 5.0), [0.3, -0.4, 0.0]);
        assert_eq!(list_clipped([0.0, 0.0], 0.0, 5.0), [0.0; 3]);
    }

    #[test]
    fn nan_and_infinity_spread_through_a_list() {
        assert!(list_clipped([f32::NAN, 1.0], 1.0, 5.0).iter().all(|value| value.is_nan()));
        assert!(list_clipped([f32::INFINITY, 1.0], 1.0, 5.0).iter().all(|value| value.is_nan()));
    }
}
