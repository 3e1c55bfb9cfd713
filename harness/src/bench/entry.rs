//! What can be measured, by name. Each runs in a process of its own, so that peak memory is its own.

use std::process::{Command, Stdio};
use std::time::Instant;

use harness_core::backend::DeviceChoice;
use harness_core::text::did_you_mean;
use harness_core::{Error, Result};
use papers_bench::STEPS;

use super::measured::Measured;
use super::{tool, training, transfer};
use crate::run::worker;

/// Something that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether a quick run leaves it out.
    pub long: bool,
}

const STORED: &str = "planning, judging and reporting so many stored trials, and the command that finds all done";

/// All, training steps first.
pub fn all() -> Vec<Entry> {
    let steps = STEPS.iter().map(|step| Entry { name: step.name, about: step.about, long: false });
    let tool = [
        ("trial", "a trial besides its own work", false),
        ("step", "a report of progress inside a worker", false),
        ("transfer", "copy and download of 64 MiB into the cache", false),
        ("stored-10000", STORED, false),
        ("stored-100000", STORED, true),
        ("workers", "two processes that take the steps of `cnn` side by side, against one", true),
    ];
    steps.chain(tool.map(|(name, about, long)| Entry { name, about, long })).collect()
}

/// The entries of these names, or all that a run has; quick ones leave out the long ones, and those on a GPU what does not
/// compute there.
///
/// # Errors
/// [`Error::Input`] for a name that there is not.
pub fn select(names: &[String], quick: bool, device: DeviceChoice) -> Result<Vec<Entry>> {
    let known = all();
    for name in names {
        if !known.iter().any(|entry| entry.name == name) {
            let guess = did_you_mean(name, known.iter().map(|entry| entry.name));
            return Err(Error::Input(format!("unknown measurement `{name}`{guess}; `harness bench --list` shows all")));
        }
    }
    let wanted = |entry: &Entry| match names {
        [] if device != DeviceChoice::Cpu => STEPS.iter().any(|step| step.name == entry.name),
        [] => !(quick && entry.long),
        _ => names.iter().any(|name| name == entry.name),
    };
    Ok(known.into_iter().filter(wanted).collect())
}

/// Measures an entry in this process. Training steps are taken on the device.
///
/// # Errors
/// [`Error::Input`] for a name that there is not; where the work fails.
pub fn measure(name: &str, seconds: f64, device: DeviceChoice) -> Result<Vec<Measured>> {
    if let Some(step) = STEPS.iter().find(|step| step.name == name) {
        return Ok(vec![training::measure(step, seconds, device)?]);
    }
    match name {
        "trial" => tool::trials(seconds),
        "step" => tool::steps(seconds),
        "transfer" => transfer::measure(seconds),
        "stored-10000" => tool::stored(10_000, seconds),
        "stored-100000" => tool::stored(100_000, seconds),
        "workers" => workers(seconds),
        _ => select(&[name.to_owned()], false, device).map(|_| Vec::new()),
    }
}

/// Measures an entry in a process of its own, in the environment of a worker.
///
/// # Errors
/// Where the process cannot be started or fails.
pub fn measure_apart(name: &str, seconds: f64, device: DeviceChoice) -> Result<Vec<Measured>> {
    let failed = |reason: String| Error::Failed(format!("`{name}` cannot be measured: {reason}"));
    let output = apart(name, seconds, device)
        .and_then(|mut command| command.stderr(Stdio::inherit()).output())
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("its process ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

fn apart(name: &str, seconds: f64, device: DeviceChoice) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let (seconds, device) = (seconds.to_string(), device.to_string());
    command.args(["bench", "one", name, "--seconds", &seconds, "--device", &device]).envs(worker::ENVIRONMENT);
    Ok(command)
}

/// How long a step takes where one process takes steps, and where two do at the same time, per step of either.
fn workers(seconds: f64) -> Result<Vec<Measured>> {
    const NAME: &str = "cnn";
    let alone = measure_apart(NAME, seconds, DeviceChoice::Cpu)?;
    let both: Vec<Measured> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| measure_apart(NAME, seconds, DeviceChoice::Cpu))).collect();
        let done = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::Failed("a thread that waited for a process panicked".into())))
        });
        done.collect::<Result<Vec<_>>>()
    })?
    .concat();
    let seconds = |measured: &[Measured]| measured.iter().flat_map(|one| one.seconds.clone()).collect::<Vec<_>>();
    let halves: Vec<f64> = seconds(&both).iter().map(|time| time / 2.0).collect();
    Ok(vec![
        Measured::new("one worker", "a step of `cnn` where one process computes", &seconds(&alone)),
        Measured::new("two workers", "a step of `cnn` where two processes compute: half of its time", &halves),
    ])
}

/// Calls `work`, which returns what one repetition took, for so many seconds, but at least `least` times.
///
/// # Errors
/// The first error of `work`.
pub fn repeated(seconds: f64, least: usize, mut work: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < least || start.elapsed().as_secs_f64() < seconds {
        times.push(work()?);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_and_unknown_ones_are_refused_with_the_closest() {
        let names = |names: &[&str], quick| -> Vec<&str> {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            select(&names, quick, DeviceChoice::Cpu).unwrap().iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(&["gpt", "mlp"], false), ["mlp", "gpt"]);
        assert_eq!(names(&["stored-100000"], true), ["stored-100000"]);
        assert_eq!(names(&[], false).len(), all().len());
        assert!(!names(&[], true).contains(&"stored-100000"));
        assert_eq!(select(&[], false, DeviceChoice::Cuda(0)).unwrap().len(), STEPS.len());
        let refused = select(&["condens".to_owned()], false, DeviceChoice::Cpu).unwrap_err().to_string();
        assert!(refused.contains("unknown measurement `condens`; did you mean `condense`?"), "{refused}");
        assert!(measure("condens", 0.0, DeviceChoice::Cpu).is_err());
    }

    #[test]
    fn repetitions_are_as_many_as_asked_for_and_stop_at_an_error() {
        assert_eq!(repeated(0.0, 3, || Ok(1.0)).unwrap(), [1.0; 3]);
        let mut left = 2;
        let result = repeated(0.0, 3, || {
            left -= 1;
            if left == 0 { Err(Error::Failed("no more".into())) } else { Ok(1.0) }
        });
        assert!(result.is_err());
    }
}
