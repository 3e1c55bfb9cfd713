//! Measurements as tables for people.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use harness_core::stats::Interval;

use super::measured::Measured;
use super::outcome::{Outcome, Where};
use super::ratio::Ratio;

/// All measurements of a run, and against an earlier one where there is one.
pub fn show(outcome: &Outcome, before: Option<&Outcome>) -> String {
    let mut out = place(&outcome.place);
    if let Some(before) = before {
        let _ = writeln!(out, "compared with: {}", place(&before.place).trim_end());
    }
    let mut header = vec!["measurement", "median", "95 % interval", "n", "per second", "rate", "peak MiB"];
    if before.is_some() {
        header.extend(["times before", "95 % interval"]);
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for measured in &outcome.measured {
        let mut row = row(measured);
        if let Some(before) = before {
            let same = before.measured.iter().find(|other| other.name == measured.name);
            let ratio = same.map(|same| Ratio::of(measured, same));
            let interval = ratio.and_then(|ratio| ratio.interval).map(|interval| bracket(interval, 1.0, 2));
            row.push(ratio.map_or_else(|| "new".to_owned(), |ratio| format!("{:.2}", ratio.ratio)));
            row.push(interval.unwrap_or_default());
        }
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    out + &table.trim_fmt() + "\n"
}

fn row(measured: &Measured) -> Vec<String> {
    let (unit, factor) = unit(measured.median_s);
    let rate = match (measured.gflops(), measured.megabytes_per_second()) {
        (Some(gflops), _) => format!("{gflops:.1} GFLOP/s"),
        (None, Some(rate)) => format!("{rate:.0} MB/s"),
        (None, None) => String::new(),
    };
    vec![
        measured.name.clone(),
        format!("{:.3} {unit}", measured.median_s * factor),
        measured.interval_s.map(|interval| bracket(interval, factor, 3)).unwrap_or_default(),
        measured.repeats.to_string(),
        format!("{:.4}", Short(measured.per_second())),
        rate,
        measured.peak_mb.map(|peak| format!("{peak:.0}")).unwrap_or_default(),
    ]
}

fn bracket(interval: Interval, factor: f64, digits: usize) -> String {
    format!("[{:.digits$}, {:.digits$}]", interval.low * factor, interval.high * factor)
}

/// The unit in which a time has few digits, and how many of it are in a second.
fn unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        s if s >= 1.0 => ("s", 1.0),
        s if s >= 1e-3 => ("ms", 1e3),
        s if s >= 1e-6 => ("us", 1e6),
        _ => ("ns", 1e9),
    }
}

/// A number with about as many digits as the precision says.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = out.precision().unwrap_or(3) as i32 - 1;
        let before_point = if self.0 > 0.0 { self.0.log10().floor() as i32 } else { 0 };
        write!(out, "{:.*}", (digits - before_point).clamp(0, 6) as usize, self.0)
    }
}

fn place(place: &Where) -> String {
    let load = place.load.map(|load| format!(", load {load:.1}")).unwrap_or_default();
    format!(
        "{}, {} MiB, {} thread{}{load}, harness {}, burn {}\n",
        place.machine,
        place.memory_mb,
        place.threads,
        if place.threads == 1 { "" } else { "s" },
        place.harness,
        place.dependencies.get("burn").map_or("?", String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::outcome::OUTCOME_VERSION;

    fn outcome(scale: f64) -> Outcome {
        let times = |base: f64| (0..20).map(|at| scale * base * (1.0 + 0.001 * f64::from(at))).collect::<Vec<_>>();
        let place = Where {
            machine: "a machine, 2 cores".into(),
            cores: 2,
            memory_mb: 1000,
            load: Some(0.25),
            device: "cpu".into(),
            threads: 1,
            harness: "0.1.0".into(),
            dependencies: [("burn".to_owned(), "0.21.0".to_owned())].into(),
            started_unix: 0,
        };
        let measured = vec![
            Measured { flop: Some(4e8), peak_mb: Some(123.4), ..Measured::new("mlp", "a step", &times(0.004)) },
            Measured { bytes: Some(64e6), ..Measured::new("download", "a file", &times(2.0)) },
            Measured::new("step overhead", "a call", &times(3e-8)),
        ];
        Outcome { version: OUTCOME_VERSION, place, measured }
    }

    #[test]
    fn measurements_are_shown_with_units_and_rates() {
        insta::assert_snapshot!("table", show(&outcome(1.0), None));
    }

    #[test]
    fn a_comparison_shows_ratios_and_what_is_new() {
        let mut before = outcome(2.0);
        before.measured.pop();
        insta::assert_snapshot!("table_compared", show(&outcome(1.0), Some(&before)));
    }
}
