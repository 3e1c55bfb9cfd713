//! Writing on: greedy and random continuations of prompts.

use burn::tensor::TensorData;
use harness_core::backend::IntTensor;
use harness_core::op::read_f32;
use harness_core::{Error, Result};
use rand::{Rng, RngExt};

use super::Gpt;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoding {
    /// The most probable one; of equals the one of the lowest number.
    Greedy,
    /// Drawn from softmax(logits / temperature), with a temperature above 0.
    Temperature(f64),
}

/// Continues each prompt by `count` tokens, all prompts side by side; gives the new tokens only.
///
/// Prompts may differ in length. Each sees at most the last [`Gpt::context`] tokens before its next one. Random
/// numbers are drawn on the host, one for each new token, prompt by prompt within a step; greedy decoding draws none.
/// Hand it a model that records no gradients (`model.valid()`).
///
/// ```
/// use burn::module::AutodiffModule;
/// use harness_core::backend::DeviceChoice;
/// use papers_kit::gpt::{Decoding, GptConfig, generate};
/// let device = DeviceChoice::Cpu.open()?;
/// let mut rng = harness_core::rng::stream("example", "init", 0);
/// let model = GptConfig::new(1, 8, 2).init(5, 6, &mut rng, &device)?.valid();
/// let new = generate(&model, &[vec![0, 1], vec![4]], 7, Decoding::Temperature(0.8), &mut rng)?;
/// assert_eq!((new.len(), new[0].len()), (2, 7));
/// # Ok::<(), harness_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] where a prompt is empty or holds a token that the model does not know, or the temperature is not
/// above 0 and finite; [`Error::Diverged`] where logits are not finite.
pub fn generate(
    model: &Gpt,
    prompts: &[Vec<i64>],
    count: usize,
    decoding: Decoding,
    rng: &mut impl Rng,
) -> Result<Vec<Vec<i64>>> {
    if let Decoding::Temperature(temperature) = decoding
        && !(temperature.is_finite() && temperature > 0.0)
    {
        return Err(Error::Input(format!("a temperature must be finite and above 0, got {temperature}")));
    }
    for prompt in prompts {
        if prompt.is_empty() {
            return Err(Error::Input("a prompt must hold at least one token".into()));
        }
        let known = |id: &&i64| usize::try_from(**id).is_ok_and(|id| id < model.vocabulary());
        if let Some(id) = prompt.iter().find(|id| !known(id)) {
            return Err(Error::Input(format!("token {id} is not one of the {} tokens", model.vocabulary())));
        }
    }
    let mut sequences = prompts.to_vec();
    for _ in 0..count {
        let chosen = next_logits(model, &sequences)
            .iter()
            .map(|logits| choose(logits, decoding, rng))
            .collect::<Result<Vec<usize>>>()?;
        for (sequence, id) in sequences.iter_mut().zip(chosen) {
            sequence.push(id as i64);
        }
    }
    Ok(sequences.into_iter().zip(prompts).map(|(mut sequence, prompt)| sequence.split_off(prompt.len())).collect())
}

/// Logits of the token after each sequence.
fn next_logits(model: &Gpt, sequences: &[Vec<i64>]) -> Vec<Vec<f32>> {
    let windows: Vec<&[i64]> = sequences.iter().map(|ids| &ids[ids.len().saturating_sub(model.context())..]).collect();
    let Some(tokens) = windows.iter().map(|window| window.len()).max() else { return Vec::new() };
    // Filled up at the end, where no earlier position looks.
    let padded = windows.iter().flat_map(|window| window.iter().copied().chain(vec![0; tokens - window.len()]));
    let device = model.device();
    let ids = TensorData::new(padded.collect::<Vec<i64>>(), [windows.len(), tokens]);
    let logits = model.forward(IntTensor::from_data(ids, &device));
    let [batch, _, vocabulary] = logits.dims();
    let last: Vec<i64> =
        windows.iter().enumerate().map(|(row, window)| (row * tokens + window.len() - 1) as i64).collect();
    let last = IntTensor::<1>::from_data(TensorData::new(last, [batch]), &device);
    let rows = read_f32(logits.reshape([batch * tokens, vocabulary]).select(0, last));
    rows.chunks_exact(vocabulary).map(<[f32]>::to_vec).collect()
}

fn choose(logits: &[f32], decoding: Decoding, rng: &mut impl Rng) -> Result<usize> {
    if let Some(logit) = logits.iter().find(|logit| !logit.is_finite()) {
        return Err(Error::Diverged(format!("a logit of the next token is {logit}")));
    }
    let first_largest = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    let best = (0..logits.len()).fold(0, first_largest);
    let Decoding::Temperature(temperature) = decoding else { return Ok(best) };
    let weight = |logit: f32| (f64::from(logit - logits[best]) / temperature).exp();
    let total: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let mut left = rng.random::<f64>() * total;
    for (id, logit) in logits.iter().enumerate() {
        left -= weight(*logit);
        if left < 0.0 {
            return Ok(id);
        }
    }
    // Only rounding leads here: the whole range is used up.
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt::{GptConfig, Positions};
    use burn::module::AutodiffModule;
    use harness_core::backend::DeviceChoice;

    fn model(positions: Positions) -> Gpt {
        let device = DeviceChoice::Cpu.open().unwrap();
        let mut rng = harness_core::rng::stream("test", "init", 0);
        let config = GptConfig { positions, init_std: 0.5, ..GptConfig::new(2, 16, 2) };
        config.init(7, 6, &mut rng, &device).unwrap().valid()
    }

    fn rng() -> impl Rng {
        harness_core::rng::stream("test", "sample", 0)
    }

    #[test]
    fn prompts_side_by_side_are_continued_as_alone() {
        let model = model(Positions::Learned);
        let prompts = [vec![1, 2, 3, 4], vec![5], vec![6, 0]];
        let together = generate(&model, &prompts, 8, Decoding::Greedy, &mut rng()).unwrap();
        for (prompt, continued) in prompts.iter().zip(together) {
            let alone = generate(&model, std::slice::from_ref(prompt), 8, Decoding::Greedy, &mut rng()).unwrap();
            assert_eq!(alone, [continued]);
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_text_and_a_small_temperature_is_greedy() {
        let model = model(Positions::Rotary);
        let of = |decoding| generate(&model, &[vec![1], vec![2]], 12, decoding, &mut rng()).unwrap();
        assert_eq!(of(Decoding::Temperature(1.0)), of(Decoding::Temperature(1.0)));
        assert_ne!(of(Decoding::Temperature(3.0)), of(Decoding::Greedy));
        assert_eq!(of(Decoding::Temperature(1e-6)), of(Decoding::Greedy));
    }

    #[test]
    fn tokens_are_drawn_with_their_probabilities() {
        let logits = [1f32.ln(), 3f32.ln(), 0.5f32.ln()];
        let share = |temperature: f64| {
            let mut rng = rng();
            let draws = (0..4000).map(|_| choose(&logits, Decoding::Temperature(temperature), &mut rng).unwrap());
            draws.filter(|id| *id == 1).count() as f64 / 4000.0
        };
        assert!((share(1.0) - 3.0 / 4.5).abs() < 0.03);
        assert!((share(0.5) - 9.0 / 10.25).abs() < 0.03);
    }

    #[test]
    fn bad_questions_are_refused() {
        let model = model(Positions::None);
        for prompt in [vec![], vec![7], vec![-1]] {
            assert!(generate(&model, &[prompt], 1, Decoding::Greedy, &mut rng()).is_err());
        }
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(generate(&model, &[vec![1]], 1, Decoding::Temperature(temperature), &mut rng()).is_err());
        }
        assert!(generate(&model, &[], 3, Decoding::Greedy, &mut rng()).unwrap().is_empty());
        assert_eq!(generate(&model, &[vec![1]], 0, Decoding::Greedy, &mut rng()).unwrap(), [Vec::<i64>::new()]);
        assert_eq!(choose(&[2.0, 2.0], Decoding::Greedy, &mut rng()).unwrap(), 0);
        assert!(choose(&[f32::NAN], Decoding::Greedy, &mut rng()).is_err());
    }
}
