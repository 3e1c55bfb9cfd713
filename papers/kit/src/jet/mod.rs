//! Forward-mode jets: values of a network together with its derivatives by its inputs, along chosen directions.
//!
//! A jet carries u and ∂u/∂v, ∂²u/∂v² … through every layer. All of it is ordinary tensor operations, so one reverse pass
//! over a loss of these derivatives gives its gradient by the parameters: burn has no second derivatives, and none are
//! needed. Nothing is approximated, where finite differences in single precision would lose most of their digits.
//!
//! | file | what is inside |
//! | --- | --- |
//! | `mod.rs` | [`Jet`], [`Direction`]; linear layers, activations, sums, products |
//! | `chain.rs` | derivatives of the activations, and the chain rule up to the fourth order |
//! | `network.rs` | a perceptron on jets |

mod chain;
mod network;

use harness_core::backend::Tensor;
use harness_core::error::{Error, Result};

use crate::mlp::Activation;

pub use network::perceptron;

/// Highest order of a derivative.
pub const MAX_ORDER: usize = 4;

/// Rows of Pascal's triangle from the first on.
const BINOMIALS: [&[f64]; MAX_ORDER] =
    [&[1.0, 1.0], &[1.0, 2.0, 1.0], &[1.0, 3.0, 3.0, 1.0], &[1.0, 4.0, 6.0, 4.0, 1.0]];

/// A direction in the space of inputs, and how many derivatives are taken along it.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// The direction v, one number per input.
    pub vector: Vec<f64>,
    /// Derivatives along it, 1 to [`MAX_ORDER`].
    pub order: usize,
}

impl Direction {
    /// The direction of input `axis` among `inputs`.
    pub fn axis(axis: usize, inputs: usize, order: usize) -> Self {
        Direction { vector: (0..inputs).map(|at| f64::from(u8::from(at == axis))).collect(), order }
    }

    /// All axes, each to the same order.
    pub fn axes(inputs: usize, order: usize) -> Vec<Self> {
        (0..inputs).map(|axis| Direction::axis(axis, inputs, order)).collect()
    }
}

/// Rows of values with their derivatives along directions.
///
/// **Definition.** For each direction v and order k: dᵏ/dsᵏ u(x + s·v) at s = 0. Layers act by the chain rule: z = hW + b
/// has z⁽ᵏ⁾ = h⁽ᵏ⁾W; a = φ(z) has a′ = φ′z′, a″ = φ′z″ + φ″z′² and so on; products follow Leibniz.
///
/// **Mixed derivatives** follow by polarisation: ∂²u/∂v∂w = ½(∂²u/∂(v+w)² − ∂²u/∂v² − ∂²u/∂w²), see [`Jet::mixed`].
///
/// **Cost.** A linear layer is one product per block of rows (the value and each derivative). Blocks are kept apart: on a
/// processor, putting them into one matrix costs more in copies than it saves in calls.
///
/// **Example.** ∂u/∂x and ∂²u/∂x² of u = tanh(3x):
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_kit::jet::{Direction, Jet};
/// use papers_kit::mlp::Activation;
/// let device = DeviceChoice::Cpu.open()?;
/// let x = Jet::input(Tensor::from_data([[0.0], [0.5]], &device), &Direction::axes(1, 2))?;
/// let u = x.linear(Tensor::from_data([[3.0]], &device), None)?.activation(Activation::Tanh);
/// assert_eq!(read_f32(u.derivative(0, 1)?)[0], 3.0);
/// assert_eq!(read_f32(u.derivative(0, 2)?)[0], 0.0);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Jet {
    value: Tensor<2>,
    /// By direction, then by order from the first on.
    derivatives: Vec<Vec<Tensor<2>>>,
}

impl Jet {
    /// The inputs themselves, `[n, inputs]`: the first derivative along v is v, all others are 0.
    ///
    /// # Errors
    /// [`Error::Input`] where a direction has another number of inputs, or an order is not in 1..=[`MAX_ORDER`].
    pub fn input(points: Tensor<2>, directions: &[Direction]) -> Result<Self> {
        let ([rows, inputs], device) = (points.dims(), points.device());
        let derivatives = directions
            .iter()
            .map(|direction| {
                if direction.vector.len() != inputs {
                    return Err(Error::Input(format!(
                        "a direction has {} components, expected {inputs} as the points have",
                        direction.vector.len()
                    )));
                }
                let vector: Vec<f32> = direction.vector.iter().map(|component| *component as f32).collect();
                let first = Tensor::<1>::from_data(vector.as_slice(), &device).unsqueeze::<2>().expand([rows, inputs]);
                let zeros = Tensor::<2>::zeros([rows, inputs], &device);
                Ok((1..=direction.order).map(|order| if order == 1 { first.clone() } else { zeros.clone() }).collect())
            })
            .collect::<Result<_>>()?;
        Jet::new(points, derivatives)
    }

    /// Values `[n, width]` with derivatives of the same shape, by direction and then by order from the first on.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes differ, or an order is not in 1..=[`MAX_ORDER`].
    pub fn new(value: Tensor<2>, derivatives: Vec<Vec<Tensor<2>>>) -> Result<Self> {
        for orders in &derivatives {
            if orders.is_empty() || orders.len() > MAX_ORDER {
                return Err(Error::Input(format!(
                    "{} derivatives along a direction, expected 1 to {MAX_ORDER}",
                    orders.len()
                )));
            }
            if let Some(other) = orders.iter().find(|block| block.dims() != value.dims()) {
                return Err(Error::Input(format!(
                    "a derivative has shape {:?}, expected {:?} as the value has",
                    other.dims(),
                    value.dims()
                )));
            }
        }
        Ok(Jet { value, derivatives })
    }

    /// Values without derivatives: a jet through which only the network itself is computed.
    pub fn constant(value: Tensor<2>) -> Self {
        Jet { value, derivatives: Vec::new() }
    }

    /// The values, `[n, width]`.
    pub fn value(&self) -> Tensor<2> {
        self.value.clone()
    }

    /// The derivative of an order along a direction, `[n, width]`.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not carried.
    pub fn derivative(&self, direction: usize, order: usize) -> Result<Tensor<2>> {
        self.derivatives
            .get(direction)
            .and_then(|orders| orders.get(order.checked_sub(1)?))
            .cloned()
            .ok_or_else(|| Error::Input(format!("derivative {order} along direction {direction} is not carried")))
    }

    /// ∂²u/∂v∂w, where the directions `first`, `second` and `sum` are v, w and v + w.
    ///
    /// # Errors
    /// As [`Jet::derivative`].
    pub fn mixed(&self, first: usize, second: usize, sum: usize) -> Result<Tensor<2>> {
        Ok((self.derivative(sum, 2)? - self.derivative(first, 2)? - self.derivative(second, 2)?) * 0.5)
    }

    /// u·W + b: the bias has no derivatives.
    ///
    /// # Errors
    /// [`Error::Input`] where the shapes do not fit.
    pub fn linear(&self, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Result<Self> {
        let ([_, width], [inputs, outputs]) = (self.value.dims(), weight.dims());
        if width != inputs {
            return Err(Error::Input(format!("a layer takes {inputs} inputs, but gets {width}")));
        }
        if let Some(bias) = bias.as_ref().filter(|bias| bias.dims() != [outputs]) {
            return Err(Error::Input(format!("a bias has shape {:?}, expected [{outputs}]", bias.dims())));
        }
        let product = self.value.clone().matmul(weight.clone());
        let value = match bias {
            Some(bias) => product + bias.unsqueeze(),
            None => product,
        };
        Ok(Jet { value, derivatives: self.each_derivative(|block| block.clone().matmul(weight.clone())) })
    }

    /// φ(u), element by element.
    pub fn activation(&self, activation: Activation) -> Self {
        let order = self.derivatives.iter().map(Vec::len).max().unwrap_or(0);
        let (value, slopes) = chain::derivatives(activation, self.value.clone(), order);
        let derivatives = self.derivatives.iter().map(|orders| chain::compose(&slopes, orders)).collect();
        Jet { value, derivatives }
    }

    /// u + v.
    ///
    /// # Errors
    /// [`Error::Input`] where shapes, directions or orders differ.
    pub fn add(&self, other: &Jet) -> Result<Self> {
        self.blockwise(other, |a, b| a + b)
    }

    /// u − v.
    ///
    /// # Errors
    /// As [`Jet::add`].
    pub fn sub(&self, other: &Jet) -> Result<Self> {
        self.blockwise(other, |a, b| a - b)
    }

    /// u ⊙ v.
    ///
    /// # Errors
    /// As [`Jet::add`].
    pub fn mul(&self, other: &Jet) -> Result<Self> {
        self.check_like(other)?;
        let along = |own: &Vec<Tensor<2>>, others: &Vec<Tensor<2>>| {
            let left: Vec<&Tensor<2>> = std::iter::once(&self.value).chain(own).collect();
            let right: Vec<&Tensor<2>> = std::iter::once(&other.value).chain(others).collect();
            BINOMIALS.iter().take(own.len()).filter_map(|row| leibniz(row, &left, &right)).collect()
        };
        let derivatives = self.derivatives.iter().zip(&other.derivatives).map(|(a, b)| along(a, b)).collect();
        Ok(Jet { value: self.value.clone() * other.value.clone(), derivatives })
    }

    fn each_derivative(&self, map: impl Fn(&Tensor<2>) -> Tensor<2>) -> Vec<Vec<Tensor<2>>> {
        self.derivatives.iter().map(|orders| orders.iter().map(&map).collect()).collect()
    }

    fn blockwise(&self, other: &Jet, map: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Result<Self> {
        self.check_like(other)?;
        let derivatives = self
            .derivatives
            .iter()
            .zip(&other.derivatives)
            .map(|(own, others)| own.iter().zip(others).map(|(a, b)| map(a.clone(), b.clone())).collect())
            .collect();
        Ok(Jet { value: map(self.value.clone(), other.value.clone()), derivatives })
    }

    fn check_like(&self, other: &Jet) -> Result<()> {
        let layout = |jet: &Jet| (jet.value.dims(), jet.derivatives.iter().map(Vec::len).collect::<Vec<_>>());
        let (own, others) = (layout(self), layout(other));
        if own == others {
            return Ok(());
        }
        Err(Error::Input(format!("jets of shapes and orders {own:?} and {others:?} do not go together")))
    }
}

/// (fg)⁽ᵏ⁾ = Σⱼ C(k, j) f⁽ʲ⁾ g⁽ᵏ⁻ʲ⁾ for the row k of Pascal's triangle.
fn leibniz(row: &[f64], left: &[&Tensor<2>], right: &[&Tensor<2>]) -> Option<Tensor<2>> {
    let falling = right.iter().take(row.len()).rev();
    let terms = row.iter().zip(left.iter().zip(falling)).map(|(times, (f, g))| {
        let product = (*f).clone() * (*g).clone();
        if *times == 1.0 { product } else { product * *times }
    });
    terms.reduce(|sum, term| sum + term)
}

#[cfg(test)]
pub(crate) mod reference;
#[cfg(test)]
mod tests;
