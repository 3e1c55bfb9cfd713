//! The only file that names a backend. CPU is burn-flex; GPU is burn-cuda, loaded at run time.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::gpu;

/// The backend of all tensors. Gradients are recorded where the tensor lives on a device of [`DeviceChoice::open`].
pub type Backend = burn::Dispatch;
/// A tensor on [`Backend`].
pub type Tensor<const D: usize, K = burn::tensor::Float> = burn::tensor::Tensor<Backend, D, K>;
/// An integer tensor.
pub type IntTensor<const D: usize> = Tensor<D, burn::tensor::Int>;
/// A boolean tensor.
pub type BoolTensor<const D: usize> = Tensor<D, burn::tensor::Bool>;
/// Where tensors live.
pub type Device = burn::DispatchDevice;

/// What the user asked to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its index.
    Cuda(usize),
}

impl DeviceChoice {
    /// The first GPU where this build has CUDA and it can be used, else the processor. Results of different classes of
    /// device never share a key.
    pub fn auto() -> Self {
        if gpu::require(0).is_ok() { DeviceChoice::Cuda(0) } else { DeviceChoice::Cpu }
    }

    /// The device, with gradients recorded.
    ///
    /// # Errors
    /// [`Error::Environment`] where this binary was built without CUDA, or the GPU cannot be used: see [`gpu::require`].
    pub fn open(self) -> Result<Device> {
        match self {
            DeviceChoice::Cpu => Ok(Device::autodiff(burn::backend::flex::FlexDevice)),
            #[cfg(feature = "cuda-exact")]
            DeviceChoice::Cuda(index) => {
                gpu::require(index)?;
                Ok(Device::autodiff(burn::backend::cuda::CudaDevice::new(index)))
            }
            #[cfg(not(feature = "cuda-exact"))]
            DeviceChoice::Cuda(index) => match gpu::require(index) {
                Err(error) => Err(error),
                Ok(()) => Err(Error::Environment("this build has no CUDA".into())),
            },
        }
    }

    /// The class of device that enters a trial's key: results of one class are comparable. A build without fusion and
    /// autotune rounds differently, so its GPU is a class of its own.
    pub fn class(self) -> &'static str {
        match self {
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Cuda(_) if cfg!(all(feature = "cuda-exact", not(feature = "cuda"))) => "cuda-exact",
            DeviceChoice::Cuda(_) => "cuda",
        }
    }

    /// What the tolerances of conformance vectors are multiplied by: on a GPU sums are taken in other orders, and
    /// exponentials and tangents are its own approximations.
    pub fn tolerance_factor(self) -> f64 {
        match self {
            DeviceChoice::Cpu => 1.0,
            DeviceChoice::Cuda(_) => 10.0,
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Cpu => write!(out, "cpu"),
            DeviceChoice::Cuda(index) => write!(out, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(DeviceChoice::auto()),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(DeviceChoice::Cuda)
                .ok_or_else(|| Error::Input(format!("unknown device `{text}`: use auto, cpu, cuda or cuda:INDEX"))),
        }
    }
}

/// Whether tensors of this device lie in the memory of the processor, where the kit calls some operations in another
/// form. Both forms give the same results but for rounding.
pub fn on_host(device: &Device) -> bool {
    match device {
        Device::Autodiff(inner) => on_host(inner),
        Device::Flex(_) => true,
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => false,
    }
}

/// Seeds burn's own generator, which is global to the process. Call it before a trial, on the thread that runs it.
pub fn seed(device: &Device, seed: u64) {
    use burn::tensor::backend::Backend as _;
    Backend::seed(device, seed);
}
