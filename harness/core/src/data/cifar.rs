//! The binary records of CIFAR: one label byte (CIFAR-100: two), then 1024 red, 1024 green and 1024 blue bytes, each
//! plane 32x32 row-major. Source: Krizhevsky, "The CIFAR-10 dataset", binary version.

use super::{DataError, Images, LabelledImages, Labels};

/// Rows and columns of an image.
pub const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;

/// Decodes CIFAR-10 records. `file` is only used in messages.
///
/// # Errors
/// [`DataError::Format`] if the file is empty or does not consist of whole records, or a label is above 9.
pub fn cifar10(bytes: &[u8], file: &str) -> Result<LabelledImages, DataError> {
    let ([labels], images) = records(bytes, file, [10])?;
    LabelledImages::new(images, labels, 10, file)
}

/// Decodes CIFAR-100 records: images with fine labels (0..=99), and the coarse labels (0..=19).
///
/// # Errors
/// As [`cifar10`].
pub fn cifar100(bytes: &[u8], file: &str) -> Result<(LabelledImages, Labels), DataError> {
    let ([coarse, fine], images) = records(bytes, file, [20, 100])?;
    Ok((LabelledImages::new(images, fine, 100, file)?, coarse))
}

/// Decodes records that start with one label below each of `classes`.
fn records<const N: usize>(bytes: &[u8], file: &str, classes: [usize; N]) -> Result<([Labels; N], Images), DataError> {
    let size = N + PIXELS;
    let count = bytes.len() / size;
    let extra = bytes.len() % size;
    if count == 0 || extra > 0 {
        return Err(DataError::format(
            file,
            (count * size) as u64,
            format!("expected whole records of {size} bytes, at least one, {extra} bytes are left"),
        ));
    }
    let mut labels = classes.map(|_| Labels(Vec::with_capacity(count)));
    let mut pixels = Vec::with_capacity(count * PIXELS);
    for (index, record) in bytes.chunks_exact(size).enumerate() {
        let (head, image) = record.split_at(N);
        for (place, ((labels, &label), &classes)) in labels.iter_mut().zip(head).zip(&classes).enumerate() {
            if usize::from(label) >= classes {
                return Err(DataError::format(
                    file,
                    (index * size + place) as u64,
                    format!("label {label} is not below the {classes} classes"),
                ));
            }
            labels.0.push(label);
        }
        pixels.extend_from_slice(image);
    }
    let images = Images { pixels, count, height: SIDE, width: SIDE, channels: 3 };
    Ok((labels, images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(labels: &[u8], pixel: u8) -> Vec<u8> {
        let mut bytes = labels.to_vec();
        bytes.extend(vec![pixel; PIXELS]);
        bytes
    }

    #[test]
    fn records_are_decoded() {
        let bytes = [record(&[3], 7), record(&[9], 8)].concat();
        let set = cifar10(&bytes, "x").unwrap();
        assert_eq!(set.labels, Labels(vec![3, 9]));
        assert_eq!(set.images.image(1), Some(&[8; PIXELS][..]));

        let (fine, coarse) = cifar100(&record(&[19, 99], 1), "x").unwrap();
        assert_eq!((fine.labels, coarse), (Labels(vec![99]), Labels(vec![19])));
    }

    #[test]
    fn faults_name_the_place() {
        let cut = [record(&[3], 7), vec![0; 5]].concat();
        let label = [record(&[3], 7), record(&[10], 8)].concat();
        for (bytes, expected) in [
            (vec![], "f: at byte 0: expected whole records of 3073 bytes"),
            (cut, "f: at byte 3073: expected whole records of 3073 bytes, at least one, 5 bytes are left"),
            (label, "f: at byte 3073: label 10 is not below the 10 classes"),
        ] {
            let error = cifar10(&bytes, "f").unwrap_err().to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..3 * (PIXELS + 2))) {
            if let Ok(set) = cifar10(&bytes, "x") {
                prop_assert_eq!(set.len() * (PIXELS + 1), bytes.len());
            }
            let _ = cifar100(&bytes, "x");
        }
    }
}
