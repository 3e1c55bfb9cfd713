//! Single trials, run in the kernel: change a number or add an arm, run at smoke size, compare with what is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};

use harness_core::backend::{self, DeviceChoice};
use harness_core::conformance::panic_message;
use harness_core::lab::{Lab, QuietHost};
use harness_core::overrides::{self, Override};
use harness_core::paper::{Arm, Profile};
use harness_core::record::Record;
use harness_core::results::Results;
use harness_core::text::did_you_mean;
use harness_core::trial::canonical;
use harness_core::{Error, Paper, PaperReproduction, Trial, grid, rng, yaml};
use polars::prelude::{Column, DataFrame};
use rand::Rng;

use crate::error::NotebookError;
use crate::table::Table;

/// A paper's experiment at smoke size, on generated data, as a notebook may change it.
///
/// Trials run one after the other on one thread, as a worker runs them: an unchanged arm gives the numbers that the store
/// has of it, bit for bit, where the stored ones come from generated data and the same processor too. Nothing is stored:
/// what a notebook computes stays in the notebook. `harness reproduce` with `--set` does the same with a store, workers and
/// verdicts.
pub struct Experiment {
    reproduction: &'static dyn PaperReproduction,
    paper: Paper,
    arms: Option<Vec<String>>,
    seeds: u64,
}

impl std::fmt::Debug for Experiment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arms: Vec<&str> = self.chosen().map(|arm| arm.name.as_str()).collect();
        write!(out, "{} at smoke size, {} seeds, arms {}", self.paper.slug, self.seeds, arms.join(", "))
    }
}

/// The experiment of a paper, with the arms and the seeds of its smoke profile.
///
/// # Errors
/// Where there is no such paper.
pub fn experiment(slug: &str) -> Result<Experiment, NotebookError> {
    let reproduction = papers::find(slug).ok_or_else(|| {
        let slugs: Vec<&str> = papers::all().map(|known| known.paper().slug.as_str()).collect();
        let hint = did_you_mean(slug, slugs.iter().copied());
        NotebookError::new(format!("there is no paper `{slug}`; papers are {}{hint}", slugs.join(", ")))
    })?;
    let paper = reproduction.paper().clone();
    let seeds = paper.profiles.get(Profile::Smoke).seeds;
    Ok(Experiment { reproduction, paper, arms: None, seeds })
}

impl Experiment {
    /// Changes a number, as `harness reproduce --set` does: `.set("profiles.smoke.settings.epochs=3")?`.
    ///
    /// # Errors
    /// Where there is no such key, or the value does not fit.
    pub fn set(mut self, change: &str) -> Result<Self, NotebookError> {
        let changed = overrides::apply(&[&self.paper], &[Override::parse(change)?], Profile::Smoke)?;
        self.paper = changed.into_iter().next().unwrap_or(self.paper);
        Ok(self)
    }

    /// Adds an arm that runs wherever `like` runs, with these settings (YAML, as in `paper.yaml`).
    ///
    /// # Errors
    /// Where the name is taken, there is no arm `like`, or the settings are not YAML. Whether the paper can read them is
    /// found by [`Experiment::run`].
    pub fn add_arm(mut self, name: &str, like: &str, settings: &str) -> Result<Self, NotebookError> {
        if self.paper.arm(name).is_some() {
            return Err(NotebookError::new(format!("{} has an arm `{name}` already", self.paper.slug)));
        }
        let model = self.arm(like)?.clone();
        let settings = yaml::read(settings, "settings").map_err(|error| NotebookError::new(error.to_string()))?;
        self.paper.arms.push(Arm { name: name.to_owned(), label: name.to_owned(), settings, ..model });
        for block in &mut self.paper.profiles.smoke.grid {
            if let Some(names) = block.arms.as_mut().filter(|names| names.iter().any(|name| name == like)) {
                names.push(name.to_owned());
            }
        }
        if let Some(arms) = self.arms.as_mut() {
            arms.push(name.to_owned());
        }
        Ok(self)
    }

    /// These arms alone.
    ///
    /// # Errors
    /// Where one of them does not exist.
    pub fn only(mut self, arms: &[&str]) -> Result<Self, NotebookError> {
        for name in arms {
            self.arm(name)?;
        }
        self.arms = Some(arms.iter().map(|name| (*name).to_owned()).collect());
        Ok(self)
    }

    /// This many seeds, from 0.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    fn arm(&self, name: &str) -> Result<&Arm, NotebookError> {
        self.paper.arm(name).ok_or_else(|| {
            let all: Vec<&str> = self.paper.arms.iter().map(|arm| arm.name.as_str()).collect();
            let hint = did_you_mean(name, all.iter().copied());
            NotebookError::new(format!("{} has no arm `{name}`; arms are {}{hint}", self.paper.slug, all.join(", ")))
        })
    }

    fn chosen(&self) -> impl Iterator<Item = &Arm> {
        self.paper.arms.iter().filter(|arm| self.arms.as_ref().is_none_or(|names| names.contains(&arm.name)))
    }

    /// The arms that run: `arm`, `settings`, `about`.
    ///
    /// # Errors
    /// Where the table cannot be built.
    pub fn arms(&self) -> Result<Table, NotebookError> {
        let column = |name: &str, get: &dyn Fn(&Arm) -> String| {
            Column::new(name.into(), self.chosen().map(get).collect::<Vec<_>>())
        };
        Ok(Table(DataFrame::new_infer_height(vec![
            column("arm", &|arm| arm.name.clone()),
            column("settings", &|arm| canonical(&arm.settings)),
            column("about", &|arm| arm.about.clone()),
        ])?))
    }

    /// Runs the trials and returns them.
    ///
    /// # Errors
    /// The first trial that the paper refuses, or that fails or panics, by name.
    pub fn run(&self) -> Result<Results, NotebookError> {
        // A pool of one thread, as in a worker: the bits of a sum depend on how it is split.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .map_err(|error| NotebookError::new(format!("cannot start a thread: {error}")))?;
        let records = self.trials().into_iter().map(|trial| pool.install(|| self.run_one(&trial)));
        Ok(Results::new(&self.paper.slug, Profile::Smoke, records.collect::<Result<_, _>>()?))
    }

    fn trials(&self) -> Vec<Trial> {
        let mut trials = grid::synthetic_trials(&self.paper, Profile::Smoke, 0..self.seeds);
        trials.retain(|trial| self.chosen().any(|arm| arm.name == trial.arm));
        trials
    }

    fn run_one(&self, trial: &Trial) -> Result<Record, NotebookError> {
        let failed = |reason: String| {
            NotebookError::new(format!("arm {}, cell {}, seed {}: {reason}", trial.arm, trial.cell, trial.seed))
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| -> Result<Record, Error> {
            self.reproduction.check(trial)?;
            let device = DeviceChoice::Cpu.open()?;
            backend::seed(&device, rng::stream(&trial.paper, "burn", trial.seed).next_u64());
            let mut host = QuietHost;
            let mut lab = Lab::new(trial, device, &mut host);
            self.reproduction.run(trial, &mut lab)?;
            Ok(lab.finish().into_record(trial))
        }));
        match outcome {
            Ok(Ok(record)) => {
                Ok(Record { key: trial.key(papers::code_digest(&trial.paper), DeviceChoice::Cpu.class()), ..record })
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(panic) => Err(failed(format!("panic: {}", panic_message(panic.as_ref())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_arm_runs_beside_its_model_and_differs_from_it() {
        let results = experiment("lr_perceptron")
            .unwrap()
            .only(&["lr_gd_10"])
            .unwrap()
            .add_arm("lr_gd_3", "lr_gd_10", "{method: lr_gd, step: 3.0}")
            .unwrap()
            .seeds(2)
            .run()
            .unwrap();
        assert_eq!(results.arm("lr_gd_10").records().len(), 2);
        assert_eq!(results.arm("lr_gd_3").records().len(), 2);
        let metrics = |arm: &str| results.arm(arm).records().first().map(|record| record.metrics.clone()).unwrap();
        assert_ne!(metrics("lr_gd_10"), metrics("lr_gd_3"));
    }

    #[test]
    fn a_changed_number_reaches_the_trials() {
        let results = experiment("lr_perceptron")
            .unwrap()
            .set("profiles.smoke.settings.limit=7")
            .unwrap()
            .only(&["lr_gd_0.001"])
            .unwrap()
            .seeds(1)
            .run()
            .unwrap();
        let record = results.records().first().unwrap();
        assert!(record.series.values().all(|curve| curve.points().all(|(step, _)| step <= 7.0)));
        assert!(
            record.key
                != experiment("lr_perceptron")
                    .unwrap()
                    .only(&["lr_gd_0.001"])
                    .unwrap()
                    .seeds(1)
                    .run()
                    .unwrap()
                    .records()
                    .first()
                    .unwrap()
                    .key
        );
    }

    #[test]
    fn mistakes_are_named() {
        let said = |result: Result<Experiment, NotebookError>| result.unwrap_err().to_string();
        assert!(said(experiment("z_los")).contains("did you mean `z_loss`"), "{}", said(experiment("z_los")));
        let known = || experiment("lr_perceptron").unwrap();
        assert!(said(known().only(&["lr_gd_11"])).contains("arms are lr_gd_0.001"));
        assert!(said(known().add_arm("perceptron", "lr_gd_1", "{}")).contains("has an arm `perceptron` already"));
        assert!(said(known().set("profiles.smoke.settings.limits=7")).contains("limit"));
        let wrong = known().only(&["lr_gd_1"]).unwrap().add_arm("mine", "lr_gd_1", "{method: lr_gd, stop: 1}").unwrap();
        let error = wrong.run().unwrap_err().to_string();
        assert!(error.starts_with("arm mine, cell ") && error.contains("stop"), "{error}");
    }
}
