//! The tables: ADBench's classical ones, and four that are generated.

use std::f64::consts::TAU;

use harness_core::data::load::adbench;
use harness_core::prelude::*;
use harness_core::text::did_you_mean;
use papers_kit::scale::Scaling;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// The data set in the registry.
const REGISTERED: &str = "adbench-classical";

/// Rows with features and whether each is an outlier. Only the evaluation looks at the latter.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Features `[rows, columns]` row-major.
    pub values: Vec<f64>,
    /// Number of features.
    pub columns: usize,
    /// Whether each row is an outlier.
    pub outlier: Vec<bool>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.outlier.len()
    }

    /// Only these rows, in the order given.
    fn choose(&self, rows: &[usize]) -> Table {
        let values =
            rows.iter().flat_map(|row| &self.values[row * self.columns..(row + 1) * self.columns]).copied().collect();
        let outlier = rows.iter().map(|row| self.outlier[*row]).collect();
        Table { values, columns: self.columns, outlier }
    }

    /// At most `most` rows, drawn with the share of outliers kept (at least one outlier), in the order of the table.
    fn cut(&self, most: usize, rng: &mut impl Rng) -> Table {
        if self.rows() <= most {
            return self.clone();
        }
        let (mut outliers, mut inliers): (Vec<usize>, Vec<usize>) =
            (0..self.rows()).partition(|row| self.outlier[*row]);
        let share = outliers.len() as f64 / self.rows() as f64;
        let kept = ((share * most as f64).round() as usize).max(1).min(outliers.len());
        outliers.shuffle(rng);
        inliers.shuffle(rng);
        outliers.truncate(kept);
        inliers.truncate(most - kept);
        let mut rows = [outliers, inliers].concat();
        rows.sort_unstable();
        self.choose(&rows)
    }
}

/// A generated table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generated {
    /// Three Gaussian clusters in 10 dimensions, 5 % uniform outliers.
    Clusters,
    /// A ring in 5 dimensions, 5 % outliers beside it.
    Ring,
    /// Two blocks of correlated features, 5 % outliers that break the correlation.
    Correlated,
    /// A dense cluster in 8 dimensions and a small far one of 3 %, which is the outliers.
    FarCluster,
}

impl Generated {
    /// All of them.
    pub const ALL: [Generated; 4] =
        [Generated::Clusters, Generated::Ring, Generated::Correlated, Generated::FarCluster];

    /// Name in `paper.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Generated::Clusters => "clusters",
            Generated::Ring => "ring",
            Generated::Correlated => "correlated",
            Generated::FarCluster => "far_cluster",
        }
    }

    /// Draws a table; inliers come first.
    pub fn table(self, rows: usize, rng: &mut impl Rng) -> Table {
        let share = if self == Generated::FarCluster { 0.03 } else { 0.05 };
        let outliers = ((share * rows as f64).round() as usize).max(2).min(rows);
        let outlier: Vec<bool> = (0..rows).map(|row| row >= rows - outliers).collect();
        let (columns, values) = match self {
            Generated::Clusters => (10, clusters(&outlier, rng)),
            Generated::Ring => (5, ring(&outlier, rng)),
            Generated::Correlated => (10, correlated(&outlier, rng)),
            Generated::FarCluster => (8, far_cluster(&outlier, rng)),
        };
        Table { values, columns, outlier }
    }
}

fn normal(rng: &mut impl Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn clusters(outlier: &[bool], rng: &mut impl Rng) -> Vec<f64> {
    let centres: Vec<f64> = (0..30).map(|_| rng.random_range(-4.0..4.0)).collect();
    let mut values = Vec::with_capacity(10 * outlier.len());
    for (row, outlier) in outlier.iter().enumerate() {
        for feature in 0..10 {
            values.push(if *outlier {
                rng.random_range(-6.0..6.0)
            } else {
                centres[row % 3 * 10 + feature] + normal(rng)
            });
        }
    }
    values
}

fn ring(outlier: &[bool], rng: &mut impl Rng) -> Vec<f64> {
    // A random plane: two directions, made orthogonal and of length 1.
    let mut first: Vec<f64> = (0..5).map(|_| normal(rng)).collect();
    let mut second: Vec<f64> = (0..5).map(|_| normal(rng)).collect();
    let unit = |v: &mut [f64]| {
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter_mut().for_each(|x| *x /= length);
    };
    unit(&mut first);
    let along: f64 = first.iter().zip(&second).map(|(a, b)| a * b).sum();
    second.iter_mut().zip(&first).for_each(|(b, a)| *b -= along * a);
    unit(&mut second);
    let mut values = Vec::with_capacity(5 * outlier.len());
    for outlier in outlier {
        let angle = rng.random_range(0.0..TAU);
        let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let radius = if *outlier { 3.0 + side * rng.random_range(0.5..1.0) } else { 3.0 };
        for (a, b) in first.iter().zip(&second) {
            values.push(radius * (angle.cos() * a + angle.sin() * b) + 0.1 * normal(rng));
        }
    }
    values
}

fn correlated(outlier: &[bool], rng: &mut impl Rng) -> Vec<f64> {
    let mut values = Vec::with_capacity(10 * outlier.len());
    for outlier in outlier {
        for _block in 0..2 {
            let shared = normal(rng);
            for _feature in 0..5 {
                // An outlier has features of the same distribution that do not go together.
                let own = if *outlier { normal(rng) } else { shared };
                values.push(own + 0.2 * normal(rng));
            }
        }
    }
    values
}

fn far_cluster(outlier: &[bool], rng: &mut impl Rng) -> Vec<f64> {
    let mut values = Vec::with_capacity(8 * outlier.len());
    for outlier in outlier {
        for feature in 0..8 {
            values.push(match (*outlier, feature) {
                (true, 0) => 6.0 + 0.3 * normal(rng),
                (true, _) => 0.3 * normal(rng),
                (false, _) => normal(rng),
            });
        }
    }
    values
}

/// The files of ADBench that the registry has, by the name used here.
const FILES: [(&str, &str); 37] = [
    ("annthyroid", "2_annthyroid.npz"),
    ("breastw", "4_breastw.npz"),
    ("campaign", "5_campaign.npz"),
    ("cardio", "6_cardio.npz"),
    ("cardiotocography", "7_Cardiotocography.npz"),
    ("fault", "12_fault.npz"),
    ("glass", "14_glass.npz"),
    ("hepatitis", "15_Hepatitis.npz"),
    ("internet_ads", "17_InternetAds.npz"),
    ("ionosphere", "18_Ionosphere.npz"),
    ("landsat", "19_landsat.npz"),
    ("letter", "20_letter.npz"),
    ("lymphography", "21_Lymphography.npz"),
    ("mammography", "23_mammography.npz"),
    ("mnist", "24_mnist.npz"),
    ("musk", "25_musk.npz"),
    ("optdigits", "26_optdigits.npz"),
    ("page_blocks", "27_PageBlocks.npz"),
    ("pendigits", "28_pendigits.npz"),
    ("pima", "29_Pima.npz"),
    ("satellite", "30_satellite.npz"),
    ("satimage_2", "31_satimage-2.npz"),
    ("shuttle", "32_shuttle.npz"),
    ("skin", "33_skin.npz"),
    ("smtp", "34_smtp.npz"),
    ("spambase", "35_SpamBase.npz"),
    ("stamps", "37_Stamps.npz"),
    ("thyroid", "38_thyroid.npz"),
    ("vertebral", "39_vertebral.npz"),
    ("vowels", "40_vowels.npz"),
    ("waveform", "41_Waveform.npz"),
    ("wbc", "42_WBC.npz"),
    ("wdbc", "43_WDBC.npz"),
    ("wilt", "44_Wilt.npz"),
    ("wine", "45_wine.npz"),
    ("wpbc", "46_WPBC.npz"),
    ("yeast", "47_yeast.npz"),
];

/// A table by its name in `paper.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SetName {
    /// One that is generated.
    Generated(Generated),
    /// One of ADBench, by its place in the list of files.
    AdBench(usize),
}

impl TryFrom<String> for SetName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let generated = Generated::ALL.into_iter().find(|set| set.name() == name).map(SetName::Generated);
        let real = || FILES.iter().position(|(known, _)| *known == name).map(SetName::AdBench);
        generated.or_else(real).ok_or_else(|| {
            let known = Generated::ALL.into_iter().map(Generated::name).chain(FILES.iter().map(|(known, _)| *known));
            format!("there is no table `{name}`{}", did_you_mean(&name, known))
        })
    }
}

impl From<SetName> for String {
    fn from(set: SetName) -> String {
        set.name().to_owned()
    }
}

impl SetName {
    /// The name in `paper.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            SetName::Generated(set) => set.name(),
            SetName::AdBench(place) => FILES.get(place).map_or("", |(name, _)| name),
        }
    }

    /// Opens or draws the table, cuts it down, scales its features and drops those that do not vary.
    ///
    /// # Errors
    /// [`Error::Data`] where a file cannot be read, [`Error::Failed`] where the table has no feature or only one class.
    pub(super) fn open(self, settings: &Settings, lab: &mut Lab) -> Result<Table> {
        // A stream per table, so that a set that stands in for another one still differs from it.
        let mut rng = lab.rng(&format!("table {}", self.name()));
        let table = match self {
            SetName::Generated(set) => set.table(settings.synthetic_rows, &mut rng),
            SetName::AdBench(place) => match lab.data(REGISTERED)? {
                Data::Real(set) => {
                    let file = FILES.get(place).map_or("", |(_, file)| file);
                    let read = adbench(&set, file)?;
                    Table { values: read.features, columns: read.columns, outlier: read.anomaly }
                }
                Data::Synthetic => {
                    Generated::ALL[place % Generated::ALL.len()].table(settings.synthetic_rows, &mut rng)
                }
            },
        };
        let table = table.cut(settings.most_rows, &mut rng);
        if !table.outlier.contains(&true) || !table.outlier.contains(&false) {
            return Err(Error::Failed(format!("table {} has rows of one class only", self.name())));
        }
        let scaling = Scaling::robust(&table.values, table.columns, settings.clip)?;
        if scaling.kept().is_empty() {
            return Err(Error::Failed(format!("table {} has no feature that varies", self.name())));
        }
        Ok(Table { values: scaling.apply(&table.values)?, columns: scaling.kept().len(), outlier: table.outlier })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::rng::stream;

    #[test]
    fn names_are_unique_and_round_trip() {
        let mut names: Vec<&str> =
            FILES.iter().map(|(name, _)| *name).chain(Generated::ALL.into_iter().map(Generated::name)).collect();
        for name in &names {
            assert_eq!(SetName::try_from((*name).to_owned()).unwrap().name(), *name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 41);
        assert!(SetName::try_from("vowel".to_owned()).unwrap_err().contains("`vowels`"));
    }

    #[test]
    fn generated_tables_have_their_share_of_outliers() {
        for set in Generated::ALL {
            let table = set.table(600, &mut stream("apre_outlier", "t", 0));
            assert_eq!(table.rows(), 600);
            assert_eq!(table.values.len(), 600 * table.columns);
            let outliers = table.outlier.iter().filter(|outlier| **outlier).count();
            assert_eq!(outliers, if set == Generated::FarCluster { 18 } else { 30 });
        }
    }

    /// In the correlated table no single feature tells an outlier, only how features go together.
    #[test]
    fn correlated_outliers_have_the_marginals_of_inliers() {
        let table = Generated::Correlated.table(20_000, &mut stream("apre_outlier", "t", 0));
        let deviation = |outlier: bool| {
            let values: Vec<f64> = table
                .values
                .chunks(table.columns)
                .zip(&table.outlier)
                .filter(|(_, o)| **o == outlier)
                .map(|(row, _)| row[3])
                .collect();
            harness_core::stats::std_dev(&values).unwrap()
        };
        assert!((deviation(true) - deviation(false)).abs() < 0.05);
    }

    #[test]
    fn a_large_table_is_cut_with_its_share_of_outliers_and_in_its_order() {
        let table = Table {
            values: (0..1000).map(f64::from).collect(),
            columns: 1,
            outlier: (0..1000).map(|row| row % 10 == 0).collect(),
        };
        let cut = table.cut(50, &mut stream("apre_outlier", "t", 0));
        assert_eq!((cut.rows(), cut.outlier.iter().filter(|outlier| **outlier).count()), (50, 5));
        assert!(cut.values.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(cut.values.iter().zip(&cut.outlier).all(|(value, outlier)| (value % 10.0 == 0.0) == *outlier));
        assert_eq!(table.cut(1000, &mut stream("apre_outlier", "t", 0)), table);
        let rare = Table { outlier: (0..1000).map(|row| row == 7).collect(), ..table };
        assert!(rare.cut(50, &mut stream("apre_outlier", "t", 0)).outlier.contains(&true));
    }
}
