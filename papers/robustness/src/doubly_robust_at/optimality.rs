//! The inner problem over the weights in double precision on the host, to check its closed form by search.

use rand::Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

/// r·log((1/n) Σ exp(ℓᵢ/r)).
pub fn objective(losses: &[f64], r: f64) -> f64 {
    let largest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // exp x − 1, so that the mean of the losses survives r → ∞.
    let excess = losses.iter().map(|loss| ((loss - largest) / r).exp_m1()).sum::<f64>() / losses.len() as f64;
    largest + r * excess.ln_1p()
}

/// softmax(ℓ/r).
pub fn weights(losses: &[f64], r: f64) -> Vec<f64> {
    let largest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    normalised(losses.iter().map(|loss| ((loss - largest) / r).exp()).collect())
}

/// Σ wᵢℓᵢ − r Σ wᵢ log(n·wᵢ), with 0·log 0 = 0.
pub fn weighted_loss(weights: &[f64], losses: &[f64], r: f64) -> f64 {
    let n = losses.len() as f64;
    weights
        .iter()
        .zip(losses)
        .filter(|(weight, _)| **weight > 0.0)
        .map(|(weight, loss)| weight * loss - r * weight * (n * weight).ln())
        .sum()
}

/// By how much the best of `points` random weights beats softmax(ℓ/r); negative where none does. Every other point is
/// uniform in the simplex; the rest lie around the softmax, at distances from far to near, because in many dimensions a
/// uniform point is hardly ever a serious rival.
pub fn best_rival(losses: &[f64], r: f64, points: usize, rng: &mut impl Rng) -> f64 {
    let optimum = weights(losses, r);
    let value = weighted_loss(&optimum, losses, r);
    let mut best = f64::NEG_INFINITY;
    for point in 0..points {
        let rival = if point % 2 == 0 {
            normalised(losses.iter().map(|_| Exp1.sample(rng)).collect())
        } else {
            let spread = 10f64.powi(-((point / 2 % 4) as i32)); // 1, 0.1, 0.01, 0.001
            let disturbed = optimum.iter().map(|weight| {
                let noise: f64 = StandardNormal.sample(rng);
                weight * (spread * noise).exp()
            });
            normalised(disturbed.collect())
        };
        best = best.max(weighted_loss(&rival, losses, r) - value);
    }
    best
}

fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_the_value_at_the_softmax() {
        let losses = [0.1, 2.0, 5.0, 0.7];
        for r in [0.3, 1.0, 40.0] {
            let value = weighted_loss(&weights(&losses, r), &losses, r);
            assert!((value - objective(&losses, r)).abs() < 1e-12);
        }
    }

    /// The search must be able to refute: it beats weights of another r.
    #[test]
    fn rivals_lose_against_the_softmax_but_beat_a_wrong_answer() {
        let losses = [0.1, 2.0, 5.0, 0.7, 0.9];
        let mut rng = harness_core::rng::stream("test", "rivals", 0);
        let lead = best_rival(&losses, 1.0, 1000, &mut rng);
        assert!(lead < 0.0 && lead > -1e-5, "{lead}");
        let wrong = weighted_loss(&weights(&losses, 1.2), &losses, 1.0);
        assert!(lead + objective(&losses, 1.0) > wrong);
    }
}
