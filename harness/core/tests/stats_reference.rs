//! `harness_core::stats` against scipy, statsmodels and arbitrary-precision integrals.
//!
//! The values lie in `fixtures/stats/reference.json`, and `make.py` beside it says how they were made.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::LazyLock;

use harness_core::stats::{self, Alternative, Interval, StatsError};
use serde_json::Value;

static REFERENCE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("fixtures/stats/reference.json")).expect("reference.json is JSON")
});

fn rows(section: &str) -> &'static [Value] {
    let rows = REFERENCE[section].as_array().unwrap_or_else(|| panic!("no section {section}"));
    assert!(!rows.is_empty(), "section {section} is empty");
    rows
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list")).iter().map(number).collect()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a count")) as usize
}

fn alternative(value: &Value) -> Alternative {
    serde_json::from_value(value.clone()).expect("an alternative")
}

/// Relative to the larger of the two, with an absolute floor for numbers that are zero but for rounding.
#[track_caller]
fn close(name: &str, got: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(got.abs());
    assert!(
        (got - expected).abs() <= tolerance * scale + 1e-15,
        "{name}: got {got}, expected {expected}, relative difference {:e}",
        (got - expected).abs() / scale
    );
}

#[track_caller]
fn close_interval(name: &str, got: Interval, expected: &Value, tolerance: f64) {
    let expected = numbers(expected);
    close(&format!("{name}, low"), got.low, expected[0], tolerance);
    close(&format!("{name}, high"), got.high, expected[1], tolerance);
}

#[track_caller]
fn close_lists(name: &str, got: &[f64], expected: &Value, tolerance: f64) {
    let expected = numbers(expected);
    assert_eq!(got.len(), expected.len(), "{name}");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        close(&format!("{name}[{index}]"), *got, expected, tolerance);
    }
}

#[test]
fn summaries() -> Result<(), StatsError> {
    for row in rows("summaries") {
        let values = numbers(&row["values"]);
        close("mean", stats::mean(&values)?, number(&row["mean"]), 1e-13);
        // The sample around one million leaves numpy's variance about ten digits.
        close("variance", stats::variance(&values)?, number(&row["variance"]), 1e-9);
        close("std_dev", stats::std_dev(&values)?, number(&row["std_dev"]), 1e-9);
        close("median", stats::median(&values)?, number(&row["median"]), 1e-14);
        for pair in row["quantiles"].as_array().expect("a list") {
            let quantile = stats::quantile(&values, number(&pair[0]))?;
            close("quantile", quantile, number(&pair[1]), 1e-13);
        }
        let interquartile_mean = stats::interquartile_mean(&values)?;
        close("iqm", interquartile_mean, number(&row["interquartile_mean"]), 1e-13);
        close_lists("ranks", &stats::ranks(&values)?, &row["ranks"], 0.0);
        match row.get("geometric_mean") {
            Some(expected) => {
                close("geometric mean", stats::geometric_mean(&values)?, number(expected), 1e-13);
            }
            None => assert!(matches!(stats::geometric_mean(&values), Err(StatsError::NotPositive { .. }))),
        }
    }
    Ok(())
}

#[test]
fn critical_values() -> Result<(), StatsError> {
    for row in rows("critical") {
        // n − 1 zeros and one n: mean 1, sd √n, so the standard error is 1 and the half width is t itself.
        let n = count(&row["n"]);
        let mut values = vec![0.0; n];
        values[0] = n as f64;
        let interval = stats::t_interval(&values, number(&row["level"]))?;
        close(&row.to_string(), 0.5 * interval.width(), number(&row["t"]), 1e-9);
    }
    Ok(())
}

#[test]
fn one_sample_and_paired_t() -> Result<(), StatsError> {
    for row in rows("one_sample") {
        let values = numbers(&row["values"]);
        let null = number(&row["null"]);
        let alternative = alternative(&row["alternative"]);
        let test = stats::one_sample_t(&values, null, 0.95, alternative)?;
        let name = row.to_string();
        close(&name, test.t, number(&row["t"]), 1e-9);
        close(&name, test.df, number(&row["df"]), 0.0);
        close(&name, test.p_value, number(&row["p_value"]), 1e-8);
        close_interval(&name, test.interval, &row["interval95"], 1e-9);
        let wider = stats::one_sample_t(&values, null, 0.99, alternative)?;
        close_interval(&name, wider.interval, &row["interval99"], 1e-9);
        if null == 0.0 {
            assert_eq!(stats::paired_t(&values, 0.95, alternative)?, test);
        }
    }
    Ok(())
}

#[test]
fn welch() -> Result<(), StatsError> {
    for row in rows("welch") {
        let (first, second) = (numbers(&row["first"]), numbers(&row["second"]));
        let test = stats::welch_t(&first, &second, 0.95, alternative(&row["alternative"]))?;
        let name = row.to_string();
        close(&name, test.t, number(&row["t"]), 1e-11);
        close(&name, test.df, number(&row["df"]), 1e-11);
        close(&name, test.p_value, number(&row["p_value"]), 1e-10);
        close_interval(&name, test.interval, &row["interval95"], 1e-10);
    }
    Ok(())
}

#[test]
fn equivalence() -> Result<(), StatsError> {
    let mut verdicts = [0, 0];
    for row in rows("equivalence") {
        let margin = number(&row["margin"]);
        let test = stats::tost(&numbers(&row["differences"]), margin, 0.05)?;
        let name = row.to_string();
        close(&name, test.p_lower, number(&row["p_lower"]), 1e-10);
        close(&name, test.p_upper, number(&row["p_upper"]), 1e-10);
        close(&name, test.p_value, number(&row["p_value"]), 1e-10);
        close_interval(&name, test.interval, &row["interval90"], 1e-10);
        let inside = -margin < test.interval.low && test.interval.high < margin;
        assert_eq!(test.equivalent, inside, "{name}");
        verdicts[usize::from(test.equivalent)] += 1;
    }
    assert!(verdicts.iter().all(|&seen| seen > 0), "both outcomes must occur: {verdicts:?}");
    Ok(())
}

#[test]
fn power() -> Result<(), StatsError> {
    for row in rows("power") {
        let power =
            stats::power_paired_t(number(&row["effect"]), number(&row["sd"]), count(&row["n"]), number(&row["alpha"]))?;
        close(&row.to_string(), power, number(&row["power"]), 1e-10);
    }
    Ok(())
}

#[test]
fn detectable_effect() -> Result<(), StatsError> {
    for row in rows("detectable") {
        let effect = stats::detectable_effect(
            number(&row["sd"]),
            count(&row["n"]),
            number(&row["alpha"]),
            number(&row["power"]),
        )?;
        // As far as the search of statsmodels goes.
        close(&row.to_string(), effect, number(&row["effect"]), 1e-5);
    }
    Ok(())
}

#[test]
fn seeds_needed() -> Result<(), StatsError> {
    for row in rows("seeds") {
        let (effect, sd) = (number(&row["effect"]), number(&row["sd"]));
        let (alpha, power) = (number(&row["alpha"]), number(&row["power"]));
        let expected = count(&row["n"]);
        let needed = |max| stats::seeds_needed(effect, sd, alpha, power, max);
        assert_eq!(needed(1000)?, Some(expected), "{row}");
        assert_eq!(needed(expected)?, Some(expected), "{row}");
        assert_eq!(needed(expected - 1)?, None, "{row}");
    }
    Ok(())
}

#[test]
fn ratios() -> Result<(), StatsError> {
    for row in rows("ratios") {
        let (above, below) = (numbers(&row["numerator"]), numbers(&row["denominator"]));
        let estimate = stats::ratio_interval(&above, &below, 0.95)?;
        close("ratio", estimate.ratio, number(&row["ratio"]), 1e-12);
        close_interval("ratio interval", estimate.interval, &row["interval95"], 1e-11);
    }
    Ok(())
}

#[test]
fn sign_and_signed_rank() -> Result<(), StatsError> {
    let mut methods = [0, 0];
    for row in rows("rank_tests") {
        let differences = numbers(&row["differences"]);
        let alternative = alternative(&row["alternative"]);
        let name = row.to_string();

        let sign = stats::sign_test(&differences, alternative)?;
        assert_eq!(sign.positive, count(&row["positive"]), "{name}");
        assert_eq!(sign.zeros, count(&row["zeros"]), "{name}");
        assert_eq!(sign.positive + sign.negative + sign.zeros, differences.len(), "{name}");
        close(&name, sign.p_value, number(&row["sign_p_value"]), 1e-12);

        let rank = stats::wilcoxon_signed_rank(&differences, alternative)?;
        assert_eq!(rank.zeros, count(&row["zeros"]), "{name}");
        assert_eq!(rank.exact, row["exact"].as_bool().expect("a flag"), "{name}");
        assert_eq!(rank.w_plus, number(&row["w_plus"]), "{name}");
        close(&name, rank.p_value, number(&row["wilcoxon_p_value"]), 1e-11);
        methods[usize::from(rank.exact)] += 1;
    }
    assert!(methods.iter().all(|&seen| seen > 0), "both methods must occur: {methods:?}");
    Ok(())
}

#[test]
fn correlation_and_regression() -> Result<(), StatsError> {
    for row in rows("correlations") {
        let (x, y) = (numbers(&row["x"]), numbers(&row["y"]));
        close("pearson", stats::pearson(&x, &y)?, number(&row["pearson"]), 1e-12);
        close("spearman", stats::spearman(&x, &y)?, number(&row["spearman"]), 1e-12);
        close("kendall", stats::kendall_tau_b(&x, &y)?, number(&row["kendall_tau_b"]), 1e-12);

        let fit = stats::linear_fit(&x, &y, 0.95)?;
        close("slope", fit.slope, number(&row["slope"]), 1e-11);
        close("intercept", fit.intercept, number(&row["intercept"]), 1e-11);
        close("r2", fit.r2, number(&row["r2"]), 1e-11);
        close("slope_se", fit.slope_se, number(&row["slope_se"]), 1e-10);
        close_interval("slope interval", fit.slope_interval, &row["slope_interval95"], 1e-10);

        match row.get("log_log") {
            Some(expected) => {
                let fit = stats::log_log_slope(&x, &y, 0.95)?;
                close("exponent", fit.slope, number(&expected["slope"]), 1e-11);
                close("log factor", fit.intercept, number(&expected["intercept"]), 1e-11);
                close("exponent se", fit.slope_se, number(&expected["slope_se"]), 1e-10);
            }
            None => assert!(matches!(stats::log_log_slope(&x, &y, 0.95), Err(StatsError::NotPositive { .. }))),
        }
    }
    Ok(())
}

#[test]
fn multiple_tests() -> Result<(), StatsError> {
    for row in rows("multiple") {
        let p_values = numbers(&row["p_values"]);
        close_lists("holm", &stats::holm(&p_values)?, &row["holm"], 1e-14);
        let adjusted = stats::benjamini_hochberg(&p_values)?;
        close_lists("benjamini_hochberg", &adjusted, &row["benjamini_hochberg"], 1e-14);
    }
    Ok(())
}

#[test]
fn orders_over_seeds() -> Result<(), StatsError> {
    for row in rows("orders") {
        let seeds: Vec<(Vec<f64>, Vec<f64>)> = row["seeds"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|seed| {
                let y = numbers(seed);
                ((0..y.len()).map(|x| x as f64).collect(), y)
            })
            .collect();
        let p_value = |kind| stats::rank_correlations_p(&seeds, kind);
        close(&row.to_string(), p_value(stats::RankCorrelation::Spearman)?, number(&row["spearman"]), 1e-9);
        close(&row.to_string(), p_value(stats::RankCorrelation::Kendall)?, number(&row["kendall"]), 1e-9);
    }
    Ok(())
}

#[test]
fn equivalence_power() -> Result<(), StatsError> {
    for row in rows("equivalence_power") {
        let [effect, sd, margin, alpha] = ["effect", "sd", "margin", "alpha"].map(|name| number(&row[name]));
        let power = stats::tost_power(effect, sd, margin, count(&row["n"]), alpha)?;
        close(&row.to_string(), power, number(&row["power"]), 1e-7);
    }
    Ok(())
}
