//! What the hyper-parameters do: dropout, scaled inputs and cutout, each example with its own strengths.
//!
//! All of them multiply, so the host draws one factor per input and per hidden unit, and uploads them once per step.
//! The same numbers are drawn whatever the strengths, so that all arms of a seed share their noise.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// What a hyper-parameter controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Dropout rate of the inputs.
    InputDropout,
    /// Dropout rate of the first hidden layer.
    HiddenDropout1,
    /// Dropout rate of the second hidden layer.
    HiddenDropout2,
    /// One dropout rate for the inputs and both hidden layers.
    SharedDropout,
    /// Width a of the factor of the inputs, uniform from 1/(1 + a) to 1 + a.
    InputScaling,
    /// Side of the square that is cut out of the image, in pixels.
    CutoutLength,
}

impl Target {
    /// The name in metrics and series.
    pub fn name(self) -> &'static str {
        match self {
            Target::InputDropout => "input_dropout",
            Target::HiddenDropout1 => "hidden_dropout_1",
            Target::HiddenDropout2 => "hidden_dropout_2",
            Target::SharedDropout => "shared_dropout",
            Target::InputScaling => "input_scaling",
            Target::CutoutLength => "cutout_length",
        }
    }

    /// Whether it is a dropout rate.
    pub fn is_dropout(self) -> bool {
        !matches!(self, Target::InputScaling | Target::CutoutLength)
    }
}

/// Strengths for one example.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Strengths {
    /// Dropout rate of the inputs, in [0, 1).
    pub input_dropout: f64,
    /// Dropout rates of the hidden layers, in [0, 1).
    pub hidden_dropout: [f64; 2],
    /// Width of the factor of the inputs, at least 0.
    pub input_scaling: f64,
    /// Side of the cut square, at least 0; only whole pixels count.
    pub cutout_length: f64,
}

impl Strengths {
    /// Strengths from the values of hyper-parameters; what no hyper-parameter controls is off.
    pub fn new(targets: &[Target], values: &[f64]) -> Self {
        let mut strengths = Strengths::default();
        for (target, value) in targets.iter().zip(values) {
            match target {
                Target::InputDropout => strengths.input_dropout = *value,
                Target::HiddenDropout1 => strengths.hidden_dropout[0] = *value,
                Target::HiddenDropout2 => strengths.hidden_dropout[1] = *value,
                Target::SharedDropout => {
                    strengths.input_dropout = *value;
                    strengths.hidden_dropout = [*value; 2];
                }
                Target::InputScaling => strengths.input_scaling = *value,
                Target::CutoutLength => strengths.cutout_length = *value,
            }
        }
        strengths
    }
}

/// Sizes of what is regularised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Units of each hidden layer.
    pub hidden: usize,
}

/// Factors of a batch, row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Factors {
    /// Of the inputs, `[B, height·width]`.
    pub inputs: Vec<f32>,
    /// Of the units of both hidden layers, `[B, hidden]` each.
    pub hidden: [Vec<f32>; 2],
}

impl Factors {
    /// Draws the factors of a batch, one entry of `strengths` per example.
    pub fn draw(strengths: impl IntoIterator<Item = Strengths>, sizes: Sizes, rng: &mut impl Rng) -> Self {
        let mut factors = Factors::default();
        for example in strengths {
            let (wide, place): (f64, f64) = (1.0 + example.input_scaling, rng.random());
            let scale = (1.0 / wide + (wide - 1.0 / wide) * place) as f32;
            let rows = cut(example.cutout_length, sizes.height, rng);
            let columns = cut(example.cutout_length, sizes.width, rng);
            for y in 0..sizes.height {
                for x in 0..sizes.width {
                    let kept = kept(example.input_dropout, rng);
                    let inside = rows.contains(&y) && columns.contains(&x);
                    factors.inputs.push(if inside { 0.0 } else { scale * kept });
                }
            }
            for (layer, rate) in factors.hidden.iter_mut().zip(example.hidden_dropout) {
                layer.extend((0..sizes.hidden).map(|_| kept(rate, rng)));
            }
        }
        factors
    }
}

/// 0 with probability `rate`, else 1/(1 − rate).
fn kept(rate: f64, rng: &mut impl Rng) -> f32 {
    let draw: f32 = rng.random();
    if draw < rate as f32 { 0.0 } else { (1.0 / (1.0 - rate)) as f32 }
}

/// The pixels of one axis under a hole whose centre is uniform on the axis.
fn cut(length: f64, size: usize, rng: &mut impl Rng) -> std::ops::Range<usize> {
    let length = length.max(0.0) as usize;
    let centre = rng.random_range(0..size.max(1));
    let start = centre as isize - (length / 2) as isize;
    start.max(0) as usize..((start + length as isize).max(0) as usize).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { height: 8, width: 8, hidden: 50 };

    fn draw(strengths: Strengths, count: usize) -> Factors {
        Factors::draw(vec![strengths; count], SIZES, &mut harness_core::rng::stream("test", "factors", 0))
    }

    #[test]
    fn without_strengths_nothing_changes() {
        let factors = draw(Strengths::default(), 3);
        assert!(factors.inputs.iter().chain(factors.hidden.iter().flatten()).all(|factor| *factor == 1.0));
        assert_eq!((factors.inputs.len(), factors.hidden[1].len()), (3 * 64, 150));
    }

    #[test]
    fn dropout_keeps_the_mean_and_each_example_has_its_own_rate() {
        let rates = [0.2, 0.8];
        let strengths = (0..2000).map(|at| Strengths::new(&[Target::SharedDropout], &[rates[at % 2]]));
        let factors = Factors::draw(strengths, SIZES, &mut harness_core::rng::stream("test", "factors", 0));
        for (parity, rate) in rates.into_iter().enumerate() {
            for (layer, width) in [(&factors.inputs, 64), (&factors.hidden[0], 50), (&factors.hidden[1], 50)] {
                let own: Vec<f32> =
                    layer.chunks_exact(width).skip(parity).step_by(2).flat_map(<[f32]>::to_vec).collect();
                let dropped = own.iter().filter(|factor| **factor == 0.0).count() as f64 / own.len() as f64;
                let mean = own.iter().map(|factor| f64::from(*factor)).sum::<f64>() / own.len() as f64;
                assert!((dropped - rate).abs() < 0.02 && (mean - 1.0).abs() < 0.05, "{rate}: {dropped}, {mean}");
            }
        }
    }

    #[test]
    fn the_hole_is_a_square_of_whole_pixels_that_may_stick_out() {
        let strengths = Strengths::new(&[Target::CutoutLength], &[3.0]);
        let factors = draw(strengths, 500);
        let holes: Vec<usize> =
            factors.inputs.chunks_exact(64).map(|image| image.iter().filter(|f| **f == 0.0).count()).collect();
        assert!(holes.iter().all(|hole| [4, 6, 9].contains(hole)), "{holes:?}");
        assert!(holes.contains(&9) && holes.contains(&4));
        let whole = draw(Strengths::new(&[Target::CutoutLength], &[24.0]), 50);
        assert!(whole.inputs.iter().all(|factor| *factor == 0.0));
    }

    #[test]
    fn the_factor_of_the_inputs_is_one_per_example_between_its_ends() {
        let factors = draw(Strengths::new(&[Target::InputScaling], &[0.25]), 500);
        let scales: Vec<f32> = factors.inputs.chunks_exact(64).map(|image| image[0]).collect();
        assert!(factors.inputs.chunks_exact(64).all(|image| image.iter().all(|factor| *factor == image[0])));
        assert!(scales.iter().all(|scale| (0.8..=1.25).contains(scale)));
        assert!(scales.iter().any(|scale| *scale < 0.83) && scales.iter().any(|scale| *scale > 1.22));
    }

    #[test]
    fn arms_share_their_noise() {
        let weak = draw(Strengths::new(&[Target::SharedDropout], &[0.1]), 5);
        let strong = draw(Strengths::new(&[Target::SharedDropout], &[0.5]), 5);
        for (weak, strong) in weak.hidden[1].iter().zip(&strong.hidden[1]) {
            assert!(*weak != 0.0 || *strong == 0.0, "dropped at 0.1, so also at 0.5");
        }
    }
}
