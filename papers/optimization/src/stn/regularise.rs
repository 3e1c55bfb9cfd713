//! What hyper-parameters do to images: dropout, scaled inputs, cutout and colour, each example with its own strengths.
//!
//! All but colour multiply, so the host draws one factor per input and per unit, and uploads them once per step.
//! The same numbers are drawn whatever the strengths, so that all arms of a seed share their noise.

use rand::{Rng, RngExt};

use super::colour::ColourChange;
use super::strengths::{Strengths, Target};

/// Sizes of what is regularised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Planes of the image.
    pub channels: usize,
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
    /// Most squares that are ever cut out.
    pub holes: usize,
    /// Whether the colours change.
    pub colour: bool,
    /// What is dropped by which rate: units of a layer, or channels of a convolution, in the order of the network.
    pub units: Vec<(Target, usize)>,
}

/// Factors of a batch, row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Factors {
    /// Of the inputs, `[B, channels·height·width]`.
    pub inputs: Vec<f32>,
    /// Of the units, `[B, width]` for each entry of [`Sizes::units`].
    pub units: Vec<Vec<f32>>,
    /// Of the colours, one per example; empty where they do not change.
    pub colour: Vec<ColourChange>,
}

impl Factors {
    /// Draws the factors of a batch, one entry of `strengths` per example.
    pub fn draw(strengths: &[Strengths], sizes: &Sizes, rng: &mut impl Rng) -> Self {
        let mut factors = Factors { units: vec![Vec::new(); sizes.units.len()], ..Factors::default() };
        for example in strengths {
            let scale = around_one(example.of(Target::InputScaling), rng) as f32;
            let holes: Vec<_> = (0..sizes.holes)
                .map(|hole| {
                    let open = (hole as f64) < example.of(Target::CutoutHoles).floor();
                    let length = if open { example.of(Target::CutoutLength) } else { 0.0 };
                    (cut(length, sizes.height, rng), cut(length, sizes.width, rng))
                })
                .collect();
            for _ in 0..sizes.channels {
                for y in 0..sizes.height {
                    for x in 0..sizes.width {
                        let kept = kept(example.of(Target::InputDropout), rng);
                        let inside = holes.iter().any(|(rows, columns)| rows.contains(&y) && columns.contains(&x));
                        factors.inputs.push(if inside { 0.0 } else { scale * kept });
                    }
                }
            }
            for (layer, (target, width)) in factors.units.iter_mut().zip(&sizes.units) {
                layer.extend((0..*width).map(|_| kept(example.of(*target), rng)));
            }
            if sizes.colour {
                factors.colour.push(ColourChange::draw(example, rng));
            }
        }
        factors
    }
}

/// Uniform from 1/(1 + a) to 1 + a.
fn around_one(a: f64, rng: &mut impl Rng) -> f64 {
    let (wide, place): (f64, f64) = (1.0 + a, rng.random());
    1.0 / wide + (wide - 1.0 / wide) * place
}

/// 0 with probability `rate`, else 1/(1 − rate).
pub fn kept(rate: f64, rng: &mut impl Rng) -> f32 {
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

    fn sizes() -> Sizes {
        let units = vec![(Target::HiddenDropout1, 50), (Target::HiddenDropout2, 50)];
        Sizes { channels: 1, height: 8, width: 8, holes: 1, colour: false, units }
    }

    fn rng() -> harness_core::rng::Stream {
        harness_core::rng::stream("test", "factors", 0)
    }

    fn draw(strengths: Strengths, count: usize) -> Factors {
        Factors::draw(&vec![strengths; count], &sizes(), &mut rng())
    }

    fn only(target: Target, value: f64) -> Strengths {
        Strengths::default().with(target, value)
    }

    #[test]
    fn without_strengths_nothing_changes() {
        let factors = draw(Strengths::default(), 3);
        assert!(factors.inputs.iter().chain(factors.units.iter().flatten()).all(|factor| *factor == 1.0));
        assert_eq!((factors.inputs.len(), factors.units[1].len()), (3 * 64, 150));
    }

    #[test]
    fn dropout_keeps_the_mean_and_each_example_has_its_own_rate() {
        let rates = [0.2, 0.8];
        let strengths: Vec<Strengths> = (0..2000).map(|at| only(Target::SharedDropout, rates[at % 2])).collect();
        let factors = Factors::draw(&strengths, &sizes(), &mut rng());
        for (parity, rate) in rates.into_iter().enumerate() {
            for (layer, width) in [(&factors.inputs, 64), (&factors.units[0], 50), (&factors.units[1], 50)] {
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
        let factors = draw(only(Target::CutoutLength, 3.0), 500);
        let holes: Vec<usize> =
            factors.inputs.chunks_exact(64).map(|image| image.iter().filter(|f| **f == 0.0).count()).collect();
        assert!(holes.iter().all(|hole| [4, 6, 9].contains(hole)), "{holes:?}");
        assert!(holes.contains(&9) && holes.contains(&4));
        let whole = draw(only(Target::CutoutLength, 24.0), 50);
        assert!(whole.inputs.iter().all(|factor| *factor == 0.0));
    }

    #[test]
    fn holes_are_counted_in_whole_numbers_and_go_through_all_planes() {
        let colour = Sizes { channels: 3, height: 32, width: 32, holes: 3, ..sizes() };
        let cut = |holes: f64| -> Vec<Vec<bool>> {
            let strengths = only(Target::CutoutLength, 1.0).with(Target::CutoutHoles, holes);
            let factors = Factors::draw(&vec![strengths; 100], &colour, &mut rng());
            factors.inputs.chunks_exact(32 * 32).map(|plane| plane.iter().map(|f| *f == 0.0).collect()).collect()
        };
        for (holes, most) in [(0.9, 0), (1.0, 1), (2.7, 2), (3.0, 3)] {
            let planes = cut(holes);
            assert!(planes.chunks_exact(3).all(|image| image[0] == image[1] && image[1] == image[2]));
            let counts: Vec<usize> = planes.iter().map(|plane| plane.iter().filter(|cut| **cut).count()).collect();
            assert_eq!(counts.iter().max(), Some(&most), "{holes} holes");
        }
    }

    #[test]
    fn the_factor_of_the_inputs_is_one_per_example_between_its_ends() {
        let factors = draw(only(Target::InputScaling, 0.25), 500);
        let scales: Vec<f32> = factors.inputs.chunks_exact(64).map(|image| image[0]).collect();
        assert!(factors.inputs.chunks_exact(64).all(|image| image.iter().all(|factor| *factor == image[0])));
        assert!(scales.iter().all(|scale| (0.8..=1.25).contains(scale)));
        assert!(scales.iter().any(|scale| *scale < 0.83) && scales.iter().any(|scale| *scale > 1.22));
    }

    #[test]
    fn arms_share_their_noise() {
        let weak = draw(only(Target::SharedDropout, 0.1), 5);
        let strong = draw(only(Target::SharedDropout, 0.5), 5);
        for (weak, strong) in weak.units[1].iter().zip(&strong.units[1]) {
            assert!(*weak != 0.0 || *strong == 0.0, "dropped at 0.1, so also at 0.5");
        }
    }
}
