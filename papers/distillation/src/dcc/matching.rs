//! How far synthetic gradients are from real ones.

use harness_core::backend::BoolTensor;
use harness_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Added to the product of two norms.
const EPSILON: f64 = 1e-6;

/// Which gradients are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// Those of each class with those of the same class (dataset condensation, DC).
    ClassWise,
    /// Those of the loss over all classes, in which common parts cancel (contrastive signals, DCC).
    Contrastive,
}

impl Matching {
    /// Reads the name that the ops use.
    ///
    /// # Errors
    /// [`Error::Input`] for any name but `dc` and `dcc`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "dc" => Ok(Matching::ClassWise),
            "dcc" => Ok(Matching::Contrastive),
            _ => Err(Error::Input(format!("unknown mode `{name}`: use dc or dcc"))),
        }
    }
}

/// Distance of the gradients of one parameter, summed over its outputs.
///
/// **Definition.** With rows G_o, R_o of the gradients reshaped to `[out, rest]`:
/// Σ_o (1 − ⟨G_o, R_o⟩ / (‖G_o‖·‖R_o‖ + 1e-6)); 0 for a parameter of one dimension.
///
/// **Paper.** The layer-wise distance of the method section, taken over from dataset condensation (arXiv 2006.05929).
///
/// **Arguments.** `syn` and `real` of one shape, `[out, …]`. `real` is a constant: no gradient reaches it.
///
/// **Differences.** A row of zeros costs 1 and has the gradient 0; the released code gives a zero row of `syn` a slope of
/// 10⁶ times the real gradient. Rows are scaled first, so that none of any finite size overflows.
///
/// **Errors.** [`Error::Input`] where the shapes differ.
///
/// **Example.**
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_distillation::dcc::layer_distance;
/// let device = DeviceChoice::Cpu.open()?;
/// let syn = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], &device);
/// let real = Tensor::<2>::from_data([[1.0, 1.0], [0.0, -3.0], [1.0, 0.0]], &device);
/// let distance = read_f32(layer_distance(syn, real)?)[0]; // 1 − √½, 2 and 1
/// assert!((distance - (4.0 - 0.5f32.sqrt())).abs() < 1e-5);
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn layer_distance<const D: usize>(syn: Tensor<D>, real: Tensor<D>) -> Result<Tensor<1>> {
    if syn.dims() != real.dims() {
        let (a, b) = (syn.dims(), real.dims());
        return Err(Error::Input(format!("gradients of shapes {a:?} and {b:?}: expected one shape")));
    }
    if D < 2 {
        return Ok((syn * 0.0).sum());
    }
    let rows = syn.dims()[0];
    Ok(row_distances(syn.reshape([rows as i32, -1]), real.detach().reshape([rows as i32, -1])).sum())
}

/// 1 − ⟨G, R⟩ / (‖G‖·‖R‖ + ε) of each row, `[rows, 1]`.
fn row_distances(syn: Tensor<2>, real: Tensor<2>) -> Tensor<2> {
    let (syn, syn_scale, blank) = scaled(syn);
    let (real, real_scale, real_blank) = scaled(real);
    // A product that overflows leaves ε out; one that underflows leaves ε alone, and the cosine 0.
    let epsilon = (syn_scale * real_scale).recip() * EPSILON;
    // The root of 0 has no slope; with norms of at least 1 no quotient is 0/0.
    let norm = |rows: Tensor<2>, blank: BoolTensor<2>| rows.square().sum_dim(1).mask_fill(blank, 1.0).sqrt();
    let denominator = norm(syn.clone(), blank.clone()) * norm(real.clone(), real_blank) + epsilon;
    let cosine = (syn * real).sum_dim(1) / denominator;
    -(cosine.mask_fill(blank, 0.0) - 1.0)
}

/// Rows with the largest element 1, these elements, and which rows are 0.
fn scaled(rows: Tensor<2>) -> (Tensor<2>, Tensor<2>, BoolTensor<2>) {
    let largest = rows.clone().detach().abs().max_dim(1);
    let blank = largest.clone().equal_elem(0.0);
    let scale = largest.mask_fill(blank.clone(), 1.0);
    (rows / scale.clone(), scale, blank)
}

/// What condensation minimises, for one parameter.
///
/// **Definition.** With class gradients G_c, R_c and the distance D of [`layer_distance`]: Σ_c D(G_c, R_c) class by class
/// (DC), D(mean_c G_c, mean_c R_c) with contrastive signals (DCC).
///
/// **Paper.** The objectives of DC and DCC in the method section. Shifting all class gradients apart from their mean changes nothing in DCC, and
/// what all images have in common has no weight of its own in it.
///
/// **Arguments.** `[classes, out, rest]` on both sides. With contrastive signals either side may also be a single gradient
/// of the mean loss over all classes, `[1, out, rest]`, which is the same for equally many images per class.
///
/// **Differences.** None. The released code sums the loss of DCC over parameters in the same way.
///
/// **Errors.** [`Error::Input`] where shapes differ.
///
/// **Example.** A common part dominates each class gradient, but not the contrast:
/// ```
/// use harness_core::backend::{DeviceChoice, Tensor};
/// use harness_core::op::read_f32;
/// use papers_distillation::dcc::{Matching, matching_loss};
/// let device = DeviceChoice::Cpu.open()?;
/// let syn = Tensor::<3>::from_data([[[9.0, 1.0]], [[-9.0, 1.0]]], &device);
/// let real = Tensor::<3>::from_data([[[9.0, -1.0]], [[-9.0, -1.0]]], &device);
/// let loss = |matching| matching_loss(syn.clone(), real.clone(), matching).map(|loss| read_f32(loss)[0]);
/// assert!(loss(Matching::ClassWise)? < 0.05); // cosines of 80/82, class by class
/// assert!(loss(Matching::Contrastive)? > 1.99); // what is left over all classes is opposite
/// # Ok::<(), harness_core::Error>(())
/// ```
pub fn matching_loss(syn: Tensor<3>, real: Tensor<3>, matching: Matching) -> Result<Tensor<1>> {
    match matching {
        Matching::ClassWise => {
            let [classes, out, rest] = syn.dims();
            if real.dims() != [classes, out, rest] {
                let (a, b) = (syn.dims(), real.dims());
                return Err(Error::Input(format!("class gradients of shapes {a:?} and {b:?}: expected one shape")));
            }
            let rows = [classes * out, rest];
            layer_distance(syn.reshape(rows), real.reshape(rows))
        }
        Matching::Contrastive => {
            layer_distance(syn.mean_dim(0).squeeze_dim::<2>(0), real.mean_dim(0).squeeze_dim::<2>(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_core::backend::DeviceChoice;
    use harness_core::op::read_f32;

    fn tensor(rows: &[[f32; 3]]) -> Tensor<2> {
        let values = rows.concat();
        let device = DeviceChoice::Cpu.open().unwrap();
        Tensor::from_data(burn::tensor::TensorData::new(values, [rows.len(), 3]), &device)
    }

    fn value_and_slope(syn: &[[f32; 3]], real: &[[f32; 3]]) -> (f32, Vec<f32>) {
        let syn = tensor(syn).require_grad();
        let distance = layer_distance(syn.clone(), tensor(real)).unwrap();
        let gradient = distance.backward();
        (read_f32(distance)[0], read_f32(syn.grad(&gradient).unwrap()))
    }

    fn plainly(syn: &[f64], real: &[f64]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        1.0 - dot(syn, real) / (dot(syn, syn).sqrt() * dot(real, real).sqrt() + 1e-6)
    }

    #[test]
    fn rows_are_summed_and_not_averaged() {
        let one = value_and_slope(&[[1.0, 2.0, 0.0]], &[[0.0, 1.0, 1.0]]).0;
        let four = value_and_slope(&[[1.0, 2.0, 0.0]; 4], &[[0.0, 1.0, 1.0]; 4]).0;
        assert!((four - 4.0 * one).abs() < 1e-5);
    }

    #[test]
    fn zero_rows_cost_one_and_have_no_slope() {
        let (distance, slope) = value_and_slope(&[[0.0; 3], [1.0, 2.0, 3.0]], &[[1.0, 2.0, 3.0], [0.0; 3]]);
        assert_eq!(distance, 2.0);
        assert_eq!(slope, [0.0; 6]);
        assert_eq!(value_and_slope(&[[0.0; 3]], &[[0.0; 3]]), (1.0, vec![0.0; 3]));
    }

    /// Rows of every size, against double precision, slopes by central differences; ε matters for small ones.
    #[test]
    fn any_finite_size_agrees_with_double_precision() {
        let (g, r) = ([1.0, -2.0, 0.5], [0.3, -1.0, -2.0]);
        for (a, b) in [(1.0, 1.0), (1e-3, 1e-3), (1e-5, 1.0), (1e-9, 1e-2), (1e25, 1e20), (1e30, 1e-30), (1e-20, 1e-20)]
        {
            let syn: [f32; 3] = g.map(|x| (x * a) as f32);
            let real: [f32; 3] = r.map(|x| (x * b) as f32);
            let (distance, slope) = value_and_slope(&[syn], &[real]);
            let wide = |x: [f32; 3]| x.map(f64::from);
            let want = plainly(&wide(syn), &wide(real));
            assert!((f64::from(distance) - want).abs() < 1e-5, "{a} {b}: {distance} {want}");
            for at in 0..3 {
                let h = 1e-4 * a;
                let moved = |h: f64| {
                    let mut moved = wide(syn);
                    moved[at] += h;
                    plainly(&moved, &wide(real))
                };
                let want = (moved(h) - moved(-h)) / (2.0 * h);
                let got = f64::from(slope[at]);
                assert!((got - want).abs() <= 1e-3 * want.abs() + 1e-4 / a, "{a} {b} at {at}: {got} {want}");
            }
        }
    }

    #[test]
    fn parameters_of_one_dimension_do_not_count() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let bias = Tensor::<1>::from_data([1.0, -2.0], &device).require_grad();
        let distance = layer_distance(bias.clone(), Tensor::from_data([-1.0, 2.0], &device)).unwrap();
        let gradient = distance.backward();
        assert_eq!((read_f32(distance), read_f32(bias.grad(&gradient).unwrap())), (vec![0.0], vec![0.0; 2]));
    }

    #[test]
    fn a_kernel_is_one_row_per_output() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let values: Vec<f32> = (0..24).map(|at| ((at * 7) % 11) as f32 - 5.0).collect();
        let make = |values: &[f32]| Tensor::<1>::from_data(values, &device);
        let flipped: Vec<f32> = values.iter().rev().copied().collect();
        let flat = layer_distance(make(&values).reshape([3, 8]), make(&flipped).reshape([3, 8])).unwrap();
        let kernel = layer_distance(make(&values).reshape([3, 2, 2, 2]), make(&flipped).reshape([3, 2, 2, 2])).unwrap();
        assert_eq!(read_f32(flat), read_f32(kernel));
    }

    /// The real side is a constant even where it records gradients.
    #[test]
    fn no_gradient_reaches_the_real_side() {
        let (syn, real) = (tensor(&[[1.0, 2.0, 3.0]]).require_grad(), tensor(&[[3.0, 2.0, -1.0]]).require_grad());
        let gradient = layer_distance(syn.clone(), real.clone()).unwrap().backward();
        assert!(real.grad(&gradient).is_none_or(|gradient| read_f32(gradient).iter().all(|x| *x == 0.0)));
        assert!(read_f32(syn.grad(&gradient).unwrap()).iter().any(|x| *x != 0.0));
    }

    #[test]
    fn shapes_must_agree() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let zeros = |shape: [usize; 3]| Tensor::<3>::zeros(shape, &device);
        for matching in [Matching::ClassWise, Matching::Contrastive] {
            assert!(matching_loss(zeros([2, 3, 4]), zeros([2, 4, 3]), matching).is_err());
        }
        assert!(matching_loss(zeros([2, 3, 4]), zeros([1, 3, 4]), Matching::ClassWise).is_err());
        assert!(matching_loss(zeros([1, 3, 4]), zeros([2, 3, 4]), Matching::Contrastive).is_ok());
        assert!(Matching::parse("DC").is_err());
    }
}
