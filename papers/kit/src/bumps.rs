//! Synthetic images: classes are sums of Gaussian bumps, samples are shifted, scaled and noisy.

use harness_core::rng::Stream;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::StandardNormal;

use crate::image_set::{ImageSet, ImageSize};

/// Bumps of a class.
const BUMPS: usize = 6;
/// Largest shift of a sample, in pixels.
const SHIFT: i64 = 2;

/// `count` grey images of `classes` classes. The classes are the same for every stream (class k is drawn from a generator
/// seeded with 1000 + k); `rng` draws the samples.
///
/// Template of a class: six bumps sign·amplitude·exp(−‖p − c‖²/(2σ²)) with centre U(0.2, 0.8)² in units of the side,
/// σ ~ U(0.06, 0.16)·height, amplitude U(0.5, 1). Sample: clip(0.5 + 0.35·a·shifted template + 0.08·ε, 0, 1) with gain
/// a ~ U(0.7, 1.3), a whole shift of −2 to 2 pixels each way with zero fill, ε ~ N(0, 1) per pixel.
///
/// ```
/// let mut rng = harness_core::rng::stream("example", "images", 0);
/// let set = papers_kit::bumps::bumps(4, 20, 12, 12, &mut rng);
/// assert_eq!((set.len(), set.classes, set.pixels.len()), (20, 4, 20 * 144));
/// ```
pub fn bumps(classes: usize, count: usize, height: usize, width: usize, rng: &mut impl Rng) -> ImageSet {
    bumps_of_classes(0, classes, count, height, width, rng)
}

/// As [`bumps`], for the classes `first`, `first + 1` …, so that sets can have classes that no other has. Labels count
/// from 0.
pub fn bumps_of_classes(
    first: u64,
    classes: usize,
    count: usize,
    height: usize,
    width: usize,
    rng: &mut impl Rng,
) -> ImageSet {
    let templates: Vec<Vec<f32>> = (0..classes as u64).map(|class| template(first + class, height, width)).collect();
    let mut pixels = Vec::with_capacity(count * height * width);
    let mut labels = Vec::with_capacity(count);
    for _ in 0..if classes == 0 { 0 } else { count } {
        let label = rng.random_range(0..classes);
        let (down, right) = (rng.random_range(-SHIFT..=SHIFT), rng.random_range(-SHIFT..=SHIFT));
        let gain = rng.random_range(0.7f32..1.3);
        for (y, x) in (0..height as i64).flat_map(|y| (0..width as i64).map(move |x| (y, x))) {
            let (from_y, from_x) = (y - down, x - right);
            let inside = (0..height as i64).contains(&from_y) && (0..width as i64).contains(&from_x);
            let value = if inside { templates[label][from_y as usize * width + from_x as usize] } else { 0.0 };
            let noise: f32 = rng.sample(StandardNormal);
            pixels.push((0.5 + 0.35 * gain * value + 0.08 * noise).clamp(0.0, 1.0));
        }
        labels.push(label);
    }
    ImageSet { pixels, labels, size: ImageSize { channels: 1, height, width }, classes }
}

fn template(class: u64, height: usize, width: usize) -> Vec<f32> {
    let mut rng = Stream::seed_from_u64(1000 + class);
    let mut values = vec![0.0; height * width];
    for _ in 0..BUMPS {
        let centre_y = rng.random_range(0.2f64..0.8) * height as f64;
        let centre_x = rng.random_range(0.2f64..0.8) * width as f64;
        let sigma = rng.random_range(0.06f64..0.16) * height as f64;
        let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let amplitude = sign * rng.random_range(0.5f64..1.0);
        for (at, value) in values.iter_mut().enumerate() {
            let (y, x) = ((at / width) as f64, (at % width) as f64);
            let square = (y - centre_y).powi(2) + (x - centre_x).powi(2);
            *value += (amplitude * (-square / (2.0 * sigma * sigma)).exp()) as f32;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_differ_by_stream_and_classes_do_not() {
        let draw = |seed| bumps(3, 300, 12, 10, &mut harness_core::rng::stream("test", "bumps", seed));
        let (a, b) = (draw(0), draw(1));
        assert_eq!(a, draw(0));
        assert_ne!(a.pixels, b.pixels);
        // The mean image of a class is close from stream to stream, and far from that of another class.
        let mean = |set: &ImageSet, class: usize| -> Vec<f32> {
            let members: Vec<&[f32]> =
                (0..set.len()).filter(|i| set.labels[*i] == class).map(|i| set.image(i)).collect();
            (0..120).map(|p| members.iter().map(|image| image[p]).sum::<f32>() / members.len() as f32).collect()
        };
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let same = distance(&mean(&a, 0), &mean(&b, 0));
        let other = distance(&mean(&a, 0), &mean(&b, 1));
        assert!(same < 0.4 * other, "{same} and {other}");
        assert!(a.pixels.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn other_classes_are_others_and_none_give_none() {
        let stream = || harness_core::rng::stream("test", "bumps", 0);
        let a = bumps_of_classes(0, 2, 5, 8, 8, &mut stream());
        let b = bumps_of_classes(1000, 2, 5, 8, 8, &mut stream());
        assert_eq!(a.labels, b.labels);
        assert_ne!(a.pixels, b.pixels);
        assert!(bumps(0, 5, 8, 8, &mut stream()).is_empty());
    }
}
