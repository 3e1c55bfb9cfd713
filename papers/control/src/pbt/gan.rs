//! A generative adversarial network on a ring of Gaussians.

use burn::tensor::activation::sigmoid;
use harness_core::backend::{Device, Tensor};
use harness_core::op::read_f32;
use harness_core::prelude::*;
use harness_core::rng::Stream;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::inception::inception_score;
use super::member::{Evaluation, Member};
use super::parameters::{Optimiser, Parameters, ParametersState};
use super::perceptron::{Activation, Perceptron, matrix};
use super::settings::GanSettings;

/// Generator and discriminator of one member; exploit copies both.
#[derive(Debug, Clone)]
pub struct Gan<'a> {
    settings: &'a GanSettings,
    device: Device,
    networks: Networks,
    generator: Parameters,
    discriminator: Parameters,
    /// Latents of every evaluation, the same for all members, `[n, latent]`.
    latents: Tensor<2>,
}

#[derive(Debug, Clone)]
struct Networks {
    generator: Perceptron,
    discriminator: Perceptron,
}

/// What generated samples are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Score by the oracle's posterior, from 1 to the number of modes and "outside".
    pub score: f64,
    /// Modes that at least a quarter of their share of the samples belongs to.
    pub modes: f64,
    /// Share of samples that belong to some mode.
    pub inside: f64,
}

impl<'a> Gan<'a> {
    /// Networks with weights from `weights`, evaluated on latents from `evaluation`.
    pub fn new(settings: &'a GanSettings, weights: &mut Stream, evaluation: &mut Stream, device: &Device) -> Self {
        let hidden = settings.hidden;
        let networks = Networks {
            generator: Perceptron::new(&[settings.latent, hidden, hidden, 2], Activation::Relu),
            discriminator: Perceptron::new(&[2, hidden, hidden, 1], Activation::Relu),
        };
        let adam = Optimiser::Adam { first: settings.adam[0], second: settings.adam[1], epsilon: 1e-8 };
        let generator = Parameters::new(networks.generator.draw(weights), adam, device);
        let discriminator = Parameters::new(networks.discriminator.draw(weights), adam, device);
        let latents = normals(settings.samples, settings.latent, evaluation, device);
        Gan { settings, device: device.clone(), networks, generator, discriminator, latents }
    }

    /// Discriminator and generator each take a step on the same generated batch; the generator's is up the logarithm of
    /// the updated discriminator's belief that it is real (non-saturating).
    fn step(&mut self, generator_rate: f64, discriminator_rate: f64, rng: &mut Stream) {
        let n = self.settings.batch;
        let Networks { generator, discriminator } = &self.networks;
        let real = matrix(self.settings.ring.sample(n, rng), [n, 2], &self.device);
        let latents = normals(n, self.settings.latent, rng, &self.device);
        let generator_layers = generator.layers(self.generator.weights());
        let generated = generator.forward(&generator_layers, latents, None);

        // −log σ(d) of real points, −log(1 − σ(d)) of generated ones: gradients σ − 1 and σ.
        let layers = discriminator.layers(self.discriminator.weights());
        let pass = discriminator.forward(&layers, Tensor::cat(vec![real, generated.output.clone()], 0), None);
        let is_real: Vec<f32> = (0..2 * n).map(|row| if row < n { 1.0 } else { 0.0 }).collect();
        let upstream = (sigmoid(pass.output.clone()) - matrix(is_real, [2 * n, 1], &self.device)) / n as f64;
        self.discriminator.step(discriminator.weight_gradient(&layers, &pass, upstream), discriminator_rate);

        let layers = discriminator.layers(self.discriminator.weights());
        let pass = discriminator.forward(&layers, generated.output.clone(), None);
        let upstream = (sigmoid(pass.output.clone()) - 1.0) / n as f64;
        let upstream = discriminator.input_gradient(&layers, &pass, upstream);
        self.generator.step(generator.weight_gradient(&generator_layers, &generated, upstream), generator_rate);
    }

    fn quality(&self, latents: Tensor<2>) -> Result<Quality> {
        let layers = self.networks.generator.layers(self.generator.weights());
        let points = read_f32(self.networks.generator.forward(&layers, latents, None).output);
        let ring = &self.settings.ring;
        let posterior = ring.posterior(&points);
        let classes = ring.modes + 1;
        let samples = (points.len() / 2) as f64;
        let mut counts = vec![0.0; ring.modes];
        for row in posterior.chunks_exact(classes) {
            for (count, p) in counts.iter_mut().zip(row) {
                *count += f64::from(u8::from(*p > 0.5));
            }
        }
        let least = 0.25 * samples / ring.modes as f64;
        Ok(Quality {
            score: inception_score(&posterior, classes)?,
            modes: counts.iter().filter(|count| **count >= least).count() as f64,
            inside: counts.iter().sum::<f64>() / samples,
        })
    }

    /// Quality on fresh latents.
    ///
    /// # Errors
    /// Those of the score.
    pub fn test(&self, samples: usize, rng: &mut Stream) -> Result<Quality> {
        self.quality(normals(samples, self.settings.latent, rng, &self.device))
    }
}

fn normals(rows: usize, columns: usize, rng: &mut Stream, device: &Device) -> Tensor<2> {
    let values = (0..rows * columns).map(|_| rng.sample::<f32, _>(StandardNormal)).collect();
    matrix(values, [rows, columns], device)
}

impl Member for Gan<'_> {
    type State = [ParametersState; 2];

    /// Learning rates of generator and discriminator.
    fn train(&mut self, hyper: &[f64], rng: &mut Stream) -> Result<()> {
        let &[generator_rate, discriminator_rate] = hyper else {
            return Err(Error::Input(format!("a GAN has 2 hyper-parameters, not {}", hyper.len())));
        };
        for _ in 0..self.settings.updates {
            self.step(generator_rate, discriminator_rate, rng);
        }
        Ok(())
    }

    /// The mode score.
    fn evaluate(&mut self) -> Result<Evaluation> {
        Ok(Evaluation::of(self.quality(self.latents.clone())?.score))
    }

    fn copy_weights(&mut self, source: &Self) {
        self.generator = source.generator.clone();
        self.discriminator = source.discriminator.clone();
    }

    fn state(&self) -> Self::State {
        [self.generator.state(), self.discriminator.state()]
    }

    fn restore(&mut self, [generator, discriminator]: Self::State) -> Result<()> {
        self.generator.restore(generator)?;
        self.discriminator.restore(discriminator)
    }
}
