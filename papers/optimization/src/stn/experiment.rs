//! The arms: who trains what, with which budget, and what is kept.

use harness_core::prelude::*;
use harness_core::weights::Weights;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::corpus;
use super::dataset;
use super::image_task::ImageTask;
use super::response::{exact_response, ridge};
use super::settings::{Arm, Cell, Method, Model, Settings, TaskSettings, Theory};
use super::strengths::Strengths;
use super::task::Task;
use super::text_task::TextTask;
use super::training::{Fit, Path, Run, SelfTuning, fit_plain, fit_self_tuning};
use super::tuned::Tuned;

/// Runs an arm.
///
/// # Errors
/// Those of the data set; [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, trial: &Trial, lab: &mut Lab) -> Result<()> {
    let Some(task) = cell.task(arm, settings)? else {
        return theory(&settings.theory, lab);
    };
    let device = lab.device().clone();
    match task.model {
        Model::Perceptron { .. } | Model::Alexnet { .. } => {
            let data = dataset::open(task, trial, lab)?;
            lab.text("data", data.source.clone());
            Experiment::new(ImageTask::new(&data, task, &device)?, task)?.run(arm, cell, lab)
        }
        Model::Lstm { words, units, steps } => {
            let corpus = corpus::open(task, words, trial, lab)?;
            lab.text("data", corpus.source.clone());
            Experiment::new(TextTask::new(&corpus, units, steps, task, &device)?, task)?.run(arm, cell, lab)
        }
    }
}

/// The runs of a search.
struct Search {
    fits: Vec<Fit>,
}

impl Search {
    /// The run with the lowest validation loss.
    fn winner(&self) -> Option<(usize, &Fit)> {
        self.fits.iter().enumerate().min_by(|a, b| a.1.validation_loss.total_cmp(&b.1.validation_loss))
    }

    fn winner_rate(&self, rates: &[f64]) -> f64 {
        self.winner().and_then(|(at, _)| rates.get(at)).copied().unwrap_or_default()
    }
}

struct Experiment<'a, T: Task> {
    task: T,
    settings: &'a TaskSettings,
    tuned: Tuned,
}

impl<'a, T: Task> Experiment<'a, T> {
    fn new(task: T, settings: &'a TaskSettings) -> Result<Self> {
        Ok(Experiment { task, settings, tuned: Tuned::new(&settings.hyperparameters, &settings.held)? })
    }

    fn run(&self, arm: &Arm, cell: &Cell, lab: &mut Lab) -> Result<()> {
        match arm.method {
            Method::Default => self.one(|_| self.tuned.starts(), lab),
            Method::Grid => {
                let found = self.grid(lab)?;
                self.record_search(&found, lab);
                Ok(())
            }
            Method::Random => {
                let found = self.search(self.draws(lab), lab)?;
                self.record_search(&found, lab);
                Ok(())
            }
            Method::Stn { tune_scales } => {
                let (fit, path) = self.self_tuning(tune_scales, lab)?;
                record_fit::<T>(&fit, lab);
                record_path(&path, &self.tuned, self.task.steps_per_epoch(), lab);
                Ok(())
            }
            Method::Replay => {
                let (_, path) = self.self_tuning(true, lab)?;
                let schedule: Vec<Strengths> = path.schedule.iter().map(|h| self.tuned.strengths(h)).collect();
                self.one(|step| schedule.get(step).copied().unwrap_or_default(), lab)
            }
            Method::Final => {
                let (_, path) = self.self_tuning(true, lab)?;
                self.one(|_| self.tuned.strengths(&path.last), lab)
            }
            Method::Fixed => {
                let winner = self.grid(lab)?.winner_rate(&self.settings.grid);
                lab.record("dropout", winner);
                self.one(|_| self.tuned.with_dropout(winner), lab)
            }
            Method::Retrained => self.retrained(lab),
            Method::Shared => {
                let start = cell.start(arm, self.settings)?.unwrap_or_default();
                self.shared(start, lab)
            }
            Method::Theory => Ok(()),
        }
    }

    /// As many training steps as the paper's method takes.
    fn training_steps(&self) -> usize {
        self.settings.epochs * self.task.steps_per_epoch()
    }

    /// Training and validation steps of the paper's method, which the searches share among their runs.
    fn budget(&self) -> usize {
        let rest = self.training_steps() - self.settings.warm_up * self.task.steps_per_epoch();
        self.training_steps() + rest / self.settings.train_steps * self.settings.validation_steps
    }

    /// A plain network in full.
    fn one(&self, schedule: impl Fn(usize) -> Strengths, lab: &mut Lab) -> Result<()> {
        let fit = fit_plain(&self.task, self.settings, Run::alone(self.training_steps()), schedule, lab)?;
        record_fit::<T>(&fit, lab);
        Ok(())
    }

    /// Plain networks with these strengths, which share the steps of the paper's method among them.
    fn search(&self, candidates: Vec<Strengths>, lab: &mut Lab) -> Result<Search> {
        let steps = (self.budget() / candidates.len().max(1)).max(1);
        let total = steps * candidates.len();
        let fits = candidates
            .into_iter()
            .enumerate()
            .map(|(at, strengths)| {
                fit_plain(&self.task, self.settings, Run { steps, before: at * steps, total }, |_| strengths, lab)
            })
            .collect::<Result<_>>()?;
        Ok(Search { fits })
    }

    fn grid(&self, lab: &mut Lab) -> Result<Search> {
        let kept = lab.stage("grid", self.settings, |lab| {
            let candidates = self.settings.grid.iter().map(|rate| self.tuned.with_dropout(*rate)).collect();
            let mut kept = Weights::new();
            for (at, fit) in self.search(candidates, lab)?.fits.iter().enumerate() {
                keep_fit(fit, &format!("{at}."), &mut kept);
            }
            Ok(kept)
        })?;
        let fits = (0..self.settings.grid.len()).map(|at| kept_fit(&kept, &format!("{at}."))).collect::<Result<_>>()?;
        Ok(Search { fits })
    }

    /// Values drawn uniformly from the ranges.
    fn draws(&self, lab: &Lab) -> Vec<Strengths> {
        let mut rng = lab.rng("random search");
        (0..self.settings.draws)
            .map(|_| {
                let values: Vec<f64> = self
                    .settings
                    .hyperparameters
                    .iter()
                    .map(|one| {
                        let (low, high) = one.drawn().unwrap_or((one.start, one.start));
                        let value = low + (high - low) * rng.random::<f64>();
                        if one.discrete { value.floor() } else { value }
                    })
                    .collect();
                self.tuned.at(&values)
            })
            .collect()
    }

    /// Metrics of the winner; the curve runs through all runs one after the other.
    fn record_search(&self, search: &Search, lab: &mut Lab) {
        let mut steps = 0.0;
        for fit in &search.fits {
            record_curve(&fit.curve, steps, lab);
            steps += fit.steps as f64;
        }
        if let Some((at, fit)) = search.winner() {
            record_metrics::<T>(fit, lab);
            lab.record("winner", at as f64);
        }
        lab.record("steps", steps);
        lab.record_time("training_ms", search.fits.iter().map(|fit| fit.milliseconds).sum());
    }

    fn self_tuning(&self, tune_scales: bool, lab: &mut Lab) -> Result<(Fit, Path)> {
        let kept = lab.stage("stn", &(self.settings, tune_scales), |lab| {
            let tuning = SelfTuning::new(&self.task, self.settings, &self.tuned, tune_scales, lab)?;
            let (fit, path) = fit_self_tuning(tuning, self.settings.epochs, self.settings.warm_up, lab)?;
            let mut kept = Weights::new();
            keep_fit(&fit, "", &mut kept);
            keep_path(&path, &mut kept);
            Ok(kept)
        })?;
        Ok((kept_fit(&kept, "")?, kept_path(&kept, self.tuned.targets.len())?))
    }

    /// How well the response predicts what training anew would give.
    fn retrained(&self, lab: &mut Lab) -> Result<()> {
        let (_, path) = self.self_tuning(true, lab)?;
        let steps = self.training_steps();
        for (at, (name, shift)) in [("below", -1.0), ("above", 1.0)].into_iter().enumerate() {
            let h: Vec<f64> = path.last.iter().zip(&path.last_scales).map(|(h, scale)| h + shift * scale).collect();
            let strengths = self.tuned.strengths(&h);
            let run = Run { steps, before: at * steps, total: 2 * steps };
            let fit = fit_plain(&self.task, self.settings, run, |_| strengths, lab)?;
            lab.record(&format!("retrained_loss_{name}"), fit.last_validation_loss);
        }
        for (name, loss) in ["below", "here", "above"].into_iter().zip(path.shifted_loss) {
            lab.record(&format!("response_loss_{name}"), loss);
        }
        Ok(())
    }

    /// The paper's method on one dropout rate; all else is off or held.
    fn shared(&self, start: f64, lab: &mut Lab) -> Result<()> {
        let tuned = Tuned::new(&[self.settings.shared_dropout(start)], &self.settings.held)?;
        let tuning = SelfTuning::new(&self.task, self.settings, &tuned, true, lab)?;
        let shared = self.settings.shared;
        let (fit, path) = fit_self_tuning(tuning, shared.epochs, shared.warm_up, lab)?;
        record_fit::<T>(&fit, lab);
        record_path(&path, &tuned, self.task.steps_per_epoch(), lab);
        Ok(())
    }
}

fn record_fit<T: Task>(fit: &Fit, lab: &mut Lab) {
    record_curve(&fit.curve, 0.0, lab);
    record_metrics::<T>(fit, lab);
    lab.record("steps", fit.steps as f64);
    lab.record_time("training_ms", fit.milliseconds);
}

fn record_curve(curve: &[(f64, f64)], steps_before: f64, lab: &mut Lab) {
    for (steps, loss) in curve {
        lab.series("validation_loss", steps_before + steps, *loss);
    }
}

fn record_metrics<T: Task>(fit: &Fit, lab: &mut Lab) {
    for (name, value) in [
        ("validation_loss", fit.validation_loss),
        ("validation_accuracy", fit.validation_accuracy),
        ("test_loss", fit.test_loss),
        ("test_accuracy", fit.test_accuracy),
        ("last_validation_loss", fit.last_validation_loss),
    ] {
        lab.record(name, value);
    }
    if T::WORDS {
        lab.record("validation_perplexity", fit.validation_loss.exp());
        lab.record("test_perplexity", fit.test_loss.exp());
    }
}

/// Values before they are rounded down, at the start and after each epoch.
fn record_path(path: &Path, tuned: &Tuned, per_epoch: usize, lab: &mut Lab) {
    let epochs = path.schedule.iter().step_by(per_epoch).chain(std::iter::once(&path.last));
    for (epoch, h) in epochs.enumerate() {
        for ((target, constraint), h) in tuned.targets.iter().zip(&tuned.constraints).zip(h) {
            lab.series(&format!("value_{}", target.name()), epoch as f64, constraint.range.value(*h));
        }
    }
    for (epoch, scales) in path.scales.iter().enumerate() {
        for (target, scale) in tuned.targets.iter().zip(scales) {
            lab.series(&format!("scale_{}", target.name()), (epoch + 1) as f64, *scale);
        }
    }
    for ((target, constraint), h) in tuned.targets.iter().zip(&tuned.constraints).zip(&path.last) {
        lab.record(&format!("final_{}", target.name()), constraint.range.value(*h));
    }
}

// A stage keeps single precision, so arms that read it and the arm that computed it record the same numbers.

fn keep_fit(fit: &Fit, prefix: &str, kept: &mut Weights) {
    let numbers = [
        fit.validation_loss,
        fit.validation_accuracy,
        fit.test_loss,
        fit.test_accuracy,
        fit.last_validation_loss,
        fit.steps as f64,
        fit.milliseconds,
    ];
    keep(kept, &format!("{prefix}numbers"), numbers.to_vec());
    keep(kept, &format!("{prefix}curve"), fit.curve.iter().flat_map(|(steps, loss)| [*steps, *loss]).collect());
}

fn kept_fit(kept: &Weights, prefix: &str) -> Result<Fit> {
    let numbers = doubles(kept, &format!("{prefix}numbers"))?;
    let [validation_loss, validation_accuracy, test_loss, test_accuracy, last_validation_loss, steps, milliseconds] =
        numbers[..]
    else {
        return Err(Error::Failed("a stored run does not have the numbers that it was stored with".into()));
    };
    let curve = doubles(kept, &format!("{prefix}curve"))?;
    Ok(Fit {
        curve: curve.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect(),
        validation_loss,
        validation_accuracy,
        test_loss,
        test_accuracy,
        last_validation_loss,
        steps: steps as usize,
        milliseconds,
    })
}

fn keep_path(path: &Path, kept: &mut Weights) {
    keep(kept, "schedule", path.schedule.concat());
    keep(kept, "last", path.last.clone());
    keep(kept, "last_scales", path.last_scales.clone());
    keep(kept, "scales", path.scales.concat());
    keep(kept, "shifted_loss", path.shifted_loss.to_vec());
}

fn kept_path(kept: &Weights, count: usize) -> Result<Path> {
    let rows = |name: &str| -> Result<Vec<Vec<f64>>> {
        Ok(doubles(kept, name)?.chunks_exact(count.max(1)).map(<[f64]>::to_vec).collect())
    };
    let mut shifted_loss = [f64::NAN; 3];
    for (loss, value) in shifted_loss.iter_mut().zip(doubles(kept, "shifted_loss")?) {
        *loss = value;
    }
    Ok(Path {
        schedule: rows("schedule")?,
        last: doubles(kept, "last")?,
        last_scales: doubles(kept, "last_scales")?,
        scales: rows("scales")?,
        shifted_loss,
    })
}

fn keep(kept: &mut Weights, name: &str, values: Vec<f64>) {
    kept.put_floats(name, &[values.len()], values.into_iter().map(|value| value as f32).collect());
}

fn doubles(kept: &Weights, name: &str) -> Result<Vec<f64>> {
    Ok(kept.floats(name)?.iter().map(|value| f64::from(*value)).collect())
}

/// Compares the gated response with ridge regression on random problems.
fn theory(settings: &Theory, lab: &mut Lab) -> Result<()> {
    let mut rng = lab.rng("theory");
    let mut worst: f64 = 0.0;
    for problem in 0..settings.problems {
        let mut normal = |count: usize| -> Vec<f64> { StandardNormal.sample_iter(&mut rng).take(count).collect() };
        let (x, t) = (normal(settings.rows * settings.columns), normal(settings.rows));
        let found = exact_response(&x, settings.columns, &t, &settings.log_lambda)?;
        for (gated, lambda) in found.coefficients.iter().zip(&settings.log_lambda) {
            let exact = ridge(&x, settings.columns, &t, *lambda)?;
            let distance: f64 = gated.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
            let size: f64 = exact.iter().map(|b| b * b).sum();
            worst = worst.max((distance / size).sqrt());
        }
        if problem == 0 {
            for (gates, lambda) in found.gates.iter().zip(&settings.log_lambda) {
                for (at, gate) in gates.iter().enumerate() {
                    lab.series(&format!("gate_{at}"), *lambda, *gate);
                }
            }
        }
        lab.progress((problem + 1) as u64, settings.problems as u64)?;
    }
    lab.record("deviation", worst);
    Ok(())
}
