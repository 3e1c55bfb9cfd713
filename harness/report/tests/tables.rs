//! Tables of results and verdicts, and their files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use harness_core::Error;
use harness_core::number::Number;
use harness_core::record::Outcome;
use harness_report::tables::{defused, read_parquet, results_table, verdicts_table, write_csv, write_parquet};

#[test]
fn no_trial_is_missing_from_the_table() {
    let records = common::records();
    let table = results_table(&records).unwrap();
    let keys = table.column("key").unwrap().unique().unwrap().len();
    assert_eq!(keys, records.len(), "failed and skipped trials have a row, too");
    let names: Vec<&str> = table.get_column_names().into_iter().map(|name| name.as_str()).collect();
    let expected =
        ["paper", "version", "profile", "arm", "cell", "seed", "outcome", "synthetic", "kind", "name", "value", "key"];
    assert_eq!(names, expected);
    assert_eq!(results_table([]).unwrap().height(), 0);
}

#[test]
fn parquet_keeps_every_value() {
    let mut record = common::record("z_loss", 10, u64::MAX, 0.1, Outcome::Finished);
    record.timings.clear();
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX, 0.1];
    record.metrics = values.iter().enumerate().map(|(k, value)| (format!("m{k}"), Number(*value))).collect();
    let failed = common::record("=arm", 10, 0, 0.1, Outcome::Failed { reason: "out of memory".into() });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.parquet");
    let mut table = results_table([&record, &failed]).unwrap();
    write_parquet(&mut table, &path).unwrap();
    let back = read_parquet(&path).unwrap();
    assert!(back.equals_missing(&table), "{back} is not {table}");
    let read = back.column("value").unwrap().f64().unwrap().clone();
    for (row, value) in values.iter().enumerate() {
        assert_eq!(read.get(row).unwrap().to_bits(), value.to_bits());
    }
    assert_eq!(read.get(values.len()), None, "a failed trial has no value");
    assert_eq!(back.column("seed").unwrap().u64().unwrap().get(0), Some(u64::MAX));
}

#[test]
fn a_broken_file_is_an_error_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.parquet");
    assert!(matches!(read_parquet(&path), Err(Error::Environment(message)) if message.contains("results.parquet")));
    std::fs::write(&path, "PAR1 not really").unwrap();
    assert!(matches!(read_parquet(&path), Err(Error::Environment(_))));
    let missing = dir.path().join("no").join("such").join("folder.csv");
    assert!(matches!(write_csv(&mut results_table([]).unwrap(), &missing), Err(Error::Environment(_))));
}

#[test]
fn every_claim_is_in_the_table_of_verdicts() {
    let (paper, results) = (common::paper(), common::results());
    let table = verdicts_table(&[common::paper_report(&paper, &results)]).unwrap();
    assert_eq!(table.height(), 3, "C1, C2 without a judgement, C9 without a claim");
    let verdicts = table.column("verdict").unwrap().str().unwrap().clone();
    assert_eq!(verdicts.get(1), Some("not_run"));
    assert_eq!(table.column("measured").unwrap().str().unwrap().get(2), Some("'=HYPERLINK(\"x\")"));
    assert_eq!(table.column("published_value").unwrap().f64().unwrap().get(0), Some(0.8));
}

proptest::proptest! {
    #[test]
    fn a_defused_text_is_no_formula(text in "[=+@\t\n\r -]{0,3}.{0,20}") {
        let safe = defused(&text);
        let formula = safe.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && safe.parse::<f64>().is_err();
        proptest::prop_assert!(!formula, "{:?}", safe);
    }

    #[test]
    fn numbers_stay_numbers(value: f64) {
        proptest::prop_assert_eq!(defused(&value.to_string()), value.to_string());
    }
}
