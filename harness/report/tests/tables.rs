//! Tables of results and verdicts, and their files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use harness_core::Error;
use harness_core::number::Number;
use harness_core::record::Outcome;
use harness_report::tables::{
    defused, read_parquet, read_verdict_table, results_table, verdicts_table, write_csv, write_parquet,
};
use polars::prelude::{Column, DataFrame};

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
    let below_a_file = path.join("table.csv");
    assert!(matches!(write_csv(&mut results_table([]).unwrap(), &below_a_file), Err(Error::Environment(_))));
}

#[test]
fn a_table_of_verdicts_with_words_for_numbers_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    let refused = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let error = read_verdict_table(&path).unwrap_err();
        assert!(matches!(error, Error::Environment(_)), "{error:?}");
        assert!(error.to_string().contains("verdicts.csv"), "{error}");
    };
    refused(None);
    refused(Some("paper,effect\nz_loss,large\n"));
    refused(Some("paper,n\nz_loss,-3\n"));
    refused(Some("paper,n\nz_loss\n"));
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
    fn a_table_of_verdicts_comes_back(
        rows in proptest::collection::vec(("[\\PC\n\",]{0,12}", proptest::option::of(proptest::num::f64::ANY), 0_u64..), 0..6)
    ) {
        let column = |name: &str, texts: Vec<String>| Column::new(name.into(), texts);
        let mut table = DataFrame::new_infer_height(vec![
            column("claim", rows.iter().map(|row| row.0.clone()).collect()),
            Column::new("effect".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()),
            Column::new("n".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
        ])
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts.csv");
        write_csv(&mut table, &path).unwrap();
        let back = read_verdict_table(&path).unwrap();
        proptest::prop_assert_eq!(back.height(), rows.len());
        let (claims, effects) = (back.column("claim").unwrap().str().unwrap(), back.column("effect").unwrap().f64().unwrap());
        for (at, (claim, effect, n)) in rows.iter().enumerate() {
            proptest::prop_assert_eq!(claims.get(at).unwrap_or_default(), claim);
            let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
            proptest::prop_assert_eq!(effects.get(at).map(bits), effect.map(bits));
            proptest::prop_assert_eq!(back.column("n").unwrap().u64().unwrap().get(at), Some(*n));
        }
    }

    #[test]
    fn numbers_stay_numbers(value: f64) {
        proptest::prop_assert_eq!(defused(&value.to_string()), value.to_string());
    }
}
