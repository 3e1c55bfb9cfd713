//! Results and verdicts as tables: one row per number, or per claim.
//!
//! | module | what is inside |
//! | --- | --- |
//! | `files` | tables as Parquet and CSV files |
//! | `verdicts` | the table of verdicts of a report |

#[cfg(feature = "report")]
mod files;
#[cfg(feature = "report")]
mod verdicts;

use std::fs::File;
use std::io;
use std::path::Path;

use harness_core::files::NewFile;
use harness_core::record::{Outcome, Record};
use harness_core::{Error, Result};
use polars::prelude::{Column, DataFrame, DataType, PolarsError};

#[cfg(feature = "report")]
pub use files::{read_parquet, write_csv, write_parquet};
#[cfg(feature = "report")]
pub use verdicts::{read_verdicts, verdicts_table};

/// How a trial ended, in a word.
pub fn outcome(record: &Record) -> &'static str {
    match record.outcome {
        Outcome::Finished => "finished",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Failed { .. } => "failed",
    }
}

/// All final numbers of some trials, one a row.
///
/// Columns: `paper`, `version`, `profile`, `arm`, `cell` (`factor=level, …`, `-` without factors), `seed`, `outcome`
/// (`finished`, `skipped` or `failed`), `synthetic`, `kind` (`metric`, or `timing`, which differs from run to run),
/// `name`, `value` (NaN and infinities kept) and `key`. A trial without numbers, such as a failed one, has one row in
/// which kind, name and value are null: no trial is missing from the table.
///
/// # Errors
/// [`Error::Failed`] where the table cannot be built.
pub fn results_table<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<DataFrame> {
    // A trial with the kind, name and value of one of its numbers.
    type Row<'a> = (&'a Record, Option<(&'static str, &'a str, f64)>);
    let mut rows: Vec<Row<'a>> = Vec::new();
    for record in records {
        let before = rows.len();
        let numbers = |kind| {
            move |(name, number): (&'a String, &'a harness_core::number::Number)| {
                (record, Some((kind, name.as_str(), number.0)))
            }
        };
        rows.extend(record.metrics.iter().map(numbers("metric")));
        rows.extend(record.timings.iter().map(numbers("timing")));
        if rows.len() == before {
            rows.push((record, None));
        }
    }
    let text = |name: &str, get: &dyn Fn(&Record) -> String| {
        Column::new(name.into(), rows.iter().map(|(record, _)| get(record)).collect::<Vec<_>>())
    };
    frame(vec![
        text("paper", &|record| record.paper.clone()),
        Column::new("version".into(), rows.iter().map(|(record, _)| record.paper_version).collect::<Vec<_>>()),
        text("profile", &|record| record.profile.name().to_owned()),
        text("arm", &|record| record.arm.clone()),
        text("cell", &|record| record.cell.to_string()),
        Column::new("seed".into(), rows.iter().map(|(record, _)| record.seed).collect::<Vec<_>>()),
        text("outcome", &|record| outcome(record).to_owned()),
        Column::new("synthetic".into(), rows.iter().map(|(record, _)| record.synthetic()).collect::<Vec<_>>()),
        Column::new("kind".into(), rows.iter().map(|(_, number)| number.map(|number| number.0)).collect::<Vec<_>>()),
        Column::new("name".into(), rows.iter().map(|(_, number)| number.map(|number| number.1)).collect::<Vec<_>>()),
        Column::new("value".into(), rows.iter().map(|(_, number)| number.map(|number| number.2)).collect::<Vec<_>>()),
        text("key", &|record| record.key.clone()),
    ])
}

/// Text that no spreadsheet takes for a formula: where it begins with `=`, `+`, `-` or `@` and is not a number, it gets
/// a leading apostrophe. Control characters and line breaks, which some programs skip before they look for a formula,
/// are taken out.
///
/// ```
/// use harness_report::tables::defused;
/// assert_eq!(defused("=1+1"), "'=1+1");
/// assert_eq!(defused("-0.5"), "-0.5");
/// assert_eq!(defused("a=b"), "a=b");
/// ```
pub fn defused(text: &str) -> String {
    let clean = crate::printable::printable(text);
    let formula = clean.starts_with(['=', '+', '-', '@']) && clean.parse::<f64>().is_err();
    if formula { format!("'{clean}") } else { clean }
}

pub(crate) fn frame(columns: Vec<Column>) -> Result<DataFrame> {
    DataFrame::new_infer_height(columns).map_err(|error| Error::Failed(format!("cannot build a table: {error}")))
}

/// The columns of a `verdicts.csv` that hold numbers with fractions.
const VERDICT_NUMBERS: [&str; 7] = ["effect", "low", "high", "detectable", "p", "p_holm", "published_value"];

/// Reads a `verdicts.csv`, with numbers as numbers; a number or text that is not there is null.
///
/// # Errors
/// [`Error::Environment`] where the file is missing or is not such a table.
pub fn read_verdict_table(path: &Path) -> Result<DataFrame> {
    let unreadable = |error: &dyn std::fmt::Display| cannot("read", path, error);
    let mut reader = csv::Reader::from_path(path).map_err(|error| unreadable(&error))?;
    let names = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let rows: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|error: csv::Error| unreadable(&error))?;
    let columns = names.iter().enumerate().map(|(at, name)| {
        let fields = rows.iter().map(|row| row.get(at).filter(|field| !field.is_empty())).collect::<Vec<_>>();
        let texts = Column::new(name.into(), fields);
        match name {
            "n" => texts.strict_cast(&DataType::UInt64),
            // Older versions wrote fewer columns.
            name if VERDICT_NUMBERS.contains(&name) => texts.strict_cast(&DataType::Float64),
            _ => Ok(texts),
        }
    });
    frame(columns.collect::<Result<_, _>>().map_err(|error: PolarsError| unreadable(&error))?)
}

pub(crate) fn cannot(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Environment(format!("cannot {verb} {}: {error}", path.display()))
}

/// Writes a file beside its place and renames it into it.
pub(crate) fn write_atomic(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    NewFile::beside(path)
        .and_then(|mut file| {
            write(file.as_file_mut())?;
            file.publish()
        })
        .map_err(|error| cannot("write", path, &error))
}
