//! Ops: pure functions of a paper that conformance vectors call with named tensors and parameters.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use burn::tensor::backend::AutodiffBackend;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::{Backend, BoolTensor, Device, IntTensor, Tensor};
use crate::error::{Error, Result};
use crate::number::Number;

/// A pure function of a paper: the code that the experiment uses, under the name that its vectors use.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// Name in the vector files.
    pub name: &'static str,
    /// What it computes, in a sentence.
    pub about: &'static str,
    /// Calls it. Bad inputs give an error, never a panic.
    pub run: fn(&Inputs) -> Result<Outputs>,
}

/// The values of a named tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Sizes of the dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Values,
}

/// Values by type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Values {
    /// Name of the type in vector files.
    pub fn dtype(&self) -> &'static str {
        match self {
            Values::F32(_) => "f32",
            Values::F64(_) => "f64",
            Values::I64(_) => "i64",
            Values::Bool(_) => "bool",
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::I64(values) => values.len(),
            Values::Bool(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values as doubles (`true` is 1).
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Values::F64(values) => values.clone(),
            Values::I64(values) => values.iter().map(|value| *value as f64).collect(),
            Values::Bool(values) => values.iter().map(|value| f64::from(u8::from(*value))).collect(),
        }
    }
}

/// An [`Array`] as vector files write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawArray {
    dtype: String,
    shape: Vec<usize>,
    data: Vec<Value>,
}

impl RawArray {
    pub(crate) fn check(self, name: &str) -> Result<Array> {
        let bad = |what: &str| Error::Input(format!("tensor `{name}`: {what}"));
        let expected = self.shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        if expected != Some(self.data.len()) {
            return Err(bad(&format!("shape {:?} does not hold {} values", self.shape, self.data.len())));
        }
        let floats = || -> Result<Vec<f64>> {
            self.data
                .iter()
                .map(|value| {
                    serde_json::from_value::<Number>(value.clone())
                        .map(|number| number.0)
                        .map_err(|_| bad(&format!("`{value}` is not a number")))
                })
                .collect()
        };
        let values = match self.dtype.as_str() {
            "f32" => Values::F32(floats()?.into_iter().map(|value| value as f32).collect()),
            "f64" => Values::F64(floats()?),
            "i64" => Values::I64(
                self.data
                    .iter()
                    .map(|value| value.as_i64().ok_or_else(|| bad(&format!("`{value}` is not a whole number"))))
                    .collect::<Result<_>>()?,
            ),
            "bool" => Values::Bool(
                self.data
                    .iter()
                    // Some writers store switches as 0 and 1.
                    .map(|value| match value {
                        Value::Bool(switch) => Ok(*switch),
                        Value::Number(number) if number.as_i64() == Some(0) => Ok(false),
                        Value::Number(number) if number.as_i64() == Some(1) => Ok(true),
                        _ => Err(bad(&format!("`{value}` is not true or false"))),
                    })
                    .collect::<Result<_>>()?,
            ),
            other => return Err(bad(&format!("unknown dtype `{other}`: use f32, f64, i64 or bool"))),
        };
        Ok(Array { shape: self.shape, values })
    }
}

/// What an op is called with.
pub struct Inputs {
    device: Device,
    arrays: BTreeMap<String, Array>,
    params: serde_json::Map<String, Value>,
    /// Tensors handed out with gradients recorded, by name, so that the caller can ask for their gradients.
    tracked: std::cell::RefCell<BTreeMap<String, ReadGradient>>,
}

/// Reads the gradient of a tensor, whatever its rank, out of the result of a reverse pass.
type ReadGradient = Box<dyn Fn(&<Backend as AutodiffBackend>::Gradients) -> Option<Vec<f32>>>;

impl Inputs {
    /// Inputs on a device.
    pub fn new(device: Device, arrays: BTreeMap<String, Array>, params: serde_json::Map<String, Value>) -> Self {
        Inputs { device, arrays, params, tracked: Default::default() }
    }

    /// Where tensors live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether an input of this name was given.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// The input as it came.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing.
    pub fn array(&self, name: &str) -> Result<&Array> {
        self.arrays.get(name).ok_or_else(|| Error::Input(format!("input `{name}` is missing")))
    }

    /// The sizes of an input that must have `D` dimensions.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or has another rank.
    pub fn shape<const D: usize>(&self, name: &str) -> Result<[usize; D]> {
        let array = self.array(name)?;
        array.shape.clone().try_into().map_err(|shape: Vec<usize>| {
            Error::Input(format!("input `{name}` must have {D} dimensions, but has shape {shape:?}"))
        })
    }

    /// A float input as a tensor that records gradients. A scalar has `D = 1` and one element. An input with an
    /// empty dimension is refused: the device has no tensor for it.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing, empty, of another rank or not a float.
    pub fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<D>> {
        let array = self.array(name)?;
        let (Values::F32(_) | Values::F64(_)) = &array.values else {
            return Err(Error::Input(format!("input `{name}` must hold floats, but holds {}", array.values.dtype())));
        };
        let shape = self.device_shape::<D>(name, array)?;
        let values: Vec<f32> = array.values.to_f64().into_iter().map(|value| value as f32).collect();
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), &self.device).require_grad();
        let leaf = tensor.clone();
        self.tracked
            .borrow_mut()
            .insert(name.to_owned(), Box::new(move |gradients| leaf.grad(gradients).map(read_f32)));
        Ok(tensor)
    }

    /// A whole-number input as a tensor.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing, empty, of another rank or of another type.
    pub fn int_tensor<const D: usize>(&self, name: &str) -> Result<IntTensor<D>> {
        let array = self.array(name)?;
        let Values::I64(values) = &array.values else {
            return Err(Error::Input(format!("input `{name}` must hold i64, but holds {}", array.values.dtype())));
        };
        let shape = self.device_shape::<D>(name, array)?;
        Ok(IntTensor::<D>::from_data(TensorData::new(values.clone(), shape), &self.device))
    }

    /// A true/false input as a tensor.
    ///
    /// # Errors
    /// As [`Inputs::int_tensor`].
    pub fn bool_tensor<const D: usize>(&self, name: &str) -> Result<BoolTensor<D>> {
        let array = self.array(name)?;
        let Values::Bool(values) = &array.values else {
            return Err(Error::Input(format!("input `{name}` must hold bool, but holds {}", array.values.dtype())));
        };
        let shape = self.device_shape::<D>(name, array)?;
        Ok(BoolTensor::<D>::from_data(TensorData::new(values.clone(), shape), &self.device))
    }

    /// A float input as doubles, for ops that compute on the host.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or not a float.
    pub fn floats(&self, name: &str) -> Result<Vec<f64>> {
        let array = self.array(name)?;
        match &array.values {
            Values::F32(_) | Values::F64(_) => Ok(array.values.to_f64()),
            other => Err(Error::Input(format!("input `{name}` must hold floats, but holds {}", other.dtype()))),
        }
    }

    /// A whole-number input as it is.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or of another type.
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        match &self.array(name)?.values {
            Values::I64(values) => Ok(values),
            other => Err(Error::Input(format!("input `{name}` must hold i64, but holds {}", other.dtype()))),
        }
    }

    /// Class indices, each checked to lie in `0..classes`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first index outside.
    pub fn classes(&self, name: &str, classes: usize) -> Result<Vec<usize>> {
        self.ints(name)?
            .iter()
            .enumerate()
            .map(|(at, index)| {
                usize::try_from(*index).ok().filter(|index| *index < classes).ok_or_else(|| {
                    Error::Input(format!(
                        "input `{name}`[{at}] is {index}, expected a class from 0 to {}",
                        classes.max(1) - 1
                    ))
                })
            })
            .collect()
    }

    fn device_shape<const D: usize>(&self, name: &str, array: &Array) -> Result<[usize; D]> {
        let shape: [usize; D] = if array.shape.is_empty() && D == 1 { [1; D] } else { self.shape(name)? };
        if shape.contains(&0) {
            return Err(Error::Input(format!("input `{name}` is empty: shape {:?}", array.shape)));
        }
        Ok(shape)
    }

    fn param<T>(&self, name: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| Error::Input(format!("parameter `{name}` must be {expected}, but is {value}"))),
        }
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| Error::Input(format!("parameter `{name}` is missing")))
    }

    /// A finite number.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or not a finite number.
    pub fn float(&self, name: &str) -> Result<f64> {
        let value = self.optional_float(name)?;
        self.required(name, value)
    }

    /// A finite number, or `default` where it is missing.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not a finite number.
    pub fn float_or(&self, name: &str, default: f64) -> Result<f64> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    /// A finite number where there is one.
    ///
    /// # Errors
    /// As [`Inputs::float_or`].
    pub fn optional_float(&self, name: &str) -> Result<Option<f64>> {
        self.param(name, "a finite number", |value| value.as_f64().filter(|number| number.is_finite()))
    }

    /// A whole number; `2.0` counts as one.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or not whole.
    pub fn int(&self, name: &str) -> Result<i64> {
        let value = self.optional_int(name)?;
        self.required(name, value)
    }

    /// A whole number, or `default` where it is missing.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not whole.
    pub fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// A whole number where there is one.
    ///
    /// # Errors
    /// As [`Inputs::int_or`].
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>> {
        self.param(name, "a whole number", |value| {
            value.as_i64().or_else(|| {
                value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|number| number as i64)
            })
        })
    }

    /// A switch, or `default` where it is missing.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not true or false.
    pub fn bool_or(&self, name: &str, default: bool) -> Result<bool> {
        Ok(self.param(name, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    /// A word.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or not a word.
    pub fn text(&self, name: &str) -> Result<String> {
        let value = self.param(name, "a word", |value| value.as_str().map(str::to_owned))?;
        self.required(name, value)
    }

    /// A word, or `default` where it is missing.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not a word.
    pub fn text_or(&self, name: &str, default: &str) -> Result<String> {
        let value = self.param(name, "a word", |value| value.as_str().map(str::to_owned))?;
        Ok(value.unwrap_or_else(|| default.to_owned()))
    }

    /// A parameter of a type of its own, such as a list.
    ///
    /// # Errors
    /// [`Error::Input`] where it is missing or of another type.
    pub fn typed<T: serde::de::DeserializeOwned>(&self, name: &str, expected: &str) -> Result<T> {
        let value = self.param(name, expected, |value| serde_json::from_value(value.clone()).ok())?;
        self.required(name, value)
    }
}

/// What an op returns: named values, and gradients that it computed itself.
#[derive(Default)]
pub struct Outputs {
    arrays: BTreeMap<String, Array>,
    tensors: BTreeMap<String, Tensor<1>>,
    gradients: BTreeMap<(String, String), Array>,
}

impl Outputs {
    /// No output yet.
    pub fn new() -> Self {
        Outputs::default()
    }

    /// Adds a float tensor; gradients of it can be asked for.
    pub fn tensor<const D: usize>(mut self, name: &str, tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let flat = tensor.clone().reshape([-1]);
        self.arrays.insert(name.to_owned(), Array { shape, values: Values::F32(read_f32(tensor)) });
        self.tensors.insert(name.to_owned(), flat);
        self
    }

    /// Adds a tensor of one element as a scalar; gradients of it can be asked for.
    pub fn scalar(mut self, name: &str, tensor: Tensor<1>) -> Self {
        self = self.tensor(name, tensor);
        if let Some(array) = self.arrays.get_mut(name) {
            array.shape.clear();
        }
        self
    }

    /// Adds a whole-number tensor.
    pub fn int_tensor<const D: usize>(mut self, name: &str, tensor: IntTensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let values = tensor.into_data().iter::<i64>().collect();
        self.arrays.insert(name.to_owned(), Array { shape, values: Values::I64(values) });
        self
    }

    /// Adds a true/false tensor.
    pub fn bool_tensor<const D: usize>(mut self, name: &str, tensor: BoolTensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let values = tensor.into_data().iter::<bool>().collect();
        self.arrays.insert(name.to_owned(), Array { shape, values: Values::Bool(values) });
        self
    }

    /// Adds doubles computed on the host; they are compared as they are, whatever float type the vectors name.
    pub fn floats(mut self, name: &str, shape: &[usize], values: Vec<f64>) -> Self {
        self.arrays.insert(name.to_owned(), Array { shape: shape.to_vec(), values: Values::F64(values) });
        self
    }

    /// Adds a double computed on the host.
    pub fn float(self, name: &str, value: f64) -> Self {
        self.floats(name, &[], vec![value])
    }

    /// Adds whole numbers.
    pub fn ints(mut self, name: &str, shape: &[usize], values: Vec<i64>) -> Self {
        self.arrays.insert(name.to_owned(), Array { shape: shape.to_vec(), values: Values::I64(values) });
        self
    }

    /// Adds a whole number.
    pub fn int(self, name: &str, value: i64) -> Self {
        self.ints(name, &[], vec![value])
    }

    /// Adds switches.
    pub fn bools(mut self, name: &str, shape: &[usize], values: Vec<bool>) -> Self {
        self.arrays.insert(name.to_owned(), Array { shape: shape.to_vec(), values: Values::Bool(values) });
        self
    }

    /// Adds the gradient of the sum of output `of` with respect to input `with_respect_to`, computed by the op's
    /// own formula rather than by reverse mode.
    pub fn gradient(mut self, of: &str, with_respect_to: &str, shape: &[usize], values: Vec<f64>) -> Self {
        let array = Array { shape: shape.to_vec(), values: Values::F64(values) };
        self.gradients.insert((of.to_owned(), with_respect_to.to_owned()), array);
        self
    }

    /// The output of this name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// The gradients of the sum of output `of` with respect to `inputs`: the op's own where it gave them, else by
    /// reverse mode. An input that the output does not depend on has a gradient of zeros.
    ///
    /// # Errors
    /// [`Error::Failed`] where the output is not differentiable or an input was not read as a tensor.
    pub fn gradients(&self, of: &str, inputs: &Inputs, names: &[&str]) -> Result<BTreeMap<String, Array>> {
        let mut found = BTreeMap::new();
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| match self.gradients.get(&(of.to_owned(), (*name).to_owned())) {
                Some(array) => {
                    found.insert((*name).to_owned(), array.clone());
                    false
                }
                None => true,
            })
            .collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let output = self
            .tensors
            .get(of)
            .ok_or_else(|| Error::Failed(format!("output `{of}` is not a tensor: it has no gradient")))?;
        let gradients = output.clone().sum().backward();
        let tracked = inputs.tracked.borrow();
        for name in missing {
            let gradient_of = tracked
                .get(name)
                .ok_or_else(|| Error::Failed(format!("input `{name}` was not read as a tensor: it has no gradient")))?;
            let shape = inputs.array(name)?.shape.clone();
            let values = gradient_of(&gradients).unwrap_or_else(|| vec![0.0; shape.iter().product()]);
            found.insert(name.to_owned(), Array { shape, values: Values::F32(values) });
        }
        Ok(found)
    }
}

/// Reads a float tensor back to the host, row-major.
pub fn read_f32<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    // The same numbers, without a look at the type of each.
    match data.as_slice::<f32>() {
        Ok(values) => values.to_vec(),
        Err(_) => data.iter::<f32>().collect(),
    }
}
