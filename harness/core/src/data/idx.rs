//! The IDX format of the MNIST family: two zero bytes, a type code, the number of dimensions, one big-endian `u32` per
//! dimension, then the values in row-major order. Source: LeCun, Cortes, Burges, "The MNIST database", section on the
//! file format.

use super::{DataError, Images, Labels};

/// A decoded IDX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxArray<T> {
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Values in row-major order, as many as the product of `shape`.
    pub values: Vec<T>,
}

const U8: u8 = 0x08;
const I16: u8 = 0x0b;

/// Decodes an array of `u8` (type code 0x08). `file` is only used in messages.
///
/// # Errors
/// [`DataError::Format`] if the header is not that of such an array, or announces more or fewer values than follow.
pub fn u8_array(bytes: &[u8], file: &str) -> Result<IdxArray<u8>, DataError> {
    let (shape, body) = split(bytes, file, U8, 1)?;
    Ok(IdxArray { shape, values: body.to_vec() })
}

/// Decodes an array of big-endian `i16` (type code 0x0B). `file` is only used in messages.
///
/// # Errors
/// As [`u8_array`].
pub fn i16_array(bytes: &[u8], file: &str) -> Result<IdxArray<i16>, DataError> {
    let (shape, body) = split(bytes, file, I16, 2)?;
    let (pairs, _) = body.as_chunks::<2>();
    Ok(IdxArray { shape, values: pairs.iter().map(|&pair| i16::from_be_bytes(pair)).collect() })
}

/// Decodes grey images, shape `[count, height, width]`, as [`Images`] with one channel.
///
/// # Errors
/// As [`u8_array`]; also if there are not 3 dimensions.
pub fn images(bytes: &[u8], file: &str) -> Result<Images, DataError> {
    let array = u8_array(bytes, file)?;
    let [count, height, width] = array.shape[..] else {
        return Err(dimensions(file, 3, "count, height, width", &array.shape));
    };
    Ok(Images { pixels: array.values, count, height, width, channels: 1 })
}

/// Decodes labels, shape `[count]`, each below `classes`.
///
/// # Errors
/// As [`u8_array`]; also if there is not one dimension, or a label is `classes` or more.
pub fn labels(bytes: &[u8], file: &str, classes: usize) -> Result<Labels, DataError> {
    let array = u8_array(bytes, file)?;
    if array.shape.len() != 1 {
        return Err(dimensions(file, 1, "count", &array.shape));
    }
    if let Some(index) = array.values.iter().position(|&v| usize::from(v) >= classes) {
        let found = array.values.get(index).copied().unwrap_or_default();
        return Err(DataError::format(
            file,
            8 + index as u64,
            format!("label {found} is not below the {classes} classes"),
        ));
    }
    Ok(Labels(array.values))
}

fn dimensions(file: &str, expected: usize, names: &str, shape: &[usize]) -> DataError {
    DataError::format(file, 3, format!("expected {expected} dimensions ({names}), got {}: {shape:?}", shape.len()))
}

/// Checks the header against the length of the file and splits it off. `width` is the size of a value in bytes.
fn split<'a>(bytes: &'a [u8], file: &str, code: u8, width: usize) -> Result<(Vec<usize>, &'a [u8]), DataError> {
    let fault = |offset: usize, message: String| DataError::format(file, offset as u64, message);
    let Some((&[zero_a, zero_b, found, rank], mut rest)) = bytes.split_first_chunk::<4>() else {
        return Err(fault(bytes.len(), "expected an IDX header of at least 4 bytes, the file ends".to_owned()));
    };
    if (zero_a, zero_b, found) != (0, 0, code) {
        return Err(fault(
            0,
            format!("expected IDX magic 0x0000{code:02x}, got 0x{zero_a:02x}{zero_b:02x}{found:02x}"),
        ));
    }
    let mut shape = Vec::new();
    for dimension in 0..usize::from(rank) {
        let Some((size, after)) = rest.split_first_chunk::<4>() else {
            return Err(fault(
                bytes.len(),
                format!("expected the sizes of {rank} dimensions, the file ends after {dimension}"),
            ));
        };
        shape.push(u32::from_be_bytes(*size) as usize);
        rest = after;
    }
    // Checked, since sizes are anything up to 2^32 each.
    let expected = shape.iter().try_fold(width, |product, &size| product.checked_mul(size));
    if expected != Some(rest.len()) || rank == 0 {
        return Err(fault(
            4,
            format!("the header announces {shape:?} values of {width} bytes, {} bytes follow", rest.len()),
        ));
    }
    Ok((shape, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(code: u8, shape: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0, 0, code, u8::try_from(shape.len()).unwrap()];
        for size in shape {
            bytes.extend(size.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn images_and_labels_are_decoded() {
        let mut bytes = header(U8, &[2, 1, 3]);
        bytes.extend([1, 2, 3, 4, 5, 6]);
        let images = images(&bytes, "x").unwrap();
        assert_eq!((images.count, images.height, images.width), (2, 1, 3));
        assert_eq!(images.image(1), Some(&[4, 5, 6][..]));
        let mut bytes = header(U8, &[3]);
        bytes.extend([0, 9, 5]);
        assert_eq!(labels(&bytes, "x", 10).unwrap(), Labels(vec![0, 9, 5]));
    }

    #[test]
    fn shorts_are_big_endian() {
        let mut bytes = header(I16, &[2]);
        bytes.extend([0x07, 0xd0, 0xff, 0xff]);
        assert_eq!(i16_array(&bytes, "x").unwrap().values, [2000, -1]);
    }

    #[test]
    fn faults_name_the_place() {
        let mut short = header(U8, &[3]);
        short.extend([0, 1]);
        let mut label = header(U8, &[2]);
        label.extend([3, 255]);
        for (bytes, expected) in [
            (vec![], "f: at byte 0: expected an IDX header"),
            (vec![1, 2, 8, 1], "f: at byte 0: expected IDX magic 0x000008, got 0x010208"),
            (header(I16, &[0]), "got 0x00000b"),
            (vec![0, 0, 8, 2, 0, 0, 0, 1], "f: at byte 8: expected the sizes of 2 dimensions"),
            (short, "f: at byte 4: the header announces [3] values of 1 bytes, 2 bytes follow"),
            (header(U8, &[0, 0]), "f: at byte 3: expected 1 dimensions (count), got 2"),
            (label, "f: at byte 9: label 255 is not below the 10 classes"),
        ] {
            let error = labels(&bytes, "f", 10).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused_without_allocation() {
        let bytes = header(U8, &[u32::MAX, u32::MAX, u32::MAX]);
        assert!(images(&bytes, "x").is_err());
    }

    proptest! {
        #[test]
        fn round_trip(shape in prop::collection::vec(0_u32..5, 1..4), seed: u8) {
            let count: u32 = shape.iter().product();
            let values: Vec<u8> = (0..count).map(|i| seed.wrapping_add(i as u8)).collect();
            let mut bytes = header(U8, &shape);
            bytes.extend(&values);
            let array = u8_array(&bytes, "x").unwrap();
            prop_assert_eq!(array.values, values);
            // One byte more or less is always noticed.
            bytes.push(0);
            prop_assert!(u8_array(&bytes, "x").is_err());
            bytes.truncate(bytes.len() - 2);
            prop_assert!(u8_array(&bytes, "x").is_err());
        }

        #[test]
        fn lying_headers_never_panic(
            shape in prop::collection::vec(any::<u32>(), 0..6),
            body in prop::collection::vec(any::<u8>(), 0..64),
            cut in 0_usize..100,
        ) {
            let mut bytes = header(U8, &shape);
            bytes.extend(body);
            bytes.truncate(cut);
            if let Ok(array) = u8_array(&bytes, "x") {
                prop_assert!(array.values.len() < bytes.len());
            }
            let _ = images(&bytes, "x");
            let _ = labels(&bytes, "x", 10);
            let _ = i16_array(&bytes, "x");
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = images(&bytes, "x");
            let _ = i16_array(&bytes, "x");
        }
    }
}
