//! Shapes of noise, and made-up experiments as records.

use std::collections::BTreeMap;

use harness_core::cell::Cell;
use harness_core::number::Number;
use harness_core::paper::Profile;
use harness_core::record::{Cost, Outcome, Provenance, RECORD_VERSION, Record};
use rand::Rng;
use rand_distr::{Distribution, Exp1, Gamma, LogNormal, StandardNormal, StudentT};
use serde::Serialize;

/// The shape of the differences between two arms over seeds, with mean 0 and standard deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Normal.
    Normal,
    /// The difference of two log-normal metrics: each is skewed, their difference is symmetric with heavy tails.
    SkewedMetric,
    /// Student's t with three degrees of freedom.
    HeavyTails,
    /// A gamma distribution with skewness 1, turned so that the long tail lies on the side of the unclaimed direction.
    Skewed,
    /// An exponential distribution (skewness 2), turned likewise.
    VerySkewed,
    /// Normal, rounded to whole standard deviations: five values or so.
    Coarse,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Shape; 6] =
        [Shape::Normal, Shape::SkewedMetric, Shape::HeavyTails, Shape::Skewed, Shape::VerySkewed, Shape::Coarse];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Normal => "normal",
            Shape::SkewedMetric => "skewed metric",
            Shape::HeavyTails => "heavy tails",
            Shape::Skewed => "skewness −1",
            Shape::VerySkewed => "skewness −2",
            Shape::Coarse => "coarse",
        }
    }

    /// Whether the promises of docs/statistics.md are made for it.
    pub fn promised(self) -> bool {
        matches!(self, Shape::Normal | Shape::SkewedMetric | Shape::HeavyTails)
    }

    /// Draws one difference.
    pub fn draw(self, rng: &mut impl Rng) -> f64 {
        match self {
            Shape::Normal => StandardNormal.sample(rng),
            Shape::SkewedMetric => {
                // Log-normal with σ = 1 has the variance (e − 1)·e; a difference of two has twice that.
                let sd = (2.0 * (std::f64::consts::E - 1.0) * std::f64::consts::E).sqrt();
                LogNormal::new(0.0, 1.0).map_or(0.0, |metric| (metric.sample(rng) - metric.sample(rng)) / sd)
            }
            Shape::HeavyTails => StudentT::new(3.0).map_or(0.0, |tails| tails.sample(rng) / 3.0_f64.sqrt()),
            Shape::Skewed => Gamma::new(4.0, 0.5).map_or(0.0, |gamma| 2.0 - gamma.sample(rng)),
            Shape::VerySkewed => {
                let drawn: f64 = Exp1.sample(rng);
                1.0 - drawn
            }
            Shape::Coarse => {
                let drawn: f64 = StandardNormal.sample(rng);
                drawn.round()
            }
        }
    }
}

/// A finished trial with one metric, `score`.
pub fn record(arm: &str, cell: Cell, seed: usize, score: f64) -> Record {
    Record {
        version: RECORD_VERSION,
        key: String::new(),
        paper: String::new(),
        paper_version: 1,
        profile: Profile::Quick,
        arm: arm.to_owned(),
        cell,
        seed: seed as u64,
        outcome: Outcome::Finished,
        metrics: BTreeMap::from([("score".to_owned(), Number(score))]),
        timings: BTreeMap::new(),
        series: BTreeMap::new(),
        images: BTreeMap::new(),
        texts: BTreeMap::new(),
        cost: Cost::default(),
        provenance: Provenance::default(),
    }
}
