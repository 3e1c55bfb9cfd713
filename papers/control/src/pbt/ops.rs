//! The pure functions that conformance vectors call: the code of the experiment under the names of the vectors.

use harness_core::prelude::*;

use super::explore;
use super::inception;
use super::selection;
use super::toy;

/// All ops of this paper.
pub static OPS: &[Op] = &[
    Op { name: "truncation_selection", about: "the worst copy members drawn from the best", run: truncation_selection },
    Op { name: "binary_tournament", about: "copy an opponent that is better", run: binary_tournament },
    Op { name: "t_test_selection", about: "copy an opponent that is significantly better", run: t_test_selection },
    Op { name: "explore_perturb", about: "hyper-parameters times a factor, within bounds", run: explore_perturb },
    Op { name: "explore_resample", about: "some hyper-parameters drawn anew", run: explore_resample },
    Op { name: "toy_steps", about: "gradient ascent on the surrogate of the toy problem", run: toy_steps },
    Op { name: "inception_score", about: "score of samples by class probabilities", run: inception_score },
];

/// A non-empty float matrix by rows.
fn rows(inputs: &Inputs, name: &str) -> Result<([usize; 2], Vec<Vec<f64>>)> {
    let shape: [usize; 2] = inputs.shape(name)?;
    if shape.contains(&0) {
        return Err(Error::Input(format!("input `{name}` is empty: shape {shape:?}")));
    }
    let values = inputs.floats(name)?;
    Ok((shape, values.chunks_exact(shape[1]).map(<[f64]>::to_vec).collect()))
}

/// A non-empty true/false matrix by rows.
fn switches(inputs: &Inputs, name: &str, expected: [usize; 2]) -> Result<Vec<Vec<bool>>> {
    same_shape(inputs, name, expected)?;
    let values: Vec<bool> = inputs.bool_tensor::<2>(name)?.into_data().iter::<bool>().collect();
    Ok(values.chunks_exact(expected[1]).map(<[bool]>::to_vec).collect())
}

fn same_shape(inputs: &Inputs, name: &str, expected: [usize; 2]) -> Result<()> {
    let shape: [usize; 2] = inputs.shape(name)?;
    if shape == expected {
        Ok(())
    } else {
        Err(Error::Input(format!("input `{name}` must have shape {expected:?}, but has {shape:?}")))
    }
}

fn performance(inputs: &Inputs) -> Result<Vec<f64>> {
    let [_] = inputs.shape("performance")?;
    inputs.floats("performance")
}

fn opponents(inputs: &Inputs, members: usize) -> Result<Vec<usize>> {
    let [_] = inputs.shape("opponent")?;
    inputs.classes("opponent", members)
}

fn sources(source: Vec<usize>) -> Outputs {
    let source: Vec<i64> = source.into_iter().map(|member| member as i64).collect();
    Outputs::new().ints("source", &[source.len()], source)
}

fn truncation_selection(inputs: &Inputs) -> Result<Outputs> {
    let performance = performance(inputs)?;
    let [_] = inputs.shape("draw")?;
    let draw = inputs
        .ints("draw")?
        .iter()
        .map(|draw| {
            u64::try_from(*draw).map_err(|_| Error::Input(format!("input `draw` must be at least 0, but holds {draw}")))
        })
        .collect::<Result<Vec<_>>>()?;
    let fraction = inputs.float_or("fraction", 0.2)?;
    Ok(sources(selection::truncation_selection(&performance, &draw, fraction)?))
}

fn binary_tournament(inputs: &Inputs) -> Result<Outputs> {
    let performance = performance(inputs)?;
    let opponent = opponents(inputs, performance.len())?;
    Ok(sources(selection::binary_tournament(&performance, &opponent)?))
}

fn t_test_selection(inputs: &Inputs) -> Result<Outputs> {
    let ([members, _], history) = rows(inputs, "history")?;
    let opponent = opponents(inputs, members)?;
    let alpha = inputs.float_or("alpha", 0.05)?;
    let (source, comparisons) = selection::t_test_selection(&history, &opponent, alpha)?;
    let t = comparisons.iter().map(|comparison| comparison.t).collect();
    let p = comparisons.iter().map(|comparison| comparison.p).collect();
    Ok(sources(source).floats("t", &[members], t).floats("p", &[members], p))
}

/// Bounds, none where the parameter is missing or null.
fn bounds(inputs: &Inputs, name: &str) -> Result<Option<Vec<f64>>> {
    // Reads as an absent number only where there is nothing at all.
    match inputs.optional_float(name) {
        Ok(None) => Ok(None),
        _ => inputs.typed(name, "a list of numbers, or null").map(Some),
    }
}

fn explore_perturb(inputs: &Inputs) -> Result<Outputs> {
    let (shape, hyper) = rows(inputs, "hyper")?;
    let up = switches(inputs, "up", shape)?;
    let (down_factor, up_factor) = (inputs.float("down_factor")?, inputs.float("up_factor")?);
    let (lower, upper) = (bounds(inputs, "lower")?, bounds(inputs, "upper")?);
    let moved = hyper
        .iter()
        .zip(&up)
        .map(|(hyper, up)| {
            explore::explore_perturb(hyper, up, down_factor, up_factor, lower.as_deref(), upper.as_deref())
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Outputs::new().floats("hyper", &shape, moved.concat()))
}

fn explore_resample(inputs: &Inputs) -> Result<Outputs> {
    let (shape, hyper) = rows(inputs, "hyper")?;
    same_shape(inputs, "fresh", shape)?;
    let (_, fresh) = rows(inputs, "fresh")?;
    let resample = switches(inputs, "resample", shape)?;
    let moved = hyper
        .iter()
        .zip(fresh.iter().zip(&resample))
        .map(|(hyper, (fresh, resample))| explore::explore_resample(hyper, fresh, resample))
        .collect::<Result<Vec<_>>>()?;
    Ok(Outputs::new().floats("hyper", &shape, moved.concat()))
}

fn toy_steps(inputs: &Inputs) -> Result<Outputs> {
    let (shape, theta) = rows(inputs, "theta")?;
    if shape[1] != 2 {
        return Err(Error::Input(format!("input `theta` must have 2 columns, but has shape {shape:?}")));
    }
    same_shape(inputs, "h", shape)?;
    let (_, h) = rows(inputs, "h")?;
    let steps = inputs.int("steps")?;
    let steps = u64::try_from(steps)
        .map_err(|_| Error::Input(format!("parameter `steps` must be at least 0, but is {steps}")))?;
    let learning_rate = inputs.float("lr")?;
    let found = theta
        .iter()
        .zip(&h)
        .map(|(theta, h)| toy::toy_steps([theta[0], theta[1]], [h[0], h[1]], learning_rate, steps))
        .collect::<Result<Vec<_>>>()?;
    Ok(Outputs::new()
        .floats("theta", &shape, found.iter().flat_map(|state| state.theta).collect())
        .floats("objective", &[shape[0]], found.iter().map(|state| state.objective).collect())
        .floats("surrogate", &[shape[0]], found.iter().map(|state| state.surrogate).collect()))
}

fn inception_score(inputs: &Inputs) -> Result<Outputs> {
    let ([_, classes], _) = rows(inputs, "probs")?;
    Ok(Outputs::new().float("score", inception::inception_score(&inputs.floats("probs")?, classes)?))
}
