//! Named tensors kept between trials, as safetensors.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::TensorData;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::backend::{Device, Tensor};
use crate::error::{Error, Result};
use crate::op::read_f32;
use crate::trial::hex;

/// Name of the digest in a file's metadata.
const DIGEST: &str = "sha256";

/// Named float tensors: the weights of a model, or a generated data set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Weights {
    /// No tensor yet.
    pub fn new() -> Self {
        Weights::default()
    }

    /// Adds a tensor, read back from its device.
    pub fn put<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        self.tensors.insert(name.to_owned(), (shape, read_f32(tensor)));
    }

    /// Adds values, row-major; as many as the shape holds.
    pub fn put_floats(&mut self, name: &str, shape: &[usize], values: Vec<f32>) {
        self.tensors.insert(name.to_owned(), (shape.to_vec(), values));
    }

    /// A tensor on a device.
    ///
    /// # Errors
    /// [`Error::Failed`] where it is missing or of another rank.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>> {
        let (shape, values) = self.get(name)?;
        let shape: [usize; D] = shape.to_vec().try_into().map_err(|shape| {
            Error::Failed(format!("weights `{name}` have shape {shape:?}, expected {D} dimensions"))
        })?;
        Ok(Tensor::from_data(TensorData::new(values.to_vec(), shape), device))
    }

    /// The values of a tensor, row-major.
    ///
    /// # Errors
    /// [`Error::Failed`] where it is missing.
    pub fn floats(&self, name: &str) -> Result<&[f32]> {
        Ok(self.get(name)?.1)
    }

    fn get(&self, name: &str) -> Result<(&[usize], &[f32])> {
        self.tensors
            .get(name)
            .map(|(shape, values)| (shape.as_slice(), values.as_slice()))
            .ok_or_else(|| Error::Failed(format!("there are no weights `{name}`")))
    }

    /// SHA-256 over names, shapes and the bits of all values.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, (shape, values)) in &self.tensors {
            hash.update(serde_json::json!([name, shape]).to_string());
            for value in values {
                hash.update(value.to_le_bytes());
            }
        }
        hex(&hash.finalize())
    }

    /// As a safetensors file, whose metadata hold a digest of its content.
    ///
    /// # Errors
    /// [`Error::Failed`] where the values of a tensor are not as many as its shape holds.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
            .collect();
        let views: Vec<(&String, TensorView<'_>)> = bytes
            .iter()
            .map(|(name, shape, bytes)| {
                TensorView::new(Dtype::F32, shape.to_vec(), bytes)
                    .map(|view| (*name, view))
                    .map_err(|error| Error::Failed(format!("weights `{name}`: {error}")))
            })
            .collect::<Result<_>>()?;
        let metadata = HashMap::from([(DIGEST.to_owned(), self.digest())]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| Error::Failed(format!("weights: {error}")))
    }

    /// Reads a file that [`Weights::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Failed`] where the file is torn, changed, without digest, or holds another type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unreadable = |error| Error::Failed(format!("weights: {error}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let tensors = file
            .iter()
            .map(|(name, view)| {
                if view.dtype() != Dtype::F32 {
                    return Err(Error::Failed(format!("weights `{name}` hold {:?}, expected F32", view.dtype())));
                }
                let values = view
                    .data()
                    .chunks_exact(4)
                    .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
                    .collect();
                Ok((name.to_owned(), (view.shape().to_vec(), values)))
            })
            .collect::<Result<_>>()?;
        let weights = Weights { tensors };
        let written = header.metadata().as_ref().and_then(|metadata| metadata.get(DIGEST));
        if written != Some(&weights.digest()) {
            return Err(Error::Failed(format!(
                "weights have the digest {}, but {} was written",
                weights.digest(),
                written.map_or("none", String::as_str)
            )));
        }
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_their_file_bit_for_bit() {
        let mut weights = Weights::new();
        weights.put_floats("a", &[2, 2], vec![1.0, -0.0, f32::MIN_POSITIVE, f32::NAN]);
        weights.put_floats("empty", &[0], Vec::new());
        let back = Weights::from_bytes(&weights.to_bytes().unwrap()).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(back.floats("a").unwrap()), bits(weights.floats("a").unwrap()));
        assert!(back.floats("empty").unwrap().is_empty());
    }

    #[test]
    fn a_torn_file_is_refused() {
        let mut weights = Weights::new();
        weights.put_floats("a", &[3], vec![1.0, 2.0, 3.0]);
        let bytes = weights.to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Weights::from_bytes(&bytes[..length]).is_err(), "{length} of {} bytes were accepted", bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_harmless() {
        let mut weights = Weights::new();
        weights.put_floats("a", &[3], vec![1.0, 2.0, 3.0]);
        let bytes = weights.to_bytes().unwrap();
        for place in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            if let Ok(back) = Weights::from_bytes(&flipped) {
                assert_eq!(back, weights, "bit {place} changed what was read");
            }
        }
    }
}
