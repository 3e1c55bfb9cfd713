//! Two domains of images: as they are, and blended with a background.

use harness_core::data::load::{Split, mnist_like};
use harness_core::prelude::*;
use papers_kit::bumps::{bumps, bumps_of_classes};
use papers_kit::image_set::{ImageSet, ImageSize};
use papers_kit::photos::{Photo, read_photos};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::settings::{ImageSizes, ReidSizes};

const DIGITS: &str = "mnist";
const PHOTOGRAPHS: &str = "bsds500";
const CHARACTERS: &str = "omniglot";
/// Height and width.
const SIDE: usize = 28;
/// Cells of the grid of random values that a fog is enlarged from, each way.
const FOG_GRID: usize = 5;
const FOG_NOISE: f32 = 0.1;

/// A source and a target domain. The labels of the target are for the upper bound and for the test only.
pub struct Domains {
    /// Labelled training images.
    pub source: ImageSet,
    /// Training images of the target.
    pub target: ImageSet,
    /// Test images of the source.
    pub source_test: ImageSet,
    /// Test images of the target.
    pub target_test: ImageSet,
}

impl Domains {
    /// Intensities minus their mean, over their standard deviation, both over all training pixels of the two domains
    /// together: one pair of numbers for all images, so that the domains stay as far apart as they are.
    fn standardised(mut self) -> Self {
        let pixels = || self.source.pixels.iter().chain(&self.target.pixels).map(|value| f64::from(*value));
        let count = pixels().count().max(1) as f64;
        let mean = pixels().sum::<f64>() / count;
        let deviation = (pixels().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-6);
        for set in [&mut self.source, &mut self.target, &mut self.source_test, &mut self.target_test] {
            for pixel in &mut set.pixels {
                *pixel = ((f64::from(*pixel) - mean) / deviation) as f32;
            }
        }
        self
    }
}

/// Digits (or bumps where there are none): the source as it is, the target as |background − digit|, no digit in two of
/// the four sets.
///
/// # Errors
/// That of the data sets.
pub fn digits(sizes: &ImageSizes, trial: &Trial, lab: &mut Lab) -> Result<Domains> {
    let mut rng = lab.rng("split");
    let (train, test) = match open(DIGITS, trial, lab)? {
        Data::Real(set) => {
            let mut draw =
                |split, count| -> Result<ImageSet> { ImageSet::draw(&mnist_like(&set, split)?, 2 * count, &mut rng) };
            (draw(Split::Train, sizes.train)?, draw(Split::Test, sizes.test)?)
        }
        Data::Synthetic => {
            let mut draw = |count| bumps(10, 2 * count, SIDE, SIDE, &mut rng);
            (draw(sizes.train), draw(sizes.test))
        }
    };
    let (source, mut target) = halves(&train);
    let (source_test, mut target_test) = halves(&test);
    let [for_training, for_test] = Backgrounds::open(sizes.photographs, trial, lab)?;
    let mut rng = lab.rng("backgrounds");
    for_training.blend(&mut target, &mut rng);
    for_test.blend(&mut target_test, &mut rng);
    Ok(Domains { source, target, source_test, target_test }.standardised())
}

/// Drawn characters (or bumps): the source thin and as it is, the target thickened and blended with a background. The
/// characters of source, target and test are different ones. The target's test set holds, for each character, its drawings one
/// after the other; that of the source holds the same drawings in the source's style.
///
/// # Errors
/// [`Error::Input`] where more characters are asked for than there are; that of the data sets.
pub fn characters(sizes: &ReidSizes, photographs: [usize; 2], trial: &Trial, lab: &mut Lab) -> Result<Domains> {
    let ReidSizes { characters, drawings } = *sizes;
    let mut rng = lab.rng("split");
    let [source, mut target, test] = match open(CHARACTERS, trial, lab)? {
        Data::Real(set) => {
            let files = read_photos(&set, "images_background.zip", Some(SIDE as u32), |name| name.ends_with(".png"))?;
            glyphs(files, characters, drawings, &mut rng)?
        }
        Data::Synthetic => [0, 1, 2].map(|part| {
            let first = 100 + (part * characters) as u64;
            let set = bumps_of_classes(first, characters, 4 * characters * drawings, SIDE, SIDE, &mut rng);
            first_of_each(&set, drawings)
        }),
    };
    let source_test = test.clone();
    let mut target_test = test;
    let [for_training, for_test] = Backgrounds::open(photographs, trial, lab)?;
    let mut rng = lab.rng("backgrounds");
    thicken(&mut target);
    thicken(&mut target_test);
    for_training.blend(&mut target, &mut rng);
    for_test.blend(&mut target_test, &mut rng);
    Ok(Domains { source, target, source_test, target_test }.standardised())
}

/// Opens a set where the trial's block names it; profiles without data generate it.
pub fn open(id: &str, trial: &Trial, lab: &mut Lab) -> Result<Data> {
    if trial.data.contains_key(id) { lab.data(id) } else { Ok(Data::Synthetic) }
}

fn halves(set: &ImageSet) -> (ImageSet, ImageSet) {
    let half = set.len() / 2;
    let rest = ImageSet {
        pixels: set.pixels.iter().skip(half * set.size.values()).copied().collect(),
        labels: set.labels.iter().skip(half).copied().collect(),
        ..*set
    };
    (set.first(half), rest)
}

/// Three sets of `count` characters each, `drawings` drawings one after the other, ink 1 on 0.
fn glyphs(files: Vec<(String, Photo)>, count: usize, drawings: usize, rng: &mut impl Rng) -> Result<[ImageSet; 3]> {
    let mut by_character: std::collections::BTreeMap<String, Vec<Photo>> = Default::default();
    for (name, photo) in files {
        if let Some((character, _)) = name.rsplit_once('/') {
            by_character.entry(character.to_owned()).or_default().push(photo);
        }
    }
    let mut characters: Vec<Vec<Photo>> = by_character.into_values().filter(|drawn| drawn.len() >= drawings).collect();
    if characters.len() < 3 * count {
        return Err(Error::Input(format!(
            "reid.characters: three times {count} characters with {drawings} drawings are asked for, there are {}",
            characters.len()
        )));
    }
    characters.shuffle(rng);
    let size = ImageSize { channels: 1, height: SIDE, width: SIDE };
    let part = |part: usize| {
        let chosen = characters.iter().skip(part * count).take(count).enumerate();
        let images = chosen.flat_map(|(label, drawn)| drawn.iter().take(drawings).map(move |photo| (label, photo)));
        let mut set = ImageSet { pixels: Vec::new(), labels: Vec::new(), size, classes: count };
        for (label, photo) in images {
            set.pixels.extend(photo.pixels.iter().map(|value| 1.0 - value));
            set.labels.push(label);
        }
        set
    };
    Ok([part(0), part(1), part(2)])
}

/// Up to `count` images of each class, class by class.
fn first_of_each(set: &ImageSet, count: usize) -> ImageSet {
    let order: Vec<usize> = (0..set.classes)
        .flat_map(|class| (0..set.len()).filter(move |at| set.labels.get(*at) == Some(&class)).take(count))
        .collect();
    ImageSet {
        pixels: order.iter().flat_map(|at| set.image(*at).to_vec()).collect(),
        labels: order.iter().filter_map(|at| set.labels.get(*at).copied()).collect(),
        ..*set
    }
}

/// Each pixel becomes the largest of its 3×3 neighbourhood.
fn thicken(set: &mut ImageSet) {
    let ImageSize { height, width, .. } = set.size;
    for image in set.pixels.chunks_exact_mut((height * width).max(1)) {
        let thin = image.to_vec();
        for (at, pixel) in image.iter_mut().enumerate() {
            let (y, x) = (at / width, at % width);
            for near_y in y.saturating_sub(1)..(y + 2).min(height) {
                for near_x in x.saturating_sub(1)..(x + 2).min(width) {
                    *pixel = pixel.max(thin[near_y * width + near_x]);
                }
            }
        }
    }
}

/// Where backgrounds come from.
enum Backgrounds {
    Photographs(Vec<Photo>),
    Fog,
}

impl Backgrounds {
    /// Those for training and those for the test, from different photographs.
    fn open(counts: [usize; 2], trial: &Trial, lab: &mut Lab) -> Result<[Self; 2]> {
        let Data::Real(set) = open(PHOTOGRAPHS, trial, lab)? else {
            return Ok([Backgrounds::Fog, Backgrounds::Fog]);
        };
        let read = |archive: &str, count: usize| -> Result<Self> {
            let names = std::cell::Cell::new(0);
            let photos = read_photos(&set, archive, None, |name| {
                let wanted = name.ends_with(".jpg") && names.get() < count;
                names.set(names.get() + usize::from(wanted));
                wanted
            })?;
            if photos.is_empty() {
                return Err(Error::Failed(format!("{PHOTOGRAPHS}: {archive} holds no photograph")));
            }
            Ok(Backgrounds::Photographs(photos.into_iter().map(|(_, photo)| photo).collect()))
        };
        Ok([read("train.zip", counts[0])?, read("test.zip", counts[1])?])
    }

    fn draw(&self, rng: &mut impl Rng) -> Vec<f32> {
        match self {
            Backgrounds::Fog => fog(rng),
            Backgrounds::Photographs(photos) => {
                let at = rng.random_range(0..photos.len().max(1));
                match photos.get(at) {
                    Some(photo) => photo.crop(SIDE, rng),
                    None => fog(rng),
                }
            }
        }
    }

    /// x ← |background − x|, a background for each image.
    fn blend(&self, set: &mut ImageSet, rng: &mut impl Rng) {
        for image in set.pixels.chunks_exact_mut(SIDE * SIDE) {
            for (pixel, background) in image.iter_mut().zip(self.draw(rng)) {
                *pixel = (background - *pixel).abs();
            }
        }
    }
}

/// A coarse grid of uniform values, its corners on the image's, enlarged by bilinear interpolation, with noise; in [0, 1].
fn fog(rng: &mut impl Rng) -> Vec<f32> {
    let grid: Vec<f32> = (0..FOG_GRID * FOG_GRID).map(|_| rng.random_range(0.0..1.0)).collect();
    let place = |at: usize| {
        let exact = at as f32 * (FOG_GRID - 1) as f32 / (SIDE - 1) as f32;
        let low = (exact as usize).min(FOG_GRID - 2);
        (low, exact - low as f32)
    };
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for (row, down) in (0..SIDE).map(place) {
        for (column, right) in (0..SIDE).map(place) {
            let at = |y: usize, x: usize| grid[(row + y) * FOG_GRID + column + x];
            let above = at(0, 0) * (1.0 - right) + at(0, 1) * right;
            let below = at(1, 0) * (1.0 - right) + at(1, 1) * right;
            let noise: f32 = rng.sample(StandardNormal);
            pixels.push((above * (1.0 - down) + below * down + FOG_NOISE * noise).clamp(0.0, 1.0));
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> harness_core::rng::Stream {
        harness_core::rng::stream("test", "images", 0)
    }

    #[test]
    fn fog_is_smooth_but_for_its_noise_and_covers_the_range() {
        let mut rng = stream();
        let pixels: Vec<f32> = (0..50).flat_map(|_| fog(&mut rng)).collect();
        assert_eq!(pixels.len(), 50 * SIDE * SIDE);
        assert!(pixels.iter().all(|value| (0.0..=1.0).contains(value)));
        let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        let neighbours: f32 =
            pixels.windows(2).map(|pair| (pair[0] - pair[1]).abs()).sum::<f32>() / (pixels.len() - 1) as f32;
        assert!((0.08..0.2).contains(&neighbours), "{neighbours}");
    }

    #[test]
    fn a_blend_is_the_distance_to_the_background() {
        let mut set = ImageSet {
            pixels: vec![1.0; SIDE * SIDE],
            labels: vec![0],
            size: ImageSize { channels: 1, height: SIDE, width: SIDE },
            classes: 1,
        };
        let photo = Photo { pixels: vec![0.25; 900], height: 30, width: 30 };
        Backgrounds::Photographs(vec![photo]).blend(&mut set, &mut stream());
        assert!(set.pixels.iter().all(|value| (value - 0.75).abs() < 1e-6));
    }

    #[test]
    fn one_mean_and_one_deviation_serve_all_images() {
        let set = |value: f32| ImageSet {
            pixels: vec![value, value + 0.2],
            labels: vec![0],
            size: ImageSize { channels: 1, height: 1, width: 2 },
            classes: 1,
        };
        let domains = Domains { source: set(0.0), target: set(0.6), source_test: set(0.4), target_test: set(0.3) };
        let Domains { source, target, source_test, .. } = domains.standardised();
        // Mean 0.4, deviation √0.1.
        let near = |found: f32, want: f32| assert!((found - want / 0.1f32.sqrt()).abs() < 1e-5, "{found} {want}");
        near(source.pixels[0], -0.4);
        near(target.pixels[1], 0.4);
        near(source_test.pixels[0], 0.0);
    }

    #[test]
    fn strokes_become_three_pixels_wide() {
        let mut set = bumps(2, 1, 5, 4, &mut stream());
        set.pixels = vec![0.0; 20];
        set.pixels[2 * 4 + 1] = 1.0;
        thicken(&mut set);
        let ink: Vec<usize> = (0..20).filter(|at| set.pixels[*at] == 1.0).collect();
        assert_eq!(ink, [4, 5, 6, 8, 9, 10, 12, 13, 14]);
    }

    #[test]
    fn characters_are_shared_out_without_overlap() {
        let drawn = |value: f32| Photo { pixels: vec![value; SIDE * SIDE], height: SIDE, width: SIDE };
        let files: Vec<(String, Photo)> = (0..7)
            .flat_map(|character| (0..3).map(move |drawing| (character, drawing)))
            .map(|(character, drawing)| (format!("a/c{character}/{drawing}.png"), drawn(character as f32 / 10.0)))
            .collect();
        let parts = glyphs(files.clone(), 2, 2, &mut stream()).unwrap();
        let mut seen: Vec<u32> = parts
            .iter()
            .flat_map(|part| {
                assert_eq!(part.labels, [0, 0, 1, 1]);
                [0, 2].map(|at| (part.image(at)[0] * 10.0).round() as u32)
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 6);
        assert!(glyphs(files, 3, 2, &mut stream()).is_err());
    }
}
