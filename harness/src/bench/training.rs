//! Measuring a training step.

use std::time::Instant;

use harness_core::Result;
use harness_core::backend::DeviceChoice;
use papers_bench::Step;

use super::measured::Measured;
use super::repeated;
use crate::run::machine;

/// Steps before the first that counts: caches fill, and the optimiser gets its state.
const WARM_UP: usize = 3;

/// Takes a step again and again for so many seconds, on this thread. Each reads its loss, so that a GPU has done it.
///
/// # Errors
/// Where the step fails.
pub fn measure(step: &Step, seconds: f64, device: DeviceChoice) -> Result<Measured> {
    let mut take = (step.build)(&device.open()?)?;
    for _ in 0..WARM_UP {
        take()?;
    }
    let times = repeated(seconds, 5, || {
        let start = Instant::now();
        take()?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    Ok(Measured {
        flop: Some((step.flops)()),
        peak_mb: machine::status_mb("self", "VmHWM"),
        ..Measured::new(step.name, step.about, &times)
    })
}
