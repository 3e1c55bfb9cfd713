//! Metrics that moved by more than seeds do.

use std::collections::BTreeMap;

use harness_core::results::Results;
use harness_core::stats::{self, Alternative};
use serde::Serialize;

/// The level of Benjamini and Hochberg's adjustment: of the metrics that are listed, so many did not really move.
const LEVEL: f64 = 0.05;

/// What became of all metrics.
#[derive(Debug, Serialize)]
pub struct Metrics {
    /// Metrics of arms and cells that both runs have.
    pub compared: usize,
    /// Of these, metrics with the same bits in both.
    pub identical: usize,
    /// Metrics that differ but have too few seeds to tell noise from movement.
    pub without_noise: usize,
    /// Metrics that moved beyond noise, the most certain first.
    pub moved: Vec<Moved>,
}

/// A metric that moved.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Slug of the paper.
    pub paper: String,
    /// The arm.
    pub arm: String,
    /// The cell.
    pub cell: String,
    /// The metric.
    pub metric: String,
    /// Mean over seeds before.
    pub before: f64,
    /// Mean over seeds after.
    pub after: f64,
    /// Seeds before and after.
    pub n: (usize, usize),
    /// Whether the same seeds were compared one by one.
    pub paired: bool,
    /// p-value of no movement.
    pub p_value: f64,
    /// The same after Benjamini and Hochberg's adjustment over all metrics compared.
    pub adjusted_p: f64,
}

/// A metric of one arm and cell in both runs, by seed.
pub(super) struct Sample {
    paper: String,
    place: (String, String, String),
    before: BTreeMap<u64, f64>,
    after: BTreeMap<u64, f64>,
}

/// Every metric that both runs have. Times are left out: they move from run to run.
pub(super) fn samples(slug: &str, a: &Results, b: &Results) -> Vec<Sample> {
    type Values = BTreeMap<(String, String, String), BTreeMap<u64, f64>>;
    let collect = |results: &Results| {
        let mut values: Values = BTreeMap::new();
        for record in results.records().iter().filter(|record| record.finished()) {
            for (name, value) in &record.metrics {
                let place = (record.arm.clone(), record.cell.to_string(), name.clone());
                values.entry(place).or_default().insert(record.seed, value.0);
            }
        }
        values
    };
    let mut after = collect(b);
    collect(a)
        .into_iter()
        .filter_map(|(place, before)| {
            let after = after.remove(&place)?;
            Some(Sample { paper: slug.to_owned(), place, before, after })
        })
        .collect()
}

impl Sample {
    /// The p-value of no movement, and whether seeds were paired; `None` where there are too few seeds.
    fn test(&self) -> Option<(f64, bool)> {
        let common: Vec<f64> =
            self.before.iter().filter_map(|(seed, before)| Some(self.after.get(seed)? - before)).collect();
        if common.len() >= 2 {
            let test = stats::paired_t(&common, 0.95, Alternative::TwoSided).ok()?;
            return Some((test.p_value, true));
        }
        let list = |values: &BTreeMap<u64, f64>| values.values().copied().collect::<Vec<f64>>();
        let test = stats::welch_t(&list(&self.before), &list(&self.after), 0.95, Alternative::TwoSided).ok()?;
        Some((test.p_value, false))
    }

    /// Whether all seeds that both runs have are equal to the last bit, and there is one.
    fn identical(&self) -> bool {
        let mut common =
            self.before.iter().filter_map(|(seed, before)| Some((before, self.after.get(seed)?))).peekable();
        common.peek().is_some() && common.all(|(before, after)| before.to_bits() == after.to_bits())
    }
}

impl Metrics {
    pub(super) fn new(samples: Vec<Sample>) -> Self {
        let compared = samples.len();
        let (identical, changed): (Vec<Sample>, Vec<Sample>) = samples.into_iter().partition(Sample::identical);
        let (tested, untested): (Vec<_>, Vec<_>) =
            changed.into_iter().map(|sample| (sample.test(), sample)).partition(|(test, _)| test.is_some());
        // Metrics that did not change belong to the family too, or the adjustment would depend on the outcome.
        let mut p_values: Vec<f64> = tested.iter().filter_map(|(test, _)| Some(test.as_ref()?.0)).collect();
        p_values.extend(std::iter::repeat_n(1.0, identical.len()));
        let adjusted = stats::benjamini_hochberg(&p_values).unwrap_or_default();
        let mean = |values: &BTreeMap<u64, f64>| values.values().sum::<f64>() / values.len() as f64;
        let mut moved: Vec<Moved> = tested
            .into_iter()
            .zip(adjusted)
            .filter_map(|((test, sample), adjusted_p)| {
                let (p_value, paired) = test?;
                (adjusted_p <= LEVEL).then(|| Moved {
                    before: mean(&sample.before),
                    after: mean(&sample.after),
                    n: (sample.before.len(), sample.after.len()),
                    paper: sample.paper,
                    arm: sample.place.0,
                    cell: sample.place.1,
                    metric: sample.place.2,
                    paired,
                    p_value,
                    adjusted_p,
                })
            })
            .collect();
        moved.sort_by(|a, b| a.adjusted_p.total_cmp(&b.adjusted_p));
        Metrics { compared, identical: identical.len(), without_noise: untested.len(), moved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(before: &[f64], after: &[f64]) -> Sample {
        let by_seed = |values: &[f64]| (0..).zip(values.iter().copied()).collect();
        Sample {
            paper: "p".into(),
            place: ("a".into(), "-".into(), "m".into()),
            before: by_seed(before),
            after: by_seed(after),
        }
    }

    #[test]
    fn only_what_moves_by_more_than_seeds_do_is_listed() {
        let metrics = Metrics::new(vec![
            sample(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]),
            sample(&[1.0, 2.0, 3.0], &[2.0, 3.01, 3.99]),
            sample(&[1.0, 2.0, 3.0], &[1.5, 1.2, 3.4]),
            sample(&[1.0], &[2.0]),
        ]);
        assert_eq!((metrics.compared, metrics.identical, metrics.without_noise), (4, 1, 1));
        assert_eq!(metrics.moved.len(), 1);
        assert!(metrics.moved[0].paired && metrics.moved[0].after > metrics.moved[0].before);
    }

    #[test]
    fn other_seeds_are_compared_as_two_groups() {
        let mut other = sample(&[1.0, 1.1, 0.9, 1.0], &[]);
        other.after = (10..).zip([5.0, 5.1, 4.9, 5.0]).collect();
        let metrics = Metrics::new(vec![other]);
        assert!(metrics.moved.len() == 1 && !metrics.moved[0].paired);
    }
}
