//! Results and verdicts as tables: one row per number, or per claim.

use std::fs::File;
use std::io;
use std::path::Path;

use harness_core::files::NewFile;
use harness_core::record::{Outcome, Record};
use harness_core::{Error, Result};
use polars::prelude::{
    Column, CsvReadOptions, CsvWriter, DataFrame, DataType, ParquetReader, ParquetWriter, PolarsError, SerReader as _,
    SerWriter as _,
};

use crate::report::{EarlierVerdict, PaperReport};

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

/// All claims with their verdicts, one a row; claims that were not judged are `not_run`.
///
/// Columns: `paper`, `claim`, `profile`, `verdict`, `effect`, `low`, `high`, `n`, `detectable`, `p`, `p_holm`,
/// `outlook`, `published`, `published_value`, `measured`, `synthetic`, `deviations`. Texts are made safe for spreadsheets ([`defused`]).
///
/// # Errors
/// [`Error::Failed`] where the table cannot be built.
pub fn verdicts_table(papers: &[PaperReport<'_>]) -> Result<DataFrame> {
    let rows: Vec<_> = papers.iter().flat_map(|paper| paper.rows().map(move |row| (paper, row))).collect();
    let text = |get: &dyn Fn(&PaperReport<'_>, &crate::report::ClaimRow<'_>) -> String| -> Vec<String> {
        rows.iter().map(|(paper, row)| defused(&get(paper, row))).collect()
    };
    let number = |get: &dyn Fn(&harness_core::evidence::Evidence) -> Option<f64>| -> Vec<Option<f64>> {
        rows.iter().map(|(_, row)| get(&row.evidence)).collect()
    };
    frame(vec![
        Column::new("paper".into(), text(&|paper, _| paper.paper.slug.clone())),
        Column::new("claim".into(), text(&|_, row| row.id.to_owned())),
        Column::new("profile".into(), text(&|paper, _| paper.profile.name().to_owned())),
        Column::new("verdict".into(), text(&|_, row| row.evidence.verdict.name().to_owned())),
        Column::new("effect".into(), number(&|evidence| evidence.effect)),
        Column::new("low".into(), number(&|evidence| evidence.interval.map(|interval| interval.low))),
        Column::new("high".into(), number(&|evidence| evidence.interval.map(|interval| interval.high))),
        Column::new("n".into(), rows.iter().map(|(_, row)| row.evidence.n as u64).collect::<Vec<_>>()),
        Column::new("detectable".into(), number(&|evidence| evidence.detectable)),
        Column::new("p".into(), number(&|evidence| evidence.p_value)),
        Column::new("p_holm".into(), number(&|evidence| evidence.adjusted_p)),
        Column::new("outlook".into(), text(&|_, row| row.evidence.outlook_in_words().unwrap_or_default())),
        Column::new("published".into(), text(&|_, row| row.claim.map_or("", |claim| &claim.published.text).to_owned())),
        Column::new(
            "published_value".into(),
            rows.iter().map(|(_, row)| row.claim.and_then(|claim| claim.published.value)).collect::<Vec<_>>(),
        ),
        Column::new("measured".into(), text(&|_, row| row.evidence.summary.clone())),
        Column::new("synthetic".into(), rows.iter().map(|(paper, _)| paper.synthetic()).collect::<Vec<_>>()),
        Column::new("deviations".into(), text(&|paper, _| paper.deviation_words().join("; "))),
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

/// Writes a table as Parquet; the file is there whole or not at all.
///
/// # Errors
/// [`Error::Environment`] where it cannot be written.
pub fn write_parquet(table: &mut DataFrame, path: &Path) -> Result<()> {
    write_atomic(path, |out| ParquetWriter::new(out).finish(table).map(|_| ()).map_err(into_io))
}

/// Writes a table as CSV; the file is there whole or not at all.
///
/// # Errors
/// [`Error::Environment`] where it cannot be written.
pub fn write_csv(table: &mut DataFrame, path: &Path) -> Result<()> {
    write_atomic(path, |out| CsvWriter::new(out).finish(table).map_err(into_io))
}

/// Reads a table that [`write_parquet`] wrote.
///
/// # Errors
/// [`Error::Environment`] where the file is missing or broken.
pub fn read_parquet(path: &Path) -> Result<DataFrame> {
    let file = File::open(path).map_err(|error| cannot("read", path, &error))?;
    ParquetReader::new(file).finish().map_err(|error| cannot("read", path, &error))
}

/// The columns of [`verdicts_table`] that hold numbers.
const VERDICT_NUMBERS: [&str; 8] = ["effect", "low", "high", "n", "detectable", "p", "p_holm", "published_value"];

/// Reads a `verdicts.csv` of [`verdicts_table`], with numbers as numbers.
///
/// # Errors
/// [`Error::Environment`] where the file is missing or is not such a table.
pub fn read_verdict_table(path: &Path) -> Result<DataFrame> {
    let unreadable = |error: PolarsError| cannot("read", path, &error);
    let mut table = CsvReadOptions::default()
        // A column without any number has no other type to be told by.
        .with_infer_schema_length(Some(0))
        .try_into_reader_with_file_path(Some(path.to_owned()))
        .and_then(|reader| reader.finish())
        .map_err(unreadable)?;
    for name in VERDICT_NUMBERS {
        // Older versions wrote fewer columns.
        if let Ok(column) = table.column(name) {
            let kind = if name == "n" { DataType::UInt64 } else { DataType::Float64 };
            let numbers = column.cast(&kind).map_err(unreadable)?;
            table.with_column(numbers).map_err(unreadable)?;
        }
    }
    Ok(table)
}

/// What a `verdicts.csv` of [`verdicts_table`] says of one paper, in its order; empty where it does not have the paper.
///
/// # Errors
/// [`Error::Environment`] where the file is missing or is not such a table.
pub fn read_verdicts(path: &Path, paper: &str) -> Result<Vec<EarlierVerdict>> {
    let unreadable = |error: PolarsError| cannot("read", path, &error);
    let table = read_verdict_table(path)?;
    let texts = |name: &str| table.column(name).and_then(|column| column.str()).map_err(unreadable);
    let numbers = |name: &str| table.column(name).and_then(|column| column.f64()).map_err(unreadable);
    let (papers, claims, verdicts) = (texts("paper")?, texts("claim")?, texts("verdict")?);
    let (effects, lows, highs) = (numbers("effect")?, numbers("low")?, numbers("high")?);
    let n = table.column("n").and_then(|column| column.u64()).map_err(unreadable)?;
    let of = |row: usize| EarlierVerdict {
        claim: claims.get(row).unwrap_or_default().to_owned(),
        verdict: verdicts.get(row).unwrap_or_default().to_owned(),
        effect: effects.get(row),
        interval: lows.get(row).zip(highs.get(row)),
        n: n.get(row).unwrap_or_default(),
    };
    Ok((0..table.height()).filter(|row| papers.get(*row) == Some(paper)).map(of).collect())
}

fn into_io(error: PolarsError) -> io::Error {
    io::Error::other(error)
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
