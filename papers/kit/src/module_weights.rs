//! A model's parameters as named weights, for stages that several trials share.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use harness_core::backend::{Backend, Tensor};
use harness_core::weights::Weights;
use harness_core::{Error, Result};

/// All float parameters of a module, named by where they are, such as `blocks.0.query.weight`.
///
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::mlp::{Activation, Mlp};
/// use papers_kit::module_weights::{to_weights, with_weights};
/// let device = DeviceChoice::Cpu.open()?;
/// let mlp = |seed| Mlp::new(&[3, 4, 2], Activation::Relu, &mut harness_core::rng::stream("example", "init", seed), &device);
/// let weights = to_weights(&mlp(0));
/// let same = with_weights(mlp(1), &weights)?;
/// let x = Tensor::<2>::ones([1, 3], &device);
/// assert_eq!(read_f32(same.forward(x.clone())), read_f32(mlp(0).forward(x)));
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn to_weights<M: Module<Backend>>(module: &M) -> Weights {
    let mut reader = Reader { path: Vec::new(), weights: Weights::new() };
    module.visit(&mut reader);
    reader.weights
}

/// The module with its float parameters taken from `weights`; on its own device, and recording gradients where it did.
///
/// # Errors
/// [`Error::Failed`] where a parameter is missing in `weights` or has another shape there.
pub fn with_weights<M: Module<Backend>>(module: M, weights: &Weights) -> Result<M> {
    let mut writer = Writer { path: Vec::new(), weights, error: None };
    let module = module.map(&mut writer);
    match writer.error {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

struct Reader {
    path: Vec<String>,
    weights: Weights,
}

impl ModuleVisitor<Backend> for Reader {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.weights.put(&self.path.join("."), param.val());
    }
}

struct Writer<'a> {
    path: Vec<String>,
    weights: &'a Weights,
    error: Option<Error>,
}

impl Writer<'_> {
    fn read<const D: usize>(&self, current: &Tensor<D>) -> Result<Tensor<D>> {
        let name = self.path.join(".");
        let read = self.weights.tensor::<D>(&name, &current.device())?;
        if read.dims() != current.dims() {
            return Err(Error::Failed(format!(
                "weights `{name}` have shape {:?}, but the model's have {:?}",
                read.dims(),
                current.dims()
            )));
        }
        Ok(read)
    }
}

impl ModuleMapper<Backend> for Writer<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, current, mapper) = param.consume();
        let tracked = current.is_require_grad();
        let tensor = match self.read(&current) {
            Ok(read) => read.set_require_grad(tracked),
            Err(error) => {
                self.error.get_or_insert(error);
                current
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::{Activation, Mlp};
    use burn::module::AutodiffModule;
    use harness_core::backend::DeviceChoice;

    fn mlp(widths: &[usize], seed: u64) -> Mlp {
        let device = DeviceChoice::Cpu.open().unwrap();
        Mlp::new(widths, Activation::Tanh, &mut harness_core::rng::stream("test", "init", seed), &device)
    }

    #[test]
    fn a_model_comes_back_through_its_file() {
        let weights = to_weights(&mlp(&[2, 3, 1], 0));
        let kept = Weights::from_bytes(&weights.to_bytes().unwrap()).unwrap();
        let model = with_weights(mlp(&[2, 3, 1], 1), &kept).unwrap();
        assert_eq!(to_weights(&model), weights);
        assert_ne!(to_weights(&mlp(&[2, 3, 1], 1)), weights);
        // It can be trained and evaluated.
        let x = Tensor::<2>::ones([1, 2], &DeviceChoice::Cpu.open().unwrap());
        let gradients = model.forward(x.clone()).sum().backward();
        assert!(model.layers().iter().all(|layer| layer.weight.grad(&gradients).is_some()));
        let frozen = with_weights(mlp(&[2, 3, 1], 1).valid(), &kept).unwrap();
        assert_eq!(frozen.forward(x.inner()).dims(), [1, 1]);
    }

    #[test]
    fn other_models_are_refused() {
        let weights = to_weights(&mlp(&[2, 3, 1], 0));
        assert!(with_weights(mlp(&[2, 4, 1], 0), &weights).is_err());
        assert!(with_weights(mlp(&[2, 3, 3, 1], 0), &weights).is_err());
        assert!(with_weights(mlp(&[2, 3, 1], 0), &Weights::new()).is_err());
    }
}
