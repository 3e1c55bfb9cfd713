//! Hyper-parameters: from free numbers to values in their ranges, their perturbation, and how uncertain it is.

use burn::tensor::TensorData;
use burn::tensor::activation::sigmoid;
use harness_core::op::read_f32;
use harness_core::prelude::*;
use papers_kit::softplus::softplus;

/// The open interval in which a hyper-parameter lies; a missing end is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    low: Option<f64>,
    high: Option<f64>,
}

impl Range {
    /// A range from `low` to `high`.
    ///
    /// # Errors
    /// [`Error::Input`] where an end is not finite or the range is empty.
    pub fn new(low: Option<f64>, high: Option<f64>) -> Result<Self> {
        if let Some(end) = [low, high].into_iter().flatten().find(|end| !end.is_finite()) {
            return Err(Error::Input(format!("an end of a range must be finite or absent, got {end}")));
        }
        match (low, high) {
            (Some(low), Some(high)) if low >= high => {
                Err(Error::Input(format!("a range must have its low end below its high end, got {low} and {high}")))
            }
            _ => Ok(Range { low, high }),
        }
    }

    /// T(h) in double precision.
    pub fn value(self, h: f64) -> f64 {
        match (self.low, self.high) {
            (Some(low), Some(high)) => low + (high - low) * logistic(h),
            (Some(low), None) => low + softplus_f64(h),
            (None, Some(high)) => high - softplus_f64(h),
            (None, None) => h,
        }
    }

    /// The h with T(h) = `value`.
    ///
    /// # Errors
    /// [`Error::Input`] where `value` is not inside the range.
    pub fn unconstrained(self, value: f64) -> Result<f64> {
        let inside =
            value.is_finite() && self.low.is_none_or(|low| value > low) && self.high.is_none_or(|high| value < high);
        if !inside {
            return Err(Error::Input(format!(
                "{value} must lie inside the range from {:?} to {:?}",
                self.low, self.high
            )));
        }
        Ok(match (self.low, self.high) {
            (Some(low), Some(high)) => ((value - low) / (high - value)).ln(),
            (Some(low), None) => inverse_softplus(value - low),
            (None, Some(high)) => inverse_softplus(high - value),
            (None, None) => value,
        })
    }

    fn forward(self, h: Tensor<2>) -> Tensor<2> {
        match (self.low, self.high) {
            (Some(low), Some(high)) => sigmoid(h) * (high - low) + low,
            (Some(low), None) => softplus(h) + low,
            (None, Some(high)) => -softplus(h) + high,
            (None, None) => h,
        }
    }
}

/// 1/(1 + e^(−x)) without overflow.
pub(crate) fn logistic(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

fn softplus_f64(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The x with softplus(x) = `y`, for y > 0.
pub(crate) fn inverse_softplus(y: f64) -> f64 {
    y + (-(-y).exp_m1()).ln()
}

/// How a free number becomes the value of a hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constraint {
    /// Where the value lies.
    pub range: Range,
    /// Whether it is rounded down to a whole number.
    pub discrete: bool,
}

impl Constraint {
    /// The value in double precision.
    pub fn value(&self, h: f64) -> f64 {
        let value = self.range.value(h);
        if self.discrete { value.floor() } else { value }
    }
}

/// The values of hyper-parameters, one row per example.
///
/// **Definition.** λᵢ = Tᵢ(hᵢ): for (lo, hi) lo + (hi − lo)·sigmoid(h), for (lo, ∞) lo + softplus(h), for (−∞, hi)
/// hi − softplus(h), else h; rounded down where discrete.
///
/// **Paper.** Section 3.2 and appendix on constrained and discrete hyper-parameters (arXiv 1903.03088).
///
/// **Arguments.** `h` `[B, H]`, any finite size; `constraints` one for each of the H columns.
///
/// **Differences.** Discrete columns are computed in double precision, so that rounding down does not hang on the last
/// bit of a sigmoid near 1. They are constants for reverse mode: the gradient of a step is 0.
///
/// **Errors.** [`Error::Input`] where the number of constraints is not H, or there is none.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::{Constraint, Range, transform};
/// let device = DeviceChoice::Cpu.open()?;
/// let length = Constraint { range: Range::new(Some(0.0), Some(25.0))?, discrete: true };
/// let value = transform(Tensor::<2>::from_data([[0.0]], &device), &[length])?;
/// assert_eq!(value.into_scalar(), 12.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn transform(h: Tensor<2>, constraints: &[Constraint]) -> Result<Tensor<2>> {
    let [rows, columns] = h.dims();
    if constraints.len() != columns || columns == 0 {
        return Err(Error::Input(format!(
            "{} constraints for {columns} hyper-parameters: expected as many, at least one",
            constraints.len()
        )));
    }
    let values = constraints
        .iter()
        .enumerate()
        .map(|(at, constraint)| {
            let column = h.clone().narrow(1, at, 1); // [b, 1]
            if !constraint.discrete {
                return constraint.range.forward(column);
            }
            let device = column.device();
            let floored: Vec<f32> =
                read_f32(column.detach()).into_iter().map(|h| constraint.value(f64::from(h)) as f32).collect();
            Tensor::from_data(TensorData::new(floored, [rows, 1]), &device)
        })
        .collect();
    Ok(Tensor::cat(values, 1))
}

/// Hyper-parameters with noise, one row per example: the response input of the network.
///
/// **Definition.** h̃_bi = hᵢ + softplus(sᵢ)·ε_bi; a hyper-parameter that cannot differ within a batch has ε_0i in all rows.
///
/// **Paper.** Section 3.1, the sampled neighbourhood of the current hyper-parameters.
///
/// **Arguments.** `h` and `scale` s `[H]`, unconstrained; `noise` ε `[B, H]`; `per_example` H switches.
///
/// **Differences.** None.
///
/// **Errors.** [`Error::Input`] where the sizes do not agree.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::perturb;
/// let device = DeviceChoice::Cpu.open()?;
/// let noise = Tensor::<2>::from_data([[1.0], [-1.0]], &device);
/// let (h, scale) = (Tensor::from_data([2.0], &device), Tensor::from_data([100.0], &device));
/// let value: Vec<f32> = perturb(h, scale, noise, &[true])?.into_data().iter().collect();
/// assert_eq!(value, [102.0, -98.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn perturb(h: Tensor<1>, scale: Tensor<1>, noise: Tensor<2>, per_example: &[bool]) -> Result<Tensor<2>> {
    let [rows, columns] = noise.dims();
    if h.dims() != [columns] || scale.dims() != [columns] || per_example.len() != columns || rows == 0 {
        return Err(Error::Input(format!(
            "noise {:?} needs {columns} hyper-parameters, scales and switches and at least one row, got {}, {} and {}",
            noise.dims(),
            h.dims()[0],
            scale.dims()[0],
            per_example.len()
        )));
    }
    let noise = if per_example.iter().all(|own| *own) {
        noise
    } else {
        let first = noise.clone().narrow(0, 0, 1).expand([rows, columns]);
        let shared: Vec<bool> = (0..rows).flat_map(|_| per_example.iter().map(|own| !own)).collect();
        let shared =
            Tensor::<2, burn::tensor::Bool>::from_data(TensorData::new(shared, [rows, columns]), &noise.device());
        noise.mask_where(shared, first)
    };
    Ok(softplus(scale).unsqueeze::<2>() * noise + h.unsqueeze::<2>())
}

/// The scale below which log softplus(s) is taken from its series.
const SMALL: f64 = -8.0;

/// Entropy of the perturbation.
///
/// **Definition.** Σᵢ log(σᵢ·√(2πe)), σᵢ = softplus(sᵢ): that of a normal distribution with these deviations.
///
/// **Paper.** Section 3.1, equation of the regularised objective.
///
/// **Arguments.** `scale` s `[H]`, unconstrained, any finite size. Gives `[1]`, in nats.
///
/// **Differences.** For s < −8, log softplus(s) = s − eˢ/2 + 5e²ˢ/24 up to e³ˢ, which stays finite where softplus(s)
/// rounds to 0.
///
/// **Errors.** [`Error::Input`] without a scale.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use papers_optimization::stn::perturbation_entropy;
/// let device = DeviceChoice::Cpu.open()?;
/// let entropy = perturbation_entropy(Tensor::from_data([-1000.0], &device))?.into_scalar();
/// assert!((entropy + 1000.0 - 1.4189385).abs() < 1e-3);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn perturbation_entropy(scale: Tensor<1>) -> Result<Tensor<1>> {
    let [count] = scale.dims();
    if count == 0 {
        return Err(Error::Input("the entropy needs at least one scale".into()));
    }
    // Each branch sees only arguments at which it and its slope are finite.
    let small = scale.clone().lower_elem(SMALL);
    let exponential = scale.clone().mask_fill(small.clone().bool_not(), SMALL).exp();
    let series = scale.clone() - exponential.clone() * 0.5 + exponential.square() * (5.0 / 24.0);
    let direct = softplus(scale.mask_fill(small.clone(), 0.0)).log();
    let constant = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln() * count as f64;
    Ok(direct.mask_where(small, series).sum() + constant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use proptest::prelude::*;

    fn ranges() -> Vec<Range> {
        [(Some(0.0), Some(0.9)), (Some(-1.0), None), (None, Some(3.0)), (None, None)]
            .map(|(low, high)| Range::new(low, high).unwrap())
            .to_vec()
    }

    #[test]
    fn impossible_ranges_are_refused() {
        assert!(Range::new(Some(1.0), Some(1.0)).is_err());
        assert!(Range::new(Some(2.0), Some(1.0)).is_err());
        assert!(Range::new(Some(f64::NAN), None).is_err());
        assert!(Range::new(None, Some(f64::INFINITY)).is_err());
        let range = Range::new(Some(0.0), Some(0.9)).unwrap();
        for outside in [0.0, 0.9, -1.0, f64::NAN] {
            assert!(range.unconstrained(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn far_values_and_their_slopes_stay_finite() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for range in ranges() {
            for discrete in [false, true] {
                let constraint = Constraint { range, discrete };
                let h = Tensor::<2>::from_data([[-80.0], [-20.0], [0.0], [20.0], [80.0]], &device).require_grad();
                let value = transform(h.clone(), &[constraint]).unwrap();
                for (got, at) in read_f32(value.clone()).into_iter().zip([-80.0, -20.0, 0.0, 20.0, 80.0]) {
                    let want = constraint.value(at);
                    assert!((f64::from(got) - want).abs() <= 1e-6 + 1e-6 * want.abs(), "{range:?} {at}: {got} {want}");
                }
                if !discrete {
                    let slope = h.grad(&value.sum().backward()).unwrap();
                    assert!(read_f32(Tensor::from_inner(slope)).iter().all(|slope| slope.is_finite()));
                }
            }
        }
    }

    #[test]
    fn rounding_down_does_not_reach_an_end_that_single_precision_rounds_to() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let length = Constraint { range: Range::new(Some(0.0), Some(24.0)).unwrap(), discrete: true };
        assert_eq!(transform(Tensor::from_data([[18.0]], &device), &[length]).unwrap().into_scalar(), 23.0);
    }

    #[test]
    fn entropy_and_slope_agree_with_double_precision() {
        let device = DeviceChoice::Cpu.open().unwrap();
        for at in [-300.0f32, -90.0, -20.0, -8.1, -7.9, -1.0, 0.0, 3.0, 90.0] {
            let scale = Tensor::<1>::from_data([at], &device).require_grad();
            let entropy = perturbation_entropy(scale.clone()).unwrap();
            let slope = f64::from(scale.grad(&entropy.clone().backward()).unwrap().into_scalar());
            let s = f64::from(at);
            let log_sigma = if s < -30.0 { s } else { softplus_f64(s).ln() };
            let want_slope = if s < -30.0 { 1.0 } else { logistic(s) / softplus_f64(s) };
            let want = log_sigma + 1.4189385332046727;
            assert!((f64::from(entropy.into_scalar()) - want).abs() <= 2e-6 * (1.0 + want.abs()), "entropy at {at}");
            assert!((slope - want_slope).abs() <= 1e-5 * want_slope, "slope at {at}: {slope} instead of {want_slope}");
        }
    }

    proptest! {
        #[test]
        fn values_lie_in_their_ranges_and_lead_back(h in -12.0f64..12.0) {
            for range in ranges() {
                let value = range.value(h);
                prop_assert!((range.unconstrained(value).unwrap() - h).abs() < 1e-6);
            }
            prop_assert!((softplus_f64(inverse_softplus(h.exp())) / h.exp() - 1.0).abs() < 1e-9);
        }
    }
}
