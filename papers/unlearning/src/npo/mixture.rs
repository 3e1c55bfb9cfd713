//! The paper's synthetic experiment: logistic regression on random ReLU features, trained on two Gaussian clouds of
//! which one is to be forgotten.

use burn::tensor::TensorData;
use burn::tensor::activation::relu;
use harness_core::evidence::LEVEL;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::stats::linear_fit;
use harness_core::weights::Weights;
use papers_kit::classify::cross_entropy;
use papers_kit::init;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::divergence::kl_retain;
use super::objective::{Answers, Objective, Retain, Terms};
use super::paired::Likelihoods;
use super::preference::NpoLossConfig;
use super::settings::{MixtureArm, MixtureSettings};

/// The β at which the loss is held against gradient ascent.
const SMALL_BETA: f64 = 1e-6;

/// One of the two clouds, as random features on the device.
struct Cloud {
    /// Features of the training examples, `[n, features]`.
    train: Tensor<2>,
    /// Their labels, `[n]`.
    labels: IntTensor<1>,
    /// Labels drawn evenly, which say nothing, `[n]`.
    refusals: IntTensor<1>,
    /// Features of the test examples, `[test, features]`.
    test: Tensor<2>,
    count: usize,
}

/// Both clouds.
pub struct Mixture {
    retain: Cloud,
    forget: Cloud,
}

/// What a cloud is drawn from.
struct Law {
    /// Every coordinate of its centre.
    centre: f64,
    /// The class that the teacher prefers.
    preferred: i64,
}

impl Cloud {
    fn draw(law: &Law, train: usize, settings: &MixtureSettings, weight: &Tensor<2>, rng: &mut impl Rng) -> Self {
        let dim = settings.dim;
        let device = weight.device();
        let mut examples = |count: usize| {
            let mut inputs = Vec::with_capacity(count * dim);
            let mut labels = Vec::with_capacity(count);
            for _ in 0..count {
                let noise: Vec<f64> = StandardNormal.sample_iter(&mut *rng).take(dim).collect();
                let logit = noise.iter().sum::<f64>() / (dim as f64).sqrt() + 1.0;
                let preferred = rng.random::<f64>() < 1.0 / (1.0 + (-logit).exp());
                labels.push(if preferred { law.preferred } else { 1 - law.preferred });
                inputs.extend(noise.into_iter().map(|value| (value + law.centre) as f32));
            }
            let inputs = Tensor::<2>::from_data(TensorData::new(inputs, [count, dim]), &device);
            (relu(inputs.matmul(weight.clone())), labels)
        };
        let (features, labels) = examples(train);
        let (test, _) = examples(settings.test);
        let refusals: Vec<i64> = (0..train).map(|_| i64::from(rng.random::<bool>())).collect();
        let upload = |labels: Vec<i64>| IntTensor::from_data(TensorData::new(labels, [train]), &device);
        Cloud { train: features, labels: upload(labels), refusals: upload(refusals), test, count: train }
    }
}

/// The loss of each label under the model: `scores` `[n, 1]` are the logits of class 0, that of class 1 is 0.
fn losses(scores: Tensor<2>, labels: IntTensor<1>) -> Tensor<1> {
    cross_entropy(both_logits(scores), labels)
}

fn both_logits(scores: Tensor<2>) -> Tensor<2> {
    let zeros = scores.zeros_like();
    Tensor::cat(vec![scores, zeros], 1)
}

impl Mixture {
    /// The clouds of a seed, `alpha` from the origin on either side.
    pub fn draw(settings: &MixtureSettings, alpha: f64, lab: &Lab) -> Self {
        let mut rng = lab.rng("mixture features");
        let std = 1.0 / (settings.dim as f64).sqrt();
        let weight = init::normal([settings.dim, settings.features], std, &mut rng, lab.device());
        let mut rng = lab.rng("mixture data");
        let retain = Cloud::draw(&Law { centre: -alpha, preferred: 0 }, settings.retain, settings, &weight, &mut rng);
        let forget = Cloud::draw(&Law { centre: alpha, preferred: 1 }, settings.forget, settings, &weight, &mut rng);
        Mixture { retain, forget }
    }

    /// Full-batch gradient descent from zero on these examples; `[features, 1]`.
    fn pretrain(
        features: &Tensor<2>,
        labels: &IntTensor<1>,
        settings: &MixtureSettings,
        lab: &mut Lab,
    ) -> Result<Tensor<2>> {
        let [_, width] = features.dims();
        let mut a = Tensor::<2>::zeros([width, 1], &features.device()).require_grad();
        for step in 0..settings.pretraining_steps {
            let loss = losses(features.clone().matmul(a.clone()), labels.clone()).mean();
            a = descend(a, loss, settings.pretraining_rate)?;
            if step % 100 == 0 {
                lab.progress(step as u64, settings.pretraining_steps as u64)?;
            }
        }
        Ok(a.detach())
    }

    /// The model trained on both clouds and the one trained on what is retained, shared by all arms of a seed.
    fn models(&self, settings: &MixtureSettings, alpha: f64, lab: &mut Lab) -> Result<Models> {
        let kept = lab.stage("mixture", &(settings, alpha), |lab| {
            let (retain, forget) = (&self.retain, &self.forget);
            let features = Tensor::cat(vec![retain.train.clone(), forget.train.clone()], 0);
            let labels = Tensor::cat(vec![retain.labels.clone(), forget.labels.clone()], 0);
            let mut weights = Weights::new();
            weights.put("start", Self::pretrain(&features, &labels, settings, lab)?);
            weights.put("retrained", Self::pretrain(&retain.train, &retain.labels, settings, lab)?);
            Ok(weights)
        })?;
        let device = lab.device().clone();
        Ok(Models { start: kept.tensor("start", &device)?, retrained: kept.tensor("retrained", &device)? })
    }
}

struct Models {
    start: Tensor<2>,
    retrained: Tensor<2>,
}

/// One step of gradient descent.
fn descend(a: Tensor<2>, loss: Tensor<1>, rate: f64) -> Result<Tensor<2>> {
    let gradients = loss.backward();
    match a.grad(&gradients) {
        Some(slope) => Ok(Tensor::from_inner(a.inner() - slope * rate).require_grad()),
        None => Err(Error::Failed("the loss does not depend on the weights".into())),
    }
}

/// Mean KL(p ‖ q) in nats of two-class predictions, from their logits, in double precision.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let log_sigmoid = |z: f64| z.min(0.0) - (-z.abs()).exp().ln_1p();
    let total: f64 = p
        .iter()
        .zip(q)
        .map(|(p, q)| {
            let (p, q) = (f64::from(*p), f64::from(*q));
            let first = log_sigmoid(p).exp() * (log_sigmoid(p) - log_sigmoid(q));
            first + log_sigmoid(-p).exp() * (log_sigmoid(-p) - log_sigmoid(-q))
        })
        .sum();
    total / p.len().max(1) as f64
}

/// Runs one arm: unlearning from the common start, looked at along the way. Without an objective it is the start itself.
///
/// # Errors
/// Whatever ends the trial.
pub fn run(objective: Option<Objective>, arm: &MixtureArm, settings: &MixtureSettings, lab: &mut Lab) -> Result<()> {
    let alpha = arm.alpha;
    let mixture = Mixture::draw(settings, alpha, lab);
    let models = mixture.models(settings, alpha, lab)?;
    let Some(objective) = objective else {
        return record(&mixture, &models, &[(0, models.start.clone())], settings, lab);
    };
    let (retain, forget) = (&mixture.retain, &mixture.forget);
    let start = models.start.clone();
    let scores_ref = |cloud: &Cloud| cloud.train.clone().matmul(start.clone());
    let nll_ref = |labels: &IntTensor<1>| losses(scores_ref(forget), labels.clone());
    let (answers_ref, refusals_ref) = (nll_ref(&forget.labels), nll_ref(&forget.refusals));
    let retain_ref = both_logits(scores_ref(retain));

    let mut a = start.clone().require_grad();
    let mut path = Vec::new();
    for step in 0..=settings.steps {
        if step % settings.look_every == 0 {
            path.push((step, a.clone().detach()));
            lab.progress(step as u64, settings.steps as u64)?;
        }
        if step == settings.steps {
            break;
        }
        let scores = forget.train.clone().matmul(a.clone());
        let answer = |labels: &IntTensor<1>, nll_ref: &Tensor<1>| Answers {
            likelihoods: Likelihoods { nll: losses(scores.clone(), labels.clone()), nll_ref: nll_ref.clone() },
            tokens: forget.count,
        };
        let kept = || retain.train.clone().matmul(a.clone());
        let terms = Terms {
            answers: objective.needs_answers().then(|| answer(&forget.labels, &answers_ref)),
            refusals: objective.needs_refusals().then(|| answer(&forget.refusals, &refusals_ref)),
            retain: match objective.retain {
                Retain::Nothing => None,
                Retain::CrossEntropy => Some(losses(kept(), retain.labels.clone()).mean()),
                Retain::Divergence => Some(kl_retain(both_logits(kept()), retain_ref.clone())),
            },
        };
        a = descend(a.clone(), objective.loss(arm.beta, terms)?, arm.rate)?;
    }
    let nll = losses(forget.train.clone().matmul(a.detach()), forget.labels.clone());
    record_theory(nll, answers_ref, arm.beta, lab)?;
    record(&mixture, &models, &path, settings, lab)
}

/// How far the gradient of the loss is from ascent at a tiny β, and from the formula of its weight at the arm's β: on
/// the likelihoods that the arm ended with.
fn record_theory(nll: Tensor<1>, nll_ref: Tensor<1>, beta: f64, lab: &mut Lab) -> Result<()> {
    let count = nll.dims()[0] as f64;
    let slopes = |beta: f64| -> Result<(Vec<f32>, Vec<f32>)> {
        let loss = NpoLossConfig::new().with_beta(beta).init()?;
        let leaf = nll.clone().detach().require_grad();
        let gradients = loss.forward(leaf.clone(), nll_ref.clone()).backward();
        let slopes = leaf.grad(&gradients).map(read_f32).unwrap_or_default();
        Ok((slopes, read_f32(loss.adaptive_weight(nll.clone(), nll_ref.clone()))))
    };
    let largest = |gaps: &mut dyn Iterator<Item = f64>| gaps.fold(0.0, f64::max);
    let (ascent, _) = slopes(SMALL_BETA)?;
    lab.record("limit_gap", largest(&mut ascent.iter().map(|slope| (f64::from(*slope) * count + 1.0).abs())));
    let (found, weights) = slopes(beta)?;
    let mut gaps =
        found.iter().zip(&weights).map(|(slope, weight)| (f64::from(*slope) * count + f64::from(*weight)).abs());
    lab.record("weight_gap", largest(&mut gaps));
    Ok(())
}

/// Measures all looks at once.
fn record(
    mixture: &Mixture,
    models: &Models,
    path: &[(usize, Tensor<2>)],
    settings: &MixtureSettings,
    lab: &mut Lab,
) -> Result<()> {
    let looks = Tensor::cat(path.iter().map(|(_, a)| a.clone()).collect(), 1); // [features, looks]
    let columns = |values: Vec<f32>| -> Vec<Vec<f32>> {
        let width = path.len();
        (0..width).map(|at| values.iter().skip(at).step_by(width).copied().collect()).collect()
    };
    let distances = |cloud: &Cloud| -> Vec<f64> {
        let wanted = read_f32(cloud.test.clone().matmul(models.retrained.clone()));
        let found = read_f32(cloud.test.clone().matmul(looks.clone()));
        columns(found).iter().map(|found| divergence(&wanted, found)).collect()
    };
    let (forget, retain) = (distances(&mixture.forget), distances(&mixture.retain));
    let start = read_f32(models.start.clone());
    let moved: Vec<f64> = columns(read_f32(looks.clone()))
        .iter()
        .map(|a| a.iter().zip(&start).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt())
        .collect();
    let steps: Vec<f64> = path.iter().map(|(step, _)| *step as f64).collect();
    for (at, step) in steps.iter().enumerate() {
        for (name, values) in [("forget_distance", &forget), ("retain_distance", &retain), ("moved", &moved)] {
            if let Some(value) = values.get(at) {
                lab.series(name, *step, *value);
            }
        }
    }
    let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    lab.record("final_forget_distance", last(&forget));
    lab.record("best_forget_distance", least(&forget));
    lab.record("final_retain_distance", last(&retain));
    lab.record("retain_area", retain.iter().sum::<f64>() / retain.len().max(1) as f64);
    let [early, late] = settings.growth;
    let at = |step: usize| steps.iter().position(|found| *found == step as f64).and_then(|at| moved.get(at)).copied();
    if let (Some(early), Some(late)) = (at(early), at(late)) {
        lab.record("growth", late / early);
        let (x, y): (Vec<f64>, Vec<f64>) =
            steps.iter().zip(&moved).filter(|(step, _)| **step >= settings.fit_from as f64).unzip();
        let logs: Vec<f64> = x.iter().map(|step| step.ln()).collect();
        lab.record("linear_r2", linear_fit(&x, &y, LEVEL)?.r2);
        lab.record("logarithmic_r2", linear_fit(&logs, &y, LEVEL)?.r2);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_is_that_of_two_classes() {
        let (p, q) = (0.25f64, 0.5f64);
        let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
        let want = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
        assert!((divergence(&[logit(p)], &[logit(q)]) - want).abs() < 1e-7);
        assert_eq!(divergence(&[3.0, -80.0], &[3.0, -80.0]), 0.0);
        assert!((divergence(&[0.0], &[1000.0]) - 500.0).abs() < 1.0, "finite where probabilities vanish");
    }
}
