//! Image sets.

use crate::data::archive::{Limits, read_tar_gz};
use crate::data::{CachedSet, DataError, LabelledImages, cifar, idx};

/// The half of a data set that its authors meant for training or for testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training.
    Train,
    /// For testing.
    Test,
}

/// MNIST, Fashion-MNIST and others with the same four files: 28x28 grey images of 10 classes.
///
/// # Errors
/// [`DataError::UnknownFile`] if the set has other files, [`DataError::Io`], [`DataError::Format`].
pub fn mnist_like(set: &CachedSet, split: Split) -> Result<LabelledImages, DataError> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let images = format!("{prefix}-images-idx3-ubyte.gz");
    let labels = format!("{prefix}-labels-idx1-ubyte.gz");
    LabelledImages::new(
        idx::images(&set.read(&images)?, &images)?,
        idx::labels(&set.read(&labels)?, &labels, CLASSES)?,
        CLASSES,
        &labels,
    )
}

/// The CIFAR-10 subset of the registry (10000 and 2000 images that went through JPEG): 32x32 RGB, 10 classes.
///
/// # Errors
/// As [`mnist_like`].
pub fn cifar10_subset(set: &CachedSet, split: Split) -> Result<LabelledImages, DataError> {
    let name = match split {
        Split::Train => "train.bin.gz",
        Split::Test => "test.bin.gz",
    };
    cifar::cifar10(&set.read(name)?, name)
}

/// The canonical CIFAR-10 (50000 and 10000 images): 32x32 RGB, 10 classes.
///
/// # Errors
/// As [`mnist_like`]; [`DataError::Archive`] if the archive is damaged.
pub fn cifar10(set: &CachedSet, split: Split) -> Result<LabelledImages, DataError> {
    let names: Vec<String> = match split {
        Split::Train => (1..=5).map(|n| format!("data_batch_{n}.bin")).collect(),
        Split::Test => vec!["test_batch.bin".to_owned()],
    };
    let archive = "cifar-10-binary.tar.gz";
    cifar::cifar10(&members(set, archive, "cifar-10-batches-bin", &names)?, archive)
}

/// The canonical CIFAR-100 (50000 and 10000 images) with its 100 fine classes: 32x32 RGB.
///
/// # Errors
/// As [`cifar10`].
pub fn cifar100(set: &CachedSet, split: Split) -> Result<LabelledImages, DataError> {
    let name = match split {
        Split::Train => "train.bin",
        Split::Test => "test.bin",
    };
    let archive = "cifar-100-binary.tar.gz";
    let bytes = members(set, archive, "cifar-100-binary", &[name.to_owned()])?;
    Ok(cifar::cifar100(&bytes, archive)?.0)
}

const CLASSES: usize = 10;

/// The named members of an archive, joined in the order named.
fn members(set: &CachedSet, archive: &str, folder: &str, names: &[String]) -> Result<Vec<u8>, DataError> {
    let path = set.path(archive)?;
    let file = std::fs::File::open(path).map_err(|e| DataError::io("open", path, e))?;
    let paths: Vec<String> = names.iter().map(|name| format!("{folder}/{name}")).collect();
    let found = read_tar_gz(file, archive, Limits::default(), |name| paths.iter().any(|path| path == name))?;
    let mut joined = Vec::new();
    for path in &paths {
        let member = found.get(path).ok_or_else(|| DataError::archive(archive, Some(path), "not in the archive"))?;
        joined.extend_from_slice(member);
    }
    Ok(joined)
}
