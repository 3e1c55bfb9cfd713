//! Tables as Parquet and CSV files.

use std::fs::File;
use std::io;
use std::path::Path;

use harness_core::Result;
use polars::prelude::{
    CsvWriter, DataFrame, ParquetReader, ParquetWriter, PolarsError, SerReader as _, SerWriter as _,
};

use super::{cannot, write_atomic};

/// Writes a table as Parquet; the file is there whole or not at all.
///
/// # Errors
/// [`Error::Environment`](harness_core::Error::Environment) where it cannot be written.
pub fn write_parquet(table: &mut DataFrame, path: &Path) -> Result<()> {
    write_atomic(path, |out| ParquetWriter::new(out).finish(table).map(|_| ()).map_err(into_io))
}

/// Writes a table as CSV; the file is there whole or not at all.
///
/// # Errors
/// [`Error::Environment`](harness_core::Error::Environment) where it cannot be written.
pub fn write_csv(table: &mut DataFrame, path: &Path) -> Result<()> {
    write_atomic(path, |out| CsvWriter::new(out).finish(table).map_err(into_io))
}

/// Reads a table that [`write_parquet`] wrote.
///
/// # Errors
/// [`Error::Environment`](harness_core::Error::Environment) where the file is missing or broken.
pub fn read_parquet(path: &Path) -> Result<DataFrame> {
    let file = File::open(path).map_err(|error| cannot("read", path, &error))?;
    ParquetReader::new(file).finish().map_err(|error| cannot("read", path, &error))
}

fn into_io(error: PolarsError) -> io::Error {
    io::Error::other(error)
}
