//! Sets of real images: random ones, and those that herding picks.

use papers_kit::image_set::ImageSet;
use rand::Rng;
use rand::seq::index::sample;

/// `ipc` different random images of each class, class by class; all of a class that has fewer.
pub fn random(set: &ImageSet, ipc: usize, rng: &mut impl Rng) -> Vec<usize> {
    (0..set.classes)
        .flat_map(|class| {
            let of_class: Vec<usize> = (0..set.len()).filter(|at| set.labels[*at] == class).collect();
            let drawn = sample(rng, of_class.len(), ipc.min(of_class.len()));
            drawn.into_iter().map(|at| of_class[at]).collect::<Vec<_>>()
        })
        .collect()
}

/// Herding in pixel space: image after image, the one that brings the mean of those picked nearest to the mean of its class.
/// Of equally near ones the first counts.
pub fn herding(set: &ImageSet, ipc: usize) -> Vec<usize> {
    let values = set.size.values();
    let mut picked = Vec::with_capacity(set.classes * ipc);
    for class in 0..set.classes {
        let mut left: Vec<usize> = (0..set.len()).filter(|at| set.labels[*at] == class).collect();
        let mut mean = vec![0.0f64; values];
        for at in &left {
            mean.iter_mut().zip(set.image(*at)).for_each(|(m, x)| *m += f64::from(*x) / left.len() as f64);
        }
        let mut sum = vec![0.0f64; values];
        for count in 1..=ipc.min(left.len()) {
            let distance = |at: usize| -> f64 {
                let sums = sum.iter().zip(set.image(at)).map(|(s, x)| (s + f64::from(*x)) / count as f64);
                sums.zip(&mean).map(|(s, m)| (s - m).powi(2)).sum()
            };
            let distances: Vec<f64> = left.iter().map(|at| distance(*at)).collect();
            let nearest = (0..left.len()).min_by(|a, b| distances[*a].total_cmp(&distances[*b])).unwrap_or(0);
            let at = left.remove(nearest);
            sum.iter_mut().zip(set.image(at)).for_each(|(s, x)| *s += f64::from(*x));
            picked.push(at);
        }
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;
    use papers_kit::image_set::ImageSize;

    fn line(pixels: &[f32], labels: &[usize], classes: usize) -> ImageSet {
        let size = ImageSize { channels: 1, height: 1, width: 1 };
        ImageSet { pixels: pixels.to_vec(), labels: labels.to_vec(), size, classes }
    }

    /// Class 0 has the mean 3: first the image at 4 (nearer than 1), then the one at 1, whose mean with 4 is 2.5.
    #[test]
    fn herding_follows_the_mean_of_the_picked() {
        let set = line(&[0.0, 4.0, 1.0, 7.0, 50.0], &[0, 0, 0, 0, 1], 2);
        assert_eq!(herding(&set, 1), [1, 4]);
        assert_eq!(herding(&set, 2), [1, 2, 4]);
        assert_eq!(herding(&set, 9).len(), 5);
    }

    #[test]
    fn random_images_are_of_their_class_and_different() {
        let labels: Vec<usize> = (0..30).map(|at| at % 3).collect();
        let set = line(&[0.0; 30], &labels, 3);
        let mut picked = random(&set, 4, &mut harness_core::rng::stream("test", "random", 0));
        let classes: Vec<usize> = picked.iter().map(|at| labels[*at]).collect();
        assert_eq!(classes, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        picked.sort_unstable();
        picked.dedup();
        assert_eq!(picked.len(), 12);
        assert_eq!(random(&set, 99, &mut harness_core::rng::stream("test", "random", 0)).len(), 30);
    }
}
