//! Sizes and choices of a GPT.

use harness_core::backend::Device;
use harness_core::{Error, Result};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::Gpt;

/// How a model knows where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// A learned vector per position, added to the token's embedding.
    Learned,
    /// Queries and keys turn by angles that grow with the position (RoFormer, Su et al. 2021; base 10,000).
    Rotary,
    /// Only through the causal mask.
    None,
}

/// What precedes attention, MLP and head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// Mean 0 and variance 1, then gain and, where the model has biases, offset.
    LayerNorm,
    /// Mean square 1, then gain.
    RmsNorm,
}

/// The layer between two residual additions that looks at one token alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MlpKind {
    /// W₂ gelu(W₁x), with x·Φ(x) as the activation.
    Gelu,
    /// W₂ silu(W₁x), with x·σ(x) as the activation.
    Silu,
    /// W₂ relu(W₁x); the fastest.
    Relu,
    /// W₂ (silu(W₁x) ∘ W₃x).
    SwiGlu,
}

/// Sizes and choices of a [`Gpt`]; vocabulary and context come with the data.
///
/// ```
/// use papers_kit::gpt::{GptConfig, MlpKind};
/// let config = GptConfig { mlp_kind: MlpKind::Relu, ..GptConfig::new(4, 128, 4) };
/// assert_eq!((config.mlp, config.head_width()), (512, 32));
/// assert!(GptConfig { heads: 3, ..config }.check().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GptConfig {
    /// Blocks of attention and MLP.
    pub layers: usize,
    /// Width of the residual stream, a multiple of `heads`.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the MLP.
    pub mlp: usize,
    /// Its activation.
    pub mlp_kind: MlpKind,
    /// How positions are known.
    pub positions: Positions,
    /// The normalisation.
    pub norm: NormKind,
    /// Whether linear layers and layer norms have biases.
    pub bias: bool,
    /// Whether the head's weights are those of the token embedding.
    pub tied: bool,
    /// Standard deviation of the initial weights; the layers that write into the residual stream have 1/√(2·layers)
    /// of it, as in GPT-2.
    pub init_std: f64,
}

impl GptConfig {
    /// GPT-2's choices: learned positions, layer norm, GELU and an MLP of four times the width, biases, tied head.
    pub fn new(layers: usize, width: usize, heads: usize) -> Self {
        GptConfig {
            layers,
            width,
            heads,
            mlp: 4 * width,
            mlp_kind: MlpKind::Gelu,
            positions: Positions::Learned,
            norm: NormKind::LayerNorm,
            bias: true,
            tied: true,
            init_std: 0.02,
        }
    }

    /// Width of a head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads.max(1)
    }

    /// Checks that such a model exists.
    ///
    /// # Errors
    /// [`Error::Input`] where a size is 0, the width is not a multiple of the heads, a head's width is odd with rotary
    /// positions, or `init_std` is negative or not finite.
    pub fn check(&self) -> Result<()> {
        let GptConfig { layers, width, heads, mlp, init_std, .. } = *self;
        for (name, size) in [("layers", layers), ("width", width), ("heads", heads), ("mlp", mlp)] {
            if size == 0 {
                return Err(Error::Input(format!("`{name}` of a GPT must be at least 1")));
            }
        }
        if !width.is_multiple_of(heads) {
            return Err(Error::Input(format!("a width of {width} does not divide into {heads} heads")));
        }
        if self.positions == Positions::Rotary && self.head_width() % 2 == 1 {
            return Err(Error::Input(format!(
                "rotary positions need heads of even width, but {width} / {heads} is {}",
                self.head_width()
            )));
        }
        if !init_std.is_finite() || init_std < 0.0 {
            return Err(Error::Input(format!("`init_std` must be finite and not negative, got {init_std}")));
        }
        Ok(())
    }

    /// A model for tokens 0..`vocabulary` in sequences of at most `context` tokens, with weights drawn from `rng`.
    ///
    /// # Errors
    /// Those of [`GptConfig::check`], and where `vocabulary` or `context` is 0.
    pub fn init(&self, vocabulary: usize, context: usize, rng: &mut impl Rng, device: &Device) -> Result<Gpt> {
        self.check()?;
        if vocabulary == 0 || context == 0 {
            return Err(Error::Input(format!("a GPT needs tokens and a context, got {vocabulary} and {context}")));
        }
        Ok(Gpt::new(self, vocabulary, context, rng, device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_models_are_refused() {
        let config = GptConfig::new(2, 12, 4);
        assert!(config.check().is_ok());
        for bad in [
            GptConfig { layers: 0, ..config },
            GptConfig { heads: 0, ..config },
            GptConfig { heads: 5, ..config },
            GptConfig { mlp: 0, ..config },
            GptConfig { init_std: f64::NAN, ..config },
            GptConfig { positions: Positions::Rotary, ..config },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
