//! The language-model loss behind a prefix.

use harness_core::prelude::*;
use papers_kit::gpt::log_probs;

/// Mean cross-entropy over the positions that count.
///
/// **Definition.** −1/(B·(T − p)) · Σ_{t > p} log softmax(z_t)_{y_t}, t from 1 to T.
///
/// **Paper.** Section 5: the auto-regressive loss, and that of prefix language modelling, in which the first p positions
/// do not count.
///
/// **Arguments.** `logits`: `[batch, T, vocabulary]`. `targets`: `[batch, T]`, the token that each position predicts.
/// `ignore`: p, below T.
///
/// **Differences.** None known.
///
/// **Errors.** [`Error::Input`] where p leaves no position.
///
/// **Example.**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_language::attention_sink::token_loss;
/// let device = DeviceChoice::Cpu.open()?;
/// let logits = Tensor::<3>::from_data([[[9.0, 0.0], [0.0, 0.0]]], &device);
/// let loss = token_loss(logits, IntTensor::from_data([[1, 0]], &device), 1)?;
/// assert_eq!(read_f32(loss), [2f32.ln()]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn token_loss(logits: Tensor<3>, targets: IntTensor<2>, ignore: usize) -> Result<Tensor<1>> {
    let [_, tokens] = targets.dims();
    let count = tokens
        .checked_sub(ignore)
        .filter(|count| *count > 0)
        .ok_or_else(|| Error::Input(format!("{ignore} ignored positions leave none of {tokens} for the loss")))?;
    if ignore == 0 {
        return Ok(-log_probs(logits, targets).mean());
    }
    Ok(-log_probs(logits.narrow(1, ignore, count), targets.narrow(1, ignore, count)).mean())
}
