//! Conformance: running vectors through ops.
//!
//! A case passes where every expected output and gradient has the expected shape and
//! `|got − want| ≤ atol + rtol · |want|` for every element; NaN or a missing output never passes. A case with
//! `"error": true` passes where the op returns an error.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::backend::Device;
pub use crate::case_result::{CaseResult, Status};
use crate::error::{Error, Result};
use crate::op::{Array, Inputs, Op, RawArray};

/// The vectors of one paper.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// Slug of the paper.
    pub paper: String,
    /// Where the expected values come from.
    pub origin: Origin,
    /// The cases.
    pub cases: Vec<Case>,
}

/// Where expected values come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `official` (the authors' code) or `independent` (a separate implementation of the equations).
    pub kind: String,
    /// Repository of the authors' code.
    pub repository: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// File in it.
    pub path: Option<String>,
    /// In words.
    pub note: Option<String>,
}

/// One call of an op and what it must return.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of the op.
    pub op: String,
    /// Name of the case.
    pub name: String,
    inputs: BTreeMap<String, Array>,
    params: serde_json::Map<String, serde_json::Value>,
    outputs: BTreeMap<String, Array>,
    gradient_of: Option<String>,
    gradients: BTreeMap<String, Array>,
    rtol: f64,
    atol: f64,
    error: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVectors {
    paper: String,
    origin: Origin,
    cases: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    op: String,
    name: String,
    #[serde(default)]
    inputs: BTreeMap<String, RawArray>,
    #[serde(default)]
    params: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    outputs: BTreeMap<String, RawArray>,
    gradient_of: Option<String>,
    #[serde(default)]
    gradients: BTreeMap<String, RawArray>,
    rtol: Option<f64>,
    atol: Option<f64>,
    #[serde(default)]
    error: bool,
}

impl Vectors {
    /// Parses a vector file; `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::Input`] with file, line and column, or with the tensor whose shape and data disagree.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let raw: RawVectors = serde_json::from_str(text).map_err(|error| Error::Input(format!("{file}: {error}")))?;
        let arrays = |arrays: BTreeMap<String, RawArray>, case: &str| -> Result<BTreeMap<String, Array>> {
            arrays
                .into_iter()
                .map(|(name, raw)| {
                    let array =
                        raw.check(&name).map_err(|error| Error::Input(format!("{file}: case `{case}`: {error}")))?;
                    Ok((name, array))
                })
                .collect()
        };
        let cases = raw
            .cases
            .into_iter()
            .map(|case| {
                Ok(Case {
                    inputs: arrays(case.inputs, &case.name)?,
                    outputs: arrays(case.outputs, &case.name)?,
                    gradients: arrays(case.gradients, &case.name)?,
                    op: case.op,
                    name: case.name,
                    params: case.params,
                    gradient_of: case.gradient_of,
                    rtol: case.rtol.unwrap_or(1e-4),
                    atol: case.atol.unwrap_or(1e-6),
                    error: case.error,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Vectors { paper: raw.paper, origin: raw.origin, cases })
    }

    /// The same cases with their tolerances times `factor`; see
    /// [`DeviceChoice::tolerance_factor`](crate::backend::DeviceChoice::tolerance_factor).
    pub fn with_tolerances_times(mut self, factor: f64) -> Self {
        for case in &mut self.cases {
            case.rtol *= factor;
            case.atol *= factor;
        }
        self
    }

    /// Runs all cases.
    pub fn run(&self, ops: &[Op], device: &Device) -> Vec<CaseResult> {
        self.cases.iter().map(|case| case.run(ops, device)).collect()
    }
}

/// The differences found so far.
#[derive(Default)]
struct Differences {
    max_abs: f64,
    max_rel: f64,
    messages: Vec<String>,
}

impl Case {
    /// Calls the op and compares.
    pub fn run(&self, ops: &[Op], device: &Device) -> CaseResult {
        let Some(op) = ops.iter().find(|op| op.name == self.op) else {
            return self.fail(format!("there is no op `{}`", self.op));
        };
        let inputs = Inputs::new(device.clone(), self.inputs.clone(), self.params.clone());
        // A panic is a fault of the op, and must not take the other cases with it.
        let called = catch_unwind(AssertUnwindSafe(|| {
            let outputs = (op.run)(&inputs)?;
            let names: Vec<&str> = self.gradients.keys().map(String::as_str).collect();
            let gradients = match &self.gradient_of {
                Some(of) if !self.error => outputs.gradients(of, &inputs, &names)?,
                _ => BTreeMap::new(),
            };
            Ok::<_, Error>((outputs, gradients))
        }));
        let called = match called {
            Ok(called) => called,
            Err(panic) => return self.fail(format!("the op panicked: {}", panic_message(panic.as_ref()))),
        };
        match (called, self.error) {
            (Err(error), true) => CaseResult {
                op: self.op.clone(),
                name: self.name.clone(),
                status: Status::Pass,
                max_abs: None,
                max_rel: None,
                message: format!("refused: {error}"),
            },
            (Ok(_), true) => self.fail("the op returned a result where it must refuse".into()),
            (Err(error), false) => self.fail(error.to_string()),
            (Ok((outputs, gradients)), false) => {
                let mut differences = Differences::default();
                for (name, want) in &self.outputs {
                    self.compare(name, want, outputs.get(name), &mut differences);
                }
                for (name, want) in &self.gradients {
                    self.compare(&format!("gradient of {name}"), want, gradients.get(name), &mut differences);
                }
                CaseResult {
                    op: self.op.clone(),
                    name: self.name.clone(),
                    status: if differences.messages.is_empty() { Status::Pass } else { Status::Fail },
                    max_abs: Some(differences.max_abs),
                    max_rel: Some(differences.max_rel),
                    message: differences.messages.join("; "),
                }
            }
        }
    }

    fn compare(&self, name: &str, want: &Array, got: Option<&Array>, differences: &mut Differences) {
        let Some(got) = got else {
            differences.messages.push(format!("`{name}` is missing"));
            return;
        };
        if got.shape != want.shape {
            differences.messages.push(format!("`{name}` has shape {:?}, expected {:?}", got.shape, want.shape));
            return;
        }
        let mut first_bad = None;
        for (at, (got, want)) in got.values.to_f64().into_iter().zip(want.values.to_f64()).enumerate() {
            // Equal infinities differ by NaN, yet agree.
            let difference = if got == want { 0.0 } else { (got - want).abs() };
            differences.max_abs = differences.max_abs.max(difference);
            if want != 0.0 {
                differences.max_rel = differences.max_rel.max(difference / want.abs());
            }
            // Written so that NaN does not pass.
            let within = difference <= self.atol + self.rtol * want.abs();
            if !within && first_bad.is_none() {
                first_bad = Some(format!("`{name}`[{at}] is {got}, expected {want}"));
            }
        }
        differences.messages.extend(first_bad);
    }

    fn fail(&self, message: String) -> CaseResult {
        CaseResult {
            op: self.op.clone(),
            name: self.name.clone(),
            status: Status::Fail,
            max_abs: None,
            max_rel: None,
            message,
        }
    }
}

/// The message of a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}
