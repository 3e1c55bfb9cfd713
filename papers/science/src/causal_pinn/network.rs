//! The networks of the experiment.

use burn::module::Module;
use harness_core::backend::Backend;
use harness_core::prelude::*;
use papers_kit::jet::Jet;
use papers_kit::mlp::{Activation, Mlp};
use papers_kit::modified_mlp::ModifiedMlp;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Sizes of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Whether two encodings of the input gate the hidden layers.
    #[serde(default)]
    pub modified: bool,
}

impl NetworkConfig {
    /// A tanh network by Glorot's initialisation, biases 0.
    ///
    /// # Errors
    /// As [`ModifiedMlp::new`].
    pub fn init(&self, inputs: usize, outputs: usize, rng: &mut impl Rng, device: &Device) -> Result<Network> {
        let mut widths = vec![inputs];
        widths.extend(&self.hidden);
        widths.push(outputs);
        Ok(if self.modified {
            Network::Modified(ModifiedMlp::new(&widths, Activation::Tanh, rng, device)?)
        } else {
            Network::Mlp(Mlp::new(&widths, Activation::Tanh, rng, device))
        })
    }
}

/// A network on jets.
#[derive(Module, Debug)]
pub enum Network<B: burn::tensor::backend::Backend = Backend> {
    /// Fully connected layers.
    Mlp(Mlp<B>),
    /// Fully connected layers, gated by two encodings of the input.
    Modified(ModifiedMlp<B>),
}

impl Network {
    /// The outputs with their derivatives.
    ///
    /// # Errors
    /// [`Error::Input`] where the input has another width than the first layer takes.
    pub fn jet(&self, input: &Jet) -> Result<Jet> {
        match self {
            Network::Mlp(network) => network.jet(input),
            Network::Modified(network) => network.jet(input),
        }
    }
}
