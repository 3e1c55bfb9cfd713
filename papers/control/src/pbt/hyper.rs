//! What is tuned: priors, bounds and the scale on which values move.

use harness_core::rng::Stream;
use harness_core::{Error, Result};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::explore::{clip, explore_perturb, explore_resample};

/// How a value is drawn, and on what scale factors act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Log-uniform; factors act on the value.
    Log,
    /// Uniform; factors act on the value.
    Linear,
    /// Uniform; factors act on the odds v/(1 − v), so that a probability stays one.
    Odds,
}

/// A hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyper {
    /// Lower end of the prior.
    pub low: f64,
    /// Upper end of the prior, and upper bound.
    pub high: f64,
    /// How it is drawn and moves.
    pub scale: Scale,
    /// Lower bound, where it is above the lower end: a value of 0 would never leave it by a factor.
    #[serde(default)]
    pub floor: Option<f64>,
    /// A value that a person would choose.
    pub tuned: f64,
}

impl Hyper {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::Input`] with what is impossible.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::Input(message));
        let Hyper { low, high, scale, tuned, .. } = *self;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return refuse(format!("low {low} must be below high {high}"));
        }
        if scale == Scale::Log && low <= 0.0 {
            return refuse(format!("low {low} must be above 0 on a logarithmic scale"));
        }
        if scale == Scale::Odds && !(low >= 0.0 && high < 1.0) {
            return refuse(format!("{low} to {high} must lie in [0, 1) on the scale of odds"));
        }
        if !(low..=high).contains(&self.bottom()) {
            return refuse(format!("floor {} must lie in {low} to {high}", self.bottom()));
        }
        if !(low..=high).contains(&tuned) {
            return refuse(format!("tuned {tuned} must lie in {low} to {high}"));
        }
        Ok(())
    }

    fn bottom(&self) -> f64 {
        self.floor.unwrap_or(self.low)
    }

    fn draw(&self, rng: &mut Stream) -> f64 {
        let share: f64 = rng.random();
        let value = match self.scale {
            Scale::Log => (self.low.ln() + (self.high.ln() - self.low.ln()) * share).exp(),
            Scale::Linear | Scale::Odds => self.low + (self.high - self.low) * share,
        };
        value.clamp(self.bottom(), self.high)
    }

    /// The value on the scale on which factors act.
    fn movable(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Log | Scale::Linear => value,
            Scale::Odds => value / (1.0 - value),
        }
    }

    fn moved(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Log | Scale::Linear => value,
            Scale::Odds => value / (1.0 + value),
        }
    }
}

/// How values are perturbed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Perturbation {
    /// By one of two factors, with probability ½ each.
    Factors {
        /// Below 1.
        down: f64,
        /// Above 1.
        up: f64,
    },
    /// By N(0, `std`²).
    Normal {
        /// Standard deviation.
        std: f64,
    },
}

/// All that is tuned, and how it is perturbed. Values stay within their bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Name and range of each.
    pub hypers: Vec<(&'static str, Hyper)>,
    /// How they are perturbed.
    pub perturbation: Perturbation,
}

impl Space {
    /// Checks every range and the perturbation.
    ///
    /// # Errors
    /// [`Error::Input`] naming the hyper-parameter.
    pub fn check(&self) -> Result<()> {
        for (name, hyper) in &self.hypers {
            hyper.check().map_err(|error| Error::Input(format!("{name}: {error}")))?;
        }
        let fine = match self.perturbation {
            Perturbation::Factors { down, up } => down > 0.0 && up > 0.0 && up.is_finite() && down.is_finite(),
            Perturbation::Normal { std } => std > 0.0 && std.is_finite(),
        };
        if fine { Ok(()) } else { Err(Error::Input("perturbation: factors and std must be above 0".into())) }
    }

    /// Values from the priors.
    pub fn draw(&self, rng: &mut Stream) -> Vec<f64> {
        self.hypers.iter().map(|(_, hyper)| hyper.draw(rng)).collect()
    }

    /// The values that a person would choose.
    pub fn tuned(&self) -> Vec<f64> {
        self.hypers.iter().map(|(_, hyper)| hyper.tuned).collect()
    }

    /// Perturbed values.
    ///
    /// # Errors
    /// [`Error::Input`] where the values are not as many as there are hyper-parameters.
    pub fn perturb(&self, values: &[f64], rng: &mut Stream) -> Result<Vec<f64>> {
        let on_scale = |value: fn(&Hyper) -> f64| -> Vec<f64> {
            self.hypers.iter().map(|(_, hyper)| hyper.movable(value(hyper))).collect()
        };
        let (lower, upper) = (on_scale(Hyper::bottom), on_scale(|hyper| hyper.high));
        let movable: Vec<f64> =
            self.hypers.iter().zip(values).map(|((_, hyper), value)| hyper.movable(*value)).collect();
        let moved = match self.perturbation {
            Perturbation::Factors { down, up } => {
                let switches: Vec<bool> = values.iter().map(|_| rng.random_bool(0.5)).collect();
                explore_perturb(&movable, &switches, down, up, Some(&lower), Some(&upper))?
            }
            Perturbation::Normal { std } => {
                let moved: Vec<f64> =
                    movable.iter().map(|value| value + std * rng.sample::<f64, _>(StandardNormal)).collect();
                clip(&moved, Some(&lower), Some(&upper))?
            }
        };
        Ok(self.hypers.iter().zip(moved).map(|((_, hyper), value)| hyper.moved(value)).collect())
    }

    /// Values of which each is drawn anew from its prior with this probability.
    ///
    /// # Errors
    /// As [`Space::perturb`].
    pub fn resample(&self, values: &[f64], probability: f64, rng: &mut Stream) -> Result<Vec<f64>> {
        let fresh = self.draw(rng);
        let switches: Vec<bool> = values.iter().map(|_| rng.random::<f64>() < probability).collect();
        explore_resample(values, &fresh, &switches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(perturbation: Perturbation) -> Space {
        let of = |low, high, scale, floor| Hyper { low, high, scale, floor, tuned: high };
        Space {
            hypers: vec![
                ("rate", of(1e-4, 1.0, Scale::Log, None)),
                ("dropout", of(0.0, 0.7, Scale::Odds, None)),
                ("smoothing", of(0.0, 0.3, Scale::Linear, Some(1e-3))),
            ],
            perturbation,
        }
    }

    fn stream() -> Stream {
        harness_core::rng::stream("test", "hyper", 0)
    }

    #[test]
    fn values_stay_in_their_bounds_however_often_they_are_perturbed() {
        for perturbation in [Perturbation::Factors { down: 0.5, up: 2.0 }, Perturbation::Normal { std: 0.3 }] {
            let space = space(perturbation);
            space.check().unwrap();
            let mut rng = stream();
            for _ in 0..200 {
                let mut values = space.draw(&mut rng);
                for _ in 0..20 {
                    values = space.perturb(&values, &mut rng).unwrap();
                    for (value, (name, hyper)) in values.iter().zip(&space.hypers) {
                        let range = hyper.bottom() - 1e-12..=hyper.high + 1e-12;
                        assert!(range.contains(value), "{name} = {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_probability_moves_on_its_odds() {
        let space = space(Perturbation::Factors { down: 0.8, up: 1.2 });
        let moved = space.perturb(&[0.1, 0.5, 0.1], &mut stream()).unwrap()[1];
        let expected = [1.2 / 2.2, 0.8 / 1.8];
        assert!(expected.iter().any(|value| (moved - value).abs() < 1e-12), "{moved}");
    }

    #[test]
    fn a_smoothing_of_zero_is_not_stuck() {
        let space = space(Perturbation::Factors { down: 0.8, up: 1.2 });
        assert!(space.perturb(&[0.1, 0.5, 0.0], &mut stream()).unwrap()[2] >= 1e-3);
    }

    #[test]
    fn about_a_quarter_is_resampled() {
        let space = space(Perturbation::Factors { down: 0.8, up: 1.2 });
        let mut rng = stream();
        let kept = (0..1000)
            .flat_map(|_| space.resample(&[0.5, 0.5, 0.2], 0.25, &mut rng).unwrap())
            .filter(|value| [0.5, 0.2].contains(value))
            .count();
        assert!((2150..2350).contains(&kept), "{kept} of 3000 kept");
    }

    #[test]
    fn impossible_ranges_are_refused_by_name() {
        for (low, high, scale, floor, tuned) in [
            (1.0, 0.5, Scale::Linear, None, 0.7),
            (0.0, 0.5, Scale::Log, None, 0.1),
            (0.0, 1.0, Scale::Odds, None, 0.1),
            (0.0, 0.5, Scale::Linear, Some(0.6), 0.1),
            (0.1, 0.5, Scale::Linear, None, 0.0),
            (f64::NAN, 0.5, Scale::Linear, None, 0.0),
        ] {
            let mut space = space(Perturbation::Normal { std: 0.1 });
            space.hypers = vec![("rate", Hyper { low, high, scale, floor, tuned })];
            assert!(space.check().unwrap_err().to_string().starts_with("rate: "));
        }
    }
}
