//! One trial: score a table, and see where the outliers come.

use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::metrics::{Ties, average_precision, roc_auc};

use super::autoencoder::{probabilistic, reconstruct};
use super::detectors::{self, Forest};
use super::scoring::Target;
use super::sets::Table;
use super::settings::{Arm, Cell, Network, Settings};

/// Runs a trial.
pub(super) fn run(trial: &Trial, lab: &mut Lab) -> Result<()> {
    let settings: Settings = trial.settings()?;
    settings.check()?;
    let cell: Cell = trial.cell()?;
    let arm = trial.arm_settings::<Arm>()?.at(&cell)?;
    let table = cell.set.open(&settings, lab)?;
    let (values, columns) = (table.values.as_slice(), table.columns);
    let others = table.rows() - 1;
    let score = match arm {
        Arm::Knn { neighbours } => detectors::knn(values, columns, neighbours.min(others))?,
        Arm::Lof { neighbours } => detectors::lof(values, columns, neighbours.min(others))?,
        Arm::Iforest { trees, samples } => {
            detectors::isolation_forest(values, columns, Forest { trees, samples }, &mut lab.rng("forest"))?
        }
        Arm::Mod { iterations } => {
            detectors::shift_distance(values, columns, settings.neighbourhood.size(table.rows()), iterations)?
        }
        Arm::Pca { variance } => detectors::pca(values, columns, variance)?,
        Arm::Network { kind, shifted } => by_network(kind, shifted, &table, &cell, &settings, lab)?,
    };
    lab.progress(1, 1)?;
    record(&table, &score, matches!(arm, Arm::Network { .. }), lab)
}

/// Scores by reconstruction. Plain and shifted arms of a network share its training.
fn by_network(
    network: Network,
    shifted: bool,
    table: &Table,
    cell: &Cell,
    settings: &Settings,
    lab: &mut Lab,
) -> Result<Vec<f64>> {
    let device = lab.device().clone();
    let trained = lab.stage("reconstruction", &(network, cell.set, settings), |lab| {
        reconstruct(network, &table.values, table.columns, &settings.training, lab)
    })?;
    for (step, loss) in trained.floats("steps")?.iter().zip(trained.floats("losses")?) {
        lab.series("training_loss", f64::from(*step), f64::from(*loss));
    }
    let target = if shifted {
        let usual = settings.neighbourhood.size(table.rows());
        let k = cell.neighbours.unwrap_or(usual).min(table.rows() - 1);
        Target::shifted(&table.values, table.columns, k, cell.iterations.unwrap_or(settings.iterations), &device)?
    } else {
        Target::plain(&table.values, table.columns, &device)
    };
    let mean = trained.tensor("mean", &device)?;
    let score = match probabilistic(network)? {
        Some(error) => target.probabilistic(&error, mean, trained.tensor("log_var", &device)?),
        None => target.squared(mean),
    };
    Ok(read_f32(score).into_iter().map(f64::from).collect())
}

/// Records how well the score finds the outliers; `ranks` says whether to keep where each outlier comes.
fn record(table: &Table, score: &[f64], ranks: bool, lab: &mut Lab) -> Result<()> {
    let outliers = table.outlier.iter().filter(|outlier| **outlier).count();
    lab.record("rows", table.rows() as f64);
    lab.record("features", table.columns as f64);
    lab.record("outliers", outliers as f64);
    lab.record("auc", roc_auc(score, &table.outlier)?);
    lab.record("average_precision", average_precision(score, &table.outlier, Ties::Together)?);
    let above = inliers_below(score, &table.outlier);
    lab.record("false_inliers", false_inliers(score, &table.outlier)?);
    if ranks {
        for (outlier, share) in above.into_iter().enumerate() {
            lab.series("inliers_below", outlier as f64, share);
        }
    }
    Ok(())
}

/// Share of the outliers whose score lies below the median of the inliers' scores.
fn false_inliers(score: &[f64], outlier: &[bool]) -> Result<f64> {
    let of = |wanted: bool| -> Vec<f64> {
        score.iter().zip(outlier).filter(|(_, is)| **is == wanted).map(|(score, _)| *score).collect()
    };
    let median = harness_core::stats::median(&of(false))?;
    let outliers = of(true);
    Ok(outliers.iter().filter(|score| **score < median).count() as f64 / outliers.len().max(1) as f64)
}

/// For each outlier, in the order of the table, the share of inliers with a lower score; equal scores count half.
fn inliers_below(score: &[f64], outlier: &[bool]) -> Vec<f64> {
    let mut inliers: Vec<f64> =
        score.iter().zip(outlier).filter(|(_, outlier)| !**outlier).map(|(score, _)| *score).collect();
    inliers.sort_unstable_by(f64::total_cmp);
    let count = inliers.len().max(1) as f64;
    score
        .iter()
        .zip(outlier)
        .filter(|(_, outlier)| **outlier)
        .map(|(score, _)| {
            let below = inliers.partition_point(|inlier| inlier < score);
            let not_above = inliers.partition_point(|inlier| inlier <= score);
            (below + not_above) as f64 / (2.0 * count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_inliers_are_outliers_below_the_median_inlier() {
        let score = [1.0, 2.0, 3.0, 0.5, 2.0, 9.0];
        let outlier = [false, false, false, true, true, true];
        assert_eq!(false_inliers(&score, &outlier).unwrap(), 1.0 / 3.0);
        assert_eq!(inliers_below(&score, &outlier), [0.0, 0.5, 1.0]);
    }
}
