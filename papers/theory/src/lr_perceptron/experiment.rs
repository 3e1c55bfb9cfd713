//! A trial: one method on one data set, from `θ₀ = 0` until it separates or reaches the limit.

use harness_core::lab::Lab;
use harness_core::{Result, Trial};
use serde::{Deserialize, Serialize};

use super::bounds::iteration_bounds;
use super::logistic;
use super::margin::hard_margin;
use super::methods::{Iterate, Method};
use super::samples::{Samples, dot};
use super::settings::{Arm, Cell, Settings};
use super::tasks::Task;

/// The exponents of ten of the step sizes at which LR+GD is compared with the batch perceptron.
pub(super) const LIMIT_EXPONENTS: std::ops::RangeInclusive<u32> = 1..=6;

/// The steps over which it is.
const LIMIT_STEPS: u64 = 20;

/// Every step up to this one is a point of the curves.
const DENSE_STEPS: u64 = 64;

/// Later on, so many steps per factor of ten are.
const POINTS_PER_DECADE: f64 = 40.0;

/// Values read between two reports of progress: about ten milliseconds.
const VALUES_PER_REPORT: u64 = 10_000_000;

/// Name of the metric with the largest relative distance to the batch perceptron at γ = 10^exponent.
pub(super) fn distance_metric(exponent: u32) -> String {
    format!("perceptron_distance_1e{exponent}")
}

/// Runs the trial and records what the claims and figures need.
pub(super) fn run(trial: &Trial, lab: &mut Lab) -> Result<()> {
    let settings: Settings = trial.settings()?;
    let method = trial.arm_settings::<Arm>()?.method()?;
    let cell: Cell = trial.cell()?;
    let samples = cell.task.open(cell.n, &settings, lab)?;

    descend(&samples, method, settings.limit_of(cell.task), settings.probe_step, lab)?;

    if cell.task == Task::TwoPoint {
        record_first_two_iterates(&samples, method, lab)?;
    }
    // What depends on the data alone is measured once per data set.
    if method == Method::BatchPerceptron {
        record_margin(&samples, &settings, lab)?;
        if !matches!(cell.task, Task::WorstCase | Task::TwoPoint) {
            record_limit(&samples, lab)?;
        }
    }
    Ok(())
}

/// What a checkpoint keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    theta: Vec<f64>,
    t: u64,
    max_loss: Option<f64>,
}

fn descend(samples: &Samples, method: Method, limit: u64, probe_step: u64, lab: &mut Lab) -> Result<()> {
    let report_every = (VALUES_PER_REPORT / (samples.len() * samples.dim()) as u64).max(1);
    let mut scratch = vec![0.0; samples.dim()];
    let (mut iterate, mut max_loss) = match lab.restore::<Kept>() {
        Some(kept) => (Iterate::at(samples, method, kept.theta, kept.t)?, kept.max_loss),
        None => (Iterate::new(samples, method)?, None),
    };
    let separated = loop {
        let t = iterate.t();
        if t.is_multiple_of(report_every) {
            lab.checkpoint(|| Kept { theta: iterate.theta().to_vec(), t, max_loss })?;
            lab.progress(t, limit)?;
        }
        let separated = iterate.look();
        let last = separated || t == limit;
        if let Some((pass, _)) = iterate.logistic() {
            max_loss = Some(max_loss.unwrap_or(pass.loss).max(pass.loss));
            if t <= probe_step {
                lab.record("loss_at_probe", pass.loss);
            }
        }
        if last || on_curve(t) {
            let (pass, gradient_norm) = match iterate.logistic() {
                Some(seen) => seen,
                None => {
                    let pass = logistic::pass(samples, iterate.theta(), &mut scratch);
                    (pass, dot(&scratch, &scratch).sqrt() / samples.len() as f64)
                }
            };
            let accuracy = 1.0 - pass.misclassified as f64 / samples.len() as f64;
            let at = t as f64;
            lab.series("accuracy", at, accuracy);
            lab.series("loss", at, pass.loss);
            lab.series("gradient_norm", at, gradient_norm);
            if last {
                lab.record("final_accuracy", accuracy);
                lab.record("final_loss", pass.loss);
            }
        }
        if last {
            break separated;
        }
        iterate.step();
    };
    iterate.check_finite()?;
    lab.progress(iterate.t(), limit)?;
    lab.record("iterations", iterate.t() as f64);
    lab.record("separated", f64::from(u8::from(separated)));
    if let Some(max_loss) = max_loss {
        lab.record("max_loss", max_loss);
    }
    Ok(())
}

/// Whether step `t` is a point of the curves; the same steps in every trial.
fn on_curve(t: u64) -> bool {
    let place = |t: u64| (POINTS_PER_DECADE * (t as f64).log10()).floor();
    t <= DENSE_STEPS || place(t) > place(t - 1)
}

/// `f(θ₁)` and `θ₂/γ`, which theorem 4.1 states in closed form.
fn record_first_two_iterates(samples: &Samples, method: Method, lab: &mut Lab) -> Result<()> {
    let Method::LrGd { step } = method else { return Ok(()) };
    let mut iterate = Iterate::new(samples, method)?;
    iterate.look();
    iterate.step();
    iterate.look();
    if let Some((pass, _)) = iterate.logistic() {
        lab.record("loss_1", pass.loss);
    }
    iterate.step();
    if let [x, y] = iterate.theta() {
        lab.record("theta_2_x", x / step);
        lab.record("theta_2_y", y / step);
    }
    Ok(())
}

fn record_margin(samples: &Samples, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let margin = hard_margin(samples, settings.margin_tolerance, settings.margin_sweeps)?;
    let radius = samples.radius();
    lab.record("radius", radius);
    lab.record("margin_lower", margin.lower);
    lab.record("margin_upper", margin.upper);
    lab.record("margin_sweeps", margin.sweeps as f64);
    match iteration_bounds(samples.len() as u64, radius, margin.lower, 1.0) {
        Ok(bounds) => lab.record("bound_batch_perceptron", bounds.batch_perceptron),
        Err(_) => lab.text(
            "margin",
            format!("no separating direction found in {} sweeps: the bounds cannot be checked here", margin.sweeps),
        ),
    }
    Ok(())
}

/// The largest distance `‖θ_t/γ − θ̂_t‖/‖θ̂_t‖` of LR+GD to the batch perceptron over the first steps, by γ.
fn record_limit(samples: &Samples, lab: &mut Lab) -> Result<()> {
    for exponent in LIMIT_EXPONENTS {
        let step = 10f64.powi(exponent as i32);
        let distance = distance_to_perceptron(samples, step, LIMIT_STEPS)?;
        lab.record(&distance_metric(exponent), distance);
        lab.series("perceptron_distance", step, distance);
    }
    Ok(())
}

/// The largest relative distance of LR+GD, divided by its step size, to the batch perceptron.
///
/// **Definition**: `max_{1 ≤ t ≤ steps} ‖θ_t/γ − θ̂_t‖ / ‖θ̂_t‖`; infinite where `θ̂_t = 0 ≠ θ_t`.
///
/// **Paper**: Tyurin (arXiv 2412.08424), theorem that LR+GD reduces to the batch perceptron as γ → ∞.
///
/// **Arguments**: `step` γ > 0; `steps`, any. Once the batch perceptron separates it stays where it is.
///
/// **Differences**: the theorem holds for each t; we take the largest of the first ones.
///
/// # Errors
/// [`harness_core::Error::Input`] where `step` is not a positive finite number.
///
/// # Example
/// ```
/// use papers_theory::lr_perceptron::{distance_to_perceptron, two_point};
///
/// let samples = two_point()?;
/// assert!(distance_to_perceptron(&samples, 1.0, 20)? > 0.1);
/// assert!(distance_to_perceptron(&samples, 1e6, 20)? < 1e-12);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn distance_to_perceptron(samples: &Samples, step: f64, steps: u64) -> Result<f64> {
    let mut descent = Iterate::new(samples, Method::LrGd { step })?;
    let mut perceptron = Iterate::new(samples, Method::BatchPerceptron)?;
    let mut largest = 0.0;
    for _ in 0..steps {
        for iterate in [&mut descent, &mut perceptron] {
            iterate.look();
            iterate.step();
        }
        let limit = perceptron.theta();
        let square: f64 = descent.theta().iter().zip(limit).map(|(a, b)| (a / step - b).powi(2)).sum();
        let distance = if square == 0.0 { 0.0 } else { (square / dot(limit, limit)).sqrt() };
        largest = f64::max(largest, distance);
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_have_every_early_step_and_a_few_per_decade() {
        assert!((0..=DENSE_STEPS).all(on_curve));
        let late = (1001..=10_000).filter(|t| on_curve(*t)).count();
        assert_eq!(late, 40);
    }
}
