//! Real data: what the registry says about files must be true of them. Skipped where no mirror is at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use harness_core::data::archive::{Limits, zip_members};
use harness_core::data::csv::{Dialect, Table};
use harness_core::data::load::{self, Split};
use harness_core::data::{CachedSet, FetchOptions, Fetcher, LabelledImages, Mirror, Registry, idx};
use tempfile::TempDir;

/// A folder mirror from `HARNESS_MIRROR`, or `shared/data` beside the workspace.
fn mirror() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = FetchOptions::from_env(&project).unwrap().mirrors.into_iter().find_map(|mirror| match mirror {
        Mirror::Dir(dir) => Some(dir),
        Mirror::Url(_) => None,
    });
    named.or_else(|| Some(project.join("../shared/data"))).filter(|dir| dir.is_dir())
}

struct Cached {
    set: CachedSet,
    _folder: TempDir,
}

/// Fetches a set into a fresh cache, or says that the test is skipped.
fn fetch(id: &str) -> Option<Cached> {
    let Some(dir) = mirror() else {
        println!("skipped: no mirror");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let options = FetchOptions {
        mirrors: vec![Mirror::Dir(dir)],
        offline: true,
        ..FetchOptions::new(folder.path().join("cache"))
    };
    let set = Fetcher::new(options).fetch(id).unwrap();
    Some(Cached { set, _folder: folder })
}

/// Compares mean and standard deviation of the training pixels per channel, to the four digits of the registry.
fn has_statistics(images: &LabelledImages, mean: &[f64], std: &[f64]) {
    let found = images.images.channel_statistics();
    assert_eq!(found.len(), mean.len());
    for ((found, mean), std) in found.iter().zip(mean).zip(std) {
        assert!((found.0 - mean).abs() < 6e-5, "mean {} is not {mean}", found.0);
        assert!((found.1 - std).abs() < 6e-5, "std {} is not {std}", found.1);
    }
}

#[test]
fn mnist() {
    let Some(cached) = fetch("mnist") else { return };
    let train = load::mnist_like(&cached.set, Split::Train).unwrap();
    let test = load::mnist_like(&cached.set, Split::Test).unwrap();
    assert_eq!((train.images.height, train.images.width, train.images.channels), (28, 28, 1));
    assert_eq!(train.class_counts(), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(test.class_counts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    has_statistics(&train, &[0.1307], &[0.3081]);
}

#[test]
fn fashion_mnist() {
    let Some(cached) = fetch("fashion-mnist") else { return };
    let train = load::mnist_like(&cached.set, Split::Train).unwrap();
    assert_eq!(train.class_counts(), [6000; 10]);
    assert_eq!(load::mnist_like(&cached.set, Split::Test).unwrap().class_counts(), [1000; 10]);
    has_statistics(&train, &[0.2860], &[0.3530]);
}

#[test]
fn cifar10_subset() {
    let Some(cached) = fetch("cifar10-subset") else { return };
    let train = load::cifar10_subset(&cached.set, Split::Train).unwrap();
    assert_eq!(train.class_counts(), [1000; 10]);
    assert_eq!(train.labels.0[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!(load::cifar10_subset(&cached.set, Split::Test).unwrap().class_counts(), [200; 10]);
    has_statistics(&train, &[0.4934, 0.4831, 0.4470], &[0.2460, 0.2441, 0.2616]);
}

#[test]
fn penn_treebank() {
    let Some(cached) = fetch("ptb-lm") else { return };
    let text = load::ptb(&cached.set).unwrap();
    assert_eq!((text.train.len(), text.valid.len(), text.test.len()), (929_589, 73_760, 82_430));
    let vocabulary = text.vocabulary();
    assert_eq!(vocabulary.len(), 10_000);
    assert!(text.valid.iter().chain(&text.test).all(|word| vocabulary.id(word).is_some()));
    let sentences = text.train.iter().filter(|word| *word == "<eos>").count();
    assert_eq!(sentences, 42_068);
}

#[test]
fn every_adbench_table_has_the_registered_size() {
    let Some(cached) = fetch("adbench-classical") else { return };
    // `… 2_annthyroid 7200x6, 534; 4_breastw …` in the registry.
    let format = &Registry::builtin().get("adbench-classical").unwrap().format;
    let list = format.split("anomalies: ").nth(1).unwrap().trim_end_matches('.');
    let mut tables = 0;
    for entry in list.split("; ") {
        let (name, numbers) = entry.split_once(' ').unwrap();
        let (size, anomalies) = numbers.split_once(", ").unwrap();
        let (rows, columns) = size.split_once('x').unwrap();
        let table = load::adbench(&cached.set, &format!("{name}.npz")).unwrap();
        assert_eq!(
            (table.rows.to_string(), table.columns.to_string()),
            (rows.to_owned(), columns.to_owned()),
            "{name}"
        );
        assert_eq!(table.features.len(), table.rows * table.columns, "{name}");
        let found = table.anomaly.iter().filter(|&&anomaly| anomaly).count();
        assert_eq!(found.to_string(), anomalies, "{name}");
        tables += 1;
    }
    assert_eq!(tables, cached.set.files.len());
}

#[test]
fn usps_shorts() {
    let Some(cached) = fetch("usps") else { return };
    let name = "train-images-idx3-short.gz";
    let images = idx::i16_array(&cached.set.read(name).unwrap(), name).unwrap();
    assert_eq!(images.shape, [7291, 16, 16]);
    assert!(images.values.iter().all(|value| (0..=2000).contains(value)));
}

#[test]
fn tables_with_and_without_header() {
    let Some(cached) = fetch("tabular-csv") else { return };
    let name = "pima-indians-diabetes.csv";
    let table = Table::parse(&cached.set.read(name).unwrap(), name, Dialect::COMMA).unwrap();
    let target = table.numbers(8, None).unwrap();
    assert_eq!((target.len(), target.iter().sum::<f64>()), (768, 268.0));
    let name = "airline-passengers.csv";
    let table = Table::parse(&cached.set.read(name).unwrap(), name, Dialect::COMMA_HEADER).unwrap();
    assert_eq!(table.numbers(table.column("Passengers").unwrap(), None).unwrap().len(), 144);

    let Some(cached) = fetch("california-housing") else { return };
    let name = "housing.csv.gz";
    let table = Table::parse(&cached.set.read(name).unwrap(), name, Dialect::COMMA_HEADER).unwrap();
    let bedrooms = table.numbers(table.column("total_bedrooms").unwrap(), Some("")).unwrap();
    assert_eq!((bedrooms.len(), bedrooms.iter().filter(|v| v.is_nan()).count()), (20_640, 207));
}

#[test]
fn archives_pass_the_checks() {
    for (id, name, members) in [
        ("omniglot", "images_background.zip", 19_280),
        ("omniglot", "images_evaluation.zip", 13_180),
        ("free-spoken-digits", "recordings.zip", 3000),
        ("bsds500", "train.zip", 200),
        ("camvid", "train.zip", 110),
        ("babi-en-10k", "babi-en-10k.zip", 39),
    ] {
        let Some(cached) = fetch(id) else { return };
        let file = std::fs::File::open(cached.set.path(name).unwrap()).unwrap();
        let names = zip_members(std::io::BufReader::new(file), name, Limits::default()).unwrap();
        let found = names.iter().filter(|name| !name.ends_with(".DS_Store")).count();
        assert_eq!(found, members, "{id}");
    }
}

#[test]
fn every_registered_file_of_the_mirror_has_its_digest_and_content() {
    let Some(dir) = mirror() else {
        println!("skipped: no mirror");
        return;
    };
    for set in Registry::builtin().sets() {
        if !dir.join(&set.id).is_dir() {
            continue;
        }
        let Some(cached) = fetch(&set.id) else { return };
        for file in &set.files {
            let content = cached.set.read(&file.name).unwrap();
            let expected = file.content_bytes.map_or(file.bytes.get(), std::num::NonZero::get);
            assert_eq!(content.len() as u64, expected, "{}: {}", set.id, file.name);
        }
    }
}
