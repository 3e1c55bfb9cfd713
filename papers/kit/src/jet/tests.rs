use burn::tensor::TensorData;
use harness_core::backend::{Device, DeviceChoice};
use harness_core::op::read_f32;

use super::reference::{self, Layer, Series, flat, host_layer};
use super::*;
use crate::mlp::Mlp;
use crate::nn::Init;

const ALL: [Activation; 4] = [Activation::Relu, Activation::Tanh, Activation::Sine, Activation::Swish];

fn device() -> Device {
    DeviceChoice::Cpu.open().unwrap()
}

fn column(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), device)
}

/// Every value within `tolerance` of the largest one.
fn assert_close(got: Vec<f32>, want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(f64::MIN_POSITIVE, |scale, value| scale.max(value.abs()));
    for (got, want) in got.into_iter().zip(want) {
        assert!((f64::from(got) - want).abs() <= tolerance * scale, "{what}: {got} instead of {want}");
    }
}

#[test]
fn activations_have_the_derivatives_of_their_taylor_series() {
    let device = device();
    let x: Vec<f32> = (-12..=12).map(|at| at as f32 * 0.37 + 0.01).collect();
    for activation in ALL {
        let input = Jet::input(column(&x, &device), &[Direction { vector: vec![1.5], order: MAX_ORDER }]).unwrap();
        let found = input.activation(activation);
        let series: Vec<Vec<Series>> =
            x.iter().map(|x| vec![Series::line(f64::from(*x), 1.5).activation(activation)]).collect();
        assert_close(read_f32(found.value()), &flat(&series, 0), 1e-6, &format!("{activation:?}"));
        for order in 1..=MAX_ORDER {
            let got = read_f32(found.derivative(0, order).unwrap());
            assert_close(got, &flat(&series, order), 1e-6, &format!("{activation:?}, order {order}"));
        }
    }
}

/// u = sin(ax + by): every derivative in closed form, the mixed one too.
#[test]
fn a_sine_wave_has_its_closed_form_and_its_mixed_derivative() {
    let (a, b) = (1.5_f64, -0.75_f64);
    let points = [[0.2_f32, 0.9], [-1.3, 0.4], [0.7, -0.6], [2.0, 1.0]];
    let device = device();
    let directions =
        [Direction::axis(0, 2, 4), Direction::axis(1, 2, 2), Direction { vector: vec![1.0, 1.0], order: 2 }];
    let u = Jet::input(Tensor::from_data(points, &device), &directions)
        .unwrap()
        .linear(Tensor::from_data([[a as f32], [b as f32]], &device), None)
        .unwrap()
        .activation(Activation::Sine);
    let phase: Vec<f64> = points.iter().map(|[x, y]| a * f64::from(*x) + b * f64::from(*y)).collect();
    let closed = |factor: f64, of: fn(f64) -> f64| -> Vec<f64> { phase.iter().map(|p| factor * of(*p)).collect() };
    for (order, want) in [
        (1, closed(a, f64::cos)),
        (2, closed(-a * a, f64::sin)),
        (3, closed(-a.powi(3), f64::cos)),
        (4, closed(a.powi(4), f64::sin)),
    ] {
        assert_close(read_f32(u.derivative(0, order).unwrap()), &want, 1e-6, &format!("order {order}"));
    }
    assert_close(read_f32(u.derivative(1, 2).unwrap()), &closed(-b * b, f64::sin), 1e-6, "second axis");
    assert_close(read_f32(u.mixed(0, 1, 2).unwrap()), &closed(-a * b, f64::sin), 1e-6, "mixed");
}

/// A factor that is forgotten in a product shows from the second order on.
#[test]
fn products_follow_leibniz() {
    let device = device();
    let x = [0.3_f32, -0.8, 1.2];
    let input = Jet::input(column(&x, &device), &Direction::axes(1, 4)).unwrap();
    let product = input.activation(Activation::Sine).mul(&input.activation(Activation::Tanh)).unwrap();
    let series: Vec<Vec<Series>> = x
        .iter()
        .map(|x| {
            let line = Series::line(f64::from(*x), 1.0);
            vec![line.activation(Activation::Sine).mul(line.activation(Activation::Tanh))]
        })
        .collect();
    for order in 1..=4 {
        assert_close(read_f32(product.derivative(0, order).unwrap()), &flat(&series, order), 1e-6, "product");
    }
}

fn network(widths: &[usize], activation: Activation, device: &Device) -> Mlp {
    let mut rng = harness_core::rng::stream("test", "jet", 3);
    Mlp::with_init(widths, activation, Init::Uniform, &mut rng, device)
}

fn points(count: usize, inputs: usize, device: &Device) -> (Tensor<2>, Vec<Vec<f64>>) {
    let mut rng = harness_core::rng::stream("test", "points", 0);
    let x = crate::init::uniform([count, inputs], 1.0, &mut rng, device);
    let host = read_f32(x.clone()).chunks(inputs).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
    (x, host)
}

#[test]
fn a_perceptron_has_the_derivatives_of_double_precision_and_its_own_values() {
    let device = device();
    for activation in ALL {
        let model = network(&[3, 8, 7, 2], activation, &device);
        let (x, host) = points(6, 3, &device);
        let directions = [Direction { vector: vec![0.5, -1.0, 2.0], order: 4 }, Direction::axis(2, 3, 1)];
        let found = model.jet(&Jet::input(x.clone(), &directions).unwrap()).unwrap();
        assert_eq!(read_f32(found.value()), read_f32(model.forward(x)), "{activation:?}");
        let layers: Vec<Layer> = model.layers().iter().map(host_layer).collect();
        for (at, direction) in directions.iter().enumerate() {
            let series: Vec<Vec<Series>> = host
                .iter()
                .map(|row| {
                    let line: Vec<Series> =
                        row.iter().zip(&direction.vector).map(|(x, v)| Series::line(*x, *v)).collect();
                    reference::perceptron(&layers, &line, activation)
                })
                .collect();
            for order in 1..=direction.order {
                let got = read_f32(found.derivative(at, order).unwrap());
                assert_close(got, &flat(&series, order), 2e-6, &format!("{activation:?}, order {order}"));
            }
        }
    }
}

/// Mean squared residual of uₜ + 5uuₓ + ½uₓₓ + 0.005uₓₓₓₓ, on the host.
fn host_loss(layers: &[Layer], points: &[Vec<f64>], activation: Activation) -> f64 {
    let squares = points.iter().map(|point| {
        let along = |v: [f64; 2]| {
            let line: Vec<Series> = point.iter().zip(v).map(|(x, v)| Series::line(*x, v)).collect();
            reference::perceptron(layers, &line, activation)[0]
        };
        let (t, x) = (along([1.0, 0.0]), along([0.0, 1.0]));
        let residual =
            t.derivative(1) + 5.0 * t.derivative(0) * x.derivative(1) + 0.5 * x.derivative(2) + 0.005 * x.derivative(4);
        residual * residual
    });
    squares.sum::<f64>() / points.len() as f64
}

/// One reverse pass over a loss of fourth derivatives, against central differences in double precision.
#[test]
fn parameter_gradients_of_a_residual_are_those_of_double_precision() {
    let device = device();
    for activation in [Activation::Tanh, Activation::Sine, Activation::Swish] {
        let model = network(&[2, 6, 5, 1], activation, &device);
        let (x, host) = points(9, 2, &device);
        let u = model.jet(&Jet::input(x, &[Direction::axis(0, 2, 1), Direction::axis(1, 2, 4)]).unwrap()).unwrap();
        let d = |direction, order| u.derivative(direction, order).unwrap();
        let residual = d(0, 1) + u.value() * d(1, 1) * 5.0 + d(1, 2) * 0.5 + d(1, 4) * 0.005;
        let gradients = residual.square().mean().backward();
        let layers: Vec<Layer> = model.layers().iter().map(host_layer).collect();
        for (index, layer) in model.layers().iter().enumerate() {
            let by = |shift: &dyn Fn(&mut Layer, f64)| {
                let loss = |step: f64| {
                    let mut shifted = layers.clone();
                    shift(&mut shifted[index], step);
                    host_loss(&shifted, &host, activation)
                };
                (loss(1e-5) - loss(-1e-5)) / 2e-5
            };
            let weight: Vec<f64> =
                (0..layers[index].weight.len()).map(|at| by(&|layer, step| layer.weight[at] += step)).collect();
            let got = read_f32(layer.weight.grad(&gradients).unwrap());
            assert_close(got, &weight, 1e-5, &format!("{activation:?}, weight {index}"));
            let bias: Vec<f64> =
                (0..layers[index].bias.len()).map(|at| by(&|layer, step| layer.bias[at] += step)).collect();
            let got = read_f32(layer.bias.as_ref().unwrap().grad(&gradients).unwrap());
            assert_close(got, &bias, 1e-5, &format!("{activation:?}, bias {index}"));
        }
    }
}

#[test]
fn an_activation_saturates_without_nan() {
    let device = device();
    let x = [-3e38_f32, -200.0, 200.0, 3e38];
    for activation in [Activation::Tanh, Activation::Swish] {
        let found = Jet::input(column(&x[1..3], &device), &Direction::axes(1, 4)).unwrap().activation(activation);
        for order in 2..=4 {
            assert_eq!(read_f32(found.derivative(0, order).unwrap()), [0.0, 0.0], "{activation:?}, order {order}");
        }
    }
    let tanh = Jet::input(column(&x, &device), &Direction::axes(1, 4)).unwrap().activation(Activation::Tanh);
    assert_eq!(read_f32(tanh.derivative(0, 4).unwrap()), [0.0; 4]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let device = device();
    let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
    let direction = |vector: &[f64], order| Direction { vector: vector.to_vec(), order };
    assert!(Jet::input(zeros([3, 2]), &[direction(&[1.0], 1)]).is_err(), "a direction of another space");
    assert!(Jet::input(zeros([3, 2]), &[direction(&[1.0, 0.0], 0)]).is_err(), "no derivative");
    assert!(Jet::input(zeros([3, 2]), &[direction(&[1.0, 0.0], 5)]).is_err(), "too many derivatives");
    assert!(Jet::new(zeros([3, 2]), vec![vec![zeros([3, 1])]]).is_err(), "shapes differ");
    let jet = Jet::input(zeros([3, 2]), &Direction::axes(2, 2)).unwrap();
    assert!(jet.derivative(0, 0).is_err() && jet.derivative(0, 3).is_err() && jet.derivative(2, 1).is_err());
    assert!(jet.linear(zeros([3, 4]), None).is_err(), "another width");
    assert!(jet.linear(zeros([2, 4]), Some(Tensor::zeros([3], &device))).is_err(), "another bias");
    let other = Jet::input(zeros([3, 2]), &Direction::axes(2, 1)).unwrap();
    assert!(jet.add(&other).is_err() && jet.sub(&other).is_err() && jet.mul(&other).is_err(), "orders differ");
    assert!(jet.mixed(0, 1, 2).is_err(), "the sum is not carried");
}
