//! How much arithmetic a training step is, from its shapes.
//!
//! Only matrix products and convolutions count, with two operations (a product and a sum) for each of their terms;
//! activations, norms, losses and optimisers, which are of lower order, do not. A layer costs as much forward, backward
//! to its input and backward to its weight: three times in all, twice where nothing asks for the gradient of its input.

/// A product of `[m, k]` and `[k, n]`: 2·m·k·n.
pub const fn product(m: usize, k: usize, n: usize) -> f64 {
    2.0 * m as f64 * k as f64 * n as f64
}

/// One pass through fully connected layers of these widths for `rows` rows.
pub fn layers(rows: usize, widths: &[usize]) -> f64 {
    widths.windows(2).map(|pair| product(rows, pair[0], pair[1])).sum()
}

/// Forward and backward through fully connected layers whose inputs need no gradient.
pub fn training(rows: usize, widths: &[usize]) -> f64 {
    let first = match widths {
        [inputs, outputs, ..] => product(rows, *inputs, *outputs),
        _ => 0.0,
    };
    3.0 * layers(rows, widths) - first
}

/// One pass through a convolution of `n` images to `positions` (rows times columns) of the output:
/// 2·n·positions·inputs·kernel²·outputs.
pub const fn convolution(n: usize, positions: usize, inputs: usize, kernel: usize, outputs: usize) -> f64 {
    product(n * positions, inputs * kernel * kernel, outputs)
}

/// One pass of a transformer of `layers` blocks over `batch` sequences of `tokens`: four products of the width with
/// itself, two with the `mlp` width, scores and weighted values of attention (all of them, masked or not), and the head.
pub fn transformer(batch: usize, tokens: usize, layers: usize, width: usize, mlp: usize, vocabulary: usize) -> f64 {
    let rows = batch * tokens;
    let block = 4.0 * product(rows, width, width)
        + 2.0 * product(rows, width, mlp)
        + 2.0 * batch as f64 * product(tokens, width, tokens);
    layers as f64 * block + product(rows, width, vocabulary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_the_formulas_say() {
        assert_eq!(product(2, 3, 4), 48.0);
        assert_eq!(layers(10, &[3, 4, 5]), 10.0 * 2.0 * (12.0 + 20.0));
        // Forward 640, weights 640, input of the second layer only 400.
        assert_eq!(training(10, &[3, 4, 5]), 640.0 + 640.0 + 400.0);
        assert_eq!(training(10, &[3]), 0.0);
        assert_eq!(convolution(2, 49, 3, 3, 8), 2.0 * 2.0 * 49.0 * 27.0 * 8.0);
        assert_eq!(transformer(1, 1, 0, 8, 32, 10), 160.0);
        let block = 4.0 * 2.0 * 6.0 * 64.0 + 2.0 * 2.0 * 6.0 * 8.0 * 32.0 + 2.0 * 2.0 * 2.0 * 3.0 * 8.0 * 3.0;
        assert_eq!(transformer(2, 3, 1, 8, 32, 0), block);
    }
}
