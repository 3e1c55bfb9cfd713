//! Tables for anomaly detection.

use crate::data::npz::npz;
use crate::data::{CachedSet, DataError};

/// Rows of numbers, some of which are anomalies.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyTable {
    /// Features, shape `[rows, columns]`, row-major; all finite.
    pub features: Vec<f64>,
    /// Number of rows.
    pub rows: usize,
    /// Number of features of a row.
    pub columns: usize,
    /// Whether each row is an anomaly.
    pub anomaly: Vec<bool>,
}

/// Reads one table of ADBench, for example `18_Ionosphere.npz`.
///
/// # Errors
/// [`DataError::UnknownFile`], [`DataError::Io`], [`DataError::Archive`]; [`DataError::Format`] if the arrays are not a
/// matrix `X` of finite numbers and as many labels `y`, each 0 or 1.
pub fn adbench(set: &CachedSet, file: &str) -> Result<AnomalyTable, DataError> {
    let arrays = npz(&set.read(file)?, file)?;
    let fault = |message: String| DataError::format(file, 0, message);
    let (Some(x), Some(y)) = (arrays.get("X"), arrays.get("y")) else {
        return Err(fault(format!("expected arrays X and y, got {:?}", arrays.keys())));
    };
    let [rows, columns] = x.shape[..] else {
        return Err(fault(format!("expected X [rows, columns], got shape {:?}", x.shape)));
    };
    if y.shape != [rows] {
        return Err(fault(format!("expected y [{rows}], got shape {:?}", y.shape)));
    }
    let features = x.to_f64();
    if let Some(place) = features.iter().position(|value| !value.is_finite()) {
        return Err(fault(format!("X is not finite in row {}", place / columns.max(1))));
    }
    let anomaly = y
        .to_f64()
        .into_iter()
        .enumerate()
        .map(|(row, label)| match label {
            0.0 => Ok(false),
            1.0 => Ok(true),
            other => Err(fault(format!("expected y 0 or 1, got {other} in row {row}"))),
        })
        .collect::<Result<_, _>>()?;
    Ok(AnomalyTable { features, rows, columns, anomaly })
}
