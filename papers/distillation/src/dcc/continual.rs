//! Class-incremental learning: tasks of new classes, earlier ones replayed from the few images that were kept of each.

use harness_core::prelude::*;
use papers_kit::image_set::ImageSet;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::condense::{Condensation, State};
use super::dataset::{Dataset, Uploaded, only};
use super::evaluate::test_accuracy;
use super::model::Model;
use super::selection;
use super::settings::{Arm, Cell, ContinualSettings, Method, Settings};

/// Between two networks of condensation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The images of the tasks that are done.
    sets: Vec<Vec<f32>>,
    /// The task under way.
    current: Option<State>,
}

/// Condenses or picks images of each task's classes, then trains networks through all tasks.
///
/// # Errors
/// Those of condensation; [`Error::Cancelled`] where the user asked to stop.
pub fn run(arm: &Arm, cell: &Cell, settings: &Settings, data: &Dataset, lab: &mut Lab) -> Result<()> {
    let continual = settings.continual;
    let all: Vec<usize> = (0..data.train.classes).collect();
    let tasks: Vec<&[usize]> = all.chunks(continual.classes_per_task).collect();
    let mut kept = lab.restore::<Kept>().unwrap_or(Kept { sets: Vec::new(), current: None });
    while let Some(classes) = tasks.get(kept.sets.len()) {
        let task = kept.sets.len();
        let images = only(&data.train, classes);
        let picked = match arm.method {
            Method::Herding => selection::herding(&images, cell.ipc),
            _ => selection::random(&images, cell.ipc, &mut lab.rng(&format!("start {task}"))),
        };
        let start: Vec<f32> = picked.iter().flat_map(|at| images.image(*at)).copied().collect();
        let set = match arm.method {
            Method::Condense { signals, augmentation } => {
                let model = Model::new(cell.network, settings.networks, images.size, classes.len())?;
                let condensation = Condensation {
                    model: &model,
                    real: &Uploaded::new(&images, lab.device()),
                    size: images.size,
                    schedule: continual.schedule,
                    signals,
                    augmentation: augmentation.then_some(settings.augmentation.as_slice()),
                    settings: &settings.condensation,
                    stream: &format!("condensation of task {task}"),
                };
                let mut state = kept.current.take().unwrap_or_else(|| State::start(start));
                while state.outer < continual.schedule.outer {
                    state = condensation.network(state, lab)?.0;
                    let done = task * continual.schedule.outer + state.outer;
                    lab.progress(done as u64, (tasks.len() * continual.schedule.outer) as u64)?;
                    lab.checkpoint(|| Kept { sets: kept.sets.clone(), current: Some(state.clone()) })?;
                }
                state.images
            }
            _ => start,
        };
        kept.sets.push(set);
    }
    replay(&kept.sets, &tasks, cell, settings, data, lab)
}

/// Images of each class: those that are kept, row-major.
struct Memory<'a> {
    /// By class.
    kept: Vec<Vec<&'a [f32]>>,
    train: &'a ImageSet,
    by_class: Vec<Vec<usize>>,
}

impl Memory<'_> {
    /// As many images of each class seen: real ones of the present classes, kept ones of the earlier.
    fn batch(&self, seen: usize, present: &[usize], settings: ContinualSettings, rng: &mut impl rand::Rng) -> ImageSet {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for class in 0..seen {
            for _ in 0..settings.per_class {
                let image = if present.contains(&class) {
                    let of_class = &self.by_class[class];
                    self.train.image(of_class[rng.random_range(0..of_class.len())])
                } else {
                    let kept = &self.kept[class];
                    kept[rng.random_range(0..kept.len())]
                };
                pixels.extend_from_slice(image);
                labels.push(class);
            }
        }
        ImageSet { pixels, labels, size: self.train.size, classes: self.train.classes }
    }
}

fn replay(
    sets: &[Vec<f32>],
    tasks: &[&[usize]],
    cell: &Cell,
    settings: &Settings,
    data: &Dataset,
    lab: &mut Lab,
) -> Result<()> {
    let continual = settings.continual;
    let values = data.train.size.values();
    let mut kept = Vec::with_capacity(data.train.classes);
    for (set, classes) in sets.iter().zip(tasks) {
        let each = set.len() / values / classes.len();
        kept.extend(
            (0..classes.len())
                .map(|class| set.chunks_exact(values).skip(class * each).take(each).collect::<Vec<&[f32]>>()),
        );
    }
    let by_class = (0..data.train.classes)
        .map(|class| (0..data.train.len()).filter(|at| data.train.labels[*at] == class).collect());
    let memory = Memory { kept, train: &data.train, by_class: by_class.collect() };
    let model = Model::new(cell.network, settings.networks, data.train.size, data.train.classes)?;
    let mut accuracies = vec![0.0; tasks.len()];
    for network in 0..continual.networks {
        let mut rng = lab.rng(&format!("tasks {network}"));
        let mut parameters = model.initial(&mut rng, lab.device());
        for (task, classes) in tasks.iter().enumerate() {
            let seen = classes.iter().max().map_or(0, |last| last + 1);
            let mut sgd = settings.evaluation.sgd.init();
            for _ in 0..continual.steps {
                let batch = Uploaded::new(&memory.batch(seen, classes, continual, &mut rng), lab.device());
                let gradients = model.training_gradients(&parameters, batch.columns(), batch.device_labels())?;
                parameters = sgd.step(parameters, gradients);
            }
            let known: Vec<usize> = (0..data.test.len()).filter(|at| data.test.labels[*at] < seen).collect();
            if !known.is_empty() {
                let test = Uploaded::new(&data.test, lab.device()).select(&known);
                accuracies[task] += 100.0 * test_accuracy(&model, &parameters, &test)? / continual.networks as f64;
            }
        }
        lab.progress((network + 1) as u64, continual.networks as u64)?;
    }
    for (task, (accuracy, classes)) in accuracies.iter().zip(tasks).enumerate() {
        lab.series("continual_accuracy", classes.iter().max().map_or(0.0, |last| (last + 1) as f64), *accuracy);
        if task + 1 == tasks.len() {
            lab.record("final_accuracy", *accuracy);
        }
    }
    Ok(())
}
