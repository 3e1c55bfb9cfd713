//! A language-model step.

use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::tensor::TensorData;
use harness_core::Result;
use harness_core::backend::{Device, IntTensor};
use papers_kit::gpt::{GptConfig, log_probs};
use rand::RngExt;

use crate::perceptron::RATE;
use crate::{Step, Take, batch, flops};

const BATCH: usize = 16;
const TOKENS: usize = 64;
const LAYERS: usize = 4;
const WIDTH: usize = 128;
const HEADS: usize = 4;
/// As many as the characters of a play.
const VOCABULARY: usize = 65;

pub const STEP: Step = Step {
    name: "gpt",
    about: "GPT of 4 blocks, width 128, 4 heads, GELU, 65 tokens; 16 sequences of 64, cross-entropy, AdamW",
    flops: || 3.0 * flops::transformer(BATCH, TOKENS, LAYERS, WIDTH, 4 * WIDTH, VOCABULARY),
    build,
};

fn build(device: &Device) -> Result<Take> {
    let mut rng = batch::stream("init");
    let mut model = GptConfig::new(LAYERS, WIDTH, HEADS).init(VOCABULARY, TOKENS, &mut rng, device)?;
    let mut optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init();
    let mut draw = || {
        let ids: Vec<i64> = (0..BATCH * TOKENS).map(|_| rng.random_range(0..VOCABULARY as i64)).collect();
        IntTensor::<2>::from_data(TensorData::new(ids, [BATCH, TOKENS]), device)
    };
    let (ids, labels) = (draw(), draw());
    Ok(Box::new(move || {
        let loss = -log_probs(model.forward(ids.clone()), labels.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(RATE, model.clone(), gradients);
        Ok(f64::from(loss.into_scalar()))
    }))
}
