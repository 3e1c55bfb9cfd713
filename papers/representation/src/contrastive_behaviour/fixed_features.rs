//! The loss itself, at random features: entropy of its penalties, its gradient, its two limits.

use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::init::normal;
use papers_kit::similarity::cosine_matrix;

use super::contrastive::{ContrastiveLossConfig, relative_penalty};
use super::settings::FixedFeatures;

/// Records what the first two claims look at.
///
/// # Errors
/// None for settings that were checked.
pub fn run(settings: &FixedFeatures, lab: &mut Lab) -> Result<()> {
    let mut rng = lab.rng("fixed features");
    let device = lab.device().clone();
    let mut features = || normal([settings.rows, settings.width], 1.0, &mut rng, &device);
    let similarities = cosine_matrix(features(), features(), 1e-12);
    let n = settings.rows;
    let rows: Vec<f64> = read_f32(similarities.clone()).into_iter().map(f64::from).collect();

    let mut entropies: Vec<Vec<f64>> = Vec::new();
    let mut gradient_gap = 0.0f64;
    for tau in &settings.temperatures {
        let penalties = read_f32(relative_penalty(similarities.clone(), *tau)?);
        let of_rows: Vec<f64> = penalties.chunks_exact(n).map(entropy).collect();
        lab.series("penalty_entropy", *tau, of_rows.iter().sum::<f64>() / n as f64);
        entropies.push(of_rows);
        gradient_gap = gradient_gap.max(largest_gradient_gap(&similarities, &rows, *tau)?);
    }
    let rises = entropies.windows(2).flat_map(|pair| pair[0].iter().zip(&pair[1]).map(|(low, high)| high - low));
    lab.record("entropy_rise", rises.fold(f64::INFINITY, f64::min));
    lab.record("gradient_gap", gradient_gap);

    let losses = |tau: f64| -> Result<Vec<f64>> {
        let loss = ContrastiveLossConfig::new(tau).init()?.forward_no_reduction(similarities.clone());
        Ok(read_f32(loss).into_iter().map(f64::from).collect())
    };
    let (mut gap, mut size) = (0.0, 0.0);
    for ((i, row), loss) in rows.chunks_exact(n).enumerate().zip(losses(settings.small)?) {
        let hardest = others(row, i).fold(f64::NEG_INFINITY, f64::max);
        let limit = (hardest - row[i]).max(0.0);
        gap += (settings.small * loss - limit).abs();
        size += limit;
    }
    lab.record("small_temperature_gap", gap / size);
    let (mut gap, mut size) = (0.0, 0.0);
    for ((i, row), loss) in rows.chunks_exact(n).enumerate().zip(losses(settings.large)?) {
        // The part of the limit that depends on the features.
        let pull = (others(row, i).sum::<f64>() - row[i] * (n - 1) as f64) / (n as f64 * settings.large);
        gap += (loss - (n as f64).ln() - pull).abs();
        size += pull.abs();
    }
    lab.record("large_temperature_gap", gap / size);
    Ok(())
}

fn others(row: &[f64], own: usize) -> impl Iterator<Item = f64> {
    row.iter().enumerate().filter(move |(at, _)| *at != own).map(|(_, value)| *value)
}

fn entropy(distribution: &[f32]) -> f64 {
    distribution.iter().map(|p| f64::from(*p)).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum()
}

/// The largest difference between the gradient of reverse mode and ∂L_i/∂s_ij = P_ij/τ, ∂L_i/∂s_ii = −Σ_k P_ik/τ in
/// double precision, in units of 1/τ, the largest that a gradient can be.
fn largest_gradient_gap(similarities: &Tensor<2>, rows: &[f64], tau: f64) -> Result<f64> {
    let leaf = similarities.clone().detach().require_grad();
    let loss = ContrastiveLossConfig::new(tau).init()?.forward_no_reduction(leaf.clone()).sum();
    let gradient = leaf.grad(&loss.backward()).ok_or_else(|| Error::Failed("the loss has no gradient".into()))?;
    let [_, n] = similarities.dims();
    let gradient = read_f32(gradient);
    let mut gap = 0.0f64;
    for (i, (row, have)) in rows.chunks_exact(n).zip(gradient.chunks_exact(n)).enumerate() {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let terms: Vec<f64> = row.iter().map(|value| ((value - largest) / tau).exp()).collect();
        let total: f64 = terms.iter().sum();
        for (j, (have, term)) in have.iter().zip(&terms).enumerate() {
            let want = if j == i { -others(&terms, i).sum::<f64>() / total } else { term / total };
            gap = gap.max((f64::from(*have) * tau - want).abs());
        }
    }
    Ok(gap)
}
