//! What `paper.yaml` says, as types.

use harness_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::detectors::Forest;
use super::mean_shift::Neighbourhood;
use super::sets::SetName;

/// The numbers of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Rows of a generated table.
    pub synthetic_rows: usize,
    /// Larger tables are cut down to so many rows.
    pub most_rows: usize,
    /// Scaled features are clipped to ± this many inter-quartile ranges.
    pub clip: f64,
    /// How many neighbours the mean shift looks at.
    pub neighbourhood: Neighbourhood,
    /// Iterations of the mean shift.
    pub iterations: usize,
    /// The networks and their training.
    pub training: Training,
}

/// Sizes of the networks and of their training, the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Width of the two outer hidden layers.
    pub width: usize,
    /// Steps of Adam.
    pub steps: usize,
    /// Rows per step.
    pub batch: usize,
    /// Learning rate.
    pub rate: f64,
    /// Lower and upper bound of the predicted log-variance.
    pub log_var: [f64; 2],
}

fn refuse<T>(key: &str, value: &impl std::fmt::Debug, expected: &str) -> Result<T> {
    Err(Error::Input(format!("apre_outlier: `{key}` is {value:?}, expected {expected}")))
}

fn positive(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { refuse(key, &value, "a finite number above 0") }
}

impl Settings {
    /// Refuses values with which no trial makes sense.
    ///
    /// # Errors
    /// [`Error::Input`] naming the key.
    pub fn check(&self) -> Result<()> {
        for (key, rows) in [("synthetic_rows", self.synthetic_rows), ("most_rows", self.most_rows)] {
            if rows < 40 {
                return refuse(key, &rows, "at least 40 rows");
            }
        }
        positive("clip", self.clip)?;
        let Neighbourhood { share, least, most } = self.neighbourhood;
        if !(share > 0.0 && share <= 1.0) {
            return refuse("neighbourhood.share", &share, "a share above 0 and at most 1");
        }
        if least == 0 || most < least {
            return refuse("neighbourhood", &(least, most), "1 <= least <= most");
        }
        if self.iterations == 0 {
            return refuse("iterations", &0, "at least 1: without a shift nothing is compared");
        }
        let Training { width, steps, batch, rate, log_var: [low, high] } = self.training;
        for (key, value) in [("training.width", width), ("training.steps", steps), ("training.batch", batch)] {
            if value == 0 {
                return refuse(key, &0, "at least 1");
            }
        }
        positive("training.rate", rate)?;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return refuse("training.log_var", &[low, high], "a finite lower and a larger upper bound");
        }
        Ok(())
    }
}

/// What distinguishes an arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arm {
    /// Mean distance to the nearest others.
    Knn {
        /// Number of neighbours.
        neighbours: usize,
    },
    /// Local outlier factor.
    Lof {
        /// Number of neighbours.
        neighbours: usize,
    },
    /// Isolation forest.
    Iforest {
        /// Number of trees.
        trees: usize,
        /// Rows that a tree is grown from.
        samples: usize,
    },
    /// Distance to the mean-shifted version.
    Mod {
        /// Iterations of the mean shift.
        iterations: usize,
    },
    /// Reconstruction from principal components.
    Pca {
        /// Share of the variance that the kept components have.
        variance: f64,
    },
    /// A network.
    Network {
        /// Which one.
        kind: Network,
        /// Whether reconstructions are compared with mean-shifted samples.
        shifted: bool,
    },
}

/// A network and what it is trained with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Network {
    /// Autoencoder with the squared error.
    Ae {},
    /// The same with noisy inputs.
    Dae {
        /// Standard deviation of the noise in inter-quartile ranges.
        noise: f64,
    },
    /// Variational autoencoder with the squared error.
    Vae {
        /// Weight of the divergence from the standard normal distribution.
        divergence: f64,
    },
    /// Mean and variance with the probabilistic reconstruction error.
    Pre {},
    /// The same with adjustable weights.
    Apre {
        /// Weight α of the bias; that of the uncertainty is 1 − α.
        alpha: f64,
    },
}

impl Network {
    /// The weight α of a network with a variance.
    pub fn alpha(self) -> Option<f64> {
        match self {
            Network::Pre {} => Some(0.5),
            Network::Apre { alpha } => Some(alpha),
            _ => None,
        }
    }
}

/// A point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The table.
    pub set: SetName,
    /// α in place of the arm's.
    pub alpha: Option<f64>,
    /// Iterations of the mean shift in place of the profile's.
    pub iterations: Option<usize>,
    /// Neighbours of the mean shift in place of the profile's rule.
    pub neighbours: Option<usize>,
}

impl Arm {
    /// The arm in a cell: with the cell's α.
    ///
    /// # Errors
    /// [`Error::Input`] naming what is impossible, or a factor that this arm does not have.
    pub fn at(self, cell: &Cell) -> Result<Arm> {
        let arm = match (self, cell.alpha) {
            (arm, None) => arm,
            (Arm::Network { kind: Network::Apre { .. }, shifted }, Some(alpha)) => {
                Arm::Network { kind: Network::Apre { alpha }, shifted }
            }
            (_, Some(alpha)) => return refuse("alpha", &alpha, "no such factor for an arm without adjustable weights"),
        };
        let shifts = matches!(arm, Arm::Network { shifted: true, .. });
        for (factor, value) in [("iterations", cell.iterations), ("neighbours", cell.neighbours)] {
            match value {
                Some(value) if !shifts => {
                    return refuse(factor, &value, "no such factor for an arm without mean-shift scoring");
                }
                Some(0) => return refuse(factor, &0, "at least 1"),
                _ => {}
            }
        }
        match arm {
            Arm::Knn { neighbours: 0 } | Arm::Lof { neighbours: 0 } => refuse("neighbours", &0, "at least 1")?,
            Arm::Iforest { trees, samples } if trees == 0 || samples < 2 => {
                refuse("iforest", &Forest { trees, samples }, "at least 1 tree of at least 2 rows")?
            }
            Arm::Mod { iterations: 0 } => refuse("iterations", &0, "at least 1")?,
            Arm::Pca { variance } if !(variance > 0.0 && variance <= 1.0) => {
                refuse("variance", &variance, "a share above 0 and at most 1")?
            }
            Arm::Network { kind: Network::Dae { noise }, .. } => positive("noise", noise)?,
            Arm::Network { kind: Network::Vae { divergence }, .. } => positive("divergence", divergence)?,
            Arm::Network { kind: Network::Apre { alpha }, .. } if !(alpha > 0.0 && alpha < 1.0) => {
                refuse("alpha", &alpha, "a weight between 0 and 1")?
            }
            _ => {}
        }
        Ok(arm)
    }
}
