//! Errors that read well in a cell.

use std::fmt;

/// Any error of this crate. A cell that ends in `?` prints an error by its `Debug` form, so that form is a sentence here.
pub struct NotebookError(String);

impl NotebookError {
    /// An error that says this.
    pub fn new(message: impl Into<String>) -> Self {
        NotebookError(message.into())
    }
}

impl fmt::Display for NotebookError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for NotebookError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for NotebookError {}

impl From<harness_core::Error> for NotebookError {
    fn from(error: harness_core::Error) -> Self {
        NotebookError(error.to_string())
    }
}

impl From<harness_store::StoreError> for NotebookError {
    fn from(error: harness_store::StoreError) -> Self {
        NotebookError(error.to_string())
    }
}

impl From<harness_core::yaml::YamlError> for NotebookError {
    fn from(error: harness_core::yaml::YamlError) -> Self {
        NotebookError(error.to_string())
    }
}

impl From<polars::error::PolarsError> for NotebookError {
    fn from(error: polars::error::PolarsError) -> Self {
        NotebookError(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_as_its_sentence() {
        let error = NotebookError::from(harness_core::Error::Input("there is no run `x`".into()));
        assert_eq!(format!("{error:?}"), "there is no run `x`");
    }
}
