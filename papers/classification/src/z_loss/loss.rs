//! The Z-loss on dense outputs.

use burn::config::Config;
use harness_core::backend::{IntTensor, Tensor};
use harness_core::error::{Error, Result};
use papers_kit::softplus::softplus;

/// The two hyper-parameters of the Z-loss and the guard of its division.
#[derive(Config, Debug, PartialEq)]
pub struct ZLossConfig {
    /// How sharply the loss bends: above 0.
    #[config(default = 1.0)]
    pub a: f64,
    /// The z-score from which on an example counts less and less.
    #[config(default = 0.0)]
    pub b: f64,
    /// Added to the standard deviation: at least 0.
    #[config(default = 1e-8)]
    pub eps: f64,
}

impl ZLossConfig {
    /// Checks the hyper-parameters.
    ///
    /// # Errors
    /// [`Error::Input`] where `a` is not above 0, `eps` is below 0 or one of the three is not finite.
    pub fn init(&self) -> Result<ZLoss> {
        if !(self.a.is_finite() && self.a > 0.0) {
            return Err(Error::Input(format!("a must be a finite number above 0, but is {}", self.a)));
        }
        if !self.b.is_finite() {
            return Err(Error::Input(format!("b must be a finite number, but is {}", self.b)));
        }
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(Error::Input(format!("eps must be a finite number of at least 0, but is {}", self.eps)));
        }
        Ok(ZLoss { a: self.a, b: self.b, eps: self.eps })
    }
}

/// The Z-loss: a softplus of the target's standardised output.
///
/// **Definition**: with μ and σ the mean and standard deviation of a row of D outputs o and c its target,
/// z = (o_c − μ)/(σ + eps) and L = (1/a) ln(1 + e^{a(b − z)}). A row of equal outputs (σ = 0) has z = 0 and no
/// gradient. |z| is at most √(D − 1), so L is bounded.
///
/// **Paper**: de Brébisson and Vincent, arXiv 1604.08859: the definition of the Z-loss.
///
/// **Arguments**: outputs `[n, D]` with D ≥ 2, any unit (the loss does not change under o → αo + β with α > 0);
/// targets `[n]`, classes from 0 to D − 1.
///
/// **Differences**: the authors' code has a = 1 and b = 0 only, sums over the batch and guards with 1e-12; here the
/// batch is averaged and eps is 1e-8. Each row is moved by its first output and divided by its range before it is
/// squared, which changes nothing in exact arithmetic, keeps the digits of outputs with a large mean and neither
/// over- nor underflows.
///
/// **Errors**: none after [`ZLossConfig::init`]; shapes that do not fit are a fault of the caller.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_classification::z_loss::ZLossConfig;
///
/// let device = DeviceChoice::Cpu.open()?;
/// let loss = ZLossConfig::new().with_b(4.0).init()?;
/// let outputs = Tensor::<2>::from_data([[0.0, 1.0, 2.0], [30.0, 10.0, 20.0]], &device);
/// let targets = IntTensor::<1>::from_data([2, 0], &device);
/// let each = read_f32(loss.forward_no_reduction(outputs, targets));
/// assert!((each[0] - each[1]).abs() < 1e-6, "equal up to shift and scale");
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZLoss {
    a: f64,
    b: f64,
    eps: f64,
}

impl ZLoss {
    /// The guard of the division.
    pub fn eps(&self) -> f64 {
        self.eps
    }

    /// The mean loss over the batch, `[1]`.
    pub fn forward(&self, outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        self.forward_no_reduction(outputs, targets).mean()
    }

    /// The loss of each example, `[n]`.
    pub fn forward_no_reduction(&self, outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        self.of_z_scores(self.z_scores(outputs, targets))
    }

    /// The loss for given z-scores, element by element.
    pub fn of_z_scores(&self, z: Tensor<1>) -> Tensor<1> {
        softplus(z * -self.a + self.a * self.b) / self.a
    }

    /// The z-score of each example's target, `[n]`.
    pub fn z_scores(&self, outputs: Tensor<2>, targets: IntTensor<1>) -> Tensor<1> {
        // The z-score of (o − first)/range is that of o, whatever the two numbers are: constants for reverse mode.
        let first = outputs.clone().detach().narrow(1, 0, 1); // [n, 1]
        let moved = outputs - first; // [n, D]
        let range = moved.clone().detach().abs().max_dim(1); // [n, 1]
        let constant = range.clone().equal_elem(0.0);
        let range = range.mask_fill(constant.clone(), 1.0);
        let unit = moved / range.clone();

        let centred = unit.clone() - unit.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1); // [n, 1]
        // The slope of the root at 0 is infinite, and infinity times 0 is NaN: constant rows leave before it.
        let deviation = variance.mask_fill(constant.clone(), 1.0).sqrt();
        let target = centred.gather(1, targets.unsqueeze_dim(1)); // [n, 1]
        let z = target / (deviation + range.recip() * self.eps);
        z.mask_fill(constant, 0.0).squeeze_dim(1)
    }

    /// The loss at one z-score and its slope ∂L/∂z = −1/(1 + e^{−a(b − z)}).
    pub fn value_and_slope(&self, z: f64) -> (f64, f64) {
        let x = self.a * (self.b - z);
        let value = (x.max(0.0) + (-x.abs()).exp().ln_1p()) / self.a;
        // e^{−x} overflows to infinity for very negative x, which gives the right slope of 0.
        (value, -1.0 / (1.0 + (-x).exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    struct Reference {
        z: f64,
        loss: f64,
        slope: f64,
        sigma: f64,
        gradient: Vec<f64>,
    }

    /// One row in double precision, from the definition.
    fn reference(config: &ZLossConfig, row: &[f32], target: usize) -> Reference {
        let row: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
        let classes = row.len() as f64;
        let mean = row.iter().sum::<f64>() / classes;
        let sigma = (row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / classes).sqrt();
        let z = (row[target] - mean) / (sigma + config.eps);
        let (loss, slope) = config.init().unwrap().value_and_slope(z);
        let gradient = row
            .iter()
            .enumerate()
            .map(|(class, value)| {
                let own = f64::from(u8::from(class == target));
                slope * ((own - 1.0 / classes) - z * (value - mean) / (classes * sigma)) / (sigma + config.eps)
            })
            .collect();
        Reference { z, loss, slope, sigma, gradient }
    }

    fn run(config: &ZLossConfig, row: &[f32], target: i64) -> (f32, f32, Vec<f32>) {
        let device = DeviceChoice::Cpu.open().unwrap();
        let outputs = Tensor::<1>::from_data(row, &device).reshape([1, row.len()]).require_grad();
        let targets = IntTensor::<1>::from_data([target], &device);
        let loss = config.init().unwrap();
        let z = loss.z_scores(outputs.clone(), targets);
        let value = loss.of_z_scores(z.clone());
        let gradient = read_f32(outputs.grad(&value.clone().sum().backward()).unwrap());
        (read_f32(z)[0], read_f32(value)[0], gradient)
    }

    fn agrees(config: &ZLossConfig, row: &[f32], target: usize) {
        let (z, value, gradient) = run(config, row, target as i64);
        let Reference { z: want_z, loss: want, slope: want_slope, sigma: want_sigma, gradient: want_gradient } =
            reference(config, row, target);
        let near = |got: f32, want: f64, scale: f64| (f64::from(got) - want).abs() <= 2e-5 * scale.max(1e-30);
        assert!(near(z, want_z, want_z.abs().max(1.0)), "z {z}, expected {want_z}");
        assert!(near(value, want, want.abs().max(1.0)), "loss {value}, expected {want}");
        // Two classes have no gradient but for eps, since z is ±1 whatever the outputs: compared with 1/σ.
        let scale = want_gradient.iter().fold((want_slope / want_sigma).abs(), |max: f64, value| max.max(value.abs()));
        for (got, want) in gradient.iter().zip(&want_gradient) {
            assert!(near(*got, *want, scale), "gradient {gradient:?}, expected {want_gradient:?}");
        }
    }

    #[test]
    fn value_and_gradient_agree_with_double_precision() {
        let row = [0.3, -1.2, 2.5, 0.0, 0.7];
        for (a, b) in [(1.0, 0.0), (0.1, 5.0), (0.05, 20.0), (7.0, -3.0)] {
            for target in 0..row.len() {
                agrees(&ZLossConfig::new().with_a(a).with_b(b), &row, target);
            }
        }
        agrees(&ZLossConfig::new().with_eps(0.5), &row, 2);
        agrees(&ZLossConfig::new(), &[1.0, -1.0], 0);
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        agrees(&ZLossConfig::new(), &[10_000.0, 10_000.5, 10_001.0, 9_999.25], 1);
        agrees(&ZLossConfig::new(), &[-1e6, -1e6 + 0.5, -1e6 + 2.0], 2);
    }

    #[test]
    fn very_large_and_very_small_outputs_neither_overflow_nor_vanish() {
        agrees(&ZLossConfig::new().with_eps(0.0), &[1e30, -2e30, 5e29], 1);
        agrees(&ZLossConfig::new().with_eps(0.0), &[1e-30, -2e-30, 5e-31], 1);
        agrees(&ZLossConfig::new(), &[1e-9, -2e-9, 5e-10], 1);
    }

    #[test]
    fn a_constant_row_has_no_z_and_no_gradient() {
        for value in [0.0f32, 0.1, -1e4, 1e30] {
            let (z, loss, gradient) = run(&ZLossConfig::new().with_b(1.0), &[value; 7], 3);
            assert_eq!(z, 0.0);
            assert!((f64::from(loss) - (1.0 + 1f64.exp()).ln()).abs() < 1e-6);
            assert_eq!(gradient, [0.0; 7]);
        }
    }

    #[test]
    fn the_slope_at_the_bend_is_a_half() {
        // z = b = 0 exactly: reverse mode through max(x, 0) would lose this gradient.
        agrees(&ZLossConfig::new(), &[-1.0, 0.0, 1.0], 1);
    }

    #[test]
    fn every_class_gets_a_gradient() {
        let (_, _, gradient) = run(&ZLossConfig::new(), &[0.3, -1.2, 2.5, 0.1], 2);
        assert!(gradient.iter().all(|value| *value != 0.0), "{gradient:?}");
        assert!(gradient.iter().sum::<f32>().abs() < 1e-6, "shift invariance: the gradient sums to 0");
    }

    #[test]
    fn impossible_hyper_parameters_are_refused() {
        let config = ZLossConfig::new;
        for bad in
            [config().with_a(0.0), config().with_a(f64::NAN), config().with_b(f64::INFINITY), config().with_eps(-1.0)]
        {
            assert!(matches!(bad.init(), Err(Error::Input(_))), "{bad:?}");
        }
    }
}
