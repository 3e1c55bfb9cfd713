//! The weights that make training respect causality, the loss with them, and the stop that they give.

use harness_core::prelude::*;

/// What [`CausalLoss`] came to.
#[derive(Debug, Clone)]
pub struct CausalTerms {
    /// The loss, `[1]`.
    pub loss: Tensor<1>,
    /// Lᵢ of each slab, `[slabs]`.
    pub slab_losses: Tensor<1>,
    /// wᵢ of each slab, `[slabs]`: constants for differentiation.
    pub weights: Tensor<1>,
}

/// The weight of each time slab, which is small as long as any earlier slab is not solved.
///
/// **Definition.** wᵢ = exp(−ε(L₀ + Σ_{k<i} Lₖ)). The sum is strict: a slab does not weigh itself, so w₁ = exp(−εL₀).
///
/// **Paper.** Section 3, equation of the weights (arXiv 2203.07404).
///
/// **Arguments.** `losses` `[slabs]`, by time, each ≥ 0; `initial` `[1]` L₀ ≥ 0, zeros where the initial condition is left
/// out of the weights; `epsilon` ≥ 0, in units of an inverse loss.
///
/// **Differences.** The running sum starts with L₀ and leaves out the last slab, in place of a product with a triangular
/// matrix. Weights that underflow are 0. No gradient flows through them.
///
/// **Errors.** [`Error::Input`] without slabs, or where ε is negative or not finite.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_science::causal_pinn::causal_weights;
/// let device = DeviceChoice::Cpu.open()?;
/// let losses = Tensor::from_data([2.0, 1.0, 5.0], &device);
/// let weights = read_f32(causal_weights(losses, Tensor::from_data([0.0], &device), 0.5)?);
/// assert_eq!(weights, [1.0, (-1.0_f32).exp(), (-1.5_f32).exp()]);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn causal_weights(losses: Tensor<1>, initial: Tensor<1>, epsilon: f64) -> Result<Tensor<1>> {
    check_epsilon(epsilon)?;
    let ([slabs], [one]) = (losses.dims(), initial.dims());
    if slabs == 0 {
        return Err(Error::Input("causal weights need at least one time slab".into()));
    }
    if one != 1 {
        return Err(Error::Input(format!("the initial loss has {one} values, expected 1")));
    }
    // Limits keep 0·∞ out: without them, ε = 0 would not give 1 where the sum overflows.
    let limit = f64::from(f32::MAX);
    let before = Tensor::cat(vec![initial.detach(), losses.detach()], 0).narrow(0, 0, slabs).cumsum(0);
    Ok((before.clamp_max(limit) * -epsilon.min(limit)).exp())
}

fn check_epsilon(epsilon: f64) -> Result<()> {
    if epsilon.is_finite() && epsilon >= 0.0 {
        return Ok(());
    }
    Err(Error::Input(format!("epsilon is {epsilon}, expected a finite number of at least 0")))
}

/// Configuration of [`CausalLoss`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CausalLossConfig {
    epsilon: f64,
    ic_weight: f64,
    ic_in_weights: bool,
}

impl CausalLossConfig {
    /// Weights of steepness `epsilon`, an initial condition of weight 100 that enters them. With ε = 0 all weights are 1:
    /// the loss of a plain physics-informed network.
    pub fn new(epsilon: f64) -> Self {
        CausalLossConfig { epsilon, ic_weight: 100.0, ic_in_weights: true }
    }

    /// The weight λ of the initial condition.
    pub fn with_ic_weight(mut self, ic_weight: f64) -> Self {
        self.ic_weight = ic_weight;
        self
    }

    /// Whether L₀ enters the weights.
    pub fn with_ic_in_weights(mut self, ic_in_weights: bool) -> Self {
        self.ic_in_weights = ic_in_weights;
        self
    }

    /// The loss.
    ///
    /// # Errors
    /// [`Error::Input`] where ε or λ is negative or not finite.
    pub fn init(self) -> Result<CausalLoss> {
        check_epsilon(self.epsilon)?;
        if !(self.ic_weight.is_finite() && self.ic_weight >= 0.0) {
            return Err(Error::Input(format!(
                "ic_weight is {}, expected a finite number of at least 0",
                self.ic_weight
            )));
        }
        Ok(CausalLoss { config: self })
    }
}

/// The residual loss of all time slabs, weighted by [`causal_weights`], and the loss of the initial condition.
///
/// **Definition.** Lᵢ = meanⱼ R(tᵢ, xⱼ)², L₀ = λ·MSE₀, loss = (1/n) Σᵢ wᵢ Lᵢ + L₀ with wᵢ of [`causal_weights`], held
/// constant.
///
/// **Paper.** Section 3 and its algorithm (arXiv 2203.07404).
///
/// **Arguments.** `residual` `[slabs, points]`, slabs by time; `initial_mse` `[1]`, mean squared error of the initial
/// condition, zeros where the network keeps it by construction. `epsilon` ≥ 0; `ic_weight` λ ≥ 0, 100 by default;
/// `ic_in_weights`, true by default, adds L₀ to the sums of the weights.
///
/// **Differences.** The authors' code has L₀ in the weights for Kuramoto–Sivashinsky and Navier–Stokes, but not for
/// Allen–Cahn and Lorenz; here it is a switch.
///
/// **Errors.** [`Error::Input`] without slabs or points.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_science::causal_pinn::CausalLossConfig;
/// let device = DeviceChoice::Cpu.open()?;
/// let loss = CausalLossConfig::new(0.0).with_ic_weight(10.0).init()?;
/// let residual = Tensor::from_data([[1.0, 3.0], [0.0, 2.0]], &device);
/// let terms = loss.forward(residual, Tensor::from_data([0.1], &device))?;
/// assert_eq!(read_f32(terms.slab_losses), [5.0, 2.0]);
/// assert_eq!(read_f32(terms.loss), [3.5 + 1.0]);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CausalLoss {
    config: CausalLossConfig,
}

impl CausalLoss {
    /// The loss of residuals `[slabs, points]`.
    ///
    /// # Errors
    /// [`Error::Input`] without slabs or points.
    pub fn forward(&self, residual: Tensor<2>, initial_mse: Tensor<1>) -> Result<CausalTerms> {
        let [slabs, points] = residual.dims();
        if points == 0 {
            return Err(Error::Input("a residual loss needs at least one point per time slab".into()));
        }
        self.forward_slabs(residual.square().mean_dim(1).reshape([slabs]), initial_mse)
    }

    /// The loss of slabs whose Lᵢ `[slabs]` are given, such as sums over the equations of a system.
    ///
    /// # Errors
    /// [`Error::Input`] without slabs.
    pub fn forward_slabs(&self, slab_losses: Tensor<1>, initial_mse: Tensor<1>) -> Result<CausalTerms> {
        let initial = initial_mse * self.config.ic_weight;
        let in_weights = if self.config.ic_in_weights { initial.clone() } else { initial.zeros_like() };
        let weights = causal_weights(slab_losses.clone(), in_weights, self.config.epsilon)?;
        let loss = (weights.clone() * slab_losses.clone()).mean() + initial;
        Ok(CausalTerms { loss, slab_losses, weights })
    }
}

/// Whether training may go on to the next ε, and the smallest weight that says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CausalStop {
    /// Whether all weights are above δ.
    pub stop: bool,
    /// The smallest weight.
    pub min_weight: f64,
}

/// The stop of the paper's algorithm: all slabs are solved to the accuracy that ε asks for.
///
/// **Definition.** stop = minᵢ wᵢ > δ, strictly.
///
/// **Paper.** Section 3, stopping criterion; δ = 0.99.
///
/// **Arguments.** `weights` wᵢ; `delta` δ in \[0, 1\].
///
/// **Errors.** [`Error::Input`] without weights, where one is not finite, or where δ is outside \[0, 1\].
///
/// **Example**
/// ```
/// use papers_science::causal_pinn::causal_stop;
/// assert!(causal_stop(&[1.0, 0.995], 0.99)?.stop);
/// assert!(!causal_stop(&[1.0, 0.99], 0.99)?.stop);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn causal_stop(weights: &[f64], delta: f64) -> Result<CausalStop> {
    if !(0.0..=1.0).contains(&delta) {
        return Err(Error::Input(format!("delta is {delta}, expected a number from 0 to 1")));
    }
    if let Some(bad) = weights.iter().find(|weight| !weight.is_finite()) {
        return Err(Error::Input(format!("a weight is {bad}, expected finite numbers")));
    }
    let min_weight = weights.iter().copied().reduce(f64::min);
    let min_weight = min_weight.ok_or_else(|| Error::Input("there are no weights to look at".into()))?;
    Ok(CausalStop { stop: min_weight > delta, min_weight })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn device() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    fn weights(losses: &[f32], initial: f32, epsilon: f64) -> Vec<f32> {
        let device = device();
        read_f32(
            causal_weights(Tensor::from_data(losses, &device), Tensor::from_data([initial], &device), epsilon).unwrap(),
        )
    }

    #[test]
    fn a_slab_does_not_weigh_itself() {
        assert_eq!(weights(&[1e9, 1.0, 1.0], 0.0, 1.0), [1.0, 0.0, 0.0], "w₁ = 1 and underflow to 0");
        assert_eq!(weights(&[0.5], 0.25, 2.0), [(-0.5_f32).exp()], "a single slab is weighed by the initial loss only");
        let found = weights(&[1e8, 0.0, 1.0], 3.0, 1e-8);
        let want = [1.0_f32, (-1.0_f32).exp(), (-1.0_f32).exp()];
        assert!(found.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn nothing_becomes_nan() {
        assert_eq!(weights(&[3e38, 3e38, 3e38], 3e38, 0.0), [1.0; 3], "no weighting, even where the sum overflows");
        assert_eq!(weights(&[3e38, 3e38, 3e38], 0.0, 1e300), [1.0, 0.0, 0.0]);
        assert_eq!(weights(&[0.0, 0.0], 0.0, 1e300), [1.0; 2]);
    }

    #[test]
    fn no_gradient_flows_through_the_weights() {
        let device = device();
        let residual = Tensor::<2>::from_data([[1.0, -1.0], [2.0, 0.5], [0.5, 1.5]], &device).require_grad();
        let mse = Tensor::<1>::from_data([0.02], &device).require_grad();
        let loss = CausalLossConfig::new(0.3).with_ic_weight(5.0).init().unwrap();
        let terms = loss.forward(residual.clone(), mse.clone()).unwrap();
        let weights = read_f32(terms.weights.clone());
        let gradients = terms.loss.backward();
        let want: Vec<f32> = read_f32(residual.clone())
            .chunks(2)
            .zip(&weights)
            .flat_map(|(row, weight)| row.iter().map(|r| weight * 2.0 * r / 6.0).collect::<Vec<_>>())
            .collect();
        let got = read_f32(residual.grad(&gradients).unwrap());
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}");
        assert_eq!(
            read_f32(mse.grad(&gradients).unwrap()),
            [5.0],
            "the initial condition reaches the loss directly only"
        );
    }

    #[test]
    fn points_are_averaged_and_not_summed() {
        let device = device();
        let loss = CausalLossConfig::new(1.0).init().unwrap();
        let of = |points: usize| {
            let residual = Tensor::<2>::full([4, points], 0.5, &device);
            let terms = loss.forward(residual, Tensor::zeros([1], &device)).unwrap();
            (read_f32(terms.loss), read_f32(terms.weights))
        };
        assert_eq!(of(1), of(64), "more points of the same residual change nothing");
    }

    #[test]
    fn no_weighting_is_the_plain_loss() {
        let device = device();
        let residual = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], &device);
        let loss = CausalLossConfig::new(0.0).init().unwrap();
        let terms = loss.forward(residual.clone(), Tensor::zeros([1], &device)).unwrap();
        assert_eq!(read_f32(terms.loss), read_f32(residual.square().mean()));
    }

    #[test]
    fn the_initial_condition_enters_the_weights_only_where_asked() {
        let device = device();
        let first = |inside| {
            let loss = CausalLossConfig::new(1.0).with_ic_in_weights(inside).init().unwrap();
            let (residual, mse) = (Tensor::ones([2, 2], &device), Tensor::from_data([0.01], &device));
            read_f32(loss.forward(residual, mse).unwrap().weights)[0]
        };
        assert_eq!((first(true), first(false)), ((-1.0_f32).exp(), 1.0));
    }

    #[test]
    fn the_stop_is_strict_and_looks_at_the_smallest_weight() {
        assert_eq!(causal_stop(&[1.0, 0.4, 0.9], 0.3).unwrap(), CausalStop { stop: true, min_weight: 0.4 });
        assert!(!causal_stop(&[0.5, 0.5], 0.5).unwrap().stop);
        assert!(causal_stop(&[], 0.5).is_err() && causal_stop(&[f64::NAN], 0.5).is_err());
        assert!(causal_stop(&[1.0], 1.5).is_err() && causal_stop(&[1.0], f64::NAN).is_err());
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let device = device();
        let (losses, one) = (Tensor::<1>::ones([3], &device), Tensor::<1>::ones([1], &device));
        for epsilon in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(causal_weights(losses.clone(), one.clone(), epsilon).is_err());
            assert!(CausalLossConfig::new(epsilon).init().is_err());
        }
        assert!(causal_weights(losses.clone(), losses, 1.0).is_err(), "three initial losses");
        assert!(CausalLossConfig::new(1.0).with_ic_weight(-1.0).init().is_err());
    }
}
