//! Bringing the features of a table to one scale.

use harness_core::{Error, Result, stats};

/// A shift and a stretch per feature, fitted on one table and applied to that or another one. Features that do not vary
/// are dropped: they carry nothing, and no stretch fits them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    columns: usize,
    kept: Vec<usize>,
    centre: Vec<f64>,
    spread: Vec<f64>,
    limit: f64,
}

impl Scaling {
    /// (x − median) / inter-quartile range, clipped to ±`limit`.
    ///
    /// A feature whose middle half is one value, but which varies, is divided by its standard deviation instead.
    /// Quantiles are interpolated linearly between order statistics.
    ///
    /// **Arguments**: `values` `[rows, columns]` row-major, finite, at least one row; `limit` above 0, infinite for none.
    ///
    /// **Errors**: [`Error::Input`] where the values do not fill rows, there is none, one is not finite, or the limit is
    /// not above 0.
    ///
    /// ```
    /// use papers_kit::scale::Scaling;
    /// // The second feature is constant.
    /// let table = [0.0, 7.0, 1.0, 7.0, 2.0, 7.0, 3.0, 7.0, 400.0, 7.0];
    /// let scaling = Scaling::robust(&table, 2, 10.0)?;
    /// assert_eq!(scaling.kept(), [0]);
    /// assert_eq!(scaling.apply(&table)?, [-1.0, -0.5, 0.0, 0.5, 10.0]);
    /// # Ok::<(), harness_core::Error>(())
    /// ```
    pub fn robust(values: &[f64], columns: usize, limit: f64) -> Result<Self> {
        if limit.is_nan() || limit <= 0.0 {
            return Err(Error::Input(format!("the limit is {limit}, expected a number above 0")));
        }
        Self::fit(values, columns, limit, |column| {
            let range = stats::quantile(column, 0.75)? - stats::quantile(column, 0.25)?;
            let spread = if range > 0.0 { range } else { deviation(column) };
            Ok((stats::median(column)?, spread))
        })
    }

    /// (x − mean) / standard deviation (of the population, that is divided by n).
    ///
    /// **Arguments** and **errors** as for [`Scaling::robust`].
    pub fn standard(values: &[f64], columns: usize) -> Result<Self> {
        Self::fit(values, columns, f64::INFINITY, |column| Ok((mean(column), deviation(column))))
    }

    fn fit(values: &[f64], columns: usize, limit: f64, measure: impl Fn(&[f64]) -> Result<(f64, f64)>) -> Result<Self> {
        let rows = check(values, columns)?;
        if rows == 0 {
            return Err(Error::Input("a table without rows has no scale: give at least one row".into()));
        }
        let mut scaling = Scaling { columns, kept: Vec::new(), centre: Vec::new(), spread: Vec::new(), limit };
        let mut column = Vec::with_capacity(rows);
        for feature in 0..columns {
            column.clear();
            column.extend(values.iter().skip(feature).step_by(columns));
            let constant = column.iter().all(|value| Some(value) == column.first());
            if constant {
                continue;
            }
            let (centre, spread) = measure(&column)?;
            // Values that differ by less than rounding have no spread that could be divided by.
            if spread.is_finite() && spread > 0.0 && centre.is_finite() {
                scaling.kept.push(feature);
                scaling.centre.push(centre);
                scaling.spread.push(spread);
            }
        }
        Ok(scaling)
    }

    /// The features that vary, in ascending order.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// The scaled features that vary, `[rows, kept]` row-major.
    ///
    /// **Errors**: [`Error::Input`] where the values do not fill rows of as many features as were fitted, or one is not
    /// finite.
    pub fn apply(&self, values: &[f64]) -> Result<Vec<f64>> {
        check(values, self.columns)?;
        Ok(values
            .chunks_exact(self.columns)
            .flat_map(|row| {
                self.kept.iter().zip(&self.centre).zip(&self.spread).map(|((feature, centre), spread)| {
                    ((row[*feature] - centre) / spread).clamp(-self.limit, self.limit)
                })
            })
            .collect())
    }
}

fn check(values: &[f64], columns: usize) -> Result<usize> {
    if columns == 0 || !values.len().is_multiple_of(columns) {
        return Err(Error::Input(format!("{} values do not fill rows of {columns} features", values.len())));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Error::Input(format!(
            "row {}, feature {} is {}, expected a finite number",
            at / columns,
            at % columns,
            values[at]
        ))),
        None => Ok(values.len() / columns),
    }
}

fn mean(column: &[f64]) -> f64 {
    column.iter().sum::<f64>() / column.len() as f64
}

/// Standard deviation of the population.
fn deviation(column: &[f64]) -> f64 {
    let mean = mean(column);
    (column.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / column.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_feature_that_rarely_varies_is_divided_by_its_deviation() {
        let column = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let scaled = Scaling::robust(&column, 1, 10.0).unwrap().apply(&column).unwrap();
        assert_eq!(scaled[0], 0.0);
        assert!((scaled[9] - 1.0 / 0.3).abs() < 1e-12);
    }

    #[test]
    fn impossible_tables_are_refused() {
        assert!(Scaling::robust(&[], 1, 10.0).is_err());
        assert!(Scaling::robust(&[1.0], 0, 10.0).is_err());
        assert!(Scaling::robust(&[1.0, 2.0, 3.0], 2, 10.0).is_err());
        assert!(Scaling::robust(&[1.0, f64::INFINITY], 1, 10.0).is_err());
        assert!(Scaling::robust(&[1.0, 2.0], 1, 0.0).is_err());
        assert!(Scaling::robust(&[1.0, 2.0], 1, f64::NAN).is_err());
        assert!(Scaling::standard(&[1.0, 2.0], 1).unwrap().apply(&[f64::NAN]).is_err());
    }

    proptest! {
        #[test]
        fn standard_features_have_mean_zero_and_variance_one(
            values in prop::collection::vec(-1e3_f64..1e3, 4..60)
        ) {
            let values = &values[..values.len() / 2 * 2];
            let scaled = Scaling::standard(values, 2).unwrap().apply(values).unwrap();
            for feature in 0..2 {
                let column: Vec<f64> = scaled.iter().copied().skip(feature).step_by(2).collect();
                prop_assert!(mean(&column).abs() < 1e-9 && (deviation(&column) - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn robust_scaling_forgets_units(
            values in prop::collection::vec(-100_i16..100, 4..40), shift in -50_i16..50, stretch in 1_u8..20
        ) {
            let first: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            let second: Vec<f64> = first.iter().map(|v| f64::from(shift) + f64::from(stretch) * v).collect();
            let a = Scaling::robust(&first, 1, 3.0).unwrap().apply(&first).unwrap();
            let b = Scaling::robust(&second, 1, 3.0).unwrap().apply(&second).unwrap();
            prop_assert_eq!(a.len(), b.len());
            for (a, b) in a.iter().zip(&b) {
                prop_assert!((a - b).abs() < 1e-9 && a.abs() <= 3.0);
            }
        }
    }
}
