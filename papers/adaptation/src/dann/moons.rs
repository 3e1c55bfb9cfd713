//! Inter-twinning moons, the target rotated: the toy problem of the paper.

use harness_core::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::deep::record_picture;
use super::distance::distance_between;
use super::settings::{Arm, Method, Moons};
use super::shallow::{Pair, Rows, ShallowNetwork, ShallowRule};

/// Standard deviation of a point around its half circle.
const NOISE: f64 = 0.05;
/// Points of each domain in the picture of the representation, and of each class in that of the plane.
const PICTURE_POINTS: usize = 150;
/// Lines each way along which the pictures look for boundaries.
const GRID: usize = 120;

/// Points of the plane with their classes.
#[derive(Debug, Clone, PartialEq)]
struct Points {
    places: Vec<[f64; 2]>,
    labels: Vec<usize>,
}

impl Points {
    /// `count` points, the classes in turn: (cos t, sin t) and (1 − cos t, ½ − sin t) with t uniform in [0, π] and normal
    /// noise.
    fn draw(count: usize, rng: &mut impl Rng) -> Self {
        let mut points = Points { places: Vec::with_capacity(count), labels: Vec::with_capacity(count) };
        for at in 0..count {
            let t = rng.random_range(0.0..=std::f64::consts::PI);
            let (x, y) = if at % 2 == 0 { (t.cos(), t.sin()) } else { (1.0 - t.cos(), 0.5 - t.sin()) };
            let mut noise = || NOISE * rng.sample::<f64, _>(StandardNormal);
            points.places.push([x + noise(), y + noise()]);
            points.labels.push(at % 2);
        }
        points
    }

    fn centre(&self) -> [f64; 2] {
        let count = self.places.len().max(1) as f64;
        [0, 1].map(|axis| self.places.iter().map(|place| place[axis]).sum::<f64>() / count)
    }

    /// Moved by −`centre`, doubled, and rotated counter-clockwise by `degrees`.
    fn placed(mut self, centre: [f64; 2], degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        for place in &mut self.places {
            let [x, y] = [2.0 * (place[0] - centre[0]), 2.0 * (place[1] - centre[1])];
            *place = [cos * x - sin * y, sin * x + cos * y];
        }
        self
    }

    fn rows(&self) -> Rows {
        rows_of(self.places.iter().copied())
    }
}

fn rows_of(places: impl Iterator<Item = [f64; 2]>) -> Rows {
    let mut rows = Rows::new(2);
    for [x, y] in places {
        rows.push([(0, x as f32), (1, y as f32)]);
    }
    rows
}

/// Source and target points, for training and, drawn afresh, for the test.
struct Domains {
    source: Points,
    target: Points,
    source_test: Points,
    target_test: Points,
}

impl Domains {
    fn draw(settings: &Moons, rng: &mut impl Rng) -> Self {
        let Moons { points, test, rotation, .. } = *settings;
        let source = Points::draw(points, rng);
        let centre = source.centre();
        let mut draw = |count, degrees| Points::draw(count, rng).placed(centre, degrees);
        let (target, source_test, target_test) = (draw(points, rotation), draw(test, 0.0), draw(test, rotation));
        Domains { source: source.placed(centre, 0.0), target, source_test, target_test }
    }
}

/// Trains an arm and records accuracies, the distance of the representations, and pictures.
///
/// # Errors
/// Where the run is interrupted.
pub fn run(arm: &Arm, settings: &Moons, lab: &mut Lab) -> Result<()> {
    let domains = Domains::draw(settings, &mut lab.rng("moons"));
    let mut network = ShallowNetwork::new(2, settings.hidden, 2, &mut lab.rng("init"));
    let rule = ShallowRule {
        learning_rate: settings.learning_rate,
        lambda: settings.lambda,
        adversarial: arm.method == Method::Dann,
    };
    let (source, target) = (domains.source.rows(), domains.target.rows());
    let mut order: Vec<usize> = (0..source.len()).collect();
    let mut rng = lab.rng("batches");
    for epoch in 0..settings.epochs {
        order.shuffle(&mut rng);
        for at in &order {
            let other = rng.random_range(0..target.len().max(1));
            let label = domains.source.labels.get(*at).copied().unwrap_or(0);
            network.step(&[Pair { source: source.row(*at), label, target: target.row(other) }], &rule)?;
        }
        let done = (epoch + 1) * source.len();
        lab.progress(done as u64, (settings.epochs * source.len()) as u64)?;
        if (epoch + 1) % settings.epochs.div_ceil(50) == 0 || epoch + 1 == settings.epochs {
            lab.series("target_accuracy", done as f64, accuracy(&network, &domains.target_test));
        }
    }
    record_shallow(&network, [&domains.source_test.rows(), &domains.target_test.rows()], PICTURE_POINTS, lab)?;
    lab.record("source_accuracy", accuracy(&network, &domains.source_test));
    lab.record("target_accuracy", accuracy(&network, &domains.target_test));
    record_plane(&network, &domains, lab);
    Ok(())
}

fn accuracy(network: &ShallowNetwork, points: &Points) -> f64 {
    share_right(network, &points.rows(), &points.labels)
}

/// Share of rows whose most probable class is their label.
pub fn share_right(network: &ShallowNetwork, rows: &Rows, labels: &[usize]) -> f64 {
    let right = rows.iter().zip(labels).filter(|(row, label)| network.predict(*row) == **label).count();
    right as f64 / rows.len() as f64
}

/// Records the domain classifier's accuracy on unseen rows of both domains (of equal weight), the proxy A-distance of their
/// representations, and a picture of these.
///
/// # Errors
/// [`Error::Diverged`] where a hidden unit is not finite.
pub fn record_shallow(
    network: &ShallowNetwork,
    [source, target]: [&Rows; 2],
    shown: usize,
    lab: &mut Lab,
) -> Result<()> {
    let width = network.hidden_units();
    let hidden = |rows: &Rows| -> Vec<f64> { rows.iter().flat_map(|row| network.hidden(row)).collect() };
    let (source, target) = (hidden(source), hidden(target));
    if let Some(bad) = source.iter().chain(&target).find(|value| !value.is_finite()) {
        return Err(Error::Diverged(format!("the training diverged: a hidden unit is {bad}")));
    }
    let as_source = |hidden: &[f64]| -> f64 {
        let rows = hidden.chunks_exact(width.max(1));
        let count = rows.len() as f64;
        rows.filter(|h| network.source_probability(h) > 0.5).count() as f64 / count
    };
    lab.record("domain_accuracy", 0.5 * (as_source(&source) + 1.0 - as_source(&target)));
    lab.record("pad", distance_between(&source, &target, width)?);
    let shown = shown.min(source.len() / width.max(1)).min(target.len() / width.max(1)) * width;
    let both: Vec<f64> = [&source, &target].into_iter().flat_map(|rows| rows.iter().take(shown).copied()).collect();
    record_picture(&both, width, lab);
    Ok(())
}

/// Records the training points and where the class and the domain boundary cross the lines of a grid.
fn record_plane(network: &ShallowNetwork, domains: &Domains, lab: &mut Lab) {
    let Domains { source, target, .. } = domains;
    for (place, label) in source.places.iter().zip(&source.labels).take(2 * PICTURE_POINTS) {
        lab.series(if *label == 0 { "plane_class_0" } else { "plane_class_1" }, place[0], place[1]);
    }
    for place in target.places.iter().take(PICTURE_POINTS) {
        lab.series("plane_target", place[0], place[1]);
    }
    let class = |h: &[f64]| network.class_probabilities(h).get(1).copied().unwrap_or(0.0) - 0.5;
    let domain = |h: &[f64]| network.source_probability(h) - 0.5;
    for (x, y) in crossings(|place| class(&hidden_at(network, place)), domains) {
        lab.series("plane_class_boundary", x, y);
    }
    for (x, y) in crossings(|place| domain(&hidden_at(network, place)), domains) {
        lab.series("plane_domain_boundary", x, y);
    }
}

fn hidden_at(network: &ShallowNetwork, place: [f64; 2]) -> Vec<f64> {
    network.hidden(rows_of(std::iter::once(place)).row(0))
}

/// Where `value` changes its sign along the lines of a grid over the training points, by linear interpolation.
fn crossings(value: impl Fn([f64; 2]) -> f64, domains: &Domains) -> Vec<(f64, f64)> {
    let places = || domains.source.places.iter().chain(&domains.target.places);
    let range = |axis: usize| {
        let low = places().map(|place| place[axis]).fold(f64::INFINITY, f64::min);
        let high = places().map(|place| place[axis]).fold(f64::NEG_INFINITY, f64::max);
        (low, (high - low) / (GRID - 1) as f64)
    };
    let (x, y) = (range(0), range(1));
    let at = |i: usize, j: usize| [x.0 + x.1 * i as f64, y.0 + y.1 * j as f64];
    let values: Vec<Vec<f64>> = (0..GRID).map(|i| (0..GRID).map(|j| value(at(i, j))).collect()).collect();
    let mut found = Vec::new();
    for (i, column) in values.iter().enumerate() {
        for (j, here) in column.iter().enumerate() {
            let right = values.get(i + 1).and_then(|next| next.get(j)).map(|there| (at(i + 1, j), there));
            let up = column.get(j + 1).map(|there| (at(i, j + 1), there));
            for (place, there) in [right, up].into_iter().flatten() {
                if (*here > 0.0) != (*there > 0.0) {
                    let share = here / (here - there);
                    let [from_x, from_y] = at(i, j);
                    found.push((from_x + share * (place[0] - from_x), from_y + share * (place[1] - from_y)));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_centred_and_the_target_rotated() {
        let settings = Moons {
            points: 40_000,
            test: 40_000,
            rotation: 90.0,
            hidden: 2,
            learning_rate: 0.1,
            lambda: 1.0,
            epochs: 1,
        };
        let domains = Domains::draw(&settings, &mut harness_core::rng::stream("test", "moons", 0));
        assert!(domains.source.centre().iter().all(|mean| mean.abs() < 1e-9));
        let spread = |points: &Points, axis: usize| {
            points.places.iter().map(|place| place[axis].powi(2)).sum::<f64>() / points.places.len() as f64
        };
        // A quarter turn exchanges the axes.
        let (source, target) = (&domains.source_test, &domains.target_test);
        let ratio = spread(source, 0) / spread(target, 1);
        assert!((ratio - 1.0).abs() < 0.03, "{ratio}");
        assert!(spread(source, 0) > 2.0 * spread(source, 1));
        // Class 0 lies above class 1 in the source; counter-clockwise, that is to the left in the target.
        let mean = |points: &Points, class: usize, axis: usize| {
            let of_class = points.places.iter().zip(&points.labels).filter(|(_, label)| **label == class);
            of_class.map(|(place, _)| place[axis]).sum::<f64>()
        };
        assert!(mean(source, 0, 1) > mean(source, 1, 1));
        assert!(mean(target, 0, 0) < mean(target, 1, 0));
    }

    #[test]
    fn boundaries_are_found_where_they_are() {
        let points = Points { places: vec![[-1.0, -1.0], [1.0, 1.0]], labels: vec![0, 1] };
        let domains = Domains {
            source: points.clone(),
            target: points.clone(),
            source_test: points.clone(),
            target_test: points,
        };
        let found = crossings(|[x, y]| x - 0.3 * y - 0.1, &domains);
        assert!(found.len() > GRID && found.iter().all(|(x, y)| (x - 0.3 * y - 0.1).abs() < 1e-9));
    }
}
