//! The arms: who trains what, with which budget, and what is kept.

use harness_core::prelude::*;
use harness_core::weights::Weights;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::dataset::{self, Uploaded};
use super::hyperparameter::Constraint;
use super::network::NetworkSizes;
use super::regularise::{Sizes, Strengths, Target};
use super::response::{exact_response, ridge};
use super::settings::{Arm, Cell, Hyperparameter, Method, Settings, Theory};
use super::training::{Fit, Path, Problem, Run, SelfTuning, fit_plain, fit_self_tuning};

/// Runs an arm.
///
/// # Errors
/// Those of the data set; [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, trial: &Trial, lab: &mut Lab) -> Result<()> {
    if arm.method == Method::Theory {
        return theory(&settings.theory, lab);
    }
    let data = dataset::open(settings, trial, lab)?;
    lab.text("data", data.source.clone());
    let device = lab.device().clone();
    let inputs = data.height * data.width;
    let problem = Problem {
        train: Uploaded::new(&data.train, inputs, &device),
        validation: Uploaded::new(&data.validation, inputs, &device),
        test: Uploaded::new(&data.test, inputs, &device),
        sizes: Sizes { height: data.height, width: data.width, hidden: settings.hidden },
        network: NetworkSizes { inputs, hidden: settings.hidden, classes: data.classes },
    };
    let experiment = Experiment { settings, problem, tuned: Tuned::new(&settings.hyperparameters)? };
    match arm.method {
        Method::Default => experiment.one(|_| experiment.tuned.starts(), lab),
        Method::Grid => {
            let found = experiment.grid(lab)?;
            experiment.record_search(&found, lab);
            Ok(())
        }
        Method::Random => {
            let found = experiment.search(experiment.draws(lab), lab)?;
            experiment.record_search(&found, lab);
            Ok(())
        }
        Method::Stn { tune_scales } => {
            let (fit, path) = experiment.self_tuning(tune_scales, lab)?;
            record_fit(&fit, lab);
            record_path(&path, &experiment.tuned, settings.steps_per_epoch(), lab);
            Ok(())
        }
        Method::Replay => {
            let (_, path) = experiment.self_tuning(true, lab)?;
            let schedule: Vec<Strengths> = path.schedule.iter().map(|h| experiment.tuned.strengths(h)).collect();
            experiment.one(|step| schedule.get(step).copied().unwrap_or_default(), lab)
        }
        Method::Final => {
            let (_, path) = experiment.self_tuning(true, lab)?;
            experiment.one(|_| experiment.tuned.strengths(&path.last), lab)
        }
        Method::Fixed => {
            let winner = experiment.grid(lab)?.winner_rate(&settings.grid);
            lab.record("dropout", winner);
            experiment.one(|_| experiment.tuned.with_dropout(winner), lab)
        }
        Method::Retrained => experiment.retrained(lab),
        Method::Shared => {
            let start = cell.start(arm, settings)?.unwrap_or_default();
            experiment.shared(start, lab)
        }
        Method::Theory => Ok(()),
    }
}

/// What is tuned, as the runs need it.
struct Tuned {
    targets: Vec<Target>,
    constraints: Vec<Constraint>,
    starts: Vec<f64>,
}

impl Tuned {
    fn new(hyperparameters: &[Hyperparameter]) -> Result<Self> {
        Ok(Tuned {
            targets: hyperparameters.iter().map(|one| one.target).collect(),
            constraints: hyperparameters.iter().map(Hyperparameter::constraint).collect::<Result<_>>()?,
            starts: hyperparameters.iter().map(|one| one.start).collect(),
        })
    }

    /// Strengths at unconstrained values.
    fn strengths(&self, h: &[f64]) -> Strengths {
        let values: Vec<f64> = self.constraints.iter().zip(h).map(|(constraint, h)| constraint.value(*h)).collect();
        Strengths::new(&self.targets, &values)
    }

    fn starts(&self) -> Strengths {
        Strengths::new(&self.targets, &self.starts)
    }

    /// All dropout rates at `rate`, all else at the start.
    fn with_dropout(&self, rate: f64) -> Strengths {
        let values: Vec<f64> = self
            .targets
            .iter()
            .zip(&self.starts)
            .map(|(target, start)| if target.is_dropout() { rate } else { *start })
            .collect();
        Strengths::new(&self.targets, &values)
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

struct Experiment<'a> {
    settings: &'a Settings,
    problem: Problem,
    tuned: Tuned,
}

impl Experiment<'_> {
    /// As many training steps as the paper's method takes.
    fn training_steps(&self) -> usize {
        self.settings.epochs * self.settings.steps_per_epoch()
    }

    /// A plain network in full.
    fn one(&self, schedule: impl Fn(usize) -> Strengths, lab: &mut Lab) -> Result<()> {
        let fit = fit_plain(&self.problem, self.settings, Run::alone(self.training_steps()), schedule, lab)?;
        record_fit(&fit, lab);
        Ok(())
    }

    /// Plain networks with these strengths, which share the steps of the paper's method among them.
    fn search(&self, candidates: Vec<Strengths>, lab: &mut Lab) -> Result<Search> {
        let steps = (self.settings.budget() / candidates.len().max(1)).max(1);
        let total = steps * candidates.len();
        let fits = candidates
            .into_iter()
            .enumerate()
            .map(|(at, strengths)| {
                fit_plain(&self.problem, self.settings, Run { steps, before: at * steps, total }, |_| strengths, lab)
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
                        let value = one.range.0 + (one.range.1 - one.range.0) * rng.random::<f64>();
                        if one.discrete { value.floor() } else { value }
                    })
                    .collect();
                Strengths::new(&self.tuned.targets, &values)
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
            record_metrics(fit, lab);
            lab.record("winner", at as f64);
        }
        lab.record("steps", steps);
        lab.record_time("training_ms", search.fits.iter().map(|fit| fit.milliseconds).sum());
    }

    fn self_tuning(&self, tune_scales: bool, lab: &mut Lab) -> Result<(Fit, Path)> {
        let kept = lab.stage("stn", &(self.settings, tune_scales), |lab| {
            let hyperparameters = &self.settings.hyperparameters;
            let tuning = SelfTuning::new(&self.problem, self.settings, hyperparameters, tune_scales, lab)?;
            let (epochs, warm_up) = (self.settings.epochs, self.settings.warm_up);
            let (fit, path) = fit_self_tuning(&self.problem, self.settings, tuning, epochs, warm_up, lab)?;
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
            let fit = fit_plain(&self.problem, self.settings, run, |_| strengths, lab)?;
            lab.record(&format!("retrained_loss_{name}"), fit.last_validation_loss);
        }
        for (name, loss) in ["below", "here", "above"].into_iter().zip(path.shifted_loss) {
            lab.record(&format!("response_loss_{name}"), loss);
        }
        Ok(())
    }

    /// The paper's method on one dropout rate; scaling and cutout are off.
    fn shared(&self, start: f64, lab: &mut Lab) -> Result<()> {
        let hyperparameters = [self.settings.shared_dropout(start)];
        let tuning = SelfTuning::new(&self.problem, self.settings, &hyperparameters, true, lab)?;
        let shared = self.settings.shared;
        let (fit, path) = fit_self_tuning(&self.problem, self.settings, tuning, shared.epochs, shared.warm_up, lab)?;
        record_fit(&fit, lab);
        record_path(&path, &Tuned::new(&hyperparameters)?, self.settings.steps_per_epoch(), lab);
        Ok(())
    }
}

fn record_fit(fit: &Fit, lab: &mut Lab) {
    record_curve(&fit.curve, 0.0, lab);
    record_metrics(fit, lab);
    lab.record("steps", fit.steps as f64);
    lab.record_time("training_ms", fit.milliseconds);
}

fn record_curve(curve: &[(f64, f64)], steps_before: f64, lab: &mut Lab) {
    for (steps, loss) in curve {
        lab.series("validation_loss", steps_before + steps, *loss);
    }
}

fn record_metrics(fit: &Fit, lab: &mut Lab) {
    for (name, value) in [
        ("validation_loss", fit.validation_loss),
        ("validation_accuracy", fit.validation_accuracy),
        ("test_loss", fit.test_loss),
        ("test_accuracy", fit.test_accuracy),
        ("last_validation_loss", fit.last_validation_loss),
    ] {
        lab.record(name, value);
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
