//! What must be true of the whole module.

use burn::tensor::TensorData;
use harness_core::backend::DeviceChoice;
use harness_core::cell::Level;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::figure::Plot;
use harness_core::grid::synthetic_trials;
use harness_core::lab::{Notebook, QuietHost};
use harness_core::number::Number;
use harness_core::op::{Array, Values, read_f32};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use papers_kit::image_set::ImageSize;
use rand::RngExt;
use serde_json::{Value, json};

use super::condense::{Condensation, State};
use super::dataset::Uploaded;
use super::model::Model;
use super::settings::{NetworkKind, NetworkSettings, Signals};
use super::*;

fn device() -> Device {
    DeviceChoice::Cpu.open().unwrap()
}

fn trials(profile: Profile) -> Vec<Trial> {
    let paper = REPRODUCTION.paper();
    synthetic_trials(paper, profile, 0..paper.profiles.get(profile).seeds)
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, device(), &mut host);
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "dcc/vectors.json").unwrap();
    let results = vectors.run(REPRODUCTION.ops(), &device());
    assert_eq!(results.len(), 9);
    for result in results {
        assert_eq!(result.status, Status::Pass, "{}: {}: {}", result.op, result.name, result.message);
    }
}

fn floats(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.iter().map(|value| *value as f32).collect()) }
}

fn ints(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], values: Values::I64(values.to_vec()) }
}

type Called = (Inputs, Result<Outputs>);

fn call(op: &str, arrays: &[(&str, Array)], params: Value) -> Called {
    let arrays = arrays.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    let inputs = Inputs::new(device(), arrays, params.as_object().unwrap().clone());
    let outputs = (REPRODUCTION.ops().iter().find(|known| known.name == op).unwrap().run)(&inputs);
    (inputs, outputs)
}

fn value(called: &Called, name: &str) -> f64 {
    called.1.as_ref().unwrap().get(name).unwrap().values.to_f64()[0]
}

fn gradient(called: &Called, of: &str, by: &str) -> Vec<f64> {
    called.1.as_ref().unwrap().gradients(of, &called.0, &[by]).unwrap()[by].values.to_f64()
}

#[test]
fn ops_refuse_what_makes_no_sense() {
    let zeros = |shape: &[usize]| floats(shape, &vec![0.5; shape.iter().product()]);
    let nan = floats(&[1, 2], &[f64::NAN, 1.0]);
    let pair = |syn: Array, real: Array| vec![("syn", syn), ("real", real)];
    let regression = |x_syn: Array, y_syn: Array, y_real: Array| {
        vec![
            ("x_syn", x_syn),
            ("y_syn", y_syn),
            ("x_real", zeros(&[3, 2])),
            ("y_real", y_real),
            ("weight", zeros(&[2, 2])),
        ]
    };
    let kernels = |a: Array, b: Array| vec![("k0", a), ("k1", b)];
    let (dc, none) = (json!({"mode": "dc"}), json!({}));
    let (two, three) = (|| zeros(&[2, 2]), || ints(&[0, 1, 1]));
    for (op, arrays, params) in [
        ("layer_distance", pair(zeros(&[2, 3]), zeros(&[3, 2])), none.clone()),
        ("layer_distance", pair(zeros(&[2, 3]), zeros(&[6])), none.clone()),
        ("layer_distance", pair(zeros(&[3]), zeros(&[4])), none.clone()),
        ("layer_distance", pair(zeros(&[]), zeros(&[])), none.clone()),
        ("layer_distance", pair(zeros(&[0, 3]), zeros(&[0, 3])), none.clone()),
        ("layer_distance", pair(nan.clone(), zeros(&[1, 2])), none.clone()),
        ("layer_distance", pair(zeros(&[1, 2]), nan.clone()), none.clone()),
        ("layer_distance", pair(ints(&[1, 2]), ints(&[1, 2])), none.clone()),
        ("layer_distance", vec![("syn", zeros(&[1, 2]))], none.clone()),
        ("matching_loss", pair(zeros(&[2, 2, 2]), zeros(&[2, 2, 2])), none.clone()),
        ("matching_loss", pair(zeros(&[2, 2, 2]), zeros(&[2, 2, 2])), json!({"mode": 1})),
        ("matching_loss", pair(zeros(&[2, 2, 2]), zeros(&[2, 2, 2])), json!({"mode": "DCC"})),
        ("matching_loss", pair(zeros(&[2, 2]), zeros(&[2, 2])), dc.clone()),
        ("matching_loss", pair(zeros(&[2, 2, 2]), zeros(&[1, 2, 2])), json!({"mode": "dcc"})),
        ("linear_matching", regression(two(), ints(&[0, 1]), three()), none.clone()),
        ("linear_matching", regression(two(), ints(&[0, 0]), three()), dc.clone()),
        ("linear_matching", regression(two(), ints(&[0, 1]), ints(&[1, 1, 1])), dc.clone()),
        ("linear_matching", regression(two(), ints(&[0, 2]), three()), dc.clone()),
        ("linear_matching", regression(two(), ints(&[0, -1]), three()), dc.clone()),
        ("linear_matching", regression(two(), ints(&[0, 1, 1]), three()), dc.clone()),
        ("linear_matching", regression(zeros(&[2, 3]), ints(&[0, 1]), three()), dc.clone()),
        ("use_contrast", vec![], json!({"outer": 0})),
        ("use_contrast", vec![], json!({"outer": -1, "inner": 0})),
        ("use_contrast", vec![], json!({"outer": 0.5, "inner": 0})),
        ("use_contrast", vec![], json!({"outer": 0, "inner": 0, "outer_warmup": -5})),
        ("use_contrast", vec![], json!({"outer": 0, "inner": "0"})),
        ("kernel_velocity", kernels(zeros(&[2, 3]), zeros(&[2, 3])), none.clone()),
        ("kernel_velocity", kernels(zeros(&[2, 2]), zeros(&[3, 3])), none.clone()),
        ("kernel_velocity", kernels(floats(&[1, 1], &[0.0]), zeros(&[1, 1])), none.clone()),
        ("kernel_velocity", kernels(zeros(&[1, 1]), zeros(&[1, 1])), json!({"dt": 0})),
        ("kernel_velocity", kernels(zeros(&[1, 1]), zeros(&[1, 1])), json!({"dt": -0.5})),
        ("kernel_velocity", kernels(zeros(&[1, 1]), zeros(&[1, 1])), json!({"dt": "fast"})),
        ("kernel_velocity", kernels(zeros(&[0, 0]), zeros(&[0, 0])), none.clone()),
    ] {
        assert!(call(op, &arrays, params.clone()).1.is_err(), "{op} {arrays:?} {params}");
    }
}

#[test]
fn either_loop_ends_the_warm_up() {
    for (outer, inner, want) in [(249, 9, false), (250, 0, true), (0, 10, true), (300, 20, true), (249, 0, false)] {
        let called = call("use_contrast", &[], json!({"outer": outer, "inner": inner}));
        assert_eq!(called.1.unwrap().get("contrast").unwrap().values, Values::Bool(vec![want]), "{outer} {inner}");
    }
    let at_once = call("use_contrast", &[], json!({"outer": 0, "inner": 0, "outer_warmup": 0}));
    assert_eq!(at_once.1.unwrap().get("contrast").unwrap().values, Values::Bool(vec![true]));
}

/// Zero rows on either side, and values near the ends of single precision.
#[test]
fn distances_stay_finite() {
    let far = [1e30, -2e30, 3e-30, 0.0, 0.0, 0.0, 1e-38, 0.0, 0.0];
    let near = [1e30, 1e30, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0];
    for (syn, real) in [(far, near), (near, far), ([0.0; 9], near), (near, [0.0; 9])] {
        let called =
            call("layer_distance", &[("syn", floats(&[3, 3], &syn)), ("real", floats(&[3, 3], &real))], json!({}));
        assert!(value(&called, "distance").is_finite());
        let slope = gradient(&called, "distance", "syn");
        assert!(slope.iter().all(|x| x.is_finite()), "{syn:?} {real:?} {slope:?}");
        for row in 0..3 {
            if syn[3 * row..3 * row + 3] == [0.0; 3] {
                assert_eq!(slope[3 * row..3 * row + 3], [0.0; 3]);
            }
        }
    }
    let bias = [("syn", floats(&[3], &[1e30, 2.0, 0.0])), ("real", floats(&[3], &[1.0, 2.0, 3.0]))];
    let called = call("layer_distance", &bias, json!({}));
    assert_eq!((value(&called, "distance"), gradient(&called, "distance", "syn")), (0.0, vec![0.0; 3]));
}

/// Numbers in f64, row-major.
#[derive(Clone)]
struct Matrix {
    values: Vec<f64>,
    columns: usize,
}

impl Matrix {
    fn row(&self, at: usize) -> &[f64] {
        &self.values[at * self.columns..(at + 1) * self.columns]
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let total: f64 = z.iter().map(|z| z.exp()).sum();
    z.iter().map(|z| z.exp() / total).collect()
}

fn distance_plainly(syn: &[f64], real: &[f64], columns: usize) -> f64 {
    syn.chunks(columns)
        .zip(real.chunks(columns))
        .map(|(g, r)| 1.0 - dot(g, r) / (dot(g, g).sqrt() * dot(r, r).sqrt() + 1e-6))
        .sum()
}

/// The matching loss of softmax regression, by loops.
fn regression_plainly(
    syn: (&Matrix, &[i64]),
    real: (&Matrix, &[i64]),
    weight: &Matrix,
    classes: usize,
    matching: Matching,
) -> f64 {
    let class_gradients = |(x, y): (&Matrix, &[i64])| -> Vec<Vec<f64>> {
        (0..classes)
            .map(|class| {
                let rows: Vec<usize> = (0..y.len()).filter(|at| y[*at] == class as i64).collect();
                let mut gradient = vec![0.0; classes * x.columns];
                for at in &rows {
                    let logits: Vec<f64> = (0..classes).map(|c| dot(weight.row(c), x.row(*at))).collect();
                    for (c, p) in softmax(&logits).into_iter().enumerate() {
                        let error = p - f64::from(u8::from(c == class));
                        for (i, value) in x.row(*at).iter().enumerate() {
                            gradient[c * x.columns + i] += error * value / rows.len() as f64;
                        }
                    }
                }
                gradient
            })
            .collect()
    };
    let (syn_gradients, real_gradients) = (class_gradients(syn), class_gradients(real));
    let columns = weight.columns;
    match matching {
        Matching::ClassWise => {
            syn_gradients.iter().zip(&real_gradients).map(|(g, r)| distance_plainly(g, r, columns)).sum()
        }
        Matching::Contrastive => {
            let mean = |list: &[Vec<f64>]| -> Vec<f64> {
                (0..list[0].len()).map(|at| list.iter().map(|g| g[at]).sum::<f64>() / list.len() as f64).collect()
            };
            distance_plainly(&mean(&syn_gradients), &mean(&real_gradients), columns)
        }
    }
}

fn random_matrix(rows: usize, columns: usize, stream: &str) -> Matrix {
    let mut rng = harness_core::rng::stream("test", stream, 0);
    let values = (0..rows * columns).map(|_| f64::from(rng.random_range(-1.0f32..1.0))).collect();
    Matrix { values, columns }
}

/// The second-order gradient against central differences in double precision, for other shapes than the vectors have.
#[test]
fn linear_matching_agrees_with_double_precision() {
    for (classes, d, y_syn, y_real) in [
        (2, 1, vec![0, 1], vec![1, 0, 0]),
        (4, 5, vec![3, 1, 0, 2, 2, 0, 3, 1], vec![0, 1, 2, 3, 3, 3, 1]),
        (2, 7, vec![1, 0, 1, 0], vec![0, 1]),
        (1, 3, vec![0], vec![0, 0]),
    ] {
        let (x_syn, x_real) = (random_matrix(y_syn.len(), d, "syn"), random_matrix(y_real.len(), d, "real"));
        let weight = random_matrix(classes, d, "weight");
        for (mode, matching) in [("dc", Matching::ClassWise), ("dcc", Matching::Contrastive)] {
            let called = call(
                "linear_matching",
                &[
                    ("x_syn", floats(&[y_syn.len(), d], &x_syn.values)),
                    ("y_syn", ints(&y_syn)),
                    ("x_real", floats(&[y_real.len(), d], &x_real.values)),
                    ("y_real", ints(&y_real)),
                    ("weight", floats(&[classes, d], &weight.values)),
                ],
                json!({"mode": mode}),
            );
            let plainly = |x: &Matrix| regression_plainly((x, &y_syn), (&x_real, &y_real), &weight, classes, matching);
            let (got, want) = (value(&called, "loss"), plainly(&x_syn));
            assert!((got - want).abs() < 1e-4, "{classes} {d} {mode}: {got} {want}");
            if classes == 1 {
                // The only probability is 1: no gradient, no direction, and nothing to move.
                assert_eq!(gradient(&called, "loss", "x_syn"), vec![0.0; 3]);
                continue;
            }
            for (at, got) in gradient(&called, "loss", "x_syn").into_iter().enumerate() {
                let moved = |h: f64| {
                    let mut x = x_syn.clone();
                    x.values[at] += h;
                    plainly(&x)
                };
                let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((got - want).abs() < 2e-3 * (1.0 + want.abs()), "{classes} {d} {mode} at {at}: {got} {want}");
            }
        }
    }
}

/// A perceptron with one hidden layer in double precision: gradients of its mean cross-entropy.
struct Perceptron {
    w1: Matrix,
    b1: Vec<f64>,
    w2: Matrix,
    b2: Vec<f64>,
}

/// With respect to W1, W2 and the inputs.
struct PerceptronSlopes {
    w1: Vec<f64>,
    w2: Vec<f64>,
    x: Vec<f64>,
}

impl Perceptron {
    fn slopes(&self, x: &Matrix, labels: &[usize]) -> PerceptronSlopes {
        let (d, hidden, classes, n) = (self.w1.columns, self.b1.len(), self.b2.len(), labels.len());
        let mut slopes = PerceptronSlopes {
            w1: vec![0.0; hidden * d],
            w2: vec![0.0; classes * hidden],
            x: Vec::with_capacity(n * d),
        };
        for (at, label) in labels.iter().enumerate() {
            let x = x.row(at);
            let a: Vec<f64> = (0..hidden).map(|k| dot(self.w1.row(k), x) + self.b1[k]).collect();
            let h: Vec<f64> = a.iter().map(|a| a.max(0.0)).collect();
            let z: Vec<f64> = (0..classes).map(|c| dot(self.w2.row(c), &h) + self.b2[c]).collect();
            let mut error = softmax(&z);
            error[*label] -= 1.0;
            error.iter_mut().for_each(|e| *e /= n as f64);
            let below: Vec<f64> = (0..hidden)
                .map(|k| if a[k] > 0.0 { (0..classes).map(|c| error[c] * self.w2.row(c)[k]).sum() } else { 0.0 })
                .collect();
            for (c, e) in error.iter().enumerate() {
                h.iter().enumerate().for_each(|(k, h)| slopes.w2[c * hidden + k] += e * h);
            }
            for (k, b) in below.iter().enumerate() {
                x.iter().enumerate().for_each(|(i, x)| slopes.w1[k * d + i] += b * x);
            }
            slopes.x.extend((0..d).map(|i| (0..hidden).map(|k| below[k] * self.w1.row(k)[i]).sum::<f64>()));
        }
        slopes
    }

    fn moved(&self, v1: &[f64], v2: &[f64], step: f64) -> Perceptron {
        let add = |m: &Matrix, v: &[f64]| Matrix {
            values: m.values.iter().zip(v).map(|(m, v)| m + step * v).collect(),
            columns: m.columns,
        };
        Perceptron { w1: add(&self.w1, v1), b1: self.b1.clone(), w2: add(&self.w2, v2), b2: self.b2.clone() }
    }
}

/// ∂D/∂G of [`layer_distance`] in closed form.
fn distance_slope(syn: &[f64], real: &[f64], columns: usize) -> Vec<f64> {
    syn.chunks(columns)
        .zip(real.chunks(columns))
        .flat_map(|(g, r)| {
            let (g_norm, r_norm) = (dot(g, g).sqrt(), dot(r, r).sqrt());
            let denominator = g_norm * r_norm + 1e-6;
            let along = dot(g, r) * r_norm / (g_norm.max(1e-300) * denominator * denominator);
            g.iter().zip(r).map(|(g, r)| along * g - r / denominator).collect::<Vec<f64>>()
        })
        .collect()
}

/// The images' gradient by formula, by layers, and as (∇_S L(S, θ + hV) − ∇_S L(S, θ − hV))/(2h) with V = ∂D/∂G in double
/// precision: three ways to the same numbers.
#[test]
fn all_ways_to_the_second_order_gradient_agree() {
    let (d, hidden, classes, n) = (6, 9, 3, 2);
    let perceptron = Perceptron {
        w1: random_matrix(hidden, d, "w1"),
        b1: random_matrix(1, hidden, "b1").values,
        w2: random_matrix(classes, hidden, "w2"),
        b2: random_matrix(1, classes, "b2").values,
    };
    let (syn, real) = (random_matrix(classes * n, d, "syn images"), random_matrix(classes * 4, d, "real images"));
    let labels = |each: usize| -> Vec<usize> { (0..classes * each).map(|at| at / each).collect() };
    let device = device();
    let upload = |values: &[f64], shape: [usize; 2]| -> Tensor<2> {
        let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &device)
    };
    let parameters = [
        upload(&perceptron.w1.values, [hidden, d]),
        upload(&perceptron.b1, [hidden, 1]),
        upload(&perceptron.w2.values, [classes, hidden]),
        upload(&perceptron.b2, [classes, 1]),
    ];
    let size = ImageSize { channels: d, height: 1, width: 1 };
    let networks = NetworkSettings { hidden, channels: 1, blocks: 1 };
    let model = Model::new(NetworkKind::Mlp, networks, size, classes).unwrap();
    let groups = |images: Tensor<2>, each: usize| {
        let labels: Vec<i64> = labels(each).into_iter().map(|label| label as i64).collect();
        let labels = IntTensor::from_data(TensorData::new(labels, [classes, each]), &device);
        Groups { images: images.reshape([classes, each, d]), labels }
    };
    for matching in [Matching::ClassWise, Matching::Contrastive] {
        let on_device = |by_layers: bool| -> Vec<f32> {
            let gradients = |groups: Groups| match by_layers {
                true => model.layer_gradients(&parameters, groups).unwrap(),
                false => model.gradients(&parameters, groups).unwrap(),
            };
            let leaf = upload(&syn.values, [classes * n, d]).require_grad();
            let (syn, real) = (groups(leaf.clone(), n), groups(upload(&real.values, [classes * 4, d]), 4));
            let syn = if matching == Matching::Contrastive { syn.joined() } else { syn };
            let losses = gradients(syn).into_iter().zip(gradients(real));
            let loss = losses.map(|(g, r)| matching_loss(g, r, matching).unwrap()).reduce(|a, b| a + b).unwrap();
            read_f32(leaf.grad(&loss.backward()).unwrap())
        };
        // Groups of the double-precision side: classes, or all images at once.
        let rows = |m: &Matrix, from: usize, count: usize| Matrix {
            values: m.values[from * d..(from + count) * d].to_vec(),
            columns: d,
        };
        let split = |m: &Matrix, each: usize| -> Vec<(Matrix, Vec<usize>)> {
            match matching {
                Matching::ClassWise => (0..classes).map(|c| (rows(m, c * each, each), vec![c; each])).collect(),
                Matching::Contrastive => vec![(m.clone(), labels(each))],
            }
        };
        let want: Vec<f64> = split(&syn, n)
            .iter()
            .zip(split(&real, 4))
            .flat_map(|((x, y), (real_x, real_y))| {
                let (g, r) = (perceptron.slopes(x, y), perceptron.slopes(&real_x, &real_y));
                let v1 = distance_slope(&g.w1, &r.w1, d);
                let v2 = distance_slope(&g.w2, &r.w2, hidden);
                let h = 1e-4 * 0.01 / (dot(&v1, &v1) + dot(&v2, &v2)).sqrt();
                let up = perceptron.moved(&v1, &v2, h).slopes(x, y).x;
                let down = perceptron.moved(&v1, &v2, -h).slopes(x, y).x;
                up.into_iter().zip(down).map(move |(up, down)| (up - down) / (2.0 * h)).collect::<Vec<f64>>()
            })
            .collect();
        for ((formula, layers), want) in on_device(false).into_iter().zip(on_device(true)).zip(want) {
            assert!((formula - layers).abs() < 1e-4 * (1.0 + layers.abs()), "{matching:?}: {formula} {layers}");
            assert!((f64::from(layers) - want).abs() < 1e-3 * (1.0 + want.abs()), "{matching:?}: {layers} {want}");
        }
    }
}

/// One mean loss over all images gives the mean of the class gradients, for convolutions too.
#[test]
fn the_joined_gradient_is_the_mean_of_the_class_gradients() {
    let device = device();
    let size = ImageSize { channels: 1, height: 8, width: 8 };
    let networks = NetworkSettings { hidden: 1, channels: 3, blocks: 2 };
    let model = Model::new(NetworkKind::Convnet, networks, size, 3).unwrap();
    let mut rng = harness_core::rng::stream("test", "joined", 0);
    let parameters = model.initial(&mut rng, &device);
    let images = papers_kit::init::normal([3, 2, 64], 1.0, &mut rng, &device).inner();
    let labels = IntTensor::from_data([[0, 0], [1, 1], [2, 2]], &device);
    let groups = Groups { images, labels };
    let by_class = model.gradients(&parameters, groups.clone()).unwrap();
    let joined = model.gradients(&parameters, groups.joined()).unwrap();
    // Two convolutions and the last layer; neither biases nor gains.
    assert_eq!(by_class.iter().map(Tensor::dims).collect::<Vec<_>>(), [[3, 3, 9], [3, 3, 27], [3, 3, 12]]);
    for (by_class, joined) in by_class.into_iter().zip(joined) {
        for (mean, joined) in read_f32(by_class.mean_dim(0)).into_iter().zip(read_f32(joined)) {
            assert!((mean - joined).abs() < 1e-5, "{mean} {joined}");
        }
    }
}

#[test]
fn every_smoke_trial_runs_and_records() {
    for trial in trials(Profile::Smoke).iter().filter(|trial| trial.seed == 0) {
        let name = format!("{} {}", trial.arm, trial.cell);
        let notebook = run(trial);
        let metric = |metric: &str| notebook.metrics.get(metric).map(|number| number.0);
        if trial.cell.get("task") == Some(&Level::from("continual")) {
            assert!(metric("final_accuracy").is_some_and(|accuracy| (0.0..=100.0).contains(&accuracy)), "{name}");
            assert_eq!(notebook.series["continual_accuracy"].x.len(), 5, "{name}");
            continue;
        }
        assert!(metric("accuracy").is_some_and(|accuracy| (0.0..=100.0).contains(&accuracy)), "{name}");
        assert!(metric("kernel_velocity").is_some_and(|velocity| velocity > 0.0 && velocity < 2.0), "{name}");
        let condensed = trial.arm.starts_with("d");
        if condensed && trial.cell.get("network") == Some(&Level::from("mlp")) {
            assert!(
                metric("second_order_gap").is_some_and(|gap| gap < 1e-3),
                "{name}: {:?}",
                metric("second_order_gap")
            );
        }
        let classes = if trial.cell.get("task") == Some(&Level::from("fine")) { 5 } else { 10 };
        assert_eq!(notebook.images.len(), if trial.arm == "full" { 0 } else { classes }, "{name}");
    }
}

#[test]
fn the_same_trial_gives_the_same_numbers() {
    let all = trials(Profile::Smoke);
    for arm in ["dcc", "dsac"] {
        let trial = all.iter().find(|trial| trial.arm == arm).unwrap();
        assert_eq!(run(trial), run(trial));
    }
}

fn condensation_trial() -> Trial {
    trials(Profile::Smoke).into_iter().find(|trial| trial.arm == "dcc").unwrap()
}

/// Images move, every outer iteration has its own network, and the warm-up decides what is matched.
#[test]
fn images_move_with_every_network() {
    let trial = condensation_trial();
    let settings: Settings = trial.settings().unwrap();
    let cell: Cell = trial.cell().unwrap();
    let mut host = QuietHost;
    let mut lab = Lab::new(&trial, device(), &mut host);
    let data = dataset::open(&settings, &cell, &trial, &mut lab).unwrap();
    let model = Model::new(cell.network, settings.networks, data.train.size, data.train.classes).unwrap();
    let real = Uploaded::new(&data.train, lab.device());
    let condensation = |signals| Condensation {
        model: &model,
        real: &real,
        classes: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        size: data.train.size,
        schedule: settings.condensation.schedule(1).unwrap(),
        signals,
        augmentation: None,
        settings: &settings.condensation,
        stream: "condensation",
    };
    let picked = selection::random(&data.train, 1, &mut lab.rng("start"));
    let start: Vec<f32> = picked.iter().flat_map(|at| data.train.image(*at)).copied().collect();
    let after = |signals, outer| {
        let state = State { outer, ..State::start(start.clone()) };
        condensation(signals).network(state, &lab).unwrap().0
    };
    let first = after(Signals::Contrastive, 0);
    assert_eq!(first.outer, 1);
    assert!(first.images.iter().zip(&start).all(|(a, b)| a.is_finite() && (a - b).abs() < 10.0));
    assert_ne!(first.images, start);
    assert_ne!(first.images, after(Signals::Contrastive, 3).images, "another network, another step");
    // In the warm-up (outer 0 of 1) contrastive signals are those of DC, afterwards they are not.
    assert_eq!(first.images, after(Signals::ClassWise, 0).images);
    assert_ne!(first.images, after(Signals::ContrastiveAtOnce, 0).images);
    assert_ne!(after(Signals::Contrastive, 1).images, after(Signals::ClassWise, 1).images);
    assert_eq!(after(Signals::Contrastive, 1).images, after(Signals::ContrastiveAtOnce, 1).images);
}

/// With only one pixel that tells the classes apart beneath a large common part, class-wise gradients agree whatever that
/// pixel says, and contrastive ones do not.
#[test]
fn what_classes_share_hides_their_difference_from_class_wise_matching() {
    let device = device();
    let image = |sign: f32| Tensor::<2>::from_data([[20.0, sign], [20.0, -sign]], &device);
    let weight = || Tensor::<2>::zeros([2, 2], &device);
    let loss = |sign: f32, matching| {
        let labels = [0usize, 1];
        let (syn, real) =
            (Labelled { images: image(sign), labels: &labels }, Labelled { images: image(1.0), labels: &labels });
        read_f32(linear_matching(syn, real, weight(), matching).unwrap())[0]
    };
    assert!(loss(-1.0, Matching::ClassWise) < 0.03, "{}", loss(-1.0, Matching::ClassWise));
    assert!(loss(-1.0, Matching::Contrastive) > 3.9, "{}", loss(-1.0, Matching::Contrastive));
    assert!(loss(1.0, Matching::Contrastive) < 1e-3);
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let trial = condensation_trial();
    let refused = |pointer: &str, value: Value| {
        let mut trial = trial.clone();
        *trial.settings.pointer_mut(pointer).unwrap() = value;
        REPRODUCTION.check(&trial).unwrap_err().to_string()
    };
    for (pointer, value, key) in [
        ("/images/train", json!(0), "images.train"),
        ("/condensation/lr_images", json!(0.0), "condensation.lr_images"),
        ("/condensation/momentum_images", json!(1.0), "condensation.momentum_images"),
        ("/condensation/schedules", json!([]), "condensation.schedules"),
        ("/kernel/steps", json!(12), "kernel.steps"),
        ("/fine/groups/upper_body", json!([1, 1]), "fine.groups.upper_body"),
        ("/continual/per_class", json!(0), "continual.per_class"),
        ("/augmentation", json!([{"crop": {"share": 2.0}}]), "augmentation"),
        ("/networks/hidden", json!("many"), "hidden"),
    ] {
        let message = refused(pointer, value);
        assert!(message.contains(key), "{pointer}: {message}");
    }
    for cell in [
        json!({"network": "mlp", "task": "background", "ipc": 1}),
        json!({"network": "mlp", "task": "plain", "ipc": 1, "amplitude": 1.0}),
        json!({"network": "mlp", "task": "fine", "ipc": 1, "group": "shoes"}),
        json!({"network": "mlp", "task": "plain", "ipc": 7}),
        json!({"network": "mlp", "task": "plain", "ipc": 0}),
        json!({"network": "mlp", "task": "continual", "ipc": 2, "outputs": "all"}),
        json!({"network": "mlp", "task": "continual", "ipc": 1}),
        json!({"network": "mlp", "task": "plain", "ipc": 1, "outputs": "all"}),
    ] {
        let trial = Trial { cell: serde_json::from_value(cell.clone()).unwrap(), ..trial.clone() };
        assert!(REPRODUCTION.check(&trial).is_err(), "{cell}");
    }
}

#[test]
fn every_planned_trial_is_sound() {
    for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
        for trial in trials(profile) {
            REPRODUCTION
                .check(&trial)
                .unwrap_or_else(|error| panic!("{profile} {} {}: {error}", trial.arm, trial.cell));
        }
    }
}

/// A finished trial with these metrics.
fn finished(arm: &str, cell: Value, seed: u64, metrics: &[(&str, f64)]) -> Record {
    let trial =
        Trial { arm: arm.to_owned(), seed, cell: serde_json::from_value(cell).unwrap(), ..condensation_trial() };
    let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), Number(*value))).collect();
    Notebook { metrics, ..Notebook::default() }.into_record(&trial)
}

fn verdict(id: &str, records: Vec<Record>) -> Verdict {
    let paper = REPRODUCTION.paper();
    let claim = paper.claims.iter().find(|claim| claim.id == id).unwrap();
    REPRODUCTION.judge(claim, &Results::new("dcc", Profile::Smoke, records)).unwrap().verdict
}

/// Records of arms with one value per seed.
fn rows(cell: Value, metric: &str, arms: &[(&str, &[f64])]) -> Vec<Record> {
    let of_arm = |(arm, values): &(&str, &[f64])| -> Vec<Record> {
        values
            .iter()
            .enumerate()
            .map(|(seed, value)| finished(arm, cell.clone(), seed as u64, &[(metric, *value)]))
            .collect()
    };
    arms.iter().flat_map(of_arm).collect()
}

#[test]
fn verdicts_follow_their_rules() {
    let background = |amplitude: f64| json!({"network": "mlp", "task": "background", "ipc": 1, "amplitude": amplitude});
    let c1 = |dc: &[f64]| verdict("C1", rows(background(1.5), "accuracy", &[("random", &[50.0; 3]), ("dc", dc)]));
    assert_eq!(c1(&[48.0, 48.0, 50.0]), Verdict::Reproduced);
    assert_eq!(c1(&[49.0, 49.0, 49.0]), Verdict::Inconclusive, "one point exactly");
    assert_eq!(c1(&[52.0, 52.0, 50.0]), Verdict::Contradicted);
    assert_eq!(c1(&[f64::NAN, 40.0, 40.0]), Verdict::Inconclusive);
    // Another amplitude does not count.
    let mut others = rows(background(1.5), "accuracy", &[("random", &[50.0; 3]), ("dc", &[40.0; 3])]);
    others.extend(rows(background(3.0), "accuracy", &[("random", &[50.0; 3]), ("dc", &[90.0; 3])]));
    assert_eq!(verdict("C1", others), Verdict::Reproduced);

    let c2 = |dcc: &[f64]| {
        let arms: &[(&str, &[f64])] = &[("random", &[50.0; 3]), ("dc", &[47.0; 3]), ("dcc", dcc)];
        verdict("C2", rows(background(1.5), "accuracy", arms))
    };
    assert_eq!(c2(&[51.0, 51.0, 49.9]), Verdict::Reproduced);
    assert_eq!(c2(&[49.0, 49.5, 49.2]), Verdict::Contradicted, "better than dc but not than random");
    assert_eq!(c2(&[51.0, 47.5, 51.6]), Verdict::Reproduced, "two of three seeds above random");
    assert_eq!(c2(&[57.0, 48.0, 48.0]), Verdict::Inconclusive);

    let fine = json!({"network": "mlp", "task": "fine", "ipc": 1, "group": "upper_body"});
    assert_eq!(verdict("C3", rows(fine, "accuracy", &[("dcc", &[51.2; 3]), ("dc", &[50.0; 3])])), Verdict::Reproduced);

    // The mean over the numbers of images per class.
    let plain = |ipc: i64| json!({"network": "mlp", "task": "plain", "ipc": ipc});
    let mut both = rows(plain(1), "accuracy", &[("dcc", &[54.0; 3]), ("dc", &[50.0; 3])]);
    both.extend(rows(plain(10), "accuracy", &[("dcc", &[47.0; 3]), ("dc", &[50.0; 3])]));
    assert_eq!(verdict("C4", both), Verdict::Inconclusive);

    let c6 = |dcc: &[f64]| verdict("C6", rows(plain(1), "kernel_velocity", &[("dc", &[0.1; 3]), ("dcc", dcc)]));
    assert_eq!(c6(&[0.11, 0.12, 0.09]), Verdict::Reproduced);
    assert_eq!(c6(&[0.09, 0.12, 0.05]), Verdict::Contradicted);

    let c7 = |dcc: &[f64]| {
        let continual = |outputs| json!({"network": "mlp", "task": "continual", "ipc": 1, "outputs": outputs});
        let arms = |dcc| vec![("random", &[30.0; 3][..]), ("dc", &[20.0; 3]), ("dcc", dcc)];
        let mut records = rows(continual("task"), "final_accuracy", &arms(&[40.0; 3][..]));
        records.extend(rows(continual("all"), "final_accuracy", &arms(dcc)));
        verdict("C7", records)
    };
    assert_eq!(c7(&[31.0, 32.0, 29.5]), Verdict::Reproduced);
    assert_eq!(c7(&[25.0, 26.0, 24.0]), Verdict::Contradicted, "above dc alone is not enough");
}

#[test]
fn a_steadier_or_a_better_seed_speaks_for_the_warm_up() {
    let cells = [
        json!({"network": "mlp", "task": "plain", "ipc": 1}),
        json!({"network": "mlp", "task": "background", "ipc": 1, "amplitude": 1.5}),
        json!({"network": "mlp", "task": "fine", "ipc": 1, "group": "upper_body"}),
    ];
    let c5 = |with: [(f64, f64); 3]| {
        let mut records = Vec::new();
        for cell in &cells {
            for (seed, (accuracy, spread)) in with.into_iter().enumerate() {
                let metrics = [("accuracy", accuracy), ("accuracy_std", spread)];
                records.push(finished("dcc", cell.clone(), seed as u64, &metrics));
                let metrics = [("accuracy", 50.0), ("accuracy_std", 1.0)];
                records.push(finished("dcc_nowarm", cell.clone(), seed as u64, &metrics));
            }
        }
        verdict("C5", records)
    };
    assert_eq!(c5([(51.0, 2.0), (49.0, 0.5), (49.0, 2.0)]), Verdict::Reproduced);
    assert_eq!(c5([(51.0, 2.0), (49.0, 1.0), (50.0, 2.0)]), Verdict::Contradicted, "equal is neither");
    assert_eq!(c5([(51.0, 2.0), (f64::NAN, 0.5), (52.0, 2.0)]), Verdict::Inconclusive);
}

#[test]
fn figures_show_all_arms_and_cope_with_gaps() {
    let smoke: Vec<Record> = trials(Profile::Smoke)
        .iter()
        .filter(|trial| trial.seed == 0 && (trial.arm == "dcc" || trial.arm == "random"))
        .map(|trial| run(trial).into_record(trial))
        .collect();
    let figures = REPRODUCTION.figures(&Results::new("dcc", Profile::Smoke, smoke));
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(
        ids,
        ["condensed-images", "background", "kernel-velocity", "continual-learning", "matching-loss", "all-cells"]
    );
    let Plot::Images(grid) = &figures[0].panels[0].plot else { panic!("images") };
    assert_eq!((grid.rows.len(), grid.columns.len()), (2, 10));
    let Plot::Lines(plot) = &figures[1].panels[0].plot else { panic!("lines") };
    assert_eq!(plot.lines.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [2, 2], "the plain task is at 0");
    assert!(REPRODUCTION.figures(&Results::new("dcc", Profile::Smoke, Vec::new())).is_empty());
}
