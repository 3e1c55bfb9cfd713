//! What is measured of a trained (or untrained) model.

use burn::module::AutodiffModule;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::augment::views;
use papers_kit::classify::logits_in_batches;
use papers_kit::image_set::ImageSet;
use papers_kit::probe::LinearProbe;
use papers_kit::resnet::Mode;

use super::geometry::{tolerance, uniformity};
use super::settings::Settings;
use super::train::Model;

/// Images that pass the encoder at a time.
const BATCH: usize = 500;
/// Bins of the histograms of similarities.
const BINS: usize = 40;

/// Measures uniformity and tolerance of unit embeddings of test images as they are (not of views), accuracies of a
/// linear probe and of nearest neighbours on features, and how similar two views are.
///
/// # Errors
/// None for settings that were checked.
pub fn evaluate(model: &Model, train: &ImageSet, test: &ImageSet, settings: &Settings, lab: &mut Lab) -> Result<()> {
    let asked = &settings.evaluation;
    let model = model.valid();
    let device = lab.device().clone();
    let features = |images: Tensor<4>| logits_in_batches(images, BATCH, |batch| model.features(batch, Mode::Evaluate));
    let train_features = features(train.tensor(&device).inner());
    let test_features = features(test.tensor(&device).inner());

    let embeddings = model.embed(test_features.clone().narrow(0, 0, asked.geometry), Mode::Evaluate);
    let labels: Vec<i64> = test.labels.iter().take(asked.geometry).map(|label| *label as i64).collect();
    lab.record("uniformity", scalar(uniformity(embeddings.clone(), 2.0)?));
    lab.record("tolerance", scalar(tolerance(embeddings, &labels)?));

    let knn = asked.knn.accuracy(
        (test_features.clone(), &test.labels),
        (train_features.clone(), &train.labels),
        train.classes,
    )?;
    lab.record("knn_accuracy", 100.0 * knn);
    let probe = LinearProbe::fit(train_features, &train.labels, train.classes, &asked.probe)?;
    lab.record("probe_accuracy", 100.0 * probe.accuracy(test_features, &test.labels)?);

    let mut rng = lab.rng("test views");
    let some: Vec<usize> = (0..asked.views).collect();
    let mut view = || {
        let images = views(test, &some, &settings.augmentation, &mut rng, &device).inner();
        model.embed(features(images), Mode::Evaluate)
    };
    let similarities = read_f32(view().matmul(view().transpose()));
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    for (at, similarity) in similarities.into_iter().enumerate() {
        let own = at / asked.views == at % asked.views;
        if own { positive.push(similarity) } else { negative.push(similarity) }
    }
    for (name, values) in [("positive_similarity", positive), ("negative_similarity", negative)] {
        lab.record(name, values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64);
        for (centre, share) in histogram(&values) {
            lab.series(name, centre, share);
        }
    }
    Ok(())
}

fn scalar(value: Tensor<1>) -> f64 {
    read_f32(value).first().map_or(f64::NAN, |value| f64::from(*value))
}

/// Centre and share of each bin of [−1, 1].
fn histogram(similarities: &[f32]) -> Vec<(f64, f64)> {
    let mut counts = [0usize; BINS];
    for similarity in similarities {
        // Rounding may leave a similarity just outside.
        let bin = ((f64::from(*similarity) + 1.0) / 2.0 * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize;
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    let centre = |bin: usize| (2 * bin + 1) as f64 / BINS as f64 - 1.0;
    counts.iter().enumerate().map(|(bin, count)| (centre(bin), *count as f64 / similarities.len() as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_hold_all_and_are_centred() {
        let bins = histogram(&[-1.0, -0.99, 0.01, 1.0, 1.000_001]);
        assert_eq!(bins.len(), BINS);
        assert!((bins[0].0 + 0.975).abs() < 1e-12 && (bins[0].1 - 0.4).abs() < 1e-12);
        assert!((bins[20].0 - 0.025).abs() < 1e-12 && (bins[20].1 - 0.2).abs() < 1e-12);
        assert!((bins.iter().map(|bin| bin.1).sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
