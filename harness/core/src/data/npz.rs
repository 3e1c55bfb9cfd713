//! NumPy arrays: `.npy` files and `.npz` archives of them. Source: NumPy Enhancement Proposal 1, versions 1 to 3.
//!
//! Only plain little-endian numbers are read. Object arrays, which are pickles and so programs, are refused.

use std::collections::BTreeMap;
use std::io::Cursor;

use super::DataError;
use super::archive::{Limits, read_zip};

/// An array of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Sizes of the dimensions; empty for a single number.
    pub shape: Vec<usize>,
    /// Values in row-major (C) order, as many as the product of `shape`; arrays stored in Fortran order are transposed.
    pub values: NpyValues,
}

/// Values of an array, in the type that the file holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NpyValues {
    /// `<f4`
    F32(Vec<f32>),
    /// `<f8`
    F64(Vec<f64>),
    /// `<i2`
    I16(Vec<i16>),
    /// `<i4`
    I32(Vec<i32>),
    /// `<i8`
    I64(Vec<i64>),
    /// `|u1`
    U8(Vec<u8>),
    /// `|b1`
    Bool(Vec<bool>),
}

impl NpyArray {
    /// The values as `f64`; `true` is 1. Exact except for `i64` beyond 2^53.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.values {
            NpyValues::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
            NpyValues::F64(values) => values.clone(),
            NpyValues::I16(values) => values.iter().map(|&v| f64::from(v)).collect(),
            NpyValues::I32(values) => values.iter().map(|&v| f64::from(v)).collect(),
            NpyValues::I64(values) => values.iter().map(|&v| v as f64).collect(),
            NpyValues::U8(values) => values.iter().map(|&v| f64::from(v)).collect(),
            NpyValues::Bool(values) => values.iter().map(|&v| f64::from(u8::from(v))).collect(),
        }
    }

    /// The values as `i64`, or none if they are not of an integer type.
    #[must_use]
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match &self.values {
            NpyValues::F32(_) | NpyValues::F64(_) => None,
            NpyValues::I16(values) => Some(values.iter().map(|&v| v.into()).collect()),
            NpyValues::I32(values) => Some(values.iter().map(|&v| v.into()).collect()),
            NpyValues::I64(values) => Some(values.clone()),
            NpyValues::U8(values) => Some(values.iter().map(|&v| v.into()).collect()),
            NpyValues::Bool(values) => Some(values.iter().map(|&v| v.into()).collect()),
        }
    }
}

/// Reads the arrays of an `.npz` archive, by name without `.npy`. `file` is only used in messages.
///
/// # Errors
/// [`DataError::Archive`] if the archive is damaged or refused, or holds other members than arrays; else as [`npy`].
pub fn npz(bytes: &[u8], file: &str) -> Result<BTreeMap<String, NpyArray>, DataError> {
    // Sparse tables of small integers pack several hundred times smaller; deflate itself ends at about 1030.
    let limits = Limits { members: 1000, ratio: 1100, ..Limits::default() };
    let mut arrays = BTreeMap::new();
    for (member, content) in read_zip(Cursor::new(bytes), file, limits, |_| true)? {
        let Some(name) = member.strip_suffix(".npy") else {
            return Err(DataError::archive(file, Some(&member), "expected a name that ends in .npy"));
        };
        let array = npy(&content, &format!("{file}/{member}"))?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

/// Reads an `.npy` file. `file` is only used in messages.
///
/// # Errors
/// [`DataError::Format`] if the header is malformed, the type of the values is not one of [`NpyValues`], or more or
/// fewer values follow than the header announces.
pub fn npy(bytes: &[u8], file: &str) -> Result<NpyArray, DataError> {
    let fault = |offset: usize, message: String| DataError::format(file, offset as u64, message);
    let Some(rest) = bytes.strip_prefix(b"\x93NUMPY") else {
        return Err(fault(0, "expected \\x93NUMPY, the file starts otherwise".to_owned()));
    };
    let (start, length): (usize, usize) = match *rest {
        [1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        [1..=3, ..] | [] => {
            return Err(fault(bytes.len(), "the file ends in its header".to_owned()));
        }
        [version, ..] => {
            return Err(fault(6, format!("format version {version} is not supported, only 1 to 3")));
        }
    };
    let header = start.checked_add(length).and_then(|end| bytes.get(start..end)).ok_or_else(|| {
        let there = bytes.len().saturating_sub(start);
        fault(start, format!("expected a header of {length} bytes, {there} are left"))
    })?;
    let text = std::str::from_utf8(header)
        .map_err(|error| fault(start + error.valid_up_to(), "the header is not UTF-8".to_owned()))?;
    let header = Header::parse(text).map_err(|(position, message)| fault(start + position, message))?;
    let body = bytes.get(start + length..).unwrap_or(&[]);
    let values = header.values(body).map_err(|message| fault(start + length, message))?;
    Ok(NpyArray { shape: header.shape, values })
}

/// The Python dictionary at the head of a file.
struct Header {
    dtype: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`; faults come with their position.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut parser = Parser { text, position: 0 };
        let (mut dtype, mut fortran, mut shape) = (None, None, None);
        parser.expect("{")?;
        while !parser.accept("}") {
            let place = parser.position;
            let key = parser.string()?;
            parser.expect(":")?;
            let repeated = match key {
                "descr" => dtype.replace(parser.dtype()?).is_some(),
                "fortran_order" => fortran.replace(parser.boolean()?).is_some(),
                "shape" => shape.replace(parser.tuple()?).is_some(),
                _ => return Err((place, format!("unknown key {key:?}"))),
            };
            if repeated {
                return Err((place, format!("key {key:?} repeats")));
            }
            if !parser.accept(",") {
                parser.expect("}")?;
                break;
            }
        }
        if !parser.rest().trim().is_empty() {
            return Err((parser.position, "text after the header".to_owned()));
        }
        match (dtype, fortran, shape) {
            (Some(dtype), Some(fortran), Some(shape)) => Ok(Self { dtype, fortran, shape }),
            _ => Err((0, "expected the keys descr, fortran_order and shape".to_owned())),
        }
    }

    fn values(&self, body: &[u8]) -> Result<NpyValues, String> {
        Ok(match self.dtype.as_str() {
            "<f4" => NpyValues::F32(self.numbers(body, f32::from_le_bytes)?),
            "<f8" => NpyValues::F64(self.numbers(body, f64::from_le_bytes)?),
            "<i2" => NpyValues::I16(self.numbers(body, i16::from_le_bytes)?),
            "<i4" => NpyValues::I32(self.numbers(body, i32::from_le_bytes)?),
            "<i8" => NpyValues::I64(self.numbers(body, i64::from_le_bytes)?),
            "|u1" => NpyValues::U8(self.numbers(body, u8::from_le_bytes)?),
            "|b1" => {
                let bytes = self.numbers(body, u8::from_le_bytes)?;
                if let Some(wrong) = bytes.iter().find(|&&byte| byte > 1) {
                    return Err(format!("expected truth values 0 or 1, got {wrong}"));
                }
                NpyValues::Bool(bytes.into_iter().map(|byte| byte == 1).collect())
            }
            other if other.starts_with("|O") => {
                return Err("an object array is a pickle, which can run programs: refused".to_owned());
            }
            other => {
                return Err(format!("values of type {other:?} are not supported, only <f4 <f8 <i2 <i4 <i8 |u1 |b1"));
            }
        })
    }

    /// Decodes the body in C order, after its length was compared with the shape.
    fn numbers<T: Copy, const N: usize>(&self, body: &[u8], decode: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let announced = self.shape.iter().try_fold(N, |product, &size| product.checked_mul(size));
        if announced != Some(body.len()) {
            return Err(format!(
                "the header announces {:?} values of {N} bytes, {} bytes follow",
                self.shape,
                body.len()
            ));
        }
        let (chunks, _) = body.as_chunks::<N>();
        let values: Vec<T> = chunks.iter().map(|&chunk| decode(chunk)).collect();
        Ok(if self.fortran { c_order(&values, &self.shape) } else { values })
    }
}

/// Reorders column-major values into row-major ones.
fn c_order<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    // In column-major order the first index runs fastest: its stride is 1.
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut index = vec![0_usize; shape.len()];
    let mut place = 0_usize;
    let mut ordered = Vec::with_capacity(values.len());
    for _ in values {
        ordered.extend(values.get(place));
        // Counts up like an odometer, the last index fastest, with `place` kept in step.
        for ((i, &size), &stride) in index.iter_mut().zip(shape).zip(&strides).rev() {
            *i += 1;
            place += stride;
            if *i < size {
                break;
            }
            place -= stride * size;
            *i = 0;
        }
    }
    ordered
}

/// Reads the few forms of Python literals that occur in headers.
struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn accept(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.position += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), (usize, String)> {
        if self.accept(token) { Ok(()) } else { Err((self.position, format!("expected `{token}` in the header"))) }
    }

    fn string(&mut self) -> Result<&'a str, (usize, String)> {
        self.skip_blanks();
        let rest = self.rest();
        let fault = (self.position, "expected a string in the header".to_owned());
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Err(fault);
        };
        let body = rest.get(1..).unwrap_or("");
        let Some((text, _)) = body.split_once(quote) else {
            return Err(fault);
        };
        self.position += text.len() + 2;
        Ok(text)
    }

    fn dtype(&mut self) -> Result<String, (usize, String)> {
        self.skip_blanks();
        if self.rest().starts_with('[') {
            return Err((self.position, "arrays of records are not supported".to_owned()));
        }
        Ok(self.string()?.to_owned())
    }

    fn boolean(&mut self) -> Result<bool, (usize, String)> {
        if self.accept("True") {
            Ok(true)
        } else if self.accept("False") {
            Ok(false)
        } else {
            Err((self.position, "expected True or False in the header".to_owned()))
        }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, (usize, String)> {
        let mut sizes = Vec::new();
        self.expect("(")?;
        while !self.accept(")") {
            self.skip_blanks();
            let rest = self.rest();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let size = rest.get(..digits).unwrap_or("").parse();
            let Ok(size) = size else {
                return Err((self.position, "expected the size of a dimension in the header".to_owned()));
            };
            // NumPy itself allows 64 dimensions at most.
            if sizes.len() >= 64 {
                return Err((self.position, "more than 64 dimensions".to_owned()));
            }
            sizes.push(size);
            self.position += digits;
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn header(dtype: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}      \n")
    }

    #[test]
    fn every_type_is_read() {
        let read = |dtype, body: &[u8]| npy(&file(&header(dtype, "False", "(1,)"), body), "x");
        for (dtype, body, expected) in [
            ("<f4", &1.5_f32.to_le_bytes()[..], NpyValues::F32(vec![1.5])),
            ("<f8", &(-2.5_f64).to_le_bytes()[..], NpyValues::F64(vec![-2.5])),
            ("<i2", &(-3_i16).to_le_bytes()[..], NpyValues::I16(vec![-3])),
            ("<i4", &(-4_i32).to_le_bytes()[..], NpyValues::I32(vec![-4])),
            ("<i8", &(-5_i64).to_le_bytes()[..], NpyValues::I64(vec![-5])),
            ("|u1", &[6][..], NpyValues::U8(vec![6])),
            ("|b1", &[1][..], NpyValues::Bool(vec![true])),
        ] {
            let array = read(dtype, body).unwrap();
            assert_eq!(array.shape, [1]);
            assert_eq!(array.values, expected, "{dtype}");
            assert_eq!(array.to_f64().len(), 1);
            assert_eq!(array.to_i64().is_none(), dtype.contains('f'));
        }
    }

    #[test]
    fn a_single_number_has_no_dimensions() {
        let array = npy(&file(&header("|u1", "False", "()"), &[9]), "x").unwrap();
        assert_eq!((array.shape, array.values), (vec![], NpyValues::U8(vec![9])));
    }

    #[test]
    fn fortran_order_is_transposed() {
        // numpy: np.asfortranarray(np.arange(6, dtype='u1').reshape(2, 3)) is stored as 0 3 1 4 2 5.
        let array = npy(&file(&header("|u1", "True", "(2, 3)"), &[0, 3, 1, 4, 2, 5]), "x").unwrap();
        assert_eq!(array.values, NpyValues::U8(vec![0, 1, 2, 3, 4, 5]));
    }

    #[test]
    fn faults_name_the_place() {
        let good = header("<f8", "False", "(2,)");
        let mut version = file(&good, &[0; 16]);
        version[6] = 9;
        for (bytes, expected) in [
            (b"PK".to_vec(), "x: at byte 0: expected \\x93NUMPY"),
            (b"\x93NUMPY\x01".to_vec(), "x: at byte 7: the file ends in its header"),
            (version, "x: at byte 6: format version 9 is not supported"),
            (
                b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
                "x: at byte 12: expected a header of 4294967295 bytes, 0 are left",
            ),
            (file(&good, &[0; 15]), "the header announces [2] values of 8 bytes, 15 bytes follow"),
            (file(&header("|O", "False", "(2,)"), &[]), "an object array is a pickle"),
            (file(&header(">f8", "False", "(2,)"), &[]), "values of type \">f8\" are not supported"),
            (file(&header("|b1", "False", "(1,)"), &[2]), "expected truth values 0 or 1, got 2"),
            (file(&header("<f8", "False", "(-1,)"), &[]), "expected the size of a dimension"),
            (file(&header("<f8", "False", "(99999999999999999999,)"), &[]), "expected the size of a dimension"),
            (file(&header("<f8", "False", "(9999999999, 9999999999)"), &[]), "0 bytes follow"),
            (file(&header("<f8", "Maybe", "(1,)"), &[]), "expected True or False"),
            (
                file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': ()}", &[]),
                "x: at byte 20: arrays of records are not supported",
            ),
            (file("{'descr': '<f8', 'descr': '<f8'}", &[]), "key \"descr\" repeats"),
            (file("{'descr': '<f8'}", &[]), "expected the keys"),
            (file("{'x': 1}", &[]), "x: at byte 11: unknown key \"x\""),
            (file("{'", &[]), "x: at byte 11: expected a string"),
            (file(&format!("{good} z"), &[]), "text after the header"),
        ] {
            let error = npy(&bytes, "x").unwrap_err().to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
    }

    proptest! {
        #[test]
        fn fortran_and_c_order_agree(shape in prop::collection::vec(1_usize..4, 0..4)) {
            let count: usize = shape.iter().product();
            let stored: Vec<usize> = (0..count).collect();
            let ordered = c_order(&stored, &shape);
            // Entry (i, j, k ...) lies at i + j * shape[0] + k * shape[0] * shape[1] ... of the stored values.
            for (flat, &value) in ordered.iter().enumerate() {
                let (mut rest, mut indices) = (flat, Vec::new());
                for &size in shape.iter().rev() {
                    indices.insert(0, rest % size);
                    rest /= size;
                }
                let (mut place, mut stride) = (0, 1);
                for (&index, &size) in indices.iter().zip(&shape) {
                    place += index * stride;
                    stride *= size;
                }
                prop_assert_eq!(value, place);
            }
        }

        #[test]
        fn any_header_is_read_or_refused(
            text in "[{}()',: 0-9<fiu|bTrueFalsdcoh_np]{0,80}",
            body in prop::collection::vec(any::<u8>(), 0..32),
        ) {
            let _ = npy(&file(&text, &body), "x");
        }

        #[test]
        fn lying_shapes_are_refused(a: u64, b: u64, body in prop::collection::vec(any::<u8>(), 0..32)) {
            let bytes = file(&header("|u1", "False", &format!("({a}, {b})")), &body);
            if let Ok(array) = npy(&bytes, "x") {
                prop_assert_eq!(a as u128 * u128::from(b), array.to_f64().len() as u128);
            }
        }

        #[test]
        fn damaged_files_never_panic(position in 0_usize..90, value: u8, cut in 0_usize..100) {
            let mut bytes = file(&header("<f8", "True", "(1, 2)"), &[0; 16]);
            if let Some(byte) = bytes.get_mut(position) {
                *byte = value;
            }
            bytes.truncate(cut);
            let _ = npy(&bytes, "x");
            let _ = npz(&bytes, "x");
        }
    }
}
