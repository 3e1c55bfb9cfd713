//! One arm on one problem: window after window, each from the state in which the one before ended.

use burn::module::AutodiffModule;
use burn::tensor::TensorData;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::causality::convergence_correlation;
use super::equation::periodic_grid;
use super::grid::{Grid, Window, product};
use super::network::Network;
use super::settings::{Arm, Problem};
use super::training::{Fit, Progress, WindowProblem};

/// Places that are evaluated at once.
const CHUNK: usize = 1 << 14;

/// ‖prediction − reference‖₂ / ‖reference‖₂ over all values.
pub fn relative_l2(prediction: &[f64], reference: &[f64]) -> f64 {
    let apart: f64 = prediction.iter().zip(reference).map(|(p, r)| (p - r) * (p - r)).sum();
    let size: f64 = reference.iter().map(|r| r * r).sum();
    (apart / size).sqrt()
}

/// What is known after some windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Solved {
    windows: usize,
    steps: usize,
    /// The state at the end of the last window, at the points of a slab.
    state: Vec<f64>,
    /// Predictions at all times so far.
    predictions: Vec<f64>,
    min_weight: f64,
}

/// The evaluation of a window.
struct Evaluation {
    grids: Vec<Grid>,
    reference: Vec<f64>,
}

impl Evaluation {
    fn predict(&self, network: &Network) -> Result<Vec<f64>> {
        let network = network.valid();
        let mut values = Vec::with_capacity(self.reference.len());
        for grid in &self.grids {
            values.extend(read_f32(grid.solution(&network)?.value()).into_iter().map(f64::from));
        }
        Ok(values)
    }
}

/// Runs an arm.
///
/// # Errors
/// [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, problem: &Problem, lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let (equation, condition) = (problem.equation, problem.condition);
    let places = |count: usize| if equation.is_ordinary() { vec![0.0] } else { periodic_grid(count) };
    let (slab_x, compared_x) = (places(problem.points), places(problem.reference.points));
    let spacing = problem.horizon / (problem.reference.times - 1) as f64;
    let reference = equation.reference(&compared_x, spacing, problem.reference.times, problem.reference.step);
    let (windows, length) = problem.windows(arm);
    let stages = problem.stages(arm);
    let budget: usize = stages.iter().map(|stage| stage.steps).sum();
    let reach = length * (1.0 + problem.overhang);
    let slab_times: Vec<f64> = (0..problem.slabs).map(|at| reach * at as f64 / (problem.slabs - 1) as f64).collect();
    // A time on a boundary belongs to the later window; rounding must not move it.
    let window_of = |at: usize| ((at as f64 * spacing / length + 1e-9).floor() as usize).min(windows - 1);

    let mut rng = lab.rng("network");
    let mut solved = lab.restore::<Solved>().unwrap_or_else(|| Solved {
        windows: 0,
        steps: 0,
        state: equation.start(&slab_x),
        predictions: Vec::new(),
        min_weight: f64::INFINITY,
    });
    for index in 0..windows {
        let network = problem.network.init(condition.inputs(), equation.components(), &mut rng, &device)?;
        if index < solved.windows {
            continue;
        }
        let window = Window { length, start: &solved.state };
        let begin = index as f64 * length;
        let compared: Vec<usize> = (0..problem.reference.times).filter(|at| window_of(*at) == index).collect();
        let compared_places =
            product(&compared.iter().map(|at| *at as f64 * spacing - begin).collect::<Vec<_>>(), &compared_x);
        let evaluation = Evaluation {
            grids: compared_places
                .chunks(CHUNK)
                .map(|places| Grid::frozen(condition, window, places, &device))
                .collect::<Result<_>>()?,
            reference: compared.iter().filter_map(|at| reference.get(*at)).flatten().copied().collect(),
        };
        let start: Vec<f32> = solved.state.iter().map(|value| *value as f32).collect();
        let held = (!equation.is_ordinary())
            .then(|| Tensor::<2>::from_data(TensorData::new(start, [slab_x.len(), 1]), &device));
        let task = WindowProblem {
            equation,
            condition,
            grid: Grid::new(condition, window, &product(&slab_times, &slab_x), equation.orders(), &device)?,
            start: held,
            slabs: problem.slabs,
            training: &problem.training,
            stages: stages.clone(),
        };
        let progress = Progress { before: index * budget, total: windows * budget };
        let error = |network: &Network| Ok(relative_l2(&evaluation.predict(network)?, &evaluation.reference));
        let fit = task.fit(network, error, progress, lab)?;
        record_progress(&fit, solved.steps, lab);
        if index == 0 {
            record_first_window(&fit, &slab_times, lab);
        }
        let predictions = evaluation.predict(&fit.network)?;
        let end = Grid::frozen(condition, window, &product(&[length], &slab_x), &device)?;
        let state = read_f32(end.solution(&fit.network.valid())?.value()).into_iter().map(f64::from).collect();
        let smallest = fit.stages.last().map_or(1.0, |stage| stage.weights.iter().copied().fold(1.0, f64::min));
        solved.windows += 1;
        solved.steps += fit.steps;
        solved.state = state;
        solved.predictions.extend(predictions);
        solved.min_weight = solved.min_weight.min(smallest);
        lab.checkpoint(|| solved.clone())?;
    }
    let exact: Vec<f64> = reference.iter().flatten().copied().collect();
    lab.record("error", relative_l2(&solved.predictions, &exact));
    lab.record("steps", solved.steps as f64);
    lab.record("min_weight", solved.min_weight);
    record_solution(problem, &solved.predictions, &reference, &compared_x, lab);
    Ok(())
}

/// Error and smallest weight while training goes on, window after window.
fn record_progress(fit: &Fit, steps_before: usize, lab: &mut Lab) {
    for checkpoint in &fit.checkpoints {
        let step = (steps_before + checkpoint.step) as f64;
        lab.series("error", step, checkpoint.error);
        lab.series("min_weight", step, checkpoint.min_weight);
    }
}

/// In which order the slabs of the first window were solved, and what its weights say.
fn record_first_window(fit: &Fit, slab_times: &[f64], lab: &mut Lab) {
    lab.record("late_share", fit.early.late_share());
    lab.record("order_tau", fit.early.order());
    lab.record("order_tau_end", fit.trace.order());
    lab.record("solved_share", fit.early.solved_share());
    let profiles = [("start", fit.trace.start()), ("early", fit.early.latest()), ("end", fit.trace.latest())];
    for (name, losses) in profiles {
        for (time, loss) in slab_times.iter().zip(losses) {
            lab.series(&format!("slab_loss_{name}"), *time, *loss);
        }
    }
    let Some(last) = fit.stages.len().checked_sub(1) else { return };
    for stage in fit.stages.iter().filter(|stage| stage.epsilon > 0.0) {
        for (time, weight) in slab_times.iter().zip(&stage.weights) {
            lab.series(&format!("weights_{}", stage.epsilon), *time, *weight);
        }
        lab.record(&format!("steps_{}", stage.epsilon), stage.steps as f64);
    }
    if fit.stages.get(last).is_some_and(|stage| stage.epsilon > 0.0) {
        let points: Vec<(f64, f64)> = fit
            .checkpoints
            .iter()
            .filter(|checkpoint| checkpoint.stage == last)
            .map(|checkpoint| (checkpoint.error, checkpoint.min_weight))
            .collect();
        lab.record("checkpoints", points.len() as f64);
        // NaN says that the run diverged.
        lab.record("convergence_rho", convergence_correlation(&points).unwrap_or(f64::NAN));
        for (error, weight) in points {
            lab.series("last_stage", weight, error);
        }
    }
}

/// The first component over time, or the last state over space.
fn record_solution(problem: &Problem, predictions: &[f64], reference: &[Vec<f64>], x: &[f64], lab: &mut Lab) {
    let width = reference.first().map_or(1, Vec::len);
    let rows: Vec<&[f64]> = predictions.chunks(width).collect();
    if problem.equation.is_ordinary() {
        let spacing = problem.horizon / (problem.reference.times - 1) as f64;
        for (at, (predicted, exact)) in rows.iter().zip(reference).enumerate() {
            if let (Some(predicted), Some(exact)) = (predicted.first(), exact.first()) {
                lab.series("solution", at as f64 * spacing, *predicted);
                lab.series("reference", at as f64 * spacing, *exact);
            }
        }
    } else if let (Some(predicted), Some(exact)) = (rows.last(), reference.last()) {
        for ((x, predicted), exact) in x.iter().zip(predicted.iter()).zip(exact) {
            lab.series("solution", *x, *predicted);
            lab.series("reference", *x, *exact);
        }
    }
}
