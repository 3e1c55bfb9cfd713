//! The arms: where a set of images comes from, and what networks make of it.

use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::record::Image;

use super::condense::{Condensation, State};
use super::continual;
use super::dataset::{self, Dataset, Uploaded};
use super::evaluate::{Found, Judge};
use super::matching::Matching;
use super::model::Model;
use super::selection;
use super::settings::{Arm, Cell, Method, NetworkKind, Settings, Task};

/// Runs an arm in a cell.
///
/// # Errors
/// Those of data and condensation; [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, trial: &Trial, lab: &mut Lab) -> Result<()> {
    let data = dataset::open(settings, cell, trial, lab)?;
    lab.text("data", data.source.clone());
    if cell.task == Task::Continual {
        return continual::run(arm, cell, settings, &data, lab);
    }
    let model = Model::new(cell.network, settings.networks, data.train.size, data.train.classes)?;
    let train = Uploaded::new(&data.train, lab.device());
    let test = Uploaded::new(&data.test, lab.device());
    let evaluation = settings.evaluation;
    let mut judge = Judge {
        model: &model,
        size: data.train.size,
        test: &test,
        settings: evaluation,
        kernel: settings.kernel,
        augmentation: None,
    };
    let start = || selection::random(&data.train, cell.ipc, &mut lab.rng("start"));
    let (set, epochs) = match arm.method {
        Method::Full => (train, evaluation.epochs_full),
        Method::Random => (train.select(&start()), evaluation.epochs),
        Method::Herding => (train.select(&selection::herding(&data.train, cell.ipc)), evaluation.epochs),
        Method::Condense { augmentation, .. } => {
            let start = train.select(&start());
            judge.augmentation = augmentation.then_some(settings.augmentation.as_slice());
            let set = condensed(arm, cell, settings, &model, &train, start, &data, lab)?;
            (set, if augmentation { evaluation.epochs_augmented } else { evaluation.epochs })
        }
    };
    if arm.method != Method::Full {
        pictures(&set, &data, lab)?;
    }
    record(&judge.evaluate(&set, epochs, lab)?, lab);
    Ok(())
}

/// The images after all networks.
#[expect(clippy::too_many_arguments, reason = "what an arm has at hand, used once")]
fn condensed(
    arm: &Arm,
    cell: &Cell,
    settings: &Settings,
    model: &Model,
    train: &Uploaded,
    start: Uploaded,
    data: &Dataset,
    lab: &mut Lab,
) -> Result<Uploaded> {
    let Method::Condense { signals, augmentation } = arm.method else { return Ok(start) };
    let schedule = settings.condensation.schedule(cell.ipc)?;
    let condensation = Condensation {
        model,
        real: train,
        size: data.train.size,
        schedule,
        signals,
        augmentation: augmentation.then_some(settings.augmentation.as_slice()),
        settings: &settings.condensation,
        stream: "condensation",
    };
    let restored = lab.restore::<State>();
    let mut state = match restored {
        Some(state) => state,
        None => {
            let state = State::start(read_f32(start.images));
            if cell.network == NetworkKind::Mlp {
                let matchings = [Matching::ClassWise, Matching::Contrastive];
                let gaps = matchings.map(|matching| condensation.second_order_gap(&state, matching, lab));
                let [class_wise, contrastive] = gaps;
                lab.record("second_order_gap", class_wise?.max(contrastive?));
            }
            state
        }
    };
    while state.outer < schedule.outer {
        let (next, loss) = condensation.network(state, lab)?;
        state = next;
        lab.series("matching_loss", state.outer as f64, loss);
        lab.progress(state.outer as u64, schedule.outer as u64)?;
        lab.checkpoint(|| state.clone())?;
    }
    let values = data.train.size.values();
    let images = burn::tensor::TensorData::new(state.images, [start.labels.len(), values]);
    Ok(Uploaded { images: Tensor::<2>::from_data(images, lab.device()).inner(), labels: start.labels })
}

/// The first image of each class.
fn pictures(set: &Uploaded, data: &Dataset, lab: &mut Lab) -> Result<()> {
    let size = data.train.size;
    if !matches!(size.channels, 1 | 3) {
        return Ok(());
    }
    let pixels = read_f32(set.images.clone());
    let [low, high] = data.range;
    for class in 0..data.train.classes {
        let Some(at) = set.labels.iter().position(|label| *label == class) else { continue };
        let image = &pixels[at * size.values()..(at + 1) * size.values()];
        let plane = size.height * size.width;
        let shown = (0..image.len())
            // Channels last.
            .map(|to| image[to % size.channels * plane + to / size.channels])
            .map(|value| ((value - low) / (high - low).max(f32::MIN_POSITIVE) * 255.0).round().clamp(0.0, 255.0) as u8)
            .collect();
        let picture = Image { height: size.height, width: size.width, channels: size.channels, pixels: shown };
        lab.image(&format!("class_{class:03}"), picture)?;
    }
    Ok(())
}

fn record(found: &Found, lab: &mut Lab) {
    lab.record("accuracy", found.mean());
    lab.record("accuracy_std", found.deviation());
    lab.record("kernel_velocity", found.velocity());
    for (step, velocity) in found.velocities.iter().enumerate() {
        lab.series("kernel_velocity", (step + 1) as f64, *velocity);
    }
}
