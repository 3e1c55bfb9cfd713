//! What must be true of the whole paper: conformance, edge cases of the ops, the smoke profile.

use std::collections::BTreeMap;

use harness_core::backend::DeviceChoice;
use harness_core::cell::Cell as GridCell;
use harness_core::conformance::{Status, Vectors};
use harness_core::evidence::Verdict;
use harness_core::grid::{synthetic_trial, synthetic_trials};
use harness_core::lab::{Notebook, QuietHost};
use harness_core::op::{Array, Values, read_f32};
use harness_core::paper::Profile;
use harness_core::prelude::*;
use harness_core::record::Record;
use papers_kit::gpt::{Attend, GptConfig};
use papers_kit::init::normal;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::attention::SinkAttention;
use super::ops::OPS;
use super::*;

#[test]
fn all_vectors_pass() {
    let vectors = Vectors::parse(REPRODUCTION.vectors(), "attention_sink/vectors.json").unwrap();
    let results = vectors.run(OPS, &DeviceChoice::Cpu.open().unwrap());
    let failed: Vec<_> = results.iter().filter(|case| case.status == Status::Fail).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F32(values.to_vec()) }
}

fn ints(shape: &[usize], values: &[i64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::I64(values.to_vec()) }
}

fn inputs(arrays: Vec<(&str, Array)>, params: Value) -> Inputs {
    let arrays: BTreeMap<String, Array> = arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect();
    let params: Map<String, Value> = params.as_object().cloned().unwrap();
    Inputs::new(DeviceChoice::Cpu.open().unwrap(), arrays, params)
}

fn run_op(op: &str, inputs: &Inputs) -> Result<Outputs> {
    (OPS.iter().find(|candidate| candidate.name == op).unwrap().run)(inputs)
}

fn call(op: &str, arrays: Vec<(&str, Array)>, params: Value) -> Result<Outputs> {
    run_op(op, &inputs(arrays, params))
}

fn values(outputs: &Outputs, name: &str) -> Vec<f64> {
    outputs.get(name).unwrap().values.to_f64()
}

#[test]
fn an_importance_of_exactly_epsilon_is_no_sink_and_each_key_has_its_own_number_of_queries() {
    // Key 1 gets 1, ½, 0: α = ½. Key 2 gets ½, ½ of two queries: α = ½. Key 3: α = ½ of one query.
    let attention = floats(&[1, 1, 1, 3, 3], &[1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.5]);
    let metric =
        |epsilon: f64| call("sink_metric", vec![("attention", attention.clone())], json!({"epsilon": epsilon}));
    assert_eq!(values(&metric(0.5).unwrap(), "importance"), [0.5; 3]);
    assert_eq!(values(&metric(0.5).unwrap(), "sink_percent"), [0.0; 3]);
    assert_eq!(values(&metric(0.499).unwrap(), "sink_percent"), [100.0; 3]);
    let default = call("sink_metric", vec![("attention", attention.clone())], json!({})).unwrap();
    assert_eq!(values(&default, "sink_percent"), [100.0; 3]);
}

#[test]
fn shapes_that_are_no_attention_are_refused() {
    for shape in [&[1, 1, 1, 2, 3][..], &[0, 1, 1, 2, 2], &[1, 1, 1, 0, 0], &[1, 1, 2, 2]] {
        let attention = floats(shape, &vec![0.5; shape.iter().product()]);
        assert!(call("sink_metric", vec![("attention", attention)], json!({})).is_err(), "{shape:?}");
    }
    let attention = || vec![("attention", floats(&[1, 1, 1, 1, 1], &[1.0]))];
    assert_eq!(values(&call("sink_metric", attention(), json!({})).unwrap(), "importance"), [1.0]);
    assert!(call("sink_metric", attention(), json!({"epsilon": "0.3"})).is_err());
    assert!(call("sink_metric", vec![("attention", ints(&[1, 1, 1, 1, 1], &[1]))], json!({})).is_err());
    assert!(call("sink_metric", vec![], json!({})).is_err());
}

fn heads(seed: u64, scale: f32) -> Vec<(&'static str, Array)> {
    let mut rng = harness_core::rng::stream("test", "heads", seed);
    let device = DeviceChoice::Cpu.open().unwrap();
    let mut draw = || floats(&[2, 5, 3], &read_f32(normal([2, 5, 3], 1.0, &mut rng, &device) * scale));
    vec![("q", draw()), ("k", draw()), ("v", draw())]
}

const OPERATIONS: [&str; 5] = ["softmax", "sigmoid", "elu", "elu_kernel", "linear_kernel"];

#[test]
fn no_operation_looks_ahead_and_normalised_rows_sum_to_one() {
    for operation in OPERATIONS {
        for normalize in [false, true] {
            let params = json!({"operation": operation, "normalize": normalize});
            let weights = values(&call("attention", heads(0, 1.0), params).unwrap(), "weights");
            for (at, weight) in weights.iter().enumerate() {
                let (query, key) = (at / 5 % 5, at % 5);
                assert_eq!(*weight == 0.0, key > query, "{operation}: weight of {key} for {query} is {weight}");
            }
            let sums: Vec<f64> = weights.chunks_exact(5).map(|row| row.iter().sum()).collect();
            let ones = sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5);
            assert_eq!(
                ones,
                operation == "softmax" || (normalize && operation != "linear_kernel"),
                "{operation} {sums:?}"
            );
            if operation == "linear_kernel" && normalize {
                assert!(sums.iter().all(|sum| sum.abs() <= 1.0 + 1e-6), "{sums:?}");
            }
        }
    }
}

/// Scores of 10⁸ overflow every exponential that is not guarded.
#[test]
fn huge_scores_give_finite_weights_and_gradients() {
    for operation in OPERATIONS {
        for normalize in [false, true] {
            let inputs = inputs(heads(1, 1e4), json!({"operation": operation, "normalize": normalize}));
            let outputs = run_op("attention", &inputs).unwrap();
            for name in ["weights", "output"] {
                assert!(values(&outputs, name).iter().all(|value| value.is_finite()), "{operation}: {name}");
            }
            let gradients = outputs.gradients("output", &inputs, &["q", "k", "v"]).unwrap();
            for (name, gradient) in gradients {
                assert!(gradient.values.to_f64().iter().all(|value| value.is_finite()), "{operation}: slope of {name}");
            }
        }
    }
}

/// The slopes of every operation agree with differences of values in small steps, relative to the largest slope.
#[test]
fn slopes_follow_the_values() {
    for operation in OPERATIONS {
        for normalize in [false, true] {
            let params = json!({"operation": operation, "normalize": normalize});
            let mut arrays = heads(2, 0.7);
            // At scores of exactly 0, where the branches of elu meet.
            arrays[0].1 = floats(&[2, 5, 3], &[[0.0f32; 15], [0.4; 15]].concat());
            let base = inputs(arrays.clone(), params.clone());
            let outputs = run_op("attention", &base).unwrap();
            let slopes = outputs.gradients("output", &base, &["q", "k"]).unwrap();
            let sum = |arrays: Vec<(&str, Array)>| -> f64 {
                values(&call("attention", arrays, params.clone()).unwrap(), "output").iter().sum()
            };
            for (at, name) in [(0, "q"), (1, "k")] {
                for place in [0, 7, 16, 29] {
                    let moved = |step: f32| {
                        let mut arrays = arrays.clone();
                        let Values::F32(row) = &mut arrays[at].1.values else { unreachable!() };
                        row[place] += step;
                        sum(arrays)
                    };
                    let step = 1e-2;
                    let slope = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                    let found = slopes[name].values.to_f64()[place];
                    assert!((slope - found).abs() < 5e-3, "{operation} {normalize} {name}[{place}]: {found}, {slope}");
                }
            }
        }
    }
}

#[test]
fn bad_attention_is_refused() {
    let good = json!({"operation": "sigmoid", "normalize": true});
    assert!(call("attention", heads(0, 1.0), good.clone()).is_ok());
    for params in [
        json!({"operation": "cosine", "normalize": true}),
        json!({"operation": "mlp_kernel", "normalize": true}),
        json!({"operation": 1, "normalize": true}),
        json!({"normalize": true}),
        json!({"operation": "sigmoid"}),
        json!({"operation": "sigmoid", "normalize": 1}),
        json!({"operation": "softmax", "normalize": "yes"}),
    ] {
        assert!(call("attention", heads(0, 1.0), params.clone()).is_err(), "{params}");
    }
    assert!(call("attention", heads(0, 1.0), json!({"operation": "softmax"})).is_ok());
    for (at, array) in [
        (0, floats(&[2, 5, 2], &[0.0; 20])),
        (1, floats(&[2, 4, 3], &[0.0; 24])),
        (2, floats(&[1, 5, 3], &[0.0; 15])),
        (2, floats(&[10, 3], &[0.0; 30])),
        (0, ints(&[2, 5, 3], &[0; 30])),
    ] {
        let mut arrays = heads(0, 1.0);
        arrays[at].1 = array.clone();
        assert!(call("attention", arrays, good.clone()).is_err(), "{array:?}");
    }
    let empty = vec![("q", floats(&[2, 0, 3], &[])), ("k", floats(&[2, 0, 3], &[])), ("v", floats(&[2, 0, 3], &[]))];
    assert!(call("attention", empty, good).is_err());
}

fn biases(key: f32, value: f32) -> Vec<(&'static str, Array)> {
    let mut arrays = heads(3, 1.0);
    arrays.push(("key_bias", floats(&[2, 3], &[key; 6])));
    arrays.push(("value_bias", floats(&[2, 3], &[value; 6])));
    arrays
}

#[test]
fn the_bias_is_a_key_that_all_queries_see() {
    let outputs = call("key_bias_attention", biases(0.3, 0.0), json!({})).unwrap();
    let weights = values(&outputs, "weights");
    for (row, weights) in weights.chunks_exact(6).enumerate() {
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-5 && weights[0] > 0.0);
        assert!(weights.iter().skip(1).enumerate().all(|(key, weight)| (*weight == 0.0) == (key > row % 5)));
    }
    // A bias that scores far below all keys is not there; with a value of 0 it takes output away.
    let plain = call("attention", heads(3, 1.0), json!({"operation": "softmax"})).unwrap();
    let scaled: Vec<f64> = values(&plain, "output")
        .chunks_exact(3)
        .zip(weights.chunks_exact(6))
        .flat_map(|(output, weights)| output.iter().map(|value| value * (1.0 - weights[0])).collect::<Vec<_>>())
        .collect();
    let found = values(&outputs, "output");
    assert!(found.iter().zip(&scaled).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {scaled:?}");
    // The same value for all keys and the bias comes out whatever the weights.
    let mut arrays = biases(0.3, 0.5);
    arrays[2].1 = floats(&[2, 5, 3], &[0.5; 30]);
    let same = values(&call("key_bias_attention", arrays, json!({})).unwrap(), "output");
    assert!(same.iter().all(|value| (value - 0.5).abs() < 1e-6));
}

#[test]
fn bad_biases_are_refused() {
    for (name, array) in [
        ("key_bias", floats(&[2, 2], &[0.0; 4])),
        ("key_bias", floats(&[1, 3], &[0.0; 3])),
        ("key_bias", floats(&[6], &[0.0; 6])),
        ("value_bias", floats(&[3, 3], &[0.0; 9])),
        ("v", floats(&[2, 4, 3], &[0.0; 24])),
        ("key_bias", ints(&[2, 3], &[0; 6])),
    ] {
        let mut arrays = biases(0.0, 0.0);
        arrays.retain(|(have, _)| *have != name);
        assert!(call("key_bias_attention", arrays.clone(), json!({})).is_err(), "{name} may be missing");
        arrays.push((name, array));
        assert!(call("key_bias_attention", arrays, json!({})).is_err(), "{name}");
    }
}

fn mask(params: Value) -> Result<Vec<bool>> {
    let outputs = call("attention_mask", vec![], params)?;
    Ok(values(&outputs, "mask").into_iter().map(|value| value == 1.0).collect())
}

#[test]
fn masks_have_their_edges_where_the_paper_has_them() {
    let causal = mask(json!({"tokens": 3, "kind": "causal"})).unwrap();
    assert_eq!(causal, [true, false, false, true, true, false, true, true, true]);
    assert_eq!(mask(json!({"tokens": 3, "kind": "prefix", "prefix": 0})).unwrap(), causal);
    assert_eq!(mask(json!({"tokens": 3, "kind": "prefix", "prefix": 1})).unwrap(), causal);
    assert_eq!(mask(json!({"tokens": 2, "kind": "prefix", "prefix": 2})).unwrap(), [true; 4]);
    assert_eq!(mask(json!({"tokens": 3, "kind": "window", "window": 3})).unwrap(), causal);
    assert_eq!(mask(json!({"tokens": 3, "kind": "window", "window": 99})).unwrap(), causal);
    let diagonal = mask(json!({"tokens": 2, "kind": "window", "window": 1})).unwrap();
    assert_eq!(diagonal, [true, false, false, true]);
    for bad in [
        json!({"kind": "causal"}),
        json!({"tokens": 0, "kind": "causal"}),
        json!({"tokens": -1, "kind": "causal"}),
        json!({"tokens": 1e12, "kind": "causal"}),
        json!({"tokens": 2.5, "kind": "causal"}),
        json!({"tokens": 3}),
        json!({"tokens": 3, "kind": "ring"}),
        json!({"tokens": 3, "kind": "prefix"}),
        json!({"tokens": 3, "kind": "prefix", "prefix": 4}),
        json!({"tokens": 3, "kind": "prefix", "prefix": -1}),
        json!({"tokens": 3, "kind": "window"}),
        json!({"tokens": 3, "kind": "window", "window": 0}),
        json!({"tokens": 3, "kind": "window", "window": -2}),
        json!({"tokens": 3, "kind": "window", "window": "all"}),
    ] {
        assert!(mask(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn ignored_positions_have_no_part_in_the_loss() {
    let logits = [0.0f32, 1.0, 50.0, -50.0, 2.0, 2.0];
    let loss = |ignore: i64, first: i64| {
        let arrays = vec![("logits", floats(&[3, 2], &logits)), ("targets", ints(&[3], &[first, 1, 0]))];
        call("token_loss", arrays, json!({"ignore": ignore})).map(|outputs| values(&outputs, "loss")[0])
    };
    assert!((loss(1, 0).unwrap() - (100.0 + 2f64.ln()) / 2.0).abs() < 1e-4);
    assert_eq!(loss(1, 0).unwrap(), loss(1, 1).unwrap());
    assert_ne!(loss(0, 0).unwrap(), loss(0, 1).unwrap());
    assert!((loss(2, 0).unwrap() - 2f64.ln()).abs() < 1e-6);
    assert!(loss(3, 0).is_err() && loss(-1, 0).is_err() && loss(0, 2).is_err() && loss(0, -1).is_err());
    for (logits, targets) in [
        (floats(&[2, 2], &[0.0; 4]), ints(&[3], &[0; 3])),
        (floats(&[0, 2], &[]), ints(&[0], &[])),
        (floats(&[1, 0], &[]), ints(&[1], &[0])),
        (floats(&[2], &[0.0; 2]), ints(&[2], &[0; 2])),
        (floats(&[1, 2], &[0.0; 2]), floats(&[1], &[0.0])),
    ] {
        let arrays = vec![("logits", logits.clone()), ("targets", targets)];
        assert!(call("token_loss", arrays, json!({"ignore": 0})).is_err(), "{logits:?}");
    }
}

proptest! {
    /// Importances of attention whose rows sum to 1 lie in [0, 1], and the sinks fall as ε grows.
    #[test]
    fn the_metric_is_monotone(raw in prop::collection::vec(0.01f32..1.0, 2 * 36), a in 0.0f64..1.0, b in 0.0f64..1.0) {
        let mut metrics = [SinkMetric::new(a.min(b)).unwrap(), SinkMetric::new(a.max(b)).unwrap()];
        for matrix in raw.chunks_exact(36) {
            let rows = matrix.chunks_exact(6).enumerate();
            let weights: Vec<f32> = rows
                .flat_map(|(query, row)| {
                    let total: f32 = row[..=query].iter().sum();
                    (0..6).map(move |key| if key <= query { row[key] / total } else { 0.0 })
                })
                .collect();
            let alpha = importance(&weights, 6).unwrap();
            prop_assert!(alpha.iter().all(|alpha| (0.0..=1.0 + 1e-6).contains(alpha)));
            for metric in &mut metrics {
                metric.add(&alpha).unwrap();
            }
        }
        let [low, high] = metrics;
        prop_assert!(low.percent().iter().zip(high.percent()).all(|(low, high)| *low >= high));
    }
}

/// The trials of the smoke profile for one seed.
fn smoke_trials(seed: u64) -> Vec<Trial> {
    synthetic_trials(REPRODUCTION.paper(), Profile::Smoke, seed..=seed)
}

fn trial(arm: &str, cell: GridCell) -> Trial {
    synthetic_trial(REPRODUCTION.paper(), Profile::Smoke, arm, cell, 0).unwrap()
}

fn back_copy_cell() -> GridCell {
    GridCell::new().with("task", "back_copy")
}

fn run(trial: &Trial) -> Notebook {
    let mut host = QuietHost;
    let mut lab = Lab::new(trial, DeviceChoice::Cpu.open().unwrap(), &mut host);
    REPRODUCTION.check(trial).unwrap();
    REPRODUCTION.run(trial, &mut lab).unwrap();
    lab.finish()
}

#[test]
fn the_smoke_profile_measures_and_draws() {
    let records: Vec<Record> = [0, 1]
        .into_iter()
        .flat_map(smoke_trials)
        .map(|trial| {
            let notes = run(&trial);
            let finite = notes.metrics.values().all(|number| number.0.is_finite());
            assert!(!notes.metrics.is_empty() && finite, "{}: {:?}", trial.arm, notes.metrics);
            notes.into_record(&trial)
        })
        .collect();
    let results = Results::new("attention_sink", Profile::Smoke, records);
    let ids = |results: &Results| -> Vec<String> {
        REPRODUCTION.figures(results).into_iter().map(|figure| figure.id).collect()
    };
    assert_eq!(ids(&results), ["emergence", "all-arms", "positions", "heads", "attention-maps", "table", "norms"]);
    assert!(ids(&Results::new("attention_sink", Profile::Smoke, Vec::new())).is_empty());
}

#[test]
fn every_arm_and_task_trains_and_repeats() {
    let mut settings = REPRODUCTION.paper().profiles.smoke.settings.clone();
    settings["back_copy"]["tokens"] = json!(9);
    settings["back_copy"]["training"]["steps"] = json!(3);
    settings["text"] = json!({
        "sets": ["tinyshakespeare", "ptb-lm"],
        "synthetic_length": 2000,
        "tokens": 9,
        "model": {"layers": 2, "width": 8, "heads": 2, "mlp": 8, "mlp_kind": "swi_glu", "positions": "rotary",
            "norm": "rms_norm", "bias": false, "tied": false, "init_std": 0.1},
        "training": settings["back_copy"]["training"],
    });
    let cells = ["back_copy", "text"].map(|task| GridCell::new().with("task", task));
    for arm in &REPRODUCTION.paper().arms {
        for cell in cells.iter().cloned().chain([GridCell::new().with("task", "data_amount").with("pool", 3)]) {
            let data =
                ["tinyshakespeare", "ptb-lm"].map(|id| (id.to_owned(), harness_core::trial::DataSource::Synthetic));
            let trial = Trial { settings: settings.clone(), data: data.into(), ..trial(&arm.name, cell) };
            let (first, second) = (run(&trial), run(&trial));
            assert_eq!(first.metrics, second.metrics, "{}", arm.name);
            assert!(first.metrics.values().all(|number| number.0.is_finite()), "{}: {:?}", arm.name, first.metrics);
        }
    }
}

/// Arms share their data and initial weights: what differs is what the arm names.
#[test]
fn arms_differ_in_what_they_name_only() {
    let first_loss = |arm: &str| run(&trial(arm, back_copy_cell())).series["loss"].points().next().unwrap().1;
    let softmax = first_loss("softmax");
    for same in ["decay_0", "decay_0.1", "decay_1", "lr_small", "fixed_token_1"] {
        assert_eq!(first_loss(same), softmax, "{same}");
    }
    for other in ["sigmoid", "window_4", "fixed_token_2", "no_pos"] {
        assert_ne!(first_loss(other), softmax, "{other}");
    }
    let whole = |arm: &str| run(&trial(arm, back_copy_cell())).metrics;
    assert_eq!(whole("decay_0.1"), whole("softmax"));
    assert_eq!(whole("fixed_token_1"), whole("softmax"));
    assert_ne!(whole("decay_1"), whole("softmax"));
}

/// The weights that are measured are those that make the output, for every arm.
#[test]
fn what_is_measured_is_what_the_model_does() {
    let device = DeviceChoice::Cpu.open().unwrap();
    let config = GptConfig::new(1, 8, 2);
    let mut rng = harness_core::rng::stream("test", "attention", 0);
    for arm in &REPRODUCTION.paper().arms {
        let settings: Arm = serde_json::from_value(arm.settings.clone()).unwrap();
        let attention = SinkAttention::new(&settings, &config, &mut rng, &device);
        let mut draw = || normal([3, 2, 6, 4], 1.0, &mut rng, &device);
        let (q, k, v) = (draw(), draw(), draw());
        let masked = attention.for_tokens(6).unwrap();
        let weights = masked.weights(0, q.clone(), k.clone());
        let slots = attention.slots();
        assert_eq!(weights.dims(), [3, 2, 6, 6 + slots], "{}", arm.name);
        let of_values = weights.narrow(3, slots, 6).matmul(v.clone());
        let rest = masked.output(0, q, k, v) - of_values;
        let rest = read_f32(rest.abs().max_dim(0).max_dim(2)); // the part that no value of a token makes
        let largest = rest.iter().copied().fold(0.0f32, f32::max);
        let has_value = matches!(settings.bias, settings::Bias::Value | settings::Bias::KeyValue);
        assert_eq!(largest > 1e-3, has_value, "{}: {largest}", arm.name);
    }
}

/// Results in which each arm has the same metrics in each seed.
fn made_up(arms: &[(&str, &[(&str, f64)])]) -> Results {
    let records = arms.iter().flat_map(|(arm, metrics)| {
        (0..3).map(|seed| {
            let trial = Trial { seed, ..trial(arm, back_copy_cell()) };
            let mut notes = Notebook::default();
            for (name, value) in *metrics {
                notes.metrics.insert((*name).to_owned(), harness_core::number::Number(*value));
            }
            notes.into_record(&trial)
        })
    });
    Results::new("attention_sink", Profile::Smoke, records.collect())
}

fn verdict(claim: &str, arms: &[(&str, &[(&str, f64)])]) -> Verdict {
    let claim = REPRODUCTION.paper().claim(claim).unwrap();
    harness_core::judge::judge(&REPRODUCTION, claim, &made_up(arms)).verdict
}

#[test]
fn claims_are_judged_by_their_rules() {
    use Verdict::{Contradicted, Inconclusive, NotRun, Reproduced};
    let c1 = |start, end, small| {
        verdict("C1", &[("softmax", &[("initial_sink_1", start), ("sink_1", end)]), ("lr_small", &[("sink_1", small)])])
    };
    assert_eq!(c1(2.0, 10.0, 4.9), Reproduced);
    assert_eq!([c1(2.1, 10.0, 4.9), c1(0.0, 9.9, 0.0), c1(0.0, 10.0, 5.0)], [Contradicted; 3]);

    let c2 = |softmax, sigmoid, loss| {
        let sigmoid: &[(&str, f64)] = &[("sink_1", sigmoid), ("loss", loss), ("importance_1", 0.1)];
        verdict("C2", &[("softmax", &[("sink_1", softmax), ("loss", 1.0)]), ("sigmoid", sigmoid)])
    };
    assert_eq!([c2(50.0, 40.0, 1.019), c2(50.0, 0.0, 0.981)], [Reproduced; 2]);
    assert_eq!([c2(50.0, 40.1, 1.0), c2(50.0, 0.0, 1.021)], [Contradicted; 2]);
    assert_eq!(c2(9.9, 0.0, 1.0), Inconclusive);
    assert_eq!(verdict("C2", &[("softmax", &[("sink_1", 50.0), ("loss", 1.0)])]), NotRun);

    let c3 = |sink, slot| {
        verdict("C3", &[("softmax", &[("sink_1", 50.0)]), ("key_bias", &[("sink_1", sink), ("bias_slot", slot)])])
    };
    assert_eq!([c3(15.0, 0.2), c3(15.1, 0.9), c3(0.0, 0.19)], [Reproduced, Contradicted, Contradicted]);

    let pair = |claim, other, sink| verdict(claim, &[("softmax", &[("sink_1", 50.0)]), (other, &[("sink_1", sink)])]);
    assert_eq!([pair("C4", "value_bias", 25.0), pair("C4", "value_bias", 24.9)], [Reproduced, Contradicted]);
    assert_eq!([pair("C5", "decay_0", 50.0), pair("C5", "decay_0", 50.1)], [Reproduced, Contradicted]);

    let c8 = |with, without| {
        let arms: [(&str, &[(&str, f64)]); 3] = [
            ("softmax", &[("sink_1", 50.0)]),
            ("sigmoid_norm", &[("sink_1", with)]),
            ("sigmoid", &[("sink_1", without)]),
        ];
        verdict("C8", &arms)
    };
    assert_eq!([c8(0.1, 0.0), c8(0.0, 0.0)], [Reproduced, Contradicted]);
}

#[test]
fn positions_of_sinks_are_judged_by_their_rules() {
    use Verdict::{Contradicted, Inconclusive, NotRun, Reproduced};
    let c7 = |position, size| {
        let peak: &[(&str, f64)] = &[("sink_peak_position", position), ("sink_peak", size)];
        verdict("C7", &[("softmax", &[("sink_1", 50.0)]), ("fixed_token_2", peak)])
    };
    assert_eq!([c7(2.0, 10.0), c7(2.0, 9.9), c7(1.0, 90.0)], [Reproduced, Contradicted, Contradicted]);
    assert_eq!(verdict("C7", &[("softmax", &[("sink_1", 50.0)])]), NotRun);

    let c6 = |softmax, prefix, window_arm, window_sink| {
        let prefix: &[(&str, f64)] = &[("sink_peak_position", prefix), ("sink_peak", 60.0)];
        let window: Vec<(&str, f64)> = [
            ("tokens", 40.0),
            ("first_weight_where_seen", 0.5),
            ("sink_peak_position", 1.0),
            ("sink_peak", window_sink),
        ]
        .into_iter()
        .chain(["sink_1", "sink_2", "sink_3", "sink_4", "sink_5"].map(|name| (name, window_sink)))
        .collect();
        verdict("C6", &[("softmax", &[("sink_1", softmax)]), ("prefix_5", prefix), (window_arm, &window)])
    };
    assert_eq!(c6(50.0, 5.0, "window_8", 24.9), Reproduced);
    assert_eq!(c6(50.0, 5.0, "window_8", 25.0), Contradicted);
    assert_eq!(c6(50.0, 6.0, "window_8", 0.0), Contradicted);
    assert_eq!(c6(9.0, 5.0, "window_8", 0.0), Inconclusive);
    assert_eq!(c6(50.0, 1.0, "window_32", 60.0), Reproduced, "a wide window keeps the sink on the first token");
}

/// Two of three seeds are enough where the rule says so, one is not.
#[test]
fn two_thirds_of_the_seeds_decide_positions() {
    let claim = REPRODUCTION.paper().claim("C7").unwrap();
    let judge = |positions: [f64; 3]| {
        let records = positions.into_iter().enumerate().flat_map(|(seed, position)| {
            let seed = seed as u64;
            let metrics: [(&str, &[(&str, f64)]); 2] = [
                ("softmax", &[("sink_1", 50.0)]),
                ("fixed_token_2", &[("sink_peak_position", position), ("sink_peak", 50.0)]),
            ];
            made_up(&metrics).records().iter().filter(|record| record.seed == seed).cloned().collect::<Vec<_>>()
        });
        let results = Results::new("attention_sink", Profile::Smoke, records.collect());
        harness_core::judge::judge(&REPRODUCTION, claim, &results).verdict
    };
    assert_eq!(judge([2.0, 1.0, 2.0]), Verdict::Reproduced);
    assert_eq!(judge([2.0, 1.0, 3.0]), Verdict::Inconclusive);
}
