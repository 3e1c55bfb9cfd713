//! What hyper-parameters control, and the values of all of them for one example.

use serde::{Deserialize, Serialize};

/// What a hyper-parameter controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Dropout rate of the inputs: values of an image, or components of embedded words.
    InputDropout,
    /// Dropout rate of the first hidden layer.
    HiddenDropout1,
    /// Dropout rate of the second hidden layer.
    HiddenDropout2,
    /// Dropout rate of the channels of the first convolution.
    ConvDropout1,
    /// Dropout rate of the channels of the second convolution.
    ConvDropout2,
    /// Dropout rate of the channels of the third convolution.
    ConvDropout3,
    /// Dropout rate of the channels of the fourth convolution.
    ConvDropout4,
    /// Dropout rate of the channels of the fifth convolution.
    ConvDropout5,
    /// Dropout rate before the first fully connected layer behind convolutions.
    DenseDropout1,
    /// Dropout rate before the second fully connected layer behind convolutions.
    DenseDropout2,
    /// Dropout rate of the last layer of a language model.
    OutputDropout,
    /// Share of words whose embedding is dropped.
    EmbeddingDropout,
    /// Share of the weights from state to state that are dropped.
    WeightDrop,
    /// Coefficient of the mean square of the last layer's activations.
    ActivationPenalty,
    /// Coefficient of the mean square of their change from word to word.
    SlownessPenalty,
    /// One dropout rate for inputs and units of all layers.
    SharedDropout,
    /// Width a of the factor of the inputs, uniform from 1/(1 + a) to 1 + a.
    InputScaling,
    /// Side of a square that is cut out of the image, in pixels.
    CutoutLength,
    /// Number of such squares.
    CutoutHoles,
    /// Largest turn of the hue, as a share of the colour circle.
    Hue,
    /// Largest change of the contrast.
    Contrast,
    /// Largest change of the saturation.
    Saturation,
    /// Largest change of the brightness.
    Brightness,
}

/// All targets, in their order.
const ALL: [Target; 23] = [
    Target::InputDropout,
    Target::HiddenDropout1,
    Target::HiddenDropout2,
    Target::ConvDropout1,
    Target::ConvDropout2,
    Target::ConvDropout3,
    Target::ConvDropout4,
    Target::ConvDropout5,
    Target::DenseDropout1,
    Target::DenseDropout2,
    Target::OutputDropout,
    Target::EmbeddingDropout,
    Target::WeightDrop,
    Target::ActivationPenalty,
    Target::SlownessPenalty,
    Target::SharedDropout,
    Target::InputScaling,
    Target::CutoutLength,
    Target::CutoutHoles,
    Target::Hue,
    Target::Contrast,
    Target::Saturation,
    Target::Brightness,
];

impl Target {
    /// The convolutions' dropout rates, first to last.
    pub const CONVOLUTIONS: [Target; 5] =
        [Target::ConvDropout1, Target::ConvDropout2, Target::ConvDropout3, Target::ConvDropout4, Target::ConvDropout5];

    /// The name in metrics and series.
    pub fn name(self) -> &'static str {
        match self {
            Target::InputDropout => "input_dropout",
            Target::HiddenDropout1 => "hidden_dropout_1",
            Target::HiddenDropout2 => "hidden_dropout_2",
            Target::ConvDropout1 => "conv_dropout_1",
            Target::ConvDropout2 => "conv_dropout_2",
            Target::ConvDropout3 => "conv_dropout_3",
            Target::ConvDropout4 => "conv_dropout_4",
            Target::ConvDropout5 => "conv_dropout_5",
            Target::DenseDropout1 => "dense_dropout_1",
            Target::DenseDropout2 => "dense_dropout_2",
            Target::OutputDropout => "output_dropout",
            Target::EmbeddingDropout => "embedding_dropout",
            Target::WeightDrop => "weight_drop",
            Target::ActivationPenalty => "activation_penalty",
            Target::SlownessPenalty => "slowness_penalty",
            Target::SharedDropout => "shared_dropout",
            Target::InputScaling => "input_scaling",
            Target::CutoutLength => "cutout_length",
            Target::CutoutHoles => "cutout_holes",
            Target::Hue => "hue",
            Target::Contrast => "contrast",
            Target::Saturation => "saturation",
            Target::Brightness => "brightness",
        }
    }

    /// What people call it in a figure.
    pub fn label(self) -> &'static str {
        match self {
            Target::InputDropout => "inputs",
            Target::HiddenDropout1 => "first hidden layer",
            Target::HiddenDropout2 => "second hidden layer",
            Target::ConvDropout1 => "convolution 1",
            Target::ConvDropout2 => "convolution 2",
            Target::ConvDropout3 => "convolution 3",
            Target::ConvDropout4 => "convolution 4",
            Target::ConvDropout5 => "convolution 5",
            Target::DenseDropout1 => "before dense layer 1",
            Target::DenseDropout2 => "before dense layer 2",
            Target::OutputDropout => "outputs",
            Target::EmbeddingDropout => "words",
            Target::WeightDrop => "recurrent weights",
            Target::ActivationPenalty => "size of activations",
            Target::SlownessPenalty => "change of activations",
            Target::SharedDropout => "all layers",
            Target::InputScaling => "input scaling",
            Target::CutoutLength => "cutout length",
            Target::CutoutHoles => "cutout holes",
            Target::Hue => "hue",
            Target::Contrast => "contrast",
            Target::Saturation => "saturation",
            Target::Brightness => "brightness",
        }
    }

    /// Whether it is a dropout rate of inputs or units: what a single rate stands for in the grid search.
    pub fn is_dropout(self) -> bool {
        matches!(
            self,
            Target::InputDropout
                | Target::HiddenDropout1
                | Target::HiddenDropout2
                | Target::ConvDropout1
                | Target::ConvDropout2
                | Target::ConvDropout3
                | Target::ConvDropout4
                | Target::ConvDropout5
                | Target::DenseDropout1
                | Target::DenseDropout2
                | Target::OutputDropout
                | Target::SharedDropout
        )
    }

    /// Whether it is a probability: something is dropped.
    pub fn is_rate(self) -> bool {
        self.is_dropout() || matches!(self, Target::EmbeddingDropout | Target::WeightDrop)
    }

    /// Whether it may differ from example to example; what acts on weights or on the loss takes the first example's value.
    pub fn per_example(self) -> bool {
        !matches!(
            self,
            Target::EmbeddingDropout | Target::WeightDrop | Target::ActivationPenalty | Target::SlownessPenalty
        )
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// The values of all hyper-parameters for one example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strengths([f64; ALL.len()]);

impl Default for Strengths {
    /// Nothing is regularised; a cutout would have one hole.
    fn default() -> Self {
        Strengths([0.0; ALL.len()]).with(Target::CutoutHoles, 1.0)
    }
}

impl Strengths {
    /// The values of these hyper-parameters; what none of them controls stays as it is.
    pub fn with_all(self, targets: &[Target], values: &[f64]) -> Self {
        targets.iter().zip(values).fold(self, |strengths, (target, value)| strengths.with(*target, *value))
    }

    /// One value changed.
    pub fn with(mut self, target: Target, value: f64) -> Self {
        for (other, slot) in ALL.iter().zip(&mut self.0) {
            let shared = target == Target::SharedDropout && other.is_dropout();
            if *other == target || shared {
                *slot = value;
            }
        }
        self
    }

    /// The value of a hyper-parameter; 0 is off.
    pub fn of(&self, target: Target) -> f64 {
        self.0.get(target.index()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_place_and_a_name_of_its_own() {
        for (at, target) in ALL.into_iter().enumerate() {
            assert_eq!(target.index(), at);
            assert!(
                ALL.iter().skip(at + 1).all(|other| other.name() != target.name() && other.label() != target.label())
            );
            assert_eq!(Strengths::default().with(target, 0.25).of(target), 0.25);
        }
    }

    #[test]
    fn one_rate_stands_for_all_units_but_not_for_words_and_weights() {
        let strengths = Strengths::default().with(Target::InputScaling, 0.1).with(Target::SharedDropout, 0.5);
        for target in ALL {
            let want = match target {
                _ if target.is_dropout() => 0.5,
                Target::InputScaling => 0.1,
                Target::CutoutHoles => 1.0,
                _ => 0.0,
            };
            assert_eq!(strengths.of(target), want, "{}", target.name());
        }
    }
}
