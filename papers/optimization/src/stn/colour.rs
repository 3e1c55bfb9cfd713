//! Random changes of an image's colours, each example with its own widths.

use burn::tensor::TensorData;
use harness_core::prelude::*;
use rand::{Rng, RngExt};

use super::strengths::{Strengths, Target};

/// Shares of red, green and blue in the brightness that people see (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// How the colours of one image change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourChange {
    /// Factor of all values.
    pub brightness: f32,
    /// Factor of the distance from the image's mean grey.
    pub contrast: f32,
    /// Factor of the distance of a pixel from its grey.
    pub saturation: f32,
    /// Turn of the hue, as a share of the colour circle.
    pub hue: f32,
}

impl ColourChange {
    /// No change.
    pub const NONE: ColourChange = ColourChange { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0 };

    /// Factors uniform from max(0, 1 − a) to 1 + a, and a turn uniform from −a to a, with each a of `strengths`.
    pub fn draw(strengths: &Strengths, rng: &mut impl Rng) -> Self {
        let mut factor = |target: Target| {
            let (width, place): (f64, f64) = (strengths.of(target), rng.random());
            let low = (1.0 - width).max(0.0);
            (low + (1.0 + width - low) * place) as f32
        };
        let (brightness, contrast) = (factor(Target::Brightness), factor(Target::Contrast));
        let saturation = factor(Target::Saturation);
        let place: f64 = rng.random();
        let hue = (strengths.of(Target::Hue) * (2.0 * place - 1.0)) as f32;
        ColourChange { brightness, contrast, saturation, hue }
    }

    /// Saturation and hue together, as a map of (red, green, blue), row-major: a pixel's distance from its grey is
    /// lengthened by the saturation, then turned about the grey axis.
    fn mixing(self) -> [f32; 9] {
        let angle = self.hue * std::f32::consts::TAU;
        let (sin, cos) = angle.sin_cos();
        let along = (1.0 - cos) / 3.0;
        let across = sin / 3f32.sqrt();
        let turn = |to: usize, from: usize| match (to + 3 - from) % 3 {
            0 => cos + along,
            1 => along + across,
            _ => along - across,
        };
        std::array::from_fn(|at| {
            let (to, from) = (at / 3, at % 3);
            let grey = LUMA.get(from).copied().unwrap_or_default();
            // A turn about the grey axis leaves grey as it is.
            self.saturation * turn(to, from) + (1.0 - self.saturation) * grey
        })
    }
}

/// Changes the colours of images: brightness, contrast, saturation, hue, in this order, clipped to 0 to 1 after each of
/// the first two and at the end.
///
/// **Definition.** v ← clip(b·v); v ← clip(m + c·(v − m)) with m the mean grey of the image; v ← clip(R(θ)·(g + s·(v − g)))
/// with g the grey of each pixel and R a rotation about the grey axis.
///
/// **Paper.** Section 4.2, the augmentation that is tuned on CIFAR-10 (arXiv 1903.03088).
///
/// **Arguments.** `images` `[B, 3·h·w]`, in 0 to 1, plane by plane; `changes` one per image.
///
/// **Differences.** The authors' library changes 8-bit images in a random order, and turns the hue in HSV.
///
/// **Errors.** [`Error::Input`] where the shapes do not agree.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::{ColourChange, change_colours};
/// let device = DeviceChoice::Cpu.open()?;
/// let red = Tensor::<2>::from_data([[1.0, 0.0, 0.0]], &device);
/// let turned = change_colours(red, &[ColourChange { hue: 1.0 / 3.0, ..ColourChange::NONE }])?;
/// let turned: Vec<f32> = turned.into_data().iter().collect();
/// assert!(turned[0] < 1e-6 && turned[1] > 0.999 && turned[2] < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn change_colours(images: Tensor<2>, changes: &[ColourChange]) -> Result<Tensor<2>> {
    let [rows, values] = images.dims();
    if changes.len() != rows || values % 3 != 0 || rows * values == 0 {
        return Err(Error::Input(format!(
            "{} changes of colour for images [{rows}, {values}]: expected one per image, and three planes",
            changes.len()
        )));
    }
    let device = images.device();
    let upload = |factors: Vec<f32>, shape: [usize; 3]| -> Tensor<3> {
        Tensor::from_data(TensorData::new(factors, shape), &device)
    };
    let of_each = |pick: fn(&ColourChange) -> f32| upload(changes.iter().map(pick).collect(), [rows, 1, 1]);
    let luma: Tensor<3> = upload(LUMA.to_vec(), [1, 3, 1]);
    let bright = (images.reshape([rows, 3, values / 3]) * of_each(|change| change.brightness)).clamp(0.0, 1.0);
    let grey = (bright.clone() * luma).sum_dim(1).mean_dim(2); // [b, 1, 1]
    let contrast = of_each(|change| change.contrast);
    let apart = (grey.clone() + (bright - grey) * contrast).clamp(0.0, 1.0);
    let mixing = upload(changes.iter().flat_map(|change| change.mixing()).collect(), [rows, 3, 3]);
    Ok(mixing.matmul(apart).clamp(0.0, 1.0).reshape([rows, values]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn changed(image: &[f32], change: ColourChange) -> Vec<f32> {
        let device = DeviceChoice::Cpu.open().unwrap();
        let images = Tensor::from_data(TensorData::new(image.to_vec(), [1, image.len()]), &device);
        read_f32(change_colours(images, &[change]).unwrap())
    }

    fn close(found: &[f32], want: &[f32]) {
        assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} instead of {want:?}");
    }

    /// Two pixels: planes of red, green, blue.
    const IMAGE: [f32; 6] = [0.2, 0.8, 0.4, 0.6, 0.1, 0.5];

    #[test]
    fn each_change_does_what_its_name_says() {
        let none = ColourChange::NONE;
        close(&changed(&IMAGE, none), &IMAGE);
        close(&changed(&IMAGE, ColourChange { brightness: 1.5, ..none }), &[0.3, 1.0, 0.6, 0.9, 0.15, 0.75]);
        let luma = |at: usize| 0.299 * IMAGE[at] + 0.587 * IMAGE[2 + at] + 0.114 * IMAGE[4 + at];
        let mean = (luma(0) + luma(1)) / 2.0;
        close(&changed(&IMAGE, ColourChange { contrast: 0.0, ..none }), &[mean; 6]);
        let grey = changed(&IMAGE, ColourChange { saturation: 0.0, hue: 0.3, ..none });
        close(&grey, &[luma(0), luma(1), luma(0), luma(1), luma(0), luma(1)]);
    }

    #[test]
    fn a_third_of_the_circle_changes_the_planes_around_and_a_whole_turn_nothing() {
        let none = ColourChange::NONE;
        let turned = changed(&IMAGE, ColourChange { hue: 1.0 / 3.0, ..none });
        close(&turned, &[0.1, 0.5, 0.2, 0.8, 0.4, 0.6]);
        close(&changed(&IMAGE, ColourChange { hue: 1.0, ..none }), &IMAGE);
    }

    #[test]
    fn draws_stay_in_their_widths_and_without_widths_nothing_changes() {
        let mut rng = harness_core::rng::stream("test", "colour", 0);
        let off = ColourChange::draw(&Strengths::default(), &mut rng);
        assert_eq!(off, ColourChange::NONE);
        let targets = [Target::Brightness, Target::Contrast, Target::Saturation, Target::Hue];
        let strengths = Strengths::default().with_all(&targets, &[0.2, 1.5, 0.4, 0.25]);
        let drawn: Vec<ColourChange> = (0..500).map(|_| ColourChange::draw(&strengths, &mut rng)).collect();
        let ends = |pick: fn(&ColourChange) -> f32| {
            drawn.iter().map(pick).fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        let near = |(low, high): (f32, f32), want: (f32, f32)| {
            assert!(low >= want.0 && low < want.0 + 0.03 && high <= want.1 && high > want.1 - 0.03, "{low} to {high}");
        };
        near(ends(|change| change.brightness), (0.8, 1.2));
        near(ends(|change| change.contrast), (0.0, 2.5));
        near(ends(|change| change.saturation), (0.6, 1.4));
        near(ends(|change| change.hue), (-0.25, 0.25));
    }

    #[test]
    fn shapes_that_do_not_agree_are_refused() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let refused = |rows: usize, values: usize, changes: usize| {
            change_colours(Tensor::zeros([rows, values], &device), &vec![ColourChange::NONE; changes]).is_err()
        };
        assert!(refused(2, 3, 1) && refused(1, 4, 1) && refused(0, 3, 0));
        assert!(!refused(2, 3, 2));
    }
}
