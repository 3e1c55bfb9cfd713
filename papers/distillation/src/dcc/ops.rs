//! The pure functions that conformance vectors call.

use harness_core::prelude::*;

use super::kernel;
use super::linear::{Labelled, linear_matching};
use super::matching::{Matching, layer_distance, matching_loss};
use super::warmup::checked_use_contrast;

/// All ops.
pub static OPS: &[Op] = &[
    Op {
        name: "layer_distance",
        about: "Sum over outputs of one minus the cosine of synthetic and real gradient.",
        run: |inputs| match inputs.array("syn")?.shape.len() {
            0 => Err(Error::Input("input `syn` is a number: expected a gradient of one or more dimensions".into())),
            1 => distance::<1>(inputs),
            2 => distance::<2>(inputs),
            3 => distance::<3>(inputs),
            4 => distance::<4>(inputs),
            5 => distance::<5>(inputs),
            more => Err(Error::Input(format!("input `syn` has {more} dimensions: expected at most 5"))),
        },
    },
    Op {
        name: "matching_loss",
        about: "Distance of class gradients, class by class (dc) or of their means (dcc).",
        run: |inputs| {
            let matching = Matching::parse(&inputs.text("mode")?)?;
            let (syn, real) = (finite::<3>(inputs, "syn")?, finite::<3>(inputs, "real")?);
            if syn.dims() != real.dims() {
                let (a, b) = (syn.dims(), real.dims());
                return Err(Error::Input(format!("inputs `syn` {a:?} and `real` {b:?} must have one shape")));
            }
            Ok(Outputs::new().scalar("loss", matching_loss(syn, real, matching)?))
        },
    },
    Op {
        name: "linear_matching",
        about: "Matching loss of softmax regression without bias; its gradient by the images is of second order.",
        run: |inputs| {
            let matching = Matching::parse(&inputs.text("mode")?)?;
            let weight = finite::<2>(inputs, "weight")?;
            let [classes, width] = weight.dims();
            let side = |x: &str, y: &str| -> Result<(Tensor<2>, Vec<usize>)> {
                let images = finite::<2>(inputs, x)?;
                if images.dims()[1] != width {
                    let found = images.dims()[1];
                    return Err(Error::Input(format!("input `{x}` has {found} columns, but `weight` has {width}")));
                }
                inputs.shape::<1>(y)?;
                Ok((images, inputs.classes(y, classes)?))
            };
            let (x_syn, y_syn) = side("x_syn", "y_syn")?;
            let (x_real, y_real) = side("x_real", "y_real")?;
            let syn = Labelled { images: x_syn, labels: &y_syn };
            let real = Labelled { images: x_real, labels: &y_real };
            Ok(Outputs::new().scalar("loss", linear_matching(syn, real, weight, matching)?))
        },
    },
    Op {
        name: "use_contrast",
        about: "Whether the bi-level warm-up lets an iteration use contrastive signals.",
        run: |inputs| {
            let contrast = checked_use_contrast(
                inputs.int("outer")?,
                inputs.int("inner")?,
                inputs.int_or("outer_warmup", 250)?,
                inputs.int_or("inner_warmup", 10)?,
            )?;
            Ok(Outputs::new().bools("contrast", &[], vec![contrast]))
        },
    },
    Op {
        name: "kernel_velocity",
        about: "How far a kernel matrix turns per unit of time.",
        run: |inputs| {
            let ([rows, columns], other) = (inputs.shape::<2>("k0")?, inputs.shape::<2>("k1")?);
            if rows != columns || other != [rows, columns] {
                return Err(Error::Input(format!(
                    "inputs `k0` [{rows}, {columns}] and `k1` {other:?} must be square and of one size"
                )));
            }
            let dt = inputs.float_or("dt", 1.0)?;
            let velocity = kernel::kernel_velocity(&inputs.floats("k0")?, &inputs.floats("k1")?, rows, dt)?;
            Ok(Outputs::new().float("velocity", velocity))
        },
    },
];

fn distance<const D: usize>(inputs: &Inputs) -> Result<Outputs> {
    let distance = layer_distance(finite::<D>(inputs, "syn")?, finite::<D>(inputs, "real")?)?;
    Ok(Outputs::new().scalar("distance", distance))
}

fn finite<const D: usize>(inputs: &Inputs, name: &str) -> Result<Tensor<D>> {
    // As the device sees it: a double beyond single precision is infinite there.
    if let Some(value) = inputs.floats(name)?.into_iter().find(|value| !(*value as f32).is_finite()) {
        return Err(Error::Input(format!("input `{name}` must be finite, but holds {value}")));
    }
    inputs.tensor(name)
}
